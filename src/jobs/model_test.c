/* SPDX-License-Identifier: MIT */
#include "codec/json.h"
#include "jobs/job.h"
#include "jobs/keys.h"
#include "jobs/request.h"

#include <criterion/criterion.h>

/* ---------------------------------------------------------------- keys */

Test(keys, a_prefix_is_made_of_two_names)
{
    OWNED(arena_deinit) struct arena arena = {0};
    struct slice prefix;
    cr_assert_eq(keys_prefix(&arena, SLICE_LIT(""), SLICE_LIT("mail"), &prefix, NULL), OXQ_OK);
    cr_assert(slice_equal(prefix, SLICE_LIT("bull:mail:")));
    cr_assert(slice_equal(keys_qualified(prefix), SLICE_LIT("bull:mail")));
    cr_assert(slice_equal(keys_join(&arena, prefix, SLICE_LIT("wait")), SLICE_LIT("bull:mail:wait")));
    cr_assert_eq(keys_prefix(&arena, SLICE_LIT("{a:b}"), SLICE_LIT("x"), &prefix, NULL), OXQ_OK);
    cr_assert(slice_equal(prefix, SLICE_LIT("{a:b}:x:")));
    cr_assert_eq(keys_prefix(&arena, SLICE_LIT("bull"), SLICE_LIT("a:b"), &prefix, NULL), OXQ_ERR_ARGUMENT);
    cr_assert_eq(keys_prefix(&arena, SLICE_LIT("bull"), SLICE_LIT(""), &prefix, NULL), OXQ_ERR_ARGUMENT);
}

Test(keys, users_ids_are_no_numbers_and_have_no_colon)
{
    static const char *const good[] = {"a", "order-1", "1a", "a:b:c", "-", "repeat:x:17"};
    static const char *const bad[] = {"0", "12", "007", "-5", "a:b", "a:b:c:d", "0:a:b", ":"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert_eq(keys_check_job_id(slice_from_text(good[i]), NULL), OXQ_OK, "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct oxq_error err = {0};
        cr_assert_eq(keys_check_job_id(slice_from_text(bad[i]), &err), OXQ_ERR_ARGUMENT, "%s", bad[i]);
        cr_assert(strstr(err.text, bad[i]), "%s", err.text);
    }
    cr_assert_eq(keys_check_job_id(SLICE_LIT(""), NULL), OXQ_ERR_ARGUMENT);
}

Test(keys, a_jobs_key_is_split)
{
    static const char *const rows[][3] = {
        {"bull:mail:12", "bull:mail:", "12"},
        {"{a:b}:mail:x", "{a:b}:mail:", "x"},
        {"bull:mail:repeat:night:17", "bull:mail:", "repeat:night:17"},
        {"bull:repeat:a:17", "bull:repeat:a:", "17"},
    };
    struct slice prefix, id;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_whole = keys_split_job(slice_from_text(rows[i][0]), &prefix, &id);
        cr_assert(is_whole, "%s", rows[i][0]);
        cr_assert(slice_equal(prefix, slice_from_text(rows[i][1])), "%s: %.*s", rows[i][0], (int)prefix.len, prefix.at);
        cr_assert(slice_equal(id, slice_from_text(rows[i][2])), "%s: %.*s", rows[i][0], (int)id.len, id.at);
    }
    cr_assert_not(keys_split_job(SLICE_LIT("12"), &prefix, &id));
    cr_assert_not(keys_split_job(SLICE_LIT("a:12"), &prefix, &id));
    cr_assert_not(keys_split_job(SLICE_LIT(""), &prefix, &id));
    cr_assert_not(keys_split_job(SLICE_LIT("bull:mail:"), &prefix, &id));
}

Test(keys, a_hash_tag_has_something_in_it)
{
    cr_assert(keys_has_hash_tag(SLICE_LIT("{bull}:mail:")));
    cr_assert_not(keys_has_hash_tag(SLICE_LIT("bull:mail:")));
    cr_assert_not(keys_has_hash_tag(SLICE_LIT("{}bull:mail:")));
    cr_assert_not(keys_has_hash_tag(SLICE_LIT("{bull:mail:")));
    cr_assert_not(keys_has_hash_tag(SLICE_LIT("")));
}

