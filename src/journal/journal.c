/* SPDX-License-Identifier: MIT */
/*
 * Two buffers change places: the engine gathers records in one while the thread writes the other. Nothing is copied at
 * the change, and the thread, not the engine, works out the checksums: they depend on the segment that a record falls
 * into, which only the writer knows (journal/writer.h).
 *
 *            journal_submit               write_group, fdatasync
 *   IDLE ------------------------> BUSY ------------------------> IDLE, wake()
 *
 * The thread takes no group by itself: the engine submits, since the replies of a group leave before the next begins.
 *
 * Invariants:
 *   1. durable_seq <= written_seq <= the last number given; the three only grow.
 *   2. the group's buffer is the thread's while phase is BUSY, and the engine's otherwise.
 *   3. failure is written once, before state becomes FAILED, and never again.
 *
 * FAILED: nothing more is written or synced, not even the group that came next: after a sync that failed the kernel may
 * have dropped what it could not write, and a second one would report success for bytes that are not there.
 */
#include "journal/journal.h"

#include "base/mem.h"
#include "journal/folder.h"
#include "journal/format.h"
#include "journal/keeper.h"
#include "journal/reader.h"
#include "journal/writer.h"
#include "os/file.h"
#include "os/thread.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* A buffer that one large group has made longer than this is given back. */
#define BUFFER_KEEP_BYTES ((size_t)8 << 20)
#define SYNCS_COUNT 1024

enum phase { IDLE, BUSY };

struct journal {
    /* The engine's. */
    struct buf gathering;
    size_t record_at; /* offset of the record that was begun */
    bool is_recording;
    uint64_t last_seq;
    size_t group_bytes; /* of the last group that was handed over */
    char *folder;       /* owned */
    size_t segment_bytes;

    /* For the engine to read without the lock. */
    atomic_int state; /* enum journal_state */
    atomic_int phase;
    atomic_uint_fast64_t written_seq, durable_seq;
    char failure[256];

    struct keeper *keeper; /* owned */
    struct thread thread;
    struct clock *clock; /* borrowed */
    void (*wake)(void *ctx);
    void *ctx;

    struct lock lock; /* guards what follows */
    struct buf group;
    enum journal_durability durability;
    int64_t interval_us;
    bool is_sync_wanted, is_closing;
    int64_t sync_us[SYNCS_COUNT]; /* a ring */
    uint64_t syncs_count;
    uint64_t written_bytes;

    /* The thread's. */
    struct writer writer;
    int64_t synced_at_us; /* INTERVAL counts from here */
};

/* ---------------------------------------------------------------- failure */

static void fail(struct journal *j, const struct oxq_error *err)
{
    lock_enter(&j->lock);
    if (atomic_load(&j->state) == JOURNAL_READY) {
        snprintf(j->failure, sizeof(j->failure), "%s", err->text);
        atomic_store(&j->state, JOURNAL_FAILED);
    }
    lock_notify(&j->lock);
    lock_leave(&j->lock);
}

static bool has_failed(const struct journal *j)
{
    return atomic_load_explicit(&j->state, memory_order_acquire) == JOURNAL_FAILED;
}

static void on_keeper_change(void *ctx, const struct oxq_error *failure)
{
    struct journal *j = ctx;
    if (failure) fail(j, failure);
    lock_enter(&j->lock);
    lock_notify(&j->lock);
    lock_leave(&j->lock);
    j->wake(j->ctx);
}

/* ---------------------------------------------------------------- the thread */

static void note_sync(struct journal *j, int64_t us)
{
    lock_enter(&j->lock);
    j->sync_us[j->syncs_count % SYNCS_COUNT] = us;
    j->syncs_count++;
    lock_leave(&j->lock);
}

static void publish(struct journal *j)
{
    atomic_store_explicit(&j->written_seq, j->writer.written_seq, memory_order_release);
    atomic_store_explicit(&j->durable_seq, j->writer.durable_seq, memory_order_release);
}

static oxq_err sync_writer(struct journal *j, struct oxq_error *err)
{
    int64_t start_us = clock_mono_us(j->clock);
    oxq_err e = writer_sync(&j->writer, err);
    j->synced_at_us = clock_mono_us(j->clock);
    if (e) return e;
    note_sync(j, j->synced_at_us - start_us);
    publish(j);
    return OXQ_OK;
}

