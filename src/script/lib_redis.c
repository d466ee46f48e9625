/* SPDX-License-Identifier: MIT */
/*
 * redis.*: what scripts call the server by.
 *
 * redis.call takes the shortest way: the arguments are slices of the Lua strings on the stack, and the command replies into a sink
 * that makes Lua values on the same stack.
 */
#include "script/lib.h"

#include "base/num.h"
#include "codec/sha1.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* Every integer below is exact, and "%.17g" prints it without an exponent. */
#define PLAIN_INTEGER_MAX 1e17

/* redis.REPL_*: there is nothing that they could turn off. */
enum { REPL_NONE = 0, REPL_AOF = 1, REPL_REPLICA = 2, REPL_ALL = 3 };

void lib_push_error(lua_State *lua, const char *text)
{
    lua_createtable(lua, 0, 1);
    lua_pushfstring(lua, "ERR %s", text);
    lua_setfield(lua, -2, "err");
}

static int raise_error(lua_State *lua, const char *text)
{
    lib_push_error(lua, text);
    return lua_error(lua);
}

/* ---- arguments ---- */

static void make_room(struct script_host *h, int argc)
{
    while (h->argv_cap < argc) h->argv_cap = h->argv_cap ? 2 * h->argv_cap : 64;
    h->argv = mem_resize(h->argv, (size_t)h->argv_cap * sizeof(*h->argv));
}

/* A number as Redis writes it: "%.17g". Whole numbers, which is nearly all, are printed by hand. */
static struct slice format_number(struct script_host *h, double d)
{
    char *text = arena_alloc(&h->scratch, NUM_DOUBLE_MAX_CHARS);
    if (d > -PLAIN_INTEGER_MAX && d < PLAIN_INTEGER_MAX && (double)(int64_t)d == d && (d != 0 || !signbit(d)))
        return slice_of(text, num_format_int(text, (int64_t)d));
    return slice_of(text, (size_t)snprintf(text, NUM_DOUBLE_MAX_CHARS, "%.17g", d));
}

/* Makes h->argv from the stack's values; NULL or what is wrong with them. The stack keeps them alive. */
static const char *take_arguments(struct script_host *h, lua_State *lua, int argc)
{
    if (argc == 0) return "Please specify at least one argument for this redis lib call";
    if (argc > h->argv_cap) make_room(h, argc);
    struct slice *arg = h->argv;
    for (int i = 1; i <= argc; i++, arg++) {
        int type = lua_type(lua, i);
        if (type == LUA_TSTRING)
            arg->at = lua_tolstring(lua, i, &arg->len);
        else if (type == LUA_TNUMBER)
            *arg = format_number(h, lua_tonumber(lua, i));
        else
            return "Lua redis lib command arguments must be strings or integers";
    }
    return NULL;
}

/* ---- commands ---- */

/* The row of a container's subcommand, where argv names one. */
static struct cmd_slot *find_slot(struct script_host *h, int argc)
{
    struct cmd_slot *slot = cmd_table_find(h->commands, h->argv[0]);
    if (slot && slot->row->subs && argc > 1) return cmd_table_find_sub(h->commands, slot, h->argv[1]);
    return slot;
}

static bool is_arity_wrong(const struct command *row, int argc)
{
    return row->arity >= 0 ? argc != row->arity : argc < -row->arity;
}

/* NULL, or why the script may not run this command. */
static const char *refusal(const struct script_host *h, const struct command *row)
{
    if (row->flags & CMD_NOSCRIPT) return "ERR This Redis command is not allowed from script";
    if (h->run_flags & HOST_READ_ONLY && row->flags & (CMD_WRITE | CMD_MAY_REPLICATE))
        return "ERR Write commands are not allowed from read-only scripts.";
    /* A script that has written is let through to its end. */
    bool is_short = (h->run_flags & (HOST_OVER_MEMORY | HOST_ALLOW_OOM | HOST_WROTE)) == HOST_OVER_MEMORY;
    if (is_short && row->flags & CMD_DENYOOM) return "OOM command not allowed when used memory > 'maxmemory'.";
    return NULL;
}

/* Gives the error of a command that is not run into the sink. */
static void refuse(struct script_host *h, struct cmd_slot *slot, const char *text)
{
    if (slot) slot->stats.rejected++;
    reply_error(&h->sink.reply, slice_from_text(text));
}

