/* SPDX-License-Identifier: MIT */
/*
 * Small blocks come from chunks, cut to multiples of 16 bytes, and return to a free list for each size. Lua tells the
 * size of what it gives back, so blocks need no header and both ways are a few instructions; a script makes hundreds
 * of strings and tables. A chunk lives as long as the state: what a script once needed stays for the next.
 *
 *   free[3] -> block of 48 bytes -> block of 48 bytes -> NULL
 *   chunk -> | link | block | block | ... room ... room_end |
 *
 * One exception is known: a closure whose upvalues LuaJIT had no memory for is given back as smaller than it is. Such a block ends
 * in the list of a smaller size, which is safe, and used_bytes stays too high by a few bytes.
 *
 * While commands run and replies are converted the ceiling is SIZE_MAX: an error there would leap over frames of C that
 * are in the middle of a change. What they add is noticed right after.
 */
#include "script/memory.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

struct memory_block {
    struct memory_block *next;
};

struct memory_chunk {
    struct memory_chunk *older;
    size_t unused; /* keeps what follows aligned to 16 bytes */
};

/* Where nothing may fail, real exhaustion ends the process as anywhere else. */
static void *resize_large(const struct memory *m, void *p, size_t bytes)
{
    return m->ceiling_bytes == SIZE_MAX ? mem_resize(p, bytes) : mem_try_resize(p, bytes);
}

static size_t class_of(size_t bytes)
{
    return (bytes + MEMORY_CLASS_BYTES - 1) / MEMORY_CLASS_BYTES;
}

static void *cut_block(struct memory *m, size_t bytes)
{
    if ((size_t)(m->room_end - m->room) < bytes) {
        struct memory_chunk *chunk = resize_large(m, NULL, CHUNK_BYTES);
        if (!chunk) return NULL;
        chunk->older = m->chunk;
        m->chunk = chunk;
        m->room = (char *)(chunk + 1);
        m->room_end = (char *)chunk + CHUNK_BYTES;
    }
    void *p = m->room;
    m->room += bytes;
    return p;
}

static void *take_small(struct memory *m, size_t bytes)
{
    size_t class = class_of(bytes);
    struct memory_block *block = m->free[class];
    if (!block) return cut_block(m, class * MEMORY_CLASS_BYTES);
    m->free[class] = block->next;
    return block;
}

static void give_small(struct memory *m, void *p, size_t bytes)
{
    struct memory_block *block = p;
    size_t class = class_of(bytes);
    block->next = m->free[class];
    m->free[class] = block;
}

static void give(struct memory *m, void *p, size_t bytes)
{
    if (bytes > MEMORY_SMALL_MAX)
        mem_free(p);
    else if (bytes > 0)
        give_small(m, p, bytes);
}

static void *move(struct memory *m, void *p, size_t old_bytes, size_t new_bytes)
{
    if (old_bytes > MEMORY_SMALL_MAX && new_bytes > MEMORY_SMALL_MAX) return resize_large(m, p, new_bytes);
    if (new_bytes <= MEMORY_SMALL_MAX && class_of(old_bytes) == class_of(new_bytes)) return p;
    void *moved = new_bytes > MEMORY_SMALL_MAX ? resize_large(m, NULL, new_bytes) : take_small(m, new_bytes);
    if (!moved) return NULL;
    memcpy(moved, p, old_bytes < new_bytes ? old_bytes : new_bytes);
    give(m, p, old_bytes);
    return moved;
}

void *memory_resize(void *memory, void *p, size_t old_bytes, size_t new_bytes)
{
    struct memory *m = memory;
    if (new_bytes == 0) {
        m->used_bytes -= old_bytes;
        if (p) give(m, p, old_bytes);
        return NULL;
    }
    if (new_bytes > old_bytes && m->used_bytes + (new_bytes - old_bytes) > m->ceiling_bytes) return NULL;
    void *got = NULL;
    if (old_bytes)
        got = move(m, p, old_bytes, new_bytes);
    else
        got = new_bytes > MEMORY_SMALL_MAX ? resize_large(m, NULL, new_bytes) : take_small(m, new_bytes);
    if (got) m->used_bytes += new_bytes - old_bytes;
    return got;
}

void memory_deinit(struct memory *m)
{
    while (m->chunk) {
        struct memory_chunk *older = m->chunk->older;
        mem_free(m->chunk);
        m->chunk = older;
    }
    *m = (struct memory){0};
}
