/* SPDX-License-Identifier: MIT */
/*
 * Lua values become replies as Redis documents it, the reverse of sink.c: a number its integer part, false and nil a null,
 * true 1; a table is what its field err, ok, double, big_number, verbatim_string, map or set says, else an array
 * up to its first nil.
 *
 * Tables can lie in each other as deep as a script likes, or contain themselves. We walk with frames of our own, each with its table
 * (and a key) on the Lua stack, until that is full: as with Redis, about 8000 arrays deep; an error stands there then.
 */
#include "script/answer.h"

#include "base/mem.h"
#include "script/lib.h"

/* Of the Lua stack, what one step takes at most: a value, a look at each field that a table may have, and those of a verbatim text. */
#define STEP_SLOTS 12
/* An array's length is not known before its end. At the upper levels the header is put before the elements then; further
 * down that would move the same bytes too often, and they are counted first. */
#define COUNT_FIRST_DEPTH 8

enum answer_kind { ANSWER_ARRAY, ANSWER_MAP, ANSWER_SET };

struct answer_frame {
    enum answer_kind kind;
    bool is_counted;   /* the header was sent with the right count */
    bool is_value_due; /* of a map: a key was given, its value lies on top of the stack */
    int count;         /* elements, pairs or members so far */
    struct reply_mark mark;
};

struct answer {
    struct script_host *host;
    lua_State *lua;
    struct reply *reply;
    struct answer_frame *frames; /* owned */
    int depth;
    int cap;
};

/* Pushes the field, whose name lies in a slot, of the table at an index. Is it of the type? */
static bool push_field(lua_State *lua, int table, enum host_slot slot, int type)
{
    lua_pushvalue(lua, slot);
    lua_rawget(lua, table);
    return lua_type(lua, -1) == type;
}

/* Pushes the field of the table at the index; raw, for nobody catches what a metamethod raises. */
static void push_raw(lua_State *lua, int index, const char *name)
{
    lua_pushvalue(lua, index);
    lua_pushstring(lua, name);
    lua_rawget(lua, -2);
    lua_replace(lua, -2);
}

static struct slice text_at(lua_State *lua, int index)
{
    size_t len;
    const char *at = lua_tolstring(lua, index, &len);
    return slice_of(at, len);
}

/* A status or a big number has no line ends inside. */
static struct slice one_line(struct answer *a, struct slice text)
{
    if (!memchr(text.at, '\r', text.len) && !memchr(text.at, '\n', text.len)) return text;
    char *line = arena_alloc(&a->host->scratch, text.len);
    for (size_t i = 0; i < text.len; i++) line[i] = text.at[i] == '\r' || text.at[i] == '\n' ? ' ' : text.at[i];
    return slice_of(line, text.len);
}

/* {verbatim_string = {format = "txt", string = "..."}}, whose inner table is on top. */
static bool answer_verbatim(struct answer *a)
{
    lua_State *lua = a->lua;
    push_raw(lua, -1, "format");
    push_raw(lua, -2, "string");
    bool is_whole = lua_type(lua, -1) == LUA_TSTRING && lua_type(lua, -2) == LUA_TSTRING;
    if (is_whole) {
        char format[3] = {' ', ' ', ' '};
        struct slice given = text_at(lua, -2);
        memcpy(format, given.at, given.len < 3 ? given.len : 3);
        a->reply->ops->verbatim(a->reply, text_at(lua, -1), format);
    }
    return is_whole;
}

/* Answers with the table at the index, which is on top, if it stands for a single value. What it looks at stays on the stack. */
static bool answer_scalar_table(struct answer *a, int table)
{
    lua_State *lua = a->lua;
    if (push_field(lua, table, HOST_ERR, LUA_TSTRING))
        reply_error(a->reply, text_at(lua, -1));
    else if (push_field(lua, table, HOST_OK, LUA_TSTRING))
        reply_status(a->reply, one_line(a, text_at(lua, -1)));
    else if (push_field(lua, table, HOST_DOUBLE, LUA_TNUMBER))
        reply_double(a->reply, lua_tonumber(lua, -1));
    else if (push_field(lua, table, HOST_BIG_NUMBER, LUA_TSTRING))
        reply_big_number(a->reply, one_line(a, text_at(lua, -1)));
    else
        return push_field(lua, table, HOST_VERBATIM_STRING, LUA_TTABLE) && answer_verbatim(a);
    return true;
}

static int count_elements(lua_State *lua)
{
    int count = 0;
    for (;; count++) {
        lua_rawgeti(lua, -1, count + 1);
        bool is_end = lua_isnil(lua, -1);
        lua_pop(lua, 1);
        if (is_end) return count;
    }
}

