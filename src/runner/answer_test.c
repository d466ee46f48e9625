/* SPDX-License-Identifier: MIT */
#include "runner/answer.h"

#include <criterion/criterion.h>

/* 2015-10-21 07:28:00 UTC */
#define DATE_MS ((int64_t)1445412480000)
#define USUAL_MS 30000

static void expect_delay(const char *text, int64_t now_ms, int64_t want_ms)
{
    int64_t ms = -1;
    cr_assert(answer_read_retry_after(text, now_ms, &ms), "%s", text);
    cr_assert_eq(ms, want_ms, "%s: %lld", text, (long long)ms);
}

Test(answer, retry_after_is_a_number_of_seconds)
{
    expect_delay("120", DATE_MS, 120000);
    expect_delay(" 5 ", DATE_MS, 5000);
    expect_delay("0007", DATE_MS, 7000);
    expect_delay("31622400", DATE_MS, ANSWER_DELAY_MS_MAX);
}

Test(answer, retry_after_is_a_date_to_the_millisecond)
{
    expect_delay("Wed, 21 Oct 2015 07:28:00 GMT", DATE_MS - 90250, 90250);
    expect_delay("Wednesday, 21-Oct-15 07:28:00 GMT", DATE_MS - 5000, 5000);
    expect_delay("Wed Oct 21 07:28:00 2015", DATE_MS - 5000, 5000);
}

Test(answer, at_once_and_a_time_that_is_over_are_a_second)
{
    expect_delay("0", DATE_MS, ANSWER_DELAY_MS_MIN);
    expect_delay("Wed, 21 Oct 2015 07:28:00 GMT", DATE_MS + 90000, ANSWER_DELAY_MS_MIN);
}

Test(answer, retry_after_that_is_nonsense_says_nothing)
{
    static const char *const texts[] = {
        "", " ", "soon", "-5", "1.5", "99999999999999999999", "31622401", "Wed, 21 Oct 2099 07:28:00 GMT"};
    int64_t ms = -1;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_assert(!answer_read_retry_after(texts[i], DATE_MS, &ms), "%s: %lld", texts[i], (long long)ms);
    cr_assert_eq(ms, -1);
}

static void expect_judged(struct answer a, enum outcome_kind kind, const char *text)
{
    struct outcome o = {0};
    answer_judge(&a, DATE_MS, USUAL_MS, &o);
    cr_assert_eq(o.kind, kind, "HTTP %ld: %d", a.status, (int)o.kind);
    cr_assert_str_eq(o.text.len ? o.text.at : o.result.at, text);
    if (kind == OUTCOME_LATER) cr_assert_eq(o.delay_ms, a.retry_after ? 7000 : USUAL_MS);
    outcome_deinit(&o);
}

Test(answer, success_gives_the_body_as_result)
{
    expect_judged((struct answer){.status = 200, .body = SLICE_LIT("{\"ok\":true}\n")}, OUTCOME_DONE, "{\"ok\":true}");
    expect_judged((struct answer){.status = 201, .body = SLICE_LIT("made")}, OUTCOME_DONE, "\"made\"");
    expect_judged((struct answer){.status = 204}, OUTCOME_DONE, "null");
}

Test(answer, a_server_that_is_busy_is_asked_later)
{
    expect_judged((struct answer){.status = 429, .retry_after = "7"}, OUTCOME_LATER, "HTTP 429");
    expect_judged((struct answer){.status = 429}, OUTCOME_LATER, "HTTP 429");
    expect_judged((struct answer){.status = 503, .retry_after = "7"}, OUTCOME_LATER, "HTTP 503");
}

Test(answer, errors_that_may_pass_fail_the_attempt)
{
    expect_judged((struct answer){.status = 503}, OUTCOME_FAILED, "HTTP 503");
    expect_judged((struct answer){.status = 503, .retry_after = "soon"}, OUTCOME_FAILED, "HTTP 503");
    expect_judged((struct answer){.status = 500, .body = SLICE_LIT(" oops\n")}, OUTCOME_FAILED, "HTTP 500: oops");
    expect_judged((struct answer){.status = 502, .retry_after = "7"}, OUTCOME_FAILED, "HTTP 502");
    expect_judged((struct answer){.status = 408}, OUTCOME_FAILED, "HTTP 408");
    expect_judged((struct answer){.status = 425}, OUTCOME_FAILED, "HTTP 425");
}

Test(answer, what_would_be_answered_the_same_way_again_fails_for_good)
{
    expect_judged((struct answer){.status = 400, .body = SLICE_LIT("no such user")}, OUTCOME_FAILED_FOR_GOOD,
                  "HTTP 400: no such user");
    expect_judged((struct answer){.status = 404, .retry_after = "7"}, OUTCOME_FAILED_FOR_GOOD, "HTTP 404");
    expect_judged((struct answer){.status = 301, .location = "https://new.example/"}, OUTCOME_FAILED_FOR_GOOD,
                  "HTTP 301: redirects are not followed; it leads to https://new.example/");
    expect_judged((struct answer){.status = 304}, OUTCOME_FAILED_FOR_GOOD,
                  "HTTP 304: redirects are not followed; it leads to nowhere, without a Location");
}
