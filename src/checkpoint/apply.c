/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint is one transaction, but for the very first: nothing is there that it could harm, so it is committed in parts, each
 * with the sequence number 0 ("none") but for the last, and what a crash leaves of it is dropped by the next one. That
 * keeps a large first checkpoint (an import) from holding its pages in memory. LMDB itself writes pages of a transaction
 * early ("spills") only when 512 MiB of them are there.
 */
#include "checkpoint/apply.h"

#include "base/mem.h"
#include "base/varint.h"

/* What a part of the first checkpoint may write. */
#define PART_BYTES ((uint64_t)32 << 20)

void apply_begin(struct apply *a, const struct store *s, struct large_set *large, uint64_t seq)
{
    *a = (struct apply){.large = large};
    store_writer_begin(&a->writer, s, seq);
    if (a->writer.rc) return;
    if (store_read_meta(s, a->writer.txn, &a->meta, NULL)) a->writer.rc = MDB_CORRUPTED;
    a->is_first = a->meta.seq == 0;
    if (a->is_first) {
        store_delete_all(&a->writer);
        a->meta = store_meta_empty();
    }
}

/* Commits a part of the first checkpoint. */
static void commit_part(struct apply *a)
{
    struct store_writer *w = &a->writer;
    uint64_t seq = w->seq, rows_count = w->rows_count;
    large_flush(a->large, w);
    a->meta.seq = 0;
    if (store_writer_end(w, &a->meta)) return;
    store_writer_begin(w, w->store, seq);
    w->rows_count = rows_count;
}

static void put_key(struct apply *a, const struct item *item)
{
    char number[VARINT_MAX_BYTES];
    struct row_key key;
    struct row row = {.type = item->type, .expire_ms = item->expire_ms, .body = item->bytes};
    if (item->kind == ITEM_KEY_LARGE) {
        row.is_large = true;
        row.body = slice_of(number, varint_put(number, item->disk_id));
    }
    row_key_of_key(&key, item->db_number, item->key);
    row.has_whole_name = key.is_cut;
    row.whole_name = item->key;
    store_put(&a->writer, STORE_KEYS, row_key_borrow(&key), &row);
}

static void delete_key(struct apply *a, const struct item *item)
{
    struct row_key key;
    row_key_of_key(&key, item->db_number, item->key);
    (void)store_delete(&a->writer, STORE_KEYS, row_key_borrow(&key));
}

/* ---- a whole database ---- */

struct numbers {
    uint64_t *at; /* owned */
    size_t count, cap;
};

static void add_number(struct numbers *n, uint64_t number)
{
    if (n->count == n->cap) {
        n->cap = n->cap ? n->cap * 2 : 64;
        n->at = mem_resize(n->at, n->cap * sizeof(*n->at));
    }
    n->at[n->count++] = number;
}

/* Deletes the rows of its keys; tells which large values they name. */
static void delete_rows(struct store_writer *w, struct slice prefix, struct numbers *out)
{
    struct store_walk walk;
    struct slice key, bytes;
    struct row row;
    uint64_t disk_id;
    bool is_good = true;
    store_walk_begin(&walk, w->store, w->txn, STORE_KEYS, prefix);
    while (is_good && store_walk_next(&walk, &key, &bytes)) {
        is_good = row_read(key, bytes, &row);
        if (is_good && row.is_large) {
            is_good = row_is_body_whole(&row) && varint_take(&row.body, &disk_id);
            if (is_good) add_number(out, disk_id);
        }
        store_walk_delete(&walk);
        w->rows_count++;
    }
    w->rc = is_good ? walk.rc : MDB_CORRUPTED;
    store_walk_end(&walk);
}

static void delete_database(struct apply *a, uint32_t db_number)
{
    struct row_key prefix;
    struct numbers large = {0};
    if (a->writer.rc) return;
    row_key_of_key(&prefix, db_number, slice_of(NULL, 0));
    delete_rows(&a->writer, row_key_borrow(&prefix), &large);
    for (size_t i = 0; i < large.count; i++) large_delete(a->large, &a->writer, large.at[i]);
    mem_free(large.at);
}

/* ---- items ---- */

static void apply_item(struct apply *a, const struct item *item)
{
    switch (item->kind) {
    case ITEM_KEY_PUT:
    case ITEM_KEY_LARGE: put_key(a, item); break;
    case ITEM_KEY_DELETE: delete_key(a, item); break;
    case ITEM_LARGE_BASE: large_base(a->large, &a->writer, item->disk_id, item->type, item->bytes); break;
    case ITEM_LARGE_DELTA: large_delta(a->large, &a->writer, item->disk_id, item->type, item->bytes); break;
    case ITEM_LARGE_DELETE: large_delete(a->large, &a->writer, item->disk_id); break;
    case ITEM_DB_DELETE: delete_database(a, item->db_number); break;
    case ITEM_DB_NUMBER:
        CHECK(item->n < STORE_DBS_COUNT);
        a->meta.db_numbers[item->n] = item->db_number;
        break;
    case ITEM_NEXT_NUMBER: a->meta.next_number = item->disk_id; break;
    case ITEM_CHAIN:
        for (const struct items_piece *p = item->pieces; p; p = p->next) apply_items(a, buf_borrow(&p->items));
        break;
    case ITEM_KINDS_COUNT: CHECK(false); break;
    }
}

void apply_items(struct apply *a, struct slice items)
{
    struct item item;
    while (!a->writer.rc && item_read(&items, &item)) {
        apply_item(a, &item);
        if (a->is_first && a->writer.bytes_count > PART_BYTES && !a->writer.rc) commit_part(a);
    }
}

int apply_end(struct apply *a, int64_t now_ms)
{
    if (!a->writer.rc) large_flush(a->large, &a->writer);
    a->meta.seq = a->writer.seq;
    a->meta.saved_at_ms = now_ms;
    int rc = store_writer_end(&a->writer, &a->meta);
    if (rc) large_set_forget(a->large);
    return rc;
}

void apply_abort(struct apply *a)
{
    store_writer_abort(&a->writer);
    large_set_forget(a->large);
}
