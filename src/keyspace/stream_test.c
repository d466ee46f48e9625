/* SPDX-License-Identifier: MIT */
#include "keyspace/stream.h"

#include "base/mem.h"
#include "keyspace/db.h"
#include "keyspace/digest.h"
#include "keyspace/edit_stream.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define ENTRIES_MAX 8000
#define FIELDS_MAX 80
#define TEXT_MAX 400

/* The naive stream: all entries ever, with the block that they belong to. What an entry holds follows from its kind. */
struct model_entry {
    struct stream_id id;
    int kind;
    int block;
    bool is_deleted;
};

struct model {
    struct model_entry entries[ENTRIES_MAX];
    int total;
    size_t count;
    int blocks;
    int block_entries; /* entries in the last block, deleted ones too */
    struct stream_id max_deleted_id;
};

static struct model model;
static const struct stream_limits limits = {.entries = 10};

/* Shapes like those of events, a value that is always the same, long values, many fields. */
static size_t make_items(const struct model_entry *e, struct slice items[2 * FIELDS_MAX])
{
    static char text[2 * FIELDS_MAX][TEXT_MAX];
    size_t fields = e->kind < 6 ? 1 + (size_t)e->kind % 4 : e->kind == 6 ? FIELDS_MAX : 2;
    for (size_t i = 0; i < 2 * fields; i += 2) {
        int field_len = snprintf(text[i], TEXT_MAX, "%s-%zu", e->kind % 2 ? "field" : "f", i);
        int value_len = snprintf(text[i + 1], TEXT_MAX, "%d", i == 0 ? e->kind : (int)(e->id.ms * 7 + e->id.seq + i));
        if (e->kind == 7) {
            memset(text[i + 1], 'v', TEXT_MAX);
            value_len = TEXT_MAX - (int)i;
        }
        if (e->kind == 5 && i == 2) value_len = 0;
        items[i] = slice_of(text[i], (size_t)field_len);
        items[i + 1] = slice_of(text[i + 1], (size_t)value_len);
    }
    return 2 * fields;
}

static struct value new_stream(void)
{
    struct value v = {.type = VALUE_STREAM};
    stream_init(&v);
    return v;
}

static struct stream_id next_id(struct rng *r)
{
    struct stream_id id = model.total ? model.entries[model.total - 1].id : (struct stream_id){5, 5};
    uint64_t what = rng_below(r, 8);
    if (what < 4)
        id.seq += 1 + rng_below(r, 300);
    else
        id = (struct stream_id){id.ms + 1 + rng_below(r, what == 7 ? 1 << 20 : 50), rng_below(r, 3)};
    return id;
}

static void add(struct rng *r, struct value *v)
{
    struct slice items[2 * FIELDS_MAX];
    if (model.total == ENTRIES_MAX) return;
    struct model_entry *e = &model.entries[model.total];
    *e = (struct model_entry){.id = next_id(r), .kind = (int)rng_below(r, 8)};
    /* A block goes with its last live entry; what comes then starts a new one. */
    bool is_last_gone = true;
    for (int i = model.total - 1; i >= 0 && model.entries[i].block == model.blocks; i--)
        is_last_gone &= model.entries[i].is_deleted;
    if (is_last_gone || model.block_entries == (int)limits.entries) {
        model.blocks++;
        model.block_entries = 0;
    }
    e->block = model.blocks;
    model.block_entries++;
    model.total++;
    model.count++;
    stream_add(v, e->id, items, make_items(e, items), &limits);
}

static void compare_entry(const struct model_entry *e, struct stream_entry got)
{
    struct slice items[2 * FIELDS_MAX];
    size_t count = make_items(e, items);
    cr_assert(stream_id_equal(e->id, got.id));
    cr_assert_eq(got.fields_left * 2, count);
    for (size_t i = 0; i < count; i += 2) {
        struct slice field, value;
        stream_entry_next(&got, &field, &value);
        cr_assert(slice_equal(field, items[i]) && slice_equal(value, items[i + 1]));
    }
    cr_assert_eq(got.fields_left, 0);
}

static void compare_range(const struct value *v, struct stream_id first, struct stream_id last, bool is_reverse)
{
    struct stream_iter it;
    struct stream_entry got;
    stream_iter_begin(&it, v, first, last, is_reverse);
    for (int n = 0; n < model.total; n++) {
        const struct model_entry *e = &model.entries[is_reverse ? model.total - 1 - n : n];
        if (e->is_deleted || stream_id_less(e->id, first) || stream_id_less(last, e->id)) continue;
        cr_assert(stream_iter_next(&it, &got));
        compare_entry(e, got);
    }
    cr_assert_not(stream_iter_next(&it, &got));
    cr_assert_not(stream_iter_next(&it, &got));
}

