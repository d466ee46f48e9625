/* SPDX-License-Identifier: MIT */
/* Operations of workers: src/jobs/fetch.h, finish.h, running.h, limits.h, rerun.h, dead.h. */
#include "driver.h"

#include "jobs/dead.h"
#include "jobs/finish.h"
#include "jobs/limits.h"
#include "jobs/rerun.h"
#include "jobs/running.h"

static bool truth(const struct json *args, const char *name)
{
    return json_truth(json_member(args, name));
}

/* args: count, token, lock, worker, rate {max, duration} */
static struct fetch_opts fetch_of(const struct driver_call *call)
{
    const struct json *rate = json_member(call->args, "rate");
    return (struct fetch_opts){
        .prefix = call->prefix,
        .now_ms = call->now_ms,
        .count = driver_number(call->args, "count"),
        .token = driver_text(call->args, "token"),
        .lock_ms = driver_number(call->args, "lock"),
        .worker = driver_text(call->args, "worker"),
        .rate_max = driver_number(rate, "max"),
        .rate_ms = driver_number(rate, "duration"),
    };
}

static void write_number(struct json_writer *w, const char *name, int64_t n)
{
    json_write_name(w, name);
    json_write_integer(w, n);
}

static void write_text(struct json_writer *w, const char *name, struct slice text)
{
    json_write_name(w, name);
    json_write_text(w, text);
}

/* args.step: the result of that step, where the job has one. */
static void write_job(struct driver_call *call, const struct fetched_job *fetched)
{
    struct json_writer *w = call->answer;
    const struct job *job = &fetched->job;
    struct slice step = driver_text(call->args, "step"), result;
    json_write_open(w, '{');
    write_text(w, "id", job->id);
    write_text(w, "name", job->name);
    write_number(w, "starts", job->attempts_started);
    write_number(w, "attempts", job->attempts_made);
    write_number(w, "processedOn", job->processed_ms);
    write_text(w, "worker", job->processed_by);
    write_text(w, "failure", job->deferred_failure);
    if (step.len > 0 && running_find_step(fetched->fields, step, &result)) write_text(w, "step", result);
    json_write_close(w, '}');
}

/* By id, what their keys are. */
static void write_damaged(struct driver_call *call, const struct fetched *f)
{
    if (f->damaged_count == 0) return;
    json_write_name(call->answer, "damaged");
    json_write_open(call->answer, '{');
    for (size_t i = 0; i < f->damaged_count; i++) {
        json_write_name_slice(call->answer, f->damaged[i].id);
        json_write_text(call->answer, f->damaged[i].kind);
    }
    json_write_close(call->answer, '}');
}

/* {codes, jobs, isLimited, next}, and damaged, when there are such. */
static oxq_err write_fetched(struct driver_call *call, const struct fetch_opts *opts, const struct resp_value *reply)
{
    struct fetched f;
    oxq_err e = fetch_read(reply, opts, &call->arena, &f, &call->err);
    if (e) return e;
    json_write_open(call->answer, '{');
    json_write_name(call->answer, "codes");
    json_write_open(call->answer, '[');
    for (size_t i = 0; i < f.codes_count; i++) json_write_integer(call->answer, f.codes[i].integer);
    json_write_close(call->answer, ']');
    json_write_name(call->answer, "jobs");
    json_write_open(call->answer, '[');
    for (size_t i = 0; i < f.count; i++) write_job(call, &f.jobs[i]);
    json_write_close(call->answer, ']');
    json_write_name(call->answer, "isLimited");
    json_write_bool(call->answer, f.rate_wait_ms > 0);
    write_number(call->answer, "next", f.next_due_ms);
    write_damaged(call, &f);
    json_write_close(call->answer, '}');
    return OXQ_OK;
}

static oxq_err send_and_read(struct driver_call *call, const struct fetch_opts *opts, const struct request *r)
{
    struct resp_value reply;
    oxq_err e = driver_send(call, r, &reply);
    return e ? e : write_fetched(call, opts, &reply);
}

static oxq_err run_fetch(struct driver_call *call)
{
    struct fetch_opts opts = fetch_of(call);
    struct request r;
    oxq_err e = fetch_request(&call->arena, &opts, &r, &call->err);
    return e ? e : send_and_read(call, &opts, &r);
}

static oxq_err run_retake(struct driver_call *call)
{
    struct fetch_opts opts = fetch_of(call);
    struct request r;
    oxq_err e = fetch_retake(&call->arena, &opts, &r, &call->err);
    return e ? e : send_and_read(call, &opts, &r);
}

