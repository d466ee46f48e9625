/* SPDX-License-Identifier: MIT */
#include "jobs/options.h"

#include "codec/json_writer.h"

/* ---------------------------------------------------------------- checks */

static int shown(struct slice s)
{
    return s.len < 80 ? (int)s.len : 80;
}

static oxq_err check_numbers(const struct job_options *o, struct oxq_error *err)
{
    if (o->delay_ms < 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "delay %lld: a delay in the past; leave it out and the job runs at once",
                       (long long)o->delay_ms);
    }
    if (o->delay_ms > JOB_TIME_MAX_MS || o->timestamp_ms > JOB_TIME_MAX_MS || o->timestamp_ms < 0) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "delay %lld, timestamp %lld: times are milliseconds and reach to September 2039",
                       (long long)o->delay_ms, (long long)o->timestamp_ms);
    }
    if (o->priority < 0 || o->priority > JOB_PRIORITY_MAX) {
        return err_set(err, OXQ_ERR_ARGUMENT, "priority %lld: priorities are 0 .. %d; 1 comes first, and 0 before all",
                       (long long)o->priority, JOB_PRIORITY_MAX);
    }
    if (o->attempts < 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "attempts %lld: write how often the job may be tried, 1 or more",
                       (long long)o->attempts);
    }
    if (o->keep_logs < 0 || o->stack_trace_limit < JOB_STACK_NONE) {
        return err_set(err, OXQ_ERR_ARGUMENT, "keepLogs %lld, stackTraceLimit %lld: write how many are kept, 0 or more",
                       (long long)o->keep_logs, (long long)o->stack_trace_limit);
    }
    return OXQ_OK;
}

static oxq_err check_backoff(const struct job_backoff *b, struct oxq_error *err)
{
    if (b->delay_ms < 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "backoff delay %lld: write milliseconds, 0 or more",
                       (long long)b->delay_ms);
    }
    if (!(b->jitter >= 0 && b->jitter <= 1)) {
        return err_set(err, OXQ_ERR_ARGUMENT, "backoff jitter %g: it is the random part of the delay, 0 .. 1",
                       b->jitter);
    }
    return OXQ_OK;
}

static oxq_err check_keep(const struct job_keep *k, const char *name, struct oxq_error *err)
{
    if (k->kind != JOB_KEEP_SOME) return OXQ_OK;
    if (k->count < 0 || k->age_s < 0 || k->limit < 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "%s: count, age (seconds) and limit are 0 or more; false keeps all jobs",
                       name);
    }
    return OXQ_OK;
}

