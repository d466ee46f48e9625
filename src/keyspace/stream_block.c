/* SPDX-License-Identifier: MIT */
/*
 * Entry: | size | head | ms | seq | body | size backwards |
 *
 *   size  varint, low 7 bits first: bytes of head, ms, seq and body; again at the end in a form that is read backwards
 *   head  bit 7: deleted; bits 0-6: the shape's number from 1 on, 0 = fields of its own
 *   ms    varint: ms - first.ms
 *   seq   varint: seq, or seq - first.seq when ms is 0
 *   body  fields of its own: | fields count, varint | length, field, length, value, ... |
 *         of a shape:        | bits, varint | length, value, ... of those values that are not the same |
 *
 * A shape is an earlier entry of the block with fields of its own. An entry with just those fields refers to it and
 * stores, of its values, only those that differ from the shape's: the events of a queue ("event active jobId 17 prev
 * waiting") are each little more than the id of their job. Only the first 64 values of an entry can be the same.
 *
 * redis_bytes counts what the same entries take in a listpack of Redis, byte for byte, because the limits that Redis
 * puts on it decide which entries belong to one block, and "MAXLEN ~" drops whole blocks. Redis keeps the first entry's
 * fields apart and leaves them out of entries that have the same.
 *
 * Invariants (stream_block_check):
 *  1. the entries' sizes lead from the first to `end`, and back.
 *  2. ids ascend; the first is `first`.
 *  3. entries_count and live_count are those of all and of the entries that are not deleted; live_at is the first of these.
 *  4. shapes are entries with fields of their own; the first is the block's first entry.
 */
#include "keyspace/stream_block.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

#define FIRST_AT ((uint32_t)sizeof(struct stream_block))
#define HEAD_DELETED 0x80u
#define HEAD_SHAPE 0x7fu
#define SAME_MAX 64u /* bits of struct stream_entry's same */
#define VARINT_MAX_BYTES 10

/* Redis: header and end mark of a listpack, and the most that it lets one grow to. */
#define LISTPACK_FRAME_BYTES 7u
#define LISTPACK_MAX_BYTES (1u << 30)

/* ---- varints ---- */

static inline uint32_t varint_size(uint64_t n)
{
    uint32_t size = 1;
    while (n >= 0x80) {
        n >>= 7;
        size++;
    }
    return size;
}

static inline uint8_t *put_varint(uint8_t *at, uint64_t n)
{
    while (n >= 0x80) {
        *at++ = (uint8_t)(n | 0x80);
        n >>= 7;
    }
    *at++ = (uint8_t)n;
    return at;
}

static inline const uint8_t *get_varint(const uint8_t *at, uint64_t *out)
{
    uint64_t n = *at++;
    if (n >= 0x80) {
        n &= 0x7f;
        uint64_t byte;
        int shift = 7;
        do {
            byte = *at++;
            n |= (byte & 0x7f) << shift;
            shift += 7;
        } while (byte >= 0x80);
    }
    *out = n;
    return at;
}

/* The same number with its bytes in reverse: the byte nearest to the end holds the low 7 bits. */
static uint8_t *put_back_varint(uint8_t *at, uint64_t n)
{
    uint8_t *end = at + varint_size(n);
    for (at = end; n >= 0x80; n >>= 7) *--at = (uint8_t)(n | 0x80);
    *--at = (uint8_t)n;
    return end;
}

static const uint8_t *get_back_varint(const uint8_t *end, uint64_t *out)
{
    uint64_t n = 0, byte;
    int shift = 0;
    do {
        byte = *--end;
        n |= (byte & 0x7f) << shift;
        shift += 7;
    } while (byte >= 0x80);
    *out = n;
    return end;
}

static inline size_t text_size(struct slice text)
{
    return varint_size(text.len) + text.len;
}

static inline uint8_t *put_text(uint8_t *at, struct slice text)
{
    at = put_varint(at, text.len);
    if (text.len) memcpy(at, text.at, text.len);
    return at + text.len;
}

static inline const uint8_t *get_text(const uint8_t *at, struct slice *out)
{
    uint64_t len;
    at = get_varint(at, &len);
    *out = slice_of(at, (size_t)len);
    return at + len;
}

/* slice_equal for what is mostly a few bytes: two loads from each side that may overlap, and no call. */
static inline bool is_same(struct slice a, struct slice b)
{
    if (a.len != b.len) return false;
    if (a.len > 16) return memcmp(a.at, b.at, a.len) == 0;
    if (a.len >= 8) {
        uint64_t a_words[2], b_words[2];
        memcpy(&a_words[0], a.at, 8);
        memcpy(&b_words[0], b.at, 8);
        memcpy(&a_words[1], a.at + a.len - 8, 8);
        memcpy(&b_words[1], b.at + b.len - 8, 8);
        return a_words[0] == b_words[0] && a_words[1] == b_words[1];
    }
    if (a.len >= 4) {
        uint32_t a_words[2], b_words[2];
        memcpy(&a_words[0], a.at, 4);
        memcpy(&b_words[0], b.at, 4);
        memcpy(&a_words[1], a.at + a.len - 4, 4);
        memcpy(&b_words[1], b.at + b.len - 4, 4);
        return a_words[0] == b_words[0] && a_words[1] == b_words[1];
    }
    for (size_t i = 0; i < a.len; i++) {
        if (a.at[i] != b.at[i]) return false;
    }
    return true;
}

