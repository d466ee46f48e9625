/* SPDX-License-Identifier: MIT */
#include "keyspace/set_ints.h"

#include "base/mem.h"

static size_t bytes_for(uint32_t count)
{
    return sizeof(struct set_ints) + count * sizeof(int64_t);
}

/* Room for `count` integers and what the allocator gives with them. */
static void make_room(struct set_ints **s, uint32_t count)
{
    size_t bytes = mem_good_size(bytes_for(count));
    *s = mem_resize(*s, bytes);
    (*s)->cap = (uint32_t)((bytes - sizeof(**s)) / sizeof(int64_t));
}

struct set_ints *set_ints_new(void)
{
    struct set_ints *s = NULL;
    make_room(&s, 1);
    s->count = 0;
    return s;
}

struct set_ints *set_ints_copy(const struct set_ints *s)
{
    struct set_ints *copy = NULL;
    make_room(&copy, s->count);
    copy->count = s->count;
    memcpy(copy->at, s->at, s->count * sizeof(s->at[0]));
    return copy;
}

uint32_t set_ints_seek(const struct set_ints *s, int64_t n)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->at[middle] < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool set_ints_add(struct set_ints **owner, int64_t n)
{
    struct set_ints *s = *owner;
    uint32_t at = set_ints_seek(s, n);
    if (at < s->count && s->at[at] == n) return false;
    if (s->count == s->cap) {
        make_room(owner, s->count + 1 + s->count / 4);
        s = *owner;
    }
    memmove(&s->at[at + 1], &s->at[at], (s->count - at) * sizeof(s->at[0]));
    s->at[at] = n;
    s->count++;
    return true;
}

bool set_ints_remove(struct set_ints **owner, int64_t n)
{
    struct set_ints *s = *owner;
    uint32_t at = set_ints_seek(s, n);
    if (at == s->count || s->at[at] != n) return false;
    s->count--;
    memmove(&s->at[at], &s->at[at + 1], (s->count - at) * sizeof(s->at[0]));
    if (s->count < s->cap / 4) make_room(owner, s->count);
    return true;
}
