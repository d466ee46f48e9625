/* SPDX-License-Identifier: MIT */
/*
 * Two buffers change places: the engine gathers records in one while the thread writes the other. Nothing is copied at
 * the change, and the thread, not the engine, works out the checksums: they depend on the segment that a record falls
 * into, which only the writer knows (journal/writer.h).
 *
 *            journal_submit               write, sync (ALWAYS)
 *   IDLE ------------------------> BUSY ------------------------> IDLE, wake()
 *
 * The thread takes no group by itself: the engine submits, since the replies of a group leave before the next begins. It works in
 * bursts of microseconds, and whole groups of clients wait for each: hence its short slice. Without one, a thread that wakes
 * where both processors are busy may wait for the end of somebody's slice twice in each sync, milliseconds each time.
 *
 * Handing a group over costs two changes of threads and two wake-ups: more than writing a small one does. So where no sync
 * must follow, journal_submit writes it itself (write_here): a group that is small and fits into the running segment, as long as
 * the disk is quick. A write may also take long because somebody else has the processor; then the thread would have to wait for one too. Under
 * ALWAYS the engine never waits for the disk.
 *
 * Syncs by the clock are the syncer's (journal/syncer.h): writing goes on beside them.
 *
 * Invariants:
 *   1. durable_seq <= written_seq <= the last number given; the three only grow.
 *   2. the group's buffer and the writer are the thread's while phase is BUSY, and the engine's otherwise.
 *   3. failure and is_astray are written once, before state becomes FAILED, and never again.
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
#include "journal/syncer.h"
#include "journal/writer.h"
#include "os/file.h"
#include "os/thread.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>

/* A buffer that one large group has made longer than this is given back. */
#define BUFFER_KEEP_BYTES ((size_t)1 << 20)
/* What the engine writes itself: copying so much takes some 10 us. */
#define HERE_MAX_BYTES ((size_t)64 << 10)
/* Longer than writing takes. Where it was a wait for the disk, the thread has all groups for so many times as long: so the engine waits for
 * a slow disk in one percent of its time at most. */
#define HERE_SLOW_US 1000
#define HERE_PAUSE_TIMES 100

enum phase { IDLE, BUSY };
/* In the thread's notice, which has only one thing to say. */
enum { NUDGE = 1 };

struct journal {
    /* The engine's. */
    struct buf gathering;
    size_t record_at; /* offset of the record that was begun */
    bool is_recording;
    uint64_t last_seq;
    size_t group_bytes; /* of the last group that was handed over */
    char *folder;       /* owned */
    size_t segment_bytes;
    uint64_t submitted_seq;
    int64_t here_after_us;  /* nothing is written here before */
    int64_t watch_until_us; /* one took long: of those before this time it is asked whether they slept */

    /* For the engine to read without the lock. */
    atomic_int state; /* enum journal_state */
    atomic_int phase;
    atomic_bool is_closing;
    bool is_astray;
    char failure[256];

    struct notice work;    /* the thread looks again at phase and is_closing: NUDGE */
    struct spin spin;      /* for it: idle */
    struct keeper *keeper; /* owned */
    struct syncer *syncer; /* owned */
    struct thread thread;
    struct clock *clock; /* borrowed */
    void (*wake)(void *ctx, int64_t *again_us);
    void *ctx;

    struct lock lock; /* guards what follows */
    struct buf group;
    enum journal_durability durability;
    uint64_t written_bytes;

    struct writer writer; /* invariant 2 */
};

/* ---------------------------------------------------------------- failure */

static void fail(struct journal *j, const struct oxq_error *err)
{
    lock_enter(&j->lock);
    if (atomic_load(&j->state) == JOURNAL_READY) {
        snprintf(j->failure, sizeof(j->failure), "%s", err->text);
        j->is_astray = err->code == OXQ_ERR_NOT_FOUND;
        atomic_store(&j->state, JOURNAL_FAILED);
    }
    lock_notify(&j->lock);
    lock_leave(&j->lock);
}

static bool has_failed(const struct journal *j)
{
    return atomic_load_explicit(&j->state, memory_order_acquire) == JOURNAL_FAILED;
}

/* The keeper or the syncer has done something. */
static void note_change(void *ctx, const struct oxq_error *failure)
{
    struct journal *j = ctx;
    if (failure) fail(j, failure);
    lock_enter(&j->lock);
    lock_notify(&j->lock);
    lock_leave(&j->lock);
    j->wake(j->ctx, NULL);
}

