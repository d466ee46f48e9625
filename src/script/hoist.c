/* SPDX-License-Identifier: MIT */
/*
 * In the main function's code, `local function f` is FNEW A D: make the closure of the function that is constant D, into
 * register A. It becomes UGET A i: fetch upvalue i into A. The constant becomes an empty string, so that no other
 * moves.
 *
 * Each upvalue of f says which register of the main function it captures, and LuaJIT has marked those that are assigned
 * but once. The scopes of variables tell where that was: the instruction before the scope. If that is an FNEW that was
 * hoisted, or GGET and TGETS of a library's field, and no jump leads around it, then the value is known. Of a variable of the main
 * function that no function captures nothing is marked, and its instructions are looked through.
 */
#include "script/hoist.h"

#include "base/mem.h"
#include "script/dump.h"
#include "script/mute.h"

/* The functions that are looked at: the main function's upvalues are counted by a byte. */
#define FUNCTIONS_MAX 250
/* Each is looked at together with all instructions of the main function: few enough that this is short. */
#define CODE_MAX 16384

/* How a function of the dump says what its upvalue is: a register of the function around it, assigned but once. */
#define UPVALUE_CONSTANT_LOCAL 0xc000u
/* ... and how, one that may be assigned again. */
#define UPVALUE_LOCAL 0x8000u
#define UPVALUE_REGISTER 0xffu
/* A byte counts them. */
#define UPVALUES_MAX 255

/* Below it, a variable has no name but a kind. */
#define VARIABLE_NAME_MIN 7

/* A function and those inside of it, which lie before it in the dump. */
struct family {
    const char *start;     /* of the first one */
    const char *own;       /* of the function itself */
    const char *end;       /* of the function */
    struct slice function; /* without its length */
};

struct search {
    bytecode_library_fn *is_library;
    void *ctx;
    struct slice header;
    struct dump_function main;
    struct family *families; /* owned: the functions of the main function, in the dump's order */
    int families_count;
    int *family_at;  /* owned: for each constant of main, the index of the function that it is, or -1 */
    int *hoisted_at; /* owned: for each instruction of main, the index of the upvalue that it fetches instead, or -1 */
    size_t limit_bytes;
    struct hoist *out;
};

/* ---- the dump's functions ---- */

static int count_children(const struct dump_function *f)
{
    int count = 0;
    for (uint32_t i = 0; i < f->constants_count; i++) count += f->constants[i].kind == DUMP_CHILD;
    return count;
}

/* Takes the function's children off the list, and puts it there in their place. */
static bool add_family(struct search *s, struct slice whole, const char *start)
{
    struct dump_function f;
    bool is_whole = dump_read_function(whole, &f);
    int children = is_whole ? count_children(&f) : 0;
    dump_function_deinit(&f);
    if (!is_whole || children > s->families_count) return false;
    s->families_count -= children;
    const char *own = start;
    if (children) start = s->families[s->families_count].start;
    s->families[s->families_count++] = (struct family){start, own, whole.at + whole.len, whole};
    return true;
}

static bool read_functions(struct search *s, struct slice dump)
{
    struct dump_reader r = dump_reader_of(dump);
    if (!dump_read_header(&r)) return false;
    s->header = slice_of(dump.at, (size_t)((const char *)r.at - dump.at));
    for (int cap = 0;;) {
        const char *start = (const char *)r.at;
        struct slice whole = dump_read_bytes(&r, dump_read_number(&r));
        if (r.is_broken || whole.len == 0) return false;
        if (s->families_count == cap) {
            cap = cap ? 2 * cap : 64;
            s->families = mem_resize(s->families, (size_t)cap * sizeof(*s->families));
        }
        bool is_main = r.at < r.end && *r.at == 0;
        if (is_main) return dump_read_function(whole, &s->main);
        if (!add_family(s, whole, start)) return false;
    }
}

/* They are constants of the main function in the reverse of the dump's order. */
static bool place_families(struct search *s)
{
    const struct dump_function *f = &s->main;
    if (count_children(f) != s->families_count) return false;
    int left = s->families_count;
    s->family_at = mem_alloc(f->constants_count * sizeof(*s->family_at));
    for (uint32_t i = 0; i < f->constants_count; i++)
        s->family_at[i] = f->constants[i].kind == DUMP_CHILD ? --left : -1;
    return true;
}

static struct family *family_of(struct search *s, uint32_t constant)
{
    int i = constant < s->main.constants_count ? s->family_at[constant] : -1;
    return i < 0 ? NULL : &s->families[i];
}

/* ---- what is known about registers ---- */

