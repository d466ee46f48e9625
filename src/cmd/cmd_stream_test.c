/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "cmd/testkit.h"
#include "keyspace/stream_group.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Every test has its kit, and ends with the check that the reported effects make the same keyspace. */
static struct testkit kit;

static void set_up(void)
{
    testkit_init(&kit);
}

static void check_streams(void)
{
    struct map_iter it;
    map_iter_begin(&it, &kit.keyspace.dbs[0].keys);
    for (struct map_node *node = map_iter_next(&it); node; node = map_iter_next(&it)) {
        const struct entry *e = (const struct entry *)node;
        if (e->value.type == VALUE_STREAM) stream_check(&e->value);
    }
    map_iter_end(&it);
    testkit_check(&kit);
}

static void tear_down(void)
{
    check_streams();
    testkit_deinit(&kit);
}

TestSuite(cmd_stream, .init = set_up, .fini = tear_down);

static void expect(const char *line, const char *reply)
{
    const char *got = testkit_run(&kit, line);
    cr_assert_str_eq(got, reply, "%s: %s", line, got);
    cr_assert_not(kit.was_blocked, "%s", line);
}

static void expect_waiting(const char *line)
{
    cr_assert_str_eq(testkit_run(&kit, line), "", "%s", line);
    cr_assert(kit.was_blocked, "%s", line);
}

Test(cmd_stream, an_id_comes_from_the_clock_and_never_goes_back)
{
    kit.keyspace.now_ms = 1700000000000;
    expect("XADD s * f v", "$15\r\n1700000000000-0\r\n");
    expect("XADD s * f v", "$15\r\n1700000000000-1\r\n");
    kit.keyspace.now_ms -= 5000;
    expect("XADD s * f v", "$15\r\n1700000000000-2\r\n");
    expect("XADD s 1700000000000-* f v", "$15\r\n1700000000000-3\r\n");
    kit.keyspace.now_ms += 6000;
    expect("XADD s * f v", "$15\r\n1700000001000-0\r\n");
    expect("XADD s 5-5 f v", "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n");
    expect("XADD s 1700000001000-18446744073709551615 f v", "$34\r\n1700000001000-18446744073709551615\r\n");
    expect("XADD s * f v", "$15\r\n1700000001001-0\r\n");
}

Test(cmd_stream, a_refused_entry_leaves_no_key)
{
    expect("XADD s 0-0 f v", "-ERR The ID specified in XADD must be greater than 0-0\r\n");
    expect("XADD s NOMKSTREAM * f v", "$-1\r\n");
    expect("XADD s MAXLEN x * f v", "-ERR value is not an integer or out of range\r\n");
    expect("XADD s * f", "-ERR wrong number of arguments for 'xadd' command\r\n");
    cr_assert_eq(db_count(&kit.keyspace.dbs[0]), 0);
    cr_assert_eq(kit.effects_count, 0);
}

Test(cmd_stream, trimming_to_about_a_length_drops_whole_blocks)
{
    char line[128];
    for (int i = 1; i <= 250; i++) {
        snprintf(line, sizeof(line), "XADD s MAXLEN ~ 120 %d-0 event waiting jobId %d", i, i);
        testkit_run(&kit, line);
    }
    /* At 220 entries a hundred can go. */
    expect("XLEN s", ":150\r\n");
    expect("XTRIM s MAXLEN ~ 60", ":0\r\n");
    expect("XTRIM s MAXLEN ~ 50", ":100\r\n");
    expect("XRANGE s - + COUNT 1",
           "*1\r\n*2\r\n$5\r\n201-0\r\n*4\r\n$5\r\nevent\r\n$7\r\nwaiting\r\n$5\r\njobId\r\n$3\r\n201\r\n");
    kit.keyspace.stream_block_max_entries = 10;
    expect("XTRIM s MAXLEN ~ 45", ":0\r\n");
    expect("XTRIM s MAXLEN 45", ":5\r\n");
}

