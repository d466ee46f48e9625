/* SPDX-License-Identifier: MIT */
/*
 * Threads that take jobs and run handlers. Each goes round: is a job ready? run it. Has something ended, or may there be jobs, and
 * nobody talks to the store? do that for all (tell.c). Does nobody wait for jobs? do that (wait.c). Else be idle, until somebody has
 * a job for it. A timer thread renews the locks of all jobs (timer.c).
 *
 *                          .--> run a handler --.
 *   jobs --tell_round--> ready                ended --tell_round--> store
 *        ^                                                            |
 *        '---- the same round takes as many as threads are free <-----'
 */
#include "worker/state.h"

#include "base/mem.h"
#include "base/num.h"
#include "jobs/fetch.h"
#include "jobs/keys.h"
#include "os/clock.h"
#include "os/random.h"

#include <stdio.h>
#include <string.h>

#define LOCK_MS_DEFAULT 30000
#define STALLED_EVERY_MS_DEFAULT 30000
#define STALLED_MAX_DEFAULT 1
#define DRAIN_WAIT_MS_DEFAULT 5000
#define STACK_BYTES_DEFAULT ((size_t)1 << 20)
/* A year: all sums with it are far from the end of int64_t. */
#define TIME_MS_MAX ((int64_t)366 * 24 * 3600 * 1000)
#define ID_DIGITS 20
/* How long handlers that were cancelled by a close may still take to see it. */
#define CLOSE_GRACE_US ((int64_t)500 * 1000)
/* For the answer to a request for jobs: one that comes too late leaves its jobs to the next sweep for stalled ones. */
#define ANSWER_GRACE_US ((int64_t)2000 * 1000)
#define ERROR_PAUSE_US ((int64_t)200 * 1000)
/* However short locks are: a server that is busy for so long has not gone. */
#define SILENCE_MS_MIN 2000
/* How often it is looked whether jobs that wait have gone to others. */
#define IDLE_TICK_US ((int64_t)20 * 1000)

void worker_tell(oxq_worker *w, struct oxq_worker_event event)
{
    if (w->opts.on_event) w->opts.on_event(w->ctx, w, &event);
}

bool worker_may_pass(oxq_err e)
{
    return e == OXQ_ERR_UNCERTAIN || oxq_err_classify(e) == OXQ_CLASS_RETRY;
}

void worker_pause_briefly(oxq_worker *w)
{
    (void)condition_wait(&w->change, &w->lock, clock_mono_us(os_clock()) + ERROR_PAUSE_US);
}

/* ---------------------------------------------------------------- the threads */

/* Under the lock. */
static struct job_run *take_ready(oxq_worker *w)
{
    if (link_is_empty(&w->ready)) return NULL;
    struct job_run *run = LINK_OWNER(w->ready.next, struct job_run, link);
    link_remove(&run->link);
    w->ready_count--;
    return run;
}

/* How many jobs this thread, which is free, may take for itself and those that are idle; where one request cannot take them all, the next goes on. */
static size_t count_wanted(const oxq_worker *w)
{
    if (w->is_closing || w->is_paused || clock_mono_us(os_clock()) < w->rate_until_us) return 0;
    size_t free_count = pool_count_free(w);
    size_t wanted = free_count > w->ready_count ? free_count - w->ready_count : 0;
    return wanted < FETCH_JOBS_MAX ? wanted : FETCH_JOBS_MAX;
}

static bool can_tell(const oxq_worker *w)
{
    if (w->is_telling) return false;
    return !link_is_empty(&w->ended) || w->lost.token[0] || (w->is_hungry && count_wanted(w) > 0);
}

static bool can_wait(const oxq_worker *w)
{
    return !w->is_waiting && !w->is_telling && !w->is_paused && !w->is_closing && !w->is_hungry && w->line &&
           w->rate_until_us == 0;
}

void worker_wake_another(oxq_worker *w)
{
    if (w->is_waking || w->idle_count == 0) return;
    if (w->ready_count == 0 && !can_tell(w) && !can_wait(w)) return;
    w->is_waking = true;
    condition_notify_one(&w->work);
}

static void run_one(oxq_worker *w, struct job_run *run)
{
    run->is_running = true;
    w->running_count++;
    if (w->opts.deadline_ms > 0) {
        run->deadline_us = store_until_us(w->opts.deadline_ms);
        condition_notify_all(&w->timer_wake);
    }
    worker_wake_another(w);
    lock_leave(&w->lock);
    run_handle(run);
    lock_enter(&w->lock);
    run->is_running = false;
    w->running_count--;
    link_push_tail(&w->ended, &run->link);
    condition_notify_all(&w->change);
}

