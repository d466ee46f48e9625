/* SPDX-License-Identifier: MIT */
/*
 * Schedulers of a queue, and the zones of their patterns. A zone is read once by a process and stays: there are some four hundred, and
 * a pointer to one may be anywhere.
 */
#include "jobs/scheduler.h"

#include "api/span.h"
#include "base/mem.h"
#include "os/file.h"
#include "os/thread.h"
#include "os/zonefile.h"

#include <stdlib.h>
#include <string.h>

#define LOCALTIME "/etc/localtime"

struct kept_zone {
    struct kept_zone *next;
    char name[ZONEFILE_NAME_MAX_BYTES];
    struct zone zone;
};

static struct lock zones_lock = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
static struct kept_zone *zones; /* owned by the process */

static const struct zone *find_kept(struct slice name)
{
    for (const struct kept_zone *z = zones; z; z = z->next) {
        if (slice_equal(name, slice_from_text(z->name))) return &z->zone;
    }
    return NULL;
}

/* The machine's own zone has no name: TZ says one, or else /etc/localtime has its bytes. */
static oxq_err read_zone(struct slice name, struct zone *out, struct oxq_error *err)
{
    const char *of_machine = name.len == 0 ? getenv("TZ") : NULL;
    if (of_machine && of_machine[0]) name = slice_from_text(of_machine[0] == ':' ? of_machine + 1 : of_machine);
    if (name.len > 0 && zone_from_name(name, out)) return OXQ_OK;
    struct buf bytes = {.limit_bytes = ZONEFILE_MAX_BYTES};
    oxq_err e = name.len > 0 ? zonefile_read(name, &bytes, err) : file_read(LOCALTIME, &bytes, err);
    if (!e) e = zone_parse(buf_borrow(&bytes), out, err);
    buf_deinit(&bytes);
    /* A machine that says nothing has UTC. */
    if (e == OXQ_ERR_NOT_FOUND && name.len == 0) {
        *out = (struct zone){.first_offset_s = 0};
    }
    return e;
}

static oxq_err find_zone(void *ctx, struct slice name, const struct zone **out, struct oxq_error *err)
{
    (void)ctx;
    if (name.len >= ZONEFILE_NAME_MAX_BYTES)
        return err_set(err, OXQ_ERR_ARGUMENT, "no time zone has a name as long as %.*s", 64, name.at);
    lock_enter(&zones_lock);
    const struct zone *found = find_kept(name);
    oxq_err e = OXQ_OK;
    if (!found) {
        struct kept_zone *z = mem_alloc_zero(sizeof(*z));
        e = read_zone(name, &z->zone, err);
        if (e) {
            mem_free(z);
        } else {
            memcpy(z->name, name.at, name.len);
            z->next = zones;
            zones = z;
            found = &z->zone;
        }
    }
    lock_leave(&zones_lock);
    if (!e) *out = found;
    return e;
}

/* ---------------------------------------------------------------- when there is a run */

static int64_t ask_program(void *ctx, const struct job_repeat *repeat, struct slice name, int64_t after_ms)
{
    const oxq *store = ctx;
    struct arena arena = {0};
    const char *tz = repeat->tz.len > 0 ? arena_copy_text(&arena, repeat->tz) : NULL;
    int64_t next_ms = store->on_repeat(store->on_repeat_ctx, arena_copy_text(&arena, repeat->pattern), tz,
                                       arena_copy_text(&arena, name), after_ms);
    arena_deinit(&arena);
    return next_ms;
}

struct scheduler_context store_scheduling(oxq *store, struct slice prefix)
{
    return (struct scheduler_context){.prefix = prefix,
                                      .now_ms = store_now_ms(),
                                      .zone = find_zone,
                                      .strategy = store->on_repeat ? ask_program : NULL,
                                      .strategy_ctx = store};
}

/* ---------------------------------------------------------------- making and removing */

