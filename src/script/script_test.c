/* SPDX-License-Identifier: MIT */
/* What needs a tick, a limit or a look inside; replies are held to Redis's by tests/protocol/script*.txt. */
#include "base/mem.h"
#include "base/rng.h"
#include "script/testhost.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define MIB ((size_t)1 << 20)

static const char *eval(struct testhost *t, const char *text)
{
    return testhost_eval(t, text, 0, NULL, 0);
}

static void assert_eval(struct testhost *t, const char *text, const char *want)
{
    const char *reply = eval(t, text);
    cr_assert_str_eq(reply, want, "%s gives %s", text, reply);
}

/* The reply is an error that starts so. */
static void assert_fails(struct testhost *t, const char *text, const char *want)
{
    const char *reply = eval(t, text);
    cr_assert_eq(strncmp(reply, want, strlen(want)), 0, "%s gives %s", text, reply);
}

static const char *run(struct testhost *t, const char *a, const char *b, const char *c)
{
    struct slice argv[] = {slice_from_text(a), slice_from_text(b), slice_from_text(c ? c : "")};
    return testhost_run(t, argv, c ? 3 : 2);
}

Test(script, changes_of_a_script_are_reported_as_effects)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    const char *const args[] = {"q:", "job", "{}"};
    const char *text = "local id = redis.call('INCR', KEYS[1] .. 'id')\n"
                       "redis.call('HMSET', KEYS[1] .. id, 'name', ARGV[1], 'data', ARGV[2], 'delay', 0)\n"
                       "redis.call('LPUSH', KEYS[1] .. 'wait', id)\n"
                       "redis.call('ZADD', KEYS[1] .. 'marker', 0, '0')\n"
                       "return id .. ''";
    for (int i = 1; i <= 3; i++) {
        char want[16];
        snprintf(want, sizeof(want), "$1\r\n%d\r\n", i);
        cr_assert_str_eq(testhost_eval(&t, text, 1, args, 3), want);
        testkit_check(&t.kit);
    }
    cr_assert_str_eq(testkit_run(&t.kit, "LRANGE q:wait 0 -1"), "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n");
    cr_assert_str_eq(testkit_run(&t.kit, "HGET q:2 name"), "$3\r\njob\r\n");
    testhost_deinit(&t);
}

Test(script, a_script_in_time_is_never_interrupted)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    /* The tick that sees it first does not count: it began somewhere in the time before. */
    assert_eval(&t, "redis.call('TEST.TICK', 50) for i = 1, 1e6 do end return redis.call('ECHO', 'x')", "$1\r\nx\r\n");
    cr_assert_eq(t.polls_count, 0);
    /* Ticks of one script do not count for the next. */
    for (int i = 0; i < 5; i++) assert_eval(&t, "redis.call('TEST.TICK', 30) for i = 1, 1e5 do end return 1", ":1\r\n");
    cr_assert_eq(t.polls_count, 0);
    testhost_deinit(&t);
}

Test(script, a_late_script_lets_others_be_served_and_ends)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    t.on_poll = "EVAL return_1 0";
    assert_eval(&t, "redis.call('TEST.TICK', 51) for i = 1, 1e6 do end return 1", ":1\r\n");
    cr_assert_gt(t.polls_count, 10);
    cr_assert_str_eq(t.polled,
                     "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n");
    cr_assert_not(script_host_is_busy(t.host));
    t.polls_count = 0;
    assert_eval(&t, "for i = 1, 1e6 do end return 2", ":2\r\n");
    cr_assert_eq(t.polls_count, 0, "the hook outlived the script");
    testhost_deinit(&t);
}

Test(script, without_a_limit_no_script_is_late)
{
    struct testhost t;
    testhost_init(&t, 0, 0);
    assert_eval(&t, "redis.call('TEST.TICK', 100000) for i = 1, 1e6 do end return 1", ":1\r\n");
    cr_assert_eq(t.polls_count, 0);
    script_host_set_busy_ms(t.host, 10);
    assert_eval(&t, "redis.call('TEST.TICK', 3) for i = 1, 1e6 do end return 1", ":1\r\n");
    cr_assert_gt(t.polls_count, 0);
    testhost_deinit(&t);
}

