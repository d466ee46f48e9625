/* SPDX-License-Identifier: MIT */
/*
 * From the head to the main tree, whose one leaf or leaves tell where the table's tree is: lookup_refresh. From its root down to a
 * leaf, a page at a time: lookup_find. What a page says is believed only as far as it lies in the page and in the file; that a row
 * is the right one, and whole, its checksums say (row.c).
 */
#include "checkpoint/lookup.h"

#include "base/mem.h"
#include "checkpoint/layout.h"

#include <limits.h>
#include <stdio.h>

static oxq_err damaged(const struct lookup *l, uint64_t page, struct oxq_error *err)
{
    return err_set(err, OXQ_ERR_FORMAT, "checkpoint file %s is damaged: page %llu", l->file.path,
                   (unsigned long long)page);
}

static oxq_err read_bytes(struct lookup *l, uint64_t page, void *out, size_t len, struct oxq_error *err)
{
    size_t got = 0;
    oxq_err e = disk_read_at(&l->file, out, len, page * l->page_bytes, &got, err);
    if (e) return e;
    return got == len ? OXQ_OK : damaged(l, page, err);
}

/* A branch or leaf to l->page. */
static oxq_err read_page(struct lookup *l, uint64_t number, bool is_leaf, struct oxq_error *err)
{
    if (number < 2 || number > l->last_page) return damaged(l, number, err);
    oxq_err e = read_bytes(l, number, l->page, l->page_bytes, err);
    if (e) return e;
    if (layout_number(l->page) == number && layout_flags(l->page) == (is_leaf ? LAYOUT_LEAF : LAYOUT_BRANCH) &&
        layout_has_bounds(l->page, l->page_bytes))
        return OXQ_OK;
    return damaged(l, number, err);
}

/* The first node from `low` on whose key is not below the key; the number of nodes when there is none. False: damage. */
static bool seek_node(const struct lookup *l, uint32_t low, struct slice key, uint32_t *out, bool *out_is_equal)
{
    uint32_t high = layout_nodes_count(l->page);
    struct layout_node node = {0};
    *out_is_equal = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!layout_load_node(l->page, l->page_bytes, middle, &node, NULL)) return false;
        int order = slice_compare(node.key, key);
        if (order == 0) *out_is_equal = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return true;
}

/* In a branch: the child that would have the key. The first node's key is empty and below all. */
static bool find_child(const struct lookup *l, struct slice key, uint64_t *out)
{
    uint32_t at;
    bool is_equal;
    struct layout_node node = {0};
    if (!seek_node(l, 1, key, &at, &is_equal)) return false;
    if (!is_equal) at--;
    if (!layout_load_node(l->page, l->page_bytes, at, &node, NULL)) return false;
    *out = node.child;
    return true;
}

/* The leaf's node with that key, in l->page. Errors: NOT_FOUND and those of reading. */
static oxq_err find_node(struct lookup *l, uint64_t page, unsigned depth, struct slice key, struct layout_node *out,
                         struct oxq_error *err)
{
    uint32_t at;
    bool is_equal;
    if (depth == 0) return err_set(err, OXQ_ERR_NOT_FOUND, "checkpoint file %s has no such row", l->file.path);
    for (; depth > 1; depth--) {
        oxq_err e = read_page(l, page, false, err);
        if (e) return e;
        uint64_t parent = page;
        if (!find_child(l, key, &page)) return damaged(l, parent, err);
    }
    oxq_err e = read_page(l, page, true, err);
    if (e) return e;
    if (!seek_node(l, 0, key, &at, &is_equal)) return damaged(l, page, err);
    if (!is_equal) return err_set(err, OXQ_ERR_NOT_FOUND, "checkpoint file %s has no such row", l->file.path);
    return layout_load_node(l->page, l->page_bytes, at, out, NULL) ? OXQ_OK : damaged(l, page, err);
}

/* ---- the state ---- */

