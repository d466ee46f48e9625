/* SPDX-License-Identifier: MIT */
/* Watches how deep Lua and C call each other. See nest.c. */
#ifndef SCRIPT_NEST_H
#define SCRIPT_NEST_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct script_host;

/* What the wrappers' chunk is called. */
#define NEST_SOURCE "=nest"

/* A script begins, here on the machine's stack. */
void nest_begin(struct script_host *h);
/* Before a function in C calls Lua: raises an error when the machine's stack is nearly used up. */
void nest_check(lua_State *lua);
/* Before a protected call: as nest_check, and raises an error when too many are under way. Returns what nest_leave wants. */
uint32_t nest_enter(lua_State *lua);
/* After it: raises the error of a killed script. */
void nest_leave(lua_State *lua, uint32_t entered);
/* Makes Lua's own functions that call Lua check, in the global libraries. */
void nest_replace(lua_State *lua);
/* Is a function, whose source was asked for, one of those that do? */
bool nest_is_wrapper(const lua_Debug *d);

#endif
