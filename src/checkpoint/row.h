/* SPDX-License-Identifier: MIT */
/*
 * Rows of a checkpoint, as LMDB keeps them: a key and bytes. docs/FORMAT.md draws them.
 *
 * LMDB's keys end at 511 bytes. A name (a key of a database, an element) that would pass 510 is cut there and its hash put behind it, which makes
 * just 511; the row's bytes then hold the whole name.
 */
#ifndef CHECKPOINT_ROW_H
#define CHECKPOINT_ROW_H

#include "base/buf.h"
#include "keyspace/value.h"

#define ROW_KEY_MAX 511u

struct row_key {
    size_t len;
    bool is_cut; /* the name did not fit */
    char at[ROW_KEY_MAX];
};

static inline struct slice row_key_borrow(const struct row_key *k)
{
    return slice_of(k->at, k->len);
}

/* What a row under a large value's number is. */
enum row_part {
    ROW_HEAD,   /* one: how many elements there are; a stream's ids and groups */
    ROW_ELEMENT /* a field, a member, an entry, a chunk of a list */
};

/* In `keys`: db_number, 4 bytes, high byte first; key. */
void row_key_of_key(struct row_key *out, uint32_t db_number, struct slice key);
/* In `parts`: disk_id, 8 bytes, high byte first; part, 1 byte; name. */
void row_key_of_part(struct row_key *out, uint64_t disk_id, enum row_part part, struct slice name);
/* A number in 8 bytes that sort as numbers do. */
void row_put_u64(char dst[8], uint64_t n);
uint64_t row_get_u64(const char src[8]);
uint32_t row_get_u32(const char src[4]);

#define ROW_DB_BYTES 4u
#define ROW_ID_BYTES 8u
#define ROW_PART_BYTES (ROW_ID_BYTES + 1u)

struct row {
    enum value_type type;
    bool is_large;       /* the body is a number on disk */
    bool has_whole_name; /* because the key was cut */
    uint64_t seq;        /* of the checkpoint that wrote it */
    int64_t expire_ms;   /* 0: never */
    struct slice whole_name;
    struct slice body;
    uint32_t body_crc;
};

/* Appends the row's bytes; body_crc is computed. The buffer's limit is a bug when it is met. */
void row_write(struct buf *out, struct slice key, const struct row *row);
/* False: it is damaged (all but the body is checked) or not a row. Slices borrow from bytes. */
bool row_read(struct slice key, struct slice bytes, struct row *out);
/* Is the body as it was written? */
bool row_is_body_whole(const struct row *row);

#endif