/* ---------------------------------------------------------------- requests */

Test(request, holds_key_and_arguments_in_order)
{
    OWNED(arena_deinit) struct arena arena = {0};
    struct request r;
    request_begin(&r, &arena, &transition_pause, SLICE_LIT("bull:q:"));
    for (int i = 0; i < 100; i++) request_put_int(&r, -i);
    cr_assert_eq(r.command.script, &transition_pause.script);
    cr_assert_eq(r.command.keys_count, 1);
    cr_assert_eq(r.command.argc, 101);
    cr_assert(slice_equal(r.command.argv[0], SLICE_LIT("bull:q:")));
    cr_assert(slice_equal(r.command.argv[1], SLICE_LIT("0")));
    cr_assert(slice_equal(r.command.argv[100], SLICE_LIT("-99")));
    request_begin(&r, &arena, &transition_pause, SLICE_LIT("{bull}:q:"));
    cr_assert_eq(r.command.keys_count, 2, "so that a cluster waits until the slot has moved");
    cr_assert(slice_equal(r.command.argv[1], SLICE_LIT("{bull}:q:meta")));
    request_begin_plain(&r, &arena, "HGETALL");
    cr_assert_null(r.command.script);
    cr_assert(slice_equal(r.command.argv[0], SLICE_LIT("HGETALL")));
}

Test(request, refusals_are_errors_that_say_what_to_do)
{
    struct oxq_error err = {0};
    struct resp_value reply = {.kind = RESP_INTEGER, .integer = -5};
    cr_assert_eq(request_check(&reply, "add job", SLICE_LIT("x"), &err), OXQ_ERR_NOT_FOUND);
    cr_assert_str_eq(err.text, "add job x: there is no such parent job; add the parent first, or add both as one flow");
    reply.integer = -6;
    cr_assert_eq(request_check(&reply, "finish job", SLICE_LIT("7"), &err), OXQ_ERR_LOCK_LOST);
    reply.integer = -99;
    cr_assert_eq(request_check(&reply, "finish job", SLICE_LIT("7"), &err), OXQ_ERR_SERVER);
    reply.integer = 0;
    cr_assert_eq(request_check(&reply, "finish job", SLICE_LIT("7"), &err), OXQ_OK);
    reply = (struct resp_value){.kind = RESP_ERROR, .text = SLICE_INIT("OOM command not allowed")};
    cr_assert_eq(request_check(&reply, "add job", SLICE_LIT("x"), &err), OXQ_ERR_SERVER);
    cr_assert_str_eq(err.text, "add job x: OOM command not allowed");
}

/* ---------------------------------------------------------------- options */

/* What is read is written under the stored names, and reads as the same again. */
static void travels(const char *json, const char *stored)
{
    OWNED(arena_deinit) struct arena arena = {0};
    OWNED(buf_deinit) struct buf once = {.limit_bytes = 65536}, twice = {.limit_bytes = 65536};
    struct oxq_error err = {0};
    struct job_options o;
    cr_assert_eq(job_options_read(slice_from_text(json), &arena, &o, &err), OXQ_OK, "%s: %s", json, err.text);
    cr_assert_eq(job_options_write(&o, &once), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&once), slice_from_text(stored)), "%s: %.*s", json, (int)once.len, once.at);
    cr_assert_eq(job_options_read(buf_borrow(&once), &arena, &o, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(job_options_write(&o, &twice), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&once), buf_borrow(&twice)), "%.*s", (int)twice.len, twice.at);
}

