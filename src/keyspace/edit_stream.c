/* SPDX-License-Identifier: MIT */
/*
 * Effects of streams carry ids in n and m, bit for bit. Numbers that find no place there are encoded, each in eight bytes
 * with the low ones first:
 *
 *   STREAM_SET_ID       a         entries added, max deleted id's ms, its seq
 *   STREAM_GROUP_SET    b         entries read
 *   STREAM_PENDING_SET  items[0]  delivered at ms, delivery count
 */
#include "keyspace/edit_stream.h"

#include "keyspace/tracker.h"

#define NUMBER_BYTES 8u
#define NUMBERS_MAX 3u

static struct slice encode(char *dst, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count * NUMBER_BYTES; i++)
        dst[i] = (char)(numbers[i / NUMBER_BYTES] >> (8 * (i % NUMBER_BYTES)));
    return slice_of(dst, count * NUMBER_BYTES);
}

/* False when the bytes are not just so many numbers. */
static bool decode(struct slice bytes, uint64_t *out, size_t count)
{
    if (bytes.len != count * NUMBER_BYTES) return false;
    for (size_t i = 0; i < count; i++) out[i] = 0;
    for (size_t i = 0; i < bytes.len; i++)
        out[i / NUMBER_BYTES] |= (uint64_t)(uint8_t)bytes.at[i] << (8 * (i % NUMBER_BYTES));
    return true;
}

static struct effect make_effect(enum effect_kind kind, const struct entry *e, struct stream_id id)
{
    return (struct effect){.kind = kind, .key = entry_key(e), .n = (int64_t)id.ms, .m = (int64_t)id.seq};
}

static struct effect make_group_effect(enum effect_kind kind, const struct entry *e, const struct stream_group *g,
                                       struct stream_id id)
{
    struct effect effect = make_effect(kind, e, id);
    effect.a = stream_name_text(&g->name);
    return effect;
}

/* ---- entries ---- */

void edit_stream_add(struct db *db, struct entry *e, struct stream_id id, const struct slice *items, size_t items_count)
{
    const struct keyspace *ks = db->keyspace;
    const struct stream_limits limits = {ks->stream_block_max_entries, ks->stream_block_max_bytes};
    db_touch(db, e);
    stream_add(&e->value, id, items, items_count, &limits);
    struct effect effect = make_effect(EFFECT_STREAM_ADD, e, id);
    effect.items = items;
    effect.items_count = items_count;
    db_report(db, e, effect);
}

bool edit_stream_delete(struct db *db, struct entry *e, struct stream_id id)
{
    db_touch(db, e);
    if (!stream_delete(&e->value, id)) return false;
    db_report(db, e, make_effect(EFFECT_STREAM_DELETE, e, id));
    return true;
}

static void drop(struct db *db, struct entry *e, size_t n)
{
    db_touch(db, e);
    stream_drop(&e->value, n);
    db_report(db, e, (struct effect){.kind = EFFECT_STREAM_TRIM, .key = entry_key(e), .n = (int64_t)n});
}

size_t edit_stream_trim(struct db *db, struct entry *e, const struct stream_trim *trim)
{
    size_t n = stream_trim_count(&e->value, trim);
    if (n > 0) drop(db, e, n);
    return n;
}

void edit_stream_set_id(struct db *db, struct entry *e, struct stream_id last_id, uint64_t entries_added,
                        struct stream_id max_deleted_id)
{
    char bytes[NUMBERS_MAX * NUMBER_BYTES];
    db_touch(db, e);
    stream_set_id(&e->value, last_id, entries_added, max_deleted_id);
    struct effect effect = make_effect(EFFECT_STREAM_SET_ID, e, last_id);
    effect.a = encode(bytes, (const uint64_t[]){entries_added, max_deleted_id.ms, max_deleted_id.seq}, 3);
    db_report(db, e, effect);
}

/* ---- groups ---- */

struct stream_group *edit_stream_set_group(struct db *db, struct entry *e, struct slice name, struct stream_id last_id,
                                           int64_t entries_read)
{
    char bytes[NUMBER_BYTES];
    db_touch(db, e);
    struct stream_group *g = stream_group_find(&e->value, name);
    if (!g) g = stream_group_create(&e->value, name);
    g->last_id = last_id;
    g->entries_read = entries_read;
    struct effect effect = make_group_effect(EFFECT_STREAM_GROUP_SET, e, g, last_id);
    effect.b = encode(bytes, (const uint64_t[]){(uint64_t)entries_read}, 1);
    db_report(db, e, effect);
    return g;
}