/* The first instruction in the scope of the variable that lies in the register at instruction `at`. */
static bool find_scope(const struct dump_function *f, uint32_t at, uint32_t reg, uint32_t *out_start)
{
    struct dump_reader r = dump_reader_of(slice_from(f->debug, f->code_count * dump_line_bytes(f)));
    uint32_t start = 0;
    while (!r.is_broken) {
        struct slice kind = dump_read_bytes(&r, 1);
        if (r.is_broken || kind.at[0] == 0) return false;
        bool has_name = (unsigned char)kind.at[0] >= VARIABLE_NAME_MIN;
        while (has_name && !r.is_broken && *dump_read_bytes(&r, 1).at) continue;
        start += dump_read_number(&r);
        uint32_t length = dump_read_number(&r);
        /* Scopes count an instruction that stands before the dump's first. */
        if (start > at + 1) return false;
        if (at + 1 < start + length && reg-- == 0) {
            *out_start = start - 1;
            return start > 0;
        }
    }
    return false;
}

static bool is_jump(uint32_t word)
{
    uint32_t op = op_of(word);
    return op == OP_UCLO || op == OP_ISNEXT || (op >= OP_FORI && op <= OP_JMP);
}

static int64_t target_of(uint32_t i, uint32_t word)
{
    return (int64_t)i + 1 + d_of(word) - DUMP_JUMP_BIAS;
}

static bool is_in_loop(const struct dump_function *f, uint32_t at)
{
    for (uint32_t i = at; i < f->code_count; i++) {
        uint32_t word = dump_instruction(f, i);
        if (is_jump(word) && target_of(i, word) <= at) return true;
    }
    return false;
}

/* Does a jump lead from before the instructions first...last to between or right after them? */
static bool is_jumped(const struct dump_function *f, uint32_t first, uint32_t last)
{
    for (uint32_t i = 0; i < first; i++) {
        uint32_t word = dump_instruction(f, i);
        if (is_jump(word) && target_of(i, word) > first && target_of(i, word) <= (int64_t)last + 1) return true;
    }
    return false;
}

/* Do the instructions up to `last` put a library's field into the register? */
static bool find_field(struct search *s, uint32_t last, uint32_t reg, struct hoist_capture *out)
{
    uint32_t word = dump_instruction(&s->main, last);
    if (op_of(word) != OP_TGETS || a_of(word) != reg || b_of(word) != reg || last == 0) return false;
    uint32_t before = dump_instruction(&s->main, last - 1);
    if (op_of(before) != OP_GGET || a_of(before) != reg || is_jumped(&s->main, last - 1, last)) return false;
    const struct dump_constant *library = dump_constant_of(&s->main, d_of(before));
    const struct dump_constant *field = dump_constant_of(&s->main, c_of(word));
    if (!library || !field || !s->is_library(s->ctx, library->text)) return false;
    *out = (struct hoist_capture){.function = -1, .library = library->text, .field = field->text};
    return true;
}

/* Is what the function made at instruction `at` captures by this upvalue always the same? */
static bool find_capture(struct search *s, uint32_t at, uint32_t upvalue, struct hoist_capture *out)
{
    if ((upvalue & UPVALUE_CONSTANT_LOCAL) != UPVALUE_CONSTANT_LOCAL) return false;
    uint32_t reg = upvalue & UPVALUE_REGISTER, start;
    if (!find_scope(&s->main, at, reg, &start)) {
        *out = (struct hoist_capture){.function = s->out->functions_count};
        return reg == a_of(dump_instruction(&s->main, at));
    }
    if (start == 0) return false;
    uint32_t last = start - 1;
    if (find_field(s, last, reg, out)) return true;
    *out = (struct hoist_capture){.function = s->hoisted_at[last]};
    return out->function >= 0 && a_of(dump_instruction(&s->main, last)) == reg && !is_jumped(&s->main, last, last);
}

static bool find_captures(struct search *s, uint32_t at, struct slice function, struct hoist_function *out)
{
    struct dump_function f;
    if (!dump_read_function(function, &f)) return false;
    int count = (unsigned char)f.fixed.at[3];
    out->captures = mem_alloc((size_t)count * sizeof(*out->captures));
    out->captures_count = 0;
    while (out->captures_count < count) {
        uint16_t upvalue;
        memcpy(&upvalue, f.upvalues.at + 2 * (size_t)out->captures_count, sizeof(upvalue));
        if (!find_capture(s, at, upvalue, &out->captures[out->captures_count])) break;
        out->captures_count++;
    }
    dump_function_deinit(&f);
    return out->captures_count == count;
}

static bool is_redis_call(const struct hoist_capture *c)
{
    return c->function < 0 && slice_equal(c->library, SLICE_LIT("redis")) && slice_equal(c->field, SLICE_LIT("call"));
}

