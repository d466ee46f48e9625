/* SPDX-License-Identifier: MIT */
/*
 * Reads a data folder as recovery does, but goes on where recovery would stop, as far as that makes sense: a damaged row costs
 * its key; a damaged record costs what is behind it, since a history has no holes.
 */
#include "cli/check.h"

#include "journal/folder.h"
#include "keyspace/effect_codec.h"
#include "keyspace/value_codec.h"
#include "os/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---------------------------------------------------------------- the checkpoint */

/* The value of a row; its checksum is looked at on the way. */
static oxq_err load_value(const struct check *c, struct checkpoint *from, const struct checkpoint_row *row,
                          struct value *out, struct oxq_error *err)
{
    if (row->disk_id) return checkpoint_load_large(from, row->disk_id, row->type, out, err);
    return checkpoint_load(from, c->checkpoint.db_numbers[row->db], row->key, row->type, out, err);
}

static void keep_value(struct check *c, const struct checkpoint_row *row, struct value *value)
{
    struct db *db = &c->data.dbs[row->db];
    if (c->is_quick || db_find(db, row->key)) {
        value_deinit(value);
        return;
    }
    struct entry *entry = db_create(db, row->key, row->type);
    value->aux = entry->value.aux;
    value_deinit(&entry->value);
    entry->value = *value;
    if (row->expire_ms) db_place_expiry(db, entry, row->expire_ms);
}

static oxq_err read_row(struct check *c, struct checkpoint *from, const struct checkpoint_row *row,
                        struct oxq_error *err)
{
    struct value value;
    oxq_err e = load_value(c, from, row, &value, err);
    if (e == OXQ_ERR_FORMAT || e == OXQ_ERR_NOT_FOUND) {
        c->lost_keys++;
        check_tell(c, "the %s '%.*s' of database %u is lost: %s", value_type_name(row->type), (int)row->key.len,
                   row->key.at, row->db, err->text);
        return OXQ_OK;
    }
    if (e) return e;
    c->keys[row->db][row->type]++;
    keep_value(c, row, &value);
    return OXQ_OK;
}

static oxq_err read_rows(struct check *c, struct checkpoint *from, struct oxq_error *err)
{
    struct checkpoint_cursor *cursor = NULL;
    struct checkpoint_row row;
    bool has = true;
    oxq_err e = checkpoint_cursor_open(from, &cursor, err);
    for (uint64_t n = 0; has && !e; n++) {
        e = checkpoint_cursor_next(cursor, &row, &has, err);
        if (e == OXQ_ERR_FORMAT && n <= c->checkpoint.keys_count) {
            /* The cursor stands on the damaged row and goes on behind it. */
            c->lost_keys++;
            check_tell(c, "a key is lost: %s", err->text);
            has = true;
            e = OXQ_OK;
            continue;
        }
        if (!e && has) e = read_row(c, from, &row, err);
        progress_show(&c->progress, n, c->checkpoint.keys_count, n);
    }
    checkpoint_cursor_close(cursor);
    return e;
}

/* Rows that no key leads to are seen by a walk over the pages alone. Where keys are lost theirs are among them, and nothing new. */
static oxq_err find_strays(struct check *c, struct checkpoint *from, struct oxq_error *err)
{
    struct checkpoint_report report;
    return c->damages_count > 0 ? OXQ_OK : checkpoint_verify(from, check_tell_text, c, &report, err);
}

static oxq_err read_checkpoint(struct check *c, struct oxq_error *err)
{
    char path[PATH_MAX];
    struct checkpoint *from = NULL;
    if (snprintf(path, sizeof(path), "%s/data.mdb", c->checkpoint_folder) >= (int)sizeof(path) || !file_exists(path))
        return OXQ_OK;
    oxq_err e =
        checkpoint_open(&(struct checkpoint_opts){.folder = c->checkpoint_folder, .is_read_only = true}, &from, err);
    if (e == OXQ_ERR_FORMAT) {
        c->is_checkpoint_lost = true;
        check_tell(c, "the checkpoint is lost: %s", err->text);
        return OXQ_OK;
    }
    if (e) return e;
    checkpoint_summary(from, &c->checkpoint);
    c->last_seq = c->checkpoint.seq;
    e = read_rows(c, from, err);
    if (!e) e = find_strays(c, from, err);
    checkpoint_close(from);
    return e;
}

