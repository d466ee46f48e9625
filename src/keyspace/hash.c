/* SPDX-License-Identifier: MIT */
/*
 * Two encodings:
 *
 *   PACKED   one allocation (packed.h): field, value, field, value, ... in the order they came. The empty value is one,
 *            without an allocation.
 *   BIG      a map of nodes (hash_big.h), once a hash has more than HASH_PACKED_MAX_FIELDS fields or
 *            HASH_PACKED_MAX_BYTES bytes. It never goes back.
 *
 * The limits. A field of a packed hash is found by walking, and a value that changes its length moves what follows.
 * Walking 128 short fields costs about as much as one miss of the cache and a SipHash in a map; 16 KiB move in well under
 * a microsecond, so that a job with its data, result and stack trace stays one block.
 *
 * The flag REDIS_TABLE remembers that Redis would have left its compact form, for OBJECT ENCODING alone.
 *
 * Invariants (hash_check):
 *  1. PACKED: an even number of elements within the limits; no field twice.
 *  2. BIG: each node is found by its field.
 *  3. without REDIS_TABLE, no more than 512 fields, none of them nor any value above 64 bytes.
 *
 * Read next: hash_pick.c (scan and random choice).
 */
#include "keyspace/hash.h"

#include "base/err.h"
#include "base/mem.h"
#include "keyspace/digest.h"
#include "keyspace/hash_big.h"
#include "keyspace/packed.h"

/* Redis's defaults of hash-max-listpack-entries and hash-max-listpack-value. */
#define REDIS_LISTPACK_MAX_FIELDS 512u
#define REDIS_LISTPACK_MAX_VALUE 64u

enum { FLAG_REDIS_TABLE = 1 << 0 };

void hash_init(struct value *v)
{
    v->ptr = NULL;
    v->encoding = HASH_PACKED;
    v->flags = 0;
}

bool hash_drain(struct value *v, size_t *steps)
{
    return v->encoding != HASH_BIG || hash_big_drain(v->ptr, steps);
}

void hash_deinit(struct value *v)
{
    if (v->encoding == HASH_BIG)
        hash_big_free(v->ptr);
    else
        mem_free(v->ptr);
    hash_init(v);
}

void hash_copy(const struct value *v, struct value *out)
{
    *out = *v;
    if (v->encoding == HASH_BIG)
        out->ptr = hash_big_copy(v->ptr);
    else if (v->ptr)
        out->ptr = packed_copy(v->ptr);
}

const char *hash_encoding_name(const struct value *v)
{
    return v->flags & FLAG_REDIS_TABLE ? "hashtable" : "listpack";
}

size_t hash_bytes(const struct value *v, size_t samples)
{
    return v->encoding == HASH_BIG ? hash_big_bytes(v->ptr, samples) : mem_size(v->ptr);
}

size_t hash_count(const struct value *v)
{
    if (v->encoding == HASH_BIG) return map_count(v->ptr);
    return v->ptr ? ((const struct packed *)v->ptr)->count / 2 : 0;
}

/* ---- looking up ---- */

bool hash_find(const struct value *v, struct slice field, struct hash_place *place, struct slice *out_value)
{
    *place = (struct hash_place){.at = PACKED_NONE};
    if (v->encoding == HASH_BIG) {
        place->hash = map_hash(field);
        place->node = map_find_hashed(v->ptr, field, place->hash);
        if (!place->node) return false;
        *out_value = hash_node_value(place->node);
        return true;
    }
    if (!v->ptr) return false;
    place->at = packed_find(v->ptr, field, 2);
    if (place->at == PACKED_NONE) return false;
    uint32_t at = place->at;
    (void)packed_step(v->ptr, &at);
    *out_value = packed_get(v->ptr, at);
    return true;
}

bool hash_get(const struct value *v, struct slice field, struct slice *out_value)
{
    struct hash_place place;
    return hash_find(v, field, &place, out_value);
}

_Static_assert(HASH_GET_MAX <= PACKED_FIND_MAX, "one walk finds them all");

