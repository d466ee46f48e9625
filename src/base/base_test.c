/* SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/siphash.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static bool glob(const char *pattern, const char *text)
{
    return slice_glob(slice_from_text(pattern), slice_from_text(text), false);
}

Test(slice, glob_matches_as_redis_does)
{
    cr_assert(glob("", ""));
    /* Odd, and Redis's: an empty text matches nothing else, not even a star. */
    cr_assert_not(glob("*", ""));
    cr_assert(glob("a*", "a"));
    cr_assert(glob("bull:*:wait", "bull:mail:wait"));
    cr_assert(glob("h[ae]llo", "hallo"));
    cr_assert_not(glob("h[^e]llo", "hello"));
    cr_assert(glob("h[a-c]llo", "hbllo"));
    cr_assert(glob("h[c-a]llo", "hbllo"));
    cr_assert(glob("a\\*b", "a*b"));
    cr_assert_not(glob("a\\*b", "axb"));
    cr_assert_not(glob("h?llo", "hllo"));
    cr_assert(glob("*a*b*c", "xxaxxbxxc"));
    cr_assert_not(glob("a*b", "acbd"));
    cr_assert(slice_glob(SLICE_LIT("HeL*"), SLICE_LIT("hELLO"), true));
}

Test(slice, glob_stays_fast_on_hostile_patterns)
{
    char pattern[401], text[2001];
    for (int i = 0; i < 400; i += 2) memcpy(pattern + i, "a*", 2);
    pattern[400] = 'b';
    memset(text, 'a', sizeof(text));
    cr_assert_not(slice_glob(slice_of(pattern, 401), slice_of(text, 2001), false));
}

Test(num, integers_are_parsed_strictly)
{
    int64_t n = 42;
    cr_assert(num_parse_int(SLICE_LIT("-9223372036854775808"), &n) && n == INT64_MIN);
    cr_assert(num_parse_int(SLICE_LIT("9223372036854775807"), &n) && n == INT64_MAX);
    cr_assert_not(num_parse_int(SLICE_LIT("9223372036854775808"), &n));
    cr_assert_not(num_parse_int(SLICE_LIT("-9223372036854775809"), &n));
    cr_assert_not(num_parse_int(SLICE_LIT("+1"), &n));
    cr_assert_not(num_parse_int(SLICE_LIT(" 1"), &n));
    cr_assert_not(num_parse_int(SLICE_LIT("01"), &n));
    cr_assert_not(num_parse_int(SLICE_LIT("-0"), &n));
    cr_assert_not(num_parse_int(SLICE_LIT(""), &n));
    uint64_t u;
    cr_assert(num_parse_uint(SLICE_LIT("18446744073709551615"), &u) && u == UINT64_MAX);
    cr_assert_not(num_parse_uint(SLICE_LIT("18446744073709551616"), &u));
    cr_assert_not(num_parse_uint(SLICE_LIT("99999999999999999999"), &u));
    cr_assert_not(num_parse_uint(SLICE_LIT("1844674407370955161x"), &u));
    cr_assert_not(num_parse_uint(SLICE_LIT("184467440737095516150"), &u));
    cr_assert_eq(n, INT64_MAX);
}

Test(num, integers_around_powers_of_ten_have_the_right_length)
{
    int64_t power = 1;
    for (int digits = 1; digits <= 18; digits++, power *= 10) {
        for (int64_t n = power - 1; n <= power + 1; n++) {
            char want[NUM_INT_MAX_CHARS], got[NUM_INT_MAX_CHARS];
            int len = snprintf(want, sizeof(want), "%lld", (long long)-n);
            cr_assert(slice_equal(slice_of(got, num_format_int(got, -n)), slice_of(want, (size_t)len)), "%s", want);
            len = snprintf(want, sizeof(want), "%lld", (long long)n);
            cr_assert(slice_equal(slice_of(got, num_format_int(got, n)), slice_of(want, (size_t)len)), "%s", want);
        }
    }
}

Test(num, every_formatted_integer_is_parsed_back)
{
    struct rng r;
    rng_init(&r, 1);
    for (int i = 0; i < 10000; i++) {
        int64_t n = (int64_t)(rng_next(&r) >> rng_below(&r, 64)), back;
        if (rng_below(&r, 2)) n = -n;
        char digits[NUM_INT_MAX_CHARS];
        cr_assert(num_parse_int(slice_of(digits, num_format_int(digits, n)), &back));
        cr_assert_eq(back, n);
    }
}

static void expect_double(double d, const char *text)
{
    char digits[NUM_DOUBLE_MAX_CHARS];
    digits[num_format_double(digits, d)] = '\0';
    cr_assert_str_eq(digits, text);
}

