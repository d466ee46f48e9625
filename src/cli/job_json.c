/* SPDX-License-Identifier: MIT */
/* A job's options from JSON, under the names that BullMQ's users write: a row for each. */
#include "cli/job_options.h"

#include "codec/json_rows.h"

#include <string.h>

/* The members of a member. */
static oxq_err read_inner(struct json_rows *r, const struct json *map, const char *noun, const struct json_row *rows,
                          size_t count, void *base)
{
    struct json_rows inner = *r;
    inner.noun = noun;
    return json_rows_read(&inner, map, rows, count, base);
}
#define READ_INNER(r, map, noun, rows, base) read_inner(r, map, noun, rows, sizeof(rows) / sizeof((rows)[0]), base)

static oxq_err read_backoff(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        JSON_ROW("type", json_row_text, struct oxq_backoff, type),
        JSON_ROW("delay", json_row_integer, struct oxq_backoff, delay_ms),
        JSON_ROW("jitter", json_row_real, struct oxq_backoff, jitter),
    };
    struct oxq_backoff *b = out;
    *b = (struct oxq_backoff){0};
    if (json_is_number(v)) return json_row_integer(r, v, name, &b->delay_ms);
    if (json_kind_of(v) != JSON_KIND_MAP) return json_rows_refuse(r, name, "a number of ms or {type, delay, jitter}");
    return READ_INNER(r, v, "option backoff:", rows, b);
}

static oxq_err read_keep(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        JSON_ROW("count", json_row_integer, struct oxq_keep, count),
        JSON_ROW("age", json_row_integer, struct oxq_keep, age_s),
        JSON_ROW("limit", json_row_integer, struct oxq_keep, limit),
    };
    struct oxq_keep *k = out;
    *k = (struct oxq_keep){.kind = OXQ_KEEP_SOME};
    oxq_err e = OXQ_OK;
    bool has_count = true;
    if (json_kind_of(v) == JSON_KIND_BOOL) {
        k->kind = json_truth(v) ? OXQ_KEEP_NONE : OXQ_KEEP_ALL;
        return OXQ_OK;
    }
    if (json_is_number(v)) {
        e = json_row_integer(r, v, name, &k->count);
    } else if (json_kind_of(v) == JSON_KIND_MAP) {
        e = READ_INNER(r, v, "option of what is kept:", rows, k);
        has_count = json_is_number(json_member(v, "count"));
    } else {
        return json_rows_refuse(r, name, "true, false, a number or {age, count, limit}");
    }
    /* Of no jobs, the newest. */
    if (!e && has_count && k->count == 0) *k = (struct oxq_keep){.kind = OXQ_KEEP_NONE};
    return e;
}

static oxq_err read_stack_limit(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    int64_t *limit = out;
    oxq_err e = json_row_integer(r, v, name, limit);
    if (!e && *limit == 0) *limit = OXQ_STACK_NONE;
    return e;
}

static oxq_err read_deduplication(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        JSON_ROW("id", json_row_text, struct oxq_deduplication, id),
        JSON_ROW("ttl", json_row_integer, struct oxq_deduplication, ttl_ms),
        JSON_ROW("extend", json_row_bool, struct oxq_deduplication, extend),
        JSON_ROW("replace", json_row_bool, struct oxq_deduplication, replace),
        JSON_ROW("reschedule", json_row_bool, struct oxq_deduplication, reschedule),
        JSON_ROW("keepLastIfActive", json_row_bool, struct oxq_deduplication, keep_last_if_active),
    };
    struct oxq_deduplication *d = out;
    *d = (struct oxq_deduplication){0};
    if (json_kind_of(v) != JSON_KIND_MAP) return json_rows_refuse(r, name, "{id, ttl, ...}");
    oxq_err e = READ_INNER(r, v, "option deduplication:", rows, d);
    if (!e && !d->id) e = json_rows_refuse(r, "deduplication.id", "a text");
    return e;
}

/* BullMQ's users write the parent's queue with its prefix, as queue.qualifiedName. */
static oxq_err read_parent(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        JSON_ROW("id", json_row_text, struct oxq_job_opts, parent_id),
        JSON_ROW("queue", json_row_text, struct oxq_job_opts, parent_queue),
    };
    struct oxq_job_opts *o = out;
    const char *prefix = r->ctx;
    size_t prefix_len = strlen(prefix);
    if (json_kind_of(v) != JSON_KIND_MAP) return json_rows_refuse(r, name, "{id, queue}");
    oxq_err e = READ_INNER(r, v, "option parent:", rows, o);
    if (e) return e;
    if (!o->parent_id || !o->parent_queue) return json_rows_refuse(r, name, "{id, queue}");
    if (strncmp(o->parent_queue, prefix, prefix_len) == 0 && o->parent_queue[prefix_len] == ':')
        o->parent_queue += prefix_len + 1;
    return OXQ_OK;
}

