/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/rng.h"
#include "codec/mpack.h"
#include "codec/mpack_next.h"
#include "codec/sha1.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A visitor that writes what it is told as text: "[1 2 ]2" is an array of two. */
struct written {
    char text[4096];
    size_t len;
};

static void write_text(struct written *w, const char *text)
{
    w->len += (size_t)snprintf(w->text + w->len, sizeof(w->text) - w->len, "%s", text);
}

static void on_null(void *w)
{
    write_text(w, "null ");
}

static void on_boolean(void *w, bool b)
{
    write_text(w, b ? "true " : "false ");
}

static void on_integer(void *w, int64_t n)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld ", (long long)n);
    write_text(w, text);
}

static void on_big(void *w, uint64_t n)
{
    char text[32];
    snprintf(text, sizeof(text), "%lluu ", (unsigned long long)n);
    write_text(w, text);
}

static void on_real(void *w, double d)
{
    char text[32];
    snprintf(text, sizeof(text), "%.17gr ", d);
    write_text(w, text);
}

static void on_text(void *w, struct slice bytes)
{
    char text[64];
    snprintf(text, sizeof(text), "'%.*s'%zu ", (int)(bytes.len < 20 ? bytes.len : 20), bytes.at, bytes.len);
    write_text(w, text);
}

static void on_array(void *w, uint32_t count)
{
    char text[32];
    snprintf(text, sizeof(text), "[%u ", count);
    write_text(w, text);
}

static void on_map(void *w, uint32_t count)
{
    char text[32];
    snprintf(text, sizeof(text), "{%u ", count);
    write_text(w, text);
}

static void on_element(void *w, uint32_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "#%u ", number);
    write_text(w, text);
}

static void on_pair(void *w)
{
    write_text(w, ": ");
}

static const struct mpack_visitor visitor = {on_null, on_boolean, on_integer, on_big,     on_real,
                                             on_text, on_array,   on_map,     on_element, on_pair};

static oxq_err visit(struct slice *input, struct written *w)
{
    w->len = 0;
    w->text[0] = '\0';
    return mpack_visit(input, &visitor, w);
}

static void assert_visits(struct slice input, const char *want)
{
    struct written w;
    cr_assert_eq(visit(&input, &w), OXQ_OK, "%s", want);
    cr_assert_str_eq(w.text, want);
    cr_assert_eq(input.len, 0);
}

