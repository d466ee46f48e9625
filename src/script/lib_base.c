/* SPDX-License-Identifier: MIT */
/*
 * Basic functions that are not Lua's own: those that could write to a guard, or see that it is empty; those that compile;
 * pcall, which hands out Redis's errors as text; xpcall, whose handler must not outlive a kill.
 */
#include "script/compile.h"
#include "script/lib.h"
#include "script/nest.h"
#include "script/sandbox.h"

/* ---- functions that see through guards ---- */

/* Replaces the guard at index 1 by the table behind it; anything else stays. */
static void open_guard(lua_State *lua)
{
    if (sandbox_push_guarded(lua, 1)) lua_replace(lua, 1);
}

static int base_next(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 2);
    open_guard(lua);
    if (lua_next(lua, 1)) return 2;
    lua_pushnil(lua);
    return 1;
}

/* Upvalues: Lua's own next, which the interpreter runs without a call, and ours for guards. */
static int base_pairs(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushvalue(lua, lua_upvalueindex(sandbox_is_guard(lua, 1) ? 2 : 1));
    lua_pushvalue(lua, 1);
    lua_pushnil(lua);
    return 3;
}

static int base_rawget(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    luaL_checkany(lua, 2);
    lua_settop(lua, 2);
    open_guard(lua);
    lua_rawget(lua, 1);
    return 1;
}

/* ---- functions that would write ---- */

/* Raises Redis's error, as it comes from inside a library function: without a position. */
static void refuse_guard(lua_State *lua, int index)
{
    if (!sandbox_is_guard(lua, index)) return;
    lua_pushliteral(lua, SANDBOX_READ_ONLY_TEXT);
    lua_error(lua);
}

static int base_rawset(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    luaL_checkany(lua, 2);
    luaL_checkany(lua, 3);
    refuse_guard(lua, 1);
    lua_settop(lua, 3);
    lua_rawset(lua, 1);
    return 1;
}

static int base_setmetatable(lua_State *lua)
{
    int type = lua_type(lua, 2);
    luaL_checktype(lua, 1, LUA_TTABLE);
    luaL_argcheck(lua, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
    refuse_guard(lua, 1);
    if (luaL_getmetafield(lua, 1, "__metatable")) return luaL_error(lua, "cannot change a protected metatable");
    lua_settop(lua, 2);
    lua_setmetatable(lua, 1);
    return 1;
}

static int table_insert(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    refuse_guard(lua, 1);
    int end = (int)lua_objlen(lua, 1) + 1;
    switch (lua_gettop(lua)) {
    case 2: lua_rawseti(lua, 1, end); return 0;
    case 3: {
        int at = (int)luaL_checkinteger(lua, 2);
        if (at > end) end = at;
        for (int i = end; i > at; i--) {
            lua_rawgeti(lua, 1, i - 1);
            lua_rawseti(lua, 1, i);
        }
        lua_rawseti(lua, 1, at);
        return 0;
    }
    default: return luaL_error(lua, "wrong number of arguments to 'insert'");
    }
}

static int table_setn(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    return luaL_error(lua, "'setn' is obsolete");
}

/* ---- functions that compile ---- */

static int return_compiled(lua_State *lua, struct slice text, const char *name)
{
    if (compile_text(lua, text, name, COMPILE_CHUNK) == 0) return 1;
    lua_pushnil(lua);
    lua_insert(lua, -2);
    return 2;
}

static int base_loadstring(lua_State *lua)
{
    size_t len;
    const char *text = luaL_checklstring(lua, 1, &len);
    return return_compiled(lua, slice_of(text, len), luaL_optstring(lua, 2, text));
}

/* Gathers what the function at index 1 returns, piece by piece. */
static int read_pieces(lua_State *lua)
{
    luaL_Buffer text;
    luaL_buffinit(lua, &text);
    for (;;) {
        lua_pushvalue(lua, 1);
        lua_call(lua, 0, 1);
        if (lua_isnil(lua, -1) || (lua_isstring(lua, -1) && lua_objlen(lua, -1) == 0)) break;
        if (!lua_isstring(lua, -1)) {
            luaL_where(lua, 2); /* the caller of load */
            lua_pushliteral(lua, "reader function must return a string");
            lua_concat(lua, 2);
            return lua_error(lua);
        }
        luaL_addvalue(&text);
    }
    lua_pop(lua, 1);
    luaL_pushresult(&text);
    return 1;
}

/* The reader's errors are given back like the compiler's. */
static int base_load(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    const char *name = luaL_optstring(lua, 2, "=(load)");
    lua_settop(lua, 2);
    lua_pushcfunction(lua, read_pieces);
    lua_pushvalue(lua, 1);
    uint32_t entered = nest_enter(lua);
    int status = lua_pcall(lua, 1, 1, 0);
    nest_leave(lua, entered);
    if (status != 0) {
        lua_pushnil(lua);
        lua_insert(lua, -2);
        return 2;
    }
    size_t len;
    const char *at = lua_tolstring(lua, -1, &len);
    return return_compiled(lua, slice_of(at, len), name);
}

/* ---- others ---- */

/* As Redis 7's: an error that is a table with a text `err` is given out as that text. */
static int base_pcall(lua_State *lua)
{
    int argc = lua_gettop(lua);
    lua_pushboolean(lua, 1);
    if (argc == 0) {
        lua_pushboolean(lua, 0);
        lua_pushliteral(lua, "attempt to call a boolean value");
        return 2;
    }
    lua_insert(lua, 1);
    uint32_t entered = nest_enter(lua);
    int status = lua_pcall(lua, argc - 1, LUA_MULTRET, 0);
    nest_leave(lua, entered);
    if (status == 0) return lua_gettop(lua);
    lua_pushboolean(lua, 0);
    lua_replace(lua, 1);
    if (lua_istable(lua, -1)) {
        nest_check(lua); /* this may be a call of __index */
        lua_getfield(lua, -1, "err");
        if (lua_isstring(lua, -1)) lua_replace(lua, -2);
    }
    return lua_gettop(lua);
}

/* Upvalue: the handler that the script gave. It does not get to see the end of a killed script: it would run inside the hook that ends
 * it, where nothing could interrupt it. */
static int handle_error(lua_State *lua)
{
    if (host_of(lua)->run_flags & HOST_KILLED) return 1;
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 1, 1);
    return 1;
}

