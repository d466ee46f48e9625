/* SPDX-License-Identifier: MIT */
/* The tracker against a model: random changes, checkpoints that succeed and fail, cold values. */
#include "base/mem.h"
#include "keyspace/edit_hash.h"
#include "keyspace/edit_list.h"
#include "keyspace/edit_set.h"
#include "keyspace/edit_stream.h"
#include "keyspace/edit_string.h"
#include "keyspace/edit_zset.h"
#include "keyspace/keys.h"
#include "keyspace/tracker_world.h"
#include "keyspace/value_codec.h"

#include <criterion/criterion.h>

/* A step of a checkpoint under way, or sometimes the start of one. */
static void step_checkpoint(struct world *w)
{
    struct rng *r = &w->rng;
    size_t limit = 1 + rng_below(r, 8);
    if (!w->is_under_way) {
        if (rng_below(r, 15) == 0) begin(w);
    } else if (w->is_failing || (!w->is_committing && rng_below(r, 40) == 0)) {
        fail(w, limit);
    } else if (!w->is_given) {
        give(w, 1 + rng_below(r, rng_below(r, 2) ? 600 : 100000));
    } else if (w->is_committing || rng_below(r, 4) == 0) {
        commit(w, limit);
    }
}

/* ---- random edits ---- */

#define KEYS_COUNT 8
#define MANY 700

static struct slice random_key(struct world *w, char *text, enum value_type type)
{
    int len = snprintf(text, 16, "%c%d", "slSzht"[type], (int)rng_below(&w->rng, KEYS_COUNT));
    return slice_of(text, (size_t)len);
}

static struct slice random_element(struct world *w, char *text)
{
    return slice_of(text, (size_t)snprintf(text, 16, "e%d", (int)rng_below(&w->rng, 3000)));
}

/* How often an edit is done: mostly once, sometimes often enough to make or end a large value. */
static size_t random_count(struct world *w)
{
    return rng_below(&w->rng, 12) == 0 ? MANY : 1 + rng_below(&w->rng, 3);
}

/* The key's entry of that type; made when absent, if the edit will put something there, else NULL. */
static struct entry *take_entry(struct db *db, struct slice key, enum value_type type, bool may_make)
{
    struct entry *e = db_find(db, key);
    if (e && e->value.type != type) {
        db_delete(db, e);
        e = NULL;
    }
    return e || !may_make ? e : db_create(db, key, type);
}

static void edit_a_string(struct world *w, struct db *db, struct slice key)
{
    char text[16];
    struct entry *e = db_find(db, key);
    struct slice element = random_element(w, text);
    uint64_t pick = rng_below(&w->rng, 4);
    int64_t expiry = rng_below(&w->rng, 3) == 0 ? w->live.now_ms + (int64_t)rng_below(&w->rng, 300) : 0;
    if (pick == 0 && (!e || e->value.type == VALUE_STRING))
        cr_assert_eq(edit_string_write(db, key, e, rng_below(&w->rng, 40), element), OXQ_OK);
    else if (pick == 1 && (!e || e->value.type == VALUE_STRING))
        edit_string_set_integer(db, key, e, (int64_t)rng_below(&w->rng, 1000));
    else
        edit_string_set(db, key, e, element, expiry);
}

static void edit_a_list(struct world *w, struct db *db, struct slice key)
{
    char text[16];
    struct entry *e = take_entry(db, key, VALUE_LIST, true);
    enum list_end end = rng_below(&w->rng, 2) ? LIST_HEAD : LIST_TAIL;
    uint64_t pick = list_count(&e->value) ? rng_below(&w->rng, 7) : 0;
    size_t count = random_count(w);
    if (pick <= 2) {
        for (; count > 0; count--) edit_list_push(db, e, end, random_element(w, text));
    } else if (pick == 3) {
        edit_list_pop(db, e, end, count < list_count(&e->value) ? count : list_count(&e->value));
    } else if (pick == 4) {
        edit_list_remove(db, e, end, random_element(w, text), 0);
    } else {
        size_t index = rng_below(&w->rng, list_count(&e->value));
        struct list_cursor c = list_seek(&e->value, index);
        if (pick == 5)
            edit_list_set(db, e, &c, index, random_element(w, text));
        else
            edit_list_insert(db, e, &c, index, random_element(w, text));
    }
}

