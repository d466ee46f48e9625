/* SPDX-License-Identifier: MIT */
/*
 * Looks into LuaJIT's compiled form of a script, as lua_dump writes it, for what cannot be known or done through Lua:
 * whether the script could lay hands on shared tables, and keeping the line of an error in `return f(x)`.
 */
#ifndef SCRIPT_BYTECODE_H
#define SCRIPT_BYTECODE_H

#include "base/buf.h"

struct bytecode_facts {
    /* It never writes to a global, and takes hold of a library's table only to fetch a field of it at once (redis.call,
     * string.sub): it cannot change what other scripts see, even if those tables lie open. */
    bool is_plain;
    /* It does nothing with KEYS (ARGV) but fetch an element or ask for its length, and cannot reach it by another way. */
    bool only_reads_keys, only_reads_argv;
    /* It has numbers that Lua 5.1 does not know: 1LL, 1ULL, 1i. */
    bool has_odd_numbers;
};

/* Is this the name of a global that holds a library's table? */
typedef bool bytecode_library_fn(void *ctx, struct slice name);

/*
 * Reads a dump, and appends it to *out with each tail call of the main function, and those of library functions, made a call
 * and a return: a tail call of a C function takes its caller's line away from errors.
 * Errors: FORMAT (not what this LuaJIT is known to write: then nothing is known of the script), LIMIT, MEMORY.
 */
OXQ_MUST_USE oxq_err bytecode_prepare(struct slice dump, bytecode_library_fn *is_library, void *ctx, struct buf *out,
                                      struct bytecode_facts *out_facts);

#endif