Test(options, are_stored_as_bullmq_stores_them)
{
    travels("", "{\"attempts\":0}");
    travels("{}", "{\"attempts\":0}");
    travels("{\"unknown\":[1]}", "{\"attempts\":0}");
    travels("{\"delay\":5,\"jobId\":\"a\",\"attempts\":3,\"priority\":7,\"lifo\":true}",
            "{\"delay\":5,\"jobId\":\"a\",\"attempts\":3,\"priority\":7,\"lifo\":true}");
    travels("{\"backoff\":500}", "{\"attempts\":0,\"backoff\":{\"type\":\"fixed\",\"delay\":500}}");
    travels("{\"backoff\":{\"type\":\"exponential\",\"delay\":100,\"jitter\":0.25}}",
            "{\"attempts\":0,\"backoff\":{\"type\":\"exponential\",\"delay\":100,\"jitter\":0.25}}");
    travels("{\"removeOnComplete\":true,\"removeOnFail\":100}",
            "{\"attempts\":0,\"removeOnComplete\":true,\"removeOnFail\":100}");
    travels("{\"removeOnComplete\":false,\"removeOnFail\":{\"age\":60,\"limit\":5}}",
            "{\"attempts\":0,\"removeOnComplete\":false,\"removeOnFail\":{\"age\":60,\"limit\":5}}");
    travels("{\"keepLogs\":10,\"stackTraceLimit\":0,\"sizeLimit\":99,\"timestamp\":1700000000000}",
            "{\"attempts\":0,\"kl\":10,\"stackTraceLimit\":0,\"sizeLimit\":99,\"timestamp\":1700000000000}");
    travels(
        "{\"deduplication\":{\"id\":\"d\",\"ttl\":5,\"extend\":true,\"replace\":true,\"keepLastIfActive\":true}}",
        "{\"attempts\":0,\"de\":{\"id\":\"d\",\"ttl\":5,\"extend\":true,\"replace\":true,\"keepLastIfActive\":true}}");
    travels("{\"parent\":{\"id\":\"p\",\"queue\":\"bull:q\"},\"failParentOnFailure\":true,\"rdof\":false}",
            "{\"attempts\":0,\"parent\":{\"id\":\"p\",\"queue\":\"bull:q\"},\"fpof\":true}");
    travels("{\"telemetry\":{\"metadata\":\"m\",\"omitContext\":true}}", "{\"attempts\":0,\"tm\":\"m\",\"omc\":true}");
    travels("{\"attempts\":3,\"tm\":false,\"omc\":true}", "{\"attempts\":3,\"omc\":true}");
    travels(
        "{\"repeat\":{\"every\":1000,\"count\":3,\"offset\":7},\"prevMillis\":17,\"repeatJobKey\":\"s\"}",
        "{\"attempts\":0,\"repeat\":{\"every\":1000,\"offset\":7,\"count\":3},\"prevMillis\":17,\"repeatJobKey\":\"s\"}");
}

