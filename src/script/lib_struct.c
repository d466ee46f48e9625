/* SPDX-License-Identifier: MIT */
/*
 * struct: Lua values to C's binary layouts and back. A format is a row of letters:
 *
 *   <  >     little, big endian from here on (at the start: this machine's)      ' '   nothing
 *   !n       align to n bytes, a power of two (without n: 8; at the start: 1)   x     a byte of padding
 *   b B      signed, unsigned char        h H  short      l L  long            T     size_t
 *   in In    signed, unsigned integer of n bytes, up to 32 (without n: 4)
 *   f d      float, double
 *   cn       n bytes of a string (without n: 1); c0: the whole string, read back: as long as the number before said
 *   s        a string with a zero behind it
 */
#include "script/lib.h"

#include <ctype.h>
#include <limits.h>

#define INTEGER_BYTES_MAX 32
#define ALIGN_DEFAULT 8

/* Where a format is being read. */
struct format {
    lua_State *lua;
    const char *at;
    bool is_little;
    bool skips_unknown; /* size passes over letters and digits that mean nothing */
    size_t align;
};

/* One letter with its number. */
struct item {
    char kind;
    size_t bytes; /* 0 for those without a size of their own */
};

static struct format format_start(lua_State *lua)
{
    return (struct format){.lua = lua, .at = luaL_checkstring(lua, 1), .is_little = true, .align = 1};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int read_number(struct format *f, int when_missing)
{
    if (!is_digit(*f->at)) return when_missing;
    int n = 0;
    for (; is_digit(*f->at); f->at++) {
        int digit = *f->at - '0';
        if (n > (INT_MAX - digit) / 10) luaL_error(f->lua, "integral size overflow");
        n = n * 10 + digit;
    }
    return n;
}

static size_t read_integer_bytes(struct format *f)
{
    int n = read_number(f, (int)sizeof(int));
    if (n > INTEGER_BYTES_MAX) luaL_error(f->lua, "integral size %d is larger than limit of %d", n, INTEGER_BYTES_MAX);
    return (size_t)n;
}

static size_t read_bytes(struct format *f, char kind)
{
    switch (kind) {
    case 'b':
    case 'B':
    case 'x': return 1;
    case 'h':
    case 'H': return sizeof(short);
    case 'l':
    case 'L': return sizeof(long);
    case 'T': return sizeof(size_t);
    case 'f': return sizeof(float);
    case 'd': return sizeof(double);
    case 'c': return (size_t)read_number(f, 1);
    case 'i':
    case 'I': return read_integer_bytes(f);
    default: return 0;
    }
}

/* Carries out a letter that stands for no value. */
static void obey(struct format *f, char kind)
{
    if (kind == ' ') return;
    if (kind == '<' || kind == '>') {
        f->is_little = kind == '<';
    } else if (kind == '!') {
        int n = read_number(f, ALIGN_DEFAULT);
        if (n <= 0 || (n & (n - 1)) != 0) luaL_error(f->lua, "alignment %d is not a power of 2", n);
        f->align = (size_t)n;
    } else if (!f->skips_unknown || !isalnum((unsigned char)kind)) {
        luaL_argerror(f->lua, 1, lua_pushfstring(f->lua, "invalid format option '%c'", kind));
    }
}

/* The next letter that stands for a value; false at the end. */
static bool next_item(struct format *f, struct item *out)
{
    while (*f->at) {
        char kind = *f->at++;
        *out = (struct item){kind, read_bytes(f, kind)};
        if (strchr("bBhHlLTiIxfdcs", kind)) return true;
        obey(f, kind);
    }
    return false;
}

/* Bytes to skip so that the item is aligned at `position`. */
static size_t padding(const struct format *f, struct item item, size_t position)
{
    if (item.bytes == 0 || item.kind == 'c') return 0;
    size_t to = item.bytes < f->align ? item.bytes : f->align;
    return (to - (position & (to - 1))) & (to - 1);
}

/* Bytes of a value as they lie in memory here, to or from the format's order. */
static void copy_ordered(const struct format *f, char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i++) to[i] = f->is_little ? from[i] : from[len - 1 - i];
}

/* ---- packing ---- */

static void append(lua_State *lua, struct buf *out, struct slice bytes)
{
    if (buf_append(out, bytes)) luaL_error(lua, "not enough memory");
}

static uint64_t bits_of(double d)
{
    if (d < 0 || !(d >= 0x1p63)) return (uint64_t)lib_to_integer(d);
    return d < 0x1p64 ? (uint64_t)d : 0;
}

static void pack_number(struct format *f, struct item item, int arg, struct buf *out)
{
    char here[INTEGER_BYTES_MAX] = {0}, ordered[INTEGER_BYTES_MAX];
    double d = luaL_checknumber(f->lua, arg);
    if (item.kind == 'f')
        memcpy(here, &(float){(float)d}, sizeof(float));
    else if (item.kind == 'd')
        memcpy(here, &d, sizeof(d));
    else
        memcpy(here, &(uint64_t){bits_of(d)}, sizeof(uint64_t));
    copy_ordered(f, ordered, here, item.bytes);
    append(f->lua, out, slice_of(ordered, item.bytes));
}

