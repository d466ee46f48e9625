/* SPDX-License-Identifier: MIT */
/*
 * A sync covers what was noted before it began: what is written meanwhile waits for the next one. There is one at a time, and
 * a sync that failed is the last: the system tells an error of writing to one call of fdatasync and to no later one, so a
 * second one beside it or after it could report success for bytes that are lost.
 *
 * Invariants, under the lock:
 *   1. durable_seq <= written_seq; both only grow.
 *   2. file is not closed while is_syncing: syncer_set_file waits.
 *   3. has_unsynced says whether bytes were noted since the last sync began.
 *
 * The interval runs from the first byte that waits for a sync; one written during a sync counts from that sync's start.
 */
#include "journal/syncer.h"

#include "base/mem.h"
#include "os/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SYNCS_COUNT 1024

struct syncer {
    struct clock *clock; /* borrowed */
    void (*on_sync)(void *ctx, const struct oxq_error *failure);
    void *ctx;
    struct thread thread;
    /* Changed under the lock, read by anybody. */
    atomic_uint_fast64_t written_seq, durable_seq;

    struct lock lock;       /* guards what follows */
    struct disk_file *file; /* borrowed from the writer; NULL: none */
    bool has_unsynced, is_syncing, is_closing;
    unsigned waiting_count; /* for the end of a sync */
    int64_t unsynced_at_us; /* meaningful with has_unsynced and an interval */
    int64_t interval_us;
    uint64_t wanted_seq;
    struct oxq_error failure;     /* code OK: none */
    int64_t sync_us[SYNCS_COUNT]; /* a ring */
    uint64_t syncs_count;
};

/* Inside the lock, which it lets go of meanwhile; nobody else syncs. */
static oxq_err sync_now(struct syncer *s, struct oxq_error *err)
{
    uint64_t seq = atomic_load(&s->written_seq);
    s->is_syncing = true;
    s->has_unsynced = false;
    lock_leave(&s->lock);
    int64_t start_us = clock_mono_us(s->clock);
    struct oxq_error failure = {0};
    oxq_err e = disk_sync(s->file, &failure);
    int64_t end_us = clock_mono_us(s->clock);
    lock_enter(&s->lock);
    s->is_syncing = false;
    s->unsynced_at_us = start_us;
    if (e) {
        s->failure = failure;
        if (err) *err = failure;
    } else {
        atomic_store_explicit(&s->durable_seq, seq, memory_order_release);
        s->sync_us[s->syncs_count++ % SYNCS_COUNT] = end_us - start_us;
    }
    if (s->waiting_count) lock_notify(&s->lock);
    return e;
}

/* Inside the lock. */
static void wait_for_sync(struct syncer *s)
{
    s->waiting_count++;
    while (s->is_syncing) lock_wait(&s->lock, INT64_MAX);
    s->waiting_count--;
}

/* ---------------------------------------------------------------- the thread */

/* When the thread must sync; INT64_MAX: never. */
static int64_t next_sync_us(const struct syncer *s)
{
    if (!s->has_unsynced || s->is_syncing || s->failure.code) return INT64_MAX;
    uint64_t durable_seq = atomic_load(&s->durable_seq);
    if (s->wanted_seq > durable_seq && atomic_load(&s->written_seq) >= s->wanted_seq) return 0;
    return s->interval_us == SYNCER_NEVER ? INT64_MAX : s->unsynced_at_us + s->interval_us;
}

static void run(void *ctx)
{
    struct syncer *s = ctx;
    lock_enter(&s->lock);
    while (!s->is_closing) {
        int64_t at_us = next_sync_us(s);
        if (at_us == INT64_MAX || (at_us > 0 && at_us > clock_mono_us(s->clock))) {
            lock_wait(&s->lock, at_us);
            continue;
        }
        struct oxq_error failure;
        oxq_err e = sync_now(s, &failure);
        lock_leave(&s->lock);
        s->on_sync(s->ctx, e ? &failure : NULL);
        lock_enter(&s->lock);
    }
    lock_leave(&s->lock);
}

/* ---------------------------------------------------------------- open, close */

