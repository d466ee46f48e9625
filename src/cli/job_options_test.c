/* SPDX-License-Identifier: MIT */
#include "cli/job_options.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS 1790000000000

static struct arena arena;
static struct oxq_job_opts opts;
static struct json *root;

static void forget(void)
{
    json_release(root);
    root = NULL;
    arena_deinit(&arena);
    memset(&opts, 0, sizeof(opts));
}

TestSuite(job_options, .fini = forget);

static int read_flags(const struct job_flags *f)
{
    forget();
    return job_flags_read(f, NOW_MS, &arena, &opts);
}

static oxq_err read_json(const char *text, struct oxq_error *err)
{
    forget();
    oxq_err e = json_read_value(slice_from_text(text), &root, err);
    cr_assert_eq(e, OXQ_OK);
    return job_options_from_json(root, "bull", &arena, &opts, err);
}

#define FLAGS(...) (&(struct job_flags){__VA_ARGS__})

Test(job_options, a_backoff_is_a_type_a_delay_and_a_random_part)
{
    cr_assert_eq(read_flags(FLAGS(.backoff = "exponential:1s:0.5")), CLI_OK);
    cr_assert_str_eq(opts.backoff.type, "exponential");
    cr_assert_eq(opts.backoff.delay_ms, 1000);
    cr_assert_eq(opts.backoff.jitter, 0.5);
    cr_assert_eq(read_flags(FLAGS(.backoff = "250ms")), CLI_OK);
    cr_assert_str_eq(opts.backoff.type, "fixed");
    cr_assert_eq(opts.backoff.delay_ms, 250);
    cr_assert_eq(read_flags(FLAGS(.backoff = "mine")), CLI_OK);
    cr_assert_str_eq(opts.backoff.type, "mine");
    static const char *const bad[] = {"", "5x", "fixed:", "fixed:soon", "fixed:5s:2", "fixed:5s:-1", "fixed:5s:nan"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(read_flags(FLAGS(.backoff = bad[i])), CLI_REFUSED, "%s", bad[i]);
}

Test(job_options, what_is_kept_is_a_count_an_age_or_both)
{
    static const struct {
        const char *text;
        struct oxq_keep keep;
    } good[] = {{"all", {.kind = OXQ_KEEP_ALL}},
                {"none", {.kind = OXQ_KEEP_NONE}},
                {"0", {.kind = OXQ_KEEP_NONE}},
                {"100", {.kind = OXQ_KEEP_SOME, .count = 100}},
                {"7d", {.kind = OXQ_KEEP_SOME, .age_s = 604800}},
                {"100,2h", {.kind = OXQ_KEEP_SOME, .count = 100, .age_s = 7200}}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert_eq(read_flags(FLAGS(.keep_failed = good[i].text)), CLI_OK, "%s", good[i].text);
        cr_assert_eq(opts.on_fail.kind, good[i].keep.kind, "%s", good[i].text);
        cr_assert_eq(opts.on_fail.count, good[i].keep.count, "%s", good[i].text);
        cr_assert_eq(opts.on_fail.age_s, good[i].keep.age_s, "%s", good[i].text);
        cr_assert_eq(opts.on_complete.kind, OXQ_KEEP_DEFAULT);
    }
    static const char *const bad[] = {"", "some", "-1", "7d,100", "100,", "100,5", "500ms", "0,7d", "1,2,3"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(read_flags(FLAGS(.keep_failed = bad[i])), CLI_REFUSED, "%s", bad[i]);
}

Test(job_options, a_deduplication_may_have_colons_in_its_id)
{
    cr_assert_eq(read_flags(FLAGS(.dedup = "user:7:5s", .extends = true)), CLI_OK);
    cr_assert_str_eq(opts.deduplication.id, "user:7");
    cr_assert_eq(opts.deduplication.ttl_ms, 5000);
    cr_assert(opts.deduplication.extend && !opts.deduplication.replace);
    cr_assert_eq(read_flags(FLAGS(.dedup = "user:seven")), CLI_OK);
    cr_assert_str_eq(opts.deduplication.id, "user:seven");
    cr_assert_eq(read_flags(FLAGS(.dedup = "user:7th")), CLI_REFUSED);
    cr_assert_eq(read_flags(FLAGS(.replaces = true)), CLI_REFUSED);
    cr_assert_eq(read_flags(FLAGS(.reschedules = true)), CLI_REFUSED);
}

Test(job_options, a_parent_is_a_queue_and_an_id)
{
    cr_assert_eq(read_flags(FLAGS(.parent = "orders:7", .on_failure = "ignore")), CLI_OK);
    cr_assert_str_eq(opts.parent_queue, "orders");
    cr_assert_str_eq(opts.parent_id, "7");
    cr_assert_eq(opts.on_failure, OXQ_CHILD_IS_IGNORED);
    static const char *const bad[] = {"", "orders", "orders:", ":7"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(read_flags(FLAGS(.parent = bad[i])), CLI_REFUSED, "%s", bad[i]);
    cr_assert_eq(read_flags(FLAGS(.on_failure = "never")), CLI_REFUSED);
}

Test(job_options, a_job_is_late_by_a_delay_or_until_a_time)
{
    cr_assert_eq(read_flags(FLAGS(.delay = "10m")), CLI_OK);
    cr_assert_eq(opts.delay_ms, 600000);
    cr_assert_eq(read_flags(FLAGS(.at = "1790000005000")), CLI_OK);
    cr_assert_eq(opts.delay_ms, 5000);
    cr_assert_eq(read_flags(FLAGS(.at = "1790000000000")), CLI_REFUSED);
    cr_assert_eq(read_flags(FLAGS(.at = "1790000005000", .delay = "1s")), CLI_REFUSED);
    cr_assert_eq(read_flags(FLAGS(.stack_limit = "0")), CLI_OK);
    cr_assert_eq(opts.stack_trace_limit, OXQ_STACK_NONE);
}

Test(job_options, a_time_is_read_in_its_zone)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"2026-03-01T12:30:05Z", 1772368205000},
                {"2026-03-01T12:30:05.25Z", 1772368205250},
                {"2026-03-01 14:30:05+02:00", 1772368205000},
                {"2026-03-01T09:00-0330", 1772368200000},
                {"2026-03-01T13:30:05", 1772368205000},
                {"2026-03-01 13:30", 1772368200000},
                {"2026-07-01 14:30", 1782909000000},
                {"2026-03-01", 1772319600000},
                {"12", 12}};
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = -1;
        cr_assert_eq(cli_read_time("--at", good[i].text, &ms), CLI_OK, "%s", good[i].text);
        cr_assert_eq(ms, good[i].ms, "%s: %lld", good[i].text, (long long)ms);
    }
    static const char *const bad[] = {"",
                                      "tomorrow",
                                      "2026-13-01",
                                      "2027-02-29",
                                      "2026-04-31T12:30:00Z",
                                      "2026-03-01T25:00Z",
                                      "2026-03-01T12:30Zulu",
                                      "2026-03-01T12:30+2",
                                      "-5",
                                      "2026-03-01T12:30:05.25+99:00"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms;
        cr_assert_eq(cli_read_time("--at", bad[i], &ms), CLI_REFUSED, "%s", bad[i]);
    }
}

