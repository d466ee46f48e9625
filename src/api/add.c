/* SPDX-License-Identifier: MIT */
/*
 * Adding one job, from any number of threads. A few requests of a queue are under way at a time; who comes when there are so many waits, and
 * whoever's request has been answered passes its place to the first that waits. That one takes the others along: what gathers while the server
 * is busy goes out as one request, which costs it half of what single ones do, and the fewer callers there are the sooner each is served.
 *
 *   queue_add ── a place is free ──────────────────────────> send_round ── answered: the place goes on
 *       └─────── none ──> waits ── LEAD: the place is ours ──────┘  └─────> DONE to all that were taken along
 *
 * Those who come while the same request gathers sleep in one crowd, and one system call wakes them all. The first of them, who will lead, sleeps alone.
 *
 * Jobs with more than a name, data and options go alone: their scripts do not mix with these, and they can be refused one by one.
 */
#include "api/state.h"

#include "os/clock.h"

/*
 * Enough that a few threads never wait for each other on a way that takes long. Where so many jobs are under way that there must be more threads
 * than that, the others gather until these are back: one request of 60 costs half of four of 15.
 */
#define ROUNDS_MAX 4
#define UNDER_WAY_ENOUGH 16
#define ROUND_JOBS_MAX 128

enum { ADDER_LEAD = 1, ADDER_DONE };

/* A caller: it lies on its thread's stack until DONE. */
struct adder {
    struct link link; /* in queue->adders, or in a round */
    const struct new_job *job;
    char *out_id; /* NULL: not asked for */
    struct oxq_error *err;
    oxq_err result;
    struct notice notice;
    struct crowd *crowd; /* where it sleeps; NULL: alone */
    int64_t until_us;
};

struct round {
    struct new_job jobs[ROUND_JOBS_MAX];
    struct adder *adders[ROUND_JOBS_MAX];
    size_t count;
};

/* ---------------------------------------------------------------- a round */

/* Under the lock: those that wait, as far as they fit into one request with what the round has. */
static void take_along(oxq_queue *q, struct round *r)
{
    size_t count = r->count;
    for (struct link *l = q->adders.next; l != &q->adders && count < ROUND_JOBS_MAX; l = l->next, count++) {
        r->adders[count] = LINK_OWNER(l, struct adder, link);
        r->jobs[count] = *r->adders[count]->job;
    }
    size_t taken = add_portion(r->jobs, count);
    q->under_way_count += taken;
    for (; r->count < taken; r->count++) link_remove(&r->adders[r->count]->link);
    q->crowd = (q->crowd + 1) % QUEUE_CROWDS_COUNT;
}

static void take_result(struct adder *a, const struct resp_value *reply, size_t i)
{
    struct slice id;
    a->result = add_result(reply, i, a->job, &id, a->err);
    if (!a->result && a->out_id) store_copy_id(id, a->out_id);
}

static oxq_err send(oxq_queue *q, const struct add_batch *batch, int64_t timeout_ms, struct arena *arena,
                    struct client_reply *reply, struct oxq_error *err)
{
    struct request request;
    oxq_err e = add_request(arena, batch, &request, err);
    return e ? e : client_call(q->client, &request.command, timeout_ms, reply, err);
}

static void send_round(oxq_queue *q, struct round *r, int64_t until_us)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct oxq_error why = {0};
    int64_t left_ms = (until_us - clock_mono_us(os_clock())) / 1000;
    struct add_batch batch = {
        .prefix = q->prefix, .now_ms = store_now_ms(), .jobs = r->jobs, .count = r->count, .is_checked = true};
    oxq_err e = send(q, &batch, left_ms > 0 ? left_ms : 1, &arena, &reply, &why);
    for (size_t i = 0; i < r->count; i++) {
        struct adder *a = r->adders[i];
        if (e)
            a->result = err_set(a->err, e, "%s", why.text);
        else
            take_result(a, &reply.value, i);
    }
    client_reply_deinit(&reply);
    arena_deinit(&arena);
}

