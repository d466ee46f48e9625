/* SPDX-License-Identifier: MIT */
#include "os/spin.h"

#include <criterion/criterion.h>

static void learn_often(struct spin *s, int64_t took_us)
{
    for (int i = 0; i < 100; i++) spin_learn(s, took_us);
}

static int count_worth(struct spin *s, int waits)
{
    int count = 0;
    for (int i = 0; i < waits; i++) count += spin_is_worth_it(s);
    return count;
}

Test(spin, short_waits_are_spun_for_and_long_ones_are_not)
{
    struct spin s = {0};
    cr_assert_eq(count_worth(&s, 10), 10, "a new place");
    learn_often(&s, SPIN_US / 2);
    cr_assert_eq(count_worth(&s, 10), 10);
    learn_often(&s, 100000);
    cr_assert_eq(count_worth(&s, SPIN_PROBE_EVERY - 1), 0);
}

Test(spin, now_and_then_a_place_with_long_waits_is_tried_again)
{
    struct spin s = {0};
    learn_often(&s, INT64_MAX);
    cr_assert_eq(count_worth(&s, 10 * SPIN_PROBE_EVERY), 10);
    learn_often(&s, 0);
    cr_assert_eq(count_worth(&s, 10), 10);
}

Test(spin, one_long_wait_among_short_ones_changes_nothing)
{
    struct spin s = {0};
    learn_often(&s, SPIN_US / 2);
    spin_learn(&s, 10000000);
    cr_assert(spin_is_worth_it(&s));
}

Test(spin, a_wait_ends)
{
    struct spin s = {0};
    struct spin_wait wait;
    spin_begin(&wait, &s);
    while (spin_again(&wait)) continue;
    spin_end(&wait);
    cr_assert_leq(wait.until_us - wait.began_us, SPIN_US);
}
