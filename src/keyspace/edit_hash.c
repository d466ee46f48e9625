/* SPDX-License-Identifier: MIT */
#include "keyspace/edit_hash.h"

#include "keyspace/tracker.h"

static void report_set(struct db *db, struct entry *e, struct slice field, struct slice value)
{
    db_report(db, e, (struct effect){.kind = EFFECT_HASH_SET, .key = entry_key(e), .a = field, .b = value});
}

size_t edit_hash_set_many(struct db *db, struct entry *e, const struct slice *items, size_t items_count)
{
    db_touch(db, e);
    size_t added = hash_set_many(&e->value, items, items_count);
    struct effect effect = {.kind = EFFECT_HASH_SET, .key = entry_key(e)};
    for (size_t i = 0; i < items_count; i += 2) {
        effect.a = items[i];
        effect.b = items[i + 1];
        db_report(db, e, effect);
    }
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

static oxq_err apply_set(struct db *db, struct entry *e, const struct effect *effect)
{
    const struct slice items[2] = {effect->a, effect->b};
    if (!e) e = db_create(db, effect->key, VALUE_HASH);
    edit_hash_set_many(db, e, items, 2);
    return OXQ_OK;
}

oxq_err edit_hash_apply(struct db *db, const struct effect *effect)
{
    struct entry *e = db_find(db, effect->key);
    if (e && e->value.type != VALUE_HASH) return OXQ_ERR_TYPE;
    if (effect->kind == EFFECT_HASH_SET) return apply_set(db, e, effect);
    if (effect->kind != EFFECT_HASH_DELETE) return OXQ_ERR_FORMAT;
    return e && edit_hash_delete(db, e, effect->a) ? OXQ_OK : OXQ_ERR_NOT_FOUND;
}
