/* SPDX-License-Identifier: MIT */
/* No script changes what the next one finds, and nothing is found that should not be there. */
#include "base/mem.h"
#include "base/rng.h"
#include "script/bytecode.h"
#include "script/compile.h"
#include "script/host.h"
#include "script/testhost.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const char *eval(struct testhost *t, const char *text)
{
    return testhost_eval(t, text, 0, NULL, 0);
}

static void assert_eval(struct testhost *t, const char *text, const char *want)
{
    const char *reply = eval(t, text);
    cr_assert_str_eq(reply, want, "%s gives %s", text, reply);
}

/* A text with the names and types of all that globals and libraries hold. */
#define INVENTORY                                                                                                      \
    "local found = {} "                                                                                                \
    "for name, value in pairs(_G) do "                                                                                 \
    "  if type(value) == 'table' and name ~= '_G' and name ~= 'KEYS' and name ~= 'ARGV' then "                         \
    "    for field, inner in pairs(value) do found[#found + 1] = name .. '.' .. field .. ' ' .. type(inner) end "      \
    "  else found[#found + 1] = name .. ' ' .. type(value) end "                                                       \
    "end "                                                                                                             \
    "found[#found + 1] = tostring(('x').rep) .. tostring(getmetatable('').__index) "                                   \
    "table.sort(found) return table.concat(found, '\\n')"

/* But for KEYS and ARGV, which a walk over _G does not meet. */
Test(sandbox, globals_are_those_of_redis)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    assert_eval(
        &t,
        "local names = {} for name in pairs(_G) do names[#names + 1] = name end table.sort(names) "
        "local text = table.concat(names, ' ') "
        "return text == '_G _VERSION __redis__err__handler assert bit cjson cmsgpack collectgarbage ' .. "
        "'coroutine error gcinfo getmetatable ipairs load loadstring math next os pairs pcall rawequal rawget ' .. "
        "'rawset redis select setmetatable string struct table tonumber tostring type unpack xpcall' and 1 or text",
        ":1\r\n");
    testhost_deinit(&t);
}

Test(sandbox, libraries_hold_what_redis_has_and_nothing_of_luajit)
{
    static const char *const libraries[][2] = {
        {"bit", "arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex"},
        {"coroutine", "create resume running status wrap yield"},
        {"os", "clock"},
        {"string", "byte char find format gfind gmatch gsub len lower match rep reverse sub upper"},
        {"struct", "pack size unpack"},
        {"table", "concat foreach foreachi getn insert maxn remove setn sort"},
        {"math",
         "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min mod modf pi "
         "pow rad random randomseed sin sinh sqrt tan tanh"},
        {"redis", "LOG_DEBUG LOG_NOTICE LOG_VERBOSE LOG_WARNING REDIS_VERSION REDIS_VERSION_NUM REPL_ALL REPL_AOF "
                  "REPL_NONE REPL_REPLICA REPL_SLAVE acl_check_cmd breakpoint call debug error_reply log pcall "
                  "replicate_commands set_repl setresp sha1hex status_reply"},
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "local names = {} for name in pairs(%s) do names[#names + 1] = name end table.sort(names) "
                 "return table.concat(names, ' ') == '%s' and 1 or table.concat(names, ' ')",
                 libraries[i][0], libraries[i][1]);
        assert_eval(&t, text, ":1\r\n");
    }
    testhost_deinit(&t);
}

