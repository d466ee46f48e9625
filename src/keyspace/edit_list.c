/* SPDX-License-Identifier: MIT */
#include "keyspace/edit_list.h"

#include "keyspace/tracker.h"

void edit_list_push(struct db *db, struct entry *e, enum list_end end, struct slice element)
{
    db_touch(db, e);
    list_push(&e->value, end, element);
    enum effect_kind kind = end == LIST_HEAD ? EFFECT_LIST_PUSH_HEAD : EFFECT_LIST_PUSH_TAIL;
    db_report(db, e, (struct effect){.kind = kind, .key = entry_key(e), .a = element});
}

bool edit_list_pop(struct db *db, struct entry *e, enum list_end end, size_t count)
{
    db_touch(db, e);
    list_pop(&e->value, end, count);
    enum effect_kind kind = end == LIST_HEAD ? EFFECT_LIST_POP_HEAD : EFFECT_LIST_POP_TAIL;
    db_report(db, e, (struct effect){.kind = kind, .key = entry_key(e), .n = (int64_t)count});
    return db_delete_if_empty(db, e);
}

void edit_list_set(struct db *db, struct entry *e, struct list_cursor *c, size_t index, struct slice element)
{
    db_touch(db, e);
    list_set(&e->value, c, element);
    db_report(db, e, (struct effect){.kind = EFFECT_LIST_SET, .key = entry_key(e), .n = (int64_t)index, .a = element});
}

void edit_list_insert(struct db *db, struct entry *e, struct list_cursor *c, size_t index, struct slice element)
{
    db_touch(db, e);
    list_insert(&e->value, c, element);
    db_report(db, e,
              (struct effect){.kind = EFFECT_LIST_INSERT, .key = entry_key(e), .n = (int64_t)index, .a = element});
}

/* ---- LREM ---- */

/*
 * How many elements in a row, from the cursor on in a direction, are equal to `element`; at most `limit`. The cursor is
 * left on the last of them.
 */
static size_t measure_run(struct list_cursor *c, enum list_end towards, struct slice element, size_t limit)
{
    size_t count = 1;
    for (struct list_cursor next = *c; count < limit; count++) {
        list_step(&next, towards);
        if (!list_is_inside(&next) || !slice_equal(list_get(&next), element)) break;
        *c = next;
    }
    return count;
}

size_t edit_list_remove(struct db *db, struct entry *e, enum list_end from, struct slice element, size_t limit)
{
    enum list_end towards = from == LIST_HEAD ? LIST_TAIL : LIST_HEAD;
    if (limit == 0) limit = SIZE_MAX;
    size_t removed = 0;
    size_t passed = 0; /* elements looked at and kept */
    struct list_cursor c = list_from(&e->value, from);
    while (removed < limit && list_find(&c, towards, element, SIZE_MAX, &passed)) {
        struct list_cursor last = c;
        size_t run = measure_run(&last, towards, element, limit - removed);
        if (towards == LIST_HEAD) c = last;
        size_t index = towards == LIST_TAIL ? passed : list_count(&e->value) - passed - run;
        db_touch(db, e);
        list_remove_at(&e->value, &c, run);
        removed += run;
        db_report(
            db, e,
            (struct effect){.kind = EFFECT_LIST_REMOVE, .key = entry_key(e), .n = (int64_t)index, .m = (int64_t)run});
        if (towards == LIST_HEAD && removed < limit) list_step(&c, LIST_HEAD);
    }
    if (removed > 0) db_delete_if_empty(db, e);
    return removed;
}

/* ---- effects ---- */

static oxq_err apply_push(struct entry *entry, const struct effect *e)
{
    list_push(&entry->value, e->kind == EFFECT_LIST_PUSH_HEAD ? LIST_HEAD : LIST_TAIL, e->a);
    return OXQ_OK;
}

static oxq_err apply_pop(struct entry *entry, const struct effect *e)
{
    if (e->n <= 0 || (uint64_t)e->n > list_count(&entry->value)) return OXQ_ERR_FORMAT;
    list_pop(&entry->value, e->kind == EFFECT_LIST_POP_HEAD ? LIST_HEAD : LIST_TAIL, (size_t)e->n);
    return OXQ_OK;
}

static oxq_err apply_at_index(struct entry *entry, const struct effect *e)
{
    size_t count = list_count(&entry->value);
    size_t last = e->kind == EFFECT_LIST_INSERT ? count : count - 1;
    if (e->n < 0 || count == 0 || (uint64_t)e->n > last) return OXQ_ERR_FORMAT;
    if (e->kind == EFFECT_LIST_REMOVE && (e->m <= 0 || (uint64_t)e->m > count - (size_t)e->n)) return OXQ_ERR_FORMAT;
    struct list_cursor c = list_seek(&entry->value, (size_t)e->n);
    if (e->kind == EFFECT_LIST_SET)
        list_set(&entry->value, &c, e->a);
    else if (e->kind == EFFECT_LIST_INSERT)
        list_insert(&entry->value, &c, e->a);
    else
        list_remove_at(&entry->value, &c, (size_t)e->m);
    return OXQ_OK;
}

oxq_err edit_list_apply(struct db *db, const struct effect *e)
{
    struct entry *entry = db_find(db, e->key);
    if (entry && entry->value.type != VALUE_LIST) return OXQ_ERR_TYPE;
    if (e->a.len > LIST_ELEMENT_MAX_BYTES) return OXQ_ERR_FORMAT;
    bool is_push = e->kind == EFFECT_LIST_PUSH_HEAD || e->kind == EFFECT_LIST_PUSH_TAIL;
    bool is_pop = e->kind == EFFECT_LIST_POP_HEAD || e->kind == EFFECT_LIST_POP_TAIL;
    if (!entry && !is_push) return OXQ_ERR_NOT_FOUND;
    if (!entry) entry = db_create(db, e->key, VALUE_LIST);
    db_touch(db, entry);
    oxq_err error = is_push ? apply_push(entry, e) : is_pop ? apply_pop(entry, e) : apply_at_index(entry, e);
    if (!error) db_report(db, entry, *e);
    return error;
}
