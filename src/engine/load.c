/* SPDX-License-Identifier: MIT */
/*
 * Recovery: the checkpoint's rows, then every record of the journal after it. Each record must fit what is there; what does not
 * is damage, and ends the start.
 *
 *   ROWS --no more rows--> RECORDS --end of the journal--> done: the journal is opened for writing
 *
 * It goes on in slices, between which clients are served with -LOADING. Small values stay on the disk until somebody asks for
 * them, so that a start costs one walk over the keys; large ones are made at once.
 */
#include "engine/persist.h"

#include "base/mem.h"
#include "os/log.h"

#include <inttypes.h>

/* Long enough that serving others in between costs little, short enough for a client that waits. */
#define SLICE_US 20000
/* Between two looks at the clock. */
#define SLICE_STEPS 256

enum load_phase { LOAD_ROWS, LOAD_RECORDS };

struct load {
    enum load_phase phase;
    struct checkpoint_cursor *cursor; /* owned */
    struct journal_reader *reader;    /* owned */
    struct effect_reader effects;
    struct checkpoint_summary summary;
    int64_t started_us;
    uint64_t rows_count, effects_count;
};

static oxq_err open_reader(struct engine *e, struct load *l, struct oxq_error *err)
{
    char folder[PERSIST_PATH_MAX];
    persist_path(e, "journal", folder);
    return journal_reader_open(folder, l->summary.seq + 1, &l->reader, err);
}

oxq_err load_start(struct engine *e, struct oxq_error *err)
{
    struct persist *p = e->persist;
    struct load *l = mem_alloc_zero(sizeof(*l));
    p->load = l;
    l->started_us = clock_mono_us(e->clock);
    effect_reader_init(&l->effects);
    checkpoint_summary(p->checkpoint, &l->summary);
    p->save.saved_at_ms = l->summary.seq ? l->summary.saved_at_ms : e->keyspace.now_ms;
    tracker_adopt_numbers(p->tracker, l->summary.db_numbers, l->summary.next_number);
    e->keyspace.is_expiry_paused = true;
    /* Both are opened before the first slice, so that what can be refused at once is. */
    oxq_err code = open_reader(e, l, err);
    if (!code) code = checkpoint_cursor_open(p->checkpoint, &l->cursor, err);
    return code;
}

void load_free(struct load *l)
{
    if (!l) return;
    checkpoint_cursor_close(l->cursor);
    journal_reader_close(l->reader);
    effect_reader_deinit(&l->effects);
    mem_free(l);
}

void load_progress(const struct load *l, uint64_t *out_done, uint64_t *out_all, int64_t *out_started_us)
{
    uint64_t done = 0, all = 0;
    journal_reader_progress(l->reader, &done, &all);
    *out_done = l->phase == LOAD_ROWS ? l->summary.file_bytes * l->rows_count / (l->summary.keys_count + 1)
                                      : l->summary.file_bytes + done;
    *out_all = l->summary.file_bytes + all;
    *out_started_us = l->started_us;
}

/* ---- rows ---- */

static oxq_err add_row(struct engine *e, const struct checkpoint_row *row, struct oxq_error *err)
{
    struct persist *p = e->persist;
    struct db *db = &e->keyspace.dbs[row->db];
    struct value large;
    if (row->disk_id) {
        oxq_err code = checkpoint_load_large(p->checkpoint, row->disk_id, row->type, &large, err);
        if (code) return code;
    }
    struct entry *entry = db_create(db, row->key, row->type);
    if (row->disk_id) {
        large.aux = entry->value.aux;
        entry->value = large;
    }
    if (row->expire_ms) db_place_expiry(db, entry, row->expire_ms);
    tracker_adopt(p->tracker, entry, row->disk_id, row->disk_id == 0);
    return OXQ_OK;
}

/* *out_more is false after the last row. */
static oxq_err load_row(struct engine *e, bool *out_more, struct oxq_error *err)
{
    struct load *l = e->persist->load;
    struct checkpoint_row row;
    oxq_err code = checkpoint_cursor_next(l->cursor, &row, out_more, err);
    if (code || !*out_more) return code;
    l->rows_count++;
    return add_row(e, &row, err);
}

