/* SPDX-License-Identifier: MIT */
/* Values of every type and size come back from their bytes as they were; other bytes are refused. */
#include "keyspace/value_codec.h"

#include "base/mem.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/stream.h"
#include "keyspace/stream_group.h"
#include "keyspace/string.h"
#include "keyspace/zset.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#define ENCODED_MAX_BYTES ((size_t)64 << 20)

/* Some bytes, mostly few of them; a number now and then. */
static struct slice random_text(struct rng *rng, char dst[400])
{
    size_t len = rng_below(rng, 20) == 0 ? rng_below(rng, 400) : rng_below(rng, 20);
    if (rng_below(rng, 3) == 0) return slice_of(dst, num_format_int(dst, (int64_t)rng_below(rng, 3000) - 1500));
    for (size_t i = 0; i < len; i++) dst[i] = (char)rng_below(rng, 256);
    return slice_of(dst, len);
}

static double random_score(struct rng *rng)
{
    static const double some[] = {0.0, -0.0, INFINITY, -INFINITY, 1.5, -7};
    if (rng_below(rng, 4) == 0) return some[rng_below(rng, 6)];
    return (double)rng_below(rng, 1000);
}

static void fill_stream_groups(struct rng *rng, struct value *v, struct stream_id last)
{
    char a[400];
    for (uint64_t n = rng_below(rng, 4); n > 0; n--) {
        struct slice name = random_text(rng, a);
        if (stream_group_find(v, name)) continue;
        struct stream_group *g = stream_group_create(v, name);
        g->last_id = last;
        g->entries_read = (int64_t)rng_below(rng, 100) - 1;
        for (uint64_t i = rng_below(rng, 5); i > 0; i--) {
            name = random_text(rng, a);
            if (!stream_consumer_find(g, name))
                stream_consumer_create(g, name)->seen_ms = (int64_t)rng_below(rng, 1 << 20);
        }
        for (uint64_t i = g->consumers.count ? rng_below(rng, 400) : 0; i > 0; i--) {
            struct stream_pending pending = {.id = {rng_below(rng, 50), rng_below(rng, 50)},
                                             .delivered_ms = (int64_t)rng_below(rng, 1 << 30) - 5,
                                             .delivery_count = (int64_t)rng_below(rng, 10)};
            pending.consumer = stream_consumer_at(g, (uint32_t)rng_below(rng, g->consumers.count));
            stream_pending_set(g, &pending);
        }
    }
}

static void fill_stream(struct rng *rng, struct value *v, uint64_t count)
{
    char a[400], b[400], c[400];
    struct stream_id id = {1, 0};
    const struct stream_limits limits = {(uint32_t)rng_below(rng, 200), 4096};
    for (; count > 0; count--) {
        if (rng_below(rng, 2) == 0) id.ms += rng_below(rng, 3);
        id.seq += 1 + rng_below(rng, 3);
        const struct slice items[4] = {random_text(rng, a), random_text(rng, b), SLICE_LIT("event"),
                                       random_text(rng, c)};
        stream_add(v, id, items, rng_below(rng, 2) ? 4 : 2, &limits);
        if (rng_below(rng, 9) == 0) stream_delete(v, id);
    }
    if (rng_below(rng, 3) == 0) stream_drop(v, rng_below(rng, stream_count(v) + 1));
    id.ms++;
    if (rng_below(rng, 3) == 0) stream_set_id(v, id, 7777777, (struct stream_id){3, UINT64_MAX});
    fill_stream_groups(rng, v, id);
}

static void fill_string(struct rng *rng, struct value *v)
{
    char a[400];
    struct slice text = random_text(rng, a);
    uint64_t way = rng_below(rng, 3);
    if (way == 0)
        string_set_text(v, text);
    else
        string_set(v, text);
    if (way == 2) cr_assert_eq(string_write(v, text.len, SLICE_LIT("7")), OXQ_OK);
}

static void random_value(struct rng *rng, enum value_type type, uint64_t count, struct value *v)
{
    char a[400], b[400];
    v->aux = 0;
    value_init(v, type);
    if (type == VALUE_STREAM) fill_stream(rng, v, count);
    if (type == VALUE_STRING) fill_string(rng, v);
    for (uint64_t i = 0; i < count + 1; i++) {
        struct slice text = random_text(rng, a);
        if (type == VALUE_SET && count % 2 == 0) text = slice_of(a, num_format_int(a, (int64_t)rng_below(rng, 9999)));
        if (type == VALUE_LIST) list_push(v, rng_below(rng, 2) ? LIST_HEAD : LIST_TAIL, text);
        if (type == VALUE_SET) set_add(v, text);
        if (type == VALUE_ZSET) zset_add(v, text, random_score(rng), 0, NULL);
        if (type == VALUE_HASH) hash_set(v, text, random_text(rng, b));
    }
}

static void check(const struct value *v)
{
    switch ((enum value_type)v->type) {
    case VALUE_STRING: string_check(v); break;
    case VALUE_LIST: list_check(v); break;
    case VALUE_SET: set_check(v); break;
    case VALUE_ZSET: zset_check(v); break;
    case VALUE_HASH: hash_check(v); break;
    case VALUE_STREAM: stream_check(v); break;
    }
}

