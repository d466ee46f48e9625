/* SPDX-License-Identifier: MIT */
#include "base/heap.h"

#include "base/mem.h"

static void place(struct heap *h, uint32_t index, struct heap_slot slot)
{
    h->slots[index] = slot;
    h->moved(slot.item, index);
}

static void sift_up(struct heap *h, uint32_t index, struct heap_slot slot)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / 4;
        if (h->slots[parent].key <= slot.key) break;
        place(h, index, h->slots[parent]);
        index = parent;
    }
    place(h, index, slot);
}

static uint32_t smallest_child(const struct heap *h, uint32_t index)
{
    uint32_t first = index * 4 + 1;
    uint32_t best = first;
    for (uint32_t child = first + 1; child < first + 4 && child < h->count; child++) {
        if (h->slots[child].key < h->slots[best].key) best = child;
    }
    return best;
}

static void sift_down(struct heap *h, uint32_t index, struct heap_slot slot)
{
    while (index * 4 + 1 < h->count) {
        uint32_t child = smallest_child(h, index);
        if (h->slots[child].key >= slot.key) break;
        place(h, index, h->slots[child]);
        index = child;
    }
    place(h, index, slot);
}

void heap_push(struct heap *h, int64_t key, void *item)
{
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->slots = mem_resize(h->slots, h->cap * sizeof(*h->slots));
    }
    h->count++;
    sift_up(h, h->count - 1, (struct heap_slot){key, item});
}

void heap_remove(struct heap *h, uint32_t index)
{
    struct heap_slot last = h->slots[--h->count];
    if (index == h->count) return;
    int64_t removed_key = h->slots[index].key;
    if (last.key < removed_key)
        sift_up(h, index, last);
    else
        sift_down(h, index, last);
}

void heap_change(struct heap *h, uint32_t index, int64_t key)
{
    struct heap_slot slot = {key, h->slots[index].item};
    if (key < h->slots[index].key)
        sift_up(h, index, slot);
    else
        sift_down(h, index, slot);
}

void heap_deinit(struct heap *h)
{
    mem_free(h->slots);
    h->slots = NULL;
    h->count = 0;
    h->cap = 0;
}
