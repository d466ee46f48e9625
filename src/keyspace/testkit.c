/* SPDX-License-Identifier: MIT */
#include "keyspace/testkit.h"

#include "base/mem.h"
#include "keyspace/effect_codec.h"
#include "keyspace/tracker_state.h"
#include "keyspace/value_codec.h"

#include <stdio.h>

#define ITEMS_MAX ((size_t)1 << 30)

struct row {
    struct map_node node;
    struct buf name; /* owned: number of the database, then the key */
    struct item item;
    struct buf bytes; /* owned: item.bytes */
};

static struct slice row_name(const struct map_node *node)
{
    return buf_borrow(&MAP_OWNER(node, const struct row, node)->name);
}

static void free_row(void *ctx, struct map_node *node)
{
    (void)ctx;
    struct row *r = MAP_OWNER(node, struct row, node);
    buf_deinit(&r->name);
    buf_deinit(&r->bytes);
    mem_free(r);
}

static struct buf make_name(uint32_t db_number, struct slice key)
{
    struct buf name = {.limit_bytes = ITEMS_MAX};
    CHECK(buf_append(&name, slice_of(&db_number, sizeof(db_number))) == OXQ_OK);
    CHECK(buf_append(&name, key) == OXQ_OK);
    return name;
}

static struct row *find_row(struct testkit_store *s, uint32_t db_number, struct slice key)
{
    OWNED(buf_deinit) struct buf name = make_name(db_number, key);
    struct map_node *node = map_find(&s->rows, buf_borrow(&name));
    return node ? MAP_OWNER(node, struct row, node) : NULL;
}

static void delete_row(struct testkit_store *s, struct row *r)
{
    map_unlink(&s->rows, &r->node);
    free_row(NULL, &r->node);
}

static void put_row(struct testkit_store *s, const struct item *item)
{
    struct row *r = find_row(s, item->db_number, item->key);
    if (r) delete_row(s, r);
    r = mem_alloc_zero(sizeof(*r));
    r->name = make_name(item->db_number, item->key);
    r->item = *item;
    r->bytes.limit_bytes = ITEMS_MAX;
    CHECK(buf_append(&r->bytes, item->bytes) == OXQ_OK);
    map_insert(&s->rows, &r->node);
}

static struct slice large_name(char *text, uint64_t disk_id)
{
    return slice_of(text, (size_t)snprintf(text, 24, "%llu", (unsigned long long)disk_id));
}

static struct entry *find_large(struct testkit_store *s, uint64_t disk_id)
{
    char text[24];
    return db_find(&s->larges.dbs[0], large_name(text, disk_id));
}

static void delete_large(struct testkit_store *s, uint64_t disk_id)
{
    struct entry *e = find_large(s, disk_id);
    if (e) db_delete(&s->larges.dbs[0], e);
}

static void place_value(struct entry *e, struct value v)
{
    v.aux = e->value.aux;
    e->value = v;
}

static struct value decode(enum value_type type, struct slice bytes)
{
    struct value v = {0};
    CHECK(value_decode(type, bytes, &v) == OXQ_OK);
    return v;
}

static void put_base(struct testkit_store *s, const struct item *item)
{
    char text[24];
    delete_large(s, item->disk_id);
    struct entry *e = db_create(&s->larges.dbs[0], large_name(text, item->disk_id), item->type);
    /* One whose elements all come with the delta: value_decode takes no empty container. */
    if (!slice_equal(item->bytes, SLICE_LIT("\0\0"))) place_value(e, decode(item->type, item->bytes));
}

static void do_delta(struct testkit_store *s, const struct item *item)
{
    char text[24];
    struct effect_reader r;
    struct effect e;
    bool has = true;
    CHECK(find_large(s, item->disk_id) != NULL);
    CHECK(find_large(s, item->disk_id)->value.type == item->type);
    effect_reader_init(&r);
    effect_reader_start(&r, item->bytes);
    for (;;) {
        CHECK(effect_read(&r, &e, &has) == OXQ_OK);
        if (!has) break;
        CHECK(e.key.len == 0);
        e.key = large_name(text, item->disk_id);
        CHECK(keyspace_apply(&s->larges, &e) == OXQ_OK);
    }
    effect_reader_deinit(&r);
    s->deltas_count++;
}

