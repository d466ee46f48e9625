/* SPDX-License-Identifier: MIT */
/*
 * `rcall('XADD', ...)` as a statement drops its result, and to make that, a string or a table, costs as much as a small command. A
 * function in C is not told that nobody wants it, but the compiled form tells: CALL A B=1 C. Where the function in A came by UGET A i,
 * and upvalue i is redis.call, that becomes UGET A q, and upvalue q holds a redis.call that makes no result. In the main function, which
 * hoist.c writes, it comes by MOV A r.
 *
 * What was put into A last before the call is the function that it calls: a call's registers are above all variables, and
 * nothing uses them but the call.
 */
#include "script/mute.h"

#include "base/mem.h"

/* In B of a call: no results. */
#define NO_RESULTS 1
/* As many as one byte counts. */
#define UPVALUES_MAX 254

static bool is_statement(uint32_t word)
{
    return (op_of(word) == OP_CALL || op_of(word) == OP_CALLM) && b_of(word) == NO_RESULTS;
}

uint32_t mute_find_callee(const struct dump_function *f, uint32_t i)
{
    uint32_t word = dump_instruction(f, i), at = i;
    if (!is_statement(word)) return i;
    while (at > 0 && a_of(dump_instruction(f, at - 1)) != a_of(word)) at--;
    return at > 0 ? at - 1 : i;
}

/* Marks the instructions that are to fetch the other function; returns how many. */
static uint32_t find_callees(const struct dump_function *f, const bool *is_call, bool *is_changed)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->code_count; i++) {
        uint32_t at = mute_find_callee(f, i), word = dump_instruction(f, at);
        if (at == i || op_of(word) != OP_UGET || d_of(word) >= f->upvalues.len / 2 || !is_call[d_of(word)]) continue;
        is_changed[at] = true;
        count++;
    }
    return count;
}

/* The debug part with one more name of an upvalue, empty. */
static oxq_err put_debug(const struct dump_function *f, size_t upvalues_count, struct buf *out)
{
    size_t at = f->code_count * dump_line_bytes(f);
    for (size_t i = 0; i < upvalues_count && at < f->debug.len; i++) {
        const char *end = memchr(f->debug.at + at, 0, f->debug.len - at);
        at = end ? (size_t)(end - f->debug.at) + 1 : f->debug.len;
    }
    if (at >= f->debug.len) return OXQ_ERR_FORMAT;
    oxq_err e = buf_append(out, slice_of(f->debug.at, at));
    if (!e) e = dump_put_byte(out, 0);
    return e ? e : buf_append(out, slice_from(f->debug, at));
}

static oxq_err put_changed(const struct dump_function *f, const bool *is_changed, struct buf *out)
{
    uint32_t upvalues_count = (uint32_t)f->upvalues.len / 2;
    oxq_err e = buf_append(out, slice_of(f->fixed.at, 3));
    if (!e) e = dump_put_byte(out, upvalues_count + 1);
    if (!e) e = dump_put_number(out, f->constants_count);
    if (!e) e = dump_put_number(out, f->numbers_count);
    if (!e) e = dump_put_number(out, f->code_count);
    if (!e) e = dump_put_number(out, f->debug_bytes + 1);
    if (!e) e = dump_put_number(out, f->first_line);
    if (!e) e = dump_put_number(out, f->lines_count);
    for (uint32_t i = 0; i < f->code_count && !e; i++) {
        uint32_t word = dump_instruction(f, i);
        if (is_changed[i]) word = OP_UGET | a_of(word) << 8 | upvalues_count << 16;
        e = dump_put_instruction(out, word);
    }
    if (!e) e = buf_append(out, f->upvalues);
    /* As the main function of a chunk it captures nothing by itself. */
    if (!e) e = dump_put_byte(out, 0);
    if (!e) e = dump_put_byte(out, 0);
    if (!e) e = buf_append(out, slice_from(f->middle, f->upvalues.len));
    return e ? e : put_debug(f, upvalues_count, out);
}

oxq_err mute_calls(const struct dump_function *f, const bool *is_call, struct buf *out)
{
    if (f->debug_bytes < f->code_count * dump_line_bytes(f) || f->upvalues.len / 2 > UPVALUES_MAX) return OXQ_OK;
    bool *is_changed = mem_alloc_zero(f->code_count * sizeof(*is_changed));
    struct buf whole = {.limit_bytes = out->limit_bytes};
    oxq_err e = OXQ_OK;
    if (find_callees(f, is_call, is_changed) > 0) {
        e = put_changed(f, is_changed, &whole);
        if (!e) e = dump_put_function(out, buf_borrow(&whole));
    }
    buf_deinit(&whole);
    mem_free(is_changed);
    return e;
}
