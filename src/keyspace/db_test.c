/* SPDX-License-Identifier: MIT */
/* Whole keys at random, held to the invariants of db.c: what is remembered of a key must never be another's, nor outlive it. */
#include "keyspace/db.h"
#include "keyspace/edit_string.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define START_MS 1700000000000
#define KEYS_COUNT 150
#define STEPS_COUNT 20000

/* Too short and too long to be remembered, and many that end alike. */
static struct slice random_key(struct rng *r, char text[80])
{
    static const char *const starts[] = {"",
                                         "bull:mail:", "bull:a queue with a long name, so long that its keys are too:"};
    int len = snprintf(text, 80, "%s%u", starts[rng_below(r, 3)], (unsigned)rng_below(r, KEYS_COUNT) + 900);
    return slice_of(text, (size_t)len);
}

static void look_up(struct db *db, struct rng *r, struct slice key)
{
    struct entry *e = db_find(db, key);
    cr_assert(!e || slice_equal(entry_key(e), key));
    if (e || rng_below(r, 2)) return;
    bool is_new;
    e = db_find_or_create(db, key, VALUE_STRING, &is_new);
    cr_assert(is_new && slice_equal(entry_key(e), key));
    cr_assert_eq(edit_string_set(db, key, e, SLICE_LIT("value"), 0), e);
    cr_assert_eq(db_find_or_create(db, key, VALUE_STRING, &is_new), e);
    cr_assert_not(is_new);
}

static void change_key(struct keyspace *ks, struct db *db, struct rng *r, struct slice key)
{
    struct db *other = &ks->dbs[1 - db->index];
    struct entry *e = db_find(db, key);
    char text[80];
    struct slice to = random_key(r, text);
    if (!e) return;
    switch (rng_below(r, 4)) {
    case 0: db_delete(db, e); break;
    case 1: db_set_expiry(db, e, ks->now_ms + (int64_t)rng_below(r, 20)); break;
    case 2:
        if (!slice_equal(key, to)) db_rename(db, e, to);
        break;
    default:
        if (!db_find(other, key)) db_move(db, e, other);
    }
}

Test(db, what_is_remembered_of_a_key_is_true_whatever_happens_to_it)
{
    struct rng rng;
    rng_init(&rng, 5);
    struct keyspace ks;
    keyspace_init(&ks, &rng);
    ks.now_ms = START_MS;
    for (int i = 0; i < STEPS_COUNT; i++) {
        struct db *db = &ks.dbs[rng_below(&rng, 2)];
        char text[80];
        struct slice key = random_key(&rng, text);
        look_up(db, &rng, key);
        if (rng_below(&rng, 2)) change_key(&ks, db, &rng, key);
        if (rng_below(&rng, 500) == 0) db_flush(db);
        if (rng_below(&rng, 100) == 0) db_swap(&ks.dbs[0], &ks.dbs[1]);
        ks.now_ms += (int64_t)rng_below(&rng, 2);
        db_check(&ks.dbs[0]);
        db_check(&ks.dbs[1]);
    }
    keyspace_deinit(&ks);
}