/* Runs what h->argv says; its reply goes into the sink. */
static void run_command(struct script_host *h, int argc)
{
    struct cmd_slot *slot = find_slot(h, argc);
    if (!slot) {
        refuse(h, NULL, "ERR Unknown Redis command called from script");
        return;
    }
    const struct command *row = slot->row;
    const char *reason = is_arity_wrong(row, argc) || !row->run
                             ? "ERR Wrong number of args calling Redis command from script"
                             : refusal(h, row);
    if (reason) {
        refuse(h, slot, reason);
        return;
    }
    struct cmd_ctx *ctx = &h->ctx;
    ctx->argv = h->argv;
    ctx->argc = argc;
    ctx->command = row;
    ctx->container = slot->container;
    ctx->name = slot->name;
    if (h->ops->before_call && !h->ops->before_call(h->ops, ctx)) {
        slot->stats.rejected++;
        return;
    }
    if (row->flags & CMD_WRITE) h->run_flags |= HOST_WROTE;
    uint32_t errors = h->sink.reply.errors_count;
    slot->stats.calls++;
    row->run(ctx);
    if (h->sink.reply.errors_count != errors) slot->stats.failed++;
}

/* What becomes of the result, and of an error. */
enum call_kind { CALL_RAISING, CALL_CATCHING, CALL_MUTED };

static int call(lua_State *lua, enum call_kind kind)
{
    struct script_host *h = host_of(lua);
    int argc = lua_gettop(lua);
    if (!lua_checkstack(lua, SINK_STACK_SLOTS)) luaL_checkstack(lua, SINK_STACK_SLOTS, "in redis.call");
    const char *wrong = take_arguments(h, lua, argc);
    if (wrong) {
        lib_push_error(lua, wrong);
        return kind == CALL_CATCHING ? 1 : lua_error(lua);
    }
    host_lift_limit(h);
    sink_start(&h->sink, lua, kind == CALL_MUTED);
    run_command(h, argc);
    arena_reset(&h->scratch);
    host_limit_memory(h);
    if (h->sink.reply.is_full) {
        lua_settop(lua, argc);
        lua_pushliteral(lua, "not enough memory");
        return lua_error(lua);
    }
    if (h->sink.is_error && kind != CALL_CATCHING) return lua_error(lua);
    return kind == CALL_MUTED ? 0 : 1;
}

static int redis_call(lua_State *lua)
{
    return call(lua, CALL_RAISING);
}

static int redis_pcall(lua_State *lua)
{
    return call(lua, CALL_CATCHING);
}

static int redis_muted_call(lua_State *lua)
{
    return call(lua, CALL_MUTED);
}

static int redis_acl_check_cmd(lua_State *lua)
{
    struct script_host *h = host_of(lua);
    int argc = lua_gettop(lua);
    const char *wrong = take_arguments(h, lua, argc);
    bool is_known = !wrong && find_slot(h, argc);
    arena_reset(&h->scratch);
    if (wrong) return raise_error(lua, wrong);
    if (!is_known) return raise_error(lua, "Invalid command passed to redis.acl_check_cmd()");
    lua_pushboolean(lua, 1);
    return 1;
}

/* ---- replies ---- */

/* {field = the only argument}, or an error, which is returned and not raised. */
static int redis_status_reply(lua_State *lua)
{
    if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
        lib_push_error(lua, "wrong number or type of arguments");
        return 1;
    }
    lua_createtable(lua, 0, 1);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, "ok");
    return 1;
}

static struct slice trim_line_ends(struct slice text)
{
    while (text.len && strchr("\r\n", text.at[text.len - 1])) text.len--;
    while (text.len && strchr("\r\n", text.at[0])) text = slice_from(text, 1);
    return text;
}

/* "CODE message" and "-CODE message" are taken as they are; a text of one word is a message, of code ERR. */
static int redis_error_reply(lua_State *lua)
{
    if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
        lib_push_error(lua, "wrong number or type of arguments");
        return 1;
    }
    struct slice message;
    message.at = lua_tolstring(lua, 1, &message.len);
    if (message.len && message.at[0] == '-') message = slice_from(message, 1);
    struct slice code = SLICE_LIT("ERR");
    const char *space = message.len ? memchr(message.at, ' ', message.len) : NULL;
    if (space) {
        code = slice_of(message.at, (size_t)(space - message.at));
        message = slice_from(message, code.len + 1);
    }
    message = trim_line_ends(message);
    lua_createtable(lua, 0, 1);
    lua_pushlstring(lua, code.at, code.len);
    lua_pushliteral(lua, " ");
    lua_pushlstring(lua, message.at, message.len);
    lua_concat(lua, 3);
    lua_setfield(lua, -2, "err");
    return 1;
}

/* ---- others ---- */

static int redis_sha1hex(lua_State *lua)
{
    if (lua_gettop(lua) != 1) return raise_error(lua, "wrong number of arguments");
    char hex[SHA1_HEX_CHARS];
    size_t len = 0;
    const char *at = lua_tolstring(lua, 1, &len);
    sha1_hex(slice_of(at, at ? len : 0), hex);
    lua_pushlstring(lua, hex, sizeof(hex));
    return 1;
}

