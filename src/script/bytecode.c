/* SPDX-License-Identifier: MIT */
/*
 * A dump is
 *
 *   ESC L J version flags [name_len name]  function*  0
 *   function = len { flags params framesize upvalues constants numbers instructions debug_len first_line lines
 *                    instruction* upvalue* constant* number* debug }
 *
 * in the order innermost first, so the last one is the script's main function. Counts are ULEB128, instructions 32-bit
 * words of this machine: op, A, C, B as bytes from the low end, or op, A, D. The first `instructions` entries of
 * `debug` are the instructions' lines, each of 1, 2 or 4 bytes as the function has up to 255, 65535 or more lines.
 *
 * A tail call CALLT A D becomes CALL A, all results, C=D and RETM A. At the end of the function that is done in place;
 * elsewhere a jump leads to the pair, which is appended, so that no other instruction moves.
 *
 * The numbers of the instructions are those of dumps with version 2 (LuaJIT 2.1), and host.c tries them on a known script
 * when it starts. If they were wrong we would know less about scripts, and run them slower, but never wrongly.
 */
#include "script/bytecode.h"

#include "base/mem.h"

#define DUMP_VERSION 2
/* Two slots of the stack for a function's frame, as on all 64-bit machines. */
#define DUMP_FRAME_2 8
#define DUMP_STRIPPED 2

enum {
    OP_GGET = 54,
    OP_GSET = 55,
    OP_TGETS = 57,
    OP_CALLM = 65,
    OP_CALL = 66,
    OP_CALLMT = 67,
    OP_CALLT = 68,
    OP_RETM = 73,
    OP_JMP = 88
};

/* Kinds of constants; from CONSTANT_STRING on, the rest is the length. */
enum { CONSTANT_CHILD, CONSTANT_TABLE, CONSTANT_INT64, CONSTANT_UINT64, CONSTANT_COMPLEX, CONSTANT_STRING };
/* Kinds of values in a constant table; from VALUE_STRING on, the rest is the length. */
enum { TABLE_NIL, TABLE_FALSE, TABLE_TRUE, TABLE_INT, TABLE_NUMBER, TABLE_STRING };

/* The distance of a jump is stored plus this. */
#define JUMP_BIAS 0x8000

struct reader {
    const unsigned char *at;
    const unsigned char *end;
    bool is_broken; /* it ended too early: all that was read since is 0 */
};

/* One function of a dump. All pointers borrow from it. */
struct function {
    struct slice whole;
    struct slice fixed; /* flags, params, framesize, upvalues count */
    uint32_t constants_count, numbers_count, code_count;
    uint32_t debug_bytes, first_line, lines_count;
    const unsigned char *code;
    struct slice middle; /* upvalues, constants, numbers */
    struct slice debug;
    struct slice *constants; /* owned: the texts of constants that are strings, in the dump's order */
};

/* What is asked of the functions, and what was found. */
struct search {
    bytecode_library_fn *is_library;
    void *ctx;
    struct bytecode_facts facts;
};

static unsigned char read_byte(struct reader *r)
{
    if (r->at < r->end) return *r->at++;
    r->is_broken = true;
    return 0;
}

static uint32_t read_number(struct reader *r)
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

static struct slice read_bytes(struct reader *r, size_t len)
{
    if ((size_t)(r->end - r->at) < len) {
        r->is_broken = true;
        len = 0;
    }
    struct slice bytes = slice_of(r->at, len);
    r->at += len;
    return bytes;
}

static void skip_table_value(struct reader *r)
{
    uint32_t kind = read_number(r);
    if (kind >= TABLE_STRING)
        read_bytes(r, kind - TABLE_STRING);
    else if (kind == TABLE_INT)
        read_number(r);
    else if (kind == TABLE_NUMBER)
        read_number(r), read_number(r);
}

static void skip_table(struct reader *r)
{
    uint64_t values = read_number(r);
    values += 2 * (uint64_t)read_number(r);
    for (uint64_t i = 0; i < values && !r->is_broken; i++) skip_table_value(r);
}