/* Writes the group, and syncs it where it must be. */
static void do_group(struct journal *j, bool must_sync)
{
    struct oxq_error err;
    bool was_synced = !writer_has_unsynced(&j->writer);
    oxq_err e = writer_write(&j->writer, &j->group, &err);
    publish(j);
    /* INTERVAL: the time runs from the first byte that waits for a sync. */
    if (was_synced) j->synced_at_us = clock_mono_us(j->clock);
    if (!e && must_sync) e = sync_writer(j, &err);
    if (e) fail(j, &err);
}

/* When the thread must sync by itself; INT64_MAX: never. Inside the lock. */
static int64_t next_sync_us(const struct journal *j)
{
    if (has_failed(j) || !writer_has_unsynced(&j->writer)) return INT64_MAX;
    if (j->is_sync_wanted) return 0;
    if (j->durability == JOURNAL_INTERVAL) return j->synced_at_us + j->interval_us;
    /* ALWAYS has something to sync here only when it has just replaced another durability. */
    return j->durability == JOURNAL_ALWAYS ? 0 : INT64_MAX;
}

/* Does what there is to do, letting go of the lock meanwhile. False: nothing for now. */
static bool take_step(struct journal *j)
{
    bool is_busy = atomic_load(&j->phase) == BUSY;
    bool must_sync = j->durability == JOURNAL_ALWAYS || j->is_sync_wanted;
    if (!is_busy && next_sync_us(j) > clock_mono_us(j->clock)) return false;
    struct oxq_error err;
    lock_leave(&j->lock);
    if (is_busy) {
        if (!has_failed(j)) do_group(j, must_sync);
    } else if (sync_writer(j, &err) != OXQ_OK) {
        fail(j, &err);
    }
    lock_enter(&j->lock);
    j->written_bytes = j->writer.written_bytes;
    /* A group that came while this was a sync by the clock is still to be written. */
    if (is_busy) {
        j->group.len = 0;
        atomic_store_explicit(&j->phase, IDLE, memory_order_release);
    }
    lock_notify(&j->lock);
    lock_leave(&j->lock);
    j->wake(j->ctx);
    lock_enter(&j->lock);
    return true;
}

static void run(void *ctx)
{
    struct journal *j = ctx;
    lock_enter(&j->lock);
    for (;;) {
        if (take_step(j)) continue;
        if (j->is_closing) break;
        lock_wait(&j->lock, next_sync_us(j));
    }
    lock_leave(&j->lock);
}

/* ---------------------------------------------------------------- open, close */

/* Nothing in the folder may be younger than what is about to be written. A segment that starts with next_seq is one that no
 * record ever reached, or a torn one: recovery found none in it. */
static oxq_err clear_the_way(const char *folder, uint64_t next_seq, struct oxq_error *err)
{
    char path[PATH_MAX];
    struct folder found;
    oxq_err e = folder_read(&found, folder, err);
    if (e) return e;
    uint64_t youngest = found.count ? found.first_seqs[found.count - 1] : 0;
    folder_deinit(&found);
    if (youngest > next_seq)
        return err_set(err, OXQ_ERR_EXISTS, "the journal in %s goes on to record %llu already, beyond %llu", folder,
                       (unsigned long long)youngest, (unsigned long long)next_seq);
    if (youngest < next_seq) return OXQ_OK;
    struct journal_reader *r = NULL;
    struct journal_record record;
    bool has_record = false;
    e = journal_reader_open(folder, next_seq, &r, err);
    if (!e) e = journal_reader_next(r, &record, &has_record, err);
    journal_reader_close(r);
    if (e) return e;
    if (has_record)
        return err_set(err, OXQ_ERR_EXISTS, "the journal in %s has record %llu already", folder,
                       (unsigned long long)next_seq);
    folder_segment_path(path, folder, next_seq);
    e = disk_remove(path, err);
    return e ? e : disk_sync_folder(folder, err);
}

static void free_journal(struct journal *j)
{
    writer_deinit(&j->writer);
    keeper_close(j->keeper);
    buf_deinit(&j->gathering);
    buf_deinit(&j->group);
    lock_deinit(&j->lock);
    mem_free(j->folder);
    mem_free(j);
}

static struct journal *make_journal(const struct journal_opts *opts)
{
    struct journal *j = mem_alloc_zero(sizeof(*j));
    size_t bytes = strlen(opts->folder) + 1;
    j->folder = memcpy(mem_alloc(bytes), opts->folder, bytes);
    j->segment_bytes = opts->segment_bytes ? opts->segment_bytes : JOURNAL_SEGMENT_BYTES;
    CHECK(j->segment_bytes >= JOURNAL_SEGMENT_MIN_BYTES && opts->next_seq > 0);
    j->durability = opts->durability;
    j->interval_us = opts->interval_ms * 1000;
    j->last_seq = opts->next_seq - 1;
    atomic_init(&j->written_seq, j->last_seq);
    atomic_init(&j->durable_seq, j->last_seq);
    atomic_init(&j->state, JOURNAL_READY);
    atomic_init(&j->phase, IDLE);
    j->clock = opts->clock;
    j->wake = opts->wake;
    j->ctx = opts->ctx;
    lock_init(&j->lock);
    return j;
}

