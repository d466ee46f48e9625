/* SPDX-License-Identifier: MIT */
#include "api/span.h"

#include "base/mem.h"
#include "jobs/keys.h"

#include <string.h>

/* ---------------------------------------------------------------- options */

void args_refuse(const char *function, const char *names, size_t i, struct oxq_error *err)
{
    for (; i > 0; i--) names += strcspn(names, ",") + strlen(", ");
    (void)err_set(err, OXQ_ERR_ARGUMENT, "%s: %.*s is NULL", function, (int)strcspn(names, ","), names);
}

oxq_err queue_check_id(const char *id, struct oxq_error *err)
{
    if (!keys_is_own_name(slice_from_text(id))) return OXQ_OK;
    return err_set(err, OXQ_ERR_NOT_FOUND,
                   "job %s: there is no such job; under this name the queue keeps something of its own", id);
}

oxq_err queue_read_data(const char *data, struct slice *out, struct oxq_error *err)
{
    *out = data ? slice_from_text(data) : SLICE_LIT("");
    if (!data || data[0]) return OXQ_OK;
    return err_set(err, OXQ_ERR_FORMAT,
                   "the data is not JSON: it is empty; NULL stands for {}, and \"\" is an empty text");
}

static struct slice text_or_empty(const char *text)
{
    return text ? slice_from_text(text) : SLICE_LIT("");
}

struct job_keep queue_read_keep(const struct oxq_keep *k)
{
    static const enum job_keep_kind kinds[] = {
        [OXQ_KEEP_DEFAULT] = JOB_KEEP_DEFAULT,
        [OXQ_KEEP_ALL] = JOB_KEEP_ALL,
        [OXQ_KEEP_NONE] = JOB_KEEP_NONE,
        [OXQ_KEEP_SOME] = JOB_KEEP_SOME,
    };
    return (struct job_keep){.kind = kinds[k->kind],
                             .has_count = k->count > 0,
                             .has_age = k->age_s > 0,
                             .has_limit = k->limit > 0,
                             .count = k->count,
                             .age_s = k->age_s,
                             .limit = k->limit};
}

oxq_err queue_check_keep(const struct oxq_keep *k, const char *name, struct oxq_error *err)
{
    if ((unsigned)k->kind > OXQ_KEEP_SOME || k->count < 0 || k->age_s < 0 || k->limit < 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "%s: a kind of enum oxq_keep_kind, and numbers from 0 on", name);
    if (k->kind != OXQ_KEEP_SOME && (k->count > 0 || k->age_s > 0 || k->limit > 0))
        return err_set(err, OXQ_ERR_ARGUMENT, "%s: count, age_s and limit are of the kind OXQ_KEEP_SOME", name);
    return OXQ_OK;
}

static oxq_err check_deduplication(const struct oxq_deduplication *d, struct oxq_error *err)
{
    if (d->id && !d->id[0])
        return err_set(err, OXQ_ERR_ARGUMENT, "the deduplication id is empty; NULL stands for none");
    if (d->replace && d->reschedule)
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "deduplication: either replace, the newer job, or reschedule, the first one");
    return OXQ_OK;
}

static oxq_err read_parent(const oxq *store, struct arena *arena, const struct oxq_job_opts *o, struct job_parent *out,
                           struct oxq_error *err)
{
    if (!o->parent_id && !o->parent_queue) return OXQ_OK;
    if (!o->parent_id || !o->parent_queue)
        return err_set(err, OXQ_ERR_ARGUMENT, "a parent is named by both parent_queue and parent_id");
    struct slice prefix;
    oxq_err e = keys_prefix(arena, store->prefix, slice_from_text(o->parent_queue), &prefix, err);
    if (!e) *out = (struct job_parent){.id = slice_from_text(o->parent_id), .queue = keys_qualified(prefix)};
    return e;
}

oxq_err queue_read_options(const oxq *store, struct arena *arena, const struct oxq_job_opts *opts,
                           struct job_options *out, struct oxq_error *err)
{
    static const enum job_child_failure failures[] = {
        [OXQ_CHILD_DEFAULT] = JOB_CHILD_DEFAULT,
        [OXQ_CHILD_FAILS_PARENT] = JOB_CHILD_FAILS_PARENT,
        [OXQ_CHILD_CONTINUES_PARENT] = JOB_CHILD_CONTINUES_PARENT,
        [OXQ_CHILD_IS_IGNORED] = JOB_CHILD_IS_IGNORED,
        [OXQ_CHILD_IS_REMOVED] = JOB_CHILD_IS_REMOVED,
    };
    oxq_err e = queue_check_keep(&opts->on_complete, "on_complete", err);
    if (!e) e = queue_check_keep(&opts->on_fail, "on_fail", err);
    if (!e) e = check_deduplication(&opts->deduplication, err);
    if (e) return e;
    if ((unsigned)opts->on_failure > OXQ_CHILD_IS_REMOVED)
        return err_set(err, OXQ_ERR_ARGUMENT, "on_failure: one of enum oxq_child_failure");
    *out = (struct job_options){
        .delay_ms = opts->delay_ms,
        .priority = opts->priority,
        .lifo = opts->lifo,
        .attempts = opts->attempts,
        .backoff = {text_or_empty(opts->backoff.type), opts->backoff.delay_ms, opts->backoff.jitter},
        .on_complete = queue_read_keep(&opts->on_complete),
        .on_fail = queue_read_keep(&opts->on_fail),
        .keep_logs = opts->keep_logs,
        .stack_trace_limit = opts->stack_trace_limit,
        .size_limit_bytes = opts->size_limit_bytes,
        .timestamp_ms = opts->timestamp_ms,
        .job_id = text_or_empty(opts->job_id),
        .deduplication = {.id = text_or_empty(opts->deduplication.id),
                          .ttl_ms = opts->deduplication.ttl_ms,
                          .extend = opts->deduplication.extend,
                          .replace = opts->deduplication.replace,
                          .keep_last_if_active = opts->deduplication.keep_last_if_active,
                          .reschedule = opts->deduplication.reschedule},
        .on_failure = failures[opts->on_failure],
        .trace_metadata = text_or_empty(opts->trace_metadata),
        .omit_trace_context = opts->omit_trace_context,
    };
    return read_parent(store, arena, opts, &out->parent, err);
}

