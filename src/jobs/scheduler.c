/* SPDX-License-Identifier: MIT */
/*
 * When a pattern runs next is computed here, because no server knows cron; with `every` the transition does it, because it depends on the
 * run before. Options of a run are those of the template, or of the run before, with what is told of the repetition anew; its delay
 * and its id come from the transition, which puts them at the end of the text.
 */
#include "jobs/scheduler.h"

#include "codec/json_writer.h"
#include "codec/mpack.h"

#define SCHEDULER_TEXT_BYTES_MAX ((size_t)1 << 20)

static const struct job_options no_options = {0};

static int shown(struct slice s)
{
    return s.len < 80 ? (int)s.len : 80;
}

/* ---------------------------------------------------------------- times */

/* The user's own idea of it, within the schedule. */
static oxq_err ask_strategy(const struct job_repeat *r, const struct scheduler_context *context, struct slice name,
                            int64_t after_ms, int64_t *out_ms, struct oxq_error *err)
{
    int64_t next_ms =
        context->strategy(context->strategy_ctx, r, name, r->start_ms > after_ms ? r->start_ms : after_ms);
    if (next_ms > JOB_TIME_MAX_MS)
        return err_set(err, OXQ_ERR_ARGUMENT, "pattern \"%.*s\": its next run, %lld, is no time in milliseconds",
                       shown(r->pattern), r->pattern.at, (long long)next_ms);
    bool is_over = next_ms <= 0 || (r->end_ms > 0 && next_ms > r->end_ms);
    *out_ms = is_over ? 0 : next_ms < context->now_ms ? context->now_ms : next_ms;
    return OXQ_OK;
}

