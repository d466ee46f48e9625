/* SPDX-License-Identifier: MIT */
/*
 * Recovery: the checkpoint's rows, then every record of the journal after it. Each record must fit what is there; what does not
 * is damage, and ends the start.
 *
 *   ROWS --no more rows--> RECORDS --end of the journal--> done: the journal is opened for writing
 *
 * It goes on in slices, between which clients are served with -LOADING. Small values stay on the disk until somebody asks for
 * them, so that a start costs one walk over the keys; large ones are made at once. Where memory has a target the keys are dormant
 * until then; else they get their entries, which takes half the time.
 */
#include "engine/persist.h"

#include "base/mem.h"
#include "keyspace/replay.h"
#include "os/log.h"

#include <inttypes.h>

/* Long enough that serving others in between costs little, short enough for a client that waits. */
#define SLICE_US 20000
/* Rows whose places in the keyspace are fetched together. A look at the clock follows each such batch, of rows or of effects. */
#define ROWS_MAX 64
/* In the checkpoint's file, with its key: LMDB's own part and our checksums alone take more. */
#define ROW_MIN_BYTES 16
/* A replay of this part of checkpoint-journal-size, or of so many segments (one for each start at least), is done once: a checkpoint
 * follows. Else a folder whose process is killed again and again would never get one, and each start would take longer. */
#define LONG_REPLAY_PART 8
#define LONG_REPLAY_SEGMENTS 8
/* Of a journal: enough to tell what the rest is like. */
#define TELLING_BYTES ((uint64_t)8 << 20)

enum load_phase { LOAD_ROWS, LOAD_RECORDS };

struct load {
    enum load_phase phase;
    struct checkpoint_cursor *cursor; /* owned */
    struct journal_reader *reader;    /* owned */
    struct checkpoint_summary summary;
    int64_t started_us;
    uint64_t rows_count;
    struct effect_reader effects; /* of the running record */
    bool is_in_record, has_failed;
    uint64_t record_seq;
    struct replay_batch batch;
    size_t keys_before[KEYSPACE_DBS_COUNT]; /* the journal */
};

static oxq_err open_reader(struct engine *e, struct load *l, struct oxq_error *err)
{
    char folder[PERSIST_PATH_MAX];
    persist_path(e, "journal", folder);
    return journal_reader_open(folder, l->summary.seq + 1, &l->reader, err);
}

static bool may_sleep(const struct engine *e)
{
    return e->config->memory_target_bytes > 0;
}

/* Where all keys are in one database the map can be made for them. The count was not checked yet, but a row takes some bytes. */
static void make_room(struct engine *e, const struct load *l)
{
    uint32_t db;
    if (may_sleep(e) || l->summary.keys_count > l->summary.file_bytes / ROW_MIN_BYTES) return;
    if (checkpoint_cursor_has_one_db(l->cursor, &db)) map_expect(&e->keyspace.dbs[db].keys, l->summary.keys_count);
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
    /* Nobody waits for a key yet, or watches one. */
    e->keyspace.sink = NULL;
    /* Both are opened before the first slice, so that what can be refused at once is. */
    oxq_err code = open_reader(e, l, err);
    if (!code) code = checkpoint_cursor_open(p->checkpoint, &l->cursor, err);
    if (!code) make_room(e, l);
    return code;
}

