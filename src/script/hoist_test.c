/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/rng.h"
#include "script/compile.h"
#include "script/hoist.h"
#include "script/testhost.h"

#include <criterion/criterion.h>
#include <lauxlib.h>

/* How many of a script's functions are made once. */
static int hoisted_count(struct testhost *t, const char *text)
{
    lua_State *lua = t->host->lua;
    cr_assert_eq(compile_text(lua, slice_from_text(text), "=test", COMPILE_SCRIPT), 0, "%s: %s", text,
                 lua_tostring(lua, -1));
    int count = 0;
    while (lua_getupvalue(lua, -1, count + 1)) {
        lua_pop(lua, 1);
        count++;
    }
    lua_pop(lua, 1);
    return count;
}

Test(hoist, functions_that_are_the_same_in_every_run_are_made_once)
{
    static const struct {
        int count;
        const char *text;
    } cases[] = {
        {1, "local function f() return 1 end return f()"},
        {1, "local f = function() return 1 end return f()"},
        {1, "local rcall = redis.call local function f() return rcall('PING') end return f()"},
        {2, "local rcall = redis.call local function f() return rcall('PING') end\n"
            "local function g() return f(), rcall end return g()"},
        {1, "local function f(n) if n > 0 then return f(n - 1) end return 1 end return f(2)"},
        /* A function inside belongs to the one around it. */
        {1, "local rcall = redis.call local function f(a) return function() return rcall, a end end return f(1)"},
        {1,
         "local id = KEYS[1] local rcall = redis.call if id then id = '1' end local function f() return rcall end return f()"},
        {1, "do local x = redis.call local function f() return x end end local y = 1 return function() return y end"},
        {2,
         "local a = redis.call local b = redis.pcall local function f() return a, b end return table.sort({}, function() end)"},
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(hoisted_count(&t, cases[i].text), cases[i].count, "%s", cases[i].text);
    testhost_deinit(&t);
}

Test(hoist, functions_that_could_tell_are_made_in_each_run)
{
    static const char *const texts[] = {
        "local key = KEYS[1] local function f() return key end return f()",
        "local rcall = redis.call local function f() return rcall end rcall = redis.pcall return f()",
        "local n = 0 local function f() n = n + 1 return n end return f()",
        "local r = redis local function f() return r.call end return f()",
        "local rcall = ARGV[1] and redis.call local function f() return rcall end return f()",
        "local rcall = ARGV[1] or redis.call local function f() return rcall end return f()",
        "local rcall = (ARGV[1] or redis).call local function f() return rcall end return f()",
        "local f = ARGV[1] or function() end local x = 1 local function g() return f, x end return g()",
        "local t = {} for i = 1, 2 do t[i] = function() end end return t[1] == t[2]",
        "local i = 0 while i < 2 do local function f() end i = i + 1 end",
        "local i = 0 repeat local function f() end i = i + 1 until i == 2",
        "local i = 0 ::again:: local function f() end i = i + 1 if i < 2 then goto again end",
        "local a, b = redis.call, redis.pcall local function f() return a end return f()",
        "local f local function g() return f end f = function() return g end return f()",
        "do local x = redis.call end local x = KEYS[1] return function() return x end",
        "return 1",
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int count = strstr(texts[i], "or function") ? 1 : 0;
        cr_expect_eq(hoisted_count(&t, texts[i]), count, "%s", texts[i]);
    }
    testhost_deinit(&t);
}

static void assert_eval(struct testhost *t, const char *text, const char *const *args, int count, const char *want)
{
    const char *reply = testhost_eval(t, text, 0, args, count);
    cr_assert_str_eq(reply, want, "%s gives %s", text, reply);
}

Test(hoist, a_script_behaves_the_same_in_every_run)
{
    static const char *const first[] = {"1"}, *const second[] = {"2"};
    struct testhost t;
    testhost_init(&t, 0, 0);
    const char *text =
        "local rcall = redis.call\n"
        "local function get() return rcall('ECHO', ARGV[1]) end\n"
        "local given = ARGV[1]\n"
        "local function both() return get() .. given end\n"
        "local function down(n) if n == 0 then return both() end return down(n - 1) end\n"
        "local seen = {[get] = 1, [down] = 1} local count = 0 for _ in pairs(seen) do count = count + 1 end\n"
        "return down(3) .. count";
    for (int i = 0; i < 3; i++) {
        assert_eval(&t, text, first, 1, "$3\r\n112\r\n");
        assert_eval(&t, text, second, 1, "$3\r\n222\r\n");
    }
    /* Each function of a text that is compiled at run time is still a new one. */
    assert_eval(&t, "local f = loadstring('local function g() end return g') return f() ~= f()", NULL, 0, ":1\r\n");
    assert_eval(&t, "local t = {} for i = 1, 2 do t[i] = function() end end return t[1] ~= t[2]", NULL, 0, ":1\r\n");
    /* Functions see the same globals as the script, guarded or open. */
    assert_eval(&t, "local s = string local function f() return ARGV[1] .. s.len('abc') end return f()", first, 1,
                "$2\r\n13\r\n");
    assert_eval(&t, "local function f() return ARGV[1] end return f()", second, 1, "$1\r\n2\r\n");
    testhost_deinit(&t);
}

Test(hoist, errors_name_what_they_named_before)
{
    static const char *const texts[][2] = {
        {"local f\nlocal function g() return f() end\nreturn g()", "attempt to call upvalue 'f' (a nil value) script:"},
        {"local c = redis.nope\nlocal function g()\n local x = c()\nend\nreturn g()",
         "attempt to call upvalue 'c' (a nil value)"},
        {"local function g(a)\n local x = a.b.c\nend\nlocal x = g({})", "attempt to index field 'b' (a nil value)"},
        {"local function g() end\nlocal x = g + 1", "attempt to perform arithmetic on local 'g' (a function value)"},
        {"local function g()\n return missing\nend\nlocal x = g()", "on @user_script:2."},
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *reply = testhost_eval(&t, texts[i][0], 0, NULL, 0);
        cr_assert(strstr(reply, texts[i][1]), "%s gives %s", texts[i][0], reply);
    }
    testhost_deinit(&t);
}

Test(hoist, calls_without_a_result_do_and_fail_as_others)
{
    static const char *const texts[][2] = {
        {"local c = redis.call local function f(v) c('SET', 'k', v) c('APPEND', 'k', c('ECHO', v)) return c('GET', 'k') end\n"
         "local x = f('a') return x .. f('b')",
         "$4\r\naabb\r\n"},
        {"local c = redis.call local function f(...) c('RPUSH', 'l', ...) c('LREM', 'l', 1, (...)) end\n"
         "f('1', '2', '3') f('1', '2') return redis.call('LRANGE', 'l', 0, -1)",
         "*3\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n2\r\n"},
        {"local c = redis.call local function f() c('LRANGE', 'l', 0, -1) c('HGETALL', 'h') c('XADD', 's', '*', 'a', 'b')\n"
         "c('ECHO', 'x') c('GET', 'none') return select('#', c('XLEN', 's')) .. c('XLEN', 's') end return f()",
         "$2\r\n11\r\n"},
        {"local c = redis.call local n = 0 local function g() n = n + 1 end local function h() return g end\n"
         "local function f(x) (x and c or tostring)('ECHO', 'x') local ok, r = pcall(c, 'ECHO', 'y') return r end\n"
         "h()() return f(1) .. f(false) .. n",
         "$3\r\nyy1\r\n"},
        {"local c = redis.call local function f() c('SET', 'k', 'v') c('LPUSH', 'k', 'v') end\n"
         "local ok, e = pcall(f) return {tostring(ok), e, redis.call('GET', 'k')}",
         "*3\r\n$5\r\nfalse\r\n$65\r\nWRONGTYPE Operation against a key holding the wrong kind of value\r\n$1\r\nv\r\n"},
        {"local c = redis.call c('SET', 'k', c('ECHO', '1')) for i = 1, 3 do c('INCRBY', 'k', i) end\n"
         "local ok = pcall(c, 'NOPE') c('APPEND', 'k', tostring(ok)) return c('GET', 'k')",
         "$6\r\n7false\r\n"},
        {"local c = redis.call local d = c c = tostring d('SET', 'k', 'x') c(1) c = redis.call c('APPEND', 'k', 'y')\n"
         "return c('GET', 'k')",
         "$2\r\nxy\r\n"},
        {"local c = redis.call local f = coroutine.wrap(function() local function g() c('SET', 'k', 'w') end g()\n"
         "coroutine.yield(c('GET', 'k')) end) return f()",
         "$1\r\nw\r\n"},
    };
    static const char *const failing[][2] = {
        {"local c = redis.call\nlocal function f()\n c('ECHO', 'x')\n c('NOPE')\nend\nf()", "on @user_script:4."},
        {"local c = redis.call\nc('SET', 'k', 'v')\nc('LPUSH', 'k', 'v')", "on @user_script:3."},
        {"local c = redis.call local function f() c() end f()", "-ERR Please specify at least one argument"},
        {"local c = redis.call local function f() c('SET', 'k', nil) end f()",
         "-ERR Lua redis lib command arguments must be strings or integers"},
        {"local c, n = redis.call local function f() c('ECHO', 'x') n() end f()",
         "attempt to call upvalue 'n' (a nil value)"},
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        testkit_run(&t.kit, "DEL k l s");
        assert_eval(&t, texts[i][0], NULL, 0, texts[i][1]);
    }
    for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
        const char *reply = testhost_eval(&t, failing[i][0], 0, NULL, 0);
        cr_assert(strstr(reply, failing[i][1]), "%s gives %s", failing[i][0], reply);
    }
    testhost_deinit(&t);
}

