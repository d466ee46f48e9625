/* SPDX-License-Identifier: MIT */
/*
 * The next run is found by a walk over the zone's local time: from where it stands it steps to the next month, day,
 * hour, minute or second that may match, and stops where all fields do. Each step goes forward, so the walk ends; a
 * text that finds nothing within STEPS_MAX steps (over 200 years) never runs.
 *
 * Where clocks change, what runs is what cron-parser does, and that depends on the way the walk comes:
 *   forward, onto a gap      Coming hour by hour, the first hour after the gap stands for the hours in it: "30 2 * * *"
 *                            runs at 03:30. Coming from the day before in one step it does not: where midnight is
 *                            skipped, "0 0 * * *" does not run that day.
 *   back, an hour twice      Coming by an hour or a minute to the second passage's beginning, that hour is skipped;
 *                            with all 24 hours in the text it is not, and "0 * * * *" runs in both.
 *   a day of change          is walked hour by hour; any other goes straight to the next hour that matches.
 * A step may not end later than it began where clocks were put back by part of an hour (rounding to the hour leads to
 * before the change). Then the walk goes on by one minute.
 */
#include "cron/calendar.h"
#include "cron/cron.h"

/* cron-parser's limit, so that both give up on the same texts. */
#define STEPS_MAX 10000
#define HOURS_IN_DAY 24
/* No clock is put forward or back by more. */
#define CHANGE_MAX_S (ZONE_OFFSET_MAX_S - ZONE_OFFSET_MIN_S)
#define NO_HOUR (-1)

enum unit { UNIT_SECOND, UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_MONTH };

/* What the clocks show. */
struct face {
    struct calendar_date date;
    int64_t days; /* since 1970 */
    int hour, minute, second;
};

struct walk {
    const struct cron *cron;
    const struct zone *zone;
    int64_t at_s;
    int32_t offset_s;
    struct zone_period period; /* around at_s: most steps stay in it and need not ask the zone */
    struct face face;
    int gap_hour, gap_landing_hour; /* the first hour of a gap that was stepped over, and the first after it */
    int repeated_hour;              /* the hour whose second passage has just begun */
    /* Is the day one with two offsets? Kept, since on such a day it is asked for each hour, and then as seen from the
     * first hour that asked. */
    int64_t asked_day;
    bool is_day_of_change;
};

static void look(struct walk *w, int64_t at_s)
{
    w->at_s = at_s;
    if (at_s < w->period.begins_s || at_s >= w->period.ends_s) w->period = zone_period_at(w->zone, at_s);
    w->offset_s = w->period.offset_s;
    int64_t local_s = at_s + w->offset_s;
    int64_t in_day_s = calendar_mod(local_s, CALENDAR_DAY_S);
    w->face.days = calendar_div(local_s, CALENDAR_DAY_S);
    w->face.date = calendar_date(w->face.days);
    w->face.hour = (int)(in_day_s / CALENDAR_HOUR_S);
    w->face.minute = (int)(in_day_s % CALENDAR_HOUR_S / CALENDAR_MINUTE_S);
    w->face.second = (int)(in_day_s % CALENDAR_MINUTE_S);
}

/* Goes to a local time; of two instants to the one with the offset of now. Far from changes there is only one. */
static void go_to_local(struct walk *w, int64_t days, int64_t in_day_s)
{
    int64_t local_s = days * CALENDAR_DAY_S + in_day_s;
    int64_t at_s = local_s - w->offset_s;
    bool is_far = at_s - CHANGE_MAX_S >= w->period.begins_s && at_s + CHANGE_MAX_S < w->period.ends_s;
    look(w, is_far ? at_s : zone_resolve(w->zone, local_s, w->offset_s));
}

static int64_t face_in_day_s(const struct face *f)
{
    return f->hour * CALENDAR_HOUR_S + f->minute * CALENDAR_MINUTE_S + f->second;
}

static void set_time(struct walk *w, int hour, int minute, int second)
{
    struct face f = {.hour = hour, .minute = minute, .second = second};
    go_to_local(w, w->face.days, face_in_day_s(&f));
}

/* The same time of the next day or month first: its offset decides which midnight is meant, where there are two. */
static void step_day(struct walk *w)
{
    go_to_local(w, w->face.days + 1, face_in_day_s(&w->face));
    go_to_local(w, w->face.days, 0);
}

