/* SPDX-License-Identifier: MIT */
/* Keys under a controlled clock, and walks over many keys; replies are held to Redis's by tests/protocol/key*.txt. */
#include "cmd/testkit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void assert_reply(struct testkit *kit, const char *command, const char *want)
{
    const char *reply = testkit_run(kit, command);
    cr_assert_str_eq(reply, want, "%s gives %s", command, reply);
    testkit_check(kit);
}

Test(cmd_key, time_left_follows_the_clock)
{
    struct testkit kit;
    testkit_init(&kit);
    kit.keyspace.now_ms = 1000000;
    testkit_run(&kit, "SET k v");
    assert_reply(&kit, "EXPIRE k 10", ":1\r\n");
    assert_reply(&kit, "PTTL k", ":10000\r\n");
    kit.keyspace.now_ms += 8501;
    assert_reply(&kit, "TTL k", ":1\r\n");
    assert_reply(&kit, "PTTL k", ":1499\r\n");
    kit.keyspace.now_ms += 1000;
    assert_reply(&kit, "TTL k", ":0\r\n");
    kit.keyspace.now_ms += 500;
    assert_reply(&kit, "TTL k", ":-2\r\n");
    assert_reply(&kit, "DBSIZE", ":0\r\n");
    testkit_deinit(&kit);
}

Test(cmd_key, conditions_compare_with_the_expiry_there_is)
{
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "SET k v");
    assert_reply(&kit, "EXPIRE k 100 GT", ":0\r\n");
    assert_reply(&kit, "EXPIRE k 100 LT", ":1\r\n");
    assert_reply(&kit, "EXPIRE k 100 GT", ":0\r\n");
    assert_reply(&kit, "EXPIRE k 101 GT", ":1\r\n");
    kit.keyspace.now_ms += 1;
    assert_reply(&kit, "EXPIRE k 101 LT", ":0\r\n");
    assert_reply(&kit, "EXPIRE k 101 GT", ":1\r\n");
    testkit_deinit(&kit);
}

/* What walks over keys pass over. */
Test(cmd_key, expired_keys_show_up_in_no_walk)
{
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "SET gone v PX 10");
    testkit_run(&kit, "SET there v");
    kit.keyspace.now_ms += 11;
    assert_reply(&kit, "KEYS *", "*1\r\n$5\r\nthere\r\n");
    assert_reply(&kit, "SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$5\r\nthere\r\n");
    for (int i = 0; i < 20; i++) assert_reply(&kit, "RANDOMKEY", "$5\r\nthere\r\n");
    assert_reply(&kit, "DBSIZE", ":1\r\n");
    testkit_run(&kit, "PEXPIRE there 5");
    kit.keyspace.now_ms += 6;
    assert_reply(&kit, "RANDOMKEY", "$-1\r\n");
    assert_reply(&kit, "DBSIZE", ":0\r\n");
    testkit_deinit(&kit);
}

Test(cmd_key, rename_and_copy_and_move_carry_the_expiry)
{
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "SET a v PX 500");
    testkit_run(&kit, "SET b w PX 900");
    assert_reply(&kit, "RENAME a b", "+OK\r\n");
    assert_reply(&kit, "PTTL b", ":500\r\n");
    assert_reply(&kit, "COPY b c", ":1\r\n");
    assert_reply(&kit, "PTTL c", ":500\r\n");
    assert_reply(&kit, "MOVE c 1", ":1\r\n");
    kit.db_index = 1;
    assert_reply(&kit, "PTTL c", ":500\r\n");
    assert_reply(&kit, "FLUSHALL", "+OK\r\n");
    assert_reply(&kit, "DBSIZE", ":0\r\n");
    testkit_deinit(&kit);
}

Test(cmd_key, scan_sees_every_key_whatever_comes_and_goes_meanwhile)
{
    enum { KEYS = 500 };
    struct testkit kit;
    int times[KEYS] = {0};
    char line[96], name[32];
    testkit_init(&kit);
    for (int i = 0; i < KEYS; i++) {
        snprintf(line, sizeof(line), "SET key%d v", i);
        testkit_run(&kit, line);
    }
    unsigned long long cursor = 0;
    int calls = 0;
    do {
        snprintf(line, sizeof(line), "SCAN %llu COUNT 5", cursor);
        const char *reply = testkit_run(&kit, line);
        cursor = strtoull(strchr(strchr(reply, '\n') + 1, '\n') + 1, NULL, 10);
        for (int i = 0; i < KEYS; i++) {
            snprintf(name, sizeof(name), "\r\nkey%d\r\n", i);
            times[i] += strstr(reply, name) != NULL;
        }
        snprintf(line, sizeof(line), calls < 100 ? "MSET new%d v new%d v new%d v" : "DEL new%d new%d new%d",
                 calls % 100, calls % 100 + 1000, calls % 100 + 2000);
        testkit_run(&kit, line);
        calls++;
        cr_assert_lt(calls, 10000);
    } while (cursor != 0);
    for (int i = 0; i < KEYS; i++) cr_assert_geq(times[i], 1);
    testkit_check(&kit);
    testkit_deinit(&kit);
}

Test(cmd_key, what_changes_nothing_reports_nothing)
{
    static const char *const idle[] = {
        "DEL n",    "RENAME s s", "RENAMENX s h",   "COPY n m",   "COPY s h",
        "MOVE n 1", "MOVE s 0",   "EXPIRE n 10",    "PERSIST s",  "SWAPDB 2 2",
        "TOUCH s",  "RENAME n m", "EXPIRE s 10 XX", "EXPIRE s x", "EXPIRE s -1 GT",
    };
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "SET s v");
    testkit_run(&kit, "HSET h f v");
    size_t effects = kit.effects_count;
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
        testkit_run(&kit, idle[i]);
        cr_assert_eq(kit.effects_count, effects, "%s", idle[i]);
    }
    kit.db_index = 7;
    testkit_run(&kit, "FLUSHDB");
    cr_assert_eq(kit.effects_count, effects);
    testkit_run(&kit, "FLUSHALL");
    cr_assert_eq(kit.effects_count, effects + 1, "only the database that has keys");
    testkit_check(&kit);
    testkit_deinit(&kit);
}