oxq_err lookup_open(struct lookup *l, const char *folder, struct oxq_error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/data.mdb", folder) >= (int)sizeof(path))
        return err_set(err, OXQ_ERR_ARGUMENT, "the path %s is too long", folder);
    return disk_open(path, DISK_READ, &l->file, err);
}

/* The head that the transaction wrote. The second one lies where the first says that page 1 is. */
static oxq_err read_head(struct lookup *l, uint64_t txn_id, struct layout_head *out, struct oxq_error *err)
{
    char page[LAYOUT_HEAD_BYTES];
    l->page_bytes = 0;
    oxq_err e = read_bytes(l, 0, page, sizeof(page), err);
    if (e) return e;
    *out = layout_load_head(page);
    uint32_t bytes = out->page_bytes;
    if (bytes < LAYOUT_PAGE_BYTES_MIN || bytes > LAYOUT_PAGE_BYTES_MAX || (bytes & (bytes - 1)) != 0)
        return damaged(l, 0, err);
    l->page_bytes = bytes;
    if (txn_id % 2 == 1) {
        e = read_bytes(l, 1, page, sizeof(page), err);
        if (e) return e;
        *out = layout_load_head(page);
    }
    bool is_good = out->txn_id == txn_id && out->page_bytes == bytes && out->main.depth <= LAYOUT_DEPTH_MAX;
    return is_good ? OXQ_OK : damaged(l, txn_id % 2, err);
}

oxq_err lookup_refresh(struct lookup *l, struct slice table, uint64_t txn_id, struct oxq_error *err)
{
    struct layout_head head;
    struct layout_node node = {0};
    l->depth = 0;
    oxq_err e = read_head(l, txn_id, &head, err);
    if (e) return e;
    l->page = mem_resize(l->page, l->page_bytes);
    l->last_page = head.last_page;
    e = find_node(l, head.main.root, head.main.depth, table, &node, err);
    if (e) return e;
    if (node.flags != LAYOUT_TREE || node.data.len != LAYOUT_TREE_BYTES) return damaged(l, head.main.root, err);
    struct layout_tree tree = layout_load_tree(node.data.at);
    if (tree.depth > LAYOUT_DEPTH_MAX) return damaged(l, head.main.root, err);
    l->root = tree.root;
    l->depth = tree.depth;
    return OXQ_OK;
}

void lookup_close(struct lookup *l)
{
    disk_close(&l->file);
    mem_free(l->page);
    mem_free(l->row);
    *l = LOOKUP_CLOSED;
}

/* ---- rows ---- */

/* A long row is in pages of its own. */
static oxq_err read_long(struct lookup *l, const struct layout_node *node, struct slice *out, struct oxq_error *err)
{
    uint64_t first = layout_load(node->data.at, 8), bytes = node->data_bytes;
    uint64_t count = layout_overflow_pages(bytes, l->page_bytes);
    if (first < 2 || first > l->last_page || count > l->last_page - first + 1) return damaged(l, first, err);
    l->row = mem_resize(l->row, LAYOUT_PAGE_HEAD_BYTES + (size_t)bytes);
    oxq_err e = read_bytes(l, first, l->row, LAYOUT_PAGE_HEAD_BYTES + (size_t)bytes, err);
    if (e) return e;
    if (layout_number(l->row) != first || layout_flags(l->row) != LAYOUT_OVERFLOW) return damaged(l, first, err);
    *out = slice_of(l->row + LAYOUT_PAGE_HEAD_BYTES, (size_t)bytes);
    return OXQ_OK;
}

oxq_err lookup_find(struct lookup *l, struct slice key, struct slice *out, struct oxq_error *err)
{
    struct layout_node node = {0};
    mem_free(l->row);
    l->row = NULL;
    oxq_err e = find_node(l, l->root, l->depth, key, &node, err);
    if (e) return e;
    if (node.flags & LAYOUT_TREE) return err_set(err, OXQ_ERR_FORMAT, "a table within a table");
    if (node.flags & LAYOUT_BIG) return read_long(l, &node, out, err);
    *out = node.data;
    return OXQ_OK;
}
