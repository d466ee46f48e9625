/* SPDX-License-Identifier: MIT */
/* Sorted sets beside a sorted array that is searched and moved naively. */
#include "keyspace/zset.h"

#include "base/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MODEL_MAX 6000
#define NAME_MAX_BYTES 320

struct model_element {
    char name[NAME_MAX_BYTES];
    size_t len;
    double score;
};

struct model {
    struct model_element *elements;
    size_t count;
};

/* How a random sequence looks. */
struct habits {
    uint64_t names;    /* different members */
    uint64_t scores;   /* different scores; few of them make many ties */
    size_t name_bytes; /* longest member */
    unsigned adds;     /* of 10 changes */
    unsigned steps;
};

static struct slice name_of(const struct model_element *e)
{
    return slice_of(e->name, e->len);
}

/* Every member has a length of its own choice, with zero bytes and high bytes in it. */
static struct model_element random_element(struct rng *r, const struct habits *h)
{
    static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, 1e300, -5e-324, 0.1};
    struct model_element e = {0};
    uint64_t id = rng_below(r, h->names);
    e.len = (size_t)snprintf(e.name, sizeof e.name, "%llu", (unsigned long long)(id * 2654435761u % h->names));
    if (id % 3 == 0) e.name[0] = (char)(e.name[0] + 150);
    if (id % 5 == 0) e.name[e.len++] = '\0';
    if (id % 7 == 0 && h->name_bytes > e.len) {
        size_t longer = id * 37 % (h->name_bytes - e.len);
        memset(e.name + e.len, 'x', longer);
        e.len += longer;
    }
    uint64_t s = rng_below(r, h->scores);
    e.score = s < 7 ? odd[s] : (double)s * (s % 2 ? 1 : -0.5);
    return e;
}

static int order(const struct model_element *a, const struct model_element *b)
{
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return slice_compare(name_of(a), name_of(b));
}

static size_t model_find(const struct model *m, struct slice name)
{
    size_t i = 0;
    while (i < m->count && !slice_equal(name_of(m->elements + i), name)) i++;
    return i;
}

static void model_take(struct model *m, size_t at, size_t count)
{
    memmove(m->elements + at, m->elements + at + count, (m->count - at - count) * sizeof *m->elements);
    m->count -= count;
}

static void model_put(struct model *m, const struct model_element *e)
{
    size_t at = 0;
    while (at < m->count && order(m->elements + at, e) < 0) at++;
    memmove(m->elements + at + 1, m->elements + at, (m->count - at) * sizeof *m->elements);
    m->elements[at] = *e;
    m->count++;
}

static struct zset_bound random_bound(struct rng *r, const struct habits *h)
{
    static char name[NAME_MAX_BYTES];
    static const enum zset_bound_kind kinds[] = {ZSET_BOUND_START, ZSET_BOUND_SCORE, ZSET_BOUND_SCORE, ZSET_BOUND_PAIR,
                                                 ZSET_BOUND_END};
    struct model_element e = random_element(r, h);
    memcpy(name, e.name, e.len);
    return (struct zset_bound){kinds[rng_below(r, 5)], rng_below(r, 2), e.score, slice_of(name, e.len)};
}

static size_t model_bound_rank(const struct model *m, const struct zset_bound *b)
{
    size_t rank = 0;
    for (; rank < m->count; rank++) {
        const struct model_element *e = m->elements + rank;
        bool is_before = b->kind == ZSET_BOUND_END;
        if (b->kind == ZSET_BOUND_SCORE) is_before = b->is_after ? e->score <= b->score : e->score < b->score;
        if (b->kind == ZSET_BOUND_PAIR) {
            int by_name = slice_compare(name_of(e), b->member);
            is_before = e->score < b->score || (e->score == b->score && (b->is_after ? by_name <= 0 : by_name < 0));
        }
        if (b->kind == ZSET_BOUND_MEMBER) {
            int by_name = slice_compare(name_of(e), b->member);
            is_before = b->is_after ? by_name <= 0 : by_name < 0;
        }
        if (!is_before) break;
    }
    return rank;
}

