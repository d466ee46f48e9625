/* SPDX-License-Identifier: MIT */
#include "codec/json.h"
#include "jobs/flow.h"
#include "jobs/scheduler.h"

#include <criterion/criterion.h>

static struct arena arena;

static void empty_arena(void)
{
    arena_deinit(&arena);
}

static oxq_err find_utc(void *ctx, struct slice name, const struct zone **out, struct oxq_error *err)
{
    static const struct zone utc = {0};
    (void)ctx;
    if (name.len > 0) return err_set(err, OXQ_ERR_NOT_FOUND, "no zone %.*s", (int)name.len, name.at);
    *out = &utc;
    return OXQ_OK;
}

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 00:00:00 UTC */
static const struct scheduler_context midnight = {.prefix = SLICE_INIT("bull:q:"), .now_ms = NOW_MS, .zone = find_utc};

static oxq_err upsert(const struct scheduler_spec *spec, struct request *r, struct oxq_error *err)
{
    return scheduler_upsert_request(&arena, &midnight, spec, r, err);
}

static void check_arg(const struct request *r, size_t i, const char *wanted)
{
    struct slice arg = r->command.argv[i];
    cr_assert(slice_equal(arg, slice_from_text(wanted)), "%zu: %.*s", i, (int)arg.len, arg.at ? arg.at : "");
}

Test(scheduler, a_pattern_tells_when_it_runs_next, .fini = empty_arena)
{
    struct job_options o = {.attempts = 3};
    struct scheduler_spec spec = {
        .id = SLICE_INIT("s"), .repeat = {.pattern = SLICE_INIT("0 3 * * *"), .limit = 2}, .options = &o};
    struct request r;
    cr_assert_eq(upsert(&spec, &r, NULL), OXQ_OK);
    check_arg(&r, 3, "1767236400000");
    check_arg(&r, 4, "s");
    check_arg(&r, 5, "{}");
    check_arg(&r, 6, "{\"attempts\":3}");
    check_arg(&r, 7,
              "{\"attempts\":3,\"timestamp\":1767225600000,\"prevMillis\":1767236400000,\"repeatJobKey\":\"s\","
              "\"repeat\":{\"pattern\":\"0 3 * * *\",\"limit\":2,\"count\":1}");
    spec.immediately = true;
    cr_assert_eq(upsert(&spec, &r, NULL), OXQ_OK);
    check_arg(&r, 3, "1767225600000");
}

Test(scheduler, every_leaves_the_time_to_the_transition, .fini = empty_arena)
{
    struct scheduler_spec spec = {
        .id = SLICE_INIT("s"), .repeat = {.every_ms = 1000, .offset_ms = 5}, .name = SLICE_INIT("n")};
    struct request r;
    cr_assert_eq(upsert(&spec, &r, NULL), OXQ_OK);
    check_arg(&r, 3, "");
    check_arg(&r, 4, "n");
    check_arg(
        &r, 7,
        "{\"timestamp\":1767225600000,\"repeatJobKey\":\"s\",\"repeat\":{\"every\":1000,\"offset\":5,\"count\":1}");
}

Test(scheduler, bad_input_is_told_with_its_id, .fini = empty_arena)
{
    struct job_options delayed = {.delay_ms = 5};
    const struct {
        struct scheduler_spec spec;
        oxq_err wanted;
        const char *word;
    } rows[] = {
        {{.repeat = {.every_ms = 1000}}, OXQ_ERR_ARGUMENT, "id has 1"},
        {{.id = SLICE_INIT("s")}, OXQ_ERR_ARGUMENT, "either a cron pattern or"},
        {{.id = SLICE_INIT("s"), .repeat = {.pattern = SLICE_INIT("* * * * *"), .every_ms = 5}},
         OXQ_ERR_ARGUMENT,
         "either"},
        {{.id = SLICE_INIT("s"), .repeat = {.pattern = SLICE_INIT("* * * *")}}, OXQ_ERR_ARGUMENT, "scheduler s: "},
        {{.id = SLICE_INIT("s"), .repeat = {.pattern = SLICE_INIT("0 0 31 2 *")}}, OXQ_ERR_ARGUMENT, "never comes"},
        {{.id = SLICE_INIT("s"), .repeat = {.pattern = SLICE_INIT("0 3 * * *"), .end_ms = NOW_MS + 5}},
         OXQ_ERR_ARGUMENT,
         "before the end"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = 5, .end_ms = NOW_MS - 5}}, OXQ_ERR_ARGUMENT, "has passed"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = 5}, .immediately = true}, OXQ_ERR_ARGUMENT, "immediately"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = -5}}, OXQ_ERR_ARGUMENT, "above 0"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = INT64_MAX}}, OXQ_ERR_ARGUMENT, "2039"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = 5, .limit = INT64_C(100000000000000)}},
         OXQ_ERR_ARGUMENT,
         "at most 99999999999999"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = 5, .end_ms = INT64_MAX}}, OXQ_ERR_ARGUMENT, "at most"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = 5, .start_ms = INT64_MAX}}, OXQ_ERR_ARGUMENT, "2039"},
        {{.id = SLICE_INIT("s"), .repeat = {.pattern = SLICE_INIT("@hourly"), .tz = SLICE_INIT("Mars/A")}},
         OXQ_ERR_NOT_FOUND,
         "Mars/A"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = 5}, .data = SLICE_INIT("x")}, OXQ_ERR_FORMAT, "not JSON"},
        {{.id = SLICE_INIT("s"), .repeat = {.every_ms = 5}, .options = &delayed}, OXQ_ERR_ARGUMENT, "no delay"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct oxq_error err = {0};
        struct request r;
        cr_assert_eq(upsert(&rows[i].spec, &r, &err), rows[i].wanted, "%zu: %s", i, err.text);
        cr_assert(strstr(err.text, rows[i].word), "%zu: %s", i, err.text);
    }
}

