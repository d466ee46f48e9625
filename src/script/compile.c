/* SPDX-License-Identifier: MIT */
#include "script/compile.h"

#include "base/mem.h"
#include "resp/parser.h"
#include "script/bytecode.h"
#include "script/sandbox.h"

#include <lauxlib.h>

/* Scripts' name in messages, Redis's. */
#define SCRIPT_NAME "@user_script"

/* ---- text to function ---- */

static int write_dump(lua_State *lua, const void *at, size_t len, void *out)
{
    (void)lua;
    return (int)buf_append(out, slice_of(at, len));
}

static bool is_library(void *ctx, struct slice name)
{
    (void)ctx;
    return sandbox_is_library(name);
}

/* Puts the prepared form in the place of the function on top of the stack. */
static int replace_function(lua_State *lua, struct slice prepared, const char *name)
{
    lua_pop(lua, 1);
    return luaL_loadbufferx(lua, prepared.at, prepared.len, name, "b");
}

/* Works on the compiled function on top of the stack. What cannot be found out about it counts as bad. */
static int prepare_function(lua_State *lua, const char *name, struct bytecode_facts *facts)
{
    size_t limit = host_of(lua)->memory_limit_bytes;
    OWNED(buf_deinit) struct buf dump = {.limit_bytes = limit};
    OWNED(buf_deinit) struct buf prepared = {.limit_bytes = limit};
    if (lua_dump(lua, write_dump, &dump) != 0) return 0;
    if (bytecode_prepare(buf_borrow(&dump), is_library, NULL, &prepared, facts) != OXQ_OK) return 0;
    if (facts->has_odd_numbers) {
        lua_pop(lua, 1);
        lua_pushfstring(lua, "%s: malformed number near 'LL', 'ULL' or 'i'", name + 1);
        return LUA_ERRSYNTAX;
    }
    return replace_function(lua, buf_borrow(&prepared), name);
}

int compile_text(lua_State *lua, struct slice text, const char *name, enum compile_globals globals)
{
    int status = luaL_loadbufferx(lua, text.len ? text.at : "", text.len, name, "t");
    if (status != 0) return status;
    struct bytecode_facts facts = {0};
    status = prepare_function(lua, name, &facts);
    if (status != 0) return status;
    if (globals == COMPILE_OPEN_IF_PLAIN && facts.is_plain && host_of(lua)->knows_bytecode)
        lua_pushvalue(lua, HOST_GLOBALS);
    else
        lua_pushvalue(lua, LUA_GLOBALSINDEX);
    lua_setfenv(lua, -2);
    return 0;
}

/* ---- trying what we know of bytecode ---- */

static bool is_found_plain(lua_State *lua, const char *text)
{
    bool is_plain = false;
    if (compile_text(lua, slice_from_text(text), "=try", COMPILE_OPEN_IF_PLAIN) == 0) {
        lua_getfenv(lua, -1);
        is_plain = lua_rawequal(lua, -1, HOST_GLOBALS);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return is_plain;
}

/* Runs a text whose error must have this message. */
static bool fails_with(lua_State *lua, const char *text, const char *message)
{
    bool is_so = compile_text(lua, slice_from_text(text), "=try", COMPILE_GUARDED) == 0 &&
                 lua_pcall(lua, 0, 0, 0) != 0 && lua_isstring(lua, -1) && strcmp(lua_tostring(lua, -1), message) == 0;
    lua_settop(lua, HOST_TOP);
    return is_so;
}

void compile_try_bytecode(struct script_host *h)
{
    lua_State *lua = h->lua;
    h->knows_bytecode = true;
    h->knows_bytecode = is_found_plain(lua, "local c = redis.call return c(KEYS[1])") &&
                        !is_found_plain(lua, "local r = redis return r.call(KEYS[1])") &&
                        !is_found_plain(lua, "return function() KEYS = {} end") &&
                        !is_found_plain(lua, "return pairs(string)") &&
                        fails_with(lua, "\nreturn error('a')", "try:2: a") &&
                        fails_with(lua, "if #_VERSION > 0 then\nreturn error('a') end\nreturn 1", "try:2: a") &&
                        fails_with(lua, "return\nerror(tostring(1), select(2, 1, 1))", "try:2: 1");
}

/* ---- scripts ---- */

static bool read_flag(struct slice name, uint32_t *flags)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } known[] = {{"no-writes", SCRIPT_NO_WRITES},
                 {"allow-oom", SCRIPT_ALLOW_OOM},
                 {"allow-stale", SCRIPT_ALLOW_STALE},
                 {"no-cluster", SCRIPT_NO_CLUSTER},
                 {"allow-cross-slot-keys", SCRIPT_ALLOW_CROSS_SLOT}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!slice_equal(name, slice_from_text(known[i].name))) continue;
        *flags |= known[i].flag;
        return true;
    }
    return false;
}