static void expect_same(const struct zset_element *e, const struct model_element *wanted)
{
    cr_assert(slice_equal(e->member, name_of(wanted)));
    cr_assert_eq(memcmp(&e->score, &wanted->score, sizeof e->score), 0);
}

/* All elements, from both ends. */
static void compare_all(const struct model *m, const struct value *v)
{
    struct zset_element e;
    cr_assert_eq(zset_count(v), m->count);
    struct zset_cursor c = zset_seek_rank(v, 0);
    for (size_t i = 0; i < m->count; i++) {
        cr_assert(zset_next(&c, &e));
        expect_same(&e, m->elements + i);
    }
    cr_assert_not(zset_next(&c, &e));
    for (size_t i = m->count; i > 0; i--) {
        cr_assert(zset_prev(&c, &e));
        expect_same(&e, m->elements + i - 1);
    }
    cr_assert_not(zset_prev(&c, &e));
}

static void compare_some(struct rng *r, const struct model *m, const struct value *v, const struct habits *h)
{
    struct model_element asked = random_element(r, h);
    size_t at = model_find(m, name_of(&asked)), rank = 0;
    double score = 0, same_score = 0;
    cr_assert_eq(zset_rank(v, name_of(&asked), &rank, &score), at < m->count);
    cr_assert_eq(zset_score(v, name_of(&asked), &same_score), at < m->count);
    if (at < m->count) {
        cr_assert_eq(rank, at);
        cr_assert_eq(score, m->elements[at].score);
        cr_assert_eq(same_score, score);
    }
    struct zset_range range = {random_bound(r, h), {0}};
    size_t first = model_bound_rank(m, &range.min);
    range.max = random_bound(r, h);
    /* random_bound keeps one name: both bounds have the second's */
    range.min.member = range.max.member;
    first = model_bound_rank(m, &range.min);
    size_t end = model_bound_rank(m, &range.max), count = end > first ? end - first : 0;
    cr_assert_eq(zset_bound_rank(v, &range.min), first);
    struct zset_window w = zset_range_window(v, &range);
    cr_assert_eq(w.first, first);
    cr_assert_eq(w.count, count);

    bool is_reverse = rng_below(r, 2);
    size_t offset = rng_below(r, 4) ? rng_below(r, 3) : rng_below(r, m->count + 2), limit = rng_below(r, 200);
    struct zset_walk walk;
    struct zset_element e;
    zset_walk_range(&walk, v, &range, is_reverse, offset, limit);
    size_t expected = offset >= count ? 0 : count - offset < limit ? count - offset : limit;
    for (size_t i = 0; i < expected; i++) {
        cr_assert(zset_walk_next(&walk, &e));
        expect_same(&e, m->elements + (is_reverse ? end - 1 - offset - i : first + offset + i));
    }
    cr_assert_not(zset_walk_next(&walk, &e));
    zset_walk_window(&walk, v, w, is_reverse);
    for (size_t i = 0; i < w.count; i++) {
        cr_assert(zset_walk_next(&walk, &e));
        expect_same(&e, m->elements + (is_reverse ? end - 1 - i : first + i));
    }
    cr_assert_not(zset_walk_next(&walk, &e));
}

static void add_one(struct rng *r, struct model *m, struct value *v, const struct habits *h)
{
    static const unsigned choices[] = {0,
                                       0,
                                       0,
                                       0,
                                       0,
                                       ZSET_ADD_NX,
                                       ZSET_ADD_XX,
                                       ZSET_ADD_GT,
                                       ZSET_ADD_LT,
                                       ZSET_ADD_INCR,
                                       ZSET_ADD_INCR | ZSET_ADD_GT,
                                       ZSET_ADD_XX | ZSET_ADD_LT};
    struct model_element e = random_element(r, h);
    unsigned flags = choices[rng_below(r, sizeof choices / sizeof *choices)];
    double given = e.score, score = 77;
    size_t at = model_find(m, name_of(&e));
    bool is_present = at < m->count;
    double old = is_present ? m->elements[at].score : 0;
    enum zset_added wanted = ZSET_ADDED_NEW;
    if (is_present) {
        if ((flags & ZSET_ADD_INCR)) e.score += old;
        wanted = e.score == old ? ZSET_ADDED_SAME : ZSET_ADDED_MOVED;
        if (((flags & ZSET_ADD_GT) && !(e.score > old)) || ((flags & ZSET_ADD_LT) && !(e.score < old)))
            wanted = ZSET_ADDED_NOTHING;
        if (isnan(e.score)) wanted = ZSET_ADDED_NAN;
        if (flags & ZSET_ADD_NX) wanted = ZSET_ADDED_NOTHING;
        if (wanted == ZSET_ADDED_MOVED) model_take(m, at, 1);
    } else if (flags & ZSET_ADD_XX) {
        wanted = ZSET_ADDED_NOTHING;
    }
    cr_assert_eq(zset_add(v, name_of(&e), given, flags, &score), wanted);
    cr_assert_eq(score, wanted >= ZSET_ADDED_SAME ? e.score : 77);
    if (strcmp(zset_encoding_name(v), "listpack") == 0) e.score += 0.0; /* small sets know no -0 */
    if (wanted >= ZSET_ADDED_MOVED) model_put(m, &e);
}