Test(cmd_stream, xread_waits_for_what_comes_after_this_moment)
{
    struct slice argv[] = {SLICE_LIT("XREAD"), SLICE_LIT("BLOCK"), SLICE_LIT("0"), SLICE_LIT("STREAMS"),
                           SLICE_LIT("nokey"), SLICE_LIT("s"),     SLICE_LIT("$"), SLICE_LIT("$")};
    expect("XADD s 5-1 n 1", "$3\r\n5-1\r\n");
    expect("XREAD STREAMS s $", "*-1\r\n");
    testkit_run_argv(&kit, argv, 8);
    cr_assert(kit.was_blocked);
    expect_waiting("XREAD BLOCK 0 STREAMS s 5-1");
    expect("XADD s 5-2 n 2", "$3\r\n5-2\r\n");
    kit.flags = CMD_CTX_RETRY;
    expect("XREAD BLOCK 0 STREAMS s 5-1",
           "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n5-2\r\n*2\r\n$1\r\nn\r\n$1\r\n2\r\n");
    expect_waiting("XREAD BLOCK 0 STREAMS s 5-2");
    kit.flags = CMD_CTX_NO_BLOCK;
    expect("XREAD BLOCK 0 STREAMS s 5-2", "*-1\r\n");
    kit.flags = CMD_CTX_SCRIPT;
    expect("XREAD BLOCK 0 STREAMS s 5-1", "-ERR XREAD command is not allowed with BLOCK option from scripts\r\n");
}

