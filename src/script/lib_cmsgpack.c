/* SPDX-License-Identifier: MIT */
/*
 * cmsgpack: Lua values to MessagePack and back, as the library of this name in Redis does it.
 *
 * A table whose keys are exactly 1 to n becomes an array, every other one a map; a number with an integer value an integer; what
 * has no counterpart (a function) nil, and so does a table that lies deeper than PACK_DEPTH_MAX in others, which also
 * ends the walk through a table that contains itself.
 */
#include "script/lib.h"

#include "codec/mpack.h"

#define PACK_DEPTH_MAX 16
/* A table is made with room for this many announced elements at most: the rest must prove to be there. */
#define ROOM_MAX 64

/* ---- packing ---- */

static void pack_value(lua_State *lua, struct buf *out, int depth);

/* Errors of the buffer: it is bounded by the script's memory. */
static void check_room(lua_State *lua, oxq_err e)
{
    if (e) luaL_error(lua, "not enough memory");
}

/* The number of elements if the table on top is an array, -1 if it is not; *pairs its keys, as far as they were counted. */
static int64_t count_array(lua_State *lua)
{
    int64_t count = 0;
    double max = 0;
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pop(lua, 1);
        double n = lua_type(lua, -1) == LUA_TNUMBER ? lua_tonumber(lua, -1) : 0;
        if (!(n >= 1) || n > INT32_MAX || (double)(int32_t)n != n) {
            lua_pop(lua, 1);
            return -1;
        }
        if (n > max) max = n;
        count++;
    }
    return max == (double)count ? count : -1;
}

static uint32_t count_pairs(lua_State *lua)
{
    uint32_t count = 0;
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pop(lua, 1);
        count++;
    }
    return count;
}

/* Packs the table on top and leaves it there. */
static void pack_table(lua_State *lua, struct buf *out, int depth)
{
    luaL_checkstack(lua, 4, "in cmsgpack.pack");
    int64_t elements = count_array(lua);
    if (elements >= 0) {
        check_room(lua, mpack_put_array(out, (uint32_t)elements));
        for (int i = 1; i <= elements; i++) {
            lua_rawgeti(lua, -1, i);
            pack_value(lua, out, depth + 1);
        }
        return;
    }
    check_room(lua, mpack_put_map(out, count_pairs(lua)));
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        lua_pushvalue(lua, -2);
        pack_value(lua, out, depth + 1);
        pack_value(lua, out, depth + 1);
    }
}

static oxq_err pack_number(struct buf *out, double d)
{
    int64_t n = lib_to_integer(d);
    return (double)n == d ? mpack_put_integer(out, n) : mpack_put_real(out, d);
}

/* Packs the value on top and pops it. Recursion: PACK_DEPTH_MAX. */
static void pack_value(lua_State *lua, struct buf *out, int depth)
{
    oxq_err e = OXQ_OK;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING: {
        size_t len;
        const char *at = lua_tolstring(lua, -1, &len);
        e = mpack_put_text(out, slice_of(at, len));
        break;
    }
    case LUA_TNUMBER: e = pack_number(out, lua_tonumber(lua, -1)); break;
    case LUA_TBOOLEAN: e = mpack_put_bool(out, lua_toboolean(lua, -1)); break;
    case LUA_TTABLE:
        if (depth < PACK_DEPTH_MAX)
            pack_table(lua, out, depth);
        else
            e = mpack_put_null(out);
        break;
    default: e = mpack_put_null(out);
    }
    check_room(lua, e);
    lua_pop(lua, 1);
}

