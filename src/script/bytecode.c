/* SPDX-License-Identifier: MIT */
/*
 * What a dump (dump.h) tells of a script, and the change to its tail calls.
 *
 * A tail call CALLT A D becomes CALL A, all results, C=D and RETM A. At the end of the function that is done in place;
 * elsewhere a jump leads to the pair, which is appended, so that no other instruction moves.
 *
 * If the instructions' numbers were wrong we would know less about scripts, and run them slower, but never wrongly.
 */
#include "script/bytecode.h"

#include "base/mem.h"
#include "script/dump.h"

/* What is asked of the functions, and what was found. */
struct search {
    bytecode_library_fn *is_library;
    void *ctx;
    struct bytecode_facts facts;
};

static bool names_library(const struct dump_function *f, uint32_t word, const struct search *s)
{
    const struct dump_constant *c = dump_constant_of(f, d_of(word));
    return !c || s->is_library(s->ctx, c->text);
}

/* Is the library that instruction i fetches gone from its register right after, for a field of it? */
static bool is_used_up(const struct dump_function *f, uint32_t i)
{
    if (i + 1 >= f->code_count) return false;
    uint32_t a = a_of(dump_instruction(f, i)), next = dump_instruction(f, i + 1);
    return op_of(next) == OP_TGETS && a_of(next) == a && b_of(next) == a;
}

/* Is the table that instruction i fetches gone from its register soon after, for an element or its length? Until then a number may be
 * added to an index: KEYS[n + 1]. */
static bool is_only_read(const struct dump_function *f, uint32_t i)
{
    uint32_t a = a_of(dump_instruction(f, i)), at = i + 1;
    while (at < f->code_count && a_of(dump_instruction(f, at)) > a &&
           (op_of(dump_instruction(f, at)) == OP_ADDVN || op_of(dump_instruction(f, at)) == OP_SUBVN))
        at++;
    if (at == f->code_count) return false;
    uint32_t word = dump_instruction(f, at);
    if (a_of(word) != a) return false;
    if (op_of(word) == OP_LEN) return d_of(word) == a;
    return (op_of(word) == OP_TGETV || op_of(word) == OP_TGETB) && b_of(word) == a;
}

/* What does the script learn of KEYS and ARGV by instruction i, which fetches a global? */
static void search_arguments(const struct dump_function *f, uint32_t i, struct bytecode_facts *facts)
{
    static const char *const ways[] = {"_G", "load", "loadstring"};
    const struct dump_constant *c = dump_constant_of(f, d_of(dump_instruction(f, i)));
    bool is_way = !c;
    for (size_t n = 0; n < sizeof(ways) / sizeof(ways[0]) && !is_way; n++)
        is_way = slice_equal(c->text, slice_from_text(ways[n]));
    if (is_way || (slice_equal(c->text, SLICE_LIT("KEYS")) && !is_only_read(f, i))) facts->only_reads_keys = false;
    if (is_way || (slice_equal(c->text, SLICE_LIT("ARGV")) && !is_only_read(f, i))) facts->only_reads_argv = false;
}

static void search_function(const struct dump_function *f, struct search *s)
{
    for (uint32_t i = 0; i < f->constants_count; i++) {
        uint32_t kind = f->constants[i].kind;
        if (kind == DUMP_INT64 || kind == DUMP_UINT64 || kind == DUMP_COMPLEX) s->facts.has_odd_numbers = true;
    }
    for (uint32_t i = 0; i < f->code_count; i++) {
        uint32_t word = dump_instruction(f, i);
        if (op_of(word) == OP_GSET) s->facts.is_plain = false;
        if (op_of(word) == OP_GGET) search_arguments(f, i, &s->facts);
        if (op_of(word) == OP_GGET && names_library(f, word, s) && !is_used_up(f, i)) s->facts.is_plain = false;
    }
}

/* The instruction before the tail call at i that last put something into its function's register: its index, or i. */
static uint32_t find_callee(const struct dump_function *f, uint32_t i)
{
    for (uint32_t at = i; at-- > 0;) {
        if (a_of(dump_instruction(f, at)) == a_of(dump_instruction(f, i))) return at;
    }
    return i;
}

/* Does the tail call at i call a function of a library, or a basic one? */
static bool calls_library(const struct dump_function *f, uint32_t i, const struct search *s)
{
    uint32_t a = a_of(dump_instruction(f, i)), at = find_callee(f, i);
    uint32_t word = dump_instruction(f, at);
    if (op_of(word) == OP_GGET) return !names_library(f, word, s);
    if (op_of(word) != OP_TGETS || b_of(word) != a || at == 0) return false;
    uint32_t before = dump_instruction(f, at - 1);
    return op_of(before) == OP_GGET && a_of(before) == a && names_library(f, before, s);
}

static bool is_tail_call(uint32_t word)
{
    return op_of(word) == OP_CALLT || op_of(word) == OP_CALLMT;
}

static bool is_to_change(const struct dump_function *f, uint32_t i, bool is_main, const struct search *s)
{
    return is_tail_call(dump_instruction(f, i)) && (is_main || calls_library(f, i, s));
}

/* ---- writing ---- */

static uint32_t call_instead_of(uint32_t tail_call)
{
    uint32_t op = op_of(tail_call) == OP_CALLT ? OP_CALL : OP_CALLM;
    return op | a_of(tail_call) << 8 | d_of(tail_call) << 16;
}

static uint32_t jump(uint32_t from, uint32_t to)
{
    return OP_JMP | (to - (from + 1) + DUMP_JUMP_BIAS) << 16;
}

/* Writes the instructions and, behind them, the pairs for tail calls that are not at the end. changed[] gets, for each instruction that
 * was appended, the index of the tail call that it stands for. */