/* Each is run as it stands, and inside pcall. */
static const char *const attacks[] = {
    "x = 1",
    "_G.x = 1",
    "_G['x'] = 1",
    "rawset(_G, 'x', 1)",
    "_G = {}",
    "redis = nil",
    "redis.call = nil",
    "redis.x = 1",
    "local r = redis r.call = function() return 'mine' end",
    "local r = redis rawset(r, 'call', 1)",
    "local s = string s.rep = nil",
    "string.rep = nil",
    "(string).rep = nil",
    "rawset(string, 'rep', nil)",
    "table.insert(string, 1)",
    "table.insert(_G, 1, 2)",
    "table.sort(string)",
    "table.remove(string)",
    "setmetatable(string, {__index = function() return 1 end})",
    "setmetatable(_G, {__index = function() return 1 end})",
    "getmetatable('').__index = nil",
    "getmetatable('').__index.rep = nil",
    "rawset(getmetatable(''), '__index', nil)",
    "rawset(getmetatable('').__index, 'rep', nil)",
    "setmetatable(getmetatable(''), {})",
    "rawset(getmetatable(_G) or {}, '__index', nil)",
    "for name, value in pairs(_G) do if type(value) == 'table' then value.x = 1 end end",
    "for name, value in pairs(_G) do if type(value) == 'table' then rawset(value, 'x', 1) end end",
    "for name, value in pairs(_G) do if type(value) == 'table' then pcall(rawset, value, 'x', 1) end end",
    "for name, value in next, _G do if type(value) == 'table' then pcall(rawset, value, 'x', 1) end end",
    "local f, s = pairs(string) s.x = 1",
    "local f, s = pairs(string) rawset(s, 'x', 1)",
    "local _, s = next({string}) rawset(s, 'x', 1)",
    "loadstring('x = 1')()",
    "loadstring('redis.call = nil')()",
    "loadstring('local s = string s.rep = nil')()",
    "load(function() return nil end)() x = 2",
    "(function() KEYS = {1} ARGV = 2 end)()",
    "local function f() redis = nil end coroutine.wrap(f)()",
    "string, table = table, string",
    "for k in pairs(math) do math[k] = nil end",
    "error(redis)",
    "error(string)",
    "xpcall(function() error(redis) end, __redis__err__handler)",
    "__redis__err__handler(redis)",
    "__redis__err__handler(_G)",
    "cjson.encode = nil",
    "cmsgpack.pack = cmsgpack.unpack",
    "struct, bit = nil, nil",
    "tostring = nil",
    "pairs = nil",
    "pcall = function() end",
    "local m = redis m.a, m.b = 1, 2",
    "unpack({redis}).x = 1",
    "select(1, redis).x = 1",
    "({redis})[1].x = 1",
    "local t = {} t.r = redis t.r.call = 1",
    "local t = setmetatable({}, {__index = redis, __newindex = redis}) t.call = 1",
    "local t = setmetatable({}, redis)",
    "string.gsub('abc', '.', function() redis.call = 1 end)",
    "string.gsub('abc', '.', string)",
    "math.random = nil math.randomseed(1)",
    "collectgarbage('stop') collectgarbage('setpause', 1)",
};

Test(sandbox, nothing_that_a_script_does_is_seen_by_the_next)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    char before[8192];
    snprintf(before, sizeof(before), "%s", eval(&t, INVENTORY));
    cr_assert_gt(strlen(before), 2000);
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        char text[512];
        eval(&t, attacks[i]);
        snprintf(text, sizeof(text), "pcall(function() %s end)", attacks[i]);
        eval(&t, text);
        cr_assert_str_eq(eval(&t, INVENTORY), before, "changed by: %s", attacks[i]);
        assert_eval(&t, "return redis.call('ECHO', string.rep('x', 3)) .. ('y'):rep(2) .. #KEYS .. #ARGV",
                    "$7\r\nxxxyy00\r\n");
    }
    testhost_deinit(&t);
}

Test(sandbox, writes_are_refused_with_the_text_of_redis)
{
    static const char *const writes[] = {"x = 1",           "redis.x = 1", "local r = redis r.x = 1",
                                         "_G.x = 1",        "KEYS = {}",   "getmetatable('').x = 1",
                                         "string.rep = nil"};
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        const char *reply = eval(&t, writes[i]);
        cr_assert_eq(strncmp(reply, "-ERR user_script:1: Attempt to modify a readonly table script: ", 63), 0,
                     "%s gives %s", writes[i], reply);
    }
    testhost_deinit(&t);
}

Test(sandbox, bytecode_cannot_be_loaded)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    cr_assert_eq(strncmp(eval(&t, "\033LJ\2\0"), "-ERR Error compiling script", 27), 0);
    assert_eval(&t, "return loadstring('\\27LJ\\2')", "$-1\r\n");
    assert_eval(&t, "local once = true return load(function() if once then once = false return '\\27LJ' end end)",
                "$-1\r\n");
    assert_eval(&t, "return string.dump == nil and 1", ":1\r\n");
    testhost_deinit(&t);
}

/* ---- open globals ---- */

static bool is_open(struct testhost *t, const char *text)
{
    lua_State *lua = t->host->lua;
    cr_assert_eq(compile_text(lua, slice_from_text(text), "=test", COMPILE_SCRIPT), 0, "%s: %s", text,
                 lua_tostring(lua, -1));
    lua_getfenv(lua, -1);
    bool is_open = lua_rawequal(lua, -1, HOST_GLOBALS);
    lua_settop(lua, HOST_TOP);
    return is_open;
}

Test(sandbox, this_luajit_is_the_one_that_bytecode_knows)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    cr_assert(t.host->knows_bytecode);
    testhost_deinit(&t);
}

