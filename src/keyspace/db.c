/* SPDX-License-Identifier: MIT */
/*
 * Databases: keys, their expiry, and the changes that concern whole keys.
 *
 * Invariants (db_check):
 *  1. an entry's node.aux is its index in expiries, or ENTRY_NO_EXPIRY; the slot there points back at it.
 *  2. a key of a container type (all but strings and streams) is never empty between commands, unless its value is cold.
 *  3. a dormant key has no entry.
 *
 * A key is removed when its time has come by whoever meets it first: db_find, or keyspace_expire in the background.
 *
 * Job clients ask for a few keys of a queue with every job (its lists, meta, events), and for the job's own several times. Their hashes and
 * entries stand in db->hot, at a place that the key's end tells; whoever comes to that place next takes it. An entry leaves it before it
 * is unlinked, so
 *  4. a hot place's entry is in keys and has its key; its hash is the key's.
 */
#include "keyspace/db.h"

#include "base/mem.h"
#include "keyspace/tracker.h"
#include "keyspace/value_codec.h"

static struct slice key_of_node(const struct map_node *node)
{
    return entry_key((const struct entry *)node);
}

static void expiry_moved(void *item, uint32_t index)
{
    struct entry *e = item;
    e->node.aux = index;
}

void keyspace_init(struct keyspace *ks, struct rng *rng)
{
    *ks = (struct keyspace){.rng = rng, .stream_block_max_entries = 100, .stream_block_max_bytes = 4096};
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        ks->dbs[i] = (struct db){
            .keyspace = ks,
            .index = i,
            .keys = {.key_of = key_of_node},
            .expiries = {.moved = expiry_moved},
        };
    }
}

static void free_entry(struct db *db, struct entry *e)
{
    if (e->mark.is_large) tracker_freeing(db->keyspace->tracker, e);
    graveyard_give_value(&db->keyspace->graveyard, &e->value);
    mem_free(e);
}

/* ---- hot keys ---- */

/* The key's place, whichever key has it now; NULL: keys of this length have none. */
static struct db_hot *hot_place(struct db *db, struct slice key)
{
    if (key.len < DB_HOT_KEY_MIN || key.len > DB_HOT_KEY_MAX) return NULL;
    uint64_t end;
    memcpy(&end, key.at + key.len - sizeof(end), sizeof(end));
    return &db->hot[(end + key.len) * 0x9e3779b97f4a7c15u >> (64 - DB_HOT_BITS)];
}

/* Keys of one length, at least 8: a call of memcmp costs more. */
static bool is_same_key(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i + 8 < len; i += 8) {
        if (memcmp(a + i, b + i, 8) != 0) return false;
    }
    return memcmp(a + len - 8, b + len - 8, 8) == 0;
}

/* The key's place, which it has now; or NULL. */
static struct db_hot *take_hot(struct db *db, struct slice key)
{
    struct db_hot *hot = hot_place(db, key);
    if (!hot || (hot->len == key.len && is_same_key(hot->key, key.at, key.len))) return hot;
    hot->entry = NULL;
    hot->hash = map_hash(key);
    hot->len = (uint16_t)key.len;
    memcpy(hot->key, key.at, key.len);
    return hot;
}

static void cool(struct db *db, const struct entry *e)
{
    struct db_hot *hot = hot_place(db, entry_key(e));
    if (hot && hot->entry == e) hot->entry = NULL;
}

static void cool_all(struct db *db)
{
    for (size_t i = 0; i < sizeof(db->hot) / sizeof(db->hot[0]); i++) db->hot[i].entry = NULL;
}

static void empty(struct db *db)
{
    cool_all(db);
    graveyard_give_keys(&db->keyspace->graveyard, &db->keys);
    graveyard_give_dormant(&db->keyspace->graveyard, &db->dormant);
    heap_deinit(&db->expiries);
}

void keyspace_deinit(struct keyspace *ks)
{
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) empty(&ks->dbs[i]);
    graveyard_deinit(&ks->graveyard);
}

/* The effects by which a value may become large. */
static bool makes_larger(enum effect_kind kind)
{
    static const uint64_t kinds = 1ull << EFFECT_HASH_SET | 1ull << EFFECT_LIST_PUSH_HEAD |
                                  1ull << EFFECT_LIST_PUSH_TAIL | 1ull << EFFECT_LIST_INSERT | 1ull << EFFECT_SET_ADD |
                                  1ull << EFFECT_ZSET_SET | 1ull << EFFECT_STREAM_ADD;
    return kinds >> kind & 1;
}