static oxq_err put_code(const struct dump_function *f, const uint32_t *changed, uint32_t changed_count, struct buf *out)
{
    uint32_t next = 0, end = f->code_count;
    oxq_err e = OXQ_OK;
    bool ends_with_call = changed_count && changed[changed_count - 1] == f->code_count - 1;
    uint32_t to = ends_with_call ? end + 1 : end;
    for (uint32_t i = 0; i < end && !e; i++) {
        uint32_t word = dump_instruction(f, i);
        if (next < changed_count && changed[next] == i) {
            next++;
            word = i == end - 1 ? call_instead_of(word) : jump(i, to);
            if (i != end - 1) to += 2;
        }
        e = dump_put_instruction(out, word);
    }
    if (ends_with_call && !e) e = dump_put_instruction(out, OP_RETM | a_of(dump_instruction(f, end - 1)) << 8);
    for (uint32_t i = 0; i < changed_count - ends_with_call && !e; i++) {
        uint32_t word = dump_instruction(f, changed[i]);
        e = dump_put_instruction(out, call_instead_of(word));
        if (!e) e = dump_put_instruction(out, OP_RETM | a_of(word) << 8);
    }
    return e;
}

static oxq_err put_line(const struct dump_function *f, uint32_t i, struct buf *out)
{
    size_t bytes = dump_line_bytes(f);
    return buf_append(out, slice_of(f->debug.at + i * bytes, bytes));
}

/* The debug part, with the lines of appended instructions. A tail call has the line of its end; a call that of its start, where
 * its function is named. */
static oxq_err put_debug(const struct dump_function *f, const uint32_t *changed, uint32_t changed_count,
                         struct buf *out)
{
    uint32_t last = f->code_count - 1;
    bool ends_with_call = changed_count && changed[changed_count - 1] == last;
    oxq_err e = buf_append(out, slice_of(f->debug.at, last * dump_line_bytes(f)));
    if (!e) e = put_line(f, ends_with_call ? find_callee(f, last) : last, out);
    if (ends_with_call && !e) e = put_line(f, last, out);
    for (uint32_t i = 0; i < changed_count - ends_with_call && !e; i++) {
        e = put_line(f, find_callee(f, changed[i]), out);
        if (!e) e = put_line(f, changed[i], out);
    }
    return e ? e : buf_append(out, slice_from(f->debug, f->code_count * dump_line_bytes(f)));
}

static oxq_err put_changed(const struct dump_function *f, const uint32_t *changed, uint32_t changed_count,
                           struct buf *out)
{
    bool ends_with_call = changed[changed_count - 1] == f->code_count - 1;
    uint32_t added = 2 * changed_count - ends_with_call;
    oxq_err e = buf_append(out, f->fixed);
    if (!e) e = dump_put_number(out, f->constants_count);
    if (!e) e = dump_put_number(out, f->numbers_count);
    if (!e) e = dump_put_number(out, f->code_count + added);
    if (!e) e = dump_put_number(out, f->debug_bytes + added * (uint32_t)dump_line_bytes(f));
    if (!e) e = dump_put_number(out, f->first_line);
    if (!e) e = dump_put_number(out, f->lines_count);
    if (!e) e = put_code(f, changed, changed_count, out);
    if (!e) e = buf_append(out, f->middle);
    if (!e) e = put_debug(f, changed, changed_count, out);
    return e;
}

static oxq_err put_function(const struct dump_function *f, bool is_main, const struct search *s, struct buf *out)
{
    uint32_t changed_count = 0;
    uint32_t *changed = mem_alloc(f->code_count * sizeof(*changed));
    for (uint32_t i = 0; i < f->code_count; i++) {
        if (is_to_change(f, i, is_main, s)) changed[changed_count++] = i;
    }
    struct buf whole = {.limit_bytes = out->limit_bytes};
    bool has_lines = f->code_count && f->debug_bytes >= f->code_count * dump_line_bytes(f);
    bool can_jump = f->code_count + 2 * (size_t)changed_count < DUMP_JUMP_BIAS;
    oxq_err e;
    if (changed_count && has_lines && can_jump) {
        e = put_changed(f, changed, changed_count, &whole);
        if (!e) e = dump_put_function(out, buf_borrow(&whole));
    } else {
        e = dump_put_function(out, f->whole);
    }
    buf_deinit(&whole);
    mem_free(changed);
    return e;
}

static oxq_err prepare_function(struct slice whole, bool is_main, struct search *s, struct buf *out)
{
    struct dump_function f;
    oxq_err e = OXQ_ERR_FORMAT;
    if (dump_read_function(whole, &f)) {
        search_function(&f, s);
        e = put_function(&f, is_main, s, out);
    }
    dump_function_deinit(&f);
    return e;
}

oxq_err bytecode_prepare(struct slice dump, bytecode_library_fn *is_library, void *ctx, struct buf *out,
                         struct bytecode_facts *out_facts)
{
    struct dump_reader r = dump_reader_of(dump);
    struct search s = {.is_library = is_library, .ctx = ctx, .facts = {true, true, true, false}};
    if (!dump_read_header(&r)) return OXQ_ERR_FORMAT;
    oxq_err e = buf_append(out, slice_of(dump.at, (size_t)((const char *)r.at - dump.at)));
    while (!e) {
        struct slice whole = dump_read_bytes(&r, dump_read_number(&r));
        if (r.is_broken) return OXQ_ERR_FORMAT;
        if (whole.len == 0) break;
        bool is_main = r.at < r.end && *r.at == 0;
        e = prepare_function(whole, is_main, &s, out);
    }
    if (!e) e = dump_put_byte(out, 0);
    if (!e) *out_facts = s.facts;
    return e;
}
