/* SPDX-License-Identifier: MIT */
/* The libraries that scripts have beside Lua's own. Each open function pushes the library's table. */
#ifndef SCRIPT_LIB_H
#define SCRIPT_LIB_H

#include "script/host.h"

#include <lauxlib.h>
#include <lua.h>

void lib_redis_open(lua_State *lua);
/* Pushes a redis.call that returns nothing. */
void lib_push_muted_call(lua_State *lua);
void lib_cmsgpack_open(lua_State *lua);
void lib_struct_open(lua_State *lua);
/* Replaces math.random and math.randomseed in the table on top of the stack. */
void lib_random_replace(lua_State *lua);
/* math.random begins at its first state. */
void lib_random_reset(struct script_host *h);

/* Sets in the table on top of the stack what differs in the basic functions, and `insert` and others in table's. */
void lib_base_replace(lua_State *lua);
void lib_table_replace(lua_State *lua);

/* Pushes {err = "ERR " .. text}, as Redis's library reports its own errors. */
void lib_push_error(lua_State *lua, const char *text);

/* d as an integer, cut towards zero; what does not fit (NaN too) becomes INT64_MIN, as x86's conversion does and so Redis. */
static inline int64_t lib_to_integer(double d)
{
    return d >= -0x1p63 && d < 0x1p63 ? (int64_t)d : INT64_MIN;
}

#endif