/* ---- records ---- */

static oxq_err apply_record(struct engine *e, const struct journal_record *record, struct oxq_error *err)
{
    struct load *l = e->persist->load;
    struct effect effect;
    bool has_effect;
    effect_reader_start(&l->effects, record->payload);
    for (;;) {
        oxq_err code = effect_read(&l->effects, &effect, &has_effect);
        if (code == OXQ_ERR_MEMORY)
            return err_set(err, code, "no memory for record %" PRIu64 " of the journal", record->seq);
        if (code)
            return err_set(err, OXQ_ERR_FORMAT, "record %" PRIu64 " of the journal holds no effects: %s", record->seq,
                           oxq_err_text(code));
        if (!has_effect) return OXQ_OK;
        code = keyspace_apply(&e->keyspace, &effect);
        if (code)
            return err_set(err, OXQ_ERR_FORMAT, "record %" PRIu64 " of the journal does not fit the data: %s: %s",
                           record->seq, effect_name(effect.kind), oxq_err_text(code));
        l->effects_count++;
    }
}

static oxq_err load_record(struct engine *e, bool *out_more, struct oxq_error *err)
{
    struct load *l = e->persist->load;
    struct journal_record record;
    oxq_err code = journal_reader_next(l->reader, &record, out_more, err);
    if (code || !*out_more) return code;
    return apply_record(e, &record, err);
}

/* ---- the end ---- */

static oxq_err cut_tail(struct load *l, struct oxq_error *err)
{
    const struct journal_end *end = journal_reader_end(l->reader);
    if (end->dropped_bytes == 0) return OXQ_OK;
    log_event(LOG_WARNING, "the end of the journal was torn: what was never acknowledged is cut off",
              log_text("segment", end->segment), log_int("offset", (int64_t)end->offset),
              log_int("dropped_bytes", (int64_t)end->dropped_bytes));
    return journal_reader_cut(l->reader, err);
}

static oxq_err finish(struct engine *e, struct oxq_error *err)
{
    struct persist *p = e->persist;
    struct load *l = p->load;
    oxq_err code = cut_tail(l, err);
    if (code) return code;
    const struct journal_end *end = journal_reader_end(l->reader);
    uint64_t last_seq = end->last_seq > l->summary.seq ? end->last_seq : l->summary.seq;
    code = persist_open_journal(e, last_seq + 1, err);
    if (code) return code;
    p->loaded_ms = (clock_mono_us(e->clock) - l->started_us) / 1000;
    log_event(LOG_INFO, "loaded", log_int("keys", (int64_t)l->rows_count),
              log_int("records", (int64_t)end->records_count), log_int("effects", (int64_t)l->effects_count),
              log_int("last_seq", (int64_t)last_seq), log_int("ms", p->loaded_ms));
    load_free(l);
    p->load = NULL;
    e->keyspace.is_expiry_paused = false;
    /* Checkpoints are counted from here. */
    p->save.started_us = clock_mono_us(e->clock);
    p->save.changes_count = e->keyspace.changes_count;
    return OXQ_OK;
}

static void switch_to_records(struct load *l)
{
    checkpoint_cursor_close(l->cursor);
    l->cursor = NULL;
    l->phase = LOAD_RECORDS;
}

void load_step(struct engine *e)
{
    struct load *l = e->persist->load;
    struct oxq_error err;
    int64_t until_us = clock_mono_us(e->clock) + SLICE_US;
    oxq_err code = OXQ_OK;
    bool has_more = true;
    do {
        for (int i = 0; i < SLICE_STEPS && has_more && !code; i++)
            code = l->phase == LOAD_ROWS ? load_row(e, &has_more, &err) : load_record(e, &has_more, &err);
        if (!has_more && !code && l->phase == LOAD_ROWS) {
            switch_to_records(l);
            has_more = true;
        }
    } while (has_more && !code && clock_mono_us(e->clock) < until_us);
    if (!has_more && !code) code = finish(e, &err);
    if (code)
        e->host->loaded(e->host, &err);
    else if (!e->persist->load)
        e->host->loaded(e->host, NULL);
}