Test(options, a_wrong_value_is_named)
{
    static const char *const rows[][2] = {
        {"{\"delay\":\"soon\"}", "option delay: a number is expected"},
        {"{\"lifo\":1}", "option lifo: true or false is expected"},
        {"{\"jobId\":5}", "option jobId: a text is expected"},
        {"{\"removeOnFail\":\"x\"}", "option removeOnFail: true, false, a number or {age, count, limit} is expected"},
        {"{\"deduplication\":\"x\"}", "option deduplication: an object is expected"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        OWNED(arena_deinit) struct arena arena = {0};
        struct oxq_error err = {0};
        struct job_options o;
        cr_assert_eq(job_options_read(slice_from_text(rows[i][0]), &arena, &o, &err), OXQ_ERR_ARGUMENT, "%s",
                     rows[i][0]);
        cr_assert_str_eq(err.text, rows[i][1]);
    }
    OWNED(arena_deinit) struct arena arena = {0};
    struct job_options o;
    cr_assert_eq(job_options_read(SLICE_LIT("[]"), &arena, &o, NULL), OXQ_ERR_FORMAT);
    cr_assert_eq(job_options_read(SLICE_LIT("{\"fpof\":true,\"idof\":true}"), &arena, &o, NULL), OXQ_ERR_ARGUMENT);
}

Test(options, are_checked_with_advice)
{
    const struct {
        struct job_options o;
        oxq_err wanted;
        const char *word;
    } rows[] = {
        {{0}, OXQ_OK, ""},
        {{.priority = JOB_PRIORITY_MAX}, OXQ_OK, ""},
        {{.priority = JOB_PRIORITY_MAX + 1}, OXQ_ERR_ARGUMENT, "2097151"},
        {{.priority = -1}, OXQ_ERR_ARGUMENT, "priority -1"},
        {{.delay_ms = -1}, OXQ_ERR_ARGUMENT, "in the past"},
        {{.attempts = -1}, OXQ_ERR_ARGUMENT, "attempts"},
        {{.size_limit_bytes = 10}, OXQ_OK, ""},
        {{.size_limit_bytes = 9}, OXQ_ERR_LIMIT, "sizeLimit is 9"},
        {{.backoff = {.jitter = 2}}, OXQ_ERR_ARGUMENT, "jitter"},
        {{.deduplication = {.ttl_ms = 5}}, OXQ_ERR_ARGUMENT, "needs an id"},
        {{.deduplication = {.id = SLICE_INIT("d"), .ttl_ms = INT64_MAX}}, OXQ_ERR_ARGUMENT, "ttl: write"},
        {{.parent = {.id = SLICE_INIT("p")}}, OXQ_ERR_ARGUMENT, "queue is missing"},
        {{.parent = {SLICE_INIT("p"), SLICE_INIT("bull:q")}, .deduplication = {.id = SLICE_INIT("d")}},
         OXQ_ERR_ARGUMENT,
         "parent"},
        {{.on_fail = {.kind = JOB_KEEP_SOME, .has_age = true, .age_s = -1}}, OXQ_ERR_ARGUMENT, "removeOnFail"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct oxq_error err = {0};
        cr_assert_eq(job_options_check(&rows[i].o, 10, &err), rows[i].wanted, "%zu: %s", i, err.text);
        cr_assert(strstr(err.text, rows[i].word), "%zu: %s", i, err.text);
    }
}

/* ---------------------------------------------------------------- jobs */

static struct resp_value text_value(const char *text)
{
    return (struct resp_value){.kind = RESP_BULK, .text = slice_from_text(text)};
}

Test(job, is_read_from_its_fields_in_any_order)
{
    struct resp_value items[] = {
        text_value("name"),      text_value("send"),  text_value("atm"),      text_value("2"),
        text_value("timestamp"), text_value("17000"), text_value("future"),   text_value("?"),
        text_value("data"),      text_value("{}"),    text_value("delay"),    text_value("1.5"),
        text_value("parentKey"), text_value("b:q:1"), text_value("opts"),     text_value("{\"attempts\":3}"),
        text_value("stc"),       text_value("4"),     text_value("priority"), text_value("9"),
    };
    struct resp_value reply = {.kind = RESP_ARRAY, .items = items, .count = sizeof(items) / sizeof(items[0])};
    struct job job;
    cr_assert_eq(job_read(&reply, SLICE_LIT("12"), &job, NULL), OXQ_OK);
    cr_assert(slice_equal(job.id, SLICE_LIT("12")));
    cr_assert(slice_equal(job.name, SLICE_LIT("send")));
    cr_assert(slice_equal(job.parent_key, SLICE_LIT("b:q:1")));
    cr_assert(slice_equal(job.opts, SLICE_LIT("{\"attempts\":3}")));
    cr_assert_eq(job.timestamp_ms, 17000);
    cr_assert_eq(job.attempts_made, 2);
    cr_assert_eq(job.delay_ms, 1);
    cr_assert_eq(job.priority, 9);
    cr_assert_eq(job.stalled_count, 4);
    cr_assert_eq(job.finished_ms, 0);
    cr_assert_eq(job.returnvalue.len, 0);
}

Test(job, what_is_none_is_an_error)
{
    struct resp_value items[] = {text_value("delay"), text_value("soon")};
    struct resp_value reply = {.kind = RESP_MAP, .items = items, .count = 2};
    struct oxq_error err = {0};
    struct job job;
    cr_assert_eq(job_read(&reply, SLICE_LIT("12"), &job, &err), OXQ_ERR_FORMAT);
    cr_assert_str_eq(err.text, "job 12: its field delay is no number");
    reply.count = 0;
    cr_assert_eq(job_read(&reply, SLICE_LIT("12"), &job, &err), OXQ_ERR_NOT_FOUND);
    reply = text_value("x");
    reply.count = 3;
    cr_assert_eq(job_read(&reply, SLICE_LIT("12"), &job, &err), OXQ_ERR_FORMAT);
}
