/* SPDX-License-Identifier: MIT */
/*
 * Verifying and mending are one walk over all rows that can be reached (pages.h), around damage; mending also writes the
 * good ones to a new file.
 *
 * Tables come in the order keys, meta, parts. The keys' rows name large values; a value's rows in `parts` come together,
 * the head first. So one value at a time is looked at, and its new head is written when its last row was met.
 */
#include "checkpoint/state.h"

#include "base/mem.h"
#include "base/varint.h"
#include "checkpoint/pages.h"
#include "keyspace/stream.h"
#include "keyspace/value_codec.h"
#include "os/file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A large value that a key names. */
struct named {
    uint64_t disk_id;
    enum value_type type;
    bool is_seen;
    struct row_key key; /* its row, when it has to be taken back */
};

struct repair {
    struct checkpoint_report *report;
    checkpoint_damage_fn *on_damage;
    void *ctx;
    struct store_writer *writer; /* NULL: only verifying */
    struct store_meta meta;
    bool has_meta, is_sorted;
    uint64_t told_keys_count, met_keys_count; /* rows of keys: as their table says, and so far */
    uint64_t seq_max, id_max;                 /* seen in rows */
    struct named *named;                      /* owned, by disk_id once is_sorted */
    size_t named_count, named_cap;

    /* the large value whose rows are coming */
    struct named *current; /* link; NULL: rows that no key names */
    uint64_t current_id;
    bool has_head;
    uint64_t told_count, found_count; /* elements: as the head says, and so far */
    struct value head;                /* stream; made when has_head */
    struct stream_id last_id;
};

__attribute__((format(printf, 2, 3))) static void tell(struct repair *r, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    r->report->damaged_count++;
    if (r->on_damage) r->on_damage(r->ctx, text);
}

static void on_page_damage(void *ctx, const char *text)
{
    tell(ctx, "%s", text);
}

static void keep(struct repair *r, enum store_table table, struct slice key, struct row *row)
{
    r->report->rows_count++;
    r->report->bytes += key.len + row->body.len;
    if (row->seq > r->seq_max) r->seq_max = row->seq;
    if (!r->writer) return;
    r->writer->seq = row->seq;
    if (!store_put_new(r->writer, table, key, row)) tell(r, "a row is there twice");
}

/* ---- keys ---- */

static void add_named(struct repair *r, struct slice key, uint64_t disk_id, enum value_type type)
{
    if (r->named_count == r->named_cap) {
        r->named_cap = r->named_cap ? r->named_cap * 2 : 16;
        r->named = mem_resize(r->named, r->named_cap * sizeof(*r->named));
    }
    struct named *n = &r->named[r->named_count++];
    *n = (struct named){.disk_id = disk_id, .type = type};
    n->key.len = key.len;
    memcpy(n->key.at, key.at, key.len);
    if (disk_id > r->id_max) r->id_max = disk_id;
}

static bool is_value(const struct row *row)
{
    struct value v = {.aux = 0};
    if (value_decode(row->type, row->body, &v) != OXQ_OK) return false;
    value_deinit(&v);
    return true;
}

#define SHOW_CHARS 64

/* A key as text for people: printable, and not too long. */
static const char *show(struct slice key, char dst[static SHOW_CHARS])
{
    size_t len = 0;
    for (; len < key.len && len < SHOW_CHARS - 4; len++)
        dst[len] = key.at[len] > ' ' && key.at[len] <= '~' ? key.at[len] : '.';
    dst[len] = '\0';
    return dst;
}

static void on_key(struct repair *r, struct slice key, struct slice bytes)
{
    char text[SHOW_CHARS];
    struct row row;
    uint64_t disk_id = 0;
    r->met_keys_count++;
    bool is_good = key.len >= ROW_DB_BYTES && row_read(key, bytes, &row) && row_is_body_whole(&row);
    struct slice rest = is_good ? row.body : slice_of(NULL, 0);
    if (is_good && row.is_large) is_good = varint_take(&rest, &disk_id) && rest.len == 0;
    if (is_good && !row.is_large) is_good = is_value(&row);
    if (!is_good) {
        r->report->lost_keys_count++;
        tell(r, "the row of key %s is damaged",
             show(key.len > ROW_DB_BYTES ? slice_from(key, ROW_DB_BYTES) : key, text));
        return;
    }
    if (row.is_large) add_named(r, key, disk_id, row.type);
    r->report->keys_count++;
    keep(r, STORE_KEYS, key, &row);
}

static void on_meta(struct repair *r, struct slice bytes)
{
    r->has_meta = store_parse_meta(bytes, &r->meta);
    if (!r->has_meta) tell(r, "the checkpoint's state is damaged");
}

