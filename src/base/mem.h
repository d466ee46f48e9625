/* SPDX-License-Identifier: MIT */
/*
 * The one place that calls malloc.
 *
 * Two kinds of request. mem_alloc and its like serve sizes that we chose: when memory is really exhausted there is no
 * half-done state worth defending, so the process ends with one line (docs/decisions/0002-out-of-memory.md); what was
 * acknowledged is in the journal. mem_try_resize serves sizes that outside data asks for and returns NULL instead.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where not even this much can be had, whoever asked would not come far either. */
#define MEM_SMALL_BYTES ((size_t)64 * 1024)

/* Never NULL (bytes 0 gives a unique pointer). Owns: caller, mem_free. */
void *mem_alloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *mem_alloc_zero(size_t bytes) __attribute__((malloc, returns_nonnull));
/* p may be NULL. */
void *mem_resize(void *p, size_t bytes) __attribute__((returns_nonnull));
/* NULL when memory is exhausted; p stays valid then. Up to MEM_SMALL_BYTES it ends the process instead. */
void *mem_try_resize(void *p, size_t bytes);
/* How often mem_try_resize gave NULL to the calling thread. */
uint64_t mem_failures(void);
/* In the middle of a change, or in a thread that can tell nobody: OXQ_ERR_MEMORY ends the process, any other error is a mistake of ours. */
void mem_must(oxq_err e);
/* p may be NULL. */
void mem_free(void *p);
/*
 * The same for parts of large values, which stay: they lie in pages of their own. Among small values of about their size, which
 * cool and leave memory, each of them would keep a page. Slower by some tens of nanoseconds. What is apart stays apart: resized
 * and freed by these alone.
 */
void *mem_apart_alloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *mem_apart_resize(void *p, size_t bytes) __attribute__((returns_nonnull));
void mem_apart_free(void *p);
/* The bytes that the allocator really set aside for p; 0 for NULL. */
size_t mem_size(const void *p);
/* For an allocation of `bytes`, the bytes that it will really take: growing to that size is free. */
size_t mem_good_size(size_t bytes);

/*
 * Where p is looked at here and there all over, pages of 2 MiB spare most of the look-ups of addresses. Give it back with false before
 * mem_free: what the allocator puts there next is looked at otherwise. Whether the system does it is its own business.
 */
void mem_wish_huge(void *p, bool is_wished);

/* Net bytes allocated by the calling thread since it started. Cheap enough to ask before every command. */
size_t mem_used(void);
/* Resident set size of the process in bytes, read from the system (a few microseconds). */
size_t mem_resident(void);
/* The allocator's name and version, for INFO: "jemalloc-5.3.0" or "libc". Static storage. */
const char *mem_allocator(void);

/* Tests: the n-th mem_try_resize from now on fails (and all after it); negative: never. */
void mem_fail_after(long n);

#endif