Test(job_options, json_has_the_names_of_bullmq)
{
    struct oxq_error err;
    oxq_err e = read_json(
        "{\"attempts\":3,\"backoff\":{\"type\":\"exponential\",\"delay\":100.4,\"jitter\":0.25},\"delay\":5,\"lifo\":true,"
        "\"removeOnComplete\":true,\"removeOnFail\":{\"age\":60,\"count\":10,\"limit\":5},\"jobId\":\"j\",\"priority\":null,"
        "\"parent\":{\"id\":\"7\",\"queue\":\"bull:orders\"},\"failParentOnFailure\":true,\"ignoreDependencyOnFailure\":false,"
        "\"deduplication\":{\"id\":\"d\",\"ttl\":9,\"keepLastIfActive\":true,\"reschedule\":true},\"stackTraceLimit\":0,\"keepLogs\":7,"
        "\"sizeLimit\":99,\"timestamp\":1234,\"telemetry\":{\"metadata\":\"t\",\"omitContext\":true}}",
        &err);
    cr_assert_eq(e, OXQ_OK, "%s", err.text);
    cr_assert_eq(opts.attempts, 3);
    cr_assert_str_eq(opts.backoff.type, "exponential");
    cr_assert_eq(opts.backoff.delay_ms, 100);
    cr_assert_eq(opts.backoff.jitter, 0.25);
    cr_assert(opts.delay_ms == 5 && opts.lifo && opts.priority == 0);
    cr_assert_eq(opts.on_complete.kind, OXQ_KEEP_NONE);
    cr_assert(opts.on_fail.age_s == 60 && opts.on_fail.count == 10 && opts.on_fail.limit == 5);
    cr_assert_str_eq(opts.job_id, "j");
    cr_assert_str_eq(opts.parent_queue, "orders");
    cr_assert_str_eq(opts.parent_id, "7");
    cr_assert_eq(opts.on_failure, OXQ_CHILD_FAILS_PARENT);
    cr_assert_str_eq(opts.deduplication.id, "d");
    cr_assert(opts.deduplication.ttl_ms == 9 && opts.deduplication.keep_last_if_active &&
              opts.deduplication.reschedule);
    cr_assert_eq(opts.stack_trace_limit, OXQ_STACK_NONE);
    cr_assert(opts.keep_logs == 7 && opts.size_limit_bytes == 99 && opts.timestamp_ms == 1234);
    cr_assert_str_eq(opts.trace_metadata, "t");
    cr_assert(opts.omit_trace_context);
}

