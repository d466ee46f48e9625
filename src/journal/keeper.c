/* SPDX-License-Identifier: MIT */
/*
 * A spare is a file of a segment's size whose name is not yet a segment's. It comes from one of four places:
 *
 *   first       a short one, filled with zeros when the journal is opened: a process begins with it.
 *   made        reserved on the disk; its blocks are marked as never written, so that the first sync after each first
 *               write to one must also write that mark. When the running segment has become an eighth full, the spare is
 *               filled with zeros in chunks, which takes the marks away before anybody waits.
 *   recycled    a segment that a checkpoint made superfluous: its blocks have been written already. Renamed, and the
 *               folder synced, before anything is written to it. What it holds is never taken for new records: those
 *               have another seed (journal/format.h).
 *   found       left by an earlier process; as one that was made.
 *
 * Invariants, under the lock:
 *   1. segments are in the order of their numbers; the last one is the writer's.
 *   2. a spare that is being filled is the last of the spares and is not taken before its chunk is written.
 *   3. has_room is false only when there is no spare of a segment's size, or of the size that the writer waits for, and the last
 *      attempt to make one met a full disk.
 *
 * A full disk is tried again every second, and whenever a segment was removed. Any other failure is final.
 */
#include "journal/keeper.h"

#include "base/mem.h"
#include "journal/folder.h"
#include "journal/pin.h"
#include "os/clock.h"
#include "os/thread.h"

#include <stdatomic.h>

/* Recycled segments beyond the one spare that is always there save writing zeros; each costs a segment of disk. */
#define SPARES_MAX 4
/* A chunk of zeros and its sync delay a group that must be synced meanwhile: long enough to be worth the sync. */
#define FILL_BYTES ((size_t)256 << 10)
/* Of the first segment of a process: room for what comes while the next one is filled, and written within milliseconds. */
#define FIRST_BYTES ((size_t)2 << 20)
#define RETRY_US 1000000

struct spare {
    struct disk_file file;
    uint64_t bytes;
    uint64_t filled_bytes; /* with zeros, or with an earlier use */
};

struct kept {
    uint64_t first_seq;
    uint64_t used_bytes;
};

struct keeper {
    char *folder; /* owned */
    size_t segment_bytes;
    void (*on_change)(void *ctx, const struct oxq_error *failure);
    void *ctx;
    struct thread thread;
    atomic_bool has_room;

    struct lock lock; /* guards what follows */
    struct spare spares[SPARES_MAX];
    size_t spares_count;
    uint64_t next_spare;   /* number of the next file that is made */
    struct kept *segments; /* owned */
    size_t segments_count, segments_cap;
    uint64_t trim_seq;
    size_t wanted_bytes; /* a writer waits for a spare of this size; 0: none does */
    bool is_filling, is_fill_wanted;
    uint64_t fill_at_bytes; /* in use of the running segment: then the next one is filled */
    bool is_stopped, is_closing;
    int64_t retry_us;         /* not before this, after a full disk */
    int64_t pinned_until_us;  /* somebody had a pin: trimmed not before this (journal/pin.h) */
    struct oxq_error failure; /* code OK: none */
};

/* ---------------------------------------------------------------- spares */

static bool has_spare(const struct keeper *k, size_t bytes)
{
    for (size_t i = 0; i < k->spares_count; i++) {
        if (k->spares[i].bytes >= bytes) return true;
    }
    return false;
}

/* A spare of a segment's size is there, and one that the writer waits for. */
static bool is_stocked(const struct keeper *k)
{
    return has_spare(k, k->wanted_bytes > k->segment_bytes ? k->wanted_bytes : k->segment_bytes);
}

