/* SPDX-License-Identifier: MIT */
/*
 * The host: one Lua state and the run of one script at a time in it.
 *
 * Why there is no protected call around all of it: only Lua code may raise errors, so only it runs inside lua_pcall. What
 * happens before and after (arguments to tables, a result to a reply) calls functions of Lua that can fail for want of
 * memory alone, and then memory does not fail (memory.h). A panic is a mistake of ours.
 *
 * A script's memory is what the state holds in all, garbage too. After a run that failed for it everything is collected.
 */
#include "script/host.h"

#include "base/mem.h"
#include "script/answer.h"
#include "script/compile.h"
#include "script/lib.h"
#include "script/nest.h"
#include "script/sandbox.h"

#include <luajit.h>

/* Upvalues and what finds a name on the stack agree with enum host_slot. */
static const char *const slot_names[] = {[HOST_KEYS] = "KEYS",
                                         [HOST_ARGV] = "ARGV",
                                         [HOST_ERR] = "err",
                                         [HOST_OK] = "ok",
                                         [HOST_DOUBLE] = "double",
                                         [HOST_BIG_NUMBER] = "big_number",
                                         [HOST_VERBATIM_STRING] = "verbatim_string",
                                         [HOST_MAP] = "map",
                                         [HOST_SET] = "set"};

struct buf *host_borrow_out(struct script_host *h)
{
    h->out.len = 0;
    h->out.limit_bytes = host_limit_bytes(h);
    return &h->out;
}

/* ---- errors ---- */

/* The text of a value that is not a table, as tostring gives it. */
static void push_text_of(lua_State *lua, int index)
{
    switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
        lua_pushvalue(lua, index);
        lua_tostring(lua, -1);
        break;
    case LUA_TNIL: lua_pushliteral(lua, "nil"); break;
    case LUA_TBOOLEAN: lua_pushstring(lua, lua_toboolean(lua, index) ? "true" : "false"); break;
    default: lua_pushfstring(lua, "%s: %p", luaL_typename(lua, index), lua_topointer(lua, index));
    }
}

static void set_raw(lua_State *lua, int table, const char *name)
{
    lua_pushstring(lua, name);
    lua_insert(lua, -2);
    lua_rawset(lua, table);
}

/* Where the error was raised: in the Lua function that runs, or that called the C function that raised it. */
static bool find_raiser(lua_State *lua, lua_Debug *out)
{
    for (int level = 1, last = 2; level <= last; level++) {
        if (!lua_getstack(lua, level, out) || !lua_getinfo(lua, "Sl", out)) return false;
        if (nest_is_wrapper(out))
            last++;
        else if (*out->what != 'C')
            return true;
    }
    return true;
}

/* The message handler of every script: makes any error a table {err =, source =, line =}. */
static int on_error(lua_State *lua)
{
    lua_settop(lua, 1);
    if (!lua_istable(lua, 1)) {
        push_text_of(lua, 1);
        lua_pushliteral(lua, "ERR ");
        lua_insert(lua, -2);
        lua_concat(lua, 2);
        lua_createtable(lua, 0, 3);
        lua_replace(lua, 1);
        set_raw(lua, 1, "err");
    }
    lua_Debug raiser;
    if (!sandbox_is_guard(lua, 1) && find_raiser(lua, &raiser)) {
        lua_pushstring(lua, raiser.source);
        set_raw(lua, 1, "source");
        lua_pushinteger(lua, raiser.currentline);
        set_raw(lua, 1, "line");
    }
    lua_settop(lua, 1);
    return 1;
}

void host_push_on_error(lua_State *lua)
{
    lua_pushcfunction(lua, on_error);
}

int host_raise_killed(lua_State *lua)
{
    watch_insist(host_of(lua));
    lib_push_error(lua, "Script killed by user with SCRIPT KILL...");
    return lua_error(lua);
}

static const char *field_text(lua_State *lua, const char *name)
{
    lua_pushstring(lua, name);
    lua_rawget(lua, -2);
    const char *text = lua_isstring(lua, -1) ? lua_tostring(lua, -1) : NULL;
    /* Still held by the table, unless it was a number: that one is held by the stack. */
    lua_insert(lua, -2);
    return text;
}

