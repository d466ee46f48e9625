/* SPDX-License-Identifier: MIT */
/* Calls of redis.call whose result nobody takes. See mute.c. */
#ifndef SCRIPT_MUTE_H
#define SCRIPT_MUTE_H

#include "script/dump.h"

/* The instruction that fetches the function for the call at i, if that is a statement; else i. */
uint32_t mute_find_callee(const struct dump_function *f, uint32_t i);

/*
 * Appends the function, with the length before it, so that those of its calls of redis.call that are statements call what one
 * more upvalue holds, the last. Nothing is appended when it has no such call. is_call: for each upvalue, is it redis.call?
 * Errors: LIMIT, MEMORY.
 */
OXQ_MUST_USE oxq_err mute_calls(const struct dump_function *f, const bool *is_call, struct buf *out);

#endif