static enum reply_aggregate aggregate_of(enum answer_kind kind)
{
    return kind == ANSWER_MAP ? REPLY_MAP : kind == ANSWER_SET ? REPLY_SET : REPLY_ARRAY;
}

/* The table on top is walked next. For maps and sets the first key to ask for is pushed: nil. */
static void open_frame(struct answer *a, enum answer_kind kind)
{
    if (a->depth == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 16;
        a->frames = mem_resize(a->frames, (size_t)a->cap * sizeof(*a->frames));
    }
    struct answer_frame *f = &a->frames[a->depth++];
    *f = (struct answer_frame){.kind = kind};
    if (kind == ANSWER_ARRAY && a->depth > COUNT_FIRST_DEPTH) {
        f->is_counted = true;
        reply_array(a->reply, (size_t)count_elements(a->lua));
    } else {
        f->mark = reply_begin(a->reply, aggregate_of(kind));
    }
    if (kind != ANSWER_ARRAY) lua_pushnil(a->lua);
}

static void close_frame(struct answer *a)
{
    struct answer_frame *f = &a->frames[--a->depth];
    if (!f->is_counted) reply_end(a->reply, f->mark, aggregate_of(f->kind), (size_t)f->count);
    lua_pop(a->lua, 1);
}

static void answer_boolean(struct answer *a, bool b)
{
    if (a->host->sink.reply.resp != 2)
        reply_bool(a->reply, b);
    else if (b)
        reply_integer(a->reply, 1);
    else
        reply_null(a->reply);
}

/* Answers with the table on top: true if that is done, false if it has become a frame. */
static bool answer_table(struct answer *a)
{
    lua_State *lua = a->lua;
    if (!lua_checkstack(lua, STEP_SLOTS)) {
        reply_error(a->reply, SLICE_LIT("ERR reached lua stack limit"));
        return true;
    }
    int table = lua_gettop(lua);
    bool is_scalar = answer_scalar_table(a, table);
    enum answer_kind kind = ANSWER_ARRAY;
    if (!is_scalar && push_field(lua, table, HOST_MAP, LUA_TTABLE))
        kind = ANSWER_MAP;
    else if (!is_scalar && push_field(lua, table, HOST_SET, LUA_TTABLE))
        kind = ANSWER_SET;
    /* The inner table takes the place of the outer one. */
    if (kind != ANSWER_ARRAY) lua_replace(lua, table);
    lua_settop(lua, table);
    if (!is_scalar) open_frame(a, kind);
    return is_scalar;
}

/* Answers with the value on top, of this type, and pops it, unless it has become a frame. */
static void take_value(struct answer *a, int type)
{
    lua_State *lua = a->lua;
    switch (type) {
    case LUA_TSTRING: reply_bulk(a->reply, text_at(lua, -1)); break;
    case LUA_TNUMBER: reply_integer(a->reply, lib_to_integer(lua_tonumber(lua, -1))); break;
    case LUA_TBOOLEAN: answer_boolean(a, lua_toboolean(lua, -1)); break;
    case LUA_TTABLE:
        if (!answer_table(a)) return;
        break;
    default: reply_null(a->reply);
    }
    lua_pop(lua, 1);
}

/* The next element of the innermost frame, whose table lies on top. */
static void step_array(struct answer *a, struct answer_frame *f)
{
    lua_rawgeti(a->lua, -1, f->count + 1);
    int type = lua_type(a->lua, -1);
    if (type == LUA_TNIL) {
        lua_pop(a->lua, 1);
        close_frame(a);
        return;
    }
    f->count++;
    take_value(a, type);
}

/* The next part of the innermost frame, whose table and key (and value that is due) lie on top. */
static void step_pairs(struct answer *a, struct answer_frame *f)
{
    lua_State *lua = a->lua;
    if (f->is_value_due) {
        f->is_value_due = false;
    } else if (!lua_next(lua, -2)) {
        close_frame(a);
        return;
    } else {
        f->count++;
        f->is_value_due = f->kind == ANSWER_MAP;
        if (f->kind == ANSWER_SET) lua_pop(lua, 1);
        lua_pushvalue(lua, f->kind == ANSWER_SET ? -1 : -2);
    }
    take_value(a, lua_type(lua, -1));
}

void answer_value(struct script_host *h, struct reply *reply)
{
    struct answer a = {.host = h, .lua = h->lua, .reply = reply};
    take_value(&a, lua_type(a.lua, -1));
    while (a.depth) {
        struct answer_frame *f = &a.frames[a.depth - 1];
        if (f->kind == ANSWER_ARRAY)
            step_array(&a, f);
        else
            step_pairs(&a, f);
    }
    mem_free(a.frames);
    arena_reset(&h->scratch);
}
