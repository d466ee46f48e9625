/* SPDX-License-Identifier: MIT */
/* What is big is freed in slices, whole, and counted while it waits. */
#include "keyspace/db.h"

#include "base/mem.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/stream.h"
#include "keyspace/stream_group.h"
#include "keyspace/string.h"
#include "keyspace/zset.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define ELEMENTS 100000

static void add_pending(struct stream_group *g, struct stream_id id)
{
    struct stream_consumer *c = stream_consumer_find(g, SLICE_LIT("worker"));
    if (!c) c = stream_consumer_create(g, SLICE_LIT("worker"));
    stream_pending_set(g, &(struct stream_pending){.id = id, .consumer = c});
}

static void add_element(struct value *v, int n)
{
    char text[64];
    struct slice element = slice_of(text, (size_t)snprintf(text, sizeof(text), "element of a value with many %d", n));
    struct slice pair[] = {element, element};
    struct stream_id id = {1, (uint64_t)n};
    switch ((enum value_type)v->type) {
    case VALUE_STRING: string_set(v, element); break;
    case VALUE_LIST: list_push(v, LIST_TAIL, element); break;
    case VALUE_SET: set_add(v, element); break;
    case VALUE_ZSET: zset_add(v, element, n, 0, NULL); break;
    case VALUE_HASH: hash_set(v, element, element); break;
    case VALUE_STREAM:
        stream_add(v, id, pair, 2, &(struct stream_limits){100, 4096});
        add_pending(stream_group_find(v, SLICE_LIT("group")), id);
        break;
    }
}

static void fill(struct value *v, int elements)
{
    if (v->type == VALUE_STREAM) stream_group_create(v, SLICE_LIT("group"));
    for (int n = 1; n <= elements; n++) add_element(v, n);
}

static struct value value_of(enum value_type type, int elements)
{
    struct value v = {0};
    value_init(&v, type);
    fill(&v, elements);
    return v;
}

/* Frees in slices; each takes a part and no more than that. Returns their number. */
static int free_in_slices(struct graveyard *g, size_t steps)
{
    int slices = 0;
    size_t whole = mem_used();
    for (size_t used = whole; graveyard_free_some(g, steps); slices++) {
        size_t now = mem_used();
        cr_assert_leq(now, used);
        used = now;
    }
    return slices;
}

Test(graveyard, frees_big_values_of_every_type_in_slices)
{
    for (int type = VALUE_LIST; type < VALUE_TYPES_COUNT; type++) {
        struct graveyard g = {0};
        size_t before = mem_used();
        struct value v = value_of((enum value_type)type, ELEMENTS);
        size_t whole = mem_used();
        graveyard_give_value(&g, &v);
        cr_assert_eq(g.pending_count, 1);
        cr_assert_gt(mem_used() - before, (whole - before) / 2, "%s", value_type_name((enum value_type)type));

        cr_assert_geq(free_in_slices(&g, 50), 3, "%s", value_type_name((enum value_type)type));
        cr_assert_eq(mem_used(), before, "%s", value_type_name((enum value_type)type));
        cr_assert(graveyard_is_empty(&g));
        cr_assert_eq(g.pending_count, 0);
        cr_assert_eq(g.freed_count, 1);
    }
}

Test(graveyard, frees_small_values_at_once)
{
    for (int type = 0; type < VALUE_TYPES_COUNT; type++) {
        struct graveyard g = {0};
        size_t before = mem_used();
        struct value v = value_of((enum value_type)type, 40);
        graveyard_give_value(&g, &v);
        cr_assert(graveyard_is_empty(&g));
        cr_assert_eq(mem_used(), before);
    }
}

static void fill_database(struct keyspace *ks, struct rng *rng)
{
    rng_init(rng, 1);
    keyspace_init(ks, rng);
    for (int n = 0; n < 1000; n++) {
        char key[16];
        struct slice name = slice_of(key, (size_t)snprintf(key, sizeof(key), "key%d", n));
        struct entry *e = db_create(&ks->dbs[0], name, n == 500 ? VALUE_SET : VALUE_STRING);
        fill(&e->value, n == 500 ? ELEMENTS : 1);
        if (n % 2) db_set_expiry(&ks->dbs[0], e, 1000 + n);
    }
}

Test(graveyard, frees_a_flushed_database_in_slices_and_counts_its_keys)
{
    size_t before = mem_used();
    struct keyspace ks;
    struct rng rng;
    fill_database(&ks, &rng);
    db_flush(&ks.dbs[0]);
    cr_assert_eq(db_count(&ks.dbs[0]), 0);
    cr_assert_null(db_find(&ks.dbs[0], SLICE_LIT("key1")));
    cr_assert_eq(ks.graveyard.pending_count + ks.graveyard.freed_count, 1000);
    cr_assert_gt(ks.graveyard.pending_count, 900);

    /* It is filled again meanwhile. */
    struct entry *e = db_create(&ks.dbs[0], SLICE_LIT("key1"), VALUE_STRING);
    string_set(&e->value, SLICE_LIT("new"));
    cr_assert_gt(free_in_slices(&ks.graveyard, 100), 200);
    cr_assert_eq(ks.graveyard.freed_count, 1000);
    cr_assert_eq(db_count(&ks.dbs[0]), 1);
    db_check(&ks.dbs[0]);
    keyspace_deinit(&ks);
    cr_assert_eq(mem_used(), before);
}

Test(graveyard, goes_with_its_keyspace)
{
    size_t before = mem_used();
    struct keyspace ks;
    struct rng rng;
    fill_database(&ks, &rng);
    db_delete(&ks.dbs[0], db_find(&ks.dbs[0], SLICE_LIT("key500")));
    cr_assert_eq(ks.graveyard.pending_count, 1);
    db_flush(&ks.dbs[0]);
    cr_assert_not(graveyard_is_empty(&ks.graveyard));
    keyspace_deinit(&ks);
    cr_assert_eq(mem_used(), before);
}