static int base_xpcall(lua_State *lua)
{
    luaL_checkany(lua, 2);
    lua_settop(lua, 2);
    lua_pushcclosure(lua, handle_error, 1);
    lua_insert(lua, 1);
    uint32_t entered = nest_enter(lua);
    int status = lua_pcall(lua, 0, LUA_MULTRET, 1);
    nest_leave(lua, entered);
    lua_pushboolean(lua, status == 0);
    lua_replace(lua, 1);
    return lua_gettop(lua);
}

/* Scripts may ask for a collection and for its numbers, not change how others' garbage is collected. */
static int base_collectgarbage(lua_State *lua)
{
    static const char *const names[] = {"collect", "count", "step", "stop", "restart", "setpause", "setstepmul", NULL};
    enum { COLLECT, COUNT, STEP };
    int option = luaL_checkoption(lua, 1, "collect", names);
    if (option == COUNT)
        lua_pushnumber(lua, (double)host_of(lua)->memory.used_bytes / 1024);
    else if (option == STEP)
        lua_pushboolean(lua, lua_gc(lua, LUA_GCSTEP, (int)luaL_optinteger(lua, 2, 0)));
    else
        lua_pushinteger(lua, option == COLLECT ? lua_gc(lua, LUA_GCCOLLECT, 0) : 0);
    return 1;
}

void lib_base_replace(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"next", base_next},
                                         {"rawget", base_rawget},
                                         {"rawset", base_rawset},
                                         {"setmetatable", base_setmetatable},
                                         {"load", base_load},
                                         {"loadstring", base_loadstring},
                                         {"pcall", base_pcall},
                                         {"xpcall", base_xpcall},
                                         {"collectgarbage", base_collectgarbage}};
    lua_getfield(lua, -1, "next");
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        lua_pushcfunction(lua, functions[i].func);
        lua_setfield(lua, -3, functions[i].name);
    }
    lua_getfield(lua, -2, "next");
    lua_pushcclosure(lua, base_pairs, 2);
    lua_setfield(lua, -2, "pairs");
}

void lib_table_replace(lua_State *lua)
{
    lua_pushcfunction(lua, table_insert);
    lua_setfield(lua, -2, "insert");
    lua_pushcfunction(lua, table_setn);
    lua_setfield(lua, -2, "setn");
}
