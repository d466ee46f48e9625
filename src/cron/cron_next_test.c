/* SPDX-License-Identifier: MIT */
#include "cron/calendar.h"
#include "cron/cron.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
/* Clocks go from 24:00 to 01:00 in October, and from 24:00 to 23:00 in February. */
#define SAO_PAULO "<-03>3<-02>,M10.3.0/0,M2.3.0/0"

#define TIME_CHARS 24 /* "2024-03-31T02:30:00" */

static int64_t ms_of(const char *time)
{
    int y, mo, d, h, mi, s;
    cr_assert_eq(sscanf(time, "%d-%d-%dT%d:%d:%d", &y, &mo, &d, &h, &mi, &s), 6);
    int64_t days = calendar_days((struct calendar_date){y, mo, d});
    return (days * CALENDAR_DAY_S + h * CALENDAR_HOUR_S + mi * CALENDAR_MINUTE_S + s) * 1000;
}

static void write_time(int64_t ms, char out[static TIME_CHARS])
{
    int64_t in_day_s = calendar_mod(ms / 1000, CALENDAR_DAY_S);
    struct calendar_date d = calendar_date(calendar_div(ms / 1000, CALENDAR_DAY_S));
    snprintf(out, TIME_CHARS, "%04d-%02d-%02dT%02d:%02d:%02d", (int)d.year % 10000, d.month, d.day,
             (int)(in_day_s / 3600), (int)(in_day_s / 60 % 60), (int)(in_day_s % 60));
}

static struct zone by_rule(const char *rule)
{
    struct zone z = {.has_rule = true};
    cr_assert_eq(zone_rule_parse(slice_from_text(rule), &z.rule, NULL), OXQ_OK);
    return z;
}

static oxq_err next(const char *text, const char *rule, struct cron_span span, int64_t after_ms, int64_t *out_ms)
{
    struct zone z = by_rule(rule);
    struct cron c;
    struct oxq_error err = {0};
    cr_assert_eq(cron_parse(slice_from_text(text), &c, &err), OXQ_OK, "%s: %s", text, err.text);
    return cron_next(&c, &z, span, after_ms, out_ms, NULL);
}

/* All times are UTC. */
static void check_next(const char *text, const char *rule, const char *after, const char *run)
{
    int64_t ms;
    char found[TIME_CHARS];
    cr_assert_eq(next(text, rule, (struct cron_span){0}, ms_of(after), &ms), OXQ_OK);
    write_time(ms, found);
    cr_assert_str_eq(found, run, "\"%s\" after %s: %s, not %s", text, after, found, run);
}

static void check_runs(const char *text, const char *rule, const char *after, const char *const *runs)
{
    for (; *runs; runs++) {
        check_next(text, rule, after, *runs);
        after = *runs;
    }
}

Test(cron_next, finds_the_next_second_minute_hour_day_month_and_year)
{
    check_next("* * * * * *", "UTC0", "2024-01-31T23:59:59", "2024-02-01T00:00:00");
    check_next("*/15 * * * *", "UTC0", "2024-01-31T10:14:59", "2024-01-31T10:15:00");
    check_next("*/15 * * * *", "UTC0", "2024-01-31T10:15:00", "2024-01-31T10:30:00");
    check_next("30 45 23 * * *", "UTC0", "2024-12-31T23:45:30", "2025-01-01T23:45:30");
    check_next("0 0 29 2 *", "UTC0", "2024-03-01T00:00:00", "2028-02-29T00:00:00");
    check_next("0 0 29 2 *", "UTC0", "2096-03-01T00:00:00", "2104-02-29T00:00:00");
    check_next("0 0 * 2 1#5", "UTC0", "2016-03-01T00:00:00", "2044-02-29T00:00:00");
    check_next("0 12 1 1 *", "UTC0", "1960-05-05T05:05:05", "1961-01-01T12:00:00");
}

