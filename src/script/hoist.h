/* SPDX-License-Identifier: MIT */
/*
 * A script declares its functions anew each time it runs, and BullMQ's declare up to forty to call a few. A function
 * that could not tell the difference is made once, when the script is compiled, and the script's main function finds it
 * in an upvalue of its own.
 *
 * Such a function is declared outside of loops and captures nothing but what is the same in every run and never
 * assigned again: a library's function (local rcall = redis.call), other such functions, itself. Nothing that a script
 * can reach outlives its run, so that none ever sees the same function in two runs.
 *
 * On the way calls of redis.call are muted (mute.h), in these functions and in the main function.
 */
#ifndef SCRIPT_HOIST_H
#define SCRIPT_HOIST_H

#include "script/bytecode.h"

/* What a function captures. */
struct hoist_capture {
    int function;                /* the index of a hoisted function, its own or an earlier one; -1: library.field */
    struct slice library, field; /* borrowed from the dump */
};

struct hoist_function {
    struct buf dump;                /* owned: it as the main function of a chunk of its own */
    struct hoist_capture *captures; /* owned: one for each of its upvalues */
    int captures_count;
    bool has_muted_call; /* it has one upvalue more, for a redis.call without a result (mute.h) */
};

struct hoist {
    struct buf
        main; /* owned: the chunk without these functions, which it expects as its upvalues, in their order; empty: as it was */
    bool has_muted_call;              /* main expects one upvalue more, as a function's */
    struct hoist_function *functions; /* owned */
    int functions_count;
};

/*
 * Finds the functions of a chunk, a dump, that can be made once, and calls to mute. Without any, out->main is empty.
 * Owns: caller, hoist_deinit, only after success. Errors: FORMAT, LIMIT (limit_bytes for each chunk), MEMORY.
 */
OXQ_MUST_USE oxq_err hoist_functions(struct slice dump, bytecode_library_fn *is_library, void *ctx, size_t limit_bytes,
                                     struct hoist *out);
void hoist_deinit(struct hoist *h);

#endif
