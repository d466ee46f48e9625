/* SPDX-License-Identifier: MIT */
/*
 * Large values: what has to be written of one is made as it comes about, and kept as a chain of items for the next checkpoint:
 *
 *   [base]  delta  delta ...
 *
 *   base   the value as it was when it became large: all of its elements
 *   delta  effects after the base, or after what was given last, each encoded for itself; a new one where a piece is full
 *
 * So giving a large value moves a pointer, whatever its size: the chain becomes a gift, which the checkpoint's thread reads, and the
 * value begins an empty one. A gift is kept until the checkpoint is over. Should that fail, it returns to the start of its value's chain.
 *
 * A value whose elements come and go, as a stream of events that is trimmed, has more effects than elements. When the deltas have outgrown it
 * and it is short enough to be encoded in one go, it is *due*: they are dropped, it gets no new ones, and is encoded when it is given.
 *
 * What is done in one go: the base of a value that grew one by one (TRACKER_LARGE_COUNT elements), that of one that is due (DUE_MAX_COUNT,
 * DUE_MAX_BYTES), and that of a copy, which was copied in one go just before.
 */
#include "base/mem.h"
#include "keyspace/tracker_state.h"
#include "keyspace/value_codec.h"

/* A chain may grow to this in any case, ... */
#define CHAIN_MIN_BYTES ((size_t)64 << 10)
/* ... and then to so many times the value, ... */
#define CHAIN_FACTOR 2
/* ... and beyond that when the value has more: to encode it would take longer than a millisecond. What then limits the chain is that a
 * checkpoint comes when the journal has grown, in which all of this is too. */
#define DUE_MAX_COUNT ((size_t)16 << 10)
#define DUE_MAX_BYTES ((size_t)1 << 20)
#define VALUE_SAMPLES 16
/* The bytes of a value that is due are looked at once in so many effects. */
#define DUE_LOOK_EVERY 64

struct tracker_large {
    struct map_node node;
    const struct entry *entry; /* the key */
    uint64_t disk_id;
    uint32_t db_number;
    bool has_rows;
    struct items_chain chain;
    size_t delta_at;           /* the last piece is a delta, whose effects start there; 0: it is not */
    size_t chain_limit;        /* look then whether it has outgrown the value */
    bool is_due;               /* the chain is empty, and the value will be given whole */
    uint8_t looks_in;          /* is_due: effects until its bytes are looked at */
    struct tracker_gift *gift; /* link: to the checkpoint under way */
};

static struct slice key_of_node(const struct map_node *node)
{
    const struct tracker_large *l = MAP_OWNER(node, const struct tracker_large, node);
    return slice_of(&l->entry, sizeof(l->entry));
}

/* Addresses are nobody's to choose: a multiplication spreads them (2^64 / golden ratio). */
static uint32_t hash_of(const struct entry *e)
{
    return (uint32_t)((uint64_t)(uintptr_t)e * 0x9e3779b97f4a7c15u >> 32);
}

static struct tracker_large *find(struct tracker *t, const struct entry *e)
{
    struct map_node *node = map_find_hashed(&t->larges, slice_of(&e, sizeof(e)), hash_of(e));
    CHECK(node != NULL);
    return MAP_OWNER(node, struct tracker_large, node);
}

static void free_node(void *ctx, struct map_node *node)
{
    (void)ctx;
    struct tracker_large *l = MAP_OWNER(node, struct tracker_large, node);
    items_chain_deinit(&l->chain);
    mem_free(l);
}

void tracker_large_init(struct tracker *t)
{
    t->larges = (struct map){.key_of = key_of_node};
    effect_writer_init(&t->writer, NULL);
}

static struct tracker_gift *take_gift(struct tracker *t)
{
    struct tracker_gift *gift = t->gifts;
    t->gifts = gift->next;
    if (gift->large) gift->large->gift = NULL;
    return gift;
}

void tracker_large_deinit(struct tracker *t)
{
    while (t->gifts) {
        struct tracker_gift *gift = take_gift(t);
        items_chain_deinit(&gift->items);
        mem_free(gift);
    }
    map_deinit(&t->larges, free_node, NULL);
    effect_writer_deinit(&t->writer);
}

