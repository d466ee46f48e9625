/* SPDX-License-Identifier: MIT */
#include "cron/zone.h"

#include "base/mem.h"
#include "cron/calendar.h"

#include <criterion/criterion.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"

static struct zone by_rule(const char *rule)
{
    struct zone z = {.has_rule = true};
    struct oxq_error err;
    cr_assert_eq(zone_rule_parse(slice_from_text(rule), &z.rule, &err), OXQ_OK, "%s: %s", rule, err.text);
    return z;
}

static int64_t at(int year, int month, int day, int hour, int minute)
{
    int64_t days = calendar_days((struct calendar_date){year, month, day});
    return days * CALENDAR_DAY_S + hour * CALENDAR_HOUR_S + minute * CALENDAR_MINUTE_S;
}

static void check_change(const char *rule, int64_t at_s, int before_minutes, int after_minutes)
{
    struct zone z = by_rule(rule);
    cr_assert_eq(zone_offset(&z, at_s - 1), before_minutes * 60, "%s before %lld", rule, (long long)at_s);
    cr_assert_eq(zone_offset(&z, at_s), after_minutes * 60, "%s from %lld", rule, (long long)at_s);
}

Test(zone, rules_change_the_offset_at_their_instants)
{
    check_change(BERLIN, at(2024, 3, 31, 1, 0), 60, 120);
    check_change(BERLIN, at(2024, 10, 27, 1, 0), 120, 60);
    check_change(BERLIN, at(2099, 3, 29, 1, 0), 60, 120);
    check_change(LORD_HOWE, at(2024, 4, 6, 15, 0), 660, 630);
    check_change(LORD_HOWE, at(2024, 10, 5, 15, 30), 630, 660);
    /* Dublin's summer is the standard time, its winter one hour less. */
    check_change("IST-1GMT0,M10.5.0,M3.5.0/1", at(2024, 10, 27, 1, 0), 60, 0);
    check_change("IST-1GMT0,M10.5.0,M3.5.0/1", at(2024, 3, 31, 1, 0), 0, 60);
    /* Times before midnight and of more than a day. */
    check_change("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", at(2024, 3, 31, 1, 0), -120, -60);
    check_change("EET-2EEST,M3.4.4/50,M10.4.4/50", at(2024, 3, 30, 0, 0), 120, 180);
}

Test(zone, rules_by_the_day_of_the_year_count_the_leap_day_or_not)
{
    check_change("AAA0BBB,J60/0,J300/0", at(2023, 3, 1, 0, 0), 0, 60);
    check_change("AAA0BBB,J60/0,J300/0", at(2024, 3, 1, 0, 0), 0, 60);
    check_change("AAA0BBB,59/0,300/0", at(2023, 3, 1, 0, 0), 0, 60);
    check_change("AAA0BBB,59/0,300/0", at(2024, 2, 29, 0, 0), 0, 60);
}

Test(zone, summer_time_may_last_all_year)
{
    struct zone z = by_rule("EST5EDT,0/0,J365/25");
    for (int month = 1; month <= 12; month++) cr_assert_eq(zone_offset(&z, at(2024, month, 1, 4, 0)), -4 * 3600);
    cr_assert_eq(zone_offset(&z, at(2025, 1, 1, 4, 0) - 1), -4 * 3600);
}

Test(zone, a_change_may_lie_beyond_its_year)
{
    /* Summer begins on 1 January and ends, but for leap years, on the next 1 January, three hours after it began anew. */
    const char *rule = "AAA-2BBB,0,365/5";
    check_change(rule, at(2023, 1, 1, 0, 0), 120, 180);
    check_change(rule, at(2023, 1, 1, 2, 0), 180, 120);
    check_change(rule, at(2025, 1, 1, 0, 0), 120, 180);
    check_change(rule, at(2026, 1, 1, 2, 0), 180, 120);
    struct zone z = by_rule(rule);
    cr_assert_eq(zone_offset(&z, at(2023, 12, 31, 22, 0)), 7200);
}

