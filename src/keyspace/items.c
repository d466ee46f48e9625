/* SPDX-License-Identifier: MIT */
/*
 * An item is its kind and the fields that the kind has, in the order of struct item: numbers as varints (expire_ms folded),
 * the key as its length and bytes, `bytes` last, with a length of eight bytes that is written when they are there; pieces as
 * their address. The bytes never leave the process.
 */
#include "keyspace/items.h"

#include "base/mem.h"
#include "base/varint.h"

/* Items are our own: what limits them is memory. */
#define PIECE_LIMIT_BYTES (SIZE_MAX / 4)
/* What freeing a piece costs (3 to 7 us), in steps of freeing something small. */
#define PIECE_STEPS 64

enum item_field {
    HAS_DB_NUMBER = 1,
    HAS_N = 2,
    HAS_TYPE = 4,
    HAS_EXPIRY = 8,
    HAS_DISK_ID = 16,
    HAS_KEY = 32,
    HAS_BYTES = 64,
    HAS_PIECES = 128,
};

static const uint8_t fields[ITEM_KINDS_COUNT] = {
    [ITEM_KEY_PUT] = HAS_DB_NUMBER | HAS_TYPE | HAS_EXPIRY | HAS_KEY | HAS_BYTES,
    [ITEM_KEY_LARGE] = HAS_DB_NUMBER | HAS_TYPE | HAS_EXPIRY | HAS_DISK_ID | HAS_KEY,
    [ITEM_KEY_DELETE] = HAS_DB_NUMBER | HAS_KEY,
    [ITEM_LARGE_BASE] = HAS_TYPE | HAS_DISK_ID | HAS_BYTES,
    [ITEM_LARGE_DELTA] = HAS_TYPE | HAS_DISK_ID | HAS_BYTES,
    [ITEM_LARGE_DELETE] = HAS_DISK_ID,
    [ITEM_DB_DELETE] = HAS_DB_NUMBER,
    [ITEM_DB_NUMBER] = HAS_DB_NUMBER | HAS_N,
    [ITEM_NEXT_NUMBER] = HAS_DISK_ID,
    [ITEM_CHAIN] = HAS_PIECES,
};

#define NUMBERS_MAX 6 /* varints of an item: its numbers and the key's length */
#define LENGTH_BYTES sizeof(uint64_t)

size_t item_begin(struct buf *out, const struct item *item)
{
    unsigned has = fields[item->kind];
    mem_must(buf_reserve(out, 1 + NUMBERS_MAX * VARINT_MAX_BYTES + item->key.len + LENGTH_BYTES));
    char *at = out->at + out->len;
    *at++ = (char)item->kind;
    if (has & HAS_DB_NUMBER) at += varint_put(at, item->db_number);
    if (has & HAS_N) at += varint_put(at, item->n);
    if (has & HAS_TYPE) at += varint_put(at, item->type);
    if (has & HAS_EXPIRY) at += varint_put(at, varint_fold(item->expire_ms));
    if (has & HAS_DISK_ID) at += varint_put(at, item->disk_id);
    if (has & HAS_KEY) {
        at += varint_put(at, item->key.len);
        if (item->key.len) memcpy(at, item->key.at, item->key.len);
        at += item->key.len;
    }
    if (has & HAS_BYTES) at += LENGTH_BYTES;
    if (has & HAS_PIECES) {
        memcpy(at, &item->pieces, sizeof(item->pieces));
        at += sizeof(item->pieces);
    }
    out->len = (size_t)(at - out->at);
    return out->len;
}

void item_end(struct buf *out, size_t begun_at)
{
    uint64_t len = out->len - begun_at;
    memcpy(out->at + begun_at - LENGTH_BYTES, &len, LENGTH_BYTES);
}

void item_write(struct buf *out, const struct item *item)
{
    size_t begun_at = item_begin(out, item);
    if (!(fields[item->kind] & HAS_BYTES)) return;
    mem_must(buf_append(out, item->bytes));
    item_end(out, begun_at);
}

static uint64_t take_number(struct slice *rest)
{
    uint64_t n = 0;
    CHECK(varint_take(rest, &n));
    return n;
}

static struct slice take_bytes(struct slice *rest, uint64_t len)
{
    CHECK(len <= rest->len);
    struct slice bytes = slice_of(rest->at, (size_t)len);
    *rest = slice_from(*rest, (size_t)len);
    return bytes;
}

bool item_read(struct slice *rest, struct item *out)
{
    if (rest->len == 0) return false;
    uint8_t kind = (uint8_t)*take_bytes(rest, 1).at;
    CHECK(kind < ITEM_KINDS_COUNT);
    unsigned has = fields[kind];
    *out = (struct item){.kind = (enum item_kind)kind};
    if (has & HAS_DB_NUMBER) out->db_number = (uint32_t)take_number(rest);
    if (has & HAS_N) out->n = (uint32_t)take_number(rest);
    if (has & HAS_TYPE) out->type = (enum value_type)take_number(rest);
    if (has & HAS_EXPIRY) out->expire_ms = varint_unfold(take_number(rest));
    if (has & HAS_DISK_ID) out->disk_id = take_number(rest);
    if (has & HAS_KEY) out->key = take_bytes(rest, take_number(rest));
    if (has & HAS_BYTES) {
        uint64_t len;
        memcpy(&len, take_bytes(rest, LENGTH_BYTES).at, LENGTH_BYTES);
        out->bytes = take_bytes(rest, len);
    }
    if (has & HAS_PIECES) memcpy(&out->pieces, take_bytes(rest, sizeof(out->pieces)).at, sizeof(out->pieces));
    return true;
}

/* ---- chains ---- */

bool items_chain_drain(struct items_chain *c, size_t *steps)
{
    while (c->first && *steps > 0) {
        struct items_piece *next = c->first->next;
        buf_deinit(&c->first->items);
        mem_free(c->first);
        c->first = next;
        *steps -= *steps < PIECE_STEPS ? *steps : PIECE_STEPS;
    }
    if (c->first) return false;
    *c = (struct items_chain){0};
    return true;
}

void items_chain_deinit(struct items_chain *c)
{
    size_t steps = SIZE_MAX;
    (void)items_chain_drain(c, &steps);
}

struct buf *items_chain_add(struct items_chain *c)
{
    struct items_piece *p = mem_alloc(sizeof(*p));
    *p = (struct items_piece){.items = {.limit_bytes = PIECE_LIMIT_BYTES}};
    c->full_bytes = items_chain_bytes(c);
    if (c->last)
        c->last->next = p;
    else
        c->first = p;
    c->last = p;
    return &p->items;
}

struct buf *items_chain_room(struct items_chain *c)
{
    return c->last && c->last->items.len < ITEMS_PIECE_BYTES ? &c->last->items : items_chain_add(c);
}

void items_chain_join(struct items_chain *c, struct items_chain *tail)
{
    if (!tail->first) return;
    tail->full_bytes += items_chain_bytes(c);
    if (c->last) {
        c->last->next = tail->first;
        tail->first = c->first;
    }
    *c = items_chain_take(tail);
}

struct items_chain items_chain_take(struct items_chain *c)
{
    struct items_chain taken = *c;
    *c = (struct items_chain){0};
    return taken;
}