static void step_month(struct walk *w)
{
    struct calendar_date d = w->face.date;
    d.year += d.month == 12;
    d.month = d.month % 12 + 1;
    int days = calendar_days_in_month(d.year, d.month);
    if (d.day > days) d.day = days;
    go_to_local(w, calendar_days(d), face_in_day_s(&w->face));
    go_to_local(w, w->face.days - w->face.date.day + 1, 0);
}

static int count_hours(const struct cron *c)
{
    return __builtin_popcount(c->hours);
}

/* Steps to the beginning of the next second, minute or hour, and notes a change of the clocks. */
static void step(struct walk *w, enum unit unit)
{
    int hour = w->face.hour;
    int32_t offset_s = w->offset_s;
    switch (unit) {
    case UNIT_SECOND: look(w, w->at_s + 1); break;
    case UNIT_MINUTE:
        look(w, w->at_s + CALENDAR_MINUTE_S);
        set_time(w, w->face.hour, w->face.minute, 0);
        break;
    case UNIT_HOUR:
        look(w, w->at_s + CALENDAR_HOUR_S);
        set_time(w, w->face.hour, 0, 0);
        break;
    case UNIT_DAY: step_day(w); return;
    case UNIT_MONTH: step_month(w); return;
    }
    if (count_hours(w->cron) == HOURS_IN_DAY) return;
    int hours_passed = (w->face.hour - hour + HOURS_IN_DAY) % HOURS_IN_DAY;
    if (w->offset_s > offset_s && hours_passed >= 2) {
        w->gap_hour = (hour + 1) % HOURS_IN_DAY;
        w->gap_landing_hour = w->face.hour;
    } else if (hours_passed == 0 && w->face.minute == 0 && w->face.second == 0) {
        w->repeated_hour = w->face.hour;
    }
}

static bool has(uint64_t set, int value)
{
    return set >> value & 1;
}

/* The least value of a set that is not below `from`; -1: none. */
static int find_from(uint64_t set, int from)
{
    uint64_t rest = from < 64 ? set >> from << from : 0;
    return rest ? __builtin_ctzll(rest) : -1;
}

/* The Monday to Friday nearest to a day, in its month; 0 when the month does not have the day. */
static int find_near_workday(const struct face *f, int day, int days_in_month)
{
    if (day > days_in_month) return 0;
    int weekday = calendar_weekday(f->days - f->date.day + day);
    if (weekday == 6) return day > 1 ? day - 1 : day + 2;
    if (weekday == 0) return day < days_in_month ? day + 1 : day - 2;
    return day;
}

static bool matches_day_of_month(const struct cron *c, const struct face *f)
{
    int last = calendar_days_in_month(f->date.year, f->date.month);
    int day = f->date.day;
    if (has(c->days, day) || (c->has_last_day && day == last)) return true;
    for (int near = find_from(c->near_days, 1); near > 0; near = find_from(c->near_days, near + 1)) {
        if (find_near_workday(f, near, last) == day) return true;
    }
    if (!c->has_last_workday) return false;
    int weekday_of_last = calendar_weekday(f->days - day + last);
    int back = weekday_of_last == 0 ? 2 : weekday_of_last == 6;
    return day == last - back;
}

static bool matches_day_of_week(const struct cron *c, const struct face *f)
{
    int weekday = calendar_weekday(f->days);
    int day = f->date.day;
    if (has(c->weekdays, weekday) && (!c->weekday_of_month || (day + 6) / 7 == c->weekday_of_month)) return true;
    return has(c->last_weekdays, weekday) && day > calendar_days_in_month(f->date.year, f->date.month) - 7;
}

static bool matches_day(const struct cron *c, const struct face *f)
{
    if (c->is_any_weekday) return matches_day_of_month(c, f);
    return matches_day_of_week(c, f) || (!c->is_any_day && matches_day_of_month(c, f));
}

static bool is_day_of_change(struct walk *w)
{
    if (w->asked_day == w->face.days) return w->is_day_of_change;
    struct walk ends = *w;
    go_to_local(&ends, w->face.days, 0);
    int32_t first_offset_s = ends.offset_s;
    look(&ends, w->at_s);
    step_day(&ends);
    w->asked_day = w->face.days;
    w->is_day_of_change = zone_offset(w->zone, ends.at_s - 1) != first_offset_s;
    return w->is_day_of_change;
}

/* Does an hour of the gap before this hour match? */
static bool stands_for_gap(const struct walk *w)
{
    if (w->gap_hour == NO_HOUR || w->gap_landing_hour != w->face.hour) return false;
    for (int hour = w->gap_hour; hour != w->face.hour; hour = (hour + 1) % HOURS_IN_DAY) {
        if (has(w->cron->hours, hour)) return true;
    }
    return false;
}