bool worker_is_over(const oxq_worker *w)
{
    bool has_work = !link_is_empty(&w->ready) || !link_is_empty(&w->ended) || w->is_telling || w->lost.token[0];
    return w->is_forsaken || (w->is_closing && !has_work);
}

static void be_idle(oxq_worker *w)
{
    int64_t until_us = INT64_MAX;
    if (w->rate_until_us > 0 && !w->is_waiting) until_us = w->rate_until_us;
    w->idle_count++;
    (void)condition_wait(&w->work, &w->lock, until_us);
    w->idle_count--;
    w->is_waking = false;
    if (w->rate_until_us > 0 && clock_mono_us(os_clock()) >= w->rate_until_us) {
        w->rate_until_us = 0;
        w->is_hungry = true;
    }
}

void worker_step(oxq_worker *w)
{
    /* What ended is told first when nobody else is free to tell it. */
    bool must_tell = can_tell(w) && (w->ready_count == 0 || (w->idle_count == 0 && !link_is_empty(&w->ended)));
    if (must_tell) {
        tell_round(w, count_wanted(w));
        return;
    }
    struct job_run *run = take_ready(w);
    if (run)
        run_one(w, run);
    else if (can_wait(w))
        wait_for_jobs(w, w->opts.drain_wait_ms);
    else
        be_idle(w);
}

/* ---------------------------------------------------------------- open */

oxq_err worker_check_concurrency(size_t concurrency, struct oxq_error *err)
{
    if (concurrency >= 1 && concurrency <= OXQ_CONCURRENCY_MAX) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT, "concurrency %zu: 1 to %d threads", concurrency, OXQ_CONCURRENCY_MAX);
}

static oxq_err check_opts(const struct oxq_worker_opts *o, struct oxq_error *err)
{
    oxq_err e = worker_check_concurrency(o->concurrency ? o->concurrency : 1, err);
    if (e) return e;
    if (o->lock_ms > TIME_MS_MAX || o->lock_renew_ms > TIME_MS_MAX || o->stalled_every_ms > TIME_MS_MAX ||
        o->drain_wait_ms > TIME_MS_MAX || o->limiter_ms > TIME_MS_MAX)
        return err_set(err, OXQ_ERR_ARGUMENT, "the times of a worker are at most %lld ms", (long long)TIME_MS_MAX);
    if (o->lock_ms < 0 || o->lock_renew_ms < -1 || o->deadline_ms < 0 || o->drain_wait_ms < 0 || o->metrics_points < 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "times and numbers of a worker are from 0 on");
    if ((o->limiter_max > 0) != (o->limiter_ms > 0) || o->limiter_max < 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "a limiter has both limiter_max, jobs, and limiter_ms, their time");
    if (o->lock_renew_ms > 0 && o->lock_renew_ms >= (o->lock_ms ? o->lock_ms : LOCK_MS_DEFAULT))
        return err_set(err, OXQ_ERR_ARGUMENT, "lock_renew_ms: locks are renewed before they end, within lock_ms");
    return OXQ_OK;
}

static void fill_defaults(struct oxq_worker_opts *o)
{
    if (!o->concurrency) o->concurrency = 1;
    if (!o->lock_ms) o->lock_ms = LOCK_MS_DEFAULT;
    if (!o->lock_renew_ms) o->lock_renew_ms = o->lock_ms / 2 > 0 ? o->lock_ms / 2 : 1;
    if (!o->stalled_every_ms) o->stalled_every_ms = STALLED_EVERY_MS_DEFAULT;
    if (!o->stalled_max) o->stalled_max = STALLED_MAX_DEFAULT;
    if (o->stalled_max < 0) o->stalled_max = 0;
    if (!o->drain_wait_ms) o->drain_wait_ms = DRAIN_WAIT_MS_DEFAULT;
    if (!o->stack_bytes) o->stack_bytes = STACK_BYTES_DEFAULT;
}

static const char *name_connections(oxq_worker *w)
{
    struct slice suffix = w->name.len > 0 ? keys_join(&w->arena, SLICE_LIT(":w:"), w->name) : SLICE_LIT("");
    return store_name_connection(w->store, &w->arena, slice_from_text(w->queue), suffix);
}

