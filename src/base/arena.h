/* SPDX-License-Identifier: MIT */
/* An arena for what dies together (a command, a request): allocation is a bump, freeing is one reset. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

#include <stdarg.h>

struct arena_chunk;

/* All zero is an empty arena. */
struct arena {
    struct arena_chunk *chunk; /* owned: newest first */
};

/* 16-byte aligned; never NULL. Valid until arena_reset or arena_deinit. */
void *arena_alloc(struct arena *a, size_t bytes) __attribute__((returns_nonnull));
/*
 * Room for so many bytes, which the next allocations take, each rounded up to 16. For sizes that outside data has: false when there is no
 * memory for them, but up to MEM_SMALL_BYTES that ends the process, as with arena_alloc.
 */
bool arena_reserve(struct arena *a, size_t bytes) __attribute__((warn_unused_result));
/* A copy of the bytes inside the arena (not NUL-terminated). */
struct slice arena_copy(struct arena *a, struct slice bytes);
/* The same with a NUL behind it. */
const char *arena_copy_text(struct arena *a, struct slice text);
/* What vprintf would print. */
const char *arena_vprint(struct arena *a, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Forgets everything; keeps one small chunk for the next use, so that a steady state allocates nothing. */
void arena_reset(struct arena *a);
void arena_deinit(struct arena *a);

#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

#endif
