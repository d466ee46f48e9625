/* SPDX-License-Identifier: MIT */
#include "native/bullmq_args.h"

#include <criterion/criterion.h>

struct fixture {
    struct arena scratch;
    struct cmd_ctx ctx;
};

static void init(struct fixture *f)
{
    *f = (struct fixture){0};
    f->ctx.scratch = &f->scratch;
}

static const struct bullmq_value *unpack(struct fixture *f, struct slice packed)
{
    const struct bullmq_value *v;
    return bullmq_unpack(&f->ctx, packed, &v) ? v : NULL;
}

/* The JSON of what is packed; "refused" or "no JSON" where it goes no further. */
static const char *json_of(struct fixture *f, struct slice packed)
{
    struct slice json;
    const struct bullmq_value *v = unpack(f, packed);
    if (!v) return "refused";
    return bullmq_json(&f->ctx, v, &json) ? arena_copy_text(&f->scratch, json) : "no JSON";
}

Test(bullmq_args, json_is_what_cjson_makes_of_the_same_value)
{
    static const struct {
        struct slice packed;
        const char *json;
    } cases[] = {
        {SLICE_INIT("\x05"), "5"},
        {SLICE_INIT("\xe0"), "-32"},
        {SLICE_INIT("\xcd\x01\x00"), "256"},
        {SLICE_INIT("\xcb\x42\x78\xbc\xfe\x56\x80\x00\x00"), "1700000000000"},
        {SLICE_INIT("\xca\x3f\x00\x00\x00"), "0.5"},
        {SLICE_INIT("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1"},
        {SLICE_INIT("\xcf\x00\x00\x5a\xf3\x10\x7a\x40\x00"), "1e+14"},
        {SLICE_INIT("\xd3\xff\xff\xa5\x0c\xef\x85\xc0\x01"), "-99999999999999"},
        {SLICE_INIT("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), "-0"},
        {SLICE_INIT("\xc2"), "false"},
        {SLICE_INIT("\xc3"), "true"},
        {SLICE_INIT("\xa0"), "\"\""},
        {SLICE_INIT("\xab/\"\\\b\f\n\r\t\x01\x7f\xff"), "\"\\/\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f\xff\""},
        {SLICE_INIT("\x80"), "{}"},
        {SLICE_INIT("\x90"), "{}"},
        {SLICE_INIT("\x93\x01\x90\x92\xc3\x81\xa1k\xa1v"), "[1,{},[true,{\"k\":\"v\"}]]"},
        {SLICE_INIT("\x82\xa1"
                    "a\xc0\xa1"
                    "b\xc0"),
         "{}"},
        {SLICE_INIT("\x83\xa1"
                    "a\xc0\xa1"
                    "b\x01\xa1"
                    "c\x80"),
         "{\"b\":1,\"c\":{}}"},
    };
    struct fixture f;
    init(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_str_eq(json_of(&f, cases[i].packed), cases[i].json, "case %zu", i);
    arena_deinit(&f.scratch);
}

Test(bullmq_args, what_lua_reads_in_a_way_of_its_own_is_refused)
{
    static const struct {
        struct slice packed;
        const char *what;
    } cases[] = {
        {SLICE_INIT(""), "nothing"},
        {SLICE_INIT("\x92\x01"), "half a value"},
        {SLICE_INIT("\x01\x02"), "two values"},
        {SLICE_INIT("\xc1"), "no MessagePack"},
        {SLICE_INIT("\xc4\x01x"), "bytes that are no text"},
        {SLICE_INIT("\x81\x01\x02"), "a key that is no text"},
        {SLICE_INIT("\x81\xc0\x02"), "a nil key"},
        {SLICE_INIT("\x81\x80\x02"), "a key that is a map"},
        {SLICE_INIT("\x82\xa1k\x01\xa1k\x02"), "a key twice"},
        {SLICE_INIT("\x91\x82\xa1k\x01\xa1k\xc0"), "a key twice, deeper"},
        {SLICE_INIT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "2^64-1"},
        {SLICE_INIT("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01"), "nine arrays"},
        {SLICE_INIT("\xdd\xff\xff\xff\xff"), "an array of 2^32-1"},
    };
    struct fixture f;
    init(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_str_eq(json_of(&f, cases[i].packed), "refused", "%s", cases[i].what);
    cr_expect_str_eq(json_of(&f, SLICE_LIT("\x92\x01\xc0")), "no JSON");
    cr_expect_str_eq(json_of(&f, SLICE_LIT("\xc0")), "no JSON");
    cr_expect_str_eq(json_of(&f, SLICE_LIT("\x91\xca\x7f\x80\x00\x00")), "no JSON");
    arena_deinit(&f.scratch);
}

Test(bullmq_args, as_many_values_as_there_may_be_and_no_more)
{
    struct fixture f;
    init(&f);
    char packed[3 + BULLMQ_VALUES_MAX] = "\xdc";
    memset(packed + 3, 1, BULLMQ_VALUES_MAX);
    packed[2] = BULLMQ_VALUES_MAX - 1;
    const struct bullmq_value *v = unpack(&f, slice_of(packed, 2 + BULLMQ_VALUES_MAX));
    cr_assert_not_null(v);
    cr_assert_eq(v->size, BULLMQ_VALUES_MAX);
    packed[2] = (char)BULLMQ_VALUES_MAX;
    cr_assert_null(unpack(&f, slice_of(packed, 3 + BULLMQ_VALUES_MAX)));
    arena_deinit(&f.scratch);
}

Test(bullmq_args, fields_and_elements_are_found_and_absent_ones_are_nil)
{
    struct fixture f;
    init(&f);
    const struct bullmq_value *map = unpack(&f, SLICE_LIT("\x83\xa1"
                                                          "a\x81\xa1"
                                                          "b\x01\xa1"
                                                          "c\x92\x02\x80\xa1"
                                                          "d\xc3"));
    cr_assert_eq(bullmq_field(map, SLICE_LIT("a"))->kind, BULLMQ_MAP);
    cr_assert(bullmq_is_true(bullmq_field(map, SLICE_LIT("d"))));
    cr_assert(bullmq_is_nil(bullmq_field(map, SLICE_LIT("b"))), "it is a field of another map");
    const struct bullmq_value *elements[3];
    bullmq_elements(bullmq_field(map, SLICE_LIT("c")), elements, 3);
    cr_assert_eq(elements[0]->number, 2);
    cr_assert_eq(elements[1]->kind, BULLMQ_MAP);
    cr_assert(bullmq_is_nil(elements[2]));
    arena_deinit(&f.scratch);
}

Test(bullmq_args, whole_numbers_are_those_with_one_spelling)
{
    static const struct {
        double d;
        bool is_whole;
    } cases[] = {{0, true}, {-0.0, false}, {1.5, false}, {-1, false}, {99999999999999, true}, {1e14, false}};
    int64_t n;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bullmq_value v = {.kind = BULLMQ_NUMBER, .number = cases[i].d};
        cr_expect_eq(bullmq_whole(&v, &n), cases[i].is_whole, "case %zu", i);
        if (cases[i].is_whole) cr_expect_eq((double)n, cases[i].d);
    }
    cr_expect_not(bullmq_whole(&(struct bullmq_value){.kind = BULLMQ_TEXT, .text = SLICE_LIT("1")}, &n));
}
