/* SPDX-License-Identifier: MIT */
#include "resp/parser.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"

#include <criterion/criterion.h>

static const struct resp_limits open_limits = {.bulk_bytes = 512 * 1024 * 1024, .is_authenticated = true};
static const struct resp_limits closed_limits = {.bulk_bytes = 512 * 1024 * 1024, .is_authenticated = false};

/* All requests of `input` as text: arguments in brackets, one request after the other, "!" and the error at its end. */
static void parse_all(struct resp_parser *p, char *input, size_t len, const struct resp_limits *limits, struct buf *out)
{
    enum resp_parsed parsed;
    while ((parsed = resp_parser_next(p, input, len, limits)) == RESP_REQUEST) {
        for (int i = 0; i < p->argc; i++) {
            cr_assert_eq(buf_append(out, SLICE_LIT("[")), OXQ_OK);
            cr_assert_eq(buf_append(out, p->argv[i]), OXQ_OK);
            cr_assert_eq(buf_append(out, SLICE_LIT("]")), OXQ_OK);
        }
        cr_assert_eq(buf_append(out, SLICE_LIT(";")), OXQ_OK);
        input += p->used_bytes;
        len -= p->used_bytes;
    }
    if (parsed == RESP_BROKEN) {
        cr_assert_eq(buf_append(out, SLICE_LIT("!")), OXQ_OK);
        cr_assert_eq(buf_append(out, slice_from_text(p->error)), OXQ_OK);
    }
}

static void expect(struct slice input, struct slice want, const struct resp_limits *limits)
{
    struct resp_parser p = {0};
    OWNED(buf_deinit) struct buf copy = {.limit_bytes = 1 << 20};
    OWNED(buf_deinit) struct buf got = {.limit_bytes = 1 << 20};
    cr_assert_eq(buf_append(&copy, input), OXQ_OK);
    parse_all(&p, copy.at, copy.len, limits, &got);
    cr_assert(slice_equal(buf_borrow(&got), want), "%.*s gave %.*s, not %.*s", (int)input.len, input.at, (int)got.len,
              got.at, (int)want.len, want.at);
    resp_parser_deinit(&p);
}

#define EXPECT(input, want) expect(SLICE_LIT(input), SLICE_LIT(want), &open_limits)

Test(resp_parser, takes_arrays_of_bulk_strings_one_after_the_other)
{
    EXPECT("*1\r\n$4\r\nPING\r\n", "[PING];");
    EXPECT("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n", "[ECHO][];[PING];");
    EXPECT("*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$4\r\n\r\n*1\r\n", "[SET][a\0b][\r\n*1];");
    EXPECT(
        "*12\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$1\r\n"
        "a\r\n$1\r\nb\r\n",
        "[0][1][2][3][4][5][6][7][8][9][a][b];");
}

Test(resp_parser, gives_empty_requests_for_empty_lines_and_counts_of_zero_or_below)
{
    EXPECT("\r\n\nPING\r\n", ";;[PING];");
    EXPECT("*0\r\n*-1\r\n*-5\r\nPING\r\n", ";;;[PING];");
    EXPECT("   \r\n", ";");
}

Test(resp_parser, reads_inline_commands_with_the_quoting_of_redis_cli)
{
    EXPECT("PING\n", "[PING];");
    EXPECT(" SET  a\tb \r\n", "[SET][a][b];");
    EXPECT("ECHO \"a\\x41\\n\\r\\t\\b\\a\\q\\\"\"\r\n", "[ECHO][aA\n\r\t\b\aq\"];");
    EXPECT("ECHO \"a\\x4\" \"\\xzz\"\r\n", "[ECHO][ax4][xzz];");
    EXPECT("ECHO 'it\\'s' 'a\\n'\r\n", "[ECHO][it's][a\\n];");
    EXPECT("ECHO \"\" ''\r\n", "[ECHO][][];");
    EXPECT("ECHO a\"b\" \"PING\"\r\n", "[ECHO][ab][PING];");
    EXPECT("ECHO a\\x41\r\n", "[ECHO][a\\x41];");
    EXPECT("ECHO \x0b\tx\r\n", "[ECHO][x];");
    EXPECT("ECHO a\rb\r\n", "[ECHO][a][b];");
    EXPECT("PI\0NG \"\\x00\"\r\n", "[PI\0NG][\0];");
}