static bool is_library(void *ctx, struct slice name)
{
    (void)ctx;
    return slice_equal(name, SLICE_LIT("redis"));
}

Test(hoist, only_functions_that_drop_a_result_of_redis_call_are_muted)
{
    static const struct {
        const char *text;
        bool has_muted_call;
    } cases[] = {
        {"local c = redis.call local function f(n) c(n) end", true},
        {"local c = redis.call local function f(n) c('DEL', unpack(n)) return 1 end", true},
        {"local c = redis.call local function f(n) for i = 1, n do if i > 2 then c(n) end end end", true},
        {"local c = redis.call local function f(n) return c(n) end", false},
        {"local c = redis.call local function f(n) local x = c(n) end", false},
        {"local c = redis.call local function f(n) if c(n) then return end n(c(n)) end", false},
        {"local c = redis.pcall local function f(n) c(n) end", false},
        {"local c = redis.call local function f(n) pcall(c, n) end", false},
        {"local c = redis.call local function f(n) return function() c(n) end end", false},
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf dump = testhost_dump(&t, cases[i].text);
        struct hoist h;
        cr_assert_eq(hoist_functions(buf_borrow(&dump), is_library, NULL, 1 << 20, &h), OXQ_OK);
        cr_assert_eq(h.functions_count, 1);
        cr_assert_eq(h.functions[0].has_muted_call, cases[i].has_muted_call, "%s", cases[i].text);
        hoist_deinit(&h);
        buf_deinit(&dump);
    }
    testhost_deinit(&t);
}

