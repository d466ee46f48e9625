/* SPDX-License-Identifier: MIT */
/*
 * Lists.
 *
 *   LIST_EMPTY   ptr = NULL
 *   LIST_BLOCK   ptr = one packed block
 *   LIST_CHUNKS  ptr = struct list_chunks:  head <-> chunk <-> ... <-> chunk <-> tail, each with its packed block
 *
 * A small list is one allocation. When a push no longer fits, its block becomes the first chunk as it is; there is no
 * way back, since a list of one chunk costs only 64 bytes more. Chunks at the ends have room at the outer side and are
 * filled from the inner side outwards, so a push there moves nothing and a pop moves an offset. Inner chunks are full
 * or nearly so, until elements are taken out of the middle; what is left small is then merged with a neighbour.
 *
 * An element larger than a chunk has a chunk of its own.
 *
 * Invariants (list_check):
 *  1. the count of LIST_CHUNKS is the sum of its blocks' counts, chunks_count the number of chunks; links agree.
 *  2. no block is empty.
 *  3. a block of more than one element has at most CHUNK_BYTES.
 */
#include "keyspace/list.h"

#include "base/err.h"
#include "base/mem.h"
#include "keyspace/digest.h"

/*
 * Elements of a chunk; with the block's header one size class of the allocator. Measured with a million 7-byte ids:
 * chunks of 2, 8 and 32 KiB cost 9.25, 9.06 and 9.05 bytes an element, and reaching one in the middle takes 3.2, 1.7
 * and 2.5 microseconds (many chunks to pass, or much to pass inside one). Pushes and pops do not care.
 */
#define CHUNK_BYTES (8192 - sizeof(struct packed))
/* A chunk up to this full may slide its elements to make room at an end: pushes stay O(1), see packed.c. */
#define CHUNK_SLIDE_BYTES (CHUNK_BYTES / 4 * 3)
/*
 * A chunk below this is worth merging, with a neighbour that leaves the result at most half full: no ping-pong with
 * splits.
 */
#define CHUNK_SMALL_BYTES (CHUNK_BYTES / 4)
#define CHUNK_MERGED_BYTES (CHUNK_BYTES / 2)
/* What an inner chunk may leave unused. */
#define CHUNK_WASTE_BYTES (CHUNK_BYTES / 8)

enum list_encoding { LIST_EMPTY, LIST_BLOCK, LIST_CHUNKS };

struct list_chunk {
    struct list_chunk *beside[2]; /* links, by enum list_end: the neighbour towards that end */
    struct packed *block;         /* owned, never empty */
};

struct list_chunks {
    struct list_chunk *ends[2]; /* owned, by enum list_end; never NULL */
    size_t count;               /* elements */
    size_t chunks_count;
};

static enum list_end opposite(enum list_end end)
{
    return end == LIST_HEAD ? LIST_TAIL : LIST_HEAD;
}

static uint32_t outermost(const struct packed *block, enum list_end end)
{
    return end == LIST_HEAD ? packed_first(block) : packed_last(block);
}

/* ---- life ---- */

void list_init(struct value *v)
{
    v->ptr = NULL;
    v->encoding = LIST_EMPTY;
}

bool list_drain(struct value *v, size_t *steps)
{
    if (v->encoding != LIST_CHUNKS) return true;
    struct list_chunks *l = v->ptr;
    for (; l->ends[LIST_HEAD]; --*steps) {
        if (*steps == 0) return false;
        struct list_chunk *chunk = l->ends[LIST_HEAD];
        l->ends[LIST_HEAD] = chunk->beside[LIST_TAIL];
        mem_free(chunk->block);
        mem_free(chunk);
    }
    return true;
}

void list_deinit(struct value *v)
{
    size_t steps = SIZE_MAX;
    list_drain(v, &steps);
    mem_free(v->ptr);
    list_init(v);
}

size_t list_count(const struct value *v)
{
    if (v->encoding == LIST_EMPTY) return 0;
    return v->encoding == LIST_BLOCK ? ((const struct packed *)v->ptr)->count
                                     : ((const struct list_chunks *)v->ptr)->count;
}

/* ---- chunks ---- */