static void remove_some(struct rng *r, struct model *m, struct value *v, const struct habits *h)
{
    if (rng_below(r, 8) == 0) {
        size_t first = rng_below(r, m->count + 1);
        size_t count = rng_below(r, (m->count - first) / (1 + rng_below(r, 20)) + 1);
        zset_remove_ranks(v, first, count);
        model_take(m, first, count);
        return;
    }
    struct model_element e = random_element(r, h);
    if (m->count > 0 && rng_below(r, 4)) e = m->elements[rng_below(r, m->count)];
    size_t at = model_find(m, name_of(&e));
    cr_assert_eq(zset_remove(v, name_of(&e)), at < m->count);
    if (at < m->count) model_take(m, at, 1);
}

static void run_random(uint64_t seed, struct habits h, const char *encoding)
{
    struct rng r;
    rng_init(&r, seed);
    struct model m = {.elements = malloc(MODEL_MAX * sizeof *m.elements)};
    struct value v = {.type = VALUE_ZSET}, copy;
    zset_init(&v);
    for (unsigned step = 0; step < h.steps; step++) {
        /* Grows and shrinks in turns. */
        unsigned adds = step / (h.steps / 4) % 2 ? 10 - h.adds : h.adds;
        if (rng_below(&r, 10) < adds)
            add_one(&r, &m, &v, &h);
        else
            remove_some(&r, &m, &v, &h);
        if (step % 8 == 0) compare_some(&r, &m, &v, &h);
        if (step % 64 == 0) {
            zset_check(&v);
            compare_all(&m, &v);
        }
    }
    zset_check(&v);
    cr_assert_str_eq(zset_encoding_name(&v), encoding);
    zset_copy(&v, &copy);
    zset_check(&copy);
    compare_all(&m, &copy);
    cr_assert_eq(zset_digest(&v), zset_digest(&copy));
    cr_assert_str_eq(zset_encoding_name(&copy), encoding);
    zset_deinit(&copy);
    zset_deinit(&v);
    free(m.elements);
}

Test(zset, behaves_as_a_sorted_array_while_small)
{
    run_random(1, (struct habits){.names = 100, .scores = 20, .name_bytes = 60, .adds = 6, .steps = 12000}, "listpack");
}

Test(zset, behaves_as_a_sorted_array_when_large)
{
    run_random(2, (struct habits){.names = 5000, .scores = 100000, .name_bytes = 300, .adds = 9, .steps = 12000},
               "skiplist");
}

Test(zset, behaves_as_a_sorted_array_with_many_equal_scores)
{
    run_random(3, (struct habits){.names = 4000, .scores = 9, .name_bytes = 40, .adds = 9, .steps = 12000}, "skiplist");
}

Test(zset, behaves_as_a_sorted_array_with_few_long_members)
{
    run_random(4, (struct habits){.names = 30, .scores = 10, .name_bytes = 310, .adds = 6, .steps = 6000}, "skiplist");
}

static struct value new_zset(void)
{
    struct value v = {.type = VALUE_ZSET};
    zset_init(&v);
    return v;
}

static struct slice number_name(char text[32], uint64_t n)
{
    return slice_of(text, (size_t)snprintf(text, 32, "%llu", (unsigned long long)n));
}

