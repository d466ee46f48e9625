/* SPDX-License-Identifier: MIT */
/* A sorted array of integers: the form of small sets of job numbers. Private to set.c. */
#ifndef KEYSPACE_SET_INTS_H
#define KEYSPACE_SET_INTS_H

#include "base/slice.h"

struct set_ints {
    uint32_t count;
    uint32_t cap;
    int64_t at[]; /* ascending, none twice */
};

/* Empty. Owns: caller, mem_free. */
struct set_ints *set_ints_new(void);
struct set_ints *set_ints_copy(const struct set_ints *s);
/* The index of the first integer >= n; count when there is none. */
uint32_t set_ints_seek(const struct set_ints *s, int64_t n);
static inline bool set_ints_has(const struct set_ints *s, int64_t n)
{
    uint32_t at = set_ints_seek(s, n);
    return at < s->count && s->at[at] == n;
}
/* Both return false when there was nothing to do; they may move the array. */
bool set_ints_add(struct set_ints **owner, int64_t n);
bool set_ints_remove(struct set_ints **owner, int64_t n);

#endif
