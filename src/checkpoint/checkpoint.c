/* SPDX-License-Identifier: MIT */
/*
 *                 begin             first items           end              commit, wake
 *   engine:  IDLE -----> RUNNING ---- give ---- give ---- end          poll: COMMITTED or FAILED, once; then IDLE
 *   thread:           transaction begun .. rows written .. committed
 *
 * The engine's thread and this one share a queue of buffers and the outcome, under one lock that nobody holds for long.
 * After an error the thread drops what is still given until the end.
 *
 * LMDB keeps the memory of the largest transaction until it is closed. So after a large one, and after a failure, the thread
 * opens the file anew; env_lock keeps it from doing so while the engine reads, and the engine from reading meanwhile.
 *
 * Reading goes through LMDB's own snapshots on the engine's thread: a reader that is reset between two looks pins no pages. Single
 * rows, of cold values, are looked up beside LMDB (lookup.h), without the lock: they never wait.
 *
 * Read next: apply.c (items to rows), large.c, store.c (LMDB), load.c (reading), repair.c (checking, mending).
 */
#include "checkpoint/state.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/file.h"

#include <errno.h>

/* LMDB keeps about twice the pages of what a transaction wrote. */
#define KEPT_BYTES_MAX ((size_t)1 << 20)
/* Rows after which the pages that LMDB has looked at are unmapped: each may have mapped sixteen. */
#define FORGET_ROWS 2048

/* ---- the thread ---- */

/* After a failure, or when LMDB keeps the memory of many pages: it is opened anew, unless somebody reads. */
static void refresh(struct checkpoint *c)
{
    lock_enter(&c->env_lock);
    if (c->cursors_count == 0) {
        if (c->reader) mdb_txn_abort(c->reader);
        c->reader = NULL;
        store_reopen(&c->store);
    } else {
        store_forget_pages(&c->store);
    }
    lock_leave(&c->env_lock);
}

static void finish(struct checkpoint *c, int rc, const struct apply *a)
{
    const struct store_writer *w = &a->writer;
    struct oxq_error error = {0};
    if (rc) store_error(&c->store, rc, "write", &error);
    if (rc || a->is_first || w->bytes_count > KEPT_BYTES_MAX)
        refresh(c);
    else
        store_forget_pages(&c->store);
    /* What a transaction that failed did may be there. One that did not is there, also where the file could not be opened anew to see it. */
    uint64_t txn_id = rc ? store_newest_txn(&c->store) : a->meta.txn_id;
    lock_enter(&c->lock);
    if (txn_id) c->newest_txn_id = txn_id;
    if (!rc) c->newest_meta = a->meta;
    c->progress.state = rc ? CHECKPOINT_FAILED : CHECKPOINT_COMMITTED;
    if (!rc) c->progress.seq = c->begun_seq;
    if (!rc) c->progress.rows_count = w->rows_count;
    c->progress.error = error;
    c->is_ended = false;
    lock_notify(&c->lock);
    lock_leave(&c->lock);
    if (c->wake) c->wake(c->ctx);
}

/* The next buffer; NULL: the end, or it is given up. */
static struct given *take_given(struct checkpoint *c)
{
    while (!c->first && !c->is_ended && !c->is_closing) (void)lock_wait(&c->lock, INT64_MAX);
    struct given *g = c->first;
    if (!g || c->is_given_up) return NULL;
    c->first = g->next;
    if (!c->first) c->last = NULL;
    return g;
}

static void put_aside(struct checkpoint *c, struct given *g)
{
    atomic_fetch_sub(&c->backlog_bytes, g->items.len);
    g->next = c->used;
    c->used = g;
}

/* On the engine's thread, like what follows: memory in use is counted by thread. */
static void free_given(struct given *first)
{
    while (first) {
        struct given *next = first->next;
        buf_deinit(&first->items);
        mem_free(first);
        first = next;
    }
}

/* A row that is written maps the pages around its leaf's. */
static void forget_some(const struct checkpoint *c, const struct apply *a, uint64_t *forgotten_at)
{
    if (a->writer.rows_count - *forgotten_at < FORGET_ROWS) return;
    *forgotten_at = a->writer.rows_count;
    store_forget_pages(&c->store);
}

/* One checkpoint: entered and left inside the lock. */
static void run_one(struct checkpoint *c)
{
    struct apply a;
    uint64_t seq = c->begun_seq, forgotten_at = 0;
    lock_leave(&c->lock);
    /* It could not be opened anew after the one before. */
    if (!c->store.env) refresh(c);
    apply_begin(&a, &c->store, &c->large, seq);
    /* LMDB would write on where nobody finds it, or to a new file of its own, which then had the changes alone. */
    if (!a.writer.rc && disk_check_place(&c->lookup.file, NULL) != OXQ_OK) a.writer.rc = ENOENT;
    lock_enter(&c->lock);
    for (struct given *g = take_given(c); g; g = take_given(c)) {
        lock_leave(&c->lock);
        apply_items(&a, buf_borrow(&g->items));
        forget_some(c, &a, &forgotten_at);
        lock_enter(&c->lock);
        put_aside(c, g);
    }
    bool is_whole = c->is_ended && !c->first;
    lock_leave(&c->lock);
    if (is_whole) {
        int rc = apply_end(&a, clock_wall_ms(os_clock()));
        finish(c, rc, &a);
    } else {
        apply_abort(&a);
    }
    lock_enter(&c->lock);
}

static void run(void *ctx)
{
    struct checkpoint *c = ctx;
    thread_lower_priority();
    lock_enter(&c->lock);
    while (c->has_begun || !c->is_closing) {
        if (c->has_begun) {
            c->has_begun = false;
            run_one(c);
        } else {
            (void)lock_wait(&c->lock, INT64_MAX);
        }
    }
    lock_leave(&c->lock);
}

