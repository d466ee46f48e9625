/* SPDX-License-Identifier: MIT */
/* One job that runs: what its handler may do, and how it ends. */
#include "worker/state.h"

#include "base/mem.h"
#include "codec/json.h"
#include "jobs/backoff.h"
#include "jobs/keys.h"
#include "jobs/running.h"
#include "jobs/scheduler.h"
#include "os/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAILURE_BYTES_MAX 8192
/* So long after a refusal a scheduler's job comes again. */
#define NEXT_RUN_AGAIN_MS 5000

/* ---------------------------------------------------------------- begin and end */

static void note_step(struct job_run *run, struct slice name, struct slice result)
{
    struct arena *a = &run->job->arena;
    struct run_step *step = arena_alloc(a, sizeof(*step));
    *step = (struct run_step){.next = run->steps, .name = arena_copy(a, name), .result = arena_copy_text(a, result)};
    run->steps = step;
}

static void note_steps(struct job_run *run, const struct resp_value *fields)
{
    static const size_t mark = sizeof(RUNNING_STEP_PREFIX) - 1;
    for (size_t i = 0; fields && i + 1 < fields->count; i += 2) {
        struct slice name = fields->items[i].text;
        if (name.len >= mark && memcmp(name.at, RUNNING_STEP_PREFIX, mark) == 0)
            note_step(run, slice_of(name.at + mark, name.len - mark), fields->items[i + 1].text);
    }
}

struct job_run *run_new(oxq_worker *w, const struct fetched_job *from, struct slice token)
{
    struct job_run *run = mem_alloc_zero(sizeof(*run));
    run->worker = w;
    /* Nobody could be told: the job counts as stalled, and another process takes it. */
    mem_must(job_new(w->queue, &from->job, &run->job, NULL));
    run->job->run = run;
    run->token = arena_copy(&run->job->arena, token);
    run->deadline_us = INT64_MAX;
    run->cancel_fd = -1;
    note_steps(run, from->fields);
    if (from->job.deferred_failure.len > 0)
        run_fail(run, OXQ_UNRECOVERABLE, arena_copy_text(&run->job->arena, from->job.deferred_failure));
    return run;
}

void run_free(struct job_run *run)
{
    if (run->cancel_fd >= 0) close(run->cancel_fd);
    oxq_text_free(run->progress);
    oxq_job_free(run->job);
    mem_free(run);
}

void run_fail(struct job_run *run, oxq_outcome outcome, const char *text)
{
    run->outcome = outcome;
    run->text = text;
}

bool run_has_failed(const struct job_run *run)
{
    return run->outcome == OXQ_FAILED || run->outcome == OXQ_UNRECOVERABLE || run->outcome == OXQ_RETRY;
}

const char *run_failure(const struct job_run *run)
{
    if (run->text && run->text[0]) return run->text;
    if (atomic_load(&run->is_cancelled)) return run->cancel_reason;
    return "the handler failed and gave no reason";
}

/*
 * Of a scheduler's job, whoever begins it adds the next run, for as long as that takes. When the store refuses, nobody begins it and it comes
 * again: its scheduler would have no run ahead otherwise, and stop. Options that make no sense are no reason: they never will.
 */
static bool add_next_run(struct job_run *run)
{
    oxq_worker *w = run->worker;
    const struct oxq_job_fields *f = &run->job->fields;
    if (!f->scheduler_id) return true;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct oxq_error err;
    bool is_due = false;
    struct job job = {.id = slice_from_text(f->id),
                      .name = slice_from_text(f->name),
                      .data = slice_from_text(f->data),
                      .opts = slice_from_text(f->opts),
                      .repeat_job_key = slice_from_text(f->scheduler_id)};
    struct scheduler_context context = store_scheduling(w->store, w->prefix);
    oxq_err e = scheduler_next_request(&arena, &context, &job, &is_due, &r, &err);
    bool is_asked = !e && is_due;
    if (is_asked) e = client_call(w->client, &r.command, CLIENT_FOREVER, &reply, &err);
    if (is_asked && !e) e = client_reply_check(&reply.value, &err);
    if (e) worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ERROR, .id = f->id, .text = err.text});
    if (e && is_asked) run_end(run, oxq_job_delay(run->job, NEXT_RUN_AGAIN_MS));
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return !e || !is_asked;
}

/* What stands in the way of its handler: an outcome is set then. */
static bool must_not_begin(struct job_run *run)
{
    const struct oxq_worker_opts *o = &run->worker->opts;
    if (run->outcome == OXQ_UNRECOVERABLE) return true;
    if (o->attempts_started_max <= 0 || run->job->fields.attempts_started <= o->attempts_started_max) return false;
    run_fail(run, OXQ_UNRECOVERABLE, "the job was begun more often than the worker allows");
    return true;
}

