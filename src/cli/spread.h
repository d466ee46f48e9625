/* SPDX-License-Identifier: MIT */
/*
 * How long things took: millions of times in a few kilobytes. Times below 128 ms are counted as they are, longer ones in steps of a
 * 64th of the next lower power of two, so that what is told is at most 1.6 % too short. Pure.
 */
#ifndef CLI_SPREAD_H
#define CLI_SPREAD_H

#include <stdint.h>

#define SPREAD_STEPS 64
#define SPREAD_BUCKETS (58 * SPREAD_STEPS)

/* All zero is an empty one. */
struct spread {
    int64_t buckets[SPREAD_BUCKETS];
    int64_t count, max_ms;
};

/* Below 0 counts as 0. */
void spread_add(struct spread *s, int64_t ms);
/* So many percent (1 .. 100) took this long or less; 0 of an empty one. */
int64_t spread_at(const struct spread *s, int percent);

#endif