/* ---- large values ---- */

static int compare_named(const void *a, const void *b)
{
    uint64_t m = ((const struct named *)a)->disk_id, n = ((const struct named *)b)->disk_id;
    return (m > n) - (m < n);
}

static struct named *find_named(struct repair *r, uint64_t disk_id)
{
    if (!r->is_sorted && r->named_count > 0) qsort(r->named, r->named_count, sizeof(*r->named), compare_named);
    r->is_sorted = true;
    struct named wanted = {.disk_id = disk_id};
    return r->named_count ? bsearch(&wanted, r->named, r->named_count, sizeof(*r->named), compare_named) : NULL;
}

static void write_head(struct repair *r)
{
    OWNED(buf_deinit) struct buf body = {.limit_bytes = SIZE_MAX / 2};
    char count[VARINT_MAX_BYTES];
    struct row_key key;
    mem_must(buf_append(&body, slice_of(count, varint_put(count, r->found_count))));
    if (r->current->type == VALUE_STREAM) {
        if (!r->has_head) {
            r->head.aux = 0;
            value_init(&r->head, VALUE_STREAM);
            r->has_head = true;
        }
        const struct stream *s = stream_borrow(&r->head);
        if (stream_id_less(s->last_id, r->last_id))
            stream_set_id(&r->head, r->last_id, s->entries_added, s->max_deleted_id);
        if (stream_borrow(&r->head)->entries_added < r->found_count)
            stream_set_id(&r->head, stream_borrow(&r->head)->last_id, r->found_count, STREAM_ID_MIN);
        mem_must(value_encode(&r->head, &body));
    }
    struct row row = {.type = r->current->type, .seq = r->seq_max, .body = buf_borrow(&body)};
    row_key_of_part(&key, r->current_id, ROW_HEAD, slice_of(NULL, 0));
    keep(r, STORE_PARTS, row_key_borrow(&key), &row);
}

/* After the last row of a large value. */
static void finish_large(struct repair *r)
{
    if (!r->current) return;
    char text[SHOW_CHARS];
    const char *key = show(slice_from(row_key_borrow(&r->current->key), ROW_DB_BYTES), text);
    bool was_whole = r->has_head && r->told_count == r->found_count;
    if (!r->has_head)
        tell(r, "key %s: the head of its large value %" PRIu64 " is missing or damaged", key, r->current_id);
    if (r->has_head && !was_whole)
        tell(r, "key %s: its large value %" PRIu64 " has %" PRIu64 " of %" PRIu64 " elements", key, r->current_id,
             r->found_count, r->told_count);
    r->current->is_seen = r->found_count > 0 || (r->current->type == VALUE_STREAM && r->has_head);
    if (r->current->is_seen) write_head(r);
    if (r->has_head && r->current->type == VALUE_STREAM) value_deinit(&r->head);
    r->has_head = false;
    r->current = NULL;
}

static void start_large(struct repair *r, uint64_t disk_id)
{
    finish_large(r);
    r->current_id = disk_id;
    r->current = find_named(r, disk_id);
    if (r->current && r->current->is_seen) r->current = NULL; /* its head is written */
    r->found_count = r->told_count = 0;
    r->last_id = STREAM_ID_MIN;
    if (!r->current) tell(r, "no key names the rows of large value %" PRIu64, disk_id);
}

static uint64_t count_elements(struct repair *r, struct slice key, const struct row *row)
{
    uint64_t count = 1;
    struct slice elements;
    if (row->type == VALUE_LIST && !large_list_read_chunk(row->body, &count, &elements)) return 0;
    if (row->type == VALUE_STREAM) {
        if (key.len != ROW_PART_BYTES + 16) return 0;
        r->last_id = (struct stream_id){row_get_u64(key.at + ROW_PART_BYTES), row_get_u64(key.at + ROW_PART_BYTES + 8)};
    }
    return count;
}

static void on_part(struct repair *r, struct slice key, struct slice bytes)
{
    struct row row;
    /* A damaged key may tell any number: it does not end the value that is being read. */
    if (key.len < ROW_PART_BYTES || !row_read(key, bytes, &row) || !row_is_body_whole(&row)) {
        tell(r, "a row of a large value, behind the rows of number %" PRIu64 ", is damaged", r->current_id);
        return;
    }
    uint64_t disk_id = row_get_u64(key.at);
    if (disk_id != r->current_id) start_large(r, disk_id);
    if (!r->current) return;
    if (row.type == r->current->type && key.at[ROW_ID_BYTES] == ROW_HEAD && !r->has_head) {
        r->has_head = large_read_head(&row, row.type, &r->told_count, &r->head);
        return; /* finish_large tells when it is not there */
    }
    uint64_t count = row.type == r->current->type ? count_elements(r, key, &row) : 0;
    if (count == 0) {
        tell(r, "a row of large value %" PRIu64 " does not belong to it", disk_id);
        return;
    }
    r->found_count += count;
    keep(r, STORE_PARTS, key, &row);
}

