/* SPDX-License-Identifier: MIT */
#include "cron/calendar.h"

#include <criterion/criterion.h>

Test(calendar, counts_every_day_of_a_thousand_years_once)
{
    struct calendar_date d = {1500, 1, 1};
    for (int64_t days = calendar_days(d); d.year < 2500; days++) {
        struct calendar_date found = calendar_date(days);
        cr_assert(found.year == d.year && found.month == d.month && found.day == d.day, "day %lld", (long long)days);
        cr_assert_eq(calendar_days(d), days);
        if (d.day++ < calendar_days_in_month(d.year, d.month)) continue;
        d.day = 1;
        if (d.month++ < 12) continue;
        d.month = 1;
        d.year++;
    }
}

Test(calendar, knows_days_of_history)
{
    cr_assert_eq(calendar_days((struct calendar_date){1970, 1, 1}), 0);
    cr_assert_eq(calendar_days((struct calendar_date){2000, 2, 29}), 11016);
    cr_assert_eq(calendar_days((struct calendar_date){1969, 12, 31}), -1);
    cr_assert_eq(calendar_weekday(0), 4, "1970-01-01 was a Thursday");
    cr_assert_eq(calendar_weekday(-5), 6);
    cr_assert_eq(calendar_days_in_month(1900, 2), 28);
    cr_assert_eq(calendar_days_in_month(2000, 2), 29);
}
