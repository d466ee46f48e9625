/* SPDX-License-Identifier: MIT */
/*
 * Entries that changed stand in one of two lists, which take turns: the dirty list, and the list of the cut. The cut exchanges
 * their parts, in no time. The cut's list is handed over from its start: below `given` stands what is HANDED, above what is SAVING.
 *
 * Whoever touches a SAVING entry gives it first. Deletions must come before puts of the same key, so the cut gives them all, as
 * one chain.
 *
 * A database has a number on disk, which its content keeps when databases are swapped. A flushed one is dropped as a whole, by
 * its number. Its entries may live on in the graveyard and in the lists; by the number beside them they are known: dropped before
 * the cut they are passed over, dropped after it they are given until they are freed.
 *
 * Invariants (tracker_check):
 *  1. an entry's mark tells its list and index; the slot there points back at it. Every entry is in a list or ENTRY_CLEAN.
 *  2. a clean entry's row in the last committed checkpoint holds its value and expiry.
 *  3. a large entry has a struct tracker_large, found by the entry's address; cold ones and those that may become it are clean and not large.
 *  4. the cut's list is empty and there are no gifts when no checkpoint is under way; `given` is 0 but while saving.
 */
#include "base/mem.h"
#include "keyspace/tracker_state.h"
#include "keyspace/value_codec.h"

/* What an entry costs tracker_give beside its bytes: looking at it. */
#define GIVE_ENTRY_BYTES 32

/* ---- lists ---- */

static uint32_t cut_list(const struct tracker *t)
{
    return 1 - t->ks->dirty_list;
}

static struct entry **entry_slot(const struct tracker_list *l, size_t index)
{
    return &l->chunks[index / TRACKER_CHUNK_COUNT]->entries[index % TRACKER_CHUNK_COUNT];
}

static uint32_t *number_slot(const struct tracker_list *l, size_t index)
{
    return &l->chunks[index / TRACKER_CHUNK_COUNT]->db_numbers[index % TRACKER_CHUNK_COUNT];
}

struct entry *tracker_at(const struct tracker_list *l, size_t index)
{
    return *entry_slot(l, index);
}

uint32_t tracker_number_of(const struct tracker *t, const struct entry *e)
{
    SLOW_CHECK(e->mark.list != ENTRY_CLEAN);
    return *number_slot(&t->lists[e->mark.list], e->mark.index);
}

static void list_put(struct tracker_list *l, size_t index, struct entry *e, uint32_t db_number)
{
    *entry_slot(l, index) = e;
    *number_slot(l, index) = db_number;
    e->mark.index = (uint32_t)index & ENTRY_INDEX_MAX;
}

void tracker_enter(struct tracker *t, uint32_t list, struct entry *e, uint32_t db_number)
{
    struct tracker_list *l = &t->lists[list];
    CHECK(l->count < ENTRY_INDEX_MAX);
    if (l->count == l->chunks_count * TRACKER_CHUNK_COUNT) {
        if (l->chunks_count == l->chunks_cap) {
            l->chunks_cap = l->chunks_cap ? l->chunks_cap * 2 : 8;
            l->chunks = mem_resize(l->chunks, l->chunks_cap * sizeof(struct tracker_chunk *));
        }
        l->chunks[l->chunks_count++] = mem_alloc(sizeof(struct tracker_chunk));
    }
    e->mark.list = list & 3;
    list_put(l, l->count++, e, db_number);
}

/* Drops the last slot, and chunks that are not needed any more but for one. */
static void list_pop(struct tracker_list *l)
{
    l->count--;
    while (l->chunks_count > l->count / TRACKER_CHUNK_COUNT + 2) mem_free(l->chunks[--l->chunks_count]);
}

static void list_move(struct tracker_list *l, size_t from, size_t to)
{
    if (from != to) list_put(l, to, *entry_slot(l, from), *number_slot(l, from));
}

void tracker_leave(struct tracker *t, struct entry *e)
{
    struct tracker_list *l = &t->lists[e->mark.list];
    size_t hole = e->mark.index;
    SLOW_CHECK(hole < l->count && *entry_slot(l, hole) == e);
    if (e->mark.list == cut_list(t) && hole < t->given) {
        list_move(l, --t->given, hole);
        hole = t->given;
    }
    list_move(l, l->count - 1, hole);
    list_pop(l);
}

static void list_deinit(struct tracker_list *l)
{
    while (l->chunks_count > 0) mem_free(l->chunks[--l->chunks_count]);
    mem_free(l->chunks);
    *l = (struct tracker_list){0};
}

/* ---- numbers of databases ---- */