Test(resp_parser, refuses_unbalanced_quotes)
{
    EXPECT("SET \"a b\r\n", "!Protocol error: unbalanced quotes in request");
    EXPECT("ECHO 'a\r\n", "!Protocol error: unbalanced quotes in request");
    EXPECT("ECHO \"a\"b\r\n", "!Protocol error: unbalanced quotes in request");
    EXPECT("ECHO \"a\\\"\r\n", "!Protocol error: unbalanced quotes in request");
    EXPECT("PING\r\nECHO \"\n", "[PING];!Protocol error: unbalanced quotes in request");
}

Test(resp_parser, refuses_lengths_that_are_no_numbers_or_too_big)
{
    EXPECT("*abc\r\n", "!Protocol error: invalid multibulk length");
    EXPECT("*\r\n", "!Protocol error: invalid multibulk length");
    EXPECT("*+1\r\n", "!Protocol error: invalid multibulk length");
    EXPECT("*01\r\n", "!Protocol error: invalid multibulk length");
    EXPECT("* 1\r\n", "!Protocol error: invalid multibulk length");
    EXPECT("*1048577\r\n", "!Protocol error: invalid multibulk length");
    EXPECT("*99999999999999999999999\r\n", "!Protocol error: invalid multibulk length");
    EXPECT("*1\r\n$abc\r\n", "!Protocol error: invalid bulk length");
    EXPECT("*1\r\n$-1\r\n", "!Protocol error: invalid bulk length");
    EXPECT("*1\r\n$04\r\n", "!Protocol error: invalid bulk length");
    EXPECT("*1\r\n$536870913\r\n", "!Protocol error: invalid bulk length");
    EXPECT("*1\r\n$99999999999999999999\r\n", "!Protocol error: invalid bulk length");
}

Test(resp_parser, wants_a_dollar_before_each_length)
{
    EXPECT("*1\r\nx4\r\nPING\r\n", "!Protocol error: expected '$', got 'x'");
    EXPECT("*1\r\nxyz\r\n", "!Protocol error: expected '$', got 'x'");
    EXPECT("*1\r\n\r\n", "!Protocol error: expected '$', got ' '");
    EXPECT("*1\r\n\n\r\n", "!Protocol error: expected '$', got ' '");
    EXPECT("*1\r\n\x01\r\n", "!Protocol error: expected '$', got '\x01'");
    /* Not before the line is complete. */
    EXPECT("*1\r\nxyz", "");
    EXPECT("*1\r\n\r", "");
}

Test(resp_parser, does_not_look_at_the_bytes_after_a_cr_and_after_an_argument)
{
    EXPECT("*1\rx$4\ryPINGab*1\r\n$1\r\nx\r\n", "[PING];[x];");
}

Test(resp_parser, keeps_unauthenticated_clients_short)
{
    expect(SLICE_LIT("*11\r\n"), SLICE_LIT("!Protocol error: unauthenticated multibulk length"), &closed_limits);
    expect(SLICE_LIT("*10\r\n"), SLICE_LIT(""), &closed_limits);
    expect(SLICE_LIT("*1\r\n$16385\r\n"), SLICE_LIT("!Protocol error: unauthenticated bulk length"), &closed_limits);
    expect(SLICE_LIT("*1\r\n$16384\r\n"), SLICE_LIT(""), &closed_limits);
}

static void expect_long(const char *prefix, char filler, size_t count, const char *want)
{
    OWNED(buf_deinit) struct buf input = {.limit_bytes = 1 << 20};
    cr_assert_eq(buf_append(&input, slice_from_text(prefix)), OXQ_OK);
    for (size_t i = 0; i < count; i++) cr_assert_eq(buf_append(&input, slice_of(&filler, 1)), OXQ_OK);
    expect(buf_borrow(&input), slice_from_text(want), &open_limits);
}

Test(resp_parser, refuses_lines_without_an_end)
{
    expect_long("", 'A', RESP_LINE_BYTES_MAX, "");
    expect_long("", 'A', RESP_LINE_BYTES_MAX + 1, "!Protocol error: too big inline request");
    expect_long("*", '1', RESP_LINE_BYTES_MAX - 1, "");
    expect_long("*", '1', RESP_LINE_BYTES_MAX, "!Protocol error: too big mbulk count string");
    expect_long("*1\r\n$", '1', RESP_LINE_BYTES_MAX, "!Protocol error: too big bulk count string");
    expect_long("*1\r\nx", '1', RESP_LINE_BYTES_MAX + 1, "!Protocol error: too big bulk count string");
}

