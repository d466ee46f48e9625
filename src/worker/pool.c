/* SPDX-License-Identifier: MIT */
/*
 * The threads of a worker: one for each handler that may run at a time. There may be more of them and fewer while it runs. More begin at
 * once. With fewer, jobs that no thread has begun go back, and whichever thread is free, and has nothing to tell, ends, until so many are
 * left: handlers are let run to their ends.
 */
#include "worker/state.h"

#include "base/mem.h"

struct worker_thread {
    struct link link; /* in worker->threads; once it ends, in ->retired, to be joined */
    struct thread thread;
    oxq_worker *worker; /* borrowed */
};

static size_t count_surplus(const oxq_worker *w)
{
    return w->threads_left > w->concurrency ? w->threads_left - w->concurrency : 0;
}

size_t pool_count_free(const oxq_worker *w)
{
    size_t free_count = 1 + w->idle_count, surplus = count_surplus(w);
    return free_count > surplus ? free_count - surplus : 0;
}

bool pool_has_room(const oxq_worker *w)
{
    return !w->is_paused && !w->is_closing && count_surplus(w) == 0;
}

bool pool_is_exceeded(const oxq_worker *w)
{
    return w->handler && w->ready_count + w->running_count > w->concurrency;
}

/* Under the lock. What has ended is told before the thread that could tell it goes. */
static bool must_retire(const oxq_worker *w)
{
    return count_surplus(w) > 0 && (w->is_telling || link_is_empty(&w->ended));
}

static void run_thread(void *ctx)
{
    struct worker_thread *me = ctx;
    oxq_worker *w = me->worker;
    lock_enter(&w->lock);
    while (!worker_is_over(w) && !must_retire(w)) worker_step(w);
    bool is_last = --w->threads_left == 0;
    link_remove(&me->link);
    link_push_tail(&w->retired, &me->link);
    if (worker_is_over(w))
        condition_notify_all(&w->work);
    else
        worker_wake_another(w);
    condition_notify_all(&w->change);
    bool must_free = is_last && w->is_orphaned;
    lock_leave(&w->lock);
    if (must_free) worker_free(w);
}

static void join_retired(oxq_worker *w)
{
    while (!link_is_empty(&w->retired)) {
        struct worker_thread *t = LINK_OWNER(w->retired.next, struct worker_thread, link);
        link_remove(&t->link);
        /* It has left the lock, or is about to: nothing that it does then takes long. */
        thread_join(&t->thread);
        mem_free(t);
    }
}

static oxq_err start_thread(oxq_worker *w, struct oxq_error *err)
{
    struct worker_thread *t = mem_alloc_zero(sizeof(*t));
    t->worker = w;
    t->thread.stack_bytes = w->opts.stack_bytes;
    oxq_err e = thread_start(&t->thread, "oxq-worker", run_thread, t, err);
    if (e) {
        mem_free(t);
        return e;
    }
    link_push_tail(&w->threads, &t->link);
    w->threads_left++;
    return OXQ_OK;
}

oxq_err pool_resize(oxq_worker *w, size_t concurrency, struct oxq_error *err)
{
    size_t before = w->concurrency;
    oxq_err e = OXQ_OK;
    join_retired(w);
    w->concurrency = concurrency;
    while (!e && w->threads_left < concurrency) e = start_thread(w, err);
    if (e) w->concurrency = before;
    if (pool_is_exceeded(w)) worker_give_back(w);
    w->is_hungry = true;
    condition_notify_all(&w->work);
    return e;
}

void pool_end(oxq_worker *w)
{
    for (struct link *l = w->threads.next; l != &w->threads; l = l->next)
        thread_detach(&LINK_OWNER(l, struct worker_thread, link)->thread);
    join_retired(w);
}

void pool_free(oxq_worker *w)
{
    while (!link_is_empty(&w->retired)) {
        struct worker_thread *t = LINK_OWNER(w->retired.next, struct worker_thread, link);
        link_remove(&t->link);
        mem_free(t);
    }
}

oxq_err oxq_worker_set_concurrency(oxq_worker *worker, size_t concurrency, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, worker);
    if (!e) e = worker_check_concurrency(concurrency, err);
    if (!e && !worker->handler)
        e = err_set(err, OXQ_ERR_STATE, "a worker without a handler has no threads: its caller is the concurrency");
    if (e) return e;
    lock_enter(&worker->lock);
    if (worker->is_closing)
        e = err_set(err, OXQ_ERR_STATE, "the worker is closing");
    else
        e = pool_resize(worker, concurrency, err);
    lock_leave(&worker->lock);
    return e;
}

size_t oxq_worker_concurrency(const oxq_worker *worker)
{
    if (!worker) return 0;
    oxq_worker *w = (oxq_worker *)worker;
    lock_enter(&w->lock);
    size_t concurrency = w->concurrency;
    lock_leave(&w->lock);
    return concurrency;
}