void db_report(struct db *db, struct entry *e, struct effect effect)
{
    struct keyspace *ks = db->keyspace;
    ks->changes_count++;
    if (e && ks->tracker) {
        SLOW_CHECK(e->mark.list == ks->dirty_list);
        if (e->mark.is_large || makes_larger(effect.kind)) tracker_note(ks->tracker, e, &effect);
    }
    if (!ks->sink) return;
    effect.db = db->index;
    ks->sink->on_effect(ks->sink, &effect);
}

/* ---- entries ---- */

/* A new entry whose value is uninitialised but for the key's length, and of which the tracker has not been told. */
static struct entry *entry_place(struct db *db, struct slice key, uint32_t hash)
{
    CHECK(key.len < UINT32_MAX);
    struct entry *e = mem_alloc(offsetof(struct entry, key) + key.len);
    e->node.aux = ENTRY_NO_EXPIRY;
    e->value = (struct value){.aux = (uint32_t)key.len};
    e->mark = (struct entry_mark){0};
    if (key.len) memcpy(e->key, key.at, key.len);
    map_insert_hashed(&db->keys, &e->node, hash);
    return e;
}

struct entry *db_adopt(struct db *db, struct slice key, uint32_t hash, enum value_type type)
{
    struct entry *e = entry_place(db, key, hash);
    e->mark.list = ENTRY_CLEAN;
    value_init(&e->value, type);
    return e;
}

bool db_adopt_dormant(struct db *db, struct slice key, uint32_t hash, enum value_type type)
{
    if (key.len > DORMANT_KEY_MAX) return false;
    dormant_add(&db->dormant, key, hash, type);
    return true;
}

bool db_sleep(struct db *db, struct entry *e)
{
    SLOW_CHECK(entry_is_cold(e) && e->mark.list == ENTRY_CLEAN);
    if (e->node.aux != ENTRY_NO_EXPIRY) return false;
    if (!db_adopt_dormant(db, entry_key(e), e->node.hash, (enum value_type)e->value.type)) return false;
    cool(db, e);
    map_unlink(&db->keys, &e->node);
    mem_free(e);
    return true;
}

/* A dormant key gets an entry again; NULL when there is no such key. */
static struct entry *wake(struct db *db, struct slice key, uint32_t hash)
{
    enum value_type type;
    if (!dormant_take(&db->dormant, key, hash, &type)) return NULL;
    struct entry *e = db_adopt(db, key, hash, type);
    tracker_woken(db->keyspace->tracker, db, e);
    return e;
}

static struct entry *find_hashed(struct db *db, struct slice key, uint32_t hash)
{
    struct entry *e = (struct entry *)map_find_hashed(&db->keys, key, hash);
    return e || db->dormant.count == 0 ? e : wake(db, key, hash);
}

static struct entry *find_raw(struct db *db, struct slice key)
{
    if (db_count(db) == 0) return NULL;
    struct db_hot *hot = take_hot(db, key);
    if (!hot) return find_hashed(db, key, map_hash(key));
    if (!hot->entry) hot->entry = find_hashed(db, key, hot->hash);
    return hot->entry;
}

bool db_is_expired(const struct db *db, const struct entry *e)
{
    if (e->node.aux == ENTRY_NO_EXPIRY || db->keyspace->is_expiry_paused) return false;
    return db->expiries.slots[e->node.aux].key < db->keyspace->now_ms;
}

/* Removes the entry when its time has come. */
static struct entry *drop_expired(struct db *db, struct entry *e)
{
    if (!e || !db_is_expired(db, e)) return e;
    db->keyspace->expired_count++;
    db_delete(db, e);
    return NULL;
}

/* Whoever finds an entry may look at its value. */
static struct entry *use(const struct db *db, struct entry *e)
{
    if (e && e->mark.list >= ENTRY_WARM && !e->mark.is_recent) tracker_use(db->keyspace->tracker, db, e);
    return e;
}

struct entry *db_peek(struct db *db, struct slice key)
{
    return drop_expired(db, find_raw(db, key));
}

struct entry *db_find(struct db *db, struct slice key)
{
    return use(db, db_peek(db, key));
}