/* An id near an entry, or that of one. */
static struct stream_id some_id(struct rng *r)
{
    if (model.total == 0) return (struct stream_id){rng_below(r, 10), 0};
    struct stream_id id = model.entries[rng_below(r, (uint64_t)model.total)].id;
    if (rng_below(r, 3) == 0) stream_id_step_up(&id);
    if (rng_below(r, 3) == 0) stream_id_step_down(&id);
    return id;
}

static const struct model_entry *model_edge(bool is_newest)
{
    for (int n = 0; n < model.total; n++) {
        const struct model_entry *e = &model.entries[is_newest ? model.total - 1 - n : n];
        if (!e->is_deleted) return e;
    }
    return NULL;
}

static void compare(struct rng *r, const struct value *v)
{
    stream_check(v);
    cr_assert_eq(stream_count(v), model.count);
    cr_assert_eq(stream_borrow(v)->entries_added, (uint64_t)model.total);
    cr_assert(stream_id_equal(stream_borrow(v)->max_deleted_id, model.max_deleted_id));
    const struct model_entry *first = model_edge(false), *newest = model_edge(true);
    cr_assert(stream_id_equal(stream_first_id(v), first ? first->id : STREAM_ID_MIN));
    cr_assert(stream_id_equal(stream_newest_id(v), newest ? newest->id : STREAM_ID_MIN));
    compare_range(v, STREAM_ID_MIN, STREAM_ID_MAX, false);
    compare_range(v, STREAM_ID_MIN, STREAM_ID_MAX, true);
    for (int i = 0; i < 10; i++) compare_range(v, some_id(r), some_id(r), rng_below(r, 2));
}

static struct model_entry *model_find(struct stream_id id)
{
    for (int i = 0; i < model.total; i++) {
        if (stream_id_equal(model.entries[i].id, id) && !model.entries[i].is_deleted) return &model.entries[i];
    }
    return NULL;
}

static void delete_one(struct rng *r, struct value *v)
{
    struct stream_id id = some_id(r);
    struct model_entry *e = model_find(id);
    cr_assert_eq(stream_has(v, id), e != NULL);
    cr_assert_eq(stream_delete(v, id), e != NULL);
    if (!e) return;
    e->is_deleted = true;
    model.count--;
    if (stream_id_less(model.max_deleted_id, id)) model.max_deleted_id = id;
}

static void drop(struct value *v, size_t n)
{
    stream_drop(v, n);
    for (int i = 0; i < model.total && n > 0; i++) {
        if (model.entries[i].is_deleted) continue;
        model.entries[i].is_deleted = true;
        model.count--;
        n--;
    }
}

/* Redis's rule, block by block from the oldest. */
static size_t model_trim_count(const struct stream_trim *trim)
{
    size_t dropped = 0;
    for (int i = 0; i < model.total;) {
        int block = model.entries[i].block;
        size_t live = 0, below = 0;
        struct stream_id last = STREAM_ID_MIN;
        for (; i < model.total && model.entries[i].block == block; i++) {
            const struct model_entry *e = &model.entries[i];
            last = e->id;
            live += !e->is_deleted;
            below += !e->is_deleted && stream_id_less(e->id, trim->min_id);
        }
        if (live == 0) continue;
        bool is_by_count = trim->by == STREAM_TRIM_MAXLEN;
        size_t left = model.count - dropped;
        if (is_by_count && left <= trim->max_count) break;
        if (trim->limit && dropped + live > trim->limit) break;
        bool goes = is_by_count ? left - live >= trim->max_count : stream_id_less(last, trim->min_id);
        if (!goes) return trim->is_approximate ? dropped : dropped + (is_by_count ? left - trim->max_count : below);
        dropped += live;
    }
    return dropped;
}

static void trim(struct rng *r, struct value *v)
{
    struct stream_trim t = {
        .by = rng_below(r, 2) ? STREAM_TRIM_MAXLEN : STREAM_TRIM_MINID,
        .is_approximate = rng_below(r, 2),
        .max_count = model.count - (size_t)rng_below(r, model.count < 40 ? model.count + 1 : 40),
        .min_id = model.total > 60 ? model.entries[(uint64_t)model.total - 1 - rng_below(r, 60)].id : STREAM_ID_MIN,
    };
    if (t.is_approximate && rng_below(r, 2)) t.limit = 1 + rng_below(r, 30);
    size_t n = stream_trim_count(v, &t);
    cr_assert_eq(n, model_trim_count(&t));
    drop(v, n);
}