static struct tracker_large *make(struct tracker *t, struct entry *e, uint64_t disk_id)
{
    struct tracker_large *l = mem_alloc_zero(sizeof(*l));
    l->entry = e;
    l->disk_id = disk_id;
    l->db_number = tracker_number_of(t, e);
    l->chain_limit = CHAIN_MIN_BYTES;
    map_insert_hashed(&t->larges, &l->node, hash_of(l->entry));
    e->mark.is_large = 1;
    return l;
}

void tracker_large_adopt(struct tracker *t, struct entry *e, uint64_t disk_id)
{
    make(t, e, disk_id)->has_rows = true;
}

/* ---- the chain ---- */

static struct item item_of(const struct tracker_large *l, enum item_kind kind)
{
    return (struct item){.kind = kind, .disk_id = l->disk_id, .type = (enum value_type)l->entry->value.type};
}

static void end_delta(struct tracker_large *l)
{
    if (l->delta_at) item_end(&l->chain.last->items, l->delta_at);
    l->delta_at = 0;
}

/* Nothing that was to be written of the value, or was given of it, is wanted any more. */
static void drop_chain(struct tracker *t, struct tracker_large *l)
{
    graveyard_give_items(&t->ks->graveyard, &l->chain);
    l->delta_at = 0;
    if (l->gift) l->gift->large = NULL;
    l->gift = NULL;
}

/* The chain is empty: it begins with the value as it is. */
static void begin_chain(struct tracker_large *l)
{
    struct item base = item_of(l, ITEM_LARGE_BASE);
    struct buf *out = items_chain_add(&l->chain);
    size_t begun_at = item_begin(out, &base);
    mem_must(value_encode(&l->entry->value, out));
    item_end(out, begun_at);
    l->chain_limit = out->len + CHAIN_MIN_BYTES;
    l->is_due = false;
}

void tracker_enlarge(struct tracker *t, struct entry *e)
{
    begin_chain(make(t, e, t->next_number++));
}

static bool is_short(const struct value *v, size_t bytes)
{
    return value_count(v) <= DUE_MAX_COUNT && bytes <= DUE_MAX_BYTES;
}

/* The chain is long. True: the value, in which the last effect is done, has taken its place. */
static bool weigh_chain(struct tracker *t, struct tracker_large *l)
{
    const struct value *v = &l->entry->value;
    size_t bytes = value_bytes(v, VALUE_SAMPLES), len = items_chain_bytes(&l->chain);
    l->is_due = len > bytes * CHAIN_FACTOR && is_short(v, bytes);
    if (l->is_due)
        drop_chain(t, l);
    else
        l->chain_limit = (len > bytes ? len : bytes) * CHAIN_FACTOR;
    l->looks_in = DUE_LOOK_EVERY;
    return l->is_due;
}

/* An effect on a value that is due is done. One that grows too long to be encoded when it is given is encoded now. */
static void watch(struct tracker_large *l)
{
    const struct value *v = &l->entry->value;
    bool must_look = l->looks_in-- == 0;
    if (must_look) l->looks_in = DUE_LOOK_EVERY;
    if (!is_short(v, must_look ? value_bytes(v, VALUE_SAMPLES) : 0)) begin_chain(l);
}

/* The journal writes the same fields next: it is given the bytes. */
static void add_effect(struct tracker *t, struct tracker_large *l, struct effect *effect)
{
    struct effect bare = *effect;
    struct item delta = item_of(l, ITEM_LARGE_DELTA);
    bare.key = slice_of(NULL, 0);
    bare.db = 0;
    if (!l->delta_at || l->chain.last->items.len >= ITEMS_PIECE_BYTES) {
        end_delta(l);
        l->delta_at = item_begin(items_chain_add(&l->chain), &delta);
    }
    t->writer.out = &l->chain.last->items;
    effect_writer_start(&t->writer);
    mem_must(effect_write(&t->writer, &bare));
    effect->body = t->writer.body;
}

