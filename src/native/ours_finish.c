/* SPDX-License-Identifier: MIT */
/*
 * finish.lua: active jobs end, and the next ones are taken. The twin knows jobs without parent, children and deduplication id, that are kept
 * for good or not at all, of a queue without dead letters, while the minute of the metrics has not changed.
 *
 * No two jobs of a call are the same one, and none that is taken is one that ends: so a job that is removed is nobody's any more.
 */
#include "native/ours.h"
#include "native/ours_fetch.h"

/* ARGV[8] is the metrics' points; then so many for each job. */
#define POINTS (OURS_FETCH_ARGS + 1)
#define ARGS_PER_JOB 9
enum job_arg { ARG_ID, ARG_TOKEN, ARG_STATE, ARG_VALUE, ARG_COUNT, ARG_AGE, ARG_LIMIT, ARG_ATTEMPTS, ARG_STACK };

struct ending {
    const struct slice *args;
    struct native_job_name name;
    struct native_key job, lock;
    int64_t attempts; /* made, with this one */
    bool has_failed, is_kept, is_exhausted;
};

struct metric {
    struct native_key key;
    int64_t count; /* before */
    bool is_new;
};

/* [0]: completed, [1]: failed */
struct finish {
    struct native_queue queue;
    struct ours_fetch fetch;
    struct slice now;
    int64_t now_ms;
    bool fetches, has_metrics;
    struct ending *jobs;
    int64_t *codes;
    size_t count;
    struct native_key sets[2], stalled;
    struct metric metrics[2];
    int64_t finished_count[2];
    uint64_t seen[64]; /* bits of keys' hashes */
};

/* ---- looking ---- */

/* Whether it is the first of its kind. */
static bool is_new_job(struct finish *f, const struct native_key *job, size_t before)
{
    uint64_t bit = 1ull << (job->hash & 63), *word = &f->seen[job->hash >> 6 & 63];
    if (*word & bit) {
        for (size_t i = 0; i < before; i++) {
            if (f->jobs[i].job.entry == job->entry) return false;
        }
    }
    *word |= bit;
    return true;
}

/* Whether the caller holds it. */
static bool look_at_lock(struct cmd_ctx *ctx, struct ending *j)
{
    char digits[NUM_INT_MAX_CHARS];
    if (slice_equal(j->args[ARG_TOKEN], SLICE_LIT("0"))) return true;
    if (!native_job_look(ctx, &j->name, NATIVE_JOB_LOCK, VALUE_STRING, &j->lock) || !j->lock.entry) return false;
    return slice_equal(string_borrow(&j->lock.entry->value, digits), j->args[ARG_TOKEN]);
}

/* What the job itself says. */
static bool look_at_fields(struct ending *j)
{
    enum { TIMESTAMP, PARENT, DEDUPLICATION, ATTEMPTS, FIELDS };
    static const struct slice names[FIELDS] = {SLICE_INIT("timestamp"), SLICE_INIT("parentKey"), SLICE_INIT("deid"),
                                               SLICE_INIT("atm")};
    struct slice values[FIELDS];
    hash_get_many(&j->job.entry->value, names, FIELDS, values);
    if (!values[TIMESTAMP].at || values[PARENT].at || values[DEDUPLICATION].at) return false;
    if (values[ATTEMPTS].at && !native_whole(values[ATTEMPTS], 0, NATIVE_WHOLE_MAX, &j->attempts)) return false;
    j->attempts++;
    return true;
}

static bool look_at_args(const struct finish *f, struct ending *j)
{
    const struct slice *args = j->args;
    int64_t attempts_max = 0;
    j->has_failed = slice_equal(args[ARG_STATE], SLICE_LIT("failed"));
    if (j->has_failed ? f->queue.has_dead_queue : !slice_equal(args[ARG_STATE], SLICE_LIT("completed"))) return false;
    j->is_kept = !slice_equal(args[ARG_COUNT], SLICE_LIT("0"));
    if (j->is_kept && (args[ARG_AGE].len > 0 || !slice_equal(args[ARG_COUNT], SLICE_LIT("-1")))) return false;
    if (j->has_failed && !native_whole(args[ARG_ATTEMPTS], 0, NATIVE_WHOLE_MAX, &attempts_max)) return false;
    j->is_exhausted = j->has_failed && j->attempts >= attempts_max;
    return args[ARG_VALUE].len <= NATIVE_TEXT_MAX;
}

static bool look_at_job(struct cmd_ctx *ctx, struct finish *f, size_t i)
{
    struct ending *j = &f->jobs[i];
    if (!native_job_look(ctx, &j->name, NATIVE_JOB, VALUE_HASH, &j->job) || !j->job.entry) return false;
    if (j->job.entry == f->queue.meta.entry || !is_new_job(f, &j->job, i)) return false;
    return look_at_fields(j) && look_at_args(f, j) && look_at_lock(ctx, j) && native_job_is_childless(ctx, &j->name);
}