/* ---------------------------------------------------------------- leaving active */

/* of: {opts, stacktrace (JSON text), stack}: the stacks with one more. */
static oxq_err stacks_of(struct driver_call *call, const struct json *of, struct slice *out)
{
    struct job_options options;
    oxq_err e = job_options_read(driver_json(call, of, "opts"), &call->arena, &options, &call->err);
    if (e) return e;
    return finish_add_stack(&call->arena, driver_text(of, "stacktrace"), driver_text(of, "stack"),
                            options.stack_trace_limit, out, &call->err);
}

static oxq_err read_finished(struct driver_call *call, const struct json *one, const struct job_keep *worker_keep,
                             struct finished_job *out)
{
    struct job_options options;
    oxq_err e = job_options_read(driver_json(call, one, "opts"), &call->arena, &options, &call->err);
    if (e) return e;
    bool has_failed = truth(one, "failed");
    *out = (struct finished_job){
        .id = driver_text(one, "id"),
        .token = driver_text(one, "token"),
        .has_failed = has_failed,
        .value = has_failed ? driver_text(one, "error") : driver_json(call, one, "value"),
        .keep = finish_keep(has_failed ? &options.on_fail : &options.on_complete, worker_keep),
        .attempts = options.attempts,
    };
    return has_failed ? stacks_of(call, one, &out->stacktrace) : OXQ_OK;
}

/* args.jobs: [{id, token, failed, value, error, opts, stacktrace, stack}], args.metrics, args.keep: a worker's removeOnComplete */
static oxq_err run_finish(struct driver_call *call)
{
    struct fetch_opts opts = fetch_of(call);
    struct job_options worker = {0};
    oxq_err e = job_options_read(driver_json(call, call->args, "keep"), &call->arena, &worker, &call->err);
    const struct json *list = json_member(call->args, "jobs");
    size_t count = json_count(list);
    struct finished_job *jobs = ARENA_ARRAY(&call->arena, struct finished_job, count + 1);
    for (size_t i = 0; i < count && !e; i++) {
        const struct json *one = json_at(list, i);
        e = read_finished(call, one, truth(one, "failed") ? &worker.on_fail : &worker.on_complete, &jobs[i]);
    }
    struct finish_batch batch = {&opts, driver_number(call->args, "metrics"), jobs, count};
    struct request r;
    if (!e) e = finish_request(&call->arena, &batch, &r, &call->err);
    return e ? e : send_and_read(call, &opts, &r);
}

static enum leave_to leave_to_of(struct slice to)
{
    if (slice_equal(to, SLICE_LIT("delayed"))) return LEAVE_DELAYED;
    if (slice_equal(to, SLICE_LIT("front"))) return LEAVE_FRONT;
    return slice_equal(to, SLICE_LIT("children")) ? LEAVE_CHILDREN : LEAVE_WAIT;
}

/* args.jobs: [{id, token, to, lifo, delay, child, attempt, error, opts, stacktrace, stack}] */
static oxq_err run_leave(struct driver_call *call)
{
    struct fetch_opts opts = fetch_of(call);
    const struct json *list = json_member(call->args, "jobs");
    size_t count = json_count(list);
    struct leaving_job *jobs = ARENA_ARRAY(&call->arena, struct leaving_job, count + 1);
    oxq_err e = OXQ_OK;
    for (size_t i = 0; i < count && !e; i++) {
        const struct json *one = json_at(list, i);
        jobs[i] = (struct leaving_job){
            .id = driver_text(one, "id"),
            .token = driver_text(one, "token"),
            .to = leave_to_of(driver_text(one, "to")),
            .is_lifo = truth(one, "lifo"),
            .delay_ms = driver_number(one, "delay"),
            .child_key = driver_text(one, "child"),
            .is_attempt = truth(one, "attempt"),
            .failed_reason = driver_text(one, "error"),
        };
        if (jobs[i].failed_reason.len > 0) e = stacks_of(call, one, &jobs[i].stacktrace);
    }
    struct leave_batch batch = {&opts, jobs, count};
    struct request r;
    if (!e) e = leave_request(&call->arena, &batch, &r, &call->err);
    return e ? e : send_and_read(call, &opts, &r);
}

/* ---------------------------------------------------------------- while jobs run */

static void write_texts(struct json_writer *w, const struct resp_value *items, size_t count)
{
    json_write_open(w, '[');
    for (size_t i = 0; i < count; i++) json_write_text(w, items[i].text);
    json_write_close(w, ']');
}