/* The text of a constant; empty for those that are not strings. */
static struct slice read_constant(struct reader *r, struct search *s)
{
    uint32_t kind = read_number(r);
    if (kind >= CONSTANT_STRING) return read_bytes(r, kind - CONSTANT_STRING);
    if (kind == CONSTANT_TABLE) skip_table(r);
    if (kind == CONSTANT_INT64 || kind == CONSTANT_UINT64 || kind == CONSTANT_COMPLEX) {
        s->facts.has_odd_numbers = true;
        for (int i = kind == CONSTANT_COMPLEX ? 4 : 2; i > 0; i--) read_number(r);
    }
    return (struct slice){0};
}

/* A number that is not an integer has its low bit set and takes two. */
static void skip_number(struct reader *r)
{
    bool has_second = r->at < r->end && (*r->at & 1);
    read_number(r);
    if (has_second) read_number(r);
}

static void read_middle(struct reader *r, struct function *f, uint32_t upvalues, struct search *s)
{
    const unsigned char *start = r->at;
    read_bytes(r, (size_t)upvalues * 2);
    /* A constant takes a byte at least: more cannot be true, and memory is not taken for it. */
    if (f->constants_count > (size_t)(r->end - r->at)) r->is_broken = true;
    if (r->is_broken) return;
    f->constants = mem_alloc(f->constants_count * sizeof(*f->constants));
    for (uint32_t i = 0; i < f->constants_count; i++) f->constants[i] = read_constant(r, s);
    for (uint32_t i = 0; i < f->numbers_count && !r->is_broken; i++) skip_number(r);
    f->middle = slice_of(start, (size_t)(r->at - start));
}

static void read_function(struct slice whole, struct function *f, struct search *s)
{
    struct reader r = {(const unsigned char *)whole.at, (const unsigned char *)whole.at + whole.len, false};
    *f = (struct function){.whole = whole, .fixed = read_bytes(&r, 4)};
    f->constants_count = read_number(&r);
    f->numbers_count = read_number(&r);
    f->code_count = read_number(&r);
    f->debug_bytes = read_number(&r);
    if (f->debug_bytes) {
        f->first_line = read_number(&r);
        f->lines_count = read_number(&r);
    }
    f->code = (const unsigned char *)read_bytes(&r, (size_t)f->code_count * 4).at;
    if (!r.is_broken) read_middle(&r, f, (unsigned char)f->fixed.at[3], s);
    f->debug = read_bytes(&r, f->debug_bytes);
    if (r.is_broken || r.at != r.end) f->code = NULL;
}

static uint32_t instruction(const struct function *f, uint32_t i)
{
    uint32_t word;
    memcpy(&word, f->code + (size_t)i * 4, sizeof(word));
    return word;
}

static uint32_t op_of(uint32_t word)
{
    return word & 255;
}

static uint32_t a_of(uint32_t word)
{
    return word >> 8 & 255;
}

static uint32_t d_of(uint32_t word)
{
    return word >> 16;
}

static uint32_t b_of(uint32_t word)
{
    return word >> 24;
}

static bool names_library(const struct function *f, uint32_t word, const struct search *s)
{
    uint32_t d = d_of(word);
    /* Constants are counted from the last one back. */
    if (d >= f->constants_count) return true;
    return s->is_library(s->ctx, f->constants[f->constants_count - 1 - d]);
}

/* Is the library that instruction i fetches gone from its register right after, for a field of it? */
static bool is_used_up(const struct function *f, uint32_t i)
{
    if (i + 1 >= f->code_count) return false;
    uint32_t a = a_of(instruction(f, i)), next = instruction(f, i + 1);
    return op_of(next) == OP_TGETS && a_of(next) == a && b_of(next) == a;
}

static void search_function(const struct function *f, struct search *s)
{
    for (uint32_t i = 0; i < f->code_count; i++) {
        uint32_t word = instruction(f, i);
        if (op_of(word) == OP_GSET) s->facts.is_plain = false;
        if (op_of(word) == OP_GGET && names_library(f, word, s) && !is_used_up(f, i)) s->facts.is_plain = false;
    }
}

/* The instruction before the tail call at i that last put something into its function's register: its index, or i. */
static uint32_t find_callee(const struct function *f, uint32_t i)
{
    for (uint32_t at = i; at-- > 0;) {
        if (a_of(instruction(f, at)) == a_of(instruction(f, i))) return at;
    }
    return i;
}