bool edit_stream_delete_group(struct db *db, struct entry *e, struct slice name)
{
    struct stream_group *g = stream_group_find(&e->value, name);
    if (!g) return false;
    db_touch(db, e);
    stream_group_delete(&e->value, g);
    db_report(db, e, (struct effect){.kind = EFFECT_STREAM_GROUP_DELETE, .key = entry_key(e), .a = name});
    return true;
}

struct stream_consumer *edit_stream_see_consumer(struct db *db, struct entry *e, struct stream_group *g,
                                                 struct slice name, int64_t seen_ms)
{
    db_touch(db, e);
    struct stream_consumer *c = stream_consumer_find(g, name);
    if (!c) c = stream_consumer_create(g, name);
    c->seen_ms = seen_ms;
    db_report(db, e,
              (struct effect){.kind = EFFECT_STREAM_CONSUMER_SET,
                              .key = entry_key(e),
                              .a = stream_name_text(&g->name),
                              .b = stream_name_text(&c->name),
                              .n = seen_ms});
    return c;
}

bool edit_stream_delete_consumer(struct db *db, struct entry *e, struct stream_group *g, struct slice name)
{
    struct stream_consumer *c = stream_consumer_find(g, name);
    if (!c) return false;
    db_touch(db, e);
    stream_consumer_delete(g, c);
    db_report(
        db, e,
        (struct effect){
            .kind = EFFECT_STREAM_CONSUMER_DELETE, .key = entry_key(e), .a = stream_name_text(&g->name), .b = name});
    return true;
}

void edit_stream_set_pending(struct db *db, struct entry *e, struct stream_group *g, struct stream_pending pending)
{
    char bytes[NUMBERS_MAX * NUMBER_BYTES];
    const uint64_t numbers[] = {(uint64_t)pending.delivered_ms, (uint64_t)pending.delivery_count};
    struct slice item = encode(bytes, numbers, 2);
    db_touch(db, e);
    stream_pending_set(g, &pending);
    struct effect effect = make_effect(EFFECT_STREAM_PENDING_SET, e, pending.id);
    effect.a = stream_name_text(&g->name);
    effect.b = stream_name_text(&pending.consumer->name);
    effect.items = &item;
    effect.items_count = 1;
    db_report(db, e, effect);
}

bool edit_stream_delete_pending(struct db *db, struct entry *e, struct stream_group *g, struct stream_id id)
{
    db_touch(db, e);
    if (!stream_pending_delete(g, id)) return false;
    struct effect effect = make_effect(EFFECT_STREAM_PENDING_DELETE, e, id);
    effect.a = stream_name_text(&g->name);
    db_report(db, e, effect);
    return true;
}

/* ---- doing effects again ---- */

static struct stream_id id_of(const struct effect *effect)
{
    return (struct stream_id){(uint64_t)effect->n, (uint64_t)effect->m};
}

static bool is_addable(const struct entry *e, const struct effect *effect)
{
    struct stream_id last_id = e ? stream_borrow(&e->value)->last_id : STREAM_ID_MIN;
    if (!stream_id_less(last_id, id_of(effect))) return false;
    if (effect->items_count == 0 || effect->items_count % 2 != 0) return false;
    size_t bytes = 0;
    for (size_t i = 0; i < effect->items_count; i++) {
        bytes += effect->items[i].len;
        if (bytes > STREAM_ENTRY_MAX_BYTES) return false;
    }
    return true;
}