static void edit_a_set(struct world *w, struct db *db, struct slice key)
{
    char text[16];
    uint64_t pick = rng_below(&w->rng, 6);
    size_t count = random_count(w) * 2;
    if (pick == 0) {
        struct value set = {0};
        value_init(&set, VALUE_SET);
        for (; count > 1; count--) set_add(&set, random_element(w, text));
        edit_set_store(db, key, &set);
        return;
    }
    struct entry *e = take_entry(db, key, VALUE_SET, pick < 4);
    if (!e) return;
    for (; count > 0; count--) {
        if (pick < 4)
            edit_set_add(db, e, random_element(w, text));
        else
            edit_set_remove(db, e, random_element(w, text));
    }
    db_delete_if_empty(db, e);
}

static void edit_a_zset(struct world *w, struct db *db, struct slice key)
{
    char text[16];
    uint64_t pick = rng_below(&w->rng, 8);
    size_t count = random_count(w) * 2;
    if (pick == 0) {
        struct value set = {0};
        value_init(&set, VALUE_ZSET);
        for (; count > 1; count--) zset_add(&set, random_element(w, text), (double)count / 2, 0, NULL);
        edit_zset_replace(db, key, &set);
        return;
    }
    struct entry *e = take_entry(db, key, VALUE_ZSET, pick > 1 && pick < 6);
    if (!e) return;
    size_t there = zset_count(&e->value);
    if (pick == 1 && there > 0) {
        size_t first = rng_below(&w->rng, there);
        edit_zset_remove_ranks(db, e, first, count < there - first ? count : there - first);
        count = 0;
    }
    for (; count > 0; count--) {
        if (pick < 6)
            edit_zset_add(db, e, random_element(w, text), (double)rng_below(&w->rng, 1000) / 4, 0, NULL);
        else
            edit_zset_remove(db, e, random_element(w, text));
    }
    db_delete_if_empty(db, e);
}

static void edit_a_hash(struct world *w, struct db *db, struct slice key)
{
    char texts[2][16];
    bool is_set = rng_below(&w->rng, 3) != 0;
    struct entry *e = take_entry(db, key, VALUE_HASH, is_set);
    if (!e) return;
    for (size_t count = random_count(w) * 2; count > 0; count--) {
        struct slice items[2] = {random_element(w, texts[0]), random_element(w, texts[1])};
        if (is_set)
            edit_hash_set_many(db, e, items, 2);
        else
            edit_hash_delete(db, e, items[0]);
    }
    db_delete_if_empty(db, e);
}

static void edit_a_group(struct world *w, struct db *db, struct entry *e)
{
    struct stream_id newest = stream_newest_id(&e->value);
    struct stream_group *g = stream_group_find(&e->value, SLICE_LIT("g"));
    uint64_t pick = g ? rng_below(&w->rng, 5) : 0;
    if (pick == 0) {
        edit_stream_set_group(db, e, SLICE_LIT("g"), newest, (int64_t)rng_below(&w->rng, 9));
    } else if (pick == 1) {
        edit_stream_delete_group(db, e, SLICE_LIT("g"));
    } else if (pick == 2) {
        struct stream_consumer *c = edit_stream_see_consumer(db, e, g, SLICE_LIT("c"), w->live.now_ms);
        edit_stream_set_pending(db, e, g, (struct stream_pending){newest, w->live.now_ms, 1, c});
    } else if (pick == 3) {
        edit_stream_delete_pending(db, e, g, newest);
    } else {
        edit_stream_delete_consumer(db, e, g, SLICE_LIT("c"));
    }
}

static void edit_a_stream(struct world *w, struct db *db, struct slice key)
{
    char text[16];
    struct entry *e = take_entry(db, key, VALUE_STREAM, true);
    uint64_t pick = stream_count(&e->value) ? rng_below(&w->rng, 8) : 0;
    if (pick <= 3) {
        for (size_t count = random_count(w); count > 0; count--) {
            struct slice items[2] = {SLICE_LIT("event"), random_element(w, text)};
            edit_stream_add(db, e, (struct stream_id){++w->next_ms, 0}, items, 2);
        }
    } else if (pick == 4) {
        struct stream_trim trim = {.by = STREAM_TRIM_MAXLEN, .max_count = rng_below(&w->rng, stream_count(&e->value))};
        edit_stream_trim(db, e, &trim);
    } else if (pick == 5) {
        edit_stream_delete(db, e, stream_newest_id(&e->value));
    } else {
        edit_a_group(w, db, e);
    }
}