/* ---- walking ---- */

static inline const uint8_t *bytes_at(const struct stream_block *b, uint32_t at)
{
    return (const uint8_t *)b + at;
}

static inline uint32_t offset_of(const struct stream_block *b, const uint8_t *at)
{
    return (uint32_t)(at - (const uint8_t *)b);
}

static const uint8_t *head_of(const struct stream_block *b, uint32_t at, uint64_t *out_size)
{
    return get_varint(bytes_at(b, at), out_size);
}

static bool is_deleted(const struct stream_block *b, uint32_t at)
{
    uint64_t size;
    return *head_of(b, at, &size) & HEAD_DELETED;
}

/* The entry after this one, deleted or not; b->end after the last. */
static uint32_t after(const struct stream_block *b, uint32_t at)
{
    uint64_t size;
    const uint8_t *head = head_of(b, at, &size);
    return offset_of(b, head + size + varint_size(size));
}

static uint32_t before(const struct stream_block *b, uint32_t at)
{
    uint64_t size;
    const uint8_t *end = get_back_varint(bytes_at(b, at), &size);
    return offset_of(b, end - size - varint_size(size));
}

uint32_t stream_block_next(const struct stream_block *b, uint32_t at)
{
    for (at = after(b, at); at < b->end; at = after(b, at)) {
        if (!is_deleted(b, at)) return at;
    }
    return STREAM_AT_NONE;
}

uint32_t stream_block_prev(const struct stream_block *b, uint32_t at)
{
    if (b->live_at == STREAM_AT_NONE) return STREAM_AT_NONE;
    while (at > b->live_at) {
        at = before(b, at);
        if (!is_deleted(b, at)) return at;
    }
    return STREAM_AT_NONE;
}

uint32_t stream_block_last(const struct stream_block *b)
{
    return stream_block_prev(b, b->end);
}

/* ---- reading ---- */

static const uint8_t *get_id(const struct stream_block *b, const uint8_t *at, struct stream_id *out)
{
    uint64_t ms, seq;
    at = get_varint(get_varint(at, &ms), &seq);
    out->ms = b->first.ms + ms;
    out->seq = ms == 0 ? b->first.seq + seq : seq;
    return at;
}

struct stream_id stream_block_id(const struct stream_block *b, uint32_t at)
{
    struct stream_id id;
    uint64_t size;
    get_id(b, head_of(b, at, &size) + 1, &id);
    return id;
}

struct stream_id stream_block_last_id(const struct stream_block *b)
{
    return stream_block_id(b, before(b, b->end));
}

/* The fields of an entry that has its own: their count and where the first starts. */
static const uint8_t *own_fields(const struct stream_block *b, uint32_t at, uint64_t *out_count)
{
    struct stream_id id;
    uint64_t size;
    return get_varint(get_id(b, head_of(b, at, &size) + 1, &id), out_count);
}

void stream_block_read(const struct stream_block *b, uint32_t at, struct stream_entry *out)
{
    uint64_t size, count;
    const uint8_t *head = head_of(b, at, &size);
    uint32_t shape = *head & HEAD_SHAPE;
    const uint8_t *body = get_id(b, head + 1, &out->id);
    out->same = 0;
    out->shape = NULL;
    if (shape == 0) {
        out->values = get_varint(body, &count);
    } else {
        out->values = get_varint(body, &out->same);
        out->shape = own_fields(b, b->shapes[shape - 1], &count);
    }
    out->fields_left = (uint32_t)count;
}

void stream_entry_next(struct stream_entry *e, struct slice *out_field, struct slice *out_value)
{
    e->fields_left--;
    if (!e->shape) {
        e->values = get_text(get_text(e->values, out_field), out_value);
        return;
    }
    e->shape = get_text(get_text(e->shape, out_field), out_value);
    if (!(e->same & 1)) e->values = get_text(e->values, out_value);
    e->same >>= 1;
}

/* ---- what Redis would need ---- */

/* A listpack's element is encoded in `bytes` and followed by their number, to be read backwards. */
static inline uint32_t with_back_size(uint32_t bytes)
{
    return bytes + (bytes <= 127 ? 1 : bytes < 16383 ? 2 : bytes < 2097151 ? 3 : bytes < 268435455 ? 4 : 5);
}