/* *out_ms is 0 when the pattern runs no more. */
static oxq_err find_next(const struct job_repeat *r, const struct scheduler_context *context, struct slice name,
                         int64_t after_ms, int64_t *out_ms, struct oxq_error *err)
{
    if (context->strategy) return ask_strategy(r, context, name, after_ms, out_ms, err);
    struct cron cron;
    const struct zone *zone;
    oxq_err e = cron_parse(r->pattern, &cron, err);
    if (!e) e = context->zone(context->zone_ctx, r->tz, &zone, err);
    if (e) return e;
    if (r->start_ms > after_ms) after_ms = r->start_ms;
    struct cron_span span = {r->start_ms, r->end_ms};
    int64_t next_ms = 0;
    e = cron_next(&cron, zone, span, after_ms, &next_ms, err);
    if (e && e != OXQ_ERR_NOT_FOUND) return e;
    *out_ms = e ? 0 : next_ms;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- options of a run */

struct run {
    struct job_repeat repeat;
    int64_t now_ms;
    int64_t next_ms; /* 0: with `every` */
    struct slice scheduler_id;
};

/* What each run says anew, up to where the transition goes on. */
static void write_repetition(struct json_writer *w, const struct run *run)
{
    const struct job_repeat *r = &run->repeat;
    json_write_some_integer(w, "timestamp", run->now_ms);
    json_write_some_integer(w, "prevMillis", run->next_ms);
    json_write_some_text(w, "repeatJobKey", run->scheduler_id);
    json_write_name(w, "repeat");
    json_write_open(w, '{');
    json_write_some_text(w, "pattern", r->pattern);
    json_write_some_text(w, "tz", r->tz);
    json_write_some_integer(w, "every", r->every_ms);
    if (r->every_ms > 0) json_write_some_integer(w, "offset", r->offset_ms);
    json_write_some_integer(w, "limit", r->limit);
    json_write_some_integer(w, "count", r->count);
    json_write_some_integer(w, "startDate", r->start_ms);
    json_write_some_integer(w, "endDate", r->end_ms);
    json_write_close(w, '}');
}

static bool is_one_of(struct slice name, const char *const *names)
{
    for (; *names; names++) {
        if (slice_equal(name, slice_from_text(*names))) return true;
    }
    return false;
}

/* The members of the options of the run before, but for those that each run says anew. */
static void write_kept(struct json_writer *w, const struct json *options)
{
    static const char *const anew[] = {"delay", "jobId", "timestamp", "prevMillis", "repeatJobKey", "repeat", NULL};
    struct slice name;
    const struct json *value;
    if (!json_member(options, "attempts")) {
        json_write_name(w, "attempts");
        json_write_integer(w, 0);
    }
    for (void *place = NULL; json_next_member(options, &place, &name, &value);) {
        if (is_one_of(name, anew)) continue;
        json_write_name_slice(w, name);
        json_write_value(w, value);
    }
}

/* ---------------------------------------------------------------- what else the transition needs */

static oxq_err put_number(struct buf *out, const char *name, int64_t n)
{
    if (n == 0) return OXQ_OK;
    oxq_err e = mpack_put_text(out, slice_from_text(name));
    return e ? e : mpack_put_integer(out, n);
}

static oxq_err put_text(struct buf *out, const char *name, struct slice text)
{
    if (text.len == 0) return OXQ_OK;
    oxq_err e = mpack_put_text(out, slice_from_text(name));
    return e ? e : mpack_put_text(out, text);
}

static oxq_err put_placing(struct buf *out, const struct job_options *o)
{
    oxq_err e = put_number(out, "priority", o->priority);
    if (!e && o->lifo) e = mpack_put_text(out, SLICE_LIT("lifo"));
    if (!e && o->lifo) e = mpack_put_bool(out, true);
    return e ? e : put_text(out, "de", o->deduplication.id);
}

static uint32_t count_placing(const struct job_options *o)
{
    return (uint32_t)((o->priority != 0) + o->lifo + (o->deduplication.id.len > 0));
}

static oxq_err put_repeat(struct buf *out, const struct job_repeat *r, const struct job_options *o)
{
    oxq_err e = mpack_put_map(out, count_placing(o) + (r->every_ms != 0) + (r->pattern.len > 0) + (r->tz.len > 0) +
                                       (r->limit != 0) + (r->start_ms != 0) + (r->end_ms != 0) + (r->offset_ms != 0));
    if (!e) e = put_number(out, "every", r->every_ms);
    if (!e) e = put_text(out, "pattern", r->pattern);
    if (!e) e = put_text(out, "tz", r->tz);
    if (!e) e = put_number(out, "limit", r->limit);
    if (!e) e = put_number(out, "startDate", r->start_ms);
    if (!e) e = put_number(out, "endDate", r->end_ms);
    if (!e) e = put_number(out, "offset", r->offset_ms);
    return e ? e : put_placing(out, o);
}

static void put_time(struct request *r, int64_t next_ms)
{
    if (next_ms > 0) {
        request_put_int(r, next_ms);
    } else {
        request_put_text(r, "");
    }
}

/* ---------------------------------------------------------------- making and changing */

/* A longer number is one with an exponent when a script writes it down. */
#define NUMBER_MAX INT64_C(99999999999999)

static oxq_err check_repeat(const struct job_repeat *r, bool immediately, int64_t now_ms, struct oxq_error *err)
{
    if ((r->pattern.len > 0) == (r->every_ms != 0)) {
        return err_set(err, OXQ_ERR_ARGUMENT, "a scheduler has either a cron pattern or `every`, in ms");
    }
    if (r->every_ms < 0 || r->offset_ms < 0 || r->limit < 0 || r->start_ms < 0 || r->end_ms < 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "every, offset, limit, start and end are above 0");
    }
    if (r->every_ms > JOB_TIME_MAX_MS - now_ms || r->start_ms > JOB_TIME_MAX_MS) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "every %lld, start %lld: times are milliseconds, and a job is due before September 2039",
                       (long long)r->every_ms, (long long)r->start_ms);
    }
    if (r->limit > NUMBER_MAX || r->end_ms > NUMBER_MAX || r->offset_ms > NUMBER_MAX) {
        return err_set(err, OXQ_ERR_ARGUMENT, "offset, limit and end are at most %lld: leave out what is none",
                       (long long)NUMBER_MAX);
    }
    if (r->pattern.len > 0 && r->offset_ms > 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "an offset goes with `every`; write it into the cron pattern's fields");
    }
    if (immediately && (r->start_ms > 0 || r->every_ms > 0)) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "immediately goes with a pattern and without a start; `every` begins at once anyway");
    }
    if (r->end_ms > 0 && r->end_ms < now_ms)
        return err_set(err, OXQ_ERR_ARGUMENT, "the end has passed; leave it out for none");
    return OXQ_OK;
}