Test(script, kill_ends_a_script_that_only_read_whatever_it_catches)
{
    static const char *const bodies[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() while true do pcall(f) end end while true do pcall(f) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "local c = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) "
        "while true do pcall(c) c = coroutine.wrap(function() while true do end end) end",
        "while true do redis.pcall('GET', 'x') end",
        "while true do local ok = coroutine.resume(coroutine.create(function() while true do end end)) end",
        "setmetatable({}, {__index = function() while true do end end}).x = nil "
        "local t = setmetatable({}, {__index = function() while true do end end}) while true do pcall(function() "
        "return t.x end) end",
        /* late only where there is no room left for the hook */
        "local is_late = false local function f() while true do local ok = pcall(f) if not ok and not is_late then "
        "redis.call('TEST.TICK', 51) is_late = true end end end f()",
    };
    struct testhost t;
    testhost_init(&t, 0, 5000);
    t.on_poll = "SCRIPT KILL";
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        char text[512];
        bool ticks_itself = strstr(bodies[i], "TEST.TICK");
        snprintf(text, sizeof(text), "%s %s", ticks_itself ? "" : "redis.call('TEST.TICK', 51)", bodies[i]);
        assert_fails(&t, text, "-ERR Script killed by user with SCRIPT KILL... script: ");
        cr_assert_str_eq(t.polled, "+OK\r\n");
        assert_eval(&t, "return 1", ":1\r\n");
    }
    testhost_deinit(&t);
}

Test(script, recursion_through_c_ends_with_an_error)
{
    static const char *const bodies[] = {
        "local function f() return string.gsub('a', 'a', f) end f()",
        "local function f() return ('a'):gsub('a', setmetatable({}, {__index = f})) end f()",
        "local function f() assert(load(f))() end f()",
        "local function f() return string.format('%s', setmetatable({}, {__tostring = f})) end f()",
        "local t t = setmetatable({}, {__index = function() return select(2, pcall(error, t)) end}) error(t.x, 0)",
        "local function f() return coroutine.wrap(f)() end f()",
        "local function f() error(select(2, coroutine.resume(coroutine.create(f))), 0) end f()",
        "local function f() assert(pcall(f)) end f()",
        "local function f() assert(xpcall(f, tostring)) end f()",
        "local function f() table.sort({1, 2}, f) end f()",
        "local function f() table.foreach({1}, f) end f()",
        "local function f() table.foreachi({1}, f) end f()",
    };
    struct testhost t;
    testhost_init(&t, 0, 5000);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "local ok, e = pcall(function() %s end) return {tostring(ok), e:sub(-14)}",
                 bodies[i]);
        assert_eval(&t, text, "*2\r\n$5\r\nfalse\r\n$14\r\nstack overflow\r\n");
        /* What an error leapt over was counted back. */
        assert_eval(&t,
                    "local n = 0 for i = 1, 1000 do pcall(error) pcall(string.gsub, 'a', 'a', error) end "
                    "local function f() n = n + 1 pcall(f) end f() return n",
                    ":199\r\n");
    }
    testhost_deinit(&t);
}

Test(script, an_answer_calls_no_metamethod)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    assert_eval(&t, "return {verbatim_string = setmetatable({}, {__index = function() error('x') end})}", "*0\r\n");
    assert_eval(&t, "return setmetatable({}, {__index = function() error('x') end})", "*0\r\n");
    testhost_deinit(&t);
}

Test(script, load_gives_back_its_readers_errors)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    assert_eval(&t, "local f, e = load(function() error('x', 0) end) return {tostring(f), e}",
                "*2\r\n$3\r\nnil\r\n$1\r\nx\r\n");
    assert_eval(&t, "return select(2, load(function() return {} end))",
                "$51\r\nuser_script:1: reader function must return a string\r\n");
    testhost_deinit(&t);
}