static inline uint32_t listpack_int_bytes(int64_t n)
{
    if (n >= 0 && n <= 127) return 2;
    if (n >= -4096 && n <= 4095) return 3;
    if (n >= INT16_MIN && n <= INT16_MAX) return 4;
    if (n >= -(1 << 23) && n < 1 << 23) return 5;
    return n >= INT32_MIN && n <= INT32_MAX ? 6 : 10;
}

static inline uint32_t listpack_text_bytes(struct slice text)
{
    int64_t n;
    char first = text.len ? text.at[0] : 'x';
    /* Texts that are the canonical form of an integer are stored as one. */
    if (((first >= '0' && first <= '9') || first == '-') && num_parse_int(text, &n)) return listpack_int_bytes(n);
    uint32_t len = (uint32_t)text.len;
    return with_back_size(len + (len < 64 ? 1 : len < 4096 ? 2 : 5));
}

/* The fields, a number of fields and an end mark, which Redis keeps before the first entry. */
static uint32_t master_bytes(const struct slice *items, size_t items_count)
{
    uint32_t bytes = LISTPACK_FRAME_BYTES + listpack_int_bytes((int64_t)items_count / 2) + listpack_int_bytes(0);
    for (size_t i = 0; i < items_count; i += 2) bytes += listpack_text_bytes(items[i]);
    return bytes;
}

/* Flags, the id relative to the first, its values, the number of elements; and its fields, where they are not the first's. */
static uint32_t listpack_entry_bytes(const struct stream_block *b, struct stream_id id, const struct slice *items,
                                     size_t items_count, bool has_first_fields)
{
    int64_t fields = (int64_t)items_count / 2;
    uint32_t bytes = listpack_int_bytes(0) + listpack_int_bytes((int64_t)(id.ms - b->first.ms)) +
                     listpack_int_bytes((int64_t)(id.seq - b->first.seq));
    for (size_t i = 1; i < items_count; i += 2) bytes += listpack_text_bytes(items[i]);
    if (has_first_fields) return bytes + listpack_int_bytes(fields + 3);
    for (size_t i = 0; i < items_count; i += 2) bytes += listpack_text_bytes(items[i]);
    return bytes + listpack_int_bytes(fields) + listpack_int_bytes(2 * fields + 4);
}

bool stream_block_is_full(const struct stream_block *b, const struct stream_limits *limits, size_t items_bytes)
{
    uint64_t max_bytes = limits->bytes && limits->bytes < LISTPACK_MAX_BYTES ? limits->bytes : LISTPACK_MAX_BYTES;
    uint64_t counters = listpack_int_bytes(b->live_count) + listpack_int_bytes(b->entries_count - b->live_count);
    return b->is_closed || b->redis_bytes + counters + items_bytes >= max_bytes ||
           (limits->entries && b->entries_count >= limits->entries);
}

/* ---- writing ---- */

size_t stream_block_room(const struct slice *items, size_t items_count)
{
    size_t room = 5 * VARINT_MAX_BYTES + 1;
    for (size_t i = 0; i < items_count; i++) room += text_size(items[i]);
    return room;
}

struct stream_block *stream_block_new(struct stream_id first, size_t room)
{
    size_t cap = mem_good_size(FIRST_AT + room);
    CHECK(cap <= UINT32_MAX);
    struct stream_block *b = mem_alloc(cap);
    *b = (struct stream_block){.first = first, .cap = (uint32_t)cap, .end = FIRST_AT};
    return b;
}

struct stream_block *stream_block_copy(const struct stream_block *b)
{
    struct stream_block *copy = mem_alloc(b->end);
    memcpy(copy, b, b->end);
    copy->cap = b->end;
    return copy;
}

void stream_block_trim(struct stream_block **b)
{
    size_t cap = mem_good_size((*b)->end);
    if (cap >= (*b)->cap) return;
    *b = mem_resize(*b, cap);
    (*b)->cap = (uint32_t)cap;
}

static void make_room(struct stream_block **b, size_t more)
{
    size_t wanted = (*b)->end + more;
    if (wanted <= (*b)->cap) return;
    if (wanted < 2 * (size_t)(*b)->cap) wanted = 2 * (size_t)(*b)->cap;
    size_t cap = mem_good_size(wanted);
    if (cap > UINT32_MAX) cap = UINT32_MAX;
    CHECK((*b)->end + more <= cap);
    *b = mem_resize(*b, cap);
    (*b)->cap = (uint32_t)cap;
}

/* How an entry's body is going to be written. */
struct body {
    uint32_t shape; /* number from 1 on; 0: fields of its own */
    uint64_t same;
    size_t bytes;
};

