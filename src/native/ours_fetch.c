/* SPDX-License-Identifier: MIT */
/* fetch.lua: jobs that wait become active. The twin knows queues whose delayed jobs are not due yet, without a rate or a hold. */
#include "native/ours_fetch.h"

#include "native/ours.h"

/* The reply holds the codes and two times, then three values for each job. */
#define HEAD_COUNT 3
#define VALUES_PER_JOB 3
/* The script takes no more than that at once. */
#define BYTES_MAX ((size_t)1 << 24)

/* ---- looking ---- */

static bool read_args(const struct slice *argv, struct ours_fetch *f)
{
    f->now = argv[0];
    f->token = argv[2];
    f->worker = argv[4];
    return argv[5].len == 0 && native_whole(argv[0], 0, NATIVE_TIME_MAX, &f->now_ms) &&
           native_whole(argv[1], 1, NATIVE_JOBS_MAX, &f->wanted) &&
           native_whole(argv[3], 1, NATIVE_TIME_MAX, &f->lock_ms);
}

/* `limiter` is there while a rate is used or all workers are held. */
static bool look_at_rate(struct cmd_ctx *ctx, const struct ours_fetch *f)
{
    return !f->queue->has_rate && !db_peek(ctx->db, native_join(ctx, f->queue->prefix, SLICE_LIT("limiter")));
}

static bool look_at_delayed(struct cmd_ctx *ctx, struct ours_fetch *f)
{
    struct native_key delayed;
    return native_look_at(ctx, f->queue->prefix, "delayed", VALUE_ZSET, &delayed) &&
           native_next_due(&delayed, f->now_ms, &f->next_due_ms);
}

/* Those with a priority come after all that are in `wait`. */
static bool look_at_prioritized(struct cmd_ctx *ctx, struct ours_fetch *f)
{
    struct native_key prioritized;
    if (native_llen(&f->queue->wait) >= (size_t)f->wanted) return true;
    if (!native_look_at(ctx, f->queue->prefix, "prioritized", VALUE_ZSET, &prioritized) || prioritized.entry)
        return false;
    f->counter.name = native_join(ctx, f->queue->prefix, SLICE_LIT("pc"));
    f->counter.entry = db_peek(ctx->db, f->counter.name);
    return true;
}

/* What a job that is taken is looked at and written. */
#define PARTS_COUNT (NATIVE_JOB_LOCK + 1)

static bool look_at_job(struct cmd_ctx *ctx, struct ours_job *out)
{
    int64_t starts;
    if (!native_job_look(ctx, &out->name, NATIVE_JOB, VALUE_HASH, &out->key) || !out->key.entry) return false;
    struct slice ats = native_field(&out->key, SLICE_LIT("ats"));
    return !ats.at || native_whole(ats, 0, NATIVE_WHOLE_MAX, &starts);
}

static bool look_at_jobs(struct cmd_ctx *ctx, struct ours_fetch *f)
{
    size_t count = native_llen(&f->queue->wait);
    if (count > (size_t)f->wanted) count = (size_t)f->wanted;
    if (count == 0) return true;
    f->jobs = ARENA_ARRAY(ctx->scratch, struct ours_job, count);
    struct list_cursor c = list_from(&f->queue->wait.entry->value, LIST_TAIL);
    for (; f->jobs_count < count; list_step(&c, LIST_HEAD)) {
        struct native_job_name *name = &f->jobs[f->jobs_count++].name;
        if (!native_job_name(ctx, f->queue->prefix, list_get(&c), name)) return false;
        native_job_expect(ctx, name, PARTS_COUNT);
    }
    for (size_t i = 0; i < count; i++) native_job_await(ctx, &f->jobs[i].name, PARTS_COUNT);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (!look_at_job(ctx, &f->jobs[i])) return false;
        bytes += hash_bytes(&f->jobs[i].key.entry->value, 0);
    }
    return count == 1 || bytes <= BYTES_MAX;
}

