/* SPDX-License-Identifier: MIT */
/*
 * BullMQ's moveToActive: the next job for a worker.
 *
 * KEYS: bullmq_fetch.h, and KEYS[11] the marker. ARGV: the queue's prefix, the time, packed options (token, lockDuration, limiter, name).
 *
 * The job that waits for longest, or with the best priority where none waits without, moves to `active`; it is counted against the limiter
 * where there is one, locked, told of, and marked with time, worker and one start more. Left to the script: a delayed job that is due, an old
 * marker in `wait`, a job whose key is gone.
 */
#include "native/bullmq_fetch.h"

#include "native/bullmq.h"

#include "base/num.h"

#define KEY_MARKER 11
#define KEYS_COUNT 11

/* ---- the queue ---- */

bool bullmq_queue_look_at(struct cmd_ctx *ctx, const struct bullmq_queue *q, size_t number, struct slice suffix,
                          enum value_type type, struct native_key *out)
{
    struct slice name = q->args->keys[number - 1];
    return bullmq_is_key(name, q->prefix, suffix) && native_look(ctx, name, type, out);
}

static void read_settings(struct bullmq_queue *q)
{
    enum { PAUSED, CONCURRENCY, LIMIT, LIMIT_MS, EVENTS_MAX, COUNT };
    static const struct slice names[COUNT] = {SLICE_INIT("paused"), SLICE_INIT("concurrency"), SLICE_INIT("max"),
                                              SLICE_INIT("duration"), SLICE_INIT("opts.maxLenEvents")};
    struct slice values[COUNT] = {0};
    if (q->meta.entry) hash_get_many(&q->meta.entry->value, names, COUNT, values);
    q->is_paused = values[PAUSED].at != NULL;
    q->concurrency = values[CONCURRENCY];
    q->limit = values[LIMIT];
    q->limit_ms = values[LIMIT_MS];
    q->events_max = values[EVENTS_MAX];
}

bool bullmq_queue_look(struct cmd_ctx *ctx, const struct twin_args *args, struct slice prefix, struct slice now,
                       struct slice opts, struct bullmq_queue *out)
{
    *out = (struct bullmq_queue){.args = args, .prefix = prefix, .now = now};
    if (!native_whole(now, 0, NATIVE_TIME_MAX, &out->now_ms)) return false;
    if (!bullmq_unpack(ctx, opts, &out->opts) || out->opts->kind != BULLMQ_MAP) return false;
    if (!bullmq_queue_look_at(ctx, out, BULLMQ_KEY_META, SLICE_LIT("meta"), VALUE_HASH, &out->meta)) return false;
    read_settings(out);
    struct slice events_max = out->events_max.at ? out->events_max : SLICE_LIT("10000");
    if (!bullmq_is_key(args->keys[BULLMQ_KEY_EVENTS - 1], prefix, SLICE_LIT("events")) ||
        !native_look_at_events(ctx, prefix, events_max, &out->events) ||
        !bullmq_queue_look_at(ctx, out, BULLMQ_KEY_WAIT, SLICE_LIT("wait"), VALUE_LIST, &out->wait) ||
        !bullmq_queue_look_at(ctx, out, BULLMQ_KEY_ACTIVE, SLICE_LIT("active"), VALUE_LIST, &out->active))
        return false;
    return out->wait.entry || bullmq_queue_look_at(ctx, out, BULLMQ_KEY_PRIORITIZED, SLICE_LIT("prioritized"),
                                                   VALUE_ZSET, &out->prioritized);
}

bool bullmq_job_look(struct cmd_ctx *ctx, const struct bullmq_queue *q, struct slice id, enum native_part parts_count,
                     struct bullmq_job *out)
{
    /* The only key of a queue that has a plain name and is a hash. */
    if (slice_equal(id, SLICE_LIT("meta")) || !native_job_name(ctx, q->prefix, id, &out->name)) return false;
    native_job_expect(ctx, &out->name, parts_count);
    native_job_await(ctx, &out->name, parts_count);
    return native_job_look(ctx, &out->name, NATIVE_JOB, VALUE_HASH, &out->key);
}

/* ---- looking ---- */

static bool read_opts(struct bullmq_fetch *f)
{
    const struct bullmq_value *opts = f->queue->opts, *token = bullmq_field(opts, SLICE_LIT("token")),
                              *worker = bullmq_field(opts, SLICE_LIT("name"));
    if (token->kind != BULLMQ_TEXT || (bullmq_is_true(worker) && worker->kind != BULLMQ_TEXT)) return false;
    f->token = token->text;
    if (bullmq_is_true(worker)) f->worker = worker->text;
    return bullmq_whole(bullmq_field(opts, SLICE_LIT("lockDuration")), &f->lock_ms) && f->lock_ms > 0;
}

