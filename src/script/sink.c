/* SPDX-License-Identifier: MIT */
/*
 * Replies become Lua values as Redis documents it:
 *
 *   status      {ok = text}                 map       {map = {key = value, ...}}      (RESP3; RESP2: a flat array)
 *   error       {err = text}                set       {set = {member = true, ...}}    (RESP3; RESP2: an array)
 *   integer     number                      double    {double = number}               (RESP3; RESP2: text)
 *   bulk        string                      verbatim  {verbatim_string = {string =, format =}}  (RESP3; RESP2: string)
 *   null        nil (RESP3), false (RESP2)  boolean   boolean (RESP3), 1 or 0 (RESP2)
 *
 * An open aggregate lies on the Lua stack: an array as its table; a map or set as the outer table, the name of its only
 * field, the inner table, and for a map perhaps a key. Each value that is complete goes into the innermost one.
 * redis.call has made room for SINK_STACK_SLOTS.
 *
 * Nothing here may raise a Lua error: a command is running below us. Memory never fails meanwhile (memory.h); when
 * more is held than a script may, the rest of the reply is dropped and redis.call raises the error afterwards.
 */
#include "script/sink.h"

#include "base/num.h"
#include "script/host.h"

/* A table larger than this is not made: LuaJIT would raise an error. */
#define TABLE_COUNT_MAX ((size_t)1 << 26)

static struct sink *sink_of(struct reply *r)
{
    return (struct sink *)r;
}

static struct script_host *host_of_sink(struct sink *s)
{
    return (struct script_host *)((char *)s - offsetof(struct script_host, sink));
}

/* May this sink, its host's, take one more value? */
static bool is_open(struct sink *s)
{
    if (s->is_muted) return false;
    if (host_is_over_limit(host_of_sink(s))) s->reply.is_full = true;
    return !s->reply.is_full;
}

static void close_frame(struct sink *s)
{
    if (s->frames[s->depth - 1].kind != REPLY_ARRAY) lua_rawset(s->lua, -3);
    s->depth--;
}

/* Puts the complete pair on top of the stack into the table below it. A null cannot be a key. */
static void store_pair(lua_State *lua)
{
    if (lua_isnil(lua, -2))
        lua_pop(lua, 2);
    else
        lua_rawset(lua, -3);
}

/* Puts the value on top of the stack into the innermost aggregate; true if that is now complete. */
static bool store(struct sink *s, struct sink_frame *f)
{
    switch (f->kind) {
    case REPLY_ARRAY:
    case REPLY_PUSH: lua_rawseti(s->lua, -2, ++f->count); break;
    case REPLY_SET:
        lua_pushboolean(s->lua, 1);
        store_pair(s->lua);
        break;
    case REPLY_MAP:
        f->is_key_pending = !f->is_key_pending;
        if (f->is_key_pending) return false;
        store_pair(s->lua);
        break;
    }
    return --f->left == 0;
}

/* A value is complete on top of the stack: so may be the aggregates that it is the last of. */
static inline void settle(struct sink *s)
{
    while (s->depth && store(s, &s->frames[s->depth - 1])) close_frame(s);
}

static void sink_status(struct reply *r, struct slice text)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    lua_createtable(s->lua, 0, 1);
    lua_pushvalue(s->lua, lua_upvalueindex(SINK_UPVALUE_OK));
    if (text.len == 2 && memcmp(text.at, "OK", 2) == 0)
        lua_pushvalue(s->lua, lua_upvalueindex(SINK_UPVALUE_OK_TEXT));
    else
        lua_pushlstring(s->lua, text.at, text.len);
    lua_rawset(s->lua, -3);
    settle(s);
}

static void sink_error(struct reply *r, struct slice text)
{
    struct sink *s = sink_of(r);
    if (!s->is_muted && !is_open(s)) return;
    lua_createtable(s->lua, 0, 2);
    lua_pushvalue(s->lua, lua_upvalueindex(SINK_UPVALUE_ERR));
    lua_pushlstring(s->lua, text.at, text.len);
    lua_rawset(s->lua, -3);
    lua_pushboolean(s->lua, 1);
    lua_setfield(s->lua, -2, "ignore_error_stats_update");
    s->is_error |= s->depth == 0;
    settle(s);
}

static void sink_integer(struct reply *r, int64_t n)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    lua_pushnumber(s->lua, (lua_Number)n);
    settle(s);
}

static void sink_bulk(struct reply *r, struct slice bytes)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    host_note_given(host_of_sink(s), bytes.len);
    lua_pushlstring(s->lua, bytes.at, bytes.len);
    settle(s);
}

