/* SPDX-License-Identifier: MIT */
/*
 * Offsets: a table of past transitions, and after its last one a rule.
 *
 *      first offset      |  transitions[0]  |  transitions[1]  | ... |  rule: standard and summer time by turns
 *   ---------------------+------------------+------------------+-----+-----------------------------------------> instants
 *
 * A table without entries leaves all time to the rule. All questions go through zone_period_at.
 */
#include "cron/zone.h"

#include "base/mem.h"
#include "cron/calendar.h"

/* What a rule does in one year. */
struct change {
    int64_t at_s;
    int32_t offset_s; /* from then on */
};

/* Two changes in each year. A date may lie a week beyond its own year's ends, so that the changes next to an instant may
 * be those of two years before and two years after. */
#define NEAR_YEARS 2
#define NEAR_CHANGES_MAX (2 * (2 * NEAR_YEARS + 1))

void zone_deinit(struct zone *z)
{
    mem_free(z->transitions);
    *z = (struct zone){0};
}

/* The w-th weekday of a month; the 5th may not be there and is then the last. */
static int64_t find_weekday(int64_t year, const struct zone_date *d)
{
    int64_t first = calendar_days((struct calendar_date){year, d->month, 1});
    int64_t days = calendar_mod(d->weekday - calendar_weekday(first), 7) + 7 * (d->week - 1);
    if (days >= calendar_days_in_month(year, d->month)) days -= 7;
    return first + days;
}

static int64_t find_day(int64_t year, const struct zone_date *d)
{
    int64_t new_year = calendar_days((struct calendar_date){year, 1, 1});
    switch (d->kind) {
    case ZONE_DATE_WEEKDAY: return find_weekday(year, d);
    case ZONE_DATE_DAY_OF_YEAR: return new_year + d->day;
    case ZONE_DATE_JULIAN_DAY: return new_year + d->day - 1 + (calendar_is_leap(year) && d->day >= 60);
    }
    CHECK(!"a kind of date");
    return 0;
}

static struct change find_change(int64_t year, const struct zone_date *d, int32_t offset_before, int32_t offset_after)
{
    int64_t local = find_day(year, d) * CALENDAR_DAY_S + d->time_s;
    return (struct change){local - offset_before, offset_after};
}

/* Keeps the order of those at the same instant: summer time that ends when the next begins does not end. */
static void insert_sorted(struct change *changes, size_t count, struct change c)
{
    while (count > 0 && changes[count - 1].at_s > c.at_s) {
        changes[count] = changes[count - 1];
        count--;
    }
    changes[count] = c;
}

static struct zone_period find_in_rule(const struct zone_rule *r, int64_t at_s)
{
    if (!r->has_summer) return (struct zone_period){INT64_MIN, INT64_MAX, r->offset_s};
    int64_t year = calendar_date(calendar_div(at_s + r->offset_s, CALENDAR_DAY_S)).year;
    struct change changes[NEAR_CHANGES_MAX];
    size_t count = 0;
    for (int64_t y = year - NEAR_YEARS; y <= year + NEAR_YEARS; y++) {
        insert_sorted(changes, count++, find_change(y, &r->summer_ends, r->summer_offset_s, r->offset_s));
        insert_sorted(changes, count++, find_change(y, &r->summer_begins, r->offset_s, r->summer_offset_s));
    }
    struct zone_period p = {INT64_MIN, INT64_MAX, r->offset_s};
    for (size_t i = 0; i < count; i++) {
        if (changes[i].at_s > at_s) {
            p.ends_s = changes[i].at_s;
            break;
        }
        p.begins_s = changes[i].at_s;
        p.offset_s = changes[i].offset_s;
    }
    return p;
}

/* How many transitions are at or before the instant. */
static size_t count_until(const struct zone *z, int64_t at_s)
{
    size_t low = 0;
    size_t high = z->transitions_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->transitions[middle].at_s <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct zone_period zone_period_at(const struct zone *z, int64_t at_s)
{
    size_t passed = count_until(z, at_s);
    struct zone_period p = {INT64_MIN, INT64_MAX, z->first_offset_s};
    if (passed == z->transitions_count && z->has_rule) p = find_in_rule(&z->rule, at_s);
    if (passed < z->transitions_count) {
        p.ends_s = z->transitions[passed].at_s;
        if (passed > 0) p.offset_s = z->transitions[passed - 1].offset_s;
    } else if (passed > 0 && !z->has_rule) {
        p.offset_s = z->transitions[passed - 1].offset_s;
    }
    if (passed > 0 && z->transitions[passed - 1].at_s > p.begins_s) p.begins_s = z->transitions[passed - 1].at_s;
    SLOW_CHECK(p.begins_s <= at_s && at_s < p.ends_s);
    return p;
}

int32_t zone_offset(const struct zone *z, int64_t at_s)
{
    return zone_period_at(z, at_s).offset_s;
}

size_t zone_instants(const struct zone *z, int64_t local_s, int64_t out_s[static ZONE_INSTANTS_MAX])
{
    size_t count = 0;
    struct zone_period p = zone_period_at(z, local_s - ZONE_OFFSET_MAX_S);
    for (;;) {
        int64_t at_s = local_s - p.offset_s;
        if (at_s >= p.begins_s && at_s < p.ends_s) out_s[count++] = at_s;
        if (count == ZONE_INSTANTS_MAX || p.ends_s > local_s - ZONE_OFFSET_MIN_S) return count;
        p = zone_period_at(z, p.ends_s);
    }
}

/* Both sides of the gap that holds a local time which no clock shows. */
static int32_t find_offset_before_gap(const struct zone *z, int64_t local_s)
{
    struct zone_period p = zone_period_at(z, local_s - ZONE_OFFSET_MAX_S);
    while (local_s - p.offset_s >= p.ends_s) {
        struct zone_period next = zone_period_at(z, p.ends_s);
        if (local_s - next.offset_s < next.begins_s) break;
        p = next;
    }
    return p.offset_s;
}

int64_t zone_resolve(const struct zone *z, int64_t local_s, int32_t wanted_offset_s)
{
    int64_t instants[ZONE_INSTANTS_MAX];
    size_t count = zone_instants(z, local_s, instants);
    if (count == 0) return local_s - find_offset_before_gap(z, local_s);
    if (count == 2 && local_s - instants[1] == wanted_offset_s) return instants[1];
    return instants[0];
}