/* From here on the caller may be gone. Returns the crowd in which it sleeps, which has to be woken. */
static struct crowd *leave_notice(struct adder *a, uint32_t what)
{
    const struct notice *notice = &a->notice;
    struct crowd *crowd = a->crowd;
    if (notice_put(&a->notice, what)) notice_wake(notice);
    return crowd;
}

static void leave_notices(struct adder *const *adders, size_t count, uint32_t what)
{
    struct crowd *crowd = NULL;
    for (size_t i = 0; i < count; i++) {
        struct crowd *its = leave_notice(adders[i], what);
        if (!its || its == crowd) continue;
        if (crowd) crowd_wake(crowd);
        crowd = its;
    }
    if (crowd) crowd_wake(crowd);
}

/* Under the lock: may one more request be under way? */
static bool has_place(const oxq_queue *q)
{
    return q->rounds_count == 0 || (q->rounds_count < ROUNDS_MAX && q->under_way_count < UNDER_WAY_ENOUGH);
}

/* The place that a round had goes to who waits longest, unless the others that are under way are enough. */
static void pass_place(oxq_queue *q, const struct round *r)
{
    struct adder *next = NULL;
    lock_enter(&q->adding);
    q->under_way_count -= r->count;
    q->rounds_count--;
    if (!link_is_empty(&q->adders) && has_place(q)) {
        next = LINK_OWNER(q->adders.next, struct adder, link);
        link_remove(&next->link);
        q->rounds_count++;
    }
    lock_leave(&q->adding);
    if (next) leave_notices(&next, 1, ADDER_LEAD);
}

static void lead(oxq_queue *q, struct adder *self)
{
    struct round r; /* most of it is not used: it is not worth a memset */
    r.jobs[0] = *self->job;
    r.adders[0] = self;
    r.count = 1;
    lock_enter(&q->adding);
    take_along(q, &r);
    lock_leave(&q->adding);
    send_round(q, &r, self->until_us);
    pass_place(q, &r);
    leave_notices(r.adders + 1, r.count - 1, ADDER_DONE);
}

/* ---------------------------------------------------------------- a caller */

/* True: there is a place for a request of our own. */
static bool wait_for_place(oxq_queue *q, struct adder *self)
{
    lock_enter(&q->adding);
    bool is_free = has_place(q);
    if (is_free) {
        q->rounds_count++;
    } else {
        self->crowd = link_is_empty(&q->adders) ? NULL : &q->crowds[q->crowd];
        link_push_tail(&q->adders, &self->link);
    }
    lock_leave(&q->adding);
    if (is_free) return true;
    /* Whoever is before us began before us, and so its time ends before ours. */
    uint32_t what = self->crowd ? crowd_wait(self->crowd, &self->notice, &q->spin)
                                : notice_wait(&self->notice, &q->spin, INT64_MAX);
    return what == ADDER_LEAD;
}

static oxq_err add_alone(oxq_queue *q, const struct new_job *job, char *out_id, struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct slice id;
    struct add_batch batch = {.prefix = q->prefix, .now_ms = store_now_ms(), .jobs = job, .count = 1};
    oxq_err e = send(q, &batch, 0, &arena, &reply, err);
    if (!e) e = add_result(&reply.value, 0, job, &id, err);
    if (!e && out_id) store_copy_id(id, out_id);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err queue_add(oxq_queue *q, const struct new_job *job, char out_id[OXQ_ID_MAX], struct oxq_error *err)
{
    struct oxq_error ignored;
    /* What is wrong with it is told by the request that it is not fit for. */
    if (!add_is_plain(job) || add_check(job, store_now_ms(), &ignored)) return add_alone(q, job, out_id, err);
    int64_t timeout_ms = q->store->client_opts.timeout_ms;
    struct adder self = {.job = job,
                         .out_id = out_id,
                         .err = err,
                         .until_us = store_until_us(timeout_ms > 0 ? timeout_ms : CLIENT_TIMEOUT_MS_DEFAULT)};
    if (wait_for_place(q, &self)) lead(q, &self);
    return self.result;
}
