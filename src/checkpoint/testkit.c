/* SPDX-License-Identifier: MIT */
#include "checkpoint/testkit.h"

#include "base/num.h"
#include "keyspace/stream.h"
#include "keyspace/value_codec.h"

/* Values with more elements become large here, so that tests stay small. */
#define MODEL_LARGE_COUNT 40u
#define ITEMS_MAX_BYTES ((size_t)1 << 30)

/* ---- the model ---- */

static struct db *model_db(struct model *m)
{
    return &m->live.dbs[0];
}

void model_init(struct model *m, uint64_t seed)
{
    *m = (struct model){.next_number = 100, .dropped = {.limit_bytes = ITEMS_MAX_BYTES}};
    rng_init(&m->rng, seed);
    keyspace_init(&m->live, &m->rng);
    m->live.is_expiry_paused = true;
    effect_writer_init(&m->writer, NULL);
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        /* Some names are longer than LMDB's keys, and alike at the start. */
        size_t len = i % 6 == 5 ? 600 : 3 + i;
        memset(m->names[i], 'k', len);
        m->names[i][len - 1] = (char)('a' + i);
        m->keys[i] = (struct model_key){.name = slice_of(m->names[i], len), .delta = {.limit_bytes = ITEMS_MAX_BYTES}};
    }
}

void model_deinit(struct model *m)
{
    for (size_t i = 0; i < MODEL_KEYS; i++) buf_deinit(&m->keys[i].delta);
    buf_deinit(&m->dropped);
    effect_writer_deinit(&m->writer);
    keyspace_deinit(&m->live);
}

static void forget_rows(struct model *m, struct model_key *k)
{
    if (k->has_row) item_write(&m->dropped, &(struct item){.kind = ITEM_KEY_DELETE, .key = k->name});
    if (k->disk_id) item_write(&m->dropped, &(struct item){.kind = ITEM_LARGE_DELETE, .disk_id = k->disk_id});
    k->delta.len = 0;
    k->disk_id = 0;
    k->has_row = k->is_dirty = k->is_new_base = false;
}

/* Some bytes; rarely many, often the same. */
static struct slice random_text(struct rng *rng, char dst[static 6000])
{
    size_t len = rng_below(rng, 100) == 0 ? rng_below(rng, 6000) : rng_below(rng, 12);
    if (rng_below(rng, 2) == 0) return slice_of(dst, num_format_int(dst, (int64_t)rng_below(rng, 300)));
    for (size_t i = 0; i < len; i++) dst[i] = (char)('a' + rng_below(rng, 3));
    return slice_of(dst, len);
}

static const enum effect_kind kinds[VALUE_TYPES_COUNT][9] = {
    [VALUE_STRING] = {EFFECT_STRING_SET, EFFECT_STRING_RANGE},
    [VALUE_LIST] = {EFFECT_LIST_PUSH_HEAD, EFFECT_LIST_PUSH_TAIL, EFFECT_LIST_PUSH_TAIL, EFFECT_LIST_INSERT,
                    EFFECT_LIST_INSERT, EFFECT_LIST_SET, EFFECT_LIST_POP_HEAD, EFFECT_LIST_POP_TAIL,
                    EFFECT_LIST_REMOVE},
    [VALUE_SET] = {EFFECT_SET_ADD, EFFECT_SET_ADD, EFFECT_SET_ADD, EFFECT_SET_REMOVE},
    [VALUE_ZSET] = {EFFECT_ZSET_SET, EFFECT_ZSET_SET, EFFECT_ZSET_SET, EFFECT_ZSET_REMOVE},
    [VALUE_HASH] = {EFFECT_HASH_SET, EFFECT_HASH_SET, EFFECT_HASH_SET, EFFECT_HASH_DELETE},
    [VALUE_STREAM] = {EFFECT_STREAM_ADD, EFFECT_STREAM_ADD, EFFECT_STREAM_ADD, EFFECT_STREAM_DELETE, EFFECT_STREAM_TRIM,
                      EFFECT_STREAM_GROUP_SET, EFFECT_STREAM_CONSUMER_SET, EFFECT_STREAM_PENDING_SET,
                      EFFECT_STREAM_PENDING_DELETE},
};
static const size_t kinds_count[VALUE_TYPES_COUNT] = {2, 9, 4, 4, 4, 9};

static void fill_list_effect(struct model *m, const struct value *v, struct effect *e)
{
    size_t count = v ? value_count(v) : 0;
    if (e->kind == EFFECT_LIST_POP_HEAD || e->kind == EFFECT_LIST_POP_TAIL)
        e->n = (int64_t)(rng_below(&m->rng, 30) == 0 ? count / 2 : 1);
    else
        e->n = count ? (int64_t)rng_below(&m->rng, count) : 0;
    e->m = 1;
}

