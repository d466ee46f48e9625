/* SPDX-License-Identifier: MIT */
/*
 * The file as LMDB 0.9 lays it out on a machine of 64 bits, in the machine's own byte order, for those who read it without LMDB
 * (pages.c, lookup.c). Pages are of the size that the head tells.
 *
 *   page    number, 8    pad, 2    flags, 2    lower, 2    upper, 2    offsets of nodes, 2 each ...  free ...  nodes
 *           overflow pages have the count of their pages, 4, in the place of lower and upper
 *   node    low, 2    high, 2    flags, 2    key length, 2    key    data
 *           in a leaf low and high are the data's length; in a branch low, high and flags are the child's page number
 *   tree    pad, 4    flags, 2    depth, 2    branch, leaf, overflow pages, entries, root: 8 each
 *   head    pages 0 and 1: magic, 4    version, 4    address, 8    map size, 8    tree of free pages, main tree    last page, 8
 *           transaction, 8; transaction n writes page n modulo 2, so the two are neighbours
 *
 * The main tree's leaves hold the trees of the named tables. The tree of free pages holds, under the number of a
 * transaction, the pages that it no longer needed: their count and their numbers, falling.
 */
#ifndef CHECKPOINT_LAYOUT_H
#define CHECKPOINT_LAYOUT_H

#include "base/slice.h"

#include <string.h>

#define LAYOUT_MAGIC 0xBEEFC0DEu
#define LAYOUT_VERSION 1u
#define LAYOUT_PAGE_HEAD_BYTES 16u
#define LAYOUT_NODE_HEAD_BYTES 8u
#define LAYOUT_TREE_BYTES 48u
#define LAYOUT_DEPTH_MAX 32u /* LMDB's own */
#define LAYOUT_KEY_MAX 511u
#define LAYOUT_PAGE_BYTES_MIN 512u
#define LAYOUT_PAGE_BYTES_MAX 32768u
#define LAYOUT_PAGES_MAX (UINT64_C(1) << 28) /* 1 TiB of the usual ones */
#define LAYOUT_NO_PAGE UINT64_MAX
#define LAYOUT_HEAD_BYTES (LAYOUT_PAGE_HEAD_BYTES + 24u + 2u * LAYOUT_TREE_BYTES + 16u)

enum layout_page { LAYOUT_BRANCH = 1, LAYOUT_LEAF = 2, LAYOUT_OVERFLOW = 4, LAYOUT_HEAD = 8 };
enum layout_node_flag { LAYOUT_BIG = 1, LAYOUT_TREE = 2 };

struct layout_tree {
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct layout_head {
    uint32_t magic, version, page_bytes;
    struct layout_tree free, main;
    uint64_t last_page, txn_id;
};

/* A node of a page. */
struct layout_node {
    struct slice key;
    uint64_t child; /* branch */
    unsigned flags; /* leaf */
    struct slice data;
    uint64_t data_bytes; /* leaf: of the value, which is elsewhere when the node is BIG */
};

static inline uint64_t layout_load(const char *at, unsigned bytes)
{
    uint64_t n = 0;
    memcpy(&n, at, bytes); /* low byte first, as on all machines that we run on */
    return n;
}

struct layout_tree layout_load_tree(const char *at);
/* Of a page 0 or 1; nothing is checked. */
struct layout_head layout_load_head(const char *page);

static inline uint64_t layout_number(const char *page)
{
    return layout_load(page, 8);
}

static inline unsigned layout_flags(const char *page)
{
    return (unsigned)layout_load(page + 10, 2);
}

/* Are lower and upper of a branch or leaf of that size possible? Only then may its nodes be looked at. */
bool layout_has_bounds(const char *page, uint32_t page_bytes);
uint32_t layout_nodes_count(const char *page);
/* False: it does not end in the page. *out_bytes (may be NULL): what it takes. */
bool layout_load_node(const char *page, uint32_t page_bytes, uint32_t index, struct layout_node *out,
                      size_t *out_bytes);

/* Of a row that long. */
static inline uint64_t layout_overflow_pages(uint64_t data_bytes, uint32_t page_bytes)
{
    return (LAYOUT_PAGE_HEAD_BYTES - 1 + data_bytes) / page_bytes + 1;
}

#endif