/* ---------------------------------------------------------------- the journal */

/* A record's effects; false when one cannot be read, or does not fit: it is told once for each record. */
static void read_record(struct check *c, struct effect_reader *effects, const struct journal_record *record)
{
    struct effect effect;
    bool has = true;
    effect_reader_start(effects, record->payload);
    for (;;) {
        oxq_err e = effect_read(effects, &effect, &has);
        if (e) {
            c->lost_records++;
            check_tell(c, "record %" PRIu64 " of the journal cannot be read to its end", record->seq);
            return;
        }
        if (!has) return;
        c->effects_count++;
        if (c->is_quick || c->is_checkpoint_lost) continue;
        e = keyspace_apply(&c->data, &effect);
        if (e)
            check_tell(c, "record %" PRIu64 " of the journal does not fit the data: %s of '%.*s': %s", record->seq,
                       effect_name(effect.kind), (int)effect.key.len, effect.key.at, oxq_err_text(e));
    }
}

/* Where reading starts: after the checkpoint, or with the first record there is when nobody knows where that ends. */
static oxq_err first_seq(const struct check *c, uint64_t *out, struct oxq_error *err)
{
    struct folder f = {0};
    *out = c->checkpoint.seq + 1;
    if (!c->is_checkpoint_lost) return OXQ_OK;
    oxq_err e = folder_read(&f, c->journal_folder, err);
    if (!e && f.count > 0) *out = f.first_seqs[0];
    folder_deinit(&f);
    return e;
}

/* Of all segments, where not even the first one can be read. */
static uint64_t count_bytes(const struct check *c)
{
    struct folder f = {0};
    char path[PATH_MAX];
    uint64_t sum = 0;
    if (folder_read(&f, c->journal_folder, NULL) != OXQ_OK) return 0;
    for (size_t i = 0; i < f.count; i++) {
        struct stat st;
        folder_segment_path(path, c->journal_folder, f.first_seqs[i]);
        if (stat(path, &st) == 0) sum += (uint64_t)st.st_size;
    }
    folder_deinit(&f);
    return sum;
}

static oxq_err read_journal(struct check *c, struct oxq_error *err)
{
    struct journal_reader *r = NULL;
    struct effect_reader effects;
    struct journal_record record;
    uint64_t from_seq, done = 0, all = 0;
    bool has = true;
    oxq_err e = first_seq(c, &from_seq, err);
    if (!e) e = journal_reader_open(c->journal_folder, from_seq, &r, err);
    effect_reader_init(&effects);
    if (!e) journal_reader_progress(r, &done, &all);
    while (!e && has) {
        e = journal_reader_next(r, &record, &has, err);
        if (e || !has) break;
        read_record(c, &effects, &record);
        c->last_seq = record.seq;
        journal_reader_progress(r, &done, &all);
        progress_show(&c->progress, done, all, record.seq - from_seq);
    }
    if (e == OXQ_ERR_FORMAT) {
        c->unread_bytes = !r ? count_bytes(c) : all > done ? all - done : 0;
        check_tell(c, "the journal is lost after record %" PRIu64 ": %s", c->last_seq, err->text);
        e = OXQ_OK;
    }
    if (!e && r) c->journal = *journal_reader_end(r);
    effect_reader_deinit(&effects);
    journal_reader_close(r);
    return e;
}

oxq_err check_read(struct check *c, struct oxq_error *err)
{
    oxq_err e = read_checkpoint(c, err);
    return e ? e : read_journal(c, err);
}
