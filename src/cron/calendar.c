/* SPDX-License-Identifier: MIT */
/*
 * Years are counted from March, so that the leap day is the last of its year and the lengths of the months follow one
 * straight line: the month that is m months after March begins (153 m + 2) / 5 days after 1 March. 400 years have
 * always the same number of days.
 */
#include "cron/calendar.h"

#define DAYS_IN_400_YEARS 146097
#define DAYS_IN_100_YEARS 36524
#define DAYS_IN_4_YEARS 1461
#define DAYS_IN_YEAR 365
/* From 0000-03-01 to 1970-01-01. */
#define DAYS_TO_1970 719468

bool calendar_is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int calendar_days_in_month(int64_t year, int month)
{
    if (month == 2) return calendar_is_leap(year) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int64_t calendar_days(struct calendar_date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t months_since_march = (date.month + 9) % 12;
    int64_t year_of_400 = calendar_mod(year, 400);
    int64_t day_of_year = (153 * months_since_march + 2) / 5 + date.day - 1;
    int64_t day_of_400 = year_of_400 * DAYS_IN_YEAR + year_of_400 / 4 - year_of_400 / 100 + day_of_year;
    return calendar_div(year, 400) * DAYS_IN_400_YEARS + day_of_400 - DAYS_TO_1970;
}

struct calendar_date calendar_date(int64_t days)
{
    int64_t since_march = days + DAYS_TO_1970;
    int64_t day = calendar_mod(since_march, DAYS_IN_400_YEARS);
    /* Without the leap days that came before, 365 divides what is left. */
    int64_t leap_days = day / (DAYS_IN_4_YEARS - 1) - day / DAYS_IN_100_YEARS + day / (DAYS_IN_400_YEARS - 1);
    int64_t year = (day - leap_days) / DAYS_IN_YEAR;
    int64_t day_of_year = day - (year * DAYS_IN_YEAR + year / 4 - year / 100);
    int64_t months_since_march = (5 * day_of_year + 2) / 153;
    struct calendar_date date;
    date.day = (int)(day_of_year - (153 * months_since_march + 2) / 5 + 1);
    date.month = (int)(months_since_march + 2) % 12 + 1;
    date.year = calendar_div(since_march, DAYS_IN_400_YEARS) * 400 + year + (date.month <= 2);
    return date;
}
