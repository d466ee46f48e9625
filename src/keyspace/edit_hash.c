/* SPDX-License-Identifier: MIT */
#include "keyspace/edit_hash.h"

#include "keyspace/tracker.h"

static void report_set(struct db *db, struct entry *e, struct slice field, struct slice value)
{
    db_report(db, e, (struct effect){.kind = EFFECT_HASH_SET, .key = entry_key(e), .a = field, .b = value});
}

static void report_sets(struct db *db, struct entry *e, const struct slice *items, size_t items_count)
{
    struct keyspace *ks = db->keyspace;
    /* While nobody listens (recovery) one report stands for all: of a small value the tracker only looks whether it is large now. */
    size_t first = ks->sink || e->mark.is_large ? 0 : items_count - 2;
    ks->changes_count += first / 2;
    struct effect effect = {.kind = EFFECT_HASH_SET, .key = entry_key(e)};
    for (size_t i = first; i < items_count; i += 2) {
        effect.a = items[i];
        effect.b = items[i + 1];
        db_report(db, e, effect);
    }
}

size_t edit_hash_set_many(struct db *db, struct entry *e, const struct slice *items, size_t items_count)
{
    SLOW_CHECK(items_count >= 2);
    db_touch(db, e);
    db_expect(db, e, items_count / 2);
    size_t added = hash_set_many(&e->value, items, items_count);
    report_sets(db, e, items, items_count);
    return added;
}

void edit_hash_put(struct db *db, struct entry *e, const struct hash_place *place, struct slice field,
                   struct slice value)
{
    db_touch(db, e);
    hash_put(&e->value, place, field, value);
    report_set(db, e, field, value);
}

bool edit_hash_delete(struct db *db, struct entry *e, struct slice field)
{
    db_touch(db, e);
    if (!hash_delete(&e->value, field)) return false;
    db_report(db, e, (struct effect){.kind = EFFECT_HASH_DELETE, .key = entry_key(e), .a = field});
    return true;
}

oxq_err edit_hash_apply_sets(struct db *db, struct slice key, uint32_t hash, const struct slice *items,
                             size_t items_count)
{
    bool is_new;
    struct entry *e = db_find_or_create_hashed(db, key, hash, VALUE_HASH, &is_new);
    if (e->value.type != VALUE_HASH) return OXQ_ERR_TYPE;
    edit_hash_set_many(db, e, items, items_count);
    return OXQ_OK;
}

oxq_err edit_hash_apply(struct db *db, const struct effect *effect)
{
    if (effect->kind == EFFECT_HASH_SET) {
        const struct slice items[2] = {effect->a, effect->b};
        return edit_hash_apply_sets(db, effect->key, map_hash(effect->key), items, 2);
    }
    if (effect->kind != EFFECT_HASH_DELETE) return OXQ_ERR_FORMAT;
    struct entry *e = db_find(db, effect->key);
    if (!e) return OXQ_ERR_NOT_FOUND;
    if (e->value.type != VALUE_HASH) return OXQ_ERR_TYPE;
    return edit_hash_delete(db, e, effect->a) ? OXQ_OK : OXQ_ERR_NOT_FOUND;
}
