/* SPDX-License-Identifier: MIT */
/*
 * Reading a checkpoint.
 *
 * The cursor walks over the file's pages itself (pages.c), so that each is looked at once: checked, then read.
 * It checks the head of each row and the body of those that stand in the row's own page. A body longer than that (LMDB keeps
 * it in pages of its own, which start-up need not read) is checked when it is loaded.
 */
#include "checkpoint/state.h"

#include "base/mem.h"
#include "base/varint.h"
#include "checkpoint/pages.h"
#include "keyspace/value_codec.h"

#include <inttypes.h>

/* LMDB 0.9 keeps a row in its page when two fit there; see mdb_env_open2's nodemax. Pages of 4 KiB. */
#define BODY_INLINE_BYTES 1500u
/* Of a key's name in an error. */
#define NAME_TOLD_MAX 80u

oxq_err checkpoint_read_begin(struct checkpoint *c, MDB_txn **out, struct oxq_error *err)
{
    lock_enter(&c->env_lock);
    int rc = c->store.open_rc;
    if (c->store.env)
        rc = c->reader ? mdb_txn_renew(c->reader) : mdb_txn_begin(c->store.env, NULL, MDB_RDONLY, &c->reader);
    if (rc) {
        c->reader = NULL;
        lock_leave(&c->env_lock);
        return store_error(&c->store, rc, "read", err);
    }
    *out = c->reader;
    return OXQ_OK;
}

void checkpoint_read_end(struct checkpoint *c)
{
    mdb_txn_reset(c->reader);
    lock_leave(&c->env_lock);
}

static bool find_db(const struct store_meta *meta, uint32_t db_number, uint32_t *out)
{
    for (uint32_t i = 0; i < STORE_DBS_COUNT; i++) {
        if (meta->db_numbers[i] != db_number) continue;
        *out = i;
        return true;
    }
    return false;
}

void checkpoint_summary(struct checkpoint *c, struct checkpoint_summary *out)
{
    MDB_txn *txn = NULL;
    MDB_envinfo info = {0};
    MDB_stat stat = {0};
    *out = (struct checkpoint_summary){
        .seq = c->meta.seq, .saved_at_ms = c->meta.saved_at_ms, .next_number = c->meta.next_number};
    memcpy(out->db_numbers, c->meta.db_numbers, sizeof(out->db_numbers));
    /* What a crash left of the first checkpoint is none. */
    if (c->meta.seq == 0 || checkpoint_read_begin(c, &txn, NULL)) return;
    out->keys_count = store_count(&c->store, txn, STORE_KEYS);
    out->rows_count = out->keys_count + store_count(&c->store, txn, STORE_PARTS);
    if (!mdb_env_info(c->store.env, &info) && !mdb_env_stat(c->store.env, &stat))
        out->file_bytes = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    checkpoint_read_end(c);
}

/* ---- the cursor ---- */

struct checkpoint_cursor {
    struct checkpoint *checkpoint; /* borrowed */
    MDB_txn *txn;                  /* owned */
    struct pages_walk *walk;       /* owned */
    uint64_t seen_count;
};

oxq_err checkpoint_cursor_open(struct checkpoint *c, struct checkpoint_cursor **out, struct oxq_error *err)
{
    struct checkpoint_cursor *cursor = mem_alloc_zero(sizeof(*cursor));
    cursor->checkpoint = c;
    lock_enter(&c->env_lock);
    int rc = c->store.env ? mdb_txn_begin(c->store.env, NULL, MDB_RDONLY, &cursor->txn) : c->store.open_rc;
    if (!rc) c->cursors_count++;
    lock_leave(&c->env_lock);
    if (rc) {
        mem_free(cursor);
        return store_error(&c->store, rc, "read", err);
    }
    oxq_err e = store_pages_walk(&c->store, cursor->txn, &cursor->walk, err);
    if (e) {
        checkpoint_cursor_close(cursor);
        return e;
    }
    *out = cursor;
    return OXQ_OK;
}

void checkpoint_cursor_close(struct checkpoint_cursor *cursor)
{
    if (!cursor) return;
    pages_walk_close(cursor->walk);
    lock_enter(&cursor->checkpoint->env_lock);
    mdb_txn_abort(cursor->txn);
    cursor->checkpoint->cursors_count--;
    lock_leave(&cursor->checkpoint->env_lock);
    mem_free(cursor);
}

