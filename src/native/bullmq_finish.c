/* SPDX-License-Identifier: MIT */
/*
 * BullMQ's moveToFinished: an active job has completed or failed for good, and the worker may get the next one with it.
 *
 * KEYS: bullmq_fetch.h, and 11 the set of finished jobs, 12 the job, 13 its metrics, 14 the marker.
 * ARGV: the job's id, the time, the name of the result's field, the result, "completed" or "failed", "1" to get the next job, the queue's prefix,
 * packed options (token, keepJobs, lockDuration, limiter, attempts, maxMetricsSize, name), packed fields of the job to set.
 *
 * The lock goes, and the job leaves `active`. It is kept with its result, and the oldest of those that are kept leave for it; or it goes itself.
 * Then it is told of ("completed", "failed", "retries-exhausted") and counted, the next one is fetched (bullmq_fetch.c), and where
 * nothing is left to do that is told too ("drained"). Whatever ends in an error, parents, deduplication, and many old jobs at once are left to
 * the script.
 */
#include "native/bullmq.h"
#include "native/bullmq_fetch.h"

#include "base/num.h"

#define KEY_FINISHED 11
#define KEY_JOB 12
#define KEY_METRICS 13
#define KEY_MARKER 14
#define KEYS_COUNT 14

enum argument { ID, NOW, RESULT_NAME, RESULT, TARGET, GETS_NEXT, PREFIX, OPTS, FIELDS, ARGS_COUNT };

/* What a client may set with a failure: three fields. */
#define FIELDS_MAX 6
/* Old jobs that leave in one call. */
#define OLD_MAX 16
#define MINUTE_MS 60000

struct finish {
    const struct slice *argv;
    struct bullmq_queue queue;
    struct bullmq_job job;
    struct slice fields[FIELDS_MAX];
    size_t fields_count;
    struct native_key lock, stalled, finished, metrics;
    bool is_failure, is_locked, is_kept, has_deferred_failure;
    int64_t attempts;     /* that were made, this one included */
    int64_t attempts_max; /* of a failure */
    int64_t count_max;    /* jobs to keep; 0: all */
    int64_t age_s;        /* how old they may become; 0: any */
    int64_t age_limit;    /* so many of them leave in one call */
    struct bullmq_job *old;
    size_t old_count;
    int64_t metrics_count; /* 0: nobody counts */
    bool gets_next;
    struct bullmq_fetch fetch;
};

/* ---- looking ---- */

static bool read_result(struct finish *f)
{
    const struct slice *argv = f->argv;
    f->is_failure = slice_equal(argv[TARGET], SLICE_LIT("failed"));
    f->gets_next = slice_equal(argv[GETS_NEXT], SLICE_LIT("1"));
    if (!f->is_failure && !slice_equal(argv[TARGET], SLICE_LIT("completed"))) return false;
    struct slice name = f->is_failure ? SLICE_LIT("failedReason") : SLICE_LIT("returnvalue");
    return slice_equal(argv[RESULT_NAME], name) && argv[RESULT].len <= NATIVE_TEXT_MAX;
}

static bool may_be_set(struct slice field)
{
    return slice_equal(field, SLICE_LIT("failedReason")) || slice_equal(field, SLICE_LIT("stacktrace")) ||
           slice_equal(field, SLICE_LIT("tm"));
}

static bool read_fields(struct cmd_ctx *ctx, struct finish *f, struct slice packed)
{
    const struct bullmq_value *array, *values[FIELDS_MAX];
    if (packed.len == 0) return true;
    if (!bullmq_unpack(ctx, packed, &array) || array->kind != BULLMQ_ARRAY || array->count == 0 ||
        array->count > FIELDS_MAX || array->count % 2 != 0)
        return false;
    bullmq_elements(array, values, array->count);
    for (uint32_t i = 0; i < array->count; i++) {
        if (values[i]->kind != BULLMQ_TEXT || (i % 2 == 0 && !may_be_set(values[i]->text))) return false;
        f->fields[f->fields_count++] = values[i]->text;
    }
    return true;
}