static void fill_stream_effect(struct model *m, const struct value *v, struct effect *e)
{
    static const char numbers[16] = {7, 1};
    static struct slice items[2];
    const struct stream_id last = v ? stream_borrow(v)->last_id : STREAM_ID_MIN;
    e->n = (int64_t)(rng_below(&m->rng, last.ms + 1));
    if (e->kind == EFFECT_STREAM_ADD) e->n = (int64_t)(last.ms + 1);
    if (e->kind == EFFECT_STREAM_TRIM) e->n = 1 + (int64_t)rng_below(&m->rng, 3);
    if (e->kind == EFFECT_STREAM_GROUP_SET) e->b = slice_of(numbers, 8);
    if (e->kind >= EFFECT_STREAM_GROUP_SET) e->a = SLICE_LIT("group");
    if (e->kind == EFFECT_STREAM_CONSUMER_SET || e->kind == EFFECT_STREAM_PENDING_SET) e->b = SLICE_LIT("consumer");
    items[0] = e->kind == EFFECT_STREAM_PENDING_SET ? slice_of(numbers, 16) : e->a;
    items[1] = SLICE_LIT("value");
    e->items = items;
    e->items_count = e->kind == EFFECT_STREAM_PENDING_SET ? 1 : e->kind == EFFECT_STREAM_ADD ? 2 : 0;
}

static struct effect random_effect(struct model *m, size_t i, const struct value *v, char a[static 6000],
                                   char b[static 6000])
{
    size_t type = i % VALUE_TYPES_COUNT;
    struct effect e = {.key = m->keys[i].name, .kind = kinds[type][rng_below(&m->rng, kinds_count[type])]};
    e.a = random_text(&m->rng, a);
    if (type == VALUE_HASH) e.b = random_text(&m->rng, b);
    if (type == VALUE_ZSET) e.score = (double)rng_below(&m->rng, 50) - 25;
    if (type == VALUE_LIST) fill_list_effect(m, v, &e);
    if (type == VALUE_STREAM) fill_stream_effect(m, v, &e);
    return e;
}

static void drop_key(struct model *m, struct model_key *k, struct entry *e)
{
    forget_rows(m, k);
    db_delete(model_db(m), e);
}

static void change_one(struct model *m)
{
    char a[6000], b[6000];
    size_t i = rng_below(&m->rng, MODEL_KEYS);
    struct model_key *k = &m->keys[i];
    struct entry *e = db_find(model_db(m), k->name);
    struct effect effect = random_effect(m, i, e ? &e->value : NULL, a, b);
    if (e && rng_below(&m->rng, 2000) == 0) {
        drop_key(m, k, e);
        return;
    }
    if (keyspace_apply(&m->live, &effect) != OXQ_OK) return;
    e = db_find(model_db(m), k->name);
    k->is_dirty = true;
    if (k->disk_id && !k->is_new_base) {
        effect.key = SLICE_LIT("");
        /* Every effect is told in full, so that what follows another is no other sequence. */
        m->writer.out = &k->delta;
        effect_writer_start(&m->writer);
        CHECK(effect_write(&m->writer, &effect) == OXQ_OK);
    }
    if (value_is_empty(&e->value)) drop_key(m, k, e);
}

void model_change(struct model *m, size_t count)
{
    for (size_t i = 0; i < count; i++) change_one(m);
}

static void cut_delta(struct model_key *k, enum value_type type, struct buf *out)
{
    struct item item = {.kind = ITEM_LARGE_DELTA, .disk_id = k->disk_id, .type = type, .bytes = buf_borrow(&k->delta)};
    item_write(out, &item);
    k->delta.len = 0;
}

/* Half of the keys expire. */
static int64_t model_expiry(struct slice key)
{
    return key.len % 2 ? 0 : 1000 + (int64_t)key.len;
}

static void cut_value(struct model_key *k, const struct value *v, enum item_kind kind, struct buf *out)
{
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = ITEMS_MAX_BYTES};
    CHECK(value_encode(v, &bytes) == OXQ_OK);
    struct item item = {.kind = kind, .disk_id = k->disk_id, .type = (enum value_type)v->type};
    item.key = k->name;
    item.expire_ms = model_expiry(k->name);
    item.bytes = buf_borrow(&bytes);
    item_write(out, &item);
}

static void cut_key(struct model *m, struct model_key *k, const struct value *v, struct buf *out)
{
    if (!k->disk_id && v->type != VALUE_STRING && value_count(v) > MODEL_LARGE_COUNT) {
        k->disk_id = m->next_number++;
        k->is_new_base = true;
    }
    if (!k->disk_id) {
        cut_value(k, v, ITEM_KEY_PUT, out);
        return;
    }
    if (k->is_new_base)
        cut_value(k, v, ITEM_LARGE_BASE, out);
    else
        cut_delta(k, (enum value_type)v->type, out);
    k->is_new_base = false;
    k->delta.len = 0;
    item_write(out, &(struct item){.kind = ITEM_KEY_LARGE,
                                   .key = k->name,
                                   .type = (enum value_type)v->type,
                                   .disk_id = k->disk_id,
                                   .expire_ms = model_expiry(k->name)});
}

