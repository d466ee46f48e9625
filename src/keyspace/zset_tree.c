/* SPDX-License-Identifier: MIT */
/*
 * A counted B+ tree, see zset_tree.h.
 *
 * Where it differs from the textbook, because most sorted sets of a job system are filled in ascending order and emptied
 * from the start, or in a few places each of which ascends (one per priority):
 *
 *   - A leaf that is full and gets an element at its end is not halved: the element begins a new leaf. Ascending input
 *     leaves every leaf full behind it. Elsewhere leaves are halved.
 *   - A leaf's allocation follows what it holds, in the allocator's size classes: a half-full leaf costs half.
 *   - Nothing is borrowed from a neighbour. A leaf or inner node that got small is merged with a neighbour under the same
 *     parent when both fit well into one, else it stays; what became empty is freed.
 *   - Numbers of leaves stand in the nodes, so moving slots between leaves touches their nodes: splits and merges move as
 *     few as they can.
 *
 * Invariants, held by zset_tree_check:
 *   1. Elements ascend strictly by (score, member bytes) along the leaves, which prev and next link in that order.
 *   2. tree->first and last are the outermost leaves, tree->count is the number of slots in all leaves.
 *   3. elements[i] is the number of slots below child[i]; first[i] the score of the first of them.
 *   4. Every part knows its parent; a child's level is one less than its parent's.
 *   5. leaves[leaf->number] is the leaf, and every node in it has that number.
 *   6. No part is empty but a root leaf, and a root that is an inner node has two children or more.
 *   7. count <= cap in leaves; the numbers not in use form the free list.
 */
#include "keyspace/zset_tree.h"

#include "base/err.h"
#include "base/mem.h"

/* Below these a part looks for a neighbour to merge with; the sum leaves room, so that the next insert does not split again. */
#define LEAF_SMALL 15
#define LEAF_MERGED_MAX 46
#define INNER_SMALL 8
#define INNER_MERGED_MAX 24
/* Room in a new leaf that nothing says will soon be full. */
#define LEAF_FIRST 6

static struct zset_leaf *as_leaf(struct zset_part *part)
{
    return (struct zset_leaf *)part;
}

static struct zset_inner *as_inner(struct zset_part *part)
{
    return (struct zset_inner *)part;
}

/* ---- nodes ---- */

struct zset_node *zset_node_new(struct slice member)
{
    uint32_t len = (uint32_t)member.len;
    size_t prefix = len < UINT8_MAX ? 1 : 1 + sizeof len;
    struct zset_node *n = mem_alloc(sizeof *n + prefix + len);
    n->bytes[0] = len < UINT8_MAX ? (uint8_t)len : UINT8_MAX;
    if (prefix > 1) memcpy(n->bytes + 1, &len, sizeof len);
    if (len > 0) memcpy(n->bytes + prefix, member.at, len);
    return n;
}

/* ---- leaves and their numbers ---- */

static size_t leaf_bytes(unsigned cap)
{
    return sizeof(struct zset_leaf) + cap * sizeof(struct zset_slot);
}

/* The slots that fit into what the allocator gives for `needed` of them. */
static uint8_t good_cap(unsigned needed)
{
    if (needed >= ZSET_LEAF_MAX) return ZSET_LEAF_MAX;
    size_t cap = (mem_good_size(leaf_bytes(needed)) - sizeof(struct zset_leaf)) / sizeof(struct zset_slot);
    return cap < ZSET_LEAF_MAX ? (uint8_t)cap : ZSET_LEAF_MAX;
}

static uint32_t take_number(struct zset_tree *t)
{
    uint32_t number = t->free_number;
    if (number != ZSET_NO_NUMBER) {
        t->free_number = (uint32_t)t->leaves[number].next_free;
        return number;
    }
    if (t->leaves_count == t->leaves_cap) {
        t->leaves_cap = t->leaves_cap ? t->leaves_cap * 2 : 4;
        t->leaves = mem_resize(t->leaves, t->leaves_cap * sizeof *t->leaves);
    }
    return t->leaves_count++;
}