bool run_may_begin(struct job_run *run)
{
    return add_next_run(run) && !must_not_begin(run);
}

static void handle(struct job_run *run)
{
    oxq_worker *w = run->worker;
    if (must_not_begin(run)) return;
    worker_tell(w, (struct oxq_worker_event){.kind = OXQ_WORKER_ACTIVE, .job = run->job, .id = run->job->fields.id});
    run_end(run, w->handler(run->job, w->ctx));
}

void run_handle(struct job_run *run)
{
    const struct oxq_telemetry *telemetry = run->worker->store->telemetry;
    if (!add_next_run(run)) return;
    if (telemetry) trace_begin_handler(run);
    handle(run);
    if (telemetry) trace_end_handler(run);
}

void run_end(struct job_run *run, oxq_outcome outcome)
{
    if ((unsigned)outcome > OXQ_WAITING) {
        oxq_job_fail_for_good(run->job, "the handler returned %d, which is no outcome", (int)outcome);
        return;
    }
    /* A plain OXQ_DONE or OXQ_FAILED, without a call that says more. */
    if (run->outcome != outcome) run->text = NULL;
    run->outcome = outcome;
}

/* ---------------------------------------------------------------- outcomes */

OXQ_PRINTF(3, 0)
static oxq_outcome end_with(oxq_job *job, oxq_outcome outcome, const char *format, va_list args)
{
    char text[FAILURE_BYTES_MAX] = "";
    if (!job || !job->run) return outcome;
    if (format) vsnprintf(text, sizeof(text), format, args);
    run_fail(job->run, outcome, arena_copy_text(&job->arena, slice_from_text(text)));
    return outcome;
}

oxq_outcome oxq_job_done(oxq_job *job, const char *result)
{
    struct oxq_error why;
    if (!job || !job->run) return OXQ_DONE;
    if (result && json_check(slice_from_text(result), &why) != OXQ_OK)
        return oxq_job_fail_for_good(job, "the handler's result is not JSON: %s; a text needs its quotes", why.text);
    run_fail(job->run, OXQ_DONE, result ? arena_copy_text(&job->arena, slice_from_text(result)) : NULL);
    return OXQ_DONE;
}

oxq_outcome oxq_job_fail(oxq_job *job, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    oxq_outcome outcome = end_with(job, OXQ_FAILED, format, args);
    va_end(args);
    return outcome;
}

oxq_outcome oxq_job_fail_for_good(oxq_job *job, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    oxq_outcome outcome = end_with(job, OXQ_UNRECOVERABLE, format, args);
    va_end(args);
    return outcome;
}