void model_cut(struct model *m, struct buf *out)
{
    CHECK(buf_append(out, buf_borrow(&m->dropped)) == OXQ_OK);
    m->dropped.len = 0;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        struct model_key *k = &m->keys[i];
        struct entry *e = db_find(model_db(m), k->name);
        if (!e || !k->is_dirty) continue;
        cut_key(m, k, &e->value, out);
        k->is_dirty = false;
        k->has_row = true;
    }
    item_write(out, &(struct item){.kind = ITEM_NEXT_NUMBER, .disk_id = m->next_number});
}

void model_failed(struct model *m)
{
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        struct model_key *k = &m->keys[i];
        item_write(&m->dropped, &(struct item){.kind = ITEM_KEY_DELETE, .key = k->name});
        k->is_dirty = true;
        k->is_new_base = k->disk_id != 0;
        k->delta.len = 0;
    }
}

/* Loads the row's value; true: it is the one in memory. */
static oxq_err compare_row(struct model *m, struct checkpoint *c, const struct checkpoint_row *row, bool *out_is_same)
{
    struct entry *e = db_find(model_db(m), row->key);
    struct oxq_error error;
    struct value v = {.aux = 0};
    *out_is_same = e && e->value.type == row->type && row->db == 0 && row->expire_ms == model_expiry(row->key);
    if (!*out_is_same) return OXQ_OK;
    oxq_err err = row->disk_id ? checkpoint_load_large(c, row->disk_id, row->type, &v, &error)
                               : checkpoint_load(c, 0, row->key, row->type, &v, &error);
    if (err) return err;
    *out_is_same = value_digest(&v) == value_digest(&e->value) &&
                   (row->disk_id || strcmp(value_encoding_name(&v), value_encoding_name(&e->value)) == 0);
    value_deinit(&v);
    return OXQ_OK;
}

oxq_err model_load(struct model *m, struct checkpoint *c, bool *out_is_same)
{
    struct checkpoint_cursor *cursor;
    struct checkpoint_row row;
    struct oxq_error error = {0};
    size_t count = 0;
    bool has = true;
    *out_is_same = true;
    oxq_err e = checkpoint_cursor_open(c, &cursor, &error);
    if (e) return e;
    while (!e && has && *out_is_same) {
        e = checkpoint_cursor_next(cursor, &row, &has, &error);
        if (e || !has) break;
        e = compare_row(m, c, &row, out_is_same);
        count++;
    }
    checkpoint_cursor_close(cursor);
    if (!e && count != db_count(model_db(m))) *out_is_same = false;
    return e;
}

void model_compare(struct model *m, struct checkpoint *c)
{
    bool is_same;
    CHECK(model_load(m, c, &is_same) == OXQ_OK);
    CHECK(is_same);
}

/* ---- the checkpoint ---- */

void kit_wake(void *ctx)
{
    struct kit *k = ctx;
    lock_enter(&k->lock);
    k->wakes++;
    lock_notify(&k->lock);
    lock_leave(&k->lock);
}

void kit_init(struct kit *k)
{
    *k = (struct kit){0};
    testfolder_make(k->folder);
    lock_init(&k->lock);
    kit_open(k);
}

void kit_open(struct kit *k)
{
    const struct checkpoint_opts opts = {.folder = k->folder, .wake = kit_wake, .ctx = k};
    oxq_err e = checkpoint_open(&opts, &k->checkpoint, &k->error);
    if (e) fprintf(stderr, "%s\n", k->error.text);
    CHECK(e == OXQ_OK);
}

void kit_close(struct kit *k)
{
    checkpoint_close(k->checkpoint);
    k->checkpoint = NULL;
}

void kit_deinit(struct kit *k)
{
    kit_close(k);
    lock_deinit(&k->lock);
    testfolder_remove(k->folder);
}

struct checkpoint_progress kit_save(struct kit *k, uint64_t seq, struct buf *items)
{
    struct checkpoint_progress progress;
    int before = k->wakes;
    checkpoint_begin(k->checkpoint, seq);
    checkpoint_give(k->checkpoint, items);
    checkpoint_end(k->checkpoint);
    lock_enter(&k->lock);
    while (k->wakes == before) (void)lock_wait(&k->lock, INT64_MAX);
    lock_leave(&k->lock);
    checkpoint_poll(k->checkpoint, &progress);
    return progress;
}
