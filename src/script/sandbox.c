/* SPDX-License-Identifier: MIT */
/*
 * How the globals are made. LuaJIT has no read-only tables; a guard is an empty table whose metatable fetches from the
 * real one and refuses every write, so everything that could reach behind a metatable (rawset, table.insert, next) is
 * replaced in lib_base.c, and nothing that scripts get (no debug, getfenv, package) hands out a real table. A script
 * whose compiled form shows that it only ever says `redis.call` or `string.sub`, never `local t = string`, cannot keep a
 * real table either and gets the real ones: a fetch through a guard costs ten times as much as a fetch.
 *
 * Not there, though Lua 5.1 has them: dofile, getfenv, loadfile, module, newproxy (its __gc would run in another script), print,
 * require, setfenv; debug, io, package; of os all but clock; string.dump. LuaJIT's additions are taken out as well.
 */
#include "script/sandbox.h"

#include "script/lib.h"
#include "script/lib_cjson.h"
#include "script/nest.h"

#include <luajit.h>
#include <lualib.h>

/* The key in a guard's metatable of the table behind it: no script can make one. */
static const char guarded_key;

/* ---- guards ---- */

bool sandbox_push_guarded(lua_State *lua, int index)
{
    if (!lua_getmetatable(lua, index)) return false;
    lua_pushlightuserdata(lua, (void *)&guarded_key);
    lua_rawget(lua, -2);
    lua_remove(lua, -2);
    if (lua_istable(lua, -1)) return true;
    lua_pop(lua, 1);
    return false;
}

bool sandbox_is_guard(lua_State *lua, int index)
{
    if (!sandbox_push_guarded(lua, index)) return false;
    lua_pop(lua, 1);
    return true;
}

static int refuse_write(lua_State *lua)
{
    return luaL_error(lua, SANDBOX_READ_ONLY_TEXT);
}

static int miss_global(lua_State *lua)
{
    if (!lua_isstring(lua, 2)) return luaL_error(lua, "a global's name must be a string or number");
    return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'", lua_tostring(lua, 2));
}

/* Replaces the table on top of the stack by a guard of it. */
static void guard_table(lua_State *lua)
{
    lua_newtable(lua);
    lua_createtable(lua, 0, 4);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse_write);
    lua_setfield(lua, -2, "__newindex");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pushlightuserdata(lua, (void *)&guarded_key);
    lua_pushvalue(lua, -4);
    lua_rawset(lua, -3);
    lua_setmetatable(lua, -2);
    lua_remove(lua, -2);
}

/* Takes the value on top: what the table below does not have is fetched from there, and new fields are refused. */
static void set_fallback(lua_State *lua)
{
    lua_createtable(lua, 0, 2);
    lua_insert(lua, -2);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse_write);
    lua_setfield(lua, -2, "__newindex");
    lua_setmetatable(lua, -2);
}

/* ---- the libraries ---- */

static void open_library(lua_State *lua, const char *name, lua_CFunction open)
{
    lua_pushcfunction(lua, open);
    lua_pushstring(lua, name);
    lua_call(lua, 1, 0);
}

static void remove_field(lua_State *lua, const char *name)
{
    lua_pushnil(lua);
    lua_setfield(lua, -2, name);
}

static void copy_field(lua_State *lua, const char *from, const char *to)
{
    lua_getfield(lua, -1, from);
    lua_setfield(lua, -2, to);
}

/* Makes Lua's own libraries in the table of globals what Redis's Lua has. */
static void adjust_libraries(lua_State *lua)
{
    lua_getglobal(lua, "string");
    copy_field(lua, "gmatch", "gfind");
    remove_field(lua, "dump");
    lua_getglobal(lua, "table");
    remove_field(lua, "move");
    lib_table_replace(lua);
    lua_getglobal(lua, "math");
    copy_field(lua, "fmod", "mod");
    lib_random_replace(lua);
    nest_replace(lua);
    lua_getglobal(lua, "coroutine");
    remove_field(lua, "isyieldable");
    lua_getglobal(lua, "os");
    lua_newtable(lua);
    lua_getfield(lua, -2, "clock");
    lua_setfield(lua, -2, "clock");
    lua_setglobal(lua, "os");
    lua_pop(lua, 5);
}