static oxq_err read_spec(const char *id, const struct oxq_schedule *s, struct scheduler_spec *out,
                         struct oxq_error *err)
{
    if (s->limit < 0 || s->every_ms < 0 || s->start_ms < 0 || s->end_ms < 0)
        return err_set(err, OXQ_ERR_ARGUMENT, "times and numbers of a schedule are from 0 on");
    *out = (struct scheduler_spec){
        .id = slice_from_text(id),
        .repeat = {.pattern = s->pattern ? slice_from_text(s->pattern) : SLICE_LIT(""),
                   .tz = s->tz ? slice_from_text(s->tz) : SLICE_LIT(""),
                   .every_ms = s->every_ms,
                   .limit = s->limit,
                   .start_ms = s->start_ms,
                   .end_ms = s->end_ms,
                   .offset_ms = s->offset_ms},
        .immediately = s->immediately,
    };
    return OXQ_OK;
}

static oxq_err make_upsert(oxq_queue *q, struct arena *arena, struct scheduler_spec *spec,
                           const struct oxq_job_template *job, struct request *out, struct oxq_error *err)
{
    struct scheduler_context context = store_scheduling(q->store, q->prefix);
    struct job_options options;
    spec->options = &q->defaults;
    if (job && job->opts) {
        oxq_err e = queue_read_options(q->store, arena, job->opts, &options, err);
        if (e) return e;
        spec->options = &options;
    }
    spec->name = job && job->name ? slice_from_text(job->name) : SLICE_LIT("");
    spec->data = job && job->data ? slice_from_text(job->data) : SLICE_LIT("");
    oxq_err e = scheduler_upsert_request(arena, &context, spec, out, err);
    if (e != OXQ_ERR_NOT_FOUND) return e;
    /* The zone: it is the caller who named it. */
    if (err) err->code = OXQ_ERR_ARGUMENT;
    return OXQ_ERR_ARGUMENT;
}

