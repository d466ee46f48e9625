/* SPDX-License-Identifier: MIT */
/* The memory of a Lua state: counted, bounded, and quick for the small sizes that scripts are made of. */
#ifndef SCRIPT_MEMORY_H
#define SCRIPT_MEMORY_H

#include <stddef.h>

#define MEMORY_CLASS_BYTES 16
/* Strings, tables and their first parts; what is larger goes to the allocator. */
#define MEMORY_SMALL_MAX 512
#define MEMORY_CLASSES_COUNT (MEMORY_SMALL_MAX / MEMORY_CLASS_BYTES + 1)

struct memory_block;
struct memory_chunk;

/* All zero is an empty memory without a ceiling of its own: set one. */
struct memory {
    size_t used_bytes;    /* as Lua asked for them */
    size_t ceiling_bytes; /* growing above fails; SIZE_MAX: nothing fails */
    struct memory_block *free[MEMORY_CLASSES_COUNT];
    char *room, *room_end;      /* of the newest chunk, not yet handed out */
    struct memory_chunk *chunk; /* owned: newest first */
};

/* A lua_Alloc: p has `old_bytes`, wanted are `new_bytes` (0 frees). NULL above the ceiling, p stays valid then. */
void *memory_resize(void *memory, void *p, size_t old_bytes, size_t new_bytes);
/* Frees all chunks, when the state that used them is closed. */
void memory_deinit(struct memory *m);

#endif