static bool look_at_delayed(struct cmd_ctx *ctx, struct bullmq_fetch *f)
{
    struct native_key delayed;
    f->next_due_ms = -1;
    return bullmq_queue_look_at(ctx, f->queue, BULLMQ_KEY_DELAYED, SLICE_LIT("delayed"), VALUE_ZSET, &delayed) &&
           native_next_due(&delayed, f->queue->now_ms, &f->next_due_ms);
}

/* The limiter's setting of the queue, or else of the worker; *out 0: there is none. */
static bool read_limit(const struct bullmq_queue *q, const struct bullmq_value *limiter, int64_t *out)
{
    *out = 0;
    if (q->limit.at) return native_whole(q->limit, 1, NATIVE_WHOLE_MAX, out);
    if (!bullmq_is_true(limiter)) return true;
    const struct bullmq_value *max = bullmq_field(limiter, SLICE_LIT("max"));
    return bullmq_is_nil(max) || (bullmq_whole(max, out) && *out > 0);
}

/* Here the worker's comes first. */
static bool read_limit_ms(const struct bullmq_queue *q, const struct bullmq_value *limiter, int64_t *out)
{
    if (bullmq_is_true(limiter)) {
        const struct bullmq_value *duration = bullmq_field(limiter, SLICE_LIT("duration"));
        if (bullmq_is_true(duration)) return bullmq_whole(duration, out) && *out > 0;
    }
    return q->limit_ms.at && native_whole(q->limit_ms, 1, NATIVE_WHOLE_MAX, out);
}

static bool look_at_limiter(struct cmd_ctx *ctx, struct bullmq_fetch *f)
{
    struct bullmq_queue *q = f->queue;
    const struct bullmq_value *limiter = bullmq_field(q->opts, SLICE_LIT("limiter"));
    int64_t limit, count;
    if ((bullmq_is_true(limiter) && limiter->kind != BULLMQ_MAP) || !read_limit(q, limiter, &limit)) return false;
    if (limit == 0) return true;
    if (!bullmq_queue_look_at(ctx, q, BULLMQ_KEY_LIMITER, SLICE_LIT("limiter"), VALUE_STRING, &f->limiter) ||
        !native_number(&f->limiter, &count) || count < 0 || count == INT64_MAX)
        return false;
    f->limiter_count = count + 1;
    if (count == 0) return read_limit_ms(q, limiter, &f->limiter_ms);
    int64_t ends_at_ms = db_expiry_ms(ctx->db, f->limiter.entry);
    if (count < limit || ends_at_ms < 0) return true;
    f->next = BULLMQ_NEXT_LIMITED;
    f->limited_ms = ends_at_ms - cmd_now_ms(ctx);
    return f->limited_ms > 0;
}

/* *out: the queue gives no jobs, whatever the limiter says. */
static bool read_whether_closed(const struct bullmq_queue *q, size_t active_count, bool *out)
{
    int64_t most;
    *out = q->is_paused;
    if (q->is_paused || !q->concurrency.at) return true;
    if (!native_whole(q->concurrency, -NATIVE_WHOLE_MAX, NATIVE_WHOLE_MAX, &most)) return false;
    *out = (int64_t)active_count >= most;
    return true;
}

/* The job that is next; the id is borrowed. False: there is none. */
static bool find_next(const struct bullmq_queue *q, struct slice *out_id)
{
    struct zset_element first;
    if (q->wait.entry) {
        struct list_cursor c = list_from(&q->wait.entry->value, LIST_TAIL);
        *out_id = list_get(&c);
        return true;
    }
    if (!q->prioritized.entry) return false;
    struct zset_cursor c = zset_seek_rank(&q->prioritized.entry->value, 0);
    CHECK(zset_next(&c, &first));
    *out_id = first.member;
    return true;
}

static bool look_at_job(struct cmd_ctx *ctx, struct bullmq_fetch *f, struct slice id)
{
    enum { ATS, DEFA, COUNT };
    static const struct slice names[COUNT] = {SLICE_INIT("ats"), SLICE_INIT("defa")};
    struct slice values[COUNT];
    if (id.len > 1 && id.at[0] == '0' && id.at[1] == ':') return false;
    if (!bullmq_job_look(ctx, f->queue, id, NATIVE_JOB_LOCK + 1, &f->job) || !f->job.key.entry) return false;
    hash_get_many(&f->job.key.entry->value, names, COUNT, values);
    /* Releases differ in whether a job counts that is only there to fail. */
    if (f->limiter_count > 0 && values[DEFA].at) return false;
    if (values[ATS].at && !native_whole(values[ATS], 0, NATIVE_WHOLE_MAX, &f->starts)) return false;
    f->starts++;
    f->next = BULLMQ_NEXT_JOB;
    return true;
}

