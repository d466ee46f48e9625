/* SPDX-License-Identifier: MIT */
/* Workers on a folder of their own: the store is real, and so are the threads. */
#include "api/testkit.h"
#include "client/fakeserver.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

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
    add("x", NULL, NULL, id);
    oxq_worker *w = open_worker(NULL, wait_for_cancel, NULL);
    while (oxq_worker_running(w) == 0) {
    }
    cr_assert_eq(oxq_worker_close(w, 1, &err), OXQ_OK, "%s", err.text);
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
        {{.limiter_max = 5}, "limiter_ms"},
        {{.lock_ms = 100, .lock_renew_ms = 100}, "lock_renew_ms"},
        {{.deadline_ms = -1}, "from 0 on"},
        {{.stalled_every_ms = INT64_MAX}, "at most"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        oxq_worker *w;
        cr_assert_eq(oxq_worker_open(store, "mail", &cases[i].opts, greet, NULL, &w, &err), OXQ_ERR_ARGUMENT);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s", err.text);
    }
}