void hash_get_many(const struct value *v, const struct slice *fields, size_t count, struct slice *out_values)
{
    uint32_t places[HASH_GET_MAX];
    bool is_packed = v->encoding != HASH_BIG && v->ptr;
    if (is_packed) packed_find_many(v->ptr, fields, count, places);
    for (size_t i = 0; i < count; i++) {
        out_values[i] = slice_of(NULL, 0);
        if (!is_packed) {
            (void)hash_get(v, fields[i], &out_values[i]);
        } else if (places[i] != PACKED_NONE) {
            (void)packed_step(v->ptr, &places[i]);
            out_values[i] = packed_get(v->ptr, places[i]);
        }
    }
}

/* ---- changing ---- */

static void note_lengths(struct value *v, struct slice field, struct slice value)
{
    if (field.len > REDIS_LISTPACK_MAX_VALUE || value.len > REDIS_LISTPACK_MAX_VALUE) v->flags |= FLAG_REDIS_TABLE;
}

static void note_count(struct value *v)
{
    if (hash_count(v) > REDIS_LISTPACK_MAX_FIELDS) v->flags |= FLAG_REDIS_TABLE;
}

static size_t pair_bytes(struct slice field, struct slice value)
{
    return packed_element_bytes(field) + packed_element_bytes(value);
}

static void make_big(struct value *v)
{
    struct packed *p = v->ptr;
    struct map *m = hash_big_new();
    uint32_t at = p ? packed_first(p) : PACKED_NONE;
    while (at != PACKED_NONE) {
        struct slice field = packed_step(p, &at);
        struct slice value = packed_step(p, &at);
        hash_big_put(m, NULL, map_hash(field), field, value);
    }
    mem_free(p);
    v->ptr = m;
    v->encoding = HASH_BIG;
}

void hash_make_pageable(struct value *v)
{
    if (v->encoding == HASH_PACKED && v->ptr && v->flags & FLAG_REDIS_TABLE) make_big(v);
}

static void put_big(struct value *v, struct slice field, struct slice value)
{
    uint32_t hash = map_hash(field);
    hash_big_put(v->ptr, (struct hash_node *)map_find_hashed(v->ptr, field, hash), hash, field, value);
}

/* Replaces the value of the packed field at `at`; false: it does not fit the limits. */
static bool replace_packed(struct value *v, uint32_t at, struct slice value)
{
    struct packed *p = v->ptr;
    uint32_t value_at = packed_next(p, at);
    size_t old_bytes = packed_element_bytes(packed_get(p, value_at));
    if (packed_bytes(p) - old_bytes + packed_element_bytes(value) > HASH_PACKED_MAX_BYTES) return false;
    packed_replace(&p, value_at, value);
    v->ptr = p;
    return true;
}

static bool append_packed(struct value *v, struct slice field, struct slice value)
{
    size_t more = pair_bytes(field, value);
    struct packed *p = v->ptr;
    size_t used = p ? packed_bytes(p) : 0;
    uint32_t fields_count = p ? p->count / 2 : 0;
    if (used + more > HASH_PACKED_MAX_BYTES || fields_count == HASH_PACKED_MAX_FIELDS) return false;
    const struct slice items[2] = {field, value};
    if (p)
        packed_push_all(&p, items, 2);
    else
        p = packed_new_of(items, 2, more);
    v->ptr = p;
    return true;
}

void hash_put(struct value *v, const struct hash_place *place, struct slice field, struct slice value)
{
    note_lengths(v, field, value);
    if (v->encoding == HASH_BIG) {
        hash_big_put(v->ptr, place->node, place->hash, field, value);
        note_count(v);
        return;
    }
    bool is_new = place->at == PACKED_NONE;
    if (is_new ? append_packed(v, field, value) : replace_packed(v, place->at, value)) return;
    make_big(v);
    put_big(v, field, value);
}

bool hash_set(struct value *v, struct slice field, struct slice value)
{
    struct hash_place place;
    struct slice old;
    bool is_there = hash_find(v, field, &place, &old);
    hash_put(v, &place, field, value);
    return !is_there;
}

