/* SPDX-License-Identifier: MIT */
/*
 * cjson: JSON as the library of this name in Redis reads and writes it, with its settings and its error texts.
 *
 * It is our own because that library ends the process when a text grows past 2 GB, which a short script can bring about,
 * and because what it allocates is not a script's memory.
 */
#ifndef SCRIPT_LIB_CJSON_H
#define SCRIPT_LIB_CJSON_H

#include "script/lib.h"

/* Arrays and objects within each other at the very most, whatever is set. */
#define CJSON_DEPTH_MAX 4000

enum cjson_invalid { CJSON_REFUSE, CJSON_ACCEPT, CJSON_AS_NULL };

/* Settings of one cjson table: cjson itself, or what cjson.new() returned. An upvalue of its functions. */
struct cjson_config {
    int encode_sparse_convert; /* 1: an array with too many holes becomes an object; 0: an error */
    int encode_sparse_ratio;   /* too many: more than this many times its elements; 0: never */
    int encode_sparse_safe;    /* arrays up to this length are never too sparse */
    int encode_max_depth;
    int encode_number_precision;
    int encode_keep_buffer; /* told back, and of no consequence */
    int encode_invalid;     /* enum cjson_invalid: NaN and infinity */
    int decode_invalid;     /* CJSON_REFUSE or CJSON_ACCEPT: these, hexadecimal, leading zeros */
    int decode_max_depth;
};

static inline const struct cjson_config *cjson_config_of(lua_State *lua)
{
    return lua_touserdata(lua, lua_upvalueindex(1));
}

/* The functions of the same names. */
int cjson_encode(lua_State *lua);
int cjson_decode(lua_State *lua);

/* Pushes the library's table. */
void lib_cjson_open(lua_State *lua);

#endif