/* Does the tail call at i call a function of a library, or a basic one? */
static bool calls_library(const struct function *f, uint32_t i, const struct search *s)
{
    uint32_t a = a_of(instruction(f, i)), at = find_callee(f, i);
    uint32_t word = instruction(f, at);
    if (op_of(word) == OP_GGET) return !names_library(f, word, s);
    if (op_of(word) != OP_TGETS || b_of(word) != a || at == 0) return false;
    uint32_t before = instruction(f, at - 1);
    return op_of(before) == OP_GGET && a_of(before) == a && names_library(f, before, s);
}

static bool is_tail_call(uint32_t word)
{
    return op_of(word) == OP_CALLT || op_of(word) == OP_CALLMT;
}

static bool is_to_change(const struct function *f, uint32_t i, bool is_main, const struct search *s)
{
    return is_tail_call(instruction(f, i)) && (is_main || calls_library(f, i, s));
}

/* ---- writing ---- */

static oxq_err put_byte(struct buf *out, unsigned byte)
{
    char c = (char)byte;
    return buf_append(out, slice_of(&c, 1));
}

static oxq_err put_number(struct buf *out, uint32_t n)
{
    for (; n >= 128; n >>= 7) {
        oxq_err e = put_byte(out, (n & 127) | 128);
        if (e) return e;
    }
    return put_byte(out, n);
}

static oxq_err put_instruction(struct buf *out, uint32_t word)
{
    return buf_append(out, slice_of(&word, sizeof(word)));
}

static uint32_t call_instead_of(uint32_t tail_call)
{
    uint32_t op = op_of(tail_call) == OP_CALLT ? OP_CALL : OP_CALLM;
    return op | a_of(tail_call) << 8 | d_of(tail_call) << 16;
}

static uint32_t jump(uint32_t from, uint32_t to)
{
    return OP_JMP | (to - (from + 1) + JUMP_BIAS) << 16;
}

/* Writes the instructions and, behind them, the pairs for tail calls that are not at the end. changed[] gets, for each instruction that
 * was appended, the index of the tail call that it stands for. */
static oxq_err put_code(const struct function *f, const uint32_t *changed, uint32_t changed_count, struct buf *out)
{
    uint32_t next = 0, end = f->code_count;
    oxq_err e = OXQ_OK;
    bool ends_with_call = changed_count && changed[changed_count - 1] == f->code_count - 1;
    uint32_t to = ends_with_call ? end + 1 : end;
    for (uint32_t i = 0; i < end && !e; i++) {
        uint32_t word = instruction(f, i);
        if (next < changed_count && changed[next] == i) {
            next++;
            word = i == end - 1 ? call_instead_of(word) : jump(i, to);
            if (i != end - 1) to += 2;
        }
        e = put_instruction(out, word);
    }
    if (ends_with_call && !e) e = put_instruction(out, OP_RETM | a_of(instruction(f, end - 1)) << 8);
    for (uint32_t i = 0; i < changed_count - ends_with_call && !e; i++) {
        uint32_t word = instruction(f, changed[i]);
        e = put_instruction(out, call_instead_of(word));
        if (!e) e = put_instruction(out, OP_RETM | a_of(word) << 8);
    }
    return e;
}

static size_t line_bytes(const struct function *f)
{
    return f->lines_count < 256 ? 1 : f->lines_count < 65536 ? 2 : 4;
}

static oxq_err put_line(const struct function *f, uint32_t i, struct buf *out)
{
    size_t bytes = line_bytes(f);
    return buf_append(out, slice_of(f->debug.at + i * bytes, bytes));
}

/* The debug part, with the lines of appended instructions. A tail call has the line of its end; a call that of its start, where
 * its function is named. */
static oxq_err put_debug(const struct function *f, const uint32_t *changed, uint32_t changed_count, struct buf *out)
{
    uint32_t last = f->code_count - 1;
    bool ends_with_call = changed_count && changed[changed_count - 1] == last;
    oxq_err e = buf_append(out, slice_of(f->debug.at, last * line_bytes(f)));
    if (!e) e = put_line(f, ends_with_call ? find_callee(f, last) : last, out);
    if (ends_with_call && !e) e = put_line(f, last, out);
    for (uint32_t i = 0; i < changed_count - ends_with_call && !e; i++) {
        e = put_line(f, find_callee(f, changed[i]), out);
        if (!e) e = put_line(f, changed[i], out);
    }
    return e ? e : buf_append(out, slice_from(f->debug, f->code_count * line_bytes(f)));
}

