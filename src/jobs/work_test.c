/* SPDX-License-Identifier: MIT */
/* The requests and replies of workers: fetch.h, finish.h, running.h, limits.h, rerun.h, dead.h, backoff.h. What they do to a queue: tests/transitions. */
#include "jobs/backoff.h"
#include "jobs/dead.h"
#include "jobs/finish.h"
#include "jobs/limits.h"
#include "jobs/rerun.h"
#include "jobs/running.h"

#include <criterion/criterion.h>

static struct arena arena;

static void empty_arena(void)
{
    arena_deinit(&arena);
}

static const struct fetch_opts plain = {
    .prefix = SLICE_INIT("bull:q:"),
    .now_ms = 1700000000000,
    .count = 1,
    .token = SLICE_INIT("t"),
    .lock_ms = 30000,
};

/* All of a request's arguments with a space after each. */
static void expect_args(const struct request *r, const char *wanted)
{
    OWNED(buf_deinit) struct buf got = {.limit_bytes = 4096};
    for (size_t i = 0; i < r->command.argc; i++) {
        cr_assert_eq(buf_append(&got, r->command.argv[i]), OXQ_OK);
        cr_assert_eq(buf_append(&got, SLICE_LIT(" ")), OXQ_OK);
    }
    cr_assert(slice_equal(buf_borrow(&got), slice_from_text(wanted)), "%.*s", (int)got.len, got.at);
}

/* A reply in the protocol's form. */
static struct resp_value reply_of(const char *bytes)
{
    struct resp_value value;
    cr_assert_eq(resp_reply_read(slice_from_text(bytes), &arena, &value), OXQ_OK, "%s", bytes);
    return value;
}

/* ---------------------------------------------------------------- fetch */

