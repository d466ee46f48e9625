/* SPDX-License-Identifier: MIT */
/*
 * Functions in C that call Lua. Each such call takes a piece of the machine's stack, nine kilobytes for string.gsub, and
 * LuaJIT watches only its own stack: a line of script that calls itself through one of them would end the process. So they
 * all first look how far down the machine's stack they are. Protected calls are counted besides, and end where Redis's Lua
 * ends them: a chain of errors, each with the text of the one before, is short.
 *
 *   script -> pcall -> function -> gsub -> function -> coroutine.resume -> ...
 *
 * Lua's own such functions get a wrapper, written in Lua, that looks and then calls the function in its tail. The function thus
 * sees the script as its caller, and the places and names in its errors are the right ones.
 *
 * An error leaps over the frames in between and nobody counts down on its way. But what catches it is a protected call, which
 * puts back what it found. Those are also where a late script is looked after that the hook cannot reach: the hook needs a little room on
 * Lua's stack, and a script that catches the overflow again and again never leaves it any.
 */
#include "script/nest.h"

#include "script/lib.h"

#include <string.h>

/* Redis's Lua 5.1 stops at 200 calls of Lua by C, and has two of them under way when a script begins. */
#define NEST_MAX 198
/* More than Redis's 198 calls of string.gsub need, and a quarter of the stack that Linux gives. */
#define NEST_BYTES_MAX (2 << 20)

static const char *stack_position(void)
{
    return __builtin_frame_address(0);
}

void nest_begin(struct script_host *h)
{
    h->stack_began = stack_position();
    h->nested = 0;
}

static int raise_overflow(lua_State *lua)
{
    lua_pushliteral(lua, "C stack overflow");
    return lua_error(lua);
}

void nest_check(lua_State *lua)
{
    if (host_of(lua)->stack_began - stack_position() > NEST_BYTES_MAX) raise_overflow(lua);
}

uint32_t nest_enter(lua_State *lua)
{
    struct script_host *h = host_of(lua);
    nest_check(lua);
    if (h->nested == NEST_MAX) raise_overflow(lua);
    return h->nested++;
}

void nest_leave(lua_State *lua, uint32_t entered)
{
    struct script_host *h = host_of(lua);
    h->nested = entered;
    if (h->watch.is_hooked) watch_poll(lua);
}

bool nest_is_wrapper(const lua_Debug *d)
{
    return strcmp(d->source, NEST_SOURCE) == 0;
}

static int check(lua_State *lua)
{
    nest_check(lua);
    return 0;
}

static const char wrappers[] =
    "local check = ... "
    "local function guard(f) return function(...) check() return f(...) end end "
    "for library, names in pairs({[string] = {'gsub', 'format'}, " /* format calls __tostring */
    "[table] = {'sort', 'foreach', 'foreachi'}, [coroutine] = {'resume'}}) do "
    "for _, name in ipairs(names) do library[name] = guard(library[name]) end end "
    "local wrap = coroutine.wrap "
    "coroutine.wrap = function(f) return guard(wrap(f)) end ";

void nest_replace(lua_State *lua)
{
    int status = luaL_loadbuffer(lua, wrappers, sizeof(wrappers) - 1, NEST_SOURCE);
    CHECK(status == 0);
    lua_pushcfunction(lua, check);
    lua_call(lua, 1, 0);
}
