/* SPDX-License-Identifier: MIT */
#include "runner/outcome.h"
#include "runner/text.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void expect_mended(struct slice bytes, const char *want)
{
    struct buf out = {.limit_bytes = 1024};
    cr_assert_eq(text_put_mended(&out, bytes), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&out), slice_from_text(want)), "got %.*s, want %s", (int)out.len, out.at, want);
    buf_deinit(&out);
}

Test(text, what_is_no_utf8_is_replaced_byte_by_byte)
{
    expect_mended(SLICE_LIT(""), "");
    expect_mended(SLICE_LIT("Zoë €"), "Zoë €");
    expect_mended(SLICE_LIT("a\xff"
                            "b"),
                  "a\xef\xbf\xbd"
                  "b");
    expect_mended(SLICE_LIT("a\0b"), "a\xef\xbf\xbd"
                                     "b");
    expect_mended(SLICE_LIT("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void expect_result(struct slice bytes, const char *want)
{
    struct buf out = {.limit_bytes = 1024};
    cr_assert_eq(text_put_result(&out, bytes), OXQ_OK);
    cr_assert_str_eq(out.at, want);
    buf_deinit(&out);
}

Test(text, json_is_a_result_as_it_is)
{
    expect_result(SLICE_LIT("{\"a\": 1}\n"), "{\"a\": 1}");
    expect_result(SLICE_LIT(" 42\n"), "42");
    expect_result(SLICE_LIT("\"x\""), "\"x\"");
    expect_result(SLICE_LIT("null"), "null");
    expect_result(SLICE_LIT("[1,\n2]\n"), "[1,\n2]");
}

Test(text, nothing_is_null_as_a_result)
{
    expect_result(SLICE_LIT(""), "null");
    expect_result(SLICE_LIT(" \r\n\n"), "null");
}

Test(text, another_text_is_a_json_string_without_its_last_line_ends)
{
    expect_result(SLICE_LIT("hello\n"), "\"hello\"");
    expect_result(SLICE_LIT(" two\nlines \r\n\n"), "\" two\\nlines \"");
    expect_result(SLICE_LIT("{\"a\": 1} {\"b\": 2}"), "\"{\\\"a\\\": 1} {\\\"b\\\": 2}\"");
    expect_result(SLICE_LIT("01"), "\"01\"");
    expect_result(SLICE_LIT("a\0b"), "\"a\\u0000b\"");
}

Test(text, bytes_that_are_no_text_are_base64_as_a_result)
{
    expect_result(SLICE_LIT("\xff\xfe"), "{\"base64\":\"//4=\"}");
}

/* ---------------------------------------------------------------- tails */

Test(text, a_short_stream_is_its_own_tail)
{
    struct text_tail t = {0};
    cr_assert_eq(text_tail_borrow(&t).len, 0);
    text_tail_add(&t, SLICE_LIT("\none\n"));
    text_tail_add(&t, SLICE_LIT("two\n"));
    cr_assert(slice_equal(text_tail_borrow(&t), SLICE_LIT("one\ntwo")));
    text_tail_deinit(&t);
}

Test(text, the_tail_of_a_long_stream_begins_with_a_line)
{
    struct text_tail t = {0};
    char line[32];
    for (int i = 0; i < 10000; i++) {
        int len = snprintf(line, sizeof(line), "line %d\n", i);
        text_tail_add(&t, slice_of(line, (size_t)len));
    }
    struct slice end = text_tail_borrow(&t);
    cr_assert(end.len <= TEXT_TAIL_BYTES && end.len > TEXT_TAIL_BYTES - 20);
    cr_assert(memcmp(end.at, "line ", 5) == 0, "it begins with %.10s", end.at);
    cr_assert(memcmp(end.at + end.len - 9, "line 9999", 9) == 0);
    text_tail_deinit(&t);
}

Test(text, the_tail_of_one_long_line_is_its_end)
{
    struct text_tail t = {0};
    size_t len = 5 * TEXT_TAIL_BYTES;
    char *bytes = mem_alloc(len);
    memset(bytes, 'x', len);
    bytes[len - 1] = 'z';
    text_tail_add(&t, slice_of(bytes, len));
    struct slice end = text_tail_borrow(&t);
    cr_assert_eq(end.len, TEXT_TAIL_BYTES);
    cr_assert_eq(end.at[end.len - 1], 'z');
    mem_free(bytes);
    text_tail_deinit(&t);
}

/* ---------------------------------------------------------------- lines */

struct seen {
    char text[64 * 1024];
    size_t len, count;
};

static void see(void *ctx, struct slice line)
{
    struct seen *s = ctx;
    memcpy(s->text + s->len, line.at, line.len);
    s->len += line.len;
    s->text[s->len++] = '|';
    s->text[s->len] = '\0';
    s->count++;
}

Test(text, lines_are_given_whole_however_they_arrive)
{
    static const char stream[] = "one\n\ntwo\nthree";
    for (size_t part = 1; part < sizeof(stream); part++) {
        struct seen s = {.len = 0};
        struct text_lines l = {0};
        for (size_t at = 0; at < sizeof(stream) - 1; at += part) {
            size_t left = sizeof(stream) - 1 - at;
            text_lines_add(&l, slice_of(stream + at, left < part ? left : part), see, &s);
        }
        text_lines_end(&l, see, &s);
        cr_assert_str_eq(s.text, "one||two|three|", "in parts of %zu: %s", part, s.text);
        text_lines_deinit(&l);
    }
}

Test(text, a_line_that_is_too_long_is_cut_once)
{
    struct seen s = {.len = 0};
    struct text_lines l = {0};
    char part[1024];
    memset(part, 'x', sizeof(part));
    for (size_t i = 0; i < 2 * TEXT_LINE_BYTES_MAX / sizeof(part); i++)
        text_lines_add(&l, slice_of(part, sizeof(part)), see, &s);
    cr_assert_eq(s.count, 1);
    cr_assert_eq(s.len, TEXT_LINE_BYTES_MAX + 1);
    s.len = 0;
    text_lines_add(&l, SLICE_LIT("rest\nnext\n"), see, &s);
    text_lines_end(&l, see, &s);
    cr_assert_str_eq(s.text, "next|");
    text_lines_deinit(&l);
}

/* ---------------------------------------------------------------- outcomes */

Test(outcome, a_text_and_what_was_said_fit_their_limits)
{
    struct outcome o = {0};
    size_t len = 100 * 1024;
    char *said = mem_alloc(len);
    memset(said, '\xff', len);
    outcome_set_said(&o, OUTCOME_FAILED, "HTTP 500: ", slice_of(said, len), len);
    outcome_set_stack(&o, "how", slice_of(said, len));
    cr_assert(o.text.len <= OUTCOME_TEXT_BYTES_MAX && o.text.len > OUTCOME_TEXT_BYTES_MAX / 2);
    cr_assert(o.stack.len <= OUTCOME_STACK_BYTES_MAX && o.stack.len > OUTCOME_STACK_BYTES_MAX / 2);
    cr_assert_eq(o.text.at[o.text.len - 1], '\0');
    memset(said, 'x', len);
    outcome_set_result(&o, slice_of(said, len));
    cr_assert_eq(o.kind, OUTCOME_DONE);
    cr_assert_eq(o.result.len, len + 3);
    mem_free(said);
    outcome_deinit(&o);
}

Test(outcome, of_much_that_was_said_the_last_whole_lines_are_kept)
{
    struct outcome o = {0};
    outcome_set_said(&o, OUTCOME_FAILED, "", SLICE_LIT("first line\nsecond line\nthird line\n"), 25);
    cr_assert_str_eq(o.text.at, "second line\nthird line");
    outcome_deinit(&o);
}