/* Makes the file, or takes over the one that is there, and reserves its room. No lock held. */
static oxq_err make_spare(const struct keeper *k, uint64_t number, size_t bytes, struct spare *out,
                          struct oxq_error *err)
{
    char path[PATH_MAX];
    struct spare s = {.file = DISK_CLOSED, .bytes = bytes};
    folder_spare_path(path, k->folder, number);
    oxq_err e = disk_open(path, DISK_CREATE, &s.file, err);
    if (e == OXQ_ERR_EXISTS) e = disk_open(path, DISK_WRITE, &s.file, err);
    if (e) return e;
    e = disk_reserve(&s.file, bytes, err);
    if (e) {
        disk_close(&s.file);
        /* What could be reserved is given back; a spare that stays is met again at the next start. */
        oxq_err ignored = disk_remove(path, NULL);
        (void)ignored;
        return e;
    }
    *out = s;
    return OXQ_OK;
}

/* Writes and syncs the next chunk of zeros. No lock held, but nobody else may have the spare. */
static oxq_err fill_chunk(struct spare *s, struct oxq_error *err)
{
    static const char zeros[FILL_BYTES];
    size_t bytes = s->bytes - s->filled_bytes < FILL_BYTES ? s->bytes - s->filled_bytes : FILL_BYTES;
    oxq_err e = disk_write_at(&s->file, slice_of(zeros, bytes), s->filled_bytes, err);
    if (!e) e = disk_sync(&s->file, err);
    if (!e) s->filled_bytes += bytes;
    return e;
}

