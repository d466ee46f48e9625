/* SPDX-License-Identifier: MIT */
/*
 * math.random: the same numbers on every machine, those that Redis gives: POSIX's lrand48 from its first state on, one row
 * for all scripts.
 */
#include "script/lib.h"

#include <math.h>

#define LRAND_MULTIPLIER 0x5DEECE66Du
#define LRAND_ADDEND 0xBu
#define LRAND_BITS 48
#define LRAND_LOW_SEED 0x330Eu
/* What a program has that never seeded. */
#define LRAND_FIRST_SEED 0x1234ABCDu

static void seed(struct script_host *h, uint32_t n)
{
    h->random = (uint64_t)n << 16 | LRAND_LOW_SEED;
}

/* 0 .. 2^31 - 1. */
static uint32_t next_random(struct script_host *h)
{
    h->random = (h->random * LRAND_MULTIPLIER + LRAND_ADDEND) & (((uint64_t)1 << LRAND_BITS) - 1);
    return (uint32_t)(h->random >> (LRAND_BITS - 31));
}

/* As luaL_checkint of Redis's Lua: cut to 32 bits. */
static int32_t check_int(lua_State *lua, int arg)
{
    return (int32_t)lib_to_integer(luaL_checknumber(lua, arg));
}

static int math_random(lua_State *lua)
{
    double r = (double)(next_random(host_of(lua)) % INT32_MAX) / INT32_MAX;
    int argc = lua_gettop(lua);
    if (argc == 0) {
        lua_pushnumber(lua, r);
        return 1;
    }
    if (argc > 2) return luaL_error(lua, "wrong number of arguments");
    int32_t low = argc == 2 ? check_int(lua, 1) : 1, high = check_int(lua, argc);
    luaL_argcheck(lua, low <= high, argc, "interval is empty");
    lua_pushnumber(lua, floor(r * ((double)high - low + 1)) + low);
    return 1;
}

static int math_randomseed(lua_State *lua)
{
    seed(host_of(lua), (uint32_t)check_int(lua, 1));
    return 0;
}

void lib_random_reset(struct script_host *h)
{
    seed(h, LRAND_FIRST_SEED);
}

void lib_random_replace(lua_State *lua)
{
    lua_pushcfunction(lua, math_random);
    lua_setfield(lua, -2, "random");
    lua_pushcfunction(lua, math_randomseed);
    lua_setfield(lua, -2, "randomseed");
}
