/* SPDX-License-Identifier: MIT */
/* What is done with one job, and with a whole queue, by a single request. */
#include "api/state.h"

#include "base/num.h"
#include "jobs/keys.h"
#include "jobs/limits.h"
#include "jobs/rerun.h"
#include "jobs/running.h"

#include <stdio.h>
#include <string.h>

/* Sends a request, wants no more than that it was done, and frees what it lies in. */
static oxq_err act(oxq_queue *q, struct arena *arena, const struct request *r, const char *what, const char *subject,
                   struct oxq_error *err)
{
    oxq_err e = store_act(q->client, r, what, slice_from_text(subject), err);
    arena_deinit(arena);
    return e;
}

/* ---------------------------------------------------------------- one job */

oxq_err oxq_queue_retry(oxq_queue *queue, const char *id, oxq_state from, bool with_attempts_reset,
                        struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    if (from != OXQ_STATE_FAILED && from != OXQ_STATE_COMPLETED)
        return err_set(err, OXQ_ERR_ARGUMENT, "jobs are retried from failed or completed");
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice job = slice_from_text(id);
    struct rerun_batch batch = {.prefix = queue->prefix,
                                .have_failed = from == OXQ_STATE_FAILED,
                                .resets_attempts = with_attempts_reset,
                                .resets_starts = with_attempts_reset,
                                .heeds_lifo = true,
                                .ids = &job,
                                .count = 1};
    e = rerun_request(&arena, &batch, &r, err);
    if (!e) e = client_call(queue->client, &r.command, 0, &reply, err);
    if (!e) e = rerun_result(&reply.value, 0, job, err);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_update_data(oxq_queue *queue, const char *id, const char *data, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, data);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    e = running_set_data(&arena, queue->prefix, slice_from_text(id), slice_from_text(data), &r, err);
    if (!e) return act(queue, &arena, &r, "update the data of job", id, err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_update_progress(oxq_queue *queue, const char *id, const char *progress, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, progress);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    e = running_progress(&arena, queue->prefix, slice_from_text(id), slice_from_text(progress), &r, err);
    if (!e) return act(queue, &arena, &r, "update the progress of job", id, err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_log(oxq_queue *queue, const char *id, const char *line, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, line);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    running_log(&arena, queue->prefix, slice_from_text(id), slice_from_text(line), 0, &r);
    return act(queue, &arena, &r, "log for job", id, err);
}

oxq_err oxq_queue_clear_logs(oxq_queue *queue, const char *id, int64_t keep, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    if (keep < 0) return err_set(err, OXQ_ERR_ARGUMENT, "lines to keep: from 0 on");
    struct arena arena = {0};
    struct request r;
    struct slice job = keys_join(&arena, queue->prefix, slice_from_text(id));
    request_begin_plain(&r, &arena, keep > 0 ? "LTRIM" : "DEL");
    request_put(&r, keys_join(&arena, job, SLICE_LIT(":logs")));
    if (keep > 0) {
        request_put_int(&r, -keep);
        request_put_int(&r, -1);
    }
    return act(queue, &arena, &r, "clear the log of job", id, err);
}

/* ---------------------------------------------------------------- the whole queue */

oxq_err oxq_queue_trim_events(oxq_queue *queue, int64_t keep, int64_t *out_count, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    if (keep < 0) return err_set(err, OXQ_ERR_ARGUMENT, "events to keep: from 0 on");
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "XTRIM");
    request_put(&r, keys_join(&arena, queue->prefix, SLICE_LIT("events")));
    request_put_text(&r, "MAXLEN");
    request_put_text(&r, "~");
    request_put_int(&r, keep);
    e = store_request(queue->client, &r, "trim the events of", slice_from_text(queue->name), &reply, err);
    if (!e && out_count) *out_count = reply.value.integer;
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

/* Again, as long as it says that jobs are left that it did not move: lists which BullMQ 5 filled go in portions. */
static oxq_err act_on_all(oxq_queue *q, const struct transition *t, const char *what, struct oxq_error *err)
{
    int64_t left = 1;
    oxq_err e = OXQ_OK;
    while (!e && left > 0) {
        struct arena arena = {0};
        struct request r;
        struct client_reply reply = {0};
        request_begin(&r, &arena, t, q->prefix);
        e = store_request(q->client, &r, what, slice_from_text(q->name), &reply, err);
        left = reply.value.integer;
        client_reply_deinit(&reply);
        arena_deinit(&arena);
    }
    return e;
}

oxq_err oxq_queue_pause(oxq_queue *queue, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    return e ? e : act_on_all(queue, &transition_pause, "pause", err);
}

oxq_err oxq_queue_resume(oxq_queue *queue, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    return e ? e : act_on_all(queue, &transition_resume, "resume", err);
}

static struct slice meta_of(oxq_queue *q, struct arena *a)
{
    return keys_join(a, q->prefix, SLICE_LIT("meta"));
}

oxq_err oxq_queue_set_concurrency(oxq_queue *queue, int64_t max, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    if (max < 0) return err_set(err, OXQ_ERR_ARGUMENT, "concurrency %lld: from 0, no limit, on", (long long)max);
    struct arena arena = {0};
    struct request r;
    request_begin_plain(&r, &arena, max > 0 ? "HSET" : "HDEL");
    request_put(&r, meta_of(queue, &arena));
    request_put_text(&r, "concurrency");
    if (max > 0) request_put_int(&r, max);
    return act(queue, &arena, &r, "limit", queue->name, err);
}

oxq_err oxq_queue_set_rate_limit(oxq_queue *queue, int64_t max, int64_t duration_ms, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    if (max < 0 || duration_ms < 0 || duration_ms > JOB_TIME_MAX_MS || (max > 0 && duration_ms == 0))
        return err_set(err, OXQ_ERR_ARGUMENT, "a rate is a number of jobs and a time of 1 .. %lld ms; 0 jobs: no limit",
                       (long long)JOB_TIME_MAX_MS);
    struct arena arena = {0};
    struct request r;
    request_begin_plain(&r, &arena, max > 0 ? "HSET" : "HDEL");
    request_put(&r, meta_of(queue, &arena));
    request_put_text(&r, "max");
    if (max > 0) request_put_int(&r, max);
    request_put_text(&r, "duration");
    if (max > 0) request_put_int(&r, duration_ms);
    return act(queue, &arena, &r, "limit", queue->name, err);
}

/* In the order of the names below. */
static void read_settings(const struct resp_value *values, struct oxq_settings *out)
{
    int64_t *const numbers[] = {&out->concurrency, &out->rate_max, &out->rate_ms, &out->events_max};
    *out = (struct oxq_settings){.is_paused = values[4].kind != RESP_NULL};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) (void)num_parse_int(values[i].text, numbers[i]);
    struct slice version = values[5].text;
    snprintf(out->version, sizeof(out->version), "%.*s", (int)version.len, version.len > 0 ? version.at : "");
}

oxq_err oxq_queue_settings(oxq_queue *queue, struct oxq_settings *out, struct oxq_error *err)
{
    static const char *const names[] = {"concurrency", "max", "duration", "opts.maxLenEvents", "paused", "version"};
    const size_t count = sizeof(names) / sizeof(names[0]);
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "HMGET");
    request_put(&r, meta_of(queue, &arena));
    for (size_t i = 0; i < count; i++) request_put_text(&r, names[i]);
    r.command.is_idempotent = true;
    e = store_request(queue->client, &r, "read the settings of", slice_from_text(queue->name), &reply, err);
    if (!e && reply.value.count != count)
        e = err_set(err, OXQ_ERR_FORMAT, "read the settings of %s: the server's answer is none", queue->name);
    if (!e) read_settings(reply.value.items, out);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_get_concurrency(oxq_queue *queue, int64_t *out_max, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out_max);
    if (e) return e;
    struct oxq_settings settings;
    e = oxq_queue_settings(queue, &settings, err);
    if (!e) *out_max = settings.concurrency;
    return e;
}