oxq_err syncer_open(const struct syncer_opts *opts, struct syncer **out, struct oxq_error *err)
{
    struct syncer *s = mem_alloc_zero(sizeof(*s));
    s->clock = opts->clock;
    s->on_sync = opts->on_sync;
    s->ctx = opts->ctx;
    s->interval_us = opts->interval_us;
    atomic_init(&s->written_seq, opts->last_seq);
    atomic_init(&s->durable_seq, opts->last_seq);
    lock_init(&s->lock);
    oxq_err e = thread_start(&s->thread, "oxq-sync", run, s, err);
    if (e) {
        lock_deinit(&s->lock);
        mem_free(s);
        return e;
    }
    *out = s;
    return OXQ_OK;
}

void syncer_close(struct syncer *s)
{
    if (!s) return;
    lock_enter(&s->lock);
    s->is_closing = true;
    lock_notify(&s->lock);
    lock_leave(&s->lock);
    thread_join(&s->thread);
    lock_deinit(&s->lock);
    mem_free(s);
}

/* ---------------------------------------------------------------- the writer */

void syncer_set_file(struct syncer *s, struct disk_file *file)
{
    lock_enter(&s->lock);
    wait_for_sync(s);
    s->file = file;
    lock_leave(&s->lock);
}

void syncer_note_written(struct syncer *s, uint64_t seq)
{
    lock_enter(&s->lock);
    atomic_store_explicit(&s->written_seq, seq, memory_order_release);
    bool is_first = !s->has_unsynced;
    s->has_unsynced = true;
    /* During a sync, the time counts from that sync's start (sync_now). */
    if (is_first && !s->is_syncing && s->interval_us != SYNCER_NEVER) {
        s->unsynced_at_us = clock_mono_us(s->clock);
        lock_notify(&s->lock);
    }
    if (s->wanted_seq > atomic_load(&s->durable_seq)) lock_notify(&s->lock);
    lock_leave(&s->lock);
}

oxq_err syncer_sync(struct syncer *s, struct oxq_error *err)
{
    lock_enter(&s->lock);
    wait_for_sync(s);
    oxq_err e = s->failure.code;
    if (e)
        err_set(err, e, "%s", s->failure.text);
    else if (s->has_unsynced)
        e = sync_now(s, err);
    lock_leave(&s->lock);
    return e;
}

/* ---------------------------------------------------------------- for others */

void syncer_set_interval(struct syncer *s, int64_t us)
{
    lock_enter(&s->lock);
    /* What was written while there was no interval has no time: it counts from now. */
    if (s->interval_us == SYNCER_NEVER && us != SYNCER_NEVER) s->unsynced_at_us = clock_mono_us(s->clock);
    s->interval_us = us;
    lock_notify(&s->lock);
    lock_leave(&s->lock);
}

void syncer_want(struct syncer *s, uint64_t seq)
{
    lock_enter(&s->lock);
    if (seq > s->wanted_seq) s->wanted_seq = seq;
    lock_notify(&s->lock);
    lock_leave(&s->lock);
}

uint64_t syncer_written_seq(const struct syncer *s)
{
    return atomic_load_explicit(&s->written_seq, memory_order_acquire);
}

uint64_t syncer_durable_seq(const struct syncer *s)
{
    return atomic_load_explicit(&s->durable_seq, memory_order_acquire);
}

static int compare_us(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

void syncer_stats(struct syncer *s, struct syncer_stats *out)
{
    int64_t us[SYNCS_COUNT];
    *out = (struct syncer_stats){0};
    lock_enter(&s->lock);
    out->syncs_count = s->syncs_count;
    memcpy(us, s->sync_us, sizeof(us));
    lock_leave(&s->lock);
    size_t count = out->syncs_count < SYNCS_COUNT ? out->syncs_count : SYNCS_COUNT;
    if (!count) return;
    out->last_us = us[(out->syncs_count - 1) % SYNCS_COUNT];
    qsort(us, count, sizeof(us[0]), compare_us);
    out->p50_us = us[count / 2];
    out->p99_us = us[count * 99 / 100];
}
