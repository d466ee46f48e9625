/* SPDX-License-Identifier: MIT */
/*
 * A spare is a file of a segment's size whose name is not yet a segment's. It comes from one of three places:
 *
 *   made        reserved on the disk; its blocks are marked as never written (journal/writer.c tells what that costs).
 *   recycled    a segment that a checkpoint made superfluous: its blocks have been written already. Renamed, and the
 *               folder synced, before anything is written to it. What it holds is never taken for new records: those
 *               have another seed (journal/format.h).
 *   found       left by an earlier process; as one that was made.
 *
 * Invariants, under the lock:
 *   1. segments are in the order of their numbers; the last one is the writer's.
 *   2. has_room is false only when there is no spare that fits and the last attempt to make one met a full disk.
 *
 * A full disk is tried again every second, and whenever a segment was removed. Any other failure is final.
 *
 * Files are known by their paths. Where the folder was moved away, another may come in its place, with a journal of another process: so
 * it is looked at before any name is made or taken away, and each second, so that nobody writes for long what no start will find.
 */
#include "journal/keeper.h"

#include "base/mem.h"
#include "journal/folder.h"
#include "journal/pin.h"
#include "os/clock.h"
#include "os/thread.h"

#include <stdatomic.h>

/* Recycled segments beyond the one spare that is always there save writing zeros ahead; each costs a segment of disk. */
#define SPARES_MAX 4
#define RETRY_US 1000000
#define LOOK_US 1000000

struct spare {
    struct disk_file file;
    uint64_t bytes;
    bool is_recycled;
};

struct kept {
    uint64_t first_seq;
    uint64_t used_bytes;
};

struct keeper {
    struct disk_file folder;        /* as it was found */
    const struct disk_file *beside; /* borrowed; or NULL */
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
    bool is_stopped, is_closing;
    int64_t retry_us;         /* not before this, after a full disk */
    int64_t look_us;          /* then at the folder */
    int64_t pinned_until_us;  /* somebody had a pin: trimmed not before this (journal/pin.h) */
    struct oxq_error failure; /* code OK: none */
};

/* Whoever starts here finds the segments, and what they go on from. */
static oxq_err check_places(const struct keeper *k, struct oxq_error *err)
{
    oxq_err e = disk_check_place(&k->folder, err);
    return e || !k->beside ? e : disk_check_place(k->beside, err);
}

/* ---------------------------------------------------------------- spares */

static bool has_spare(const struct keeper *k, size_t bytes)
{
    for (size_t i = 0; i < k->spares_count; i++) {
        if (k->spares[i].bytes >= bytes) return true;
    }
    return false;
}

