/* SPDX-License-Identifier: MIT */
#include "client/backoff.h"

#include <criterion/criterion.h>

/* The least and the greatest of many pauses. */
static void sample(int failures, int64_t *out_least, int64_t *out_most)
{
    struct client_backoff b = {.first_ms = 50, .max_ms = 2000};
    struct rng rng;
    rng_init(&rng, 7);
    *out_least = INT64_MAX;
    *out_most = 0;
    for (int i = 0; i < 10000; i++) {
        int64_t us = client_backoff_us(&b, failures, &rng);
        if (us < *out_least) *out_least = us;
        if (us > *out_most) *out_most = us;
    }
}

Test(client_backoff, doubles_up_to_its_maximum_and_spreads_over_the_whole)
{
    static const int64_t bounds_ms[] = {50, 100, 200, 400, 800, 1600, 2000, 2000};
    for (int i = 0; i < 8; i++) {
        int64_t least, most;
        sample(i + 1, &least, &most);
        cr_assert_leq(most, bounds_ms[i] * 1000);
        cr_assert_gt(most, bounds_ms[i] * 990);
        cr_assert_lt(least, bounds_ms[i] * 10);
    }
    int64_t least, most;
    sample(1000000, &least, &most);
    cr_assert_leq(most, 2000000);
}
