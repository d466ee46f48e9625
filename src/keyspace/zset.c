/* SPDX-License-Identifier: MIT */
/*
 * Sorted sets in their two forms.
 *
 *   ZSET_NONE     nothing was ever put in: ptr is NULL
 *   ZSET_PACKED   ptr is a struct packed; an element is eight bytes of score (a double as the machine has it) and the
 *                 member, in order. A walk over at most 128 of them costs less than any index would.
 *   ZSET_BIG      ptr is a struct zset_big: the members in a hash table, their order in a counted tree
 *
 *   NONE --> PACKED --> BIG     at the element that passes a limit; never back
 *
 * Invariants, held by zset_check:
 *   1. The encoding says what ptr is.
 *   2. PACKED: at most 128 elements, members at most 64 bytes, ascending strictly by (score, member).
 *   3. BIG: hash table and tree have equally many elements, and every node in the tree is found in the table.
 *   4. BIG: those of zset_tree.c.
 */
#include "keyspace/zset.h"

#include "base/err.h"
#include "base/mem.h"
#include "keyspace/digest.h"
#include "keyspace/packed.h"
#include "keyspace/zset_tree.h"

enum zset_encoding { ZSET_NONE, ZSET_PACKED, ZSET_BIG };

#define SCORE_BYTES sizeof(double)

struct zset_big {
    struct map members; /* of struct zset_node */
    struct zset_tree tree;
};

static struct packed *packed_of(const struct value *v)
{
    return v->ptr;
}

static struct zset_big *big_of(const struct value *v)
{
    return v->ptr;
}

/* ---- the packed form ---- */

static struct zset_element element_of(struct slice bytes)
{
    struct zset_element e = {.member = slice_from(bytes, SCORE_BYTES)};
    memcpy(&e.score, bytes.at, SCORE_BYTES);
    return e;
}

static struct zset_element packed_element(const struct packed *p, uint32_t at)
{
    return element_of(packed_get(p, at));
}

/* An element's bytes in the packed form. */
struct packed_image {
    char bytes[SCORE_BYTES + ZSET_PACKED_MAX_MEMBER_BYTES];
    size_t len;
};

/* -0 loses its sign here, and only here: so it does in Redis, whose small sets hold integers as such. */
static struct slice draw_image(struct packed_image *image, struct slice member, double score)
{
    score += 0.0;
    memcpy(image->bytes, &score, SCORE_BYTES);
    if (member.len > 0) memcpy(image->bytes + SCORE_BYTES, member.at, member.len);
    image->len = SCORE_BYTES + member.len;
    return slice_of(image->bytes, image->len);
}

/* Ids of one length differ mostly in their last byte: looking there first saves most calls of memcmp. */
static bool is_member(struct slice bytes, struct slice member)
{
    if (bytes.len != SCORE_BYTES + member.len) return false;
    if (member.len == 0) return true;
    const char *at = bytes.at + SCORE_BYTES;
    return at[member.len - 1] == member.at[member.len - 1] && memcmp(at, member.at, member.len) == 0;
}

/* PACKED_NONE when absent. *out_rank counts the elements before it. */
static uint32_t packed_find_member(const struct packed *p, struct slice member, size_t *out_rank)
{
    size_t rank = 0;
    for (uint32_t at = packed_first(p); at != PACKED_NONE; rank++) {
        uint32_t here = at;
        if (!is_member(packed_step(p, &at), member)) continue;
        if (out_rank) *out_rank = rank;
        return here;
    }
    return PACKED_NONE;
}

static bool is_packed_before(const struct packed *p, uint32_t at, const struct zset_bound *b)
{
    struct zset_element e = packed_element(p, at);
    return zset_is_before(&e, b);
}

/* The first element that is not before the bound; PACKED_NONE: the end. *out_rank counts those before it. */
static uint32_t packed_seek(const struct packed *p, const struct zset_bound *b, size_t *out_rank)
{
    uint32_t at = packed_last(p);
    size_t rank = p->count;
    if (at != PACKED_NONE && is_packed_before(p, at, b)) at = PACKED_NONE;
    if (at != PACKED_NONE) {
        rank = 0;
        for (at = packed_first(p); is_packed_before(p, at, b); at = packed_next(p, at)) rank++;
    }
    if (out_rank) *out_rank = rank;
    return at;
}