/* The place of the first number that is not smaller. */
static size_t numbers_seek(const struct tracker_numbers *n, uint32_t number)
{
    size_t low = 0, high = n->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (n->at[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool numbers_have(const struct tracker_numbers *n, uint32_t number)
{
    size_t at = numbers_seek(n, number);
    return at < n->count && n->at[at] == number;
}

static void numbers_add(struct tracker_numbers *n, uint32_t number)
{
    if (n->count == n->cap) {
        n->cap = n->cap ? n->cap * 2 : 8;
        n->at = mem_resize(n->at, n->cap * sizeof(*n->at));
    }
    size_t at = numbers_seek(n, number);
    memmove(n->at + at + 1, n->at + at, (n->count - at) * sizeof(*n->at));
    n->at[at] = number;
    n->count++;
}

static void numbers_deinit(struct tracker_numbers *n)
{
    mem_free(n->at);
    *n = (struct tracker_numbers){0};
}

/* ---- deletions ---- */

void tracker_delete(struct tracker *t, const struct item *item)
{
    item_write(items_chain_room(&t->deletes.items), item);
    t->deletes.count++;
}

/* ---- life ---- */

struct tracker *tracker_new(struct keyspace *ks)
{
    CHECK(!ks->tracker);
    struct tracker *t = mem_alloc_zero(sizeof(*t));
    t->ks = ks;
    t->row_max_bytes = TRACKER_ROW_MAX_BYTES;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) t->db_numbers[i] = i;
    t->next_number = KEYSPACE_DBS_COUNT;
    tracker_large_init(t);
    ks->tracker = t;
    ks->graveyard.tracker = t;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        struct map_iter it;
        map_iter_begin(&it, &ks->dbs[i].keys);
        for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
            struct entry *e = (struct entry *)node;
            tracker_enter(t, ks->dirty_list, e, i);
            if (value_count(&e->value) > TRACKER_LARGE_COUNT) tracker_enlarge(t, e);
        }
        map_iter_end(&it);
    }
    return t;
}

static void free_flushed(struct tracker *t)
{
    while (t->flushed) {
        struct tracker_flushed *next = t->flushed->next;
        heap_deinit(&t->flushed->expiries);
        mem_free(t->flushed);
        t->flushed = next;
    }
}

void tracker_free(struct tracker *t)
{
    if (!t) return;
    t->ks->tracker = NULL;
    t->ks->graveyard.tracker = NULL;
    list_deinit(&t->lists[0]);
    list_deinit(&t->lists[1]);
    list_deinit(&t->lists[ENTRY_WARM]);
    numbers_deinit(&t->dropped);
    numbers_deinit(&t->cut_dropped);
    items_chain_deinit(&t->deletes.items);
    items_chain_deinit(&t->cut_deletes.items);
    free_flushed(t);
    tracker_large_deinit(t);
    mem_free(t);
}

void tracker_adopt_numbers(struct tracker *t, const uint32_t db_numbers[KEYSPACE_DBS_COUNT], uint64_t next_number)
{
    memcpy(t->db_numbers, db_numbers, sizeof(t->db_numbers));
    t->next_number = next_number;
}

/* ---- giving ---- */

static const struct heap *expiries_of(const struct tracker *t, uint32_t db_number)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        if (t->db_numbers[i] == db_number) return &t->ks->dbs[i].expiries;
    }
    const struct tracker_flushed *f = t->flushed;
    while (f && f->db_number != db_number) f = f->next;
    CHECK(f != NULL);
    return &f->expiries;
}

/* The item has the key's fields. Returns as tracker_large_give, which it is left to where the row would be too long. */
static size_t give_small(struct tracker *t, struct entry *e, struct item *item)
{
    SLOW_CHECK(value_count(&e->value) <= TRACKER_LARGE_COUNT);
    size_t start = t->out->len, begun_at = item_begin(t->out, item);
    mem_must(value_encode(&e->value, t->out));
    item_end(t->out, begun_at);
    if (t->out->len - begun_at <= t->row_max_bytes) return 0;
    t->out->len = start;
    tracker_enlarge(t, e);
    return tracker_large_give(t, e, item);
}

/* An entry as it is now, unless its database was dropped before the cut. Returns the bytes encoded apart from what was appended. */
static size_t give_entry(struct tracker *t, struct entry *e, uint32_t db_number)
{
    if (t->cut_dropped.count > 0 && numbers_have(&t->cut_dropped, db_number)) return 0;
    SLOW_CHECK(!entry_is_cold(e));
    struct item item = {
        .kind = ITEM_KEY_PUT,
        .db_number = db_number,
        .type = (enum value_type)e->value.type,
        .key = entry_key(e),
    };
    if (e->node.aux != ENTRY_NO_EXPIRY) item.expire_ms = expiries_of(t, db_number)->slots[e->node.aux].key;
    e->mark.has_row = 1;
    return e->mark.is_large ? tracker_large_give(t, e, &item) : give_small(t, e, &item);
}