/* Instructions whose A is no register that they write: comparisons, ends and jumps. */
static bool writes_nothing(uint32_t op)
{
    if (op <= OP_ISF) return op != OP_ISTC && op != OP_ISFC;
    return op == OP_JMP || op == OP_UCLO || (op >= OP_RETM && op <= OP_RET1);
}

/* May an instruction of the main function, or one of its functions, assign to the variable in this register, whose scope starts at `start`? */
static bool may_be_assigned(const struct search *s, uint32_t start, uint32_t reg)
{
    for (uint32_t i = start; i < s->main.code_count; i++) {
        uint32_t word = dump_instruction(&s->main, i);
        if (a_of(word) == reg && !writes_nothing(op_of(word))) return true;
    }
    bool is_captured = false;
    for (int i = 0; i < s->families_count && !is_captured; i++) {
        struct dump_function f;
        is_captured = !dump_read_function(s->families[i].function, &f);
        for (size_t n = 0; n + 1 < f.upvalues.len && !is_captured; n += 2) {
            uint16_t upvalue;
            memcpy(&upvalue, f.upvalues.at + n, sizeof(upvalue));
            is_captured = (upvalue & UPVALUE_CONSTANT_LOCAL) == UPVALUE_LOCAL && (upvalue & UPVALUE_REGISTER) == reg;
        }
        dump_function_deinit(&f);
    }
    return is_captured;
}

/* Is what instruction `at` copies redis.call, whatever the script did before? */
static bool copies_redis_call(struct search *s, uint32_t at)
{
    uint32_t word = dump_instruction(&s->main, at), start;
    struct hoist_capture c;
    if (op_of(word) != OP_MOV || !find_scope(&s->main, at, d_of(word), &start) || start == 0) return false;
    return find_field(s, start - 1, d_of(word), &c) && is_redis_call(&c) && !may_be_assigned(s, start, d_of(word));
}

static void mute_main(struct search *s)
{
    for (uint32_t i = 0; i < s->main.code_count; i++) {
        uint32_t at = mute_find_callee(&s->main, i);
        if (at == i || !copies_redis_call(s, at)) continue;
        s->hoisted_at[at] = s->out->functions_count;
        s->out->has_muted_call = true;
    }
}

/* ---- writing ---- */

/* The function, changed where it calls redis.call, or as it is. */
static oxq_err put_function(const struct family *family, struct hoist_function *h, struct buf *out)
{
    bool is_call[UPVALUES_MAX] = {false};
    for (int i = 0; i < h->captures_count; i++) is_call[i] = is_redis_call(&h->captures[i]);
    struct dump_function f;
    size_t len = out->len;
    oxq_err e = dump_read_function(family->function, &f) ? mute_calls(&f, is_call, out) : OXQ_ERR_FORMAT;
    dump_function_deinit(&f);
    h->has_muted_call = out->len > len;
    return e || h->has_muted_call ? e : dump_put_function(out, family->function);
}

static oxq_err put_chunk(struct search *s, const struct family *family, struct hoist_function *h)
{
    struct buf *out = &h->dump;
    *out = (struct buf){.limit_bytes = s->limit_bytes};
    oxq_err e = buf_append(out, s->header);
    if (!e) e = buf_append(out, slice_of(family->start, (size_t)(family->own - family->start)));
    if (!e) e = put_function(family, h, out);
    return e ? e : dump_put_byte(out, 0);
}

/* Hoists the function that instruction `at` makes, if that can be done. */
static oxq_err try_hoist(struct search *s, uint32_t at)
{
    uint32_t d = d_of(dump_instruction(&s->main, at));
    struct family *family = family_of(s, s->main.constants_count - 1 - d);
    if (!family || is_in_loop(&s->main, at)) return OXQ_OK;
    struct hoist_function f = {0};
    bool is_found = find_captures(s, at, family->function, &f);
    oxq_err e = is_found ? put_chunk(s, family, &f) : OXQ_OK;
    if (!is_found || e) {
        mem_free(f.captures);
        buf_deinit(&f.dump);
        return e;
    }
    s->hoisted_at[at] = s->out->functions_count;
    s->out->functions[s->out->functions_count++] = f;
    family->end = family->start; /* The main function's chunk is without it. */
    return OXQ_OK;
}

static oxq_err put_zeros(struct buf *out, int count)
{
    static const char zeros[FUNCTIONS_MAX];
    return buf_append(out, slice_of(zeros, (size_t)count));
}

