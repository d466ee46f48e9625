/* SPDX-License-Identifier: MIT */
/*
 * Cold values: a clean small value that nobody looked at for a whole round of the clock hand leaves memory. Its entry stays, with
 * key, type and expiry, and an empty value; whoever finds it (db_find) brings the value back from the last committed checkpoint.
 */
#include "base/mem.h"
#include "keyspace/tracker_state.h"

static void become_clean(struct tracker *t, struct entry *e)
{
    if (e->mark.list != ENTRY_CLEAN) tracker_leave(t, e);
    e->mark.list = ENTRY_CLEAN;
    e->mark.has_row = 1;
    e->mark.index = 0;
}

void tracker_adopt(struct tracker *t, struct entry *e, uint64_t disk_id, bool is_cold)
{
    CHECK(!(is_cold && disk_id) && !e->mark.is_large);
    if (disk_id) tracker_large_adopt(t, e, disk_id);
    become_clean(t, e);
    if (!is_cold) return;
    e->mark.index = ENTRY_COLD;
    t->cold_count++;
}

void tracker_set_cold_store(struct tracker *t, struct cold_store *store)
{
    t->cold_store = store;
}

size_t tracker_cold_count(const struct tracker *t)
{
    return t->cold_count;
}

void tracker_forget_cold(struct tracker *t, struct entry *e)
{
    t->cold_count--;
    e->mark.index = 0;
}

static void warm(struct tracker *t, const struct db *db, struct entry *e)
{
    struct value v = {0};
    struct oxq_error err;
    if (t->cold_store->load(t->cold_store, t->db_numbers[db->index], entry_key(e), (enum value_type)e->value.type, &v,
                            &err))
        t->cold_store->lost(t->cold_store, entry_key(e), &err);
    CHECK(v.type == e->value.type);
    v.aux = e->value.aux;
    e->value = v;
    tracker_forget_cold(t, e);
}

void tracker_use(struct tracker *t, const struct db *db, struct entry *e)
{
    if (entry_is_cold(e)) warm(t, db, e);
    e->mark.index = ENTRY_RECENT;
}

/* ---- the clock hand ---- */

struct cooling {
    struct tracker *t;
    size_t seen, bytes;
};

static void cool_entry(void *ctx, struct map_node *node)
{
    struct cooling *c = ctx;
    struct entry *e = (struct entry *)node;
    c->seen++;
    if (e->mark.list != ENTRY_CLEAN || e->mark.is_large || entry_is_cold(e)) return;
    if (e->mark.index == ENTRY_RECENT) {
        e->mark.index = 0;
        return;
    }
    size_t bytes = value_bytes(&e->value, 1);
    if (bytes == 0) return;
    uint32_t aux = e->value.aux;
    enum value_type type = (enum value_type)e->value.type;
    value_deinit(&e->value);
    e->value.aux = aux;
    value_init(&e->value, type);
    e->mark.index = ENTRY_COLD;
    c->t->cold_count++;
    c->bytes += bytes;
}

size_t tracker_cool(struct tracker *t, size_t limit)
{
    if (t->phase != TRACKER_IDLE || !t->cold_store) return 0;
    struct cooling c = {t, 0, 0};
    for (uint32_t dbs = 0; c.seen < limit && dbs <= KEYSPACE_DBS_COUNT;) {
        t->hand_cursor = map_scan(&t->ks->dbs[t->hand_db].keys, t->hand_cursor, cool_entry, &c);
        if (t->hand_cursor != 0) {
            c.seen++; /* an empty bucket costs a look as well */
            continue;
        }
        t->hand_db = (t->hand_db + 1) % KEYSPACE_DBS_COUNT;
        dbs++;
    }
    return c.bytes;
}