Test(fetch, says_how_jobs_are_taken, .fini = empty_arena)
{
    struct request r;
    cr_assert_eq(fetch_request(&arena, &plain, &r, NULL), OXQ_OK);
    cr_assert_eq(r.command.script, &transition_fetch.script);
    expect_args(&r, "bull:q: 1700000000000 1 t 30000    ");

    struct fetch_opts opts = plain;
    opts.token = (struct slice){0};
    opts.worker = SLICE_LIT("w");
    opts.rate_max = 5;
    opts.rate_ms = 1000;
    cr_assert_eq(fetch_request(&arena, &opts, &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: 1700000000000 1 0 30000 w 5 1000 ");
}

Test(fetch, refuses_what_makes_no_sense, .fini = empty_arena)
{
    struct fetch_opts many = plain, lockless = plain, rateless = plain;
    many.count = FETCH_JOBS_MAX + 1;
    lockless.lock_ms = 0;
    rateless.rate_max = 1;
    struct request r;
    struct oxq_error err = {0};
    cr_assert_eq(fetch_request(&arena, &many, &r, &err), OXQ_ERR_LIMIT);
    cr_assert(strstr(err.text, "0 .. 1000"), "%s", err.text);
    cr_assert_eq(fetch_request(&arena, &lockless, &r, NULL), OXQ_ERR_ARGUMENT);
    cr_assert_eq(fetch_request(&arena, &rateless, &r, NULL), OXQ_ERR_ARGUMENT);
    lockless.count = 0;
    cr_assert_eq(fetch_request(&arena, &lockless, &r, NULL), OXQ_OK, "nothing is locked");
}

Test(fetch, jobs_come_with_what_the_call_changed, .fini = empty_arena)
{
    struct resp_value reply = reply_of("*9\r\n*2\r\n:0\r\n:-2\r\n:0\r\n:0\r\n"
                                       "$1\r\n7\r\n:2\r\n*4\r\n$4\r\nname\r\n$4\r\nsend\r\n$3\r\nats\r\n$1\r\n1\r\n"
                                       "$1\r\n8\r\n:1\r\n*2\r\n$5\r\ndelay\r\n$3\r\nbad\r\n");
    struct fetch_opts opts = plain;
    opts.worker = SLICE_LIT("w");
    struct fetched f;
    cr_assert_eq(fetch_read(&reply, &opts, &arena, &f, NULL), OXQ_OK);
    cr_assert_eq(f.count, 2);
    const struct job *job = &f.jobs[0].job;
    cr_assert(slice_equal(job->id, SLICE_LIT("7")));
    cr_assert(slice_equal(job->name, SLICE_LIT("send")));
    cr_assert(slice_equal(job->processed_by, SLICE_LIT("w")));
    cr_assert_eq(job->attempts_started, 2);
    cr_assert_eq(job->processed_ms, opts.now_ms);
    cr_assert_eq(f.jobs[0].fields->count, 4);

    job = &f.jobs[1].job;
    cr_assert(slice_equal(job->id, SLICE_LIT("8")), "a job that cannot be read is there, to be failed");
    cr_assert(job->deferred_failure.len > 0);

    int64_t number = 9;
    struct oxq_error err = {0};
    cr_assert_eq(fetch_code(&f, 0, "finish job", SLICE_LIT("5"), &number, &err), OXQ_OK);
    cr_assert_eq(number, 0);
    cr_assert_eq(fetch_code(&f, 1, "finish job", SLICE_LIT("6"), &number, &err), OXQ_ERR_LOCK_LOST);
    cr_assert(strstr(err.text, "finish job 6"), "%s", err.text);
    cr_assert_eq(fetch_code(&f, 2, "finish job", SLICE_LIT("6"), &number, &err), OXQ_ERR_FORMAT);
}

Test(fetch, ids_without_a_job_are_told_apart, .fini = empty_arena)
{
    struct resp_value reply = reply_of("*9\r\n*0\r\n:0\r\n:0\r\n$1\r\n7\r\n:0\r\n$6\r\nstring\r\n"
                                       "$1\r\n8\r\n:1\r\n*2\r\n$4\r\nname\r\n$4\r\nsend\r\n");
    struct fetched f;
    cr_assert_eq(fetch_read(&reply, &plain, &arena, &f, NULL), OXQ_OK);
    cr_assert_eq(f.count, 1);
    cr_assert(slice_equal(f.jobs[0].job.id, SLICE_LIT("8")));
    cr_assert_eq(f.damaged_count, 1);
    cr_assert(slice_equal(f.damaged[0].id, SLICE_LIT("7")));
    cr_assert(slice_equal(f.damaged[0].kind, SLICE_LIT("string")));
}

Test(fetch, says_why_there_are_no_jobs, .fini = empty_arena)
{
    struct fetched f;
    struct resp_value reply = reply_of("*3\r\n*0\r\n:250\r\n:1700000000500\r\n");
    cr_assert_eq(fetch_read(&reply, &plain, &arena, &f, NULL), OXQ_OK);
    cr_assert_eq(f.count, 0);
    cr_assert_eq(f.rate_wait_ms, 250);
    cr_assert_eq(f.next_due_ms, 1700000000500);
    static const struct {
        const char *bytes;
        oxq_err wanted;
    } rows[] = {{"-WRONGTYPE no\r\n", OXQ_ERR_SERVER},
                {":1\r\n", OXQ_ERR_FORMAT},
                {"*4\r\n*0\r\n:0\r\n:0\r\n:0\r\n", OXQ_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        reply = reply_of(rows[i].bytes);
        cr_assert_eq(fetch_read(&reply, &plain, &arena, &f, NULL), rows[i].wanted, "%s", rows[i].bytes);
    }
}

/* ---------------------------------------------------------------- finish */

Test(finish, jobs_are_a_list_behind_what_is_taken, .fini = empty_arena)
{
    const struct finished_job jobs[] = {
        {.id = SLICE_INIT("1"), .token = SLICE_INIT("t"), .attempts = 3},
        {.id = SLICE_INIT("2"),
         .has_failed = true,
         .value = SLICE_INIT("no"),
         .stacktrace = SLICE_INIT("[]"),
         .keep = {.kind = JOB_KEEP_SOME, .has_count = true, .count = 5, .has_age = true, .age_s = 60}},
        {.id = SLICE_INIT("3"), .token = SLICE_INIT("t"), .value = SLICE_INIT("7"), .keep = {.kind = JOB_KEEP_NONE}},
    };
    struct finish_batch batch = {&plain, 10, jobs, 3};
    struct request r;
    cr_assert_eq(finish_request(&arena, &batch, &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: 1700000000000 1 t 30000    10 "
                    "1 t completed null -1  1000 3  "
                    "2 0 failed no 5 60 1000 0 [] "
                    "3 t completed 7 0  1000 0  ");
}

Test(finish, a_result_is_json, .fini = empty_arena)
{
    struct finished_job job = {.id = SLICE_INIT("1"), .value = SLICE_INIT("done")};
    struct finish_batch batch = {&plain, 0, &job, 1};
    struct request r;
    struct oxq_error err = {0};
    cr_assert_eq(finish_request(&arena, &batch, &r, &err), OXQ_ERR_FORMAT);
    cr_assert(strstr(err.text, "job 1") && strstr(err.text, "quotes"), "%s", err.text);
    job.has_failed = true;
    cr_assert_eq(finish_request(&arena, &batch, &r, &err), OXQ_OK, "an error is any text");
    batch.count = 0;
    cr_assert_eq(finish_request(&arena, &batch, &r, &err), OXQ_ERR_LIMIT);
}

Test(finish, the_jobs_own_policy_holds_before_the_workers)
{
    const struct job_keep none = {.kind = JOB_KEEP_NONE}, all = {.kind = JOB_KEEP_ALL}, unset = {0};
    cr_assert_eq(finish_keep(&none, &all).kind, JOB_KEEP_NONE);
    cr_assert_eq(finish_keep(&unset, &none).kind, JOB_KEEP_NONE);
    cr_assert_eq(finish_keep(&unset, &unset).kind, JOB_KEEP_ALL);
}

Test(finish, the_newest_stacks_are_kept, .fini = empty_arena)
{
    static const struct {
        const char *old, *stack;
        int64_t limit;
        const char *wanted;
    } rows[] = {
        {"", "a", 0, "[\"a\"]"},
        {"[\"a\",\"b\"]", "c", 0, "[\"a\",\"b\",\"c\"]"},
        {"[\"a\",\"b\"]", "c", 2, "[\"b\",\"c\"]"},
        {"[\"a\",\"b\"]", "c", 1, "[\"c\"]"},
        {"[\"a\"]", "c", JOB_STACK_NONE, "[]"},
        {"broken", "c", 5, "[\"c\"]"},
        {"{\"a\":1}", "c", 5, "[\"c\"]"},
        {"", "\xff\"", 0, "[\"?\\\"\"]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice got;
        cr_assert_eq(finish_add_stack(&arena, slice_from_text(rows[i].old), slice_from_text(rows[i].stack),
                                      rows[i].limit, &got, NULL),
                     OXQ_OK);
        cr_assert(slice_equal(got, slice_from_text(rows[i].wanted)), "%zu: %.*s", i, (int)got.len, got.at);
    }
}

Test(leave, each_way_has_what_belongs_to_it, .fini = empty_arena)
{
    const struct leaving_job jobs[] = {
        {.id = SLICE_INIT("1"), .token = SLICE_INIT("t"), .to = LEAVE_WAIT, .is_lifo = true, .is_attempt = true},
        {.id = SLICE_INIT("2"), .to = LEAVE_DELAYED, .delay_ms = 5, .failed_reason = SLICE_INIT("no")},
        {.id = SLICE_INIT("3"), .to = LEAVE_FRONT},
        {.id = SLICE_INIT("4"), .to = LEAVE_CHILDREN, .child_key = SLICE_INIT("bull:b:1")},
    };
    struct leave_batch batch = {&plain, jobs, 4};
    struct request r;
    cr_assert_eq(leave_request(&arena, &batch, &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: 1700000000000 1 t 30000    "
                    "1 t wait RPUSH 1   "
                    "2 0 delayed 5 0 no  "
                    "3 0 front  0   "
                    "4 0 children bull:b:1 0   ");
    struct leaving_job back = {.id = SLICE_INIT("1"), .to = LEAVE_DELAYED, .delay_ms = -1};
    batch = (struct leave_batch){&plain, &back, 1};
    cr_assert_eq(leave_request(&arena, &batch, &r, NULL), OXQ_ERR_ARGUMENT);
}

/* ---------------------------------------------------------------- backoff */

static int64_t delay_of(struct job_backoff backoff, int64_t attempts_made, int64_t max_ms)
{
    struct rng rng;
    rng_init(&rng, 7);
    struct backoff_case c = {.backoff = &backoff, .attempts_made = attempts_made, .max_ms = max_ms};
    int64_t ms = -2;
    cr_assert_eq(backoff_delay(&c, &rng, &ms, NULL), OXQ_OK);
    return ms;
}

Test(backoff, grows_as_its_type_says)
{
    const struct job_backoff none = {0}, plain_delay = {.delay_ms = 30};
    const struct job_backoff fixed = {.type = SLICE_INIT("fixed"), .delay_ms = 30};
    const struct job_backoff doubling = {.type = SLICE_INIT("exponential"), .delay_ms = 30};
    cr_assert_eq(delay_of(none, 1, 0), 0);
    cr_assert_eq(delay_of(plain_delay, 5, 0), 30);
    cr_assert_eq(delay_of(fixed, 5, 0), 30);
    cr_assert_eq(delay_of(doubling, 1, 0), 30);
    cr_assert_eq(delay_of(doubling, 5, 0), 480);
    cr_assert_eq(delay_of(doubling, 5, 100), 100);
    cr_assert_eq(delay_of(doubling, 100000, 0), (int64_t)1 << 40, "it ends somewhere");
    const struct job_backoff endless = {.type = SLICE_INIT("fixed"), .delay_ms = INT64_MAX};
    cr_assert_eq(delay_of(endless, 1, 0), (int64_t)1 << 40, "and so does one that does not grow");
}

Test(backoff, jitter_takes_off_up_to_its_share)
{
    struct job_backoff backoff = {.type = SLICE_INIT("exponential"), .delay_ms = 1000, .jitter = 0.5};
    struct backoff_case c = {.backoff = &backoff, .attempts_made = 2};
    struct rng rng;
    rng_init(&rng, 1);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t ms;
        cr_assert_eq(backoff_delay(&c, &rng, &ms, NULL), OXQ_OK);
        if (ms < least) least = ms;
        if (ms > most) most = ms;
    }
    cr_assert(least >= 1000 && least < 1020, "%lld", (long long)least);
    cr_assert(most < 2000 && most > 1980, "%lld", (long long)most);
}

static int64_t tell_attempts(void *ctx, const struct job *job, int64_t attempts_made, struct slice error)
{
    (void)job;
    cr_assert(slice_equal(error, SLICE_LIT("no")));
    return attempts_made == 3 ? -1 : *(int64_t *)ctx * attempts_made;
}

Test(backoff, other_types_are_the_workers)
{
    struct job_backoff mine = {.type = SLICE_INIT("mine")};
    int64_t factor = 10, ms;
    struct backoff_case c = {.backoff = &mine, .attempts_made = 2, .error = SLICE_INIT("no")};
    struct rng rng;
    rng_init(&rng, 1);
    struct oxq_error err = {0};
    cr_assert_eq(backoff_delay(&c, &rng, &ms, &err), OXQ_ERR_ARGUMENT);
    cr_assert(strstr(err.text, "mine"), "%s", err.text);
    c.custom = tell_attempts;
    c.ctx = &factor;
    cr_assert_eq(backoff_delay(&c, &rng, &ms, &err), OXQ_OK);
    cr_assert_eq(ms, 20);
    c.attempts_made = 3;
    cr_assert_eq(backoff_delay(&c, &rng, &ms, &err), OXQ_OK);
    cr_assert_eq(ms, BACKOFF_STOP);
}

/* ---------------------------------------------------------------- while jobs run */

Test(running, requests_name_their_jobs, .fini = empty_arena)
{
    const struct slice prefix = SLICE_LIT("bull:q:"), id = SLICE_LIT("1");
    const struct running_lock locks[] = {{SLICE_INIT("1"), SLICE_INIT("t1")}, {SLICE_INIT("2"), SLICE_INIT("t2")}};
    struct request r;
    cr_assert_eq(running_extend(&arena, prefix, &(struct running_renewal){locks, 2, 30000}, &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: 30000 1 t1 2 t2 ");
    cr_assert_eq(running_extend(&arena, prefix, &(struct running_renewal){locks, 2, 0}, &r, NULL), OXQ_ERR_ARGUMENT);
    cr_assert_eq(running_extend(&arena, prefix, &(struct running_renewal){locks, 0, 1}, &r, NULL), OXQ_ERR_LIMIT);
    cr_assert_eq(running_release(&arena, prefix, locks, 1, &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: 1 t1 ");
    cr_assert_eq(running_progress(&arena, prefix, id, SLICE_LIT("50"), &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: 1 50 ");
    cr_assert_eq(running_progress(&arena, prefix, id, SLICE_LIT("half"), &r, NULL), OXQ_ERR_FORMAT);
    cr_assert_eq(running_set_data(&arena, prefix, id, SLICE_LIT("{}"), &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: 1 data {} ");
    running_set_failure(&arena, prefix, id, SLICE_LIT("no"), (struct slice){0}, &r);
    expect_args(&r, "bull:q: 1 failedReason no stacktrace [] ");
    running_log(&arena, prefix, id, SLICE_LIT("line"), 3, &r);
    expect_args(&r, "bull:q: 1 3 line ");
    running_children_results(&arena, prefix, id, &r);
    expect_args(&r, "HGETALL bull:q:1:processed ");
    running_children_failures(&arena, prefix, id, &r);
    expect_args(&r, "HGETALL bull:q:1:failed ");
    running_attempts(&arena, prefix, id, &r);
    expect_args(&r, "HMGET bull:q:1 ats atm ");
}

Test(running, a_step_is_a_field_of_the_job, .fini = empty_arena)
{
    struct request r;
    const struct running_step step = {.lock = {SLICE_INIT("1"), SLICE_INIT("t1")},
                                      .starts = 3,
                                      .name = SLICE_INIT("send"),
                                      .result = SLICE_INIT("\"ok\"")};
    running_keep_step(&arena, SLICE_LIT("bull:q:"), &step, &r);
    expect_args(&r, "bull:q: 1 t1 3 oxq.step:send \"ok\" ");
    struct resp_value fields =
        reply_of("*4\r\n$14\r\noxq.step:sends\r\n$1\r\nx\r\n$13\r\noxq.step:send\r\n$1\r\ny\r\n");
    struct slice result;
    cr_assert(running_find_step(&fields, SLICE_LIT("send"), &result));
    cr_assert(slice_equal(result, SLICE_LIT("y")));
    cr_assert(!running_find_step(&fields, SLICE_LIT("sen"), &result));
}

Test(running, a_sweep_goes_on_where_it_was, .fini = empty_arena)
{
    struct running_sweep sweep = {SLICE_INIT("bull:q:"), 1700000000000, 30000, 1, RUNNING_SWEEP_FIRST};
    struct request r;
    running_sweep(&arena, &sweep, &r);
    expect_args(&r, "bull:q: 1700000000000 30000 1 1000 -1 ");
    struct resp_value reply = reply_of("*3\r\n:1000\r\n$1\r\n4\r\n$1\r\n5\r\n");
    struct running_stalled found;
    cr_assert_eq(running_read_sweep(&reply, &found, NULL), OXQ_OK);
    cr_assert_eq(found.next, 1000);
    cr_assert_eq(found.count, 2);
    cr_assert(slice_equal(found.ids[1].text, SLICE_LIT("5")));
    reply = reply_of("*0\r\n");
    cr_assert_eq(running_read_sweep(&reply, &found, NULL), OXQ_ERR_FORMAT);
}

/* ---------------------------------------------------------------- limits, and finished jobs */

Test(limits, are_read_and_set, .fini = empty_arena)
{
    struct request r;
    limits_request(&arena, SLICE_LIT("bull:q:"), 0, &r);
    expect_args(&r, "bull:q:  ");
    struct resp_value reply = reply_of("*3\r\n:250\r\n:0\r\n:1\r\n");
    struct limits limits;
    cr_assert_eq(limits_read(&reply, &limits, NULL), OXQ_OK);
    cr_assert(limits.rate_wait_ms == 250 && !limits.is_full && limits.is_paused);
    cr_assert_eq(limits_hold(&arena, SLICE_LIT("bull:q:"), 100, &r, NULL), OXQ_OK);
    expect_args(&r, "SET bull:q:limiter 9007199254740991 PX 100 ");
    cr_assert_eq(limits_hold(&arena, SLICE_LIT("bull:q:"), 0, &r, NULL), OXQ_ERR_ARGUMENT);
    limits_release(&arena, SLICE_LIT("bull:q:"), &r);
    expect_args(&r, "DEL bull:q:limiter ");
}

Test(rerun, names_jobs_of_one_state, .fini = empty_arena)
{
    const struct slice ids[] = {SLICE_INIT("1"), SLICE_INIT("2")};
    struct rerun_batch batch = {SLICE_INIT("bull:q:"), true, true, false, true, ids, 2};
    struct request r;
    cr_assert_eq(rerun_request(&arena, &batch, &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q: failed 1 0 1 1 2 ");
    struct resp_value reply = reply_of("*2\r\n:1\r\n:-3\r\n");
    cr_assert_eq(rerun_result(&reply, 0, ids[0], NULL), OXQ_OK);
    cr_assert_eq(rerun_result(&reply, 1, ids[1], NULL), OXQ_ERR_STATE);
    cr_assert_eq(rerun_result(&reply, 2, ids[1], NULL), OXQ_ERR_FORMAT);
}

Test(dead, a_dead_letter_queue_is_another_queue, .fini = empty_arena)
{
    const struct slice prefix = SLICE_LIT("bull:mail:");
    struct request r;
    cr_assert_eq(dead_set_queue(&arena, prefix, SLICE_LIT("mail-dead"), &r, NULL), OXQ_OK);
    expect_args(&r, "HSET bull:mail:meta oxq.deadQueue mail-dead ");
    cr_assert_eq(dead_set_queue(&arena, prefix, (struct slice){0}, &r, NULL), OXQ_OK);
    expect_args(&r, "HDEL bull:mail:meta oxq.deadQueue ");
    cr_assert_eq(dead_set_queue(&arena, prefix, SLICE_LIT("mail"), &r, NULL), OXQ_ERR_ARGUMENT);
    cr_assert_eq(dead_set_queue(&arena, prefix, SLICE_LIT("a:b"), &r, NULL), OXQ_ERR_ARGUMENT);
}

Test(dead, a_letter_is_read_as_it_was_written, .fini = empty_arena)
{
    struct dead_letter letter;
    cr_assert(
        dead_read(&arena,
                  SLICE_LIT("{\"queue\":\"mail\",\"id\":\"7\",\"name\":\"send\",\"data\":{\"n\":12345678901234567890},"
                            "\"opts\":{\"attempts\":3},\"failedReason\":\"no \\\"paper\\\"\",\"stacktrace\":null,"
                            "\"attemptsMade\":3,\"processedBy\":null,\"parentKey\":null,\"timestamp\":5}"),
                  &letter));
    cr_assert(slice_equal(letter.data, SLICE_LIT("{\"n\":12345678901234567890}")));
    cr_assert(slice_equal(letter.opts, SLICE_LIT("{\"attempts\":3}")));
    cr_assert(slice_equal(letter.failed_reason, SLICE_LIT("no \"paper\"")));
    cr_assert_eq(letter.stacktrace.len + letter.processed_by.len + letter.parent_key.len, 0);
    cr_assert_eq(letter.attempts_made, 3);
    cr_assert_eq(letter.timestamp_ms, 5);
    static const char *const others[] = {
        "", "{}", "[1]", "{\"queue\":\"mail\",\"id\":\"7\",\"name\":\"x\",\"data\":1,\"opts\":[]}",
        "{\"queue\":\"mail\",\"id\":7,\"name\":\"x\",\"data\":1,\"opts\":{},\"failedReason\":\"\"}"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_assert_not(dead_read(&arena, slice_from_text(others[i]), &letter), "%s", others[i]);
}

Test(dead, each_letter_has_its_own_answer, .fini = empty_arena)
{
    const struct slice ids[] = {SLICE_INIT("1"), SLICE_INIT("2"), SLICE_INIT("3")};
    struct dead_replay replay = {SLICE_INIT("bull:q-dead:"), 99, ids, 3};
    struct request r;
    struct slice id;
    cr_assert_eq(dead_replay(&arena, &replay, &r, NULL), OXQ_OK);
    expect_args(&r, "bull:q-dead: 99 1 2 3 ");
    struct resp_value reply = reply_of("*3\r\n$2\r\n77\r\n:-102\r\n:-101\r\n");
    cr_assert_eq(dead_result(&reply, 0, ids[0], &id, NULL), OXQ_OK);
    cr_assert(slice_equal(id, SLICE_LIT("77")));
    cr_assert_eq(dead_result(&reply, 1, ids[1], &id, NULL), OXQ_ERR_EXISTS);
    cr_assert_eq(dead_result(&reply, 2, ids[2], &id, NULL), OXQ_ERR_FORMAT);
    cr_assert_eq(dead_result(&reply, 3, ids[2], &id, NULL), OXQ_ERR_FORMAT);
    replay.count = DEAD_REPLAY_MAX + 1;
    cr_assert_eq(dead_replay(&arena, &replay, &r, NULL), OXQ_ERR_LIMIT);
}
