/* SPDX-License-Identifier: MIT */
/* Writes what a check could read as a data folder of its own: one checkpoint, and a journal that starts behind it. */
#include "cli/check.h"

#include "keyspace/tracker.h"
#include "keyspace/value_codec.h"
#include "os/file.h"
#include "os/thread.h"

#include <stdio.h>

/* What goes to the checkpoint's thread in one piece, and how far that may be behind. */
#define PIECE_BYTES ((size_t)1 << 20)
#define BACKLOG_MAX_BYTES ((size_t)32 << 20)

struct repair {
    struct checkpoint *to; /* owned */
    struct buf items, value;
    uint64_t next_number;
    struct lock lock;
};

static void wake(void *ctx)
{
    struct repair *r = ctx;
    lock_enter(&r->lock);
    lock_notify(&r->lock);
    lock_leave(&r->lock);
}

static void give(struct repair *r)
{
    /* Nobody tells when the thread has caught up: it is asked now and then. */
    while (checkpoint_backlog_bytes(r->to) > BACKLOG_MAX_BYTES) {
        struct timespec wait = {.tv_nsec = 1000000};
        nanosleep(&wait, NULL);
    }
    checkpoint_give(r->to, &r->items);
}

static oxq_err give_entry(struct repair *r, const struct db *db, const struct entry *entry)
{
    int64_t expire_ms = db_expiry_ms(db, entry);
    struct item item = {.kind = ITEM_KEY_PUT,
                        .db_number = db->index,
                        .type = entry->value.type,
                        .expire_ms = expire_ms > 0 ? expire_ms : 0,
                        .key = entry_key(entry)};
    r->value.len = 0;
    oxq_err e = value_encode(&entry->value, &r->value);
    if (e) return e;
    if (value_count(&entry->value) > TRACKER_LARGE_COUNT || r->value.len > TRACKER_ROW_MAX_BYTES) {
        item.kind = ITEM_KEY_LARGE;
        item.disk_id = r->next_number++;
        item_write(&r->items, &(struct item){.kind = ITEM_LARGE_BASE,
                                             .disk_id = item.disk_id,
                                             .type = item.type,
                                             .bytes = buf_borrow(&r->value)});
    } else {
        item.bytes = buf_borrow(&r->value);
    }
    item_write(&r->items, &item);
    if (r->items.len >= PIECE_BYTES) give(r);
    return OXQ_OK;
}

static oxq_err give_db(struct repair *r, struct db *db)
{
    struct map_iter it;
    oxq_err e = OXQ_OK;
    map_iter_begin(&it, &db->keys);
    for (struct map_node *n = map_iter_next(&it); n && !e; n = map_iter_next(&it))
        e = give_entry(r, db, MAP_OWNER(n, struct entry, node));
    map_iter_end(&it);
    return e;
}

static oxq_err wait_for_commit(struct repair *r, struct oxq_error *err)
{
    struct checkpoint_progress progress;
    lock_enter(&r->lock);
    for (;;) {
        checkpoint_poll(r->to, &progress);
        if (progress.state == CHECKPOINT_COMMITTED || progress.state == CHECKPOINT_FAILED) break;
        (void)lock_wait(&r->lock, INT64_MAX);
    }
    lock_leave(&r->lock);
    if (progress.state == CHECKPOINT_COMMITTED) return OXQ_OK;
    return err_set(err, progress.error.code, "%s", progress.error.text);
}

static oxq_err write_all(struct repair *r, struct check *c, struct oxq_error *err)
{
    oxq_err e = OXQ_OK;
    checkpoint_begin(r->to, c->last_seq);
    for (int i = 0; i < KEYSPACE_DBS_COUNT && !e; i++) e = give_db(r, &c->data.dbs[i]);
    /* Without an end the transaction is given up when it is closed. */
    if (e) return err_set(err, e, "the data cannot be written: %s", oxq_err_text(e));
    item_write(&r->items, &(struct item){.kind = ITEM_NEXT_NUMBER, .disk_id = r->next_number});
    give(r);
    checkpoint_end(r->to);
    return wait_for_commit(r, err);
}

oxq_err check_write_repaired(struct check *c, const char *folder, struct oxq_error *err)
{
    char path[PATH_MAX];
    struct repair r = {.items.limit_bytes = SIZE_MAX, .value.limit_bytes = SIZE_MAX, .next_number = KEYSPACE_DBS_COUNT};
    snprintf(path, sizeof(path), "%s/journal", folder);
    oxq_err e = file_make_folder(path, err);
    snprintf(path, sizeof(path), "%s/checkpoint", folder);
    lock_init(&r.lock);
    if (!e) e = checkpoint_open(&(struct checkpoint_opts){.folder = path, .wake = wake, .ctx = &r}, &r.to, err);
    if (!e) e = write_all(&r, c, err);
    checkpoint_close(r.to);
    lock_deinit(&r.lock);
    buf_deinit(&r.items);
    buf_deinit(&r.value);
    return e;
}
