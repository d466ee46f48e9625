/* SPDX-License-Identifier: MIT */
/* The table and its settings; encode and decode have files of their own. */
#include "script/lib_cjson.h"

#include <limits.h>
#include <stdio.h>

/* %.14g: what Lua prints numbers with. */
#define PRECISION_MAX 14

static struct cjson_config *take_arguments(lua_State *lua, int count)
{
    luaL_argcheck(lua, lua_gettop(lua) <= count, count + 1, "found too many arguments");
    lua_settop(lua, count);
    return lua_touserdata(lua, lua_upvalueindex(1));
}

/* Sets a number if the argument is there; pushes it. */
static void integer_setting(lua_State *lua, int arg, int *setting, int min, int max)
{
    if (!lua_isnil(lua, arg)) {
        char range[64];
        int64_t n = lib_to_integer(luaL_checknumber(lua, arg));
        snprintf(range, sizeof(range), "expected integer between %d and %d", min, max);
        luaL_argcheck(lua, n >= min && n <= max, 1, range);
        *setting = (int)n;
    }
    lua_pushinteger(lua, *setting);
}

/* Sets one of "off", "on" and perhaps "null", or false and true, if the argument is there; pushes it, off and on as booleans. */
static void choice_setting(lua_State *lua, int arg, int *setting, bool has_null)
{
    static const char *const names[] = {"off", "on", NULL}, *const names_null[] = {"off", "on", "null", NULL};
    if (lua_isboolean(lua, arg))
        *setting = lua_toboolean(lua, arg);
    else if (!lua_isnil(lua, arg))
        *setting = luaL_checkoption(lua, arg, NULL, has_null ? names_null : names);
    if (*setting <= CJSON_ACCEPT)
        lua_pushboolean(lua, *setting);
    else
        lua_pushstring(lua, names_null[*setting]);
}

static int encode_sparse_array(lua_State *lua)
{
    struct cjson_config *c = take_arguments(lua, 3);
    choice_setting(lua, 1, &c->encode_sparse_convert, false);
    integer_setting(lua, 2, &c->encode_sparse_ratio, 0, INT_MAX);
    integer_setting(lua, 3, &c->encode_sparse_safe, 0, INT_MAX);
    return 3;
}

static int encode_max_depth(lua_State *lua)
{
    integer_setting(lua, 1, &take_arguments(lua, 1)->encode_max_depth, 1, INT_MAX);
    return 1;
}

static int decode_max_depth(lua_State *lua)
{
    integer_setting(lua, 1, &take_arguments(lua, 1)->decode_max_depth, 1, INT_MAX);
    return 1;
}

static int encode_number_precision(lua_State *lua)
{
    integer_setting(lua, 1, &take_arguments(lua, 1)->encode_number_precision, 1, PRECISION_MAX);
    return 1;
}

static int encode_keep_buffer(lua_State *lua)
{
    choice_setting(lua, 1, &take_arguments(lua, 1)->encode_keep_buffer, false);
    return 1;
}

static int encode_invalid_numbers(lua_State *lua)
{
    choice_setting(lua, 1, &take_arguments(lua, 1)->encode_invalid, true);
    return 1;
}

static int decode_invalid_numbers(lua_State *lua)
{
    choice_setting(lua, 1, &take_arguments(lua, 1)->decode_invalid, false);
    return 1;
}

static int new_table(lua_State *lua)
{
    lib_cjson_open(lua);
    return 1;
}

void lib_cjson_open(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"encode", cjson_encode},
        {"decode", cjson_decode},
        {"encode_sparse_array", encode_sparse_array},
        {"encode_max_depth", encode_max_depth},
        {"decode_max_depth", decode_max_depth},
        {"encode_number_precision", encode_number_precision},
        {"encode_keep_buffer", encode_keep_buffer},
        {"encode_invalid_numbers", encode_invalid_numbers},
        {"decode_invalid_numbers", decode_invalid_numbers},
        {"new", new_table},
    };
    lua_newtable(lua);
    struct cjson_config *c = lua_newuserdata(lua, sizeof(*c));
    *c = (struct cjson_config){
        .encode_sparse_ratio = 2,
        .encode_sparse_safe = 10,
        .encode_max_depth = 1000,
        .encode_number_precision = PRECISION_MAX,
        .encode_keep_buffer = 1,
        .encode_invalid = CJSON_REFUSE,
        .decode_invalid = CJSON_ACCEPT,
        .decode_max_depth = 1000,
    };
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        lua_pushvalue(lua, -1);
        lua_pushcclosure(lua, functions[i].func, 1);
        lua_setfield(lua, -3, functions[i].name);
    }
    lua_pop(lua, 1);
    lua_pushlightuserdata(lua, NULL);
    lua_setfield(lua, -2, "null");
    lua_pushliteral(lua, "cjson");
    lua_setfield(lua, -2, "_NAME");
    /* The version whose behaviour this is. */
    lua_pushliteral(lua, "2.1.0");
    lua_setfield(lua, -2, "_VERSION");
}
