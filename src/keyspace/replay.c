/* SPDX-License-Identifier: MIT */
#include "keyspace/replay.h"

#include "keyspace/edit_hash.h"

/* The nodes that stand in a step's bucket are asked for so many steps ahead. */
#define NODES_AHEAD 6

void replay_batch_deinit(struct replay_batch *b)
{
    arena_deinit(&b->texts);
    b->steps_count = b->items_count = 0;
}

/* ---- taking in ---- */

/* Queues have a few lists and sorted sets, which stay in the caches; jobs have hashes, locks, and keys that come and go. */
static bool is_of_many(enum effect_kind kind)
{
    static const uint64_t kinds = 1ull << EFFECT_HASH_SET | 1ull << EFFECT_HASH_DELETE | 1ull << EFFECT_KEY_DELETE |
                                  1ull << EFFECT_KEY_EXPIRE | 1ull << EFFECT_STRING_SET;
    return kinds >> kind & 1;
}

static void add_pair(struct replay_batch *b, struct effect *e, struct slice field, struct slice value)
{
    b->items[b->items_count++] = field;
    b->items[b->items_count++] = value;
    e->items_count += 2;
}

/* Does the effect set another field of the hash that the last step is about? The reader gives equal keys in a row once. */
static bool is_another_field(const struct replay_batch *b, const struct effect *e)
{
    if (e->kind != EFFECT_HASH_SET || b->steps_count == 0) return false;
    const struct effect *last = &b->steps[b->steps_count - 1].effect;
    return last->kind == EFFECT_HASH_SET && last->db == e->db && last->key.at == e->key.at && e->key.at;
}

static void add_step(struct replay_batch *b, const struct effect *e, uint64_t seq)
{
    struct replay_step *step = &b->steps[b->steps_count++];
    step->effect = *e;
    step->seq = seq;
    step->hash = is_of_many(e->kind) ? map_hash(e->key) : 0;
    if (e->kind != EFFECT_HASH_SET) return;
    step->effect.items = b->items + b->items_count;
    step->effect.items_count = 0;
    add_pair(b, &step->effect, e->a, e->b);
}

oxq_err replay_take(struct replay_batch *b, struct effect_reader *r, uint64_t seq, bool *out_is_full)
{
    effect_reader_keep(r, &b->texts);
    for (;;) {
        struct effect e;
        bool has;
        *out_is_full = b->steps_count == REPLAY_STEPS_MAX || b->items_count + 2 > REPLAY_ITEMS_MAX;
        if (*out_is_full) return OXQ_OK;
        oxq_err error = effect_read(r, &e, &has);
        if (error || !has) return error;
        b->effects_count++;
        if (is_another_field(b, &e))
            add_pair(b, &b->steps[b->steps_count - 1].effect, e.a, e.b);
        else
            add_step(b, &e, seq);
    }
}

/* ---- doing ---- */

static struct map *map_of(struct keyspace *ks, const struct replay_step *step)
{
    return step->hash && step->effect.db < KEYSPACE_DBS_COUNT ? &ks->dbs[step->effect.db].keys : NULL;
}

static void prefetch_buckets(const struct replay_batch *b, struct keyspace *ks)
{
    for (size_t i = 0; i < b->steps_count; i++) {
        const struct map *keys = map_of(ks, &b->steps[i]);
        if (keys) map_prefetch(keys, b->steps[i].hash);
    }
}

static oxq_err do_step(const struct replay_step *step, struct keyspace *ks)
{
    const struct effect *e = &step->effect;
    if (e->kind != EFFECT_HASH_SET) return keyspace_apply(ks, e);
    if (e->db >= KEYSPACE_DBS_COUNT) return OXQ_ERR_FORMAT;
    return edit_hash_apply_sets(&ks->dbs[e->db], e->key, step->hash, e->items, e->items_count);
}

oxq_err replay_apply(struct replay_batch *b, struct keyspace *ks, const struct replay_step **out_failed)
{
    prefetch_buckets(b, ks);
    for (size_t i = 0; i < b->steps_count; i++) {
        if (i + NODES_AHEAD < b->steps_count) {
            const struct replay_step *ahead = &b->steps[i + NODES_AHEAD];
            const struct map *keys = map_of(ks, ahead);
            if (keys) map_prefetch_nodes(keys, ahead->hash);
        }
        oxq_err error = do_step(&b->steps[i], ks);
        if (!error) continue;
        *out_failed = &b->steps[i];
        return error;
    }
    b->steps_count = b->items_count = 0;
    arena_reset(&b->texts);
    return OXQ_OK;
}