bool checkpoint_read_row(const struct store_meta *meta, struct slice key, struct slice bytes,
                         struct checkpoint_row *out)
{
    struct row row;
    if (key.len < ROW_DB_BYTES || !row_read(key, bytes, &row)) return false;
    *out = (struct checkpoint_row){.type = row.type, .expire_ms = row.expire_ms};
    out->key = row.has_whole_name ? row.whole_name : slice_from(key, ROW_DB_BYTES);
    if (!find_db(meta, row_get_u32(key.at), &out->db)) return false;
    if ((row.is_large || bytes.len <= BODY_INLINE_BYTES) && !row_is_body_whole(&row)) return false;
    if (!row.is_large) {
        out->bytes = row.body;
        return true;
    }
    return varint_take(&row.body, &out->disk_id) && row.body.len == 0 && out->disk_id > 0;
}

bool checkpoint_cursor_has_one_db(const struct checkpoint_cursor *cursor, uint32_t *out_db)
{
    struct slice first, last;
    /* Rows are in the order of databases: where the first and the last are in the same one, all are. */
    if (!pages_walk_find_ends(cursor->walk, &first, &last) || first.len < ROW_DB_BYTES || last.len < ROW_DB_BYTES)
        return false;
    uint32_t number = row_get_u32(first.at);
    return number == row_get_u32(last.at) && find_db(&cursor->checkpoint->meta, number, out_db);
}

static oxq_err complain(const struct checkpoint_cursor *cursor, struct slice key, struct oxq_error *err)
{
    /* The name is as doubtful as the rest of the row, but most damage is elsewhere. */
    struct slice name = key.len > ROW_DB_BYTES ? slice_from(key, ROW_DB_BYTES) : SLICE_LIT("");
    return err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: the row of key %" PRIu64 " in its order, '%.*s', is damaged",
                   cursor->checkpoint->store.folder, cursor->seen_count,
                   (int)(name.len < NAME_TOLD_MAX ? name.len : NAME_TOLD_MAX), name.at);
}

oxq_err checkpoint_cursor_step(struct checkpoint_cursor *cursor, struct checkpoint_row *out,
                               enum checkpoint_step *out_step, struct oxq_error *err)
{
    const struct store_meta *meta = &cursor->checkpoint->meta;
    struct slice key, bytes;
    enum pages_step step;
    oxq_err e = pages_walk_next(cursor->walk, &step, &key, &bytes, err);
    if (e) return e;
    *out_step = step == PAGES_END ? CHECKPOINT_END : CHECKPOINT_PAGES;
    /* What a crash left of the first checkpoint is looked at like all pages, but nobody's. */
    if (step != PAGES_ROW || meta->seq == 0) return OXQ_OK;
    cursor->seen_count++;
    *out_step = CHECKPOINT_ROW;
    return checkpoint_read_row(meta, key, bytes, out) ? OXQ_OK : complain(cursor, key, err);
}

oxq_err checkpoint_cursor_next(struct checkpoint_cursor *cursor, struct checkpoint_row *out, bool *out_has,
                               struct oxq_error *err)
{
    enum checkpoint_step step = CHECKPOINT_PAGES;
    *out_has = false;
    while (step == CHECKPOINT_PAGES) {
        oxq_err e = checkpoint_cursor_step(cursor, out, &step, err);
        if (e) return e;
    }
    *out_has = step == CHECKPOINT_ROW;
    return OXQ_OK;
}

/* ---- values ---- */

oxq_err checkpoint_load_large(struct checkpoint *c, uint64_t disk_id, enum value_type type, struct value *out,
                              struct oxq_error *err)
{
    MDB_txn *txn = NULL;
    oxq_err e = checkpoint_read_begin(c, &txn, err);
    if (e) return e;
    e = large_load(&c->store, txn, disk_id, type, out, err);
    checkpoint_read_end(c);
    return e;
}

static oxq_err find_row(struct checkpoint *c, const struct row_key *key, struct slice *out, struct oxq_error *err)
{
    if (c->lookup_txn_id != c->txn_id) {
        c->lookup_txn_id = 0;
        oxq_err e = lookup_refresh(&c->lookup, store_table_name(STORE_KEYS), c->txn_id, err);
        if (e) return e;
        c->lookup_txn_id = c->txn_id;
    }
    return lookup_find(&c->lookup, row_key_borrow(key), out, err);
}

oxq_err checkpoint_load(struct checkpoint *c, uint32_t db_number, struct slice key, enum value_type type,
                        struct value *out, struct oxq_error *err)
{
    struct row_key row_key;
    struct slice bytes;
    struct row row;
    row_key_of_key(&row_key, db_number, key);
    oxq_err e = find_row(c, &row_key, &bytes, err);
    if (e) return e;
    if (row_read(row_key_borrow(&row_key), bytes, &row) && row_is_body_whole(&row) && row.type == type &&
        !row.is_large && value_decode(type, row.body, out) == OXQ_OK)
        return OXQ_OK;
    return err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: the row of a key is damaged", c->store.folder);
}
