/* SPDX-License-Identifier: MIT */
/* Large values whose elements come and go. */
#include "keyspace/edit_list.h"
#include "keyspace/edit_zset.h"
#include "keyspace/tracker_world.h"

#include <criterion/criterion.h>

/* Elements of each of two values; so many changes outgrow them. */
#define CHURNED_COUNT 2000
#define CHURN_COUNT 30000

static void make_churned(struct world *w)
{
    struct db *db = &w->live.dbs[0];
    struct entry *list = db_create(db, SLICE_LIT("list"), VALUE_LIST);
    struct entry *zset = db_create(db, SLICE_LIT("zset"), VALUE_ZSET);
    char text[16];
    for (int i = 0; i < CHURNED_COUNT; i++) {
        edit_list_push(db, list, LIST_TAIL, number_text(text, (size_t)i));
        edit_zset_add(db, zset, number_text(text, (size_t)i), i, 0, NULL);
    }
}

static void churn(struct world *w, int changes)
{
    struct db *db = &w->live.dbs[0];
    struct entry *list = db_find(db, SLICE_LIT("list")), *zset = db_find(db, SLICE_LIT("zset"));
    char text[16];
    for (int i = 0; i < changes; i++) {
        struct slice element = number_text(text, (size_t)i % CHURNED_COUNT);
        edit_list_push(db, list, LIST_TAIL, element);
        edit_list_pop(db, list, LIST_HEAD, 1);
        edit_zset_remove(db, zset, element);
        edit_zset_add(db, zset, element, (double)rng_below(&w->rng, 100), 0, NULL);
    }
    tracker_check(w->tracker);
}

Test(tracker, what_comes_and_goes_is_kept_no_account_of_and_written_whole)
{
    struct world w;
    world_init(&w, 1);
    make_churned(&w);
    save(&w);
    churn(&w, CHURN_COUNT);
    size_t used = mem_used();
    churn(&w, CHURN_COUNT);
    cr_assert_lt(mem_used(), used + 30000);
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 2);
    cr_assert_eq(count_items(&w, ITEM_LARGE_DELTA), 0);
    churn(&w, 3);
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 0, "changes again");
    cr_assert_lt(w.store.items_bytes, 1000);
    world_deinit(&w);
}

Test(tracker, what_comes_and_goes_is_written_as_it_was_at_the_cut)
{
    struct world w;
    world_init(&w, 1);
    make_churned(&w);
    for (int round = 0; round < 16; round++) {
        bool is_changed_early = round & 1, is_due_again = round & 2, must_fail = round & 4;
        if (round < 8) churn(&w, CHURN_COUNT);
        begin(&w);
        if (is_changed_early) churn(&w, is_due_again ? CHURN_COUNT : 3);
        while (!w.is_given) give(&w, 1);
        churn(&w, is_due_again ? CHURN_COUNT : 3);
        while (must_fail && w.is_under_way) fail(&w, 1);
        finish(&w);
    }
    world_deinit(&w);
}

Test(tracker, what_comes_and_goes_and_then_grows_is_written_before_it_is_long)
{
    struct world w;
    world_init(&w, 1);
    make_churned(&w);
    churn(&w, CHURN_COUNT);
    struct db *db = &w.live.dbs[0];
    char large[10000] = "";
    for (int i = 0; i < 100000; i++) edit_list_push(db, db_find(db, SLICE_LIT("list")), LIST_TAIL, SLICE_LIT("more"));
    for (int i = 0; i < 1000; i++) {
        snprintf(large, sizeof(large), "%d", i);
        edit_zset_add(db, db_find(db, SLICE_LIT("zset")), slice_of(large, sizeof(large)), i, 0, NULL);
    }
    begin(&w);
    size_t used = mem_used();
    while (!w.is_given) give(&w, 1);
    cr_assert_lt(mem_used(), used + 10000, "no value was encoded");
    finish(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 2);
    world_deinit(&w);
}
