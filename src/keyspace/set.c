/* SPDX-License-Identifier: MIT */
/*
 * Sets.
 *
 *   SET_EMPTY    ptr = NULL
 *   SET_INTS     ptr = sorted array of integers (set_ints.h)      all members are integers, at most 512
 *   SET_PACKED   ptr = one packed block, members in no order      few and short members
 *   SET_MAP      ptr = map of nodes, each with its member
 *
 *   EMPTY --> INTS --> PACKED --> MAP      a set only moves right, until it is empty again
 *      \--------\--------------------^
 *
 * SET_INTS is exactly what Redis calls an intset, and like there a set that has left it does not come back; so the
 * encoding alone tells the name. Integers are those in the one form that printing gives back ("7", not "07"), as
 * members are bytes.
 *
 * Invariants (set_check):
 *  1. only SET_EMPTY has no members.
 *  2. SET_INTS: ascending, at most INTS_MAX_COUNT.
 *  3. SET_PACKED: within the PACKED limits, no member twice.
 *  4. SET_MAP: each node is found by its member.
 */
#include "keyspace/set.h"

#include "base/err.h"
#include "base/mem.h"
#include "keyspace/digest.h"
#include "keyspace/packed.h"
#include "keyspace/set_ints.h"

/* set-max-listpack-entries and -value of Redis 7.2. */
#define REDIS_LISTPACK_MAX_MEMBERS 128
#define REDIS_LISTPACK_MAX_MEMBER 64

#define INTS_MAX_COUNT 512 /* Redis's set-max-intset-entries */
/*
 * A packed set is searched by walking, some 28 instructions a member: with 64 of them about what a map takes to hash
 * the member and to allocate its node. Measured with members of 46 bytes, everything included: sets of 16 cost 68 bytes a
 * member against 81 in maps, sets of 64 65 against 74; shorter members gain more. Removal moves at most 4 KiB.
 */
#define PACKED_MAX_COUNT 64
#define PACKED_MAX_BYTES 4096

enum set_encoding { SET_EMPTY, SET_INTS, SET_PACKED, SET_MAP };

struct set_node {
    struct map_node node; /* node.aux: length of the member */
    char member[];
};

static struct slice member_of(const struct map_node *node)
{
    return slice_of(((const struct set_node *)node)->member, node->aux);
}

static void free_node(void *ctx, struct map_node *node)
{
    (void)ctx;
    mem_free(node);
}

/* ---- life ---- */

void set_init(struct value *v)
{
    v->ptr = NULL;
    v->encoding = SET_EMPTY;
}

bool set_drain(struct value *v, size_t *steps)
{
    return v->encoding != SET_MAP || map_drain(v->ptr, free_node, NULL, steps);
}

void set_deinit(struct value *v)
{
    if (v->encoding == SET_MAP) map_deinit(v->ptr, free_node, NULL);
    mem_free(v->ptr);
    set_init(v);
}

size_t set_count(const struct value *v)
{
    if (v->encoding == SET_INTS) return ((const struct set_ints *)v->ptr)->count;
    if (v->encoding == SET_PACKED) return ((const struct packed *)v->ptr)->count;
    return v->encoding == SET_MAP ? map_count(v->ptr) : 0;
}

const char *set_encoding_name(const struct value *v)
{
    return v->encoding == SET_EMPTY || v->encoding == SET_INTS ? "intset" : "hashtable";
}

/* ---- members ---- */

bool set_has(const struct value *v, struct slice member)
{
    int64_t n;
    if (v->encoding == SET_INTS) return num_parse_int(member, &n) && set_ints_has(v->ptr, n);
    if (v->encoding == SET_PACKED) return packed_find(v->ptr, member, 1) != PACKED_NONE;
    return v->encoding == SET_MAP && map_find(v->ptr, member);
}

static void add_node(struct map *m, struct slice member, uint32_t hash)
{
    CHECK(member.len < UINT32_MAX);
    struct set_node *n = mem_alloc(sizeof(*n) + member.len);
    n->node.aux = (uint32_t)member.len;
    if (member.len) memcpy(n->member, member.at, member.len);
    map_insert_hashed(m, &n->node, hash);
}

static bool fits_packed(size_t count, size_t bytes)
{
    return count <= PACKED_MAX_COUNT && bytes <= PACKED_MAX_BYTES;
}

/* Gives the set another form, empty: the members must be added again. */
static void become(struct value *v, enum set_encoding encoding)
{
    if (encoding == SET_MAP) {
        struct map *m = mem_alloc(sizeof(*m));
        *m = (struct map){.key_of = member_of};
        v->ptr = m;
    } else {
        v->ptr = packed_new(0);
    }
    v->encoding = (uint8_t)encoding;
}