static bool next_of(const char *opts, struct request *r)
{
    struct job job = {.id = SLICE_INIT("repeat:s:1"), .opts = slice_from_text(opts), .repeat_job_key = SLICE_INIT("s")};
    bool is_due = true;
    cr_assert_eq(scheduler_next_request(&arena, &midnight, &job, &is_due, r, NULL), OXQ_OK, "%s", opts);
    return is_due;
}

Test(scheduler, the_next_run_keeps_what_it_does_not_know, .fini = empty_arena)
{
    struct request r;
    cr_assert(next_of("{\"mine\":[1],\"delay\":7,\"jobId\":\"x\",\"timestamp\":3,\"prevMillis\":4,\"priority\":2,"
                      "\"repeat\":{\"every\":1000,\"count\":1}}",
                      &r));
    check_arg(&r, 2, "s");
    check_arg(&r, 3, "repeat:s:1");
    check_arg(&r, 4, "");
    check_arg(&r, 5,
              "{\"attempts\":0,\"mine\":[1],\"priority\":2,\"timestamp\":1767225600000,\"repeatJobKey\":\"s\","
              "\"repeat\":{\"every\":1000,\"count\":2}");
}

Test(scheduler, ends_with_its_limit_and_its_end, .fini = empty_arena)
{
    struct request r;
    cr_assert(next_of("{\"repeat\":{\"every\":1000,\"count\":1,\"limit\":2}}", &r));
    cr_assert_not(next_of("{\"repeat\":{\"every\":1000,\"count\":2,\"limit\":2}}", &r));
    cr_assert_not(next_of("{\"repeat\":{\"every\":1000,\"endDate\":1767225599999}}", &r));
    cr_assert_not(next_of("{\"repeat\":{\"pattern\":\"0 3 * * *\",\"endDate\":1767225600001}}", &r));
    cr_assert_not(next_of("{}", &r));
    /* a pattern never runs again at or before the run that has begun, which clocks that differ could make it do */
    cr_assert(next_of("{\"repeat\":{\"pattern\":\"0 3 * * *\"},\"prevMillis\":1767236400000}", &r));
    check_arg(&r, 4, "1767322800000");
}

/* ---------------------------------------------------------------- flows */

static void fill(void *ctx, void *out, size_t bytes)
{
    uint8_t *next = ctx;
    memset(out, (*next)++, bytes);
}

