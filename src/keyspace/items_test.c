/* SPDX-License-Identifier: MIT */
#include "keyspace/items.h"

#include <criterion/criterion.h>

static void assert_same(const struct item *a, const struct item *b)
{
    cr_assert_eq(a->kind, b->kind);
    cr_assert_eq(a->db_number, b->db_number);
    cr_assert_eq(a->n, b->n);
    cr_assert_eq(a->type, b->type);
    cr_assert_eq(a->expire_ms, b->expire_ms);
    cr_assert_eq(a->disk_id, b->disk_id);
    cr_assert(slice_equal(a->key, b->key));
    cr_assert(slice_equal(a->bytes, b->bytes));
}

Test(items, each_kind_is_read_as_it_was_written)
{
    struct slice key = SLICE_LIT("a key"), bytes = SLICE_LIT("some bytes");
    const struct item items[] = {
        {ITEM_KEY_PUT, .db_number = 3, .key = key, .type = VALUE_HASH, .expire_ms = 1700000000000, .bytes = bytes},
        {ITEM_KEY_PUT, .db_number = UINT32_MAX, .type = VALUE_STREAM},
        {ITEM_KEY_LARGE, .key = key, .type = VALUE_ZSET, .expire_ms = 0, .disk_id = UINT64_MAX},
        {ITEM_KEY_DELETE, .db_number = 16, .key = key},
        {ITEM_LARGE_BASE, .disk_id = 5, .type = VALUE_LIST, .bytes = bytes},
        {ITEM_LARGE_DELTA, .disk_id = 5, .type = VALUE_LIST, .bytes = bytes},
        {ITEM_LARGE_DELETE, .disk_id = 1},
        {ITEM_DB_DELETE, .db_number = 15},
        {ITEM_DB_NUMBER, .n = 2, .db_number = 200},
        {ITEM_NEXT_NUMBER, .disk_id = 201},
    };
    size_t count = sizeof(items) / sizeof(items[0]);
    struct buf out = {.limit_bytes = 4096};
    for (size_t i = 0; i < count; i++) item_write(&out, &items[i]);
    struct slice rest = buf_borrow(&out);
    struct item read;
    for (size_t i = 0; i < count; i++) {
        cr_assert(item_read(&rest, &read));
        assert_same(&items[i], &read);
    }
    cr_assert_not(item_read(&rest, &read));
    buf_deinit(&out);
}

Test(items, bytes_may_be_appended_in_parts)
{
    struct item put = {ITEM_KEY_PUT, .key = SLICE_LIT("k"), .type = VALUE_STRING}, read;
    struct buf out = {.limit_bytes = 4096};
    size_t at = item_begin(&out, &put);
    cr_assert_eq(buf_append(&out, SLICE_LIT("one ")), OXQ_OK);
    cr_assert_eq(buf_append(&out, SLICE_LIT("two")), OXQ_OK);
    item_end(&out, at);
    struct slice rest = buf_borrow(&out);
    cr_assert(item_read(&rest, &read));
    cr_assert(slice_equal(read.bytes, SLICE_LIT("one two")));
    cr_assert_eq(rest.len, 0);
    buf_deinit(&out);
}
