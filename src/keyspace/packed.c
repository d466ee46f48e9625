/* SPDX-License-Identifier: MIT */
/*
 * Element: | len as varint, low 7 bits first, 0x80 = more | bytes | size of (varint + bytes), readable backwards |
 *
 * The backward size is a varint whose last byte comes last in memory and is read first: its byte nearest to the end
 * holds the low 7 bits, 0x80 = more before it.
 *
 * Invariants:
 *  1. sizeof(struct packed) <= start <= end <= cap, or cap is the allocation's size.
 *  2. from start, exactly `count` elements end at `end`; forward and backward sizes agree.
 */
#include "keyspace/packed.h"

#include "base/err.h"
#include "base/mem.h"

#define FIRST_BYTE ((uint32_t)sizeof(struct packed))

static char *bytes_of(struct packed *p)
{
    return (char *)p;
}

static const unsigned char *at_of(const struct packed *p, uint32_t at)
{
    return (const unsigned char *)p + at;
}

static uint32_t varint_size(size_t n)
{
    return n < (1u << 7) ? 1 : n < (1u << 14) ? 2 : n < (1u << 21) ? 3 : n < (1u << 28) ? 4 : 5;
}

size_t packed_element_bytes(size_t len)
{
    if (len < 0x7f) return len + 2;
    size_t front = varint_size(len) + len;
    return front + varint_size(front);
}