/* Adds a member that is known to be absent, where it fits. */
static void put(struct value *v, struct slice member)
{
    if (v->encoding == SET_MAP) {
        add_node(v->ptr, member, map_hash(member));
    } else {
        struct packed *p = v->ptr;
        packed_push_tail(&p, member);
        v->ptr = p;
    }
}

static void convert(struct value *v, enum set_encoding encoding)
{
    struct value old = *v;
    become(v, encoding);
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, &old);
    while (set_iter_next(&it, &member)) put(v, member);
    set_iter_end(&it);
    set_deinit(&old);
}

/* The bytes that a packed block of these integers takes. */
static size_t packed_bytes_of_ints(const struct set_ints *s)
{
    size_t bytes = 0;
    char text[NUM_INT_MAX_CHARS];
    for (uint32_t i = 0; i < s->count; i++)
        bytes += packed_element_bytes(slice_of(text, num_format_int(text, s->at[i])));
    return bytes;
}

/* Adds a member that is no integer, or one too many, to a set of integers. */
static void add_beyond_ints(struct value *v, struct slice member)
{
    struct set_ints *s = v->ptr;
    size_t bytes = packed_bytes_of_ints(s) + packed_element_bytes(member);
    convert(v, fits_packed(s->count + 1, bytes) ? SET_PACKED : SET_MAP);
    put(v, member);
}

static bool add_to_ints(struct value *v, struct slice member)
{
    struct set_ints *s = v->ptr;
    int64_t n;
    bool is_int = num_parse_int(member, &n);
    if (!is_int || (s->count == INTS_MAX_COUNT && !set_ints_has(s, n))) {
        add_beyond_ints(v, member);
        return true;
    }
    bool is_new = set_ints_add(&s, n);
    v->ptr = s;
    return is_new;
}

static bool add_to_packed(struct value *v, struct slice member)
{
    struct packed *p = v->ptr;
    if (packed_find(p, member, 1) != PACKED_NONE) return false;
    if (!fits_packed(p->count + 1, packed_bytes(p) + packed_element_bytes(member))) convert(v, SET_MAP);
    put(v, member);
    return true;
}

static bool add_to_map(struct value *v, struct slice member)
{
    uint32_t hash = map_hash(member);
    if (map_find_hashed(v->ptr, member, hash)) return false;
    add_node(v->ptr, member, hash);
    return true;
}

bool set_add(struct value *v, struct slice member)
{
    int64_t n;
    switch ((enum set_encoding)v->encoding) {
    case SET_INTS: return add_to_ints(v, member);
    case SET_PACKED: return add_to_packed(v, member);
    case SET_MAP: return add_to_map(v, member);
    case SET_EMPTY: break;
    }
    if (num_parse_int(member, &n)) {
        v->ptr = set_ints_new();
        v->encoding = SET_INTS;
        return add_to_ints(v, member);
    }
    become(v, fits_packed(1, packed_element_bytes(member)) ? SET_PACKED : SET_MAP);
    put(v, member);
    return true;
}

static bool remove_from_packed(struct value *v, struct slice member)
{
    struct packed *p = v->ptr;
    uint32_t at = packed_find(p, member, 1);
    if (at == PACKED_NONE) return false;
    packed_remove(&p, at, 1);
    v->ptr = p;
    return true;
}

static bool remove_from_ints(struct value *v, struct slice member)
{
    struct set_ints *s = v->ptr;
    int64_t n;
    bool is_removed = num_parse_int(member, &n) && set_ints_remove(&s, n);
    v->ptr = s;
    return is_removed;
}

bool set_remove(struct value *v, struct slice member)
{
    bool is_removed = false;
    if (v->encoding == SET_INTS) is_removed = remove_from_ints(v, member);
    if (v->encoding == SET_PACKED) is_removed = remove_from_packed(v, member);
    if (v->encoding == SET_MAP) {
        struct map_node *node = map_remove(v->ptr, member);
        is_removed = node != NULL;
        mem_free(node);
    }
    if (is_removed && set_count(v) == 0) set_deinit(v);
    return is_removed;
}

/* ---- all of them, some of them ---- */

void set_iter_begin(struct set_iter *it, const struct value *v)
{
    it->set = v;
    it->at = v->encoding == SET_PACKED ? packed_first(v->ptr) : 0;
    if (v->encoding == SET_MAP) map_iter_begin(&it->map, v->ptr);
}

bool set_iter_next(struct set_iter *it, struct slice *out)
{
    const struct value *v = it->set;
    if (v->encoding == SET_MAP) {
        struct map_node *node = map_iter_next(&it->map);
        if (node) *out = member_of(node);
        return node;
    }
    if (v->encoding == SET_PACKED) {
        if (it->at == PACKED_NONE) return false;
        *out = packed_get(v->ptr, (uint32_t)it->at);
        it->at = packed_next(v->ptr, (uint32_t)it->at);
        return true;
    }
    if (it->at == set_count(v)) return false;
    *out = slice_of(it->text, num_format_int(it->text, ((const struct set_ints *)v->ptr)->at[it->at++]));
    return true;
}

