/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing the data folder, and the way of an effect: on_effect -> persist_note -> the open record of the journal.
 *
 * A record is what one request changed, with all who were served by it: whole on disk or not at all. It is written straight
 * into the journal's gathering buffer.
 *
 * Folder:  <dir>/lock  <dir>/journal/  <dir>/checkpoint/
 */
#include "engine/persist.h"

#include "base/mem.h"
#include "base/num.h"
#include "os/file.h"
#include "os/log.h"
#include "os/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What waits for the disk, at most: then the engine waits too. A few of the longest requests. */
#define BACKLOG_MAX_BYTES ((size_t)256 << 20)

/* ---- records ---- */

static void begin_record(struct persist *p)
{
    p->writer.out = journal_begin(p->journal);
    p->record_at = p->writer.out->len;
    effect_writer_start(&p->writer);
    p->is_record_open = true;
}

void persist_note(struct persist *p, const struct effect *effect)
{
    if (!p->journal) return;
    gate_note(p, effect);
    if (!p->is_record_open) begin_record(p);
    oxq_err e = effect_write(&p->writer, effect);
    if (e == OXQ_OK) return;
    if (e != OXQ_ERR_LIMIT) mem_must(e);
    /* Beyond JOURNAL_RECORD_MAX_BYTES one record becomes two. The reply waits for both; only a crash between them shows half. */
    persist_end_record(p);
    begin_record(p);
    mem_must(effect_write(&p->writer, effect));
}

void persist_end_record(struct persist *p)
{
    if (!p->is_record_open) return;
    p->is_record_open = false;
    p->appended_bytes += p->writer.out->len - p->record_at;
    journal_end(p->journal);
}

uint64_t engine_last_seq(const struct engine *e)
{
    const struct persist *p = e->persist;
    if (!p || !p->journal) return 0;
    /* While a late script runs others are told BUSY and no more: nothing of its record. */
    return journal_last_seq(p->journal) + (p->is_record_open && !e->is_busy);
}

/* ---- what the threads did ---- */

uint64_t persist_settled_seq(const struct persist *p)
{
    if (p->durability == JOURNAL_OFF || p->progress.state == JOURNAL_FAILED) return UINT64_MAX;
    return p->durability == JOURNAL_ALWAYS ? p->progress.durable_seq : p->progress.written_seq;
}

static void tell_failure(struct engine *e)
{
    struct persist *p = e->persist;
    if (p->progress.state == JOURNAL_FAILED && !p->was_failure_told) {
        p->was_failure_told = true;
        /* Of files that somebody removed this process may have the last that can be read. */
        bool is_over = p->guests && !p->progress.is_astray;
        log_event(LOG_ERROR,
                  is_over ? "the journal failed: the folder is closed, and opened anew by whoever needs it next"
                          : "the journal failed: nothing more is written until a restart, reads go on",
                  log_text("reason", p->progress.failure));
        if (is_over) p->guests->on_failure(p->guests);
    }
    if (p->progress.has_room == p->was_no_room_told) {
        p->was_no_room_told = !p->progress.has_room;
        if (p->was_no_room_told)
            log_event(LOG_WARNING, "the disk has no room for the journal: writes are refused until it has",
                      log_text("dir", e->config->dir));
        else
            log_event(LOG_INFO, "the disk has room for the journal again: writes are accepted",
                      log_text("dir", e->config->dir));
    }
}

/* The thread is idle: what is gathered goes to it, unless it waits for company. */
static void submit(struct engine *e)
{
    struct persist *p = e->persist;
    uint64_t last_seq = journal_last_seq(p->journal);
    /* What a flush has written is settled. */
    uint64_t gone_seq = p->submitted_seq > p->progress.durable_seq ? p->submitted_seq : p->progress.durable_seq;
    bool is_synced = p->durability == JOURNAL_ALWAYS;
    if (is_synced && company_awaits(&p->company, last_seq - gone_seq, e->is_lent, clock_mono_us(e->clock))) return;
    if (!journal_submit(p->journal)) return;
    company_go(&p->company, last_seq - gone_seq);
    p->submitted_seq = last_seq;
    gate_note_submitted(p);
    /* It may be written already. */
    journal_poll(p->journal, &p->progress);
}