Test(mpack, every_form_of_every_value_is_read)
{
    assert_visits(SLICE_LIT("\x7f"), "127 ");
    assert_visits(SLICE_LIT("\xe0"), "-32 ");
    assert_visits(SLICE_LIT("\xcc\xff"), "255 ");
    assert_visits(SLICE_LIT("\xcd\x01\x02"), "258 ");
    assert_visits(SLICE_LIT("\xce\x01\x02\x03\x04"), "16909060 ");
    assert_visits(SLICE_LIT("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), "9223372036854775807 ");
    assert_visits(SLICE_LIT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615u ");
    assert_visits(SLICE_LIT("\xd0\x80"), "-128 ");
    assert_visits(SLICE_LIT("\xd1\x80\x00"), "-32768 ");
    assert_visits(SLICE_LIT("\xd2\x80\x00\x00\x00"), "-2147483648 ");
    assert_visits(SLICE_LIT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808 ");
    assert_visits(SLICE_LIT("\xca\x3f\xc0\x00\x00"), "1.5r ");
    assert_visits(SLICE_LIT("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.10000000000000001r ");
    assert_visits(SLICE_LIT("\xc0"), "null ");
    assert_visits(SLICE_LIT("\xc2"), "false ");
    assert_visits(SLICE_LIT("\xc3"), "true ");
    assert_visits(SLICE_LIT("\xa0"), "''0 ");
    assert_visits(SLICE_LIT("\xa2hi"), "'hi'2 ");
    assert_visits(SLICE_LIT("\xd9\x02hi"), "'hi'2 ");
    assert_visits(SLICE_LIT("\xda\x00\x02hi"), "'hi'2 ");
    assert_visits(SLICE_LIT("\xdb\x00\x00\x00\x02hi"), "'hi'2 ");
    assert_visits(SLICE_LIT("\x90"), "[0 ");
    assert_visits(SLICE_LIT("\x92\x01\x91\x02"), "[2 1 #1 [1 2 #1 #2 ");
    assert_visits(SLICE_LIT("\xdc\x00\x01\xc0"), "[1 null #1 ");
    assert_visits(SLICE_LIT("\xdd\x00\x00\x00\x01\xc0"), "[1 null #1 ");
    assert_visits(SLICE_LIT("\x80"), "{0 ");
    assert_visits(SLICE_LIT("\x82\xa1k\x01\xa1l\x81\x05\x06"), "{2 'k'1 1 : 'l'1 {1 5 6 : : ");
    assert_visits(SLICE_LIT("\xde\x00\x01\x01\x02"), "{1 1 2 : ");
    assert_visits(SLICE_LIT("\xdf\x00\x00\x00\x01\x01\x02"), "{1 1 2 : ");
}

Test(mpack, one_value_is_taken_from_a_row)
{
    struct slice input = SLICE_LIT("\x01\x91\x02\xa1x");
    struct written w;
    cr_assert_eq(visit(&input, &w), OXQ_OK);
    cr_assert_str_eq(w.text, "1 ");
    cr_assert_eq(visit(&input, &w), OXQ_OK);
    cr_assert_str_eq(w.text, "[1 2 #1 ");
    cr_assert_eq(visit(&input, &w), OXQ_OK);
    cr_assert_str_eq(w.text, "'x'1 ");
    cr_assert_eq(visit(&input, &w), OXQ_ERR_AGAIN);
}

Test(mpack, what_ends_early_or_is_no_value_is_told_apart)
{
    struct written w;
    static const char whole[] =
        "\x83\xa1k\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a\x01\xda\x00\x05hello\x02\xdc\x00\x02\xc0\xd1\x80\x00";
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *cut = mem_alloc(len);
        memcpy(cut, whole, len);
        struct slice input = slice_of(cut, len);
        cr_assert_eq(visit(&input, &w), OXQ_ERR_AGAIN, "%zu", len);
        cr_assert_eq(input.len, len, "the input moved without a value");
        mem_free(cut);
    }
    static const char *const bad[] = {"\xc1", "\xc4\x01x", "\xc7\x01\x01x", "\xd4\x01x", "\x91\xc1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slice input = slice_from_text(bad[i]);
        cr_assert_eq(visit(&input, &w), OXQ_ERR_FORMAT, "%zu", i);
    }
    char deep[MPACK_DEPTH_MAX + 1];
    memset(deep, '\x91', sizeof(deep));
    struct slice input = slice_of(deep, sizeof(deep));
    cr_assert_eq(visit(&input, &w), OXQ_ERR_LIMIT);
    deep[MPACK_DEPTH_MAX] = '\x01';
    input = slice_of(deep, sizeof(deep));
    cr_assert_eq(visit(&input, &w), OXQ_OK);
}

Test(mpack, integers_take_their_shortest_form_and_come_back)
{
    static const struct {
        int64_t n;
        size_t bytes;
    } edges[] = {{0, 1},      {127, 1},    {128, 2},           {255, 2},           {256, 3},
                 {65535, 3},  {65536, 5},  {4294967295, 5},    {4294967296, 9},    {INT64_MAX, 9},
                 {-1, 1},     {-32, 1},    {-33, 2},           {-128, 2},          {-129, 3},
                 {-32768, 3}, {-32769, 5}, {-2147483648LL, 5}, {-2147483649LL, 9}, {INT64_MIN, 9}};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        struct buf out = {.limit_bytes = 64};
        char want[32];
        cr_assert_eq(mpack_put_integer(&out, edges[i].n), OXQ_OK);
        cr_assert_eq(out.len, edges[i].bytes, "%lld", (long long)edges[i].n);
        snprintf(want, sizeof(want), "%lld ", (long long)edges[i].n);
        assert_visits(buf_borrow(&out), want);
        buf_deinit(&out);
    }
}

Test(mpack, texts_and_containers_of_every_size_come_back)
{
    static const size_t sizes[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536};
    char *bytes = mem_alloc(65536);
    memset(bytes, 'x', 65536);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf out = {.limit_bytes = 1 << 20};
        struct written w;
        char want[64];
        cr_assert_eq(mpack_put_text(&out, slice_of(bytes, sizes[i])), OXQ_OK);
        snprintf(want, sizeof(want), "'%.*s'%zu ", (int)(sizes[i] < 20 ? sizes[i] : 20), bytes, sizes[i]);
        assert_visits(buf_borrow(&out), want);
        for (int is_map = 0; is_map <= 1; is_map++) {
            out.len = 0;
            uint32_t count = (uint32_t)sizes[i];
            cr_assert_eq(is_map ? mpack_put_map(&out, count) : mpack_put_array(&out, count), OXQ_OK);
            struct slice input = buf_borrow(&out);
            cr_assert_eq(visit(&input, &w), count ? OXQ_ERR_AGAIN : OXQ_OK);
            snprintf(want, sizeof(want), "%c%u ", is_map ? '{' : '[', count);
            cr_assert_str_eq(w.text, want);
        }
        buf_deinit(&out);
    }
    mem_free(bytes);
}

Test(mpack, reals_shrink_only_when_nothing_is_lost)
{
    struct buf out = {.limit_bytes = 64};
    cr_assert_eq(mpack_put_real(&out, 1.5), OXQ_OK);
    cr_assert_eq(out.len, 5);
    out.len = 0;
    cr_assert_eq(mpack_put_real(&out, 0.1), OXQ_OK);
    cr_assert_eq(out.len, 9);
    assert_visits(buf_borrow(&out), "0.10000000000000001r ");
    out.len = 0;
    cr_assert_eq(mpack_put_null(&out), OXQ_OK);
    cr_assert_eq(mpack_put_bool(&out, true), OXQ_OK);
    cr_assert_eq(mpack_put_bool(&out, false), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&out), SLICE_LIT("\xc0\xc3\xc2")));
    buf_deinit(&out);
}