/* ---------------------------------------------------------------- the thread */

static void write_group(struct journal *j, struct buf *group, bool must_sync)
{
    struct oxq_error err;
    oxq_err e = writer_write(&j->writer, group, must_sync, &err);
    if (!e && must_sync) e = syncer_sync(j->syncer, &err);
    if (e) fail(j, &err);
}

static void take_group(struct journal *j)
{
    lock_enter(&j->lock);
    bool must_sync = j->durability == JOURNAL_ALWAYS;
    lock_leave(&j->lock);
    if (!has_failed(j)) write_group(j, &j->group, must_sync);
    lock_enter(&j->lock);
    j->written_bytes = j->writer.written_bytes;
    j->group.len = 0;
    atomic_store_explicit(&j->phase, IDLE, memory_order_release);
    lock_notify(&j->lock);
    lock_leave(&j->lock);
}

static void run(void *ctx)
{
    struct journal *j = ctx;
    int64_t again_us = INT64_MAX;
    thread_shorten_slice();
    for (;;) {
        bool is_late = notice_wait(&j->work, &j->spin, again_us) == 0;
        (void)notice_take(&j->work);
        bool has_group = atomic_load_explicit(&j->phase, memory_order_acquire) == BUSY;
        if (has_group) take_group(j);
        again_us = INT64_MAX;
        if (has_group || is_late) j->wake(j->ctx, &again_us);
        if (atomic_load_explicit(&j->is_closing, memory_order_acquire)) return;
    }
}

static void nudge(struct journal *j)
{
    if (notice_put(&j->work, NUDGE)) notice_wake(&j->work);
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
    syncer_close(j->syncer);
    writer_deinit(&j->writer);
    keeper_close(j->keeper);
    buf_deinit(&j->gathering);
    buf_deinit(&j->group);
    lock_deinit(&j->lock);
    mem_free(j->folder);
    mem_free(j);
}

static int64_t interval_us_of(enum journal_durability durability, int64_t interval_ms)
{
    return durability == JOURNAL_INTERVAL ? interval_ms * 1000 : SYNCER_NEVER;
}