/* Reads "no-writes,allow-oom". False: the error was replied. */
static bool read_flags(struct slice list, uint32_t *flags, struct reply *reply)
{
    if (list.len == 0) return true;
    for (;;) {
        const char *comma = memchr(list.at, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.at) : list.len;
        if (!read_flag(slice_of(list.at, len), flags)) {
            reply_errorf(reply, "ERR Unexpected flag in script shebang: %.*s", (int)len, list.at);
            return false;
        }
        if (!comma) return true;
        list = slice_from(list, len + 1);
    }
}

static bool read_shebang_words(const struct slice *words, int count, uint32_t *flags, struct reply *reply)
{
    if (!slice_equal(words[0], SLICE_LIT("#!lua"))) {
        reply_errorf(reply, "ERR Unexpected engine in script shebang: %.*s", (int)words[0].len, words[0].at);
        return false;
    }
    for (int i = 1; i < count; i++) {
        struct slice option = SLICE_LIT("flags=");
        if (words[i].len < option.len || memcmp(words[i].at, option.at, option.len) != 0) {
            reply_errorf(reply, "ERR Unknown lua shebang option: %.*s", (int)words[i].len, words[i].at);
            return false;
        }
        if (!read_flags(slice_from(words[i], option.len), flags, reply)) return false;
    }
    return true;
}

/* Reads the "#!lua ..." line, if there is one. *out_len is its length without the line's end. False: the error was replied. */
static bool read_shebang(struct slice body, uint32_t *flags, size_t *out_len, struct reply *reply)
{
    *out_len = 0;
    if (body.len < 2 || memcmp(body.at, "#!", 2) != 0) return true;
    const char *end = memchr(body.at, '\n', body.len);
    if (!end) {
        reply_error(reply, SLICE_LIT("ERR Invalid script shebang"));
        return false;
    }
    *out_len = (size_t)(end - body.at);
    *flags = SCRIPT_HAS_SHEBANG;
    /* Its words are quoted as those of an inline command. */
    char *line = mem_alloc(*out_len + 1);
    memcpy(line, body.at, *out_len + 1);
    struct resp_parser parser = {0};
    bool is_read = false;
    if (resp_parser_next(&parser, line, *out_len + 1, &(struct resp_limits){.is_authenticated = true}) == RESP_REQUEST)
        is_read = read_shebang_words(parser.argv, parser.argc, flags, reply);
    else
        reply_error(reply, SLICE_LIT("ERR Invalid engine in script shebang"));
    resp_parser_deinit(&parser);
    mem_free(line);
    return is_read;
}

static void drop_script(struct script_host *h, struct script *s)
{
    luaL_unref(h->lua, LUA_REGISTRYINDEX, s->function);
    cache_remove(&h->cache, s);
}

/* Compiles within the limit of memory; when that is not enough, once more without the scripts that only came by EVAL. */
static int compile_within_limit(struct script_host *h, struct slice text)
{
    host_limit_memory(h);
    int status = compile_text(h->lua, text, SCRIPT_NAME, COMPILE_OPEN_IF_PLAIN);
    host_lift_limit(h);
    if (status != LUA_ERRMEM) return status;
    lua_pop(h->lua, 1);
    for (struct script *s = cache_oldest_eval(&h->cache); s; s = cache_oldest_eval(&h->cache)) drop_script(h, s);
    lua_gc(h->lua, LUA_GCCOLLECT, 0);
    host_limit_memory(h);
    status = compile_text(h->lua, text, SCRIPT_NAME, COMPILE_OPEN_IF_PLAIN);
    host_lift_limit(h);
    return status;
}

struct script *compile_script(struct script_host *h, struct slice body, bool is_eval, struct reply *reply)
{
    struct script *s = cache_find_body(&h->cache, body);
    if (s) {
        if (!is_eval) cache_keep(&h->cache, s);
        return s;
    }
    uint32_t flags = 0;
    size_t shebang_len;
    if (!read_shebang(body, &flags, &shebang_len, reply)) return NULL;
    /* The line's end stays, so that lines keep their numbers. */
    if (compile_within_limit(h, slice_from(body, shebang_len)) != 0) {
        reply_errorf(reply, "ERR Error compiling script (new function): %s", lua_tostring(h->lua, -1));
        lua_pop(h->lua, 1);
        return NULL;
    }
    if (is_eval && h->cache.evals_count >= SCRIPT_EVALS_MAX) drop_script(h, cache_oldest_eval(&h->cache));
    s = cache_add(&h->cache, body, is_eval);
    s->flags = flags;
    s->function = luaL_ref(h->lua, LUA_REGISTRYINDEX);
    return s;
}