/* The effects that make a stream where there is none. */
static oxq_err apply_creating(struct db *db, struct entry *e, const struct effect *effect)
{
    uint64_t numbers[NUMBERS_MAX];
    struct stream_id id = id_of(effect);
    if (effect->kind == EFFECT_STREAM_ADD) {
        if (!is_addable(e, effect)) return OXQ_ERR_FORMAT;
        if (!e) e = db_create(db, effect->key, VALUE_STREAM);
        edit_stream_add(db, e, id, effect->items, effect->items_count);
    } else if (effect->kind == EFFECT_STREAM_SET_ID) {
        if (!decode(effect->a, numbers, 3)) return OXQ_ERR_FORMAT;
        if (e && stream_id_less(id, stream_newest_id(&e->value))) return OXQ_ERR_FORMAT;
        if (!e) e = db_create(db, effect->key, VALUE_STREAM);
        edit_stream_set_id(db, e, id, numbers[0], (struct stream_id){numbers[1], numbers[2]});
    } else {
        if (!decode(effect->b, numbers, 1)) return OXQ_ERR_FORMAT;
        if (!e) e = db_create(db, effect->key, VALUE_STREAM);
        edit_stream_set_group(db, e, effect->a, id, (int64_t)numbers[0]);
    }
    return OXQ_OK;
}

static oxq_err apply_to_entries(struct db *db, struct entry *e, const struct effect *effect)
{
    if (effect->kind == EFFECT_STREAM_DELETE)
        return edit_stream_delete(db, e, id_of(effect)) ? OXQ_OK : OXQ_ERR_NOT_FOUND;
    if (effect->n <= 0 || (uint64_t)effect->n > stream_count(&e->value)) return OXQ_ERR_FORMAT;
    drop(db, e, (size_t)effect->n);
    return OXQ_OK;
}

static oxq_err apply_pending(struct db *db, struct entry *e, struct stream_group *g, const struct effect *effect)
{
    uint64_t numbers[2];
    struct stream_consumer *c = stream_consumer_find(g, effect->b);
    if (!c) return OXQ_ERR_NOT_FOUND;
    if (effect->items_count != 1 || !decode(effect->items[0], numbers, 2)) return OXQ_ERR_FORMAT;
    struct stream_pending pending = {id_of(effect), (int64_t)numbers[0], (int64_t)numbers[1], c};
    edit_stream_set_pending(db, e, g, pending);
    return OXQ_OK;
}

static oxq_err apply_to_group(struct db *db, struct entry *e, const struct effect *effect)
{
    struct stream_group *g = stream_group_find(&e->value, effect->a);
    if (!g) return OXQ_ERR_NOT_FOUND;
    bool is_there = true;
    if (effect->kind == EFFECT_STREAM_PENDING_SET) return apply_pending(db, e, g, effect);
    if (effect->kind == EFFECT_STREAM_PENDING_DELETE)
        is_there = edit_stream_delete_pending(db, e, g, id_of(effect));
    else if (effect->kind == EFFECT_STREAM_CONSUMER_SET)
        edit_stream_see_consumer(db, e, g, effect->b, effect->n);
    else if (effect->kind == EFFECT_STREAM_CONSUMER_DELETE)
        is_there = edit_stream_delete_consumer(db, e, g, effect->b);
    else
        is_there = edit_stream_delete_group(db, e, effect->a);
    return is_there ? OXQ_OK : OXQ_ERR_NOT_FOUND;
}

typedef oxq_err apply_stream_fn(struct db *db, struct entry *e, const struct effect *effect);

oxq_err edit_stream_apply(struct db *db, const struct effect *effect)
{
    static apply_stream_fn *const appliers[EFFECT_KINDS_COUNT] = {
        [EFFECT_STREAM_ADD] = apply_creating,          [EFFECT_STREAM_SET_ID] = apply_creating,
        [EFFECT_STREAM_GROUP_SET] = apply_creating,    [EFFECT_STREAM_DELETE] = apply_to_entries,
        [EFFECT_STREAM_TRIM] = apply_to_entries,       [EFFECT_STREAM_GROUP_DELETE] = apply_to_group,
        [EFFECT_STREAM_CONSUMER_SET] = apply_to_group, [EFFECT_STREAM_CONSUMER_DELETE] = apply_to_group,
        [EFFECT_STREAM_PENDING_SET] = apply_to_group,  [EFFECT_STREAM_PENDING_DELETE] = apply_to_group,
    };
    apply_stream_fn *apply = appliers[effect->kind];
    if (!apply) return OXQ_ERR_FORMAT;
    struct entry *e = db_find(db, effect->key);
    if (e && e->value.type != VALUE_STREAM) return OXQ_ERR_TYPE;
    if (!e && apply != apply_creating) return OXQ_ERR_NOT_FOUND;
    return apply(db, e, effect);
}