/* As a store can count it. */
static int64_t cut_delay(int64_t ms)
{
    if (ms < 0) return 0;
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

oxq_outcome oxq_job_retry_after(oxq_job *job, int64_t delay_ms, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    oxq_outcome outcome = end_with(job, OXQ_RETRY, format, args);
    va_end(args);
    if (job && job->run) job->run->delay_ms = cut_delay(delay_ms);
    return outcome;
}

static oxq_outcome end_later(oxq_job *job, oxq_outcome outcome, int64_t ms)
{
    if (!job || !job->run) return outcome;
    run_fail(job->run, outcome, NULL);
    job->run->delay_ms = cut_delay(ms);
    return outcome;
}

oxq_outcome oxq_job_delay(oxq_job *job, int64_t delay_ms)
{
    return end_later(job, OXQ_DELAYED, delay_ms);
}

oxq_outcome oxq_job_wait_for_children(oxq_job *job)
{
    if (job && job->run) job->run->child_key = SLICE_LIT("");
    return end_later(job, OXQ_WAITING_CHILDREN, 0);
}

oxq_outcome oxq_job_wait_for_child(oxq_job *job, const char *queue, const char *id)
{
    struct oxq_error why;
    struct slice prefix;
    if (!job || !job->run) return OXQ_WAITING_CHILDREN;
    oxq_err e = ARGS_CHECK(&why, queue, id);
    if (!e) e = queue_check_id(id, &why);
    if (!e) e = keys_prefix(&job->arena, job->run->worker->store->prefix, slice_from_text(queue), &prefix, &why);
    if (e) return oxq_job_fail_for_good(job, "the handler waits for a child that cannot be: %s", why.text);
    job->run->child_key = keys_join(&job->arena, prefix, slice_from_text(id));
    return end_later(job, OXQ_WAITING_CHILDREN, 0);
}

oxq_outcome oxq_job_rate_limit(oxq_job *job, int64_t for_ms)
{
    return end_later(job, OXQ_RATE_LIMITED, for_ms);
}

oxq_outcome oxq_job_give_back(oxq_job *job)
{
    return end_later(job, OXQ_WAITING, 0);
}

void oxq_job_set_stack(oxq_job *job, const char *stack)
{
    if (job && job->run) job->run->stack = stack ? arena_copy_text(&job->arena, slice_from_text(stack)) : NULL;
}

/* ---------------------------------------------------------------- cancelling */

void run_cancel(struct job_run *run, const char *reason)
{
    if (atomic_load(&run->is_cancelled)) return;
    snprintf(run->cancel_reason, sizeof(run->cancel_reason), "%s", reason);
    atomic_store(&run->is_cancelled, true);
    if (run->cancel_fd >= 0) waker_wake(run->cancel_fd);
}

void run_lose_lock(struct job_run *run)
{
    atomic_store(&run->is_lock_lost, true);
    run_cancel(run, "its lock is lost: it was not renewed in time, and another worker may have the job");
}

bool oxq_job_is_cancelled(const oxq_job *job)
{
    return job && job->run && atomic_load(&job->run->is_cancelled);
}

const char *oxq_job_cancel_reason(const oxq_job *job)
{
    return oxq_job_is_cancelled(job) ? job->run->cancel_reason : NULL;
}

int oxq_job_cancel_fd(oxq_job *job)
{
    struct job_run *run = job ? job->run : NULL;
    struct oxq_error ignored;
    if (!run) return -1;
    lock_enter(&run->worker->lock);
    if (run->cancel_fd < 0 && waker_open(&run->cancel_fd, &ignored) == OXQ_OK && atomic_load(&run->is_cancelled))
        waker_wake(run->cancel_fd);
    lock_leave(&run->worker->lock);
    return run->cancel_fd;
}

/* ---------------------------------------------------------------- while it runs */

static oxq_err not_running(const oxq_job *job, struct oxq_error *err)
{
    return err_set(err, OXQ_ERR_STATE, "job %s does not run here: this is for the handler that has it", job->fields.id);
}

static oxq_err lock_is_lost(oxq_job *job, struct oxq_error *err)
{
    lock_enter(&job->run->worker->lock);
    run_lose_lock(job->run);
    lock_leave(&job->run->worker->lock);
    return err_set(err, OXQ_ERR_LOCK_LOST,
                   "job %s: its lock ended before it was renewed; another worker may have it now", job->fields.id);
}

static oxq_err send_request(oxq_job *job, struct request *r, const char *what, struct oxq_error *err)
{
    if (atomic_load(&job->run->is_lock_lost)) return lock_is_lost(job, err);
    oxq_err e = store_act(job->run->worker->client, r, what, slice_from_text(job->fields.id), err);
    return e == OXQ_ERR_LOCK_LOST ? lock_is_lost(job, err) : e;
}

/* As the job has it from now on, for who is told of it. */
static oxq_err note_progress(oxq_job *job, const char *progress, struct oxq_error *err)
{
    struct job_run *run = job->run;
    char *copy;
    oxq_err e = text_copy(slice_from_text(progress), &copy, err);
    if (e) return e;
    oxq_text_free(run->progress);
    job->fields.progress = run->progress = copy;
    return OXQ_OK;
}

oxq_err oxq_job_progress(oxq_job *job, const char *progress, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job, progress);
    if (e) return e;
    if (!job->run) return not_running(job, err);
    struct arena arena = {0};
    struct request r;
    e = running_progress(&arena, job->run->worker->prefix, slice_from_text(job->fields.id), slice_from_text(progress),
                         &r, err);
    if (!e) e = send_request(job, &r, "progress of job", err);
    arena_deinit(&arena);
    if (!e) e = note_progress(job, progress, err);
    if (e) return e;
    worker_tell(job->run->worker,
                (struct oxq_worker_event){
                    .kind = OXQ_WORKER_PROGRESS, .job = job, .id = job->fields.id, .text = job->fields.progress});
    return OXQ_OK;
}