/* A new chunk around a block (given), on a side of `near`; near is NULL in an empty structure. */
static struct list_chunk *add_chunk(struct list_chunks *l, struct list_chunk *near, enum list_end side,
                                    struct packed *block)
{
    struct list_chunk *chunk = mem_alloc(sizeof(*chunk));
    struct list_chunk *far = near ? near->beside[side] : NULL;
    chunk->block = block;
    chunk->beside[side] = far;
    chunk->beside[opposite(side)] = near;
    if (far)
        far->beside[opposite(side)] = chunk;
    else
        l->ends[side] = chunk;
    if (near)
        near->beside[side] = chunk;
    else
        l->ends[opposite(side)] = chunk;
    l->chunks_count++;
    return chunk;
}

/* Unlinks and frees a chunk whose block is freed or given away. */
static void drop_chunk(struct list_chunks *l, struct list_chunk *chunk)
{
    struct list_chunk *before = chunk->beside[LIST_HEAD], *after = chunk->beside[LIST_TAIL];
    if (before)
        before->beside[LIST_TAIL] = after;
    else
        l->ends[LIST_HEAD] = after;
    if (after)
        after->beside[LIST_HEAD] = before;
    else
        l->ends[LIST_TAIL] = before;
    l->chunks_count--;
    mem_free(chunk);
}

/* The list's structure, made around its single block if need be. */
static struct list_chunks *to_chunks(struct value *v)
{
    if (v->encoding == LIST_CHUNKS) return v->ptr;
    struct packed *block = v->ptr;
    struct list_chunks *l = mem_alloc_zero(sizeof(*l));
    l->count = block->count;
    add_chunk(l, NULL, LIST_TAIL, block);
    v->ptr = l;
    v->encoding = LIST_CHUNKS;
    return l;
}

static struct packed *block_of(const struct value *v, const struct list_chunk *chunk)
{
    return chunk ? chunk->block : v->ptr;
}

/* After a change that may have moved the block. */
static void set_block(struct value *v, struct list_chunk *chunk, struct packed *block)
{
    if (chunk)
        chunk->block = block;
    else
        v->ptr = block;
}

static void count_change(struct value *v, ptrdiff_t change)
{
    if (v->encoding == LIST_CHUNKS) ((struct list_chunks *)v->ptr)->count += (size_t)change;
}

/* An empty block for a chunk that will be filled towards an end. */
static struct packed *block_towards(enum list_end end, size_t first_bytes)
{
    struct packed *block = packed_new(first_bytes > CHUNK_BYTES ? first_bytes : CHUNK_BYTES);
    if (end == LIST_HEAD) block->start = block->end = block->cap;
    return block;
}

static void push(struct packed **block, enum list_end end, struct slice element)
{
    if (end == LIST_HEAD)
        packed_push_head(block, element);
    else
        packed_push_tail(block, element);
}

/* ---- reading ---- */

struct list_cursor list_from(const struct value *v, enum list_end end)
{
    if (v->encoding == LIST_EMPTY) return (struct list_cursor){.at = PACKED_NONE};
    struct list_chunk *chunk = v->encoding == LIST_CHUNKS ? ((struct list_chunks *)v->ptr)->ends[end] : NULL;
    struct packed *block = block_of(v, chunk);
    return (struct list_cursor){.chunk = chunk, .block = block, .at = outermost(block, end)};
}

/* The chunk that holds the *index-th element; *index becomes the index inside its block. index < l->count. */
static struct list_chunk *find_chunk(const struct list_chunks *l, size_t *index)
{
    size_t i = *index;
    struct list_chunk *chunk;
    if (i < l->count / 2) {
        chunk = l->ends[LIST_HEAD];
        for (; i >= chunk->block->count; chunk = chunk->beside[LIST_TAIL]) i -= chunk->block->count;
    } else {
        size_t left = l->count - i; /* elements from it to the tail */
        chunk = l->ends[LIST_TAIL];
        for (; left > chunk->block->count; chunk = chunk->beside[LIST_HEAD]) left -= chunk->block->count;
        i = chunk->block->count - left;
    }
    *index = i;
    return chunk;
}

struct list_cursor list_seek(const struct value *v, size_t index)
{
    if (index >= list_count(v)) {
        struct list_cursor c = list_from(v, LIST_TAIL);
        c.at = PACKED_NONE;
        return c;
    }
    struct list_chunk *chunk = v->encoding == LIST_CHUNKS ? find_chunk(v->ptr, &index) : NULL;
    struct packed *block = block_of(v, chunk);
    return (struct list_cursor){.chunk = chunk, .block = block, .at = packed_at(block, (uint32_t)index)};
}