static void go_to_first_minute(struct walk *w)
{
    set_time(w, w->face.hour, find_from(w->cron->minutes, 0), w->face.second);
    set_time(w, w->face.hour, w->face.minute, find_from(w->cron->seconds, 0));
}

static void step_to_hour(struct walk *w)
{
    w->gap_hour = NO_HOUR;
    int now = w->face.hour;
    int next = find_from(w->cron->hours, now + 1);
    if (next < 0) {
        step(w, UNIT_DAY);
        return;
    }
    if (is_day_of_change(w)) {
        for (int i = now; i < next; i++) {
            step(w, UNIT_HOUR);
            if (w->face.hour >= next) break;
        }
    } else {
        set_time(w, next, w->face.minute, w->face.second);
    }
    go_to_first_minute(w);
}

static void step_to_minute(struct walk *w)
{
    int next = find_from(w->cron->minutes, w->face.minute + 1);
    if (next < 0) {
        step(w, UNIT_HOUR);
        go_to_first_minute(w);
        return;
    }
    set_time(w, w->face.hour, next, w->face.second);
    set_time(w, w->face.hour, w->face.minute, find_from(w->cron->seconds, 0));
}

static void step_to_second(struct walk *w)
{
    int next = find_from(w->cron->seconds, w->face.second + 1);
    if (next < 0) {
        step(w, UNIT_MINUTE);
        next = find_from(w->cron->seconds, 0);
    }
    set_time(w, w->face.hour, w->face.minute, next);
}

/* One step towards the next run; false: it stands on a run. */
static bool step_on(struct walk *w)
{
    const struct cron *c = w->cron;
    if (!has(c->months, w->face.date.month)) {
        step(w, UNIT_MONTH);
    } else if (!matches_day(c, &w->face)) {
        step(w, UNIT_DAY);
    } else if (!stands_for_gap(w) && w->repeated_hour == w->face.hour) {
        w->repeated_hour = NO_HOUR;
        step(w, UNIT_HOUR);
    } else if (!stands_for_gap(w) && !has(c->hours, w->face.hour)) {
        step_to_hour(w);
    } else if (!has(c->minutes, w->face.minute)) {
        step_to_minute(w);
    } else if (!has(c->seconds, w->face.second)) {
        step_to_second(w);
    } else {
        return false;
    }
    return true;
}

static void step_on_forward(struct walk *w, int64_t from_s)
{
    if (w->at_s > from_s) return;
    w->repeated_hour = NO_HOUR;
    look(w, from_s - calendar_mod(from_s, CALENDAR_MINUTE_S) + CALENDAR_MINUTE_S);
}

static oxq_err find_run(struct walk *w, int64_t after_ms, int64_t end_ms, struct oxq_error *err)
{
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        if (end_ms && w->at_s * 1000 > end_ms)
            return err_set(err, OXQ_ERR_NOT_FOUND, "the cron text has no run left before the end");
        int64_t from_s = w->at_s;
        if (step_on(w))
            step_on_forward(w, from_s);
        else if (w->at_s * 1000 > after_ms)
            return OXQ_OK;
        else
            step(w, UNIT_SECOND);
    }
    return err_set(err, OXQ_ERR_NOT_FOUND, "the cron text never runs");
}

static bool is_time(int64_t ms)
{
    return ms >= -CRON_TIME_MAX_MS && ms <= CRON_TIME_MAX_MS;
}

oxq_err cron_next(const struct cron *c, const struct zone *z, struct cron_span span, int64_t after_ms, int64_t *out_ms,
                  struct oxq_error *err)
{
    if (!is_time(after_ms) || !is_time(span.start_ms) || !is_time(span.end_ms))
        return err_set(err, OXQ_ERR_ARGUMENT, "a time is more than 100 million days away from 1970");
    if (span.start_ms && after_ms < span.start_ms) after_ms = span.start_ms;
    struct walk w = {.cron = c, .zone = z, .gap_hour = NO_HOUR, .repeated_hour = NO_HOUR, .asked_day = INT64_MIN};
    look(&w, calendar_div(after_ms, 1000));
    if (calendar_mod(after_ms, 1000) > 0) step(&w, UNIT_SECOND);
    oxq_err e = find_run(&w, after_ms, span.end_ms, err);
    if (!e) *out_ms = w.at_s * 1000;
    return e;
}