static bool is_saving(const struct tracker *t, const struct entry *e)
{
    return t->phase == TRACKER_SAVING && e->mark.list == cut_list(t) && e->mark.index >= t->given;
}

/* Gives an entry that is about to change, go, or be freed, if the cut still wants it. */
static void give_early(struct tracker *t, struct entry *e)
{
    if (is_saving(t, e)) (void)give_entry(t, e, tracker_number_of(t, e));
}

/* ---- what the keyspace calls ---- */

void tracker_touch(struct tracker *t, struct db *db, struct entry *e)
{
    if (entry_is_cold(e)) tracker_use(t, db, e);
    if (e->mark.list != ENTRY_CLEAN) {
        give_early(t, e);
        tracker_leave(t, e);
    }
    tracker_enter(t, t->ks->dirty_list, e, t->db_numbers[db->index]);
}

/* The entry is about to go. */
static void let_go(struct tracker *t, struct entry *e)
{
    if (entry_is_cold(e)) tracker_forget_cold(t, e);
    if (e->mark.list == ENTRY_CLEAN) return;
    give_early(t, e);
    tracker_leave(t, e);
}

void tracker_drop(struct tracker *t, struct db *db, struct entry *e)
{
    let_go(t, e);
    if (e->mark.has_row) {
        struct item item = {.kind = ITEM_KEY_DELETE, .db_number = t->db_numbers[db->index], .key = entry_key(e)};
        tracker_delete(t, &item);
    }
    e->mark.list = ENTRY_CLEAN;
    e->mark.index = 0;
    e->mark.has_row = 0;
}

void tracker_freeing(struct tracker *t, struct entry *e)
{
    let_go(t, e);
    if (e->mark.is_large) tracker_large_drop(t, e);
}

void tracker_flush(struct tracker *t, struct db *db)
{
    if (db_count(db) == 0) return;
    uint32_t *number = &t->db_numbers[db->index];
    if (t->phase == TRACKER_SAVING) {
        struct tracker_flushed *f = mem_alloc(sizeof(*f));
        *f = (struct tracker_flushed){t->flushed, *number, db->expiries};
        db->expiries = (struct heap){.moved = db->expiries.moved};
        t->flushed = f;
    }
    tracker_delete(t, &(struct item){.kind = ITEM_DB_DELETE, .db_number = *number});
    numbers_add(&t->dropped, *number);
    tracker_large_flush(t, *number);
    CHECK(t->next_number < UINT32_MAX);
    *number = (uint32_t)t->next_number++;
}

void tracker_swap(struct tracker *t, const struct db *a, const struct db *b)
{
    uint32_t number = t->db_numbers[a->index];
    t->db_numbers[a->index] = t->db_numbers[b->index];
    t->db_numbers[b->index] = number;
    t->is_swapped = true;
}

/* ---- a checkpoint ---- */

size_t tracker_dirty_count(const struct tracker *t)
{
    size_t count = t->lists[t->ks->dirty_list].count + t->deletes.count + t->is_swapped;
    if (t->phase == TRACKER_FAILING) count += t->lists[cut_list(t)].count;
    return count;
}

void tracker_cut(struct tracker *t, struct buf *out)
{
    CHECK(t->phase == TRACKER_IDLE);
    t->phase = TRACKER_SAVING;
    t->ks->dirty_list = cut_list(t);
    t->out = out;
    t->cut_deletes = t->deletes;
    t->deletes = (struct tracker_deletes){0};
    t->cut_dropped = t->dropped;
    t->dropped = (struct tracker_numbers){0};
    t->is_cut_swapped = t->is_swapped;
    t->is_swapped = false;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++)
        item_write(out, &(struct item){.kind = ITEM_DB_NUMBER, .n = i, .db_number = t->db_numbers[i]});
    const struct items_piece *deletes = t->cut_deletes.items.first;
    if (deletes) item_write(out, &(struct item){.kind = ITEM_CHAIN, .pieces = deletes});
}

bool tracker_give(struct tracker *t, size_t bytes)
{
    CHECK(t->phase == TRACKER_SAVING && bytes > 0);
    struct tracker_list *l = &t->lists[cut_list(t)];
    size_t stop_at = t->out->len + bytes, others = 0;
    for (; t->given < l->count; t->given++) {
        if (t->out->len + others >= stop_at) return false;
        others += GIVE_ENTRY_BYTES + give_entry(t, *entry_slot(l, t->given), *number_slot(l, t->given));
    }
    item_write(t->out, &(struct item){.kind = ITEM_NEXT_NUMBER, .disk_id = t->next_number});
    t->phase = TRACKER_HANDED;
    t->given = 0;
    t->out = NULL;
    free_flushed(t);
    return true;
}