static oxq_err upsert(oxq_queue *queue, struct scheduler_spec *spec, const struct oxq_job_template *job,
                      char out_job_id[OXQ_ID_MAX], struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    struct slice job_id = SLICE_LIT("");
    int64_t delay_ms;
    oxq_err e = make_upsert(queue, &arena, spec, job, &r, err);
    if (!e) e = client_call(queue->client, &r.command, 0, &reply, err);
    if (!e) e = scheduler_result(&reply.value, &job_id, &delay_ms, err);
    if (!e) store_copy_id(job_id, out_job_id);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_scheduler_upsert(oxq_queue *queue, const char *id, const struct oxq_schedule *schedule,
                             const struct oxq_job_template *job, char out_job_id[OXQ_ID_MAX], struct oxq_error *err)
{
    struct scheduler_spec spec;
    struct span span;
    oxq_err e = ARGS_CHECK(err, queue, id, schedule);
    if (!e) e = read_spec(id, schedule, &spec, err);
    if (e) return e;
    char job_id[OXQ_ID_MAX];
    struct oxq_error why;
    span_begin(&span, queue->store,
               &(struct span_start){.kind = OXQ_SPAN_PRODUCER,
                                    .operation = "add",
                                    .queue = queue->name,
                                    .job = job && job->name ? job->name : id,
                                    .attributes = {{.key = "bullmq.job.scheduler.id", .text = id}}});
    if (span.context) spec.trace_metadata = slice_from_text(span.context);
    e = span_end_call(&span, upsert(queue, &spec, job, job_id, &why), &why, job_id, err);
    if (!e && out_job_id) store_copy_id(slice_from_text(job_id), out_job_id);
    return e;
}

oxq_err oxq_scheduler_remove(oxq_queue *queue, const char *id, bool *out_was_there, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (e) return e;
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    scheduler_remove_request(&arena, queue->prefix, slice_from_text(id), &r);
    e = client_call(queue->client, &r.command, 0, &reply, err);
    if (!e) e = client_reply_check(&reply.value, err);
    if (!e && out_was_there) *out_was_there = reply.value.integer == 1;
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

/* ---------------------------------------------------------------- listing */

struct oxq_schedulers {
    struct arena arena;
    struct oxq_scheduler *items; /* owned */
    size_t count, cap;
};

size_t oxq_schedulers_count(const oxq_schedulers *list)
{
    return list ? list->count : 0;
}

const struct oxq_scheduler *oxq_schedulers_at(const oxq_schedulers *list, size_t i)
{
    return list && i < list->count ? &list->items[i] : NULL;
}

void oxq_schedulers_free(oxq_schedulers *list)
{
    if (!list) return;
    arena_deinit(&list->arena);
    mem_free(list->items);
    mem_free(list);
}

static const char *copy_or_null(struct arena *a, struct slice text)
{
    return text.len > 0 ? arena_copy_text(a, text) : NULL;
}

static void put_scheduler(oxq_schedulers *list, const struct scheduler *from)
{
    struct arena *a = &list->arena;
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->items = mem_resize(list->items, list->cap * sizeof(*list->items));
    }
    list->items[list->count++] = (struct oxq_scheduler){
        .id = arena_copy_text(a, from->id),
        .name = arena_copy_text(a, from->name.len > 0 ? from->name : from->id),
        .pattern = copy_or_null(a, from->repeat.pattern),
        .tz = copy_or_null(a, from->repeat.tz),
        .data = copy_or_null(a, from->data),
        .opts = copy_or_null(a, from->opts),
        .every_ms = from->repeat.every_ms,
        .next_ms = from->next_ms,
        .runs_count = from->iterations,
        .limit = from->repeat.limit,
        .start_ms = from->repeat.start_ms,
        .end_ms = from->repeat.end_ms,
        .offset_ms = from->repeat.offset_ms,
    };
}

/* One request and what it gives, appended. */
static oxq_err read_some(oxq_queue *q, const struct request *r, oxq_schedulers *list, size_t *out_count,
                         struct oxq_error *err)
{
    struct client_reply reply = {0};
    struct scheduler s;
    oxq_err e = client_call(q->client, &r->command, 0, &reply, err);
    if (!e) e = scheduler_read_count(&reply.value, out_count, NULL, err);
    for (size_t i = 0; !e && i < *out_count; i++) {
        e = scheduler_read(&reply.value, i, &s, err);
        if (!e && s.is_there) put_scheduler(list, &s);
    }
    client_reply_deinit(&reply);
    return e;
}

oxq_err oxq_schedulers_list(oxq_queue *queue, int64_t skip, int64_t count, oxq_schedulers **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    if (skip < 0 || count < 0) return err_set(err, OXQ_ERR_ARGUMENT, "skip and count are from 0 on");
    oxq_schedulers *list = mem_alloc_zero(sizeof(*list));
    e = OXQ_OK;
    size_t got = 1;
    for (int64_t first = skip; !e && got > 0 && (count == 0 || first < skip + count); first += (int64_t)got) {
        struct arena arena = {0};
        struct request r;
        int64_t wanted = count == 0 ? SCHEDULER_PAGE_MAX : skip + count - first;
        scheduler_list_request(&arena, queue->prefix, first, wanted < SCHEDULER_PAGE_MAX ? wanted : SCHEDULER_PAGE_MAX,
                               true, &r);
        e = read_some(queue, &r, list, &got, err);
        arena_deinit(&arena);
    }
    if (e) {
        oxq_schedulers_free(list);
        return e;
    }
    *out = list;
    return OXQ_OK;
}

oxq_err oxq_scheduler_get(oxq_queue *queue, const char *id, oxq_schedulers **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    size_t got;
    oxq_schedulers *list = mem_alloc_zero(sizeof(*list));
    scheduler_get_request(&arena, queue->prefix, slice_from_text(id), &r);
    e = read_some(queue, &r, list, &got, err);
    if (!e && list->count == 0) e = err_set(err, OXQ_ERR_NOT_FOUND, "queue %s has no scheduler %s", queue->name, id);
    arena_deinit(&arena);
    if (e) {
        oxq_schedulers_free(list);
        return e;
    }
    *out = list;
    return OXQ_OK;
}
