/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "cmd/testkit.h"
#include "keyspace/set.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

/* Every test has its kit, and ends with the check that the reported effects make the same keyspace. */
static struct testkit kit;

static void set_up(void)
{
    testkit_init(&kit);
}

static void tear_down(void)
{
    testkit_check(&kit);
    testkit_deinit(&kit);
}

TestSuite(cmd_set, .init = set_up, .fini = tear_down);

static void expect(const char *line, const char *reply)
{
    cr_assert_str_eq(testkit_run(&kit, line), reply, "%s: %s", line, kit.out.at);
}

Test(cmd_set, adds_removes_and_tells_members)
{
    expect("SADD s 3 1 2 1", ":3\r\n");
    expect("SADD s 1 4", ":1\r\n");
    expect("SMEMBERS s", "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
    expect("SCARD s", ":4\r\n");
    expect("SISMEMBER s 1", ":1\r\n");
    expect("SISMEMBER s 01", ":0\r\n");
    expect("SISMEMBER none 1", ":0\r\n");
    expect("SMISMEMBER s 1 a 4", "*3\r\n:1\r\n:0\r\n:1\r\n");
    expect("SMISMEMBER none 1", "*1\r\n:0\r\n");
    expect("SREM s 1 2 q 1", ":2\r\n");
    expect("SREM s 3 4", ":2\r\n");
    expect("SREM s 3", ":0\r\n");
    expect("SCARD s", ":0\r\n");
    expect("SMEMBERS s", "*0\r\n");
    kit.resp = 3;
    expect("SMEMBERS s", "~0\r\n");
}

Test(cmd_set, moves_members)
{
    expect("SADD s a", ":1\r\n");
    expect("SADD t a b", ":2\r\n");
    expect("SMOVE s s a", ":1\r\n");
    expect("SMOVE s s q", ":0\r\n");
    expect("SMOVE s t a", ":1\r\n");
    expect("SCARD s", ":0\r\n");
    expect("SCARD t", ":2\r\n");
    expect("SMOVE t u b", ":1\r\n");
    expect("SMEMBERS u", "*1\r\n$1\r\nb\r\n");
    expect("SMOVE none t a", ":0\r\n");
}

Test(cmd_set, combines_sets)
{
    expect("SADD a 1 2 3 4", ":4\r\n");
    expect("SADD b 3 4 5", ":3\r\n");
    expect("SADD c 4 9", ":2\r\n");
    expect("SINTER a b c", "*1\r\n$1\r\n4\r\n");
    expect("SINTER a none", "*0\r\n");
    expect("SUNION a c", "*5\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n9\r\n");
    expect("SUNION none", "*0\r\n");
    expect("SDIFF a b none c", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    expect("SDIFF a a", "*0\r\n");
    expect("SDIFF none a", "*0\r\n");
    expect("SINTERSTORE a a b", ":2\r\n");
    expect("SMEMBERS a", "*2\r\n$1\r\n3\r\n$1\r\n4\r\n");
    expect("SUNIONSTORE d a b c", ":4\r\n");
    expect("SDIFFSTORE d d c", ":2\r\n");
    expect("SMEMBERS d", "*2\r\n$1\r\n3\r\n$1\r\n5\r\n");
    expect("SDIFFSTORE d d d", ":0\r\n");
    expect("SCARD d", ":0\r\n");
}

Test(cmd_set, stores_over_a_key_of_any_type_but_reads_only_sets)
{
    expect("RPUSH l a", ":1\r\n");
    expect("SADD a x y", ":2\r\n");
    expect("SUNIONSTORE l l a", WRONG_TYPE);
    expect("SINTERSTORE l a", ":2\r\n");
    expect("SCARD l", ":2\r\n");
    expect("RPUSH m a", ":1\r\n");
    expect("SDIFFSTORE m none", ":0\r\n");
    expect("LLEN m", ":0\r\n");
}

Test(cmd_set, counts_an_intersection_up_to_a_limit)
{
    expect("SADD a 1 2 3 4", ":4\r\n");
    expect("SADD b 3 4 5", ":3\r\n");
    expect("SINTERCARD 2 a b", ":2\r\n");
    expect("SINTERCARD 2 a b LIMIT 1", ":1\r\n");
    expect("SINTERCARD 2 a b LIMIT 0", ":2\r\n");
    expect("SINTERCARD 2 a none", ":0\r\n");
    expect("SINTERCARD 0 a", "-ERR numkeys should be greater than 0\r\n");
    expect("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args\r\n");
    expect("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative\r\n");
    expect("SINTERCARD 1 a LIMIT", "-ERR syntax error\r\n");
    expect("SINTERCARD 1 a b", "-ERR syntax error\r\n");
}

static void add_texts(const char *key, int first, int count)
{
    char line[100];
    for (int i = first; i < first + count; i++) {
        snprintf(line, sizeof(line), "SADD %s text%d", key, i);
        expect(line, ":1\r\n");
    }
}

/* The number of elements that the last reply announced. */
static int reply_count(void)
{
    return atoi(kit.out.at + 1);
}

/* One large set and many others: the difference is made by taking the others out of a copy. */
Test(cmd_set, subtracts_many_small_sets_from_a_large_one)
{
    char line[1000] = "SDIFF big";
    add_texts("big", 0, 500);
    for (int i = 0; i < 40; i++) {
        char key[10];
        snprintf(key, sizeof(key), "s%d", i);
        add_texts(key, i * 10, 2);
        strcat(strcat(line, " "), key);
    }
    testkit_run(&kit, line);
    cr_assert_eq(reply_count(), 420);
    memcpy(line + 5, " t ", 3);
    char store[1100] = "SDIFFSTORE t big";
    strcat(store, line + 9);
    expect(store, ":420\r\n");
    expect("SISMEMBER t text10", ":0\r\n");
    expect("SISMEMBER t text12", ":1\r\n");
}

Test(cmd_set, takes_random_members_out)
{
    expect("SPOP s", "$-1\r\n");
    expect("SPOP s 1", "*0\r\n");
    add_texts("s", 0, 200);
    testkit_run(&kit, "SPOP s");
    cr_assert_eq(kit.out.at[0], '$');
    testkit_run(&kit, "SPOP s 50");
    cr_assert_eq(reply_count(), 50);
    expect("SCARD s", ":149\r\n");
    expect("SPOP s 0", "*0\r\n");
    size_t before = kit.effects_count;
    testkit_run(&kit, "SPOP s 1000");
    cr_assert_eq(reply_count(), 149);
    cr_assert_eq(kit.effects_count - before, 1);
    expect("SCARD s", ":0\r\n");
    expect("SADD n 7", ":1\r\n");
    expect("SPOP n", "$1\r\n7\r\n");
    expect("SPOP n -1", "-ERR value is out of range, must be positive\r\n");
    expect("SPOP n 1 2", "-ERR syntax error\r\n");
}

Test(cmd_set, returns_random_members)
{
    expect("SRANDMEMBER s", "$-1\r\n");
    expect("SRANDMEMBER s 3", "*0\r\n");
    expect("SADD s 5", ":1\r\n");
    expect("SRANDMEMBER s", "$1\r\n5\r\n");
    expect("SRANDMEMBER s 3", "*1\r\n$1\r\n5\r\n");
    expect("SRANDMEMBER s -3", "*3\r\n$1\r\n5\r\n$1\r\n5\r\n$1\r\n5\r\n");
    expect("SRANDMEMBER s 0", "*0\r\n");
    expect("SRANDMEMBER s -100000000", "-ERR value is out of range\r\n");
    expect("SRANDMEMBER s x", "-ERR value is not an integer or out of range\r\n");
}

/* How many different members the last reply, an array, holds. */
static size_t distinct_members(void)
{
    struct value seen = {.type = VALUE_SET};
    set_init(&seen);
    const char *at = strchr(kit.out.at, '\n') + 1;
    for (int i = reply_count(); i > 0; i--) {
        const char *member = strchr(at, '\n') + 1;
        const char *end = strchr(member, '\r');
        set_add(&seen, slice_of(member, (size_t)(end - member)));
        at = end + 2;
    }
    size_t count = set_count(&seen);
    set_deinit(&seen);
    return count;
}

Test(cmd_set, random_members_are_all_different_for_a_positive_count)
{
    static const int counts[] = {1, 10, 60, 120, 199};
    add_texts("s", 0, 200);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        char line[100];
        snprintf(line, sizeof(line), "SRANDMEMBER s %d", counts[i]);
        testkit_run(&kit, line);
        cr_assert_eq(reply_count(), counts[i]);
        cr_assert_eq(distinct_members(), (size_t)counts[i]);
    }
}

Test(cmd_set, sscan_gives_up_to_128_short_members_at_once_and_pages_others)
{
    for (int i = 0; i < 128; i++) {
        char line[160];
        snprintf(line, sizeof(line), "SADD short m%d", i);
        testkit_run(&kit, line);
        snprintf(line, sizeof(line), "SADD long %070d", i);
        if (i < 40) testkit_run(&kit, line);
    }
    cr_assert(strncmp(testkit_run(&kit, "SSCAN short 0 COUNT 10"), "*2\r\n$1\r\n0\r\n*128\r\n", 17) == 0);
    cr_assert(strncmp(testkit_run(&kit, "SSCAN long 0 COUNT 10"), "*2\r\n$1\r\n0\r\n", 11) != 0);
    testkit_check(&kit);
}

Test(cmd_set, scans)
{
    expect("SSCAN none 0", "*2\r\n$1\r\n0\r\n*0\r\n");
    expect("SADD s 1 12 2", ":3\r\n");
    expect("SSCAN s 0", "*2\r\n$1\r\n0\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$2\r\n12\r\n");
    expect("SSCAN s 0 MATCH 1* COUNT 1", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\n1\r\n$2\r\n12\r\n");
    expect("SSCAN s x", "-ERR invalid cursor\r\n");
    expect("SSCAN s 0 COUNT 0", "-ERR syntax error\r\n");
    expect("SSCAN s 0 MATCH", "-ERR syntax error\r\n");
    add_texts("t", 0, 1000);
    testkit_run(&kit, "SSCAN t 0 COUNT 5000");
    cr_assert(strncmp(kit.out.at, "*2\r\n$1\r\n0\r\n*1000\r\n", 18) == 0);
}

Test(cmd_set, answers_other_types_with_an_error)
{
    static const char *const lines[] = {"SADD l a",       "SREM l a",       "SCARD l",        "SISMEMBER l a",
                                        "SMEMBERS l",     "SMOVE l s a",    "SMOVE s l a",    "SPOP l",
                                        "SPOP l 1",       "SRANDMEMBER l",  "SINTER l",       "SINTER none l",
                                        "SUNION s l",     "SDIFF s l",      "SSCAN l 0",      "SMISMEMBER l a",
                                        "SDIFFSTORE d l", "SINTERCARD 1 l", "SRANDMEMBER l 1"};
    expect("RPUSH l a", ":1\r\n");
    expect("SADD s a", ":1\r\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) expect(lines[i], WRONG_TYPE);
}

/* A command from a form: @ becomes one of three keys, # a number, $ one of many texts. */
static void fill_form(const char *form, struct rng *r, char *out)
{
    for (; *form; form++) {
        char c = *form;
        if (c == '$') out += num_format_int(out, (int64_t)rng_below(r, 1000));
        *out++ = c == '@'   ? (char)('a' + rng_below(r, 3))
                 : c == '#' ? (char)('0' + rng_below(r, 10))
                 : c == '$' ? 'x'
                            : c;
    }
    *out = '\0';
}

/* What random commands did is done again on the replica by their effects alone. */
Test(cmd_set, effects_of_random_commands_give_the_same_sets)
{
    static const char *const forms[] = {
        "SADD @ # # #",       "SADD @ # $",   "SADD @ $ $ $ $ $ $ $ $", "SREM @ # # $",      "SPOP @",
        "SPOP @ #",           "SMOVE @ @ #",  "SUNIONSTORE @ @ @",      "SINTERSTORE @ @ @", "SDIFFSTORE @ @ @",
        "SADD @ $ $ $ $ $ $", "SREM @ $ $ $",
    };
    struct rng r;
    rng_init(&r, 4);
    for (int step = 0; step < 20000; step++) {
        char line[200];
        fill_form(forms[rng_below(&r, sizeof(forms) / sizeof(forms[0]))], &r, line);
        testkit_run(&kit, line);
        if (step % 500 == 0) testkit_check(&kit);
    }
    cr_assert_gt(kit.effects_count, 10000);
}

Test(cmd_set, refuses_more_repeats_than_a_reply_should_hold)
{
    testkit_run(&kit, "SADD k a b");
    expect("SRANDMEMBER k -1048577", "-ERR value is out of range\r\n");
    expect("SRANDMEMBER k -4294967295", "-ERR value is out of range\r\n");
    cr_assert_str_neq(testkit_run(&kit, "SRANDMEMBER k -1048576"), "-ERR value is out of range\r\n");
    expect("SRANDMEMBER none -1048577", "*0\r\n");
}
