/* SPDX-License-Identifier: MIT */
/* How long to pause before the next attempt: exponential with full jitter, so that those who failed together come back apart. */
#ifndef CLIENT_BACKOFF_H
#define CLIENT_BACKOFF_H

#include "base/rng.h"

struct client_backoff {
    int64_t first_ms, max_ms; /* > 0 */
};

/* After the failures-th failure in a row (1 is the first): random in 0 .. min(max_ms, first_ms * 2^(failures-1)), in microseconds. */
static inline int64_t client_backoff_us(const struct client_backoff *b, int failures, struct rng *rng)
{
    int64_t bound_ms = b->first_ms;
    for (int i = 1; i < failures && bound_ms < b->max_ms; i++) bound_ms *= 2;
    if (bound_ms > b->max_ms) bound_ms = b->max_ms;
    return (int64_t)rng_below(rng, (uint64_t)bound_ms * 1000 + 1);
}

#endif