bool hash_delete(struct value *v, struct slice field)
{
    struct hash_place place;
    struct slice old;
    if (!hash_find(v, field, &place, &old)) return false;
    if (v->encoding == HASH_BIG) {
        map_unlink(v->ptr, place.node);
        mem_free(place.node);
    } else {
        struct packed *p = v->ptr;
        packed_remove(&p, place.at, 2);
        v->ptr = p;
    }
    return true;
}

/* ---- building ---- */

/* Fields seen so far, as bits at 10-bit prints of them: tells nearly always that twelve fields are all different. */
struct seen_fields {
    uint64_t bits[16];
};

static uint64_t load_8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Mixes the length, both ends and the middle of a field into 10 bits. */
static unsigned print_of(struct slice field)
{
    uint64_t word = field.len;
    if (field.len >= 8) {
        uint64_t tail = load_8(field.at + field.len - 8);
        word ^= load_8(field.at) ^ (tail << 29 | tail >> 35);
    } else if (field.len > 0) {
        const unsigned char *at = (const unsigned char *)field.at;
        word ^= (uint64_t)at[0] << 8 | (uint64_t)at[field.len / 2] << 16 | (uint64_t)at[field.len - 1] << 24;
    }
    return (unsigned)((word * UINT64_C(0x9e3779b97f4a7c15)) >> 54);
}

/* Notes the field; true when it may have been noted before. */
static bool note_seen(struct seen_fields *seen, struct slice field)
{
    unsigned print = print_of(field);
    uint64_t bit = UINT64_C(1) << (print & 63);
    bool was_seen = seen->bits[print >> 6] & bit;
    seen->bits[print >> 6] |= bit;
    return was_seen;
}

/* The block of items among which a field may come twice. */
static struct packed *build_with_repeats(const struct slice *items, size_t items_count, size_t room)
{
    struct packed *p = packed_new(room);
    for (size_t i = 0; i < items_count; i += 2) {
        uint32_t at = packed_find(p, items[i], 2);
        if (at == PACKED_NONE)
            packed_push_all(&p, &items[i], 2);
        else
            packed_replace(&p, packed_next(p, at), items[i + 1]);
    }
    return p;
}

static bool may_have_repeats(const struct slice *items, size_t items_count)
{
    struct seen_fields seen = {{0}};
    for (size_t i = 0; i < items_count; i += 2) {
        if (note_seen(&seen, items[i])) return true;
    }
    return false;
}

/* What a job's hash is not: long, or with a field twice. */
static void build_any(struct value *v, const struct slice *items, size_t items_count)
{
    size_t room = 0;
    for (size_t i = 0; i < items_count; i++) room += packed_element_bytes(items[i]);
    if (room <= HASH_PACKED_MAX_BYTES && items_count / 2 <= HASH_PACKED_MAX_FIELDS) {
        bool has_repeats = may_have_repeats(items, items_count);
        v->ptr = has_repeats ? build_with_repeats(items, items_count, room) : packed_new_of(items, items_count, room);
        return;
    }
    make_big(v);
    for (size_t i = 0; i < items_count; i += 2) put_big(v, items[i], items[i + 1]);
    note_count(v);
}

/* Fills an empty hash. */
static void build(struct value *v, const struct slice *items, size_t items_count)
{
    size_t most = 0, longest = 0;
    for (size_t i = 0; i < items_count; i++) {
        most += items[i].len + PACKED_AROUND_MAX;
        longest = items[i].len > longest ? items[i].len : longest;
    }
    if (longest > REDIS_LISTPACK_MAX_VALUE) v->flags |= FLAG_REDIS_TABLE;
    mem_free(v->ptr);
    v->ptr = NULL;
    if (most <= PACKED_SHORT_BYTES && !may_have_repeats(items, items_count))
        v->ptr = packed_new_short(items, items_count);
    else
        build_any(v, items, items_count);
}
_Static_assert(PACKED_SHORT_BYTES / PACKED_AROUND_MAX / 2 <= HASH_PACKED_MAX_FIELDS,
               "a short one is within the limits");

