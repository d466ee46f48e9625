/* SPDX-License-Identifier: MIT */
/*
 * Element: | len | bytes | size of (len + bytes), readable backwards |, or one byte: | 0xc0 + a word's number |
 *
 * A length below 128 is one byte. A longer one is 0x80 + its low 6 bits, and then the rest of it, the low 7 bits first,
 * 0x80 = more. The size behind is the same, but its first byte comes last in memory, and is read first.
 *
 * Invariants:
 *  1. sizeof(struct packed) <= start <= end <= cap, or cap is the allocation's size.
 *  2. from start, exactly `count` elements end at `end`; forward and backward sizes agree.
 *  3. an element that is a word is a single byte, so that equal elements have equal first bytes.
 */
#include "keyspace/packed.h"

#include "base/err.h"
#include "base/mem.h"
#include "keyspace/word.h"

#define FIRST_BYTE ((uint32_t)sizeof(struct packed))
/* An element's first byte, and its last one, from which on it is a word. */
#define WORD_BYTE 0xc0u
#define LONG_BYTE 0x80u
#define LONG_BITS 6
#define LONG_MASK ((1u << LONG_BITS) - 1)

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
    return n < (1u << 7) ? 1 : n < (1u << 13) ? 2 : n < (1u << 20) ? 3 : n < (1u << 27) ? 4 : 5;
}

size_t packed_element_bytes(struct slice bytes)
{
    if (word_find(bytes) >= 0) return 1;
    if (bytes.len < 0x7f) return bytes.len + 2;
    size_t front = varint_size(bytes.len) + bytes.len;
    return front + varint_size(front);
}

/* The length of an element that is not a word; returns where its bytes are. */
static inline const unsigned char *read_len(const unsigned char *at, uint32_t *out)
{
    uint32_t n = *at++;
    if (n >= LONG_BYTE) {
        n -= LONG_BYTE;
        uint32_t byte = 0x80;
        for (int shift = LONG_BITS; byte >= 0x80; shift += 7) {
            byte = *at++;
            n |= (byte & 0x7f) << shift;
        }
    }
    *out = n;
    return at;
}

/* The size of front (varint + bytes) of the element that ends at `end`; *out_size the bytes this number takes. */
static uint32_t read_back(const unsigned char *end, uint32_t *out_size)
{
    uint32_t n = end[-1], size = 1;
    if (n >= LONG_BYTE) {
        n -= LONG_BYTE;
        uint32_t byte = 0x80;
        for (int shift = LONG_BITS; byte >= 0x80; shift += 7) {
            byte = *(end - ++size);
            n |= (byte & 0x7f) << shift;
        }
    }
    *out_size = size;
    return n;
}

/* Returns where the element ends. */
static char *write_long_element(char *dst, struct slice bytes)
{
    unsigned char *at = (unsigned char *)dst;
    uint32_t n = (uint32_t)bytes.len;
    if (n >= 0x80) {
        *at++ = (unsigned char)(LONG_BYTE | (n & (LONG_MASK)));
        for (n >>= LONG_BITS; n >= 0x80; n >>= 7) *at++ = (unsigned char)(n | 0x80);
    }
    *at++ = (unsigned char)n;
    memcpy(at, bytes.at, bytes.len);
    at += bytes.len;
    uint32_t front = (uint32_t)(at - (unsigned char *)dst);
    at += varint_size(front);
    unsigned char *back = at - 1;
    *back-- = (unsigned char)(LONG_BYTE | (front & (LONG_MASK)));
    for (front >>= LONG_BITS; front >= 0x80; front >>= 7) *back-- = (unsigned char)(front | 0x80);
    *back = (unsigned char)front;
    return (char *)at;
}

/* Returns where the element ends. */
static inline char *write_element(char *dst, struct slice bytes)
{
    unsigned char *at = (unsigned char *)dst;
    int word = word_find(bytes);
    if (word >= 0) {
        *at = (unsigned char)(WORD_BYTE + (unsigned)word);
        return dst + 1;
    }
    uint32_t n = (uint32_t)bytes.len;
    if (n >= 0x7f) return write_long_element(dst, bytes);
    *at++ = (unsigned char)n;
    if (n) memcpy(at, bytes.at, n);
    at[n] = (unsigned char)(n + 1);
    return dst + n + 2;
}

/* The bytes of the element at `at`; *out_end is where it ends. */
static inline struct slice read_element(const unsigned char *at, const unsigned char **out_end)
{
    uint32_t len = *at;
    if (len < 0x7f) {
        *out_end = at + len + 2;
        return slice_of(at + 1, len);
    }
    if (len >= WORD_BYTE) {
        *out_end = at + 1;
        return word_text(len - WORD_BYTE);
    }
    const unsigned char *body = read_len(at, &len);
    *out_end = body + len + varint_size((size_t)(body - at) + len);
    return slice_of(body, len);
}

/* The element after the one at `at`. Short ones, most by far, have one byte before and one behind their own. */
static inline const unsigned char *skip(const unsigned char *at)
{
    uint32_t len = *at;
    if (len < 0x7f) return at + len + 2;
    if (len >= WORD_BYTE) return at + 1;
    const unsigned char *end;
    (void)read_element(at, &end);
    return end;
}

/* The element before the one at `at`. */
static inline const unsigned char *skip_back(const unsigned char *at)
{
    uint32_t front = at[-1], back_size = 1;
    if (front >= WORD_BYTE) return at - 1;
    if (front >= LONG_BYTE) front = read_back(at, &back_size);
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
    const unsigned char *end;
    return read_element(at_of(p, at), &end);
}