bool persist_poll(struct engine *e)
{
    struct persist *p = e->persist;
    journal_poll(p->journal, &p->progress);
    /* Written and not synced is what another durability has left: the thread syncs it now, and the filter needs that. */
    bool is_behind = p->durability == JOURNAL_ALWAYS && p->progress.durable_seq < p->submitted_seq;
    if (p->progress.is_idle && !is_behind && !p->is_record_open) submit(e);
    if (journal_backlog_bytes(p->journal) > BACKLOG_MAX_BYTES && !p->is_record_open) {
        journal_flush(p->journal);
        journal_poll(p->journal, &p->progress);
    }
    tell_failure(e);
    uint64_t settled_before = p->settled_seq;
    p->settled_seq = persist_settled_seq(p);
    return p->settled_seq != settled_before;
}

int64_t engine_take_commit_us(struct engine *e)
{
    struct company *c = &e->persist->company;
    if (!c->is_awaited || c->is_watched) return INT64_MAX;
    c->is_watched = true;
    return c->until_us;
}

bool engine_may_commit_in_journal(const struct engine *e)
{
    const struct persist *p = e->persist;
    return p && p->journal && journal_backlog_bytes(p->journal) <= BACKLOG_MAX_BYTES;
}

struct slice persist_refusal(struct engine *e, const struct slice *argv, int argc)
{
    static char text[512];
    const struct persist *p = e->persist;
    size_t bytes = 0;
    for (int i = 0; i < argc; i++) bytes += argv[i].len;
    if (!p || !p->journal || (p->progress.state == JOURNAL_READY && journal_has_room(p->journal, bytes)))
        return SLICE_LIT("");
    int len =
        p->progress.state == JOURNAL_FAILED
            ? snprintf(text, sizeof(text),
                       "MISCONF the journal failed (%s): nothing more is written until oxq is started again",
                       p->progress.failure)
            : snprintf(text, sizeof(text),
                       "OOM the disk of %s has no room for the journal: free some space, writes are accepted again "
                       "then",
                       e->config->dir);
    return slice_of(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

/* ---- life ---- */

static void wake(void *ctx)
{
    struct persist *p = ctx;
    waker_wake(p->waker_fd);
}

static void wake_from_journal(void *ctx, int64_t *again_us)
{
    struct persist *p = ctx;
    if (!p->guests || !p->guests->on_news(p->guests, again_us)) wake(p);
}

static enum journal_durability parse_durability(const char *text, int64_t *out_interval_ms)
{
    static const char interval[] = "interval:";
    *out_interval_ms = 0;
    if (strcmp(text, "off") == 0) return JOURNAL_OFF;
    if (strncmp(text, interval, sizeof(interval) - 1) != 0) return JOURNAL_ALWAYS;
    CHECK(num_parse_int(slice_from_text(text + sizeof(interval) - 1), out_interval_ms));
    return JOURNAL_INTERVAL;
}

void persist_configure(struct engine *e)
{
    struct persist *p = e->persist;
    int64_t interval_ms;
    enum journal_durability durability = parse_durability(e->config->durability, &interval_ms);
    if (p->journal) journal_set_durability(p->journal, durability, interval_ms);
    if (durability != p->durability) gate_note_durability(p);
    p->durability = durability;
}

static oxq_err cold_load(struct cold_store *cold, uint32_t db_number, struct slice key, enum value_type type,
                         struct value *v, struct oxq_error *err)
{
    struct persist *p = (struct persist *)((char *)cold - offsetof(struct persist, cold));
    return checkpoint_load(p->checkpoint, db_number, key, type, v, err);
}

/* There is no answer that would be true, and no way on: what was clean must be readable. Where it is not damaged a restart reads it. */
static void cold_lost(struct cold_store *cold, struct slice key, const struct oxq_error *err)
{
    (void)cold;
    bool is_damaged = err->code == OXQ_ERR_FORMAT || err->code == OXQ_ERR_NOT_FOUND;
    log_event(LOG_ERROR, "a value cannot be read back from the checkpoint: stopping",
              (struct log_field){.key = "key", .text = key}, log_text("reason", err->text),
              log_text("mend", is_damaged ? "oxq check --repair on the data folder" : "start it again"));
    _exit(is_damaged ? ENGINE_EXIT_DAMAGED : ENGINE_EXIT_UNREADABLE);
}

void persist_path(const struct engine *e, const char *name, char out[PERSIST_PATH_MAX])
{
    snprintf(out, PERSIST_PATH_MAX, "%s/%s", e->config->dir, name);
}

oxq_err persist_open_journal(struct engine *e, uint64_t next_seq, struct oxq_error *err)
{
    struct persist *p = e->persist;
    char folder[PERSIST_PATH_MAX];
    persist_path(e, "journal", folder);
    int64_t interval_ms;
    p->durability = parse_durability(e->config->durability, &interval_ms);
    struct journal_opts opts = {
        .folder = folder,
        .beside = checkpoint_file(p->checkpoint),
        .durability = p->durability,
        .interval_ms = interval_ms,
        .segment_bytes = (size_t)e->config->journal_segment_bytes,
        .next_seq = next_seq,
        .clock = e->clock,
        .wake = wake_from_journal,
        .ctx = p,
    };
    oxq_err code = journal_open(&opts, &p->journal, err);
    if (code) return code;
    p->submitted_seq = next_seq - 1;
    p->gathering.is_empty = p->submitted.is_empty = true;
    journal_poll(p->journal, &p->progress);
    return OXQ_OK;
}

oxq_err engine_open_data(struct engine *e, struct oxq_error *err)
{
    CHECK(!e->persist);
    struct persist *p = mem_alloc_zero(sizeof(*p));
    e->persist = p;
    p->guests = e->guests;
    p->waker_fd = -1;
    p->lock = p->folder_lock = DISK_CLOSED;
    p->save.items.limit_bytes = SIZE_MAX;
    effect_writer_init(&p->writer, NULL);
    char path[PERSIST_PATH_MAX];
    persist_path(e, "lock", path);
    oxq_err code = disk_lock(path, &p->lock, err);
    persist_path(e, "journal", path);
    if (!code) code = file_make_folder(path, err);
    if (!code) code = disk_lock_folder(path, &p->folder_lock, err);
    if (!code) code = waker_open(&p->waker_fd, err);
    if (code) return code;
    persist_path(e, "checkpoint", path);
    struct checkpoint_opts opts = {.folder = path, .is_checked_by_cursor = true, .wake = wake, .ctx = p};
    code = checkpoint_open(&opts, &p->checkpoint, err);
    if (code) return code;
    p->tracker = tracker_new(&e->keyspace);
    p->cold = (struct cold_store){.load = cold_load, .lost = cold_lost};
    tracker_set_cold_store(p->tracker, &p->cold);
    return load_start(e, err);
}

int engine_wake_fd(const struct engine *e)
{
    return e->persist->waker_fd;
}

void engine_woken(struct engine *e)
{
    waker_clear(e->persist->waker_fd);
}

bool engine_is_loading(const struct engine *e)
{
    return e->persist && e->persist->load;
}

bool engine_has_failed(const struct engine *e)
{
    return e->persist && (e->persist->was_failure_told || e->persist->progress.state == JOURNAL_FAILED);
}

void engine_stop(struct engine *e)
{
    struct persist *p = e->persist;
    if (!p || !p->journal) return;
    persist_end_record(p);
    journal_submit(p->journal);
    journal_flush(p->journal);
    persist_poll(e);
    if (p->progress.state == JOURNAL_READY && !e->is_last_save_skipped) persist_save_now(e);
    enum journal_state state = journal_close(p->journal);
    p->journal = NULL;
    if (state == JOURNAL_READY || p->was_failure_told) return;
    p->was_failure_told = true;
    log_event(LOG_ERROR, "the journal could not be ended: what was not yet synced may be lost",
              log_text("dir", e->config->dir));
}

void engine_forget_data(struct engine *e)
{
    if (!e->persist) return;
    close(e->persist->lock.fd);
    close(e->persist->folder_lock.fd);
}

void persist_close(struct engine *e)
{
    struct persist *p = e->persist;
    if (!p) return;
    load_free(p->load);
    /* Of an engine that was not stopped. */
    if (p->journal) persist_end_record(p);
    (void)journal_close(p->journal);
    checkpoint_close(p->checkpoint);
    tracker_free(p->tracker);
    effect_writer_deinit(&p->writer);
    buf_deinit(&p->save.items);
    if (p->waker_fd >= 0) close(p->waker_fd);
    disk_close(&p->folder_lock);
    disk_close(&p->lock);
    mem_free(p);
    e->persist = NULL;
}