struct entry *db_find_hashed(struct db *db, struct slice key, uint32_t hash)
{
    return use(db, drop_expired(db, find_hashed(db, key, hash)));
}

static struct entry *entry_new(struct db *db, struct slice key, uint32_t hash)
{
    struct entry *e = entry_place(db, key, hash);
    if (db->keyspace->tracker) {
        e->mark.list = ENTRY_CLEAN;
        tracker_touch(db->keyspace->tracker, db, e);
    }
    return e;
}

struct entry *db_create(struct db *db, struct slice key, enum value_type type)
{
    return db_create_hashed(db, key, map_hash(key), type);
}

struct entry *db_create_hashed(struct db *db, struct slice key, uint32_t hash, enum value_type type)
{
    struct entry *e = entry_new(db, key, hash);
    value_init(&e->value, type);
    return e;
}

struct entry *db_find_or_create(struct db *db, struct slice key, enum value_type type, bool *out_is_new)
{
    struct db_hot *hot = take_hot(db, key);
    if (!hot) return db_find_or_create_hashed(db, key, map_hash(key), type, out_is_new);
    if (!hot->entry || db_is_expired(db, hot->entry))
        return hot->entry = db_find_or_create_hashed(db, key, hot->hash, type, out_is_new);
    *out_is_new = false;
    return use(db, hot->entry);
}

struct entry *db_find_or_create_hashed(struct db *db, struct slice key, uint32_t hash, enum value_type type,
                                       bool *out_is_new)
{
    struct entry *e = db_find_hashed(db, key, hash);
    *out_is_new = !e;
    return e ? e : db_create_hashed(db, key, hash, type);
}

static void unlink_entry(struct db *db, struct entry *e)
{
    if (db->keyspace->tracker) tracker_drop(db->keyspace->tracker, db, e);
    if (e->node.aux != ENTRY_NO_EXPIRY) heap_remove(&db->expiries, e->node.aux);
    cool(db, e);
    map_unlink(&db->keys, &e->node);
}

/* The entry and its value, without a report. */
static void discard(struct db *db, struct entry *e)
{
    unlink_entry(db, e);
    free_entry(db, e);
}

void db_delete(struct db *db, struct entry *e)
{
    /* The key must outlive the entry for the report, and the sink must see the keyspace without it. */
    unlink_entry(db, e);
    db_report(db, NULL, (struct effect){.kind = EFFECT_KEY_DELETE, .key = entry_key(e)});
    free_entry(db, e);
}

bool db_delete_if_empty(struct db *db, struct entry *e)
{
    if (!value_is_empty(&e->value)) return false;
    db_delete(db, e);
    return true;
}

/* ---- expiry ---- */

int64_t db_expiry_ms(const struct db *db, const struct entry *e)
{
    return e->node.aux == ENTRY_NO_EXPIRY ? -1 : db->expiries.slots[e->node.aux].key;
}

void db_place_expiry(struct db *db, struct entry *e, int64_t at_ms)
{
    db_touch(db, e);
    bool has_expiry = e->node.aux != ENTRY_NO_EXPIRY;
    if (at_ms > 0 && has_expiry) {
        heap_change(&db->expiries, e->node.aux, at_ms);
    } else if (at_ms > 0) {
        heap_push(&db->expiries, at_ms, e);
    } else if (has_expiry) {
        heap_remove(&db->expiries, e->node.aux);
        e->node.aux = ENTRY_NO_EXPIRY;
    }
}

void db_set_expiry(struct db *db, struct entry *e, int64_t at_ms)
{
    db_place_expiry(db, e, at_ms);
    db_report(db, e, (struct effect){.kind = EFFECT_KEY_EXPIRE, .key = entry_key(e), .n = at_ms});
}

size_t keyspace_expire(struct keyspace *ks, size_t limit)
{
    size_t removed = 0;
    if (ks->is_expiry_paused) return 0;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        struct db *db = &ks->dbs[i];
        while (removed < limit && db->expiries.count > 0 && db->expiries.slots[0].key < ks->now_ms) {
            db_delete(db, db->expiries.slots[0].item);
            ks->expired_count++;
            removed++;
        }
    }
    return removed;
}

