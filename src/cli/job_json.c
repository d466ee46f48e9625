/* SPDX-License-Identifier: MIT */
/* A job's options from JSON, under the names that BullMQ's users write: a row for each. */
#include "cli/job_options.h"

#include "base/nearest.h"

#include <math.h>
#include <string.h>

struct reader {
    struct arena *arena;
    const char *prefix;
    struct oxq_error *err;
};

typedef oxq_err read_fn(struct reader *r, const struct json *v, const char *name, void *out);

struct row {
    const char *name;
    read_fn *read;
    size_t offset; /* in the struct that is filled */
};
#define ROW(name, read, type, field)                                                                                   \
    {                                                                                                                  \
        name, read, offsetof(type, field)                                                                              \
    }

static oxq_err wrong(struct reader *r, const char *name, const char *wanted)
{
    return err_set(r->err, OXQ_ERR_ARGUMENT, "option %s: %s is expected", name, wanted);
}

static bool is_number(const struct json *v)
{
    return json_kind_of(v) == JSON_KIND_INTEGER || json_kind_of(v) == JSON_KIND_REAL;
}

/* ---------------------------------------------------------------- plain values */

/* JavaScript's numbers may have a fraction; ours are whole. */
static oxq_err read_integer(struct reader *r, const struct json *v, const char *name, void *out)
{
    double d = json_double(v);
    if (!is_number(v) || !(fabs(d) <= 0x1p53)) return wrong(r, name, "a number");
    *(int64_t *)out = json_kind_of(v) == JSON_KIND_INTEGER ? json_number(v) : (int64_t)round(d);
    return OXQ_OK;
}

static oxq_err read_real(struct reader *r, const struct json *v, const char *name, void *out)
{
    if (!is_number(v)) return wrong(r, name, "a number");
    *(double *)out = json_double(v);
    return OXQ_OK;
}

static oxq_err read_bool(struct reader *r, const struct json *v, const char *name, void *out)
{
    if (json_kind_of(v) != JSON_KIND_BOOL) return wrong(r, name, "true or false");
    *(bool *)out = json_truth(v);
    return OXQ_OK;
}

static oxq_err read_text(struct reader *r, const struct json *v, const char *name, void *out)
{
    struct slice text = json_text(v);
    if (json_kind_of(v) != JSON_KIND_TEXT || memchr(text.at, '\0', text.len)) return wrong(r, name, "a text");
    *(const char **)out = arena_copy_text(r->arena, text);
    return OXQ_OK;
}

/* ---------------------------------------------------------------- objects */

static oxq_err refuse_name(struct reader *r, struct slice name, const char *of, const struct row *rows, size_t count)
{
    struct nearest n = nearest_to(name);
    for (size_t i = 0; i < count; i++) nearest_offer(&n, rows[i].name);
    int shown = name.len < 80 ? (int)name.len : 80;
    if (n.best)
        return err_set(r->err, OXQ_ERR_ARGUMENT, "%s %.*s is not known: did you mean %s?", of, shown, name.at, n.best);
    return err_set(r->err, OXQ_ERR_ARGUMENT, "%s %.*s is not known", of, shown, name.at);
}

/* Fills the struct at `base`. null is as good as absent. */
static oxq_err read_rows(struct reader *r, const struct json *map, const char *of, const struct row *rows, size_t count,
                         void *base)
{
    struct slice name;
    const struct json *value;
    for (void *place = NULL; json_next_member(map, &place, &name, &value);) {
        size_t i = 0;
        while (i < count && !slice_equal(name, slice_from_text(rows[i].name))) i++;
        if (i == count) return refuse_name(r, name, of, rows, count);
        if (json_kind_of(value) == JSON_KIND_NULL) continue;
        oxq_err e = rows[i].read(r, value, rows[i].name, (char *)base + rows[i].offset);
        if (e) return e;
    }
    return OXQ_OK;
}
#define READ_ROWS(r, map, of, rows, base) read_rows(r, map, of, rows, sizeof(rows) / sizeof((rows)[0]), base)

static oxq_err read_backoff(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct row rows[] = {
        ROW("type", read_text, struct oxq_backoff, type),
        ROW("delay", read_integer, struct oxq_backoff, delay_ms),
        ROW("jitter", read_real, struct oxq_backoff, jitter),
    };
    struct oxq_backoff *b = out;
    *b = (struct oxq_backoff){0};
    if (is_number(v)) return read_integer(r, v, name, &b->delay_ms);
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(r, name, "a number of ms or {type, delay, jitter}");
    return READ_ROWS(r, v, "option backoff:", rows, b);
}

static oxq_err read_keep(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct row rows[] = {
        ROW("count", read_integer, struct oxq_keep, count),
        ROW("age", read_integer, struct oxq_keep, age_s),
        ROW("limit", read_integer, struct oxq_keep, limit),
    };
    struct oxq_keep *k = out;
    *k = (struct oxq_keep){.kind = OXQ_KEEP_SOME};
    oxq_err e = OXQ_OK;
    bool has_count = true;
    if (json_kind_of(v) == JSON_KIND_BOOL) {
        k->kind = json_truth(v) ? OXQ_KEEP_NONE : OXQ_KEEP_ALL;
        return OXQ_OK;
    }
    if (is_number(v)) {
        e = read_integer(r, v, name, &k->count);
    } else if (json_kind_of(v) == JSON_KIND_MAP) {
        e = READ_ROWS(r, v, "option of what is kept:", rows, k);
        has_count = is_number(json_member(v, "count"));
    } else {
        return wrong(r, name, "true, false, a number or {age, count, limit}");
    }
    /* Of no jobs, the newest. */
    if (!e && has_count && k->count == 0) *k = (struct oxq_keep){.kind = OXQ_KEEP_NONE};
    return e;
}