/* Keys whose large value has no rows. */
static void drop_unseen(struct repair *r)
{
    char text[SHOW_CHARS];
    finish_large(r);
    for (size_t i = 0; i < r->named_count; i++) {
        const struct named *n = &r->named[i];
        if (n->is_seen) continue;
        struct slice key = row_key_borrow(&n->key);
        tell(r, "key %s: its large value %" PRIu64 " is not there", show(slice_from(key, ROW_DB_BYTES), text),
             n->disk_id);
        r->report->lost_keys_count++;
        r->report->keys_count--;
        r->report->rows_count--;
        if (r->writer) (void)store_delete(r->writer, STORE_KEYS, key);
    }
}

static void on_table(void *ctx, struct slice table, uint64_t rows_count)
{
    struct repair *r = ctx;
    if (slice_equal(table, SLICE_LIT("keys"))) r->told_keys_count = rows_count;
}

/* Rows on pages that could not be read: nobody knows their names. */
static void count_unmet(struct repair *r)
{
    if (r->told_keys_count > r->met_keys_count) r->report->lost_keys_count += r->told_keys_count - r->met_keys_count;
}

static void on_row(void *ctx, struct slice table, struct slice key, struct slice bytes)
{
    struct repair *r = ctx;
    if (slice_equal(table, SLICE_LIT("keys")))
        on_key(r, key, bytes);
    else if (slice_equal(table, SLICE_LIT("meta")))
        on_meta(r, bytes);
    else
        on_part(r, key, bytes);
}

static oxq_err walk(struct repair *r, const char *folder, uint64_t txn_id, struct oxq_error *err)
{
    struct pages_reader reader = {on_row, on_table, on_page_damage, r};
    oxq_err e = pages_read(folder, txn_id, &reader, err);
    if (!e) drop_unseen(r);
    if (!e) count_unmet(r);
    mem_free(r->named);
    return e;
}

oxq_err checkpoint_verify(struct checkpoint *c, checkpoint_damage_fn *on_damage, void *ctx,
                          struct checkpoint_report *out, struct oxq_error *err)
{
    struct checkpoint_report report = {0};
    struct repair r = {.report = &report, .on_damage = on_damage, .ctx = ctx};
    MDB_txn *txn = NULL;
    oxq_err e = checkpoint_read_begin(c, &txn, err);
    if (e) return e;
    e = walk(&r, c->store.folder, mdb_txn_id(txn), err);
    checkpoint_read_end(c);
    if (!e) *out = report;
    return e;
}

/* ---- mending ---- */

/* What the state must be when the row that told it is lost. */
static void make_meta(struct repair *r)
{
    r->meta = (struct store_meta){.seq = r->seq_max, .next_number = r->id_max + 1};
    for (uint32_t i = 0; i < STORE_DBS_COUNT; i++) r->meta.db_numbers[i] = i;
    if (r->meta.next_number < STORE_DBS_COUNT) r->meta.next_number = STORE_DBS_COUNT;
}

static oxq_err open_target(const char *target, struct store *out, struct oxq_error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/data.mdb", target) >= (int)sizeof(path))
        return err_set(err, OXQ_ERR_ARGUMENT, "the path %s is too long", target);
    if (file_exists(path)) return err_set(err, OXQ_ERR_EXISTS, "%s is there already", path);
    oxq_err e = file_make_folder(target, err);
    if (e) return e;
    return store_open(out, &(struct store_opts){.folder = target}, err);
}

oxq_err checkpoint_repair(const char *folder, const char *target, checkpoint_damage_fn *on_damage, void *ctx,
                          struct checkpoint_report *out, struct oxq_error *err)
{
    struct checkpoint_report report = {0};
    struct store store;
    struct store_writer writer;
    oxq_err e = open_target(target, &store, err);
    if (e) return e;
    struct repair r = {.report = &report, .on_damage = on_damage, .ctx = ctx, .writer = &writer};
    store_writer_begin(&writer, &store, 0);
    e = writer.rc ? OXQ_OK : walk(&r, folder, 0, err);
    if (!r.has_meta) make_meta(&r);
    if (e)
        store_writer_abort(&writer);
    else if (store_writer_end(&writer, &r.meta))
        e = store_error(&store, writer.rc, "write", err);
    store_close(&store);
    if (!e) *out = report;
    return e;
}
