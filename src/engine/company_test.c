/* SPDX-License-Identifier: MIT */
#include "engine/company.h"

#include <criterion/criterion.h>

static const int64_t now_us = 1000;

/* A group of one record whose caller is answered; then another's record is there. */
static struct company after_one(void)
{
    struct company c = {0};
    cr_assert_not(company_awaits(&c, 1, false, now_us), "nobody was answered before");
    company_go(&c, 1);
    return c;
}

Test(company, a_group_stays_for_who_was_answered_last)
{
    struct company c = after_one();
    cr_assert(company_awaits(&c, 1, false, now_us));
    cr_assert(company_awaits(&c, 1, false, now_us + COMPANY_US - 1));
    cr_assert_not(company_awaits(&c, 2, false, now_us + COMPANY_US - 1), "he has come");
    company_go(&c, 2);
    cr_assert_not(company_awaits(&c, 0, false, now_us), "there is no group yet");
    cr_assert(company_awaits(&c, 1, false, now_us), "both were answered");
}

Test(company, a_group_goes_alone_when_it_is_time)
{
    struct company c = after_one();
    cr_assert(company_awaits(&c, 1, false, now_us));
    cr_assert_not(company_awaits(&c, 1, false, now_us + COMPANY_US));
}

Test(company, the_time_counts_from_the_end_of_the_last_sync)
{
    struct company c = after_one();
    cr_assert_not(company_awaits(&c, 0, false, now_us));
    cr_assert_not(company_awaits(&c, 1, false, now_us + COMPANY_US));
}

Test(company, one_caller_alone_never_waits)
{
    struct company c = after_one();
    for (int i = 0; i < 10; i++) {
        cr_assert_not(company_awaits(&c, 0, false, now_us));
        cr_assert_not(company_awaits(&c, 1, false, now_us));
        company_go(&c, 1);
    }
}

Test(company, many_callers_never_wait)
{
    struct company c = {0};
    company_go(&c, COMPANY_RECORDS_MAX);
    cr_assert_not(company_awaits(&c, 1, false, now_us));
}

Test(company, guests_stay_for_more_and_for_longer_than_the_loop)
{
    struct company c = {0};
    company_go(&c, COMPANY_GUESTS_RECORDS_MAX - 1);
    cr_assert(company_awaits(&c, 1, true, now_us));
    cr_assert(company_awaits(&c, COMPANY_GUESTS_RECORDS_MAX - 1, true, now_us + COMPANY_GUESTS_US - 1));
    cr_assert_not(company_awaits(&c, COMPANY_GUESTS_RECORDS_MAX, true, now_us + COMPANY_GUESTS_US - 1),
                  "all have come");
    company_go(&c, COMPANY_GUESTS_RECORDS_MAX);
    cr_assert_not(company_awaits(&c, 1, true, now_us), "too many");
    company_go(&c, 1);
    cr_assert_not(company_awaits(&c, COMPANY_RECORDS_MAX, false, now_us), "too many for the loop");
}

Test(company, who_looks_first_says_how_long_it_stays)
{
    struct company c = {0};
    company_go(&c, COMPANY_RECORDS_MAX);
    cr_assert(company_awaits(&c, 1, true, now_us));
    cr_assert(company_awaits(&c, 1, false, now_us + COMPANY_GUESTS_US - 1));
    cr_assert_not(company_awaits(&c, 1, false, now_us + COMPANY_GUESTS_US));
}

Test(company, few_guests_stay_no_longer_than_few_in_the_loop)
{
    struct company c = after_one();
    cr_assert(company_awaits(&c, 1, true, now_us));
    cr_assert_not(company_awaits(&c, 1, true, now_us + COMPANY_US));
}

/* So many of `groups` stay, of each of which nobody comes in time. */
static int stays_in_vain(struct company *c, int groups)
{
    int stays = 0;
    for (int i = 0; i < groups; i++) {
        stays += company_awaits(c, 1, false, now_us);
        cr_assert_not(company_awaits(c, 1, false, now_us + COMPANY_US));
        company_go(c, 1);
    }
    return stays;
}

Test(company, what_is_in_vain_becomes_rare_and_is_tried_again)
{
    struct company c = after_one();
    cr_assert_eq(stays_in_vain(&c, 1), 1);
    cr_assert_eq(stays_in_vain(&c, 1 + 1), 1, "one skipped");
    cr_assert_eq(stays_in_vain(&c, 3 + 1), 1, "three skipped");
    int long_run = stays_in_vain(&c, 100000);
    cr_assert_gt(long_run, 100000 / (COMPANY_SKIPS_MAX + 2));
    cr_assert_lt(long_run, 100000 / COMPANY_SKIPS_MAX + 10);
    int64_t later_us = now_us;
    while (!company_awaits(&c, 1, false, ++later_us)) company_go(&c, 1);
    company_go(&c, 2);
    cr_assert_not(company_awaits(&c, 0, false, later_us));
    cr_assert(company_awaits(&c, 1, false, later_us), "as if it had never been in vain");
}

Test(company, a_clock_that_stands_still_ends_the_wait)
{
    struct company c = after_one();
    int looks = 0;
    while (company_awaits(&c, 1, false, now_us)) looks++;
    cr_assert_leq(looks, COMPANY_LOOKS_AT_ONCE_MAX);
}