Test(script, a_script_that_wrote_is_not_killed)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    t.on_poll = "SCRIPT KILL";
    assert_eval(&t, "redis.call('SET', 'k', 'v') redis.call('TEST.TICK', 51) for i = 1, 1e6 do end return 1", ":1\r\n");
    cr_assert_eq(strncmp(t.polled, "-UNKILLABLE ", 12), 0, "%s", t.polled);
    cr_assert_not(script_host_has_written(t.host));
    cr_assert_str_eq(run(&t, "script", "kill", NULL), "-NOTBUSY No scripts in execution right now.\r\n");
    testhost_deinit(&t);
}

Test(script, memory_has_an_end_and_the_next_script_runs)
{
    static const char *const greedy[] = {
        "local a = 'x' while true do a = a .. a end",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
        "return string.rep('x', 1e9)",
        "local f = function() end while true do local g = f f = function() return g() end end",
        "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
        "return redis.call('TEST.FILL', 20000)",
        "local t = {} while true do t[#t + 1] = redis.call('TEST.FILL', 100) end",
        "local t = {string.rep('x', 1e6)} for i = 1, 10 do t[1] = t[1] .. t[1] cmsgpack.pack(t) end",
        "local t = {} for i = 1, 100 do t[i] = t end return cmsgpack.pack(t, t, t, t, t)",
        "local s = string.rep('(', 1e6) local t = {} while true do t[#t + 1] = pcall(loadstring, s) and s .. #t end",
    };
    struct testhost t;
    testhost_init(&t, 8 * MIB, 5000);
    size_t before = script_host_memory_bytes(t.host);
    for (size_t i = 0; i < sizeof(greedy) / sizeof(greedy[0]); i++) {
        const char *reply = eval(&t, greedy[i]);
        cr_assert(strstr(reply, "not enough memory"), "%s gives %.100s", greedy[i], reply);
        assert_eval(&t, "return redis.call('ECHO', 'fine')", "$4\r\nfine\r\n");
        cr_assert_lt(script_host_memory_bytes(t.host), 8 * MIB);
    }
    /* A script may catch it and go on. */
    assert_eval(&t, "local ok, e = pcall(string.rep, 'x', 1e9) return tostring(ok) .. e",
                "$22\r\nfalsenot enough memory\r\n");
    cr_assert_str_eq(run(&t, "script", "flush", NULL), "+OK\r\n");
    cr_assert_leq(script_host_memory_bytes(t.host), before);
    testhost_deinit(&t);
}

/* The table of all strings becomes smaller again, and for the moment that takes more memory. */
Test(script, garbage_that_cannot_be_collected_while_a_text_is_loaded_ends_nothing)
{
    struct testhost t;
    char text[64];
    testhost_init(&t, 0, 5000);
    assert_eval(&t, "local t = {} for i = 1, 100000 do t[i] = 's' .. i end return #t", ":100000\r\n");
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof(text), "local a, b, c = {}, {}, {} return %d", i);
        mem_fail_after(0);
        (void)run(&t, "script", "load", text);
        mem_fail_after(-1);
        cr_assert_eq(run(&t, "script", "load", text)[0], '$');
    }
    assert_eval(&t, "return 1", ":1\r\n");
    testhost_deinit(&t);
}

#define WRITING "redis.call('set', 'k', 'v') "
#define COPYING(n)                                                                                                     \
    "local s, list = string.rep('x', 1024 * 1024), {} for i = 1, " #n " do list[i] = s .. i end "                      \
    "return #cjson.encode(list)"

Test(script, a_script_that_wrote_may_hold_more_so_that_it_comes_to_its_end)
{
    struct testhost t;
    testhost_init(&t, SCRIPT_MEMORY_BYTES_MIN, 5000);
    assert_fails(&t, COPYING(8), "-ERR Error running script ");
    assert_eval(&t, WRITING COPYING(8), ":8388641\r\n");
    assert_fails(&t, WRITING COPYING(64), "-ERR Error running script ");
    /* The next one begins anew. */
    assert_fails(&t, COPYING(8), "-ERR Error running script ");
    testhost_deinit(&t);
}