Test(cmd_stream, a_group_that_went_away_ends_the_wait)
{
    expect("XGROUP CREATE s g $ MKSTREAM", "+OK\r\n");
    expect_waiting("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    expect("XINFO CONSUMERS s g", "*0\r\n");
    kit.flags = CMD_CTX_RETRY;
    expect_waiting("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    expect("XGROUP DESTROY s g", ":1\r\n");
    expect("XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
           "-NOGROUP the consumer group this client was blocked on no longer exists\r\n");
    expect("XREADGROUP GROUP g c BLOCK 0 STREAMS t >", "-UNBLOCKED the stream key no longer exists\r\n");
    expect_waiting("XREAD BLOCK 0 STREAMS t 0");
}

#define ENTRY_1 "*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nn\r\n$1\r\n1\r\n"
#define ENTRY_2 "*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nn\r\n$1\r\n2\r\n"

Test(cmd_stream, an_entry_is_pending_from_its_delivery_to_its_acknowledgement)
{
    expect("XADD s 1-0 n 1", "$3\r\n1-0\r\n");
    expect("XADD s 2-0 n 2", "$3\r\n2-0\r\n");
    expect("XGROUP CREATE s g 0", "+OK\r\n");
    expect("XREADGROUP GROUP g alice COUNT 1 STREAMS s >", "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" ENTRY_1);
    kit.keyspace.now_ms += 2000;
    expect("XREADGROUP GROUP g bob STREAMS s >", "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" ENTRY_2);
    kit.keyspace.now_ms += 1000;
    expect("XPENDING s g - + 10", "*2\r\n*4\r\n$3\r\n1-0\r\n$5\r\nalice\r\n:3000\r\n:1\r\n"
                                  "*4\r\n$3\r\n2-0\r\n$3\r\nbob\r\n:1000\r\n:1\r\n");
    expect("XPENDING s g IDLE 2000 - + 10 alice", "*1\r\n*4\r\n$3\r\n1-0\r\n$5\r\nalice\r\n:3000\r\n:1\r\n");
    expect("XINFO CONSUMERS s g",
           "*2\r\n*6\r\n$4\r\nname\r\n$5\r\nalice\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:3000\r\n"
           "*6\r\n$4\r\nname\r\n$3\r\nbob\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:1000\r\n");
    expect("XACK s g 2-0 2-0", ":1\r\n");
    expect("XPENDING s g", "*4\r\n:1\r\n$3\r\n1-0\r\n$3\r\n1-0\r\n*1\r\n*2\r\n$5\r\nalice\r\n$1\r\n1\r\n");
}

Test(cmd_stream, claiming_takes_over_what_was_idle_for_long)
{
    expect("XADD s 1-0 n 1", "$3\r\n1-0\r\n");
    expect("XADD s 2-0 n 2", "$3\r\n2-0\r\n");
    expect("XGROUP CREATE s g 0", "+OK\r\n");
    expect("XREADGROUP GROUP g alice COUNT 1 STREAMS s >", "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" ENTRY_1);
    kit.keyspace.now_ms += 2000;
    expect("XREADGROUP GROUP g alice STREAMS s >", "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" ENTRY_2);
    expect("XAUTOCLAIM s g bob 1000 0", "*3\r\n$3\r\n0-0\r\n*1\r\n" ENTRY_1 "*0\r\n");
    expect("XCLAIM s g bob 1000 1-0 2-0", "*0\r\n");
    expect("XCLAIM s g bob 0 2-0 IDLE 700 RETRYCOUNT 9", "*1\r\n" ENTRY_2);
    expect("XPENDING s g - + 10 bob", "*2\r\n*4\r\n$3\r\n1-0\r\n$3\r\nbob\r\n:0\r\n:2\r\n"
                                      "*4\r\n$3\r\n2-0\r\n$3\r\nbob\r\n:700\r\n:9\r\n");
    expect("XDEL s 1-0", ":1\r\n");
    expect("XAUTOCLAIM s g carol 0 - COUNT 1 JUSTID", "*3\r\n$3\r\n2-0\r\n*0\r\n*1\r\n$3\r\n1-0\r\n");
    expect("XAUTOCLAIM s g carol 0 - COUNT 1 JUSTID", "*3\r\n$3\r\n0-0\r\n*1\r\n$3\r\n2-0\r\n*0\r\n");
}

Test(cmd_stream, a_group_knows_how_far_behind_it_is)
{
    char line[64];
    for (int i = 1; i <= 5; i++) {
        snprintf(line, sizeof(line), "XADD s %d-0 n %d", i, i);
        testkit_run(&kit, line);
    }
    testkit_run(&kit, "XGROUP CREATE s g 0");
    testkit_run(&kit, "XREADGROUP GROUP g c COUNT 2 STREAMS s >");
    const struct value *v = &db_find(&kit.keyspace.dbs[0], SLICE_LIT("s"))->value;
    const struct stream_group *g = stream_group_find(v, SLICE_LIT("g"));
    int64_t lag;
    cr_assert(stream_group_lag(v, g, &lag) && lag == 3 && g->entries_read == 2);
    testkit_run(&kit, "XDEL s 4-0");
    cr_assert_not(stream_group_lag(v, g, &lag));
    testkit_run(&kit, "XREADGROUP GROUP g c STREAMS s >");
    cr_assert(stream_group_lag(v, g, &lag) && lag == 0 && g->entries_read == 5);
}

static const char *const usual_forms[] = {
    "XADD %s * event active jobId %d prev %s",
    "XADD %s * event added jobId %d name %s",
    "XADD %s MAXLEN ~ 200 * event completed jobId %d returnvalue %s",
    "XDEL %s %d",
    "XREADGROUP GROUP g1 c1 COUNT 7 STREAMS %s >",
    "XREADGROUP GROUP g2 c2 NOACK COUNT 5 STREAMS %s >",
    "XREADGROUP GROUP g1 c1 COUNT 3 STREAMS %s %d",
    "XACK %s g1 %d",
    "XCLAIM %s g1 c3 0 %d 5 6 7 FORCE LASTID 20",
    "XAUTOCLAIM %s g1 c2 0 %d COUNT 5",
};
static const char *const rare_forms[] = {
    "XADD %s MAXLEN 150 %d-* event waiting jobId %s",
    "XTRIM %s MINID %d",
    "XTRIM %s MAXLEN ~ %d",
    "XSETID %s %d MAXDELETEDID 3",
    "XGROUP CREATE %s g1 %d MKSTREAM",
    "XGROUP CREATE %s g2 0 MKSTREAM",
    "XGROUP DESTROY %s g1",
    "XGROUP DELCONSUMER %s g1 c1",
    "DEL %s",
};

/* One random command on the stream "s" or "t"; the ids that it names are about those of the last entries. */
static void run_random(struct rng *r)
{
    char line[160];
    bool is_rare = rng_below(r, 40) == 0;
    const char *form = is_rare ? rare_forms[rng_below(r, sizeof(rare_forms) / sizeof(*rare_forms))]
                               : usual_forms[rng_below(r, sizeof(usual_forms) / sizeof(*usual_forms))];
    kit.keyspace.now_ms += (int64_t)rng_below(r, 2);
    int n = (int)kit.keyspace.now_ms - (int)rng_below(r, 150);
    const char *key = rng_below(r, 4) ? "s" : "t";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(line, sizeof(line), form, key, n, key);
#pragma GCC diagnostic pop
    testkit_run(&kit, line);
}

Test(cmd_stream, random_commands_report_all_that_they_do)
{
    struct rng r;
    rng_init(&r, 7);
    kit.keyspace.now_ms = 1000;
    for (int i = 0; i < 20000; i++) {
        run_random(&r);
        if (i % 100 == 0) check_streams();
    }
    cr_assert_gt(kit.effects_count, 10000);
}