static oxq_err put_code(const struct search *s, struct buf *out)
{
    oxq_err e = OXQ_OK;
    for (uint32_t i = 0; i < s->main.code_count && !e; i++) {
        uint32_t word = dump_instruction(&s->main, i);
        if (s->hoisted_at[i] >= 0) word = OP_UGET | a_of(word) << 8 | (uint32_t)s->hoisted_at[i] << 16;
        e = dump_put_instruction(out, word);
    }
    return e;
}

static oxq_err put_constants(struct search *s, struct buf *out)
{
    oxq_err e = OXQ_OK;
    for (uint32_t i = 0; i < s->main.constants_count && !e; i++) {
        const struct family *family = family_of(s, i);
        if (family && family->end == family->start)
            e = dump_put_byte(out, DUMP_STRING);
        else
            e = buf_append(out, s->main.constants[i].whole);
    }
    return e;
}

static oxq_err put_main(struct search *s, struct buf *out)
{
    const struct dump_function *f = &s->main;
    int count = s->out->functions_count + s->out->has_muted_call;
    size_t lines_bytes = f->code_count * dump_line_bytes(f);
    oxq_err e = buf_append(out, slice_of(f->fixed.at, 3));
    if (!e) e = dump_put_byte(out, (unsigned)count);
    if (!e) e = dump_put_number(out, f->constants_count);
    if (!e) e = dump_put_number(out, f->numbers_count);
    if (!e) e = dump_put_number(out, f->code_count);
    if (!e) e = dump_put_number(out, f->debug_bytes + (uint32_t)count);
    if (!e) e = dump_put_number(out, f->first_line);
    if (!e) e = dump_put_number(out, f->lines_count);
    if (!e) e = put_code(s, out);
    /* The upvalues capture nothing; their names are empty. */
    if (!e) e = put_zeros(out, count);
    if (!e) e = put_zeros(out, count);
    if (!e) e = put_constants(s, out);
    if (!e) e = buf_append(out, f->numbers);
    if (!e) e = buf_append(out, slice_of(f->debug.at, lines_bytes));
    if (!e) e = put_zeros(out, count);
    return e ? e : buf_append(out, slice_from(f->debug, lines_bytes));
}

static oxq_err put_rest(struct search *s, struct buf *out)
{
    OWNED(buf_deinit) struct buf whole = {.limit_bytes = s->limit_bytes};
    oxq_err e = put_main(s, &whole);
    if (!e) e = buf_append(out, s->header);
    for (int i = 0; i < s->families_count && !e; i++) {
        const struct family *family = &s->families[i];
        e = buf_append(out, slice_of(family->start, (size_t)(family->end - family->start)));
    }
    if (!e) e = dump_put_function(out, buf_borrow(&whole));
    return e ? e : dump_put_byte(out, 0);
}

static oxq_err search_main(struct search *s)
{
    const struct dump_function *f = &s->main;
    if (f->upvalues.len || f->debug_bytes < f->code_count * dump_line_bytes(f) || !place_families(s))
        return OXQ_ERR_FORMAT;
    if (f->code_count > CODE_MAX) return OXQ_OK;
    s->out->functions = mem_alloc((size_t)s->families_count * sizeof(*s->out->functions));
    s->hoisted_at = mem_alloc(f->code_count * sizeof(*s->hoisted_at));
    for (uint32_t i = 0; i < f->code_count; i++) s->hoisted_at[i] = -1;
    oxq_err e = OXQ_OK;
    int tries = 0;
    for (uint32_t i = 0; i < f->code_count && tries < FUNCTIONS_MAX && !e; i++) {
        if (op_of(dump_instruction(f, i)) != OP_FNEW) continue;
        tries++;
        e = try_hoist(s, i);
    }
    if (!e) mute_main(s);
    if (!e && (s->out->functions_count || s->out->has_muted_call)) e = put_rest(s, &s->out->main);
    return e;
}

oxq_err hoist_functions(struct slice dump, bytecode_library_fn *is_library, void *ctx, size_t limit_bytes,
                        struct hoist *out)
{
    *out = (struct hoist){.main = {.limit_bytes = limit_bytes}};
    struct search s = {.is_library = is_library, .ctx = ctx, .limit_bytes = limit_bytes, .out = out};
    oxq_err e = read_functions(&s, dump) ? search_main(&s) : OXQ_ERR_FORMAT;
    dump_function_deinit(&s.main);
    mem_free(s.families);
    mem_free(s.family_at);
    mem_free(s.hoisted_at);
    if (e) hoist_deinit(out);
    return e;
}

void hoist_deinit(struct hoist *h)
{
    for (int i = 0; i < h->functions_count; i++) {
        buf_deinit(&h->functions[i].dump);
        mem_free(h->functions[i].captures);
    }
    mem_free(h->functions);
    buf_deinit(&h->main);
    *h = (struct hoist){0};
}