/* The checkpoint is over: what was kept for its failure goes. */
static bool end_checkpoint(struct tracker *t)
{
    if (t->lists[cut_list(t)].count > 0 || t->gifts) return false;
    t->phase = TRACKER_IDLE;
    return true;
}

bool tracker_committed(struct tracker *t, size_t limit)
{
    CHECK(t->phase == TRACKER_HANDED || t->phase == TRACKER_COMMITTING);
    if (t->phase == TRACKER_HANDED) {
        t->phase = TRACKER_COMMITTING;
        graveyard_give_items(&t->ks->graveyard, &t->cut_deletes.items);
        numbers_deinit(&t->cut_dropped);
    }
    tracker_large_end_gifts(t, true, &limit);
    struct tracker_list *l = &t->lists[cut_list(t)];
    for (; l->count > 0 && limit > 0; limit--) {
        struct entry *e = *entry_slot(l, l->count - 1);
        uint32_t db_number = *number_slot(l, l->count - 1);
        list_pop(l);
        tracker_settle(t, e, db_number);
    }
    return end_checkpoint(t);
}

/* Deletions of the cut come before those since. */
static void begin_failing(struct tracker *t)
{
    t->phase = TRACKER_FAILING;
    t->given = 0;
    t->out = NULL;
    free_flushed(t);
    items_chain_join(&t->cut_deletes.items, &t->deletes.items);
    t->deletes.items = items_chain_take(&t->cut_deletes.items);
    t->deletes.count += t->cut_deletes.count;
    for (size_t i = 0; i < t->cut_dropped.count; i++) numbers_add(&t->dropped, t->cut_dropped.at[i]);
    numbers_deinit(&t->cut_dropped);
    t->is_swapped |= t->is_cut_swapped;
}

bool tracker_failed(struct tracker *t, size_t limit)
{
    CHECK(t->phase == TRACKER_SAVING || t->phase == TRACKER_HANDED || t->phase == TRACKER_FAILING);
    if (t->phase != TRACKER_FAILING) begin_failing(t);
    tracker_large_end_gifts(t, false, &limit);
    struct tracker_list *l = &t->lists[cut_list(t)];
    for (; l->count > 0 && limit > 0; limit--) {
        struct entry *e = *entry_slot(l, l->count - 1);
        uint32_t db_number = *number_slot(l, l->count - 1);
        list_pop(l);
        tracker_enter(t, t->ks->dirty_list, e, db_number);
    }
    return end_checkpoint(t);
}

/* ---- checks ---- */

static void check_entry(struct tracker *t, uint32_t db_number, struct entry *e)
{
    if (e->mark.list >= ENTRY_WARM) CHECK(e->mark.has_row);                                             /* 2 */
    if (e->mark.list == ENTRY_WARM) CHECK(!e->mark.is_large);                                           /* 3 */
    if (entry_is_cold(e)) CHECK(e->mark.list >= ENTRY_WARM && !e->mark.is_large && !e->mark.is_recent); /* 3 */
    if (e->mark.list == ENTRY_CLEAN) {
        CHECK(e->mark.index == 0); /* 1 */
    } else {
        const struct tracker_list *l = &t->lists[e->mark.list];
        CHECK(e->mark.index < l->count && *entry_slot(l, e->mark.index) == e); /* 1 */
        CHECK(*number_slot(l, e->mark.index) == db_number);
    }
    if (e->mark.is_large) tracker_large_check(t, e); /* 3 */
}

void tracker_check(struct tracker *t)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        struct map_iter it;
        map_iter_begin(&it, &t->ks->dbs[i].keys);
        for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it))
            check_entry(t, t->db_numbers[i], (struct entry *)node);
        map_iter_end(&it);
    }
    for (uint32_t list = 0; list <= ENTRY_WARM; list++) {
        const struct tracker_list *l = &t->lists[list];
        for (size_t i = 0; i < l->count; i++) {
            const struct entry *e = *entry_slot(l, i);
            CHECK(e->mark.list == list && e->mark.index == i); /* 1 */
        }
    }
    CHECK(t->phase != TRACKER_IDLE || (t->lists[cut_list(t)].count == 0 && !t->gifts)); /* 4 */
    CHECK(t->phase == TRACKER_SAVING || t->given == 0);
    CHECK(t->given <= t->lists[cut_list(t)].count);
}