Test(hoist, the_main_function_is_muted_where_its_variable_is_redis_call_for_good)
{
    static const struct {
        const char *text;
        bool has_muted_call;
    } cases[] = {
        {"local c = redis.call c('DEL', 'a')", true},
        {"local x, c = 1, redis.call for i = 1, 2 do if x then c('DEL', 'a') end end return x", true},
        {"local c = redis.call if c ~= nil and KEYS[1] then c('DEL', unpack(KEYS)) end", true},
        {"local c = redis.call local function f() return c('PING') end c('DEL', f())", true},
        {"local c = redis.call return c('DEL', 'a')", false},
        {"local c = redis.call local x = c('DEL', 'a')", false},
        {"local c = redis.pcall c('DEL', 'a')", false},
        {"local c = redis.call c = print c('DEL', 'a')", false},
        {"local c = redis.call for i = 1, 2 do c('DEL', 'a') c = tostring end", false},
        {"local c = redis.call local function f() c = tostring end f() c('DEL', 'a')", false},
        {"local c = redis.call local function f() return function() c = tostring end end f()() c('DEL', 'a')", false},
        {"local c = KEYS[1] and redis.call c('DEL', 'a')", false},
        {"local c = tostring do local c = redis.call end c('DEL', 'a')", false},
        {"local c if KEYS[1] then c = redis.call end c('DEL', 'a')", false},
        {"local c = redis.call local t = {c} t[1]('DEL', 'a')", false},
    };
    struct testhost t;
    testhost_init(&t, 0, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf dump = testhost_dump(&t, cases[i].text);
        struct hoist h;
        cr_assert_eq(hoist_functions(buf_borrow(&dump), is_library, NULL, 1 << 20, &h), OXQ_OK);
        cr_assert_eq(h.has_muted_call, cases[i].has_muted_call, "%s", cases[i].text);
        hoist_deinit(&h);
        buf_deinit(&dump);
    }
    testhost_deinit(&t);
}

Test(hoist, broken_dumps_are_read_within_their_bounds)
{
    static const char *const text =
        "local c = redis.call local t = {1, 'a', x = 2.5} local function f(n) c(n) return c(n) end\n"
        "local function g(n) return function() return f(n) end end\n"
        "c(1) for i = 1, 2 do f(i) c(i) end return g(t)";
    struct testhost t;
    testhost_init(&t, 0, 0);
    struct buf dump = testhost_dump(&t, text);
    struct hoist h;
    cr_assert_eq(hoist_functions(buf_borrow(&dump), is_library, NULL, 1 << 20, &h), OXQ_OK);
    cr_assert_eq(h.functions_count, 2);
    hoist_deinit(&h);
    cr_assert_eq(hoist_functions(buf_borrow(&dump), is_library, NULL, dump.len / 2, &h), OXQ_ERR_LIMIT);
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        /* A copy of its exact size, so that a sanitizer sees a look beyond. */
        size_t len = i < (int)dump.len ? (size_t)i : dump.len;
        char *copy = mem_alloc(len);
        memcpy(copy, dump.at, len);
        for (uint64_t n = len < dump.len ? 0 : 1 + rng_below(&rng, 4); n > 0; n--)
            copy[rng_below(&rng, len)] = (char)rng_next(&rng);
        oxq_err e = hoist_functions(slice_of(copy, len), is_library, NULL, 1 << 20, &h);
        cr_assert(len < dump.len ? e == OXQ_ERR_FORMAT : e == OXQ_OK || e == OXQ_ERR_FORMAT || e == OXQ_ERR_LIMIT);
        if (e == OXQ_OK) hoist_deinit(&h);
        mem_free(copy);
    }
    buf_deinit(&dump);
    testhost_deinit(&t);
}
