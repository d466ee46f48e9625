/* SPDX-License-Identifier: MIT */
/*
 * How the store hears of ended jobs and gives new ones: one thread at a time does it for all. Whichever thread finds something to
 * tell, and nobody telling, gathers all that has ended and sends it together with the wish for as many jobs as there are threads
 * without one; while it waits for the answer, others end and gather. So a worker of one thread pays one round trip for each
 * job, and a busy one of many threads pays one for many jobs.
 *
 * A round is two requests at most, sent together: jobs that leave unfinished, and jobs that are finished. The last of them fetches.
 *
 * When the answer was lost, the round's jobs are told again, without fetching. That they are no longer ours is then no error if the first
 * telling did it, which the store is asked. Before anything else it is asked for the jobs that the lost answer gave us: they are under the token of
 * that request.
 */
#include "worker/state.h"

#include "base/mem.h"
#include "base/num.h"
#include "jobs/backoff.h"
#include "jobs/finish.h"
#include "jobs/limits.h"
#include "jobs/running.h"
#include "os/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Jobs of one round; more end in the next. */
#define ROUND_JOBS_MAX 256
/* And so many bytes of what they gave, or else there is only one: no server has a lower limit for one of them, so one that is refused is alone. */
#define ROUND_BYTES_MAX ((size_t)1 << 20)

struct round {
    struct arena arena;
    struct client_batch batch;
    struct fetch_opts fetch;      /* of the last request */
    struct fetch_opts fetch_none; /* of one before it */
    struct job_run **finished, **left;
    struct finished_job *finished_jobs;
    struct leaving_job *leaving_jobs;
    size_t finished_count, left_count;
    bool is_retake;  /* it only asks for what a lost answer gave: `fetch` is of that request */
    int64_t hold_ms; /* the queue's rate is used up for so long, a handler said; 0: none did */
};

/* ---------------------------------------------------------------- what becomes of a job */

static struct slice add_stack(struct round *r, const struct job_run *run)
{
    const struct oxq_job_fields *f = &run->job->fields;
    struct slice stacks = f->stacktrace ? slice_from_text(f->stacktrace) : SLICE_LIT("");
    char text[1024];
    const char *stack = run->stack;
    if (!stack) {
        snprintf(text, sizeof(text), "Error: %.700s\n    at job %.200s", run_failure(run), f->id);
        stack = text;
    }
    struct oxq_error ignored;
    struct slice out = stacks;
    /* A trace that has become too long stays as it is. */
    if (finish_add_stack(&r->arena, stacks, slice_from_text(stack), run->job->opts.stack_trace_limit, &out, &ignored))
        return stacks;
    return out;
}

static int64_t call_backoff(void *ctx, const struct job *job, int64_t attempts_made, struct slice error)
{
    const struct job_run *run = ctx;
    const oxq_worker *w = run->worker;
    (void)job;
    (void)error;
    const char *type = arena_copy_text(&run->job->arena, run->job->opts.backoff.type);
    return w->opts.on_backoff(w->ctx, run->job, type, attempts_made, run_failure(run));
}

/* The delay of the next attempt in ms; BACKOFF_STOP: there is none. */
static int64_t next_attempt(struct job_run *run)
{
    oxq_worker *w = run->worker;
    const struct oxq_job_fields *f = &run->job->fields;
    if (run->outcome == OXQ_UNRECOVERABLE || f->attempts_made + 1 >= f->attempts_max) return BACKOFF_STOP;
    /* It may not be begun again. */
    int64_t starts_max = w->opts.attempts_started_max;
    if (starts_max > 0 && f->attempts_started >= starts_max) return BACKOFF_STOP;
    if (run->outcome == OXQ_RETRY) return run->delay_ms;
    struct job stored = {.id = slice_from_text(f->id), .name = slice_from_text(f->name)};
    struct backoff_case c = {.job = &stored,
                             .backoff = &run->job->opts.backoff,
                             .attempts_made = f->attempts_made + 1,
                             .error = slice_from_text(run_failure(run)),
                             .custom = w->opts.on_backoff ? call_backoff : NULL,
                             .ctx = run};
    int64_t ms;
    struct oxq_error err;
    if (backoff_delay(&c, &w->rng, &ms, &err) == OXQ_OK) return ms;
    worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ERROR, .text = err.text});
    return BACKOFF_STOP;
}