oxq_err journal_open(const struct journal_opts *opts, struct journal **out, struct oxq_error *err)
{
    oxq_err e = file_make_folder(opts->folder, err);
    char parent[PATH_MAX];
    if (snprintf(parent, sizeof(parent), "%s/..", opts->folder) >= PATH_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "the journal's folder has too long a path");
    if (!e) e = disk_sync_folder(parent, err);
    if (!e) e = clear_the_way(opts->folder, opts->next_seq, err);
    if (e) return e;
    struct journal *j = make_journal(opts);
    struct keeper_opts keeper = {
        .folder = j->folder, .segment_bytes = j->segment_bytes, .on_change = on_keeper_change, .ctx = j};
    e = keeper_open(&keeper, &j->keeper, err);
    writer_init(&j->writer, j->folder, j->segment_bytes, j->keeper, j->clock, j->last_seq);
    if (!e) e = thread_start(&j->thread, "oxq-journal", run, j, err);
    if (e) {
        free_journal(j);
        return e;
    }
    *out = j;
    return OXQ_OK;
}

enum journal_state journal_close(struct journal *j)
{
    if (!j) return JOURNAL_READY;
    CHECK(!j->is_recording);
    journal_flush(j);
    /* A group that waits for room waits no longer: that is a failure now. */
    keeper_stop_waiting(j->keeper);
    lock_enter(&j->lock);
    j->is_closing = true;
    lock_notify(&j->lock);
    lock_leave(&j->lock);
    thread_join(&j->thread);
    struct oxq_error err;
    if (!has_failed(j) && writer_finish(&j->writer, &err) != OXQ_OK) fail(j, &err);
    enum journal_state state = atomic_load(&j->state);
    free_journal(j);
    return state;
}

/* ---------------------------------------------------------------- appending */

/* Room for what we add ourselves; without it the process ends, as for all sizes that we choose (base/mem.h). */
static char *extend(struct buf *b, size_t bytes)
{
    if (bytes > b->cap - b->len) {
        size_t cap = b->cap + b->cap / 2 + bytes;
        b->at = mem_resize(b->at, cap);
        b->cap = cap;
    }
    char *at = b->at + b->len;
    b->len += bytes;
    return at;
}

struct buf *journal_begin(struct journal *j)
{
    struct buf *b = &j->gathering;
    CHECK(!j->is_recording);
    j->is_recording = true;
    if (b->len == 0) {
        char *mark = extend(b, FORMAT_MARK_BYTES);
        memset(mark, 0, FORMAT_MARK_BYTES);
        format_write_head(mark, FORMAT_MARK, 0, 0);
    }
    j->record_at = b->len;
    extend(b, FORMAT_RECORD_HEAD_BYTES + 1);
    b->limit_bytes = b->len + JOURNAL_RECORD_MAX_BYTES;
    return b;
}

void journal_abandon(struct journal *j)
{
    CHECK(j->is_recording);
    j->is_recording = false;
    /* A group of nothing but its mark is none. */
    j->gathering.len = j->record_at == FORMAT_MARK_BYTES ? 0 : j->record_at;
}

uint64_t journal_end(struct journal *j)
{
    CHECK(j->is_recording);
    uint64_t seq = ++j->last_seq;
    if (has_failed(j)) {
        journal_abandon(j);
        j->gathering.len = 0;
        return seq;
    }
    struct buf *b = &j->gathering;
    size_t payload_bytes = b->len - j->record_at - FORMAT_RECORD_HEAD_BYTES - 1;
    size_t padding = j->record_at + format_record_bytes(payload_bytes) - b->len;
    /* The writer ends a group with zeros of its own. */
    memset(extend(b, padding + FORMAT_END_BYTES), 0, padding + FORMAT_END_BYTES);
    b->len -= FORMAT_END_BYTES;
    format_write_head(b->at + j->record_at, FORMAT_EFFECTS, seq, payload_bytes);
    j->is_recording = false;
    return seq;
}

