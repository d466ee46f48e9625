/* SPDX-License-Identifier: MIT */
/*
 * Rows of a large value, all under its number on disk:
 *
 *   head      count of elements, varint; a stream's: then the stream without its entries, as value_codec.h writes it
 *   element   hash: field -> value            set: member -> nothing            zset: member -> score, 8 bytes
 *             stream: ms and seq, 8 bytes each -> fields count, then field, value, ...
 *             list: see large_list.c
 *
 * The head's count tells a loss of rows. Heads are read when a value is first met in a transaction and written before
 * the commit; so are the chunks of lists.
 *
 * Effects come from the tracker in the order in which they were done, and each must fit the rows: one that does not
 * (a deletion of what is not there) means that rows and memory differ, and fails the checkpoint.
 */
#include "checkpoint/large.h"

#include "base/mem.h"
#include "base/varint.h"
#include "keyspace/hash.h"
#include "keyspace/set.h"
#include "keyspace/stream.h"
#include "keyspace/stream_group.h"
#include "keyspace/value_codec.h"
#include "keyspace/zset.h"

#include <inttypes.h>
#include <stdlib.h>

#define ENTRY_NAME_BYTES 16u
/* Elements sorted at a time, so that rows are written in the order of the file. */
#define SORT_BATCH 65536u
#define BODY_MAX_BYTES SIZE_MAX

/* ---- the set ---- */

static struct slice name_of(const struct map_node *node)
{
    return slice_of(((const struct large *)node)->name, ROW_ID_BYTES);
}

void large_set_init(struct large_set *set)
{
    *set = (struct large_set){.all = {.key_of = name_of}};
    rng_init(&set->rng, 1);
    effect_reader_init(&set->reader);
    keyspace_init(&set->scratch, &set->rng);
    set->scratch.is_expiry_paused = true;
}

static void drop_head(struct large *l)
{
    if (l->has_head) value_deinit(&l->head);
    l->has_head = false;
}

static void free_large(void *ctx, struct map_node *node)
{
    (void)ctx;
    struct large *l = (struct large *)node;
    drop_head(l);
    large_list_deinit(&l->list);
    mem_free(l);
}

void large_set_forget(struct large_set *set)
{
    map_deinit(&set->all, free_large, NULL);
}

void large_set_deinit(struct large_set *set)
{
    large_set_forget(set);
    effect_reader_deinit(&set->reader);
    keyspace_deinit(&set->scratch);
}

static struct large *find_large(struct large_set *set, uint64_t disk_id)
{
    char name[ROW_ID_BYTES];
    row_put_u64(name, disk_id);
    return (struct large *)map_find(&set->all, slice_of(name, sizeof(name)));
}

static struct large *add_large(struct large_set *set, uint64_t disk_id, enum value_type type)
{
    struct large *l = mem_alloc_zero(sizeof(*l));
    l->disk_id = disk_id;
    l->type = type;
    row_put_u64(l->name, disk_id);
    map_insert(&set->all, &l->node);
    return l;
}

static void remove_large(struct large_set *set, uint64_t disk_id)
{
    struct large *l = find_large(set, disk_id);
    if (!l) return;
    map_unlink(&set->all, &l->node);
    free_large(NULL, &l->node);
}

/* ---- heads ---- */

static void key_of_head(struct row_key *out, uint64_t disk_id)
{
    row_key_of_part(out, disk_id, ROW_HEAD, slice_of(NULL, 0));
}

bool large_read_head(const struct row *row, enum value_type type, uint64_t *out_count, struct value *out_head)
{
    struct slice rest = row->body;
    if (row->type != type || !varint_take(&rest, out_count)) return false;
    if (type != VALUE_STREAM) return rest.len == 0;
    out_head->aux = 0;
    if (value_decode(VALUE_STREAM, rest, out_head) != OXQ_OK) return false;
    if (stream_count(out_head) == 0) return true;
    value_deinit(out_head);
    return false;
}

