/* SPDX-License-Identifier: MIT */
/*
 * A scan goes through the hashes: a step gives all keys whose hashes end in the same bits, wherever they are. How many bits that are
 * the larger one of the two tables tells, so that a step is about one bucket of each.
 */
#include "keyspace/keys.h"

struct visit {
    keys_visit_fn *fn;
    void *ctx;
};

static struct keys_key key_of(const struct entry *e)
{
    return (struct keys_key){entry_key(e), (enum value_type)e->value.type, e};
}

static void visit_node(void *ctx, struct map_node *node)
{
    const struct visit *v = ctx;
    struct keys_key key = key_of((const struct entry *)node);
    v->fn(v->ctx, &key);
}

static void visit_dormant(void *ctx, struct slice name, enum value_type type)
{
    const struct visit *v = ctx;
    v->fn(v->ctx, &(struct keys_key){name, type, NULL});
}

void keys_visit(struct db *db, keys_visit_fn *fn, void *ctx)
{
    struct visit v = {fn, ctx};
    struct map_iter it;
    map_iter_begin(&it, &db->keys);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) visit_node(&v, node);
    map_iter_end(&it);
    dormant_visit(&db->dormant, visit_dormant, &v);
}

uint64_t keys_scan(struct db *db, uint64_t cursor, keys_visit_fn *fn, void *ctx)
{
    struct visit v = {fn, ctx};
    if (db->dormant.count == 0) return map_scan(&db->keys, cursor, visit_node, &v);
    uint64_t mask = map_mask(&db->keys), other = dormant_mask(&db->dormant);
    if (other > mask) mask = other;
    map_scan_part(&db->keys, cursor, mask, visit_node, &v);
    dormant_visit_some(&db->dormant, cursor, mask, visit_dormant, &v);
    return map_scan_next(cursor, mask);
}

bool keys_random(struct db *db, struct rng *rng, char room[DORMANT_KEY_MAX], struct keys_key *out)
{
    size_t dormant = db->dormant.count;
    if (db_count(db) == 0) return false;
    if (dormant > 0 && rng_below(rng, db_count(db)) < dormant) {
        *out = (struct keys_key){.entry = NULL};
        out->name = dormant_random(&db->dormant, rng, room, &out->type);
        return true;
    }
    *out = key_of((const struct entry *)map_random(&db->keys, rng));
    return true;
}