static void put_finished(struct round *r, struct job_run *run, bool has_failed)
{
    oxq_worker *w = run->worker;
    const struct job_options *o = &run->job->opts;
    const struct job_keep *own = has_failed ? &o->on_fail : &o->on_complete;
    const struct job_keep *ours = has_failed ? &w->on_fail : &w->on_complete;
    const char *value = has_failed ? run_failure(run) : run->text;
    run->end = has_failed ? RUN_FAILED : RUN_COMPLETED;
    r->finished[r->finished_count] = run;
    r->finished_jobs[r->finished_count++] = (struct finished_job){
        .id = slice_from_text(run->job->fields.id),
        .token = run->token,
        .has_failed = has_failed,
        .value = value ? slice_from_text(value) : SLICE_LIT(""),
        .stacktrace = has_failed ? add_stack(r, run) : SLICE_LIT(""),
        .keep = finish_keep(own, ours),
        .attempts = run->job->fields.attempts_max,
    };
}

static struct leaving_job *put_leaving(struct round *r, struct job_run *run, enum leave_to to)
{
    struct leaving_job *l = &r->leaving_jobs[r->left_count];
    run->end = to == LEAVE_DELAYED ? RUN_DELAYED : to == LEAVE_CHILDREN ? RUN_WAITING_CHILDREN : RUN_WAITING;
    r->left[r->left_count++] = run;
    *l = (struct leaving_job){.id = slice_from_text(run->job->fields.id), .token = run->token, .to = to};
    return l;
}

static void put_failure(struct round *r, struct job_run *run)
{
    int64_t ms = next_attempt(run);
    if (ms == BACKOFF_STOP) {
        put_finished(r, run, true);
        return;
    }
    struct leaving_job *l = put_leaving(r, run, ms > 0 ? LEAVE_DELAYED : LEAVE_WAIT);
    if (ms == 0) run->end = RUN_RETRIED;
    l->delay_ms = ms;
    l->is_lifo = run->job->opts.lifo;
    l->is_attempt = true;
    l->failed_reason = slice_from_text(run_failure(run));
    l->stacktrace = add_stack(r, run);
}

static void put(struct round *r, struct job_run *run)
{
    if (run->is_given_back || run->has_no_children) {
        put_leaving(r, run, run->is_given_back ? LEAVE_FRONT : LEAVE_WAIT);
        return;
    }
    switch (run->outcome) {
    case OXQ_DONE: put_finished(r, run, false); return;
    case OXQ_FAILED:
    case OXQ_UNRECOVERABLE:
    case OXQ_RETRY: put_failure(r, run); return;
    case OXQ_DELAYED: put_leaving(r, run, LEAVE_DELAYED)->delay_ms = run->delay_ms; return;
    case OXQ_WAITING_CHILDREN: put_leaving(r, run, LEAVE_CHILDREN)->child_key = run->child_key; return;
    case OXQ_WAITING: put_leaving(r, run, LEAVE_FRONT); return;
    case OXQ_RATE_LIMITED:
        if (run->delay_ms > r->hold_ms) r->hold_ms = run->delay_ms;
        put_leaving(r, run, LEAVE_FRONT);
        return;
    }
}

/* ---------------------------------------------------------------- a round */