/* ---- life ---- */

static void adopt_meta(struct checkpoint *c, const struct store_meta *meta)
{
    /* What a crash left of the first checkpoint is none. All is replayed, which gives databases their numbers anew. */
    c->meta = meta->seq ? *meta : store_meta_empty();
}

static oxq_err read_state(struct checkpoint *c, struct oxq_error *err)
{
    MDB_txn *txn = NULL;
    struct store_meta meta;
    oxq_err e = checkpoint_read_begin(c, &txn, err);
    if (e) return e;
    c->txn_id = mdb_txn_id(txn);
    e = store_read_meta(&c->store, txn, &meta, err);
    /* One of the file's two heads may pass for the newer one after damage; each state knows its own. */
    if (!e && meta.txn_id && meta.txn_id != mdb_txn_id(txn))
        e = err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: its head is damaged", c->store.folder);
    checkpoint_read_end(c);
    if (e) return e;
    adopt_meta(c, &meta);
    c->newest_txn_id = c->txn_id;
    c->progress.seq = c->meta.seq;
    return e;
}

oxq_err checkpoint_open(const struct checkpoint_opts *opts, struct checkpoint **out, struct oxq_error *err)
{
    const struct store_opts store_opts = {opts->folder, opts->map_bytes, opts->is_read_only,
                                          opts->is_checked_by_cursor};
    oxq_err e = opts->is_read_only ? OXQ_OK : file_make_folder(opts->folder, err);
    if (e) return e;
    struct checkpoint *c = mem_alloc_zero(sizeof(*c));
    c->wake = opts->wake;
    c->ctx = opts->ctx;
    lock_init(&c->lock);
    lock_init(&c->env_lock);
    large_set_init(&c->large);
    c->lookup = LOOKUP_CLOSED;
    e = store_open(&c->store, &store_opts, err);
    if (!e) e = read_state(c, err);
    if (!e) e = lookup_open(&c->lookup, opts->folder, err);
    if (!e && !opts->is_read_only) e = thread_start(&c->thread, "oxq-checkpoint", run, c, err);
    if (e) {
        checkpoint_close(c);
        return e;
    }
    *out = c;
    return OXQ_OK;
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c) return;
    lock_enter(&c->lock);
    c->is_closing = true;
    lock_notify(&c->lock);
    lock_leave(&c->lock);
    thread_join(&c->thread);
    free_given(c->first);
    free_given(c->used);
    if (c->reader) mdb_txn_abort(c->reader);
    store_close(&c->store);
    lookup_close(&c->lookup);
    large_set_deinit(&c->large);
    lock_deinit(&c->lock);
    lock_deinit(&c->env_lock);
    mem_free(c);
}

const struct disk_file *checkpoint_file(const struct checkpoint *c)
{
    return &c->lookup.file;
}

/* ---- saving ---- */

void checkpoint_begin(struct checkpoint *c, uint64_t seq)
{
    lock_enter(&c->lock);
    CHECK(c->progress.state == CHECKPOINT_IDLE && !c->first);
    c->progress.state = CHECKPOINT_RUNNING;
    c->begun_seq = seq;
    c->has_begun = true;
    lock_notify(&c->lock);
    lock_leave(&c->lock);
}

void checkpoint_give(struct checkpoint *c, struct buf *items)
{
    if (items->len == 0) return;
    lock_enter(&c->lock);
    struct given *g = c->used;
    if (g)
        c->used = g->next;
    else
        g = mem_alloc_zero(sizeof(*g));
    struct buf room = g->items;
    *g = (struct given){.items = *items};
    *items = (struct buf){.at = room.at, .cap = room.cap, .limit_bytes = g->items.limit_bytes};
    atomic_fetch_add(&c->backlog_bytes, g->items.len);
    if (c->last)
        c->last->next = g;
    else
        c->first = g;
    c->last = g;
    lock_notify(&c->lock);
    lock_leave(&c->lock);
}

void checkpoint_end(struct checkpoint *c)
{
    lock_enter(&c->lock);
    CHECK(c->progress.state == CHECKPOINT_RUNNING && !c->is_ended);
    c->is_ended = true;
    lock_notify(&c->lock);
    lock_leave(&c->lock);
}

void checkpoint_give_up(struct checkpoint *c)
{
    lock_enter(&c->lock);
    c->is_given_up = true;
    lock_leave(&c->lock);
}

bool checkpoint_wait(struct checkpoint *c, int64_t until_us)
{
    bool is_early = true;
    lock_enter(&c->lock);
    while (c->progress.state == CHECKPOINT_RUNNING && c->is_ended && is_early) is_early = lock_wait(&c->lock, until_us);
    bool is_over = c->progress.state != CHECKPOINT_RUNNING;
    lock_leave(&c->lock);
    return is_over;
}

size_t checkpoint_backlog_bytes(struct checkpoint *c)
{
    return atomic_load(&c->backlog_bytes);
}

void checkpoint_poll(struct checkpoint *c, struct checkpoint_progress *out)
{
    lock_enter(&c->lock);
    *out = c->progress;
    bool is_done = out->state == CHECKPOINT_COMMITTED || out->state == CHECKPOINT_FAILED;
    if (is_done) c->progress.state = CHECKPOINT_IDLE;
    if (is_done) c->txn_id = c->newest_txn_id;
    if (out->state == CHECKPOINT_COMMITTED) adopt_meta(c, &c->newest_meta);
    struct given *used = is_done ? c->used : NULL;
    if (is_done) c->used = NULL;
    lock_leave(&c->lock);
    free_given(used);
}
