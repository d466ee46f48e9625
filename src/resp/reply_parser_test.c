/* SPDX-License-Identifier: MIT */
#include "resp/reply_parser.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A tree as text, for comparison. */
static void print_value(const struct resp_value *v, struct buf *out)
{
    static const char *const marks[] = {"+", "-", ":", "$", "_", ",", "#", "(", "=", "*", "%", "~", ">"};
    cr_assert_eq(buf_append(out, slice_from_text(marks[v->kind])), OXQ_OK);
    if (v->kind < RESP_ARRAY) {
        cr_assert_eq(buf_append(out, v->text), OXQ_OK);
        return;
    }
    cr_assert_eq(buf_append(out, SLICE_LIT("[")), OXQ_OK);
    for (size_t i = 0; i < v->count; i++) {
        if (i) cr_assert_eq(buf_append(out, SLICE_LIT(" ")), OXQ_OK);
        print_value(&v->items[i], out);
    }
    cr_assert_eq(buf_append(out, SLICE_LIT("]")), OXQ_OK);
}

static void expect_tree(struct slice bytes, const char *want)
{
    struct arena arena = {0};
    struct resp_value v;
    OWNED(buf_deinit) struct buf got = {.limit_bytes = 1 << 16};
    cr_assert_eq(resp_reply_read(bytes, &arena, &v), OXQ_OK, "%.*s", (int)bytes.len, bytes.at);
    print_value(&v, &got);
    cr_assert(slice_equal(buf_borrow(&got), slice_from_text(want)), "got %.*s", (int)got.len, got.at);
    arena_deinit(&arena);
}

#define EXPECT_TREE(bytes, want) expect_tree(SLICE_LIT(bytes), want)

Test(resp_reply, reads_every_kind_of_resp2_and_resp3)
{
    EXPECT_TREE("+OK\r\n", "+OK");
    EXPECT_TREE("-ERR no\r\n", "-ERR no");
    EXPECT_TREE("!6\r\nERR no\r\n", "-ERR no");
    EXPECT_TREE(":-12\r\n", ":-12");
    EXPECT_TREE("$5\r\na\r\nbc\r\n", "$a\r\nbc");
    EXPECT_TREE("$0\r\n\r\n", "$");
    EXPECT_TREE("$-1\r\n", "_");
    EXPECT_TREE("*-1\r\n", "_");
    EXPECT_TREE("_\r\n", "_");
    EXPECT_TREE(",1.5\r\n", ",1.5");
    EXPECT_TREE(",-inf\r\n", ",-inf");
    EXPECT_TREE("#t\r\n", "#t");
    EXPECT_TREE("(12345678901234567890123\r\n", "(12345678901234567890123");
    EXPECT_TREE("=7\r\ntxt:abc\r\n", "=abc");
    EXPECT_TREE("*0\r\n", "*[]");
    EXPECT_TREE("*2\r\n*1\r\n:1\r\n*0\r\n", "*[*[:1] *[]]");
    EXPECT_TREE("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n$-1\r\n", "%[+a :1 +b *[_]]");
    EXPECT_TREE("~1\r\n+a\r\n", "~[+a]");
    EXPECT_TREE(">2\r\n+message\r\n+a\r\n", ">[+message +a]");
}

Test(resp_reply, leaves_attributes_out)
{
    EXPECT_TREE("|1\r\n+ttl\r\n:3\r\n*2\r\n|1\r\n+a\r\n*1\r\n:9\r\n:1\r\n:2\r\n", "*[:1 :2]");
}

Test(resp_reply, finds_the_end_of_a_reply_however_its_bytes_arrive)
{
    struct slice bytes = SLICE_LIT("%2\r\n$3\r\nabc\r\n*2\r\n:1\r\n$-1\r\n+x\r\n|1\r\n+a\r\n+b\r\n=5\r\ntxt:!\r\n");
    struct resp_scan scan = {0};
    for (size_t len = 0; len < bytes.len; len++)
        cr_assert_eq(resp_scan_next(&scan, slice_of(bytes.at, len)), OXQ_ERR_AGAIN, "at %zu", len);
    cr_assert_eq(resp_scan_next(&scan, bytes), OXQ_OK);
    cr_assert_eq(scan.used_bytes, bytes.len);
}

Test(resp_reply, refuses_what_is_not_resp)
{
    static const char *const bad[] = {"x\r\n",   "$abc\r\n", "*-2\r\n", "%-1\r\n",       "+a\rb\r\n",
                                      ":1x\r\n", "#x\r\n",   ",1x\r\n", "=3\r\nabc\r\n", "$1\r\nabc\r\n",
                                      "_x\r\n",  "*1\r\n",   ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct arena arena = {0};
        struct resp_value v;
        cr_assert_eq(resp_reply_read(slice_from_text(bad[i]), &arena, &v), OXQ_ERR_FORMAT, "%s", bad[i]);
        arena_deinit(&arena);
    }
}

Test(resp_reply, holds_to_its_limits)
{
    struct resp_scan scan = {0};
    cr_assert_eq(resp_scan_next(&scan, SLICE_LIT("$536870913\r\n")), OXQ_ERR_LIMIT);
    cr_assert_eq(resp_scan_next(&scan, SLICE_LIT("*9999999999\r\n")), OXQ_ERR_LIMIT);
    char deep[4 * (RESP_REPLY_DEPTH_MAX + 1) + 4];
    for (int i = 0; i <= RESP_REPLY_DEPTH_MAX; i++) memcpy(deep + 4 * i, "*1\r\n", 4);
    memcpy(deep + sizeof(deep) - 4, ":1\r\n", 4);
    struct arena arena = {0};
    struct resp_value v;
    cr_assert_eq(resp_reply_read(slice_of(deep, sizeof(deep)), &arena, &v), OXQ_ERR_LIMIT);
    cr_assert_eq(resp_reply_read(slice_of(deep + 8, sizeof(deep) - 8), &arena, &v), OXQ_OK);
    arena_deinit(&arena);
}