/* Spares of an earlier process: one of the right size is taken over, the others go. */
static oxq_err adopt_spares(struct keeper *k, const struct folder *found, struct oxq_error *err)
{
    for (size_t i = 0; i < found->spares_count; i++) {
        char path[PATH_MAX];
        struct disk_file f = DISK_CLOSED;
        uint64_t bytes = 0, number = found->spares[i];
        folder_spare_path(path, k->folder, number);
        if (number >= k->next_spare) k->next_spare = number + 1;
        oxq_err e = disk_open(path, DISK_WRITE, &f, err);
        if (!e) e = disk_size(&f, &bytes, err);
        disk_close(&f);
        if (e) return e;
        bool fits = bytes == k->segment_bytes && k->spares_count < 1;
        e = fits ? make_spare(k, number, bytes, &k->spares[0], err) : disk_remove(path, err);
        if (e == OXQ_ERR_LIMIT) continue;
        if (e) return e;
        if (fits) k->spares_count++;
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- segments */

static void add_segment(struct keeper *k, uint64_t first_seq, uint64_t used_bytes)
{
    if (k->segments_count == k->segments_cap) {
        k->segments_cap = k->segments_cap ? k->segments_cap * 2 : 16;
        k->segments = mem_resize(k->segments, k->segments_cap * sizeof(*k->segments));
    }
    k->segments[k->segments_count++] = (struct kept){first_seq, used_bytes};
}

static oxq_err adopt_segments(struct keeper *k, const struct folder *found, struct oxq_error *err)
{
    for (size_t i = 0; i < found->count; i++) {
        char path[PATH_MAX];
        struct disk_file f = DISK_CLOSED;
        uint64_t bytes = 0;
        folder_segment_path(path, k->folder, found->first_seqs[i]);
        oxq_err e = disk_open(path, DISK_READ, &f, err);
        if (!e) e = disk_size(&f, &bytes, err);
        disk_close(&f);
        if (e) return e;
        add_segment(k, found->first_seqs[i], bytes);
    }
    return OXQ_OK;
}

/* The oldest segment holds nothing beyond trim_seq, and is not the writer's. */
static bool has_trim(const struct keeper *k)
{
    return k->segments_count > 1 && k->segments[1].first_seq - 1 <= k->trim_seq;
}

/* A pinned journal is looked at again every second. */
static bool may_trim(struct keeper *k)
{
    int64_t now_us = clock_mono_us(os_clock());
    if (!has_trim(k) || now_us < k->pinned_until_us) return false;
    if (!journal_is_pinned(k->folder)) return true;
    k->pinned_until_us = now_us + RETRY_US;
    return false;
}

/* When there may be something to do, unless somebody says so before. */
static int64_t next_step_us(const struct keeper *k)
{
    int64_t next_us = is_stocked(k) ? INT64_MAX : k->retry_us;
    if (k->failure.code) return INT64_MAX;
    return has_trim(k) && k->pinned_until_us < next_us ? k->pinned_until_us : next_us;
}

/* Makes a spare of a segment's file. No lock held. */
static oxq_err recycle(const struct keeper *k, const char *path, uint64_t number, struct spare *out,
                       struct oxq_error *err)
{
    char to[PATH_MAX];
    folder_spare_path(to, k->folder, number);
    oxq_err e = disk_rename(path, to, err);
    if (!e) e = disk_sync_folder(k->folder, err);
    if (!e) e = disk_open(to, DISK_WRITE, &out->file, err);
    if (e) return e;
    out->bytes = out->filled_bytes = k->segment_bytes;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- the thread */

static void give_up(struct keeper *k, const struct oxq_error *err)
{
    if (k->failure.code == OXQ_OK) k->failure = *err;
    lock_notify(&k->lock);
}

static void set_room(struct keeper *k, bool has_room)
{
    atomic_store(&k->has_room, has_room);
    lock_notify(&k->lock);
}

/* The steps enter and leave with the lock, and let go of it while the disk works. */
static void step_make(struct keeper *k)
{
    size_t bytes = k->wanted_bytes > k->segment_bytes ? k->wanted_bytes : k->segment_bytes;
    uint64_t number = k->next_spare++;
    struct spare s;
    struct oxq_error err;
    lock_leave(&k->lock);
    oxq_err e = make_spare(k, number, bytes, &s, &err);
    lock_enter(&k->lock);
    if (e == OXQ_ERR_LIMIT) {
        k->retry_us = clock_mono_us(os_clock()) + RETRY_US;
        set_room(k, false);
    } else if (e) {
        give_up(k, &err);
    } else {
        k->spares[k->spares_count++] = s;
        set_room(k, true);
    }
}

static void step_trim(struct keeper *k)
{
    char path[PATH_MAX];
    struct kept oldest = k->segments[0];
    folder_segment_path(path, k->folder, oldest.first_seq);
    struct spare s = {.file = DISK_CLOSED};
    struct oxq_error err;
    uint64_t number = k->next_spare++;
    /* One place stays free for a spare that a longer record needs. */
    bool can_recycle = k->spares_count < SPARES_MAX - 1;
    lock_leave(&k->lock);
    struct disk_file f = DISK_CLOSED;
    uint64_t bytes = 0;
    oxq_err e = disk_open(path, DISK_READ, &f, &err);
    if (!e) e = disk_size(&f, &bytes, &err);
    disk_close(&f);
    can_recycle = can_recycle && bytes == k->segment_bytes;
    if (!e) e = can_recycle ? recycle(k, path, number, &s, &err) : disk_remove(path, &err);
    if (!e && !can_recycle) e = disk_sync_folder(k->folder, &err);
    lock_enter(&k->lock);
    if (e) {
        give_up(k, &err);
        return;
    }
    k->segments_count--;
    memmove(k->segments, k->segments + 1, k->segments_count * sizeof(*k->segments));
    k->retry_us = 0;
    if (can_recycle) {
        k->spares[k->spares_count++] = s;
        if (is_stocked(k)) set_room(k, true);
    }
}

static bool has_fill(const struct keeper *k)
{
    if (!k->is_fill_wanted || k->spares_count == 0) return false;
    const struct spare *s = &k->spares[k->spares_count - 1];
    return s->filled_bytes < s->bytes;
}

static void step_fill(struct keeper *k)
{
    struct oxq_error err;
    k->is_filling = true;
    lock_leave(&k->lock);
    oxq_err e = fill_chunk(&k->spares[k->spares_count - 1], &err);
    lock_enter(&k->lock);
    k->is_filling = false;
    if (e) give_up(k, &err);
    lock_notify(&k->lock);
}

static void tell(struct keeper *k)
{
    /* A failure stays as it is once it is there. */
    const struct oxq_error *failure = k->failure.code ? &k->failure : NULL;
    lock_leave(&k->lock);
    k->on_change(k->ctx, failure);
    lock_enter(&k->lock);
}

/* Does the next thing that there is to do. False: nothing for now. */
static bool take_step(struct keeper *k)
{
    if (k->failure.code) return false;
    bool had_room = atomic_load(&k->has_room);
    size_t segments_before = k->segments_count;
    if (may_trim(k)) {
        step_trim(k);
    } else if (!is_stocked(k) && clock_mono_us(os_clock()) >= k->retry_us) {
        step_make(k);
    } else if (has_fill(k)) {
        step_fill(k);
    } else {
        return false;
    }
    if (had_room != atomic_load(&k->has_room) || k->segments_count < segments_before || k->failure.code) tell(k);
    return true;
}

static void run(void *ctx)
{
    struct keeper *k = ctx;
    thread_lower_priority();
    lock_enter(&k->lock);
    while (!k->is_closing) {
        if (take_step(k)) continue;
        lock_wait(&k->lock, next_step_us(k));
    }
    lock_leave(&k->lock);
}

/* ---------------------------------------------------------------- open, close */

/* Without room on the disk there is none; the spare of full size tells of that. */
static oxq_err make_first(struct keeper *k, struct oxq_error *err)
{
    struct spare *s = &k->spares[k->spares_count];
    oxq_err e = make_spare(k, k->next_spare++, FIRST_BYTES, s, err);
    if (e) return e == OXQ_ERR_LIMIT ? OXQ_OK : e;
    k->spares_count++;
    while (!e && s->filled_bytes < s->bytes) e = fill_chunk(s, err);
    return e;
}

static oxq_err take_stock(struct keeper *k, struct oxq_error *err)
{
    struct folder found;
    oxq_err e = folder_read(&found, k->folder, err);
    if (e) return e;
    e = adopt_segments(k, &found, err);
    if (!e) e = adopt_spares(k, &found, err);
    folder_deinit(&found);
    if (e) return e;
    if (k->spares_count == 0) {
        e = make_spare(k, k->next_spare++, k->segment_bytes, &k->spares[0], err);
        if (e && e != OXQ_ERR_LIMIT) return e;
        if (!e) k->spares_count = 1;
        atomic_store(&k->has_room, !e);
    }
    return k->segment_bytes > FIRST_BYTES ? make_first(k, err) : OXQ_OK;
}

static void free_keeper(struct keeper *k)
{
    for (size_t i = 0; i < k->spares_count; i++) disk_close(&k->spares[i].file);
    lock_deinit(&k->lock);
    mem_free(k->segments);
    mem_free(k->folder);
    mem_free(k);
}

oxq_err keeper_open(const struct keeper_opts *opts, struct keeper **out, struct oxq_error *err)
{
    struct keeper *k = mem_alloc_zero(sizeof(*k));
    size_t bytes = strlen(opts->folder) + 1;
    k->folder = memcpy(mem_alloc(bytes), opts->folder, bytes);
    k->segment_bytes = opts->segment_bytes;
    k->on_change = opts->on_change;
    k->ctx = opts->ctx;
    k->next_spare = 1;
    atomic_init(&k->has_room, true);
    lock_init(&k->lock);
    oxq_err e = take_stock(k, err);
    if (!e) e = thread_start(&k->thread, "oxq-keeper", run, k, err);
    if (e) {
        free_keeper(k);
        return e;
    }
    *out = k;
    return OXQ_OK;
}

void keeper_close(struct keeper *k)
{
    if (!k) return;
    lock_enter(&k->lock);
    k->is_closing = true;
    lock_notify(&k->lock);
    lock_leave(&k->lock);
    thread_join(&k->thread);
    free_keeper(k);
}

/* ---------------------------------------------------------------- for others */

bool keeper_has_room(const struct keeper *k)
{
    return atomic_load_explicit(&k->has_room, memory_order_relaxed);
}

bool keeper_is_starved(struct keeper *k)
{
    lock_enter(&k->lock);
    bool is_starved = k->wanted_bytes && !atomic_load(&k->has_room);
    lock_leave(&k->lock);
    return is_starved;
}

/* The shortest that will do; of those the one that is filled furthest. */
static size_t pick_spare(const struct keeper *k, size_t bytes)
{
    size_t best = SPARES_MAX;
    for (size_t i = 0; i < k->spares_count; i++) {
        const struct spare *s = &k->spares[i], *other = &k->spares[best == SPARES_MAX ? i : best];
        if (s->bytes < bytes) continue;
        bool is_better = s->bytes < other->bytes || (s->bytes == other->bytes && s->filled_bytes > other->filled_bytes);
        if (best == SPARES_MAX || is_better) best = i;
    }
    return best;
}

oxq_err keeper_take(struct keeper *k, size_t bytes, struct disk_file *out, struct oxq_error *err)
{
    lock_enter(&k->lock);
    k->wanted_bytes = bytes;
    k->is_fill_wanted = false;
    lock_notify(&k->lock);
    if (!atomic_load(&k->has_room)) tell(k);
    while (k->is_filling || (!has_spare(k, bytes) && !k->failure.code && !k->is_stopped))
        lock_wait(&k->lock, INT64_MAX);
    k->wanted_bytes = 0;
    oxq_err e = OXQ_OK;
    size_t i = pick_spare(k, bytes);
    if (i < SPARES_MAX) {
        *out = k->spares[i].file;
        k->fill_at_bytes = k->spares[i].bytes / 8;
        k->spares_count--;
        memmove(&k->spares[i], &k->spares[i + 1], (k->spares_count - i) * sizeof(k->spares[0]));
        lock_notify(&k->lock);
    } else if (k->failure.code) {
        e = err_set(err, k->failure.code, "%s", k->failure.text);
    } else {
        e = err_set(err, OXQ_ERR_CLOSED, "the disk of %s has no room for a segment of %zu bytes", k->folder, bytes);
    }
    lock_leave(&k->lock);
    return e;
}

void keeper_stop_waiting(struct keeper *k)
{
    lock_enter(&k->lock);
    k->is_stopped = true;
    lock_notify(&k->lock);
    lock_leave(&k->lock);
}

void keeper_add(struct keeper *k, uint64_t first_seq)
{
    lock_enter(&k->lock);
    add_segment(k, first_seq, 0);
    lock_notify(&k->lock);
    lock_leave(&k->lock);
}

void keeper_note_used(struct keeper *k, uint64_t bytes)
{
    lock_enter(&k->lock);
    k->segments[k->segments_count - 1].used_bytes = bytes;
    if (!k->is_fill_wanted && bytes > k->fill_at_bytes) {
        k->is_fill_wanted = true;
        lock_notify(&k->lock);
    }
    lock_leave(&k->lock);
}

void keeper_trim(struct keeper *k, uint64_t seq)
{
    lock_enter(&k->lock);
    if (seq > k->trim_seq) k->trim_seq = seq;
    k->retry_us = 0;
    lock_notify(&k->lock);
    lock_leave(&k->lock);
}

void keeper_stats(struct keeper *k, uint64_t *out_count, uint64_t *out_bytes)
{
    uint64_t bytes = 0;
    lock_enter(&k->lock);
    for (size_t i = 0; i < k->segments_count; i++) bytes += k->segments[i].used_bytes;
    *out_count = k->segments_count;
    lock_leave(&k->lock);
    *out_bytes = bytes;
}
