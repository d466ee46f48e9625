/* SPDX-License-Identifier: MIT */
#include "cron/cron.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct cron parse(const char *text)
{
    struct cron c = {0};
    struct oxq_error err = {0};
    cr_assert_eq(cron_parse(slice_from_text(text), &c, &err), OXQ_OK, "%s: %s", text, err.text);
    return c;
}

static void check_refused(const char *text, const char *says)
{
    struct cron c;
    struct oxq_error err = {0};
    cr_assert_eq(cron_parse(slice_from_text(text), &c, &err), OXQ_ERR_ARGUMENT, "%s", text);
    cr_assert_str_eq(err.text, says);
}

#define BIT(n) (UINT64_C(1) << (n))

Test(cron_parse, five_fields_run_at_second_0_and_six_say_their_second)
{
    cr_assert_eq(parse("5 * * * *").seconds, BIT(0));
    cr_assert_eq(parse("5 * * * *").minutes, BIT(5));
    cr_assert_eq(parse("5 6 * * * *").seconds, BIT(5));
    cr_assert_eq(parse("5 6 * * * *").minutes, BIT(6));
    cr_assert_eq(parse(" \t5  6 * * * *\n").minutes, BIT(6));
}

Test(cron_parse, lists_ranges_and_steps)
{
    cr_assert_eq(parse("1,5,9-11 * * * *").minutes, BIT(1) | BIT(5) | BIT(9) | BIT(10) | BIT(11));
    cr_assert_eq(parse("*/20 * * * *").minutes, BIT(0) | BIT(20) | BIT(40));
    cr_assert_eq(parse("?/30 * * * *").minutes, BIT(0) | BIT(30));
    cr_assert_eq(parse("10-20/5 * * * *").minutes, BIT(10) | BIT(15) | BIT(20));
    cr_assert_eq(parse("0 20/2 * * *").hours, BIT(20) | BIT(22));
    cr_assert_eq(parse("0 */999999999999999999999 * * *").hours, BIT(0));
    cr_assert_eq(parse("0 00,07 * * *").hours, BIT(0) | BIT(7));
    cr_assert_eq(parse("* * * * *").hours, BIT(24) - 1);
    cr_assert_eq(parse("* * * * *").days, BIT(32) - 2);
}

Test(cron_parse, names_in_any_case)
{
    cr_assert_eq(parse("0 0 * jan,DEC *").months, BIT(1) | BIT(12));
    cr_assert_eq(parse("0 0 * mar-May *").months, BIT(3) | BIT(4) | BIT(5));
    cr_assert_eq(parse("0 0 * * MON-fri").weekdays, 0x3e);
    cr_assert_eq(parse("0 0 * * sun").weekdays, 1);
}

Test(cron_parse, sunday_is_0_and_7)
{
    cr_assert_eq(parse("0 0 * * 7").weekdays, 1);
    cr_assert_eq(parse("0 0 * * 0").weekdays, 1);
    cr_assert_eq(parse("0 0 * * 5-7").weekdays, BIT(5) | BIT(6) | BIT(0));
    cr_assert_eq(parse("0 0 * * 0-7").weekdays, 0x7f);
    cr_assert_eq(parse("0 0 * * 6-7/3").weekdays, BIT(6));
    cr_assert_eq(parse("0 0 * * 7L").last_weekdays, 1);
}

Test(cron_parse, days_from_the_end_near_a_day_and_of_a_week)
{
    struct cron c = parse("0 0 L,15,3W,LW * *");
    cr_assert(c.has_last_day && c.has_last_workday);
    cr_assert_eq(c.days, BIT(15));
    cr_assert_eq(c.near_days, BIT(3));
    c = parse("0 0 * * 1,friL");
    cr_assert_eq(c.weekdays, BIT(1));
    cr_assert_eq(c.last_weekdays, BIT(5));
    c = parse("0 0 * * Tue#5");
    cr_assert_eq(c.weekdays, BIT(2));
    cr_assert_eq(c.weekday_of_month, 5);
}

Test(cron_parse, only_a_bare_star_or_question_mark_is_any_day)
{
    cr_assert(parse("0 0 * * ?").is_any_day && parse("0 0 * * ?").is_any_weekday);
    cr_assert_not(parse("0 0 */1 * *").is_any_day);
    cr_assert_not(parse("0 0 1-31 * *").is_any_day);
    cr_assert_not(parse("0 0 * * 0-7").is_any_weekday);
}

static void check_macro(const char *macro, const char *text)
{
    struct cron a = parse(macro);
    struct cron b = parse(text);
    cr_assert(a.seconds == b.seconds && a.minutes == b.minutes && a.hours == b.hours && a.days == b.days &&
                  a.months == b.months && a.weekdays == b.weekdays && a.is_any_day == b.is_any_day &&
                  a.is_any_weekday == b.is_any_weekday,
              "%s", macro);
}

Test(cron_parse, macros_stand_for_texts)
{
    check_macro("@yearly", "0 0 1 1 *");
    check_macro("@annually", "0 0 1 1 *");
    check_macro("@monthly", "0 0 1 * *");
    check_macro("@weekly", "0 0 * * 0");
    check_macro("@daily", "0 0 * * *");
    check_macro("@hourly", "0 * * * *");
    check_macro("@minutely", "* * * * *");
    check_macro("@secondly", "* * * * * *");
    check_macro("@weekdays", "0 0 * * 1-5");
    check_macro("@weekends", "0 0 * * 0,6");
}