/* A server that does not answer is left for a new connection while there is still time to renew the locks over that. */
static oxq_err open_client(oxq_worker *w, struct oxq_error *err)
{
    struct store_client_opts own = {.patience = CLIENT_PATIENT, .name = name_connections(w)};
    if (w->opts.lock_renew_ms > 0) own.silence_ms = w->opts.lock_renew_ms / 2;
    if (own.silence_ms > CLIENT_SILENCE_MS_DEFAULT) own.silence_ms = CLIENT_SILENCE_MS_DEFAULT;
    if (own.silence_ms > 0 && own.silence_ms < SILENCE_MS_MIN) own.silence_ms = SILENCE_MS_MIN;
    return store_new_client(w->store, &own, &w->client, err);
}

static void init_shared(oxq_worker *w)
{
    uint64_t seed;
    random_fill(&seed, sizeof(seed));
    rng_init(&w->rng, seed);
    random_hex(w->id, ID_DIGITS);
    lock_init(&w->lock);
    condition_init(&w->work);
    condition_init(&w->change);
    condition_init(&w->timer_wake);
    link_init(&w->ready);
    link_init(&w->ended);
    link_init(&w->held);
    link_init(&w->threads);
    link_init(&w->retired);
    w->is_hungry = true;
}

static oxq_err start_threads(oxq_worker *w, struct oxq_error *err)
{
    oxq_err e = thread_start(&w->timer, "oxq-timer", timer_run, w, err);
    if (e || !w->handler) return e;
    lock_enter(&w->lock);
    e = pool_resize(w, w->opts.concurrency, err);
    lock_leave(&w->lock);
    return e;
}

static oxq_err open_worker(oxq_worker *w, const char *queue, const struct oxq_worker_opts *opts, struct oxq_error *err)
{
    if (opts) w->opts = *opts;
    oxq_err e = check_opts(&w->opts, err);
    if (!e) e = queue_check_keep(&w->opts.on_complete, "on_complete", err);
    if (!e) e = queue_check_keep(&w->opts.on_fail, "on_fail", err);
    if (!e) e = keys_prefix(&w->arena, w->store->prefix, slice_from_text(queue), &w->prefix, err);
    if (e) return e;
    fill_defaults(&w->opts);
    w->queue = arena_copy_text(&w->arena, slice_from_text(queue));
    e = oxq_queue_open(w->store, queue, NULL, &w->own_queue, err);
    if (e) return e;
    w->name =
        opts && opts->name ? slice_from_text(arena_copy_text(&w->arena, slice_from_text(opts->name))) : SLICE_LIT("");
    w->marker_key = keys_join(&w->arena, w->prefix, SLICE_LIT("marker"));
    w->on_complete = queue_read_keep(&w->opts.on_complete);
    w->on_fail = queue_read_keep(&w->opts.on_fail);
    w->is_paused = w->opts.is_started_paused;
    e = open_client(w, err);
    if (e) return e;
    w->own_queue->client = w->client;
    w->line = client_line_new(w->client, w->marker_key);
    return start_threads(w, err);
}

/* NOLINTNEXTLINE(readability-function-size): seven things make a worker */
oxq_err oxq_worker_open(oxq *store, const char *queue, const struct oxq_worker_opts *opts, oxq_handler *handler,
                        void *ctx, oxq_worker **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store, queue, out);
    if (e) return e;
    oxq_worker *w = mem_alloc_zero(sizeof(*w));
    w->store = store;
    w->handler = handler;
    w->ctx = ctx;
    init_shared(w);
    e = open_worker(w, queue, opts, err);
    if (e) {
        (void)oxq_worker_close(w, 0, NULL);
        return e;
    }
    worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_READY});
    *out = w;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- close */

static void free_runs(struct link *list)
{
    while (!link_is_empty(list)) {
        struct job_run *run = LINK_OWNER(list->next, struct job_run, held_link);
        link_remove(&run->held_link);
        run_free(run);
    }
}

void worker_free(oxq_worker *w)
{
    free_runs(&w->held);
    client_line_free(w->line);
    client_free(w->client);
    condition_deinit(&w->work);
    condition_deinit(&w->change);
    condition_deinit(&w->timer_wake);
    lock_deinit(&w->lock);
    pool_free(w);
    oxq_queue_close(w->own_queue);
    arena_deinit(&w->arena);
    mem_free(w);
}

void worker_give_back(oxq_worker *w)
{
    struct job_run *run;
    while ((run = take_ready(w))) {
        run->is_given_back = true;
        link_push_tail(&w->ended, &run->link);
    }
}

/* Under the lock, until no thread is left or the time is over. */
static bool wait_for_threads(oxq_worker *w, int64_t until_us)
{
    while (w->threads_left > 0) {
        if (!condition_wait(&w->change, &w->lock, until_us) && w->threads_left > 0) return false;
    }
    return true;
}