static inline const unsigned char *read_len(const unsigned char *at, uint32_t *out)
{
    uint32_t n = *at++;
    if (n < 0x80) {
        *out = n;
        return at;
    }
    n &= 0x7f;
    for (int shift = 7;; shift += 7) {
        uint32_t byte = *at++;
        n |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    *out = n;
    return at;
}

/* The size of front (varint + bytes) of the element that ends at `end`; *out_size the bytes this number takes. */
static uint32_t read_back(const unsigned char *end, uint32_t *out_size)
{
    uint32_t n = 0, size = 0;
    for (int shift = 0;; shift += 7) {
        uint32_t byte = end[-1 - (int)size];
        size++;
        n |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    *out_size = size;
    return n;
}

/* Returns where the element ends. */
static inline char *write_element(char *dst, struct slice bytes)
{
    unsigned char *at = (unsigned char *)dst;
    uint32_t n = (uint32_t)bytes.len;
    if (n < 0x7f) {
        *at++ = (unsigned char)n;
        if (n) memcpy(at, bytes.at, n);
        at[n] = (unsigned char)(n + 1);
        return dst + n + 2;
    }
    while (n >= 0x80) {
        *at++ = (unsigned char)(n | 0x80);
        n >>= 7;
    }
    *at++ = (unsigned char)n;
    memcpy(at, bytes.at, bytes.len);
    at += bytes.len;
    uint32_t front = (uint32_t)(at - (unsigned char *)dst);
    at += varint_size(front);
    unsigned char *back = at - 1;
    while (front >= 0x80) {
        *back-- = (unsigned char)(front | 0x80);
        front >>= 7;
    }
    *back = (unsigned char)front;
    return (char *)at;
}

/* The element after the one at `at`. Short ones, most by far, have one byte before and one behind their own. */
static inline const unsigned char *skip(const unsigned char *at)
{
    uint32_t len = *at;
    if (len < 0x7f) return at + len + 2;
    const unsigned char *body = read_len(at, &len);
    uint32_t front = (uint32_t)(body - at) + len;
    return at + front + varint_size(front);
}

/* The element before the one at `at`. */
static inline const unsigned char *skip_back(const unsigned char *at)
{
    uint32_t front = at[-1], back_size = 1;
    if (front >= 0x80) front = read_back(at, &back_size);
    return at - back_size - front;
}

/* Bytes of the element at `at`, all its parts. */
static uint32_t element_size(const struct packed *p, uint32_t at)
{
    const unsigned char *start = at_of(p, at);
    return (uint32_t)(skip(start) - start);
}

struct packed *packed_new(size_t room)
{
    size_t cap = mem_good_size(sizeof(struct packed) + room);
    struct packed *p = mem_alloc(cap);
    *p = (struct packed){.cap = (uint32_t)cap, .start = FIRST_BYTE, .end = FIRST_BYTE};
    return p;
}

struct packed *packed_copy(const struct packed *p)
{
    struct packed *copy = packed_new(packed_bytes(p));
    memcpy(bytes_of(copy) + copy->start, at_of(p, p->start), packed_bytes(p));
    copy->end = copy->start + (p->end - p->start);
    copy->count = p->count;
    return copy;
}

uint32_t packed_last(const struct packed *p)
{
    if (p->count == 0) return PACKED_NONE;
    return (uint32_t)(skip_back(at_of(p, p->end)) - (const unsigned char *)p);
}

uint32_t packed_next(const struct packed *p, uint32_t at)
{
    uint32_t next = at + element_size(p, at);
    return next < p->end ? next : PACKED_NONE;
}

uint32_t packed_prev(const struct packed *p, uint32_t at)
{
    if (at == p->start) return PACKED_NONE;
    return (uint32_t)(skip_back(at_of(p, at)) - (const unsigned char *)p);
}

uint32_t packed_at(const struct packed *p, uint32_t index)
{
    SLOW_CHECK(index < p->count);
    uint32_t at;
    if (index < p->count / 2) {
        for (at = p->start; index > 0; index--) at += element_size(p, at);
    } else {
        at = packed_last(p);
        for (uint32_t back = p->count - 1 - index; back > 0; back--) at = packed_prev(p, at);
    }
    return at;
}

struct slice packed_get(const struct packed *p, uint32_t at)
{
    uint32_t len;
    const unsigned char *body = read_len(at_of(p, at), &len);
    return slice_of(body, len);
}

struct slice packed_step(const struct packed *p, uint32_t *at)
{
    uint32_t len;
    const unsigned char *start = at_of(p, *at);
    const unsigned char *body = read_len(start, &len);
    uint32_t front = (uint32_t)(body - start) + len;
    uint32_t next = *at + front + varint_size(front);
    *at = next < p->end ? next : PACKED_NONE;
    return slice_of(body, len);
}

/* Ids and keys of one length mostly differ in their last byte: looking there first saves most calls of memcmp. */
static inline bool is_equal(const unsigned char *at, struct slice bytes)
{
    uint32_t len;
    const unsigned char *body = read_len(at, &len);
    if (len != bytes.len) return false;
    return len == 0 || (body[len - 1] == (unsigned char)bytes.at[len - 1] && memcmp(body, bytes.at, len) == 0);
}

/* The first byte of an element with these bytes: most others differ in it already, since it holds their length. */
static inline unsigned char first_byte(struct slice bytes)
{
    return (unsigned char)(bytes.len < 0x80 ? bytes.len : bytes.len | 0x80);
}

uint32_t packed_find(const struct packed *p, struct slice bytes, unsigned stride)
{
    const unsigned char *at = at_of(p, p->start), *end = at_of(p, p->end);
    unsigned char first = first_byte(bytes);
    SLOW_CHECK(p->count % stride == 0);
    while (at < end) {
        if (*at == first && is_equal(at, bytes)) return (uint32_t)(at - (const unsigned char *)p);
        at = skip(at);
        for (unsigned i = 1; i < stride; i++) at = skip(at);
    }
    return PACKED_NONE;
}

uint32_t packed_find_next(const struct packed *p, uint32_t from, struct slice bytes, size_t *passed)
{
    const unsigned char *at = at_of(p, from), *end = at_of(p, p->end);
    unsigned char first = first_byte(bytes);
    size_t count = 0;
    while (at < end && !(*at == first && is_equal(at, bytes))) {
        at = skip(at);
        count++;
    }
    *passed += count;
    return at < end ? (uint32_t)(at - (const unsigned char *)p) : PACKED_NONE;
}

uint32_t packed_find_prev(const struct packed *p, uint32_t from, struct slice bytes, size_t *passed)
{
    const unsigned char *at = at_of(p, from), *start = at_of(p, p->start);
    unsigned char first = first_byte(bytes);
    size_t count = 0;
    while (at && !(*at == first && is_equal(at, bytes))) {
        at = at > start ? skip_back(at) : NULL;
        count++;
    }
    *passed += count;
    return at ? (uint32_t)(at - (const unsigned char *)p) : PACKED_NONE;
}

/* Moves the elements so that they start at `start`. */
static void slide(struct packed *p, uint32_t start)
{
    uint32_t bytes = p->end - p->start;
    memmove(bytes_of(p) + start, at_of(p, p->start), bytes);
    p->start = start;
    p->end = start + bytes;
}

/* A block of at least `want` bytes more than now used, grown by half so that pushing one by one is amortised. */
static void grow(struct packed **owner, size_t more)
{
    struct packed *p = *owner;
    size_t used = packed_bytes(p);
    CHECK(used + more < ((size_t)1 << 30));
    size_t cap = mem_good_size(sizeof(*p) + used + more + (used + more) / 4);
    p = mem_resize(p, cap);
    p->cap = (uint32_t)cap;
    *owner = p;
}

/* Free bytes before the start and after the end together. */
static uint32_t free_bytes(const struct packed *p)
{
    return p->cap - FIRST_BYTE - (p->end - p->start);
}

/*
 * Sliding moves every element, so it is done only when it wins a fair share of the size, and it leaves half of the rest
 * at the other end: whichever end is pushed at next, a push costs O(1) on average.
 */
static void make_tail_room(struct packed **owner, size_t more)
{
    struct packed *p = *owner;
    if (p->cap - p->end >= more) return;
    uint32_t used = p->end - p->start;
    if (p->start == FIRST_BYTE || free_bytes(p) < more + used / 4) {
        if (p->start != FIRST_BYTE) slide(p, FIRST_BYTE);
        if (p->cap - p->end < more) grow(owner, more);
    } else {
        slide(p, FIRST_BYTE + (uint32_t)(free_bytes(p) - more) / 2);
    }
}

static void make_head_room(struct packed **owner, size_t more)
{
    if ((*owner)->start - FIRST_BYTE >= more) return;
    uint32_t used = (*owner)->end - (*owner)->start;
    if (free_bytes(*owner) < more + used / 4) grow(owner, more + used / 4);
    struct packed *p = *owner;
    slide(p, p->cap - used - (uint32_t)(free_bytes(p) - more) / 2);
}

void packed_push_tail(struct packed **owner, struct slice bytes)
{
    size_t size = packed_element_bytes(bytes.len);
    make_tail_room(owner, size);
    struct packed *p = *owner;
    write_element(bytes_of(p) + p->end, bytes);
    p->end += (uint32_t)size;
    p->count++;
}

void packed_push_all(struct packed **owner, const struct slice *items, size_t items_count)
{
    size_t size = 0;
    for (size_t i = 0; i < items_count; i++) size += packed_element_bytes(items[i].len);
    make_tail_room(owner, size);
    struct packed *p = *owner;
    char *at = bytes_of(p) + p->end;
    for (size_t i = 0; i < items_count; i++) at = write_element(at, items[i]);
    p->end += (uint32_t)size;
    p->count += (uint32_t)items_count;
}

void packed_push_head(struct packed **owner, struct slice bytes)
{
    size_t size = packed_element_bytes(bytes.len);
    make_head_room(owner, size);
    struct packed *p = *owner;
    p->start -= (uint32_t)size;
    write_element(bytes_of(p) + p->start, bytes);
    p->count++;
}

/* Opens a hole of new_size where `old_size` bytes stand at `at`; returns where the hole is (the block may have moved). */
static uint32_t reshape(struct packed **owner, uint32_t at, uint32_t old_size, size_t new_size)
{
    uint32_t offset = at - (*owner)->start;
    if (new_size > old_size) make_tail_room(owner, new_size - old_size);
    struct packed *p = *owner;
    at = p->start + offset;
    uint32_t tail = p->end - at - old_size;
    memmove(bytes_of(p) + at + new_size, at_of(p, at + old_size), tail);
    p->end = at + (uint32_t)new_size + tail;
    return at;
}

uint32_t packed_insert(struct packed **owner, uint32_t at, struct slice bytes)
{
    if (at == PACKED_NONE) {
        uint32_t size = (uint32_t)packed_element_bytes(bytes.len);
        packed_push_tail(owner, bytes);
        return (*owner)->end - size;
    }
    if (at == (*owner)->start) {
        packed_push_head(owner, bytes);
        return (*owner)->start;
    }
    at = reshape(owner, at, 0, packed_element_bytes(bytes.len));
    write_element(bytes_of(*owner) + at, bytes);
    (*owner)->count++;
    return at;
}

uint32_t packed_replace(struct packed **owner, uint32_t at, struct slice bytes)
{
    uint32_t old_size = element_size(*owner, at);
    size_t new_size = packed_element_bytes(bytes.len);
    if (old_size != new_size) at = reshape(owner, at, old_size, new_size);
    write_element(bytes_of(*owner) + at, bytes);
    return at;
}

uint32_t packed_remove(struct packed **owner, uint32_t at, uint32_t count)
{
    struct packed *p = *owner;
    SLOW_CHECK(count <= p->count);
    uint32_t end = at;
    for (uint32_t i = 0; i < count; i++) end += element_size(p, end);
    p->count -= count;
    if (at == p->start) {
        p->start = end;
        if (p->count == 0) p->start = p->end = FIRST_BYTE;
    } else {
        memmove(bytes_of(p) + at, at_of(p, end), p->end - end);
        p->end -= end - at;
        end = at;
    }
    uint32_t offset = end - p->start;
    bool is_end = p->count == 0 || end >= p->end;
    if (p->cap > 256 && packed_bytes(p) < p->cap / 4) packed_trim(owner);
    return is_end ? PACKED_NONE : (*owner)->start + offset;
}

void packed_trim(struct packed **owner)
{
    struct packed *p = *owner;
    slide(p, FIRST_BYTE);
    size_t cap = mem_good_size(p->end);
    if (cap >= p->cap) return;
    p = mem_resize(p, cap);
    p->cap = (uint32_t)cap;
    *owner = p;
}