/* The bytes that it took beside a closing zero. */
static void pack_text(struct format *f, struct item item, int arg, struct buf *out)
{
    size_t len;
    const char *at = luaL_checklstring(f->lua, arg, &len);
    size_t bytes = item.bytes ? item.bytes : len;
    /* The argument's number is told as Redis does: one too high. */
    luaL_argcheck(f->lua, len >= bytes, arg + 1, "string too short");
    append(f->lua, out, slice_of(at, bytes));
    if (item.kind == 's') append(f->lua, out, slice_of("", 1));
}

static int struct_pack(lua_State *lua)
{
    static const char zeros[INTEGER_BYTES_MAX];
    struct format f = format_start(lua);
    /* The first missing value is told as nil. */
    lua_pushnil(lua);
    struct buf *out = host_borrow_out(host_of(lua));
    struct item item;
    int arg = 2;
    while (next_item(&f, &item)) {
        append(lua, out, slice_of(zeros, padding(&f, item, out->len)));
        if (item.kind == 'x')
            append(lua, out, slice_of(zeros, 1));
        else if (item.kind == 'c' || item.kind == 's')
            pack_text(&f, item, arg++, out);
        else
            pack_number(&f, item, arg++, out);
    }
    lua_pushlstring(lua, out->len ? out->at : "", out->len);
    return 1;
}

/* ---- unpacking ---- */

static double real_of(struct item item, const char *here)
{
    if (item.kind == 'd') {
        double d;
        memcpy(&d, here, sizeof(d));
        return d;
    }
    float single;
    memcpy(&single, here, sizeof(single));
    return single;
}

/* Eight bytes count at most; the sign is the highest bit of the item's bytes. */
static double integer_of(struct item item, const char *here)
{
    uint64_t n = 0;
    memcpy(&n, here, item.bytes < sizeof(n) ? item.bytes : sizeof(n));
    if (!islower((unsigned char)item.kind)) return (double)n;
    uint64_t sign = UINT64_MAX << ((item.bytes * 8 - 1) & 63);
    if (n & sign) n |= sign;
    return (double)(int64_t)n;
}

static void push_number(const struct format *f, struct item item, const char *at)
{
    char here[INTEGER_BYTES_MAX];
    copy_ordered(f, here, at, item.bytes);
    bool is_real = item.kind == 'f' || item.kind == 'd';
    lua_pushnumber(f->lua, is_real ? real_of(item, here) : integer_of(item, here));
}

static void check_left(lua_State *lua, size_t bytes, size_t position, size_t len)
{
    luaL_argcheck(lua, bytes <= len && position <= len - bytes, 2, "data string too short");
}

/* Pushes what the item reads at data[position ..]; returns how many bytes it took. *count are the values so far. */
static size_t push_text(lua_State *lua, struct item item, struct slice data, size_t position, int *count)
{
    const char *at = data.at + position;
    if (item.kind == 's') {
        const char *zero = memchr(at, '\0', data.len - position);
        if (!zero) luaL_error(lua, "unfinished string in data");
        lua_pushlstring(lua, at, (size_t)(zero - at));
        return (size_t)(zero - at) + 1;
    }
    size_t bytes = item.bytes;
    if (bytes == 0) {
        if (*count == 0 || !lua_isnumber(lua, -1)) luaL_error(lua, "format 'c0' needs a previous size");
        bytes = bits_of(lua_tonumber(lua, -1));
        lua_pop(lua, 1);
        (*count)--;
        check_left(lua, bytes, position, data.len);
    }
    lua_pushlstring(lua, at, bytes);
    return bytes;
}

static int struct_unpack(lua_State *lua)
{
    struct format f = format_start(lua);
    size_t len;
    const char *at = luaL_checklstring(lua, 2, &len);
    lua_Integer start = luaL_optinteger(lua, 3, 1);
    luaL_argcheck(lua, start != 0, 3, "offset must be 1 or greater");
    size_t position = start > 0 ? (size_t)start - 1 : SIZE_MAX / 2;
    struct item item;
    int count = 0;
    if (*f.at) check_left(lua, 0, position, len);
    while (next_item(&f, &item)) {
        position += padding(&f, item, position);
        check_left(lua, item.bytes, position, len);
        luaL_checkstack(lua, 2, "too many results");
        if (item.kind == 'x') {
            position++;
            continue;
        }
        if (item.kind == 'c' || item.kind == 's') {
            position += push_text(lua, item, slice_of(at, len), position, &count);
        } else {
            push_number(&f, item, at + position);
            position += item.bytes;
        }
        count++;
    }
    lua_pushnumber(lua, (lua_Number)position + 1);
    return count + 1;
}

static int struct_size(lua_State *lua)
{
    struct format f = format_start(lua);
    f.skips_unknown = true;
    struct item item;
    size_t position = 0;
    while (next_item(&f, &item)) {
        if (item.kind == 's') return luaL_argerror(lua, 1, "option 's' has no fixed size");
        if (item.kind == 'c' && item.bytes == 0) return luaL_argerror(lua, 1, "option 'c0' has no fixed size");
        position += padding(&f, item, position) + item.bytes;
    }
    lua_pushnumber(lua, (lua_Number)position);
    return 1;
}

void lib_struct_open(lua_State *lua)
{
    lua_createtable(lua, 0, 3);
    lua_pushcfunction(lua, struct_pack);
    lua_setfield(lua, -2, "pack");
    lua_pushcfunction(lua, struct_unpack);
    lua_setfield(lua, -2, "unpack");
    lua_pushcfunction(lua, struct_size);
    lua_setfield(lua, -2, "size");
}
