/* SPDX-License-Identifier: MIT */
#include "script/compile.h"

#include "base/mem.h"
#include "resp/parser.h"
#include "script/hoist.h"
#include "script/sandbox.h"

#include <lauxlib.h>

/* Scripts' name in messages, Redis's. */
#define SCRIPT_NAME "@user_script"

/* A chunk that a function was hoisted into is no longer than the one that it came from, but for this. */
#define HOIST_ADDED_MAX 4096

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

/*
 * Pushes the function of a text ("t") or a dump ("b"), or a message. Only this is within the limit of memory: what else is done to a function takes
 * little, and what fails outside of the protected part of a load nobody catches. So garbage is not collected here: LuaJIT goes on with that
 * when the protected part is over, and may want memory for it.
 */
static int load(lua_State *lua, struct slice code, const char *name, const char *mode)
{
    struct script_host *h = host_of(lua);
    bool is_collecting = lua_gc(lua, LUA_GCISRUNNING, 0);
    if (is_collecting) lua_gc(lua, LUA_GCSTOP, 0);
    host_limit_memory(h);
    int status = luaL_loadbufferx(lua, code.len ? code.at : "", code.len, name, mode);
    host_lift_limit(h);
    if (is_collecting) lua_gc(lua, LUA_GCRESTART, 0);
    return status;
}

/* Pushes what a function captures; the script's main function lies at index. */
static void push_capture(lua_State *lua, int main, const struct hoist_capture *c)
{
    if (c->function >= 0) {
        lua_getupvalue(lua, main, c->function + 1);
        return;
    }
    lua_pushlstring(lua, c->library.at, c->library.len);
    lua_rawget(lua, HOST_GLOBALS);
    lua_pushlstring(lua, c->field.at, c->field.len);
    lua_rawget(lua, -2);
    lua_remove(lua, -2);
}

/* Puts hoisted function i, on top of the stack, into the main function, and into it what it captures: perhaps itself. */
static void link_function(lua_State *lua, const struct hoist_function *f, int i)
{
    int function = lua_gettop(lua), main = function - 1;
    lua_pushvalue(lua, function);
    lua_setupvalue(lua, main, i + 1);
    for (int n = 0; n < f->captures_count; n++) {
        push_capture(lua, main, &f->captures[n]);
        lua_setupvalue(lua, function, n + 1);
    }
    if (f->has_muted_call) {
        lua_pushvalue(lua, HOST_MUTED_CALL);
        lua_setupvalue(lua, function, f->captures_count + 1);
    }
    lua_pop(lua, 1);
}

/* Pushes the main function with its hoisted functions, or a message. */
static int load_hoisted(lua_State *lua, const struct hoist *h, const char *name)
{
    int status = load(lua, buf_borrow(&h->main), name, "b");
    for (int i = 0; i < h->functions_count && status == 0; i++) {
        status = load(lua, buf_borrow(&h->functions[i].dump), name, "b");
        if (status != 0) {
            lua_remove(lua, -2);
            break;
        }
        link_function(lua, &h->functions[i], i);
    }
    if (h->has_muted_call && status == 0) {
        lua_pushvalue(lua, HOST_MUTED_CALL);
        lua_setupvalue(lua, -2, h->functions_count + 1);
    }
    return status;
}

/* Pushes the function of a dump that is prepared, or a message. */
static int load_prepared(lua_State *lua, struct slice dump, const char *name, enum compile_kind kind)
{
    struct hoist hoist;
    if (kind != COMPILE_SCRIPT || hoist_functions(dump, is_library, NULL, dump.len + HOIST_ADDED_MAX, &hoist) != OXQ_OK)
        return load(lua, dump, name, "b");
    int status = hoist.main.len ? load_hoisted(lua, &hoist, name) : load(lua, dump, name, "b");
    hoist_deinit(&hoist);
    return status;
}