/* The value as it is known, from its head row the first time. NULL: w->rc is set. */
static struct large *get_large(struct large_set *set, struct store_writer *w, uint64_t disk_id, enum value_type type)
{
    struct large *l = find_large(set, disk_id);
    struct row_key key;
    struct row row;
    if (w->rc) return NULL;
    if (!l) l = add_large(set, disk_id, type);
    if (l->type == type && !l->is_changed && !l->has_head) {
        key_of_head(&key, disk_id);
        bool is_good = store_writer_get(w, STORE_PARTS, row_key_borrow(&key), &row) &&
                       large_read_head(&row, type, &l->count, &l->head);
        l->has_head = is_good && type == VALUE_STREAM;
        l->is_changed = true;
        if (!is_good && !w->rc) w->rc = MDB_CORRUPTED;
    }
    if (l->type != type) w->rc = MDB_CORRUPTED;
    return w->rc ? NULL : l;
}

static void write_head(struct large *l, struct store_writer *w)
{
    OWNED(buf_deinit) struct buf body = {.limit_bytes = BODY_MAX_BYTES};
    char count[VARINT_MAX_BYTES];
    mem_must(buf_append(&body, slice_of(count, varint_put(count, l->count))));
    if (l->type == VALUE_STREAM) mem_must(value_encode(&l->head, &body));
    struct row_key key;
    struct row row = {.type = l->type, .body = buf_borrow(&body)};
    key_of_head(&key, l->disk_id);
    store_put(w, STORE_PARTS, row_key_borrow(&key), &row);
}

void large_flush(struct large_set *set, struct store_writer *w)
{
    struct map_iter it;
    map_iter_begin(&it, &set->all);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct large *l = (struct large *)node;
        if (!l->is_changed) continue;
        write_head(l, w);
        drop_head(l);
        l->is_changed = false;
        /* Only what lists know is worth keeping. */
        if (l->type == VALUE_LIST) continue;
        map_unlink(&set->all, node);
        free_large(NULL, node);
    }
    map_iter_end(&it);
}

void large_delete(struct large_set *set, struct store_writer *w, uint64_t disk_id)
{
    char prefix[ROW_ID_BYTES];
    row_put_u64(prefix, disk_id);
    remove_large(set, disk_id);
    store_delete_prefix(w, STORE_PARTS, slice_of(prefix, sizeof(prefix)));
}

/* ---- elements ---- */

static void key_of_element(struct row_key *key, struct row *row, uint64_t disk_id, struct slice name)
{
    row_key_of_part(key, disk_id, ROW_ELEMENT, name);
    row->has_whole_name = key->is_cut;
    row->whole_name = name;
}

static void put_element(struct large *l, struct store_writer *w, struct slice name, struct slice body)
{
    struct row_key key;
    struct row row = {.type = l->type, .body = body};
    key_of_element(&key, &row, l->disk_id, name);
    if (store_put_new(w, STORE_PARTS, row_key_borrow(&key), &row))
        l->count++;
    else
        store_put(w, STORE_PARTS, row_key_borrow(&key), &row);
}

static void delete_element(struct large *l, struct store_writer *w, struct slice name)
{
    struct row_key key;
    struct row row;
    key_of_element(&key, &row, l->disk_id, name);
    if (store_delete(w, STORE_PARTS, row_key_borrow(&key)))
        l->count--;
    else if (!w->rc)
        w->rc = MDB_CORRUPTED;
}

/* ---- making ---- */

static int compare_elements(const void *a, const void *b)
{
    return slice_compare(((const struct value_element *)a)->name, ((const struct value_element *)b)->name);
}

static void put_value_element(struct large *l, struct store_writer *w, const struct value_element *e)
{
    char score[VALUE_SCORE_BYTES];
    if (l->type == VALUE_ZSET) value_put_score(score, e->score);
    put_element(l, w, e->name, l->type == VALUE_ZSET ? slice_of(score, sizeof(score)) : e->value);
}