static oxq_err read_telemetry(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct json_row rows[] = {
        JSON_ROW("metadata", json_row_text, struct oxq_job_opts, trace_metadata),
        JSON_ROW("omitContext", json_row_bool, struct oxq_job_opts, omit_trace_context),
    };
    if (json_kind_of(v) != JSON_KIND_MAP) return json_rows_refuse(r, name, "{metadata, omitContext}");
    return READ_INNER(r, v, "option telemetry:", rows, out);
}

/* The four exclude each other. */
static oxq_err read_child_failure(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    static const struct {
        const char *name;
        oxq_child_failure value;
    } failures[] = {{"failParentOnFailure", OXQ_CHILD_FAILS_PARENT},
                    {"continueParentOnFailure", OXQ_CHILD_CONTINUES_PARENT},
                    {"ignoreDependencyOnFailure", OXQ_CHILD_IS_IGNORED},
                    {"removeDependencyOnFailure", OXQ_CHILD_IS_REMOVED}};
    oxq_child_failure *failure = out;
    if (json_kind_of(v) != JSON_KIND_BOOL) return json_rows_refuse(r, name, "true or false");
    if (!json_truth(v)) return OXQ_OK;
    size_t i = 0;
    while (strcmp(failures[i].name, name) != 0) i++;
    if (*failure != OXQ_CHILD_DEFAULT && *failure != failures[i].value)
        return err_set(
            r->err, OXQ_ERR_ARGUMENT,
            "option %s: only one of failParentOnFailure, continueParentOnFailure, ignoreDependencyOnFailure and "
            "removeDependencyOnFailure can be true",
            name);
    *failure = failures[i].value;
    return OXQ_OK;
}

static oxq_err refuse_repeat(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    (void)v;
    (void)out;
    return err_set(r->err, OXQ_ERR_ARGUMENT, "option %s: jobs that come again are made with `oxq schedule`", name);
}

oxq_err job_options_from_json(const struct json *v, const char *prefix, struct arena *arena, struct oxq_job_opts *io,
                              struct oxq_error *err)
{
    static const struct json_row rows[] = {
        JSON_ROW("delay", json_row_integer, struct oxq_job_opts, delay_ms),
        JSON_ROW("priority", json_row_integer, struct oxq_job_opts, priority),
        JSON_ROW("lifo", json_row_bool, struct oxq_job_opts, lifo),
        JSON_ROW("jobId", json_row_text, struct oxq_job_opts, job_id),
        JSON_ROW("attempts", json_row_integer, struct oxq_job_opts, attempts),
        JSON_ROW("backoff", read_backoff, struct oxq_job_opts, backoff),
        JSON_ROW("removeOnComplete", read_keep, struct oxq_job_opts, on_complete),
        JSON_ROW("removeOnFail", read_keep, struct oxq_job_opts, on_fail),
        JSON_ROW("keepLogs", json_row_integer, struct oxq_job_opts, keep_logs),
        JSON_ROW("stackTraceLimit", read_stack_limit, struct oxq_job_opts, stack_trace_limit),
        JSON_ROW("sizeLimit", json_row_integer, struct oxq_job_opts, size_limit_bytes),
        JSON_ROW("timestamp", json_row_integer, struct oxq_job_opts, timestamp_ms),
        JSON_ROW("deduplication", read_deduplication, struct oxq_job_opts, deduplication),
        JSON_ROW("failParentOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        JSON_ROW("continueParentOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        JSON_ROW("ignoreDependencyOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        JSON_ROW("removeDependencyOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        {"parent", read_parent, 0},
        {"telemetry", read_telemetry, 0},
        {"repeat", refuse_repeat, 0},
    };
    struct json_rows r = {.arena = arena, .noun = "option", .is_strict = true, .ctx = prefix, .err = err};
    if (json_kind_of(v) != JSON_KIND_MAP) return json_rows_refuse(&r, "opts", "an object");
    return JSON_ROWS_READ(&r, v, rows, io);
}
