/* SPDX-License-Identifier: MIT */
/* What a worker does by the clock, in one thread for all its jobs: locks, deadlines, stalled jobs. */
#include "worker/state.h"

#include "base/mem.h"
#include "jobs/running.h"
#include "os/clock.h"

#include <stdio.h>

/* After a renewal that failed. */
#define RETRY_US ((int64_t)200 * 1000)

/* ---------------------------------------------------------------- locks */

struct renewal {
    struct arena arena;
    struct running_lock *locks;
    size_t count;
};

/* Under the lock: ids and tokens of the jobs that we have, from number `from` on. */
static void gather_locks(oxq_worker *w, size_t from, struct renewal *r)
{
    size_t n = 0;
    r->locks = ARENA_ARRAY(&r->arena, struct running_lock, RUNNING_LOCKS_MAX);
    r->count = 0;
    for (struct link *l = w->held.next; l != &w->held && r->count < RUNNING_LOCKS_MAX; l = l->next) {
        const struct job_run *run = LINK_OWNER(l, struct job_run, held_link);
        if (n++ < from || atomic_load(&run->is_cancelled)) continue;
        r->locks[r->count++] = (struct running_lock){arena_copy(&r->arena, slice_from_text(run->job->fields.id)),
                                                     arena_copy(&r->arena, run->token)};
    }
}

static void note_lost(oxq_worker *w, struct slice id)
{
    lock_enter(&w->lock);
    for (struct link *l = w->held.next; l != &w->held; l = l->next) {
        struct job_run *run = LINK_OWNER(l, struct job_run, held_link);
        if (run->is_running && slice_equal(slice_from_text(run->job->fields.id), id)) run_lose_lock(run);
    }
    lock_leave(&w->lock);
    char text[OXQ_ID_MAX];
    snprintf(text, sizeof(text), "%.*s", (int)id.len, id.at);
    worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_LOCK_LOST, .id = text});
}

/* False: the store could not be asked. */
static bool renew(oxq_worker *w, struct renewal *r)
{
    struct request request;
    struct client_reply reply = {0};
    struct oxq_error err;
    struct running_renewal renewal = {r->locks, r->count, w->opts.lock_ms};
    oxq_err e = running_extend(&r->arena, w->prefix, &renewal, &request, &err);
    if (!e) e = store_request(w->client, &request, "renew the locks of", slice_from_text(w->queue), &reply, &err);
    if (e && e != OXQ_ERR_CANCELLED)
        worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ERROR, .text = err.text});
    for (size_t i = 0; !e && i < reply.value.count; i++) note_lost(w, reply.value.items[i].text);
    if (!e && reply.value.count < r->count)
        worker_tell(w,
                    (struct oxq_worker_event){.kind = OXQ_WORKER_LOCKS_RENEWED, .count = r->count - reply.value.count});
    client_reply_deinit(&reply);
    return !e;
}

static bool renew_locks(oxq_worker *w)
{
    bool is_renewed = true, has_more = true;
    for (size_t from = 0; is_renewed && has_more; from += RUNNING_LOCKS_MAX) {
        struct renewal r = {.count = 0};
        lock_enter(&w->lock);
        gather_locks(w, from, &r);
        lock_leave(&w->lock);
        if (r.count > 0) is_renewed = renew(w, &r);
        has_more = r.count == RUNNING_LOCKS_MAX;
        arena_deinit(&r.arena);
    }
    return is_renewed;
}

/* ---------------------------------------------------------------- stalled jobs */

static void tell_stalled(oxq_worker *w, const struct running_stalled *found)
{
    for (size_t i = 0; i < found->count; i++) {
        char id[OXQ_ID_MAX];
        snprintf(id, sizeof(id), "%.*s", (int)found->ids[i].text.len, found->ids[i].text.at);
        worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_STALLED, .id = id});
    }
}

static void sweep(oxq_worker *w)
{
    struct running_sweep s = {.prefix = w->prefix,
                              .interval_ms = w->opts.stalled_every_ms,
                              .stalls_max = w->opts.stalled_max,
                              .from = RUNNING_SWEEP_FIRST};
    oxq_err e = OXQ_OK;
    struct oxq_error err;
    do {
        struct arena arena = {0};
        struct request r;
        struct client_reply reply = {0};
        struct running_stalled found = {.next = RUNNING_SWEEP_FIRST};
        s.now_ms = store_now_ms();
        running_sweep(&arena, &s, &r);
        e = client_call(w->client, &r.command, 0, &reply, &err);
        if (!e) e = running_read_sweep(&reply.value, &found, &err);
        if (!e) tell_stalled(w, &found);
        s.from = found.next;
        client_reply_deinit(&reply);
        arena_deinit(&arena);
    } while (!e && s.from != RUNNING_SWEEP_FIRST);
    if (e && e != OXQ_ERR_CANCELLED)
        worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ERROR, .text = err.text});
}

/* ---------------------------------------------------------------- deadlines */

/* Under the lock. Cancels what is late; gives when the next is. */
static int64_t check_deadlines(oxq_worker *w, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    for (struct link *l = w->held.next; l != &w->held; l = l->next) {
        struct job_run *run = LINK_OWNER(l, struct job_run, held_link);
        if (!run->is_running || atomic_load(&run->is_cancelled)) continue;
        if (run->deadline_us <= now_us) {
            char reason[WORKER_REASON_MAX];
            snprintf(reason, sizeof(reason), "it took longer than its deadline of %lld ms",
                     (long long)w->opts.deadline_ms);
            run_cancel(run, reason);
        } else if (run->deadline_us < next_us) {
            next_us = run->deadline_us;
        }
    }
    return next_us;
}

/* ---------------------------------------------------------------- the thread */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void timer_run(void *ctx)
{
    oxq_worker *w = ctx;
    int64_t renew_us = w->opts.lock_renew_ms * 1000, sweep_us = w->opts.stalled_every_ms * 1000;
    int64_t now_us = clock_mono_us(os_clock());
    int64_t renew_at_us = renew_us > 0 ? now_us + renew_us : INT64_MAX, sweep_at_us = sweep_us > 0 ? now_us : INT64_MAX;
    lock_enter(&w->lock);
    while (!w->is_closing || w->running_count > 0) {
        now_us = clock_mono_us(os_clock());
        bool must_renew = now_us >= renew_at_us, must_sweep = now_us >= sweep_at_us && !w->is_closing;
        if (must_renew || must_sweep) {
            lock_leave(&w->lock);
            bool is_renewed = must_renew && renew_locks(w);
            if (must_sweep) sweep(w);
            lock_enter(&w->lock);
            if (must_renew && is_renewed) renew_at_us = now_us + renew_us;
            /* Soon: the locks' time goes on. */
            if (must_renew && !is_renewed) renew_at_us = clock_mono_us(os_clock()) + earlier(renew_us, RETRY_US);
            if (must_sweep) sweep_at_us = now_us + sweep_us;
            continue;
        }
        int64_t until_us = earlier(earlier(renew_at_us, sweep_at_us), check_deadlines(w, now_us));
        (void)condition_wait(&w->timer_wake, &w->lock, until_us);
    }
    lock_leave(&w->lock);
}