static void round_init(struct round *r, oxq_worker *w, size_t wanted)
{
    *r = (struct round){.fetch = {.prefix = w->prefix,
                                  .now_ms = store_now_ms(),
                                  .count = (int64_t)wanted,
                                  .lock_ms = w->opts.lock_ms,
                                  .worker = w->name,
                                  .rate_max = w->opts.limiter_max,
                                  .rate_ms = w->opts.limiter_ms}};
    char token[WORKER_TOKEN_MAX];
    r->is_retake = w->lost.token[0];
    if (r->is_retake) {
        r->fetch.count = w->lost.count;
        r->fetch.now_ms = w->lost.now_ms;
        snprintf(token, sizeof(token), "%s", w->lost.token);
    } else {
        snprintf(token, sizeof(token), "%s:%" PRIu64, w->id, ++w->token_number);
    }
    r->fetch.token = arena_copy(&r->arena, slice_from_text(token));
    r->fetch_none = r->fetch;
    r->fetch_none.count = 0;
}

/* What is told of its end. */
static size_t end_bytes(const struct job_run *run)
{
    const char *stacks = run->job->fields.stacktrace;
    size_t bytes = run->text ? strlen(run->text) : 0;
    if (!run_has_failed(run)) return bytes;
    return bytes + (run->stack ? strlen(run->stack) : 0) + (stacks ? strlen(stacks) : 0);
}

/* Under the lock. Nothing is fetched when some of it was told already. */
static void gather(struct round *r, oxq_worker *w, struct job_run **runs, size_t *out_count)
{
    size_t bytes = 0;
    *out_count = 0;
    while (!r->is_retake && *out_count < ROUND_JOBS_MAX && !link_is_empty(&w->ended)) {
        struct job_run *run = LINK_OWNER(w->ended.next, struct job_run, link);
        bytes += end_bytes(run);
        if (bytes > ROUND_BYTES_MAX && *out_count > 0) break;
        link_remove(&run->link);
        if (run->is_uncertain) r->fetch.count = 0;
        runs[(*out_count)++] = run;
    }
    r->finished = ARENA_ARRAY(&r->arena, struct job_run *, *out_count);
    r->left = ARENA_ARRAY(&r->arena, struct job_run *, *out_count);
    r->finished_jobs = ARENA_ARRAY(&r->arena, struct finished_job, *out_count);
    r->leaving_jobs = ARENA_ARRAY(&r->arena, struct leaving_job, *out_count);
    /* What this round fetches; a marker that comes while it is under way asks for another. */
    if (r->fetch.count > 0) w->is_hungry = false;
}

static oxq_err add_hold(struct round *r, oxq_worker *w, struct oxq_error *err)
{
    if (r->hold_ms <= 0) return OXQ_OK;
    struct request request;
    oxq_err e = limits_hold(&r->arena, w->prefix, r->hold_ms, &request, err);
    if (!e) client_batch_add(&r->batch, &request.command);
    return e;
}

static oxq_err send(struct round *r, oxq_worker *w, struct oxq_error *err)
{
    struct request request;
    oxq_err e = add_hold(r, w, err);
    if (!e && r->left_count > 0) {
        struct leave_batch left = {r->finished_count > 0 ? &r->fetch_none : &r->fetch, r->leaving_jobs, r->left_count};
        e = leave_request(&r->arena, &left, &request, err);
        if (!e) client_batch_add(&r->batch, &request.command);
    }
    if (!e && r->finished_count > 0) {
        struct finish_batch done = {&r->fetch, w->opts.metrics_points, r->finished_jobs, r->finished_count};
        e = finish_request(&r->arena, &done, &request, err);
        if (!e) client_batch_add(&r->batch, &request.command);
    }
    if (!e && r->left_count == 0 && r->finished_count == 0) {
        e = r->is_retake ? fetch_retake(&r->arena, &r->fetch, &request, err)
                         : fetch_request(&r->arena, &r->fetch, &request, err);
        if (!e) client_batch_add(&r->batch, &request.command);
    }
    return e ? e : client_batch_run(w->client, &r->batch, 0, err);
}

/* ---------------------------------------------------------------- the answer */