Test(job_options, numbers_stand_for_what_they_do_in_bullmq)
{
    struct oxq_error err;
    cr_assert_eq(read_json("{\"backoff\":500,\"removeOnComplete\":10,\"removeOnFail\":0}", &err), OXQ_OK);
    cr_assert_null(opts.backoff.type);
    cr_assert_eq(opts.backoff.delay_ms, 500);
    cr_assert(opts.on_complete.kind == OXQ_KEEP_SOME && opts.on_complete.count == 10);
    cr_assert_eq(opts.on_fail.kind, OXQ_KEEP_NONE);
    cr_assert_eq(read_json("{\"removeOnComplete\":false,\"removeOnFail\":{\"age\":5}}", &err), OXQ_OK);
    cr_assert_eq(opts.on_complete.kind, OXQ_KEEP_ALL);
    cr_assert(opts.on_fail.kind == OXQ_KEEP_SOME && opts.on_fail.age_s == 5);
}

Test(job_options, json_that_makes_no_sense_is_named)
{
    static const struct {
        const char *text, *names;
    } bad[] = {{"[]", "opts"},
               {"{\"atempts\":3}", "did you mean attempts?"},
               {"{\"attempts\":\"3\"}", "attempts: a number"},
               {"{\"delay\":1e300}", "delay: a number"},
               {"{\"lifo\":1}", "lifo: true or false"},
               {"{\"jobId\":7}", "jobId: a text"},
               {"{\"jobId\":\"a\\u0000b\"}", "jobId: a text"},
               {"{\"backoff\":\"fixed\"}", "backoff"},
               {"{\"backoff\":{\"dely\":1}}", "did you mean delay?"},
               {"{\"removeOnFail\":\"all\"}", "removeOnFail"},
               {"{\"deduplication\":{}}", "deduplication.id"},
               {"{\"parent\":{\"id\":\"7\"}}", "parent"},
               {"{\"repeat\":{\"every\":5}}", "oxq schedule"},
               {"{\"failParentOnFailure\":true,\"continueParentOnFailure\":true}", "only one"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct oxq_error err;
        cr_assert_eq(read_json(bad[i].text, &err), OXQ_ERR_ARGUMENT, "%s", bad[i].text);
        cr_assert(strstr(err.text, bad[i].names), "%s: %s", bad[i].text, err.text);
    }
}
