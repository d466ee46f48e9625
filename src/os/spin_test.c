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

Test(spin, nobody_spins_for_a_while_when_others_compute)
{
    const int64_t start_us = 5 * SPIN_REST_MAX_US;
    cr_assert_not(spin_is_crowded(start_us));
    spin_note_crowd(start_us);
    cr_assert(spin_is_crowded(start_us + SPIN_REST_MIN_US - 1));
    cr_assert_not(spin_is_crowded(start_us + SPIN_REST_MIN_US));
}

Test(spin, a_rest_is_twice_as_long_when_it_was_in_vain)
{
    int64_t at_us = 5 * SPIN_REST_MAX_US, last_us = 0;
    for (int64_t us = SPIN_REST_MIN_US; us < SPIN_REST_MAX_US; us *= 2) {
        spin_note_crowd(at_us);
        spin_note_crowd(at_us); /* another thread, of the same */
        cr_assert(spin_is_crowded(at_us + us - 1));
        cr_assert_not(spin_is_crowded(at_us + us));
        at_us += us;
        last_us = us;
    }
    spin_note_crowd(at_us);
    cr_assert_not(spin_is_crowded(at_us + SPIN_REST_MAX_US), "it grows no more");
    at_us += SPIN_REST_MAX_US + 5 * 2 * last_us;
    spin_note_crowd(at_us);
    cr_assert_not(spin_is_crowded(at_us + SPIN_REST_MIN_US), "it went well for long");
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

Test(spin, where_nothing_is_under_way_a_wait_is_given_up_sooner)
{
    struct spin s = {.is_idle = true};
    struct spin_wait wait;
    spin_begin(&wait, &s);
    cr_assert_leq(wait.until_us - wait.began_us, SPIN_IDLE_US);
}
