/* SPDX-License-Identifier: MIT */
/* Randomness from the system: for seeds and secrets. */
#ifndef OS_RANDOM_H
#define OS_RANDOM_H

#include <stddef.h>

/* Blocks: only where the machine has just booted and has no entropy yet. Threads: any. */
void random_fill(void *out, size_t bytes);
/* Writes `digits` lower-case hex digits and a NUL; out holds digits + 1. */
void random_hex(char *out, size_t digits);

#endif