static void fill(struct value *v, uint64_t from, uint64_t count)
{
    char text[32];
    for (uint64_t i = from; i < from + count; i++)
        cr_assert_eq(zset_add(v, number_name(text, i), (double)i, 0, NULL), ZSET_ADDED_NEW);
}

Test(zset, members_of_equal_score_are_found_by_their_bytes)
{
    struct rng r;
    rng_init(&r, 5);
    struct model m = {.elements = malloc(MODEL_MAX * sizeof *m.elements)};
    struct habits h = {.names = 3000, .scores = 1, .name_bytes = 30};
    for (size_t size = 50; size <= 2500; size += 350) {
        struct value v = new_zset();
        m.count = 0;
        while (m.count < size) {
            struct model_element e = random_element(&r, &h);
            if (zset_add(&v, name_of(&e), e.score, 0, NULL) == ZSET_ADDED_NEW) model_put(&m, &e);
        }
        for (int i = 0; i < 300; i++) {
            struct model_element e = random_element(&r, &h);
            struct zset_bound b = {ZSET_BOUND_MEMBER, rng_below(&r, 2), 0, name_of(&e)};
            cr_assert_eq(zset_bound_rank(&v, &b), model_bound_rank(&m, &b));
        }
        zset_deinit(&v);
    }
    free(m.elements);
}

Test(zset, becomes_big_past_128_members_or_64_bytes_and_stays_so)
{
    char text[32], member[66];
    memset(member, 'm', sizeof member);
    struct value v = new_zset();
    cr_assert_str_eq(zset_encoding_name(&v), "listpack");
    fill(&v, 0, 128);
    cr_assert_str_eq(zset_encoding_name(&v), "listpack");
    zset_add(&v, SLICE_LIT("1"), 5, 0, NULL);
    cr_assert_str_eq(zset_encoding_name(&v), "listpack");
    fill(&v, 128, 1);
    cr_assert_str_eq(zset_encoding_name(&v), "skiplist");
    for (uint64_t i = 0; i < 129; i++) cr_assert(zset_remove(&v, number_name(text, i)));
    cr_assert_eq(zset_count(&v), 0);
    cr_assert_str_eq(zset_encoding_name(&v), "skiplist");
    zset_check(&v);
    zset_deinit(&v);

    v = new_zset();
    zset_add(&v, slice_of(member, 64), 1, 0, NULL);
    cr_assert_str_eq(zset_encoding_name(&v), "listpack");
    zset_add(&v, slice_of(member, 65), 1, 0, NULL);
    cr_assert_str_eq(zset_encoding_name(&v), "skiplist");
    zset_check(&v);
    zset_deinit(&v);
}

Test(zset, an_empty_one_answers_every_question)
{
    struct value v = new_zset(), copy;
    struct zset_bound end = {.kind = ZSET_BOUND_END};
    struct zset_element e;
    struct zset_cursor c = zset_seek(&v, &end);
    cr_assert_not(zset_next(&c, &e));
    cr_assert_not(zset_prev(&c, &e));
    cr_assert_not(zset_remove(&v, SLICE_LIT("a")));
    cr_assert_not(zset_score(&v, SLICE_LIT("a"), NULL));
    cr_assert_eq(zset_bound_rank(&v, &end), 0);
    cr_assert_eq(zset_add(&v, SLICE_LIT("a"), 1, ZSET_ADD_XX, NULL), ZSET_ADDED_NOTHING);
    cr_assert_eq(zset_add(&v, SLICE_LIT("a"), NAN, 0, NULL), ZSET_ADDED_NAN);
    zset_remove_ranks(&v, 0, 0);
    zset_check(&v);
    zset_copy(&v, &copy);
    cr_assert_eq(zset_count(&copy), 0);
    zset_deinit(&copy);
    zset_deinit(&v);
}

