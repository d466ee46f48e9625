/* SPDX-License-Identifier: MIT */
/* Options from JSON: one row for each name, long or short. */
#include "codec/json.h"
#include "jobs/options.h"

#include <math.h>

struct reader {
    struct arena *arena;
    struct oxq_error *err;
};

enum option_kind { OPTION_INTEGER, OPTION_BOOL, OPTION_TEXT, OPTION_OTHER };

/* Reads a value that is none of the plain kinds. */
typedef oxq_err read_fn(struct reader *r, const struct json *v, const char *name, void *out);

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset; /* in the struct that is filled */
    read_fn *read; /* of OPTION_OTHER */
};

static oxq_err wrong(struct reader *r, const char *name, const char *wanted)
{
    return err_set(r->err, OXQ_ERR_ARGUMENT, "option %s: %s is expected", name, wanted);
}

static bool is_number(const struct json *v)
{
    return json_kind_of(v) == JSON_KIND_INTEGER || json_kind_of(v) == JSON_KIND_REAL;
}

/* JavaScript's numbers may have a fraction; ours are whole. */
static oxq_err read_integer(struct reader *r, const struct json *v, const char *name, int64_t *out)
{
    if (json_kind_of(v) == JSON_KIND_INTEGER) {
        *out = json_number(v);
        return OXQ_OK;
    }
    double d = json_double(v);
    if (json_kind_of(v) != JSON_KIND_REAL || !(fabs(d) <= 0x1p53)) return wrong(r, name, "a number");
    *out = (int64_t)round(d);
    return OXQ_OK;
}

static oxq_err read_row(struct reader *r, const struct option_row *row, const struct json *v, void *base)
{
    void *out = (char *)base + row->offset;
    enum json_kind kind = json_kind_of(v);
    if (kind == JSON_KIND_NULL) return OXQ_OK;
    switch (row->kind) {
    case OPTION_INTEGER: return read_integer(r, v, row->name, out);
    case OPTION_BOOL:
        if (kind != JSON_KIND_BOOL) return wrong(r, row->name, "true or false");
        *(bool *)out = json_truth(v);
        return OXQ_OK;
    case OPTION_TEXT:
        if (kind != JSON_KIND_TEXT) return wrong(r, row->name, "a text");
        *(struct slice *)out = arena_copy(r->arena, json_text(v));
        return OXQ_OK;
    case OPTION_OTHER: return row->read(r, v, row->name, out);
    }
    return OXQ_OK;
}

/* Fills the struct at `base` from the members that the rows know. The rows end with one without a name. */
static oxq_err read_rows(struct reader *r, const struct json *map, const struct option_row *rows, void *base)
{
    struct slice name;
    const struct json *value;
    for (void *place = NULL; json_next_member(map, &place, &name, &value);) {
        const struct option_row *row = rows;
        while (row->name && !slice_equal(name, slice_from_text(row->name))) row++;
        oxq_err e = row->name ? read_row(r, row, value, base) : OXQ_OK;
        if (e) return e;
    }
    return OXQ_OK;
}

#define ROW(name, kind, type, field)                                                                                   \
    {                                                                                                                  \
        name, kind, offsetof(type, field), NULL                                                                        \
    }
#define ROW_OTHER(name, field, read)                                                                                   \
    {                                                                                                                  \
        name, OPTION_OTHER, offsetof(struct job_options, field), read                                                  \
    }
#define ROWS_END                                                                                                       \
    {                                                                                                                  \
        NULL, OPTION_OTHER, 0, NULL                                                                                    \
    }

static oxq_err read_backoff(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct option_row rows[] = {
        ROW("type", OPTION_TEXT, struct job_backoff, type),
        ROW("delay", OPTION_INTEGER, struct job_backoff, delay_ms),
        ROWS_END,
    };
    struct job_backoff *b = out;
    if (is_number(v)) return read_integer(r, v, name, &b->delay_ms);
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(r, name, "a number of ms or {type, delay, jitter}");
    const struct json *jitter = json_member(v, "jitter");
    if (jitter && !is_number(jitter)) return wrong(r, "backoff.jitter", "a number");
    b->jitter = json_double(jitter);
    return read_rows(r, v, rows, b);
}

static oxq_err read_keep(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct option_row rows[] = {
        ROW("count", OPTION_INTEGER, struct job_keep, count),
        ROW("age", OPTION_INTEGER, struct job_keep, age_s),
        ROW("limit", OPTION_INTEGER, struct job_keep, limit),
        ROWS_END,
    };
    struct job_keep *k = out;
    *k = (struct job_keep){.kind = JOB_KEEP_SOME};
    if (json_kind_of(v) == JSON_KIND_BOOL) {
        k->kind = json_truth(v) ? JOB_KEEP_NONE : JOB_KEEP_ALL;
        return OXQ_OK;
    }
    if (is_number(v)) {
        k->has_count = true;
        return read_integer(r, v, name, &k->count);
    }
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(r, name, "true, false, a number or {age, count, limit}");
    k->has_count = is_number(json_member(v, "count"));
    k->has_age = is_number(json_member(v, "age"));
    k->has_limit = is_number(json_member(v, "limit"));
    return read_rows(r, v, rows, k);
}

static oxq_err read_map(struct reader *r, const struct json *v, const char *name, const struct option_row *rows,
                        void *out)
{
    if (json_kind_of(v) != JSON_KIND_MAP) return wrong(r, name, "an object");
    return read_rows(r, v, rows, out);
}