static void packed_put(struct value *v, struct slice member, double score)
{
    struct packed *p = packed_of(v);
    struct zset_bound b = {ZSET_BOUND_PAIR, false, score, member};
    struct packed_image image;
    struct slice bytes = draw_image(&image, member, score);
    uint32_t at = packed_seek(p, &b, NULL);
    if (at == PACKED_NONE)
        packed_push_tail(&p, bytes);
    else
        packed_insert(&p, at, bytes);
    v->ptr = p;
}

/* Gives the element at `at` another score. */
static void packed_move(struct value *v, uint32_t at, struct slice member, double score)
{
    struct packed *p = packed_of(v);
    struct zset_bound b = {ZSET_BOUND_PAIR, false, score, member};
    uint32_t next = packed_next(p, at);
    uint32_t prev = at == packed_first(p) ? PACKED_NONE : packed_prev(p, at);
    bool fits = prev == PACKED_NONE || is_packed_before(p, prev, &b);
    if (next != PACKED_NONE && is_packed_before(p, next, &b)) fits = false;
    if (fits) {
        struct packed_image image;
        packed_replace(&p, at, draw_image(&image, member, score));
        v->ptr = p;
        return;
    }
    packed_remove(&p, at, 1);
    v->ptr = p;
    packed_put(v, member, score);
}

/* ---- the big form ---- */

static struct slice node_key(const struct map_node *node)
{
    return zset_node_member((const struct zset_node *)node);
}

static struct zset_node *find_node(const struct value *v, struct slice member)
{
    return (struct zset_node *)map_find(&big_of(v)->members, member);
}

static struct zset_big *big_new(void)
{
    struct zset_big *big = mem_alloc(sizeof *big);
    big->members = (struct map){.key_of = node_key};
    zset_tree_init(&big->tree);
    return big;
}

static void big_put(struct zset_big *big, struct slice member, uint32_t hash, double score)
{
    struct zset_node *node = zset_node_new(member);
    map_insert_hashed(&big->members, &node->node, hash);
    zset_tree_insert(&big->tree, node, score);
}

static void free_node(void *ctx, struct map_node *node)
{
    (void)ctx;
    mem_free(node);
}

static void drop_node(void *ctx, struct zset_node *node)
{
    struct zset_big *big = ctx;
    map_unlink(&big->members, &node->node);
    mem_free(node);
}

static void big_free(struct zset_big *big)
{
    zset_tree_deinit(&big->tree);
    map_deinit(&big->members, free_node, NULL);
    mem_free(big);
}

static void become_big(struct value *v)
{
    struct zset_big *big = big_new();
    struct zset_cursor c = zset_seek_rank(v, 0);
    struct zset_element e;
    while (zset_next(&c, &e)) big_put(big, e.member, map_hash(e.member), e.score);
    mem_free(v->ptr);
    v->ptr = big;
    v->encoding = ZSET_BIG;
}

/* ---- as a value ---- */

void zset_init(struct value *v)
{
    v->ptr = NULL;
    v->type = VALUE_ZSET;
    v->encoding = ZSET_NONE;
    v->flags = 0;
}

bool zset_drain(struct value *v, size_t *steps)
{
    if (v->encoding != ZSET_BIG) return true;
    struct zset_big *big = big_of(v);
    return zset_tree_drain(&big->tree, steps) && map_drain(&big->members, free_node, NULL, steps);
}

void zset_deinit(struct value *v)
{
    if (v->encoding == ZSET_BIG)
        big_free(big_of(v));
    else
        mem_free(v->ptr);
    zset_init(v);
}

void zset_copy(const struct value *v, struct value *out)
{
    zset_init(out);
    if (v->encoding == ZSET_NONE) return;
    out->encoding = v->encoding;
    if (v->encoding == ZSET_PACKED) {
        out->ptr = packed_copy(packed_of(v));
        return;
    }
    struct zset_big *big = big_new();
    struct zset_cursor c = zset_seek_rank(v, 0);
    struct zset_element e;
    while (zset_next(&c, &e)) big_put(big, e.member, map_hash(e.member), e.score);
    out->ptr = big;
}

