/* SPDX-License-Identifier: MIT */
/*
 * Invariants (stream_pel_check):
 *  1. ids ascend within and across chunks; no chunk starts before the id in its slot.
 *  2. no chunk is empty or above STREAM_PEL_CHUNK_MAX; together they have `count` elements.
 */
#include "keyspace/stream_pel.h"

#include "base/err.h"
#include "base/mem.h"

#define FIRST_CAP 4u
/* Neighbours are joined when together they fill less than this, so that a removal does not follow soon by a split. */
#define JOIN_MAX (STREAM_PEL_CHUNK_MAX / 2)

struct chunk {
    uint32_t count;
    uint32_t cap;
    _Alignas(struct stream_id) char elements[];
};

static struct chunk *chunk_at(const struct stream_pel *p, uint32_t index)
{
    return stream_dir_at(&p->chunks, index)->piece;
}

static void *element_at(const struct stream_pel *p, const struct chunk *c, uint32_t at)
{
    return (char *)c->elements + at * p->element_bytes;
}

static struct stream_id id_at(const struct stream_pel *p, const struct chunk *c, uint32_t at)
{
    return *(const struct stream_id *)element_at(p, c, at);
}

static void move_elements(const struct stream_pel *p, struct chunk *c, uint32_t to, uint32_t from)
{
    memmove(element_at(p, c, to), element_at(p, c, from), (c->count - from) * p->element_bytes);
}

static struct chunk *chunk_resize(const struct stream_pel *p, struct chunk *c, uint32_t cap)
{
    c = mem_resize(c, sizeof(*c) + cap * p->element_bytes);
    c->cap = cap;
    return c;
}

bool stream_pel_drain(struct stream_pel *p, size_t *steps)
{
    for (; p->chunks.count > 0; --*steps) {
        if (*steps == 0) return false;
        mem_free(chunk_at(p, --p->chunks.count));
    }
    return true;
}

void stream_pel_deinit(struct stream_pel *p)
{
    size_t steps = SIZE_MAX;
    stream_pel_drain(p, &steps);
    stream_dir_deinit(&p->chunks);
    p->count = 0;
}

void stream_pel_copy(const struct stream_pel *p, struct stream_pel *out)
{
    *out = (struct stream_pel){.element_bytes = p->element_bytes, .count = p->count};
    for (uint32_t i = 0; i < p->chunks.count; i++) {
        struct stream_slot slot = *stream_dir_at(&p->chunks, i);
        const struct chunk *from = slot.piece;
        struct chunk *to = chunk_resize(p, NULL, from->count);
        to->count = from->count;
        memcpy(to->elements, from->elements, from->count * p->element_bytes);
        slot.piece = to;
        stream_dir_insert(&out->chunks, i, slot);
    }
}

/* The place of the first element at or after the id in the chunk. */
static uint32_t find_in(const struct stream_pel *p, const struct chunk *c, struct stream_id id)
{
    uint32_t low = 0, high = c->count;
    if (high > 0 && stream_id_less(id_at(p, c, high - 1), id)) return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (stream_id_less(id_at(p, c, middle), id))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct stream_pel *p, const struct chunk *c, uint32_t at, struct stream_id id)
{
    return at < c->count && stream_id_equal(id_at(p, c, at), id);
}

void *stream_pel_find(const struct stream_pel *p, struct stream_id id)
{
    if (p->count == 0) return NULL;
    const struct chunk *c = chunk_at(p, stream_dir_find(&p->chunks, id));
    uint32_t at = find_in(p, c, id);
    return is_at(p, c, at, id) ? element_at(p, c, at) : NULL;
}

/* ---- inserting ---- */

static void add_chunk(struct stream_pel *p, uint32_t index, struct stream_id first)
{
    struct chunk *c = chunk_resize(p, NULL, FIRST_CAP);
    c->count = 0;
    stream_dir_insert(&p->chunks, index, (struct stream_slot){first, c});
}

/* Moves the second half of a full chunk to a new one behind it. */
static void split(struct stream_pel *p, uint32_t index)
{
    struct chunk *c = chunk_at(p, index);
    uint32_t kept = c->count / 2, moved = c->count - kept;
    struct chunk *next = chunk_resize(p, NULL, STREAM_PEL_CHUNK_MAX);
    memcpy(next->elements, element_at(p, c, kept), moved * p->element_bytes);
    next->count = moved;
    c->count = kept;
    stream_dir_insert(&p->chunks, index + 1, (struct stream_slot){id_at(p, next, 0), next});
}