/* False when the shape has other fields. */
static bool match_shape(const struct stream_block *b, uint32_t shape, const struct slice *items, size_t items_count,
                        struct body *out)
{
    uint64_t count;
    const uint8_t *at = own_fields(b, b->shapes[shape - 1], &count);
    if (count * 2 != items_count) return false;
    *out = (struct body){.shape = shape};
    for (size_t i = 0; i < count; i++) {
        struct slice field, value;
        at = get_text(get_text(at, &field), &value);
        if (!is_same(field, items[2 * i])) return false;
        if (i < SAME_MAX && is_same(value, items[2 * i + 1]))
            out->same |= UINT64_C(1) << i;
        else
            out->bytes += text_size(items[2 * i + 1]);
    }
    out->bytes += varint_size(out->same);
    return true;
}

static struct body plan_body(const struct stream_block *b, const struct slice *items, size_t items_count)
{
    struct body body;
    for (uint32_t shape = 1; shape <= b->shapes_count; shape++) {
        if (match_shape(b, shape, items, items_count, &body)) return body;
    }
    body = (struct body){.bytes = varint_size(items_count / 2)};
    for (size_t i = 0; i < items_count; i++) body.bytes += text_size(items[i]);
    return body;
}

static uint8_t *put_body(uint8_t *at, const struct body *body, const struct slice *items, size_t items_count)
{
    if (body->shape == 0) {
        at = put_varint(at, items_count / 2);
        for (size_t i = 0; i < items_count; i++) at = put_text(at, items[i]);
        return at;
    }
    at = put_varint(at, body->same);
    uint64_t same = body->same;
    for (size_t i = 1; i < items_count; i += 2, same >>= 1) {
        if (!(same & 1)) at = put_text(at, items[i]);
    }
    return at;
}

static void count_entry(struct stream_block *b, uint32_t at, uint32_t end, uint32_t shape)
{
    if (shape == 0 && b->shapes_count < STREAM_SHAPES_MAX) b->shapes[b->shapes_count++] = at;
    if (b->live_at == STREAM_AT_NONE) b->live_at = at;
    b->end = end;
    b->entries_count++;
    b->live_count++;
}

void stream_block_append(struct stream_block **block, struct stream_id id, const struct slice *items,
                         size_t items_count)
{
    const struct body body = plan_body(*block, items, items_count);
    uint64_t ms = id.ms - (*block)->first.ms, seq = ms == 0 ? id.seq - (*block)->first.seq : id.seq;
    uint64_t size = 1 + varint_size(ms) + varint_size(seq) + body.bytes;
    make_room(block, size + 2 * (size_t)varint_size(size));

    struct stream_block *b = *block;
    uint8_t *at = put_varint((uint8_t *)b + b->end, size);
    *at++ = (uint8_t)body.shape;
    at = put_body(put_varint(put_varint(at, ms), seq), &body, items, items_count);
    at = put_back_varint(at, size);

    bool is_first = b->entries_count == 0;
    if (is_first) b->redis_bytes = master_bytes(items, items_count);
    b->redis_bytes += listpack_entry_bytes(b, id, items, items_count, is_first || body.shape == 1);
    count_entry(b, b->end, offset_of(b, at), body.shape);
}

void stream_block_delete(struct stream_block *b, uint32_t at)
{
    uint64_t size;
    uint32_t head_at = offset_of(b, head_of(b, at, &size));
    uint8_t *head = (uint8_t *)b + head_at;
    SLOW_CHECK(!(*head & HEAD_DELETED));
    *head |= HEAD_DELETED;
    b->live_count--;
    if (at == b->live_at) b->live_at = stream_block_next(b, at);
}

/* ---- checking ---- */

static void check_shape(const struct stream_block *b, uint32_t at)
{
    uint64_t size;
    CHECK((*head_of(b, at, &size) & HEAD_SHAPE) == 0);
}

void stream_block_check(const struct stream_block *b)
{
    uint32_t entries = 0, live = 0, live_at = STREAM_AT_NONE, last = STREAM_AT_NONE;
    for (uint32_t at = FIRST_AT; at < b->end; at = after(b, at)) {
        if (entries > 0) {
            CHECK(before(b, at) == last);                                            /* 1 */
            CHECK(stream_id_less(stream_block_id(b, last), stream_block_id(b, at))); /* 2 */
        }
        entries++;
        last = at;
        if (is_deleted(b, at)) continue;
        live++;
        if (live_at == STREAM_AT_NONE) live_at = at;
    }
    CHECK(b->end <= b->cap && b->cap <= mem_size(b));
    CHECK(entries > 0 && stream_id_equal(stream_block_id(b, FIRST_AT), b->first));
    CHECK(entries == b->entries_count && live == b->live_count && live_at == b->live_at); /* 3 */
    CHECK(b->shapes_count > 0 && b->shapes[0] == FIRST_AT);                               /* 4 */
    for (uint32_t i = 0; i < b->shapes_count; i++) check_shape(b, b->shapes[i]);
}
