/* SPDX-License-Identifier: MIT */
/* Options from JSON: one row for each name, long or short. */
#include "codec/json_rows.h"
#include "jobs/options.h"

#define ROW(name, read, type, field) JSON_ROW(name, json_row_##read, type, field)
#define ROW_OTHER(name, field, read) JSON_ROW(name, read, struct job_options, field)

static oxq_err read_backoff(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        ROW("type", slice, struct job_backoff, type),
        ROW("delay", integer, struct job_backoff, delay_ms),
        ROW("jitter", real, struct job_backoff, jitter),
    };
    struct job_backoff *b = out;
    if (json_is_number(v)) return json_row_integer(r, v, name, &b->delay_ms);
    if (json_kind_of(v) != JSON_KIND_MAP) return json_rows_refuse(r, name, "a number of ms or {type, delay, jitter}");
    return JSON_ROWS_READ(r, v, rows, b);
}

static oxq_err read_keep(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        ROW("count", integer, struct job_keep, count),
        ROW("age", integer, struct job_keep, age_s),
        ROW("limit", integer, struct job_keep, limit),
    };
    struct job_keep *k = out;
    *k = (struct job_keep){.kind = JOB_KEEP_SOME};
    if (json_kind_of(v) == JSON_KIND_BOOL) {
        k->kind = json_truth(v) ? JOB_KEEP_NONE : JOB_KEEP_ALL;
        return OXQ_OK;
    }
    if (json_is_number(v)) {
        k->has_count = true;
        return json_row_integer(r, v, name, &k->count);
    }
    if (json_kind_of(v) != JSON_KIND_MAP)
        return json_rows_refuse(r, name, "true, false, a number or {age, count, limit}");
    k->has_count = json_is_number(json_member(v, "count"));
    k->has_age = json_is_number(json_member(v, "age"));
    k->has_limit = json_is_number(json_member(v, "limit"));
    return JSON_ROWS_READ(r, v, rows, k);
}

static oxq_err read_map(struct json_rows *r, const struct json *v, const char *name, const struct json_row *rows,
                        size_t count, void *out)
{
    if (json_kind_of(v) != JSON_KIND_MAP) return json_rows_refuse(r, name, "an object");
    return json_rows_read(r, v, rows, count, out);
}
#define READ_MAP(r, v, name, rows, out) read_map(r, v, name, rows, sizeof(rows) / sizeof((rows)[0]), out)

static oxq_err read_deduplication(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        ROW("id", slice, struct job_deduplication, id),
        ROW("ttl", integer, struct job_deduplication, ttl_ms),
        ROW("extend", bool, struct job_deduplication, extend),
        ROW("reschedule", bool, struct job_deduplication, reschedule),
        ROW("replace", bool, struct job_deduplication, replace),
        ROW("keepLastIfActive", bool, struct job_deduplication, keep_last_if_active),
    };
    return READ_MAP(r, v, name, rows, out);
}

static oxq_err read_parent(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        ROW("id", slice, struct job_parent, id),
        ROW("queue", slice, struct job_parent, queue),
    };
    return READ_MAP(r, v, name, rows, out);
}

static oxq_err read_repeat(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        ROW("pattern", slice, struct job_repeat, pattern),      ROW("tz", slice, struct job_repeat, tz),
        ROW("every", integer, struct job_repeat, every_ms),     ROW("offset", integer, struct job_repeat, offset_ms),
        ROW("limit", integer, struct job_repeat, limit),        ROW("count", integer, struct job_repeat, count),
        ROW("startDate", integer, struct job_repeat, start_ms), ROW("endDate", integer, struct job_repeat, end_ms),
    };
    return READ_MAP(r, v, name, rows, out);
}

static oxq_err read_telemetry(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        ROW("metadata", slice, struct job_options, trace_metadata),
        ROW("omitContext", bool, struct job_options, omit_trace_context),
    };
    return READ_MAP(r, v, name, rows, out); /* its row has offset 0: out is the whole */
}

/* BullMQ stores `false` for a job of many that has omitContext: there is none then. */
static oxq_err read_stored_context(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    return json_kind_of(v) == JSON_KIND_TEXT ? json_row_slice(r, v, name, out) : OXQ_OK;
}

