/* SPDX-License-Identifier: MIT */
/*
 *   WORKING --end_work: a signal, count_max, nothing waits any more--> ENDING       no more jobs are taken
 *   ENDING --interrupt: a second signal, grace_ms are over--> INTERRUPTING          those that run are told to end
 *   ENDING, INTERRUPTING --nothing runs, or end_ms are over--> closed
 *
 * The main thread goes through these; handlers run on the worker's threads and wake it when they end.
 */
#include "runner/runner.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/signals.h"
#include "os/thread.h"

#include <poll.h>
#include <unistd.h>

/* How long the store may take to hear of the last jobs. */
#define CLOSE_MS 10000
/* With is_drain: how often signals are looked for while we wait for the queue's end. */
#define DRAIN_TICK_MS 100

enum state { WORKING, ENDING, INTERRUPTING };

struct runner {
    const struct runner_opts *opts;
    oxq_worker *worker;
    int wake_fd; /* owned */
    enum state state;
    int64_t until_us; /* of ENDING and INTERRUPTING: CLOCK_MONOTONIC; INT64_MAX: for ever */

    struct lock lock; /* of these */
    int64_t begun;
    size_t running;
    bool has_ended_work; /* no more jobs are taken */
};

/* ---------------------------------------------------------------- jobs */

/*
 * False: it is one more than were asked for. Then no more are taken when this returns: or the job would be given back only to be taken
 * again.
 */
static bool begin_job(struct runner *r)
{
    lock_enter(&r->lock);
    bool may_begin = r->opts->count_max == 0 || r->begun < r->opts->count_max;
    if (may_begin) {
        r->begun++;
        r->running++;
    }
    bool is_last = may_begin && r->begun == r->opts->count_max;
    if (is_last) waker_wake(r->wake_fd);
    while (!may_begin && !r->has_ended_work) (void)lock_wait(&r->lock, INT64_MAX);
    lock_leave(&r->lock);
    return may_begin;
}

static void end_job(struct runner *r)
{
    lock_enter(&r->lock);
    r->running--;
    lock_leave(&r->lock);
    waker_wake(r->wake_fd);
}

static int64_t took_ms(const oxq_job *job)
{
    int64_t ms = clock_wall_ms(os_clock()) - oxq_job_fields(job)->processed_ms;
    return ms > 0 ? ms : 0;
}

static oxq_outcome give_back(oxq_job *job, const char *why)
{
    log_event(LOG_INFO, "interrupted", log_text("id", oxq_job_id(job)), log_text("name", oxq_job_name(job)),
              log_int("ms", took_ms(job)), log_text("reason", why));
    return oxq_job_rate_limit(job, 0);
}

static oxq_outcome come_later(oxq_job *job, int64_t delay_ms, const char *why)
{
    log_event(LOG_INFO, "later", log_text("id", oxq_job_id(job)), log_text("name", oxq_job_name(job)),
              log_int("ms", took_ms(job)), log_int("delay_ms", delay_ms), log_text("reason", why));
    return oxq_job_delay(job, delay_ms);
}

static oxq_outcome apply(oxq_job *job, const struct outcome *o)
{
    const char *text = o->text.len ? o->text.at : "";
    if (o->stack.len) oxq_job_set_stack(job, o->stack.at);
    switch (o->kind) {
    case OUTCOME_DONE: return oxq_job_done(job, o->result.len ? o->result.at : NULL);
    case OUTCOME_FAILED: return oxq_job_fail(job, "%s", text);
    case OUTCOME_FAILED_FOR_GOOD: return oxq_job_fail_for_good(job, "%s", text);
    case OUTCOME_LATER: return come_later(job, o->delay_ms, text);
    case OUTCOME_INTERRUPTED: return give_back(job, text);
    }
    CHECK(false);
    return OXQ_UNRECOVERABLE;
}

static oxq_outcome on_job(oxq_job *job, void *ctx)
{
    struct runner *r = ctx;
    /* A limit of 0 ms holds nobody up: the job goes back to the head of the queue. */
    if (!begin_job(r)) return oxq_job_rate_limit(job, 0);
    struct outcome o = {0};
    r->opts->run(r->opts->ctx, job, &o);
    oxq_outcome outcome = apply(job, &o);
    outcome_deinit(&o);
    end_job(r);
    return outcome;
}

/* ---------------------------------------------------------------- what is told */

static void tell_failed(const oxq_job *job, const struct oxq_worker_event *event)
{
    log_event(event->is_final ? LOG_ERROR : LOG_WARNING, event->is_final ? "failed" : "retry",
              log_text("id", event->id), log_text("name", oxq_job_name(job)), log_int("ms", took_ms(job)),
              log_int("attempt", oxq_job_fields(job)->attempts_made), log_text("reason", event->text));
}