Test(flow, is_laid_out_level_by_level, .fini = empty_arena)
{
    const struct flow_node leaves[] = {{.queue = SLICE_INIT("c"), .name = SLICE_INIT("e")}};
    struct job_options named = {.job_id = SLICE_INIT("mine")};
    const struct flow_node children[] = {
        {.queue = SLICE_INIT("b"), .name = SLICE_INIT("b"), .children = leaves, .children_count = 1, .options = &named},
        {.queue = SLICE_INIT("b"), .name = SLICE_INIT("d")},
    };
    const struct flow_node root = {
        .queue = SLICE_INIT("a"), .name = SLICE_INIT("r"), .children = children, .children_count = 2};
    uint8_t next = 0xf0;
    struct flow_opts opts = {.now_ms = NOW_MS, .random = fill, .random_ctx = &next};
    struct flow f;
    cr_assert_eq(flow_requests(&arena, &opts, &root, 1, &f, NULL), OXQ_OK);
    cr_assert_eq(f.jobs_count, 4);
    cr_assert_eq(f.requests_count, 1);
    static const char *const names[] = {"r", "b", "d", "e"};
    for (size_t i = 0; i < 4; i++) cr_assert(slice_equal(f.jobs[i].name, slice_from_text(names[i])), "%zu", i);
    cr_assert(slice_equal(f.jobs[0].made_id, SLICE_LIT("f0f0f0f0-f0f0-40f0-b0f0-f0f0f0f0f0f0")), "%.*s",
              (int)f.jobs[0].made_id.len, f.jobs[0].made_id.at);
    cr_assert(slice_equal(f.jobs[1].options->parent.id, f.jobs[0].made_id));
    cr_assert(slice_equal(f.jobs[1].options->parent.queue, SLICE_LIT("bull:a")));
    cr_assert(slice_equal(f.jobs[3].options->parent.id, SLICE_LIT("mine")));
    cr_assert(f.jobs[1].has_children && !f.jobs[2].has_children);
}

Test(flow, is_cut_where_it_is_long, .fini = empty_arena)
{
    static struct flow_node children[2 * ADD_JOBS_MAX + 7];
    size_t count = sizeof(children) / sizeof(children[0]);
    for (size_t i = 0; i < count; i++)
        children[i] = (struct flow_node){.queue = SLICE_INIT("b"), .name = SLICE_INIT("c")};
    const struct flow_node root = {
        .queue = SLICE_INIT("a"), .name = SLICE_INIT("r"), .children = children, .children_count = count};
    uint8_t next = 0;
    struct flow_opts opts = {.now_ms = NOW_MS, .random = fill, .random_ctx = &next};
    struct flow f;
    cr_assert_eq(flow_requests(&arena, &opts, &root, 1, &f, NULL), OXQ_OK);
    cr_assert_eq(f.requests_count, 3);
    cr_assert_eq(f.request_ends[2], count + 1);
    check_arg(&f.requests[0], 2, "-1");
    check_arg(&f.requests[1], 2, "-1");
    check_arg(&f.requests[2], 2, "0");
    struct resp_value ids[] = {{.kind = RESP_BULK, .text = SLICE_INIT("first")}, {.kind = RESP_INTEGER, .integer = -7}};
    struct resp_value replies[3] = {{0}, {0}, {.kind = RESP_ARRAY, .items = ids, .count = 2}};
    struct slice id;
    struct oxq_error err = {0};
    cr_assert_eq(flow_result(&f, replies, 2 * ADD_JOBS_MAX, &id, NULL), OXQ_OK);
    cr_assert(slice_equal(id, SLICE_LIT("first")));
    cr_assert_eq(flow_result(&f, replies, 2 * ADD_JOBS_MAX + 1, &id, &err), OXQ_ERR_EXISTS);
    cr_assert(strstr(err.text, "job 2002 of the flow, \"c\""), "%s", err.text);
    cr_assert_eq(flow_result(&f, replies, count + 1, &id, NULL), OXQ_ERR_ARGUMENT);
}

Test(flow, bad_input_is_told, .fini = empty_arena)
{
    struct job_options unique = {.deduplication = {.id = SLICE_INIT("d")}};
    const struct flow_node leaf = {.queue = SLICE_INIT("b"), .name = SLICE_INIT("c")};
    const struct flow_node nameless = {.queue = SLICE_INIT("a:b"), .name = SLICE_INIT("c")};
    const struct flow_node root = {
        .queue = SLICE_INIT("a"), .name = SLICE_INIT("r"), .options = &unique, .children = &leaf, .children_count = 1};
    uint8_t next = 0;
    struct flow_opts opts = {.now_ms = NOW_MS, .random = fill, .random_ctx = &next};
    struct flow f;
    struct oxq_error err = {0};
    cr_assert_eq(flow_requests(&arena, &opts, &root, 1, &f, &err), OXQ_ERR_ARGUMENT);
    cr_assert(strstr(err.text, "deduplication"), "%s", err.text);
    cr_assert_eq(flow_requests(&arena, &opts, &nameless, 1, &f, &err), OXQ_ERR_ARGUMENT);
    cr_assert(strstr(err.text, "colon"), "%s", err.text);
    cr_assert_eq(flow_requests(&arena, &opts, NULL, 0, &f, &err), OXQ_ERR_LIMIT);
}