Test(cron_next, is_later_than_the_time_given_to_the_millisecond)
{
    int64_t ms;
    int64_t noon = ms_of("2024-01-01T12:00:00");
    cr_assert_eq(next("0 12 * * *", "UTC0", (struct cron_span){0}, noon - 1, &ms), OXQ_OK);
    cr_assert_eq(ms, noon);
    cr_assert_eq(next("0 12 * * *", "UTC0", (struct cron_span){0}, noon, &ms), OXQ_OK);
    cr_assert_eq(ms, noon + 86400000);
    cr_assert_eq(next("* * * * * *", "UTC0", (struct cron_span){0}, -1500, &ms), OXQ_OK);
    cr_assert_eq(ms, -1000);
}

Test(cron_next, day_of_month_or_day_of_week_when_both_are_given)
{
    static const char *const both[] = {"2024-03-04T00:00:00", "2024-03-11T00:00:00", "2024-03-13T00:00:00", NULL};
    check_runs("0 0 13 * 1", "UTC0", "2024-03-01T00:00:00", both);
    check_next("0 0 13 * *", "UTC0", "2024-03-01T00:00:00", "2024-03-13T00:00:00");
    check_next("0 0 ? * 1", "UTC0", "2024-03-05T00:00:00", "2024-03-11T00:00:00");
    static const char *const each[] = {"2024-03-02T00:00:00", "2024-03-03T00:00:00", NULL};
    check_runs("0 0 */1 * 1", "UTC0", "2024-03-01T00:00:00", each);
}

Test(cron_next, last_and_nth_days)
{
    check_next("0 0 L * *", "UTC0", "2023-02-01T00:00:00", "2023-02-28T00:00:00");
    check_next("0 0 L * *", "UTC0", "2024-02-01T00:00:00", "2024-02-29T00:00:00");
    check_next("0 0 * * 5L", "UTC0", "2024-05-01T00:00:00", "2024-05-31T00:00:00");
    check_next("0 0 * * 7L", "UTC0", "2024-05-01T00:00:00", "2024-05-26T00:00:00");
    check_next("0 0 * * 1#2", "UTC0", "2024-05-01T00:00:00", "2024-05-13T00:00:00");
    check_next("0 0 * * wed#5", "UTC0", "2024-05-01T00:00:00", "2024-05-29T00:00:00");
}

Test(cron_next, the_workday_nearest_to_a_day_stays_in_its_month)
{
    check_next("0 0 15W * *", "UTC0", "2024-05-01T00:00:00", "2024-05-15T00:00:00");
    check_next("0 0 15W 6 *", "UTC0", "2024-05-01T00:00:00", "2024-06-14T00:00:00"); /* a Saturday */
    check_next("0 0 15W 9 *", "UTC0", "2024-05-01T00:00:00", "2024-09-16T00:00:00"); /* a Sunday */
    check_next("0 0 1W 6 *", "UTC0", "2024-05-01T00:00:00", "2024-06-03T00:00:00");  /* Saturday the 1st */
    check_next("0 0 30W 6 *", "UTC0", "2024-05-01T00:00:00", "2024-06-28T00:00:00"); /* Sunday, the last */
    check_next("0 0 31W * *", "UTC0", "2024-06-01T00:00:00", "2024-07-31T00:00:00"); /* June has none */
    check_next("0 0 LW * *", "UTC0", "2024-05-01T00:00:00", "2024-05-31T00:00:00");
    check_next("0 0 LW * *", "UTC0", "2024-06-01T00:00:00", "2024-06-28T00:00:00"); /* Sunday the 30th */
    check_next("0 0 LW * *", "UTC0", "2024-08-01T00:00:00", "2024-08-30T00:00:00"); /* Saturday the 31st */
}

Test(cron_next, the_first_hour_after_a_gap_stands_for_the_hours_in_it)
{
    static const char *const half_past_2[] = {"2024-03-30T01:30:00", "2024-03-31T01:30:00", "2024-04-01T00:30:00",
                                              NULL};
    check_runs("30 2 * * *", BERLIN, "2024-03-29T12:00:00", half_past_2);
    static const char *const each_hour[] = {"2024-03-31T00:00:00", "2024-03-31T01:00:00", "2024-03-31T02:00:00", NULL};
    check_runs("0 * * * *", BERLIN, "2024-03-30T23:00:00", each_hour);
}

