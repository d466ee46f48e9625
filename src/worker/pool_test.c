/* SPDX-License-Identifier: MIT */
/* Another concurrency while handlers run, and who hears of a job then. */
#include "worker/state.h"

#include "worker/testkit.h"

#include <poll.h>
#include <semaphore.h>

TestSuite(pool, .init = testkit_start, .fini = testkit_stop);

static void add_job(char id[OXQ_ID_MAX])
{
    OK(oxq_queue_add(queue, "x", NULL, NULL, id, &err));
}

static oxq_worker *open_worker(const struct oxq_worker_opts *opts, oxq_handler *handler, void *ctx)
{
    oxq_worker *w;
    OK(oxq_worker_open(store, "mail", opts, handler, ctx, &w, &err));
    return w;
}

static void close_worker(oxq_worker *w)
{
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
}

/* Its handlers pass one by one, as they are let. */
struct gate {
    sem_t passes;
    atomic_int now, limit, too_many, calls; /* limit: of those that are at the gate, when one begins */
};

static void gate_init(struct gate *g, int limit)
{
    *g = (struct gate){.limit = limit};
    sem_init(&g->passes, 0, 0);
}

static oxq_outcome pass(oxq_job *job, void *ctx)
{
    struct gate *g = ctx;
    (void)job;
    if (atomic_fetch_add(&g->now, 1) >= atomic_load(&g->limit)) atomic_fetch_add(&g->too_many, 1);
    sem_wait(&g->passes);
    atomic_fetch_add(&g->calls, 1);
    atomic_fetch_sub(&g->now, 1);
    return OXQ_DONE;
}

static void let_pass(struct gate *g, int count)
{
    for (int i = 0; i < count; i++) sem_post(&g->passes);
}

static void until_at_gate(struct gate *g, int count)
{
    while (atomic_load(&g->now) != count) poll(NULL, 0, 1);
}

static void set_concurrency(oxq_worker *w, size_t concurrency)
{
    OK(oxq_worker_set_concurrency(w, concurrency, &err));
    cr_assert_eq(oxq_worker_concurrency(w), concurrency);
}

Test(pool, more_handlers_begin_as_soon_as_they_may)
{
    struct gate g;
    gate_init(&g, 4);
    for (int i = 0; i < 5; i++) add_job(NULL);
    oxq_worker *w = open_worker(NULL, pass, &g);
    until_at_gate(&g, 1);
    set_concurrency(w, 4);
    until_at_gate(&g, 4);
    let_pass(&g, 5);
    OK(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err));
    cr_assert_eq(atomic_load(&g.calls), 5);
    cr_assert_eq(atomic_load(&g.too_many), 0);
    close_worker(w);
}

Test(pool, none_begins_while_more_run_than_may)
{
    struct gate g;
    gate_init(&g, 4);
    for (int i = 0; i < 10; i++) add_job(NULL);
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.concurrency = 4}, pass, &g);
    until_at_gate(&g, 4);
    set_concurrency(w, 2);
    atomic_store(&g.limit, 2);
    let_pass(&g, 2);
    until_at_gate(&g, 2);
    set_concurrency(w, 1);
    atomic_store(&g.limit, 1);
    let_pass(&g, 8);
    OK(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err));
    cr_assert_eq(atomic_load(&g.calls), 10);
    cr_assert_eq(atomic_load(&g.too_many), 0);
    close_worker(w);
}

/* A worker that adjusts itself, while jobs come. */
static oxq_outcome adjust(oxq_job *job, void *ctx)
{
    int call = atomic_fetch_add((atomic_int *)ctx, 1);
    struct oxq_error e;
    cr_assert_eq(oxq_worker_set_concurrency(job->run->worker, (size_t)(call * 7 % 9 + 1), &e), OXQ_OK, "%s", e.text);
    return OXQ_DONE;
}

Test(pool, its_concurrency_may_change_with_every_job)
{
    atomic_int calls = 0;
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.concurrency = 3}, adjust, &calls);
    for (int i = 0; i < 300; i++) add_job(NULL);
    OK(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err));
    cr_assert_eq(atomic_load(&calls), 300);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_COMPLETED), 300);
    close_worker(w);
}

Test(pool, a_concurrency_that_cannot_be_is_refused)
{
    oxq_worker *by_hand = open_worker(NULL, NULL, NULL), *w = open_worker(NULL, testkit_end_at_once, NULL);
    cr_assert_eq(oxq_worker_set_concurrency(w, 0, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_worker_set_concurrency(w, OXQ_CONCURRENCY_MAX + 1, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_worker_concurrency(w), 1);
    cr_assert_eq(oxq_worker_set_concurrency(by_hand, 2, &err), OXQ_ERR_STATE);
    cr_assert_eq(oxq_worker_concurrency(by_hand), 0);
    close_worker(w);
    close_worker(by_hand);
}

/* That it waits for jobs, as the first of those that do. */
static void until_waiting(oxq_worker *w)
{
    for (bool is_waiting = false; !is_waiting; poll(NULL, 0, 1)) {
        lock_enter(&w->lock);
        is_waiting = w->is_waiting;
        lock_leave(&w->lock);
    }
}

#define DRAIN_WAIT_MS (20 * PATIENCE_MS)

/* One that waited earlier hears of the job, and may not take it: the next must hear of it all the same. */
static void expect_next_hears(void)
{
    char id[OXQ_ID_MAX];
    oxq_state state;
    oxq_worker *next =
        open_worker(&(struct oxq_worker_opts){.drain_wait_ms = DRAIN_WAIT_MS}, testkit_end_at_once, NULL);
    until_waiting(next);
    add_job(id);
    OK(oxq_queue_wait(queue, id, PATIENCE_MS, &state, NULL, &err));
    close_worker(next);
}

Test(pool, one_that_was_paused_while_it_waited_keeps_no_job_from_others)
{
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.drain_wait_ms = DRAIN_WAIT_MS}, testkit_end_at_once, NULL);
    until_waiting(w);
    oxq_worker_pause(w, true);
    expect_next_hears();
    close_worker(w);
}

Test(pool, one_that_runs_enough_keeps_no_job_from_others)
{
    struct gate g;
    gate_init(&g, 2);
    add_job(NULL);
    oxq_worker *w = open_worker(&(struct oxq_worker_opts){.concurrency = 2, .drain_wait_ms = DRAIN_WAIT_MS}, pass, &g);
    until_at_gate(&g, 1);
    until_waiting(w);
    set_concurrency(w, 1);
    expect_next_hears();
    let_pass(&g, 1);
    close_worker(w);
    cr_assert_eq(atomic_load(&g.calls), 1);
}