static void give_number(struct zset_tree *t, uint32_t number)
{
    t->leaves[number].next_free = t->free_number;
    t->free_number = number;
}

/* A leaf without slots, linked in after `prev` (NULL: it is the first one). */
static struct zset_leaf *new_leaf(struct zset_tree *t, struct zset_leaf *prev, uint8_t cap)
{
    struct zset_leaf *leaf = mem_apart_alloc(leaf_bytes(cap));
    leaf->part = (struct zset_part){.number = take_number(t), .cap = cap};
    t->leaves[leaf->part.number].leaf = leaf;
    leaf->prev = prev;
    leaf->next = prev ? prev->next : NULL;
    *(leaf->next ? &leaf->next->prev : &t->last) = leaf;
    *(prev ? &prev->next : &t->first) = leaf;
    return leaf;
}

static void free_leaf(struct zset_tree *t, struct zset_leaf *leaf)
{
    *(leaf->next ? &leaf->next->prev : &t->last) = leaf->prev;
    *(leaf->prev ? &leaf->prev->next : &t->first) = leaf->next;
    give_number(t, leaf->part.number);
    mem_apart_free(leaf);
}

static unsigned index_of(const struct zset_inner *inner, const struct zset_part *child)
{
    struct zset_part *const *at = inner->child;
    while (*at != child) at++;
    return (unsigned)(at - inner->child);
}

/* Changes the room of a leaf, which may move it. */
static struct zset_leaf *resize_leaf(struct zset_tree *t, struct zset_leaf *leaf, uint8_t cap)
{
    struct zset_inner *parent = leaf->part.parent;
    struct zset_part **owner = parent ? &parent->child[index_of(parent, &leaf->part)] : &t->root;
    leaf = mem_apart_resize(leaf, leaf_bytes(cap));
    leaf->part.cap = cap;
    *owner = &leaf->part;
    t->leaves[leaf->part.number].leaf = leaf;
    *(leaf->next ? &leaf->next->prev : &t->last) = leaf;
    *(leaf->prev ? &leaf->prev->next : &t->first) = leaf;
    return leaf;
}

/* Moves slots[from ..] of one leaf to the place `at` of another that has room for them. */
static void move_slots(struct zset_leaf *from, unsigned from_at, struct zset_leaf *to, unsigned to_at)
{
    unsigned moved = from->part.count - from_at;
    memmove(to->slots + to_at + moved, to->slots + to_at, (to->part.count - to_at) * sizeof *to->slots);
    memcpy(to->slots + to_at, from->slots + from_at, moved * sizeof *to->slots);
    for (unsigned i = 0; i < moved; i++) to->slots[to_at + i].node->node.aux = to->part.number;
    to->part.count += (uint8_t)moved;
    from->part.count -= (uint8_t)moved;
}

/* ---- looking ---- */

static bool slot_is_before(const struct zset_slot *slot, const struct zset_bound *b)
{
    enum zset_before before = zset_score_before(slot->score, b);
    if (before != ZSET_UNDECIDED) return before == ZSET_BEFORE;
    return zset_member_before(zset_node_member(slot->node), b);
}

static const struct zset_slot *first_slot(struct zset_part *part)
{
    while (part->level > 0) part = as_inner(part)->child[0];
    return as_leaf(part)->slots;
}

static double first_score(struct zset_part *part)
{
    return part->level > 0 ? as_inner(part)->first[0] : as_leaf(part)->slots[0].score;
}

