/* SPDX-License-Identifier: MIT */
/* What replies do not show, and what is random; replies are held to Redis's by tests/protocol/hash.txt. */
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

static void fill(struct testkit *kit, int count)
{
    char line[64];
    for (int i = 0; i < count; i++) {
        snprintf(line, sizeof(line), "HSET h field%d %d", i, i);
        testkit_run(kit, line);
    }
}

Test(cmd_hash, each_field_set_is_an_effect_and_the_last_one_deleted_takes_the_key)
{
    struct testkit kit;
    testkit_init(&kit);
    assert_reply(&kit, "HSET h a 1 b 2", ":2\r\n");
    cr_assert_eq(kit.effects_count, 2);
    assert_reply(&kit, "HDEL h a b c", ":2\r\n");
    cr_assert_eq(kit.effects_count, 5, "two fields and the key");
    assert_reply(&kit, "EXISTS h", ":0\r\n");
    testkit_deinit(&kit);
}

Test(cmd_hash, a_refused_command_reports_nothing_and_leaves_no_key)
{
    static const char *const refused[] = {
        "HSET n a",           "HSET s f v",   "HINCRBY n f x",      "HINCRBY h t 1",
        "HINCRBY h max 1",    "HSETNX h t v", "HINCRBYFLOAT n f x", "HINCRBYFLOAT n f inf",
        "HINCRBYFLOAT h t 1", "HDEL n f",     "HDEL h nope",        "HSETNX s f v",
    };
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "SET s text");
    testkit_run(&kit, "HSET h t text max 9223372036854775807");
    size_t effects = kit.effects_count;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        testkit_run(&kit, refused[i]);
        cr_assert_eq(kit.effects_count, effects, "%s", refused[i]);
        cr_assert_eq(db_count(&kit.keyspace.dbs[0]), 2, "%s", refused[i]);
    }
    testkit_check(&kit);
    testkit_deinit(&kit);
}

/* Runs HSCAN to its end and counts how often each field came; returns the number of calls. */
static int scan_all(struct testkit *kit, const char *options, int *times, int fields)
{
    char line[96], name[32];
    unsigned long long cursor = 0;
    int calls = 0;
    do {
        snprintf(line, sizeof(line), "HSCAN h %llu %s", cursor, options);
        const char *reply = testkit_run(kit, line);
        cursor = strtoull(strchr(strchr(reply, '\n') + 1, '\n') + 1, NULL, 10);
        for (int i = 0; i < fields; i++) {
            snprintf(name, sizeof(name), "\r\nfield%d\r\n", i);
            times[i] += strstr(reply, name) != NULL;
        }
        calls++;
        cr_assert_lt(calls, 10000);
    } while (cursor != 0);
    return calls;
}

Test(cmd_hash, hscan_gives_a_large_hash_in_several_calls)
{
    struct testkit kit;
    int times[600] = {0};
    testkit_init(&kit);
    fill(&kit, 600);
    cr_assert_gt(scan_all(&kit, "COUNT 20", times, 600), 10);
    for (int i = 0; i < 600; i++) cr_assert_geq(times[i], 1);

    int matches[600] = {0};
    scan_all(&kit, "MATCH field7*", matches, 600);
    for (int i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof(name), "field%d", i);
        cr_assert_eq(matches[i] > 0, name[5] == '7');
    }
    testkit_deinit(&kit);
}

Test(cmd_hash, hscan_pages_a_hash_of_long_fields_as_redis_does)
{
    struct testkit kit;
    testkit_init(&kit);
    for (int i = 0; i < 40; i++) {
        char line[160];
        snprintf(line, sizeof(line), "HSET h %070d v", i);
        testkit_run(&kit, line);
    }
    cr_assert(strncmp(testkit_run(&kit, "HSCAN h 0 COUNT 10"), "*2\r\n$1\r\n0\r\n", 11) != 0);
    cr_assert(strncmp(testkit_run(&kit, "HSCAN h 0 COUNT 40"), "*2\r\n$1\r\n0\r\n*80\r\n", 16) == 0);
    testkit_check(&kit);
    testkit_deinit(&kit);
}

Test(cmd_hash, hscan_gives_a_small_hash_at_once)
{
    struct testkit kit;
    int times[50] = {0};
    testkit_init(&kit);
    fill(&kit, 50);
    cr_assert_eq(scan_all(&kit, "COUNT 1", times, 50), 1);
    for (int i = 0; i < 50; i++) cr_assert_eq(times[i], 1);
    testkit_deinit(&kit);
}

Test(cmd_hash, a_random_field_that_nobody_takes_any_more_is_not_picked_for_ever)
{
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit, "HSET h f v");
    kit.out.limit_bytes = 100000;
    const char *reply = testkit_run(&kit, "HRANDFIELD h -1000000");
    cr_assert_eq(strncmp(reply, "*1000000\r\n", 10), 0);
    testkit_deinit(&kit);
}

Test(cmd_hash, a_fresh_hash_takes_what_the_job_needs_and_not_more)
{
    struct testkit kit;
    testkit_init(&kit);
    testkit_run(&kit,
                "HMSET h name paint data \"{}\" opts \"{}\" timestamp 1 delay 0 priority 0 a 1 b 2 c 3 d 4 e 5 f 6");
    const char *reply = testkit_run(&kit, "MEMORY USAGE h");
    cr_assert_lt(atoi(reply + 1), 300);
    testkit_deinit(&kit);
}

Test(cmd_hash, refuses_more_repeats_than_a_reply_should_hold)
{
    struct testkit kit;
    testkit_init(&kit);
    fill(&kit, 3);
    assert_reply(&kit, "HRANDFIELD h -1048577", "-ERR value is out of range\r\n");
    assert_reply(&kit, "HRANDFIELD h -4294967295 WITHVALUES", "-ERR value is out of range\r\n");
    assert_reply(&kit, "HRANDFIELD none -1048577", "*0\r\n");
    char line[128 + 1024];
    int len = snprintf(line, sizeof(line), "HSET big f ");
    memset(line + len, 'x', 1024);
    line[len + 1024] = '\0';
    testkit_run(&kit, line);
    assert_reply(&kit, "HRANDFIELD big -1048576 WITHVALUES", "-ERR value is out of range\r\n");
    testkit_deinit(&kit);
}