static void sink_verbatim(struct reply *r, struct slice text, const char *format)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    if (r->resp == 2) {
        sink_bulk(r, text);
        return;
    }
    lua_createtable(s->lua, 0, 1);
    lua_createtable(s->lua, 0, 2);
    lua_pushlstring(s->lua, text.at, text.len);
    lua_setfield(s->lua, -2, "string");
    lua_pushlstring(s->lua, format, 3);
    lua_setfield(s->lua, -2, "format");
    lua_setfield(s->lua, -2, "verbatim_string");
    settle(s);
}

static void sink_big_number(struct reply *r, struct slice digits)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    if (r->resp == 2) {
        sink_bulk(r, digits);
        return;
    }
    lua_createtable(s->lua, 0, 1);
    lua_pushlstring(s->lua, digits.at, digits.len);
    lua_setfield(s->lua, -2, "big_number");
    settle(s);
}

static void sink_real(struct reply *r, double d)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    if (r->resp == 2) {
        char digits[NUM_DOUBLE_MAX_CHARS];
        sink_bulk(r, slice_of(digits, num_format_double(digits, d)));
        return;
    }
    lua_createtable(s->lua, 0, 1);
    lua_pushnumber(s->lua, d);
    lua_setfield(s->lua, -2, "double");
    settle(s);
}

static void sink_boolean(struct reply *r, bool b)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    if (r->resp == 2)
        lua_pushnumber(s->lua, b);
    else
        lua_pushboolean(s->lua, b);
    settle(s);
}

static void sink_null(struct reply *r)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    if (r->resp == 2)
        lua_pushboolean(s->lua, 0);
    else
        lua_pushnil(s->lua);
    settle(s);
}

/* Pushes an aggregate that gets `left` elements or pairs, of which `room` are expected. */
static void open_frame(struct sink *s, enum reply_aggregate kind, size_t left, size_t room)
{
    CHECK(s->depth < SINK_DEPTH_MAX);
    if (room > TABLE_COUNT_MAX) {
        s->reply.is_full = true;
        return;
    }
    if (kind == REPLY_ARRAY) {
        lua_createtable(s->lua, (int)room, 0);
    } else {
        lua_createtable(s->lua, 0, 1);
        if (kind == REPLY_MAP)
            lua_pushliteral(s->lua, "map");
        else
            lua_pushliteral(s->lua, "set");
        lua_createtable(s->lua, 0, (int)room);
    }
    s->frames[s->depth++] = (struct sink_frame){.kind = kind, .left = left};
}

/* What kind of table stands for an aggregate. */
static enum reply_aggregate lua_kind(const struct reply *r, enum reply_aggregate kind)
{
    return r->resp == 2 || kind == REPLY_PUSH ? REPLY_ARRAY : kind;
}

static void sink_aggregate(struct reply *r, enum reply_aggregate kind, size_t count)
{
    struct sink *s = sink_of(r);
    if (!is_open(s)) return;
    enum reply_aggregate shown = lua_kind(r, kind);
    size_t left = kind == REPLY_MAP && shown == REPLY_ARRAY ? 2 * count : count;
    open_frame(s, shown, left, left);
    if (left || s->reply.is_full) return;
    close_frame(s);
    settle(s);
}

static struct reply_mark sink_begin(struct reply *r, enum reply_aggregate kind)
{
    struct sink *s = sink_of(r);
    if (is_open(s)) open_frame(s, lua_kind(r, kind), SIZE_MAX, 4);
    return (struct reply_mark){0};
}

static void sink_end(struct reply *r, struct reply_mark mark, enum reply_aggregate kind, size_t count)
{
    struct sink *s = sink_of(r);
    (void)mark, (void)kind, (void)count;
    if (s->is_muted || s->reply.is_full) return;
    close_frame(s);
    settle(s);
}

static const struct reply_ops sink_ops = {
    .status = sink_status,
    .error = sink_error,
    .integer = sink_integer,
    .bulk = sink_bulk,
    .verbatim = sink_verbatim,
    .big_number = sink_big_number,
    .real = sink_real,
    .boolean = sink_boolean,
    .null = sink_null,
    .null_array = sink_null,
    .aggregate = sink_aggregate,
    .begin = sink_begin,
    .end = sink_end,
};

void sink_init(struct sink *s, uint8_t resp)
{
    *s = (struct sink){.reply = {.ops = &sink_ops, .resp = resp}};
}