/* keepJobs: the count is missing or below 0 for "all", and 0 for "not even this one". */
static bool read_keep(struct finish *f, const struct bullmq_value *keep)
{
    if (keep->kind != BULLMQ_MAP) return false;
    const struct bullmq_value *count = bullmq_field(keep, SLICE_LIT("count")),
                              *age = bullmq_field(keep, SLICE_LIT("age")),
                              *limit = bullmq_field(keep, SLICE_LIT("limit"));
    f->is_kept = true;
    f->age_limit = OLD_MAX + 1;
    if (!bullmq_is_nil(count) && !(count->kind == BULLMQ_NUMBER && count->number < 0)) {
        if (!bullmq_whole(count, &f->count_max)) return false;
        f->is_kept = f->count_max > 0;
    }
    if (!bullmq_is_nil(age) && (!bullmq_whole(age, &f->age_s) || f->age_s == 0 || f->age_s > NATIVE_TIME_MAX))
        return false;
    return !bullmq_is_true(limit) || (bullmq_whole(limit, &f->age_limit) && f->age_limit > 0);
}

static bool read_args(struct cmd_ctx *ctx, const struct twin_args *args, struct finish *f)
{
    f->argv = args->argv;
    if (!read_result(f) || (args->argv_count > FIELDS && !read_fields(ctx, f, args->argv[FIELDS]))) return false;
    if (!bullmq_queue_look(ctx, args, f->argv[PREFIX], f->argv[NOW], f->argv[OPTS], &f->queue)) return false;
    const struct bullmq_value *opts = f->queue.opts;
    if (f->is_failure && !bullmq_whole(bullmq_field(opts, SLICE_LIT("attempts")), &f->attempts_max)) return false;
    return read_keep(f, bullmq_field(opts, SLICE_LIT("keepJobs")));
}

static bool look_at_job(struct cmd_ctx *ctx, struct finish *f)
{
    enum { PARENT_KEY, PARENT, DEID, ATM, DEFA, COUNT };
    static const struct slice names[COUNT] = {SLICE_INIT("parentKey"), SLICE_INIT("parent"), SLICE_INIT("deid"),
                                              SLICE_INIT("atm"), SLICE_INIT("defa")};
    struct slice values[COUNT];
    if (!bullmq_is_key(f->queue.args->keys[KEY_JOB - 1], f->queue.prefix, f->argv[ID])) return false;
    if (!bullmq_job_look(ctx, &f->queue, f->argv[ID], NATIVE_PARTS, &f->job) || !f->job.key.entry) return false;
    hash_get_many(&f->job.key.entry->value, names, COUNT, values);
    if (values[PARENT_KEY].at || values[PARENT].at || values[DEID].at) return false;
    if (values[ATM].at && !native_whole(values[ATM], 0, NATIVE_WHOLE_MAX, &f->attempts)) return false;
    f->attempts++;
    f->has_deferred_failure = values[DEFA].at != NULL;
    return f->is_failure || native_job_is_childless(ctx, &f->job.name);
}

/* The worker has it: its lock is there and says so, and the job is active. */
static bool look_at_lock(struct cmd_ctx *ctx, struct finish *f)
{
    char digits[NUM_INT_MAX_CHARS];
    const struct bullmq_value *token = bullmq_field(f->queue.opts, SLICE_LIT("token"));
    if (token->kind != BULLMQ_TEXT) return false;
    f->is_locked = !slice_equal(token->text, SLICE_LIT("0"));
    if (f->is_locked) {
        if (!native_job_look(ctx, &f->job.name, NATIVE_JOB_LOCK, VALUE_STRING, &f->lock) || !f->lock.entry ||
            !slice_equal(string_borrow(&f->lock.entry->value, digits), token->text) ||
            !bullmq_queue_look_at(ctx, &f->queue, BULLMQ_KEY_STALLED, SLICE_LIT("stalled"), VALUE_SET, &f->stalled))
            return false;
    }
    size_t passed = 0;
    if (!f->queue.active.entry) return false;
    struct list_cursor c = list_from(&f->queue.active.entry->value, LIST_TAIL);
    return list_find(&c, LIST_HEAD, f->argv[ID], SIZE_MAX, &passed);
}

/* How many are too old, up to one more than leave in one call. */
static int64_t count_aged(const struct finish *f)
{
    struct zset_element e;
    int64_t count = 0;
    if (f->age_s == 0) return 0;
    struct zset_cursor c = zset_seek_rank(&f->finished.entry->value, 0);
    while (count <= OLD_MAX && zset_next(&c, &e) && e.score <= (double)(f->queue.now_ms - f->age_s * 1000)) count++;
    return count;
}

