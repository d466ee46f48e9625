/* SPDX-License-Identifier: MIT */
/* Manual fetching: a worker without threads of its own, whose caller takes jobs one by one. */
#include "worker/state.h"

#include "os/clock.h"

/* Under the lock. */
static struct job_run *take(oxq_worker *w)
{
    if (link_is_empty(&w->ready)) return NULL;
    struct job_run *run = LINK_OWNER(w->ready.next, struct job_run, link);
    link_remove(&run->link);
    w->ready_count--;
    run->is_running = true;
    w->running_count++;
    return run;
}

static oxq_err check(const oxq_worker *w, struct oxq_error *err)
{
    if (!w->handler) return OXQ_OK;
    return err_set(err, OXQ_ERR_STATE, "a worker with a handler takes its jobs itself; open one with none");
}

/* Under the lock: may jobs be taken? When the rate's time is over, it is asked for them anew. */
static bool may_take(oxq_worker *w)
{
    if (w->is_paused || clock_mono_us(os_clock()) < w->rate_until_us) return false;
    if (w->rate_until_us > 0) w->is_hungry = true;
    w->rate_until_us = 0;
    return true;
}

/* Under the lock: a round, or a wait when there is nothing to ask for. */
static void look(oxq_worker *w, int64_t wait_ms)
{
    if (!may_take(w)) {
        int64_t end_us = store_until_us(wait_ms);
        bool is_limit = !w->is_paused && w->rate_until_us < end_us;
        if (!link_is_empty(&w->ended))
            tell_round(w, 0);
        else
            (void)condition_wait(&w->work, &w->lock, is_limit ? w->rate_until_us : end_us);
    } else if (w->is_hungry) {
        tell_round(w, 1);
    } else {
        wait_for_jobs(w, wait_ms < w->opts.drain_wait_ms ? wait_ms : w->opts.drain_wait_ms);
    }
}

/* Tells the end of one that was taken, and takes the next; NULL: none is wanted, or there. */
static struct job_run *end(oxq_worker *w, struct job_run *run, bool wants_next)
{
    lock_enter(&w->lock);
    run->is_running = false;
    w->running_count--;
    link_push_tail(&w->ended, &run->link);
    tell_round(w, wants_next && !w->is_closing && may_take(w));
    while (!link_is_empty(&w->ended) && !w->is_forsaken) tell_round(w, 0);
    struct job_run *next = wants_next ? take(w) : NULL;
    lock_leave(&w->lock);
    return next;
}

/* The job of one that was taken; of the next when it was only taken to end. */
static oxq_job *begin(oxq_worker *w, struct job_run *run)
{
    while (run && !run_may_begin(run)) run = end(w, run, true);
    return run ? run->job : NULL;
}

oxq_err oxq_worker_fetch(oxq_worker *worker, int64_t wait_ms, oxq_job **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, worker, out);
    if (!e) e = check(worker, err);
    if (e) return e;
    int64_t until_us = store_until_us(wait_ms);
    struct job_run *run;
    lock_enter(&worker->lock);
    worker->is_hungry = true;
    bool has_looked = false;
    while (!(run = take(worker)) && !worker->is_closing) {
        int64_t left_ms = (until_us - clock_mono_us(os_clock())) / 1000;
        if (left_ms <= 0 && (has_looked || !may_take(worker))) break;
        look(worker, left_ms > 0 ? left_ms : 0);
        has_looked = true;
    }
    /* One that came just as the worker was paused. */
    if (!run && !link_is_empty(&worker->ended)) tell_round(worker, 0);
    lock_leave(&worker->lock);
    *out = begin(worker, run);
    return OXQ_OK;
}

oxq_err oxq_worker_finish(oxq_worker *worker, oxq_job *job, oxq_outcome outcome, oxq_job **out_next,
                          struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, worker, job);
    if (!e) e = check(worker, err);
    if (e) return e;
    if (!job->run || job->run->worker != worker)
        return err_set(err, OXQ_ERR_ARGUMENT, "job %s was not fetched by this worker", job->fields.id);
    struct oxq_error told = {.code = OXQ_OK};
    run_end(job->run, outcome);
    job->run->told = &told;
    struct job_run *next = end(worker, job->run, out_next != NULL);
    if (out_next) *out_next = begin(worker, next);
    return told.code ? err_set(err, told.code, "%s", told.text) : OXQ_OK;
}
