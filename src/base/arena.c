/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdio.h>

/* The chunk that is kept between uses: most commands need less. */
#define ARENA_CHUNK_BYTES 4096
#define ARENA_ALIGN 16

struct arena_chunk {
    struct arena_chunk *older; /* owned */
    size_t used;
    size_t cap;
    alignas(ARENA_ALIGN) char bytes[];
};

static struct arena_chunk *put_chunk(struct arena *a, struct arena_chunk *chunk, size_t cap)
{
    chunk->older = a->chunk;
    chunk->used = 0;
    chunk->cap = cap;
    a->chunk = chunk;
    return chunk;
}

static size_t cap_for(size_t bytes)
{
    return bytes > ARENA_CHUNK_BYTES ? bytes : ARENA_CHUNK_BYTES;
}

bool arena_reserve(struct arena *a, size_t bytes)
{
    if (a->chunk && a->chunk->cap - a->chunk->used >= bytes) return true;
    struct arena_chunk *chunk = mem_try_resize(NULL, sizeof(*chunk) + cap_for(bytes));
    if (!chunk) return false;
    put_chunk(a, chunk, cap_for(bytes));
    return true;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t rounded = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_chunk *chunk = a->chunk;
    if (!chunk || chunk->cap - chunk->used < rounded)
        chunk = put_chunk(a, mem_alloc(sizeof(*chunk) + cap_for(rounded)), cap_for(rounded));
    void *p = chunk->bytes + chunk->used;
    chunk->used += rounded;
    return p;
}

struct slice arena_copy(struct arena *a, struct slice bytes)
{
    char *copy = arena_alloc(a, bytes.len);
    if (bytes.len) memcpy(copy, bytes.at, bytes.len);
    return slice_of(copy, bytes.len);
}

const char *arena_copy_text(struct arena *a, struct slice text)
{
    char *copy = arena_alloc(a, text.len + 1);
    if (text.len) memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return copy;
}

const char *arena_vprint(struct arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t bytes = len > 0 ? (size_t)len + 1 : 1;
    char *text = arena_alloc(a, bytes);
    text[0] = '\0';
    if (len > 0) vsnprintf(text, bytes, format, args);
    return text;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *chunk = a->chunk;
    while (chunk && (chunk->older || chunk->cap > ARENA_CHUNK_BYTES)) {
        struct arena_chunk *older = chunk->older;
        mem_free(chunk);
        chunk = older;
    }
    if (chunk) chunk->used = 0;
    a->chunk = chunk;
}

void arena_deinit(struct arena *a)
{
    arena_reset(a);
    mem_free(a->chunk);
    a->chunk = NULL;
}
