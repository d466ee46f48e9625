/* SPDX-License-Identifier: MIT */
/*
 * Reading LuaJIT's compiled form of a chunk, as lua_dump writes it. A dump is
 *
 *   ESC L J version flags [name_len name]  function*  0
 *   function = len { flags params framesize upvalues constants numbers instructions debug_len first_line lines
 *                    instruction* upvalue* constant* number* debug }
 *   debug    = line{instructions} upvalue_name* variable* 0
 *   variable = (name 0 | kind) scope_start scope_length
 *
 * in the order innermost first, so the last one is the chunk's main function. Counts are ULEB128, instructions 32-bit
 * words of this machine: op, A, C, B as bytes from the low end, or op, A, D. A line has 1, 2 or 4 bytes as the function
 * has up to 255, 65535 or more lines. A variable's scope starts so many instructions after the one before it.
 *
 * The numbers of the instructions are those of dumps with version 2 (LuaJIT 2.1); compile_try_bytecode tries them on
 * known texts when a host starts.
 */
#ifndef SCRIPT_DUMP_H
#define SCRIPT_DUMP_H

#include "base/buf.h"

enum {
    OP_ISTC = 12,
    OP_ISFC = 13,
    OP_ISF = 15,
    OP_MOV = 18,
    OP_LEN = 21,
    OP_ADDVN = 22,
    OP_SUBVN = 23,
    OP_UGET = 45,
    OP_UCLO = 50,
    OP_FNEW = 51,
    OP_GGET = 54,
    OP_GSET = 55,
    OP_TGETV = 56,
    OP_TGETS = 57,
    OP_TGETB = 58,
    OP_CALLM = 65,
    OP_CALL = 66,
    OP_CALLMT = 67,
    OP_CALLT = 68,
    OP_ISNEXT = 72,
    OP_RETM = 73,
    OP_RET1 = 76,
    OP_FORI = 77,
    OP_JMP = 88
};

/* The distance of a jump is stored plus this. */
#define DUMP_JUMP_BIAS 0x8000

/* Kinds of constants; from DUMP_STRING on, the rest is the length. */
enum dump_constant_kind { DUMP_CHILD, DUMP_TABLE, DUMP_INT64, DUMP_UINT64, DUMP_COMPLEX, DUMP_STRING };

struct dump_reader {
    const unsigned char *at;
    const unsigned char *end;
    bool is_broken; /* it ended too early: all that was read since is 0 */
};

struct dump_constant {
    uint32_t kind;
    struct slice text;  /* of a string */
    struct slice whole; /* as it is written */
};

/* One function of a dump. All pointers borrow from it, but for the constants. */
struct dump_function {
    struct slice whole;
    struct slice fixed; /* flags, params, framesize, upvalues count */
    uint32_t constants_count, numbers_count, code_count;
    uint32_t debug_bytes, first_line, lines_count;
    const unsigned char *code;
    struct slice upvalues, numbers;
    struct slice middle; /* upvalues, constants, numbers */
    struct slice debug;
    struct dump_constant
        *constants; /* owned, dump_function_deinit; in the dump's order: instructions count them from the last */
};

static inline struct dump_reader dump_reader_of(struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    return (struct dump_reader){at, at + bytes.len, false};
}

uint32_t dump_read_number(struct dump_reader *r);
struct slice dump_read_bytes(struct dump_reader *r, size_t len);
/* False: not the dump of a LuaJIT that we know. */
bool dump_read_header(struct dump_reader *r);
/* Takes a function apart, given without the length before it. False: it is not whole. Owns: caller,
 * dump_function_deinit, whatever is returned. */
bool dump_read_function(struct slice whole, struct dump_function *f);
void dump_function_deinit(struct dump_function *f);

/* The bytes of one line's number. */
static inline size_t dump_line_bytes(const struct dump_function *f)
{
    return f->lines_count < 256 ? 1 : f->lines_count < 65536 ? 2 : 4;
}

/* The constant that an instruction names; NULL: there is none. */
static inline const struct dump_constant *dump_constant_of(const struct dump_function *f, uint32_t d)
{
    return d < f->constants_count ? &f->constants[f->constants_count - 1 - d] : NULL;
}

static inline uint32_t dump_instruction(const struct dump_function *f, uint32_t i)
{
    uint32_t word;
    memcpy(&word, f->code + (size_t)i * 4, sizeof(word));
    return word;
}

static inline uint32_t op_of(uint32_t word)
{
    return word & 255;
}

static inline uint32_t a_of(uint32_t word)
{
    return word >> 8 & 255;
}

static inline uint32_t b_of(uint32_t word)
{
    return word >> 24;
}

static inline uint32_t c_of(uint32_t word)
{
    return word >> 16 & 255;
}

static inline uint32_t d_of(uint32_t word)
{
    return word >> 16;
}

OXQ_MUST_USE oxq_err dump_put_byte(struct buf *out, unsigned byte);
OXQ_MUST_USE oxq_err dump_put_number(struct buf *out, uint32_t n);
OXQ_MUST_USE oxq_err dump_put_instruction(struct buf *out, uint32_t word);
/* A function's length, and then the function. */
OXQ_MUST_USE oxq_err dump_put_function(struct buf *out, struct slice function);

#endif
