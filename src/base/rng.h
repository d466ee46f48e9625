/* SPDX-License-Identifier: MIT */
/* A small random generator (xoshiro256**, Blackman and Vigna 2018), passed in as a parameter so that tests repeat. Not for secrets. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

/* Spreads one seed over the state with splitmix64. */
void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform in 0 .. bound-1; bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);

#endif