const char *zset_encoding_name(const struct value *v)
{
    return v->encoding == ZSET_BIG ? "skiplist" : "listpack";
}

static size_t map_bytes(const struct map *m)
{
    size_t bytes = 0;
    for (int i = 0; i < 2; i++) bytes += mem_size(m->table[i].buckets);
    return bytes;
}

size_t zset_bytes(const struct value *v, size_t samples)
{
    if (v->encoding != ZSET_BIG) return mem_size(v->ptr);
    const struct zset_big *big = big_of(v);
    size_t sampled = 0, nodes_bytes = 0;
    for (const struct zset_leaf *leaf = big->tree.first; leaf; leaf = leaf->next) {
        for (unsigned i = 0; i < leaf->part.count && (samples == 0 || sampled < samples); i++, sampled++)
            nodes_bytes += mem_size(leaf->slots[i].node);
        if (samples > 0 && sampled == samples) break;
    }
    if (sampled > 0) nodes_bytes = (size_t)((double)nodes_bytes / (double)sampled * (double)big->tree.count);
    return mem_size(big) + map_bytes(&big->members) + zset_tree_bytes(&big->tree) + nodes_bytes;
}

size_t zset_count(const struct value *v)
{
    if (v->encoding == ZSET_BIG) return big_of(v)->tree.count;
    return v->encoding == ZSET_PACKED ? packed_of(v)->count : 0;
}

uint64_t zset_digest(const struct value *v)
{
    uint64_t digest = zset_count(v);
    struct zset_cursor c = zset_seek_rank(v, 0);
    struct zset_element e;
    while (zset_next(&c, &e)) digest = digest_chain(digest_chain(digest, e.member), slice_of(&e.score, SCORE_BYTES));
    return digest;
}

/* ---- single members ---- */

bool zset_score(const struct value *v, struct slice member, double *out_score)
{
    double score = 0;
    if (v->encoding == ZSET_BIG) {
        const struct zset_node *node = find_node(v, member);
        if (!node) return false;
        if (!out_score) return true;
        struct zset_place p = zset_tree_place(&big_of(v)->tree, node);
        score = p.leaf->slots[p.at].score;
    } else {
        uint32_t at = v->encoding == ZSET_NONE ? PACKED_NONE : packed_find_member(packed_of(v), member, NULL);
        if (at == PACKED_NONE) return false;
        score = packed_element(packed_of(v), at).score;
    }
    if (out_score) *out_score = score;
    return true;
}

bool zset_rank(const struct value *v, struct slice member, size_t *out_rank, double *out_score)
{
    size_t rank = 0;
    double score = 0;
    if (v->encoding == ZSET_BIG) {
        const struct zset_node *node = find_node(v, member);
        if (!node) return false;
        struct zset_place p = zset_tree_place(&big_of(v)->tree, node);
        score = p.leaf->slots[p.at].score;
        rank = zset_tree_rank(p);
    } else {
        uint32_t at = v->encoding == ZSET_NONE ? PACKED_NONE : packed_find_member(packed_of(v), member, &rank);
        if (at == PACKED_NONE) return false;
        score = packed_element(packed_of(v), at).score;
    }
    if (out_rank) *out_rank = rank;
    if (out_score) *out_score = score;
    return true;
}

/* What becomes of a present member: SAME or MOVED (then *score is the new one), NOTHING, NAN. */
static enum zset_added decide_present(double present, unsigned flags, double *score)
{
    if (flags & ZSET_ADD_NX) return ZSET_ADDED_NOTHING;
    if (flags & ZSET_ADD_INCR) {
        *score += present;
        if (*score != *score) return ZSET_ADDED_NAN;
    }
    if ((flags & ZSET_ADD_LT) && *score >= present) return ZSET_ADDED_NOTHING;
    if ((flags & ZSET_ADD_GT) && *score <= present) return ZSET_ADDED_NOTHING;
    return *score == present ? ZSET_ADDED_SAME : ZSET_ADDED_MOVED;
}