typedef void edit_fn(struct world *w, struct db *db, struct slice key);
static edit_fn *const editors[VALUE_TYPES_COUNT] = {
    [VALUE_STRING] = edit_a_string, [VALUE_LIST] = edit_a_list, [VALUE_SET] = edit_a_set,
    [VALUE_ZSET] = edit_a_zset,     [VALUE_HASH] = edit_a_hash, [VALUE_STREAM] = edit_a_stream,
};

static struct db *random_db(struct world *w)
{
    return &w->live.dbs[rng_below(&w->rng, 3)];
}

/* Whole keys: what is renamed keeps its type, so that names of types mix. */
static void change_a_key(struct world *w)
{
    char texts[2][16];
    enum value_type type = (enum value_type)rng_below(&w->rng, VALUE_TYPES_COUNT);
    struct db *db = random_db(w), *to = random_db(w);
    struct slice key = random_key(w, texts[0], type), other = random_key(w, texts[1], type);
    struct entry *e = db_peek(db, key);
    if (!e) return;
    uint64_t pick = rng_below(&w->rng, 5);
    if (pick > 1) e = db_find(db, key);
    switch (pick) {
    case 0: db_delete(db, e); break;
    case 1: {
        int64_t at_ms = rng_below(&w->rng, 3) ? w->live.now_ms + 1 + (int64_t)rng_below(&w->rng, 400) : 0;
        db_set_expiry(db, e, at_ms);
        break;
    }
    case 2:
        if (!slice_equal(key, other)) db_rename(db, e, other);
        break;
    case 3:
        if (to != db && !db_peek(to, key)) db_move(db, e, to);
        break;
    default:
        if (to != db || !slice_equal(key, other)) db_copy(db, e, to, other);
        break;
    }
}

static void change_a_db(struct world *w)
{
    struct db *a = random_db(w), *b = random_db(w);
    if (rng_below(&w->rng, 2))
        db_flush(a);
    else if (a != b)
        db_swap(a, b);
}

static void step(struct world *w)
{
    char text[16];
    uint64_t pick = rng_below(&w->rng, 1000);
    if (pick < 350) {
        enum value_type type = (enum value_type)rng_below(&w->rng, VALUE_TYPES_COUNT);
        editors[type](w, random_db(w), random_key(w, text, type));
    } else if (pick < 450) {
        change_a_key(w);
    } else if (pick < 460) {
        change_a_db(w);
    } else if (pick < 500) {
        w->live.now_ms += (int64_t)rng_below(&w->rng, 40);
        w->replica.now_ms = w->live.now_ms;
        keyspace_expire(&w->live, 3);
    } else if (pick < 540) {
        graveyard_free_some(&w->live.graveyard, 1 + rng_below(&w->rng, 300));
    } else if (pick < 600) {
        bool is_round;
        tracker_cool(w->tracker, 1 + rng_below(&w->rng, 50), &is_round);
    } else {
        step_checkpoint(w);
    }
}

static void check_world(struct world *w)
{
    tracker_check(w->tracker);
    for (uint32_t i = 0; i < 3; i++) db_check(&w->live.dbs[i]);
}

static void run_steps(struct world *w, int steps)
{
    for (int i = 0; i < steps; i++) {
        step(w);
        check_world(w);
        if (tracker_cold_count(w->tracker) > w->coldest_count) w->coldest_count = tracker_cold_count(w->tracker);
    }
}

/* What a server does that was ended and started again. */
static void restart(struct world *w)
{
    save(w);
    tracker_free(w->tracker);
    keyspace_deinit(&w->live);
    keyspace_deinit(&w->replica);
    keyspace_init(&w->live, &w->rng);
    keyspace_init(&w->replica, &w->rng);
    w->replica.is_expiry_paused = true;
    testkit_store_load(&w->store, &w->replica, NULL);
    track(w);
    tracker_adopt_numbers(w->tracker, w->store.db_numbers, w->store.next_number);
    testkit_store_load(&w->store, &w->live, &w->rng);
    cr_assert_eq(tracker_dirty_count(w->tracker), 0);
}

