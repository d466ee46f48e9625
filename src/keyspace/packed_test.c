/* SPDX-License-Identifier: MIT */
#include "keyspace/packed.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "keyspace/word.h"

#include <criterion/criterion.h>

#define MODEL_MAX 64

/* A naive list of strings beside the packed one. */
struct model {
    char bytes[MODEL_MAX][20000];
    size_t len[MODEL_MAX];
    uint32_t count;
};

static void model_insert(struct model *m, uint32_t index, struct slice bytes)
{
    for (uint32_t i = m->count; i > index; i--) {
        memcpy(m->bytes[i], m->bytes[i - 1], m->len[i - 1]);
        m->len[i] = m->len[i - 1];
    }
    memcpy(m->bytes[index], bytes.at, bytes.len);
    m->len[index] = bytes.len;
    m->count++;
}

static void model_remove(struct model *m, uint32_t index)
{
    for (uint32_t i = index; i + 1 < m->count; i++) {
        memcpy(m->bytes[i], m->bytes[i + 1], m->len[i + 1]);
        m->len[i] = m->len[i + 1];
    }
    m->count--;
}

static void compare(const struct model *m, const struct packed *p)
{
    cr_assert_eq(p->count, m->count);
    uint32_t at = packed_first(p);
    for (uint32_t i = 0; i < m->count; i++, at = packed_next(p, at)) {
        cr_assert(slice_equal(packed_get(p, at), slice_of(m->bytes[i], m->len[i])));
        cr_assert_eq(packed_at(p, i), at);
    }
    cr_assert_eq(at, PACKED_NONE);
    at = packed_first(p);
    for (uint32_t i = 0; i < m->count; i++)
        cr_assert(slice_equal(packed_step(p, &at), slice_of(m->bytes[i], m->len[i])));
    cr_assert_eq(at, PACKED_NONE);
    at = packed_last(p);
    for (uint32_t i = m->count; i > 0; i--, at = packed_prev(p, at))
        cr_assert(slice_equal(packed_get(p, at), slice_of(m->bytes[i - 1], m->len[i - 1])));
    cr_assert_eq(at, PACKED_NONE);
}

static struct slice random_bytes(struct rng *r, char *at)
{
    static const size_t limits[] = {5, 130, 300, 18000};
    static const struct slice words[] = {SLICE_INIT("name"), SLICE_INIT("0"), SLICE_INIT("priority")};
    uint64_t kind = rng_below(r, 5);
    if (kind == 4) return words[rng_below(r, 3)];
    size_t len = (size_t)rng_below(r, limits[kind]);
    memset(at, (int)('a' + rng_below(r, 26)), len);
    return slice_of(at, len);
}

Test(packed, behaves_as_a_list_of_strings_under_random_changes)
{
    static struct model m;
    static char scratch[20000];
    struct rng r;
    rng_init(&r, 11);
    struct packed *p = packed_new(0);
    for (int step = 0; step < 6000; step++) {
        uint64_t what = rng_below(&r, 6);
        if (m.count == MODEL_MAX - 1 || (what == 3 && m.count > 0)) {
            uint32_t index = (uint32_t)rng_below(&r, m.count);
            uint32_t count = 1 + (uint32_t)rng_below(&r, m.count - index < 4 ? m.count - index : 4);
            uint32_t next = packed_remove(&p, packed_at(p, index), count);
            for (uint32_t i = 0; i < count; i++) model_remove(&m, index);
            cr_assert_eq(next, index < m.count ? packed_at(p, index) : PACKED_NONE);
        } else if (what == 0) {
            struct slice bytes = random_bytes(&r, scratch);
            packed_push_head(&p, bytes);
            model_insert(&m, 0, bytes);
        } else if (what == 1) {
            struct slice bytes = random_bytes(&r, scratch);
            if (step % 2)
                packed_push_tail(&p, bytes);
            else
                packed_push_all(&p, &bytes, 1);
            model_insert(&m, m.count, bytes);
        } else if (what == 2 && m.count > 0) {
            uint32_t index = (uint32_t)rng_below(&r, m.count);
            struct slice bytes = random_bytes(&r, scratch);
            uint32_t at = packed_insert(&p, packed_at(p, index), bytes);
            model_insert(&m, index, bytes);
            cr_assert_eq(packed_at(p, index), at);
        } else if (m.count > 0) {
            uint32_t index = (uint32_t)rng_below(&r, m.count);
            struct slice bytes = random_bytes(&r, scratch);
            uint32_t at = packed_replace(&p, packed_at(p, index), bytes);
            model_remove(&m, index);
            model_insert(&m, index, bytes);
            cr_assert_eq(packed_at(p, index), at);
        }
        if (step % 8 == 0) compare(&m, p);
    }
    struct packed *copy = packed_copy(p);
    compare(&m, copy);
    packed_trim(&p);
    compare(&m, p);
    mem_free(copy);
    mem_free(p);
}

