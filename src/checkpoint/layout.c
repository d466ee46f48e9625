/* SPDX-License-Identifier: MIT */
#include "checkpoint/layout.h"

struct layout_tree layout_load_tree(const char *at)
{
    return (struct layout_tree){.flags = (uint16_t)layout_load(at + 4, 2),
                                .depth = (uint16_t)layout_load(at + 6, 2),
                                .branch_pages = layout_load(at + 8, 8),
                                .leaf_pages = layout_load(at + 16, 8),
                                .overflow_pages = layout_load(at + 24, 8),
                                .entries = layout_load(at + 32, 8),
                                .root = layout_load(at + 40, 8)};
}

struct layout_head layout_load_head(const char *page)
{
    const char *at = page + LAYOUT_PAGE_HEAD_BYTES;
    return (struct layout_head){.magic = (uint32_t)layout_load(at, 4),
                                .version = (uint32_t)layout_load(at + 4, 4),
                                .page_bytes = (uint32_t)layout_load(at + 24, 4),
                                .free = layout_load_tree(at + 24),
                                .main = layout_load_tree(at + 24 + LAYOUT_TREE_BYTES),
                                .last_page = layout_load(at + 24 + 2 * LAYOUT_TREE_BYTES, 8),
                                .txn_id = layout_load(at + 32 + 2 * LAYOUT_TREE_BYTES, 8)};
}

static size_t upper_of(const char *page)
{
    return (size_t)layout_load(page + 14, 2);
}

bool layout_has_bounds(const char *page, uint32_t page_bytes)
{
    size_t lower = (size_t)layout_load(page + 12, 2), upper = upper_of(page);
    return lower >= LAYOUT_PAGE_HEAD_BYTES + 2 && lower % 2 == 0 && lower <= upper && upper <= page_bytes;
}

uint32_t layout_nodes_count(const char *page)
{
    return (uint32_t)(layout_load(page + 12, 2) - LAYOUT_PAGE_HEAD_BYTES) / 2;
}

bool layout_load_node(const char *page, uint32_t page_bytes, uint32_t index, struct layout_node *out, size_t *out_bytes)
{
    size_t offset = (size_t)layout_load(page + LAYOUT_PAGE_HEAD_BYTES + (size_t)2 * index, 2), end = page_bytes;
    if (offset < upper_of(page) || offset + LAYOUT_NODE_HEAD_BYTES > end) return false;
    const char *at = page + offset;
    size_t key_bytes = (size_t)layout_load(at + 6, 2), data_bytes = 0;
    *out = (struct layout_node){.child = layout_load(at, 6)};
    if (layout_flags(page) != LAYOUT_BRANCH) {
        out->flags = (unsigned)layout_load(at + 4, 2);
        out->data_bytes = layout_load(at, 4);
        if (out->flags & ~(unsigned)(LAYOUT_BIG | LAYOUT_TREE)) return false;
        data_bytes = out->flags & LAYOUT_BIG ? 8 : (size_t)out->data_bytes;
    }
    if (key_bytes > LAYOUT_KEY_MAX || data_bytes > end ||
        offset + LAYOUT_NODE_HEAD_BYTES + key_bytes + data_bytes > end)
        return false;
    out->key = slice_of(at + LAYOUT_NODE_HEAD_BYTES, key_bytes);
    out->data = slice_of(at + LAYOUT_NODE_HEAD_BYTES + key_bytes, data_bytes);
    if (out_bytes) *out_bytes = (LAYOUT_NODE_HEAD_BYTES + key_bytes + data_bytes + 1) & ~(size_t)1;
    return true;
}
