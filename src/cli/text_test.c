/* SPDX-License-Identifier: MIT */
#include "cli/text.h"

#include "base/mem.h"
#include "cli/table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;

static void stop(void)
{
    arena_deinit(&arena);
    arena = (struct arena){0};
}

TestSuite(text, .fini = stop);

Test(text, json_is_laid_out_with_an_element_on_each_line)
{
    cr_assert_str_eq(text_layout(&arena, "{\"a\":[1,{}, []],\"b\":\"x,{\\\"y\"}", 2),
                     "{\n    \"a\": [\n      1,\n      {},\n      []\n    ],\n    \"b\": \"x,{\\\"y\"\n  }");
    cr_assert_str_eq(text_layout(&arena, " [ 1 ,\n 2 ] ", 0), "[\n  1,\n  2\n]");
    cr_assert_str_eq(text_layout(&arena, "12", 0), "12");
    cr_assert_str_eq(text_layout(&arena, "{\"a\": { \n }}", 0), "{\n  \"a\": {}\n}");
}

Test(text, what_is_not_json_or_too_deep_stays_as_it_is)
{
    char deep[200] = {0};
    memset(deep, '[', 99);
    memset(deep + 99, ']', 99);
    cr_assert_str_eq(text_layout(&arena, "{\"a\":", 2), "{\"a\":");
    cr_assert_str_eq(text_layout(&arena, "", 2), "");
    cr_assert_eq(text_layout(&arena, deep, 2), deep);
}

Test(text, json_stays_on_one_line_and_other_text_becomes_a_json_text)
{
    struct buf out = {.limit_bytes = 4096};
    struct json_writer w = {.out = &out};
    json_write_open(&w, '{');
    text_write_json(&w, "a", "{\"x\":\n1,\r\n\"y\":\"\\n\"}");
    text_write_json(&w, "b", "not\njson");
    text_write_json(&w, "c", NULL);
    text_write(&w, "d", "\xff");
    json_write_some_integer(&w, "e", 0);
    json_write_some_integer(&w, "f", 7);
    json_write_close(&w, '}');
    mem_must(buf_append(&out, slice_of("", 1)));
    cr_assert_eq(w.error, OXQ_OK);
    cr_assert_str_eq(out.at,
                     "{\"a\":{\"x\": 1,  \"y\":\"\\n\"},\"b\":\"not\\njson\",\"d\":{\"base64\":\"/w==\"},\"f\":7}");
    buf_deinit(&out);
}

Test(text, a_list_takes_texts_without_names)
{
    struct buf out = {.limit_bytes = 4096};
    struct json_writer w = {.out = &out};
    json_write_open(&w, '[');
    text_write(&w, NULL, "a\"b");
    text_write(&w, NULL, "\xfe");
    json_write_close(&w, ']');
    cr_assert(slice_equal(buf_borrow(&out), SLICE_LIT("[\"a\\\"b\",{\"base64\":\"/g==\"}]")));
    buf_deinit(&out);
}

Test(text, plain_is_a_text_without_its_quotes)
{
    cr_assert_str_eq(text_plain(&arena, "\"a\\u00e9\""), "a\xc3\xa9");
    cr_assert_str_eq(text_plain(&arena, "{\"a\":1}"), "{\"a\":1}");
    cr_assert_str_eq(text_plain(&arena, "50"), "50");
    cr_assert_str_eq(text_plain(&arena, NULL), "");
    cr_assert_str_eq(text_first_line(&arena, "a\r\nb"), "a");
    cr_assert_str_eq(text_first_line(&arena, ""), "");
}

Test(text, when_is_told_from_now)
{
    char out[TEXT_WHEN_CHARS];
    cr_assert_str_eq(text_when(1000, 61000, out), "60 s ago");
    cr_assert_str_eq(text_when(7201000, 1000, out), "in 2 h");
    cr_assert_str_eq(text_when(5, 5, out), "0 ms ago");
}

Test(text, a_duration_has_the_unit_that_fits)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5, "0 ms"},         {999, "999 ms"},  {1000, "1 s"},       {119999, "119 s"},  {120000, "2 min"},
        {7199999, "119 min"}, {7200000, "2 h"}, {172799999, "47 h"}, {172800000, "2 d"}, {INT64_MAX, "106751991167 d"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[TABLE_TEXT_CHARS];
        cr_expect_str_eq(table_duration(cases[i].ms, out), cases[i].text);
    }
}

Test(text, what_steers_a_terminal_is_shown)
{
    cr_assert_str_eq(table_clean(&arena, "a\x1b[31m\tb\nc\x7f", false), "a\\x1b[31m b c\\x7f");
    cr_assert_str_eq(table_clean(&arena,
                                 "\xc2\x9b"
                                 "1\xc3\xa9\n",
                                 true),
                     "\\x9b1\xc3\xa9\n");
}
