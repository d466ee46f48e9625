/* SPDX-License-Identifier: MIT */
/* The sorted-set commands where protocol scripts do not reach: effects, waiting, chance, large sets. */
#include "cmd/testkit.h"
#include "keyspace/edit_zset.h"
#include "resp/writer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

TestSuite(cmd_zset, .init = set_up, .fini = tear_down);

static void expect(const char *line, const char *reply)
{
    cr_assert_str_eq(testkit_run(&kit, line), reply, "%s: %s", line, kit.out.at);
}

static size_t count_effects(const char *line)
{
    size_t before = kit.effects_count;
    testkit_run(&kit, line);
    return kit.effects_count - before;
}

Test(cmd_zset, only_what_changes_is_reported)
{
    cr_assert_eq(count_effects("ZADD z 1 a 2 b 3 c 4 d 5 e"), 5);
    cr_assert_eq(count_effects("ZADD z 1 a 2 b"), 0);
    cr_assert_eq(count_effects("ZADD z NX 9 a"), 0);
    cr_assert_eq(count_effects("ZADD z XX 9 none"), 0);
    cr_assert_eq(count_effects("ZADD none XX 9 a"), 0);
    cr_assert_eq(count_effects("ZINCRBY z 0 a"), 0);
    cr_assert_eq(count_effects("ZINCRBY z 1 a"), 1);
    cr_assert_eq(count_effects("ZREM z none"), 0);
    cr_assert_eq(count_effects("ZREMRANGEBYSCORE z 100 200"), 0);
    cr_assert_eq(count_effects("ZPOPMIN z 0"), 0);
    cr_assert_eq(count_effects("ZPOPMIN z 2"), 2);
    cr_assert_eq(count_effects("ZRANGESTORE z z 0 -1"), 1 + 3);
    cr_assert_eq(count_effects("ZRANGESTORE none none 0 -1"), 0);
    /* The last removal takes the key with it. */
    cr_assert_eq(count_effects("ZREMRANGEBYRANK z 0 -1"), 3 + 1);
}

Test(cmd_zset, destinations_lose_their_type_and_expiry)
{
    expect("ZADD z 1 a", ":1\r\n");
    expect("SET d x", "+OK\r\n");
    expect("ZUNIONSTORE d 1 z", ":1\r\n");
    expect("EXPIRE d 100", ":1\r\n");
    expect("ZUNIONSTORE d 2 z d WEIGHTS 2 3", ":1\r\n");
    expect("TTL d", ":-1\r\n");
    expect("ZSCORE d a", "$1\r\n5\r\n");
}