/* To the neighbouring chunk's near end. False: there is none, the cursor is outside. */
static bool enter_next_chunk(struct list_cursor *c, enum list_end towards)
{
    c->at = PACKED_NONE;
    if (!c->chunk || !c->chunk->beside[towards]) return false;
    c->chunk = c->chunk->beside[towards];
    c->block = c->chunk->block;
    c->at = outermost(c->block, opposite(towards));
    return true;
}

void list_step(struct list_cursor *c, enum list_end towards)
{
    if (!list_is_inside(c)) {
        if (c->block) c->at = outermost(c->block, opposite(towards));
        return;
    }
    c->at = towards == LIST_HEAD ? packed_prev(c->block, c->at) : packed_next(c->block, c->at);
    if (c->at == PACKED_NONE) enter_next_chunk(c, towards);
}

bool list_find(struct list_cursor *c, enum list_end towards, struct slice element, size_t limit, size_t *passed)
{
    if (!list_is_inside(c)) return false;
    do {
        if (towards == LIST_HEAD)
            c->at = packed_find_prev(c->block, c->at, element, passed);
        else
            c->at = packed_find_next(c->block, c->at, element, passed);
        if (c->at != PACKED_NONE) return true;
    } while (*passed < limit && enter_next_chunk(c, towards));
    return false;
}

void list_copy(const struct value *v, struct value *out)
{
    list_init(out);
    out->encoding = v->encoding;
    if (v->encoding == LIST_BLOCK) out->ptr = packed_copy(v->ptr);
    if (v->encoding != LIST_CHUNKS) return;
    const struct list_chunks *from = v->ptr;
    struct list_chunks *to = mem_alloc_zero(sizeof(*to));
    for (const struct list_chunk *chunk = from->ends[LIST_HEAD]; chunk; chunk = chunk->beside[LIST_TAIL]) {
        add_chunk(to, to->ends[LIST_TAIL], LIST_TAIL, packed_copy(chunk->block));
    }
    to->count = from->count;
    out->ptr = to;
}

const char *list_encoding_name(const struct value *v)
{
    (void)v;
    return "quicklist";
}

size_t list_bytes(const struct value *v, size_t samples)
{
    if (v->encoding != LIST_CHUNKS) return mem_size(v->ptr);
    const struct list_chunks *l = v->ptr;
    size_t bytes = 0, chunks = 0, elements = 0;
    for (const struct list_chunk *chunk = l->ends[LIST_HEAD]; chunk; chunk = chunk->beside[LIST_TAIL]) {
        bytes += mem_size(chunk) + mem_size(chunk->block);
        chunks++;
        elements += chunk->block->count;
        if (samples > 0 && elements >= samples) break;
    }
    if (chunks < l->chunks_count) bytes = (size_t)((double)bytes / (double)chunks * (double)l->chunks_count);
    return mem_size(l) + bytes;
}

uint64_t list_digest(const struct value *v)
{
    uint64_t digest = 0;
    struct list_cursor c = list_from(v, LIST_HEAD);
    for (; list_is_inside(&c); list_step(&c, LIST_TAIL)) digest = digest_chain(digest, list_get(&c));
    return digest;
}

/* ---- the ends ---- */

/* May an element of `need` bytes be pushed into this block? */
static bool has_room(const struct packed *block, enum list_end end, size_t need)
{
    size_t bytes = packed_bytes(block) + need;
    if (bytes <= CHUNK_SLIDE_BYTES) return true;
    size_t free_at_end = end == LIST_HEAD ? block->start - sizeof(*block) : block->cap - block->end;
    return bytes <= CHUNK_BYTES && need <= free_at_end;
}

/* A new outermost chunk. The one beyond which it stands is an inner chunk from now on, unless it was the only one. */
static struct list_chunk *add_end_chunk(struct list_chunks *l, enum list_end end, size_t need)
{
    struct list_chunk *inner = l->ends[end];
    bool is_only = l->chunks_count == 1;
    if (!is_only && inner->block->cap - packed_bytes(inner->block) > CHUNK_WASTE_BYTES) packed_trim(&inner->block);
    return add_chunk(l, inner, end, block_towards(end, need));
}

void list_push(struct value *v, enum list_end end, struct slice element)
{
    size_t need = packed_element_bytes(element);
    if (v->encoding == LIST_EMPTY) {
        v->ptr = packed_new(need);
        v->encoding = LIST_BLOCK;
    }
    struct list_chunk *chunk = v->encoding == LIST_CHUNKS ? ((struct list_chunks *)v->ptr)->ends[end] : NULL;
    struct packed *block = block_of(v, chunk);
    if (block->count > 0 && !has_room(block, end, need)) {
        chunk = add_end_chunk(to_chunks(v), end, need);
        block = chunk->block;
    }
    push(&block, end, element);
    set_block(v, chunk, block);
    count_change(v, 1);
}