/* Works on the compiled function on top of the stack. What cannot be found out about it counts as bad. */
static int prepare_function(lua_State *lua, const char *name, enum compile_kind kind, struct bytecode_facts *facts)
{
    size_t limit = host_limit_bytes(host_of(lua));
    OWNED(buf_deinit) struct buf dump = {.limit_bytes = limit};
    OWNED(buf_deinit) struct buf prepared = {.limit_bytes = limit};
    if (lua_dump(lua, write_dump, &dump) != 0) return 0;
    if (bytecode_prepare(buf_borrow(&dump), is_library, NULL, &prepared, facts) != OXQ_OK) return 0;
    lua_pop(lua, 1);
    if (facts->has_odd_numbers) {
        lua_pushfstring(lua, "%s: malformed number near 'LL', 'ULL' or 'i'", name + 1);
        return LUA_ERRSYNTAX;
    }
    return load_prepared(lua, buf_borrow(&prepared), name, kind);
}

/* Gives the function on top of the stack, and those hoisted out of it, the globals that lie at index. */
static void set_globals(lua_State *lua, int globals)
{
    int top = lua_gettop(lua);
    for (int i = 1; lua_getupvalue(lua, -1, i); i++) {
        lua_pushvalue(lua, globals);
        if (!lua_iscfunction(lua, -2)) lua_setfenv(lua, -2);
        lua_settop(lua, top);
    }
    lua_pushvalue(lua, globals);
    lua_setfenv(lua, -2);
}

/* As compile_text. *out_flags: what is known of a script. */
static int compile_function(lua_State *lua, struct slice text, const char *name, enum compile_kind kind,
                            uint32_t *out_flags)
{
    int status = load(lua, text, name, "t");
    if (status != 0) return status;
    bool knows_bytecode = host_of(lua)->knows_bytecode;
    struct bytecode_facts facts = {0};
    status = prepare_function(lua, name, knows_bytecode ? kind : COMPILE_CHUNK, &facts);
    if (status != 0) return status;
    bool is_open = kind == COMPILE_SCRIPT && facts.is_plain && knows_bytecode;
    set_globals(lua, is_open ? HOST_GLOBALS : LUA_GLOBALSINDEX);
    *out_flags = (is_open && facts.only_reads_keys ? SCRIPT_READS_KEYS : 0u) |
                 (is_open && facts.only_reads_argv ? SCRIPT_READS_ARGV : 0u);
    return 0;
}

int compile_text(lua_State *lua, struct slice text, const char *name, enum compile_kind kind)
{
    struct script_host *h = host_of(lua);
    uint32_t flags;
    size_t ceiling_bytes = h->memory.ceiling_bytes;
    host_lift_limit(h);
    int status = compile_function(lua, text, name, kind, &flags);
    h->memory.ceiling_bytes = ceiling_bytes;
    return status;
}

/* ---- trying what we know of bytecode ---- */