Test(sandbox, only_scripts_that_cannot_keep_a_library_get_the_real_ones)
{
    static const char *const plain[] = {
        "return 1",
        "local call = redis.call local id = KEYS[1] .. ARGV[2] return call('GET', id)",
        "local t = {} t.insert = 1 for i, v in ipairs(KEYS) do table.insert(t, v) end return unpack(t)",
        "local function f(x) return cjson.encode(cmsgpack.unpack(x)) end return f(ARGV[1]), string.sub('a', 1)",
        "return _G.redis",
        "return (ARGV[1] or redis).call",
        "if redis.call('EXISTS', 'x') == 1 then return math.floor(1.5) else return tostring(math.huge) end",
    };
    static const char *const others[] = {
        "x = 1",
        "local function f() x = 1 end",
        "return function() return function() KEYS = nil end end",
        "local r = redis",
        "return redis",
        "return {redis}",
        "redis.x = 1",
        "f(string)",
        "local a = KEYS, string return a",
        "local a, b = string",
        "return redis[ARGV[1]]",
        "for k in pairs(table) do end",
        "local x = redis and redis.call",
        "while redis do end",
        "return #math",
        "return string == table",
        "return 'a' .. bit",
        "coroutine = nil",
        "local t = os t.clock = nil",
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) cr_assert(is_open(&t, plain[i]), "%s", plain[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_assert_not(is_open(&t, others[i]), "%s", others[i]);
    testhost_deinit(&t);
}

/* Runs a text that replies "keys: ..., argv: ..." of what it finds, with changing arguments. */
static void assert_finds(struct testhost *t, const char *text, int keys_count, const char *const *args, int argc,
                         const char *want)
{
    const char *reply = testhost_eval(t, text, keys_count, args, argc);
    cr_assert_str_eq(reply, want, "%s with %d arguments gives %s", text, argc, reply);
}

Test(sandbox, each_run_finds_its_own_keys_and_arguments)
{
    static const char *const texts[] = {
        "return {#KEYS, #ARGV, KEYS[1] or 'none', ARGV[#ARGV - 1 + 1] or 'none'}",
        "local n, k, a = #ARGV, KEYS, ARGV return {#k, n, k[1] or 'none', a[n] or 'none'}",
        "local t = {} for _, v in ipairs(KEYS) do t[#t + 1] = v end t.k, KEYS[9] = t[1], 'x'\n"
        "return {#t, #ARGV, t.k or 'none', ARGV[#ARGV] or 'none'}",
        "local n, k = #KEYS, KEYS[1] KEYS[1] = 'x' table.insert(KEYS, 'y') local a = ARGV[#ARGV] ARGV[1] = 'z'\n"
        "return {n, #ARGV - (a and 0 or 1), k or 'none', a or 'none'}",
        "local g = _G return {#g.KEYS, #g.ARGV, g.KEYS[1] or 'none', g.ARGV[#g.ARGV] or 'none'}",
        "return loadstring('return {#KEYS, #ARGV, KEYS[1] or [[none]], ARGV[#ARGV] or [[none]]}')()",
    };
    static char long_text[5000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    const char *many[100];
    for (int i = 0; i < 100; i++) many[i] = i % 2 ? "odd" : "even";
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
            static const char *const few[] = {"a", "b", "c", "d"}, *const other[] = {"a", "x", "c", ""};
            assert_finds(&t, texts[i], 2, few, 4, "*4\r\n:2\r\n:2\r\n$1\r\na\r\n$1\r\nd\r\n");
            assert_finds(&t, texts[i], 1, other, 4, "*4\r\n:1\r\n:3\r\n$1\r\na\r\n$0\r\n\r\n");
            assert_finds(&t, texts[i], 0, NULL, 0, "*4\r\n:0\r\n:0\r\n$4\r\nnone\r\n$4\r\nnone\r\n");
            assert_finds(&t, texts[i], 60, many, 100, "*4\r\n:60\r\n:40\r\n$4\r\neven\r\n$3\r\nodd\r\n");
            const char *const large[] = {long_text, "z"};
            const char *reply = testhost_eval(&t, texts[i], 1, large, 2);
            cr_assert(strncmp(reply, "*4\r\n:1\r\n:1\r\n$4999\r\nxxx", 22) == 0, "%s gives %s", texts[i], reply);
            assert_finds(&t, texts[i], 4, few, 4, "*4\r\n:4\r\n:0\r\n$1\r\na\r\n$4\r\nnone\r\n");
        }
    }
    testhost_deinit(&t);
}

Test(sandbox, scripts_mean_the_same_with_open_and_guarded_globals)
{
    static const char *const texts[] = {
        "return redis.call('ECHO', 'x')",
        "return {KEYS[1] or 'none', #ARGV, tostring(1), string.format('%d', 3), math.floor(2.5)}",
        "local t = {3, 1, 2} table.sort(t) return t",
        "return undefined",
        "return redis.undefined",
        "error('x')",
        "return redis.call('NOPE')",
        "local f = function() return redis.call('NOPE') end return f()",
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char open[512], guarded[512], text[512];
        snprintf(open, sizeof(open), "%s", eval(&t, texts[i]));
        snprintf(text, sizeof(text), "local keep = redis %s", texts[i]);
        snprintf(guarded, sizeof(guarded), "%s", eval(&t, text));
        char *sha = strstr(open, "script: "), *other = strstr(guarded, "script: ");
        if (sha && other) memcpy(sha, other, 48);
        cr_assert_str_eq(open, guarded, "%s", texts[i]);
    }
    testhost_deinit(&t);
}

Test(sandbox, numbers_of_other_languages_are_refused)
{
    static const char *const texts[] = {"return 1LL", "return 1ULL", "return 12i",
                                        "local function f() return {1LL} end"};
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_assert(strstr(eval(&t, texts[i]), "malformed number near"), "%s", texts[i]);
        char text[256];
        snprintf(text, sizeof(text), "return {loadstring(%c%s%c)}", '\'', texts[i], '\'');
        assert_eval(&t, text, "*0\r\n");
    }
    testhost_deinit(&t);
}