static void run_world(uint64_t seed, int steps)
{
    struct world w;
    world_init(&w, seed);
    /* In every other world a few hundred elements are too long for a row. */
    if (seed % 2) w.tracker->row_max_bytes = w.row_max_bytes = 2000;
    run_steps(&w, steps);
    restart(&w);
    run_steps(&w, steps);
    save(&w);
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++)
        cr_assert_eq(digest_db(&w.live.dbs[i]), w.cut_digests[i], "the live keyspace is its replica");
    /* The dead leave deletions of their own. */
    graveyard_free_some(&w.live.graveyard, SIZE_MAX);
    save(&w);
    cr_assert_eq(tracker_dirty_count(w.tracker), 0);
    cr_assert_gt(w.commits_count, 10);
    cr_assert_gt(w.failures_count, 2);
    cr_assert_gt(w.store.deltas_count, 10);
    cr_assert_gt(w.store.loads_count, 10);
    cr_assert_gt(w.coldest_count, 5);
    world_deinit(&w);
}

Test(tracker, committed_checkpoints_hold_what_was_there_at_the_cut, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 6; seed++) run_world(seed, 2000);
}

/* ---- one thing at a time ---- */

static struct entry *set(struct world *w, const char *key, const char *text)
{
    struct db *db = &w->live.dbs[0];
    return edit_string_set(db, slice_from_text(key), db_find(db, slice_from_text(key)), slice_from_text(text), 0);
}

Test(tracker, a_key_that_came_and_went_between_checkpoints_leaves_nothing)
{
    struct world w;
    world_init(&w, 1);
    db_delete(&w.live.dbs[0], set(&w, "k", "text"));
    cr_assert_eq(tracker_dirty_count(w.tracker), 0);
    struct entry *e = set(&w, "k", "text");
    save(&w);
    db_delete(&w.live.dbs[0], e);
    cr_assert_eq(tracker_dirty_count(w.tracker), 1, "a tombstone");
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_KEY_DELETE), 1);
    cr_assert_eq(map_count(&w.store.rows), 0);
    world_deinit(&w);
}

Test(tracker, what_is_only_read_is_not_written_again)
{
    struct world w;
    world_init(&w, 1);
    set(&w, "a", "text");
    set(&w, "b", "text");
    save(&w);
    cr_assert(db_find(&w.live.dbs[0], SLICE_LIT("a")) != NULL);
    cr_assert_eq(tracker_dirty_count(w.tracker), 0);
    set(&w, "b", "more");
    cr_assert_eq(tracker_dirty_count(w.tracker), 1);
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_KEY_PUT), 1);
    world_deinit(&w);
}

Test(tracker, a_large_value_gives_its_changes_only)
{
    struct world w;
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    struct entry *e = db_create(db, SLICE_LIT("list"), VALUE_LIST);
    for (int i = 0; i < 100000; i++) edit_list_push(db, e, LIST_TAIL, SLICE_LIT("an element"));
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 1);
    cr_assert_gt(count_items(&w, ITEM_LARGE_DELTA), 1, "in pieces");
    edit_list_push(db, e, LIST_HEAD, SLICE_LIT("another"));
    db_rename(db, e, SLICE_LIT("renamed"));
    save(&w);
    cr_assert_lt(w.store.items_bytes, 300, "all the rest is on disk already");
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 0);
    world_deinit(&w);
}

/* ---- large at once ---- */

#define HUGE_COUNT 200000
/* What an edit or a slice may append for an entry, however large: its row, where its elements are, and 16 numbers of databases. */
#define ENTRY_BYTES_MAX 200