static void cancel_all(oxq_worker *w, const char *reason)
{
    for (struct link *l = w->held.next; l != &w->held; l = l->next)
        run_cancel(LINK_OWNER(l, struct job_run, held_link), reason);
}

static int64_t after_us(int64_t us)
{
    return clock_mono_us(os_clock()) + us;
}

/*
 * All threads but those that a handler keeps have ended when this returns true. A worker without jobs has nothing to tell: it waits for the
 * answer to a request for jobs that is under way, because these would be given back, but not for a server that does not answer.
 */
static bool end_threads(oxq_worker *w, int64_t timeout_ms)
{
    int64_t until_us = store_until_us(timeout_ms);
    w->is_closing = true;
    worker_give_back(w);
    wait_cancel(w);
    condition_notify_all(&w->work);
    condition_notify_all(&w->change);
    bool has_jobs = !link_is_empty(&w->held);
    if (!has_jobs) until_us = after_us(ANSWER_GRACE_US);
    if (wait_for_threads(w, until_us)) return true;
    cancel_all(w, "the worker is closing");
    if ((has_jobs || !link_is_empty(&w->held)) && wait_for_threads(w, after_us(CLOSE_GRACE_US))) return true;
    /* The store does not answer, or a handler does not end. */
    w->is_forsaken = true;
    client_cancel(w->client);
    condition_notify_all(&w->work);
    condition_notify_all(&w->change);
    return wait_for_threads(w, after_us(CLOSE_GRACE_US));
}

oxq_err oxq_worker_close(oxq_worker *worker, int64_t timeout_ms, struct oxq_error *err)
{
    oxq_worker *w = worker;
    if (!w) return OXQ_OK;
    worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_CLOSING});
    lock_enter(&w->lock);
    bool is_over = end_threads(w, timeout_ms);
    size_t left = w->threads_left, untold = 0;
    for (const struct link *l = w->held.next; l != &w->held; l = l->next) untold++;
    condition_notify_all(&w->timer_wake);
    /* The last thread frees it, but not before the timer has gone. */
    if (!is_over) {
        w->is_orphaned = true;
        w->threads_left++;
    }
    w->running_count = 0;
    lock_leave(&w->lock);
    /* What the timer asks for now concerns nobody here. */
    if (w->client) client_cancel(w->client);
    thread_join(&w->timer);
    lock_enter(&w->lock);
    pool_end(w);
    lock_leave(&w->lock);
    worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_CLOSED});
    lock_enter(&w->lock);
    bool must_free = is_over || --w->threads_left == 0;
    lock_leave(&w->lock);
    if (must_free) worker_free(w);
    if (untold == 0) return OXQ_OK;
    return err_set(
        err, OXQ_ERR_TIMEOUT,
        "%zu jobs had not ended in time (%zu handlers still run): other workers take them when their locks end", untold,
        left);
}

/* ---------------------------------------------------------------- while it runs */

void oxq_worker_pause(oxq_worker *worker, bool wait)
{
    if (!worker) return;
    lock_enter(&worker->lock);
    bool was_paused = worker->is_paused;
    worker->is_paused = true;
    worker_give_back(worker);
    condition_notify_one(&worker->work);
    /* A job is held until the store knows its end. */
    while (wait && !link_is_empty(&worker->held)) (void)condition_wait(&worker->change, &worker->lock, INT64_MAX);
    lock_leave(&worker->lock);
    if (!was_paused) worker_tell(worker, (struct oxq_worker_event){.kind = OXQ_WORKER_PAUSED});
}

void oxq_worker_resume(oxq_worker *worker)
{
    if (!worker) return;
    lock_enter(&worker->lock);
    bool was_paused = worker->is_paused;
    worker->is_paused = false;
    worker->is_hungry = true;
    condition_notify_all(&worker->work);
    lock_leave(&worker->lock);
    if (was_paused) worker_tell(worker, (struct oxq_worker_event){.kind = OXQ_WORKER_RESUMED});
}

bool oxq_worker_is_paused(const oxq_worker *worker)
{
    if (!worker) return false;
    oxq_worker *w = (oxq_worker *)worker;
    lock_enter(&w->lock);
    bool is_paused = w->is_paused;
    lock_leave(&w->lock);
    return is_paused;
}