#define FIELDS_HINT "write 5 (minute, hour, day of the month, month, day of the week) or 6 (with the second first)"

Test(cron_parse, an_error_names_field_and_place_and_what_to_write)
{
    check_refused("", "the cron text has 0 fields; " FIELDS_HINT);
    check_refused("* * * *", "the cron text has 4 fields; " FIELDS_HINT);
    check_refused("1 2 3 4 5 6 7", "the cron text has 7 fields; " FIELDS_HINT);
    check_refused("60 * * * *", "cron text, minute, character 1: \"60\" is out of range; write 0 to 59");
    check_refused("0 1-24 * * *", "cron text, hour, character 5: \"24\" is out of range; write 0 to 23");
    check_refused("0 0 0 * *",
                  "cron text, day of the month, character 5: \"0\" is out of range; write 1 to 31, L, 15W or LW");
    check_refused("0 0 * Foo *", "cron text, month, character 7: \"Foo\" is not a value; write 1 to 12 or JAN to DEC");
    check_refused("0 0 * * 8",
                  "cron text, day of the week, character 9: \"8\" is out of range; write 0 to 7 or SUN to SAT, "
                  "5L or 1#2");
    check_refused("5-1 * * * *",
                  "cron text, minute, character 1: \"5-1\" ends before it begins; write the lower value first");
    check_refused("1,2-4,3 * * * *",
                  "cron text, minute, character 7: \"3\" names a value that was named before; write each "
                  "value once");
    check_refused("1, * * * *", "cron text, minute, character 2: \",\" has nothing after it; write 0 to 59");
    check_refused("1,,2 * * * *", "cron text, minute, character 3: \",\" has nothing before it; write 0 to 59");
    check_refused("*/0 * * * *", "cron text, minute, character 3: \"0\" is no step; write a step of 1 or more");
    check_refused("*/ * * * *",
                  "cron text, minute, character 2: \"/\" has no number after it; write a step such as /5");
    check_refused("5* * * * *",
                  "cron text, minute, character 2: \"*\" does not belong here; write a comma between two values");
    check_refused("H * * * *",
                  "cron text, minute, character 1: \"H\" is a value of chance, which is not supported; write 0 "
                  "to 59");
    check_refused("0 L * * *", "cron text, hour, character 3: \"L\" does not belong here; write 0 to 23");
    check_refused("0 0 * * L",
                  "cron text, day of the week, character 9: \"L\" lacks the day; write 5L for the last Friday of "
                  "the month");
    check_refused("0 0 * * 1,2#1",
                  "cron text, day of the week, character 11: \"2#1\" is not one day of the month; write 1#2, "
                  "alone in its field, with 1 to 5 after #");
    check_refused("0 0 * * 1#6",
                  "cron text, day of the week, character 9: \"1#6\" is not one day of the month; write 1#2, "
                  "alone in its field, with 1 to 5 after #");
    check_refused("0 0 15L * *",
                  "cron text, day of the month, character 5: \"15L\" is not a day; write L for the last day, or "
                  "5L in the day of the week");
    check_refused("@Daily", "cron text, character 1: \"@Daily\" is not known; write @daily");
    check_refused("0 0 \x01\xff * *",
                  "cron text, day of the month, character 5: \"?\" is not a value; write 1 to 31, L, 15W or "
                  "LW");
}

Test(cron_parse, days_that_never_come_are_refused_unless_the_weekday_may)
{
    check_refused("0 0 30,31 2 *",
                  "cron text, day of the month, character 5: \"30,31\" never comes in its months; write a day "
                  "that one of them has, or L for the last");
    check_refused("0 0 31 4,6 ?",
                  "cron text, day of the month, character 5: \"31\" never comes in its months; write a day that "
                  "one of them has, or L for the last");
    check_refused("0 0 30W 2 ?",
                  "cron text, day of the month, character 5: \"30W\" never comes in its months; write a day that "
                  "one of them has, or L for the last");
    cr_assert_eq(parse("0 0 29 2 *").days, BIT(29));
    cr_assert_eq(parse("0 0 30 2 1").days, BIT(30));
    cr_assert(parse("0 0 30,L 2 *").has_last_day);
}

Test(cron_parse, days_that_the_only_month_lacks_may_be_given_twice)
{
    cr_assert_eq(parse("0 0 15,31,30-31 9 *").days & (BIT(31) - 1), BIT(15) | BIT(30));
    check_refused("0 0 15,31,30-31 9,10 *",
                  "cron text, day of the month, character 11: \"30-31\" names a value that was named "
                  "before; write each value once");
}

Test(cron_parse, refuses_a_text_that_is_too_long)
{
    char text[CRON_TEXT_MAX_BYTES + 2];
    memset(text, ' ', sizeof(text));
    memcpy(text, "* * * * *", 9);
    struct cron c;
    cr_assert_eq(cron_parse(slice_of(text, CRON_TEXT_MAX_BYTES), &c, NULL), OXQ_OK);
    cr_assert_eq(cron_parse(slice_of(text, CRON_TEXT_MAX_BYTES + 1), &c, NULL), OXQ_ERR_ARGUMENT);
}
