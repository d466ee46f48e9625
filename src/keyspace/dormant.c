/* SPDX-License-Identifier: MIT */
/*
 * A hash table whose buckets hold some dozen keys each, as bytes:
 *
 *   bucket   | used | base: length, bytes | record | record | ...
 *   record   | shared | type, rest | bytes |      the key is the base's first `shared` bytes and then these
 *
 * `rest` is how many those are: in the five bits beside the type, or 31 there and then in a byte. Keys of a queue begin alike, so
 * little is left of each: of bull:mail:1234567 seven bytes and the two before them. The base is the key that was first in the
 * bucket; it may be gone by now. What is looked for is compared with all records of its bucket, one after the other in memory.
 *
 * Who asks for a key that there is not finds that out by its length mostly: the keys that come and go beside a job (its lock, its
 * logs) are longer than the jobs that sleep. So those cost no look into a bucket, which is seldom in the processor's cache.
 *
 * The table grows by linear hashing (Litwin): a bucket more when there are too many keys for the buckets, which takes its keys from
 * one other bucket. So no operation pays for more than two buckets, and there is never a second table.
 *
 * Buckets lie in pages of their own (mem_apart_alloc): they stay while the values around them come and go.
 *
 * Invariants (dormant_check):
 *  1. a key stands in the bucket of its hash, once.
 *  2. count is the number of records, lengths[n] that of keys of n bytes; a bucket without any is NULL.
 */
#include "keyspace/dormant.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#define DORMANT_CHUNK 512u /* pointers to buckets: a page */
/* Keys for each bucket, at most and at least on average. More of them share what a bucket costs, 27 bytes, and take longer to look
 * through, which every command does that asks for a key that there is not. */
#define KEYS_MOST 16
#define KEYS_LEAST 5
#define REST_BITS 5
#define REST_LONG ((1u << REST_BITS) - 1)
#define RECORD_MAX (3 + DORMANT_KEY_MAX)

struct dormant_bucket {
    uint32_t used; /* bytes of records */
    uint8_t base_len;
    uint8_t bytes[]; /* the base, the records */
};

struct record {
    uint32_t shared, rest;
    enum value_type type;
    const uint8_t *bytes, *end;
};

/* ---- records ---- */

static uint8_t *records_of(struct dormant_bucket *b)
{
    return b->bytes + b->base_len;
}

static struct record read_record(const uint8_t *at)
{
    struct record r = {.shared = at[0], .type = (enum value_type)(at[1] >> REST_BITS), .rest = at[1] & REST_LONG};
    at += 2;
    if (r.rest == REST_LONG) r.rest = *at++;
    r.bytes = at;
    r.end = at + r.rest;
    return r;
}

/* The length of what was written to out, RECORD_MAX bytes. */
static size_t write_record(uint8_t *out, struct slice key, size_t shared, enum value_type type)
{
    size_t rest = key.len - shared, len = 0;
    size_t bits = rest < REST_LONG ? rest : REST_LONG;
    out[len++] = (uint8_t)shared;
    out[len++] = (uint8_t)((unsigned)type << REST_BITS | bits);
    if (bits == REST_LONG) out[len++] = (uint8_t)rest;
    if (rest > 0) memcpy(out + len, key.at + shared, rest);
    return len + rest;
}

/* The bytes that the key and the base begin with alike. */
static size_t share(const struct dormant_bucket *b, struct slice key)
{
    size_t most = key.len < b->base_len ? key.len : b->base_len, shared = 0;
    while (shared < most && b->bytes[shared] == (uint8_t)key.at[shared]) shared++;
    return shared;
}

static struct slice draw_key(const struct dormant_bucket *b, const struct record *r, char out[DORMANT_KEY_MAX])
{
    memcpy(out, b->bytes, r->shared);
    memcpy(out + r->shared, r->bytes, r->rest);
    return slice_of(out, r->shared + r->rest);
}

/* The rest of a record whose key is as long. Ids differ mostly in their last byte: looking there first saves most calls of memcmp. */
static bool is_rest(const struct record *r, struct slice key)
{
    if (r->rest == 0) return true;
    return r->bytes[r->rest - 1] == (uint8_t)key.at[key.len - 1] && memcmp(r->bytes, key.at + r->shared, r->rest) == 0;
}

/* NULL when absent; *out is read from there. */
static uint8_t *find_record(struct dormant_bucket *b, struct slice key, struct record *out)
{
    size_t shared = share(b, key);
    uint8_t *at = records_of(b);
    const uint8_t *end = at + b->used;
    for (; at < end; at += out->end - at) {
        *out = read_record(at);
        if (out->shared + out->rest != key.len || out->shared > shared) continue;
        if (is_rest(out, key)) return at;
    }
    return NULL;
}

/* ---- buckets ---- */

static struct dormant_bucket *resize_bucket(struct dormant_bucket *b, size_t base_len, size_t used)
{
    return mem_apart_resize(b, offsetof(struct dormant_bucket, bytes) + base_len + used);
}