static bool look_at_jobs(struct cmd_ctx *ctx, struct finish *f, const struct twin_args *args)
{
    f->count = (args->argv_count - POINTS) / ARGS_PER_JOB;
    f->jobs = ARENA_ARRAY(ctx->scratch, struct ending, f->count);
    f->codes = ARENA_ARRAY(ctx->scratch, int64_t, f->count);
    for (size_t i = 0; i < f->count; i++) {
        struct ending *j = &f->jobs[i];
        *j = (struct ending){.args = args->argv + POINTS + i * ARGS_PER_JOB};
        if (!native_job_name(ctx, f->queue.prefix, j->args[ARG_ID], &j->name)) return false;
        native_job_expect(ctx, &j->name, NATIVE_PARTS);
    }
    for (size_t i = 0; i < f->count; i++) native_job_await(ctx, &f->jobs[i].name, NATIVE_PARTS);
    for (size_t i = 0; i < f->count; i++) {
        if (!look_at_job(ctx, f, i)) return false;
    }
    return true;
}

static bool look_at_fetch(struct cmd_ctx *ctx, struct finish *f, const struct twin_args *args)
{
    f->fetches = !slice_equal(args->argv[1], SLICE_LIT("0"));
    if (!f->fetches) return true;
    if (!ours_fetch_look(ctx, args->argv, &f->queue, &f->fetch)) return false;
    for (size_t i = 0; i < f->fetch.jobs_count; i++) {
        if (!is_new_job(f, &f->fetch.jobs[i].key, f->count)) return false;
    }
    return true;
}

/* False: it is a new minute, which makes points. */
static bool look_at_metric(struct cmd_ctx *ctx, const struct finish *f, const char *suffix, int64_t points,
                           struct metric *m)
{
    int64_t then_ms;
    if (!native_look_at(ctx, f->queue.prefix, suffix, VALUE_HASH, &m->key)) return false;
    struct slice count = native_field(&m->key, SLICE_LIT("count")), then = native_field(&m->key, SLICE_LIT("prevTS"));
    if (count.at && !native_whole(count, 0, NATIVE_WHOLE_MAX - NATIVE_JOBS_MAX, &m->count)) return false;
    m->is_new = !then.at;
    if (m->is_new) return true;
    if (!native_whole(then, 0, NATIVE_TIME_MAX, &then_ms)) return false;
    return points <= 0 || f->now_ms / 60000 <= then_ms / 60000;
}

static bool look_at_metrics(struct cmd_ctx *ctx, struct finish *f, struct slice points_text)
{
    int64_t points;
    f->has_metrics = points_text.len > 0;
    if (!f->has_metrics) return true;
    if (!native_whole(points_text, 0, NATIVE_WHOLE_MAX, &points)) return false;
    if (!look_at_metric(ctx, f, "metrics:completed", points, &f->metrics[0]) ||
        !look_at_metric(ctx, f, "metrics:failed", points, &f->metrics[1]))
        return false;
    for (size_t i = 0; i < f->count; i++) {
        const struct entry *e = f->jobs[i].job.entry;
        if (e == f->metrics[0].key.entry || e == f->metrics[1].key.entry) return false;
    }
    return true;
}

static bool look(struct cmd_ctx *ctx, struct finish *f, const struct twin_args *args)
{
    size_t most = POINTS + (size_t)NATIVE_JOBS_MAX * ARGS_PER_JOB;
    if (args->keys_count == 0 || args->argv_count <= POINTS || args->argv_count > most) return false;
    if ((args->argv_count - POINTS) % ARGS_PER_JOB != 0) return false;
    f->now = args->argv[0];
    struct slice prefix = args->keys[0];
    return native_whole(f->now, 0, NATIVE_TIME_MAX, &f->now_ms) && native_queue_look(ctx, prefix, &f->queue) &&
           native_look_at(ctx, prefix, "completed", VALUE_ZSET, &f->sets[0]) &&
           native_look_at(ctx, prefix, "failed", VALUE_ZSET, &f->sets[1]) &&
           native_look_at(ctx, prefix, "stalled", VALUE_SET, &f->stalled) && look_at_jobs(ctx, f, args) &&
           look_at_fetch(ctx, f, args) && look_at_metrics(ctx, f, args->argv[OURS_FETCH_ARGS]);
}

/* ---- one job ---- */

static void keep_job(struct cmd_ctx *ctx, const struct finish *f, struct ending *j)
{
    const struct slice value = j->args[ARG_VALUE], attempts = native_digits(ctx, j->attempts);
    const struct slice completed[] = {SLICE_LIT("returnvalue"), value,   SLICE_LIT("finishedOn"), f->now,
                                      SLICE_LIT("atm"),         attempts};
    const struct slice failed[] = {SLICE_LIT("failedReason"), value,    SLICE_LIT("finishedOn"), f->now,
                                   SLICE_LIT("atm"),          attempts, SLICE_LIT("stacktrace"), j->args[ARG_STACK]};
    if (!j->has_failed) {
        native_hset(ctx, &j->job, completed, 6);
        return;
    }
    native_hset(ctx, &j->job, failed, j->args[ARG_STACK].len > 0 ? 8 : 6);
    native_hdel(ctx, &j->job, SLICE_LIT("defa"));
}