/* Replies with the error on top of the stack. */
static void reply_with_error(struct script_host *h, struct reply *reply)
{
    lua_State *lua = h->lua;
    const char *sha = h->script->sha;
    if (!lua_istable(lua, -1)) {
        reply_errorf(reply, "ERR Error running script %.40s, %s", sha,
                     lua_isstring(lua, -1) ? lua_tostring(lua, -1) : "execution failure");
        return;
    }
    const char *err = field_text(lua, "err");
    const char *source = field_text(lua, "source");
    const char *line = field_text(lua, "line");
    if (!err) err = "ERR unknown error";
    if (source && line)
        reply_errorf(reply, "%s script: %.40s, on %s:%s.", err, sha, source, line);
    else
        reply_error(reply, slice_from_text(err));
}

/* ---- the state ---- */

static int panic(lua_State *lua)
{
    (void)lua;
    CHECK(!"an error outside of a protected call");
    return 0;
}

static void open_state(struct script_host *h)
{
    host_lift_limit(h);
    h->lua = lua_newstate(memory_resize, &h->memory);
    h->named_keys = h->named_argv = 0;
    CHECK(h->lua != NULL);
    lua_atpanic(h->lua, panic);
    luaJIT_setmode(h->lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    luaL_checkstack(h->lua, 100, NULL);
    sandbox_open(h->lua);
    CHECK(lua_gettop(h->lua) == HOST_ARGUMENTS);
    lib_push_muted_call(h->lua);
    for (int slot = HOST_KEYS; slot <= HOST_TOP; slot++) lua_pushstring(h->lua, slot_names[slot]);
    CHECK(lua_gettop(h->lua) == HOST_TOP);
    compile_try_bytecode(h);
    /* The collector keeps its pause of 200 percent. A longer one marks less, but garbage then goes through more memory than
     * the core's cache holds, which costs more than it saves. */
    lua_gc(h->lua, LUA_GCCOLLECT, 0);
    h->collected_bytes = h->memory.used_bytes;
}

static void close_state(struct script_host *h)
{
    lua_close(h->lua);
    h->lua = NULL;
    memory_deinit(&h->memory);
}

void host_flush(struct script_host *h)
{
    CHECK(!h->script);
    cache_deinit(&h->cache);
    cache_init(&h->cache);
    close_state(h);
    open_state(h);
}

/* ---- a run ---- */

static void prepare_run(struct script_host *h, struct script *s, const struct cmd_ctx *outer, bool is_read_only)
{
    h->script = s;
    h->run_flags = 0;
    h->given_bytes = 0;
    h->mem_failures = mem_failures();
    nest_begin(h);
    if (is_read_only || s->flags & SCRIPT_NO_WRITES) h->run_flags |= HOST_READ_ONLY;
    if (s->flags & SCRIPT_ALLOW_OOM) h->run_flags |= HOST_ALLOW_OOM;
    if (h->ops->is_over_memory(h->ops)) h->run_flags |= HOST_OVER_MEMORY;
    sink_init(&h->sink, 2);
    h->ctx = (struct cmd_ctx){
        .keyspace = outer->keyspace,
        .db = outer->db,
        .reply = &h->sink.reply,
        .scratch = &h->scratch,
        .flags = (outer->flags & CMD_CTX_MULTI) | CMD_CTX_SCRIPT | CMD_CTX_NO_BLOCK,
        .client = outer->client,
        .host = outer->host,
        .script_host = h,
    };
}

/*
 * Lua collects in small steps, when twice as much is held as was left last time. That can be past the limit: what a script left behind must
 * not fail the next one. LuaJIT's buffer for text that is put together only becomes half as large each time.
 */
static void collect_if_crowded(struct script_host *h)
{
    size_t room = h->memory_limit_bytes > h->collected_bytes ? h->memory_limit_bytes - h->collected_bytes : 0;
    if (h->memory.used_bytes <= h->collected_bytes + room / 2) return;
    arguments_drop(h);
    do {
        h->collected_bytes = h->memory.used_bytes;
        lua_gc(h->lua, LUA_GCCOLLECT, 0);
    } while (h->memory.used_bytes > h->memory_limit_bytes / 2 && h->memory.used_bytes < h->collected_bytes);
    h->collected_bytes = h->memory.used_bytes;
}

/* Where something stands in the way of writing, the script tells what: at its first command that writes, not before. */
bool host_run_twin(struct script_host *h, const struct script *s, struct cmd_ctx *outer, size_t keys_count)
{
    if (!s->twin || (h->ops->allows_twin && !h->ops->allows_twin(h->ops, outer))) return false;
    if (h->ops->is_over_memory(h->ops)) return false;
    const struct slice *args = outer->argv + 3;
    struct twin_args a = {args, args + keys_count, keys_count, (size_t)outer->argc - 3 - keys_count};
    if (!s->twin(outer, &a)) return false;
    h->twin_runs_count++;
    return true;
}

/*
 * Whatever lacked memory, Lua or a command, the script has not done what it says. Where it may have changed something, alone or with
 * what went before it in a transaction, half a change must not come into the journal (docs/decisions/0002-out-of-memory.md).
 */
static void end_if_half_done(const struct script_host *h)
{
    if (mem_failures() == h->mem_failures) return;
    if (h->run_flags & HOST_WROTE || h->ctx.flags & CMD_CTX_MULTI) mem_must(OXQ_ERR_MEMORY);
}

void host_run(struct script_host *h, struct script *s, struct cmd_ctx *outer, int keys_count, bool is_read_only)
{
    if (!is_read_only && host_run_twin(h, s, outer, (size_t)keys_count)) return;
    lua_State *lua = h->lua;
    prepare_run(h, s, outer, is_read_only);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, s->function);
    arguments_set(h, s, outer->argv + 3, keys_count, outer->argc - 3);
    watch_begin(h);
    host_limit_memory(h);
    int status = lua_pcall(lua, 0, 1, HOST_ON_ERROR);
    host_lift_limit(h);
    watch_end(h);
    end_if_half_done(h);
    if (status == 0)
        answer_value(h, outer->reply);
    else
        reply_with_error(h, outer->reply);
    lua_settop(lua, HOST_TOP);
    h->script = NULL;
    h->run_flags = 0;
    h->given_bytes = 0;
    collect_if_crowded(h);
}