static enum zset_added add_big(struct value *v, struct slice member, double *score, unsigned flags)
{
    struct zset_big *big = big_of(v);
    uint32_t hash = map_hash(member);
    struct zset_node *node = (struct zset_node *)map_find_hashed(&big->members, member, hash);
    if (node) {
        struct zset_place p = zset_tree_place(&big->tree, node);
        enum zset_added added = decide_present(p.leaf->slots[p.at].score, flags, score);
        if (added == ZSET_ADDED_MOVED) zset_tree_move(&big->tree, node, *score);
        return added;
    }
    if (flags & ZSET_ADD_XX) return ZSET_ADDED_NOTHING;
    big_put(big, member, hash, *score);
    return ZSET_ADDED_NEW;
}

static enum zset_added add_packed(struct value *v, struct slice member, double *score, unsigned flags)
{
    if (v->encoding == ZSET_NONE) {
        if (flags & ZSET_ADD_XX) return ZSET_ADDED_NOTHING;
        if (member.len <= ZSET_PACKED_MAX_MEMBER_BYTES) {
            struct packed_image image;
            v->ptr = packed_new(packed_element_bytes(draw_image(&image, member, *score)));
            v->encoding = ZSET_PACKED;
        }
    } else {
        uint32_t at = packed_find_member(packed_of(v), member, NULL);
        if (at != PACKED_NONE) {
            enum zset_added added = decide_present(packed_element(packed_of(v), at).score, flags, score);
            if (added == ZSET_ADDED_MOVED) packed_move(v, at, member, *score);
            return added;
        }
        if (flags & ZSET_ADD_XX) return ZSET_ADDED_NOTHING;
    }
    if (member.len > ZSET_PACKED_MAX_MEMBER_BYTES || packed_of(v)->count == ZSET_PACKED_MAX_COUNT) {
        become_big(v);
        big_put(big_of(v), member, map_hash(member), *score);
    } else {
        packed_put(v, member, *score);
    }
    return ZSET_ADDED_NEW;
}

enum zset_added zset_add(struct value *v, struct slice member, double score, unsigned flags, double *out_score)
{
    if (score != score) return ZSET_ADDED_NAN;
    enum zset_added added =
        v->encoding == ZSET_BIG ? add_big(v, member, &score, flags) : add_packed(v, member, &score, flags);
    if (out_score && added >= ZSET_ADDED_SAME) *out_score = score;
    return added;
}

bool zset_remove(struct value *v, struct slice member)
{
    if (v->encoding == ZSET_NONE) return false;
    if (v->encoding == ZSET_PACKED) {
        struct packed *p = packed_of(v);
        uint32_t at = packed_find_member(p, member, NULL);
        if (at == PACKED_NONE) return false;
        packed_remove(&p, at, 1);
        v->ptr = p;
        return true;
    }
    struct zset_big *big = big_of(v);
    struct zset_node *node = find_node(v, member);
    if (!node) return false;
    zset_tree_remove(&big->tree, zset_tree_place(&big->tree, node));
    drop_node(big, node);
    return true;
}

void zset_remove_ranks(struct value *v, size_t first, size_t count)
{
    CHECK(first + count <= zset_count(v));
    if (count == 0) return;
    if (v->encoding == ZSET_BIG) {
        zset_tree_remove_ranks(&big_of(v)->tree, first, count, drop_node, big_of(v));
        return;
    }
    struct packed *p = packed_of(v);
    packed_remove(&p, packed_at(p, (uint32_t)first), (uint32_t)count);
    v->ptr = p;
}

/* ---- bounds and ranges ---- */

bool zset_is_before(const struct zset_element *e, const struct zset_bound *b)
{
    enum zset_before before = zset_score_before(e->score, b);
    return before == ZSET_UNDECIDED ? zset_member_before(e->member, b) : before == ZSET_BEFORE;
}

size_t zset_bound_rank(const struct value *v, const struct zset_bound *b)
{
    if (v->encoding == ZSET_NONE || b->kind == ZSET_BOUND_START) return 0;
    if (b->kind == ZSET_BOUND_END) return zset_count(v);
    if (v->encoding == ZSET_BIG) return zset_tree_rank(zset_tree_seek(&big_of(v)->tree, b));
    size_t rank = 0;
    packed_seek(packed_of(v), b, &rank);
    return rank;
}

