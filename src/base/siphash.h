/* SPDX-License-Identifier: MIT */
/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012) of bytes under one process-wide secret, so that nobody who chooses keys can
 * make a hash table degenerate. The secret is set once, before the first table; without it (tests) it is zero.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/slice.h"

/* Threads: call before any other thread exists. */
void siphash_seed(const uint8_t secret[16]);
uint64_t siphash_bytes(struct slice bytes);
/* The same under a key that everybody knows, for what is kept in files. */
uint64_t siphash_fixed(uint64_t key, struct slice bytes);

#endif
