/* SPDX-License-Identifier: MIT */
/*
 * Cron texts, and when they run next: what npm's cron-parser 5.10, which BullMQ 6 uses, reads and computes.
 *
 *     second (optional, else 0)   0-59
 *     minute                      0-59
 *     hour                        0-23
 *     day of the month            1-31, L: the last; 15W: the weekday nearest to the 15th, LW: the last weekday
 *     month                       1-12 or JAN-DEC
 *     day of the week             0-7 or SUN-SAT (0 and 7: Sunday), 5L: the last Friday, 1#2: the second Monday
 *
 * Each is * or ? or a list of values, ranges (1-5) and steps (*, 1-5 or 8, then /2); L and W are capital, names in any
 * case. A day runs when it is in one of the two day fields; where one of them is * or ?, the other alone decides.
 * Instead of fields: @yearly @annually @monthly @weekly @daily @hourly @minutely @secondly @weekdays @weekends.
 *
 * Other than cron-parser: W is more than it has; H, fewer than five fields and slips of the pen that it reads somehow
 * (5*, 1-5-9, 0-*, feb in the day of the week) are errors; and where it gives up or gives a time that has passed (clocks
 * put back across part of an hour, as in Australia/Lord_Howe) the next run is found.
 * Threads: a struct cron does not change after cron_parse; any number may read it.
 */
#ifndef CRON_CRON_H
#define CRON_CRON_H

#include "cron/zone.h"

#define CRON_TEXT_MAX_BYTES 1024
/* Times are JavaScript's: within 100 million days of 1970. */
#define CRON_TIME_MAX_MS INT64_C(8640000000000000)

/* Bit n stands for the value n. */
struct cron {
    uint64_t seconds, minutes;
    uint32_t hours;
    uint32_t days, near_days; /* 15; 15W */
    uint32_t months;
    uint32_t weekdays, last_weekdays; /* 5; 5L. Sunday is 0 */
    int weekday_of_month;             /* 1#2: 2; 0: each one */
    bool has_last_day;                /* L */
    bool has_last_workday;            /* LW */
    bool is_any_day, is_any_weekday;  /* the field is * or ? */
};

/* The first and the last moment at which it may run; 0: no such limit. */
struct cron_span {
    int64_t start_ms, end_ms;
};

/* Errors: ARGUMENT; the text says field, character (from 1) and what to write; also for days that never come. */
OXQ_MUST_USE oxq_err cron_parse(struct slice text, struct cron *out, struct oxq_error *err);
/*
 * The next run later than after_ms and later than the span's start (as cron-parser has it, a run at the very start is
 * not one; one at the very end is). Times are milliseconds since 1970 UTC; runs are at whole seconds.
 * Errors: NOT_FOUND (none until the span's end, or none at all), ARGUMENT (a time beyond CRON_TIME_MAX_MS).
 */
OXQ_MUST_USE oxq_err cron_next(const struct cron *c, const struct zone *z, struct cron_span span, int64_t after_ms,
                               int64_t *out_ms, struct oxq_error *err);

#endif