Test(cmd_zset, blocking_commands_wait_only_when_nothing_is_there)
{
    testkit_run(&kit, "BZPOPMIN z y 0");
    cr_assert(kit.was_blocked);
    testkit_run(&kit, "BZMPOP 1.5 2 z y MAX COUNT 2");
    cr_assert(kit.was_blocked);
    expect("ZADD y 1 a 2 b 3 c", ":3\r\n");
    expect("BZPOPMAX z y 0", "*3\r\n$1\r\ny\r\n$1\r\nc\r\n$1\r\n3\r\n");
    cr_assert_not(kit.was_blocked);
    expect("BZMPOP 0 2 z y MIN COUNT 9",
           "*2\r\n$1\r\ny\r\n*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
    expect("EXISTS y", ":0\r\n");
    testkit_run(&kit, "BZPOPMIN z y 0");
    cr_assert(kit.was_blocked);
}

/* Adds the members from .. to-1 with their number as score. */
static void fill(const char *key, int from, int to)
{
    char line[64];
    for (int i = from; i < to; i++) {
        snprintf(line, sizeof line, "ZADD %s %d m%d", key, i, i);
        expect(line, ":1\r\n");
    }
}

/* The lengths and numbers of a flat reply of bulk strings, counted by member "m<number>". */
static int count_members(const char *reply, uint8_t *seen, int members)
{
    int count = 0;
    for (const char *at = strstr(reply, "\r\nm"); at; at = strstr(at + 3, "\r\nm"), count++) {
        int number = atoi(at + 3);
        cr_assert(number >= 0 && number < members);
        seen[number]++;
    }
    return count;
}

Test(cmd_zset, random_members_are_different_unless_the_count_is_negative)
{
    static uint8_t seen[1000];
    static const char *const lines[] = {"ZRANDMEMBER z 5", "ZRANDMEMBER z 300", "ZRANDMEMBER z 999",
                                        "ZRANDMEMBER z 5000"};
    static const int counts[] = {5, 300, 999, 1000};
    fill("z", 0, 1000);
    for (int i = 0; i < 4; i++) {
        memset(seen, 0, sizeof seen);
        cr_assert_eq(count_members(testkit_run(&kit, lines[i]), seen, 1000), counts[i]);
        for (int m = 0; m < 1000; m++) cr_assert_leq(seen[m], 1);
    }
    memset(seen, 0, sizeof seen);
    cr_assert_eq(count_members(testkit_run(&kit, "ZRANDMEMBER z -3000"), seen, 1000), 3000);
    int twice = 0;
    for (int m = 0; m < 1000; m++) twice += seen[m] > 1;
    cr_assert_gt(twice, 500);
}

Test(cmd_zset, every_share_of_a_set_is_equally_likely)
{
    static uint8_t seen[100], hits[100];
    fill("z", 0, 100);
    for (int i = 0; i < 100; i++) {
        memset(seen, 0, sizeof seen);
        count_members(testkit_run(&kit, i % 2 ? "ZRANDMEMBER z 20" : "ZRANDMEMBER z 60"), seen, 100);
        for (int m = 0; m < 100; m++) hits[m] += seen[m];
    }
    for (int m = 0; m < 100; m++) cr_assert(hits[m] > 15 && hits[m] < 65);
}

Test(cmd_zset, a_scan_of_a_large_set_meets_every_member)
{
    static uint8_t seen[2000];
    char line[64], cursor[32] = "0";
    int calls = 0;
    fill("z", 0, 2000);
    do {
        snprintf(line, sizeof line, "ZSCAN z %s COUNT 50", cursor);
        const char *reply = testkit_run(&kit, line);
        int len = 0;
        cr_assert_eq(sscanf(reply, "*2\r\n$%d\r\n%31[0-9]", &len, cursor), 2);
        count_members(reply, seen, 2000);
        calls++;
    } while (strcmp(cursor, "0") != 0);
    cr_assert(calls > 10 && calls < 200);
    for (int m = 0; m < 2000; m++) cr_assert_geq(seen[m], 1);
}

Test(cmd_zset, large_sets_answer_as_small_ones)
{
    fill("big", 0, 1000);
    expect("ZRANGE big 500 501", "*2\r\n$4\r\nm500\r\n$4\r\nm501\r\n");
    expect("ZRANGE big (998.5 2000 BYSCORE WITHSCORES", "*2\r\n$4\r\nm999\r\n$3\r\n999\r\n");
    expect("ZREVRANGEBYSCORE big (500 -inf LIMIT 200 1", "*1\r\n$4\r\nm299\r\n");
    expect("ZCOUNT big 100 (200", ":100\r\n");
    expect("ZRANK big m777", ":777\r\n");
    expect("ZREVRANK big m777 WITHSCORE", "*2\r\n:222\r\n$3\r\n777\r\n");
    expect("ZREMRANGEBYSCORE big 10 (989", ":979\r\n");
    expect("ZREMRANGEBYRANK big 0 8", ":9\r\n");
    expect("ZPOPMAX big 2", "*4\r\n$4\r\nm999\r\n$3\r\n999\r\n$4\r\nm998\r\n$3\r\n998\r\n");
    expect("ZRANGE big 0 0", "*1\r\n$2\r\nm9\r\n");
    expect("ZCARD big", ":10\r\n");
    fill("other", 500, 995);
    expect("ZINTERCARD 2 big other", ":6\r\n");
    expect("ZUNIONSTORE u 2 big other AGGREGATE MAX", ":499\r\n");
    expect("ZDIFF 2 big other", "*4\r\n$2\r\nm9\r\n$4\r\nm995\r\n$4\r\nm996\r\n$4\r\nm997\r\n");
}

/* A command with a random key for each @ and a random number for each #. */
static void run_form(struct rng *r, const char *form)
{
    char line[128];
    size_t len = 0;
    for (; *form; form++) {
        if (*form == '@')
            len += (size_t)snprintf(line + len, 8, "k%d", (int)rng_below(r, 4));
        else if (*form == '#')
            len += (size_t)snprintf(line + len, 8, "%d", (int)rng_below(r, 200));
        else
            line[len++] = *form;
    }
    line[len] = '\0';
    testkit_run(&kit, line);
}

Test(cmd_zset, random_commands_can_be_replayed_from_their_effects)
{
    static const char *const forms[] = {
        "ZADD @ # m#",
        "ZADD @ # m# # m# # m#",
        "ZADD @ -0 m# # m# # m#",
        "ZADD @ XX # m#",
        "ZADD @ GT # m#",
        "ZINCRBY @ # m#",
        "ZINCRBY @ -0.5 m#",
        "ZREM @ m# m# m#",
        "ZPOPMIN @ 3",
        "ZMPOP 2 @ @ MAX COUNT 2",
        "ZREMRANGEBYRANK @ # #",
        "ZREMRANGEBYSCORE @ # (#",
        "ZUNIONSTORE @ 2 @ @ WEIGHTS 1 -1",
        "ZINTERSTORE @ 2 @ @ AGGREGATE MIN",
        "ZDIFFSTORE @ 2 @ @",
        "ZRANGESTORE @ @ 0 #",
        "DEL @",
    };
    struct rng r;
    rng_init(&r, 11);
    for (int i = 0; i < 4000; i++) {
        run_form(&r, forms[rng_below(&r, sizeof forms / sizeof *forms)]);
        for (int k = 0; k < 3; k++) run_form(&r, forms[1]);
        if (i % 100 == 0) testkit_check(&kit);
    }
}

Test(cmd_zset, effects_that_do_not_fit_change_nothing)
{
    struct keyspace *ks = &kit.keyspace;
    ks->sink = NULL;
    testkit_run(&kit, "ZADD z 1 a 2 b 3 c");
    testkit_run(&kit, "SET s x");
    struct slice z = SLICE_LIT("z"), s = SLICE_LIT("s"), none = SLICE_LIT("none"), a = SLICE_LIT("a");
    const struct {
        struct effect effect;
        oxq_err error;
    } bad[] = {
        {{.kind = EFFECT_ZSET_SET, .key = s, .a = a}, OXQ_ERR_TYPE},
        {{.kind = EFFECT_ZSET_SET, .key = none, .a = a, .score = NAN}, OXQ_ERR_FORMAT},
        {{.kind = EFFECT_ZSET_REMOVE, .key = none, .a = a}, OXQ_ERR_NOT_FOUND},
        {{.kind = EFFECT_ZSET_REMOVE, .key = z, .a = s}, OXQ_ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(keyspace_apply(ks, &bad[i].effect), bad[i].error);
    expect("ZRANGE z 0 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    expect("EXISTS none", ":0\r\n");
    expect("DEL z s", ":2\r\n");
}

Test(cmd_zset, an_endless_reply_ends_at_the_limit_of_its_buffer)
{
    expect("ZADD z 1 a", ":1\r\n");
    kit.out.limit_bytes = 1 << 16;
    struct slice argv[] = {SLICE_LIT("ZRANDMEMBER"), SLICE_LIT("z"), SLICE_LIT("-1000000")};
    kit.out.len = 0;
    struct resp_writer writer;
    resp_writer_init(&writer, &kit.out, 2);
    struct cmd_slot *slot = cmd_table_find(&kit.table, argv[0]);
    struct cmd_ctx ctx = {
        .keyspace = &kit.keyspace,
        .db = &kit.keyspace.dbs[0],
        .reply = &writer.reply,
        .argv = argv,
        .argc = 3,
        .command = slot->row,
        .name = slot->name,
        .scratch = &kit.scratch,
    };
    slot->row->run(&ctx);
    cr_assert(writer.reply.is_full);
}

Test(cmd_zset, refuses_more_repeats_than_a_reply_should_hold)
{
    testkit_run(&kit, "ZADD k 1 a 2 b");
    expect("ZRANDMEMBER k -1048577", "-ERR value is out of range\r\n");
    expect("ZRANDMEMBER k -4294967295", "-ERR value is out of range\r\n");
    cr_assert_str_neq(testkit_run(&kit, "ZRANDMEMBER k -1048576"), "-ERR value is out of range\r\n");
    expect("ZRANDMEMBER none -1048577", "*0\r\n");
}
