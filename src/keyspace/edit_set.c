/* SPDX-License-Identifier: MIT */
#include "keyspace/edit_set.h"

#include "keyspace/tracker.h"

bool edit_set_add(struct db *db, struct entry *e, struct slice member)
{
    db_touch(db, e);
    if (!set_add(&e->value, member)) return false;
    db_report(db, e, (struct effect){.kind = EFFECT_SET_ADD, .key = entry_key(e), .a = member});
    return true;
}

bool edit_set_remove(struct db *db, struct entry *e, struct slice member)
{
    db_touch(db, e);
    if (!set_remove(&e->value, member)) return false;
    db_report(db, e, (struct effect){.kind = EFFECT_SET_REMOVE, .key = entry_key(e), .a = member});
    return true;
}

void edit_set_store(struct db *db, struct slice key, struct value *set)
{
    struct entry *e = db_peek(db, key);
    if (e) db_delete(db, e);
    if (set_count(set) == 0) {
        set_deinit(set);
        return;
    }
    e = db_create(db, key, VALUE_SET);
    db_expect(db, e, set_count(set));
    set->aux = e->value.aux;
    e->value = *set;
    set_init(set);
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, &e->value);
    while (set_iter_next(&it, &member))
        db_report(db, e, (struct effect){.kind = EFFECT_SET_ADD, .key = entry_key(e), .a = member});
    set_iter_end(&it);
}

oxq_err edit_set_apply(struct db *db, const struct effect *e)
{
    struct entry *entry = db_find(db, e->key);
    if (entry && entry->value.type != VALUE_SET) return OXQ_ERR_TYPE;
    if (e->a.len > SET_MEMBER_MAX_BYTES) return OXQ_ERR_FORMAT;
    if (e->kind == EFFECT_SET_ADD) {
        if (entry && set_has(&entry->value, e->a)) return OXQ_ERR_FORMAT;
        if (!entry) entry = db_create(db, e->key, VALUE_SET);
        edit_set_add(db, entry, e->a);
        return OXQ_OK;
    }
    if (!entry) return OXQ_ERR_NOT_FOUND;
    return edit_set_remove(db, entry, e->a) ? OXQ_OK : OXQ_ERR_FORMAT;
}
