/* SPDX-License-Identifier: MIT */
#include "keyspace/string.h"

#include "base/mem.h"
#include "base/rng.h"

#include <criterion/criterion.h>

#define MODEL_MAX 6000

static struct value new_string(void)
{
    struct value v = {.type = VALUE_STRING};
    string_init(&v);
    return v;
}

static void assert_text(const struct value *v, struct slice want)
{
    char digits[NUM_INT_MAX_CHARS];
    string_check(v);
    cr_assert(slice_equal(string_borrow(v, digits), want));
    cr_assert_eq(string_len(v), want.len);
}

static void assert_set(struct value *v, const char *text, const char *encoding)
{
    string_set(v, slice_from_text(text));
    assert_text(v, slice_from_text(text));
    cr_assert_str_eq(string_encoding_name(v), encoding, "of '%s'", text);
}

Test(string, names_the_encoding_that_redis_would_choose)
{
    struct value v = new_string();
    cr_assert_str_eq(string_encoding_name(&v), "embstr");
    assert_set(&v, "", "embstr");
    assert_set(&v, "0", "int");
    assert_set(&v, "-9223372036854775808", "int");
    assert_set(&v, "9223372036854775807", "int");
    assert_set(&v, "9223372036854775808", "embstr");
    assert_set(&v, "-0", "embstr");
    assert_set(&v, "01", "embstr");
    assert_set(&v, " 1", "embstr");
    assert_set(&v, "12345678", "int");
    assert_set(&v, "a2345678", "embstr");
    assert_set(&v, "a23456789", "embstr");
    assert_set(&v, "12345678901234567890123456789012345678901234", "embstr");
    assert_set(&v, "123456789012345678901234567890123456789012345", "raw");

    string_set(&v, SLICE_LIT("1"));
    cr_assert_eq(string_write(&v, 1, SLICE_LIT("2")), OXQ_OK);
    assert_text(&v, SLICE_LIT("12"));
    cr_assert_str_eq(string_encoding_name(&v), "raw");
    assert_set(&v, "short again", "embstr");

    string_set_text(&v, SLICE_LIT("12"));
    assert_text(&v, SLICE_LIT("12"));
    cr_assert_str_eq(string_encoding_name(&v), "embstr");
    string_deinit(&v);
}

Test(string, reads_integers_from_either_form)
{
    struct value v = new_string();
    int64_t n = 7;
    cr_assert_not(string_integer(&v, &n));
    string_set_text(&v, SLICE_LIT("12"));
    cr_assert(string_integer(&v, &n) && n == 12);
    string_set_integer(&v, -5);
    cr_assert(string_integer(&v, &n) && n == -5);
    assert_text(&v, SLICE_LIT("-5"));
    string_set(&v, SLICE_LIT("a text of more than eight bytes"));
    cr_assert_not(string_integer(&v, &n));
    string_deinit(&v);
}

Test(string, needs_no_allocation_for_integers_and_eight_bytes)
{
    struct value v = new_string();
    size_t used = mem_used();
    assert_set(&v, "12345678901234567", "int");
    assert_set(&v, "8 bytes.", "embstr");
    cr_assert_eq(mem_used(), used);
    cr_assert_eq(string_bytes(&v, 0), 0);
}

/* One random change on the value and on the naive copy. */
static void change(struct rng *r, struct value *v, char *model, size_t *len)
{
    static char bytes[MODEL_MAX];
    size_t bytes_len = (size_t)rng_below(r, rng_below(r, 3) ? 12 : 900);
    memset(bytes, (int)('0' + rng_below(r, 12)), bytes_len);
    uint64_t what = rng_below(r, 8);
    if (what == 0 || *len + bytes_len + 1000 > MODEL_MAX) {
        memcpy(model, bytes, bytes_len);
        *len = bytes_len;
        string_set(v, slice_of(bytes, bytes_len));
        return;
    }
    size_t offset = what < 5 ? *len : (size_t)rng_below(r, *len + 100);
    if (offset > *len) memset(model + *len, 0, offset - *len);
    memcpy(model + offset, bytes, bytes_len);
    if (offset + bytes_len > *len || offset > *len) *len = offset + bytes_len;
    cr_assert_eq(string_write(v, offset, slice_of(bytes, bytes_len)), OXQ_OK);
}

Test(string, behaves_as_an_array_of_bytes_under_random_changes)
{
    static char model[2 * MODEL_MAX];
    size_t len = 0;
    struct rng r;
    rng_init(&r, 5);
    struct value v = new_string();
    for (int step = 0; step < 20000; step++) {
        change(&r, &v, model, &len);
        assert_text(&v, slice_of(model, len));
        if (step % 50) continue;
        struct value copy = {0};
        string_copy(&v, &copy);
        assert_text(&copy, slice_of(model, len));
        cr_assert_eq(string_digest(&copy), string_digest(&v));
        cr_assert_str_eq(string_encoding_name(&copy), string_encoding_name(&v));
        string_deinit(&copy);
    }
    string_deinit(&v);
}

Test(string, appending_byte_by_byte_reallocates_a_few_times_only)
{
    struct value v = new_string();
    void *block = NULL;
    int moves = 0;
    for (size_t i = 0; i < 100000; i++) {
        cr_assert_eq(string_write(&v, i, SLICE_LIT("x")), OXQ_OK);
        moves += v.ptr != block;
        block = v.ptr;
    }
    cr_assert_eq(string_len(&v), 100000);
    cr_assert_lt(moves, 25);
    string_deinit(&v);
}

Test(string, refuses_to_grow_past_its_limit_or_the_memory_and_stays_as_it_was)
{
    struct value v = new_string();
    string_set(&v, SLICE_LIT("42"));
    cr_assert_eq(string_write(&v, STRING_MAX_BYTES, SLICE_LIT("x")), OXQ_ERR_LIMIT);
    cr_assert_eq(string_write(&v, SIZE_MAX, SLICE_LIT("x")), OXQ_ERR_LIMIT);
    mem_fail_after(0);
    cr_assert_eq(string_write(&v, 1000, SLICE_LIT("x")), OXQ_ERR_MEMORY);
    mem_fail_after(-1);
    assert_text(&v, SLICE_LIT("42"));
    cr_assert_str_eq(string_encoding_name(&v), "int");
    string_deinit(&v);
}

Test(string, gives_a_block_back_when_a_much_shorter_text_replaces_it)
{
    static char large[100000];
    struct value v = new_string();
    string_set(&v, slice_of(large, sizeof(large)));
    void *block = v.ptr;
    string_set(&v, slice_of(large, sizeof(large) - 10));
    cr_assert_eq(v.ptr, block);
    string_set(&v, slice_of(large, 20));
    cr_assert_lt(string_bytes(&v, 0), 200);
    string_deinit(&v);
}