static bool is_found_plain(lua_State *lua, const char *text)
{
    bool is_plain = false;
    if (compile_text(lua, slice_from_text(text), "=try", COMPILE_SCRIPT) == 0) {
        lua_getfenv(lua, -1);
        is_plain = lua_rawequal(lua, -1, HOST_GLOBALS);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return is_plain;
}

/* Is this what is known of a script's dealings with its arguments? */
static bool is_found_reading(lua_State *lua, const char *text, uint32_t want)
{
    uint32_t flags = 0;
    bool is_compiled = compile_function(lua, slice_from_text(text), "=try", COMPILE_SCRIPT, &flags) == 0;
    lua_pop(lua, 1);
    return is_compiled && flags == want;
}

/* Runs a text whose result or error must be this. */
static bool ends_with(lua_State *lua, enum compile_kind kind, const char *text, int status, const char *want)
{
    bool is_so = compile_text(lua, slice_from_text(text), "=try", kind) == 0 && lua_pcall(lua, 0, 1, 0) == status &&
                 lua_isstring(lua, -1) && strcmp(lua_tostring(lua, -1), want) == 0;
    lua_settop(lua, HOST_TOP);
    return is_so;
}

static bool fails_with(lua_State *lua, const char *text, const char *message)
{
    return ends_with(lua, COMPILE_CHUNK, text, LUA_ERRRUN, message);
}

void compile_try_bytecode(struct script_host *h)
{
    lua_State *lua = h->lua;
    h->knows_bytecode = true;
    h->knows_bytecode =
        is_found_plain(lua, "local c = redis.call return c(KEYS[1])") &&
        !is_found_plain(lua, "local r = redis return r.call(KEYS[1])") &&
        !is_found_plain(lua, "return function() KEYS = {} end") && !is_found_plain(lua, "return pairs(string)") &&
        is_found_reading(lua, "local i = #KEYS - 1 return KEYS[i + 1], ARGV[1]",
                         SCRIPT_READS_KEYS | SCRIPT_READS_ARGV) &&
        is_found_reading(lua, "KEYS[1] = ARGV[1]", SCRIPT_READS_ARGV) &&
        is_found_reading(lua, "local i = KEYS[1] ARGV[i] = 'x'", SCRIPT_READS_KEYS) &&
        is_found_reading(lua, "return unpack(ARGV)", SCRIPT_READS_KEYS) && is_found_reading(lua, "return _G.KEYS", 0) &&
        fails_with(lua, "\nreturn error('a')", "try:2: a") &&
        fails_with(lua, "if #_VERSION > 0 then\nreturn error('a') end\nreturn 1", "try:2: a") &&
        fails_with(lua, "return\nerror(tostring(1), select(2, 1, 1))", "try:2: 1") &&
        ends_with(lua, COMPILE_SCRIPT,
                  "local upper, x = string.upper, 1 local function f(s, n) if n == 0 then return upper(s) .. x end\n"
                  "return f(s, n - 1) end local rep = string.rep local function g(s) return rep(s, 2) end\n"
                  "local function h(s) return f(g(s), 2) .. g('y') end x = 2 return h('a')",
                  0, "AA2yy");
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
    arguments_forget(h, s);
    luaL_unref(h->lua, LUA_REGISTRYINDEX, s->function);
    cache_remove(&h->cache, s);
}

/* Where memory is not enough, once more without the scripts that only came by EVAL. */
static int compile_with_room(struct script_host *h, struct slice text, uint32_t *out_flags)
{
    int status = compile_function(h->lua, text, SCRIPT_NAME, COMPILE_SCRIPT, out_flags);
    if (status != LUA_ERRMEM) return status;
    lua_pop(h->lua, 1);
    for (struct script *s = cache_oldest_eval(&h->cache); s; s = cache_oldest_eval(&h->cache)) drop_script(h, s);
    lua_gc(h->lua, LUA_GCCOLLECT, 0);
    return compile_function(h->lua, text, SCRIPT_NAME, COMPILE_SCRIPT, out_flags);
}

static twin_fn *find_twin(const struct script_host *h, const char *sha)
{
    for (const struct twin *t = h->twins; t && t->sha; t++) {
        if (memcmp(t->sha, sha, SHA1_HEX_CHARS) == 0) return t->run;
    }
    return NULL;
}

struct script *compile_script(struct script_host *h, struct slice body, bool is_eval, struct reply *reply)
{
    struct script *s = cache_find_body(&h->cache, body);
    if (s) {
        if (!is_eval) cache_keep(&h->cache, s);
        return s;
    }
    uint32_t flags = 0, known = 0;
    size_t shebang_len;
    if (!read_shebang(body, &flags, &shebang_len, reply)) return NULL;
    /* The line's end stays, so that lines keep their numbers. */
    if (compile_with_room(h, slice_from(body, shebang_len), &known) != 0) {
        reply_errorf(reply, "ERR Error compiling script (new function): %s", lua_tostring(h->lua, -1));
        lua_pop(h->lua, 1);
        return NULL;
    }
    if (is_eval && h->cache.evals_count >= SCRIPT_EVALS_MAX) drop_script(h, cache_oldest_eval(&h->cache));
    s = cache_add(&h->cache, body, is_eval);
    s->flags = flags | known;
    s->twin = find_twin(h, s->sha);
    s->function = luaL_ref(h->lua, LUA_REGISTRYINDEX);
    return s;
}
