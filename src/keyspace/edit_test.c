/* SPDX-License-Identifier: MIT */
/* Effects of strings and hashes: what is reported, and what a bad effect from outside does (nothing). */
#include "keyspace/digest.h"
#include "keyspace/edit_hash.h"
#include "keyspace/edit_string.h"

#include <criterion/criterion.h>

/* Two keyspaces: what happens to `live` is reported to `log` and done again in `replica`. */
struct twins {
    struct keyspace live, replica;
    struct rng rng;
    struct effect_sink sink;
    struct effect last;
    int reports;
};

static void replay(struct effect_sink *sink, const struct effect *e)
{
    struct twins *t = (struct twins *)((char *)sink - offsetof(struct twins, sink));
    t->last = *e;
    t->reports++;
    cr_assert_eq(keyspace_apply(&t->replica, e), OXQ_OK);
}

static void twins_init(struct twins *t)
{
    *t = (struct twins){.sink = {replay}};
    rng_init(&t->rng, 3);
    keyspace_init(&t->live, &t->rng);
    keyspace_init(&t->replica, &t->rng);
    t->live.sink = &t->sink;
}

/* Checks that one report came since the last call, and that the twins are equal. */
static void assert_reported(struct twins *t, enum effect_kind kind)
{
    cr_assert_eq(t->reports, 1);
    cr_assert_eq(t->last.kind, kind);
    t->reports = 0;
    db_check(&t->live.dbs[0]);
    cr_assert_eq(digest_db(&t->live.dbs[0]), digest_db(&t->replica.dbs[0]));
}

static void twins_deinit(struct twins *t)
{
    keyspace_deinit(&t->live);
    keyspace_deinit(&t->replica);
}

Test(edit, each_change_of_a_string_is_one_effect)
{
    struct twins t;
    twins_init(&t);
    struct db *db = &t.live.dbs[0];
    struct slice key = SLICE_LIT("s");

    struct entry *e = edit_string_set(db, key, NULL, SLICE_LIT("a text"), 5000);
    assert_reported(&t, EFFECT_STRING_SET);
    cr_assert_eq(t.last.n, 5000);
    cr_assert_eq(edit_string_write(db, key, e, 6, SLICE_LIT(" and more")), OXQ_OK);
    assert_reported(&t, EFFECT_STRING_RANGE);
    cr_assert_eq(t.last.n, 6);
    edit_string_set_integer(db, key, e, 12);
    assert_reported(&t, EFFECT_STRING_SET);
    cr_assert_eq(t.last.n, 5000, "the expiry stays");
    edit_string_set_text(db, key, e, SLICE_LIT("12.5"));
    assert_reported(&t, EFFECT_STRING_SET);
    edit_string_set(db, key, e, SLICE_LIT("x"), 0);
    assert_reported(&t, EFFECT_STRING_SET);
    cr_assert_eq(db_expiry_ms(db, e), -1);
    cr_assert_eq(edit_string_write(db, SLICE_LIT("fresh"), NULL, 3, SLICE_LIT("x")), OXQ_OK);
    assert_reported(&t, EFFECT_STRING_RANGE);
    twins_deinit(&t);
}

Test(edit, a_string_replaces_a_value_of_any_type)
{
    struct twins t;
    twins_init(&t);
    struct db *db = &t.live.dbs[0];
    static const struct slice items[] = {SLICE_INIT("field"), SLICE_INIT("value")};
    struct entry *e = db_create(db, SLICE_LIT("k"), VALUE_HASH);
    edit_hash_set_many(db, e, items, 2);
    assert_reported(&t, EFFECT_HASH_SET);
    edit_string_set(db, SLICE_LIT("k"), e, SLICE_LIT("text"), 0);
    assert_reported(&t, EFFECT_STRING_SET);
    cr_assert(slice_equal(entry_key(e), SLICE_LIT("k")));
    string_check(&e->value);
    twins_deinit(&t);
}

Test(edit, each_field_of_a_hash_is_one_effect)
{
    struct twins t;
    twins_init(&t);
    struct db *db = &t.live.dbs[0];
    static const struct slice items[] = {SLICE_INIT("a"), SLICE_INIT("1"), SLICE_INIT("b"),
                                         SLICE_INIT("2"), SLICE_INIT("a"), SLICE_INIT("3")};
    struct entry *e = db_create(db, SLICE_LIT("h"), VALUE_HASH);
    cr_assert_eq(edit_hash_set_many(db, e, items, 6), 2);
    cr_assert_eq(t.reports, 3);
    t.reports = 0;

    struct hash_place place;
    struct slice old;
    cr_assert(hash_find(&e->value, SLICE_LIT("a"), &place, &old));
    edit_hash_put(db, e, &place, SLICE_LIT("a"), SLICE_LIT("4"));
    assert_reported(&t, EFFECT_HASH_SET);
    cr_assert(edit_hash_delete(db, e, SLICE_LIT("a")));
    assert_reported(&t, EFFECT_HASH_DELETE);
    cr_assert_not(edit_hash_delete(db, e, SLICE_LIT("a")));
    cr_assert_eq(t.reports, 0);
    twins_deinit(&t);
}

static oxq_err apply(struct keyspace *ks, struct effect e)
{
    return keyspace_apply(ks, &e);
}

Test(edit, an_effect_that_does_not_fit_changes_nothing)
{
    struct twins t;
    twins_init(&t);
    struct keyspace *ks = &t.live;
    static const struct slice items[] = {SLICE_INIT("f"), SLICE_INIT("v")};
    struct slice s = SLICE_LIT("s"), h = SLICE_LIT("h"), none = SLICE_LIT("none"), f = SLICE_LIT("f");
    edit_string_set(&ks->dbs[0], s, NULL, SLICE_LIT("text"), 0);
    edit_hash_set_many(&ks->dbs[0], db_create(&ks->dbs[0], h, VALUE_HASH), items, 2);
    t.reports = 0;

    cr_assert_eq(apply(ks, (struct effect){.kind = EFFECT_STRING_SET, .key = s, .n = -1}), OXQ_ERR_FORMAT);
    cr_assert_eq(apply(ks, (struct effect){.kind = EFFECT_STRING_RANGE, .key = s, .n = -1}), OXQ_ERR_FORMAT);
    cr_assert_eq(apply(ks, (struct effect){.kind = EFFECT_STRING_RANGE, .key = h, .a = f}), OXQ_ERR_TYPE);
    struct effect far = {.kind = EFFECT_STRING_RANGE, .key = none, .n = INT64_MAX, .a = f};
    cr_assert_eq(apply(ks, far), OXQ_ERR_LIMIT);
    cr_assert_eq(apply(ks, (struct effect){.kind = EFFECT_HASH_SET, .key = s, .a = f}), OXQ_ERR_TYPE);
    cr_assert_eq(apply(ks, (struct effect){.kind = EFFECT_HASH_DELETE, .key = s, .a = f}), OXQ_ERR_TYPE);
    cr_assert_eq(apply(ks, (struct effect){.kind = EFFECT_HASH_DELETE, .key = none, .a = f}), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(apply(ks, (struct effect){.kind = EFFECT_HASH_DELETE, .key = h, .a = s}), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(t.reports, 0);
    cr_assert_eq(db_count(&ks->dbs[0]), 2);
    db_check(&ks->dbs[0]);
    cr_assert_eq(digest_db(&ks->dbs[0]), digest_db(&t.replica.dbs[0]));
    twins_deinit(&t);
}