Test(mpack, a_full_buffer_is_an_error)
{
    struct buf out = {.limit_bytes = 4};
    cr_assert_eq(mpack_put_text(&out, SLICE_LIT("hello")), OXQ_ERR_LIMIT);
    cr_assert_eq(mpack_put_integer(&out, INT64_MAX), OXQ_ERR_LIMIT);
    buf_deinit(&out);
}

Test(mpack, random_bytes_are_read_within_their_bounds)
{
    struct rng rng;
    rng_init(&rng, 11);
    for (int i = 0; i < 100000; i++) {
        size_t len = rng_below(&rng, 40);
        char *bytes = mem_alloc(len);
        for (size_t at = 0; at < len; at++) bytes[at] = (char)rng_next(&rng);
        struct slice input = slice_of(bytes, len);
        struct written w;
        oxq_err e = visit(&input, &w);
        cr_assert(e == OXQ_OK || e == OXQ_ERR_AGAIN || e == OXQ_ERR_FORMAT);
        mem_free(bytes);
    }
}

/* One value by single steps, told as a visitor would tell it that hears nothing of elements and pairs. */
static bool step_through(struct slice *input, struct written *w)
{
    struct slice rest = *input;
    struct mpack_token t;
    w->len = 0;
    w->text[0] = '\0';
    for (uint64_t left = 1; left > 0; left--) {
        if (!mpack_next(&rest, &t)) return false;
        switch (t.kind) {
        case MPACK_NULL: on_null(w); break;
        case MPACK_BOOLEAN: on_boolean(w, t.boolean); break;
        case MPACK_INTEGER: on_integer(w, t.integer); break;
        case MPACK_BIG: on_big(w, t.big); break;
        case MPACK_REAL: on_real(w, t.real); break;
        case MPACK_TEXT: on_text(w, t.text); break;
        case MPACK_ARRAY: on_array(w, t.count); break;
        case MPACK_MAP: on_map(w, t.count); break;
        }
        left += t.kind == MPACK_ARRAY ? t.count : t.kind == MPACK_MAP ? 2 * (uint64_t)t.count : 0;
    }
    *input = rest;
    return true;
}

static void skip_element(void *w, uint32_t number)
{
    (void)w, (void)number;
}

static void skip_pair(void *w)
{
    (void)w;
}

Test(mpack, single_steps_read_what_the_visitor_is_told)
{
    static const struct mpack_visitor flat = {on_null, on_boolean, on_integer, on_big,       on_real,
                                              on_text, on_array,   on_map,     skip_element, skip_pair};
    struct rng rng;
    rng_init(&rng, 12);
    size_t whole = 0;
    for (int i = 0; i < 200000; i++) {
        size_t len = rng_below(&rng, 40);
        char *bytes = mem_alloc(len);
        for (size_t at = 0; at < len; at++) bytes[at] = (char)rng_next(&rng);
        if (len > 0) bytes[0] = (char)(i & 0xff);
        struct slice a = slice_of(bytes, len), b = a;
        struct written told = {0}, stepped;
        bool is_whole = mpack_visit(&a, &flat, &told) == OXQ_OK;
        cr_assert_eq(step_through(&b, &stepped), is_whole, "value %d", i);
        cr_assert_eq(a.len, b.len);
        if (is_whole) cr_assert_str_eq(stepped.text, told.text);
        whole += is_whole;
        mem_free(bytes);
    }
    cr_assert_gt(whole, 50000);
}

Test(sha1, digests_are_those_of_the_standard)
{
    static const struct {
        struct slice bytes;
        const char *want;
    } known[] = {{SLICE_INIT(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
                 {SLICE_INIT("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d"},
                 {SLICE_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "84983e441c3bd26ebaae4aa1f95129e5e54670f1"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char hex[SHA1_HEX_CHARS + 1] = "";
        sha1_hex(known[i].bytes, hex);
        cr_assert_str_eq(hex, known[i].want);
    }
}
