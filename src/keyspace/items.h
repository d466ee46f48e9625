/* SPDX-License-Identifier: MIT */
/*
 * What the engine gives to a checkpoint, as bytes: a sequence of items in one buffer, written by the tracker on the engine's
 * thread and read by the checkpoint's. All items of a cut together turn the rows of the checkpoint before into the new ones;
 * deletions of a key come before a put of the same key. A deletion may name what was never written.
 */
#ifndef KEYSPACE_ITEMS_H
#define KEYSPACE_ITEMS_H

#include "base/buf.h"
#include "keyspace/value.h"

enum item_kind {
    ITEM_KEY_PUT,     /* db_number key type expire_ms bytes=value_encode: a small value's row */
    ITEM_KEY_LARGE,   /* db_number key type expire_ms disk_id: the row of a key whose elements are under disk_id */
    ITEM_KEY_DELETE,  /* db_number key: its row, which need not be there; never the rows of a large value */
    ITEM_LARGE_BASE,  /* disk_id type bytes=value_encode: the rows under disk_id are dropped and made from this */
    ITEM_LARGE_DELTA, /* disk_id type bytes=effects (effect_codec, with empty keys) to do again on the rows, in order */
    ITEM_LARGE_DELETE, /* disk_id: the rows under it, which need not be there, are dropped */
    ITEM_DB_DELETE,    /* db_number: all rows of keys of this number, and of large values they name */
    ITEM_DB_NUMBER,    /* n=database db_number: its number on disk now */
    ITEM_NEXT_NUMBER,  /* disk_id: the next free number */
    ITEM_KINDS_COUNT
};

struct item {
    enum item_kind kind;
    uint32_t db_number;
    uint32_t n;
    enum value_type type;
    int64_t expire_ms; /* 0: never */
    uint64_t disk_id;
    struct slice key, bytes; /* borrowed */
};

/* Appends an item. The buffer's limit is a bug when it is met. */
void item_write(struct buf *out, const struct item *item);
/* Appends an item but for its bytes, which the caller appends to out; item_end finishes it. Returns what item_end wants. */
size_t item_begin(struct buf *out, const struct item *item);
void item_end(struct buf *out, size_t begun_at);
/* Takes the first item off *rest. False at the end. Our own bytes: a wrong one is a CHECK. */
bool item_read(struct slice *rest, struct item *out);

#endif