int64_t keyspace_next_expiry_ms(const struct keyspace *ks)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        const struct heap *h = &ks->dbs[i].expiries;
        if (h->count > 0 && h->slots[0].key < next) next = h->slots[0].key;
    }
    return next;
}

/* ---- whole keys and databases ---- */

void db_flush(struct db *db)
{
    if (db->keyspace->tracker) tracker_flush(db->keyspace->tracker, db);
    empty(db);
    db_report(db, NULL, (struct effect){.kind = EFFECT_DB_FLUSH});
}

/* db gets the keys that `from` had. */
static void adopt_keys(struct db *db, const struct db *from)
{
    cool_all(db);
    db->keys = from->keys;
    db->dormant = from->dormant;
    db->expiries = from->expiries;
}

void db_swap(struct db *a, struct db *b)
{
    const struct db was = *a;
    adopt_keys(a, b);
    adopt_keys(b, &was);
    if (a->keyspace->tracker) tracker_swap(a->keyspace->tracker, a, b);
    db_report(a, NULL, (struct effect){.kind = EFFECT_DB_SWAP, .n = b->index});
}

/* Puts a value that nobody owns now under a key, replacing what is there, without a report. */
static struct entry *put(struct db *db, struct slice key, struct value v, int64_t expiry_ms)
{
    struct entry *old = find_raw(db, key);
    if (old) discard(db, old);
    struct entry *e = entry_new(db, key, map_hash(key));
    v.aux = e->value.aux;
    e->value = v;
    if (expiry_ms > 0) db_place_expiry(db, e, expiry_ms);
    return e;
}

/* Puts the value of an entry under another key, which e itself is left without; e is to be freed. */
static void move_entry(struct db *from, struct entry *e, struct db *to, struct slice new_key)
{
    int64_t expiry_ms = db_expiry_ms(from, e);
    unlink_entry(from, e);
    struct entry *moved = put(to, new_key, e->value, expiry_ms);
    if (e->mark.is_large) tracker_moved(from->keyspace->tracker, e, moved);
}

void db_rename(struct db *db, struct entry *e, struct slice new_key)
{
    move_entry(db, e, db, new_key);
    db_report(db, NULL, (struct effect){.kind = EFFECT_KEY_RENAME, .key = entry_key(e), .a = new_key});
    mem_free(e);
}

void db_move(struct db *from, struct entry *e, struct db *to)
{
    move_entry(from, e, to, entry_key(e));
    db_report(from, NULL, (struct effect){.kind = EFFECT_KEY_MOVE, .key = entry_key(e), .n = to->index});
    mem_free(e);
}

void db_copy(struct db *from, struct entry *e, struct db *to, struct slice new_key)
{
    struct value copy = {0};
    value_copy(&e->value, &copy);
    struct entry *copied = put(to, new_key, copy, db_expiry_ms(from, e));
    db_expect(to, copied, value_count(&copy));
    db_report(from, NULL, (struct effect){.kind = EFFECT_KEY_COPY, .key = entry_key(e), .a = new_key, .n = to->index});
}

static void check_dormant(void *ctx, struct slice key, enum value_type type)
{
    struct db *db = ctx;
    CHECK(map_find(&db->keys, key) == NULL); /* 3 */
    CHECK((unsigned)type < VALUE_TYPES_COUNT);
}

void db_check(struct db *db)
{
    size_t expiring = 0;
    struct map_iter it;
    dormant_check(&db->dormant);
    dormant_visit(&db->dormant, check_dormant, db);
    map_iter_begin(&it, &db->keys);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        struct entry *e = (struct entry *)node;
        CHECK(entry_is_cold(e) || !value_is_empty(&e->value)); /* 2 */
        if (e->node.aux == ENTRY_NO_EXPIRY) continue;
        expiring++;
        CHECK(e->node.aux < db->expiries.count && db->expiries.slots[e->node.aux].item == e); /* 1 */
    }
    map_iter_end(&it);
    CHECK(expiring == db->expiries.count);
    for (size_t i = 0; i < sizeof(db->hot) / sizeof(db->hot[0]); i++) {
        const struct db_hot *hot = &db->hot[i];
        if (hot->len) CHECK(hot->hash == map_hash(slice_of(hot->key, hot->len)));
        if (hot->entry) CHECK(map_find(&db->keys, slice_of(hot->key, hot->len)) == &hot->entry->node); /* 4 */
    }
}