Test(zone, refuses_rules_that_make_no_sense)
{
    static const char *const bad[] = {"",
                                      "C",
                                      "CET",
                                      "CET-",
                                      "CET-1CEST",
                                      "CET-25",
                                      "<CET",
                                      "<>1",
                                      "CET-1CEST,",
                                      "CET-1CEST,M3.5.0",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      BERLIN " ",
                                      BERLIN "/3",
                                      "CET-1CEST,M3.6.0,M10.5.0",
                                      "CET-1CEST,M3.5.7,M10.5.0",
                                      "CET-1CEST,J0,J365",
                                      "CET-1CEST,366,1",
                                      "CET-1CEST,M3.5.0/168,M10.5.0",
                                      "CET-1:60",
                                      "CET-1CEST,M3.5,M10.5.0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct zone_rule rule;
        struct oxq_error err;
        cr_assert_eq(zone_rule_parse(slice_from_text(bad[i]), &rule, &err), OXQ_ERR_FORMAT, "%s", bad[i]);
    }
}

Test(zone, a_local_time_has_no_one_or_two_instants)
{
    struct zone z = by_rule(BERLIN);
    int64_t found[ZONE_INSTANTS_MAX];
    cr_assert_eq(zone_instants(&z, at(2024, 7, 1, 12, 0), found), 1);
    cr_assert_eq(found[0], at(2024, 7, 1, 10, 0));
    cr_assert_eq(zone_instants(&z, at(2024, 3, 31, 2, 0), found), 0);
    cr_assert_eq(zone_instants(&z, at(2024, 3, 31, 2, 59), found), 0);
    cr_assert_eq(zone_instants(&z, at(2024, 3, 31, 3, 0), found), 1);
    cr_assert_eq(found[0], at(2024, 3, 31, 1, 0));
    cr_assert_eq(zone_instants(&z, at(2024, 10, 27, 2, 30), found), 2);
    cr_assert_eq(found[0], at(2024, 10, 27, 0, 30));
    cr_assert_eq(found[1], at(2024, 10, 27, 1, 30));
    cr_assert_eq(zone_instants(&z, at(2024, 10, 27, 3, 0), found), 1);
}

Test(zone, one_instant_is_chosen_by_the_offset_wanted)
{
    struct zone z = by_rule(BERLIN);
    cr_assert_eq(zone_resolve(&z, at(2024, 10, 27, 2, 30), 7200), at(2024, 10, 27, 0, 30));
    cr_assert_eq(zone_resolve(&z, at(2024, 10, 27, 2, 30), 3600), at(2024, 10, 27, 1, 30));
    cr_assert_eq(zone_resolve(&z, at(2024, 10, 27, 2, 30), 0), at(2024, 10, 27, 0, 30));
    cr_assert_eq(zone_resolve(&z, at(2024, 3, 31, 2, 30), 7200), at(2024, 3, 31, 1, 30), "02:30 is never: 03:30");
}

Test(zone, names_of_fixed_offsets_need_no_file)
{
    static const struct {
        const char *name;
        int offset_s;
    } good[] = {{"UTC", 0}, {"utc", 0}, {"Gmt", 0}, {"UTC+2", 7200}, {"utc-03:30", -12600}, {"UTC+14:00", 50400}};
    static const char *const bad[] = {"", "UT", "UTC+", "UTC2", "UTC+25", "UTC+2x", "UTC+-2", "GMT+2", "Europe/Berlin"};
    struct zone z;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert(zone_from_name(slice_from_text(good[i].name), &z), "%s", good[i].name);
        cr_assert_eq(zone_offset(&z, 0), good[i].offset_s, "%s", good[i].name);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(zone_from_name(slice_from_text(bad[i]), &z), "%s", bad[i]);
}

/* A file with two transitions, to +1:00 at 1000 and to +2:00 at 2000, before them +0:30, and then a rule. */
#define TYPES 3
#define TIMES 2
#define FOOTER "\n<+01>-1\n"
#define BODY_BYTES (TIMES * 9 + TYPES * 6 + 4)
#define VERSION_1_BYTES (44 + 6 + 1)
#define FILE_BYTES (VERSION_1_BYTES + 44 + BODY_BYTES + sizeof(FOOTER) - 1)
#define TIMES_AT (VERSION_1_BYTES + 44)

static void put(char *to, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) to[i] = (char)(n >> 8 * (bytes - 1 - i));
}

static void put_header(char *to, unsigned times, unsigned types, unsigned chars)
{
    memcpy(to, "TZif2", 5);
    put(to + 32, times, 4);
    put(to + 36, types, 4);
    put(to + 40, chars, 4);
}

static void make_file(char file[static FILE_BYTES])
{
    memset(file, 0, FILE_BYTES);
    put_header(file, 0, 1, 1);
    put_header(file + VERSION_1_BYTES, TIMES, TYPES, 4);
    char *body = file + TIMES_AT;
    put(body, 1000, 8);
    put(body + 8, 2000, 8);
    body[16] = 1;
    body[17] = 2;
    put(body + 18, 1800, 4);
    put(body + 24, 3600, 4);
    put(body + 30, 7200, 4);
    memcpy(file + FILE_BYTES - (sizeof(FOOTER) - 1), FOOTER, sizeof(FOOTER) - 1);
}