static void on_event(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    (void)ctx;
    (void)worker;
    switch (event->kind) {
    case OXQ_WORKER_COMPLETED:
        log_event(LOG_INFO, "completed", log_text("id", event->id), log_text("name", oxq_job_name(event->job)),
                  log_int("ms", took_ms(event->job)));
        return;
    case OXQ_WORKER_FAILED: tell_failed(event->job, event); return;
    case OXQ_WORKER_STALLED: log_event(LOG_WARNING, "stalled", log_text("id", event->id)); return;
    case OXQ_WORKER_LOCK_LOST: log_event(LOG_WARNING, "lock lost", log_text("id", event->id)); return;
    case OXQ_WORKER_ERROR: log_event(LOG_WARNING, "error", log_text("reason", event->text)); return;
    case OXQ_WORKER_READY:
    case OXQ_WORKER_ACTIVE:
    case OXQ_WORKER_DRAINED:
    case OXQ_WORKER_PAUSED:
    case OXQ_WORKER_RESUMED:
    case OXQ_WORKER_CLOSING:
    case OXQ_WORKER_CLOSED:
    case OXQ_WORKER_PROGRESS:
    case OXQ_WORKER_LOCKS_RENEWED: return;
    }
}

/* ---------------------------------------------------------------- the main thread */

static size_t count_running(struct runner *r, bool *out_has_all)
{
    lock_enter(&r->lock);
    size_t running = r->running;
    *out_has_all = r->opts->count_max > 0 && r->begun >= r->opts->count_max;
    lock_leave(&r->lock);
    return running;
}

static int64_t after_ms(int64_t ms)
{
    int64_t now_us = clock_mono_us(os_clock());
    return ms > (INT64_MAX - now_us) / 1000 ? INT64_MAX : now_us + ms * 1000;
}

static void end_work(struct runner *r, const char *why, int64_t grace_ms)
{
    bool has_all;
    log_event(LOG_INFO, "ending", log_text("reason", why), log_int("running", (int64_t)count_running(r, &has_all)));
    r->state = ENDING;
    r->until_us = after_ms(grace_ms);
    oxq_worker_pause(r->worker, false);
    lock_enter(&r->lock);
    r->has_ended_work = true;
    lock_notify(&r->lock);
    lock_leave(&r->lock);
}

static void interrupt(struct runner *r)
{
    r->state = INTERRUPTING;
    r->until_us = after_ms(r->opts->end_ms);
    waker_wake(r->opts->stop_fd);
}

static void take_signal(struct runner *r, int number)
{
    if (r->state == WORKING)
        end_work(r, signals_name(number), r->opts->grace_ms);
    else if (r->state == ENDING && r->until_us == INT64_MAX)
        r->until_us = after_ms(r->opts->grace_ms);
    else if (r->state == ENDING)
        interrupt(r);
}

/* Until something may have happened. */
static void wait_for_news(struct runner *r)
{
    struct oxq_error ignored;
    if (r->state == WORKING && r->opts->is_drain) {
        if (oxq_worker_wait_until_idle(r->worker, DRAIN_TICK_MS, &ignored) == OXQ_OK)
            end_work(r, "nothing waits", INT64_MAX);
        return;
    }
    struct pollfd fds[] = {{.fd = r->opts->signals_fd, .events = POLLIN}, {.fd = r->wake_fd, .events = POLLIN}};
    (void)poll(fds, sizeof(fds) / sizeof(fds[0]), os_wait_ms(r->until_us));
    waker_clear(r->wake_fd);
}

static void work(struct runner *r)
{
    bool is_over = false, has_all;
    while (!is_over) {
        wait_for_news(r);
        int number;
        while ((number = signals_take(r->opts->signals_fd)) != 0) take_signal(r, number);
        size_t running = count_running(r, &has_all);
        if (r->state == WORKING && has_all) end_work(r, "as many jobs as were asked for", INT64_MAX);
        bool is_late = r->state != WORKING && clock_mono_us(os_clock()) >= r->until_us;
        is_over = (r->state != WORKING && running == 0) || (r->state == INTERRUPTING && is_late);
        if (r->state == ENDING && is_late && !is_over) interrupt(r);
    }
}

oxq_err runner_run(oxq *store, const struct runner_opts *opts, struct oxq_error *err)
{
    struct runner *r = mem_alloc_zero(sizeof(*r));
    struct oxq_worker_opts worker = opts->worker;
    r->opts = opts;
    r->until_us = INT64_MAX;
    worker.on_event = on_event;
    lock_init(&r->lock);
    oxq_err e = waker_open(&r->wake_fd, err);
    if (!e) e = oxq_worker_open(store, opts->queue, &worker, on_job, r, &r->worker, err);
    if (!e) {
        log_event(LOG_INFO, "working", log_text("queue", opts->queue),
                  log_int("concurrency", (int64_t)worker.concurrency));
        work(r);
        e = oxq_worker_close(r->worker, CLOSE_MS, err);
    }
    /* A run that does not end has it still. */
    if (e == OXQ_ERR_TIMEOUT) return e;
    if (r->wake_fd > 0) close(r->wake_fd);
    lock_deinit(&r->lock);
    mem_free(r);
    return e;
}