static void delete_db(struct testkit_store *s, uint32_t number)
{
    struct map_iter it;
    map_iter_begin(&it, &s->rows);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct row *r = MAP_OWNER(node, struct row, node);
        if (r->item.db_number != number) continue;
        if (r->item.kind == ITEM_KEY_LARGE) delete_large(s, r->item.disk_id);
        delete_row(s, r);
    }
    map_iter_end(&it);
}

static void do_item(struct testkit_store *s, const struct item *item)
{
    switch (item->kind) {
    case ITEM_KEY_PUT:
    case ITEM_KEY_LARGE: put_row(s, item); break;
    case ITEM_KEY_DELETE: {
        struct row *r = find_row(s, item->db_number, item->key);
        if (r) delete_row(s, r);
        break;
    }
    case ITEM_LARGE_BASE: put_base(s, item); break;
    case ITEM_LARGE_DELTA: do_delta(s, item); break;
    case ITEM_LARGE_DELETE: delete_large(s, item->disk_id); break;
    case ITEM_DB_DELETE: delete_db(s, item->db_number); break;
    case ITEM_DB_NUMBER: s->db_numbers[item->n] = item->db_number; break;
    case ITEM_NEXT_NUMBER: s->next_number = item->disk_id; break;
    case ITEM_CHAIN:
        for (const struct items_piece *p = item->pieces; p; p = p->next) testkit_store_do(s, buf_borrow(&p->items));
        break;
    case ITEM_KINDS_COUNT: CHECK(!"no such item");
    }
}

void testkit_store_do(struct testkit_store *s, struct slice items)
{
    struct item item;
    s->items_bytes += items.len;
    while (item_read(&items, &item)) {
        s->items_counts[item.kind]++;
        do_item(s, &item);
    }
}

static oxq_err load_cold(struct cold_store *cold, uint32_t db_number, struct slice key, enum value_type type,
                         struct value *v, struct oxq_error *err)
{
    struct testkit_store *s = (struct testkit_store *)((char *)cold - offsetof(struct testkit_store, cold));
    struct row *r = find_row(s, db_number, key);
    s->loads_count++;
    if (!r || r->item.kind != ITEM_KEY_PUT || r->item.type != type) return err_set(err, OXQ_ERR_NOT_FOUND, "no row");
    return value_decode(type, buf_borrow(&r->bytes), v);
}

static void lost_cold(struct cold_store *cold, struct slice key, const struct oxq_error *err)
{
    (void)cold;
    (void)key;
    (void)err;
    CHECK(!"a cold value is lost");
}

void testkit_store_init(struct testkit_store *s)
{
    *s = (struct testkit_store){.cold = {load_cold, lost_cold}, .rows = {.key_of = row_name}};
    rng_init(&s->rng, 5);
    keyspace_init(&s->larges, &s->rng);
}

void testkit_store_deinit(struct testkit_store *s)
{
    map_deinit(&s->rows, free_row, NULL);
    keyspace_deinit(&s->larges);
}

static uint32_t db_of_number(const struct testkit_store *s, uint32_t number)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        if (s->db_numbers[i] == number) return i;
    }
    CHECK(!"a row of a database that is none's");
    return 0;
}

void testkit_store_load(struct testkit_store *s, struct keyspace *ks, struct rng *cold)
{
    size_t larges = 0;
    struct map_iter it;
    map_iter_begin(&it, &s->rows);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct row *r = MAP_OWNER(node, struct row, node);
        struct db *db = &ks->dbs[db_of_number(s, r->item.db_number)];
        struct slice key = slice_from(buf_borrow(&r->name), sizeof(uint32_t));
        struct entry *e = db_create(db, key, r->item.type);
        bool is_cold = cold && r->item.kind == ITEM_KEY_PUT && rng_below(cold, 2) == 0;
        if (r->item.expire_ms) db_place_expiry(db, e, r->item.expire_ms);
        if (r->item.kind == ITEM_KEY_LARGE) {
            struct entry *large = find_large(s, r->item.disk_id);
            CHECK(large != NULL && large->value.type == r->item.type);
            CHECK(r->item.disk_id < s->next_number);
            struct value copy = {0};
            value_copy(&large->value, &copy);
            place_value(e, copy);
            larges++;
        } else if (!is_cold) {
            place_value(e, decode(r->item.type, buf_borrow(&r->bytes)));
        }
        if (ks->tracker) tracker_adopt(ks->tracker, e, r->item.disk_id, is_cold);
    }
    map_iter_end(&it);
    CHECK(larges == db_count(&s->larges.dbs[0]));
}
