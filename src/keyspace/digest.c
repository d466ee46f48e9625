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

uint64_t digest_db(struct db *db)
{
    uint64_t sum = 0;
    struct map_iter it;
    map_iter_begin(&it, &db->keys);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct entry *e = (struct entry *)node;
        if (entry_is_cold(e)) tracker_use(db->keyspace->tracker, db, e);
        uint64_t digest = digest_chain(e->value.type, entry_key(e));
        digest = digest_chain_int(digest, db_expiry_ms(db, e));
        sum += digest_chain_int(digest, (int64_t)value_digest(&e->value));
    }
    map_iter_end(&it);
    return sum;
}
