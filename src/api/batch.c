/* SPDX-License-Identifier: MIT */
/*
 * Many jobs at once: they are gathered here and go out in one pipeline, in portions that the server can do without keeping others
 * waiting (add_portion). A portion is of one queue: jobs of several queues are sent in the order in which the queues came.
 */
#include "api/span.h"

#include "base/mem.h"
#include "codec/json.h"
#include "jobs/keys.h"

#include <string.h>

struct batch_job {
    struct new_job job;
    struct job_options options;
    size_t portion; /* the request that adds it, and its place there */
    size_t place;
    const char *id; /* NULL: it was not added */
    struct oxq_error error;
};

struct oxq_batch {
    oxq *store; /* borrowed */
    bool is_atomic, was_run;
    struct oxq_error refusal; /* of an atomic batch: why none was added */
    struct arena arena;
    struct batch_job *jobs; /* owned */
    size_t count, cap, failed_count;
};

oxq_err oxq_batch_new(oxq *store, const struct oxq_batch_opts *opts, oxq_batch **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store, out);
    if (e) return e;
    oxq_batch *b = mem_alloc_zero(sizeof(*b));
    b->store = store;
    b->is_atomic = opts && opts->is_atomic;
    *out = b;
    return OXQ_OK;
}

void oxq_batch_free(oxq_batch *batch)
{
    if (!batch) return;
    arena_deinit(&batch->arena);
    mem_free(batch->jobs);
    mem_free(batch);
}

static void begin_anew(oxq_batch *b)
{
    if (!b->was_run) return;
    arena_reset(&b->arena);
    b->count = b->failed_count = 0;
    b->was_run = false;
}

/* The name of a job is part of what is said of it. */
static oxq_err take_in(oxq_batch *batch, oxq_queue *queue, const char *name, const char *data,
                       const struct oxq_job_opts *opts, struct oxq_error *err)
{
    struct arena *a = &batch->arena;
    if (batch->is_atomic && batch->count == OXQ_ATOMIC_JOBS_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "at most %d jobs are added as one", OXQ_ATOMIC_JOBS_MAX);
    struct job_options options = queue->defaults;
    struct slice ignored;
    oxq_err e = queue_read_data(data, &ignored, err);
    if (!e && opts) e = queue_read_options(batch->store, a, opts, &options, err);
    if (e) return e;
    queue_keep_texts(a, &options);
    if (!arena_reserve(a, strlen(name) + (data ? strlen(data) : 0) + 64))
        return err_set(err, OXQ_ERR_MEMORY, "not enough memory for its data");
    struct new_job job = {.name = arena_copy(a, slice_from_text(name)),
                          .data = data ? arena_copy(a, slice_from_text(data)) : SLICE_LIT(""),
                          .options = &options,
                          .queue = queue->prefix};
    e = add_check(&job, store_now_ms(), err);
    if (e) return e;
    if (batch->count == batch->cap) {
        batch->cap = batch->cap ? batch->cap * 2 : 64;
        batch->jobs = mem_resize(batch->jobs, batch->cap * sizeof(*batch->jobs));
    }
    batch->jobs[batch->count++] = (struct batch_job){.job = job, .options = options};
    return OXQ_OK;
}

oxq_err oxq_batch_add(oxq_batch *batch, oxq_queue *queue, const char *name, const char *data,
                      const struct oxq_job_opts *opts, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, batch, queue, name);
    if (e) return e;
    struct oxq_error why = {.code = OXQ_OK};
    begin_anew(batch);
    e = take_in(batch, queue, name, data, opts, &why);
    return e ? err_set(err, e, "job %zu, \"%.40s\": %s", batch->count + 1, name, why.text) : OXQ_OK;
}

size_t oxq_batch_count(const oxq_batch *batch)
{
    return batch ? batch->count : 0;
}

/* ---------------------------------------------------------------- running */

/* Requests of one portion after the other into out; the jobs know their portions. */
static oxq_err make_requests(oxq_batch *b, struct arena *arena, struct client_batch *out, struct oxq_error *err)
{
    struct new_job *jobs = ARENA_ARRAY(arena, struct new_job, b->count);
    for (size_t i = 0; i < b->count; i++) {
        jobs[i] = b->jobs[i].job;
        jobs[i].options = &b->jobs[i].options;
    }
    oxq_err e = OXQ_OK;
    bool is_whole = b->is_atomic && add_may_be_refused(jobs, b->count);
    for (size_t from = 0, portion = 0; !e && from < b->count; portion++) {
        size_t count = is_whole ? b->count : add_portion(jobs + from, b->count - from);
        struct add_batch batch = {.prefix = jobs[from].queue,
                                  .now_ms = store_now_ms(),
                                  .jobs = jobs + from,
                                  .count = count,
                                  .is_whole = is_whole};
        for (size_t i = from; i < from + count; i++) {
            if (slice_equal(jobs[i].queue, batch.prefix)) jobs[i].queue = SLICE_LIT("");
        }
        struct request r;
        e = add_request(arena, &batch, &r, err);
        if (!e) client_batch_add(out, &r.command);
        for (size_t i = 0; i < count; i++) {
            b->jobs[from + i].portion = portion;
            b->jobs[from + i].place = i;
        }
        from += count;
    }
    return e;
}