oxq_err job_options_check(const struct job_options *o, size_t data_bytes, struct oxq_error *err)
{
    oxq_err e = check_numbers(o, err);
    if (!e) e = check_backoff(&o->backoff, err);
    if (!e) e = check_keep(&o->on_complete, "removeOnComplete", err);
    if (!e) e = check_keep(&o->on_fail, "removeOnFail", err);
    if (e) return e;
    if (o->size_limit_bytes < 0) return err_set(err, OXQ_ERR_ARGUMENT, "sizeLimit: write bytes, 0 or more");
    if (o->size_limit_bytes > 0 && data_bytes > (uint64_t)o->size_limit_bytes) {
        return err_set(err, OXQ_ERR_LIMIT,
                       "the data has %zu bytes and sizeLimit is %lld; keep large things elsewhere and name them",
                       data_bytes, (long long)o->size_limit_bytes);
    }
    const struct job_deduplication *d = &o->deduplication;
    if (d->ttl_ms < 0 || d->ttl_ms > JOB_TIME_MAX_MS)
        return err_set(err, OXQ_ERR_ARGUMENT, "deduplication ttl: write milliseconds, 0 .. %lld",
                       (long long)JOB_TIME_MAX_MS);
    if (d->id.len == 0 && (d->ttl_ms || d->extend || d->reschedule || d->replace || d->keep_last_if_active)) {
        return err_set(err, OXQ_ERR_ARGUMENT, "deduplication needs an id: that of what must not be done twice");
    }
    if (d->id.len > 0 && o->parent.id.len > 0) {
        return err_set(
            err, OXQ_ERR_ARGUMENT,
            "deduplication %.*s: a job with a parent has none, because the parent would wait for a job that is not added",
            shown(d->id), d->id.at);
    }
    if (o->parent.id.len > 0 && o->parent.queue.len == 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "parent %.*s: its queue is missing; write it with its prefix, bull:mail",
                       shown(o->parent.id), o->parent.id.at);
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- writing */

static void write_flag(struct json_writer *w, const char *name, bool is_set)
{
    if (!is_set) return;
    json_write_name(w, name);
    json_write_bool(w, true);
}

static void write_backoff(struct json_writer *w, const struct job_backoff *b)
{
    if (b->type.len == 0 && b->delay_ms == 0) return;
    json_write_name(w, "backoff");
    json_write_open(w, '{');
    json_write_some_text(w, "type", b->type.len > 0 ? b->type : SLICE_LIT("fixed"));
    json_write_some_integer(w, "delay", b->delay_ms);
    if (b->jitter > 0) {
        json_write_name(w, "jitter");
        json_write_real(w, b->jitter);
    }
    json_write_close(w, '}');
}

static void write_limit(struct json_writer *w, const char *name, bool has, int64_t n)
{
    if (!has) return;
    json_write_name(w, name);
    json_write_integer(w, n);
}

static void write_keep(struct json_writer *w, const char *name, const struct job_keep *k)
{
    if (k->kind == JOB_KEEP_DEFAULT) return;
    json_write_name(w, name);
    if (k->kind != JOB_KEEP_SOME) {
        json_write_bool(w, k->kind == JOB_KEEP_NONE);
    } else if (k->has_count && !k->has_age && !k->has_limit) {
        json_write_integer(w, k->count);
    } else {
        json_write_open(w, '{');
        write_limit(w, "count", k->has_count, k->count);
        write_limit(w, "age", k->has_age, k->age_s);
        write_limit(w, "limit", k->has_limit, k->limit);
        json_write_close(w, '}');
    }
}

static void write_deduplication(struct json_writer *w, const struct job_deduplication *d)
{
    if (d->id.len == 0) return;
    json_write_name(w, "de");
    json_write_open(w, '{');
    json_write_some_text(w, "id", d->id);
    json_write_some_integer(w, "ttl", d->ttl_ms);
    write_flag(w, "extend", d->extend);
    write_flag(w, "reschedule", d->reschedule);
    write_flag(w, "replace", d->replace);
    write_flag(w, "keepLastIfActive", d->keep_last_if_active);
    json_write_close(w, '}');
}

static void write_parent(struct json_writer *w, const struct job_parent *p)
{
    if (p->id.len == 0) return;
    json_write_name(w, "parent");
    json_write_open(w, '{');
    json_write_some_text(w, "id", p->id);
    json_write_some_text(w, "queue", p->queue);
    json_write_close(w, '}');
}

static void write_repeat(struct json_writer *w, const struct job_repeat *r)
{
    if (r->pattern.len == 0 && r->every_ms == 0) return;
    json_write_name(w, "repeat");
    json_write_open(w, '{');
    json_write_some_text(w, "pattern", r->pattern);
    json_write_some_text(w, "tz", r->tz);
    json_write_some_integer(w, "every", r->every_ms);
    json_write_some_integer(w, "offset", r->offset_ms);
    json_write_some_integer(w, "limit", r->limit);
    json_write_some_integer(w, "count", r->count);
    json_write_some_integer(w, "startDate", r->start_ms);
    json_write_some_integer(w, "endDate", r->end_ms);
    json_write_close(w, '}');
}

static const char *const failure_names[] = {
    [JOB_CHILD_DEFAULT] = NULL,      [JOB_CHILD_FAILS_PARENT] = "fpof", [JOB_CHILD_CONTINUES_PARENT] = "cpof",
    [JOB_CHILD_IS_IGNORED] = "idof", [JOB_CHILD_IS_REMOVED] = "rdof",
};

static void write_members(struct json_writer *w, const struct job_options *o)
{
    json_write_some_integer(w, "priority", o->priority);
    write_flag(w, "lifo", o->lifo);
    write_backoff(w, &o->backoff);
    write_keep(w, "removeOnComplete", &o->on_complete);
    write_keep(w, "removeOnFail", &o->on_fail);
    json_write_some_integer(w, "kl", o->keep_logs);
    if (o->stack_trace_limit != 0) {
        json_write_name(w, "stackTraceLimit");
        json_write_integer(w, o->stack_trace_limit == JOB_STACK_NONE ? 0 : o->stack_trace_limit);
    }
    json_write_some_integer(w, "sizeLimit", o->size_limit_bytes);
    json_write_some_integer(w, "timestamp", o->timestamp_ms);
    write_deduplication(w, &o->deduplication);
    write_parent(w, &o->parent);
    if (failure_names[o->on_failure]) write_flag(w, failure_names[o->on_failure], true);
    write_repeat(w, &o->repeat);
    json_write_some_integer(w, "prevMillis", o->prev_ms);
    json_write_some_text(w, "repeatJobKey", o->repeat_job_key);
    json_write_some_text(w, "tm", o->trace_metadata);
    write_flag(w, "omc", o->omit_trace_context);
}

oxq_err job_options_write(const struct job_options *o, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_write_open(&w, '{');
    json_write_some_integer(&w, "delay", o->delay_ms);
    json_write_some_text(&w, "jobId", o->job_id);
    json_write_name(&w, "attempts"); /* BullMQ writes it always */
    json_write_integer(&w, o->attempts);
    write_members(&w, o);
    json_write_close(&w, '}');
    return w.error;
}

oxq_err job_options_write_template(const struct job_options *o, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_write_open(&w, '{');
    json_write_some_integer(&w, "delay", o->delay_ms);
    json_write_some_text(&w, "jobId", o->job_id);
    json_write_some_integer(&w, "attempts", o->attempts);
    write_members(&w, o);
    json_write_close(&w, '}');
    return w.error;
}