/* lib/delete.lua; two of the keys are known to be absent. */
static void delete_job(struct cmd_ctx *ctx, struct ending *j)
{
    static const struct slice suffixes[] = {SLICE_INIT(":logs"), SLICE_INIT(":processed"), SLICE_INIT(":failed")};
    native_delete(ctx, &j->job);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        native_delete_once(ctx, native_job_key_of(&j->name, suffixes[i]));
}

static void tell_end(struct cmd_ctx *ctx, struct finish *f, const struct ending *j)
{
    struct slice id = native_job_id(&j->name);
    const struct slice property = j->has_failed ? SLICE_LIT("failedReason") : SLICE_LIT("returnvalue");
    const struct slice end[] = {SLICE_LIT("event"), j->args[ARG_STATE], SLICE_LIT("jobId"), id,
                                property,           j->args[ARG_VALUE], SLICE_LIT("prev"),  SLICE_LIT("active")};
    native_queue_note_max(ctx, &f->queue);
    native_emit_and_trim(ctx, &f->queue.events, end, 8);
    if (!j->is_exhausted) return;
    const struct slice exhausted[] = {SLICE_LIT("event"),        SLICE_LIT("retries-exhausted"), SLICE_LIT("jobId"), id,
                                      SLICE_LIT("attemptsMade"), native_digits(ctx, j->attempts)};
    native_emit(ctx, &f->queue.events, exhausted, 6);
}

/* Returns its code. */
static int64_t finish_job(struct cmd_ctx *ctx, struct finish *f, struct ending *j)
{
    if (!native_remove_last(ctx, &f->queue.active, native_job_id(&j->name))) return -3;
    if (j->is_kept)
        keep_job(ctx, f, j);
    else
        delete_job(ctx, j);
    tell_end(ctx, f, j);
    f->finished_count[j->has_failed]++;
    return 0;
}

/* ---- all of them ---- */

static void add_finished(struct cmd_ctx *ctx, struct finish *f, bool has_failed)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct ending *j = &f->jobs[i];
        if (j->has_failed == has_failed && j->is_kept && f->codes[i] == 0)
            native_zadd(ctx, &f->sets[has_failed], (double)f->now_ms, native_job_id(&j->name));
    }
}

static void count_finished(struct cmd_ctx *ctx, const struct finish *f, struct metric *m, int64_t finished)
{
    const struct slice fields[] = {SLICE_LIT("count"),     native_digits(ctx, m->count + finished),
                                   SLICE_LIT("prevTS"),    f->now,
                                   SLICE_LIT("prevCount"), SLICE_LIT("0")};
    if (finished > 0) native_hset(ctx, &m->key, fields, m->is_new ? 6 : 2);
}

static void finish_jobs(struct cmd_ctx *ctx, struct finish *f)
{
    for (size_t i = 0; i < f->count; i++) f->codes[i] = finish_job(ctx, f, &f->jobs[i]);
    add_finished(ctx, f, false);
    add_finished(ctx, f, true);
    for (size_t i = 0; i < f->count; i++) {
        struct ending *j = &f->jobs[i];
        if (!j->lock.entry) continue;
        native_delete(ctx, &j->lock);
        native_srem(ctx, &f->stalled, native_job_id(&j->name));
    }
    if (!f->has_metrics) return;
    for (int i = 0; i < 2; i++) count_finished(ctx, f, &f->metrics[i], f->finished_count[i]);
}

static void tell_drained(struct cmd_ctx *ctx, struct finish *f)
{
    struct native_queue *q = &f->queue;
    bool is_idle = !f->fetches || f->fetch.is_idle;
    if (!is_idle || f->finished_count[0] + f->finished_count[1] == 0 || q->wait.entry || q->active.entry) return;
    if (db_peek(ctx->db, native_join(ctx, q->prefix, SLICE_LIT("prioritized")))) return;
    const struct slice drained[] = {SLICE_LIT("event"), SLICE_LIT("drained")};
    native_emit(ctx, &q->events, drained, 2);
}

bool ours_finish(struct cmd_ctx *ctx, const struct twin_args *args)
{
    struct finish f = {0};
    if (!look(ctx, &f, args)) return false;
    f.fetch.queue = &f.queue;
    finish_jobs(ctx, &f);
    if (f.fetches) ours_fetch_take(ctx, &f.fetch);
    ours_fetch_reply(ctx, &f.fetch, f.codes, f.count);
    tell_drained(ctx, &f);
    return true;
}