bool oxq_worker_cancel(oxq_worker *worker, const char *id, const char *reason)
{
    if (!worker || !id) return false;
    bool is_found = false;
    lock_enter(&worker->lock);
    for (struct link *l = worker->held.next; l != &worker->held; l = l->next) {
        struct job_run *run = LINK_OWNER(l, struct job_run, held_link);
        if (!run->is_running || strcmp(run->job->fields.id, id) != 0) continue;
        run_cancel(run, reason ? reason : "cancelled");
        is_found = true;
    }
    lock_leave(&worker->lock);
    return is_found;
}

void oxq_worker_cancel_all(oxq_worker *worker, const char *reason)
{
    if (!worker) return;
    lock_enter(&worker->lock);
    for (struct link *l = worker->held.next; l != &worker->held; l = l->next) {
        struct job_run *run = LINK_OWNER(l, struct job_run, held_link);
        if (run->is_running) run_cancel(run, reason ? reason : "cancelled");
    }
    lock_leave(&worker->lock);
}

size_t oxq_worker_running(const oxq_worker *worker)
{
    if (!worker) return 0;
    oxq_worker *w = (oxq_worker *)worker;
    lock_enter(&w->lock);
    size_t count = w->running_count;
    lock_leave(&w->lock);
    return count;
}

static bool is_idle(const oxq_worker *w)
{
    return w->running_count == 0 && w->ready_count == 0 && link_is_empty(&w->ended) && !w->is_telling &&
           !w->is_hungry && w->rate_until_us == 0;
}

/* Whether jobs wait that somebody may take: a paused queue holds its own back. */
static oxq_err look_for_waiting(oxq_worker *w, int64_t timeout_ms, bool *out, struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_batch batch = {.count = 0};
    struct request waiting, paused;
    struct slice meta = keys_join(&arena, w->prefix, SLICE_LIT("meta"));
    request_begin_plain(&waiting, &arena, "EXISTS");
    request_put(&waiting, keys_join(&arena, w->prefix, SLICE_LIT("wait")));
    request_put(&waiting, keys_join(&arena, w->prefix, SLICE_LIT("prioritized")));
    request_begin_plain(&paused, &arena, "HEXISTS");
    request_put(&paused, meta);
    request_put(&paused, SLICE_LIT("paused"));
    waiting.command.is_idempotent = paused.command.is_idempotent = true;
    client_batch_add(&batch, &waiting.command);
    client_batch_add(&batch, &paused.command);
    oxq_err e = client_batch_run(w->client, &batch, timeout_ms, err);
    if (!e) e = client_reply_check(client_batch_reply(&batch, 0), err);
    if (!e) *out = client_batch_reply(&batch, 0)->integer > 0 && client_batch_reply(&batch, 1)->integer == 0;
    client_batch_deinit(&batch);
    arena_deinit(&arena);
    return e;
}

/* Inside the lock. */
static bool wait_idle(oxq_worker *w, int64_t end_us)
{
    while (!is_idle(w)) {
        if (!condition_wait(&w->change, &w->lock, end_us)) return is_idle(w);
    }
    return true;
}

static int64_t left_ms(int64_t end_us)
{
    if (end_us == INT64_MAX) return CLIENT_FOREVER;
    int64_t left_us = end_us - clock_mono_us(os_clock());
    return left_us > 1000 ? left_us / 1000 : 1;
}

/*
 * That this worker has nothing is not enough: the news of a job that was just added may be on its way to it. When the store has none that waits,
 * and the worker still has nothing, then there was none.
 */
oxq_err oxq_worker_wait_until_idle(oxq_worker *worker, int64_t timeout_ms, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, worker);
    if (e) return e;
    int64_t end_us = store_until_us(timeout_ms);
    bool is_over = false, has_waiting = false;
    lock_enter(&worker->lock);
    bool is_in_time = wait_idle(worker, end_us);
    while (is_in_time && !is_over) {
        lock_leave(&worker->lock);
        e = look_for_waiting(worker, left_ms(end_us), &has_waiting, err);
        if (e) return e;
        lock_enter(&worker->lock);
        is_over = !has_waiting && is_idle(worker);
        int64_t now_us = clock_mono_us(os_clock());
        if (has_waiting) (void)condition_wait(&worker->change, &worker->lock, now_us + IDLE_TICK_US);
        is_in_time = is_over || (now_us < end_us && wait_idle(worker, end_us));
    }
    lock_leave(&worker->lock);
    if (is_over) return OXQ_OK;
    return err_set(err, OXQ_ERR_TIMEOUT, "the queue %s has work left after %lld ms", worker->queue,
                   (long long)timeout_ms);
}