struct zset_window zset_range_window(const struct value *v, const struct zset_range *r)
{
    size_t first = zset_bound_rank(v, &r->min), end = zset_bound_rank(v, &r->max);
    return (struct zset_window){first, end > first ? end - first : 0};
}

/* ---- walking ---- */

static struct zset_cursor cursor_of(struct zset_place p)
{
    return (struct zset_cursor){p.leaf, p.at, false};
}

struct zset_cursor zset_seek(const struct value *v, const struct zset_bound *b)
{
    if (v->encoding == ZSET_NONE) return (struct zset_cursor){.is_packed = true};
    if (v->encoding == ZSET_BIG) return cursor_of(zset_tree_seek(&big_of(v)->tree, b));
    return (struct zset_cursor){packed_of(v), packed_seek(packed_of(v), b, NULL), true};
}

struct zset_cursor zset_seek_rank(const struct value *v, size_t rank)
{
    CHECK(rank <= zset_count(v));
    if (v->encoding == ZSET_NONE) return (struct zset_cursor){.is_packed = true};
    if (v->encoding == ZSET_BIG) return cursor_of(zset_tree_at(&big_of(v)->tree, rank));
    const struct packed *p = packed_of(v);
    return (struct zset_cursor){p, rank == p->count ? PACKED_NONE : packed_at(p, (uint32_t)rank), true};
}

/* Steps into the next (previous) leaf where this one is used up; NULL at the end. */
static const struct zset_leaf *leaf_ahead(struct zset_cursor *c)
{
    const struct zset_leaf *leaf = c->block;
    if (c->at < leaf->part.count) return leaf;
    if (!leaf->next) return NULL;
    c->block = leaf->next;
    c->at = 0;
    return leaf->next;
}

static const struct zset_leaf *leaf_behind(struct zset_cursor *c)
{
    const struct zset_leaf *leaf = c->block;
    if (c->at > 0) return leaf;
    if (!leaf->prev) return NULL;
    c->block = leaf->prev;
    c->at = leaf->prev->part.count;
    return leaf->prev;
}

static struct zset_element slot_element(const struct zset_leaf *leaf, uint32_t at)
{
    return (struct zset_element){zset_node_member(leaf->slots[at].node), leaf->slots[at].score};
}

bool zset_next(struct zset_cursor *c, struct zset_element *out)
{
    if (c->is_packed) {
        if (!c->block || c->at == PACKED_NONE) return false;
        *out = element_of(packed_step(c->block, &c->at));
        return true;
    }
    const struct zset_leaf *leaf = leaf_ahead(c);
    if (!leaf || leaf->part.count == 0) return false;
    *out = slot_element(leaf, c->at++);
    return true;
}

bool zset_prev(struct zset_cursor *c, struct zset_element *out)
{
    if (c->is_packed) {
        const struct packed *p = c->block;
        if (!p || p->count == 0 || c->at == packed_first(p)) return false;
        c->at = c->at == PACKED_NONE ? packed_last(p) : packed_prev(p, c->at);
        *out = packed_element(p, c->at);
        return true;
    }
    const struct zset_leaf *leaf = leaf_behind(c);
    if (!leaf) return false;
    *out = slot_element(leaf, --c->at);
    return true;
}

void zset_skip(struct zset_cursor *c, size_t n)
{
    struct zset_element e;
    if (c->is_packed) {
        while (n > 0 && zset_next(c, &e)) n--;
        return;
    }
    while (n > 0) {
        const struct zset_leaf *leaf = leaf_ahead(c);
        if (!leaf) return;
        size_t here = leaf->part.count - c->at;
        size_t step = here < n ? here : n;
        if (step == 0) return;
        c->at += (uint32_t)step;
        n -= step;
    }
}

void zset_skip_back(struct zset_cursor *c, size_t n)
{
    struct zset_element e;
    if (c->is_packed) {
        while (n > 0 && zset_prev(c, &e)) n--;
        return;
    }
    while (n > 0 && leaf_behind(c)) {
        size_t step = c->at < n ? c->at : n;
        c->at -= (uint32_t)step;
        n -= step;
    }
}