static bool look_at_old_job(struct cmd_ctx *ctx, const struct finish *f, struct slice id, struct bullmq_job *out)
{
    if (!bullmq_job_look(ctx, &f->queue, id, NATIVE_JOB + 1, out)) return false;
    return !out->key.entry || !native_field(&out->key, SLICE_LIT("parentKey")).at;
}

/* The jobs that leave are the first of the set: this one comes after them, when it has come. */
static bool look_at_old(struct cmd_ctx *ctx, struct finish *f)
{
    if (!f->finished.entry || (f->count_max == 0 && f->age_s == 0)) return true;
    const struct value *set = &f->finished.entry->value;
    int64_t aged = count_aged(f), count = (int64_t)zset_count(set) + 1 - f->count_max;
    if (f->count_max == 0 || count < aged) count = aged;
    if (count <= 0) return true;
    if (count > OLD_MAX || aged >= f->age_limit || zset_score(set, f->argv[ID], NULL)) return false;
    f->old = ARENA_ARRAY(ctx->scratch, struct bullmq_job, (size_t)count);
    struct zset_cursor c = zset_seek_rank(set, 0);
    const struct zset_bound before_this = {
        .kind = ZSET_BOUND_PAIR, .score = (double)f->queue.now_ms, .member = f->argv[ID]};
    for (struct zset_element e; f->old_count < (size_t)count; f->old_count++) {
        CHECK(zset_next(&c, &e));
        if (!zset_is_before(&e, &before_this) || !look_at_old_job(ctx, f, e.member, &f->old[f->old_count]))
            return false;
    }
    return true;
}

/* False: also when a minute is over and the points of the series are to be written. */
static bool look_at_metrics(struct cmd_ctx *ctx, struct finish *f)
{
    const struct bullmq_value *size = bullmq_field(f->queue.opts, SLICE_LIT("maxMetricsSize"));
    int64_t points, last_ms, count = 0;
    if (size->kind == BULLMQ_TEXT && size->text.len == 0) return true;
    struct slice suffix = f->is_failure ? SLICE_LIT("metrics:failed") : SLICE_LIT("metrics:completed");
    if (!bullmq_whole(size, &points) || points == 0 ||
        !bullmq_queue_look_at(ctx, &f->queue, KEY_METRICS, suffix, VALUE_HASH, &f->metrics))
        return false;
    struct slice text = native_field(&f->metrics, SLICE_LIT("count"));
    if (text.at && !native_whole(text, 0, NATIVE_WHOLE_MAX, &count)) return false;
    f->metrics_count = count + 1;
    text = native_field(&f->metrics, SLICE_LIT("prevTS"));
    return text.at && native_whole(text, 0, NATIVE_TIME_MAX, &last_ms) &&
           f->queue.now_ms / MINUTE_MS <= last_ms / MINUTE_MS;
}

/* No two of the jobs may be one: what was seen of them would not hold. */
static bool is_next_another(const struct finish *f)
{
    if (f->fetch.next != BULLMQ_NEXT_JOB) return true;
    const struct entry *next = f->fetch.job.key.entry;
    if (next == f->job.key.entry) return false;
    for (size_t i = 0; i < f->old_count; i++)
        if (next == f->old[i].key.entry) return false;
    return true;
}

static bool look(struct cmd_ctx *ctx, const struct twin_args *args, struct finish *f)
{
    if (!read_args(ctx, args, f) || !look_at_job(ctx, f) || !look_at_lock(ctx, f)) return false;
    if (!bullmq_queue_look_at(ctx, &f->queue, KEY_FINISHED, f->argv[TARGET], VALUE_ZSET, &f->finished)) return false;
    if (f->is_kept && !look_at_old(ctx, f)) return false;
    if (!look_at_metrics(ctx, f)) return false;
    if (!f->gets_next) return true;
    return bullmq_fetch_look(ctx, &f->queue, KEY_MARKER, native_llen(&f->queue.active) - 1, &f->fetch) &&
           is_next_another(f);
}

/* ---- doing ---- */

static void leave_active(struct cmd_ctx *ctx, struct finish *f)
{
    if (f->is_locked) {
        native_delete(ctx, &f->lock);
        native_srem(ctx, &f->stalled, f->argv[ID]);
    }
    CHECK(native_remove_last(ctx, &f->queue.active, f->argv[ID]));
}