/* Appends fields of which a packed hash has none; false: it has one, or they are no few different ones that it has room for. */
static bool append_many(struct value *v, const struct slice *items, size_t items_count)
{
    struct slice fields[HASH_GET_MAX];
    uint32_t places[HASH_GET_MAX];
    struct packed *p = v->ptr;
    size_t count = items_count / 2, most = packed_bytes(p);
    if (count > HASH_GET_MAX || p->count / 2 + count > HASH_PACKED_MAX_FIELDS) return false;
    for (size_t i = 0; i < items_count; i++) most += items[i].len + PACKED_AROUND_MAX;
    for (size_t i = 0; i < count; i++) fields[i] = items[2 * i];
    if (most > HASH_PACKED_MAX_BYTES || may_have_repeats(items, items_count)) return false;
    packed_find_many(p, fields, count, places);
    for (size_t i = 0; i < count; i++) {
        if (places[i] != PACKED_NONE) return false;
    }
    for (size_t i = 0; i < items_count; i += 2) note_lengths(v, items[i], items[i + 1]);
    packed_push_all(&p, items, items_count);
    v->ptr = p;
    return true;
}

size_t hash_set_many(struct value *v, const struct slice *items, size_t items_count)
{
    SLOW_CHECK(items_count % 2 == 0);
    if (v->encoding == HASH_PACKED && hash_count(v) == 0) {
        build(v, items, items_count);
        return hash_count(v);
    }
    if (v->encoding == HASH_PACKED && items_count > 2 && append_many(v, items, items_count)) return items_count / 2;
    size_t added = 0;
    for (size_t i = 0; i < items_count; i += 2) added += hash_set(v, items[i], items[i + 1]);
    return added;
}

/* ---- iteration ---- */

void hash_iter_begin(struct hash_iter *it, const struct value *v)
{
    it->v = v;
    it->at = PACKED_NONE;
    if (v->encoding == HASH_BIG)
        map_iter_begin(&it->nodes, v->ptr);
    else if (v->ptr)
        it->at = packed_first(v->ptr);
}

bool hash_iter_next(struct hash_iter *it, struct slice *out_field, struct slice *out_value)
{
    if (it->v->encoding == HASH_BIG) {
        const struct hash_node *n = (const struct hash_node *)map_iter_next(&it->nodes);
        if (!n) return false;
        *out_field = hash_node_field(n);
        *out_value = hash_node_value(n);
        return true;
    }
    if (it->at == PACKED_NONE) return false;
    *out_field = packed_step(it->v->ptr, &it->at);
    *out_value = packed_step(it->v->ptr, &it->at);
    return true;
}

void hash_iter_end(struct hash_iter *it)
{
    if (it->v->encoding == HASH_BIG) map_iter_end(&it->nodes);
}

/* ---- checking ---- */

uint64_t hash_digest(const struct value *v)
{
    uint64_t sum = VALUE_HASH;
    struct slice field, value;
    struct hash_iter it;
    hash_iter_begin(&it, v);
    while (hash_iter_next(&it, &field, &value)) sum += digest_chain(digest_chain(0, field), value);
    hash_iter_end(&it);
    return sum;
}

static void check_limits(const struct value *v)
{
    const struct packed *p = v->ptr;
    CHECK(v->encoding == HASH_BIG || v->encoding == HASH_PACKED);
    if (v->encoding == HASH_BIG || !p) return;
    CHECK(p->count % 2 == 0);
    CHECK(p->count / 2 <= HASH_PACKED_MAX_FIELDS);
    CHECK(packed_bytes(p) <= HASH_PACKED_MAX_BYTES);
}

void hash_check(const struct value *v)
{
    CHECK(v->type == VALUE_HASH);
    check_limits(v);
    bool is_table = v->flags & FLAG_REDIS_TABLE;
    CHECK(is_table || hash_count(v) <= REDIS_LISTPACK_MAX_FIELDS);

    size_t count = 0;
    struct slice field, value, found;
    struct hash_iter it;
    hash_iter_begin(&it, v);
    while (hash_iter_next(&it, &field, &value)) {
        count++;
        CHECK(is_table || (field.len <= REDIS_LISTPACK_MAX_VALUE && value.len <= REDIS_LISTPACK_MAX_VALUE));
        CHECK(hash_get(v, field, &found) && found.at == value.at);
    }
    hash_iter_end(&it);
    CHECK(count == hash_count(v));
}