static void base_flat(struct large *l, struct store_writer *w, struct slice bytes)
{
    struct value_elements it;
    CHECK(value_elements_begin(&it, l->type, bytes) == OXQ_OK);
    size_t room = it.left < SORT_BATCH ? (size_t)it.left : SORT_BATCH;
    struct value_element *batch = mem_alloc(room * sizeof(*batch));
    while (it.left > 0 && !w->rc) {
        size_t count = 0;
        for (; it.left > 0 && count < room; count++) CHECK(value_elements_next(&it, &batch[count]) == OXQ_OK);
        qsort(batch, count, sizeof(*batch), compare_elements);
        for (size_t i = 0; i < count; i++) put_value_element(l, w, &batch[i]);
    }
    mem_free(batch);
}

static void base_list(struct large *l, struct store_writer *w, struct slice bytes)
{
    struct value_elements it;
    struct value_element e;
    CHECK(value_elements_begin(&it, l->type, bytes) == OXQ_OK);
    l->count = it.left;
    l->list.is_known = true;
    while (it.left > 0 && !w->rc) {
        CHECK(value_elements_next(&it, &e) == OXQ_OK);
        large_list_push(&l->list, w, l->disk_id, LIST_TAIL, e.name);
    }
    large_list_flush(&l->list, w, l->disk_id);
}

static void append_text(struct buf *out, struct slice text)
{
    char len[VARINT_MAX_BYTES];
    mem_must(buf_append(out, slice_of(len, varint_put(len, text.len))));
    mem_must(buf_append(out, text));
}

static void put_entry(struct large *l, struct store_writer *w, struct stream_id id, const struct slice *items,
                      size_t items_count)
{
    OWNED(buf_deinit) struct buf body = {.limit_bytes = BODY_MAX_BYTES};
    char name[ENTRY_NAME_BYTES], count[VARINT_MAX_BYTES];
    row_put_u64(name, id.ms);
    row_put_u64(name + 8, id.seq);
    mem_must(buf_append(&body, slice_of(count, varint_put(count, items_count / 2))));
    for (size_t i = 0; i < items_count; i++) append_text(&body, items[i]);
    put_element(l, w, slice_of(name, sizeof(name)), buf_borrow(&body));
}