Test(cron_next, an_hour_that_comes_twice_runs_once_unless_every_hour_does)
{
    static const char *const half_past_2[] = {"2024-10-27T00:30:00", "2024-10-28T01:30:00", NULL};
    check_runs("30 2 * * *", BERLIN, "2024-10-26T12:00:00", half_past_2);
    static const char *const each_half_hour[] = {"2024-10-27T00:30:00", "2024-10-27T01:00:00", "2024-10-27T01:30:00",
                                                 "2024-10-27T02:00:00", NULL};
    check_runs("*/30 * * * *", BERLIN, "2024-10-27T00:00:00", each_half_hour);
}

Test(cron_next, a_skipped_midnight_does_not_run_when_the_walk_comes_by_the_day)
{
    check_next("0 0 * * *", SAO_PAULO, "2018-10-20T12:00:00", "2018-10-22T02:00:00");
    check_next("0 0,23 * * *", SAO_PAULO, "2018-10-21T02:30:00", "2018-10-21T03:00:00");
    check_next("30 12 * * *", SAO_PAULO, "2018-10-20T20:00:00", "2018-10-21T14:30:00");
}

Test(cron_next, clocks_put_back_by_half_an_hour_stop_nothing)
{
    /* 2024-04-06T15:00:00 UTC: from 02:00 back to 01:30. */
    static const char *const each_hour[] = {"2024-04-06T15:30:00", "2024-04-06T16:30:00", NULL};
    check_runs("0 * * * *", LORD_HOWE, "2024-04-06T14:15:00", each_hour);
    check_next("0 5 * * *", LORD_HOWE, "2024-04-06T14:15:00", "2024-04-06T18:30:00");
    check_next("0 2 * * *", LORD_HOWE, "2024-04-06T14:15:00", "2024-04-06T15:30:00");
}

Test(cron_next, runs_later_than_the_start_and_until_the_end)
{
    int64_t ms;
    int64_t now = ms_of("2024-01-01T00:00:00");
    struct cron_span span = {.start_ms = ms_of("2024-02-01T12:00:00")};
    cr_assert_eq(next("0 12 * * *", "UTC0", span, now, &ms), OXQ_OK);
    cr_assert_eq(ms, ms_of("2024-02-02T12:00:00"), "not at the very start");
    span = (struct cron_span){.end_ms = ms_of("2024-01-01T12:00:00")};
    cr_assert_eq(next("0 12 * * *", "UTC0", span, now, &ms), OXQ_OK);
    cr_assert_eq(ms, span.end_ms, "at the very end");
    cr_assert_eq(next("0 12 * * *", "UTC0", span, ms, &ms), OXQ_ERR_NOT_FOUND);
    span.end_ms--;
    cr_assert_eq(next("0 12 * * *", "UTC0", span, now, &ms), OXQ_ERR_NOT_FOUND);
}

Test(cron_next, takes_times_as_far_as_javascript_has_them)
{
    int64_t ms;
    struct cron_span none = {0};
    cr_assert_eq(next("0 0 29 2 *", BERLIN, none, CRON_TIME_MAX_MS, &ms), OXQ_OK);
    cr_assert_gt(ms, CRON_TIME_MAX_MS);
    cr_assert_eq(next("0 0 29 2 *", BERLIN, none, -CRON_TIME_MAX_MS, &ms), OXQ_OK);
    cr_assert_gt(ms, -CRON_TIME_MAX_MS);
    cr_assert_eq(next("* * * * *", BERLIN, none, CRON_TIME_MAX_MS + 1, &ms), OXQ_ERR_ARGUMENT);
    cr_assert_eq(next("* * * * *", BERLIN, none, INT64_MIN, &ms), OXQ_ERR_ARGUMENT);
}