/* A script's reply with one text of so many bytes as ARGV[1]. */
static const char *eval_on(struct testhost *t, const char *text, size_t bytes)
{
    OWNED(buf_deinit) struct buf given = {.limit_bytes = SIZE_MAX};
    CHECK(buf_reserve(&given, bytes + 1) == OXQ_OK);
    memset(given.at, 'x', bytes);
    given.at[bytes] = '\0';
    const char *args[] = {given.at};
    return testhost_eval(t, text, 0, args, 1);
}

Test(script, a_script_may_work_on_what_it_is_given_however_large)
{
    struct testhost t;
    testhost_init(&t, SCRIPT_MEMORY_BYTES_MIN, 5000);
    cr_assert_str_eq(eval_on(&t, "redis.call('set', 'k', ARGV[1]) return #ARGV[1]", 10 * MIB), ":10485760\r\n");
    cr_assert_str_eq(eval_on(&t, "return #table.concat({ARGV[1], 'y'})", 10 * MIB), ":10485761\r\n");
    assert_eval(&t, "return #table.concat({redis.call('get', 'k'), 'y'})", ":10485761\r\n");
    /* That is no leave to hold any number of them. */
    assert_fails(&t, "local list = {} for i = 1, 100 do list[i] = redis.call('get', 'k') .. i end return 1",
                 "-ERR Error running script ");
    testhost_deinit(&t);
}

Test(script, what_a_script_was_given_is_no_burden_for_the_next)
{
    struct testhost t;
    testhost_init(&t, SCRIPT_MEMORY_BYTES_MIN, 5000);
    for (int i = 0; i < 3; i++) {
        cr_assert_str_eq(eval_on(&t, "return #ARGV[1]", 10 * MIB), ":10485760\r\n");
        assert_eval(&t, "return #string.rep('x', 1024 * 1024)", ":1048576\r\n");
        assert_eval(&t, "return {#KEYS, #ARGV}", "*2\r\n:0\r\n:0\r\n");
    }
    testhost_deinit(&t);
}

#define STARVING "redis.call('test.starve') return #string.rep('x', 100000)"

Test(script, what_lacks_memory_before_it_wrote_is_an_error)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    cr_assert_eq(buf_reserve(&t.out, 1024), OXQ_OK);
    assert_fails(&t, "redis.call('get', 'k') " STARVING, "-ERR Error running script ");
    mem_fail_after(-1);
    assert_eval(&t, "return redis.call('exists', 'k')", ":0\r\n");
    testhost_deinit(&t);
}

/* What it changed is in no record yet: half of a change is never on the disk. */
Test(script, what_lacks_memory_after_it_wrote_ends_the_process, .exit_code = 1)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    (void)eval(&t, WRITING STARVING);
}

Test(script, what_lacks_memory_after_it_wrote_ends_the_process_though_the_script_goes_on, .exit_code = 1)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    (void)eval(&t, WRITING "pcall(function() " STARVING " end) return 1");
}

Test(script, a_command_that_lacks_memory_in_a_script_that_wrote_ends_the_process, .exit_code = 1)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    (void)eval(&t, "local text = string.rep('x', 100000) redis.call('set', 'k', 'v') redis.call('set', 'n', 'v') "
                   "redis.call('test.starve') redis.call('append', 'k', text) return 1");
}

Test(script, what_lacks_memory_in_a_transaction_ends_the_process, .exit_code = 1)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    t.flags = CMD_CTX_MULTI;
    (void)eval(&t, STARVING);
}