/* In one step each: a hash "H", a set "S", a sorted set "Z", a list "L" and copies of them. */
static void make_huge(struct world *w, size_t count)
{
    struct db *db = &w->live.dbs[0];
    char text[16];
    char(*texts)[16] = mem_alloc(count * sizeof(*texts));
    struct slice *items = mem_alloc(2 * count * sizeof(*items));
    struct value set = {0}, zset = {0};
    value_init(&set, VALUE_SET);
    value_init(&zset, VALUE_ZSET);
    struct entry *list = db_create(db, SLICE_LIT("L"), VALUE_LIST);
    for (size_t i = 0; i < count; i++) {
        items[2 * i] = items[2 * i + 1] = number_text(texts[i], i);
        set_add(&set, items[2 * i]);
        zset_add(&zset, items[2 * i], (double)i, 0, NULL);
        edit_list_push(db, list, LIST_TAIL, items[2 * i]);
    }
    edit_hash_set_many(db, db_create(db, SLICE_LIT("H"), VALUE_HASH), items, 2 * count);
    edit_set_store(db, SLICE_LIT("S"), &set);
    edit_zset_replace(db, SLICE_LIT("Z"), &zset);
    for (const char *name = "HSZL"; *name; name++)
        db_copy(db, db_find(db, slice_of(name, 1)), db,
                slice_of(text, (size_t)snprintf(text, 16, "copy of %c", *name)));
    mem_free(texts);
    mem_free(items);
}

/* What is appended in all of this is told by the entries, not by their elements. */
static void change_huge(struct world *w)
{
    struct db *db = &w->live.dbs[0];
    size_t before = w->out.len;
    edit_hash_delete(db, db_find(db, SLICE_LIT("H")), SLICE_LIT("e7"));
    edit_list_pop(db, db_find(db, SLICE_LIT("L")), LIST_HEAD, 1);
    db_rename(db, db_find(db, SLICE_LIT("S")), SLICE_LIT("renamed"));
    db_delete(db, db_find(db, SLICE_LIT("Z")));
    db_move(db, db_find(db, SLICE_LIT("copy of L")), &w->live.dbs[1]);
    cr_assert_gt(w->out.len, before, "what was not given yet was given before it changed");
    cr_assert_lt(w->out.len, before + (size_t)5 * ENTRY_BYTES_MAX);
}

static void save_huge(struct world *w)
{
    finish(w);
    begin(w);
    cr_assert_lt(w->out.len, ENTRY_BYTES_MAX, "deletions are given by a pointer");
    change_huge(w);
    take_out(w);
    while (!w->is_given) {
        w->is_given = tracker_give(w->tracker, 1);
        cr_assert_lt(w->out.len, ENTRY_BYTES_MAX);
        take_out(w);
    }
}

Test(tracker, what_is_given_in_a_slice_is_told_by_no_values_size, .timeout = 300)
{
    struct world w;
    world_init(&w, 1);
    make_huge(&w, HUGE_COUNT);
    save_huge(&w);
    finish(&w);
    cr_assert_gt(w.store.items_bytes, (size_t)4 * HUGE_COUNT);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 8);
    save(&w);
    cr_assert_lt(w.store.items_bytes, 2000, "changes only");
    graveyard_free_some(&w.live.graveyard, SIZE_MAX);
    tracker_check(w.tracker);
    world_deinit(&w);
}

static void set_field(struct db *db, struct entry *e, struct slice field, struct slice value)
{
    const struct slice items[] = {field, value};
    edit_hash_set_many(db, e, items, 2);
}

/* Few elements, but longer than a row may be: given by elements, while it is saved or when it is changed before that. */
Test(tracker, a_value_too_long_for_a_row_is_given_as_a_large_one)
{
    struct world w;
    char text[500];
    world_init(&w, 1);
    w.tracker->row_max_bytes = 1000;
    memset(text, 'x', sizeof(text));
    struct db *db = &w.live.dbs[0];
    struct entry *e = db_create(db, SLICE_LIT("hash"), VALUE_HASH);
    set_field(db, e, SLICE_LIT("a"), slice_of(text, sizeof(text)));
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_KEY_PUT), 1);
    set_field(db, e, SLICE_LIT("b"), slice_of(text, sizeof(text)));
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 1);
    cr_assert_eq(count_items(&w, ITEM_KEY_LARGE), 1);
    set_field(db, e, SLICE_LIT("c"), SLICE_LIT("1"));
    begin(&w);
    db_rename(db, e, SLICE_LIT("renamed"));
    finish(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 1);
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 0, "it has its rows, under another key");
    tracker_check(w.tracker);
    e = db_find(db, SLICE_LIT("renamed"));
    cr_assert(edit_hash_delete(db, e, SLICE_LIT("b")));
    save(&w);
    cr_assert_eq(count_items(&w, ITEM_KEY_PUT), 1);
    cr_assert_eq(count_items(&w, ITEM_LARGE_DELETE), 1);
    tracker_check(w.tracker);
    world_deinit(&w);
}

