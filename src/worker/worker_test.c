/* SPDX-License-Identifier: MIT */
/* Workers on a folder of their own: the store is real, and so are the threads. */
#include "worker/state.h"

#include "os/clock.h"
#include "worker/testkit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define HOLD_MS 60

TestSuite(worker, .init = testkit_start, .fini = testkit_stop);

static void add(const char *name, const char *data, const struct oxq_job_opts *opts, char id[OXQ_ID_MAX])
{
    cr_assert_eq(oxq_queue_add(queue, name, data, opts, id, &err), OXQ_OK, "%s", err.text);
}

static oxq_worker *open_worker(const struct oxq_worker_opts *opts, oxq_handler *handler, void *ctx)
{
    oxq_worker *w;
    cr_assert_eq(oxq_worker_open(store, "mail", opts, handler, ctx, &w, &err), OXQ_OK, "%s", err.text);
    return w;
}

static void close_worker(oxq_worker *w)
{
    cr_assert_eq(oxq_worker_close(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
}

/* Runs all that waits. */
static void work(const struct oxq_worker_opts *opts, oxq_handler *handler, void *ctx)
{
    oxq_worker *w = open_worker(opts, handler, ctx);
    cr_assert_eq(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
    close_worker(w);
}

static oxq_job *get(const char *id)
{
    oxq_job *job;
    cr_assert_eq(oxq_queue_get(queue, id, &job, &err), OXQ_OK, "%s", err.text);
    return job;
}

/* ---------------------------------------------------------------- outcomes */

static oxq_outcome greet(oxq_job *job, void *ctx)
{
    (void)ctx;
    char result[128];
    snprintf(result, sizeof(result), "{\"hello\":\"%s\"}", oxq_json_text(oxq_job_json(job), "/to", "nobody"));
    return oxq_job_done(job, result);
}

Test(worker, runs_a_handler_for_each_job_and_keeps_its_result)
{
    char id[OXQ_ID_MAX];
    add("greet", "{\"to\":\"world\"}", NULL, id);
    work(&(struct oxq_worker_opts){.name = "w1"}, greet, NULL);
    oxq_job *job = get(id);
    const struct oxq_job_fields *f = oxq_job_fields(job);
    cr_assert_str_eq(f->result, "{\"hello\":\"world\"}");
    cr_assert_str_eq(f->processed_by, "w1");
    cr_assert_eq(f->attempts_made, 1);
    cr_assert_gt(f->finished_ms, 0);
    oxq_job_free(job);
}

struct tally {
    atomic_int calls, most_at_a_time, now;
};

static oxq_outcome fail_twice(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    atomic_fetch_add(&t->calls, 1);
    if (oxq_job_fields(job)->attempts_made < 2) return oxq_job_fail(job, "attempt %d of it", atomic_load(&t->calls));
    return OXQ_DONE;
}

Test(worker, a_failed_attempt_is_followed_by_others)
{
    char id[OXQ_ID_MAX];
    struct tally t = {0};
    add("x", NULL, &(struct oxq_job_opts){.attempts = 5}, id);
    work(NULL, fail_twice, &t);
    cr_assert_eq(atomic_load(&t.calls), 3);
    oxq_job *job = get(id);
    cr_assert_str_eq(oxq_job_fields(job)->failure, "attempt 2 of it");
    cr_assert_str_eq(oxq_job_fields(job)->result, "null");
    cr_assert_eq(oxq_job_fields(job)->attempts_made, 3);
    oxq_job_free(job);
}

static oxq_outcome end_as_told(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    atomic_fetch_add(&t->calls, 1);
    const char *how = oxq_job_name(job);
    if (strcmp(how, "bad result") == 0) return oxq_job_done(job, "no json");
    if (strcmp(how, "for good") == 0) return oxq_job_fail_for_good(job, "never");
    if (strcmp(how, "silent") == 0) return OXQ_FAILED;
    return (oxq_outcome)77;
}

Test(worker, what_cannot_get_better_fails_at_once)
{
    static const struct {
        const char *name, *failure;
    } cases[] = {{"bad result", "the handler's result is not JSON"},
                 {"for good", "never"},
                 {"nonsense", "the handler returned 77, which is no outcome"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[OXQ_ID_MAX];
        struct tally t = {0};
        add(cases[i].name, NULL, &(struct oxq_job_opts){.attempts = 5}, id);
        work(NULL, end_as_told, &t);
        cr_assert_eq(atomic_load(&t.calls), 1);
        oxq_job *job = get(id);
        cr_assert_not_null(strstr(oxq_job_fields(job)->failure, cases[i].failure), "%s", oxq_job_fields(job)->failure);
        cr_assert_gt(oxq_job_fields(job)->finished_ms, 0);
        oxq_job_free(job);
    }
}

static oxq_outcome delay_once(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    return atomic_fetch_add(&t->calls, 1) == 0 ? oxq_job_delay(job, 20) : OXQ_DONE;
}

static oxq_outcome retry_after_once(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    return atomic_fetch_add(&t->calls, 1) == 0 ? oxq_job_retry_after(job, 20, "busy") : OXQ_DONE;
}

static oxq_outcome limit_once(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    return atomic_fetch_add(&t->calls, 1) == 0 ? oxq_job_rate_limit(job, 20) : OXQ_DONE;
}

/* Waits until the job has a result. */
static void expect_done(oxq_worker *w, const char *id, int64_t attempts_made)
{
    for (;;) {
        cr_assert_eq(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
        oxq_job *job = get(id);
        bool is_done = oxq_job_fields(job)->finished_ms > 0;
        if (is_done) cr_assert_eq(oxq_job_fields(job)->attempts_made, attempts_made);
        oxq_job_free(job);
        if (is_done) return;
    }
}

static oxq_outcome give_back_once(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    return atomic_fetch_add(&t->calls, 1) == 0 ? oxq_job_give_back(job) : OXQ_DONE;
}

Test(worker, a_job_that_is_given_back_is_the_next_one_and_no_attempt_was_made)
{
    char id[OXQ_ID_MAX], other[OXQ_ID_MAX];
    struct tally t = {0};
    add("first", NULL, NULL, id);
    add("second", NULL, NULL, other);
    work(NULL, give_back_once, &t);
    cr_assert_eq(atomic_load(&t.calls), 3);
    oxq_job *first = get(id), *second = get(other);
    cr_assert_eq(oxq_job_fields(first)->attempts_made, 1);
    cr_assert_eq(oxq_job_fields(first)->attempts_started, 2);
    cr_assert_leq(oxq_job_fields(first)->finished_ms, oxq_job_fields(second)->processed_ms);
    oxq_job_free(first);
    oxq_job_free(second);
}

static oxq_outcome always_fail(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    return oxq_job_fail(job, "call %d", atomic_fetch_add(&t->calls, 1) + 1);
}

Test(worker, a_job_is_begun_no_more_often_than_allowed_though_attempts_are_left)
{
    char id[OXQ_ID_MAX];
    struct tally t = {0};
    add("x", NULL, &(struct oxq_job_opts){.attempts = 5}, id);
    work(&(struct oxq_worker_opts){.attempts_started_max = 2}, always_fail, &t);
    cr_assert_eq(atomic_load(&t.calls), 2);
    oxq_job *job = get(id);
    cr_assert_str_eq(oxq_job_fields(job)->failure, "call 2");
    cr_assert_gt(oxq_job_fields(job)->finished_ms, 0);
    oxq_job_free(job);
}

/* Fails the first time; notes the order in which jobs run, by the first letter of their names. */
struct order {
    char letters[8];
    int count;
};

static oxq_outcome fail_first_and_note(oxq_job *job, void *ctx)
{
    struct order *o = ctx;
    o->letters[o->count++] = oxq_job_name(job)[0];
    return o->count == 1 ? oxq_job_fail(job, "once") : OXQ_DONE;
}

Test(worker, a_lifo_job_that_is_tried_again_is_the_next_one)
{
    struct order o = {.count = 0};
    add("a", NULL, NULL, (char[OXQ_ID_MAX]){0});
    add("b", NULL, NULL, (char[OXQ_ID_MAX]){0});
    add("x", NULL, &(struct oxq_job_opts){.attempts = 2, .lifo = true}, (char[OXQ_ID_MAX]){0});
    work(NULL, fail_first_and_note, &o);
    cr_assert_str_eq(o.letters, "xxab");
}

Test(worker, a_job_may_come_again_later)
{
    static const struct {
        oxq_handler *handler;
        int64_t attempts;
    } cases[] = {{delay_once, 1}, {retry_after_once, 2}, {limit_once, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[OXQ_ID_MAX];
        struct tally t = {0};
        add("x", NULL, &(struct oxq_job_opts){.attempts = 3}, id);
        struct oxq_worker_opts limited = {.limiter_max = 1000, .limiter_ms = 1000};
        oxq_worker *w = open_worker(&limited, cases[i].handler, &t);
        expect_done(w, id, cases[i].attempts);
        cr_assert_eq(atomic_load(&t.calls), 2);
        close_worker(w);
    }
}

struct hold {
    int64_t began_us[2];
    atomic_int calls;
};

static oxq_outcome hold_once(oxq_job *job, void *ctx)
{
    struct hold *h = ctx;
    int call = atomic_fetch_add(&h->calls, 1);
    if (call < 2) h->began_us[call] = clock_mono_us(os_clock());
    return call == 0 ? oxq_job_rate_limit(job, HOLD_MS) : OXQ_DONE;
}

Test(worker, a_handler_holds_the_queue_though_its_worker_has_no_rate)
{
    char id[OXQ_ID_MAX];
    struct hold h = {.calls = 0};
    add("x", NULL, NULL, id);
    oxq_worker *w = open_worker(NULL, hold_once, &h);
    expect_done(w, id, 1);
    close_worker(w);
    cr_assert_eq(atomic_load(&h.calls), 2);
    cr_assert_geq(h.began_us[1] - h.began_us[0], (HOLD_MS - 1) * 1000);
}

/* ---------------------------------------------------------------- threads */

static oxq_outcome count_most(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    (void)job;
    int now = atomic_fetch_add(&t->now, 1) + 1;
    int most = atomic_load(&t->most_at_a_time);
    while (now > most && !atomic_compare_exchange_weak(&t->most_at_a_time, &most, now)) {
    }
    poll(NULL, 0, 1);
    atomic_fetch_sub(&t->now, 1);
    atomic_fetch_add(&t->calls, 1);
    return OXQ_DONE;
}

Test(worker, runs_as_many_at_a_time_as_it_may_and_no_more)
{
    struct tally t = {0};
    for (int i = 0; i < 200; i++) add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
    work(&(struct oxq_worker_opts){.concurrency = 8}, count_most, &t);
    cr_assert_eq(atomic_load(&t.calls), 200);
    cr_assert_leq(atomic_load(&t.most_at_a_time), 8);
    cr_assert_gt(atomic_load(&t.most_at_a_time), 1);
}

static oxq_outcome wait_for_cancel(oxq_job *job, void *ctx)
{
    (void)ctx;
    struct pollfd p = {.fd = oxq_job_cancel_fd(job), .events = POLLIN};
    cr_assert_eq(poll(&p, 1, PATIENCE_MS), 1);
    return oxq_job_fail_for_good(job, "%s", oxq_job_cancel_reason(job));
}

Test(worker, a_job_is_cancelled_at_its_deadline)
{
    char id[OXQ_ID_MAX];
    add("x", NULL, NULL, id);
    work(&(struct oxq_worker_opts){.deadline_ms = 30}, wait_for_cancel, NULL);
    oxq_job *job = get(id);
    cr_assert_str_eq(oxq_job_fields(job)->failure, "it took longer than its deadline of 30 ms");
    oxq_job_free(job);
}

Test(worker, a_close_that_cannot_wait_cancels_what_runs)
{
    char id[OXQ_ID_MAX];
    oxq_err e = OXQ_ERR_TIMEOUT;
    /* A machine may stand still for as long as handlers have to see it. */
    for (int tries = 0; e == OXQ_ERR_TIMEOUT && tries < 10; tries++) {
        add("x", NULL, NULL, id);
        oxq_worker *w = open_worker(NULL, wait_for_cancel, NULL);
        while (oxq_worker_running(w) == 0) {
        }
        e = oxq_worker_close(w, 1, &err);
    }
    cr_assert_eq(e, OXQ_OK, "%s", err.text);
    oxq_job *job = get(id);
    cr_assert_str_eq(oxq_job_fields(job)->failure, "the worker is closing");
    oxq_job_free(job);
}

/* Calls may wait for ten minutes; a test may not. */
static void close_without_server(const char *url, struct fakeserver *silent)
{
    oxq *none;
    oxq_worker *w;
    cr_assert_eq(oxq_open(url, &(struct oxq_opts){.timeout_ms = 600000}, &none, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_worker_open(none, "mail", NULL, greet, NULL, &w, &err), OXQ_OK, "%s", err.text);
    /* Its thread asks for jobs and its timer for stalled ones. */
    if (silent) fakeserver_await(silent, 2);
    cr_assert_eq(oxq_worker_close(w, -1, &err), OXQ_OK, "%s", err.text);
    oxq_close(none);
}

Test(worker, without_jobs_does_not_wait_for_a_server_that_is_gone)
{
    close_without_server("unix:/nowhere/oxq.sock", NULL);
}

Test(worker, without_jobs_does_not_wait_for_a_server_that_does_not_answer)
{
    static const struct fakeserver_step steps[] = {{NULL, FAKESERVER_SILENCE}, {NULL, FAKESERVER_SILENCE},
                                                   {NULL, FAKESERVER_SILENCE}, {NULL, FAKESERVER_SILENCE},
                                                   {NULL, FAKESERVER_SILENCE}, {"", NULL}};
    struct fakeserver *silent = fakeserver_start(steps);
    close_without_server(fakeserver_url(silent, ""), silent);
    fakeserver_stop(silent);
}

/* ---------------------------------------------------------------- ends whose answer is lost */

/* The server closes when a job's end is sent; later it says that the job has no lock. `attempts`: how often it has then been begun and has ended. */
static void end_without_answer(const char *attempts, struct testkit_ends *t)
{
    const struct fakeserver_step steps[] = {TESTKIT_FIRST_CALL(FETCH, TESTKIT_JOB),
                                            TESTKIT_FIRST_CALL(FINISH, FAKESERVER_CLOSE),
                                            TESTKIT_FIRST_CALL(RETAKE, TESTKIT_NO_JOB), /* it took none */
                                            TESTKIT_FIRST_CALL(FINISH, "*3\r\n*1\r\n:-2\r\n:0\r\n:0\r\n"),
                                            {"HMGET bull:mail:7 ats atm", attempts},
                                            TESTKIT_FIRST_CALL(FETCH, TESTKIT_NO_JOB),
                                            {"", NULL}};
    testkit_work_on(steps, testkit_end_at_once, t);
}

Test(worker, an_end_whose_answer_was_lost_is_told_when_the_store_has_it)
{
    struct testkit_ends t = {0};
    end_without_answer("*2\r\n$1\r\n1\r\n$1\r\n1\r\n", &t);
    cr_assert(t.completed == 1 && t.lost == 0);
    end_without_answer("*2\r\n$-1\r\n$-1\r\n", &t);
    cr_assert(t.completed == 2 && t.lost == 0, "it is not kept");
}

Test(worker, an_end_that_never_came_to_the_store_is_none)
{
    struct testkit_ends t = {0};
    end_without_answer("*2\r\n$1\r\n1\r\n$-1\r\n", &t);
    cr_assert(t.completed == 0 && t.lost == 1);
    /* Another has begun it, and may have ended it. */
    end_without_answer("*2\r\n$1\r\n2\r\n$1\r\n1\r\n", &t);
    cr_assert(t.completed == 0 && t.lost == 2);
}

/* ---------------------------------------------------------------- what came with an answer that is lost */

/* Nobody would begin it before its lock has ended, and one that stalls twice fails. */
Test(worker, a_job_that_was_taken_though_the_answer_is_lost_is_asked_for)
{
    static const struct fakeserver_step steps[] = {
        TESTKIT_FIRST_CALL(FETCH, FAKESERVER_CLOSE),
        TESTKIT_FIRST_CALL(RETAKE, FAKESERVER_CLOSE), /* the question is asked again */
        TESTKIT_FIRST_CALL(RETAKE, TESTKIT_JOB),
        TESTKIT_FIRST_CALL(FINISH, TESTKIT_ENDED),
        {"", NULL}};
    struct testkit_ends t = {0};
    testkit_work_on(steps, testkit_end_at_once, &t);
    cr_assert_eq(t.completed, 1);
}

Test(worker, without_that_question_a_worker_goes_on)
{
    static const struct fakeserver_step steps[] = {TESTKIT_FIRST_CALL(FETCH, FAKESERVER_CLOSE),
                                                   TESTKIT_FIRST_CALL(RETAKE, "-NOPERM not this one\r\n"),
                                                   TESTKIT_FIRST_CALL(FETCH, TESTKIT_JOB),
                                                   TESTKIT_FIRST_CALL(FINISH, TESTKIT_ENDED),
                                                   {"", NULL}};
    struct testkit_ends t = {0};
    testkit_work_on(steps, testkit_end_at_once, &t);
    cr_assert_eq(t.completed, 1);
}

static oxq_outcome hang(oxq_job *job, void *ctx)
{
    (void)job;
    struct pollfd p = {.fd = *(int *)ctx, .events = POLLIN};
    poll(&p, 1, PATIENCE_MS);
    return OXQ_DONE;
}

Test(worker, a_handler_that_does_not_end_keeps_nobody_from_closing)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
    oxq_worker *w = open_worker(NULL, hang, &fds[0]);
    while (oxq_worker_running(w) == 0) {
    }
    cr_assert_eq(oxq_worker_close(w, 1, &err), OXQ_ERR_TIMEOUT);
    cr_assert_not_null(strstr(err.text, "1 handlers still run"), "%s", err.text);
    cr_assert_eq(write(fds[1], "x", 1), 1);
}

/* However little time it has: what a request under way brings would else stay locked for nobody. It may take long, but not give up at once. */
Test(worker, a_close_without_time_gives_back_what_it_has_asked_for)
{
    for (int i = 0; i < 300; i++) add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
    for (int i = 0; i < 100; i++) {
        oxq_worker *w = open_worker(&(struct oxq_worker_opts){.concurrency = 2}, greet, NULL);
        int64_t begin_us = clock_mono_us(os_clock());
        oxq_err e = oxq_worker_close(w, 0, &err);
        cr_assert(!e || clock_mono_us(os_clock()) - begin_us >= 400000, "%d: %s", i, err.text);
    }
}

/* Its threads share a connection, which one of them makes while others wait for it: it may be gone again before they wake. */
Test(worker, may_be_closed_while_it_connects)
{
    char url[TESTFOLDER_PATH_MAX + 32];
    oxq *remote;
    snprintf(url, sizeof(url), "unix:%s/data/oxq.sock", testkit_folder);
    OK(oxq_ping(store, &err)); /* its socket is there then */
    OK(oxq_open(url, NULL, &remote, &err));
    for (int i = 0; i < 300; i++) {
        oxq_worker *w;
        OK(oxq_worker_open(remote, "mail", &(struct oxq_worker_opts){.concurrency = 2}, greet, NULL, &w, &err));
        close_worker(w);
    }
    oxq_close(remote);
}

Test(worker, a_paused_worker_takes_nothing)
{
    struct tally t = {0};
    add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.is_started_paused = true}, count_most, &t);
    cr_assert(oxq_worker_is_paused(w));
    cr_assert_eq(atomic_load(&t.calls), 0);
    oxq_worker_resume(w);
    cr_assert_eq(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(atomic_load(&t.calls), 1);
    close_worker(w);
}

Test(worker, a_pause_that_waits_ends_when_the_store_knows_what_ran)
{
    struct tally t = {0};
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.concurrency = 4}, count_most, &t);
    for (int i = 0; i < 100; i++) {
        add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
        oxq_worker_pause(w, true);
        cr_assert_eq(testkit_count(queue, OXQ_STATE_COMPLETED), atomic_load(&t.calls));
        oxq_worker_resume(w);
    }
    cr_assert_eq(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_COMPLETED), 100);
    close_worker(w);
}

Test(worker, is_not_idle_before_it_has_heard_of_a_job_that_was_added)
{
    struct tally t = {0};
    oxq_worker *w = open_worker(NULL, count_most, &t);
    for (int i = 1; i <= 100; i++) {
        add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
        cr_assert_eq(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
        cr_assert_eq(atomic_load(&t.calls), i);
    }
    close_worker(w);
}

Test(worker, of_a_paused_queue_nothing_is_waited_for)
{
    struct tally t = {0};
    cr_assert_eq(oxq_queue_pause(queue, &err), OXQ_OK, "%s", err.text);
    add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
    oxq_worker *w = open_worker(NULL, count_most, &t);
    cr_assert_eq(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(atomic_load(&t.calls), 0);
    close_worker(w);
}

/* ---------------------------------------------------------------- within a handler */

static oxq_err charge(oxq_job *job, void *ctx, char **out_result, struct oxq_error *e)
{
    (void)job;
    (void)e;
    atomic_fetch_add((atomic_int *)ctx, 1);
    *out_result = strdup("{\"receipt\":7}");
    return OXQ_OK;
}

static oxq_outcome charge_and_fail_once(oxq_job *job, void *ctx)
{
    const char *result;
    cr_assert_eq(oxq_job_step(job, "charge", charge, ctx, &result, &err), OXQ_OK, "%s", err.text);
    cr_assert_str_eq(result, "{\"receipt\":7}");
    return oxq_job_fields(job)->attempts_made == 0 ? oxq_job_fail(job, "after the charge") : oxq_job_done(job, result);
}

Test(worker, a_step_is_done_once_over_all_attempts)
{
    char id[OXQ_ID_MAX];
    atomic_int charges = 0;
    add("pay", NULL, &(struct oxq_job_opts){.attempts = 3}, id);
    work(NULL, charge_and_fail_once, &charges);
    cr_assert_eq(atomic_load(&charges), 1);
    oxq_job *job = get(id);
    cr_assert_eq(oxq_json_integer(oxq_job_result_json(job), "/receipt", 0), 7);
    oxq_job_free(job);
}

/* Asks the server something beside the worker; the number that is its answer. */
static int64_t command(const char *name, const char *key, const char *more)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, name);
    request_put_text(&r, key);
    if (more) request_put_text(&r, more);
    OK(store_request(store->client, &r, name, slice_from_text(key), &reply, &err));
    int64_t number = reply.value.integer;
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return number;
}

struct lost {
    const char *token; /* whose lock it is then; NULL: nobody's */
    atomic_int calls;
};

static oxq_err lose_lock(oxq_job *job, void *ctx, char **out_result, struct oxq_error *e)
{
    struct lost *l = ctx;
    char key[OXQ_ID_MAX + 32];
    (void)e;
    atomic_fetch_add(&l->calls, 1);
    snprintf(key, sizeof(key), "bull:mail:%s:lock", oxq_job_id(job));
    (void)command(l->token ? "SET" : "DEL", key, l->token);
    *out_result = strdup("1");
    return OXQ_OK;
}

static oxq_outcome lose_and_go_on(oxq_job *job, void *ctx)
{
    struct oxq_error e;
    cr_assert_eq(oxq_job_step(job, "first", lose_lock, ctx, NULL, &e), OXQ_ERR_LOCK_LOST);
    cr_assert(oxq_job_is_cancelled(job));
    /* Another may do it now. */
    cr_assert_eq(oxq_job_step(job, "second", lose_lock, ctx, NULL, &e), OXQ_ERR_LOCK_LOST);
    cr_assert_eq(oxq_job_progress(job, "1", &e), OXQ_ERR_LOCK_LOST);
    return OXQ_DONE;
}

static void see_steps_without_lock(const char *token, bool is_kept)
{
    char id[OXQ_ID_MAX], key[OXQ_ID_MAX + 32];
    struct lost l = {.token = token};
    add("pay", NULL, NULL, id);
    work(&(struct oxq_worker_opts){.lock_renew_ms = -1, .stalled_every_ms = -1}, lose_and_go_on, &l);
    cr_assert_eq(atomic_load(&l.calls), 1);
    snprintf(key, sizeof(key), "bull:mail:%s", id);
    cr_assert_eq(command("HEXISTS", key, "oxq.step:first"), is_kept);
}

Test(worker, a_step_is_not_done_by_who_has_lost_the_lock)
{
    see_steps_without_lock("another's", false);
}

/* Nobody has begun the job since: what was done is not to be done again. */
Test(worker, a_step_that_outlived_the_lock_is_kept)
{
    see_steps_without_lock(NULL, true);
}

static oxq_outcome report(oxq_job *job, void *ctx)
{
    (void)ctx;
    cr_assert_eq(oxq_job_progress(job, "{\"percent\":40}", &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_job_log(job, "half way", &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_job_update_data(job, "{\"step\":2}", &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_json_integer(oxq_job_json(job), "/step", 0), 2);
    cr_assert_eq(oxq_job_extend_lock(job, 60000, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_job_progress(job, "forty", &err), OXQ_ERR_FORMAT);
    return OXQ_DONE;
}

Test(worker, a_handler_tells_how_far_it_is)
{
    char id[OXQ_ID_MAX];
    add("x", "{\"step\":1}", NULL, id);
    work(NULL, report, NULL);
    oxq_job *job = get(id);
    cr_assert_str_eq(oxq_job_fields(job)->progress, "{\"percent\":40}");
    cr_assert_str_eq(oxq_job_data(job, NULL), "{\"step\":2}");
    oxq_job_free(job);
}

/* What a worker told of one job. */
struct told {
    char progress[2][32], result[32], failure[32];
    int progress_count;
    atomic_size_t renewed;
};

static void note(void *ctx, oxq_worker *w, const struct oxq_worker_event *event)
{
    struct told *t = ctx;
    (void)w;
    if (event->kind == OXQ_WORKER_LOCKS_RENEWED) atomic_fetch_add(&t->renewed, event->count);
    if (event->kind == OXQ_WORKER_PROGRESS && t->progress_count < 2)
        snprintf(t->progress[t->progress_count++], sizeof(t->progress[0]), "%s", event->text);
    if (event->kind == OXQ_WORKER_COMPLETED)
        snprintf(t->result, sizeof(t->result), "%s after %s", oxq_job_fields(event->job)->result,
                 oxq_job_fields(event->job)->progress);
    if (event->kind == OXQ_WORKER_FAILED)
        snprintf(t->failure, sizeof(t->failure), "%s", oxq_job_fields(event->job)->failure);
}

static oxq_outcome go_on(oxq_job *job, void *ctx)
{
    (void)ctx;
    cr_assert_eq(oxq_job_progress(job, "40", &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_job_progress(job, "{\"percent\":80}", &err), OXQ_OK, "%s", err.text);
    cr_assert_str_eq(oxq_job_fields(job)->progress, "{\"percent\":80}");
    return oxq_job_fields(job)->attempts_made == 0 ? oxq_job_fail(job, "no ink") : oxq_job_done(job, "7");
}

Test(worker, tells_of_progress_and_of_ends_with_what_the_job_has_then)
{
    struct told t = {.progress_count = 0};
    add("x", NULL, &(struct oxq_job_opts){.attempts = 2}, (char[OXQ_ID_MAX]){0});
    work(&(struct oxq_worker_opts){.on_event = note}, go_on, &t);
    cr_assert_str_eq(t.progress[0], "40");
    cr_assert_str_eq(t.progress[1], "{\"percent\":80}");
    cr_assert_str_eq(t.failure, "no ink");
    cr_assert_str_eq(t.result, "7 after {\"percent\":80}");
}

static oxq_outcome until_renewed(oxq_job *job, void *ctx)
{
    struct told *t = ctx;
    while (atomic_load(&t->renewed) == 0 && !oxq_job_is_cancelled(job)) poll(NULL, 0, 1);
    return OXQ_DONE;
}

Test(worker, tells_that_locks_were_renewed)
{
    struct told t = {.progress_count = 0};
    add("x", NULL, NULL, (char[OXQ_ID_MAX]){0});
    work(&(struct oxq_worker_opts){.on_event = note, .lock_renew_ms = 5}, until_renewed, &t);
    cr_assert_gt(atomic_load(&t.renewed), 0);
}

static oxq_outcome be_parent(oxq_job *job, void *ctx)
{
    struct tally *t = ctx;
    if (strcmp(oxq_job_name(job), "child") == 0) return oxq_job_done(job, "21");
    if (atomic_fetch_add(&t->calls, 1) > 0) return OXQ_DONE;
    cr_assert_eq(oxq_job_add_child(job, "mail", &(struct oxq_job_template){.name = "child"}, NULL, &err), OXQ_OK, "%s",
                 err.text);
    return oxq_job_wait_for_children(job);
}

Test(worker, a_job_waits_for_children_that_it_added)
{
    char id[OXQ_ID_MAX];
    struct tally t = {0};
    add("parent", NULL, NULL, id);
    work(&(struct oxq_worker_opts){.concurrency = 2}, be_parent, &t);
    cr_assert_eq(atomic_load(&t.calls), 2);
    oxq_job *job = get(id);
    cr_assert_gt(oxq_job_fields(job)->finished_ms, 0);
    oxq_job_free(job);
}

Test(worker, all_that_runs_is_cancelled_at_once)
{
    char ids[2][OXQ_ID_MAX];
    for (int i = 0; i < 2; i++) add("x", NULL, NULL, ids[i]);
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.concurrency = 2}, wait_for_cancel, NULL);
    while (oxq_worker_running(w) < 2) {
    }
    oxq_worker_cancel_all(w, "enough");
    cr_assert_eq(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), OXQ_OK, "%s", err.text);
    close_worker(w);
    for (int i = 0; i < 2; i++) {
        oxq_job *job = get(ids[i]);
        cr_assert_str_eq(oxq_job_fields(job)->failure, "enough");
        oxq_job_free(job);
    }
}

static oxq_outcome be_hasty(oxq_job *job, void *ctx)
{
    (void)ctx;
    if (strcmp(oxq_job_name(job), "child") == 0) return OXQ_DONE;
    cr_assert_eq(oxq_job_add_child(job, "mail", &(struct oxq_job_template){.name = "child"}, NULL, &err), OXQ_OK, "%s",
                 err.text);
    return OXQ_DONE;
}

Test(worker, a_parent_that_does_not_wait_for_its_children_fails)
{
    char id[OXQ_ID_MAX];
    add("parent", NULL, NULL, id);
    work(NULL, be_hasty, NULL);
    oxq_job *job = get(id);
    cr_assert_not_null(strstr(oxq_job_fields(job)->failure, "children that have not finished"));
    cr_assert_gt(oxq_job_fields(job)->finished_ms, 0);
    oxq_job_free(job);
}

/* ---------------------------------------------------------------- without threads */

Test(worker, jobs_are_fetched_and_finished_by_hand)
{
    char first[OXQ_ID_MAX], second[OXQ_ID_MAX];
    add("a", NULL, NULL, first);
    add("b", NULL, NULL, second);
    oxq_worker *w = open_worker(NULL, NULL, NULL);
    oxq_job *job, *next;
    cr_assert_eq(oxq_worker_fetch(w, PATIENCE_MS, &job, &err), OXQ_OK, "%s", err.text);
    cr_assert_str_eq(oxq_job_name(job), "a");
    cr_assert_eq(oxq_worker_finish(w, job, oxq_job_done(job, "1"), &next, &err), OXQ_OK, "%s", err.text);
    cr_assert_str_eq(oxq_job_name(next), "b");
    cr_assert_eq(oxq_worker_finish(w, next, oxq_job_fail(next, "no"), NULL, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_worker_fetch(w, 1, &job, &err), OXQ_OK, "%s", err.text);
    cr_assert_null(job);
    close_worker(w);
    job = get(second);
    cr_assert_str_eq(oxq_job_fields(job)->failure, "no");
    oxq_job_free(job);
}

static oxq_outcome refuse(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_fail(job, "no");
}

Test(worker, a_job_that_was_only_taken_to_fail_is_not_given_out)
{
    const struct oxq_job_opts strict = {.on_failure = OXQ_CHILD_FAILS_PARENT};
    const struct oxq_flow_node child = {.queue = "pdf", .name = "child", .opts = &strict};
    const struct oxq_flow_node parent = {.queue = "mail", .name = "parent", .children = &child, .children_count = 1};
    char id[OXQ_ID_MAX];
    oxq_job *job;
    add("a", NULL, NULL, (char[OXQ_ID_MAX]){0});
    OK(oxq_flow_add(store, &parent, id, &err));
    oxq_worker *w = open_worker(NULL, NULL, NULL);
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    testkit_work("pdf", NULL, refuse, NULL);
    OK(oxq_worker_finish(w, job, OXQ_DONE, &job, &err));
    cr_assert_null(job);
    cr_assert_eq(testkit_state(queue, id), OXQ_STATE_FAILED);
    close_worker(w);
}

Test(worker, a_parent_that_is_finished_by_hand_too_early_fails_and_that_is_told)
{
    char id[OXQ_ID_MAX];
    oxq_job *job;
    add("parent", NULL, NULL, id);
    oxq_worker *w = open_worker(NULL, NULL, NULL);
    cr_assert_eq(oxq_worker_fetch(w, PATIENCE_MS, &job, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_worker_finish(w, job, be_hasty(job, NULL), NULL, &err), OXQ_ERR_STATE);
    close_worker(w);
    job = get(id);
    cr_assert_gt(oxq_job_fields(job)->finished_ms, 0);
    cr_assert_not_null(oxq_job_fields(job)->failure);
    oxq_job_free(job);
}

Test(worker, a_fetch_gives_up_in_time_though_the_queue_is_held)
{
    oxq_job *job;
    add("a", NULL, NULL, (char[OXQ_ID_MAX]){0});
    OK(oxq_queue_rate_limit(queue, (int64_t)24 * 3600 * 1000, &err));
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.drain_wait_ms = 20}, NULL, NULL);
    OK(oxq_worker_fetch(w, 30, &job, &err));
    cr_assert_null(job);
    OK(oxq_worker_fetch(w, 0, &job, &err));
    cr_assert_null(job);
    OK(oxq_queue_rate_limit(queue, 0, &err));
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    cr_assert_not_null(job, "the hold is over before its time");
    OK(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err));
    close_worker(w);
}

/* Whether it is refused or cut, the end must be told: the store has no number for it. */
Test(worker, times_that_no_store_can_count_are_cut)
{
    static const struct {
        oxq_outcome outcome;
        oxq_state state;
    } cases[] = {
        {OXQ_DELAYED, OXQ_STATE_DELAYED}, {OXQ_RETRY, OXQ_STATE_DELAYED}, {OXQ_RATE_LIMITED, OXQ_STATE_WAITING}};
    oxq_job *job;
    oxq_worker *w = open_worker(NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[OXQ_ID_MAX];
        add("a", NULL, &(struct oxq_job_opts){.attempts = 2}, id);
        OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
        cr_assert_not_null(job);
        if (cases[i].outcome == OXQ_DELAYED) oxq_job_delay(job, INT64_MAX);
        if (cases[i].outcome == OXQ_RETRY) oxq_job_retry_after(job, INT64_MAX, "later");
        if (cases[i].outcome == OXQ_RATE_LIMITED) oxq_job_rate_limit(job, INT64_MAX);
        OK(oxq_worker_finish(w, job, cases[i].outcome, NULL, &err));
        cr_assert_eq(testkit_state(queue, id), cases[i].state, "case %zu", i);
        job = get(id);
        if (cases[i].state == OXQ_STATE_DELAYED) cr_assert_eq(oxq_job_fields(job)->delay_ms, (int64_t)1 << 40);
        oxq_job_free(job);
    }
    close_worker(w);
}

Test(worker, a_paused_worker_gives_nothing_by_hand)
{
    oxq_job *job, *next;
    add("a", NULL, NULL, (char[OXQ_ID_MAX]){0});
    add("b", NULL, NULL, (char[OXQ_ID_MAX]){0});
    oxq_worker *w = open_worker(NULL, NULL, NULL);
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    oxq_worker_pause(w, false);
    OK(oxq_worker_finish(w, job, OXQ_DONE, &next, &err));
    cr_assert_null(next);
    OK(oxq_worker_fetch(w, 1, &job, &err));
    cr_assert_null(job);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 1);
    oxq_worker_resume(w);
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    cr_assert_str_eq(oxq_job_name(job), "b");
    OK(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err));
    close_worker(w);
}

Test(worker, what_is_no_outcome_fails_the_job)
{
    char id[OXQ_ID_MAX];
    oxq_job *job;
    add("a", NULL, NULL, id);
    oxq_worker *w = open_worker(NULL, NULL, NULL);
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    OK(oxq_worker_finish(w, job, (oxq_outcome)99, NULL, &err));
    close_worker(w);
    cr_assert_eq(testkit_state(queue, id), OXQ_STATE_FAILED);
    job = get(id);
    cr_assert_str_eq(oxq_job_fields(job)->failure, "the handler returned 99, which is no outcome");
    oxq_job_free(job);
}

Test(worker, times_that_never_come_are_as_good_as_none)
{
    char id[OXQ_ID_MAX];
    add("x", NULL, NULL, id);
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.deadline_ms = INT64_MAX}, greet, NULL);
    cr_assert_eq(oxq_worker_wait_until_idle(w, INT64_MAX, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_worker_close(w, INT64_MAX, &err), OXQ_OK, "%s", err.text);
    oxq_state state;
    cr_assert_eq(oxq_queue_wait(queue, id, INT64_MAX, &state, NULL, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(state, OXQ_STATE_COMPLETED);
    add("y", NULL, NULL, id);
    w = open_worker(NULL, NULL, NULL);
    oxq_job *job;
    cr_assert_eq(oxq_worker_fetch(w, INT64_MAX, &job, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err), OXQ_OK, "%s", err.text);
    add("z", NULL, NULL, id);
    cr_assert_eq(oxq_worker_fetch(w, -1, &job, &err), OXQ_OK, "%s", err.text);
    cr_assert_eq(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err), OXQ_OK, "%s", err.text);
    close_worker(w);
}

Test(worker, options_that_make_no_sense_are_told)
{
    static const struct {
        struct oxq_worker_opts opts;
        const char *says;
    } cases[] = {
        {{.concurrency = 100000}, "concurrency 100000: 1 to"},
        {{.limiter_max = 1, .limiter_ms = INT64_MAX}, "the times of a worker are at most"},
        {{.on_complete = {.kind = (oxq_keep_kind)77}}, "on_complete: a kind of"},
        {{.on_fail = {.kind = OXQ_KEEP_SOME, .age_s = -1}}, "on_fail: a kind of"},
        {{.limiter_max = 5}, "limiter_ms"},
        {{.lock_ms = 100, .lock_renew_ms = 100}, "lock_renew_ms"},
        {{.lock_renew_ms = -2}, "from 0 on"},
        {{.deadline_ms = -1}, "from 0 on"},
        {{.stalled_every_ms = INT64_MAX}, "at most"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        oxq_worker *w;
        cr_assert_eq(oxq_worker_open(store, "mail", &cases[i].opts, greet, NULL, &w, &err), OXQ_ERR_ARGUMENT);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s", err.text);
    }
}