/* The input in growing pieces, each time at another address. */
static void parse_in_pieces(struct slice input, struct rng *r, struct buf *out)
{
    struct resp_parser p = {0};
    char *held = NULL;
    size_t start = 0, end = 0;
    while (end < input.len) {
        end += 1 + rng_below(r, 7);
        if (end > input.len) end = input.len;
        char *moved = mem_alloc(end - start);
        /* What was decoded in place is gone with the old copy: an inline line is never decoded before it is complete. */
        memcpy(moved, input.at + start, end - start);
        mem_free(held);
        held = moved;
        char *at = held;
        enum resp_parsed parsed;
        while ((parsed = resp_parser_next(&p, at, end - start, &open_limits)) == RESP_REQUEST) {
            for (int i = 0; i < p.argc; i++) {
                cr_assert_eq(buf_append(out, SLICE_LIT("[")), OXQ_OK);
                cr_assert_eq(buf_append(out, p.argv[i]), OXQ_OK);
                cr_assert_eq(buf_append(out, SLICE_LIT("]")), OXQ_OK);
            }
            cr_assert_eq(buf_append(out, SLICE_LIT(";")), OXQ_OK);
            at += p.used_bytes;
            start += p.used_bytes;
        }
        cr_assert_eq(parsed, RESP_NEED_MORE);
        cr_assert_leq(end - start + 1, end - start + resp_parser_missing(&p, end - start));
        memmove(held, at, end - start);
    }
    mem_free(held);
    resp_parser_deinit(&p);
}

Test(resp_parser, gives_the_same_requests_however_the_bytes_are_cut)
{
    struct slice input =
        SLICE_LIT("*3\r\n$3\r\nSET\r\n$10\r\n0123456789\r\n$0\r\n\r\nPING \"a b\" c\r\n*0\r\n*1\r\n$4\r\nPING\r\n"
                  "\r\n*4\r\n$1\r\na\r\n$2\r\nbb\r\n$3\r\nccc\r\n$13\r\n*1\r\n$1\r\nx\r\nyz\r\nECHO 'x'\n");
    struct slice want =
        SLICE_LIT("[SET][0123456789][];[PING][a b][c];;[PING];;[a][bb][ccc][*1\r\n$1\r\nx\r\nyz];[ECHO][x];");
    struct rng r;
    rng_init(&r, 11);
    for (int round = 0; round < 2000; round++) {
        OWNED(buf_deinit) struct buf got = {.limit_bytes = 1 << 16};
        parse_in_pieces(input, &r, &got);
        cr_assert(slice_equal(buf_borrow(&got), want), "got %.*s", (int)got.len, got.at);
    }
}

Test(resp_parser, believes_a_claim_of_length_only_as_far_as_bytes_arrive)
{
    struct resp_parser p = {0};
    char input[] = "*1048576\r\n$536870912\r\nabc";
    size_t before = mem_used();
    cr_assert_eq(resp_parser_next(&p, input, sizeof(input) - 1, &open_limits), RESP_NEED_MORE);
    cr_assert_lt(mem_used() - before, 4096u);
    cr_assert_eq(resp_parser_missing(&p, sizeof(input) - 1), 536870912u - 3 + 2);
    resp_parser_deinit(&p);
}

Test(resp_parser, allocates_nothing_once_it_has_room_for_the_arguments)
{
    struct resp_parser p = {0};
    char input[] = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n";
    cr_assert_eq(resp_parser_next(&p, input, sizeof(input) - 1, &open_limits), RESP_REQUEST);
    struct slice *argv = p.argv;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(resp_parser_next(&p, input, sizeof(input) - 1, &open_limits), RESP_REQUEST);
        cr_assert_eq(p.argv, argv);
        cr_assert_eq(p.argv[2].at, input + sizeof(input) - 1 - 3);
    }
    resp_parser_deinit(&p);
}

Test(resp_parser, gives_back_the_room_of_a_request_with_very_many_arguments)
{
    struct resp_parser p = {0};
    OWNED(buf_deinit) struct buf input = {.limit_bytes = 1 << 20};
    cr_assert_eq(buf_append(&input, SLICE_LIT("*1000\r\n")), OXQ_OK);
    for (int i = 0; i < 1000; i++) cr_assert_eq(buf_append(&input, SLICE_LIT("$1\r\nx\r\n")), OXQ_OK);
    cr_assert_eq(resp_parser_next(&p, input.at, input.len, &open_limits), RESP_REQUEST);
    cr_assert_eq(p.argc, 1000);
    resp_parser_trim(&p);
    cr_assert_null(p.argv);
    cr_assert_eq(resp_parser_next(&p, input.at, input.len, &open_limits), RESP_REQUEST);
    cr_assert_eq(p.argc, 1000);
    resp_parser_deinit(&p);
}
