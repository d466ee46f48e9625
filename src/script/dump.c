/* SPDX-License-Identifier: MIT */
#include "script/dump.h"

#include "base/mem.h"

#define DUMP_VERSION 2
/* Two slots of the stack for a function's frame, as on all 64-bit machines. */
#define DUMP_FRAME_2 8
#define DUMP_STRIPPED 2

/* Kinds of values in a constant table; from VALUE_STRING on, the rest is the length. */
enum { TABLE_NIL, TABLE_FALSE, TABLE_TRUE, TABLE_INT, TABLE_NUMBER, TABLE_STRING };

/* ---- reading ---- */

static unsigned char read_byte(struct dump_reader *r)
{
    if (r->at < r->end) return *r->at++;
    r->is_broken = true;
    return 0;
}

uint32_t dump_read_number(struct dump_reader *r)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        unsigned char byte = read_byte(r);
        n |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return (uint32_t)n;
    }
    r->is_broken = true;
    return 0;
}

struct slice dump_read_bytes(struct dump_reader *r, size_t len)
{
    if ((size_t)(r->end - r->at) < len) {
        r->is_broken = true;
        len = 0;
    }
    struct slice bytes = slice_of(r->at, len);
    r->at += len;
    return bytes;
}

static struct slice since(const struct dump_reader *r, const unsigned char *start)
{
    return slice_of(start, (size_t)(r->at - start));
}

static void skip_table_value(struct dump_reader *r)
{
    uint32_t kind = dump_read_number(r);
    if (kind >= TABLE_STRING)
        dump_read_bytes(r, kind - TABLE_STRING);
    else if (kind == TABLE_INT)
        dump_read_number(r);
    else if (kind == TABLE_NUMBER)
        dump_read_number(r), dump_read_number(r);
}

static void skip_table(struct dump_reader *r)
{
    uint64_t values = dump_read_number(r);
    values += 2 * (uint64_t)dump_read_number(r);
    for (uint64_t i = 0; i < values && !r->is_broken; i++) skip_table_value(r);
}

static struct dump_constant read_constant(struct dump_reader *r)
{
    const unsigned char *start = r->at;
    struct dump_constant c = {.kind = dump_read_number(r)};
    if (c.kind >= DUMP_STRING) c.text = dump_read_bytes(r, c.kind - DUMP_STRING);
    if (c.kind == DUMP_TABLE) skip_table(r);
    if (c.kind == DUMP_INT64 || c.kind == DUMP_UINT64 || c.kind == DUMP_COMPLEX) {
        for (int i = c.kind == DUMP_COMPLEX ? 4 : 2; i > 0; i--) dump_read_number(r);
    }
    c.whole = since(r, start);
    return c;
}

/* A number that is not an integer has its low bit set and takes two. */
static void skip_number(struct dump_reader *r)
{
    bool has_second = r->at < r->end && (*r->at & 1);
    dump_read_number(r);
    if (has_second) dump_read_number(r);
}

static void read_middle(struct dump_reader *r, struct dump_function *f)
{
    const unsigned char *start = r->at;
    f->upvalues = dump_read_bytes(r, (size_t)(unsigned char)f->fixed.at[3] * 2);
    /* A constant takes a byte at least: more cannot be true, and memory is not taken for it. */
    if (f->constants_count > (size_t)(r->end - r->at)) r->is_broken = true;
    if (r->is_broken) return;
    f->constants = mem_alloc(f->constants_count * sizeof(*f->constants));
    for (uint32_t i = 0; i < f->constants_count; i++) f->constants[i] = read_constant(r);
    const unsigned char *numbers = r->at;
    for (uint32_t i = 0; i < f->numbers_count && !r->is_broken; i++) skip_number(r);
    f->numbers = since(r, numbers);
    f->middle = since(r, start);
}

bool dump_read_function(struct slice whole, struct dump_function *f)
{
    struct dump_reader r = dump_reader_of(whole);
    *f = (struct dump_function){.whole = whole, .fixed = dump_read_bytes(&r, 4)};
    f->constants_count = dump_read_number(&r);
    f->numbers_count = dump_read_number(&r);
    f->code_count = dump_read_number(&r);
    f->debug_bytes = dump_read_number(&r);
    if (f->debug_bytes) {
        f->first_line = dump_read_number(&r);
        f->lines_count = dump_read_number(&r);
    }
    f->code = (const unsigned char *)dump_read_bytes(&r, (size_t)f->code_count * 4).at;
    if (!r.is_broken) read_middle(&r, f);
    f->debug = dump_read_bytes(&r, f->debug_bytes);
    return !r.is_broken && r.at == r.end;
}

void dump_function_deinit(struct dump_function *f)
{
    mem_free(f->constants);
    *f = (struct dump_function){0};
}

bool dump_read_header(struct dump_reader *r)
{
    struct slice magic = dump_read_bytes(r, 3);
    if (r->is_broken || memcmp(magic.at, "\033LJ", 3) != 0 || read_byte(r) != DUMP_VERSION) return false;
    uint32_t flags = dump_read_number(r);
    if (!(flags & DUMP_FRAME_2) || flags & DUMP_STRIPPED) return false;
    dump_read_bytes(r, dump_read_number(r));
    return !r->is_broken;
}

/* ---- writing ---- */

oxq_err dump_put_byte(struct buf *out, unsigned byte)
{
    char c = (char)byte;
    return buf_append(out, slice_of(&c, 1));
}

oxq_err dump_put_number(struct buf *out, uint32_t n)
{
    for (; n >= 128; n >>= 7) {
        oxq_err e = dump_put_byte(out, (n & 127) | 128);
        if (e) return e;
    }
    return dump_put_byte(out, n);
}

oxq_err dump_put_instruction(struct buf *out, uint32_t word)
{
    return buf_append(out, slice_of(&word, sizeof(word)));
}

oxq_err dump_put_function(struct buf *out, struct slice function)
{
    oxq_err e = dump_put_number(out, (uint32_t)function.len);
    return e ? e : buf_append(out, function);
}
