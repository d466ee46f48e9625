/* SPDX-License-Identifier: MIT */
#include "keyspace/edit_string.h"

#include "keyspace/tracker.h"

/* The key's entry, created when absent, with a string in it: what another type held is freed. */
static struct entry *make_string(struct db *db, struct slice key, struct entry *e)
{
    if (!e) return db_create(db, key, VALUE_STRING);
    db_touch(db, e);
    if (e->value.type != VALUE_STRING) {
        graveyard_give_value(&db->keyspace->graveyard, &e->value);
        value_init(&e->value, VALUE_STRING);
    }
    return e;
}

static void report_set(struct db *db, struct entry *e, struct slice text, int64_t at_ms)
{
    db_report(db, e, (struct effect){.kind = EFFECT_STRING_SET, .key = entry_key(e), .a = text, .n = at_ms});
}

struct entry *edit_string_set(struct db *db, struct slice key, struct entry *e, struct slice text, int64_t at_ms)
{
    e = make_string(db, key, e);
    string_set(&e->value, text);
    db_place_expiry(db, e, at_ms);
    report_set(db, e, text, at_ms);
    return e;
}

static int64_t kept_expiry(const struct db *db, const struct entry *e)
{
    int64_t at_ms = db_expiry_ms(db, e);
    return at_ms > 0 ? at_ms : 0;
}

struct entry *edit_string_set_integer(struct db *db, struct slice key, struct entry *e, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    e = make_string(db, key, e);
    string_set_integer(&e->value, n);
    report_set(db, e, string_borrow(&e->value, digits), kept_expiry(db, e));
    return e;
}

struct entry *edit_string_set_text(struct db *db, struct slice key, struct entry *e, struct slice text)
{
    e = make_string(db, key, e);
    string_set_text(&e->value, text);
    report_set(db, e, text, kept_expiry(db, e));
    return e;
}

oxq_err edit_string_write(struct db *db, struct slice key, struct entry *e, size_t offset, struct slice bytes)
{
    struct value fresh = {.type = VALUE_STRING};
    if (e)
        db_touch(db, e);
    else
        string_init(&fresh);
    oxq_err error = string_write(e ? &e->value : &fresh, offset, bytes);
    if (error) return error;

    if (!e) {
        /* Made first and moved in, so that a failure leaves no empty key. */
        e = db_create(db, key, VALUE_STRING);
        fresh.aux = e->value.aux;
        e->value = fresh;
    }
    db_report(db, e,
              (struct effect){
                  .kind = EFFECT_STRING_RANGE,
                  .key = entry_key(e),
                  .a = bytes,
                  .n = (int64_t)offset,
              });
    return OXQ_OK;
}

oxq_err edit_string_apply(struct db *db, const struct effect *effect)
{
    if (effect->n < 0) return OXQ_ERR_FORMAT;
    struct entry *e = db_find(db, effect->key);
    if (effect->kind == EFFECT_STRING_SET) {
        edit_string_set(db, effect->key, e, effect->a, effect->n);
        return OXQ_OK;
    }
    if (effect->kind != EFFECT_STRING_RANGE) return OXQ_ERR_FORMAT;
    if (e && e->value.type != VALUE_STRING) return OXQ_ERR_TYPE;
    return edit_string_write(db, effect->key, e, (size_t)effect->n, effect->a);
}
