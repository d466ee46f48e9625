/* SPDX-License-Identifier: MIT */
/*
 * POSIX's TZ, as the last line of a TZif file has it (RFC 8536 section 3.3.1):
 *
 *     CET-1CEST,M3.5.0,M10.5.0/3
 *     |  | |    |      |      \ the hour of the change, 02:00 when it is not said
 *     |  | |    |      summer time ends on the last Sunday of October
 *     |  | |    summer time begins on the last Sunday of March
 *     |  | summer time's name; its offset may follow, one hour more than standard time when it does not
 *     |  hours that are added to get UTC: the sign is the other way round than in "+01:00"
 *     name: letters, or anything in <>
 */
#include "cron/calendar.h"
#include "cron/zone.h"

#include <string.h>

#define NAME_MIN_CHARS 3
#define OFFSET_HOURS_MAX 24
#define TIME_HOURS_MAX 167
#define TIME_WHEN_NOT_SAID_S (2 * CALENDAR_HOUR_S)

struct reader {
    struct slice text;
    size_t at;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct reader *r)
{
    return r->at < r->text.len ? r->text.at[r->at] : '\0';
}

static bool skip(struct reader *r, char c)
{
    if (r->at == r->text.len || peek(r) != c) return false;
    r->at++;
    return true;
}

static bool read_number(struct reader *r, int min, int max, int *out)
{
    if (!is_digit(peek(r))) return false;
    int n = 0;
    while (is_digit(peek(r))) {
        n = n * 10 + (peek(r) - '0');
        if (n > max) return false;
        r->at++;
    }
    *out = n;
    return n >= min;
}

static bool skip_name(struct reader *r)
{
    size_t begin = r->at;
    if (skip(r, '<')) {
        const char *end = memchr(r->text.at + r->at, '>', r->text.len - r->at);
        if (!end) return false;
        r->at = (size_t)(end - r->text.at) + 1;
        return r->at - begin >= NAME_MIN_CHARS + 2;
    }
    while ((peek(r) >= 'a' && peek(r) <= 'z') || (peek(r) >= 'A' && peek(r) <= 'Z')) r->at++;
    return r->at - begin >= NAME_MIN_CHARS;
}

/* [+-]hours[:minutes[:seconds]] */
static bool read_time(struct reader *r, int hours_max, int32_t *out_s)
{
    bool is_negative = skip(r, '-');
    if (!is_negative) (void)skip(r, '+');
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    if (!read_number(r, 0, hours_max, &hours)) return false;
    if (skip(r, ':')) {
        if (!read_number(r, 0, 59, &minutes)) return false;
        if (skip(r, ':') && !read_number(r, 0, 59, &seconds)) return false;
    }
    int32_t s = hours * CALENDAR_HOUR_S + minutes * CALENDAR_MINUTE_S + seconds;
    *out_s = is_negative ? -s : s;
    return true;
}

static bool read_offset(struct reader *r, int32_t *out_s)
{
    if (!read_time(r, OFFSET_HOURS_MAX, out_s)) return false;
    *out_s = -*out_s;
    return true;
}

static bool read_date(struct reader *r, struct zone_date *out)
{
    *out = (struct zone_date){.time_s = TIME_WHEN_NOT_SAID_S};
    bool is_read;
    if (skip(r, 'M')) {
        out->kind = ZONE_DATE_WEEKDAY;
        is_read = read_number(r, 1, 12, &out->month) && skip(r, '.') && read_number(r, 1, 5, &out->week) &&
                  skip(r, '.') && read_number(r, 0, 6, &out->weekday);
    } else if (skip(r, 'J')) {
        out->kind = ZONE_DATE_JULIAN_DAY;
        is_read = read_number(r, 1, 365, &out->day);
    } else {
        out->kind = ZONE_DATE_DAY_OF_YEAR;
        is_read = read_number(r, 0, 365, &out->day);
    }
    if (!is_read || !skip(r, '/')) return is_read;
    return read_time(r, TIME_HOURS_MAX, &out->time_s);
}

static bool read_rule(struct reader *r, struct zone_rule *out)
{
    *out = (struct zone_rule){0};
    if (!skip_name(r) || !read_offset(r, &out->offset_s)) return false;
    if (r->at == r->text.len) return true;
    out->has_summer = true;
    if (!skip_name(r)) return false;
    out->summer_offset_s = out->offset_s + CALENDAR_HOUR_S;
    if (peek(r) != ',' && !read_offset(r, &out->summer_offset_s)) return false;
    return skip(r, ',') && read_date(r, &out->summer_begins) && skip(r, ',') && read_date(r, &out->summer_ends) &&
           r->at == r->text.len;
}

oxq_err zone_rule_parse(struct slice text, struct zone_rule *out, struct oxq_error *err)
{
    struct reader r = {text, 0};
    struct zone_rule rule;
    if (!read_rule(&r, &rule))
        return err_set(err, OXQ_ERR_FORMAT, "the time zone's rule makes no sense at its character %zu", r.at + 1);
    *out = rule;
    return OXQ_OK;
}

bool zone_from_name(struct slice name, struct zone *out)
{
    if (slice_is(name, "utc") || slice_is(name, "gmt")) {
        *out = (struct zone){0};
        return true;
    }
    if (name.len < 5 || !slice_is(slice_of(name.at, 3), "utc")) return false;
    struct reader r = {name, 3};
    int32_t offset_s;
    if ((peek(&r) != '+' && peek(&r) != '-') || !read_time(&r, OFFSET_HOURS_MAX, &offset_s)) return false;
    if (r.at != name.len) return false;
    *out = (struct zone){.first_offset_s = offset_s};
    return true;
}
