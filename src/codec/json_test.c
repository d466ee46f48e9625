/* SPDX-License-Identifier: MIT */
#include "codec/base64.h"
#include "codec/json.h"

#include <criterion/criterion.h>

static void encodes(const char *bytes, size_t len, const char *want)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = 4096};
    OWNED(buf_deinit) struct buf back = {.limit_bytes = 4096};
    cr_assert_eq(base64_encode(slice_of(bytes, len), &text), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&text), slice_from_text(want)), "%.*s", (int)text.len, text.at);
    cr_assert_eq(base64_decode(buf_borrow(&text), &back), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&back), slice_of(bytes, len)));
}

Test(base64, has_the_vectors_of_the_rfc)
{
    encodes("", 0, "");
    encodes("f", 1, "Zg==");
    encodes("fo", 2, "Zm8=");
    encodes("foo", 3, "Zm9v");
    encodes("foob", 4, "Zm9vYg==");
    encodes("fooba", 5, "Zm9vYmE=");
    encodes("foobar", 6, "Zm9vYmFy");
    encodes("\xff\xfe\0\xfb", 4, "//4A+w==");
}

Test(base64, refuses_what_no_encoder_writes)
{
    static const char *const bad[] = {"Zg=", "Z===", "Zg==Zg==", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "=Zm9", "Zm-_"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        OWNED(buf_deinit) struct buf out = {.limit_bytes = 64};
        cr_assert_eq(base64_decode(slice_from_text(bad[i]), &out), OXQ_ERR_FORMAT, "%s", bad[i]);
        cr_assert_eq(out.len, 0);
    }
}

/* What is written is read back as the same bytes; `is_text`: as a string. */
static void travels(struct slice bytes, bool is_text)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = 4096};
    OWNED(arena_deinit) struct arena arena = {0};
    struct json *root;
    struct slice back;
    cr_assert_eq(buf_append(&line, SLICE_LIT("[")), OXQ_OK);
    cr_assert_eq(json_put_bytes(&line, bytes), OXQ_OK);
    cr_assert_eq(buf_append(&line, SLICE_LIT("]")), OXQ_OK);
    cr_assert_eq(json_read(buf_borrow(&line), &root, NULL), OXQ_OK, "%.*s", (int)line.len, line.at);
    cr_assert_eq(json_kind_of(json_at(root, 0)), is_text ? JSON_KIND_TEXT : JSON_KIND_MAP, "%.*s", (int)line.len,
                 line.at);
    cr_assert(json_bytes(json_at(root, 0), &arena, &back));
    cr_assert(slice_equal(back, bytes), "%.*s", (int)line.len, line.at);
    json_release(root);
}

Test(json, any_bytes_travel)
{
    travels(SLICE_LIT(""), true);
    travels(SLICE_LIT("plain \"quoted\" back\\slash \b\f\n\r\t \x01\x1f \x7f /"), true);
    travels(SLICE_LIT("nul \0 inside"), true);
    travels(SLICE_LIT("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbf \xf4\x8f\xbf\xbf"), true);
    travels(SLICE_LIT("\xff"), false);
    travels(SLICE_LIT("cut \xe2\x82"), false);
    travels(SLICE_LIT("\xc0\x80"), false);         /* overlong */
    travels(SLICE_LIT("\xe0\x9f\xbf"), false);     /* overlong */
    travels(SLICE_LIT("\xf0\x8f\xbf\xbf"), false); /* overlong */
    travels(SLICE_LIT("\xed\xa0\x80"), false);     /* a surrogate */
    travels(SLICE_LIT("\xf4\x90\x80\x80"), false); /* past the last character */
    travels(SLICE_LIT("\x80"), false);
    for (int first = 0; first < 256; first++) {
        for (int second = 0; second < 256; second++) {
            char two[] = {(char)first, (char)second};
            travels(slice_of(two, 2), json_is_utf8(slice_of(two, 2)));
        }
    }
}

Test(json, a_tree_is_walked)
{
    struct json *root;
    OWNED(arena_deinit) struct arena arena = {0};
    struct slice bytes;
    cr_assert_eq(
        json_read(SLICE_LIT("{\"n\":-7,\"t\":true,\"l\":[1,\"x\",null,1.5],\"b\":{\"base64\":\"?\"}}"), &root, NULL),
        OXQ_OK);
    cr_assert_eq(json_number(json_member(root, "n")), -7);
    cr_assert(json_truth(json_member(root, "t")));
    cr_assert(!json_truth(json_member(root, "n")));
    cr_assert_eq(json_count(json_member(root, "l")), 4);
    cr_assert(slice_equal(json_text(json_at(json_member(root, "l"), 1)), SLICE_LIT("x")));
    cr_assert_eq(json_kind_of(json_at(json_member(root, "l"), 2)), JSON_KIND_NULL);
    cr_assert_eq(json_kind_of(json_at(json_member(root, "l"), 3)), JSON_KIND_REAL);
    cr_assert_eq(json_kind_of(json_at(json_member(root, "l"), 4)), JSON_KIND_ABSENT);
    cr_assert_eq(json_kind_of(json_member(root, "none")), JSON_KIND_ABSENT);
    cr_assert(!json_bytes(json_member(root, "b"), &arena, &bytes));
    cr_assert(!json_bytes(json_member(root, "n"), &arena, &bytes));
    cr_assert(!json_bytes(NULL, &arena, &bytes));
    json_release(root);
}

Test(json, an_error_names_the_column)
{
    struct json *root;
    struct oxq_error err;
    cr_assert_eq(json_read(SLICE_LIT("{\"a\": 1, oops}"), &root, &err), OXQ_ERR_FORMAT);
    cr_assert(strncmp(err.text, "column 1", 8) == 0, "%s", err.text);
    cr_assert_eq(json_read(SLICE_LIT("{\"a\":1} {"), &root, &err), OXQ_ERR_FORMAT);
    cr_assert_eq(json_read(SLICE_LIT("{\"a\":1,\"a\":2}"), &root, &err), OXQ_ERR_FORMAT);
    cr_assert_eq(json_read(SLICE_LIT(""), &root, &err), OXQ_ERR_FORMAT);
    cr_assert_eq(json_read(SLICE_LIT("[\"\xff\"]"), &root, &err), OXQ_ERR_FORMAT);
}