uint64_t journal_append(struct journal *j, struct slice payload)
{
    struct buf *b = journal_begin(j);
    CHECK(payload.len <= JOURNAL_RECORD_MAX_BYTES);
    if (payload.len) memcpy(extend(b, payload.len), payload.at, payload.len);
    return journal_end(j);
}

bool journal_submit(struct journal *j)
{
    CHECK(!j->is_recording);
    if (j->gathering.len == 0 || has_failed(j)) return false;
    if (atomic_load_explicit(&j->phase, memory_order_acquire) == BUSY) return false;
    lock_enter(&j->lock);
    struct buf empty = j->group;
    j->group = j->gathering;
    j->group_bytes = j->group.len;
    atomic_store_explicit(&j->phase, BUSY, memory_order_release);
    lock_notify(&j->lock);
    lock_leave(&j->lock);
    /* Here, not in the thread: memory in use is counted by thread (base/mem.h). */
    if (empty.cap > BUFFER_KEEP_BYTES) buf_deinit(&empty);
    j->gathering = empty;
    return true;
}

static bool is_settled(struct journal *j)
{
    return has_failed(j) || atomic_load_explicit(&j->durable_seq, memory_order_acquire) >= j->last_seq ||
           keeper_is_starved(j->keeper);
}

void journal_flush(struct journal *j)
{
    for (;;) {
        (void)journal_submit(j);
        lock_enter(&j->lock);
        j->is_sync_wanted = true;
        lock_notify(&j->lock);
        while (!is_settled(j) && (atomic_load(&j->phase) == BUSY || j->gathering.len == 0))
            lock_wait(&j->lock, INT64_MAX);
        bool is_done = is_settled(j);
        if (is_done) j->is_sync_wanted = false;
        lock_leave(&j->lock);
        if (is_done) return;
    }
}

/* ---------------------------------------------------------------- looking */

uint64_t journal_last_seq(const struct journal *j)
{
    return j->last_seq;
}

size_t journal_backlog_bytes(const struct journal *j)
{
    bool is_busy = atomic_load_explicit(&j->phase, memory_order_acquire) == BUSY;
    return j->gathering.len + (is_busy ? j->group_bytes : 0);
}

bool journal_has_room(const struct journal *j, size_t bytes)
{
    if (!keeper_has_room(j->keeper)) return false;
    size_t want = journal_backlog_bytes(j) + bytes;
    /* Either a spare is there, or the running segment has just begun: so much is certain. */
    if (want <= j->segment_bytes / 2) return true;
    uint64_t free_bytes = 0;
    return disk_free_bytes(j->folder, &free_bytes, NULL) == OXQ_OK && free_bytes >= want + j->segment_bytes;
}

void journal_poll(const struct journal *j, struct journal_progress *out)
{
    /* From the last thing that the thread writes to the first: what is idle has its numbers out. */
    out->is_idle = atomic_load_explicit(&j->phase, memory_order_acquire) == IDLE;
    out->state = (enum journal_state)atomic_load_explicit(&j->state, memory_order_acquire);
    out->durable_seq = atomic_load_explicit(&j->durable_seq, memory_order_acquire);
    out->written_seq = atomic_load_explicit(&j->written_seq, memory_order_acquire);
    out->has_room = keeper_has_room(j->keeper);
    out->failure[0] = '\0';
    if (out->state == JOURNAL_FAILED) memcpy(out->failure, j->failure, sizeof(out->failure));
}

void journal_set_durability(struct journal *j, enum journal_durability durability, int64_t interval_ms)
{
    lock_enter(&j->lock);
    j->durability = durability;
    j->interval_us = interval_ms * 1000;
    lock_notify(&j->lock);
    lock_leave(&j->lock);
}

void journal_trim(struct journal *j, uint64_t seq)
{
    keeper_trim(j->keeper, seq);
}

static int compare_us(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

void journal_stats(struct journal *j, struct journal_stats *out)
{
    int64_t us[SYNCS_COUNT];
    *out = (struct journal_stats){0};
    keeper_stats(j->keeper, &out->segments_count, &out->bytes);
    lock_enter(&j->lock);
    out->appended_bytes = j->written_bytes;
    out->syncs_count = j->syncs_count;
    memcpy(us, j->sync_us, sizeof(us));
    lock_leave(&j->lock);
    size_t count = out->syncs_count < SYNCS_COUNT ? out->syncs_count : SYNCS_COUNT;
    if (!count) return;
    out->last_sync_us = us[(out->syncs_count - 1) % SYNCS_COUNT];
    qsort(us, count, sizeof(us[0]), compare_us);
    out->sync_p50_us = us[count / 2];
    out->sync_p99_us = us[count * 99 / 100];
}
