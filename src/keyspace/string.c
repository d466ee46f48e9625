/* SPDX-License-Identifier: MIT */
/*
 * Three encodings:
 *
 *   INLINE   up to 8 bytes inside struct value itself; flags' low bits hold the length. The empty value is one of them.
 *   INTEGER  an int64 inside struct value
 *   BLOCK    one allocation: | len, 4 | cap, 4 | bytes ... |
 *
 * Most strings of a job system are ids, counters, markers (no allocation) and lock tokens (one, of just their size).
 *
 * Redis knows "embstr" (up to 44 bytes, never changed in place) and "raw" (longer, or once changed by APPEND or
 * SETRANGE). The flag RAW remembers that change, for OBJECT ENCODING alone.
 *
 * Invariants (string_check):
 *  1. INLINE: length at most 8. INTEGER: no flags.
 *  2. BLOCK: len <= cap, the allocation holds cap bytes, len <= STRING_MAX_BYTES or what one set call gave.
 */
#include "keyspace/string.h"

#include "base/mem.h"
#include "keyspace/digest.h"

#define INLINE_MAX_BYTES 8u
/* Redis's bound of embstr: its object, header and text fill one 64-byte allocation. */
#define EMBSTR_MAX_BYTES 44u
/* Up to here a growing block doubles, above it grows by a quarter. */
#define DOUBLING_MAX_BYTES ((size_t)1 << 20)
/* A smaller text reuses its block unless more than this (and more than half) would lie idle. */
#define IDLE_MAX_BYTES 64u

enum { STRING_INLINE, STRING_INTEGER, STRING_BLOCK };
enum { FLAG_LEN_MASK = 0xf, FLAG_RAW = 1 << 4 };

struct string_block {
    uint32_t len;
    uint32_t cap;
    char at[];
};

static struct string_block *block_of(const struct value *v)
{
    return v->ptr;
}

static size_t inline_len(const struct value *v)
{
    return v->flags & FLAG_LEN_MASK;
}

static char *inline_at(struct value *v)
{
    return (char *)&v->integer;
}

void string_init(struct value *v)
{
    v->integer = 0;
    v->encoding = STRING_INLINE;
    v->flags = 0;
}

void string_deinit(struct value *v)
{
    if (v->encoding == STRING_BLOCK) mem_free(v->ptr);
    string_init(v);
}

static struct string_block *block_new(size_t len)
{
    CHECK(len <= UINT32_MAX - sizeof(struct string_block));
    struct string_block *b = mem_alloc(sizeof(*b) + len);
    b->len = (uint32_t)len;
    b->cap = (uint32_t)len;
    return b;
}

void string_copy(const struct value *v, struct value *out)
{
    *out = *v;
    if (v->encoding != STRING_BLOCK) return;
    const struct string_block *from = block_of(v);
    struct string_block *b = block_new(from->len);
    memcpy(b->at, from->at, from->len);
    out->ptr = b;
}

const char *string_encoding_name(const struct value *v)
{
    if (v->encoding == STRING_INTEGER) return "int";
    return (v->flags & FLAG_RAW) || string_len(v) > EMBSTR_MAX_BYTES ? "raw" : "embstr";
}

size_t string_bytes(const struct value *v, size_t samples)
{
    (void)samples;
    return v->encoding == STRING_BLOCK ? mem_size(v->ptr) : 0;
}

size_t string_len(const struct value *v)
{
    char digits[NUM_INT_MAX_CHARS];
    return string_borrow(v, digits).len;
}

uint64_t string_digest(const struct value *v)
{
    char digits[NUM_INT_MAX_CHARS];
    return digest_chain(VALUE_STRING, string_borrow(v, digits));
}

void string_check(const struct value *v)
{
    CHECK(v->type == VALUE_STRING);
    if (v->encoding == STRING_INLINE) {
        CHECK(inline_len(v) <= INLINE_MAX_BYTES);
    } else if (v->encoding == STRING_INTEGER) {
        CHECK(v->flags == 0);
    } else {
        const struct string_block *b = block_of(v);
        CHECK(v->encoding == STRING_BLOCK);
        CHECK(inline_len(v) == 0);
        CHECK(b->len <= b->cap);
        CHECK(mem_size(b) >= sizeof(*b) + b->cap);
    }
}

