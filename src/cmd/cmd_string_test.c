/* SPDX-License-Identifier: MIT */
/* What needs a clock or a look at the effects; replies are held to Redis's by tests/protocol/string_*.txt. */
#include "cmd/testkit.h"

#include <criterion/criterion.h>

static void assert_reply(struct testkit *kit, const char *command, const char *want)
{
    const char *reply = testkit_run(kit, command);
    cr_assert_str_eq(reply, want, "%s gives %s", command, reply);
    testkit_check(kit);
}

Test(cmd_string, times_of_set_count_from_the_clock)
{
    struct testkit kit;
    testkit_init(&kit);
    kit.keyspace.now_ms = 1000000;
    assert_reply(&kit, "SET a v EX 10", "+OK\r\n");
    assert_reply(&kit, "PEXPIRETIME a", ":1010000\r\n");
    assert_reply(&kit, "SET b v PX 10", "+OK\r\n");
    assert_reply(&kit, "PEXPIRETIME b", ":1000010\r\n");
    assert_reply(&kit, "PSETEX c 7 v", "+OK\r\n");
    assert_reply(&kit, "PEXPIRETIME c", ":1000007\r\n");
    assert_reply(&kit, "SET d v EX 9223372036854775", "-ERR invalid expire time in 'set' command\r\n");
    kit.keyspace.now_ms += 9;
    assert_reply(&kit, "SET b w KEEPTTL", "+OK\r\n");
    assert_reply(&kit, "GET b", "$1\r\nw\r\n");
    assert_reply(&kit, "GET c", "$-1\r\n");
    kit.keyspace.now_ms += 100;
    assert_reply(&kit, "SET b x KEEPTTL", "+OK\r\n");
    assert_reply(&kit, "TTL b", ":-1\r\n");
    testkit_deinit(&kit);
}

Test(cmd_string, getex_moves_the_expiry_and_deletes_for_past_instants)
{
    struct testkit kit;
    testkit_init(&kit);
    kit.keyspace.now_ms = 1000000;
    assert_reply(&kit, "SET a v", "+OK\r\n");
    assert_reply(&kit, "GETEX a PX 500", "$1\r\nv\r\n");
    assert_reply(&kit, "PTTL a", ":500\r\n");
    size_t effects = kit.effects_count;
    assert_reply(&kit, "GETEX a", "$1\r\nv\r\n");
    cr_assert_eq(kit.effects_count, effects);
    assert_reply(&kit, "GETEX a PERSIST", "$1\r\nv\r\n");
    cr_assert_eq(kit.effects_count, effects + 1);
    assert_reply(&kit, "GETEX a PERSIST", "$1\r\nv\r\n");
    cr_assert_eq(kit.effects_count, effects + 1, "there was no expiry to take");
    assert_reply(&kit, "GETEX a PXAT 1000000", "$1\r\nv\r\n");
    assert_reply(&kit, "EXISTS a", ":0\r\n");
    testkit_deinit(&kit);
}

Test(cmd_string, a_refused_command_reports_nothing)
{
    static const char *const refused[] = {
        "SET s v NX",      "SET n v XX",
        "SET h v NX GET",  "SET s v EX 0",
        "SETNX s v",       "MSETNX n 1 s 2",
        "INCR s",          "INCRBYFLOAT s 1",
        "INCRBYFLOAT n x", "GETDEL n",
        "GETDEL h",        "GETEX n EX 5",
        "APPEND h x",      "SETRANGE n 5 \"\"",
        "SETRANGE s -1 x", "GETSET h v",
        "MSET a",          "SETRANGE n 536870912 x",
        "INCRBY n 1x",     "DECRBY n -9223372036854775808",
        "INCR max",
    };
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "SET s text");
    testkit_run(&kit, "SET max 9223372036854775807");
    testkit_run(&kit, "HSET h f v");
    size_t effects = kit.effects_count;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        testkit_run(&kit, refused[i]);
        cr_assert_eq(kit.effects_count, effects, "%s", refused[i]);
        cr_assert_eq(db_count(&kit.keyspace.dbs[0]), 3, "%s", refused[i]);
    }
    testkit_check(&kit);
    testkit_deinit(&kit);
}

Test(cmd_string, lcs_refuses_a_table_larger_than_the_longest_string)
{
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "SETRANGE a 20000 x");
    testkit_run(&kit, "SETRANGE b 20000 x");
    assert_reply(&kit, "LCS a b LEN",
                 "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
    testkit_deinit(&kit);
}