/* The last child whose first element is before the bound; the first child when there is none. */
static unsigned pick_child(const struct zset_inner *inner, const struct zset_bound *b)
{
    unsigned low = 1, high = inner->part.count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        enum zset_before before = zset_score_before(inner->first[middle], b);
        bool is_before = before == ZSET_BEFORE;
        if (before == ZSET_UNDECIDED)
            is_before = zset_member_before(zset_node_member(first_slot(inner->child[middle])->node), b);
        if (is_before)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

static unsigned pick_slot(const struct zset_leaf *leaf, const struct zset_bound *b)
{
    unsigned low = 0, high = leaf->part.count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (slot_is_before(leaf->slots + middle, b))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct zset_place zset_tree_seek(const struct zset_tree *t, const struct zset_bound *b)
{
    struct zset_part *part = t->root;
    while (part->level > 0) part = as_inner(part)->child[pick_child(as_inner(part), b)];
    return (struct zset_place){as_leaf(part), pick_slot(as_leaf(part), b)};
}

struct zset_place zset_tree_place(const struct zset_tree *t, const struct zset_node *node)
{
    struct zset_leaf *leaf = t->leaves[node->node.aux].leaf;
    const struct zset_slot *slot = leaf->slots;
    while (slot->node != node) slot++;
    return (struct zset_place){leaf, (uint32_t)(slot - leaf->slots)};
}

size_t zset_tree_rank(struct zset_place place)
{
    size_t rank = place.at;
    const struct zset_part *part = &place.leaf->part;
    for (const struct zset_inner *inner = part->parent; inner; part = &inner->part, inner = part->parent)
        for (unsigned i = 0; inner->child[i] != part; i++) rank += inner->elements[i];
    return rank;
}

struct zset_place zset_tree_at(const struct zset_tree *t, size_t rank)
{
    struct zset_part *part = t->root;
    while (part->level > 0) {
        struct zset_inner *inner = as_inner(part);
        unsigned i = 0;
        while (rank >= inner->elements[i] && i + 1 < inner->part.count) rank -= inner->elements[i++];
        part = inner->child[i];
    }
    return (struct zset_place){as_leaf(part), (uint32_t)rank};
}

/* ---- growing ---- */

/* Puts an inner node with one child above the root. */
static struct zset_inner *grow_root(struct zset_tree *t)
{
    struct zset_inner *root = mem_apart_alloc(sizeof *root);
    root->part = (struct zset_part){.level = (uint8_t)(t->root->level + 1), .count = 1};
    root->child[0] = t->root;
    root->elements[0] = t->count;
    root->first[0] = first_score(t->root);
    t->root->parent = root;
    t->root = &root->part;
    return root;
}

/* Moves child[from_at ..] to the place `to_at` of another inner node of the same level; returns the elements below them. */
static uint64_t move_children(struct zset_inner *from, unsigned from_at, struct zset_inner *to, unsigned to_at)
{
    unsigned moved = from->part.count - from_at, behind = to->part.count - to_at;
    memmove(to->child + to_at + moved, to->child + to_at, behind * sizeof *to->child);
    memmove(to->elements + to_at + moved, to->elements + to_at, behind * sizeof *to->elements);
    memmove(to->first + to_at + moved, to->first + to_at, behind * sizeof *to->first);
    memcpy(to->child + to_at, from->child + from_at, moved * sizeof *to->child);
    memcpy(to->elements + to_at, from->elements + from_at, moved * sizeof *to->elements);
    memcpy(to->first + to_at, from->first + from_at, moved * sizeof *to->first);
    uint64_t elements = 0;
    for (unsigned i = to_at; i < to_at + moved; i++) {
        to->child[i]->parent = to;
        elements += to->elements[i];
    }
    to->part.count += (uint8_t)moved;
    from->part.count -= (uint8_t)moved;
    return elements;
}

/* What is hung into an inner node. */
struct new_child {
    struct zset_part *part;
    uint64_t elements;
    double first;
};

static void put_child(struct zset_inner *inner, unsigned at, const struct new_child *child)
{
    unsigned behind = inner->part.count - at;
    memmove(inner->child + at + 1, inner->child + at, behind * sizeof *inner->child);
    memmove(inner->elements + at + 1, inner->elements + at, behind * sizeof *inner->elements);
    memmove(inner->first + at + 1, inner->first + at, behind * sizeof *inner->first);
    inner->child[at] = child->part;
    inner->elements[at] = child->elements;
    inner->first[at] = child->first;
    child->part->parent = inner;
    inner->part.count++;
}

/*
 * Hangs a child in behind child[at]; its elements were below child[at] so far and are subtracted there. A full node is
 * split first, at its end when the child comes last, and the new half is hung into the level above in the same way.
 */
static void insert_child(struct zset_tree *t, struct zset_inner *inner, unsigned at, const struct new_child *child)
{
    inner->elements[at] -= child->elements;
    at++;
    if (inner->part.count < ZSET_INNER_MAX) {
        put_child(inner, at, child);
        return;
    }
    struct zset_inner *parent = inner->part.parent ? inner->part.parent : grow_root(t);
    struct zset_inner *right = mem_apart_alloc(sizeof *right);
    right->part = (struct zset_part){.level = inner->part.level};
    unsigned cut = at == ZSET_INNER_MAX ? ZSET_INNER_MAX : ZSET_INNER_MAX / 2;
    uint64_t elements = move_children(inner, cut, right, 0);
    bool goes_right = at > cut || cut == ZSET_INNER_MAX;
    put_child(goes_right ? right : inner, goes_right ? at - cut : at, child);
    if (goes_right) elements += child->elements;
    insert_child(t, parent, index_of(parent, &inner->part),
                 &(struct new_child){&right->part, elements, right->first[0]});
}

/* Splits a full leaf for a slot of `score` that is to stand at place->at and is counted already; *place becomes where it goes. */
static void split_leaf(struct zset_tree *t, struct zset_place *place, double score)
{
    struct zset_leaf *leaf = place->leaf;
    struct zset_inner *parent = leaf->part.parent ? leaf->part.parent : grow_root(t);
    unsigned at = index_of(parent, &leaf->part);
    if (place->at == 0) parent->first[at] = score; /* a root made just now does not know of it */
    bool is_append = place->at == ZSET_LEAF_MAX;
    unsigned cut = is_append ? ZSET_LEAF_MAX : ZSET_LEAF_MAX / 2;
    /* At the end of everything more is likely to follow. */
    uint8_t cap = good_cap(!is_append ? cut + cut / 8 : leaf->next ? LEAF_FIRST : ZSET_LEAF_MAX);
    struct zset_leaf *right = new_leaf(t, leaf, cap);
    move_slots(leaf, cut, right, 0);
    bool goes_right = is_append || place->at > cut;
    struct new_child child = {&right->part, right->part.count + (uint64_t)goes_right,
                              is_append ? score : right->slots[0].score};
    insert_child(t, parent, at, &child);
    if (!is_append) leaf = resize_leaf(t, leaf, good_cap(cut + cut / 8));
    *place = goes_right ? (struct zset_place){right, place->at - cut} : (struct zset_place){leaf, place->at};
}

/* Where an element goes; counts it in the inner nodes above. */
static struct zset_place descend_counting(struct zset_tree *t, const struct zset_bound *b)
{
    struct zset_part *part = t->root;
    while (part->level > 0) {
        struct zset_inner *inner = as_inner(part);
        unsigned i = pick_child(inner, b);
        inner->elements[i]++;
        if (b->score < inner->first[i]) inner->first[i] = b->score;
        part = inner->child[i];
    }
    return (struct zset_place){as_leaf(part), pick_slot(as_leaf(part), b)};
}

/* The same for an element that comes after all others. */
static struct zset_place append_counting(struct zset_tree *t)
{
    for (struct zset_inner *i = t->last->part.parent; i; i = i->part.parent) i->elements[i->part.count - 1]++;
    return (struct zset_place){t->last, t->last->part.count};
}

void zset_tree_insert(struct zset_tree *t, struct zset_node *node, double score)
{
    struct zset_bound b = {ZSET_BOUND_PAIR, false, score, zset_node_member(node)};
    const struct zset_leaf *last = t->last;
    bool is_last = last->part.count == 0 || slot_is_before(last->slots + last->part.count - 1, &b);
    struct zset_place place = is_last ? append_counting(t) : descend_counting(t, &b);
    t->count++;
    if (place.leaf->part.count == ZSET_LEAF_MAX)
        split_leaf(t, &place, score);
    else if (place.leaf->part.count == place.leaf->part.cap)
        place.leaf = resize_leaf(t, place.leaf, good_cap(place.leaf->part.count + 1u + place.leaf->part.count / 8u));
    struct zset_leaf *leaf = place.leaf;
    struct zset_slot *slot = leaf->slots + place.at;
    memmove(slot + 1, slot, (leaf->part.count - place.at) * sizeof *slot);
    *slot = (struct zset_slot){score, node};
    leaf->part.count++;
    node->node.aux = leaf->part.number;
}

/* ---- shrinking ---- */

static void take_child(struct zset_inner *inner, unsigned at)
{
    unsigned behind = --inner->part.count - at;
    memmove(inner->child + at, inner->child + at + 1, behind * sizeof *inner->child);
    memmove(inner->elements + at, inner->elements + at + 1, behind * sizeof *inner->elements);
    memmove(inner->first + at, inner->first + at + 1, behind * sizeof *inner->first);
}

/* The left one of two neighbours that are to be merged, of which `at` is one; -1: neither neighbour is small enough. */
static int find_merge(const struct zset_inner *parent, unsigned at, unsigned merged_max)
{
    unsigned count = parent->child[at]->count;
    if (at + 1 < parent->part.count && count + parent->child[at + 1]->count <= merged_max) return (int)at;
    if (at > 0 && count + parent->child[at - 1]->count <= merged_max) return (int)at - 1;
    return -1;
}

/* child[at + 1] has moved into child[at] or the other way round (then `from` is the left one): `from` leaves the parent. */
static void close_merge(struct zset_inner *parent, unsigned at, const struct zset_part *from)
{
    unsigned gone = parent->child[at] == from ? at : at + 1;
    double first = parent->first[at];
    uint64_t elements = parent->elements[at] + parent->elements[at + 1];
    take_child(parent, gone);
    parent->elements[at] = elements;
    parent->first[at] = first;
}

static void merge_leaves(struct zset_tree *t, struct zset_inner *parent, unsigned at)
{
    struct zset_leaf *left = as_leaf(parent->child[at]), *right = as_leaf(parent->child[at + 1]);
    /* The fewer slots move. */
    bool moves_left = left->part.count < right->part.count;
    struct zset_leaf *from = moves_left ? left : right, *to = moves_left ? right : left;
    unsigned total = left->part.count + right->part.count;
    if (to->part.cap < total) to = resize_leaf(t, to, good_cap(total));
    move_slots(from, 0, to, moves_left ? 0 : to->part.count);
    close_merge(parent, at, &from->part);
    free_leaf(t, from);
}

/* Merges inner nodes upwards from one that lost a child, and takes roots away that have a single child. */
static void shrink_inner(struct zset_tree *t, struct zset_inner *inner)
{
    while (inner->part.parent && inner->part.count < INNER_SMALL) {
        struct zset_inner *parent = inner->part.parent;
        int at = find_merge(parent, index_of(parent, &inner->part), INNER_MERGED_MAX);
        if (at < 0) break;
        struct zset_inner *left = as_inner(parent->child[at]), *right = as_inner(parent->child[at + 1]);
        move_children(right, 0, left, left->part.count);
        close_merge(parent, (unsigned)at, &right->part);
        mem_apart_free(right);
        inner = parent;
    }
    while (t->root->level > 0 && t->root->count == 1) {
        struct zset_part *child = as_inner(t->root)->child[0];
        mem_apart_free(t->root);
        child->parent = NULL;
        t->root = child;
    }
}

/* Subtracts `lost` elements above a part that keeps some, and sets the first scores right. */
static void count_down(struct zset_part *part, size_t lost)
{
    for (struct zset_inner *inner = part->parent; inner; part = &inner->part, inner = part->parent) {
        unsigned i = index_of(inner, part);
        inner->elements[i] -= lost;
        inner->first[i] = first_score(part);
    }
}

/* An empty leaf goes, and with it the inner nodes above that had nothing else. */
static void remove_empty_leaf(struct zset_tree *t, struct zset_leaf *leaf, size_t lost)
{
    struct zset_inner *inner = leaf->part.parent;
    struct zset_part *part = &leaf->part;
    if (!inner) return;
    while (inner->part.count == 1) {
        part = &inner->part;
        inner = part->parent;
        if (part->level > 1) mem_apart_free(as_inner(part)->child[0]);
    }
    unsigned at = index_of(inner, part);
    take_child(inner, at);
    if (part != &leaf->part) mem_apart_free(part);
    free_leaf(t, leaf);
    count_down(&inner->part, lost);
    shrink_inner(t, inner);
}

/* Sets things right above and around a leaf that lost slots. */
static void shrink_leaf(struct zset_tree *t, struct zset_leaf *leaf, size_t lost)
{
    t->count -= lost;
    if (leaf->part.count == 0) {
        remove_empty_leaf(t, leaf, lost);
        return;
    }
    count_down(&leaf->part, lost);
    struct zset_inner *parent = leaf->part.parent;
    if (parent && leaf->part.count < LEAF_SMALL) {
        int at = find_merge(parent, index_of(parent, &leaf->part), LEAF_MERGED_MAX);
        if (at >= 0) {
            merge_leaves(t, parent, (unsigned)at);
            shrink_inner(t, parent);
            return;
        }
    }
    if (leaf->part.count < leaf->part.cap / 2) {
        uint8_t cap = good_cap(leaf->part.count + leaf->part.count / 8u);
        if (cap < leaf->part.cap) resize_leaf(t, leaf, cap);
    }
}

static void take_slots(struct zset_leaf *leaf, unsigned at, unsigned count)
{
    struct zset_slot *slot = leaf->slots + at;
    memmove(slot, slot + count, (leaf->part.count - at - count) * sizeof *slot);
    leaf->part.count -= (uint8_t)count;
}

void zset_tree_remove(struct zset_tree *t, struct zset_place place)
{
    take_slots(place.leaf, place.at, 1);
    shrink_leaf(t, place.leaf, 1);
}

void zset_tree_remove_ranks(struct zset_tree *t, size_t first, size_t count,
                            void (*fn)(void *ctx, struct zset_node *node), void *ctx)
{
    while (count > 0) {
        struct zset_place p = zset_tree_at(t, first);
        unsigned taken = p.leaf->part.count - p.at;
        if (taken > count) taken = (unsigned)count;
        for (unsigned i = 0; i < taken; i++) fn(ctx, p.leaf->slots[p.at + i].node);
        take_slots(p.leaf, p.at, taken);
        shrink_leaf(t, p.leaf, taken);
        count -= taken;
    }
}

void zset_tree_move(struct zset_tree *t, struct zset_node *node, double score)
{
    struct zset_place p = zset_tree_place(t, node);
    struct zset_bound b = {ZSET_BOUND_PAIR, false, score, zset_node_member(node)};
    struct zset_slot *slot = p.leaf->slots + p.at, *next = slot + 1;
    if (p.at + 1u == p.leaf->part.count) next = p.leaf->next ? p.leaf->next->slots : NULL;
    /* Between its old neighbours nothing else has to change, unless it is the first of its leaf: inner nodes know that one. */
    if (p.at > 0 && slot_is_before(slot - 1, &b) && (!next || !slot_is_before(next, &b))) {
        slot->score = score;
        return;
    }
    zset_tree_remove(t, p);
    zset_tree_insert(t, node, score);
}

/* ---- as a whole ---- */

void zset_tree_init(struct zset_tree *t)
{
    *t = (struct zset_tree){.free_number = ZSET_NO_NUMBER};
    t->root = &new_leaf(t, NULL, good_cap(LEAF_FIRST))->part;
}

/* Frees the inner nodes with a walk that needs no stack: a part goes after its last child. */
static void free_inner(struct zset_part *part)
{
    struct zset_inner *inner = part->level > 0 ? as_inner(part) : NULL;
    while (inner) {
        struct zset_part *child =
            inner->part.level > 1 && inner->part.count > 0 ? inner->child[--inner->part.count] : NULL;
        struct zset_inner *parent = inner->part.parent;
        if (!child) mem_apart_free(inner);
        inner = child ? as_inner(child) : parent;
    }
}

bool zset_tree_drain(struct zset_tree *t, size_t *steps)
{
    /* All inner nodes at once: there is one for hundreds of elements. */
    if (t->root) free_inner(t->root);
    t->root = NULL;
    for (; t->first; --*steps) {
        if (*steps == 0) return false;
        struct zset_leaf *leaf = t->first;
        t->first = leaf->next;
        mem_apart_free(leaf);
    }
    return true;
}

void zset_tree_deinit(struct zset_tree *t)
{
    size_t steps = SIZE_MAX;
    zset_tree_drain(t, &steps);
    mem_free(t->leaves);
    *t = (struct zset_tree){0};
}

static size_t inner_bytes(const struct zset_part *part)
{
    if (part->level == 0) return 0;
    const struct zset_inner *inner = (const struct zset_inner *)part;
    size_t bytes = mem_size(inner);
    for (unsigned i = 0; i < inner->part.count; i++) bytes += inner_bytes(inner->child[i]);
    return bytes;
}

size_t zset_tree_bytes(const struct zset_tree *t)
{
    size_t bytes = mem_size(t->leaves) + inner_bytes(t->root);
    for (const struct zset_leaf *leaf = t->first; leaf; leaf = leaf->next) bytes += mem_size(leaf);
    return bytes;
}

/* ---- invariants ---- */

struct check {
    const struct zset_tree *tree;
    const struct zset_leaf *leaf; /* the last one seen */
    const struct zset_slot *slot; /* likewise */
    size_t leaves_count;
};

static void check_leaf(struct check *c, const struct zset_leaf *leaf)
{
    CHECK(leaf->prev == c->leaf && (c->leaf ? c->leaf->next == leaf : c->tree->first == leaf)); /* 1, 2 */
    CHECK(c->tree->leaves[leaf->part.number].leaf == leaf);                                     /* 5 */
    CHECK(leaf->part.count > 0 || c->tree->root == &leaf->part);                                /* 6 */
    CHECK(leaf->part.count <= leaf->part.cap && leaf->part.cap <= ZSET_LEAF_MAX);               /* 7 */
    for (unsigned i = 0; i < leaf->part.count; i++) {
        const struct zset_slot *slot = leaf->slots + i;
        struct zset_bound b = {ZSET_BOUND_PAIR, false, slot->score, zset_node_member(slot->node)};
        CHECK(!c->slot || slot_is_before(c->slot, &b)); /* 1 */
        CHECK(slot->score == slot->score);
        CHECK(slot->node->node.aux == leaf->part.number); /* 5 */
        c->slot = slot;
    }
    c->leaf = leaf;
    c->leaves_count++;
}

/* Returns the elements below. Its depth is the height of the tree. */
static uint64_t check_part(struct check *c, struct zset_part *part)
{
    if (part->level == 0) {
        check_leaf(c, as_leaf(part));
        return part->count;
    }
    const struct zset_inner *inner = as_inner(part);
    CHECK(part->count > (part->parent ? 0 : 1) && part->count <= ZSET_INNER_MAX); /* 6 */
    uint64_t total = 0;
    for (unsigned i = 0; i < part->count; i++) {
        CHECK(inner->child[i]->parent == inner && inner->child[i]->level + 1 == part->level); /* 4 */
        CHECK(inner->first[i] == first_slot(inner->child[i])->score);                         /* 3 */
        uint64_t elements = check_part(c, inner->child[i]);
        CHECK(elements == inner->elements[i]); /* 3 */
        total += elements;
    }
    return total;
}

void zset_tree_check(const struct zset_tree *t)
{
    struct check c = {.tree = t};
    CHECK(t->root && !t->root->parent);         /* 4 */
    CHECK(check_part(&c, t->root) == t->count); /* 2 */
    CHECK(t->last == c.leaf && !c.leaf->next);  /* 2 */
    for (uint64_t n = t->free_number; n != ZSET_NO_NUMBER; n = t->leaves[n].next_free) c.leaves_count++;
    CHECK(c.leaves_count == t->leaves_count); /* 7 */
}