static void run_random(uint64_t seed, int steps)
{
    struct rng r;
    rng_init(&r, seed);
    model = (struct model){0};
    struct value v = new_stream();
    for (int step = 0; step < steps; step++) {
        uint64_t what = rng_below(&r, 20);
        if (what < 14)
            add(&r, &v);
        else if (what < 18)
            delete_one(&r, &v);
        else if (what == 18)
            trim(&r, &v);
        else if (rng_below(&r, 8) == 0)
            drop(&v, (size_t)rng_below(&r, 30));
        if (step % 64 == 0) compare(&r, &v);
    }
    compare(&r, &v);
    struct value copy = {0};
    value_copy(&v, &copy);
    cr_assert_eq(stream_digest(&copy), stream_digest(&v));
    stream_deinit(&v);
    compare(&r, &copy);
    cr_assert_gt(stream_bytes(&copy, 0), sizeof(struct stream));
    stream_deinit(&copy);
}

Test(stream, random_changes_agree_with_a_naive_stream)
{
    for (uint64_t seed = 1; seed <= 6; seed++) run_random(seed, 3000);
}

Test(stream, owns_nothing_until_it_is_used)
{
    struct value v = new_stream(), copy = {0};
    cr_assert_eq(stream_bytes(&v, 0), 0);
    cr_assert_eq(stream_count(&v), 0);
    cr_assert(stream_id_is_zero(stream_newest_id(&v)));
    value_copy(&v, &copy);
    stream_check(&copy);
    stream_drop(&v, 5);
    cr_assert_not(stream_delete(&v, (struct stream_id){1, 1}));
    stream_deinit(&copy);
    stream_deinit(&v);
}

Test(stream, ids_never_go_back)
{
    struct stream_id id = stream_id_generate(STREAM_ID_MIN, 1000);
    cr_assert(id.ms == 1000 && id.seq == 0);
    id = stream_id_generate((struct stream_id){2000, 7}, 1000);
    cr_assert(id.ms == 2000 && id.seq == 8);
    id = stream_id_generate((struct stream_id){2000, UINT64_MAX}, 1000);
    cr_assert(id.ms == 2001 && id.seq == 0);
    cr_assert(stream_id_equal(stream_id_generate(STREAM_ID_MAX, 1000), STREAM_ID_MAX));
}

/* A last id may be set back below entries that are deleted already. */
Test(stream, entries_stay_in_order_when_the_last_id_is_set_back)
{
    struct value v = new_stream();
    const struct slice items[] = {SLICE_INIT("f"), SLICE_INIT("v")};
    for (uint64_t ms = 10; ms <= 30; ms += 10) stream_add(&v, (struct stream_id){ms, 0}, items, 2, &limits);
    cr_assert(stream_delete(&v, (struct stream_id){30, 0}));
    cr_assert(stream_delete(&v, (struct stream_id){20, 0}));
    stream_set_id(&v, (struct stream_id){12, 0}, 3, STREAM_ID_MIN);
    stream_add(&v, (struct stream_id){15, 0}, items, 2, &limits);
    stream_check(&v);
    cr_assert(stream_has(&v, (struct stream_id){10, 0}));
    cr_assert(stream_has(&v, (struct stream_id){15, 0}));
    cr_assert_eq(stream_count(&v), 2);
    stream_deinit(&v);
}

Test(stream, alike_entries_share_their_fields_and_values)
{
    struct value v = new_stream();
    const struct stream_limits usual = {.entries = 100, .bytes = 4096};
    for (uint64_t i = 0; i < 10000; i++) {
        char job_id[32];
        struct slice id = slice_of(job_id, (size_t)snprintf(job_id, sizeof(job_id), "%d", (int)i / 2));
        const struct slice active[] = {SLICE_INIT("event"), SLICE_INIT("active"), SLICE_INIT("jobId"), id,
                                       SLICE_INIT("prev"),  SLICE_INIT("waiting")};
        const struct slice done[] = {
            SLICE_INIT("event"),       SLICE_INIT("completed"), SLICE_INIT("jobId"), id,
            SLICE_INIT("returnvalue"), SLICE_INIT("null"),      SLICE_INIT("prev"),  SLICE_INIT("active")};
        stream_add(&v, (struct stream_id){1700000000000 + i, 0}, i % 2 ? done : active, i % 2 ? 8 : 6, &usual);
    }
    stream_check(&v);
    cr_assert_lt(stream_bytes(&v, 0) / stream_count(&v), 16);
    stream_deinit(&v);
}

