/* SPDX-License-Identifier: MIT */
/* Large lists in rows: changes in the middle split chunks until their numbers have to move, and nothing gets lost. */
#include "checkpoint/testkit.h"

#include "keyspace/list.h"

#include <criterion/criterion.h>

static struct kit kit;
static struct value list;
static struct buf items, delta;
static struct effect_writer writer;
static uint64_t seq;

#define LIST_ID 900

static void start(void)
{
    kit_init(&kit);
    list.aux = 0;
    value_init(&list, VALUE_LIST);
    items = delta = (struct buf){.limit_bytes = SIZE_MAX / 2};
    effect_writer_init(&writer, &delta);
}

static void stop(void)
{
    effect_writer_deinit(&writer);
    buf_deinit(&items);
    buf_deinit(&delta);
    value_deinit(&list);
    kit_deinit(&kit);
}

TestSuite(large_list, .init = start, .fini = stop, .timeout = 60);

/* A list of `count` elements is given whole. */
static void give_base(size_t count)
{
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = SIZE_MAX / 2};
    for (size_t i = 0; i < count; i++) list_push(&list, LIST_TAIL, slice_of(&i, 5));
    cr_assert_eq(value_encode(&list, &bytes), OXQ_OK);
    item_write(
        &items,
        &(struct item){.kind = ITEM_LARGE_BASE, .disk_id = LIST_ID, .type = VALUE_LIST, .bytes = buf_borrow(&bytes)});
}

static void add(enum effect_kind kind, int64_t n, struct slice element)
{
    cr_assert_eq(effect_write(&writer, &(struct effect){.kind = kind, .n = n, .m = 1, .a = element}), OXQ_OK);
}

/* Saves the effects and compares what is loaded with the list in memory. */
static void save_and_compare(void)
{
    struct value v = {.aux = 0};
    struct oxq_error error = {0};
    item_write(
        &items,
        &(struct item){.kind = ITEM_LARGE_DELTA, .disk_id = LIST_ID, .type = VALUE_LIST, .bytes = buf_borrow(&delta)});
    delta.len = 0;
    effect_writer_start(&writer);
    struct checkpoint_progress p = kit_save(&kit, ++seq, &items);
    cr_assert_eq(p.state, CHECKPOINT_COMMITTED, "%s", p.error.text);
    cr_assert_eq(checkpoint_load_large(kit.checkpoint, LIST_ID, VALUE_LIST, &v, &error), OXQ_OK, "%s", error.text);
    cr_assert_eq(list_count(&v), list_count(&list));
    cr_assert_eq(value_digest(&v), value_digest(&list));
    value_deinit(&v);
}

Test(large_list, insertions_at_one_place_split_chunks_until_numbers_move)
{
    give_base(3000);
    for (uint64_t i = 0; i < 20000; i++) {
        struct list_cursor c = list_seek(&list, 1500);
        list_insert(&list, &c, slice_of(&i, 6));
        add(EFFECT_LIST_INSERT, 1500, slice_of(&i, 6));
        if (i % 4000 == 0) save_and_compare();
    }
    save_and_compare();
}

Test(large_list, elements_longer_than_a_chunk_have_their_place)
{
    static char text[9000];
    give_base(2000);
    for (int64_t i = 0; i < 60; i++) {
        struct slice element = slice_of(text, (size_t)i * 150);
        struct list_cursor c = list_seek(&list, (size_t)i * 30);
        list_insert(&list, &c, element);
        add(EFFECT_LIST_INSERT, i * 30, element);
    }
    save_and_compare();
    for (int64_t i = 59; i >= 0; i--) {
        struct list_cursor c = list_seek(&list, (size_t)i * 30);
        list_set(&list, &c, SLICE_LIT("x"));
        add(EFFECT_LIST_SET, i * 30, SLICE_LIT("x"));
    }
    save_and_compare();
}

Test(large_list, a_queue_that_moves_on_keeps_few_rows)
{
    struct checkpoint_summary summary;
    give_base(5000);
    for (int round = 0; round < 20; round++) {
        for (uint64_t i = 0; i < 2000; i++) {
            list_push(&list, LIST_HEAD, slice_of(&i, 6));
            add(EFFECT_LIST_PUSH_HEAD, 0, slice_of(&i, 6));
        }
        list_pop(&list, LIST_TAIL, 2000);
        add(EFFECT_LIST_POP_TAIL, 2000, SLICE_LIT(""));
        save_and_compare();
        if (round % 6 == 5) {
            kit_close(&kit);
            kit_open(&kit);
        }
    }
    checkpoint_summary(kit.checkpoint, &summary);
    cr_assert_lt(summary.rows_count, 16);
}

Test(large_list, an_effect_that_does_not_fit_fails_the_checkpoint)
{
    give_base(2000);
    save_and_compare();
    add(EFFECT_LIST_SET, 2000, SLICE_LIT("beyond"));
    item_write(
        &items,
        &(struct item){.kind = ITEM_LARGE_DELTA, .disk_id = LIST_ID, .type = VALUE_LIST, .bytes = buf_borrow(&delta)});
    delta.len = 0;
    effect_writer_start(&writer);
    cr_assert_eq(kit_save(&kit, ++seq, &items).state, CHECKPOINT_FAILED);
    save_and_compare();
}