/* args.locks: [{id, token}] */
static struct running_lock *locks_of(struct driver_call *call, size_t *out_count)
{
    const struct json *list = json_member(call->args, "locks");
    *out_count = json_count(list);
    struct running_lock *locks = ARENA_ARRAY(&call->arena, struct running_lock, *out_count + 1);
    for (size_t i = 0; i < *out_count; i++) {
        const struct json *one = json_at(list, i);
        locks[i] = (struct running_lock){driver_text(one, "id"), driver_text(one, "token")};
    }
    return locks;
}

static oxq_err run_extend(struct driver_call *call)
{
    size_t count;
    struct running_lock *locks = locks_of(call, &count);
    struct request r;
    struct resp_value reply;
    struct running_renewal renewal = {locks, count, driver_number(call->args, "lock")};
    oxq_err e = running_extend(&call->arena, call->prefix, &renewal, &r, &call->err);
    if (!e) e = driver_send(call, &r, &reply);
    if (!e) e = request_check(&reply, "extend", SLICE_LIT("locks"), &call->err);
    if (!e) write_texts(call->answer, reply.items, reply.count);
    return e;
}

static oxq_err run_release(struct driver_call *call)
{
    size_t count;
    struct running_lock *locks = locks_of(call, &count);
    struct request r;
    struct resp_value reply;
    oxq_err e = running_release(&call->arena, call->prefix, locks, count, &r, &call->err);
    if (!e) e = driver_send(call, &r, &reply);
    if (!e) json_write_integer(call->answer, reply.integer);
    return e;
}

/* The number that the server answers, also of a refusal. */
static oxq_err send_for_number(struct driver_call *call, const struct request *r)
{
    struct resp_value reply;
    oxq_err e = driver_send(call, r, &reply);
    if (!e && reply.kind == RESP_ERROR) e = request_check(&reply, "do", SLICE_LIT("it"), &call->err);
    if (!e) json_write_integer(call->answer, reply.integer);
    return e;
}

static oxq_err run_progress(struct driver_call *call)
{
    struct request r;
    oxq_err e = running_progress(&call->arena, call->prefix, driver_text(call->args, "id"),
                                 driver_json(call, call->args, "progress"), &r, &call->err);
    return e ? e : send_for_number(call, &r);
}

static oxq_err run_set_data(struct driver_call *call)
{
    struct request r;
    oxq_err e = running_set_data(&call->arena, call->prefix, driver_text(call->args, "id"),
                                 driver_json(call, call->args, "data"), &r, &call->err);
    return e ? e : send_for_number(call, &r);
}

static oxq_err run_keep_step(struct driver_call *call)
{
    struct request r;
    const struct running_step step = {.lock = {driver_text(call->args, "id"), driver_text(call->args, "token")},
                                      .starts = driver_number(call->args, "starts"),
                                      .name = driver_text(call->args, "step"),
                                      .result = driver_text(call->args, "result")};
    running_keep_step(&call->arena, call->prefix, &step, &r);
    return send_for_number(call, &r);
}

static oxq_err run_set_dead_queue(struct driver_call *call)
{
    struct request r;
    oxq_err e = dead_set_queue(&call->arena, call->prefix, driver_text(call->args, "dead"), &r, &call->err);
    return e ? e : send_for_number(call, &r);
}

/* args: ids of dead letters; the result has for each its job's id, or a code */
static oxq_err run_replay(struct driver_call *call)
{
    const struct json *list = json_member(call->args, "ids");
    size_t count = json_count(list);
    struct slice *ids = ARENA_ARRAY(&call->arena, struct slice, count + 1);
    for (size_t i = 0; i < count; i++) ids[i] = json_text(json_at(list, i));
    struct dead_replay replay = {call->prefix, call->now_ms, ids, count};
    struct request r;
    struct resp_value reply;
    oxq_err e = dead_replay(&call->arena, &replay, &r, &call->err);
    if (!e) e = driver_send(call, &r, &reply);
    if (!e && request_check(&reply, "driver", SLICE_LIT(""), &call->err) != OXQ_OK) e = OXQ_ERR_SERVER;
    if (e) return e;
    json_write_open(call->answer, '[');
    for (size_t i = 0; i < count; i++) {
        if (reply.items[i].kind == RESP_INTEGER)
            json_write_integer(call->answer, reply.items[i].integer);
        else
            json_write_text(call->answer, reply.items[i].text);
    }
    json_write_close(call->answer, ']');
    return OXQ_OK;
}

static oxq_err run_log(struct driver_call *call)
{
    struct request r;
    running_log(&call->arena, call->prefix, driver_text(call->args, "id"), driver_text(call->args, "line"),
                driver_number(call->args, "keep"), &r);
    return send_for_number(call, &r);
}