/* `why`: the run's error. When there was no memory for all requests, none was sent. */
static void read_results(oxq_batch *b, const struct client_batch *replies, const struct oxq_error *why)
{
    bool was_sent = b->jobs[b->count - 1].portion < replies->count;
    for (size_t i = 0; i < b->count; i++) {
        struct batch_job *j = &b->jobs[i];
        j->job.options = &j->options;
        const struct resp_value *reply = was_sent ? client_batch_reply(replies, j->portion) : NULL;
        struct slice id = SLICE_LIT("");
        oxq_err e = reply ? add_result(reply, j->place, &j->job, &id, &j->error)
                    : was_sent
                        ? err_set(&j->error, OXQ_ERR_UNCERTAIN, "the answer was lost: the job may have been added")
                        : err_set(&j->error, why->code, "%s", why->text);
        j->id = e ? NULL : arena_copy_text(&b->arena, id);
        b->failed_count += e != OXQ_OK;
        if (b->is_atomic && e && e != OXQ_ERR_CANCELLED && !b->refusal.code)
            err_set(&b->refusal, e, "job %zu, \"%.*s\": %s", i + 1, (int)(j->job.name.len < 40 ? j->job.name.len : 40),
                    j->job.name.at, j->error.text);
    }
}

/* The jobs' queue; empty: there are several. */
static const char *name_queue(const oxq_batch *b, struct arena *arena)
{
    struct slice prefix = b->jobs[0].job.queue;
    for (size_t i = 1; i < b->count; i++) {
        if (!slice_equal(b->jobs[i].job.queue, prefix)) return "";
    }
    return arena_copy_text(arena, keys_queue(prefix));
}

static void begin_span(oxq_batch *b, struct span *span)
{
    span_begin(span, b->store,
               &(struct span_start){.kind = OXQ_SPAN_PRODUCER,
                                    .operation = "addBulk",
                                    .queue = name_queue(b, &b->arena),
                                    .attributes = {{.key = "bullmq.job.bulk.count", .number = (int64_t)b->count}}});
    /* The jobs have it after the span's end, too. */
    if (span->context) span->context = arena_copy_text(&b->arena, slice_from_text(span->context));
    for (size_t i = 0; i < b->count; i++)
        b->jobs[i].options.trace_metadata = span_job_context(span, &b->jobs[i].options);
}

oxq_err oxq_batch_run(oxq_batch *batch, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, batch);
    if (e) return e;
    struct arena arena = {0};
    struct client_batch requests = {.is_atomic = batch->is_atomic};
    batch->failed_count = 0;
    batch->refusal.code = OXQ_OK;
    struct oxq_error why = {.code = OXQ_OK};
    struct span span = {0};
    if (batch->store->telemetry && batch->count > 0) begin_span(batch, &span);
    e = make_requests(batch, &arena, &requests, &why);
    if (!e && batch->count > 0) {
        e = client_batch_run(batch->store->client, &requests, 0, &why);
        read_results(batch, &requests, &why);
        if (!e && batch->refusal.code) {
            e = batch->refusal.code;
            why = batch->refusal;
        }
    }
    e = span_end_call(&span, e, &why, NULL, err);
    batch->was_run = true;
    client_batch_deinit(&requests);
    arena_deinit(&arena);
    return e;
}

const char *oxq_batch_id(const oxq_batch *batch, size_t i)
{
    return batch && i < batch->count ? batch->jobs[i].id : NULL;
}

oxq_err oxq_batch_error(const oxq_batch *batch, size_t i, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, batch);
    if (e) return e;
    if (i >= batch->count) return err_set(err, OXQ_ERR_ARGUMENT, "the batch has %zu jobs", batch->count);
    if (batch->jobs[i].id || !batch->was_run) return OXQ_OK;
    return err_set(err, batch->jobs[i].error.code, "%s", batch->jobs[i].error.text);
}

size_t oxq_batch_failed_count(const oxq_batch *batch)
{
    return batch ? batch->failed_count : 0;
}