void host_kill(struct script_host *h)
{
    h->run_flags |= HOST_KILLED;
}

/* ---- the public part ---- */

oxq_err script_host_new(const struct script_opts *opts, struct script_host **out_host, struct oxq_error *err)
{
    if (!opts->commands || !opts->ops || !opts->redis_version)
        return err_set(err, OXQ_ERR_ARGUMENT, "a script host needs commands, ops and a version");
    struct script_host *h = mem_alloc_zero(sizeof(*h));
    h->commands = opts->commands;
    h->ops = opts->ops;
    h->twins = opts->twins;
    h->redis_version = opts->redis_version;
    h->watch.is_ticked_by_hand = opts->is_ticked_by_hand;
    script_host_set_memory(h, opts->memory_bytes ? opts->memory_bytes : SCRIPT_MEMORY_BYTES);
    watch_set_busy_ms(h, opts->busy_ms);
    cache_init(&h->cache);
    lib_random_reset(h);
    open_state(h);
    *out_host = h;
    return OXQ_OK;
}

void script_host_free(struct script_host *h)
{
    if (!h) return;
    CHECK(!h->script);
    watch_deinit(h);
    close_state(h);
    cache_deinit(&h->cache);
    arena_deinit(&h->scratch);
    buf_deinit(&h->out);
    mem_free(h->argv);
    mem_free(h);
}

void script_host_set_memory(struct script_host *h, size_t memory_bytes)
{
    h->memory_limit_bytes = memory_bytes < SCRIPT_MEMORY_BYTES_MIN ? SCRIPT_MEMORY_BYTES_MIN : memory_bytes;
}

void script_host_set_busy_ms(struct script_host *h, int64_t busy_ms)
{
    watch_set_busy_ms(h, busy_ms);
}

bool script_host_is_running(const struct script_host *h)
{
    return h->script != NULL;
}

bool script_host_is_busy(const struct script_host *h)
{
    return h->script && h->watch.is_hooked;
}

bool script_host_has_written(const struct script_host *h)
{
    return h->script && h->run_flags & HOST_WROTE;
}

size_t script_host_memory_bytes(const struct script_host *h)
{
    return h->memory.used_bytes;
}

size_t script_host_scripts_count(const struct script_host *h)
{
    return cache_count(&h->cache);
}

uint64_t script_host_twin_runs(const struct script_host *h)
{
    return h->twin_runs_count;
}

size_t script_host_scripts_bytes(const struct script_host *h)
{
    return h->cache.bodies_bytes;
}