static oxq_err check_spec(const struct scheduler_spec *spec, int64_t now_ms, struct oxq_error *err)
{
    struct oxq_error why = {0};
    const struct job_options *o = spec->options ? spec->options : &no_options;
    if (spec->id.len == 0 || spec->id.len > SCHEDULER_ID_BYTES_MAX || !json_is_utf8(spec->id) ||
        !json_is_utf8(spec->name)) {
        return err_set(err, OXQ_ERR_ARGUMENT, "a scheduler's id has 1 .. %d bytes, and it and the name are UTF-8",
                       SCHEDULER_ID_BYTES_MAX);
    }
    if (spec->data.len > 0 && json_check(spec->data, &why))
        return err_set(err, OXQ_ERR_FORMAT, "the data is not JSON: %s", why.text);
    if (o->delay_ms || o->job_id.len > 0 || o->timestamp_ms || o->deduplication.id.len > 0 || o->parent.id.len > 0) {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "a scheduler's jobs have no delay, jobId, timestamp, deduplication or parent of their own");
    }
    oxq_err e = job_options_check(o, spec->data.len, err);
    return e ? e : check_repeat(&spec->repeat, spec->immediately, now_ms, err);
}

static oxq_err find_first(const struct scheduler_spec *spec, const struct scheduler_context *context, int64_t *out_ms,
                          struct oxq_error *err)
{
    *out_ms = 0;
    if (spec->repeat.every_ms > 0) return OXQ_OK;
    int64_t next_ms = 0;
    oxq_err e =
        find_next(&spec->repeat, context, spec->name.len > 0 ? spec->name : spec->id, context->now_ms, &next_ms, err);
    if (e) return e;
    if (spec->immediately) next_ms = context->now_ms;
    if (next_ms == 0) {
        return err_set(err, OXQ_ERR_ARGUMENT, "pattern \"%.*s\": it does not run before the end",
                       shown(spec->repeat.pattern), spec->repeat.pattern.at);
    }
    *out_ms = next_ms;
    return OXQ_OK;
}

/* The template's members, then those that are not in it, and the repetition's. */
static oxq_err write_first_run(struct slice template, const struct run *run, struct slice trace_metadata,
                               struct buf *out)
{
    oxq_err e = buf_append(out, slice_of(template.at, template.len - 1));
    struct json_writer w = {.out = out, .error = e, .needs_comma = template.len > 2};
    json_write_some_text(&w, "tm", trace_metadata);
    write_repetition(&w, run);
    return w.error;
}