Test(stream, an_id_is_read_and_written)
{
    static const struct {
        const char *text;
        struct stream_id id;
    } good[] = {{"5", {5, 77}},
                {"5-6", {5, 6}},
                {"0-0", {0, 0}},
                {"18446744073709551615-18446744073709551615", {UINT64_MAX, UINT64_MAX}},
                {"007-+1", {7, 1}}};
    static const char *const bad[] = {"",    "-", "+", "a", "5-", "-5", "5-*", "5-6-7", "5-6x", "18446744073709551616",
                                      "5--1"};
    struct stream_id id;
    char text[STREAM_ID_MAX_CHARS];
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        cr_assert(stream_id_parse(slice_from_text(good[i].text), 77, &id, NULL), "%s", good[i].text);
        cr_assert(stream_id_equal(id, good[i].id));
        struct slice written = slice_of(text, stream_id_format(text, id));
        cr_assert(i == 0 || i == 4 || slice_equal(written, slice_from_text(good[i].text)));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        cr_assert_not(stream_id_parse(slice_from_text(bad[i]), 0, &id, NULL), "%s", bad[i]);
    bool has_seq;
    cr_assert(stream_id_parse(SLICE_LIT("5-*"), 0, &id, &has_seq) && !has_seq && id.ms == 5);
    cr_assert(stream_id_parse(SLICE_LIT("5-1"), 0, &id, &has_seq) && has_seq && id.seq == 1);
}

Test(stream, effects_that_do_not_fit_are_refused)
{
    static const struct slice items[] = {SLICE_INIT("f"), SLICE_INIT("v"), SLICE_INIT("odd")};
    static const struct slice key = SLICE_INIT("s"), group = SLICE_INIT("g");
    struct keyspace ks;
    struct rng rng;
    rng_init(&rng, 1);
    keyspace_init(&ks, &rng);
    const struct {
        struct effect effect;
        oxq_err want;
    } steps[] = {
        {{.kind = EFFECT_STREAM_TRIM, .key = key, .n = 1}, OXQ_ERR_NOT_FOUND},
        {{.kind = EFFECT_STREAM_ADD, .key = key, .items = items, .items_count = 2}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_ADD, .key = key, .n = 5, .items = items, .items_count = 3}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_ADD, .key = key, .n = 5, .items = items, .items_count = 2}, OXQ_OK},
        {{.kind = EFFECT_STREAM_ADD, .key = key, .n = 5, .items = items, .items_count = 2}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_TRIM, .key = key, .n = 2}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_DELETE, .key = key, .n = 6}, OXQ_ERR_NOT_FOUND},
        {{.kind = EFFECT_STREAM_SET_ID, .key = key, .n = 9, .a = SLICE_INIT("short")}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_SET_ID, .key = key, .n = 4, .a = SLICE_INIT("12345678abcdefghABCDEFGH")},
         OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_GROUP_DELETE, .key = key, .a = group}, OXQ_ERR_NOT_FOUND},
        {{.kind = EFFECT_STREAM_GROUP_SET, .key = key, .a = group, .b = SLICE_INIT("1234567")}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_GROUP_SET, .key = key, .a = group, .b = SLICE_INIT("12345678")}, OXQ_OK},
        {{.kind = EFFECT_STREAM_CONSUMER_DELETE, .key = key, .a = group, .b = group}, OXQ_ERR_NOT_FOUND},
        {{.kind = EFFECT_STREAM_PENDING_SET, .key = key, .a = group, .b = group, .n = 5}, OXQ_ERR_NOT_FOUND},
        {{.kind = EFFECT_STREAM_CONSUMER_SET, .key = key, .a = group, .b = group}, OXQ_OK},
        {{.kind = EFFECT_STREAM_PENDING_SET, .key = key, .a = group, .b = group, .n = 5}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_STREAM_PENDING_DELETE, .key = key, .a = group, .n = 5}, OXQ_ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        cr_assert_eq(keyspace_apply(&ks, &steps[i].effect), steps[i].want, "step %zu", i);
    stream_check(&db_find(&ks.dbs[0], key)->value);
    cr_assert_eq(ks.changes_count, 3);
    keyspace_deinit(&ks);
}