static void append(struct dormant_bucket **slot, struct slice key, enum value_type type)
{
    uint8_t record[RECORD_MAX];
    if (!*slot) {
        struct dormant_bucket *new = resize_bucket(NULL, key.len, 0);
        new->used = 0;
        new->base_len = (uint8_t)key.len;
        if (key.len > 0) memcpy(new->bytes, key.at, key.len);
        *slot = new;
    }
    size_t len = write_record(record, key, share(*slot, key), type);
    struct dormant_bucket *b = resize_bucket(*slot, (*slot)->base_len, (*slot)->used + len);
    memcpy(records_of(b) + b->used, record, len);
    b->used += (uint32_t)len;
    *slot = b;
}

static void remove_record(struct dormant_bucket **slot, uint8_t *at, const struct record *r)
{
    struct dormant_bucket *b = *slot;
    const uint8_t *end = records_of(b) + b->used;
    size_t len = (size_t)(r->end - at);
    memmove(at, r->end, (size_t)(end - r->end));
    b->used -= (uint32_t)len;
    if (b->used > 0) {
        *slot = resize_bucket(b, b->base_len, b->used);
    } else {
        mem_apart_free(b);
        *slot = NULL;
    }
}

static struct dormant_bucket **slot_of(const struct dormant *d, uint32_t index)
{
    return &d->chunks[index / DORMANT_CHUNK][index % DORMANT_CHUNK];
}

/* Of 2^n buckets, the least 2^n that is not below their number, the hash's low bits tell one; it may not be there yet. */
static uint32_t index_of(const struct dormant *d, uint32_t hash)
{
    uint32_t mask = (uint32_t)dormant_mask(d), index = hash & mask;
    return index < d->buckets_count ? index : index & (mask >> 1);
}

/* ---- growing and shrinking ---- */

static void add_bucket(struct dormant *d)
{
    uint32_t chunk = d->buckets_count / DORMANT_CHUNK;
    if (d->buckets_count % DORMANT_CHUNK == 0) {
        if (chunk == d->chunks_cap) {
            d->chunks_cap = d->chunks_cap ? d->chunks_cap * 2 : 1;
            d->chunks = mem_resize(d->chunks, d->chunks_cap * sizeof(*d->chunks));
        }
        d->chunks[chunk] = mem_apart_alloc(DORMANT_CHUNK * sizeof(**d->chunks));
    }
    *slot_of(d, d->buckets_count++) = NULL;
}

static void drop_last_bucket(struct dormant *d)
{
    d->buckets_count--;
    if (d->buckets_count % DORMANT_CHUNK == 0) mem_apart_free(d->chunks[d->buckets_count / DORMANT_CHUNK]);
}

/* Puts all keys of a bucket into the buckets that they belong to, and frees it. */
static void distribute(struct dormant *d, struct dormant_bucket *b)
{
    char key[DORMANT_KEY_MAX];
    if (!b) return;
    const uint8_t *at = records_of(b), *end = at + b->used;
    while (at < end) {
        struct record r = read_record(at);
        struct slice drawn = draw_key(b, &r, key);
        append(slot_of(d, index_of(d, map_hash(drawn))), drawn, r.type);
        at = r.end;
    }
    mem_apart_free(b);
}

/* The new bucket's keys are in the one that lacks its highest bit; there is none for the first. */
static void grow(struct dormant *d)
{
    add_bucket(d);
    uint32_t new = d->buckets_count - 1;
    if (new == 0) return;
    struct dormant_bucket **from = slot_of(d, new &((uint32_t)dormant_mask(d) >> 1));
    struct dormant_bucket *keys = *from;
    *from = NULL;
    distribute(d, keys);
}

static void shrink(struct dormant *d)
{
    struct dormant_bucket *keys = *slot_of(d, d->buckets_count - 1);
    drop_last_bucket(d);
    distribute(d, keys);
}

/* ---- keys ---- */

uint64_t dormant_mask(const struct dormant *d)
{
    return d->buckets_count > 1 ? UINT32_MAX >> __builtin_clz(d->buckets_count - 1) : 0;
}

void dormant_add(struct dormant *d, struct slice key, uint32_t hash, enum value_type type)
{
    CHECK(key.len <= DORMANT_KEY_MAX);
    if (!d->lengths) d->lengths = mem_alloc_zero((DORMANT_KEY_MAX + 1) * sizeof(*d->lengths));
    if (d->count >= (size_t)d->buckets_count * KEYS_MOST) grow(d);
    append(slot_of(d, index_of(d, hash)), key, type);
    d->lengths[key.len]++;
    d->count++;
}

static bool may_have(const struct dormant *d, struct slice key)
{
    return d->count > 0 && key.len <= DORMANT_KEY_MAX && d->lengths[key.len] > 0;
}

