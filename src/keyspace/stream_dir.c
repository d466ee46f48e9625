/* SPDX-License-Identifier: MIT */
#include "keyspace/stream_dir.h"

#include "base/err.h"
#include "base/mem.h"

#define FIRST_CAP 4u

uint32_t stream_dir_find(const struct stream_dir *d, struct stream_id id)
{
    uint32_t low = 0, high = d->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (stream_id_less(id, stream_dir_at(d, middle)->first))
            high = middle;
        else
            low = middle;
    }
    return low;
}

static void move_slots(struct stream_dir *d, uint32_t to, uint32_t from, uint32_t count)
{
    memmove(d->slots + to, d->slots + from, count * sizeof(*d->slots));
}

/* Room for one more after the last: by moving to the front when half of the array is free there, else by growing. */
static void make_room_at_tail(struct stream_dir *d)
{
    if (d->head + d->count < d->cap) return;
    if (d->head > 0 && d->head >= d->cap / 2) {
        move_slots(d, 0, d->head, d->count);
        d->head = 0;
        return;
    }
    CHECK(d->cap <= UINT32_MAX / 2);
    d->cap = d->cap ? d->cap * 2 : FIRST_CAP;
    d->slots = mem_resize(d->slots, d->cap * sizeof(*d->slots));
}

void stream_dir_insert(struct stream_dir *d, uint32_t index, struct stream_slot slot)
{
    SLOW_CHECK(index <= d->count);
    if (d->head > 0 && index < d->count / 2) {
        move_slots(d, d->head - 1, d->head, index);
        d->head--;
    } else {
        make_room_at_tail(d);
        move_slots(d, d->head + index + 1, d->head + index, d->count - index);
    }
    d->count++;
    *stream_dir_at(d, index) = slot;
}

static void shrink_if_sparse(struct stream_dir *d)
{
    if (d->cap <= FIRST_CAP || d->count > d->cap / 8) return;
    move_slots(d, 0, d->head, d->count);
    d->head = 0;
    d->cap /= 4;
    if (d->cap < FIRST_CAP) d->cap = FIRST_CAP;
    d->slots = mem_resize(d->slots, d->cap * sizeof(*d->slots));
}

void stream_dir_remove(struct stream_dir *d, uint32_t index)
{
    SLOW_CHECK(index < d->count);
    d->count--;
    if (index < d->count / 2) {
        move_slots(d, d->head + 1, d->head, index);
        d->head++;
    } else {
        move_slots(d, d->head + index, d->head + index + 1, d->count - index);
    }
    shrink_if_sparse(d);
}

void stream_dir_deinit(struct stream_dir *d)
{
    mem_free(d->slots);
    *d = (struct stream_dir){0};
}