/* Drops `count` elements, fewer than there are, from an end of a block. */
static void pop_from_block(struct packed **block, enum list_end end, uint32_t count)
{
    uint32_t at = end == LIST_HEAD ? (*block)->start : packed_at(*block, (*block)->count - count);
    packed_remove(block, at, count);
}

void list_pop(struct value *v, enum list_end end, size_t count)
{
    SLOW_CHECK(count <= list_count(v));
    if (count == list_count(v)) {
        list_deinit(v);
        return;
    }
    count_change(v, -(ptrdiff_t)count);
    struct list_chunk *chunk = NULL;
    if (v->encoding == LIST_CHUNKS) {
        struct list_chunks *l = v->ptr;
        for (chunk = l->ends[end]; count >= chunk->block->count; chunk = l->ends[end]) {
            count -= chunk->block->count;
            mem_free(chunk->block);
            drop_chunk(l, chunk);
        }
    }
    if (count == 0) return;
    struct packed *block = block_of(v, chunk);
    pop_from_block(&block, end, (uint32_t)count);
    set_block(v, chunk, block);
}

/* ---- the middle ---- */

/* Appends the elements of `from`, from `at` on, to *to. */
static void append_elements(struct packed **to, const struct packed *from, uint32_t at)
{
    for (; at != PACKED_NONE; at = packed_next(from, at)) packed_push_tail(to, packed_get(from, at));
}

/*
 * Cuts the chunk in two before the element at `at`, which is not its first; what follows goes to a new chunk behind it.
 */
static void split_chunk(struct list_chunks *l, struct list_chunk *chunk, uint32_t at)
{
    struct packed *block = chunk->block;
    struct packed *tail = packed_new(block->end - at);
    append_elements(&tail, block, at);
    packed_remove(&chunk->block, at, tail->count);
    add_chunk(l, chunk, LIST_TAIL, tail);
}

static bool has_total_room(const struct list_chunk *chunk, size_t need)
{
    return chunk && packed_bytes(chunk->block) + need <= CHUNK_BYTES;
}

/* An insertion for which the cursor's block has no room: makes a place before the cursor and pushes there. */
static void insert_between(struct list_chunks *l, struct list_cursor *c, struct slice element)
{
    size_t need = packed_element_bytes(element);
    if (c->at != c->block->start) {
        split_chunk(l, c->chunk, c->at);
        c->chunk = c->chunk->beside[LIST_TAIL];
    }
    struct list_chunk *before = c->chunk->beside[LIST_HEAD];
    enum list_end end = LIST_TAIL;
    if (has_total_room(before, need)) {
        c->chunk = before;
    } else if (has_total_room(c->chunk, need)) {
        end = LIST_HEAD;
    } else {
        c->chunk = add_chunk(l, c->chunk, LIST_HEAD, packed_new(need));
    }
    push(&c->chunk->block, end, element);
    c->block = c->chunk->block;
    c->at = outermost(c->block, end);
}

void list_insert(struct value *v, struct list_cursor *c, struct slice element)
{
    if (!list_is_inside(c)) {
        list_push(v, LIST_TAIL, element);
        *c = list_from(v, LIST_TAIL);
        return;
    }
    size_t need = packed_element_bytes(element);
    if (packed_bytes(c->block) + need <= CHUNK_BYTES) {
        c->at = packed_insert(&c->block, c->at, element);
        set_block(v, c->chunk, c->block);
    } else {
        struct list_chunks *l = to_chunks(v);
        if (!c->chunk) c->chunk = l->ends[LIST_HEAD];
        insert_between(l, c, element);
    }
    count_change(v, 1);
}

void list_set(struct value *v, struct list_cursor *c, struct slice element)
{
    size_t old = packed_element_bytes(list_get(c)), need = packed_element_bytes(element);
    if (c->block->count == 1 || packed_bytes(c->block) - old + need <= CHUNK_BYTES) {
        c->at = packed_replace(&c->block, c->at, element);
        set_block(v, c->chunk, c->block);
        return;
    }
    list_insert(v, c, element);
    list_step(c, LIST_TAIL);
    list_remove_at(v, c, 1);
    list_step(c, LIST_HEAD);
}