static bool is_failure(const struct job_run *run)
{
    return run_has_failed(run) && !run->is_given_back;
}

static bool is_completion(const struct job_run *run)
{
    return run->outcome == OXQ_DONE && !run->is_given_back;
}

/*
 * Of one whose end was sent, and the answer lost: the store says that it has no lock, which its end would have taken, and so would time.
 * Has the store its end? Then it is gone, or one attempt more was made; when somebody has begun it since, that was not ours.
 */
static bool has_ended_before(const struct job_run *run)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct oxq_error err;
    const struct oxq_job_fields *f = &run->job->fields;
    struct slice id = slice_from_text(f->id);
    int64_t started = 0, made = 0;
    running_attempts(&arena, run->worker->prefix, id, &r);
    bool is_known = !store_request(run->worker->client, &r, "look at job", id, &reply, &err) && reply.value.count == 2;
    bool is_there = is_known && num_parse_int(reply.value.items[0].text, &started);
    if (is_there) (void)num_parse_int(reply.value.items[1].text, &made);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return is_known && (!is_there || (started == f->attempts_started && made > f->attempts_made));
}

/* The store knows that it ended, or says why not. */
static void tell_end(struct job_run *run, oxq_err e, const char *text)
{
    oxq_worker *w = run->worker;
    struct oxq_worker_event event = {.job = run->job, .id = run->job->fields.id};
    if (e && !run->is_uncertain) {
        if (run->told) err_set(run->told, e, "%s", text);
        event.kind = e == OXQ_ERR_LOCK_LOST ? OXQ_WORKER_LOCK_LOST : OXQ_WORKER_ERROR;
        event.text = text;
    } else if (is_completion(run)) {
        event.kind = OXQ_WORKER_COMPLETED;
        run->job->fields.result = run->text ? run->text : "null";
        run->job->fields.result_bytes = strlen(run->job->fields.result);
    } else if (is_failure(run)) {
        event.kind = OXQ_WORKER_FAILED;
        event.text = run->job->fields.failure = run_failure(run);
        event.is_final = run->end == RUN_FAILED;
    } else {
        return;
    }
    run->job->fields.attempts_made++;
    worker_tell(w, event);
}

/* Frees jobs whose end the store knows. */
static void let_go(oxq_worker *w, struct link *told)
{
    lock_enter(&w->lock);
    for (struct link *l = told->next; l != told; l = l->next)
        link_remove(&LINK_OWNER(l, struct job_run, link)->held_link);
    lock_leave(&w->lock);
    while (!link_is_empty(told)) {
        struct job_run *run = LINK_OWNER(told->next, struct job_run, link);
        link_remove(&run->link);
        run_free(run);
    }
}

/*
 * A parent does not complete while it has children that have not finished, nor when one of them failed it: that is its failure then, which the
 * next round tells.
 */
static bool must_fail(struct job_run *run, int64_t refusal, const char *why)
{
    if (run->outcome != OXQ_DONE && run->outcome != OXQ_WAITING_CHILDREN) return false;
    if (refusal != REFUSAL_CHILDREN_PENDING && refusal != REFUSAL_CHILD_FAILED) return false;
    if (run->told) (void)err_set(run->told, OXQ_ERR_STATE, "%s", why);
    run_fail(run, refusal == REFUSAL_CHILD_FAILED ? OXQ_UNRECOVERABLE : OXQ_FAILED,
             arena_copy_text(&run->job->arena, slice_from_text(why)));
    return true;
}

