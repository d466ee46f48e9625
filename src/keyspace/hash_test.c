/* SPDX-License-Identifier: MIT */
#include "keyspace/hash.h"

#include "base/mem.h"
#include "keyspace/hash_big.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define FIELDS_MAX 700
#define VALUE_MAX 3000

/* The naive hash: field i is there when value_len[i] >= 0; its value is that many times the byte fill[i]. */
struct model {
    int value_len[FIELDS_MAX];
    char fill[FIELDS_MAX];
    size_t count;
};

static struct slice field_of(int i, char text[32])
{
    return slice_of(text, (size_t)snprintf(text, 32, i % 3 ? "%d" : "field-number-%d", i));
}

static struct slice value_of(int len, char fill)
{
    static char bytes[2][VALUE_MAX];
    static int turn;
    char *at = bytes[turn++ % 2];
    memset(at, fill, (size_t)len);
    return slice_of(at, (size_t)len);
}

static void model_init(struct model *m)
{
    for (int i = 0; i < FIELDS_MAX; i++) m->value_len[i] = -1;
    m->count = 0;
}

static void model_set(struct model *m, int i, int len, char fill)
{
    m->count += m->value_len[i] < 0;
    m->value_len[i] = len;
    m->fill[i] = fill;
}

static struct value new_hash(void)
{
    struct value v = {.type = VALUE_HASH};
    hash_init(&v);
    return v;
}

static void compare_many(const struct model *m, const struct value *v)
{
    static char texts[FIELDS_MAX][32];
    static struct slice fields[FIELDS_MAX], found[FIELDS_MAX];
    for (int i = 0; i < FIELDS_MAX; i++) fields[i] = field_of(i, texts[i]);
    for (int i = 0; i < FIELDS_MAX; i += HASH_GET_MAX) {
        int left = FIELDS_MAX - i;
        hash_get_many(v, fields + i, left < HASH_GET_MAX ? (size_t)left : HASH_GET_MAX, found + i);
    }
    for (int i = 0; i < FIELDS_MAX; i++) {
        cr_assert_eq(found[i].at != NULL, m->value_len[i] >= 0, "field %d", i);
        if (found[i].at) cr_assert(slice_equal(found[i], value_of(m->value_len[i], m->fill[i])), "field %d", i);
    }
}

static void compare(const struct model *m, const struct value *v)
{
    hash_check(v);
    cr_assert_eq(hash_count(v), m->count);
    compare_many(m, v);
    for (int i = 0; i < FIELDS_MAX; i++) {
        char text[32];
        struct slice found;
        bool is_there = hash_get(v, field_of(i, text), &found);
        cr_assert_eq(is_there, m->value_len[i] >= 0);
        if (is_there) cr_assert(slice_equal(found, value_of(m->value_len[i], m->fill[i])));
    }
}

static int random_len(struct rng *r, int longest)
{
    return (int)rng_below(r, rng_below(r, 4) ? 8 : (uint64_t)longest);
}

static void set_several(struct rng *r, struct model *m, struct value *v, int fields, int longest)
{
    char names[10][32], values[10][VALUE_MAX];
    struct slice items[20];
    size_t count = 1 + rng_below(r, 10), before = m->count;
    for (size_t k = 0; k < count; k++) {
        int i = (int)rng_below(r, (uint64_t)fields), len = random_len(r, longest);
        char fill = (char)('a' + rng_below(r, 26));
        model_set(m, i, len, fill);
        memset(values[k], fill, (size_t)len);
        items[2 * k] = field_of(i, names[k]);
        items[2 * k + 1] = slice_of(values[k], (size_t)len);
    }
    cr_assert_eq(hash_set_many(v, items, 2 * count), m->count - before);
}

static void change(struct rng *r, struct model *m, struct value *v, int fields, int longest)
{
    char text[32];
    int i = (int)rng_below(r, (uint64_t)fields), len = random_len(r, longest);
    char fill = (char)('a' + rng_below(r, 26));
    uint64_t what = rng_below(r, 10);
    if (what == 0 || m->count == 0) {
        set_several(r, m, v, fields, longest);
    } else if (what < 6) {
        bool is_new = m->value_len[i] < 0;
        model_set(m, i, len, fill);
        cr_assert_eq(hash_set(v, field_of(i, text), value_of(len, fill)), is_new);
    } else {
        bool is_there = m->value_len[i] >= 0;
        m->count -= is_there;
        m->value_len[i] = -1;
        cr_assert_eq(hash_delete(v, field_of(i, text)), is_there);
    }
}

static struct value run_random(uint64_t seed, int fields, int longest)
{
    static struct model m;
    struct rng r;
    rng_init(&r, seed);
    model_init(&m);
    struct value v = new_hash();
    for (int step = 0; step < 6000; step++) {
        change(&r, &m, &v, fields, longest);
        if (step % 16 == 0) compare(&m, &v);
    }
    compare(&m, &v);

    struct value copy = {0};
    hash_copy(&v, &copy);
    compare(&m, &copy);
    cr_assert_eq(hash_digest(&copy), hash_digest(&v));
    hash_deinit(&copy);
    return v;
}

