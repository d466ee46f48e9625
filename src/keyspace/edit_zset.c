/* SPDX-License-Identifier: MIT */
#include "keyspace/edit_zset.h"

#include "keyspace/tracker.h"

static void report_set(struct db *db, struct entry *e, struct slice member, double score)
{
    db_report(db, e, (struct effect){.kind = EFFECT_ZSET_SET, .key = entry_key(e), .a = member, .score = score});
}

enum zset_added edit_zset_add(struct db *db, struct entry *e, struct slice member, double score, unsigned flags,
                              double *out_score)
{
    double result = 0;
    db_touch(db, e);
    enum zset_added added = zset_add(&e->value, member, score, flags, &result);
    if (added >= ZSET_ADDED_MOVED) report_set(db, e, member, result);
    if (out_score && added >= ZSET_ADDED_SAME) *out_score = result;
    return added;
}

bool edit_zset_remove(struct db *db, struct entry *e, struct slice member)
{
    db_touch(db, e);
    if (!zset_remove(&e->value, member)) return false;
    db_report(db, e, (struct effect){.kind = EFFECT_ZSET_REMOVE, .key = entry_key(e), .a = member});
    return true;
}

void edit_zset_remove_ranks(struct db *db, struct entry *e, size_t first, size_t count)
{
    if (count == 0) return;
    db_touch(db, e);
    /* Reported while the members are still there to be named. */
    struct zset_cursor c = zset_seek_rank(&e->value, first);
    struct zset_element element;
    for (size_t i = 0; i < count && zset_next(&c, &element); i++)
        db_report(db, e, (struct effect){.kind = EFFECT_ZSET_REMOVE, .key = entry_key(e), .a = element.member});
    zset_remove_ranks(&e->value, first, count);
}

void edit_zset_replace(struct db *db, struct slice key, struct value *v)
{
    struct entry *e = db_peek(db, key);
    if (e) db_delete(db, e);
    if (zset_count(v) == 0) {
        zset_deinit(v);
        return;
    }
    e = db_create(db, key, VALUE_ZSET);
    db_expect(db, e, zset_count(v));
    v->aux = e->value.aux;
    e->value = *v;
    zset_init(v);
    struct zset_cursor c = zset_seek_rank(&e->value, 0);
    struct zset_element element;
    while (zset_next(&c, &element)) report_set(db, e, element.member, element.score);
}

oxq_err edit_zset_apply(struct db *db, const struct effect *effect)
{
    struct entry *e = db_find(db, effect->key);
    if (e && e->value.type != VALUE_ZSET) return OXQ_ERR_TYPE;
    if (effect->kind == EFFECT_ZSET_SET) {
        if (effect->score != effect->score) return OXQ_ERR_FORMAT;
        if (!e) e = db_create(db, effect->key, VALUE_ZSET);
        edit_zset_add(db, e, effect->a, effect->score, 0, NULL);
        return OXQ_OK;
    }
    if (!e) return OXQ_ERR_NOT_FOUND;
    if (effect->kind != EFFECT_ZSET_REMOVE) return OXQ_ERR_FORMAT;
    return edit_zset_remove(db, e, effect->a) ? OXQ_OK : OXQ_ERR_NOT_FOUND;
}