static struct journal *make_journal(const struct journal_opts *opts)
{
    struct journal *j = mem_alloc_zero(sizeof(*j));
    size_t bytes = strlen(opts->folder) + 1;
    j->folder = memcpy(mem_alloc(bytes), opts->folder, bytes);
    j->segment_bytes = opts->segment_bytes ? opts->segment_bytes : JOURNAL_SEGMENT_BYTES;
    CHECK(j->segment_bytes >= JOURNAL_SEGMENT_MIN_BYTES && opts->next_seq > 0);
    j->durability = opts->durability;
    j->last_seq = j->submitted_seq = opts->next_seq - 1;
    atomic_init(&j->state, JOURNAL_READY);
    atomic_init(&j->phase, IDLE);
    j->clock = opts->clock;
    j->wake = opts->wake;
    j->ctx = opts->ctx;
    j->spin.is_idle = true;
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
    struct keeper_opts keeper = {.folder = j->folder,
                                 .beside = opts->beside,
                                 .segment_bytes = j->segment_bytes,
                                 .on_change = note_change,
                                 .ctx = j};
    struct syncer_opts syncer = {.clock = j->clock,
                                 .last_seq = j->last_seq,
                                 .interval_us = interval_us_of(opts->durability, opts->interval_ms),
                                 .on_sync = note_change,
                                 .ctx = j};
    e = keeper_open(&keeper, &j->keeper, err);
    if (!e) e = syncer_open(&syncer, &j->syncer, err);
    struct writer_opts writer = {.folder = j->folder,
                                 .segment_bytes = j->segment_bytes,
                                 .keeper = j->keeper,
                                 .syncer = j->syncer,
                                 .clock = j->clock,
                                 .last_seq = j->last_seq};
    writer_init(&j->writer, &writer);
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
    atomic_store_explicit(&j->is_closing, true, memory_order_release);
    nudge(j);
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
    memset(extend(b, padding + WRITER_SLACK_BYTES), 0, padding);
    b->len -= WRITER_SLACK_BYTES;
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

static bool may_write_here(const struct journal *j)
{
    size_t bytes = j->gathering.len;
    return j->durability != JOURNAL_ALWAYS && bytes <= HERE_MAX_BYTES && writer_fits(&j->writer, bytes) &&
           clock_mono_us(j->clock) >= j->here_after_us;
}

static void note_slow(struct journal *j, int64_t end_us, int64_t took_us, bool has_slept)
{
    int64_t pause_us = took_us * HERE_PAUSE_TIMES;
    if (has_slept) j->here_after_us = end_us + pause_us;
    j->watch_until_us = end_us + 2 * pause_us;
}

static void write_here(struct journal *j)
{
    int64_t start_us = clock_mono_us(j->clock);
    bool is_watched = start_us < j->watch_until_us;
    uint64_t sleeps = is_watched ? thread_sleeps() : 0;
    write_group(j, &j->gathering, false);
    int64_t end_us = clock_mono_us(j->clock);
    if (end_us - start_us > HERE_SLOW_US)
        note_slow(j, end_us, end_us - start_us, is_watched && thread_sleeps() > sleeps);
    j->gathering.len = 0;
    lock_enter(&j->lock);
    j->written_bytes = j->writer.written_bytes;
    lock_leave(&j->lock);
}

bool journal_submit(struct journal *j)
{
    CHECK(!j->is_recording);
    if (j->gathering.len == 0 || has_failed(j)) return false;
    if (atomic_load_explicit(&j->phase, memory_order_acquire) == BUSY) return false;
    j->submitted_seq = j->last_seq;
    if (may_write_here(j)) {
        write_here(j);
        return true;
    }
    lock_enter(&j->lock);
    struct buf empty = j->group;
    j->group = j->gathering;
    j->group_bytes = j->group.len;
    atomic_store_explicit(&j->phase, BUSY, memory_order_release);
    lock_leave(&j->lock);
    nudge(j);
    /* Here, not in the thread: memory in use is counted by thread (base/mem.h). */
    if (empty.cap > BUFFER_KEEP_BYTES) buf_deinit(&empty);
    j->gathering = empty;
    return true;
}

static bool is_settled(struct journal *j)
{
    if (keeper_is_starved(j->keeper)) return true;
    bool is_idle = atomic_load_explicit(&j->phase, memory_order_acquire) == IDLE;
    return is_idle && (has_failed(j) || syncer_durable_seq(j->syncer) >= j->last_seq);
}

void journal_flush(struct journal *j)
{
    for (;;) {
        (void)journal_submit(j);
        syncer_want(j->syncer, j->last_seq);
        lock_enter(&j->lock);
        while (!is_settled(j) && (atomic_load(&j->phase) == BUSY || j->gathering.len == 0))
            lock_wait(&j->lock, INT64_MAX);
        bool is_done = is_settled(j);
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
    out->durable_seq = syncer_durable_seq(j->syncer);
    out->written_seq = syncer_written_seq(j->syncer);
    out->has_room = keeper_has_room(j->keeper);
    out->failure[0] = '\0';
    out->is_astray = out->state == JOURNAL_FAILED && j->is_astray;
    if (out->state == JOURNAL_FAILED) memcpy(out->failure, j->failure, sizeof(out->failure));
}

void journal_set_durability(struct journal *j, enum journal_durability durability, int64_t interval_ms)
{
    lock_enter(&j->lock);
    j->durability = durability;
    lock_leave(&j->lock);
    syncer_set_interval(j->syncer, interval_us_of(durability, interval_ms));
    /* What another durability has left, with the group under way: replies that are to come may tell of it. */
    if (durability == JOURNAL_ALWAYS) syncer_want(j->syncer, j->submitted_seq);
}

void journal_trim(struct journal *j, uint64_t seq)
{
    keeper_trim(j->keeper, seq);
}

void journal_stats(struct journal *j, struct journal_stats *out)
{
    struct syncer_stats syncs;
    *out = (struct journal_stats){0};
    keeper_stats(j->keeper, &out->segments_count, &out->bytes);
    syncer_stats(j->syncer, &syncs);
    out->syncs_count = syncs.syncs_count;
    out->sync_p50_us = syncs.p50_us;
    out->sync_p99_us = syncs.p99_us;
    out->last_sync_us = syncs.last_us;
    lock_enter(&j->lock);
    out->appended_bytes = j->written_bytes;
    lock_leave(&j->lock);
}