void set_iter_end(struct set_iter *it)
{
    if (it->set->encoding == SET_MAP) map_iter_end(&it->map);
}

struct slice set_random(const struct value *v, struct rng *r, char text[NUM_INT_MAX_CHARS])
{
    if (v->encoding == SET_MAP) return member_of(map_random(v->ptr, r));
    uint32_t index = (uint32_t)rng_below(r, set_count(v));
    if (v->encoding == SET_PACKED) return packed_get(v->ptr, packed_at(v->ptr, index));
    return slice_of(text, num_format_int(text, ((const struct set_ints *)v->ptr)->at[index]));
}

struct visit {
    set_visit_fn *fn;
    void *ctx;
};

static void visit_node(void *ctx, struct map_node *node)
{
    struct visit *visit = ctx;
    visit->fn(visit->ctx, member_of(node));
}

bool set_is_block_in_redis(const struct value *v)
{
    if (v->encoding == SET_INTS) return true;
    if (set_count(v) > REDIS_LISTPACK_MAX_MEMBERS) return false;
    bool is_short = true;
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, v);
    while (is_short && set_iter_next(&it, &member)) is_short = member.len <= REDIS_LISTPACK_MAX_MEMBER;
    set_iter_end(&it);
    return is_short;
}

void set_make_pageable(struct value *v)
{
    if (v->encoding == SET_PACKED) convert(v, SET_MAP);
}

uint64_t set_scan(const struct value *v, uint64_t cursor, set_visit_fn *fn, void *ctx)
{
    if (v->encoding == SET_MAP) return map_scan(v->ptr, cursor, visit_node, &(struct visit){fn, ctx});
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, v);
    while (set_iter_next(&it, &member)) fn(ctx, member);
    set_iter_end(&it);
    return 0;
}

/* ---- the whole ---- */

void set_copy(const struct value *v, struct value *out)
{
    set_init(out);
    if (v->encoding == SET_INTS) out->ptr = set_ints_copy(v->ptr);
    if (v->encoding == SET_PACKED) out->ptr = packed_copy(v->ptr);
    out->encoding = v->encoding;
    if (v->encoding != SET_MAP) return;
    become(out, SET_MAP);
    struct map_iter it;
    map_iter_begin(&it, v->ptr);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it))
        add_node(out->ptr, member_of(node), node->hash);
    map_iter_end(&it);
}

size_t set_bytes(const struct value *v, size_t samples)
{
    if (v->encoding != SET_MAP) return mem_size(v->ptr);
    struct map *m = v->ptr;
    size_t bytes = 0, seen = 0;
    struct map_iter it;
    map_iter_begin(&it, m);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        bytes += mem_size(node);
        seen++;
        if (samples > 0 && seen >= samples) break;
    }
    map_iter_end(&it);
    if (seen < map_count(m)) bytes = (size_t)((double)bytes / (double)seen * (double)map_count(m));
    return bytes + mem_size(m) + mem_size(m->table[0].buckets) + mem_size(m->table[1].buckets);
}

uint64_t set_digest(const struct value *v)
{
    uint64_t sum = 0;
    struct set_iter it;
    struct slice member;
    set_iter_begin(&it, v);
    while (set_iter_next(&it, &member)) sum += digest_chain(0, member);
    set_iter_end(&it);
    return sum;
}

static void check_ints(const struct set_ints *s)
{
    CHECK(s->count > 0 && s->count <= s->cap);
    CHECK(s->count <= INTS_MAX_COUNT); /* 2 */
    for (uint32_t i = 1; i < s->count; i++) CHECK(s->at[i - 1] < s->at[i]);
}

static void check_packed(const struct packed *p)
{
    CHECK(p->count > 0 && fits_packed(p->count, packed_bytes(p))); /* 1, 3 */
    for (uint32_t at = packed_first(p); at != PACKED_NONE; at = packed_next(p, at))
        CHECK(packed_find(p, packed_get(p, at), 1) == at);
}

void set_check(const struct value *v)
{
    if (v->encoding == SET_EMPTY) CHECK(!v->ptr);
    if (v->encoding == SET_INTS) check_ints(v->ptr);
    if (v->encoding == SET_PACKED) check_packed(v->ptr);
    if (v->encoding != SET_MAP) return;
    CHECK(map_count(v->ptr) > 0); /* 1 */
    struct map_iter it;
    map_iter_begin(&it, v->ptr);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it))
        CHECK(map_find(v->ptr, member_of(node)) == node); /* 4 */
    map_iter_end(&it);
}
