/* SPDX-License-Identifier: MIT */
/*
 * The order of a big sorted set: a counted B+ tree over nodes that its hash table owns. Only zset.c includes this.
 *
 *   inner   | child: elements below it, first score | ...          up to 32 children
 *              |
 *   leaf    | score, node | score, node | ...  <-> next leaf       up to 62 slots, sized to what they hold
 *
 * A node does not know its score, only the number of its leaf (32 bits in what is padding in a map node), so an element
 * costs its node (17 bytes and the member), a bucket pointer and a slot. From the number the tree finds leaf, score and,
 * by climbing, rank, without comparing a single key.
 */
#ifndef KEYSPACE_ZSET_TREE_H
#define KEYSPACE_ZSET_TREE_H

#include "base/map.h"
#include "keyspace/zset.h"

/* A leaf of 62 slots takes 1024 bytes, an inner node of 32 children 784 (of 896): both fit an allocator's size class. */
#define ZSET_LEAF_MAX 62
#define ZSET_INNER_MAX 32

/* A member. */
struct zset_node {
    struct map_node node; /* first; node.aux: number of its leaf */
    uint8_t bytes[];      /* length (one byte; from 255 on that byte and four more), then the member */
};

struct zset_inner;

/* What leaf and inner node have in common. */
struct zset_part {
    struct zset_inner *parent; /* link; NULL for the root */
    uint32_t number;           /* a leaf's index in tree->leaves */
    uint8_t level;             /* 0: leaf */
    uint8_t count;             /* slots or children in use */
    uint8_t cap;               /* slots there is room for */
};

struct zset_slot {
    double score;
    struct zset_node *node; /* link */
};

struct zset_leaf {
    struct zset_part part;
    struct zset_leaf *prev, *next; /* link */
    struct zset_slot slots[];
};

struct zset_inner {
    struct zset_part part;
    struct zset_part *child[ZSET_INNER_MAX]; /* owned */
    uint64_t elements[ZSET_INNER_MAX];       /* below each child */
    double first[ZSET_INNER_MAX];            /* score of the first of them */
};

/* An entry of the table of leaves. */
union zset_leaf_entry {
    struct zset_leaf *leaf; /* link */
    uint64_t next_free;     /* of a number that is free: the next free one */
};

struct zset_tree {
    struct zset_part *root;         /* owned */
    struct zset_leaf *first, *last; /* link */
    size_t count;
    union zset_leaf_entry *leaves; /* owned: by number */
    uint32_t leaves_count;         /* numbers ever given */
    uint32_t leaves_cap;
    uint32_t free_number; /* the first free one, ZSET_NO_NUMBER: none */
};

#define ZSET_NO_NUMBER UINT32_MAX

/* A slot, or the end of a leaf (at == count). Valid until the next change of the tree. */
struct zset_place {
    struct zset_leaf *leaf;
    uint32_t at;
};

/* Owns: caller, mem_free. */
struct zset_node *zset_node_new(struct slice member);
static inline struct slice zset_node_member(const struct zset_node *n)
{
    uint32_t len = n->bytes[0];
    if (len < UINT8_MAX) return slice_of(n->bytes + 1, len);
    memcpy(&len, n->bytes + 1, sizeof len);
    return slice_of(n->bytes + 1 + sizeof len, len);
}

/* Is an element of this score before the bound? UNDECIDED where its member has a say. */
enum zset_before { ZSET_NOT_BEFORE, ZSET_BEFORE, ZSET_UNDECIDED };
static inline enum zset_before zset_score_before(double score, const struct zset_bound *b)
{
    if (b->kind <= ZSET_BOUND_PAIR) {
        if (score < b->score) return ZSET_BEFORE;
        if (score > b->score) return ZSET_NOT_BEFORE;
        if (b->kind == ZSET_BOUND_PAIR) return ZSET_UNDECIDED;
        return b->is_after ? ZSET_BEFORE : ZSET_NOT_BEFORE;
    }
    if (b->kind == ZSET_BOUND_MEMBER) return ZSET_UNDECIDED;
    return b->kind == ZSET_BOUND_END ? ZSET_BEFORE : ZSET_NOT_BEFORE;
}
static inline bool zset_member_before(struct slice member, const struct zset_bound *b)
{
    int order = slice_compare(member, b->member);
    return order < 0 || (order == 0 && b->is_after);
}

void zset_tree_init(struct zset_tree *t);
/* Frees leaves and inner nodes, not the members' nodes. */
void zset_tree_deinit(struct zset_tree *t);
/* Frees inner nodes, and at most *steps leaves, counted down. True when no leaf is left; until deinit nothing else may be done. */
bool zset_tree_drain(struct zset_tree *t, size_t *steps);
/* The element must be absent. The node is borrowed until it is removed. */
void zset_tree_insert(struct zset_tree *t, struct zset_node *node, double score);
/* Gives a node that is in the tree another score. */
void zset_tree_move(struct zset_tree *t, struct zset_node *node, double score);
void zset_tree_remove(struct zset_tree *t, struct zset_place place);
/* Removes `count` elements from a rank on, and gives each node to fn (which may free it). */
void zset_tree_remove_ranks(struct zset_tree *t, size_t first, size_t count,
                            void (*fn)(void *ctx, struct zset_node *node), void *ctx);

/* Where a node stands. */
struct zset_place zset_tree_place(const struct zset_tree *t, const struct zset_node *node);
size_t zset_tree_rank(struct zset_place place);
/* rank <= count; the end of the last leaf for rank == count. */
struct zset_place zset_tree_at(const struct zset_tree *t, size_t rank);
/* The first element that is not before the bound. */
struct zset_place zset_tree_seek(const struct zset_tree *t, const struct zset_bound *b);
/* Bytes of leaves, inner nodes and table. */
size_t zset_tree_bytes(const struct zset_tree *t);
void zset_tree_check(const struct zset_tree *t);

#endif
