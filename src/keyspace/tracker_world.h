/* SPDX-License-Identifier: MIT */
/*
 * The world of the tracker's tests: a store that does the items of each committed checkpoint must hold what the keyspace held at the
 * cut. A second keyspace, fed by effects, tells what that was; the effects go through their codec on the way.
 */
#ifndef KEYSPACE_TRACKER_WORLD_H
#define KEYSPACE_TRACKER_WORLD_H

#include "base/mem.h"
#include "keyspace/digest.h"
#include "keyspace/testkit.h"
#include "keyspace/tracker_state.h"

#include <stdio.h>

#define ITEMS_MAX ((size_t)1 << 30)
#define START_MS 1700000000000

/* ---- the world: a keyspace, its replica, the store ---- */

struct world {
    struct keyspace live, replica;
    struct rng rng;
    struct effect_sink sink;
    struct effect_writer writer;
    struct effect_reader reader;
    struct buf effects;
    struct tracker *tracker;
    struct testkit_store store;
    struct buf out, items; /* the slice, and all of the checkpoint so far */
    bool is_under_way, is_given, is_failing, is_committing;
    uint64_t cut_digests[KEYSPACE_DBS_COUNT];
    uint64_t next_ms;
    size_t row_max_bytes; /* 0: the tracker's own */
    size_t commits_count, failures_count, coldest_count;
};

static inline void on_effect(struct effect_sink *sink, const struct effect *e)
{
    struct world *w = (struct world *)((char *)sink - offsetof(struct world, sink));
    struct effect read;
    bool has;
    w->effects.len = 0;
    effect_writer_start(&w->writer);
    CHECK(effect_write(&w->writer, e) == OXQ_OK);
    effect_reader_start(&w->reader, buf_borrow(&w->effects));
    CHECK(effect_read(&w->reader, &read, &has) == OXQ_OK);
    CHECK(keyspace_apply(&w->replica, &read) == OXQ_OK);
}

static inline void track(struct world *w)
{
    w->live.now_ms = w->replica.now_ms = START_MS;
    w->tracker = tracker_new(&w->live);
    if (w->row_max_bytes) w->tracker->row_max_bytes = w->row_max_bytes;
    tracker_set_cold_store(w->tracker, &w->store.cold);
    w->live.sink = &w->sink;
}

static inline void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){.sink = {on_effect}, .effects = {.limit_bytes = ITEMS_MAX}, .out = {.limit_bytes = ITEMS_MAX}};
    w->items.limit_bytes = ITEMS_MAX;
    rng_init(&w->rng, seed);
    keyspace_init(&w->live, &w->rng);
    keyspace_init(&w->replica, &w->rng);
    w->replica.is_expiry_paused = true;
    effect_writer_init(&w->writer, &w->effects);
    effect_reader_init(&w->reader);
    testkit_store_init(&w->store);
    track(w);
}

static inline void world_deinit(struct world *w)
{
    tracker_free(w->tracker);
    keyspace_deinit(&w->live);
    keyspace_deinit(&w->replica);
    effect_writer_deinit(&w->writer);
    effect_reader_deinit(&w->reader);
    buf_deinit(&w->effects);
    buf_deinit(&w->out);
    buf_deinit(&w->items);
    testkit_store_deinit(&w->store);
}

/* ---- checkpoints ---- */

static inline void begin(struct world *w)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) w->cut_digests[i] = digest_db(&w->replica.dbs[i]);
    w->out.len = w->items.len = 0;
    tracker_cut(w->tracker, &w->out);
    w->is_under_way = true;
    w->is_given = w->is_failing = w->is_committing = false;
}

static inline void take_out(struct world *w)
{
    CHECK(buf_append(&w->items, buf_borrow(&w->out)) == OXQ_OK);
    w->out.len = 0;
}

static inline void check_store(struct world *w)
{
    struct keyspace loaded;
    keyspace_init(&loaded, &w->rng);
    loaded.is_expiry_paused = true;
    testkit_store_load(&w->store, &loaded, NULL);
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) CHECK(digest_db(&loaded.dbs[i]) == w->cut_digests[i]);
    keyspace_deinit(&loaded);
}

static inline void give(struct world *w, size_t bytes)
{
    if (w->is_given || w->is_failing) return;
    w->is_given = tracker_give(w->tracker, bytes);
    take_out(w);
}

static inline void commit(struct world *w, size_t limit)
{
    if (!w->is_committing) {
        w->store.items_bytes = 0;
        memset(w->store.items_counts, 0, sizeof(w->store.items_counts));
        testkit_store_do(&w->store, buf_borrow(&w->items));
        check_store(w);
        w->is_committing = true;
        w->commits_count++;
    }
    w->is_under_way = !tracker_committed(w->tracker, limit);
}

static inline void fail(struct world *w, size_t limit)
{
    w->failures_count += !w->is_failing;
    w->is_failing = true;
    w->is_under_way = !tracker_failed(w->tracker, limit);
}

static inline void finish(struct world *w)
{
    while (w->is_under_way && w->is_failing) fail(w, SIZE_MAX);
    while (w->is_under_way && !w->is_given) give(w, SIZE_MAX / 2);
    while (w->is_under_way) commit(w, SIZE_MAX);
}

/* A whole checkpoint, from now on. */
static inline void save(struct world *w)
{
    finish(w);
    begin(w);
    finish(w);
}

static inline size_t count_items(const struct world *w, enum item_kind kind)
{
    return w->store.items_counts[kind];
}

static inline struct slice number_text(char text[static 16], size_t i)
{
    return slice_of(text, (size_t)snprintf(text, 16, "e%zu", i));
}

#endif