static oxq_err put_changed(const struct function *f, const uint32_t *changed, uint32_t changed_count, struct buf *out)
{
    bool ends_with_call = changed[changed_count - 1] == f->code_count - 1;
    uint32_t added = 2 * changed_count - ends_with_call;
    oxq_err e = buf_append(out, f->fixed);
    if (!e) e = put_number(out, f->constants_count);
    if (!e) e = put_number(out, f->numbers_count);
    if (!e) e = put_number(out, f->code_count + added);
    if (!e) e = put_number(out, f->debug_bytes + added * (uint32_t)line_bytes(f));
    if (!e) e = put_number(out, f->first_line);
    if (!e) e = put_number(out, f->lines_count);
    if (!e) e = put_code(f, changed, changed_count, out);
    if (!e) e = buf_append(out, f->middle);
    if (!e) e = put_debug(f, changed, changed_count, out);
    return e;
}

static oxq_err put_with_length(struct slice function, struct buf *out)
{
    oxq_err e = put_number(out, (uint32_t)function.len);
    return e ? e : buf_append(out, function);
}

static oxq_err put_function(const struct function *f, bool is_main, const struct search *s, struct buf *out)
{
    uint32_t changed_count = 0;
    uint32_t *changed = mem_alloc(f->code_count * sizeof(*changed));
    for (uint32_t i = 0; i < f->code_count; i++) {
        if (is_to_change(f, i, is_main, s)) changed[changed_count++] = i;
    }
    struct buf whole = {.limit_bytes = out->limit_bytes};
    bool has_lines = f->code_count && f->debug_bytes >= f->code_count * line_bytes(f);
    bool can_jump = f->code_count + 2 * (size_t)changed_count < JUMP_BIAS;
    oxq_err e;
    if (changed_count && has_lines && can_jump) {
        e = put_changed(f, changed, changed_count, &whole);
        if (!e) e = put_with_length(buf_borrow(&whole), out);
    } else {
        e = put_with_length(f->whole, out);
    }
    buf_deinit(&whole);
    mem_free(changed);
    return e;
}

static oxq_err prepare_function(struct slice whole, bool is_main, struct search *s, struct buf *out)
{
    struct function f;
    read_function(whole, &f, s);
    oxq_err e = OXQ_ERR_FORMAT;
    if (f.code) {
        search_function(&f, s);
        e = put_function(&f, is_main, s, out);
    }
    mem_free(f.constants);
    return e;
}

static bool read_header(struct reader *r)
{
    struct slice magic = read_bytes(r, 3);
    if (r->is_broken || memcmp(magic.at, "\033LJ", 3) != 0 || read_byte(r) != DUMP_VERSION) return false;
    uint32_t flags = read_number(r);
    if (!(flags & DUMP_FRAME_2) || flags & DUMP_STRIPPED) return false;
    read_bytes(r, read_number(r));
    return !r->is_broken;
}

oxq_err bytecode_prepare(struct slice dump, bytecode_library_fn *is_library, void *ctx, struct buf *out,
                         struct bytecode_facts *out_facts)
{
    struct reader r = {(const unsigned char *)dump.at, (const unsigned char *)dump.at + dump.len, false};
    struct search s = {.is_library = is_library, .ctx = ctx, .facts = {.is_plain = true}};
    if (!read_header(&r)) return OXQ_ERR_FORMAT;
    oxq_err e = buf_append(out, slice_of(dump.at, (size_t)((const char *)r.at - dump.at)));
    while (!e) {
        struct slice whole = read_bytes(&r, read_number(&r));
        if (r.is_broken) return OXQ_ERR_FORMAT;
        if (whole.len == 0) break;
        bool is_main = r.at < r.end && *r.at == 0;
        e = prepare_function(whole, is_main, &s, out);
    }
    if (!e) e = put_byte(out, 0);
    if (!e) *out_facts = s.facts;
    return e;
}
