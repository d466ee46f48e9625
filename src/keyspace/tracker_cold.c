/* SPDX-License-Identifier: MIT */
/*
 * Cold values: a clean small value that nobody looked at for a whole round of the clock hand leaves memory, and its entry too: the
 * key is dormant then (keyspace/dormant.h). Where the key expires or is long the entry stays, with an empty value.
 *
 *   warm ---- cool_entry ----> cold entry ---- db_sleep ----> dormant
 *     ^                         |     ^                          |
 *     '-- tracker_use (db_find) '     '--- db_find, db_peek -----'
 *
 * db_find brings the value back from the last committed checkpoint; db_peek leaves it there. The hand comes by what was woken like by what is warm.
 *
 * The hand goes round the list of warm values, so what is cold costs it nothing. A clean value's row stays as it is until the entry
 * changes, whatever a running checkpoint writes meanwhile; so values may leave and come back at any time.
 */
#include "base/mem.h"
#include "keyspace/tracker_state.h"

/* The entry is in no list. */
static void become_clean(struct entry *e, bool is_recent)
{
    e->mark.list = ENTRY_CLEAN;
    e->mark.has_row = 1;
    e->mark.is_recent = is_recent;
    e->mark.is_cold = 0;
    e->mark.index = 0;
}

static void become_cold(struct tracker *t, struct entry *e)
{
    become_clean(e, false);
    e->mark.is_cold = 1;
    t->cold_count++;
}

/* Puts a clean entry on the list that the hand goes round. */
static void enlist(struct tracker *t, struct entry *e, uint32_t db_number)
{
    bool has_room = t->lists[ENTRY_WARM].count < ENTRY_INDEX_MAX;
    if (t->is_cooling && !e->mark.is_large && has_room) tracker_enter(t, ENTRY_WARM, e, db_number);
}

void tracker_settle(struct tracker *t, struct entry *e, uint32_t db_number)
{
    become_clean(e, true);
    enlist(t, e, db_number);
}

/* Nothing cools yet: whoever wants that first finds the entry by its walk. */
void tracker_adopt(struct tracker *t, struct entry *e, uint64_t disk_id, bool is_cold)
{
    CHECK(!(is_cold && disk_id) && !e->mark.is_large && !t->is_cooling);
    if (disk_id) tracker_large_adopt(t, e, disk_id);
    if (e->mark.list != ENTRY_CLEAN) tracker_leave(t, e);
    if (is_cold)
        become_cold(t, e);
    else
        become_clean(e, false);
}

void tracker_set_cold_store(struct tracker *t, struct cold_store *store)
{
    t->cold_store = store;
}

size_t tracker_cold_count(const struct tracker *t)
{
    size_t count = t->cold_count;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) count += t->ks->dbs[i].dormant.count;
    return count;
}

void tracker_forget_cold(struct tracker *t, struct entry *e)
{
    t->cold_count--;
    e->mark.is_cold = 0;
}

void tracker_read_dormant(struct tracker *t, const struct db *db, struct slice key, enum value_type type,
                          struct value *v)
{
    struct oxq_error err;
    if (t->cold_store->load(t->cold_store, t->db_numbers[db->index], key, type, v, &err))
        t->cold_store->lost(t->cold_store, key, &err);
    CHECK(v->type == type);
}

void tracker_woken(struct tracker *t, struct db *db, struct entry *e)
{
    become_cold(t, e);
    enlist(t, e, t->db_numbers[db->index]);
}

static void warm(struct tracker *t, const struct db *db, struct entry *e)
{
    struct value v = {0};
    tracker_read_dormant(t, db, entry_key(e), (enum value_type)e->value.type, &v);
    v.aux = e->value.aux;
    e->value = v;
    tracker_forget_cold(t, e);
    if (e->mark.list == ENTRY_CLEAN) tracker_settle(t, e, t->db_numbers[db->index]);
}

void tracker_use(struct tracker *t, const struct db *db, struct entry *e)
{
    if (entry_is_cold(e)) warm(t, db, e);
    e->mark.is_recent = 1;
}

/* ---- the clock hand ---- */

struct sweep {
    struct tracker *t;
    uint32_t db_number;
    size_t seen;
};

static void sweep_entry(void *ctx, struct map_node *node)
{
    struct sweep *s = ctx;
    struct entry *e = (struct entry *)node;
    s->seen++;
    if (e->mark.list == ENTRY_CLEAN) enlist(s->t, e, s->db_number);
}

/* Puts what was clean or cold before anybody wanted values to leave on the list of warm ones; takes its looks from *limit. */
static void sweep(struct tracker *t, size_t *limit)
{
    while (t->sweep_db<KEYSPACE_DBS_COUNT && * limit> 0) {
        struct sweep s = {t, t->db_numbers[t->sweep_db], 1}; /* an empty bucket costs a look as well */
        t->sweep_after = map_scan(&t->ks->dbs[t->sweep_db].keys, t->sweep_after, sweep_entry, &s);
        if (t->sweep_after == 0) t->sweep_db++;
        *limit -= s.seen < *limit ? s.seen : *limit;
    }
}

/* The value of a warm entry, in no list, goes; 0: it has no bytes, and stays. */
static size_t free_value(struct tracker *t, struct entry *e)
{
    size_t bytes = value_bytes(&e->value, 1);
    if (bytes == 0) return 0;
    uint32_t aux = e->value.aux;
    enum value_type type = (enum value_type)e->value.type;
    value_deinit(&e->value);
    e->value.aux = aux;
    value_init(&e->value, type);
    become_cold(t, e);
    return bytes;
}

/* NULL: it was flushed, and the entry is in the graveyard. */
static struct db *db_of(const struct tracker *t, uint32_t db_number)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        if (t->db_numbers[i] == db_number) return &t->ks->dbs[i];
    }
    return NULL;
}

/* The hand is at the entry. Returns the bytes freed. */
static size_t cool_entry(struct tracker *t, struct entry *e)
{
    if (e->mark.is_recent) {
        e->mark.is_recent = 0;
        t->hand++;
        return 0;
    }
    struct db *db = db_of(t, tracker_number_of(t, e));
    tracker_leave(t, e); /* another one takes its place, under the hand */
    e->mark.list = ENTRY_CLEAN;
    e->mark.index = 0;
    size_t freed = entry_is_cold(e) ? 0 : free_value(t, e), own = offsetof(struct entry, key) + e->value.aux;
    if (!entry_is_cold(e) || !db || !db_sleep(db, e)) return freed;
    t->cold_count--;
    return freed + own;
}

size_t tracker_cool(struct tracker *t, size_t limit, bool *out_is_round)
{
    const struct tracker_list *warm = &t->lists[ENTRY_WARM];
    size_t freed = 0;
    *out_is_round = !t->cold_store;
    if (!t->cold_store) return 0;
    t->is_cooling = true;
    for (sweep(t, &limit); limit > 0 && !*out_is_round; limit--) {
        *out_is_round = t->hand >= warm->count;
        if (*out_is_round)
            t->hand = 0;
        else
            freed += cool_entry(t, tracker_at(warm, t->hand));
    }
    return freed;
}