static void trim_events(struct cmd_ctx *ctx, struct bullmq_queue *q)
{
    static const struct slice max[] = {SLICE_INIT("opts.maxLenEvents"), SLICE_INIT("10000")};
    if (!q->events_max.at) native_hset(ctx, &q->meta, max, 2);
    native_trim(ctx, &q->events);
}

static void delete_job(struct cmd_ctx *ctx, struct bullmq_job *job)
{
    static const struct slice suffixes[] = {SLICE_INIT(":logs"), SLICE_INIT(":dependencies"), SLICE_INIT(":processed"),
                                            SLICE_INIT(":failed"), SLICE_INIT(":unsuccessful")};
    native_delete(ctx, &job->key);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        native_delete_once(ctx, native_job_key_of(&job->name, suffixes[i]));
}

static void keep_job(struct cmd_ctx *ctx, struct finish *f)
{
    struct slice items[FIELDS_MAX + 6];
    size_t count = f->fields_count;
    memcpy(items, f->fields, sizeof(f->fields[0]) * count);
    items[count++] = SLICE_LIT("atm");
    items[count++] = native_digits(ctx, f->attempts);
    items[count++] = f->argv[RESULT_NAME];
    items[count++] = f->argv[RESULT];
    items[count++] = SLICE_LIT("finishedOn");
    items[count++] = f->queue.now;
    native_zadd(ctx, &f->finished, (double)f->queue.now_ms, f->argv[ID]);
    native_hset(ctx, &f->job.key, items, count);
    if (f->is_failure && f->has_deferred_failure) native_hdel(ctx, &f->job.key, SLICE_LIT("defa"));
    for (size_t i = 0; i < f->old_count; i++) delete_job(ctx, &f->old[i]);
    native_zremrange(ctx, &f->finished, f->old_count);
}

static void tell(struct cmd_ctx *ctx, struct finish *f)
{
    const struct slice *argv = f->argv;
    const struct slice finished[] = {SLICE_LIT("event"), argv[TARGET], SLICE_LIT("jobId"), argv[ID],
                                     argv[RESULT_NAME],  argv[RESULT], SLICE_LIT("prev"),  SLICE_LIT("active")};
    native_emit(ctx, &f->queue.events, finished, 8);
    if (!f->is_failure || f->attempts < f->attempts_max) return;
    const struct slice exhausted[] = {SLICE_LIT("event"),        SLICE_LIT("retries-exhausted"),
                                      SLICE_LIT("jobId"),        argv[ID],
                                      SLICE_LIT("attemptsMade"), native_digits(ctx, f->attempts)};
    native_emit(ctx, &f->queue.events, exhausted, 6);
}

static void count_in_metrics(struct cmd_ctx *ctx, struct finish *f)
{
    if (f->metrics_count == 0) return;
    const struct slice items[] = {SLICE_LIT("count"), native_digits(ctx, f->metrics_count)};
    native_hset(ctx, &f->metrics, items, 2);
}

/* `prioritized` was looked at when nothing else waits. */
static void tell_if_drained(struct cmd_ctx *ctx, struct bullmq_queue *q)
{
    static const struct slice drained[] = {SLICE_INIT("event"), SLICE_INIT("drained")};
    if (!q->wait.entry && !q->active.entry && !q->prioritized.entry) native_emit(ctx, &q->events, drained, 2);
}

bool bullmq_finish(struct cmd_ctx *ctx, const struct twin_args *args)
{
    struct finish f = {0};
    if (args->keys_count < KEYS_COUNT || args->argv_count < ARGS_COUNT - 1 || !look(ctx, args, &f)) return false;

    leave_active(ctx, &f);
    trim_events(ctx, &f.queue);
    if (f.is_kept)
        keep_job(ctx, &f);
    else
        delete_job(ctx, &f.job);
    tell(ctx, &f);
    count_in_metrics(ctx, &f);
    if (f.gets_next) bullmq_fetch_run(ctx, &f.fetch);
    if (f.gets_next && (f.fetch.next != BULLMQ_NEXT_NONE || f.fetch.next_due_ms >= 0)) {
        bullmq_fetch_reply(ctx, &f.fetch);
        return true;
    }
    tell_if_drained(ctx, &f.queue);
    reply_integer(ctx->reply, 0);
    return true;
}
