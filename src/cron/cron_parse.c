/* SPDX-License-Identifier: MIT */
/*
 * A cron text is cut into fields at white space, a field into items at commas, and an item is read by a grammar that
 * needs to look at one character only:
 *
 *     item  = ("*" | "?" | value ["-" value]) ["/" step]
 *           | "L" | "LW" | value "W"          in the day of the month
 *           | value "L" | value "#" nth       in the day of the week; the latter alone in its field
 *     value = digits | name
 *
 * A value given twice is an error, as it is to cron-parser: it tells of a range that was meant otherwise. Days that the
 * only month of a text does not have are not values, so the month is read before the day.
 */
#include "base/nearest.h"
#include "cron/calendar.h"
#include "cron/cron.h"

#include <stdio.h>

#define QUOTED_MAX_CHARS 24
#define NUMBER_MAX 100000
#define NAME_CHARS 3
/* A day that February has in some years may come. */
#define LEAP_YEAR 2000

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

static const struct field {
    const char *name;
    int min, max;
    const char *values; /* how to write one */
    const char *names;  /* three letters each; NULL: it has none */
    int first_name;     /* the value of the first */
} fields[FIELDS] = {
    [SECOND] = {"second", 0, 59, "0 to 59", NULL, 0},
    [MINUTE] = {"minute", 0, 59, "0 to 59", NULL, 0},
    [HOUR] = {"hour", 0, 23, "0 to 23", NULL, 0},
    [DAY] = {"day of the month", 1, 31, "1 to 31, L, 15W or LW", NULL, 0},
    [MONTH] = {"month", 1, 12, "1 to 12 or JAN to DEC", "janfebmaraprmayjunjulaugsepoctnovdec", 1},
    [WEEKDAY] = {"day of the week", 0, 7, "0 to 7 or SUN to SAT, 5L or 1#2", "sunmontuewedthufrisat", 0},
};

static const struct macro {
    const char *name, *text;
} macros[] = {
    {"@yearly", "0 0 0 1 1 *"},     {"@annually", "0 0 0 1 1 *"}, {"@monthly", "0 0 0 1 * *"},
    {"@weekly", "0 0 0 * * 0"},     {"@daily", "0 0 0 * * *"},    {"@hourly", "0 0 * * * *"},
    {"@minutely", "0 * * * * *"},   {"@secondly", "* * * * * *"}, {"@weekdays", "0 0 0 * * 1-5"},
    {"@weekends", "0 0 0 * * 0,6"},
};
#define MACROS_COUNT (sizeof(macros) / sizeof(macros[0]))

struct reader {
    struct slice text;
    size_t at, end; /* of the field that is read, in text */
    int field;
    uint64_t counted; /* the values that may not be given twice */
    struct oxq_error *err;
};

/* What one field says. */
struct set {
    uint64_t values, last, near; /* 5; 5L; 15W */
    bool has_last, has_last_workday, is_any;
    int nth;
};

/* Part of the text as an error may show it. */
static struct slice quote(struct slice text, char out[static QUOTED_MAX_CHARS])
{
    size_t len = text.len < QUOTED_MAX_CHARS ? text.len : QUOTED_MAX_CHARS;
    for (size_t i = 0; i < len; i++) out[i] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
    return slice_of(out, len);
}

/* About the text from `begin` up to the reader's place, or about the character there. */
static oxq_err fail_from(const struct reader *r, size_t begin, const char *what, const char *instead)
{
    size_t end = r->at > begin ? r->at : begin + 1;
    char shown[QUOTED_MAX_CHARS];
    struct slice q = quote(slice_of(r->text.at + begin, (end < r->end ? end : r->end) - begin), shown);
    return err_set(r->err, OXQ_ERR_ARGUMENT, "cron text, %s, character %zu: \"%.*s\" %s; write %s",
                   fields[r->field].name, begin + 1, (int)q.len, q.at, what, instead);
}

static char peek(const struct reader *r)
{
    return r->at < r->end ? r->text.at[r->at] : '\0';
}