Test(num, doubles_look_as_in_redis)
{
    expect_double(0.1, "0.10000000000000001");
    expect_double(3, "3");
    expect_double(-0.0, "-0");
    expect_double(1e300, "1.0000000000000001e+300");
    expect_double(INFINITY, "inf");
    expect_double(-INFINITY, "-inf");
    double d;
    cr_assert_not(num_parse_double(SLICE_LIT("nan"), &d));
    cr_assert(num_parse_double(SLICE_LIT("+inf"), &d) && isinf(d));
    cr_assert(num_parse_double(SLICE_LIT("1e3"), &d) && d == 1000);
    cr_assert_not(num_parse_double(SLICE_LIT("1e3x"), &d));
    cr_assert(num_parse_double(SLICE_LIT("-9007199254740992"), &d) && d == -0x1p53);
    cr_assert(num_parse_double(SLICE_LIT("9007199254740993"), &d) && d == 0x1p53, "rounded to even");
    cr_assert(num_parse_double(SLICE_LIT("9007199254740995"), &d) && d == 0x1p53 + 4);
    cr_assert(num_parse_double(SLICE_LIT("-0"), &d) && d == 0 && signbit(d));
    cr_assert_not(num_parse_double(SLICE_LIT(" 1"), &d));
    char digits[NUM_LONG_DOUBLE_MAX_CHARS];
    long double huge;
    cr_assert(num_parse_long_double(slice_of(digits, num_format_long_double(digits, 1e4000L)), &huge) &&
              huge == 1e4000L);
}

Test(buf, refuses_to_pass_its_limit_and_keeps_its_content)
{
    OWNED(buf_deinit) struct buf b = {.limit_bytes = 10};
    cr_assert_eq(buf_append(&b, SLICE_LIT("12345678")), OXQ_OK);
    cr_assert_eq(buf_append(&b, SLICE_LIT("90a")), OXQ_ERR_LIMIT);
    cr_assert(slice_equal(buf_borrow(&b), SLICE_LIT("12345678")));
    cr_assert_eq(buf_insert(&b, 2, SLICE_LIT("--")), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&b), SLICE_LIT("12--345678")));
    buf_consume(&b, 4);
    cr_assert(slice_equal(buf_borrow(&b), SLICE_LIT("345678")));
}

Test(buf, says_memory_when_the_allocator_fails)
{
    OWNED(buf_deinit) struct buf b = {.limit_bytes = 1 << 20};
    mem_fail_after(0);
    cr_assert_eq(buf_append(&b, SLICE_LIT("x")), OXQ_ERR_MEMORY);
    mem_fail_after(-1);
    cr_assert_eq(buf_append(&b, SLICE_LIT("x")), OXQ_OK);
}

Test(mem, a_lack_of_memory_in_the_middle_of_a_change_ends_the_process, .exit_code = 1)
{
    mem_must(OXQ_OK);
    mem_must(OXQ_ERR_MEMORY);
}

Test(mem, more_than_there_can_be_is_refused_where_outside_data_asks_for_it)
{
    cr_assert_null(mem_try_resize(NULL, SIZE_MAX / 2));
}

Test(mem, used_follows_what_is_allocated)
{
    size_t before = mem_used();
    void *p = mem_alloc(100000);
    cr_assert_geq(mem_used(), before + 100000);
    mem_free(p);
    cr_assert_lt(mem_used(), before + 1000);
}

extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len) __attribute__((weak));

/* Where no more can be made it would try for others without a pause. */
Test(mem, has_one_thread_of_the_allocator_and_no_more)
{
    size_t count = 0, len = sizeof(count);
    if (!mallctl) return;
    cr_assert_eq(mallctl("max_background_threads", (void *)&count, &len, NULL, 0), 0);
    cr_assert_eq(count, 1);
}

Test(arena, gives_aligned_memory_and_keeps_one_chunk)
{
    struct arena a = {0};
    for (size_t n = 1; n < 20000; n *= 3) {
        char *p = arena_alloc(&a, n);
        cr_assert_eq((uintptr_t)p % 16, 0);
        memset(p, 1, n);
    }
    arena_reset(&a);
    cr_assert(slice_equal(arena_copy(&a, SLICE_LIT("abc")), SLICE_LIT("abc")));
    arena_deinit(&a);
}

Test(siphash, is_siphash_1_3)
{
    /* Reference values of SipHash-1-3 with key 00..0f over 00, 00 01, ..., from the authors' vectors. */
    uint8_t secret[16], input[8];
    for (int i = 0; i < 16; i++) secret[i] = (uint8_t)i;
    for (int i = 0; i < 8; i++) input[i] = (uint8_t)i;
    siphash_seed(secret);
    cr_assert_eq(siphash_bytes(slice_of(input, 0)), 0xabac0158050fc4dcu);
    cr_assert_eq(siphash_bytes(slice_of(input, 1)), 0xc9f49bf37d57ca93u);
}

struct item {
    uint32_t index;
    int64_t key;
};

static void moved(void *item, uint32_t index)
{
    ((struct item *)item)->index = index;
}

Test(heap, gives_items_in_order_after_random_changes_and_removals)
{
    enum { ITEMS = 2000 };
    static struct item items[ITEMS];
    struct heap h = {.moved = moved};
    struct rng r;
    rng_init(&r, 5);
    for (int i = 0; i < ITEMS; i++) {
        items[i].key = (int64_t)rng_below(&r, 500);
        heap_push(&h, items[i].key, &items[i]);
    }
    for (int i = 0; i < ITEMS; i += 3) {
        items[i].key = (int64_t)rng_below(&r, 500);
        heap_change(&h, items[i].index, items[i].key);
    }
    for (int i = 1; i < ITEMS; i += 3) heap_remove(&h, items[i].index);
    int64_t last = INT64_MIN;
    while (h.count > 0) {
        cr_assert_geq(h.slots[0].key, last);
        last = h.slots[0].key;
        cr_assert_eq(((struct item *)h.slots[0].item)->key, last);
        heap_remove(&h, 0);
    }
    heap_deinit(&h);
}
