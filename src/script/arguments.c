/* SPDX-License-Identifier: MIT */
/*
 * A run's arguments are nearly those of the run before: a queue's keys, a worker's token and options. To make Lua strings and tables of them
 * costs as much as several commands. So a script that only looks into KEYS, or ARGV (bytecode.h), is given the same table in each run,
 * where what is different was changed: nothing in the script could have changed the table or hold it. Any other gets a new one.
 */
#include "script/arguments.h"

#include "base/mem.h"
#include "script/host.h"

#include <lauxlib.h>

static bool may_be_kept(const struct slice *args, int count)
{
    if (count > ARGUMENTS_KEPT_MAX) return false;
    for (int i = 0; i < count; i++) {
        if (args[i].len > ARGUMENTS_TEXT_MAX_BYTES) return false;
    }
    return true;
}

/* Pushes the kept table. */
static void push_kept(lua_State *lua, struct arguments *kept, int count)
{
    if (!kept->table) {
        kept->texts = mem_alloc(ARGUMENTS_KEPT_MAX * sizeof(*kept->texts));
        lua_createtable(lua, count, 0);
        kept->table = luaL_ref(lua, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(lua, LUA_REGISTRYINDEX, kept->table);
}

/* Makes the kept table, on top of the stack, hold these. */
static void renew(lua_State *lua, struct arguments *kept, const struct slice *args, int count)
{
    for (int i = 0; i < count; i++) {
        struct slice *text = &kept->texts[i];
        if (i < kept->count && slice_equal(*text, args[i])) continue;
        lua_pushlstring(lua, args[i].at, args[i].len);
        text->at = lua_tolstring(lua, -1, &text->len);
        lua_rawseti(lua, -2, i + 1);
    }
    for (; kept->count > count; kept->count--) {
        lua_pushnil(lua);
        lua_rawseti(lua, -2, kept->count);
    }
    kept->count = count;
}

static void push_new(lua_State *lua, const struct slice *args, int count)
{
    lua_createtable(lua, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushlstring(lua, args[i].at, args[i].len);
        lua_rawseti(lua, -2, i + 1);
    }
}

/* Gives the table, or nil, on top of the stack its name for those who find their globals in the table at the index; it stays. */
static void name_in(lua_State *lua, enum host_slot globals, enum host_slot name)
{
    lua_pushvalue(lua, (int)name);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, (int)globals);
}

/* Nobody who is shown a kept table could find it in HOST_ARGUMENTS. */
static void show_kept(struct script_host *h, struct arguments *kept, enum host_slot name, int *named)
{
    if (*named == kept->table) return;
    name_in(h->lua, HOST_GLOBALS, name);
    *named = kept->table;
}

static void show_new(struct script_host *h, enum host_slot name, int *named)
{
    name_in(h->lua, HOST_GLOBALS, name);
    name_in(h->lua, HOST_ARGUMENTS, name);
    *named = 0;
}

static void set(struct script_host *h, struct arguments *kept, enum host_slot name, const struct slice *args, int count)
{
    int *named = name == HOST_KEYS ? &h->named_keys : &h->named_argv;
    if (kept && may_be_kept(args, count)) {
        push_kept(h->lua, kept, count);
        renew(h->lua, kept, args, count);
        show_kept(h, kept, name, named);
    } else {
        push_new(h->lua, args, count);
        show_new(h, name, named);
    }
    lua_pop(h->lua, 1);
}

static size_t total_bytes(const struct slice *args, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += args[i].len;
    return bytes;
}

void arguments_set(struct script_host *h, struct script *s, const struct slice *args, int keys_count, int count)
{
    host_note_given(h, total_bytes(args, count));
    set(h, s->flags & SCRIPT_READS_KEYS ? &s->keys : NULL, HOST_KEYS, args, keys_count);
    set(h, s->flags & SCRIPT_READS_ARGV ? &s->argv : NULL, HOST_ARGV, args + keys_count, count - keys_count);
}

void arguments_drop(struct script_host *h)
{
    for (enum host_slot name = HOST_KEYS; name <= HOST_ARGV; name++) {
        lua_pushnil(h->lua);
        show_new(h, name, name == HOST_KEYS ? &h->named_keys : &h->named_argv);
        lua_pop(h->lua, 1);
    }
}

static void forget(struct script_host *h, struct arguments *kept, int *named)
{
    if (!kept->table) return;
    if (*named == kept->table) *named = 0;
    luaL_unref(h->lua, LUA_REGISTRYINDEX, kept->table);
    kept->table = 0;
}

void arguments_forget(struct script_host *h, struct script *s)
{
    forget(h, &s->keys, &h->named_keys);
    forget(h, &s->argv, &h->named_argv);
}