static bool skip(struct reader *r, char c)
{
    if (r->at == r->end || r->text.at[r->at] != c) return false;
    r->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits; numbers beyond all limits become NUMBER_MAX. */
static int read_number(struct reader *r)
{
    int n = 0;
    while (is_digit(peek(r))) {
        n = n * 10 + (r->text.at[r->at++] - '0');
        if (n > NUMBER_MAX) n = NUMBER_MAX;
    }
    return n;
}

static bool read_name(struct reader *r, int *out)
{
    const struct field *f = &fields[r->field];
    if (!f->names || r->end - r->at < NAME_CHARS) return false;
    for (int i = 0; f->names[i * NAME_CHARS]; i++) {
        const char *name = f->names + i * NAME_CHARS;
        struct slice word = slice_of(r->text.at + r->at, NAME_CHARS);
        bool is_same =
            (word.at[0] | 0x20) == name[0] && (word.at[1] | 0x20) == name[1] && (word.at[2] | 0x20) == name[2];
        if (!is_same) continue;
        r->at += NAME_CHARS;
        *out = f->first_name + i;
        return true;
    }
    return false;
}

static oxq_err read_value(struct reader *r, int *out)
{
    size_t begin = r->at;
    const struct field *f = &fields[r->field];
    if (peek(r) == 'H') return fail_from(r, begin, "is a value of chance, which is not supported", f->values);
    if (is_digit(peek(r))) {
        *out = read_number(r);
        if (*out >= f->min && *out <= f->max) return OXQ_OK;
        return fail_from(r, begin, "is out of range", f->values);
    }
    if (read_name(r, out)) return OXQ_OK;
    while (is_letter(peek(r))) r->at++;
    return fail_from(r, begin, "is not a value", f->values);
}

static oxq_err read_step(struct reader *r, int *out)
{
    size_t begin = r->at;
    if (!is_digit(peek(r))) return fail_from(r, begin - 1, "has no number after it", "a step such as /5");
    *out = read_number(r);
    if (*out == 0) return fail_from(r, begin, "is no step", "a step of 1 or more");
    return OXQ_OK;
}

static uint64_t values_between(int min, int max, int step)
{
    uint64_t values = 0;
    for (int i = min; i <= max; i += step) values |= UINT64_C(1) << i;
    return values;
}

/* Puts values into one of the field's sets, which must not have them yet. */
static oxq_err add_values(const struct reader *r, size_t begin, uint64_t values, uint64_t *set)
{
    /* Sunday is 0 and 7. */
    if (r->field == WEEKDAY && values >> 7) values = (values & 0x7f) | 1;
    if (*set & values & r->counted)
        return fail_from(r, begin, "names a value that was named before", "each value once");
    *set |= values;
    return OXQ_OK;
}

/* Before the reader is a value, and behind it what only days have: L, W or #. */
static oxq_err read_day_suffix(struct reader *r, size_t begin, int value, struct set *s)
{
    if (r->field == DAY && skip(r, 'W')) return add_values(r, begin, UINT64_C(1) << value, &s->near);
    if (skip(r, 'L')) {
        if (r->field == WEEKDAY) return add_values(r, begin, UINT64_C(1) << value, &s->last);
        return fail_from(r, begin, "is not a day", "L for the last day, or 5L in the day of the week");
    }
    size_t hash = r->at++;
    if (r->field != WEEKDAY) return fail_from(r, hash, "does not belong here", "# in the day of the week only");
    if (s->values || s->last || r->end - r->at != 1 || peek(r) < '1' || peek(r) > '5') {
        r->at = r->end;
        return fail_from(r, begin, "is not one day of the month", "1#2, alone in its field, with 1 to 5 after #");
    }
    s->nth = r->text.at[r->at++] - '0';
    return add_values(r, begin, UINT64_C(1) << value, &s->values);
}

/* L or LW */
static oxq_err read_last(struct reader *r, struct set *s)
{
    size_t begin = r->at++;
    if (r->field == WEEKDAY) return fail_from(r, begin, "lacks the day", "5L for the last Friday of the month");
    if (r->field != DAY) return fail_from(r, begin, "does not belong here", fields[r->field].values);
    bool *flag = skip(r, 'W') ? &s->has_last_workday : &s->has_last;
    if (*flag) return fail_from(r, begin, "names a day that was named before", "each day once");
    *flag = true;
    return OXQ_OK;
}

static oxq_err read_range(struct reader *r, struct set *s)
{
    const struct field *f = &fields[r->field];
    size_t begin = r->at;
    int min = f->min;
    int max = f->max;
    int step = 1;
    bool is_value = false;
    if (!skip(r, '*') && !skip(r, '?')) {
        oxq_err e = read_value(r, &min);
        if (e) return e;
        bool is_day = r->field == DAY || r->field == WEEKDAY;
        if (is_day && (peek(r) == 'L' || peek(r) == 'W' || peek(r) == '#')) return read_day_suffix(r, begin, min, s);
        is_value = !skip(r, '-');
        e = is_value ? OXQ_OK : read_value(r, &max);
        if (e) return e;
        if (min > max) return fail_from(r, begin, "ends before it begins", "the lower value first");
    }
    if (skip(r, '/')) {
        oxq_err e = read_step(r, &step);
        if (e) return e;
    } else if (is_value) {
        max = min;
    }
    return add_values(r, begin, values_between(min, max, step), &s->values);
}

static oxq_err read_item(struct reader *r, struct set *s)
{
    if (peek(r) == ',') return fail_from(r, r->at, "has nothing before it", fields[r->field].values);
    if (r->at == r->end) return fail_from(r, r->at - 1, "has nothing after it", fields[r->field].values);
    oxq_err e = peek(r) == 'L' ? read_last(r, s) : read_range(r, s);
    if (e) return e;
    if (r->at < r->end && peek(r) != ',')
        return fail_from(r, r->at, "does not belong here", "a comma between two values");
    return OXQ_OK;
}

static oxq_err read_field(struct reader *r, struct set *s)
{
    *s = (struct set){0};
    s->is_any = r->end - r->at == 1 && (peek(r) == '*' || peek(r) == '?');
    do {
        oxq_err e = read_item(r, s);
        if (e) return e;
    } while (skip(r, ','));
    return OXQ_OK;
}

/* Days that no month in the text has never come; the day of the week may still come, unless it is any day. */
static oxq_err check_days_come(const struct reader *r, size_t begin, const struct cron *c)
{
    if (!c->is_any_weekday || c->has_last_day || c->has_last_workday) return OXQ_OK;
    for (int month = 1; month <= 12; month++) {
        uint64_t days = values_between(1, calendar_days_in_month(LEAP_YEAR, month), 1);
        if ((c->months >> month & 1) && ((c->days | c->near_days) & days)) return OXQ_OK;
    }
    return fail_from(r, begin, "never comes in its months", "a day that one of them has, or L for the last");
}

/* The days of the text's only month, or of any. */
static uint64_t find_days(const struct cron *c)
{
    bool is_one = (c->months & (c->months - 1)) == 0;
    return values_between(1, is_one ? calendar_days_in_month(LEAP_YEAR, __builtin_ctz(c->months)) : 31, 1);
}

static void store(int field, const struct set *s, struct cron *c)
{
    switch (field) {
    case SECOND: c->seconds = s->values; break;
    case MINUTE: c->minutes = s->values; break;
    case HOUR: c->hours = (uint32_t)s->values; break;
    case MONTH: c->months = (uint32_t)s->values; break;
    case DAY:
        c->days = (uint32_t)s->values;
        c->near_days = (uint32_t)s->near;
        c->has_last_day = s->has_last;
        c->has_last_workday = s->has_last_workday;
        c->is_any_day = s->is_any;
        break;
    case WEEKDAY:
        c->weekdays = (uint32_t)s->values;
        c->last_weekdays = (uint32_t)s->last;
        c->weekday_of_month = s->nth;
        c->is_any_weekday = s->is_any;
        break;
    }
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where the fields are; returns how many there are, of which the first FIELDS are stored. */
static size_t find_fields(struct slice text, size_t begins[static FIELDS], size_t ends[static FIELDS])
{
    size_t count = 0;
    for (size_t at = 0; at < text.len;) {
        if (is_space(text.at[at])) {
            at++;
            continue;
        }
        size_t begin = at;
        while (at < text.len && !is_space(text.at[at])) at++;
        if (count < FIELDS) {
            begins[count] = begin;
            ends[count] = at;
        }
        count++;
    }
    return count;
}

static oxq_err parse_fields(struct slice text, struct cron *out, struct oxq_error *err)
{
    size_t begins[FIELDS] = {0};
    size_t ends[FIELDS] = {0};
    size_t count = find_fields(text, begins, ends);
    if (count != FIELDS && count != FIELDS - 1)
        return err_set(
            err, OXQ_ERR_ARGUMENT,
            "the cron text has %zu fields; write 5 (minute, hour, day of the month, month, day of the week) or "
            "6 (with the second first)",
            count);
    struct cron c = {.seconds = 1};
    struct reader r = {.text = text, .err = err};
    static const int order[FIELDS] = {SECOND, MINUTE, HOUR, MONTH, DAY, WEEKDAY};
    size_t has_no_second = FIELDS - count;
    for (size_t i = has_no_second; i < FIELDS; i++) {
        struct set s;
        r.field = order[i];
        r.at = begins[(size_t)r.field - has_no_second];
        r.end = ends[(size_t)r.field - has_no_second];
        r.counted = r.field == DAY ? find_days(&c) : UINT64_MAX;
        oxq_err e = read_field(&r, &s);
        if (e) return e;
        store(r.field, &s, &c);
    }
    size_t day = DAY - has_no_second;
    r = (struct reader){.text = text, .at = ends[day], .end = ends[day], .field = DAY, .err = err};
    oxq_err e = check_days_come(&r, begins[day], &c);
    if (!e) *out = c;
    return e;
}

static oxq_err parse_macro(struct slice text, struct cron *out, struct oxq_error *err)
{
    struct nearest n = nearest_to(text);
    for (size_t i = 0; i < MACROS_COUNT; i++) {
        if (slice_equal(text, slice_from_text(macros[i].name)))
            return parse_fields(slice_from_text(macros[i].text), out, err);
        nearest_offer(&n, macros[i].name);
    }
    char shown[QUOTED_MAX_CHARS];
    struct slice q = quote(text, shown);
    return err_set(err, OXQ_ERR_ARGUMENT, "cron text, character 1: \"%.*s\" is not known; write %s", (int)q.len, q.at,
                   n.best ? n.best : "@yearly, @monthly, @weekly, @daily, @hourly, @minutely, @weekdays or @weekends");
}

oxq_err cron_parse(struct slice text, struct cron *out, struct oxq_error *err)
{
    if (text.len > CRON_TEXT_MAX_BYTES)
        return err_set(err, OXQ_ERR_ARGUMENT, "the cron text has %zu characters; write %d at most", text.len,
                       CRON_TEXT_MAX_BYTES);
    if (text.len > 0 && text.at[0] == '@') return parse_macro(text, out, err);
    return parse_fields(text, out, err);
}
