/* SPDX-License-Identifier: MIT */
#include "cli/groups.h"

#include "cli/spread.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct arena arena;
static struct groups groups = {.map = {.key_of = groups_key}};

static void stop(void)
{
    arena_deinit(&arena);
    groups_deinit(&groups);
}

TestSuite(groups, .fini = stop);

Test(groups, what_changes_from_job_to_job_is_left_out)
{
    static const struct {
        const char *error, *shape;
    } cases[] = {
        {"timeout after 35ms", "timeout after #ms"},
        {"connect ECONNREFUSED 10.0.0.7:5432", "connect ECONNREFUSED #.#.#.#:#"},
        {"user \"Eve\" is not there", "user \"…\" is not there"},
        {"no file '/tmp/a 1.pdf'", "no file '…'"},
        {"can't read `x`, don't ask", "can't read `…`, don't ask"},
        {"one \" alone", "one \" alone"},
        {"order 6f9619ff-8b86-d011-b42d-00c04fc964ff is gone", "order # is gone"},
        {"block 0xDEADbeef bad", "block # bad"},
        {"document 507f1f77bcf86cd799439011 missing", "document # missing"},
        {"deadbeef is a word, cafe42 not quite", "deadbeef is a word, cafe# not quite"},
        {"E11000 duplicate key user_42", "E# duplicate key user_#"},
        {"token abcdefghijklmnopqrs7tuv expired", "token # expired"},
        {"first line\nat 12", "first line"},
        {"", ""},
        {"0x", "#x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_str_eq(groups_shape(&arena, cases[i].error), cases[i].shape, "%s: %s", cases[i].error,
                         groups_shape(&arena, cases[i].error));
}

Test(groups, a_long_error_is_cut_between_characters)
{
    char error[1024];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(error, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof(error); i += 3) memcpy(error + i, "€", 4);
        const char *shape = groups_shape(&arena, error);
        cr_expect_lt(strlen(shape), (size_t)GROUPS_SHAPE_BYTES);
        cr_expect_gt(strlen(shape), (size_t)GROUPS_SHAPE_BYTES - 4);
        cr_expect_eq((strlen(shape) - shift) % 3, 0);
    }
}

Test(groups, errors_of_one_shape_are_counted_together)
{
    size_t count;
    groups_add(&groups, "refused 1", "a", 30);
    groups_add(&groups, "lost", "b", 40);
    groups_add(&groups, "refused 2\nmore", "c", 50);
    groups_add(&groups, "refused 3", "d", 20);
    const struct group **order = groups_in_order(&groups, &count);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(order[0]->shape, "refused #");
    cr_expect_eq(order[0]->count, 3);
    cr_expect_eq(order[0]->first_ms, 20);
    cr_expect_eq(order[0]->last_ms, 50);
    cr_expect_str_eq(order[0]->sample_id, "c");
    cr_expect_str_eq(order[0]->sample, "refused 2");
    cr_expect_str_eq(order[1]->shape, "lost");
    cr_expect_eq(order[1]->first_ms, 40);
    cr_expect_eq(groups.others, 0);
}

/* A word of letters for each number: digits would make them one group. */
Test(groups, more_groups_than_there_may_be_are_counted_as_others)
{
    size_t count;
    for (int i = 0; i < GROUPS_MAX + 7; i++) {
        char error[8] = {0};
        for (int n = i, k = 0; k < 4; k++, n /= 26) error[k] = (char)('a' + n % 26);
        groups_add(&groups, error, "1", i);
    }
    groups_in_order(&groups, &count);
    cr_assert_eq(count, GROUPS_MAX);
    cr_assert_eq(groups.others, 7);
}

/* ---------------------------------------------------------------- spread.h */

TestSuite(spread);

Test(spread, short_times_are_exact)
{
    static struct spread s;
    cr_assert_eq(spread_at(&s, 50), 0);
    for (int i = 1; i <= 100; i++) spread_add(&s, i);
    cr_expect_eq(spread_at(&s, 50), 50);
    cr_expect_eq(spread_at(&s, 95), 95);
    cr_expect_eq(spread_at(&s, 1), 1);
    cr_expect_eq(spread_at(&s, 100), 100);
    cr_expect_eq(s.max_ms, 100);
}

Test(spread, long_times_are_told_within_their_step)
{
    static const int64_t times[] = {127, 128, 129, 255, 256, 1000, 86400000, INT64_MAX / 2, INT64_MAX};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        static struct spread s;
        s = (struct spread){.count = 0};
        spread_add(&s, times[i]);
        int64_t told = spread_at(&s, 50);
        cr_expect_leq(told, times[i]);
        cr_expect_leq((double)(times[i] - told), (double)times[i] / SPREAD_STEPS);
        cr_expect_eq(spread_at(&s, 100), times[i]);
    }
}

Test(spread, what_ended_before_it_began_took_no_time)
{
    static struct spread s;
    spread_add(&s, -5);
    cr_assert_eq(s.count, 1);
    cr_assert_eq(spread_at(&s, 95), 0);
}