void load_free(struct load *l)
{
    if (!l) return;
    checkpoint_cursor_close(l->cursor);
    journal_reader_close(l->reader);
    effect_reader_deinit(&l->effects);
    replay_batch_deinit(&l->batch);
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

static oxq_err add_large(struct engine *e, const struct checkpoint_row *row, struct oxq_error *err)
{
    struct persist *p = e->persist;
    struct db *db = &e->keyspace.dbs[row->db];
    struct value large;
    oxq_err code = checkpoint_load_large(p->checkpoint, row->disk_id, row->type, &large, err);
    if (code) return code;
    struct entry *entry = db_create(db, row->key, row->type);
    large.aux = entry->value.aux;
    entry->value = large;
    if (row->expire_ms) db_place_expiry(db, entry, row->expire_ms);
    tracker_adopt(p->tracker, entry, row->disk_id, false);
    return OXQ_OK;
}

static void add_small(struct engine *e, const struct checkpoint_row *row, uint32_t hash)
{
    struct db *db = &e->keyspace.dbs[row->db];
    if (may_sleep(e) && !row->expire_ms && db_adopt_dormant(db, row->key, hash, row->type)) return;
    struct entry *entry = db_adopt(db, row->key, hash, row->type);
    if (row->expire_ms) db_place_expiry(db, entry, row->expire_ms);
    tracker_adopt(e->persist->tracker, entry, 0, true);
}

/* *out_more is false after the last rows. */
static oxq_err load_rows(struct engine *e, bool *out_more, struct oxq_error *err)
{
    struct load *l = e->persist->load;
    struct checkpoint_row rows[ROWS_MAX];
    uint32_t hashes[ROWS_MAX];
    size_t count = 0;
    enum checkpoint_step step = CHECKPOINT_ROW;
    for (; count < ROWS_MAX; count++) {
        oxq_err code = checkpoint_cursor_step(l->cursor, &rows[count], &step, err);
        if (code) return code;
        if (step != CHECKPOINT_ROW) break;
        hashes[count] = map_hash(rows[count].key);
        db_prefetch(&e->keyspace.dbs[rows[count].db], rows[count].key, hashes[count]);
    }
    *out_more = step != CHECKPOINT_END;
    l->rows_count += count;
    for (size_t i = 0; i < count; i++) {
        oxq_err code = rows[i].disk_id ? add_large(e, &rows[i], err) : OXQ_OK;
        if (code) return code;
        if (!rows[i].disk_id) add_small(e, &rows[i], hashes[i]);
    }
    return OXQ_OK;
}

/* ---- records ---- */

/* Until the batch is full or the journal at its end. */
static oxq_err fill_batch(struct load *l, bool *out_more, struct oxq_error *err)
{
    for (;;) {
        struct journal_record record;
        if (!l->is_in_record) {
            oxq_err code = journal_reader_next(l->reader, &record, out_more, err);
            if (code || !*out_more) return code;
            effect_reader_start(&l->effects, record.payload);
            l->record_seq = record.seq;
            l->is_in_record = true;
        }
        bool is_full;
        oxq_err code = replay_take(&l->batch, &l->effects, l->record_seq, &is_full);
        if (code == OXQ_ERR_MEMORY)
            return err_set(err, code, "no memory for record %" PRIu64 " of the journal", l->record_seq);
        if (code)
            return err_set(err, OXQ_ERR_FORMAT, "record %" PRIu64 " of the journal holds no effects: %s", l->record_seq,
                           oxq_err_text(code));
        if (is_full) return OXQ_OK;
        l->is_in_record = false;
    }
}

/* *out_more is false after the last ones. */
static oxq_err load_records(struct engine *e, bool *out_more, struct oxq_error *err)
{
    struct load *l = e->persist->load;
    const struct replay_step *failed;
    oxq_err fill_code = fill_batch(l, out_more, err);
    /* What does not fit comes before what cannot be read. */
    oxq_err code = replay_apply(&l->batch, &e->keyspace, &failed);
    if (!code) return fill_code;
    if (code == OXQ_ERR_MEMORY)
        return err_set(err, code, "no memory for record %" PRIu64 " of the journal", failed->seq);
    return err_set(err, OXQ_ERR_FORMAT, "record %" PRIu64 " of the journal does not fit the data: %s: %s", failed->seq,
                   effect_name(failed->effect.kind), oxq_err_text(code));
}

/*
 * How many keys each database will have if the rest of the journal is like what was read. When a map grows it grows for them, which
 * spares moving them again and again; if they do not come it shrinks as after any deletions.
 */
static void expect_keys(struct engine *e, const struct load *l)
{
    uint64_t done, all;
    journal_reader_progress(l->reader, &done, &all);
    if (done < TELLING_BYTES || done > all) return;
    double rest = (double)(all - done) / (double)done;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        size_t before = l->keys_before[i], now = db_count(&e->keyspace.dbs[i]);
        if (now > before) map_expect(&e->keyspace.dbs[i].keys, now + (size_t)((double)(now - before) * rest));
    }
}

