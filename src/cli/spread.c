/* SPDX-License-Identifier: MIT */
#include "cli/spread.h"

/* Values 0 .. 127 are buckets 0 .. 127; each further power of two has 64. */
static int bucket_of(int64_t ms)
{
    int shift = 0;
    while ((ms >> shift) >= 2 * SPREAD_STEPS) shift++;
    return shift * SPREAD_STEPS + (int)(ms >> shift);
}

static int64_t start_of(int bucket)
{
    if (bucket < 2 * SPREAD_STEPS) return bucket;
    int shift = bucket / SPREAD_STEPS - 1;
    return (int64_t)(bucket - shift * SPREAD_STEPS) << shift;
}

void spread_add(struct spread *s, int64_t ms)
{
    if (ms < 0) ms = 0;
    s->buckets[bucket_of(ms)]++;
    s->count++;
    if (ms > s->max_ms) s->max_ms = ms;
}

int64_t spread_at(const struct spread *s, int percent)
{
    int64_t wanted = (s->count * percent + 99) / 100, seen = 0;
    if (percent >= 100) return s->max_ms;
    for (int i = 0; i < SPREAD_BUCKETS && wanted > 0; i++) {
        seen += s->buckets[i];
        if (seen >= wanted) return start_of(i);
    }
    return 0;
}