oxq_err oxq_queue_get_rate_limit(oxq_queue *queue, int64_t *out_max, int64_t *out_duration_ms, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out_max, out_duration_ms);
    if (e) return e;
    struct oxq_settings settings;
    e = oxq_queue_settings(queue, &settings, err);
    if (e) return e;
    *out_max = settings.rate_max;
    *out_duration_ms = settings.rate_ms;
    return OXQ_OK;
}

oxq_err oxq_queue_rate_limit(oxq_queue *queue, int64_t for_ms, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    if (for_ms == 0)
        limits_release(&arena, queue->prefix, &r);
    else
        e = limits_hold(&arena, queue->prefix, for_ms, &r, err);
    if (!e) return act(queue, &arena, &r, "limit", queue->name, err);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_limits(oxq_queue *queue, int64_t rate_max, struct oxq_limits *out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    if (rate_max < 0) return err_set(err, OXQ_ERR_ARGUMENT, "rate_max: a worker's limiter_max, or 0");
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct limits limits;
    limits_request(&arena, queue->prefix, rate_max, &r);
    e = client_call(queue->client, &r.command, 0, &reply, err);
    if (!e) e = limits_read(&reply.value, &limits, err);
    if (!e) {
        *out = (struct oxq_limits){
            .wait_ms = limits.rate_wait_ms, .is_full = limits.is_full, .is_paused = limits.is_paused};
    }
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_rate_limit_ttl(oxq_queue *queue, int64_t *out_ms, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out_ms);
    if (e) return e;
    struct oxq_limits limits;
    e = oxq_queue_limits(queue, 0, &limits, err);
    if (!e) *out_ms = limits.wait_ms;
    return e;
}