bool dormant_take(struct dormant *d, struct slice key, uint32_t hash, enum value_type *out_type)
{
    struct record r;
    if (!may_have(d, key)) return false;
    struct dormant_bucket **slot = slot_of(d, index_of(d, hash));
    uint8_t *at = *slot ? find_record(*slot, key, &r) : NULL;
    if (!at) return false;
    *out_type = r.type;
    remove_record(slot, at, &r);
    d->lengths[key.len]--;
    d->count--;
    if (d->buckets_count > 1 && d->count < (size_t)d->buckets_count * KEYS_LEAST) shrink(d);
    return true;
}

bool dormant_has(const struct dormant *d, struct slice key, uint32_t hash)
{
    struct record r;
    if (!may_have(d, key)) return false;
    struct dormant_bucket *b = *slot_of(d, index_of(d, hash));
    return b && find_record(b, key, &r);
}

void dormant_prefetch(const struct dormant *d, struct slice key, uint32_t hash)
{
    if (!may_have(d, key)) return;
    const struct dormant_bucket *b = *slot_of(d, index_of(d, hash));
    if (!b) return;
    __builtin_prefetch(b);
    __builtin_prefetch((const char *)b + 64);
}

/* ---- visits ---- */

static void visit_bucket(struct dormant_bucket *b, uint64_t hash, uint64_t mask, dormant_visit_fn *fn, void *ctx)
{
    char key[DORMANT_KEY_MAX];
    if (!b) return;
    const uint8_t *at = records_of(b), *end = at + b->used;
    while (at < end) {
        struct record r = read_record(at);
        struct slice drawn = draw_key(b, &r, key);
        if (mask == 0 || (map_hash(drawn) & mask) == (hash & mask)) fn(ctx, drawn, r.type);
        at = r.end;
    }
}

void dormant_visit(const struct dormant *d, dormant_visit_fn *fn, void *ctx)
{
    for (uint32_t i = 0; i < d->buckets_count; i++) visit_bucket(*slot_of(d, i), 0, 0, fn, ctx);
}

void dormant_visit_some(const struct dormant *d, uint64_t hash, uint64_t mask, dormant_visit_fn *fn, void *ctx)
{
    SLOW_CHECK(mask >= dormant_mask(d));
    if (d->count > 0) visit_bucket(*slot_of(d, index_of(d, (uint32_t)hash)), hash, mask, fn, ctx);
}

static uint32_t count_records(struct dormant_bucket *b)
{
    uint32_t count = 0;
    const uint8_t *at = records_of(b), *end = at + b->used;
    for (; at < end; at = read_record(at).end) count++;
    return count;
}

struct slice dormant_random(const struct dormant *d, struct rng *rng, char room[DORMANT_KEY_MAX],
                            enum value_type *out_type)
{
    struct dormant_bucket *b = NULL;
    CHECK(d->count > 0);
    while (!b) b = *slot_of(d, (uint32_t)rng_below(rng, d->buckets_count));
    const uint8_t *at = records_of(b);
    for (uint64_t skip = rng_below(rng, count_records(b)); skip > 0; skip--) at = read_record(at).end;
    struct record r = read_record(at);
    *out_type = r.type;
    return draw_key(b, &r, room);
}

/* ---- the end ---- */

bool dormant_drain(struct dormant *d, size_t *steps)
{
    while (d->buckets_count > 0) {
        if (*steps == 0) return false;
        --*steps;
        mem_apart_free(*slot_of(d, d->buckets_count - 1));
        drop_last_bucket(d);
    }
    mem_free(d->chunks);
    mem_free(d->lengths);
    *d = (struct dormant){0};
    return true;
}

static void check_bucket(const struct dormant *d, uint32_t index, size_t lengths[DORMANT_KEY_MAX + 1])
{
    char key[DORMANT_KEY_MAX];
    struct record found;
    struct dormant_bucket *b = *slot_of(d, index);
    if (!b) return;
    uint8_t *at = records_of(b);
    const uint8_t *end = at + b->used;
    CHECK(b->used > 0); /* 2 */
    while (at < end) {
        struct record r = read_record(at);
        struct slice drawn = draw_key(b, &r, key);
        CHECK(r.shared <= b->base_len && r.end <= end);
        CHECK(index_of(d, map_hash(drawn)) == index); /* 1 */
        CHECK(find_record(b, drawn, &found) == at);   /* 1 */
        lengths[drawn.len]++;
        at += r.end - at;
    }
}

void dormant_check(const struct dormant *d)
{
    size_t lengths[DORMANT_KEY_MAX + 1] = {0}, count = 0;
    for (uint32_t i = 0; i < d->buckets_count; i++) check_bucket(d, i, lengths);
    for (size_t n = 0; n <= DORMANT_KEY_MAX; n++) {
        count += lengths[n];
        CHECK(lengths[n] == (d->lengths ? d->lengths[n] : 0)); /* 2 */
    }
    CHECK(count == d->count); /* 2 */
}
