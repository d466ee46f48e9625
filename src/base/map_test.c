/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include "base/mem.h"
#include "base/num.h"

#include <criterion/criterion.h>

struct item {
    struct map_node node;
    char key[16];
    unsigned seen;
};

static struct slice key_of(const struct map_node *node)
{
    return slice_from_text(((const struct item *)node)->key);
}

static struct item *item_new(uint64_t n)
{
    struct item *item = mem_alloc_zero(sizeof(*item));
    item->key[num_format_int(item->key, (int64_t)n)] = '\0';
    return item;
}

static void free_item(void *ctx, struct map_node *node)
{
    (*(size_t *)ctx)++;
    mem_free(node);
}

static struct item *find(struct map *m, uint64_t n)
{
    char key[24];
    return (struct item *)map_find(m, slice_of(key, num_format_int(key, (int64_t)n)));
}

Test(map, holds_what_a_plain_array_holds_through_random_inserts_and_removes)
{
    enum { KEYS = 3000, STEPS = 60000 };
    static bool model[KEYS];
    struct map m = {.key_of = key_of};
    struct rng r;
    rng_init(&r, 7);
    size_t count = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t n = rng_below(&r, step < STEPS / 2 ? KEYS : KEYS / 20);
        struct item *item = find(&m, n);
        cr_assert_eq(item != NULL, model[n]);
        if (item) {
            map_unlink(&m, &item->node);
            mem_free(item);
            count--;
        } else {
            map_insert(&m, &item_new(n)->node);
            count++;
        }
        model[n] = !model[n];
        cr_assert_eq(map_count(&m), count);
    }
    size_t freed = 0;
    map_deinit(&m, free_item, &freed);
    cr_assert_eq(freed, count);
}

static void see(void *ctx, struct map_node *node)
{
    (void)ctx;
    ((struct item *)node)->seen++;
}

Test(map, a_scan_sees_every_node_that_stays_though_the_table_grows_and_shrinks_meanwhile)
{
    enum { STAYING = 500, GUESTS = 5000 };
    struct map m = {.key_of = key_of};
    for (uint64_t n = 0; n < STAYING; n++) map_insert(&m, &item_new(n)->node);
    uint64_t cursor = 0, guest = STAYING;
    int steps = 0;
    do {
        cursor = map_scan(&m, cursor, see, NULL);
        steps++;
        for (int i = 0; i < 40 && guest < STAYING + GUESTS; i++) map_insert(&m, &item_new(guest++)->node);
        if (steps == 60) {
            for (uint64_t n = STAYING; n < guest; n++) {
                struct item *item = find(&m, n);
                map_unlink(&m, &item->node);
                mem_free(item);
            }
            guest = STAYING + GUESTS;
        }
    } while (cursor != 0);
    for (uint64_t n = 0; n < STAYING; n++) cr_assert_geq(find(&m, n)->seen, 1);
    size_t freed = 0;
    map_deinit(&m, free_item, &freed);
}

Test(map, iteration_visits_each_once_and_the_visited_may_be_removed)
{
    struct map m = {.key_of = key_of};
    for (uint64_t n = 0; n < 1000; n++) map_insert(&m, &item_new(n)->node);
    struct map_iter it;
    map_iter_begin(&it, &m);
    size_t visited = 0;
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        visited++;
        map_unlink(&m, node);
        mem_free(node);
    }
    map_iter_end(&it);
    cr_assert_eq(visited, 1000);
    cr_assert_eq(map_count(&m), 0);
    map_deinit(&m, NULL, NULL);
}

Test(map, random_picks_reach_every_node)
{
    struct map m = {.key_of = key_of};
    struct rng r;
    rng_init(&r, 3);
    for (uint64_t n = 0; n < 50; n++) map_insert(&m, &item_new(n)->node);
    for (int i = 0; i < 5000; i++) ((struct item *)map_random(&m, &r))->seen++;
    for (uint64_t n = 0; n < 50; n++) cr_assert_gt(find(&m, n)->seen, 0);
    size_t freed = 0;
    map_deinit(&m, free_item, &freed);
}

Test(map, that_expects_so_many_holds_them_without_a_resize)
{
    struct map m = {.key_of = key_of};
    size_t freed = 0;
    map_expect(&m, 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        struct item *item = item_new(i);
        map_prefetch(&m, map_hash(key_of(&item->node)));
        map_prefetch_nodes(&m, map_hash(key_of(&item->node)));
        map_insert(&m, &item->node);
        cr_assert_eq(m.table[0].bits, 10);
        cr_assert_null(m.table[1].buckets);
    }
    for (uint64_t i = 0; i < 1000; i++) cr_assert(find(&m, i));
    map_deinit(&m, free_item, &freed);
    cr_assert_eq(freed, 1000);
}

Test(map, grows_at_once_to_what_is_expected_and_step_by_step_beyond)
{
    struct map m = {.key_of = key_of};
    size_t freed = 0;
    unsigned growths = 0;
    for (uint64_t i = 0; i < 40000; i++) {
        bool was_moving = m.table[1].buckets;
        if (i == 100) map_expect(&m, 10000);
        map_insert(&m, &item_new(i)->node);
        growths += i >= 100 && !was_moving && m.table[1].buckets;
    }
    cr_assert_eq(growths, 1 + 2, "128 to 16384, to 32768, to 65536");
    for (uint64_t i = 0; i < 40000; i++) cr_assert(find(&m, i));
    map_deinit(&m, free_item, &freed);
    cr_assert_eq(freed, 40000);
}
