/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "codec/json.h"
#include "codec/json_writer.h"

#include <criterion/criterion.h>
#include <math.h>

static bool jansson_takes(struct slice text)
{
    struct json *root = NULL;
    bool takes = json_read_value(text, &root, NULL) == OXQ_OK;
    json_release(root);
    return takes;
}

Test(json_check, takes_each_kind_of_value)
{
    static const char *const good[] = {
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12",
        "-1.5e+3",
        "1E9",
        "\"\"",
        " \t\r\n[ ] ",
        "\"\\u00e4\\n\\\"\"",
        "{\"a\":{\"b\":[1,{},[],\"x\"]},\"c\":null}",
        "[[[[]]],[{\"\":[]}]]",
        "\"\xf0\x9f\x98\x80\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert_eq(json_check(slice_from_text(good[i]), NULL), OXQ_OK, "%s", good[i]);
    }
}

Test(json_check, refuses_what_is_none_and_says_where)
{
    static const struct {
        const char *text;
        const char *says;
    } bad[] = {
        {"", "it ends too early, after 0 bytes"},   {"{\"a\":1", "it ends too early, after 6 bytes"},
        {"hello", "byte 1 does not fit there"},     {"{a:1}", "byte 2 does not fit there"},
        {"[1,]", "byte 4 does not fit there"},      {"{\"a\":1,}", "byte 8 does not fit there"},
        {"[1 2]", "byte 4 does not fit there"},     {"01", "byte 2 does not fit there"},
        {"1 1", "byte 3 does not fit there"},       {"[}", "byte 2 does not fit there"},
        {"\"a\nb\"", "byte 3 does not fit there"},  {"\"\\x\"", "byte 4 does not fit there"},
        {"1.", "it ends too early, after 2 bytes"}, {"tru", "byte 1 does not fit there"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct oxq_error err = {0};
        cr_assert_eq(json_check(slice_from_text(bad[i].text), &err), OXQ_ERR_FORMAT, "%s", bad[i].text);
        cr_assert_str_eq(err.text, bad[i].says, "%s", bad[i].text);
    }
    cr_assert_eq(json_check(SLICE_LIT("\"\xff\""), NULL), OXQ_ERR_FORMAT);
    cr_assert_eq(json_check(SLICE_LIT("\"\0\""), NULL), OXQ_ERR_FORMAT);
}

Test(json_check, depth_has_a_limit)
{
    char deep[2 * JSON_DEPTH_MAX + 2];
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    cr_assert_eq(json_check(slice_of(deep, 2 * (size_t)JSON_DEPTH_MAX), NULL), OXQ_OK);
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    cr_assert_eq(json_check(slice_of(deep, sizeof(deep)), NULL), OXQ_ERR_LIMIT);
}

/* Short texts of JSON's own characters, which are JSON often enough. */
Test(json_check, agrees_with_jansson_on_random_texts)
{
    static const char letters[] = "{}[]\",:\\ 10-.eEunltrfas";
    struct rng rng;
    rng_init(&rng, 4);
    int taken = 0;
    for (int i = 0; i < 300000; i++) {
        char text[10];
        size_t len = 1 + rng_below(&rng, sizeof(text) - 1);
        for (size_t k = 0; k < len; k++) text[k] = letters[rng_below(&rng, sizeof(letters) - 1)];
        bool ours = json_check(slice_of(text, len), NULL) == OXQ_OK;
        cr_assert_eq(ours, jansson_takes(slice_of(text, len)), "%.*s", (int)len, text);
        taken += ours;
    }
    cr_assert_gt(taken, 1000);
}

Test(json_writer, puts_commas_where_they_belong)
{
    OWNED(buf_deinit) struct buf out = {.limit_bytes = 4096};
    struct json *tree = NULL;
    cr_assert_eq(json_read_value(SLICE_LIT("{\"b\":[1,2.5,\"x\"],\"a\":null}"), &tree, NULL), OXQ_OK);
    struct json_writer w = {.out = &out};
    json_write_open(&w, '{');
    json_write_name(&w, "list");
    json_write_open(&w, '[');
    json_write_integer(&w, -1);
    json_write_real(&w, 0.5);
    json_write_real(&w, INFINITY);
    json_write_open(&w, '{');
    json_write_close(&w, '}');
    json_write_close(&w, ']');
    json_write_name(&w, "t\"");
    json_write_bool(&w, true);
    json_write_name(&w, "raw");
    json_write_raw(&w, SLICE_LIT("[]"));
    json_write_name(&w, "tree");
    json_write_value(&w, tree);
    json_write_name(&w, "text");
    json_write_text(&w, SLICE_LIT("a\nb"));
    json_write_close(&w, '}');
    json_release(tree);
    cr_assert_eq(w.error, OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&out), SLICE_LIT("{\"list\":[-1,0.5,null,{}],\"t\\\"\":true,\"raw\":[],"
                                                      "\"tree\":{\"b\":[1,2.5,\"x\"],\"a\":null},\"text\":\"a\\nb\"}")),
              "%.*s", (int)out.len, out.at);
}

Test(json_writer, keeps_the_first_error)
{
    OWNED(buf_deinit) struct buf out = {.limit_bytes = 8};
    struct json_writer w = {.out = &out};
    json_write_open(&w, '[');
    json_write_text(&w, SLICE_LIT("long enough"));
    json_write_close(&w, ']');
    cr_assert_eq(w.error, OXQ_ERR_LIMIT);
}

Test(json, reads_what_javascript_writes)
{
    struct json *v = NULL;
    cr_assert_eq(json_read_value(SLICE_LIT("12345678901234567890"), &v, NULL), OXQ_OK);
    cr_assert_eq(json_double(v), 12345678901234567890.0);
    json_release(v);
    cr_assert_eq(json_read_value(SLICE_LIT("{\"a\":1,\"a\":4e3}"), &v, NULL), OXQ_OK);
    cr_assert_eq(json_number(json_member(v, "a")), 4000);
    json_release(v);
    cr_assert_eq(json_read_value(SLICE_LIT("0.5"), &v, NULL), OXQ_OK);
    cr_assert_eq(json_number(v), 0);
    json_release(v);
}

Test(json_raw, a_member_is_given_as_it_is_written)
{
    const struct slice text = SLICE_LIT(
        " { \"a\" : [1,{\"b\":\"}\"}] ,\"b\":12345678901234567890.50, \"c\\\"\":1,\"ab\":\"x\\\"y\",\"e\":{} } ");
    static const struct {
        const char *name, *value;
    } cases[] = {{"a", "[1,{\"b\":\"}\"}]"},
                 {"b", "12345678901234567890.50"},
                 {"ab", "\"x\\\"y\""},
                 {"e", "{}"},
                 {"c", ""},
                 {"z", ""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice raw = json_raw_member(text, slice_from_text(cases[i].name));
        cr_assert(slice_equal(raw, slice_from_text(cases[i].value)), "%s: %.*s", cases[i].name, (int)raw.len, raw.at);
    }
    cr_assert(slice_equal(json_raw_member(SLICE_LIT("{\"a\":1,\"a\":[2]}"), SLICE_LIT("a")), SLICE_LIT("[2]")));
}

Test(json_raw, what_is_no_object_has_no_members)
{
    const char *texts[] = {"", "[]", "[{\"a\":1}]", "{}", "{\"a\"", "{\"a\":", "{a:1}", "7"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_assert_eq(json_raw_member(slice_from_text(texts[i]), SLICE_LIT("a")).len, 0, "%s", texts[i]);
}