struct slice string_borrow(const struct value *v, char digits[NUM_INT_MAX_CHARS])
{
    if (v->encoding == STRING_BLOCK) return slice_of(block_of(v)->at, block_of(v)->len);
    if (v->encoding == STRING_INLINE) return slice_of(&v->integer, inline_len(v));
    return slice_of(digits, num_format_int(digits, v->integer));
}

bool string_integer(const struct value *v, int64_t *out)
{
    if (v->encoding != STRING_INTEGER) return num_parse_int(string_borrow(v, NULL), out);
    *out = v->integer;
    return true;
}

void string_set_integer(struct value *v, int64_t n)
{
    if (v->encoding == STRING_BLOCK) mem_free(v->ptr);
    v->integer = n;
    v->encoding = STRING_INTEGER;
    v->flags = 0;
}

/* True when v's block can take a text of this length and not waste much. */
static bool is_block_fit(const struct value *v, size_t len)
{
    if (v->encoding != STRING_BLOCK) return false;
    size_t cap = block_of(v)->cap;
    return len <= cap && cap - len <= len + IDLE_MAX_BYTES;
}

void string_set_text(struct value *v, struct slice text)
{
    if (text.len <= INLINE_MAX_BYTES) {
        string_deinit(v);
        if (text.len) memcpy(inline_at(v), text.at, text.len);
        v->flags = (uint16_t)text.len;
        return;
    }
    if (!is_block_fit(v, text.len)) {
        string_deinit(v);
        v->ptr = block_new(text.len);
        v->encoding = STRING_BLOCK;
    }
    struct string_block *b = block_of(v);
    memcpy(b->at, text.at, text.len);
    b->len = (uint32_t)text.len;
    v->flags = 0;
}

void string_set(struct value *v, struct slice text)
{
    int64_t n;
    if (text.len < NUM_INT_MAX_CHARS && num_parse_int(text, &n))
        string_set_integer(v, n);
    else
        string_set_text(v, text);
}

/* Gives v a block of at least `need` bytes with its text in it. */
static oxq_err make_block(struct value *v, size_t need)
{
    char digits[NUM_INT_MAX_CHARS];
    struct slice text = string_borrow(v, digits);
    bool is_block = v->encoding == STRING_BLOCK;
    if (is_block && need <= block_of(v)->cap) return OXQ_OK;

    /* The first change only makes room for what is there: most texts are changed once or never. */
    size_t cap = need;
    if (is_block) cap += need <= DOUBLING_MAX_BYTES ? need : need / 4;
    cap = mem_good_size(sizeof(struct string_block) + cap) - sizeof(struct string_block);
    struct string_block *b = mem_try_resize(is_block ? v->ptr : NULL, sizeof(*b) + cap);
    if (!b) return OXQ_ERR_MEMORY;
    if (!is_block) {
        memcpy(b->at, text.at, text.len);
        b->len = (uint32_t)text.len;
    }
    b->cap = (uint32_t)cap;
    v->ptr = b;
    v->encoding = STRING_BLOCK;
    v->flags = 0;
    return OXQ_OK;
}

oxq_err string_write(struct value *v, size_t offset, struct slice bytes)
{
    size_t len = string_len(v);
    if (offset > STRING_MAX_BYTES || bytes.len > STRING_MAX_BYTES - offset) return OXQ_ERR_LIMIT;
    size_t end = offset + bytes.len;

    oxq_err e = make_block(v, end > len ? end : len);
    if (e) return e;
    struct string_block *b = block_of(v);
    if (offset > len) memset(b->at + len, 0, offset - len);
    if (bytes.len) memcpy(b->at + offset, bytes.at, bytes.len);
    if (end > len) b->len = (uint32_t)end;
    v->flags = FLAG_RAW;
    return OXQ_OK;
}