/* Reads what became of one request's jobs; those that are to be told again stay in runs, the others are NULL. */
static void read_codes(oxq_worker *w, const struct fetched *f, struct job_run **runs, size_t count)
{
    struct link told;
    link_init(&told);
    for (size_t i = 0; i < count; i++) {
        struct job_run *run = runs[i];
        struct oxq_error why = {0};
        int64_t number = 0;
        oxq_err e = fetch_code(f, i, "end job", slice_from_text(run->job->fields.id), &number, &why);
        if (!e && number > 0 && run->outcome == OXQ_WAITING_CHILDREN && !run->has_no_children) {
            run->has_no_children = true;
            continue;
        }
        bool is_in_doubt = e == OXQ_ERR_LOCK_LOST && run->is_uncertain && (is_completion(run) || is_failure(run));
        if (is_in_doubt) run->is_uncertain = has_ended_before(run);
        if (w->store->telemetry) trace_end(run, e && !run->is_uncertain ? why.text : NULL);
        if (e == OXQ_ERR_STATE && must_fail(run, f->codes[i].integer, why.text)) continue;
        tell_end(run, e, why.text);
        link_push_tail(&told, &run->link);
        runs[i] = NULL;
    }
    let_go(w, &told);
}

/* Ids whose jobs nobody can run. */
static void tell_damaged(oxq_worker *w, const struct fetched *f)
{
    for (size_t i = 0; i < f->damaged_count; i++) {
        struct slice id = f->damaged[i].id, kind = f->damaged[i].kind;
        char id_text[OXQ_ID_MAX];
        snprintf(id_text, sizeof(id_text), "%.*s", (int)id.len, id.at);
        struct oxq_error why;
        (void)err_set(
            &why, OXQ_ERR_TYPE,
            "the key %.*s%.80s holds a %.*s, no job: somebody has overwritten it. The job has left the queue; remove "
            "the key and add the job anew",
            (int)w->prefix.len, w->prefix.at, id_text, (int)kind.len, kind.at);
        worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ERROR, .id = id_text, .text = why.text});
    }
}

static void take_jobs(oxq_worker *w, const struct round *r, const struct fetched *f)
{
    struct link taken;
    link_init(&taken);
    for (size_t i = 0; i < f->count; i++) link_push_tail(&taken, &run_new(w, &f->jobs[i], r->fetch.token)->link);
    lock_enter(&w->lock);
    while (!link_is_empty(&taken)) {
        struct job_run *run = LINK_OWNER(taken.next, struct job_run, link);
        link_remove(&run->link);
        link_push_tail(&w->ready, &run->link);
        link_push_tail(&w->held, &run->held_link);
        w->ready_count++;
    }
    /* As many as were asked for: there may be more. */
    if (f->count > 0 && (int64_t)f->count == r->fetch.count) w->is_hungry = true;
    /* Somebody may end a hold before its time. */
    int64_t rate_wait_ms = f->rate_wait_ms < w->opts.drain_wait_ms ? f->rate_wait_ms : w->opts.drain_wait_ms;
    w->rate_until_us = rate_wait_ms > 0 ? clock_mono_us(os_clock()) + rate_wait_ms * 1000 : 0;
    if (f->next_due_ms > 0) w->due_ms = f->next_due_ms;
    /* It was told to take none while these were on their way. */
    if (w->is_paused || w->is_closing || pool_is_exceeded(w)) worker_give_back(w);
    lock_leave(&w->lock);
}

static oxq_err read_replies(oxq_worker *w, struct round *r, struct oxq_error *err)
{
    size_t reply = r->hold_ms > 0;
    struct fetched f = {.count = 0};
    oxq_err e = OXQ_OK;
    if (r->left_count > 0) {
        e = fetch_read(client_batch_reply(&r->batch, reply++), r->finished_count > 0 ? &r->fetch_none : &r->fetch,
                       &r->arena, &f, err);
        if (!e) read_codes(w, &f, r->left, r->left_count);
    }
    if (!e && (r->finished_count > 0 || r->left_count == 0)) {
        e = fetch_read(client_batch_reply(&r->batch, reply), &r->fetch, &r->arena, &f, err);
        if (!e) read_codes(w, &f, r->finished, r->finished_count);
    }
    if (!e) tell_damaged(w, &f);
    if (!e && r->fetch.count > 0) take_jobs(w, r, &f);
    return e;
}