Test(tracker, what_was_given_to_a_failed_checkpoint_is_given_again_and_not_made_again)
{
    struct world w;
    world_init(&w, 1);
    make_huge(&w, 5000);
    save_huge(&w);
    while (w.is_under_way) fail(&w, 2);
    size_t used = mem_used();
    begin(&w);
    cr_assert_lt(w.out.len, ENTRY_BYTES_MAX);
    while (!w.is_given) give(&w, 1);
    cr_assert_lt(mem_used(), used + 10000, "no value was encoded");
    finish(&w);
    cr_assert_eq(count_items(&w, ITEM_LARGE_BASE), 7, "all that are left");
    tracker_check(w.tracker);
    world_deinit(&w);
}

Test(tracker, slices_are_about_as_long_as_was_asked)
{
    struct world w;
    world_init(&w, 1);
    char key[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        set(&w, key, "some text");
    }
    save(&w);
    for (int i = 0; i < 5000; i += 2) {
        snprintf(key, sizeof(key), "k%d", i);
        db_delete(&w.live.dbs[0], db_find(&w.live.dbs[0], slice_from_text(key)));
        snprintf(key, sizeof(key), "k%d", i + 1);
        set(&w, key, "another text");
    }
    begin(&w);
    take_out(&w);
    int slices = 0;
    for (bool is_last = false; !is_last; slices++) {
        is_last = tracker_give(w.tracker, 1000);
        cr_assert_lt(w.out.len, 1100);
        take_out(&w);
    }
    cr_assert_gt(slices, 50);
    w.is_given = true;
    finish(&w);
    cr_assert_eq(map_count(&w.store.rows), 2500);
    world_deinit(&w);
}

Test(tracker, cold_values_leave_memory_and_come_back)
{
    struct world w;
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    set(&w, "a", "the text of a, which is longer than a value");
    set(&w, "b", "the text of b, which is longer than a value");
    bool is_round;
    cr_assert_eq(tracker_cool(w.tracker, 1000, &is_round), 0, "not on disk yet");
    cr_assert(is_round);
    save(&w);
    cr_assert_eq(tracker_cool(w.tracker, 100, &is_round), 0, "just now used");
    cr_assert(is_round);
    cr_assert(db_find(db, SLICE_LIT("b")) != NULL);
    cr_assert_gt(tracker_cool(w.tracker, 100, &is_round), 0);
    cr_assert(is_round);
    cr_assert_eq(tracker_cold_count(w.tracker), 1);
    cr_assert(db_peek(db, SLICE_LIT("a")) != NULL);
    cr_assert_eq(w.store.loads_count, 0, "who peeks does not look at the value");
    const struct entry *a = db_find(db, SLICE_LIT("a"));
    char digits[NUM_INT_MAX_CHARS];
    cr_assert(slice_equal(string_borrow(&a->value, digits), SLICE_LIT("the text of a, which is longer than a value")));
    cr_assert_eq(tracker_cold_count(w.tracker), 0);
    cr_assert_eq(w.store.loads_count, 1);
    cr_assert_eq(tracker_dirty_count(w.tracker), 0);
    world_deinit(&w);
}

/* Everything cools in two rounds; *out_looks: how many looks that took. */
static void cool_all(struct world *w, size_t *out_looks)
{
    *out_looks = 0;
    for (int rounds = 0; rounds < 2; ++*out_looks) {
        bool is_round;
        (void)tracker_cool(w->tracker, 1, &is_round);
        rounds += is_round;
    }
}