Test(hash, behaves_as_a_dictionary_while_small)
{
    struct value v = run_random(1, 60, 60);
    cr_assert_eq(v.encoding, HASH_PACKED);
    cr_assert_str_eq(hash_encoding_name(&v), "listpack");
    hash_deinit(&v);
}

Test(hash, behaves_as_a_dictionary_with_a_few_large_values)
{
    struct value v = run_random(2, 12, VALUE_MAX);
    cr_assert_str_eq(hash_encoding_name(&v), "hashtable");
    hash_deinit(&v);
}

Test(hash, behaves_as_a_dictionary_when_large)
{
    struct value v = run_random(3, FIELDS_MAX, VALUE_MAX);
    cr_assert_eq(v.encoding, HASH_BIG);
    hash_deinit(&v);
}

/* The fields in the order of iteration, as one text. */
static const char *order_of(const struct value *v)
{
    static char text[200];
    size_t len = 0;
    struct slice field, value;
    struct hash_iter it;
    hash_iter_begin(&it, v);
    while (hash_iter_next(&it, &field, &value))
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s=%.*s ", (int)field.len, field.at, (int)value.len,
                                value.at);
    hash_iter_end(&it);
    return text;
}

Test(hash, small_ones_keep_the_order_of_insertion)
{
    struct value v = new_hash();
    hash_set(&v, SLICE_LIT("z"), SLICE_LIT("1"));
    hash_set(&v, SLICE_LIT("a"), SLICE_LIT("2"));
    hash_set(&v, SLICE_LIT("m"), SLICE_LIT("3"));
    hash_set(&v, SLICE_LIT("z"), SLICE_LIT("a longer value"));
    hash_delete(&v, SLICE_LIT("a"));
    hash_set(&v, SLICE_LIT("a"), SLICE_LIT(""));
    cr_assert_str_eq(order_of(&v), "z=a longer value m=3 a= ");
    hash_deinit(&v);
}

Test(hash, built_at_once_takes_the_last_of_a_repeated_field_at_the_place_of_the_first)
{
    static const struct slice items[] = {SLICE_INIT("name"),  SLICE_INIT("one"),  SLICE_INIT(""),
                                         SLICE_INIT("empty"), SLICE_INIT("name"), SLICE_INIT("2"),
                                         SLICE_INIT("data"),  SLICE_INIT("{}"),   SLICE_INIT(""),
                                         SLICE_INIT("e"),     SLICE_INIT("name"), SLICE_INIT("three")};
    struct value v = new_hash();
    cr_assert_eq(hash_set_many(&v, items, 12), 3);
    hash_check(&v);
    cr_assert_str_eq(order_of(&v), "name=three =e data={} ");
    hash_deinit(&v);
}

/* A job of 12 fields, its data of `data_bytes`. */
static void make_job(struct slice items[24], size_t data_bytes)
{
    static char names[12][8];
    static char data[40000];
    for (int i = 0; i < 12; i++) {
        items[2 * i] = slice_of(names[i], (size_t)snprintf(names[i], 8, "field%d", i));
        items[2 * i + 1] = SLICE_LIT("1700000000000");
    }
    items[3] = slice_of(data, data_bytes);
}

Test(hash, a_job_is_one_allocation_of_its_size)
{
    struct slice items[24];
    size_t content = 0;
    make_job(items, 4000);
    for (int i = 0; i < 24; i++) content += items[i].len;

    struct value v = new_hash();
    cr_assert_eq(hash_set_many(&v, items, 24), 12);
    cr_assert_eq(v.encoding, HASH_PACKED);
    cr_assert_leq(hash_bytes(&v, 0), (content + 24 * 3 + 16) * 5 / 4);
    hash_deinit(&v);
}

Test(hash, leaves_the_packed_form_when_its_bytes_pass_the_limit)
{
    struct slice items[24];
    make_job(items, HASH_PACKED_MAX_BYTES + 1);
    struct value v = new_hash();
    cr_assert_eq(hash_set_many(&v, items, 24), 12);
    cr_assert_eq(v.encoding, HASH_BIG);
    hash_check(&v);
    hash_deinit(&v);

    make_job(items, HASH_PACKED_MAX_BYTES / 2);
    hash_set_many(&v, items, 24);
    cr_assert_eq(v.encoding, HASH_PACKED);
    hash_set(&v, SLICE_LIT("returnvalue"), items[3]);
    cr_assert_eq(v.encoding, HASH_BIG);
    hash_check(&v);
    hash_deinit(&v);
}