/* Puts `right`, the chunk after `left`, into it. A cursor in either of them stays on its element. */
static void merge_chunks(struct list_chunks *l, struct list_chunk *left, struct list_chunk *right,
                         struct list_cursor *c)
{
    bool is_left = c->chunk == left, is_right = c->chunk == right;
    uint32_t offset = is_right ? right->block->end - c->at : c->at - left->block->start;
    append_elements(&left->block, right->block, packed_first(right->block));
    mem_free(right->block);
    drop_chunk(l, right);
    if (!is_left && !is_right) return;
    c->chunk = left;
    c->block = left->block;
    if (list_is_inside(c)) c->at = is_right ? c->block->end - offset : c->block->start + offset;
}

/* Merges the chunk, which became smaller, with a neighbour if both together are small. */
static void merge_if_small(struct list_chunks *l, struct list_chunk *chunk, struct list_cursor *c)
{
    size_t bytes = packed_bytes(chunk->block);
    if (bytes >= CHUNK_SMALL_BYTES) return;
    struct list_chunk *before = chunk->beside[LIST_HEAD], *after = chunk->beside[LIST_TAIL];
    if (before && packed_bytes(before->block) + bytes <= CHUNK_MERGED_BYTES)
        merge_chunks(l, before, chunk, c);
    else if (after && packed_bytes(after->block) + bytes <= CHUNK_MERGED_BYTES)
        merge_chunks(l, chunk, after, c);
}

/* How many elements there are from `at` to the end of the block, counting no further than `limit`. */
static uint32_t count_from(const struct packed *block, uint32_t at, size_t limit)
{
    if (at == block->start && limit >= block->count) return block->count;
    uint32_t count = 0;
    for (; at != PACKED_NONE && count < limit; at = packed_next(block, at)) count++;
    return count;
}

/*
 * After elements were taken out of the cursor's chunk: puts the cursor on what follows them, and keeps chunks from
 * staying small.
 */
static void settle_after_removal(struct list_chunks *l, struct list_cursor *c)
{
    struct list_chunk *chunk = c->chunk, *after = chunk->beside[LIST_TAIL];
    if (c->block->count == 0) {
        mem_free(c->block);
        drop_chunk(l, chunk);
        chunk = NULL;
    }
    if (!list_is_inside(c)) {
        c->chunk = after ? after : l->ends[LIST_TAIL];
        c->block = c->chunk->block;
        c->at = after ? packed_first(c->block) : PACKED_NONE;
    }
    if (chunk) merge_if_small(l, chunk, c);
}

void list_remove_at(struct value *v, struct list_cursor *c, size_t count)
{
    if (count == list_count(v)) {
        list_deinit(v);
        *c = list_from(v, LIST_TAIL);
        return;
    }
    count_change(v, -(ptrdiff_t)count);
    while (count > 0) {
        uint32_t here = count_from(c->block, c->at, count);
        CHECK(here > 0);
        c->at = packed_remove(&c->block, c->at, here);
        set_block(v, c->chunk, c->block);
        count -= here;
        if (c->chunk) settle_after_removal(v->ptr, c);
    }
}

/* ---- invariants ---- */

static void check_block(const struct packed *block)
{
    CHECK(block->count > 0);                                        /* 2 */
    CHECK(block->count == 1 || packed_bytes(block) <= CHUNK_BYTES); /* 3 */
    CHECK(block->start <= block->end && block->end <= block->cap);
    uint32_t count = 0;
    for (uint32_t at = packed_first(block); at != PACKED_NONE; at = packed_next(block, at)) count++;
    CHECK(count == block->count);
}

void list_check(const struct value *v)
{
    if (v->encoding == LIST_EMPTY) CHECK(!v->ptr);
    if (v->encoding == LIST_BLOCK) check_block(v->ptr);
    if (v->encoding != LIST_CHUNKS) return;
    const struct list_chunks *l = v->ptr;
    size_t count = 0, chunks_count = 0;
    const struct list_chunk *before = NULL;
    for (const struct list_chunk *chunk = l->ends[LIST_HEAD]; chunk; chunk = chunk->beside[LIST_TAIL]) {
        check_block(chunk->block);
        CHECK(chunk->beside[LIST_HEAD] == before); /* 1 */
        before = chunk;
        count += chunk->block->count;
        chunks_count++;
    }
    CHECK(l->ends[LIST_TAIL] == before && count == l->count && chunks_count == l->chunks_count); /* 1 */
}