static oxq_err read_stack_limit(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    int64_t *limit = out;
    oxq_err e = json_row_integer(r, v, name, limit);
    if (!e && *limit == 0) *limit = JOB_STACK_NONE;
    return e;
}

/* The four exclude each other. */
static oxq_err set_failure(struct json_rows *r, const struct json *v, const char *name, enum job_child_failure *out,
                           enum job_child_failure wanted)
{
    if (json_kind_of(v) != JSON_KIND_BOOL) return json_rows_refuse(r, name, "true or false");
    if (!json_truth(v)) return OXQ_OK;
    if (*out != JOB_CHILD_DEFAULT && *out != wanted) {
        return err_set(
            r->err, OXQ_ERR_ARGUMENT,
            "option %s: only one of failParentOnFailure, continueParentOnFailure, ignoreDependencyOnFailure and "
            "removeDependencyOnFailure can be true",
            name);
    }
    *out = wanted;
    return OXQ_OK;
}

static oxq_err read_fails_parent(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_FAILS_PARENT);
}

static oxq_err read_continues_parent(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_CONTINUES_PARENT);
}

static oxq_err read_is_ignored(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_IS_IGNORED);
}

static oxq_err read_is_removed(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_IS_REMOVED);
}

static const struct json_row option_rows[] = {
    ROW("attempts", integer, struct job_options, attempts),
    ROW("delay", integer, struct job_options, delay_ms),
    ROW("priority", integer, struct job_options, priority),
    ROW("lifo", bool, struct job_options, lifo),
    ROW("jobId", slice, struct job_options, job_id),
    ROW("timestamp", integer, struct job_options, timestamp_ms),
    ROW_OTHER("backoff", backoff, read_backoff),
    ROW_OTHER("removeOnComplete", on_complete, read_keep),
    ROW_OTHER("removeOnFail", on_fail, read_keep),
    ROW("keepLogs", integer, struct job_options, keep_logs),
    ROW("kl", integer, struct job_options, keep_logs),
    ROW_OTHER("stackTraceLimit", stack_trace_limit, read_stack_limit),
    ROW("sizeLimit", integer, struct job_options, size_limit_bytes),
    ROW_OTHER("deduplication", deduplication, read_deduplication),
    ROW_OTHER("de", deduplication, read_deduplication),
    ROW_OTHER("parent", parent, read_parent),
    ROW_OTHER("failParentOnFailure", on_failure, read_fails_parent),
    ROW_OTHER("fpof", on_failure, read_fails_parent),
    ROW_OTHER("continueParentOnFailure", on_failure, read_continues_parent),
    ROW_OTHER("cpof", on_failure, read_continues_parent),
    ROW_OTHER("ignoreDependencyOnFailure", on_failure, read_is_ignored),
    ROW_OTHER("idof", on_failure, read_is_ignored),
    ROW_OTHER("removeDependencyOnFailure", on_failure, read_is_removed),
    ROW_OTHER("rdof", on_failure, read_is_removed),
    ROW_OTHER("repeat", repeat, read_repeat),
    ROW("prevMillis", integer, struct job_options, prev_ms),
    ROW("repeatJobKey", slice, struct job_options, repeat_job_key),
    ROW_OTHER("tm", trace_metadata, read_stored_context),
    ROW("omc", bool, struct job_options, omit_trace_context),
    {"telemetry", read_telemetry, 0},
};

oxq_err job_options_read(struct slice json, struct arena *arena, struct job_options *out, struct oxq_error *err)
{
    struct json_rows r = {.arena = arena, .noun = "option", .err = err};
    struct job_options options = {0};
    struct json *root = NULL;
    if (json.len > 0) {
        oxq_err e = json_read_value(json, &root, err);
        if (!e && json_kind_of(root) != JSON_KIND_MAP) e = err_set(err, OXQ_ERR_FORMAT, "options are a JSON object");
        if (!e) e = JSON_ROWS_READ(&r, root, option_rows, &options);
        json_release(root);
        if (e) return e;
    }
    *out = options;
    return OXQ_OK;
}