static void base_stream(struct large *l, struct store_writer *w, struct slice bytes)
{
    struct arena arena = {0};
    struct stream_iter it;
    struct stream_entry entry;
    l->head.aux = 0;
    mem_must(value_decode(VALUE_STREAM, bytes, &l->head));
    l->has_head = true;
    stream_iter_begin(&it, &l->head, STREAM_ID_MIN, STREAM_ID_MAX, false);
    while (stream_iter_next(&it, &entry)) {
        size_t items_count = 2 * (size_t)entry.fields_left;
        struct slice *items = ARENA_ARRAY(&arena, struct slice, items_count);
        for (size_t i = 0; i < items_count; i += 2) stream_entry_next(&entry, &items[i], &items[i + 1]);
        put_entry(l, w, entry.id, items, items_count);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    stream_drop(&l->head, stream_count(&l->head));
}

void large_base(struct large_set *set, struct store_writer *w, uint64_t disk_id, enum value_type type,
                struct slice bytes)
{
    large_delete(set, w, disk_id);
    struct large *l = add_large(set, disk_id, type);
    l->is_changed = true;
    if (type == VALUE_STREAM)
        base_stream(l, w, bytes);
    else if (type == VALUE_LIST)
        base_list(l, w, bytes);
    else
        base_flat(l, w, bytes);
}

/* ---- effects ---- */

static bool change_list(struct large *l, struct store_writer *w, const struct effect *e)
{
    struct large_list *list = &l->list;
    uint64_t n = (uint64_t)e->n;
    if (e->kind == EFFECT_LIST_PUSH_HEAD || e->kind == EFFECT_LIST_PUSH_TAIL) {
        large_list_push(list, w, l->disk_id, e->kind == EFFECT_LIST_PUSH_HEAD ? LIST_HEAD : LIST_TAIL, e->a);
        l->count++;
        return true;
    }
    bool fits = false;
    if (e->n < 0) return false;
    if (e->kind == EFFECT_LIST_POP_HEAD || e->kind == EFFECT_LIST_POP_TAIL)
        fits = large_list_pop(list, w, l->disk_id, e->kind == EFFECT_LIST_POP_HEAD ? LIST_HEAD : LIST_TAIL, n);
    if (e->kind == EFFECT_LIST_SET) return large_list_set(list, w, l->disk_id, n, e->a);
    if (e->kind == EFFECT_LIST_INSERT && large_list_insert(list, w, l->disk_id, n, e->a)) {
        l->count++;
        return true;
    }
    if (e->kind == EFFECT_LIST_REMOVE) {
        fits = e->m > 0 && large_list_remove(list, w, l->disk_id, n, (uint64_t)e->m);
        n = (uint64_t)e->m;
    }
    if (fits) l->count -= n;
    return fits;
}

/* Drops the oldest entries. */
static bool trim_stream(struct large *l, struct store_writer *w, uint64_t n)
{
    struct row_key prefix;
    struct store_walk walk;
    struct slice key, bytes;
    if (n == 0 || n > l->count) return false;
    row_key_of_part(&prefix, l->disk_id, ROW_ELEMENT, slice_of(NULL, 0));
    store_walk_begin(&walk, w->store, w->txn, STORE_PARTS, row_key_borrow(&prefix));
    for (l->count -= n; n > 0 && store_walk_next(&walk, &key, &bytes); n--) {
        store_walk_delete(&walk);
        w->rows_count++;
    }
    w->rc = walk.rc;
    store_walk_end(&walk);
    return n == 0;
}

/* Does an effect on ids or groups with the stream's own functions. */
static bool change_head(struct large_set *set, struct large *l, const struct effect *e)
{
    struct effect effect = *e;
    effect.db = 0;
    effect.key = SLICE_LIT("");
    struct db *db = &set->scratch.dbs[0];
    struct entry *entry = db_create(db, effect.key, VALUE_STREAM);
    entry->value = l->head;
    bool fits = keyspace_apply(&set->scratch, &effect) == OXQ_OK;
    l->head = entry->value;
    entry->value.aux = 0;
    value_init(&entry->value, VALUE_STREAM);
    db_delete(db, entry);
    return fits;
}

static bool change_stream(struct large_set *set, struct large *l, struct store_writer *w, const struct effect *e)
{
    const struct stream *s = stream_borrow(&l->head);
    struct stream_id id = {(uint64_t)e->n, (uint64_t)e->m};
    char name[ENTRY_NAME_BYTES];
    if (e->kind == EFFECT_STREAM_ADD) {
        if (!stream_id_less(s->last_id, id) || e->items_count == 0 || e->items_count % 2) return false;
        put_entry(l, w, id, e->items, e->items_count);
        stream_set_id(&l->head, id, s->entries_added + 1, s->max_deleted_id);
        return true;
    }
    if (e->kind == EFFECT_STREAM_DELETE) {
        row_put_u64(name, id.ms);
        row_put_u64(name + 8, id.seq);
        delete_element(l, w, slice_of(name, sizeof(name)));
        if (stream_id_less(s->max_deleted_id, id)) stream_set_id(&l->head, s->last_id, s->entries_added, id);
        return true;
    }
    if (e->kind == EFFECT_STREAM_TRIM) return trim_stream(l, w, id.ms);
    return change_head(set, l, e);
}

static bool change(struct large_set *set, struct large *l, struct store_writer *w, const struct effect *e)
{
    char score[VALUE_SCORE_BYTES];
    if (l->type == VALUE_LIST) return change_list(l, w, e);
    if (l->type == VALUE_STREAM) return change_stream(set, l, w, e);
    if (l->type == VALUE_HASH && e->kind == EFFECT_HASH_SET) {
        put_element(l, w, e->a, e->b);
    } else if (l->type == VALUE_SET && e->kind == EFFECT_SET_ADD) {
        put_element(l, w, e->a, slice_of(NULL, 0));
    } else if (l->type == VALUE_ZSET && e->kind == EFFECT_ZSET_SET) {
        value_put_score(score, e->score);
        put_element(l, w, e->a, slice_of(score, sizeof(score)));
    } else if ((l->type == VALUE_HASH && e->kind == EFFECT_HASH_DELETE) ||
               (l->type == VALUE_SET && e->kind == EFFECT_SET_REMOVE) ||
               (l->type == VALUE_ZSET && e->kind == EFFECT_ZSET_REMOVE)) {
        delete_element(l, w, e->a);
    } else {
        return false;
    }
    return true;
}

void large_delta(struct large_set *set, struct store_writer *w, uint64_t disk_id, enum value_type type,
                 struct slice effects)
{
    struct large *l = get_large(set, w, disk_id, type);
    struct effect e;
    bool has = true;
    if (!l) return;
    if (type == VALUE_LIST) large_list_know(&l->list, w, disk_id);
    effect_reader_start(&set->reader, effects);
    while (!w->rc) {
        CHECK(effect_read(&set->reader, &e, &has) == OXQ_OK);
        if (!has) break;
        if (!change(set, l, w, &e) && !w->rc) w->rc = MDB_CORRUPTED;
    }
    if (type == VALUE_LIST) large_list_flush(&l->list, w, disk_id);
}

/* ---- reading ---- */

struct loading {
    struct value *value;
    uint64_t count;
    struct arena items;
};

static bool load_chunk(struct value *v, struct slice body, uint64_t *count)
{
    struct slice rest, element;
    uint64_t n;
    if (!large_list_read_chunk(body, &n, &rest)) return false;
    *count += n;
    for (; n > 0; n--) {
        if (!varint_take_text(&rest, &element) || element.len > LIST_ELEMENT_MAX_BYTES) return false;
        list_push(v, LIST_TAIL, element);
    }
    return rest.len == 0;
}

static bool load_entry(struct loading *l, struct slice name, struct slice rest)
{
    /* Redis's defaults of stream-node-max-entries and -bytes. */
    const struct stream_limits limits = {100, 4096};
    uint64_t fields;
    size_t bytes = 0;
    if (name.len != ENTRY_NAME_BYTES || !varint_take(&rest, &fields) || fields == 0 || fields > rest.len) return false;
    struct stream_id id = {row_get_u64(name.at), row_get_u64(name.at + 8)};
    if (!stream_id_less(stream_borrow(l->value)->last_id, id)) return false;
    struct slice *items = ARENA_ARRAY(&l->items, struct slice, 2 * fields);
    for (uint64_t i = 0; i < 2 * fields; i++) {
        if (!varint_take_text(&rest, &items[i])) return false;
        bytes += items[i].len;
    }
    if (rest.len > 0 || bytes > STREAM_ENTRY_MAX_BYTES) return false;
    stream_add(l->value, id, items, 2 * fields, &limits);
    arena_reset(&l->items);
    return true;
}

static bool load_element(struct loading *l, struct slice name, struct slice body)
{
    struct value *v = l->value;
    if (v->type == VALUE_LIST) return load_chunk(v, body, &l->count);
    l->count++;
    if (v->type == VALUE_STREAM) return load_entry(l, name, body);
    if (v->type == VALUE_HASH) return hash_set(v, name, body);
    if (v->type == VALUE_SET) return body.len == 0 && set_add(v, name);
    if (v->type != VALUE_ZSET || body.len != VALUE_SCORE_BYTES) return false;
    return zset_add(v, name, value_get_score(body.at), 0, NULL) == ZSET_ADDED_NEW;
}

/* Reads a row's name and body; false: it is damaged. */
static bool read_element(struct slice key, struct slice bytes, enum value_type type, struct slice *out_name,
                         struct row *out)
{
    if (!row_read(key, bytes, out) || !row_is_body_whole(out) || out->type != type) return false;
    *out_name = out->has_whole_name ? out->whole_name : slice_from(key, ROW_PART_BYTES);
    return true;
}

static oxq_err load_elements(struct loading *l, const struct store *s, MDB_txn *txn, uint64_t disk_id,
                             struct oxq_error *err)
{
    struct row_key prefix;
    struct store_walk walk;
    struct slice key, bytes, name;
    struct row row;
    bool is_good = true;
    row_key_of_part(&prefix, disk_id, ROW_ELEMENT, slice_of(NULL, 0));
    store_walk_begin(&walk, s, txn, STORE_PARTS, row_key_borrow(&prefix));
    while (is_good && store_walk_next(&walk, &key, &bytes))
        is_good =
            read_element(key, bytes, (enum value_type)l->value->type, &name, &row) && load_element(l, name, row.body);
    int rc = walk.rc;
    store_walk_end(&walk);
    if (rc) return store_error(s, rc, "read a large value", err);
    if (is_good) return OXQ_OK;
    return err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: a row of large value %" PRIu64 " is damaged", s->folder,
                   disk_id);
}

