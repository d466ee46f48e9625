/* SPDX-License-Identifier: MIT */
/*
 * Allocation. Where malloc is jemalloc's, the allocator itself counts what each thread took and gave back, so that mem_used
 * costs two loads; elsewhere (sanitizer builds) we count on every call.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <threads.h>
#include <unistd.h>

/* jemalloc's own interface, absent when another allocator is linked. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len) __attribute__((weak));
extern size_t nallocx(size_t size, int flags) __attribute__((weak));
extern void *mallocx(size_t size, int flags) __attribute__((weak));
extern void *rallocx(void *p, size_t size, int flags) __attribute__((weak));
extern void dallocx(void *p, int flags) __attribute__((weak));

/*
 * Asks jemalloc for a thread that gives freed pages back to the system: without it only an allocation does that, so a server that
 * has let its cold values go and is idle would keep their memory, and one that is busy would pause for it. One and no more: where the
 * system lets no more threads be made the first would try to make the others for ever, with a line on standard error each time.
 *
 * What is freed and not wanted again within two seconds goes back; ten, the default, kept 7 MB more beside busy work.
 *
 * Sizes that just fill a page or halve it are allocated four pages at a time: jemalloc keeps 128 bytes for each such run for
 * ever, which after a busy hour with a million values of 1 KB were 45 MB.
 */
extern const char *malloc_conf;
const char *malloc_conf = "background_thread:true,max_background_threads:1,dirty_decay_ms:2000,"
                          "slab_sizes:512-512:4|1024-1024:4|2048-2048:4|4096-4096:4";

/* malloc is jemalloc's. That may be linked, and another allocator have come before it (LD_PRELOAD). */
static bool is_jemalloc;

static _Thread_local const uint64_t *thread_taken, *thread_given;
static _Thread_local uint64_t counted_taken, counted_given;
static _Thread_local long fail_after = -1;
static _Thread_local size_t wanted_bytes; /* of the last mem_try_resize that failed */
static _Thread_local uint64_t failures;

static const uint64_t *counter_of_thread(const char *name)
{
    uint64_t *counter = NULL;
    size_t len = sizeof(counter);
    if (!mallctl || mallctl(name, (void *)&counter, &len, NULL, 0) != 0) return NULL;
    return counter;
}

/* Before anything is allocated here. */
static void __attribute__((constructor)) find_allocator(void)
{
    const volatile uint64_t *taken = counter_of_thread("thread.allocatedp");
    uint64_t before = taken ? *taken : 0;
    void *volatile p = malloc(1);
    is_jemalloc = taken && *taken != before;
    free(p);
}

static _Noreturn void fail_exhausted(size_t bytes)
{
    fprintf(
        stderr,
        "oxq: out of memory: %zu bytes wanted, %zu in use by this thread; nothing acknowledged is lost, start again with more memory or a --maxmemory\n",
        bytes, mem_used());
    _exit(1);
}

static void count_taken(void *p)
{
    if (!is_jemalloc) counted_taken += malloc_usable_size(p);
}

static void count_given(void *p)
{
    if (!is_jemalloc && p) counted_given += malloc_usable_size(p);
}

void *mem_alloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p) fail_exhausted(bytes);
    count_taken(p);
    return p;
}

void *mem_alloc_zero(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p) fail_exhausted(bytes);
    count_taken(p);
    return p;
}

static void *resize(void *p, size_t bytes)
{
    size_t old_bytes = is_jemalloc || !p ? 0 : malloc_usable_size(p);
    void *moved = realloc(p, bytes ? bytes : 1);
    if (!moved) return NULL;
    if (!is_jemalloc) counted_given += old_bytes;
    count_taken(moved);
    return moved;
}

void *mem_resize(void *p, size_t bytes)
{
    void *moved = resize(p, bytes);
    if (!moved) fail_exhausted(bytes);
    return moved;
}

static void *fail_try(size_t bytes)
{
    wanted_bytes = bytes;
    failures++;
    return NULL;
}

void *mem_try_resize(void *p, size_t bytes)
{
    if (fail_after >= 0 && fail_after-- == 0) {
        fail_after = 0;
        return fail_try(bytes);
    }
    void *moved = resize(p, bytes);
    if (moved) return moved;
    if (bytes <= MEM_SMALL_BYTES) fail_exhausted(bytes);
    return fail_try(bytes);
}

uint64_t mem_failures(void)
{
    return failures;
}

void mem_must(oxq_err e)
{
    if (e == OXQ_ERR_MEMORY) fail_exhausted(wanted_bytes);
    CHECK(e == OXQ_OK);
}

void mem_free(void *p)
{
    count_given(p);
    free(p);
}

/* ---- apart ---- */

static once_flag apart_once = ONCE_FLAG_INIT;
/* Flags of jemalloc: the number of an arena, past its cache for threads (MALLOCX_ARENA, MALLOCX_TCACHE_NONE). 0: another allocator. */
static int apart_flags;

static void make_apart(void)
{
    unsigned arena;
    size_t len = sizeof(arena);
    if (!is_jemalloc || mallctl("arenas.create", &arena, &len, NULL, 0) != 0) return;
    apart_flags = (int)((arena + 1) << 20 | 1 << 8);
}

static bool is_apart(void)
{
    call_once(&apart_once, make_apart);
    return apart_flags != 0;
}

void *mem_apart_alloc(size_t bytes)
{
    if (!is_apart()) return mem_alloc(bytes);
    void *p = mallocx(bytes ? bytes : 1, apart_flags);
    if (!p) fail_exhausted(bytes);
    return p;
}

void *mem_apart_resize(void *p, size_t bytes)
{
    if (!p) return mem_apart_alloc(bytes);
    if (!is_apart()) return mem_resize(p, bytes);
    void *moved = rallocx(p, bytes ? bytes : 1, apart_flags);
    if (!moved) fail_exhausted(bytes);
    return moved;
}

void mem_apart_free(void *p)
{
    if (!is_apart())
        mem_free(p);
    else if (p)
        dallocx(p, apart_flags);
}

/* ---- what there is ---- */

size_t mem_size(const void *p)
{
    return p ? malloc_usable_size((void *)p) : 0;
}

size_t mem_good_size(size_t bytes)
{
    return is_jemalloc && bytes ? nallocx(bytes, 0) : bytes;
}

void mem_wish_huge(void *p, bool is_wished)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1), end = ((uintptr_t)p + mem_size(p)) & ~(page - 1);
    if (from < end) (void)madvise((void *)from, end - from, is_wished ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

size_t mem_used(void)
{
    if (!thread_taken) {
        thread_taken = is_jemalloc ? counter_of_thread("thread.allocatedp") : NULL;
        thread_given = is_jemalloc ? counter_of_thread("thread.deallocatedp") : NULL;
        if (!thread_taken || !thread_given) {
            thread_taken = &counted_taken;
            thread_given = &counted_given;
        }
    }
    /* A thread may give back what another one took. */
    return *thread_taken > *thread_given ? (size_t)(*thread_taken - *thread_given) : 0;
}

size_t mem_resident(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
    fclose(f);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

const char *mem_allocator(void)
{
    static char name[64];
    const char *version = NULL;
    size_t len = sizeof(version);
    if (!is_jemalloc || mallctl("version", (void *)&version, &len, NULL, 0) != 0) return "libc";
    if (name[0]) return name;
    int digits = 0;
    while (version[digits] && version[digits] != '-') digits++;
    snprintf(name, sizeof(name), "jemalloc-%.*s", digits, version);
    return name;
}

void mem_fail_after(long n)
{
    fail_after = n;
}