/* ---- the end ---- */

/* The journal goes on behind what is whole and durable. */
static oxq_err settle_end(struct load *l, struct oxq_error *err)
{
    const struct journal_end *end = journal_reader_end(l->reader);
    if (end->dropped_bytes == 0) return journal_reader_sync(l->reader, err);
    log_event(LOG_WARNING, "the end of the journal was torn: what was never acknowledged is cut off",
              log_text("segment", end->segment), log_int("offset", (int64_t)end->offset),
              log_int("dropped_bytes", (int64_t)end->dropped_bytes));
    return journal_reader_cut(l->reader, err);
}

static bool was_long(const struct engine *e, const struct journal_end *end)
{
    return end->bytes > (uint64_t)e->config->checkpoint_journal_bytes / LONG_REPLAY_PART ||
           end->segments_count > LONG_REPLAY_SEGMENTS;
}

static oxq_err finish(struct engine *e, struct oxq_error *err)
{
    struct persist *p = e->persist;
    struct load *l = p->load;
    oxq_err code = settle_end(l, err);
    if (code) return code;
    const struct journal_end *end = journal_reader_end(l->reader);
    uint64_t last_seq = end->last_seq > l->summary.seq ? end->last_seq : l->summary.seq;
    code = persist_open_journal(e, last_seq + 1, err);
    if (code) return code;
    p->loaded_ms = (clock_mono_us(e->clock) - l->started_us) / 1000;
    log_event(LOG_INFO, "loaded", log_int("keys", (int64_t)l->rows_count),
              log_int("records", (int64_t)end->records_count), log_int("effects", (int64_t)l->batch.effects_count),
              log_int("last_seq", (int64_t)last_seq), log_int("ms", p->loaded_ms));
    /* Checkpoints are counted from here, but for what was replayed. */
    p->save.started_us = clock_mono_us(e->clock);
    p->save.changes_count = e->keyspace.changes_count;
    p->appended_bytes = end->bytes;
    p->save.is_wanted = was_long(e, end);
    load_free(l);
    p->load = NULL;
    e->keyspace.is_expiry_paused = false;
    e->keyspace.sink = &e->sink;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) map_expect(&e->keyspace.dbs[i].keys, 0);
    return OXQ_OK;
}

static void switch_to_records(struct engine *e, struct load *l)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) l->keys_before[i] = db_count(&e->keyspace.dbs[i]);
    checkpoint_cursor_close(l->cursor);
    l->cursor = NULL;
    l->phase = LOAD_RECORDS;
}

void load_step(struct engine *e)
{
    struct load *l = e->persist->load;
    struct oxq_error err;
    int64_t until_us = clock_mono_us(e->clock) + SLICE_US;
    /* The host was told and ends; until it has, there may be other turns. */
    if (l->has_failed) return;
    if (l->phase == LOAD_RECORDS) expect_keys(e, l);
    oxq_err code = OXQ_OK;
    bool has_more = true;
    do {
        code = l->phase == LOAD_ROWS ? load_rows(e, &has_more, &err) : load_records(e, &has_more, &err);
        if (!has_more && !code && l->phase == LOAD_ROWS) {
            switch_to_records(e, l);
            has_more = true;
        }
    } while (has_more && !code && clock_mono_us(e->clock) < until_us);
    if (!has_more && !code) code = finish(e, &err);
    if (!code && e->persist->load) return;
    if (code) l->has_failed = true;
    e->host->loaded(e->host, code ? &err : NULL);
}