/* The chunk for an id that is to stand at *at there, with room for it. */
static uint32_t make_room(struct stream_pel *p, uint32_t index, uint32_t *at, struct stream_id id)
{
    struct chunk *c = chunk_at(p, index);
    if (c->count == STREAM_PEL_CHUNK_MAX && *at == c->count) {
        /* Behind everything: a split would leave half-filled chunks for ever. */
        add_chunk(p, ++index, id);
        *at = 0;
    } else if (c->count == STREAM_PEL_CHUNK_MAX) {
        split(p, index);
        if (*at > c->count) {
            *at -= c->count;
            index++;
        }
    } else if (c->count == c->cap) {
        uint32_t cap = c->cap < STREAM_PEL_CHUNK_MAX / 2 ? c->cap * 2 : STREAM_PEL_CHUNK_MAX;
        stream_dir_at(&p->chunks, index)->piece = chunk_resize(p, c, cap);
    }
    return index;
}

void *stream_pel_insert(struct stream_pel *p, struct stream_id id, bool *out_is_new)
{
    if (p->chunks.count == 0) add_chunk(p, 0, id);
    uint32_t index = stream_dir_find(&p->chunks, id);
    struct chunk *c = chunk_at(p, index);
    uint32_t at = find_in(p, c, id);
    *out_is_new = !is_at(p, c, at, id);
    if (!*out_is_new) return element_at(p, c, at);

    index = make_room(p, index, &at, id);
    c = chunk_at(p, index);
    move_elements(p, c, at + 1, at);
    c->count++;
    p->count++;
    struct stream_id *element = element_at(p, c, at);
    *element = id;
    if (at == 0) stream_dir_at(&p->chunks, index)->first = id;
    return element;
}

/* ---- removing ---- */

static void drop_chunk(struct stream_pel *p, uint32_t index)
{
    mem_free(chunk_at(p, index));
    stream_dir_remove(&p->chunks, index);
}

/* Joins a chunk that became small with the next one, if both are. */
static void join(struct stream_pel *p, uint32_t index)
{
    if (index + 1 >= p->chunks.count) return;
    struct chunk *c = chunk_at(p, index), *next = chunk_at(p, index + 1);
    if (c->count + next->count > JOIN_MAX) return;
    if (c->count + next->count > c->cap) {
        c = chunk_resize(p, c, JOIN_MAX);
        stream_dir_at(&p->chunks, index)->piece = c;
    }
    memcpy(element_at(p, c, c->count), next->elements, next->count * p->element_bytes);
    c->count += next->count;
    drop_chunk(p, index + 1);
}

bool stream_pel_remove(struct stream_pel *p, struct stream_id id)
{
    if (p->count == 0) return false;
    uint32_t index = stream_dir_find(&p->chunks, id);
    struct chunk *c = chunk_at(p, index);
    uint32_t at = find_in(p, c, id);
    if (!is_at(p, c, at, id)) return false;
    move_elements(p, c, at, at + 1);
    c->count--;
    p->count--;
    if (c->count == 0)
        drop_chunk(p, index);
    else
        join(p, index);
    return true;
}

/* ---- looking ---- */

void *stream_pel_first(const struct stream_pel *p)
{
    return p->count ? element_at(p, chunk_at(p, 0), 0) : NULL;
}

void *stream_pel_last(const struct stream_pel *p)
{
    if (p->count == 0) return NULL;
    const struct chunk *c = chunk_at(p, p->chunks.count - 1);
    return element_at(p, c, c->count - 1);
}

void stream_pel_iter_begin(struct stream_pel_iter *it, const struct stream_pel *p, struct stream_id from)
{
    *it = (struct stream_pel_iter){.pel = p, .chunk = stream_dir_find(&p->chunks, from)};
    if (p->count > 0) it->at = find_in(p, chunk_at(p, it->chunk), from);
}

void *stream_pel_iter_next(struct stream_pel_iter *it)
{
    const struct stream_pel *p = it->pel;
    if (it->chunk < p->chunks.count && it->at == chunk_at(p, it->chunk)->count) {
        it->chunk++;
        it->at = 0;
    }
    if (it->chunk >= p->chunks.count) return NULL;
    return element_at(p, chunk_at(p, it->chunk), it->at++);
}

size_t stream_pel_bytes(const struct stream_pel *p)
{
    size_t bytes = mem_size(p->chunks.slots);
    for (uint32_t i = 0; i < p->chunks.count; i++) bytes += mem_size(chunk_at(p, i));
    return bytes;
}

void stream_pel_check(const struct stream_pel *p)
{
    struct stream_id last = STREAM_ID_MIN;
    size_t count = 0;
    for (uint32_t i = 0; i < p->chunks.count; i++) {
        const struct chunk *c = chunk_at(p, i);
        CHECK(c->count > 0 && c->count <= c->cap && c->cap <= STREAM_PEL_CHUNK_MAX); /* 2 */
        CHECK(!stream_id_less(id_at(p, c, 0), stream_dir_at(&p->chunks, i)->first)); /* 1 */
        for (uint32_t at = 0; at < c->count; at++, count++) {
            CHECK(count == 0 || stream_id_less(last, id_at(p, c, at)));
            last = id_at(p, c, at);
        }
    }
    CHECK(count == p->count);
}
