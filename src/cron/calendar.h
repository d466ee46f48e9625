/* SPDX-License-Identifier: MIT */
/* The Gregorian calendar, extended to all years: days since 1970-01-01 to year, month, day and back. */
#ifndef CRON_CALENDAR_H
#define CRON_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_MINUTE_S 60
#define CALENDAR_HOUR_S 3600
#define CALENDAR_DAY_S 86400

struct calendar_date {
    int64_t year;
    int month; /* 1 .. 12 */
    int day;   /* 1 .. 31 */
};

/* Division that rounds down, and what it leaves (0 .. divisor - 1), for times before 1970 too. */
static inline int64_t calendar_div(int64_t n, int64_t divisor)
{
    return n / divisor - (n % divisor < 0);
}

static inline int64_t calendar_mod(int64_t n, int64_t divisor)
{
    int64_t rest = n % divisor;
    return rest < 0 ? rest + divisor : rest;
}

bool calendar_is_leap(int64_t year);
int calendar_days_in_month(int64_t year, int month);
int64_t calendar_days(struct calendar_date date);
struct calendar_date calendar_date(int64_t days);
/* 0 is Sunday. */
static inline int calendar_weekday(int64_t days)
{
    return (int)calendar_mod(days + 4, 7);
}

#endif