/* Encodes and decodes; the copy must be equal and have the same bytes again. */
static void assert_returns(const struct value *v)
{
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = ENCODED_MAX_BYTES};
    OWNED(buf_deinit) struct buf again = {.limit_bytes = ENCODED_MAX_BYTES};
    cr_assert_eq(value_encode(v, &bytes), OXQ_OK);
    struct value copy = {.aux = 77};
    cr_assert_eq(value_decode((enum value_type)v->type, buf_borrow(&bytes), &copy), OXQ_OK);
    cr_assert_eq(copy.aux, 77);
    check(&copy);
    cr_assert_eq(value_digest(&copy), value_digest(v));
    cr_assert_eq(value_count(&copy), value_count(v));
    cr_assert_str_eq(value_encoding_name(&copy), value_encoding_name(v));
    cr_assert_eq(value_encode(&copy, &again), OXQ_OK);
    cr_assert_eq(again.len, bytes.len);
    value_deinit(&copy);
}

Test(value_codec, random_values_of_every_type_and_size_come_back)
{
    struct rng rng;
    rng_init(&rng, 11);
    for (int round = 0; round < 240; round++) {
        static const uint64_t sizes[] = {0, 1, 5, 60, 130, 600, 3000};
        struct value v;
        random_value(&rng, (enum value_type)(round % VALUE_TYPES_COUNT), sizes[round / 6 % 7], &v);
        assert_returns(&v);
        value_deinit(&v);
    }
}

Test(value_codec, what_was_once_large_is_remembered)
{
    static const enum value_type types[] = {VALUE_HASH, VALUE_SET, VALUE_ZSET};
    struct rng rng;
    rng_init(&rng, 5);
    for (size_t i = 0; i < 3; i++) {
        struct value v;
        random_value(&rng, types[i], 3, &v);
        value_make_table(&v);
        cr_assert_str_eq(value_encoding_name(&v), types[i] == VALUE_ZSET ? "skiplist" : "hashtable");
        assert_returns(&v);
        value_deinit(&v);
    }
}

Test(value_codec, a_negative_zero_of_a_large_sorted_set_keeps_its_sign)
{
    struct value v = {.aux = 0};
    value_init(&v, VALUE_ZSET);
    zset_add(&v, SLICE_LIT("one"), 1, 0, NULL);
    value_make_table(&v);
    zset_add(&v, SLICE_LIT("zero"), -0.0, 0, NULL);
    assert_returns(&v);
    value_deinit(&v);
}

Test(value_codec, blocks_of_a_stream_stay_apart)
{
    struct value v = {.aux = 0}, copy = {.aux = 0};
    value_init(&v, VALUE_STREAM);
    const struct slice items[2] = {SLICE_LIT("event"), SLICE_LIT("waiting")};
    for (uint64_t i = 1; i <= 50; i++)
        stream_add(&v, (struct stream_id){i, 0}, items, 2, &(struct stream_limits){7, 0});
    OWNED(buf_deinit) struct buf bytes = {.limit_bytes = ENCODED_MAX_BYTES};
    cr_assert_eq(value_encode(&v, &bytes), OXQ_OK);
    cr_assert_eq(value_decode(VALUE_STREAM, buf_borrow(&bytes), &copy), OXQ_OK);
    cr_assert_eq(stream_borrow(&copy)->blocks.count, 8);
    cr_assert_eq(stream_borrow(&copy)->blocks.count, stream_borrow(&v)->blocks.count);
    value_deinit(&v);
    value_deinit(&copy);
}

/* Bytes of exactly their size, so that a sanitizer sees a look beyond them. */
static oxq_err decode_exact(enum value_type type, const char *at, size_t len)
{
    char *exact = mem_alloc(len);
    if (len) memcpy(exact, at, len);
    struct value v = {.aux = 0};
    oxq_err e = value_decode(type, slice_of(exact, len), &v);
    if (!e) {
        check(&v);
        value_deinit(&v);
    }
    mem_free(exact);
    return e;
}

Test(value_codec, cut_bytes_are_refused_and_changed_ones_do_no_harm)
{
    struct rng rng;
    rng_init(&rng, 23);
    for (int round = 0; round < 60; round++) {
        enum value_type type = (enum value_type)(round % VALUE_TYPES_COUNT);
        struct value v;
        random_value(&rng, type, rng_below(&rng, 30), &v);
        OWNED(buf_deinit) struct buf bytes = {.limit_bytes = ENCODED_MAX_BYTES};
        cr_assert_eq(value_encode(&v, &bytes), OXQ_OK);
        for (size_t cut = type == VALUE_STRING ? 1 : bytes.len; cut-- > 0;)
            cr_assert_eq(decode_exact(type, bytes.at, cut), OXQ_ERR_FORMAT);
        for (int i = 0; i < 200; i++) {
            size_t at = rng_below(&rng, bytes.len);
            char old = bytes.at[at];
            bytes.at[at] = (char)rng_next(&rng);
            (void)decode_exact(type, bytes.at, bytes.len);
            bytes.at[at] = old;
        }
        value_deinit(&v);
    }
}

Test(value_codec, a_claimed_count_allocates_nothing)
{
    size_t before = mem_used();
    for (int type = VALUE_LIST; type < VALUE_TYPES_COUNT; type++)
        cr_assert_eq(decode_exact((enum value_type)type, "\0\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10), OXQ_ERR_FORMAT);
    cr_assert_eq(mem_used(), before);
}

Test(value_codec, elements_that_come_twice_are_refused)
{
    cr_assert_eq(decode_exact(VALUE_SET, "\0\2\1a\1a", 6), OXQ_ERR_FORMAT);
    cr_assert_eq(decode_exact(VALUE_HASH, "\0\2\1a\1x\1a\1y", 10), OXQ_ERR_FORMAT);
    cr_assert_eq(decode_exact(VALUE_ZSET, "\0\2\0\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\0\1a", 22), OXQ_ERR_FORMAT);
    cr_assert_eq(decode_exact(VALUE_LIST, "\0\2\1a\1a", 6), OXQ_OK);
}
