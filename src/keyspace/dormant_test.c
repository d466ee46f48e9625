/* SPDX-License-Identifier: MIT */
/* The table of names against a model: an array that tells of each name whether it is in and what its type is. */
#include "keyspace/dormant.h"

#include "base/map.h"
#include "base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define NAMES 4000
#define ABSENT (-1)

static struct dormant d;
static struct rng rng;
static int types[NAMES];

static void set_up(void)
{
    rng_init(&rng, 11);
    for (size_t i = 0; i < NAMES; i++) types[i] = ABSENT;
}

static void tear_down(void)
{
    size_t steps = SIZE_MAX;
    cr_assert(dormant_drain(&d, &steps));
    cr_assert_eq(d.count, 0);
}

TestSuite(dormant, .init = set_up, .fini = tear_down);

/* Jobs of queues with much or little in common, names with nothing in common, any bytes, and every length. */
static struct slice name_of(size_t i, char text[DORMANT_KEY_MAX + 1])
{
    static const char *const queues[] = {"bull:mail:", "bull:mailings:", "bull:{payments}:", ""};
    if (i <= DORMANT_KEY_MAX) {
        memset(text, i % 2 ? 'x' : '\0', i);
        return slice_of(text, i);
    }
    int len = i % 7 == 0 ? snprintf(text, DORMANT_KEY_MAX, "%zu:%0*zu", i, (int)(i % 200), i)
                         : snprintf(text, DORMANT_KEY_MAX, "%s%zu", queues[i % 4], i);
    return slice_of(text, (size_t)len);
}

static void add(size_t i, enum value_type type)
{
    char text[DORMANT_KEY_MAX + 1];
    struct slice name = name_of(i, text);
    cr_assert_not(dormant_has(&d, name, map_hash(name)));
    dormant_add(&d, name, map_hash(name), type);
    types[i] = (int)type;
}

static void take(size_t i)
{
    char text[DORMANT_KEY_MAX + 1];
    enum value_type type;
    struct slice name = name_of(i, text);
    bool was = types[i] != ABSENT;
    cr_assert_eq(dormant_has(&d, name, map_hash(name)), was, "name %zu", i);
    cr_assert_eq(dormant_take(&d, name, map_hash(name), &type), was);
    if (was) cr_assert_eq((int)type, types[i]);
    types[i] = ABSENT;
}

static size_t count_names(void)
{
    size_t count = 0;
    for (size_t i = 0; i < NAMES; i++) count += types[i] != ABSENT;
    return count;
}

Test(dormant, names_come_and_go_with_their_types)
{
    /* Filled, emptied and filled again, so that it grows and shrinks on the way. */
    for (int round = 0; round < 6; round++) {
        for (int step = 0; step < NAMES; step++) {
            size_t i = rng_below(&rng, NAMES);
            bool is_adding = rng_below(&rng, 10) < (round % 2 ? 1 : 9);
            if (is_adding && types[i] == ABSENT)
                add(i, (enum value_type)rng_below(&rng, VALUE_TYPES_COUNT));
            else if (!is_adding)
                take(i);
        }
        cr_assert_eq(d.count, count_names());
        dormant_check(&d);
    }
    for (size_t i = 0; i < NAMES; i++) take(i);
    cr_assert_eq(d.count, 0);
    cr_assert_leq(d.buckets_count, 1);
}

/* What a visit gave: how often each name. */
static int given[NAMES];

static void note(void *ctx, struct slice key, enum value_type type)
{
    char text[DORMANT_KEY_MAX + 1];
    (void)ctx;
    for (size_t i = 0; i < NAMES; i++) {
        if (types[i] == ABSENT || !slice_equal(name_of(i, text), key)) continue;
        cr_assert_eq((int)type, types[i]);
        given[i]++;
        return;
    }
    cr_assert_fail("a name that nobody added");
}

Test(dormant, a_visit_gives_each_name_once_also_in_parts)
{
    for (size_t i = 0; i < NAMES; i += 5) add(i, (enum value_type)(i % VALUE_TYPES_COUNT));
    dormant_visit(&d, note, NULL);
    for (size_t i = 0; i < NAMES; i++) cr_assert_eq(given[i], types[i] != ABSENT);
    /* In as many parts as there are buckets, and in more. */
    for (unsigned more = 0; more < 3; more++) {
        uint64_t mask = (dormant_mask(&d) + 1) * (UINT64_C(1) << more) - 1;
        memset(given, 0, sizeof(given));
        for (uint64_t hash = 0; hash <= mask; hash++) dormant_visit_some(&d, hash, mask, note, NULL);
        for (size_t i = 0; i < NAMES; i++) cr_assert_eq(given[i], types[i] != ABSENT);
    }
}

Test(dormant, random_picks_reach_every_name)
{
    char room[DORMANT_KEY_MAX];
    for (size_t i = 300; i < 400; i++) add(i, VALUE_HASH);
    for (int i = 0; i < 5000; i++) {
        enum value_type type;
        struct slice key = dormant_random(&d, &rng, room, &type);
        note(NULL, key, type);
    }
    for (size_t i = 300; i < 400; i++) cr_assert_gt(given[i], 0);
}

Test(dormant, a_name_of_a_job_takes_few_bytes)
{
    char text[32];
    size_t before = mem_used(), many = 100000;
    for (size_t i = 0; i < many; i++) {
        struct slice name = slice_of(text, (size_t)snprintf(text, sizeof(text), "bull:mail:%zu", 1000000 + i));
        dormant_add(&d, name, map_hash(name), VALUE_HASH);
    }
    cr_assert_lt(mem_used() - before, many * 16);
}

Test(dormant, it_is_freed_in_parts)
{
    size_t parts = 0, steps = 0;
    cr_assert(dormant_drain(&d, &steps), "there is nothing");
    for (size_t i = 0; i < NAMES; i++) add(i, VALUE_SET);
    for (bool is_done = false; !is_done; parts++) {
        steps = 10;
        is_done = dormant_drain(&d, &steps);
    }
    cr_assert_geq(parts, NAMES / 16 / 10);
}