/* Bytes per element beside the member itself, of `count` members "0", "1", ... whose scores are given by `score_of`. */
static double overhead(uint64_t count, double (*score_of)(struct rng *r, uint64_t i))
{
    char text[32];
    struct rng r;
    rng_init(&r, 6);
    size_t before = mem_used(), names = 0;
    struct value v = new_zset();
    for (uint64_t i = 0; i < count; i++) {
        struct slice name = number_name(text, i);
        names += name.len;
        zset_add(&v, name, score_of(&r, i), 0, NULL);
    }
    size_t used = mem_used() - before;
    cr_assert_leq(labs((long)used - (long)zset_bytes(&v, 0)), 64);
    zset_check(&v);
    zset_deinit(&v);
    cr_assert_eq(mem_used(), before);
    return (double)(used - names) / (double)count;
}

static double ascending(struct rng *r, uint64_t i)
{
    (void)r;
    return (double)i;
}

static double descending(struct rng *r, uint64_t i)
{
    (void)r;
    return -(double)i;
}

static double anywhere(struct rng *r, uint64_t i)
{
    (void)i;
    return (double)rng_below(r, 1000000000);
}

/* Several runs that ascend side by side, as the priorities of a queue. */
static double runs(struct rng *r, uint64_t i)
{
    return (double)rng_below(r, 10) * 1e9 + (double)i;
}

Test(zset, elements_cost_few_bytes_in_every_order_of_insertion)
{
    double a = overhead(131000, ascending), d = overhead(131000, descending);
    double w = overhead(131000, anywhere), p = overhead(131000, runs);
    cr_log_info("bytes per element beside the member: ascending %.1f, descending %.1f, random %.1f, runs %.1f", a, d, w,
                p);
    cr_assert_lt(a, 54);
    cr_assert_lt(d, 60);
    cr_assert_lt(w, 58);
    cr_assert_lt(p, 58);
}

Test(zset, what_was_large_gives_its_memory_back_as_it_empties)
{
    struct value v = new_zset();
    fill(&v, 0, 50000);
    size_t full = zset_bytes(&v, 0);
    zset_remove_ranks(&v, 100, 49800);
    zset_check(&v);
    char text[32];
    for (uint64_t i = 0; i < 60; i++) cr_assert(zset_remove(&v, number_name(text, i)));
    cr_assert_eq(zset_count(&v), 140);
    cr_assert_lt(zset_bytes(&v, 0), full / 50);
    zset_deinit(&v);
}

Test(zset, removing_from_one_end_or_the_middle_keeps_the_tree_sound)
{
    char text[32];
    struct value v = new_zset();
    fill(&v, 0, 20000);
    for (uint64_t i = 0; i < 9000; i++) {
        zset_remove_ranks(&v, 0, 1);
        zset_remove_ranks(&v, zset_count(&v) - 1, 1);
        if (i % 500 == 0) zset_check(&v);
    }
    for (uint64_t i = 9300; i < 10300; i++) cr_assert(zset_remove(&v, number_name(text, i)));
    zset_check(&v);
    zset_remove_ranks(&v, 0, zset_count(&v));
    zset_check(&v);
    fill(&v, 0, 500);
    zset_check(&v);
    zset_deinit(&v);
}

static void mark_seen(void *ctx, const struct zset_element *e)
{
    ((uint8_t *)ctx)[(size_t)e->score]++;
}

Test(zset, a_scan_meets_every_element)
{
    static uint8_t seen[3000];
    struct value v = new_zset();
    for (uint64_t size = 100; size <= 3000; size += 2900) {
        memset(seen, 0, sizeof seen);
        fill(&v, zset_count(&v), size - zset_count(&v));
        uint64_t cursor = 0, steps = 0;
        do {
            cursor = zset_scan(&v, cursor, mark_seen, seen);
            steps++;
        } while (cursor != 0);
        cr_assert_eq(steps > 1, size > 128);
        for (size_t i = 0; i < size; i++) cr_assert_geq(seen[i], 1);
    }
    zset_deinit(&v);
}

Test(zset, random_elements_come_from_everywhere)
{
    struct rng r;
    rng_init(&r, 7);
    static unsigned hits[10];
    struct value v = new_zset();
    fill(&v, 0, 1000);
    for (int i = 0; i < 10000; i++) hits[(size_t)zset_random(&v, &r).score / 100]++;
    for (int i = 0; i < 10; i++) cr_assert(hits[i] > 850 && hits[i] < 1150);
    zset_deinit(&v);
}