/* What an element takes in a block of its own. */
static size_t bytes_of(struct slice bytes)
{
    struct packed *p = packed_new(0);
    packed_push_tail(&p, bytes);
    size_t used = packed_bytes(p);
    cr_assert(slice_equal(packed_get(p, packed_first(p)), bytes));
    cr_assert_eq(packed_last(p), packed_first(p));
    mem_free(p);
    return used;
}

Test(packed, a_word_is_one_byte_and_other_texts_know_their_size)
{
    static char text[1 << 21];
    for (unsigned i = 0; i < WORDS_COUNT; i++) {
        if (word_table[i].len == 0) continue;
        cr_assert_eq(word_find(word_text(i)), (int)i);
        cr_assert_eq(bytes_of(word_text(i)), 1);
    }
    cr_assert_eq(bytes_of(SLICE_LIT("data")), 1);
    cr_assert_eq(bytes_of(SLICE_LIT("date")), 6);
    cr_assert_eq(bytes_of(SLICE_LIT("")), 2);
    static const size_t lengths[] = {1,    62,   63,   64,   65,   125,     126,     127,     128,     129,
                                     8189, 8190, 8191, 8192, 8193, 1048573, 1048574, 1048575, 1048576, 1048577};
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct slice bytes = slice_of(text, lengths[i]);
        cr_assert_eq(bytes_of(bytes), packed_element_bytes(bytes), "%zu", lengths[i]);
        cr_assert_geq(bytes_of(bytes), lengths[i] + 2);
        cr_assert_leq(bytes_of(bytes), lengths[i] + 8);
    }
}

Test(packed, find_looks_at_every_stride_th_element_only)
{
    struct packed *p = packed_new(0);
    static const struct slice words[] = {SLICE_INIT("name"), SLICE_INIT("age"), SLICE_INIT("age"), SLICE_INIT("7")};
    packed_push_all(&p, words, 4);
    cr_assert_eq(p->count, 4);
    uint32_t at = packed_find(p, SLICE_LIT("age"), 2);
    cr_assert(slice_equal(packed_get(p, packed_next(p, at)), SLICE_LIT("7")));
    cr_assert_eq(packed_find(p, SLICE_LIT("7"), 2), PACKED_NONE);
    mem_free(p);
}

Test(packed, find_next_and_find_prev_count_what_they_pass)
{
    static char scratch[20000];
    struct rng r;
    rng_init(&r, 12);
    struct packed *p = packed_new(0);
    for (int i = 0; i < 300; i++) packed_push_tail(&p, random_bytes(&r, scratch));
    for (int i = 0; i < 3000; i++) {
        struct slice wanted = random_bytes(&r, scratch);
        uint32_t from = packed_at(p, (uint32_t)rng_below(&r, p->count));
        size_t passed = 0, expected = 0;
        uint32_t at = from;
        for (; at != PACKED_NONE && !slice_equal(packed_get(p, at), wanted); expected++) at = packed_next(p, at);
        cr_assert_eq(packed_find_next(p, from, wanted, &passed), at);
        cr_assert_eq(passed, expected);
        passed = expected = 0;
        for (at = from; at != PACKED_NONE && !slice_equal(packed_get(p, at), wanted); expected++)
            at = packed_prev(p, at);
        cr_assert_eq(packed_find_prev(p, from, wanted, &passed), at);
        cr_assert_eq(passed, expected);
    }
    mem_free(p);
}