/* Makes the file, or takes over the one that is there, and reserves its room. No lock held. */
static oxq_err make_spare(const struct keeper *k, uint64_t number, size_t bytes, struct spare *out,
                          struct oxq_error *err)
{
    char path[PATH_MAX];
    struct spare s = {.file = DISK_CLOSED, .bytes = bytes};
    folder_spare_path(path, k->folder.path, number);
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

/* Spares of an earlier process: one of the right size is taken over, the others go. */
static oxq_err adopt_spares(struct keeper *k, const struct folder *found, struct oxq_error *err)
{
    for (size_t i = 0; i < found->spares_count; i++) {
        char path[PATH_MAX];
        struct disk_file f = DISK_CLOSED;
        uint64_t bytes = 0, number = found->spares[i];
        folder_spare_path(path, k->folder.path, number);
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
        folder_segment_path(path, k->folder.path, found->first_seqs[i]);
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
    if (!journal_is_pinned(k->folder.path)) return true;
    k->pinned_until_us = now_us + RETRY_US;
    return false;
}

/* When there may be something to do, unless somebody says so before. */
static int64_t next_step_us(const struct keeper *k)
{
    int64_t next_us = has_spare(k, k->wanted_bytes) ? INT64_MAX : k->retry_us;
    if (k->failure.code) return INT64_MAX;
    if (k->look_us < next_us) next_us = k->look_us;
    return has_trim(k) && k->pinned_until_us < next_us ? k->pinned_until_us : next_us;
}

/* Makes a spare of a segment's file. No lock held. */
static oxq_err recycle(const struct keeper *k, const char *path, uint64_t number, struct spare *out,
                       struct oxq_error *err)
{
    char to[PATH_MAX];
    folder_spare_path(to, k->folder.path, number);
    oxq_err e = disk_rename(path, to, err);
    if (!e) e = disk_sync_folder(k->folder.path, err);
    if (!e) e = disk_open(to, DISK_WRITE, &out->file, err);
    if (e) return e;
    out->bytes = k->segment_bytes;
    out->is_recycled = true;
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
    oxq_err e = check_places(k, &err);
    if (!e) e = make_spare(k, number, bytes, &s, &err);
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
    folder_segment_path(path, k->folder.path, oldest.first_seq);
    struct spare s = {.file = DISK_CLOSED};
    struct oxq_error err;
    uint64_t number = k->next_spare++;
    /* One place stays free for a spare that a longer record needs. */
    bool can_recycle = k->spares_count < SPARES_MAX - 1;
    lock_leave(&k->lock);
    struct disk_file f = DISK_CLOSED;
    uint64_t bytes = 0;
    oxq_err e = check_places(k, &err);
    if (!e) e = disk_open(path, DISK_READ, &f, &err);
    if (!e) e = disk_size(&f, &bytes, &err);
    disk_close(&f);
    can_recycle = can_recycle && bytes == k->segment_bytes;
    if (!e) e = can_recycle ? recycle(k, path, number, &s, &err) : disk_remove(path, &err);
    if (!e && !can_recycle) e = disk_sync_folder(k->folder.path, &err);
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
        if (has_spare(k, k->wanted_bytes)) set_room(k, true);
    }
}

static void step_look(struct keeper *k)
{
    struct oxq_error err;
    lock_leave(&k->lock);
    oxq_err e = check_places(k, &err);
    lock_enter(&k->lock);
    k->look_us = clock_mono_us(os_clock()) + LOOK_US;
    if (e) give_up(k, &err);
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
    } else if (!has_spare(k, k->wanted_bytes) && clock_mono_us(os_clock()) >= k->retry_us) {
        step_make(k);
    } else if (clock_mono_us(os_clock()) >= k->look_us) {
        step_look(k);
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

static oxq_err take_stock(struct keeper *k, struct oxq_error *err)
{
    struct folder found;
    oxq_err e = folder_read(&found, k->folder.path, err);
    if (e) return e;
    e = adopt_segments(k, &found, err);
    if (!e) e = adopt_spares(k, &found, err);
    folder_deinit(&found);
    if (e || k->spares_count) return e;
    e = make_spare(k, k->next_spare++, k->segment_bytes, &k->spares[0], err);
    if (e && e != OXQ_ERR_LIMIT) return e;
    if (!e) k->spares_count = 1;
    atomic_store(&k->has_room, !e);
    return OXQ_OK;
}

static void free_keeper(struct keeper *k)
{
    for (size_t i = 0; i < k->spares_count; i++) disk_close(&k->spares[i].file);
    disk_close(&k->folder);
    lock_deinit(&k->lock);
    mem_free(k->segments);
    mem_free(k);
}

oxq_err keeper_open(const struct keeper_opts *opts, struct keeper **out, struct oxq_error *err)
{
    struct keeper *k = mem_alloc_zero(sizeof(*k));
    k->segment_bytes = opts->segment_bytes;
    k->beside = opts->beside;
    k->on_change = opts->on_change;
    k->ctx = opts->ctx;
    k->next_spare = 1;
    atomic_init(&k->has_room, true);
    k->folder = DISK_CLOSED;
    lock_init(&k->lock);
    oxq_err e = disk_open_folder(opts->folder, &k->folder, err);
    if (!e) e = take_stock(k, err);
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

/* One that is recycled where there is one. */
static size_t pick_spare(const struct keeper *k, size_t bytes)
{
    size_t best = SPARES_MAX;
    for (size_t i = 0; i < k->spares_count; i++) {
        if (k->spares[i].bytes < bytes) continue;
        if (best == SPARES_MAX || (k->spares[i].is_recycled && !k->spares[best].is_recycled)) best = i;
    }
    return best;
}

oxq_err keeper_take(struct keeper *k, size_t bytes, struct disk_file *out, bool *out_is_recycled, struct oxq_error *err)
{
    oxq_err e = check_places(k, err);
    if (e) return e;
    lock_enter(&k->lock);
    k->wanted_bytes = bytes;
    lock_notify(&k->lock);
    if (!atomic_load(&k->has_room)) tell(k);
    while (!has_spare(k, bytes) && !k->failure.code && !k->is_stopped) lock_wait(&k->lock, INT64_MAX);
    k->wanted_bytes = 0;
    size_t i = pick_spare(k, bytes);
    if (i < SPARES_MAX) {
        *out = k->spares[i].file;
        *out_is_recycled = k->spares[i].is_recycled;
        k->spares_count--;
        memmove(&k->spares[i], &k->spares[i + 1], (k->spares_count - i) * sizeof(k->spares[0]));
        lock_notify(&k->lock);
    } else if (k->failure.code) {
        e = err_set(err, k->failure.code, "%s", k->failure.text);
    } else {
        e = err_set(err, OXQ_ERR_CLOSED, "the disk of %s has no room for a segment of %zu bytes", k->folder.path,
                    bytes);
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