/* ---------------------------------------------------------------- open and close */

void queue_keep_texts(struct arena *a, struct job_options *o)
{
    struct slice *texts[] = {&o->backoff.type, &o->job_id,       &o->deduplication.id,
                             &o->parent.id,    &o->parent.queue, &o->trace_metadata};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) *texts[i] = arena_copy(a, *texts[i]);
}

oxq_err oxq_queue_open(oxq *store, const char *name, const struct oxq_queue_opts *opts, oxq_queue **out,
                       struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store, name, out);
    if (e) return e;
    oxq_queue *q = mem_alloc_zero(sizeof(*q));
    q->store = store;
    q->client = store->client;
    lock_init(&q->adding);
    link_init(&q->adders);
    e = keys_prefix(&q->arena, store->prefix, slice_from_text(name), &q->prefix, err);
    if (!e && opts && opts->job_defaults)
        e = queue_read_options(store, &q->arena, opts->job_defaults, &q->defaults, err);
    if (!e && opts && opts->events_max < 0) e = err_set(err, OXQ_ERR_ARGUMENT, "events_max: a number from 0 on");
    if (e) {
        oxq_queue_close(q);
        return e;
    }
    queue_keep_texts(&q->arena, &q->defaults);
    q->events_max = opts ? opts->events_max : 0;
    size_t bytes = strlen(name) + 1;
    q->name = memcpy(mem_alloc(bytes), name, bytes);
    *out = q;
    return OXQ_OK;
}

void oxq_queue_close(oxq_queue *queue)
{
    if (!queue) return;
    lock_deinit(&queue->adding);
    arena_deinit(&queue->arena);
    mem_free(queue->name);
    mem_free(queue);
}

const char *oxq_queue_name(const oxq_queue *queue)
{
    return queue ? queue->name : NULL;
}

/* ---------------------------------------------------------------- adding one */

static oxq_err add_traced(oxq_queue *q, const struct new_job *job, const char *name, char *out_id,
                          struct oxq_error *err)
{
    char id[OXQ_ID_MAX];
    struct oxq_error why;
    struct span span;
    struct job_options options = *job->options;
    struct new_job traced = *job;
    span_begin(&span, q->store,
               &(struct span_start){.kind = OXQ_SPAN_PRODUCER,
                                    .operation = "add",
                                    .queue = q->name,
                                    .job = name,
                                    .attributes = {{.key = "bullmq.job.name", .text = name}}});
    options.trace_metadata = span_job_context(&span, &options);
    traced.options = &options;
    oxq_err e = span_end_call(&span, queue_add(q, &traced, id, &why), &why, id, err);
    if (!e && out_id) store_copy_id(slice_from_text(id), out_id);
    return e;
}

oxq_err oxq_queue_add(oxq_queue *queue, const char *name, const char *data, const struct oxq_job_opts *opts,
                      char out_id[OXQ_ID_MAX], struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, name);
    if (e) return e;
    struct arena arena = {0};
    struct job_options options;
    struct new_job job = {.options = opts ? &options : &queue->defaults};
    job.name = slice_from_text(name);
    e = queue_read_data(data, &job.data, err);
    if (!e && opts) e = queue_read_options(queue->store, &arena, opts, &options, err);
    if (!e && queue->store->telemetry)
        e = add_traced(queue, &job, name, out_id, err);
    else if (!e)
        e = queue_add(queue, &job, out_id, err);
    arena_deinit(&arena);
    return e;
}

/* ---------------------------------------------------------------- one job */

oxq_err oxq_queue_get(oxq_queue *queue, const char *id, oxq_job **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "HGETALL");
    request_put(&r, keys_join(&arena, queue->prefix, slice_from_text(id)));
    r.command.is_idempotent = true;
    e = client_call(queue->client, &r.command, 0, &reply, err);
    if (!e && !job_is_damaged(&reply.value)) e = client_reply_check(&reply.value, err);
    if (!e) e = job_new_from_reply(queue->name, &reply.value, slice_from_text(id), out, err);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}
