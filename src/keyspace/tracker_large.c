/* SPDX-License-Identifier: MIT */
/*
 * Large values: what is given of them is a base, which is all elements, and the effects since.
 *
 *   base   encoded when a value grows past TRACKER_LARGE_COUNT, then it is still short; or when the value is given and needs one
 *   delta  the effects after the base, or after what was given last; given with it, then empty
 *
 * A value needs a base, and its effects are not noted, when it became large in one step, when the checkpoint that it was given to
 * failed, and when the delta has outgrown it.
 */
#include "base/mem.h"
#include "keyspace/tracker_state.h"
#include "keyspace/value_codec.h"

/* A delta may grow to this in any case, ... */
#define DELTA_MIN_BYTES ((size_t)64 << 10)
/* ... and then to so many times the value. To encode a huge value takes longer than a turn should: it is put off. */
#define DELTA_FACTOR 2
#define DELTA_FACTOR_HUGE 16
#define HUGE_COUNT 65536
#define VALUE_SAMPLES 16

#define LARGE_MAX_BYTES (SIZE_MAX / 4)

struct tracker_large {
    struct map_node node;
    const struct entry *entry; /* the key */
    uint64_t disk_id;
    uint32_t db_number;
    uint64_t given_cut; /* the last cut that it was given to; 0: none */
    bool has_rows;
    bool is_base_due;
    struct buf base, delta; /* owned */
    size_t delta_limit;     /* look again whether it has outgrown the value */
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
    buf_deinit(&l->base);
    buf_deinit(&l->delta);
    mem_free(l);
}

void tracker_large_init(struct tracker *t)
{
    t->larges = (struct map){.key_of = key_of_node};
    effect_writer_init(&t->writer, NULL);
}

void tracker_large_deinit(struct tracker *t)
{
    map_deinit(&t->larges, free_node, NULL);
    effect_writer_deinit(&t->writer);
}

static struct tracker_large *make(struct tracker *t, struct entry *e, uint64_t disk_id)
{
    struct tracker_large *l = mem_alloc_zero(sizeof(*l));
    l->entry = e;
    l->disk_id = disk_id;
    l->db_number = tracker_number_of(t, e);
    l->base.limit_bytes = l->delta.limit_bytes = LARGE_MAX_BYTES;
    l->delta_limit = DELTA_MIN_BYTES;
    map_insert_hashed(&t->larges, &l->node, hash_of(l->entry));
    e->mark.is_large = 1;
    return l;
}

void tracker_large_make(struct tracker *t, struct entry *e)
{
    make(t, e, t->next_number++)->is_base_due = true;
}

void tracker_large_adopt(struct tracker *t, struct entry *e, uint64_t disk_id)
{
    make(t, e, disk_id)->has_rows = true;
}

/* What was given to a checkpoint that failed is not there. */
static void settle_failure(const struct tracker *t, struct tracker_large *l)
{
    if (l->given_cut <= t->committed_cut) return;
    bool is_under_way = t->phase == TRACKER_SAVING || t->phase == TRACKER_HANDED;
    if (l->given_cut == t->cut_number && is_under_way) return;
    l->given_cut = 0;
    l->is_base_due = true;
}

static void drop_bytes(struct tracker_large *l)
{
    buf_deinit(&l->base);
    buf_deinit(&l->delta);
    l->delta_limit = DELTA_MIN_BYTES;
}

/* ---- effects ---- */

/* The delta is long: has it outgrown the value? */
static void weigh_delta(struct tracker_large *l, const struct entry *e)
{
    size_t factor = value_count(&e->value) > HUGE_COUNT ? DELTA_FACTOR_HUGE : DELTA_FACTOR;
    size_t limit = value_bytes(&e->value, VALUE_SAMPLES) * factor;
    if (l->delta.len > limit && l->delta.len > DELTA_MIN_BYTES) {
        drop_bytes(l);
        l->is_base_due = true;
    } else {
        size_t least = l->delta.len + DELTA_MIN_BYTES;
        l->delta_limit = limit > least ? limit : least;
    }
}

static void add_effect(struct tracker *t, struct tracker_large *l, const struct entry *e, const struct effect *effect)
{
    struct effect bare = *effect;
    bare.key = slice_of(NULL, 0);
    bare.db = 0;
    t->writer.out = &l->delta;
    effect_writer_start(&t->writer);
    mem_must(effect_write(&t->writer, &bare));
    if (l->delta.len > l->delta_limit) weigh_delta(l, e);
}

void tracker_note(struct tracker *t, struct entry *e, const struct effect *effect)
{
    if (!e->mark.is_large) {
        size_t count = value_count(&e->value);
        if (count <= TRACKER_LARGE_COUNT) return;
        tracker_large_make(t, e);
        /* One that was just now as large as a small one may be is encoded with this effect; others wait until they are given. */
        struct tracker_large *l = find(t, e);
        if (count > TRACKER_LARGE_COUNT + 1) return;
        mem_must(value_encode(&e->value, &l->base));
        l->is_base_due = false;
    } else if (effect->kind == EFFECT_STRING_SET) {
        tracker_large_drop(t, e);
    } else if (effect->kind != EFFECT_KEY_EXPIRE) {
        struct tracker_large *l = find(t, e);
        settle_failure(t, l);
        if (!l->is_base_due) add_effect(t, l, e, effect);
    }
}

/* ---- giving ---- */

static void give_bytes(struct tracker_large *l, struct entry *e, struct buf *out)
{
    struct item base = {.kind = ITEM_LARGE_BASE, .disk_id = l->disk_id, .type = (enum value_type)e->value.type};
    struct item delta = {.kind = ITEM_LARGE_DELTA, .disk_id = l->disk_id, .type = base.type};
    if (l->is_base_due) {
        size_t begun_at = item_begin(out, &base);
        mem_must(value_encode(&e->value, out));
        item_end(out, begun_at);
        return;
    }
    base.bytes = buf_borrow(&l->base);
    delta.bytes = buf_borrow(&l->delta);
    if (base.bytes.len > 0) item_write(out, &base);
    if (delta.bytes.len > 0) item_write(out, &delta);
}

bool tracker_large_give(struct tracker *t, struct entry *e, struct buf *out, struct item *item)
{
    struct tracker_large *l = find(t, e);
    settle_failure(t, l);
    if (value_count(&e->value) <= TRACKER_LARGE_COUNT / 2) {
        struct item rows = {.kind = ITEM_LARGE_DELETE, .disk_id = l->disk_id};
        if (l->has_rows) tracker_delete_now(t, &rows);
        l->has_rows = false;
        tracker_large_drop(t, e);
        return false;
    }
    give_bytes(l, e, out);
    item->kind = ITEM_KEY_LARGE;
    item->disk_id = l->disk_id;
    item_write(out, item);
    drop_bytes(l);
    l->is_base_due = false;
    l->has_rows = true;
    l->given_cut = t->cut_number;
    return true;
}

void tracker_large_drop(struct tracker *t, struct entry *e)
{
    struct tracker_large *l = find(t, e);
    if (l->has_rows) tracker_delete(t, &(struct item){.kind = ITEM_LARGE_DELETE, .disk_id = l->disk_id});
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
    CHECK(!l->is_base_due || l->base.len == 0);
    CHECK(l->has_rows || l->is_base_due || l->base.len > 0);
}