static int cmsgpack_pack(lua_State *lua)
{
    int argc = lua_gettop(lua);
    if (argc == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
    struct buf *out = host_borrow_out(host_of(lua));
    luaL_checkstack(lua, 1, "in cmsgpack.pack");
    for (int i = 1; i <= argc; i++) {
        lua_pushvalue(lua, i);
        pack_value(lua, out, 0);
    }
    lua_pushlstring(lua, out->len ? out->at : "", out->len);
    return 1;
}

/* ---- unpacking ---- */

static void push_null(void *lua)
{
    lua_pushnil(lua);
}

static void push_bool(void *lua, bool b)
{
    lua_pushboolean(lua, b);
}

static void push_integer(void *lua, int64_t n)
{
    lua_pushnumber(lua, (lua_Number)n);
}

/* Redis's library reads these as signed. */
static void push_big(void *lua, uint64_t n)
{
    lua_pushnumber(lua, (lua_Number)(int64_t)n);
}

static void push_real(void *lua, double d)
{
    lua_pushnumber(lua, d);
}

static void push_text(void *lua, struct slice bytes)
{
    lua_pushlstring(lua, bytes.at, bytes.len);
}

static int room_for(uint32_t count)
{
    return count < ROOM_MAX ? (int)count : ROOM_MAX;
}

static void push_array(void *lua, uint32_t count)
{
    luaL_checkstack(lua, 4, "too deep for cmsgpack.unpack");
    lua_createtable(lua, room_for(count), 0);
}

static void push_map(void *lua, uint32_t count)
{
    luaL_checkstack(lua, 4, "too deep for cmsgpack.unpack");
    lua_createtable(lua, 0, room_for(count));
}

static void store_element(void *lua, uint32_t number)
{
    lua_rawseti(lua, -2, (int)number);
}

static void store_pair(void *lua)
{
    lua_rawset(lua, -3);
}

static const struct mpack_visitor visitor = {
    .null = push_null,
    .boolean = push_bool,
    .integer = push_integer,
    .big = push_big,
    .real = push_real,
    .text = push_text,
    .open_array = push_array,
    .open_map = push_map,
    .element = store_element,
    .pair = store_pair,
};

static void unpack_value(lua_State *lua, struct slice *input)
{
    luaL_checkstack(lua, 4, "too many return values at once; use unpack_one or unpack_limit instead.");
    oxq_err e = mpack_visit(input, &visitor, lua);
    if (e == OXQ_ERR_AGAIN) luaL_error(lua, "Missing bytes in input.");
    if (e == OXQ_ERR_LIMIT) luaL_error(lua, "Too many levels in input.");
    if (e) luaL_error(lua, "Bad data format in input.");
}

static int cmsgpack_unpack(lua_State *lua)
{
    size_t len;
    const char *at = luaL_checklstring(lua, 1, &len);
    struct slice input = slice_of(at, len);
    int count = 0;
    for (; input.len > 0; count++) unpack_value(lua, &input);
    return count;
}

/* The offset where to go on (-1 at the end), and up to `limit` values from `offset` on. */
static int unpack_from(lua_State *lua, int64_t limit, int64_t offset)
{
    size_t len;
    const char *at = luaL_checklstring(lua, 1, &len);
    if (offset < 0 || limit < 0)
        return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.", (int)offset, (int)len);
    if ((uint64_t)offset > len)
        return luaL_error(lua, "Start offset %d greater than input length %d.", (int)offset, (int)len);
    if (limit == 0 && offset == 0) return cmsgpack_unpack(lua);
    lua_settop(lua, 1);
    struct slice input = slice_of(at + offset, len - (size_t)offset);
    lua_pushnil(lua);
    int count = 0;
    for (; input.len > 0 && count < limit; count++) unpack_value(lua, &input);
    lua_pushnumber(lua, input.len ? (lua_Number)(len - input.len) : -1);
    lua_replace(lua, 2);
    return count + 1;
}

static int cmsgpack_unpack_one(lua_State *lua)
{
    return unpack_from(lua, 1, lib_to_integer(luaL_optnumber(lua, 2, 0)));
}

static int cmsgpack_unpack_limit(lua_State *lua)
{
    return unpack_from(lua, lib_to_integer(luaL_checknumber(lua, 2)), lib_to_integer(luaL_optnumber(lua, 3, 0)));
}

void lib_cmsgpack_open(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"pack", cmsgpack_pack},
                                         {"unpack", cmsgpack_unpack},
                                         {"unpack_one", cmsgpack_unpack_one},
                                         {"unpack_limit", cmsgpack_unpack_limit}};
    lua_createtable(lua, 0, 8);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        lua_pushcfunction(lua, functions[i].func);
        lua_setfield(lua, -2, functions[i].name);
    }
    lua_pushliteral(lua, "cmsgpack");
    lua_setfield(lua, -2, "_NAME");
    /* The version whose behaviour this is. */
    lua_pushliteral(lua, "lua-cmsgpack 0.4.0");
    lua_setfield(lua, -2, "_VERSION");
    lua_pushliteral(lua, "MessagePack over msgpack-c");
    lua_setfield(lua, -2, "_DESCRIPTION");
}
