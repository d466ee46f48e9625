/* SPDX-License-Identifier: MIT */
#include "keyspace/digest.h"

#include "base/siphash.h"
#include "keyspace/tracker.h"

uint64_t digest_chain_int(uint64_t digest, int64_t n)
{
    uint64_t words[2] = {digest, (uint64_t)n};
    return siphash_bytes(slice_of(words, sizeof(words)));
}

uint64_t digest_chain(uint64_t digest, struct slice bytes)
{
    return digest_chain_int(digest, (int64_t)siphash_bytes(bytes));
}

static uint64_t digest_key(struct slice key, const struct value *v, int64_t expiry_ms)
{
    uint64_t digest = digest_chain_int(digest_chain(v->type, key), expiry_ms);
    return digest_chain_int(digest, (int64_t)value_digest(v));
}

struct dormant_sum {
    struct db *db;
    uint64_t sum;
};

static void add_dormant(void *ctx, struct slice key, enum value_type type)
{
    struct dormant_sum *s = ctx;
    struct value v = {0};
    tracker_read_dormant(s->db->keyspace->tracker, s->db, key, type, &v);
    s->sum += digest_key(key, &v, -1);
    value_deinit(&v);
}

uint64_t digest_db(struct db *db)
{
    struct dormant_sum dormant = {.db = db};
    dormant_visit(&db->dormant, add_dormant, &dormant);
    uint64_t sum = dormant.sum;
    struct map_iter it;
    map_iter_begin(&it, &db->keys);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct entry *e = (struct entry *)node;
        if (entry_is_cold(e)) tracker_use(db->keyspace->tracker, db, e);
        sum += digest_key(entry_key(e), &e->value, db_expiry_ms(db, e));
    }
    map_iter_end(&it);
    return sum;
}