oxq_err scheduler_upsert_request(struct arena *arena, const struct scheduler_context *context,
                                 const struct scheduler_spec *spec, struct request *out, struct oxq_error *err)
{
    const struct job_options *o = spec->options ? spec->options : &no_options;
    struct run run = {.repeat = spec->repeat, .now_ms = context->now_ms, .scheduler_id = spec->id};
    run.repeat.count = 1;
    struct oxq_error why = {0};
    oxq_err e = check_spec(spec, context->now_ms, &why);
    if (!e) e = find_first(spec, context, &run.next_ms, &why);
    if (e) return err_set(err, e, "scheduler %.*s: %s", shown(spec->id), spec->id.at ? spec->id.at : "", why.text);

    OWNED(buf_deinit) struct buf template = {.limit_bytes = SCHEDULER_TEXT_BYTES_MAX};
    OWNED(buf_deinit) struct buf options = {.limit_bytes = SCHEDULER_TEXT_BYTES_MAX};
    OWNED(buf_deinit) struct buf more = {.limit_bytes = SCHEDULER_TEXT_BYTES_MAX};
    e = job_options_write_template(o, &template);
    struct slice trace = o->trace_metadata.len > 0 || o->omit_trace_context ? SLICE_LIT("") : spec->trace_metadata;
    if (!e) e = write_first_run(buf_borrow(&template), &run, trace, &options);
    if (!e) e = put_repeat(&more, &spec->repeat, o);
    if (e) return err_set(err, e, "scheduler %.*s: its options are too long", shown(spec->id), spec->id.at);

    request_begin(out, arena, &transition_upsert_scheduler, context->prefix);
    request_put_int(out, context->now_ms);
    request_put(out, spec->id);
    put_time(out, run.next_ms);
    request_put(out, spec->name.len > 0 ? spec->name : spec->id);
    request_put(out, spec->data.len > 0 ? spec->data : SLICE_LIT("{}"));
    request_put(out, arena_copy(arena, buf_borrow(&template)));
    request_put(out, arena_copy(arena, buf_borrow(&options)));
    request_put(out, arena_copy(arena, buf_borrow(&more)));
    return OXQ_OK;
}

oxq_err scheduler_result(const struct resp_value *reply, struct slice *out_id, int64_t *out_delay_ms,
                         struct oxq_error *err)
{
    oxq_err e = request_check(reply, "schedule", SLICE_LIT("jobs"), err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count != 2) {
        return err_set(err, OXQ_ERR_SERVER, "schedule jobs: the server's answer has another form");
    }
    *out_id = reply->items[0].text;
    *out_delay_ms = reply->items[1].integer;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- the next run */

static oxq_err write_next_run(struct slice options, const struct run *run, struct buf *out, struct oxq_error *err)
{
    struct json *tree = NULL;
    oxq_err e = options.len > 0 ? json_read_value(options, &tree, err) : OXQ_OK;
    if (e) return e;
    struct json_writer w = {.out = out};
    json_write_open(&w, '{');
    write_kept(&w, tree);
    write_repetition(&w, run);
    json_release(tree);
    return w.error;
}

oxq_err scheduler_next_request(struct arena *arena, const struct scheduler_context *context, const struct job *job,
                               bool *out_is_due, struct request *out, struct oxq_error *err)
{
    struct job_options o;
    oxq_err e = job_options_read(job->opts, arena, &o, err);
    if (e) return e;
    struct run run = {.repeat = o.repeat, .now_ms = context->now_ms, .scheduler_id = job->repeat_job_key};
    run.repeat.count++;
    *out_is_due = false;
    if (o.repeat.limit > 0 && run.repeat.count > o.repeat.limit) return OXQ_OK;
    if (o.repeat.end_ms > 0 && context->now_ms > o.repeat.end_ms) return OXQ_OK;
    if (o.repeat.pattern.len > 0) {
        int64_t after_ms = o.prev_ms > context->now_ms ? o.prev_ms : context->now_ms;
        e = find_next(&o.repeat, context, job->name, after_ms, &run.next_ms, err);
        if (e || run.next_ms == 0) return e;
    } else if (o.repeat.every_ms == 0) {
        return OXQ_OK;
    }

    OWNED(buf_deinit) struct buf options = {.limit_bytes = SCHEDULER_TEXT_BYTES_MAX};
    OWNED(buf_deinit) struct buf more = {.limit_bytes = SCHEDULER_TEXT_BYTES_MAX};
    e = write_next_run(job->opts, &run, &options, err);
    if (!e) e = put_repeat(&more, &o.repeat, &o);
    if (e) return e;
    request_begin(out, arena, &transition_next_run, context->prefix);
    /* Once it was done the scheduler is past this job. */
    out->command.is_idempotent = true;
    request_put_int(out, context->now_ms);
    request_put(out, job->repeat_job_key);
    request_put(out, job->id);
    put_time(out, run.next_ms);
    request_put(out, arena_copy(arena, buf_borrow(&options)));
    request_put(out, arena_copy(arena, buf_borrow(&more)));
    *out_is_due = true;
    return OXQ_OK;
}
