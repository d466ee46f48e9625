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
    ITEM_CHAIN,        /* pieces: the items of a chain stand here, where they are */
    ITEM_KINDS_COUNT
};

struct item {
    enum item_kind kind;
    uint32_t db_number;
    uint32_t n;
    enum value_type type;
    int64_t expire_ms; /* 0: never */
    uint64_t disk_id;
    struct slice key, bytes;          /* borrowed */
    const struct items_piece *pieces; /* borrowed; see items_chain */
};

/* Appends an item. The buffer's limit is a bug when it is met. */
void item_write(struct buf *out, const struct item *item);
/* Appends an item but for its bytes, which the caller appends to out; item_end finishes it. Returns what item_end wants. */
size_t item_begin(struct buf *out, const struct item *item);
void item_end(struct buf *out, size_t begun_at);
/* Takes the first item off *rest. False at the end. Our own bytes: a wrong one is a CHECK. */
bool item_read(struct slice *rest, struct item *out);

/*
 * Items in pieces: a sequence that grows, is joined to another and is given away without a byte being moved. An ITEM_CHAIN
 * gives it by its first piece; until the checkpoint is over its owner neither adds to it nor frees it. All zero is empty.
 */
struct items_piece {
    struct items_piece *next; /* owned by the chain */
    struct buf items;
};
struct items_chain {
    struct items_piece *first, *last; /* owned */
    size_t full_bytes;                /* of all pieces but the last */
};
/* A piece with about so many bytes is full. */
#define ITEMS_PIECE_BYTES ((size_t)128 << 10)

void items_chain_deinit(struct items_chain *c);
/* Frees pieces for about *steps steps, counted down; true: the chain is empty. */
bool items_chain_drain(struct items_chain *c, size_t *steps);
/* A new last piece, empty. */
struct buf *items_chain_add(struct items_chain *c);
/* The last piece, or a new one when that is full: for whole items. */
struct buf *items_chain_room(struct items_chain *c);
/* Moves the pieces of `tail` behind those of c. */
void items_chain_join(struct items_chain *c, struct items_chain *tail);
struct items_chain items_chain_take(struct items_chain *c);
static inline bool items_chain_is_empty(const struct items_chain *c)
{
    return !c->first;
}
static inline size_t items_chain_bytes(const struct items_chain *c)
{
    return c->last ? c->full_bytes + c->last->items.len : 0;
}

#endif