Test(tracker, what_is_cold_costs_the_clock_hand_nothing)
{
    struct world w;
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    char key[16];
    size_t looks;
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        set(&w, key, "a text that is longer than what a value has room for");
    }
    save(&w);
    cool_all(&w, &looks); /* begins with a walk over all keys: nobody kept a list before */
    cr_assert_eq(tracker_cold_count(w.tracker), 3000);
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        cr_assert(db_find(db, slice_from_text(key)) != NULL);
    }
    cr_assert_eq(tracker_cold_count(w.tracker), 2990);
    tracker_check(w.tracker);
    cool_all(&w, &looks);
    cr_assert_eq(tracker_cold_count(w.tracker), 3000);
    cr_assert_lt(looks, 40);
    world_deinit(&w);
}

/* ---- dormant keys ---- */

#define SLEEPERS 3000
static const char long_text[] = "a text that is longer than what a value has room for";

static struct slice sleeper_name(char text[16], int i)
{
    return slice_of(text, (size_t)snprintf(text, 16, "k%d", i));
}

/* Keys that are all dormant. */
static void make_sleepers(struct world *w)
{
    char text[16];
    size_t looks;
    for (int i = 0; i < SLEEPERS; i++) {
        sleeper_name(text, i);
        set(w, text, long_text);
    }
    save(w);
    cool_all(w, &looks);
    cr_assert_eq(w->live.dbs[0].dormant.count, SLEEPERS);
    cr_assert_eq(map_count(&w->live.dbs[0].keys), 0);
    cr_assert_eq(db_count(&w->live.dbs[0]), SLEEPERS);
}

Test(tracker, who_peeks_at_a_dormant_key_wakes_it_until_the_clock_hand_comes)
{
    struct world w;
    char text[16];
    size_t looks;
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    make_sleepers(&w);
    for (int i = 0; i < 10; i++) {
        const struct entry *e = db_peek(db, sleeper_name(text, i));
        cr_assert(e && entry_is_cold(e) && e->value.type == VALUE_STRING);
    }
    cr_assert_eq(db_peek(db, SLICE_LIT("nobody")), NULL);
    cr_assert_eq(w.store.loads_count, 0, "who peeks does not look at the value");
    cr_assert_eq(db->dormant.count, SLEEPERS - 10);
    cr_assert_eq(tracker_cold_count(w.tracker), SLEEPERS);
    check_world(&w);
    cool_all(&w, &looks);
    cr_assert_eq(db->dormant.count, SLEEPERS);
    check_world(&w);
    world_deinit(&w);
}

Test(tracker, keys_that_expire_or_are_long_keep_their_entries_when_they_are_cold)
{
    struct world w;
    char name[DORMANT_KEY_MAX + 2];
    size_t looks;
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    memset(name, 'n', sizeof(name));
    name[DORMANT_KEY_MAX + 1] = '\0';
    set(&w, name, long_text);
    name[DORMANT_KEY_MAX] = '\0';
    set(&w, name, long_text);
    set(&w, "expires", long_text);
    db_set_expiry(db, db_find(db, SLICE_LIT("expires")), START_MS + 1000);
    save(&w);
    cool_all(&w, &looks);
    cr_assert_eq(tracker_cold_count(w.tracker), 3);
    cr_assert_eq(db->dormant.count, 1, "the one whose name is not too long");
    cr_assert_eq(db_expiry_ms(db, db_peek(db, SLICE_LIT("expires"))), START_MS + 1000);
    /* A value that expires no more may go to sleep when it is on disk again. */
    db_set_expiry(db, db_find(db, SLICE_LIT("expires")), 0);
    save(&w);
    cool_all(&w, &looks);
    cr_assert_eq(db->dormant.count, 2);
    check_world(&w);
    world_deinit(&w);
}

