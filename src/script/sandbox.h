/* SPDX-License-Identifier: MIT */
/*
 * What scripts see as globals, and that no script can change them for the next one.
 *
 *   open globals    the tables themselves; for scripts that provably only fetch from them (bytecode.h). Fast.
 *   guarded globals empty tables that fetch from the real ones and refuse to be written, for all other code.
 *
 * Open:     env -> { redis = R, string = S, ..., KEYS, ARGV, _G = guarded env }
 * Guarded:  guard -> { redis = guard of R, string = guard of S, ... } -> { KEYS, ARGV } -> error: no such global
 */
#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H

#include "base/slice.h"

#include <lua.h>

#define SANDBOX_READ_ONLY_TEXT "Attempt to modify a readonly table"

/* Fills a new state: leaves what HOST_ON_ERROR, HOST_GLOBALS (the open ones) and HOST_ARGUMENTS say on its stack, and the
 * guarded globals as those of the state. */
void sandbox_open(lua_State *lua);

/* Does this global hold a library's table? */
bool sandbox_is_library(struct slice name);

/* Is the value at index a guard? Then sandbox_push_guarded pushes the table behind it; else it pushes nothing. */
bool sandbox_is_guard(lua_State *lua, int index);
bool sandbox_push_guarded(lua_State *lua, int index);

#endif