Test(script, a_text_too_large_for_memory_is_refused)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    script_host_set_memory(t.host, SCRIPT_MEMORY_BYTES_MIN);
    size_t len = 3 * MIB;
    char *text = mem_alloc(len + 1);
    for (size_t i = 0; i < len; i += 8) memcpy(text + i, "x=x..'';", 8);
    text[len] = '\0';
    for (int i = 0; i < 100; i++) {
        char small[64];
        snprintf(small, sizeof(small), "return %d", i);
        eval(&t, small);
    }
    cr_assert_eq(script_host_scripts_count(t.host), 100);
    assert_fails(&t, text, "-ERR Error compiling script (new function): ");
    cr_assert_leq(script_host_scripts_count(t.host), 100);
    assert_eval(&t, "return 1", ":1\r\n");
    mem_free(text);
    testhost_deinit(&t);
}

Test(script, a_known_text_is_not_loaded_again_and_the_oldest_evals_make_room)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    for (int i = 0; i < 3; i++) assert_eval(&t, "return 1", ":1\r\n");
    cr_assert_eq(script_host_scripts_count(t.host), 1);
    cr_assert_eq(script_host_scripts_bytes(t.host), 8);
    char sha[64], kept[64];
    snprintf(sha, sizeof(sha), "%.40s", eval(&t, "return redis.sha1hex('return 1')") + 5);
    snprintf(kept, sizeof(kept), "%.40s", run(&t, "script", "load", "return 'kept'") + 5);
    for (int i = 0; i < SCRIPT_EVALS_MAX + 10; i++) {
        char text[32];
        snprintf(text, sizeof(text), "return %d", i + 2);
        eval(&t, text);
        /* Used now and then, by its name: it stays. */
        if (i % 100 == 0) cr_assert_str_eq(run(&t, "evalsha", sha, "0"), ":1\r\n");
    }
    cr_assert_eq(script_host_scripts_count(t.host), SCRIPT_EVALS_MAX + 1);
    cr_assert_str_eq(run(&t, "script", "exists", sha), "*1\r\n:1\r\n");
    cr_assert_str_eq(run(&t, "evalsha", kept, "0"), "$4\r\nkept\r\n");
    snprintf(sha, sizeof(sha), "%.40s", eval(&t, "return redis.sha1hex('return 2')") + 5);
    cr_assert_str_eq(run(&t, "script", "exists", sha), "*1\r\n:0\r\n");
    cr_assert_str_eq(run(&t, "script", "flush", NULL), "+OK\r\n");
    cr_assert_eq(script_host_scripts_count(t.host), 0);
    cr_assert_eq(script_host_scripts_bytes(t.host), 0);
    cr_assert_str_eq(run(&t, "evalsha", kept, "0"), "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    testhost_deinit(&t);
}

Test(script, what_the_engine_refuses_is_an_error_of_the_call)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    t.refuses = "echo";
    assert_fails(&t, "return redis.call('ECHO', 'x')", "-TEST refused script: ");
    assert_eval(&t, "return redis.pcall('ECHO', 'x')", "-TEST refused\r\n");
    assert_eval(&t, "return redis.call('GET', 'x')", "$-1\r\n");
    cr_assert_eq(cmd_table_find(&t.kit.table, SLICE_LIT("echo"))->stats.calls, 0);
    cr_assert_eq(cmd_table_find(&t.kit.table, SLICE_LIT("echo"))->stats.rejected, 2);
    cr_assert_eq(cmd_table_find(&t.kit.table, SLICE_LIT("get"))->stats.calls, 1);
    testhost_deinit(&t);
}

Test(script, over_maxmemory_only_what_needs_none_runs_until_the_first_write)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    t.is_over_memory = true;
    assert_eval(&t, "return redis.pcall('SET', 'a', 'b')",
                "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_eval(&t, "return redis.call('GET', 'a')", "$-1\r\n");
    assert_eval(&t, "redis.call('DEL', 'a') return redis.call('SET', 'a', 'b')", "+OK\r\n");
    assert_eval(&t, "#!lua\nreturn 1", "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_eval(&t, "#!lua flags=no-writes\nreturn 1", ":1\r\n");
    assert_eval(&t, "#!lua flags=allow-oom\nreturn redis.call('SET', 'a', 'c')", "+OK\r\n");
    testhost_deinit(&t);
}

Test(script, log_lines_reach_the_engine)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    assert_eval(&t, "redis.log(redis.LOG_WARNING, 'a', 1, {}, 'b')", "$-1\r\n");
    cr_assert_str_eq(t.logged, "3 a 1 b");
    testhost_deinit(&t);
}