static int redis_log(lua_State *lua)
{
    struct script_host *h = host_of(lua);
    int argc = lua_gettop(lua);
    if (argc < 2) return raise_error(lua, "redis.log() requires two arguments or more.");
    if (!lua_isnumber(lua, 1)) return raise_error(lua, "First argument must be a number (log level).");
    int64_t level = lib_to_integer(lua_tonumber(lua, 1));
    if (level < SCRIPT_LOG_DEBUG || level > SCRIPT_LOG_WARNING) return raise_error(lua, "Invalid debug level.");
    struct buf *text = host_borrow_out(h);
    for (int i = 2; i <= argc; i++) {
        size_t len;
        const char *at = lua_tolstring(lua, i, &len);
        if (!at) continue;
        oxq_err e = i > 2 ? buf_append(text, SLICE_LIT(" ")) : OXQ_OK;
        if (e || buf_append(text, slice_of(at, len))) return luaL_error(lua, "not enough memory");
    }
    h->ops->log(h->ops, (enum script_log_level)level, buf_borrow(text));
    return 0;
}

static int redis_setresp(lua_State *lua)
{
    if (lua_gettop(lua) != 1) return raise_error(lua, "redis.setresp() requires one argument.");
    double resp = lua_tonumber(lua, 1);
    if (resp != 2 && resp != 3) return raise_error(lua, "RESP version must be 2 or 3.");
    host_of(lua)->sink.reply.resp = (uint8_t)resp;
    return 0;
}

static int redis_set_repl(lua_State *lua)
{
    if (lua_gettop(lua) != 1) return raise_error(lua, "redis.set_repl() requires two arguments.");
    int64_t flags = lib_to_integer(lua_tonumber(lua, 1));
    if (flags & ~(int64_t)REPL_ALL)
        return raise_error(lua, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
    return 0;
}

static int redis_replicate_commands(lua_State *lua)
{
    lua_pushboolean(lua, 1);
    return 1;
}

static int redis_breakpoint(lua_State *lua)
{
    lua_pushboolean(lua, 0);
    return 1;
}

static int redis_debug(lua_State *lua)
{
    (void)lua;
    return 0;
}

/* ---- the table ---- */

/* "7.2.4" as 0x00070204. */
static int version_number(const char *version)
{
    int number = 0;
    for (int i = 0; i < 3; i++) {
        number = number << 8 | (int)(strtol(version, NULL, 10) & 255);
        while (*version && *version++ != '.') continue;
    }
    return number;
}

/* Pushes a function whose sink finds its upvalues. */
static void push_call(lua_State *lua, lua_CFunction function)
{
    lua_pushliteral(lua, "ok");
    lua_pushliteral(lua, "err");
    lua_pushliteral(lua, "OK");
    lua_pushcclosure(lua, function, 3);
}

void lib_push_muted_call(lua_State *lua)
{
    push_call(lua, redis_muted_call);
}

void lib_redis_open(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"acl_check_cmd", redis_acl_check_cmd},
        {"breakpoint", redis_breakpoint},
        {"debug", redis_debug},
        {"error_reply", redis_error_reply},
        {"log", redis_log},
        {"replicate_commands", redis_replicate_commands},
        {"set_repl", redis_set_repl},
        {"setresp", redis_setresp},
        {"sha1hex", redis_sha1hex},
        {"status_reply", redis_status_reply},
    };
    static const struct {
        const char *name;
        int value;
    } numbers[] = {
        {"LOG_DEBUG", SCRIPT_LOG_DEBUG},
        {"LOG_VERBOSE", SCRIPT_LOG_VERBOSE},
        {"LOG_NOTICE", SCRIPT_LOG_NOTICE},
        {"LOG_WARNING", SCRIPT_LOG_WARNING},
        {"REPL_NONE", REPL_NONE},
        {"REPL_AOF", REPL_AOF},
        {"REPL_SLAVE", REPL_REPLICA},
        {"REPL_REPLICA", REPL_REPLICA},
        {"REPL_ALL", REPL_ALL},
    };
    const char *version = host_of(lua)->redis_version;
    lua_newtable(lua);
    push_call(lua, redis_call);
    lua_setfield(lua, -2, "call");
    push_call(lua, redis_pcall);
    lua_setfield(lua, -2, "pcall");
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        lua_pushcfunction(lua, functions[i].func);
        lua_setfield(lua, -2, functions[i].name);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        lua_pushinteger(lua, numbers[i].value);
        lua_setfield(lua, -2, numbers[i].name);
    }
    lua_pushstring(lua, version);
    lua_setfield(lua, -2, "REDIS_VERSION");
    lua_pushinteger(lua, version_number(version));
    lua_setfield(lua, -2, "REDIS_VERSION_NUM");
}