static oxq_err read_deduplication(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct option_row rows[] = {
        ROW("id", OPTION_TEXT, struct job_deduplication, id),
        ROW("ttl", OPTION_INTEGER, struct job_deduplication, ttl_ms),
        ROW("extend", OPTION_BOOL, struct job_deduplication, extend),
        ROW("reschedule", OPTION_BOOL, struct job_deduplication, reschedule),
        ROW("replace", OPTION_BOOL, struct job_deduplication, replace),
        ROW("keepLastIfActive", OPTION_BOOL, struct job_deduplication, keep_last_if_active),
        ROWS_END,
    };
    return read_map(r, v, name, rows, out);
}

static oxq_err read_parent(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct option_row rows[] = {
        ROW("id", OPTION_TEXT, struct job_parent, id),
        ROW("queue", OPTION_TEXT, struct job_parent, queue),
        ROWS_END,
    };
    return read_map(r, v, name, rows, out);
}

static oxq_err read_repeat(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct option_row rows[] = {
        ROW("pattern", OPTION_TEXT, struct job_repeat, pattern),
        ROW("tz", OPTION_TEXT, struct job_repeat, tz),
        ROW("every", OPTION_INTEGER, struct job_repeat, every_ms),
        ROW("offset", OPTION_INTEGER, struct job_repeat, offset_ms),
        ROW("limit", OPTION_INTEGER, struct job_repeat, limit),
        ROW("count", OPTION_INTEGER, struct job_repeat, count),
        ROW("startDate", OPTION_INTEGER, struct job_repeat, start_ms),
        ROW("endDate", OPTION_INTEGER, struct job_repeat, end_ms),
        ROWS_END,
    };
    return read_map(r, v, name, rows, out);
}

static oxq_err read_telemetry(struct reader *r, const struct json *v, const char *name, void *out)
{
    static const struct option_row rows[] = {
        ROW("metadata", OPTION_TEXT, struct job_options, trace_metadata),
        ROW("omitContext", OPTION_BOOL, struct job_options, omit_trace_context),
        ROWS_END,
    };
    return read_map(r, v, name, rows, out); /* its row has offset 0: out is the whole */
}

static oxq_err read_stack_limit(struct reader *r, const struct json *v, const char *name, void *out)
{
    int64_t *limit = out;
    oxq_err e = read_integer(r, v, name, limit);
    if (!e && *limit == 0) *limit = JOB_STACK_NONE;
    return e;
}

/* The four exclude each other. */
static oxq_err set_failure(struct reader *r, const struct json *v, const char *name, enum job_child_failure *out,
                           enum job_child_failure wanted)
{
    if (json_kind_of(v) != JSON_KIND_BOOL) return wrong(r, name, "true or false");
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

static oxq_err read_fails_parent(struct reader *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_FAILS_PARENT);
}

static oxq_err read_continues_parent(struct reader *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_CONTINUES_PARENT);
}

static oxq_err read_is_ignored(struct reader *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_IS_IGNORED);
}

static oxq_err read_is_removed(struct reader *r, const struct json *v, const char *name, void *out)
{
    return set_failure(r, v, name, out, JOB_CHILD_IS_REMOVED);
}

static const struct option_row option_rows[] = {
    ROW("attempts", OPTION_INTEGER, struct job_options, attempts),
    ROW("delay", OPTION_INTEGER, struct job_options, delay_ms),
    ROW("priority", OPTION_INTEGER, struct job_options, priority),
    ROW("lifo", OPTION_BOOL, struct job_options, lifo),
    ROW("jobId", OPTION_TEXT, struct job_options, job_id),
    ROW("timestamp", OPTION_INTEGER, struct job_options, timestamp_ms),
    ROW_OTHER("backoff", backoff, read_backoff),
    ROW_OTHER("removeOnComplete", on_complete, read_keep),
    ROW_OTHER("removeOnFail", on_fail, read_keep),
    ROW("keepLogs", OPTION_INTEGER, struct job_options, keep_logs),
    ROW("kl", OPTION_INTEGER, struct job_options, keep_logs),
    ROW_OTHER("stackTraceLimit", stack_trace_limit, read_stack_limit),
    ROW("sizeLimit", OPTION_INTEGER, struct job_options, size_limit_bytes),
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
    ROW("prevMillis", OPTION_INTEGER, struct job_options, prev_ms),
    ROW("repeatJobKey", OPTION_TEXT, struct job_options, repeat_job_key),
    ROW("tm", OPTION_TEXT, struct job_options, trace_metadata),
    ROW("omc", OPTION_BOOL, struct job_options, omit_trace_context),
    {"telemetry", OPTION_OTHER, 0, read_telemetry},
    ROWS_END,
};

oxq_err job_options_read(struct slice json, struct arena *arena, struct job_options *out, struct oxq_error *err)
{
    struct reader r = {arena, err};
    struct job_options options = {0};
    struct json *root = NULL;
    if (json.len > 0) {
        oxq_err e = json_read_value(json, &root, err);
        if (!e && json_kind_of(root) != JSON_KIND_MAP) e = err_set(err, OXQ_ERR_FORMAT, "options are a JSON object");
        if (!e) e = read_rows(&r, root, option_rows, &options);
        json_release(root);
        if (e) return e;
    }
    *out = options;
    return OXQ_OK;
}