struct slice packed_step(const struct packed *p, uint32_t *at)
{
    const unsigned char *end;
    struct slice bytes = read_element(at_of(p, *at), &end);
    uint32_t next = (uint32_t)(end - (const unsigned char *)p);
    *at = next < p->end ? next : PACKED_NONE;
    return bytes;
}

/* What is looked for: the bytes, and the first byte of an element with them. */
struct needle {
    struct slice bytes;
    unsigned char first;
};

static inline struct needle needle_of(struct slice bytes)
{
    int word = word_find(bytes);
    size_t len = bytes.len;
    if (word >= 0) return (struct needle){bytes, (unsigned char)(WORD_BYTE + (unsigned)word)};
    return (struct needle){bytes, (unsigned char)(len < 0x80 ? len : LONG_BYTE | (len & (LONG_MASK)))};
}

/* Most elements differ in their first byte already. Ids and keys of one length mostly differ in their last: looking
 * there before all saves most calls of memcmp. */
static inline bool is_equal(const unsigned char *at, const struct needle *n)
{
    if (*at != n->first) return false;
    if (n->first >= WORD_BYTE) return true;
    uint32_t len;
    const unsigned char *body = read_len(at, &len);
    if (len != n->bytes.len) return false;
    return len == 0 || (body[len - 1] == (unsigned char)n->bytes.at[len - 1] && memcmp(body, n->bytes.at, len) == 0);
}

uint32_t packed_find(const struct packed *p, struct slice bytes, unsigned stride)
{
    const unsigned char *at = at_of(p, p->start), *end = at_of(p, p->end);
    const struct needle needle = needle_of(bytes);
    SLOW_CHECK(p->count % stride == 0);
    while (at < end) {
        if (is_equal(at, &needle)) return (uint32_t)(at - (const unsigned char *)p);
        at = skip(at);
        for (unsigned i = 1; i < stride; i++) at = skip(at);
    }
    return PACKED_NONE;
}

void packed_find_many(const struct packed *p, const struct slice *wanted, size_t count, uint32_t *out_at)
{
    struct needle needles[PACKED_FIND_MAX];
    SLOW_CHECK(p->count % 2 == 0 && count <= PACKED_FIND_MAX);
    for (size_t i = 0; i < count; i++) {
        needles[i] = needle_of(wanted[i]);
        out_at[i] = PACKED_NONE;
    }
    const unsigned char *end = at_of(p, p->end);
    for (const unsigned char *at = at_of(p, p->start); at < end; at = skip(skip(at))) {
        for (size_t i = 0; i < count; i++) {
            if (needles[i].first == *at && is_equal(at, &needles[i]))
                out_at[i] = (uint32_t)(at - (const unsigned char *)p);
        }
    }
}

uint32_t packed_find_next(const struct packed *p, uint32_t from, struct slice bytes, size_t *passed)
{
    const unsigned char *at = at_of(p, from), *end = at_of(p, p->end);
    const struct needle needle = needle_of(bytes);
    size_t count = 0;
    while (at < end && !is_equal(at, &needle)) {
        at = skip(at);
        count++;
    }
    *passed += count;
    return at < end ? (uint32_t)(at - (const unsigned char *)p) : PACKED_NONE;
}

uint32_t packed_find_prev(const struct packed *p, uint32_t from, struct slice bytes, size_t *passed)
{
    const unsigned char *at = at_of(p, from), *start = at_of(p, p->start);
    const struct needle needle = needle_of(bytes);
    size_t count = 0;
    while (at && !is_equal(at, &needle)) {
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
    packed_push_all(owner, &bytes, 1);
}

static void append_all(struct packed *p, const struct slice *items, size_t items_count)
{
    char *at = bytes_of(p) + p->end;
    for (size_t i = 0; i < items_count; i++) at = write_element(at, items[i]);
    p->end = (uint32_t)(at - bytes_of(p));
    p->count += (uint32_t)items_count;
}

struct packed *packed_new_of(const struct slice *items, size_t items_count, size_t bytes)
{
    struct packed *p = packed_new(bytes);
    append_all(p, items, items_count);
    SLOW_CHECK(packed_bytes(p) == bytes);
    return p;
}

struct packed *packed_new_short(const struct slice *items, size_t items_count)
{
    char bytes[PACKED_SHORT_BYTES];
    char *end = bytes;
    for (size_t i = 0; i < items_count; i++) end = write_element(end, items[i]);
    size_t size = (size_t)(end - bytes);
    struct packed *p = packed_new(size);
    memcpy(bytes_of(p) + p->start, bytes, size);
    p->end = p->start + (uint32_t)size;
    p->count = (uint32_t)items_count;
    return p;
}

void packed_push_all(struct packed **owner, const struct slice *items, size_t items_count)
{
    size_t size = 0;
    for (size_t i = 0; i < items_count; i++) size += packed_element_bytes(items[i]);
    make_tail_room(owner, size);
    append_all(*owner, items, items_count);
}

void packed_push_head(struct packed **owner, struct slice bytes)
{
    size_t size = packed_element_bytes(bytes);
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
        uint32_t size = (uint32_t)packed_element_bytes(bytes);
        packed_push_tail(owner, bytes);
        return (*owner)->end - size;
    }
    if (at == (*owner)->start) {
        packed_push_head(owner, bytes);
        return (*owner)->start;
    }
    at = reshape(owner, at, 0, packed_element_bytes(bytes));
    write_element(bytes_of(*owner) + at, bytes);
    (*owner)->count++;
    return at;
}

uint32_t packed_replace(struct packed **owner, uint32_t at, struct slice bytes)
{
    uint32_t old_size = element_size(*owner, at);
    size_t new_size = packed_element_bytes(bytes);
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