static oxq_err read_stack_limit(struct reader *r, const struct json *v, const char *name, void *out)
{
    int64_t *limit = out;
    oxq_err e = read_integer(r, v, name, limit);
    if (!e && *limit == 0) *limit = OXQ_STACK_NONE;
    return e;
}

static oxq_err read_deduplication(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct row rows[] = {
        ROW("id", read_text, struct oxq_deduplication, id),
        ROW("ttl", read_integer, struct oxq_deduplication, ttl_ms),
        ROW("extend", read_bool, struct oxq_deduplication, extend),
        ROW("replace", read_bool, struct oxq_deduplication, replace),
        ROW("reschedule", read_bool, struct oxq_deduplication, reschedule),
        ROW("keepLastIfActive", read_bool, struct oxq_deduplication, keep_last_if_active),
    };
    struct oxq_deduplication *d = out;
    *d = (struct oxq_deduplication){0};
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(r, name, "{id, ttl, ...}");
    oxq_err e = READ_ROWS(r, v, "option deduplication:", rows, d);
    if (!e && !d->id) e = wrong(r, "deduplication.id", "a text");
    return e;
}

/* BullMQ's users write the parent's queue with its prefix, as queue.qualifiedName. */
static oxq_err read_parent(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct row rows[] = {
        ROW("id", read_text, struct oxq_job_opts, parent_id),
        ROW("queue", read_text, struct oxq_job_opts, parent_queue),
    };
    struct oxq_job_opts *o = out;
    size_t prefix = strlen(r->prefix);
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(r, name, "{id, queue}");
    oxq_err e = READ_ROWS(r, v, "option parent:", rows, o);
    if (e) return e;
    if (!o->parent_id || !o->parent_queue) return wrong(r, name, "{id, queue}");
    if (strncmp(o->parent_queue, r->prefix, prefix) == 0 && o->parent_queue[prefix] == ':')
        o->parent_queue += prefix + 1;
    return OXQ_OK;
}

static oxq_err read_telemetry(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct row rows[] = {ROW("metadata", read_text, struct oxq_job_opts, trace_metadata)};
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(r, name, "{metadata}");
    return READ_ROWS(r, v, "option telemetry:", rows, out);
}

/* The four exclude each other. */
static oxq_err read_child_failure(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct {
        const char *name;
        oxq_child_failure value;
    } failures[] = {{"failParentOnFailure", OXQ_CHILD_FAILS_PARENT},
                    {"continueParentOnFailure", OXQ_CHILD_CONTINUES_PARENT},
                    {"ignoreDependencyOnFailure", OXQ_CHILD_IS_IGNORED},
                    {"removeDependencyOnFailure", OXQ_CHILD_IS_REMOVED}};
    oxq_child_failure *failure = out;
    if (json_kind_of(v) != JSON_KIND_BOOL) return wrong(r, name, "true or false");
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

static oxq_err refuse_repeat(struct reader *r, const struct json *v, const char *name, void *out)
{
    (void)v;
    (void)out;
    return err_set(r->err, OXQ_ERR_ARGUMENT, "option %s: jobs that come again are made with `oxq schedule`", name);
}

oxq_err job_options_from_json(const struct json *v, const char *prefix, struct arena *arena, struct oxq_job_opts *io,
                              struct oxq_error *err)
{
    static const struct row rows[] = {
        ROW("delay", read_integer, struct oxq_job_opts, delay_ms),
        ROW("priority", read_integer, struct oxq_job_opts, priority),
        ROW("lifo", read_bool, struct oxq_job_opts, lifo),
        ROW("jobId", read_text, struct oxq_job_opts, job_id),
        ROW("attempts", read_integer, struct oxq_job_opts, attempts),
        ROW("backoff", read_backoff, struct oxq_job_opts, backoff),
        ROW("removeOnComplete", read_keep, struct oxq_job_opts, on_complete),
        ROW("removeOnFail", read_keep, struct oxq_job_opts, on_fail),
        ROW("keepLogs", read_integer, struct oxq_job_opts, keep_logs),
        ROW("stackTraceLimit", read_stack_limit, struct oxq_job_opts, stack_trace_limit),
        ROW("sizeLimit", read_integer, struct oxq_job_opts, size_limit_bytes),
        ROW("timestamp", read_integer, struct oxq_job_opts, timestamp_ms),
        ROW("deduplication", read_deduplication, struct oxq_job_opts, deduplication),
        ROW("failParentOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        ROW("continueParentOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        ROW("ignoreDependencyOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        ROW("removeDependencyOnFailure", read_child_failure, struct oxq_job_opts, on_failure),
        {"parent", read_parent, 0},
        {"telemetry", read_telemetry, 0},
        {"repeat", refuse_repeat, 0},
    };
    struct reader r = {arena, prefix, err};
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(&r, "opts", "an object");
    return READ_ROWS(&r, v, "option", rows, io);
}
