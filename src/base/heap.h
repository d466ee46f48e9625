/* SPDX-License-Identifier: MIT */
/* A 4-ary min-heap of (key, item) whose items know their place, so that any of them can be removed in O(log n). */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_slot {
    int64_t key;
    void *item;
};

/* Told whenever an item gets a new index. */
typedef void heap_moved_fn(void *item, uint32_t index);

/* `struct heap h = {.moved = fn};` is empty. */
struct heap {
    struct heap_slot *slots; /* owned; slots[0] is the smallest */
    uint32_t count;
    uint32_t cap;
    heap_moved_fn *moved;
};

void heap_push(struct heap *h, int64_t key, void *item);
void heap_remove(struct heap *h, uint32_t index);
void heap_change(struct heap *h, uint32_t index, int64_t key);
void heap_deinit(struct heap *h);

#endif