bool ours_fetch_look(struct cmd_ctx *ctx, const struct slice *argv, struct native_queue *q, struct ours_fetch *out)
{
    *out = (struct ours_fetch){.queue = q};
    return read_args(argv, out) && look_at_rate(ctx, out) && look_at_delayed(ctx, out) &&
           look_at_prioritized(ctx, out) && look_at_jobs(ctx, out);
}

/* ---- taking ---- */

void ours_fetch_take(struct cmd_ctx *ctx, struct ours_fetch *f)
{
    struct native_queue *q = f->queue;
    int64_t room = native_queue_room(q);
    if (room <= 0) {
        f->next_due_ms = 0;
        return;
    }
    if (f->wanted > room) f->wanted = room;
    f->taken_count = f->jobs_count < (size_t)f->wanted ? f->jobs_count : (size_t)f->wanted;
    if (f->taken_count < (size_t)f->wanted) native_delete(ctx, &f->counter);
    if (f->taken_count == 0) {
        f->is_idle = f->next_due_ms == 0;
        return;
    }
    f->next_due_ms = 0;
    native_rpop(ctx, &q->wait, f->taken_count);
    for (size_t i = 0; i < f->taken_count; i++)
        native_push(ctx, &q->active, LIST_HEAD, native_job_id(&f->jobs[i].name));
}

static void lock_job(struct cmd_ctx *ctx, const struct ours_fetch *f, struct ours_job *job)
{
    if (slice_equal(f->token, SLICE_LIT("0"))) return;
    native_job_lock(ctx, &job->name, f->token, cmd_now_ms(ctx) + f->lock_ms);
}

static void start_job(struct cmd_ctx *ctx, struct ours_fetch *f, struct ours_job *job)
{
    int64_t starts = 0;
    struct slice id = native_job_id(&job->name), ats = native_field(&job->key, SLICE_LIT("ats"));
    if (ats.at) (void)num_parse_int(ats, &starts); /* seen to be a number */
    starts++;
    reply_bulk(ctx->reply, id);
    reply_integer(ctx->reply, starts);
    native_reply_fields(ctx, &job->key);

    const struct slice fields[] = {SLICE_LIT("processedOn"),   f->now,          SLICE_LIT("ats"),
                                   native_digits(ctx, starts), SLICE_LIT("pb"), f->worker};
    const struct slice event[] = {SLICE_LIT("event"), SLICE_LIT("active"), SLICE_LIT("jobId"), id,
                                  SLICE_LIT("prev"),  SLICE_LIT("waiting")};
    lock_job(ctx, f, job);
    native_hset(ctx, &job->key, fields, f->worker.len > 0 ? 6 : 4);
    native_emit(ctx, &f->queue->events, event, 6);
}

void ours_fetch_reply(struct cmd_ctx *ctx, struct ours_fetch *f, const int64_t *codes, size_t codes_count)
{
    reply_array(ctx->reply, HEAD_COUNT + VALUES_PER_JOB * f->taken_count);
    reply_array(ctx->reply, codes_count);
    for (size_t i = 0; i < codes_count; i++) reply_integer(ctx->reply, codes[i]);
    reply_integer(ctx->reply, 0);
    reply_integer(ctx->reply, f->next_due_ms);
    for (size_t i = 0; i < f->taken_count; i++) start_job(ctx, f, &f->jobs[i]);
    if (f->taken_count > 0) native_zadd(ctx, &f->queue->marker, 0, SLICE_LIT("0"));
}

bool ours_fetch(struct cmd_ctx *ctx, const struct twin_args *args)
{
    struct native_queue q;
    struct ours_fetch f;
    if (args->keys_count == 0 || args->argv_count < OURS_FETCH_ARGS) return false;
    if (!native_queue_look(ctx, args->keys[0], &q) || !ours_fetch_look(ctx, args->argv, &q, &f)) return false;
    ours_fetch_take(ctx, &f);
    ours_fetch_reply(ctx, &f, NULL, 0);
    return true;
}
