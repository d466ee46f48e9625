/* SPDX-License-Identifier: MIT */
/* From a script's text to a function, and to a script in the cache. */
#ifndef SCRIPT_COMPILE_H
#define SCRIPT_COMPILE_H

#include "script/host.h"

enum compile_kind {
    COMPILE_CHUNK, /* sees the guarded globals */
    COMPILE_SCRIPT /* sees the open ones if it cannot harm them; its functions are made once, if they cannot tell */
};

/*
 * Compiles a text (never a binary chunk); `name` as lua_load takes it. Pushes the function, or a message that says what is wrong.
 * Returns lua_load's status, 0 when all is well. Raises no error.
 */
int compile_text(lua_State *lua, struct slice text, const char *name, enum compile_kind kind);

/* Tries on known texts whether this LuaJIT's compiled form is the one that we know; without that no script gets the open globals. */
void compile_try_bytecode(struct script_host *h);

/* The script with this text, from the cache or compiled into it; NULL: the error was replied. */
struct script *compile_script(struct script_host *h, struct slice body, bool is_eval, struct reply *reply);

#endif
