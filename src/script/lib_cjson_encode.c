/* SPDX-License-Identifier: MIT */
/*
 * cjson.encode. A table whose keys are all whole numbers from 1 on is an array as long as the greatest of them, holes null;
 * every other one, and an empty one, an object.
 *
 * Tables are walked with frames of our own. Of each open table the Lua stack holds, from below: the table, and of an object
 * the key whose value is being written.
 */
#include "script/lib_cjson.h"

#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A frame of an object has no length. */
#define IS_OBJECT (-1)
/* The least power of ten that "%.14g" would print with an exponent. */
#define PLAIN_INTEGER_MAX 1e14
#define PRECISION_PLAIN 14

struct encode_frame {
    int length; /* of an array; IS_OBJECT */
    int at;     /* elements or pairs written */
};

struct encoder {
    lua_State *lua;
    const struct cjson_config *config;
    struct buf *out;
    int depth;
    struct encode_frame frames[CJSON_DEPTH_MAX];
};

/* ---- bytes ---- */

static void append(struct encoder *e, const char *at, size_t len)
{
    struct buf *out = e->out;
    if (out->cap - out->len < len && buf_reserve(out, len)) luaL_error(e->lua, "not enough memory");
    memcpy(out->at + out->len, at, len);
    out->len += len;
}

static void append_byte(struct encoder *e, char byte)
{
    append(e, &byte, 1);
}

#define APPEND_LITERAL(e, text) append((e), (text), sizeof(text) - 1)

static _Noreturn void refuse(struct encoder *e, int index, const char *reason)
{
    luaL_error(e->lua, "Cannot serialise %s: %s", luaL_typename(e->lua, index), reason);
    abort(); /* luaL_error does not return */
}

/* ---- scalars ---- */

/* The letter that stands behind a backslash for this byte; 'u': four hexadecimal digits; 0: it stands for itself. */
static char escape_of(unsigned char byte)
{
    static const char escapes[256] = {
        [0] = 'u',   [1] = 'u',   [2] = 'u',     [3] = 'u',  [4] = 'u',  [5] = 'u',  [6] = 'u',  [7] = 'u',
        [8] = 'b',   [9] = 't',   [10] = 'n',    [11] = 'u', [12] = 'f', [13] = 'r', [14] = 'u', [15] = 'u',
        [16] = 'u',  [17] = 'u',  [18] = 'u',    [19] = 'u', [20] = 'u', [21] = 'u', [22] = 'u', [23] = 'u',
        [24] = 'u',  [25] = 'u',  [26] = 'u',    [27] = 'u', [28] = 'u', [29] = 'u', [30] = 'u', [31] = 'u',
        ['"'] = '"', ['/'] = '/', ['\\'] = '\\', [127] = 'u'};
    return escapes[byte];
}

static void append_escape(struct encoder *e, unsigned char byte)
{
    char escape = escape_of(byte);
    append_byte(e, '\\');
    append_byte(e, escape);
    if (escape != 'u') return;
    char digits[] = {'0', '0', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    append(e, digits, sizeof(digits));
}

static void append_text(struct encoder *e, int index)
{
    size_t len, from = 0;
    const char *at = lua_tolstring(e->lua, index, &len);
    append_byte(e, '"');
    for (size_t i = 0; i < len; i++) {
        if (!escape_of((unsigned char)at[i])) continue;
        append(e, at + from, i - from);
        append_escape(e, (unsigned char)at[i]);
        from = i + 1;
    }
    append(e, at + from, len - from);
    append_byte(e, '"');
}

static void append_number(struct encoder *e, int index)
{
    double d = lua_tonumber(e->lua, index);
    char text[NUM_DOUBLE_MAX_CHARS];
    int precision = e->config->encode_number_precision;
    if (precision == PRECISION_PLAIN && d > -PLAIN_INTEGER_MAX && d < PLAIN_INTEGER_MAX && (double)(int64_t)d == d &&
        (d != 0 || !signbit(d))) {
        append(e, text, num_format_int(text, (int64_t)d));
        return;
    }
    if (!isfinite(d)) {
        if (e->config->encode_invalid == CJSON_REFUSE) refuse(e, index, "must not be NaN or Inf");
        if (e->config->encode_invalid == CJSON_AS_NULL)
            APPEND_LITERAL(e, "null");
        else if (isnan(d))
            APPEND_LITERAL(e, "nan");
        else if (d > 0)
            APPEND_LITERAL(e, "inf");
        else
            APPEND_LITERAL(e, "-inf");
        return;
    }
    append(e, text, (size_t)snprintf(text, sizeof(text), "%.*g", precision, d));
}

/* ---- tables ---- */

/* The number of an element that this key can be, 0 if none. */
static int element_of(lua_State *lua, int index)
{
    if (lua_type(lua, index) != LUA_TNUMBER) return 0;
    double key = lua_tonumber(lua, index);
    return key >= 1 && key <= INT32_MAX && (double)(int)key == key ? (int)key : 0;
}

/* The length of the table on top as an array; IS_OBJECT if it is none. */
static int array_length(struct encoder *e)
{
    lua_State *lua = e->lua;
    const struct cjson_config *c = e->config;
    int max = 0, count = 0;
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        int element = element_of(lua, -2);
        if (!element) {
            lua_pop(lua, 2);
            return IS_OBJECT;
        }
        lua_pop(lua, 1);
        if (element > max) max = element;
        count++;
    }
    bool is_sparse =
        c->encode_sparse_ratio > 0 && max > (int64_t)count * c->encode_sparse_ratio && max > c->encode_sparse_safe;
    if (is_sparse && !c->encode_sparse_convert) refuse(e, -1, "excessively sparse array");
    return is_sparse || max == 0 ? IS_OBJECT : max;
}