Test(tracker, deleting_moving_and_flushing_dormant_keys_reaches_the_disk)
{
    struct world w;
    char text[16];
    world_init(&w, 1);
    struct db *dbs = w.live.dbs;
    make_sleepers(&w);
    db_delete(&dbs[0], db_peek(&dbs[0], sleeper_name(text, 1)));
    db_rename(&dbs[0], db_find(&dbs[0], sleeper_name(text, 2)), SLICE_LIT("k3"));
    db_move(&dbs[0], db_find(&dbs[0], sleeper_name(text, 4)), &dbs[1]);
    db_copy(&dbs[0], db_find(&dbs[0], sleeper_name(text, 5)), &dbs[0], SLICE_LIT("k6"));
    check_world(&w);
    cr_assert_eq(db_count(&dbs[0]), SLEEPERS - 3);
    db_swap(&dbs[0], &dbs[2]);
    cr_assert_eq(db_count(&dbs[2]), SLEEPERS - 3);
    save(&w);
    cr_assert_eq(map_count(&w.store.rows), SLEEPERS - 2);
    cr_assert(db_find(&dbs[2], SLICE_LIT("k100")) != NULL);
    db_flush(&dbs[2]);
    cr_assert_eq(tracker_cold_count(w.tracker), 0);
    cr_assert_eq(db_find(&dbs[2], SLICE_LIT("k101")), NULL);
    save(&w);
    cr_assert_eq(map_count(&w.store.rows), 1, "the one that was moved before");
    world_deinit(&w);
}

/* How often a scan met each. */
static int met[SLEEPERS];

static void meet(void *ctx, const struct keys_key *key)
{
    int64_t i;
    (void)ctx;
    cr_assert(num_parse_int(slice_from(key->name, 1), &i));
    met[i]++;
}

Test(tracker, a_scan_meets_every_key_while_keys_fall_asleep_and_wake)
{
    struct world w;
    char text[16];
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    make_sleepers(&w);
    uint64_t cursor = 0;
    bool is_round;
    size_t most = 0, steps = 0;
    do {
        cursor = keys_scan(db, cursor, meet, NULL);
        steps++;
        /* First all wake by and by, so that the map outgrows the other table; then they fall asleep. */
        for (int i = 0; i < 40; i++) {
            if (steps < 60) (void)db_peek(db, sleeper_name(text, (int)rng_below(&w.rng, SLEEPERS)));
        }
        if (map_count(&db->keys) > most) most = map_count(&db->keys);
        if (steps > 200) tracker_cool(w.tracker, 20, &is_round);
    } while (cursor != 0);
    cr_assert_gt(most, SLEEPERS / 3);
    for (int i = 0; i < SLEEPERS; i++) cr_assert_geq(met[i], 1, "k%d", i);
    memset(met, 0, sizeof(met));
    keys_visit(db, meet, NULL);
    for (int i = 0; i < SLEEPERS; i++) cr_assert_eq(met[i], 1);
    check_world(&w);
    world_deinit(&w);
}

Test(tracker, random_keys_are_dormant_ones_too)
{
    struct world w;
    char text[16], room[DORMANT_KEY_MAX];
    size_t dormant = 0;
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    struct keys_key key;
    cr_assert_not(keys_random(db, &w.rng, room, &key));
    make_sleepers(&w);
    for (int i = 0; i < SLEEPERS / 2; i++) (void)db_peek(db, sleeper_name(text, i));
    for (int i = 0; i < 1000; i++) {
        cr_assert(keys_random(db, &w.rng, room, &key));
        cr_assert_eq(key.type, VALUE_STRING);
        dormant += !key.entry;
    }
    cr_assert(dormant > 300 && dormant < 700, "%zu of 1000", dormant);
    world_deinit(&w);
}

Test(tracker, values_leave_and_come_back_while_a_checkpoint_is_under_way)
{
    struct world w;
    world_init(&w, 1);
    struct db *db = &w.live.dbs[0];
    static const char text[] = "a text that is longer than what a value has room for";
    size_t looks;
    char digits[NUM_INT_MAX_CHARS];
    set(&w, "a", text);
    set(&w, "b", text);
    save(&w);
    set(&w, "b", "another text that is longer than what a value has room for");
    begin(&w);
    cool_all(&w, &looks);
    cr_assert_eq(tracker_cold_count(w.tracker), 1, "a; b is not on disk as it is");
    const struct entry *a = db_find(db, SLICE_LIT("a"));
    cr_assert(slice_equal(string_borrow(&a->value, digits), slice_from_text(text)));
    finish(&w);
    cool_all(&w, &looks);
    cr_assert_eq(tracker_cold_count(w.tracker), 2);
    tracker_check(w.tracker);
    world_deinit(&w);
}