Test(hash, encoding_name_follows_redis_and_is_sticky)
{
    struct value v = new_hash();
    char text[32];
    for (int i = 0; i < 512; i++) hash_set(&v, field_of(i, text), SLICE_LIT("v"));
    cr_assert_str_eq(hash_encoding_name(&v), "listpack");
    hash_set(&v, SLICE_LIT("one more"), SLICE_LIT("v"));
    cr_assert_str_eq(hash_encoding_name(&v), "hashtable");
    hash_delete(&v, SLICE_LIT("one more"));
    cr_assert_str_eq(hash_encoding_name(&v), "hashtable");
    hash_deinit(&v);

    hash_set(&v, SLICE_LIT("f"), slice_of("1234567890123456789012345678901234567890123456789012345678901234", 64));
    cr_assert_str_eq(hash_encoding_name(&v), "listpack");
    hash_set(&v, SLICE_LIT("f"), slice_of("12345678901234567890123456789012345678901234567890123456789012345", 65));
    cr_assert_str_eq(hash_encoding_name(&v), "hashtable");
    hash_check(&v);
    hash_deinit(&v);
}

static void fill(struct value *v, int count)
{
    char text[32];
    for (int i = 0; i < count; i++) hash_set(v, field_of(i, text), value_of(i % 10, 'v'));
}

struct seen {
    int times[FIELDS_MAX];
    int picks;
    int limit;
};

static void see(struct seen *s, struct slice field)
{
    for (int i = 0; i < FIELDS_MAX; i++) {
        char text[32];
        if (slice_equal(field, field_of(i, text))) s->times[i]++;
    }
    s->picks++;
}

static bool note_pick(void *ctx, struct slice field, struct slice value)
{
    struct seen *s = ctx;
    (void)value;
    see(s, field);
    return s->picks != s->limit;
}

static void assert_picks(int fields, uint64_t count, bool is_distinct)
{
    struct rng r;
    rng_init(&r, (uint64_t)fields + count);
    struct value v = new_hash();
    fill(&v, fields);
    struct seen s = {.limit = -1};
    if (is_distinct)
        hash_pick_distinct(&v, &r, count, note_pick, &s);
    else
        hash_pick(&v, &r, count, note_pick, &s);
    uint64_t want = is_distinct && count > (uint64_t)fields ? (uint64_t)fields : count;
    cr_assert_eq((uint64_t)s.picks, want);
    int most = 0, sum = 0;
    for (int i = 0; i < fields; i++) {
        sum += s.times[i];
        most = s.times[i] > most ? s.times[i] : most;
    }
    cr_assert_eq((uint64_t)sum, want, "only fields of the hash are picked");
    if (is_distinct) cr_assert_leq(most, 1);

    struct seen stopped = {.limit = 1};
    hash_pick(&v, &r, 100, note_pick, &stopped);
    cr_assert_eq(stopped.picks, 1, "it stops when it is told to");
    hash_deinit(&v);
}

Test(hash, picks_as_many_random_fields_as_asked)
{
    static const int sizes[] = {1, 2, 50, 128, 500};
    static const uint64_t counts[] = {1, 2, 3, 40, 128, 1000};
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 6; k++) {
            assert_picks(sizes[i], counts[k], false);
            assert_picks(sizes[i], counts[k], true);
        }
    }
}

Test(hash, every_field_has_about_the_same_chance)
{
    static const int sizes[] = {20, 300};
    for (int k = 0; k < 2; k++) {
        struct rng r;
        rng_init(&r, 9);
        struct value v = new_hash();
        struct seen s = {.limit = -1};
        fill(&v, sizes[k]);
        for (int round = 0; round < 500 * sizes[k] / 5; round++) hash_pick_distinct(&v, &r, 5, note_pick, &s);
        for (int i = 0; i < sizes[k]; i++) {
            cr_assert_gt(s.times[i], 100);
            cr_assert_lt(s.times[i], 2000);
        }
        hash_deinit(&v);
    }
}

static void note_scan(void *ctx, struct slice field, struct slice value)
{
    (void)value;
    see(ctx, field);
}

Test(hash, scan_sees_every_field_that_stays_while_others_come_and_go)
{
    struct value v = new_hash();
    fill(&v, 300);
    struct seen s = {.limit = -1};
    uint64_t cursor = 0;
    int steps = 0;
    do {
        cursor = hash_scan(&v, cursor, note_scan, &s);
        char text[32];
        hash_set(&v, field_of(300 + steps % 400, text), SLICE_LIT("new"));
        hash_delete(&v, field_of(steps % 100, text));
        steps++;
    } while (cursor != 0);
    cr_assert_gt(steps, 50);
    for (int i = 100; i < 300; i++) cr_assert_geq(s.times[i], 1);
    hash_deinit(&v);
}

Test(hash, a_value_of_a_large_hash_grows_and_shrinks_in_its_place)
{
    struct value v = new_hash();
    fill(&v, 500);
    for (int len = 0; len < VALUE_MAX; len += 97) {
        cr_assert_not(hash_set(&v, SLICE_LIT("field-number-3"), value_of(len, 'x')));
        cr_assert_not(hash_set(&v, SLICE_LIT("4"), value_of(VALUE_MAX - len, 'y')));
        hash_check(&v);
    }
    cr_assert_eq(hash_count(&v), 500);
    size_t exact = hash_bytes(&v, 0), guess = hash_bytes(&v, 100);
    cr_assert(guess > exact / 3 && guess < exact * 3);
    hash_deinit(&v);
}
