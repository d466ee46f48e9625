/* SPDX-License-Identifier: MIT */
/*
 * Stands between a program and its allocator (LD_PRELOAD): counts the allocations of all its threads and libraries (LMDB, libevent, Lua,
 * the C library) and makes them fail when told to. SHIM_CONTROL names the file of struct control.
 *
 * Not for sanitizer builds: their allocator is in the program itself, which comes before what is preloaded.
 */
#include "control.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static struct control *control; /* NULL before the first allocation, and where nobody steers */
static atomic_bool is_begun;

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
} real;

/* The program's first allocation comes before it has threads. */
static void begin(void)
{
    is_begun = true;
    *(void **)&real.malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&real.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    *(void **)&real.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    control = control_open();
}

/* Must this one fail? Counts it. What dlsym itself wants while it looks these up, it can do without. */
static bool must_fail(void)
{
    if (!is_begun) begin();
    if (!real.posix_memalign) return true;
    if (!control) return false;
    __atomic_fetch_add(&control->counts[MEMORY], 1, __ATOMIC_RELAXED);
    if (control->fail_kind != MEMORY) return false;
    int64_t left = __atomic_sub_fetch(&control->fail_in, 1, __ATOMIC_RELAXED);
    if (left > 0 || (left < 0 && !control->fail_lasts)) return false;
    __atomic_fetch_add(&control->failures, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    return must_fail() ? NULL : real.malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return must_fail() ? NULL : real.calloc(count, bytes);
}

/* realloc(p, 0) frees. */
void *realloc(void *p, size_t bytes)
{
    if (p && bytes == 0) return real.realloc(p, bytes);
    return must_fail() ? NULL : real.realloc(p, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return must_fail() ? NULL : real.aligned_alloc(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    return must_fail() ? ENOMEM : real.posix_memalign(out, alignment, bytes);
}