bool bullmq_fetch_look(struct cmd_ctx *ctx, struct bullmq_queue *q, size_t marker_number, size_t active_count,
                       struct bullmq_fetch *out)
{
    struct slice id;
    bool is_closed;
    *out = (struct bullmq_fetch){.queue = q};
    if (!read_opts(out) || !look_at_delayed(ctx, out) || !look_at_limiter(ctx, out) ||
        !read_whether_closed(q, active_count, &is_closed))
        return false;
    if (is_closed) out->next = BULLMQ_NEXT_LIMITED;
    if (out->next == BULLMQ_NEXT_LIMITED) return true;
    if (!find_next(q, &id)) return bullmq_queue_look_at(ctx, q, BULLMQ_KEY_PC, SLICE_LIT("pc"), VALUE_STRING, &out->pc);
    return bullmq_queue_look_at(ctx, q, marker_number, SLICE_LIT("marker"), VALUE_ZSET, &out->marker) &&
           look_at_job(ctx, out, id);
}

/* ---- doing ---- */

static void move_to_active(struct cmd_ctx *ctx, struct bullmq_queue *q, struct slice id)
{
    if (q->wait.entry)
        native_rpop(ctx, &q->wait, 1);
    else
        native_zremrange(ctx, &q->prioritized, 1);
    native_push(ctx, &q->active, LIST_HEAD, id);
}

static void count_against_limiter(struct cmd_ctx *ctx, struct bullmq_fetch *f)
{
    if (f->limiter_count == 0) return;
    native_set_number(ctx, &f->limiter, f->limiter_count);
    if (f->limiter_count == 1) db_set_expiry(ctx->db, f->limiter.entry, cmd_now_ms(ctx) + f->limiter_ms);
}

static void start_job(struct cmd_ctx *ctx, struct bullmq_fetch *f, struct slice id)
{
    struct slice fields[6] = {SLICE_LIT("processedOn"), f->queue->now};
    size_t count = 2;
    if (f->worker.at) {
        fields[count++] = SLICE_LIT("pb");
        fields[count++] = f->worker;
    }
    fields[count++] = SLICE_LIT("ats");
    fields[count++] = native_digits(ctx, f->starts);
    const struct slice event[] = {SLICE_LIT("event"), SLICE_LIT("active"), SLICE_LIT("jobId"), id,
                                  SLICE_LIT("prev"),  SLICE_LIT("waiting")};
    native_emit(ctx, &f->queue->events, event, 6);
    native_hset(ctx, &f->job.key, fields, count);
    native_zadd(ctx, &f->marker, 0, SLICE_LIT("0"));
}

void bullmq_fetch_run(struct cmd_ctx *ctx, struct bullmq_fetch *f)
{
    if (f->next == BULLMQ_NEXT_NONE) native_delete(ctx, &f->pc);
    if (f->next != BULLMQ_NEXT_JOB) return;
    struct slice id = native_job_id(&f->job.name);
    move_to_active(ctx, f->queue, id);
    count_against_limiter(ctx, f);
    if (!slice_equal(f->token, SLICE_LIT("0")))
        native_job_lock(ctx, &f->job.name, f->token, cmd_now_ms(ctx) + f->lock_ms);
    start_job(ctx, f, id);
}

void bullmq_fetch_reply(struct cmd_ctx *ctx, const struct bullmq_fetch *f)
{
    struct reply *reply = ctx->reply;
    reply_array(reply, 4);
    if (f->next == BULLMQ_NEXT_JOB) {
        native_reply_fields(ctx, &f->job.key);
        reply_bulk(reply, native_job_id(&f->job.name));
    } else {
        reply_integer(reply, 0);
        reply_integer(reply, 0);
    }
    reply_integer(reply, f->limited_ms);
    reply_integer(reply, f->next == BULLMQ_NEXT_NONE && f->next_due_ms > 0 ? f->next_due_ms : 0);
}

bool bullmq_fetch(struct cmd_ctx *ctx, const struct twin_args *args)
{
    struct bullmq_queue q;
    struct bullmq_fetch f;
    if (args->keys_count < KEYS_COUNT || args->argv_count < 3) return false;
    if (!bullmq_queue_look(ctx, args, args->argv[0], args->argv[1], args->argv[2], &q) ||
        !bullmq_fetch_look(ctx, &q, KEY_MARKER, native_llen(&q.active), &f))
        return false;
    bullmq_fetch_run(ctx, &f);
    bullmq_fetch_reply(ctx, &f);
    return true;
}