/* The round has failed. */
static void end_spans(struct job_run **runs, size_t count, const char *error)
{
    for (size_t i = 0; i < count; i++) {
        if (runs[i]) trace_end(runs[i], error);
    }
}

/* Under the lock: what was not told waits for the next round. */
static void put_back(oxq_worker *w, struct job_run **runs, size_t count, bool is_uncertain)
{
    for (size_t i = 0; i < count; i++) {
        if (!runs[i]) continue;
        if (is_uncertain) runs[i]->is_uncertain = true;
        link_push_tail(&w->ended, &runs[i]->link);
    }
}

/* Under the lock. Whether its answer came or not, there may be jobs to ask for now. What is lost and cannot be asked for stalls. */
static void note_fetch(oxq_worker *w, const struct round *r, oxq_err e, bool is_uncertain)
{
    if (r->is_retake && !worker_may_pass(e)) w->lost.token[0] = '\0';
    if (r->is_retake || (e && r->fetch.count > 0)) w->is_hungry = true;
    if (r->is_retake || !is_uncertain || r->fetch.count == 0) return;
    snprintf(w->lost.token, sizeof(w->lost.token), "%.*s", (int)r->fetch.token.len, r->fetch.token.at);
    w->lost.count = r->fetch.count;
    w->lost.now_ms = r->fetch.now_ms;
}

static void tell_drained(oxq_worker *w)
{
    bool is_drained = w->ready_count == 0 && !w->is_hungry;
    bool must_tell = is_drained && !w->is_drained_told;
    w->is_drained_told = is_drained;
    if (!must_tell) return;
    lock_leave(&w->lock);
    worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_DRAINED});
    lock_enter(&w->lock);
}

/* No server, or not this one, takes so long a result: that is its job's failure, which the next round tells. */
static void fail_too_long(struct job_run *run, const char *why)
{
    if (run->told) (void)err_set(run->told, OXQ_ERR_LIMIT, "%s", why);
    char text[80];
    snprintf(text, sizeof(text), "its result of %zu bytes is too long for the store", end_bytes(run));
    run_fail(run, OXQ_UNRECOVERABLE, arena_copy_text(&run->job->arena, slice_from_text(text)));
}

void tell_round(oxq_worker *w, size_t wanted)
{
    struct round r;
    struct job_run *runs[ROUND_JOBS_MAX];
    size_t count;
    struct oxq_error err;
    w->is_telling = true;
    round_init(&r, w, wanted);
    gather(&r, w, runs, &count);
    lock_leave(&w->lock);
    for (size_t i = 0; i < count; i++) {
        put(&r, runs[i]);
        if (w->store->telemetry) trace_begin_end(runs[i]);
    }
    oxq_err e = send(&r, w, &err);
    if (!e) e = read_replies(w, &r, &err);
    if (e && e != OXQ_ERR_CANCELLED)
        worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ERROR, .text = err.text});
    if (e && w->store->telemetry) {
        end_spans(r.left, r.left_count, err.text);
        end_spans(r.finished, r.finished_count, err.text);
    }
    if (e == OXQ_ERR_LIMIT && count == 1 && r.finished_count == 1 && is_completion(r.finished[0]))
        fail_too_long(r.finished[0], err.text);
    lock_enter(&w->lock);
    bool is_uncertain = e == OXQ_ERR_UNCERTAIN || e == OXQ_ERR_TIMEOUT;
    note_fetch(w, &r, e, is_uncertain);
    put_back(w, r.left, r.left_count, is_uncertain);
    put_back(w, r.finished, r.finished_count, is_uncertain);
    if (e) worker_pause_briefly(w);
    w->is_telling = false;
    if (!e && wanted > 0) tell_drained(w);
    client_batch_deinit(&r.batch);
    arena_deinit(&r.arena);
    condition_notify_all(&w->change);
}