Test(script, replies_nest_deep_in_both_directions)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    const char *reply = eval(&t, "local t = {} for i = 1, 5000 do t = {t} end return t");
    cr_assert_eq(strlen(reply), 5001 * 4);
    reply = eval(&t, "local t = {} t[1] = t return t");
    cr_assert(strstr(reply, "-ERR reached lua stack limit\r\n"));
    reply = eval(&t, "local t = {} t.map = {a = t} return t");
    cr_assert(strstr(reply, "-ERR reached lua stack limit\r\n"));
    reply = eval(&t, "local t = {} t.set = {[t] = true} return t");
    cr_assert(strstr(reply, "-ERR reached lua stack limit\r\n"));
    assert_eval(&t, "return {{1, {2, {3, {4, {5, {6, {7, {8, {9, {10, {}}}}}}}}}}}, 1}",
                "*2\r\n*2\r\n:1\r\n*2\r\n:2\r\n*2\r\n:3\r\n*2\r\n:4\r\n*2\r\n:5\r\n*2\r\n:6\r\n*2\r\n:7\r\n*2\r\n:8\r\n"
                "*2\r\n:9\r\n*2\r\n:10\r\n*0\r\n:1\r\n");
    testhost_deinit(&t);
}

Test(script, random_texts_are_compiled_and_run_without_harm)
{
    static const char *const words[] = {"local ",   "x",          " = ",   "function ", "(",
                                        ")",        "{",          "}",     " end ",     " return ",
                                        "'s'",      "1",          " + ",   " .. ",      " if ",
                                        " then ",   " while ",    " do ",  " for ",     " in ",
                                        "pairs",    "redis.call", "KEYS",  "ARGV",      "[",
                                        "]",        ",",          "...",   " nil ",     "#",
                                        " not ",    "\n",         "pcall", "error",     "cjson.encode",
                                        "string",   ".rep",       ":",     " break ",   "tostring",
                                        "0x7f",     "1e5",        "-",     "_G",        "setmetatable",
                                        " repeat ", " until "};
    struct testhost t;
    testhost_init(&t, 8 * MIB, 5000);
    struct rng rng;
    rng_init(&rng, 42);
    for (int i = 0; i < 20000; i++) {
        char text[512] = "";
        size_t len = 0;
        for (uint64_t n = rng_below(&rng, 24) + 1; n > 0; n--) {
            const char *word = words[rng_below(&rng, sizeof(words) / sizeof(words[0]))];
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", word);
        }
        eval(&t, text);
    }
    assert_eval(&t, "return redis.call('ECHO', 'fine')", "$4\r\nfine\r\n");
    testhost_deinit(&t);
}

Test(script, a_twin_runs_in_place_of_its_script_where_it_may_and_knows_the_case)
{
    struct testhost t;
    testhost_init(&t, 0, 5000);
    const char *const key[] = {"k"};
    assert_eval(&t, TESTHOST_TWINNED, "$1\r\nC\r\n");
    cr_assert_eq(script_host_twin_runs(t.host), 1);
    cr_assert_str_eq(testhost_eval(&t, TESTHOST_TWINNED, 1, key, 1), "$3\r\nLua\r\n");
    struct slice read_only[] = {SLICE_LIT("eval_ro"), SLICE_LIT(TESTHOST_TWINNED), SLICE_LIT("0")};
    cr_assert_str_eq(testhost_run(&t, read_only, 3), "$3\r\nLua\r\n");
    t.forbids_twins = true;
    assert_eval(&t, TESTHOST_TWINNED, "$3\r\nLua\r\n");
    t.forbids_twins = false;
    t.is_over_memory = true;
    assert_eval(&t, TESTHOST_TWINNED, "$3\r\nLua\r\n");
    cr_assert_eq(script_host_twin_runs(t.host), 1);
    testhost_deinit(&t);
}