static oxq_err run_children(struct driver_call *call)
{
    struct request r;
    struct resp_value reply;
    struct slice id = driver_text(call->args, "id");
    if (truth(call->args, "failures")) {
        running_children_failures(&call->arena, call->prefix, id, &r);
    } else {
        running_children_results(&call->arena, call->prefix, id, &r);
    }
    oxq_err e = driver_send(call, &r, &reply);
    if (e) return e;
    json_write_open(call->answer, '{');
    for (size_t i = 0; i + 1 < reply.count; i += 2) {
        json_write_name_slice(call->answer, reply.items[i].text);
        json_write_text(call->answer, reply.items[i + 1].text);
    }
    json_write_close(call->answer, '}');
    return OXQ_OK;
}

/* args: interval, max */
static oxq_err run_sweep(struct driver_call *call)
{
    struct running_sweep sweep = {
        .prefix = call->prefix,
        .now_ms = call->now_ms,
        .interval_ms = driver_number(call->args, "interval"),
        .stalls_max = driver_number(call->args, "max"),
        .from = RUNNING_SWEEP_FIRST,
    };
    json_write_open(call->answer, '[');
    do {
        struct request r;
        struct resp_value reply;
        struct running_stalled found;
        running_sweep(&call->arena, &sweep, &r);
        oxq_err e = driver_send(call, &r, &reply);
        if (!e) e = running_read_sweep(&reply, &found, &call->err);
        if (e) return e;
        for (size_t i = 0; i < found.count; i++) json_write_text(call->answer, found.ids[i].text);
        sweep.from = found.next;
    } while (sweep.from != RUNNING_SWEEP_FIRST);
    json_write_close(call->answer, ']');
    return OXQ_OK;
}

/* ---------------------------------------------------------------- limits, and finished jobs again */

static oxq_err run_limits(struct driver_call *call)
{
    struct request r;
    struct resp_value reply;
    struct limits limits;
    limits_request(&call->arena, call->prefix, driver_number(call->args, "max"), &r);
    oxq_err e = driver_send(call, &r, &reply);
    if (!e) e = limits_read(&reply, &limits, &call->err);
    if (e) return e;
    json_write_open(call->answer, '[');
    json_write_bool(call->answer, limits.rate_wait_ms > 0);
    json_write_bool(call->answer, limits.is_full);
    json_write_bool(call->answer, limits.is_paused);
    json_write_close(call->answer, ']');
    return OXQ_OK;
}

static oxq_err run_hold(struct driver_call *call)
{
    struct request r;
    struct resp_value reply;
    int64_t ms = driver_number(call->args, "ms");
    oxq_err e = OXQ_OK;
    if (ms > 0) {
        e = limits_hold(&call->arena, call->prefix, ms, &r, &call->err);
    } else {
        limits_release(&call->arena, call->prefix, &r);
    }
    return e ? e : driver_send(call, &r, &reply);
}

/* args: id, failed, attempts, starts */
static oxq_err run_rerun(struct driver_call *call)
{
    struct slice id = driver_text(call->args, "id");
    struct rerun_batch batch = {
        .prefix = call->prefix,
        .have_failed = truth(call->args, "failed"),
        .resets_attempts = truth(call->args, "attempts"),
        .resets_starts = truth(call->args, "starts"),
        .heeds_lifo = true,
        .ids = &id,
        .count = 1,
    };
    struct request r;
    struct resp_value reply;
    oxq_err e = rerun_request(&call->arena, &batch, &r, &call->err);
    if (!e) e = driver_send(call, &r, &reply);
    if (!e && rerun_result(&reply, 0, id, &call->err) == OXQ_ERR_SERVER) e = OXQ_ERR_SERVER;
    if (!e) json_write_integer(call->answer, reply.items[0].integer);
    return e;
}

const struct driver_op driver_work_ops[] = {
    {"fetch", run_fetch},
    {"retake", run_retake},
    {"finish", run_finish},
    {"leave", run_leave},
    {"extend", run_extend},
    {"release", run_release},
    {"progress", run_progress},
    {"set_data", run_set_data},
    {"log", run_log},
    {"children", run_children},
    {"sweep", run_sweep},
    {"limits", run_limits},
    {"hold", run_hold},
    {"rerun", run_rerun},
    {"keep_step", run_keep_step},
    {"set_dead_queue", run_set_dead_queue},
    {"replay", run_replay},
    {NULL, NULL},
};
