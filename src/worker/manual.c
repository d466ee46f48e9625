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
    *out = run ? run->job : NULL;
    if (!run || run->outcome != OXQ_UNRECOVERABLE) return OXQ_OK;
    /* It was only taken to be failed. */
    return oxq_worker_finish(worker, run->job, OXQ_UNRECOVERABLE, out, err);
}

oxq_err oxq_worker_finish(oxq_worker *worker, oxq_job *job, oxq_outcome outcome, oxq_job **out_next,
                          struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, worker, job);
    if (!e) e = check(worker, err);
    if (e) return e;
    if (!job->run || job->run->worker != worker)
        return err_set(err, OXQ_ERR_ARGUMENT, "job %s was not fetched by this worker", job->fields.id);
    struct job_run *run = job->run, *next = NULL;
    struct oxq_error told = {.code = OXQ_OK};
    run->told = &told;
    run_end(run, outcome);
    lock_enter(&worker->lock);
    run->is_running = false;
    worker->running_count--;
    link_push_tail(&worker->ended, &run->link);
    tell_round(worker, out_next && !worker->is_closing && may_take(worker));
    while (!link_is_empty(&worker->ended) && !worker->is_forsaken) tell_round(worker, 0);
    if (out_next) next = take(worker);
    lock_leave(&worker->lock);
    if (told.code) e = err_set(err, told.code, "%s", told.text);
    if (out_next) *out_next = next ? next->job : NULL;
    return e;
}