static void open_libraries(lua_State *lua)
{
    open_library(lua, "", luaopen_base);
    open_library(lua, LUA_TABLIBNAME, luaopen_table);
    open_library(lua, LUA_STRLIBNAME, luaopen_string);
    open_library(lua, LUA_MATHLIBNAME, luaopen_math);
    open_library(lua, LUA_OSLIBNAME, luaopen_os);
    open_library(lua, LUA_BITLIBNAME, luaopen_bit);
    lib_cjson_open(lua);
    lua_setglobal(lua, "cjson");
    lib_cmsgpack_open(lua);
    lua_setglobal(lua, "cmsgpack");
    lib_struct_open(lua);
    lua_setglobal(lua, "struct");
    lib_redis_open(lua);
    lua_setglobal(lua, "redis");
    lua_pushvalue(lua, LUA_GLOBALSINDEX);
    lib_base_replace(lua);
    lua_pop(lua, 1);
    adjust_libraries(lua);
}

static const char *const functions[] = {
    "_VERSION",     "assert",   "collectgarbage", "error", "gcinfo",   "getmetatable", "ipairs", "load",
    "loadstring",   "next",     "pairs",          "pcall", "rawequal", "rawget",       "rawset", "select",
    "setmetatable", "tonumber", "tostring",       "type",  "unpack",   "xpcall"};
#define FUNCTIONS_COUNT (sizeof(functions) / sizeof(functions[0]))

static const char *const libraries[] = {"bit", "cjson", "cmsgpack", "coroutine", "math",
                                        "os",  "redis", "string",   "struct",    "table"};
#define LIBRARIES_COUNT (sizeof(libraries) / sizeof(libraries[0]))

bool sandbox_is_library(struct slice name)
{
    for (size_t i = 0; i < LIBRARIES_COUNT; i++) {
        if (slice_equal(name, slice_from_text(libraries[i]))) return true;
    }
    return false;
}

/* ---- the globals ---- */

/* Copies what scripts may have from LuaJIT's globals into the table on top of the stack. */
static void copy_globals(lua_State *lua, bool are_guarded)
{
    for (size_t i = 0; i < FUNCTIONS_COUNT; i++) {
        lua_getglobal(lua, functions[i]);
        lua_setfield(lua, -2, functions[i]);
    }
    for (size_t i = 0; i < LIBRARIES_COUNT; i++) {
        lua_getglobal(lua, libraries[i]);
        if (are_guarded) guard_table(lua);
        lua_setfield(lua, -2, libraries[i]);
    }
    lua_pushvalue(lua, HOST_ON_ERROR);
    lua_setfield(lua, -2, "__redis__err__handler");
}

/* Texts as objects: ("x"):upper() finds the real string table, getmetatable("") only guards. */
static void guard_texts(lua_State *lua)
{
    lua_pushliteral(lua, "");
    lua_getmetatable(lua, -1);
    lua_newtable(lua);
    lua_getfield(lua, LUA_GLOBALSINDEX, "string");
    lua_setfield(lua, -2, "__index");
    guard_table(lua);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 2);
}

/* _G in the table at index is the value on top, which stays. */
static void set_global_table(lua_State *lua, int index)
{
    lua_pushvalue(lua, index);
    lua_pushliteral(lua, "_G");
    lua_pushvalue(lua, -3);
    lua_rawset(lua, -3);
    lua_pop(lua, 1);
}

void sandbox_open(lua_State *lua)
{
    open_libraries(lua);
    host_push_on_error(lua);
    /* The open globals... */
    lua_newtable(lua);
    copy_globals(lua, false);
    lua_pushcfunction(lua, miss_global);
    set_fallback(lua);
    /* ... KEYS and ARGV for the guarded ones ... */
    lua_newtable(lua);
    lua_pushcfunction(lua, miss_global);
    set_fallback(lua);
    /* ... and those, which take the place of LuaJIT's own. */
    lua_newtable(lua);
    copy_globals(lua, true);
    lua_pushvalue(lua, HOST_ARGUMENTS);
    set_fallback(lua);
    lua_pushvalue(lua, -1);
    guard_table(lua);
    set_global_table(lua, -2);
    set_global_table(lua, HOST_GLOBALS);
    lua_replace(lua, LUA_GLOBALSINDEX);
    lua_pop(lua, 1);
    guard_texts(lua);
}