Test(zone, reads_the_transitions_and_the_rule_of_a_file)
{
    char file[FILE_BYTES];
    make_file(file);
    OWNED(zone_deinit) struct zone z = {0};
    cr_assert_eq(zone_parse(slice_of(file, FILE_BYTES), &z, NULL), OXQ_OK);
    cr_assert_eq(zone_offset(&z, -1000000), 1800);
    cr_assert_eq(zone_offset(&z, 999), 1800);
    cr_assert_eq(zone_offset(&z, 1000), 3600);
    cr_assert_eq(zone_offset(&z, 1999), 3600);
    cr_assert_eq(zone_offset(&z, 2000), 3600, "the rule holds after the last transition");
    struct zone_period p = zone_period_at(&z, 1500);
    cr_assert(p.begins_s == 1000 && p.ends_s == 2000 && p.offset_s == 3600);
    p = zone_period_at(&z, 5000);
    cr_assert(p.begins_s == 2000 && p.ends_s == INT64_MAX);
}

Test(zone, without_a_rule_the_last_offset_stays)
{
    char file[FILE_BYTES];
    make_file(file);
    memcpy(file + FILE_BYTES - (sizeof(FOOTER) - 1), "\n\n", 2);
    OWNED(zone_deinit) struct zone z = {0};
    cr_assert_eq(zone_parse(slice_of(file, FILE_BYTES), &z, NULL), OXQ_OK);
    cr_assert_eq(zone_offset(&z, 5000), 7200);
}

Test(zone, refuses_a_file_that_ends_too_early)
{
    char file[FILE_BYTES];
    make_file(file);
    for (size_t len = 0; len < FILE_BYTES; len++) {
        /* Of its own, so that a look beyond it is seen. */
        char *exact = mem_alloc(len);
        memcpy(exact, file, len);
        struct zone z = {0};
        struct oxq_error err;
        cr_assert_eq(zone_parse(slice_of(exact, len), &z, &err), OXQ_ERR_FORMAT, "%zu bytes", len);
        cr_assert_null(z.transitions);
        mem_free(exact);
    }
}

static void check_refused(size_t offset, uint64_t n, size_t bytes, oxq_err code, const char *says)
{
    char file[FILE_BYTES];
    make_file(file);
    put(file + offset, n, bytes);
    struct zone z;
    struct oxq_error err;
    cr_assert_eq(zone_parse(slice_of(file, FILE_BYTES), &z, &err), code, "%s", says);
    cr_assert(strstr(err.text, says), "%s", err.text);
}

Test(zone, refuses_damaged_files_and_says_why)
{
    size_t header = VERSION_1_BYTES;
    check_refused(0, 'X', 1, OXQ_ERR_FORMAT, "byte 0: no \"TZif\"");
    check_refused(4, 0, 1, OXQ_ERR_FORMAT, "version 1");
    check_refused(header, 'X', 1, OXQ_ERR_FORMAT, "byte 51: no \"TZif\"");
    check_refused(header + 28, 1, 4, OXQ_ERR_FORMAT, "leap seconds");
    check_refused(header + 32, ZONE_TRANSITIONS_MAX + 1, 4, OXQ_ERR_LIMIT, "4097 transitions");
    check_refused(header + 36, 0, 4, OXQ_ERR_FORMAT, "no offset");
    check_refused(header + 36, UINT32_MAX, 4, OXQ_ERR_FORMAT, "ends too early");
    check_refused(TIMES_AT + 8, 1000, 8, OXQ_ERR_FORMAT, "out of order");
    check_refused(TIMES_AT + 8, UINT64_C(1) << 60, 8, OXQ_ERR_FORMAT, "too far away");
    check_refused(TIMES_AT + 17, TYPES, 1, OXQ_ERR_FORMAT, "not there");
    check_refused(TIMES_AT + 24, 26 * 3600, 4, OXQ_ERR_FORMAT, "more than a day");
    check_refused(FILE_BYTES - 2, 'x', 1, OXQ_ERR_FORMAT, "rule makes no sense");
    check_refused(FILE_BYTES - sizeof(FOOTER) + 1, 'x', 1, OXQ_ERR_FORMAT, "two ends of lines");
}