void tracker_note(struct tracker *t, struct entry *e, struct effect *effect)
{
    if (!e->mark.is_large) {
        if (value_count(&e->value) > TRACKER_LARGE_COUNT) tracker_enlarge(t, e);
    } else if (value_count(&e->value) <= TRACKER_LARGE_COUNT / 2) {
        tracker_large_drop(t, e);
    } else if (effect->kind != EFFECT_KEY_EXPIRE) {
        struct tracker_large *l = find(t, e);
        /* Members of a sorted set that go together are told of before they go: the value is not yet without them. */
        bool is_done = effect->kind != EFFECT_ZSET_REMOVE;
        if (items_chain_bytes(&l->chain) > l->chain_limit && is_done && weigh_chain(t, l)) return;
        if (!l->is_due)
            add_effect(t, l, effect);
        else if (is_done)
            watch(l);
    }
}

/* ---- giving ---- */

size_t tracker_large_give(struct tracker *t, struct entry *e, struct item *item)
{
    struct tracker_large *l = find(t, e);
    size_t encoded_bytes = 0;
    if (l->is_due) {
        begin_chain(l);
        encoded_bytes = items_chain_bytes(&l->chain);
    }
    if (!items_chain_is_empty(&l->chain)) {
        end_delta(l);
        struct tracker_gift *gift = mem_alloc(sizeof(*gift));
        *gift = (struct tracker_gift){t->gifts, l, items_chain_take(&l->chain)};
        t->gifts = l->gift = gift;
        item_write(t->out, &(struct item){.kind = ITEM_CHAIN, .pieces = gift->items.first});
    }
    item->kind = ITEM_KEY_LARGE;
    item->disk_id = l->disk_id;
    item_write(t->out, item);
    l->chain_limit = CHAIN_MIN_BYTES;
    l->has_rows = true;
    return encoded_bytes;
}

void tracker_large_end_gifts(struct tracker *t, bool is_committed, size_t *limit)
{
    for (; t->gifts && *limit > 0; --*limit) {
        struct tracker_gift *gift = take_gift(t);
        struct tracker_large *l = is_committed ? NULL : gift->large;
        if (l) {
            items_chain_join(&gift->items, &l->chain);
            l->chain = items_chain_take(&gift->items);
        }
        graveyard_give_items(&t->ks->graveyard, &gift->items);
        mem_free(gift);
    }
}

void tracker_large_drop(struct tracker *t, struct entry *e)
{
    struct tracker_large *l = find(t, e);
    if (l->has_rows) tracker_delete(t, &(struct item){.kind = ITEM_LARGE_DELETE, .disk_id = l->disk_id});
    if (l->gift) l->gift->large = NULL;
    graveyard_give_items(&t->ks->graveyard, &l->chain);
    map_unlink(&t->larges, &l->node);
    free_node(NULL, &l->node);
    e->mark.is_large = 0;
}

void tracker_large_flush(struct tracker *t, uint32_t db_number)
{
    struct map_iter it;
    map_iter_begin(&it, &t->larges);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct tracker_large *l = MAP_OWNER(node, struct tracker_large, node);
        if (l->db_number != db_number || !l->has_rows) continue;
        tracker_delete(t, &(struct item){.kind = ITEM_LARGE_DELETE, .disk_id = l->disk_id});
        l->has_rows = false;
    }
    map_iter_end(&it);
}

void tracker_expect(struct tracker *t, struct entry *e)
{
    if (!e->mark.is_large) {
        tracker_enlarge(t, e);
        return;
    }
    struct tracker_large *l = find(t, e);
    if (l->is_due) begin_chain(l);
}

void tracker_moved(struct tracker *t, struct entry *from, struct entry *to)
{
    struct tracker_large *l = find(t, from);
    map_unlink(&t->larges, &l->node);
    l->entry = to;
    l->db_number = tracker_number_of(t, to);
    map_insert_hashed(&t->larges, &l->node, hash_of(l->entry));
    from->mark.is_large = 0;
    to->mark.is_large = 1;
}

void tracker_large_check(struct tracker *t, struct entry *e)
{
    const struct tracker_large *l = find(t, e);
    CHECK(l->entry == e);
    CHECK(l->has_rows || l->chain.first || l->is_due);
    CHECK(!l->is_due || (!l->chain.first && !l->gift));
    CHECK(!l->delta_at || l->chain.last->items.len >= l->delta_at);
    CHECK(!l->gift || l->gift->large == l);
}