/* The table on top is written next. */
static void open_table(struct encoder *e)
{
    int depth = e->depth + 1;
    if (depth > e->config->encode_max_depth || depth > CJSON_DEPTH_MAX || !lua_checkstack(e->lua, 5))
        luaL_error(e->lua, "Cannot serialise, excessive nesting (%d)", depth);
    struct encode_frame *f = &e->frames[e->depth++];
    *f = (struct encode_frame){.length = array_length(e)};
    append_byte(e, f->length == IS_OBJECT ? '{' : '[');
    if (f->length == IS_OBJECT) lua_pushnil(e->lua);
}

/* Writes the value on top and pops it; a table becomes a frame and stays. */
static void take_value(struct encoder *e)
{
    lua_State *lua = e->lua;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING: append_text(e, -1); break;
    case LUA_TNUMBER: append_number(e, -1); break;
    case LUA_TBOOLEAN:
        if (lua_toboolean(lua, -1))
            APPEND_LITERAL(e, "true");
        else
            APPEND_LITERAL(e, "false");
        break;
    case LUA_TTABLE: open_table(e); return;
    case LUA_TNIL: APPEND_LITERAL(e, "null"); break;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua, -1)) refuse(e, -1, "type not supported");
        APPEND_LITERAL(e, "null");
        break;
    default: refuse(e, -1, "type not supported");
    }
    lua_pop(lua, 1);
}

/* The key below the value on top. */
static void append_key(struct encoder *e)
{
    int type = lua_type(e->lua, -2);
    if (type == LUA_TSTRING) {
        append_text(e, -2);
    } else if (type == LUA_TNUMBER) {
        append_byte(e, '"');
        append_number(e, -2);
        append_byte(e, '"');
    } else {
        refuse(e, -2, "table key must be a number or string");
    }
    append_byte(e, ':');
}

/* Writes the next part of the innermost table. */
static void step(struct encoder *e)
{
    struct encode_frame *f = &e->frames[e->depth - 1];
    bool is_object = f->length == IS_OBJECT;
    bool has_next = is_object ? lua_next(e->lua, -2) : f->at < f->length;
    if (!has_next) {
        append_byte(e, is_object ? '}' : ']');
        e->depth--;
        lua_pop(e->lua, 1);
        return;
    }
    if (f->at++ > 0) append_byte(e, ',');
    if (is_object) {
        append_key(e);
    } else {
        lua_rawgeti(e->lua, -1, f->at);
    }
    take_value(e);
}

int cjson_encode(lua_State *lua)
{
    luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
    struct encoder e;
    e.lua = lua;
    e.config = cjson_config_of(lua);
    e.out = host_borrow_out(host_of(lua));
    e.depth = 0;
    take_value(&e);
    while (e.depth) step(&e);
    lua_pushlstring(lua, e.out->at, e.out->len);
    return 1;
}