/* The head's ids and groups move to the value that has the entries. */
static bool finish_stream(struct value *v, struct value *head)
{
    struct stream *from = stream_make(head), *to = stream_make(v);
    if (stream_id_less(from->last_id, stream_newest_id(v))) return false;
    stream_set_id(v, from->last_id, from->entries_added, from->max_deleted_id);
    struct stream_names groups = to->groups;
    to->groups = from->groups;
    from->groups = groups;
    return true;
}

/* The count, and of a stream the head, of the value whose disk_id and type are told. */
static oxq_err load_head(const struct store *s, MDB_txn *txn, struct large *l, struct oxq_error *err)
{
    struct row_key key;
    struct row row;
    struct slice bytes;
    int rc;
    key_of_head(&key, l->disk_id);
    if (store_get(s, txn, STORE_PARTS, row_key_borrow(&key), &bytes, &rc) &&
        row_read(row_key_borrow(&key), bytes, &row) && row_is_body_whole(&row) &&
        large_read_head(&row, l->type, &l->count, &l->head))
        return OXQ_OK;
    if (rc) return store_error(s, rc, "read a large value", err);
    return err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: the head of large value %" PRIu64 " is missing or damaged",
                   s->folder, l->disk_id);
}

oxq_err large_load(const struct store *s, MDB_txn *txn, uint64_t disk_id, enum value_type type, struct value *out,
                   struct oxq_error *err)
{
    struct large large = {.disk_id = disk_id, .type = type};
    oxq_err e = load_head(s, txn, &large, err);
    if (e) return e;
    value_init(out, type);
    /* It was large in memory, which leaves its mark. */
    value_make_table(out);
    struct loading l = {.value = out};
    e = load_elements(&l, s, txn, disk_id, err);
    arena_deinit(&l.items);
    value_make_table(out);
    if (!e && l.count != large.count)
        e = err_set(err, OXQ_ERR_FORMAT,
                    "checkpoint %s: large value %" PRIu64 " has %" PRIu64 " of %" PRIu64 " elements", s->folder,
                    disk_id, l.count, large.count);
    if (!e && type == VALUE_STREAM && !finish_stream(out, &large.head))
        e = err_set(err, OXQ_ERR_FORMAT, "checkpoint %s: stream %" PRIu64 " has an entry above its last", s->folder,
                    disk_id);
    if (type == VALUE_STREAM) value_deinit(&large.head);
    if (e) value_deinit(out);
    return e;
}