/* ---- bytecode ---- */

static bool is_library(void *ctx, struct slice name)
{
    (void)ctx;
    return slice_equal(name, SLICE_LIT("redis"));
}

static int write_dump(lua_State *lua, const void *at, size_t len, void *out)
{
    (void)lua;
    return (int)buf_append(out, slice_of(at, len));
}

Test(sandbox, broken_dumps_are_refused_and_read_within_their_bounds)
{
    static const char *const text =
        "local t = {1, 'a', x = {2.5, true}} local function f(n) return redis.call(n, t) end\n"
        "if t then return f(1) end for i = 1, 2 do f(i) end return tostring(f(2))";
    struct testhost t;
    testhost_init(&t, 0, 0);
    lua_State *lua = t.host->lua;
    struct buf dump = {.limit_bytes = 1 << 20}, out = {.limit_bytes = 1 << 20};
    cr_assert_eq(compile_text(lua, slice_from_text(text), "=test", COMPILE_CHUNK), 0);
    cr_assert_eq(lua_dump(lua, write_dump, &dump), 0);
    struct bytecode_facts facts;
    cr_assert_eq(bytecode_prepare(buf_borrow(&dump), is_library, NULL, &out, &facts), OXQ_OK);
    cr_assert(facts.is_plain);
    for (size_t len = 0; len < dump.len; len++) {
        /* A copy of its exact size, so that a sanitizer sees a look beyond. */
        char *cut = mem_alloc(len);
        memcpy(cut, dump.at, len);
        out.len = 0;
        cr_assert_eq(bytecode_prepare(slice_of(cut, len), is_library, NULL, &out, &facts), OXQ_ERR_FORMAT, "%zu", len);
        mem_free(cut);
    }
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        char *copy = mem_alloc(dump.len);
        memcpy(copy, dump.at, dump.len);
        for (uint64_t n = 1 + rng_below(&rng, 4); n > 0; n--) copy[rng_below(&rng, dump.len)] = (char)rng_next(&rng);
        out.len = 0;
        oxq_err e = bytecode_prepare(slice_of(copy, dump.len), is_library, NULL, &out, &facts);
        cr_assert(e == OXQ_OK || e == OXQ_ERR_FORMAT);
        mem_free(copy);
    }
    buf_deinit(&dump);
    buf_deinit(&out);
    testhost_deinit(&t);
}

Test(sandbox, errors_in_tail_calls_keep_their_line)
{
    static const char *const texts[][2] = {
        {"return redis.call('NOPE')", "on @user_script:1."},
        {"\n\nreturn redis.call('NOPE')", "on @user_script:3."},
        {"return redis.call('NOPE',\n1,\n2)", "on @user_script:1."},
        {"if ARGV[1] then return 1 end\nreturn redis.call('NOPE')", "on @user_script:2."},
        {"if not ARGV[1] then\nreturn redis.call('NOPE') end\nreturn redis.call('ECHO', 1)", "on @user_script:2."},
        {"local function f()\n return redis.call('NOPE')\nend\nlocal x = f() return x", "on @user_script:2."},
        {"local function f(n)\n if n then return tostring(n) end\n return error(n)\nend\nreturn f(1) .. f()",
         "on @user_script:3."},
        {"local function f(...)\n return redis.call(...)\nend\nreturn f(unpack({'NOPE'}))", "on @user_script:2."},
        {"return redis.call(unpack({'NOPE'}))", "on @user_script:1."},
        {"local t = {}\nlocal function f() t.x = 1 return (function() return redis.call('NOPE', t) end)() end\nreturn f()",
         "on @user_script:2."},
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *reply = eval(&t, texts[i][0]);
        cr_assert(strstr(reply, texts[i][1]), "%s gives %s", texts[i][0], reply);
    }
    /* Functions of the script itself still call in tail position for ever. */
    assert_eval(&t, "local function f(n) if n == 0 then return 7 end return f(n - 1) end return f(1e6)", ":7\r\n");
    testhost_deinit(&t);
}