oxq_err oxq_job_log(oxq_job *job, const char *line, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job, line);
    if (e) return e;
    if (!job->run) return not_running(job, err);
    struct arena arena = {0};
    struct request r;
    running_log(&arena, job->run->worker->prefix, slice_from_text(job->fields.id), slice_from_text(line),
                job->opts.keep_logs, &r);
    e = send_request(job, &r, "log of job", err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_job_update_data(oxq_job *job, const char *data, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job, data);
    if (e) return e;
    if (!job->run) return not_running(job, err);
    struct arena arena = {0};
    struct request r;
    e = running_set_data(&arena, job->run->worker->prefix, slice_from_text(job->fields.id), slice_from_text(data), &r,
                         err);
    if (!e) e = send_request(job, &r, "data of job", err);
    arena_deinit(&arena);
    if (e) return e;
    json_release((struct json *)job->data);
    job->data = NULL;
    job->is_data_read = false;
    job->fields.data = arena_copy_text(&job->arena, slice_from_text(data));
    job->fields.data_bytes = strlen(data);
    return OXQ_OK;
}

oxq_err oxq_job_extend_lock(oxq_job *job, int64_t duration_ms, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job);
    if (e) return e;
    if (!job->run) return not_running(job, err);
    struct arena arena = {0};
    struct request r;
    struct client_reply reply = {0};
    oxq_worker *w = job->run->worker;
    struct running_lock lock = {slice_from_text(job->fields.id), job->run->token};
    e = running_extend(&arena, w->prefix, &(struct running_renewal){&lock, 1, duration_ms}, &r, err);
    if (!e) e = store_request(w->client, &r, "extend the lock of job", lock.id, &reply, err);
    if (!e && reply.value.count > 0) e = lock_is_lost(job, err);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_job_add_child(oxq_job *job, const char *queue, const struct oxq_job_template *template,
                          char out_id[OXQ_ID_MAX], struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job, queue, template);
    if (e) return e;
    if (!job->run) return not_running(job, err);
    struct oxq_job_opts child = template->opts ? *template->opts : (struct oxq_job_opts){0};
    child.parent_queue = job->fields.queue;
    child.parent_id = job->fields.id;
    oxq_queue *q;
    e = oxq_queue_open(job->run->worker->store, queue, NULL, &q, err);
    if (e) return e;
    q->client = job->run->worker->client;
    e = oxq_queue_add(q, template->name, template->data, &child, out_id, err);
    oxq_queue_close(q);
    return e;
}

oxq_err oxq_job_children_values(oxq_job *job, bool of_ignored, char **out_json, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job, out_json);
    if (e) return e;
    if (!job->run) return not_running(job, err);
    return oxq_queue_children_values(oxq_job_queue(job), job->fields.id, of_ignored, out_json, err);
}

oxq_queue *oxq_job_queue(const oxq_job *job)
{
    return job && job->run ? job->run->worker->own_queue : NULL;
}

/* ---------------------------------------------------------------- steps */

static const struct run_step *find_step(const struct job_run *run, struct slice name)
{
    for (const struct run_step *s = run->steps; s; s = s->next) {
        if (slice_equal(s->name, name)) return s;
    }
    return NULL;
}

static oxq_err keep_step(oxq_job *job, struct slice name, const char *result, struct oxq_error *err)
{
    struct oxq_error why;
    struct slice text = slice_from_text(result);
    if (text.len > OXQ_STEP_BYTES_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "step %.*s: a result of more than %d bytes", (int)name.len, name.at,
                       OXQ_STEP_BYTES_MAX);
    oxq_err e = json_check(text, &why);
    if (e) return err_set(err, e, "step %.*s: the result is not JSON: %s", (int)name.len, name.at, why.text);
    struct arena arena = {0};
    struct request r;
    const struct running_step step = {.lock = {slice_from_text(job->fields.id), job->run->token},
                                      .starts = job->fields.attempts_started,
                                      .name = name,
                                      .result = text};
    running_keep_step(&arena, job->run->worker->prefix, &step, &r);
    e = send_request(job, &r, "step of job", err);
    arena_deinit(&arena);
    if (!e) note_step(job->run, name, text);
    return e;
}

oxq_err oxq_job_step(oxq_job *job, const char *name, oxq_step *fn, void *ctx, const char **out_result,
                     struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, job, name);
    if (e) return e;
    if (!job->run) return not_running(job, err);
    struct slice step = slice_from_text(name);
    if (step.len == 0 || !fn) return err_set(err, OXQ_ERR_ARGUMENT, "a step has a name and a function");
    const struct run_step *done = find_step(job->run, step);
    if (!done) {
        if (atomic_load(&job->run->is_lock_lost)) return lock_is_lost(job, err);
        char *result = NULL;
        e = fn(job, ctx, &result, err);
        if (!e) e = keep_step(job, step, result ? result : "null", err);
        free(result);
        if (e) return e;
        done = find_step(job->run, step);
    }
    if (out_result) *out_result = done->result;
    return OXQ_OK;
}