void zset_walk_range(struct zset_walk *w, const struct value *v, const struct zset_range *r, bool is_reverse,
                     size_t offset, size_t limit)
{
    *w = (struct zset_walk){
        .cursor = zset_seek(v, is_reverse ? &r->max : &r->min),
        .stop = is_reverse ? r->min : r->max,
        .left = limit,
        .is_reverse = is_reverse,
    };
    if (offset == 0) return;
    if (is_reverse)
        zset_skip_back(&w->cursor, offset);
    else
        zset_skip(&w->cursor, offset);
}

void zset_walk_window(struct zset_walk *w, const struct value *v, struct zset_window window, bool is_reverse)
{
    *w = (struct zset_walk){
        .cursor = zset_seek_rank(v, window.first + (is_reverse ? window.count : 0)),
        .stop = {.kind = is_reverse ? ZSET_BOUND_START : ZSET_BOUND_END},
        .left = window.count,
        .is_reverse = is_reverse,
    };
}

bool zset_walk_next(struct zset_walk *w, struct zset_element *out)
{
    if (w->left == 0) return false;
    w->left--;
    if (w->is_reverse) return zset_prev(&w->cursor, out) && !zset_is_before(out, &w->stop);
    return zset_next(&w->cursor, out) && zset_is_before(out, &w->stop);
}

struct zset_element zset_random(const struct value *v, struct rng *r)
{
    struct zset_cursor c = zset_seek_rank(v, rng_below(r, zset_count(v)));
    struct zset_element e = {0};
    zset_next(&c, &e);
    return e;
}

/* ---- scanning ---- */

struct scan {
    const struct zset_tree *tree;
    zset_visit_fn *fn;
    void *ctx;
};

static void scan_node(void *ctx, struct map_node *map_node)
{
    struct scan *s = ctx;
    struct zset_place p = zset_tree_place(s->tree, (const struct zset_node *)map_node);
    struct zset_element e = slot_element(p.leaf, p.at);
    s->fn(s->ctx, &e);
}

uint64_t zset_scan(const struct value *v, uint64_t cursor, zset_visit_fn *fn, void *ctx)
{
    if (v->encoding == ZSET_BIG) {
        struct scan s = {&big_of(v)->tree, fn, ctx};
        return map_scan(&big_of(v)->members, cursor, scan_node, &s);
    }
    struct zset_cursor c = zset_seek_rank(v, 0);
    struct zset_element e;
    while (zset_next(&c, &e)) fn(ctx, &e);
    return 0;
}

/* ---- invariants ---- */

static void check_packed(const struct packed *p)
{
    CHECK(p->count <= ZSET_PACKED_MAX_COUNT); /* 2 */
    struct zset_element last = {0};
    uint32_t seen = 0;
    for (uint32_t at = packed_first(p); at != PACKED_NONE; at = packed_next(p, at), seen++) {
        struct zset_element e = packed_element(p, at);
        struct zset_bound b = {ZSET_BOUND_PAIR, false, e.score, e.member};
        CHECK(e.member.len <= ZSET_PACKED_MAX_MEMBER_BYTES); /* 2 */
        CHECK(seen == 0 || zset_is_before(&last, &b));       /* 2 */
        last = e;
    }
    CHECK(seen == p->count);
}

void zset_check(const struct value *v)
{
    CHECK(v->type == VALUE_ZSET);
    CHECK(v->encoding <= ZSET_BIG && (v->encoding == ZSET_NONE) == (v->ptr == NULL)); /* 1 */
    if (v->encoding == ZSET_PACKED) check_packed(packed_of(v));
    if (v->encoding != ZSET_BIG) return;
    struct zset_big *big = big_of(v);
    zset_tree_check(&big->tree);                        /* 4 */
    CHECK(map_count(&big->members) == big->tree.count); /* 3 */
    for (const struct zset_leaf *leaf = big->tree.first; leaf; leaf = leaf->next)
        for (unsigned i = 0; i < leaf->part.count; i++)
            CHECK(find_node(v, zset_node_member(leaf->slots[i].node)) == leaf->slots[i].node); /* 3 */
}
