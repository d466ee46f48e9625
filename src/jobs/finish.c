/* SPDX-License-Identifier: MIT */
#include "jobs/finish.h"

#include "codec/json_writer.h"

#define STACKTRACE_BYTES_MAX ((size_t)4 << 20)

static oxq_err check_batch(const struct fetch_opts *fetch, size_t count, struct oxq_error *err)
{
    if (count == 0 || count > FETCH_JOBS_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "%zu jobs at once: write 1 .. %d", count, FETCH_JOBS_MAX);
    return fetch_check(fetch, err);
}

static void put_lock(struct request *r, struct slice id, struct slice token)
{
    request_put(r, id);
    request_put(r, token.len > 0 ? token : SLICE_LIT("0"));
}

/* ---------------------------------------------------------------- finished */

struct job_keep finish_keep(const struct job_keep *own, const struct job_keep *worker)
{
    if (own->kind != JOB_KEEP_DEFAULT) return *own;
    if (worker->kind != JOB_KEEP_DEFAULT) return *worker;
    return (struct job_keep){.kind = JOB_KEEP_ALL};
}

/* Jobs removed at a time, when nothing else is said. */
#define REMOVED_AT_A_TIME 1000

static void put_keep(struct request *r, const struct job_keep *keep)
{
    bool is_some = keep->kind == JOB_KEEP_SOME;
    bool has_count = is_some && keep->has_count;
    request_put_int(r, has_count ? keep->count : keep->kind == JOB_KEEP_NONE ? 0 : -1);
    if (is_some && keep->has_age) {
        request_put_int(r, keep->age_s);
    } else {
        request_put_text(r, "");
    }
    request_put_int(r, is_some && keep->has_limit ? keep->limit : REMOVED_AT_A_TIME);
}

static oxq_err put_finished(struct request *r, const struct finished_job *job, struct oxq_error *err)
{
    static const struct slice null = SLICE_INIT("null");
    struct slice value = job->has_failed || job->value.len > 0 ? job->value : null;
    struct oxq_error why = {0};
    oxq_err e = job->has_failed ? OXQ_OK : json_check(value, &why);
    if (e) {
        return err_set(err, e, "the result of job %.*s is not JSON: %s; a text needs its quotes",
                       job->id.len < 80 ? (int)job->id.len : 80, job->id.at ? job->id.at : "", why.text);
    }
    put_lock(r, job->id, job->token);
    request_put_text(r, job->has_failed ? "failed" : "completed");
    request_put(r, value);
    put_keep(r, &job->keep);
    request_put_int(r, job->attempts);
    request_put(r, job->has_failed ? job->stacktrace : (struct slice){0});
    return OXQ_OK;
}

oxq_err finish_request(struct arena *arena, const struct finish_batch *batch, struct request *out,
                       struct oxq_error *err)
{
    oxq_err e = check_batch(batch->fetch, batch->count, err);
    if (e) return e;
    fetch_begin(out, arena, &transition_finish, batch->fetch);
    if (batch->metrics_points > 0) {
        request_put_int(out, batch->metrics_points);
    } else {
        request_put_text(out, "");
    }
    for (size_t i = 0; i < batch->count && !e; i++) e = put_finished(out, &batch->jobs[i], err);
    return e;
}

/* ---------------------------------------------------------------- stacks */

/* A text whatever its bytes are. */
static void write_any_text(struct json_writer *w, struct arena *arena, struct slice text)
{
    if (!json_is_utf8(text)) {
        struct slice ascii = arena_copy(arena, text);
        char *at = (char *)ascii.at;
        for (size_t i = 0; i < ascii.len; i++) at[i] = (unsigned char)at[i] < 0x80 ? at[i] : '?';
        text = ascii;
    }
    json_write_text(w, text);
}

static void write_stacks(struct json_writer *w, const struct json *old, int64_t limit, struct arena *arena,
                         struct slice stack)
{
    size_t count = json_count(old), kept = count;
    if (limit > 0 && count > (size_t)limit - 1) kept = (size_t)limit - 1;
    json_write_open(w, '[');
    for (size_t i = count - kept; i < count; i++) write_any_text(w, arena, json_text(json_at(old, i)));
    write_any_text(w, arena, stack);
    json_write_close(w, ']');
}

oxq_err finish_add_stack(struct arena *arena, struct slice stacktrace, struct slice stack, int64_t limit,
                         struct slice *out, struct oxq_error *err)
{
    if (limit == JOB_STACK_NONE) {
        *out = SLICE_LIT("[]");
        return OXQ_OK;
    }
    struct json *old = NULL;
    if (stacktrace.len > 0 && json_read(stacktrace, &old, NULL)) old = NULL;
    OWNED(buf_deinit) struct buf text = {.limit_bytes = STACKTRACE_BYTES_MAX};
    struct json_writer w = {.out = &text};
    write_stacks(&w, json_kind_of(old) == JSON_KIND_LIST ? old : NULL, limit, arena, stack);
    json_release(old);
    if (w.error) return err_set(err, w.error, "the job's stacks are more than %zu bytes", STACKTRACE_BYTES_MAX);
    *out = arena_copy(arena, buf_borrow(&text));
    return OXQ_OK;
}

/* ---------------------------------------------------------------- unfinished */

static oxq_err put_leaving(struct request *r, const struct leaving_job *job, struct oxq_error *err)
{
    static const char *const names[] = {
        [LEAVE_WAIT] = "wait",
        [LEAVE_DELAYED] = "delayed",
        [LEAVE_FRONT] = "front",
        [LEAVE_CHILDREN] = "children",
    };
    put_lock(r, job->id, job->token);
    request_put_text(r, names[job->to]);
    if (job->to == LEAVE_DELAYED) {
        if (job->delay_ms < 0)
            return err_set(err, OXQ_ERR_ARGUMENT, "a delay of %lld ms: write 0 or more", (long long)job->delay_ms);
        request_put_int(r, job->delay_ms);
    } else if (job->to == LEAVE_WAIT) {
        request_put_text(r, job->is_lifo ? "RPUSH" : "LPUSH");
    } else {
        request_put(r, job->child_key);
    }
    request_put_text(r, job->is_attempt ? "1" : "0");
    request_put(r, job->failed_reason);
    request_put(r, job->stacktrace);
    return OXQ_OK;
}

oxq_err leave_request(struct arena *arena, const struct leave_batch *batch, struct request *out, struct oxq_error *err)
{
    oxq_err e = check_batch(batch->fetch, batch->count, err);
    if (e) return e;
    fetch_begin(out, arena, &transition_leave, batch->fetch);
    for (size_t i = 0; i < batch->count && !e; i++) e = put_leaving(out, &batch->jobs[i], err);
    return e;
}
