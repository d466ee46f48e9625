/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "cmd/testkit.h"

#include <criterion/criterion.h>

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

TestSuite(cmd_list, .init = set_up, .fini = tear_down);

static void expect(const char *line, const char *reply)
{
    cr_assert_str_eq(testkit_run(&kit, line), reply, "%s: %s", line, kit.out.at);
}

Test(cmd_list, pushes_and_pops_at_both_ends)
{
    expect("RPUSH l b c", ":2\r\n");
    expect("LPUSH l a z", ":4\r\n");
    expect("LRANGE l 0 -1", "*4\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    expect("LPOP l", "$1\r\nz\r\n");
    expect("RPOP l 2", "*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
    expect("LPOP l 0", "*0\r\n");
    expect("RPOP l", "$1\r\na\r\n");
    expect("LPOP l", "$-1\r\n");
    expect("LPOP l 1", "*-1\r\n");
    expect("LPOP l -1", "-ERR value is out of range, must be positive\r\n");
    expect("LPOP l x", "-ERR value is out of range, must be positive\r\n");
    expect("LPUSHX l a", ":0\r\n");
    expect("LLEN l", ":0\r\n");
}

Test(cmd_list, moves_an_element_also_within_one_list)
{
    expect("RPUSH l a b c", ":3\r\n");
    expect("RPOPLPUSH l l", "$1\r\nc\r\n");
    expect("LRANGE l 0 -1", "*3\r\n$1\r\nc\r\n$1\r\na\r\n$1\r\nb\r\n");
    expect("LMOVE l l LEFT LEFT", "$1\r\nc\r\n");
    expect("LMOVE l m LEFT RIGHT", "$1\r\nc\r\n");
    expect("LRANGE l 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    expect("RPOPLPUSH m m", "$1\r\nc\r\n");
    expect("LMOVE m l RIGHT LEFT", "$1\r\nc\r\n");
    expect("LLEN m", ":0\r\n");
    expect("LMOVE m l RIGHT LEFT", "$-1\r\n");
    expect("LMOVE l m RIGHT UP", "-ERR syntax error\r\n");
}

Test(cmd_list, removes_equal_elements_from_either_side)
{
    expect("RPUSH l a x b x x c x", ":7\r\n");
    expect("LREM l -2 x", ":2\r\n");
    expect("LRANGE l 0 -1", "*5\r\n$1\r\na\r\n$1\r\nx\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\nc\r\n");
    expect("LREM l 1 x", ":1\r\n");
    expect("LRANGE l 0 -1", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\nc\r\n");
    expect("LREM l -9223372036854775808 c", ":1\r\n");
    expect("LREM l 0 q", ":0\r\n");
    expect("RPUSH m x x x", ":3\r\n");
    expect("LREM m 0 x", ":3\r\n");
    expect("LREM m 0 x", ":0\r\n");
}

/* One effect for neighbours that go together: a sweep of a long list does not flood the journal. */
Test(cmd_list, reports_a_run_of_removed_elements_as_one_effect)
{
    expect("RPUSH l a x x x b x x", ":7\r\n");
    size_t before = kit.effects_count;
    expect("LREM l 0 x", ":5\r\n");
    cr_assert_eq(kit.effects_count - before, 2);
    expect("RPUSH l x x x", ":5\r\n");
    before = kit.effects_count;
    expect("LREM l -3 x", ":3\r\n");
    cr_assert_eq(kit.effects_count - before, 1);
}

Test(cmd_list, trims_to_a_range)
{
    expect("RPUSH l a b c d e", ":5\r\n");
    expect("LTRIM l 1 -2", "+OK\r\n");
    expect("LRANGE l -100 100", "*3\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n");
    expect("LTRIM l 0 -1", "+OK\r\n");
    expect("LTRIM l 5 1", "+OK\r\n");
    expect("LLEN l", ":0\r\n");
    expect("LTRIM l 0 0", "+OK\r\n");
}

Test(cmd_list, reads_and_changes_by_index)
{
    expect("RPUSH l a b c", ":3\r\n");
    expect("LINDEX l -1", "$1\r\nc\r\n");
    expect("LINDEX l 3", "$-1\r\n");
    expect("LINDEX l -4", "$-1\r\n");
    expect("LSET l -2 \"longer than before\"", "+OK\r\n");
    expect("LINDEX l 1", "$18\r\nlonger than before\r\n");
    expect("LSET l 3 x", "-ERR index out of range\r\n");
    expect("LSET none 0 x", "-ERR no such key\r\n");
    expect("LINSERT l BEFORE a 0", ":4\r\n");
    expect("LINSERT l after c d", ":5\r\n");
    expect("LINSERT l AFTER q d", ":-1\r\n");
    expect("LINSERT l NEAR a d", "-ERR syntax error\r\n");
    expect("LINSERT none BEFORE a d", ":0\r\n");
    expect("LRANGE l 0 0", "*1\r\n$1\r\n0\r\n");
    expect("LRANGE l 4 4", "*1\r\n$1\r\nd\r\n");
}

Test(cmd_list, finds_positions_from_either_side)
{
    expect("RPUSH l a b c 1 2 3 c c", ":8\r\n");
    expect("LPOS l c", ":2\r\n");
    expect("LPOS l c RANK 2", ":6\r\n");
    expect("LPOS l c RANK -1", ":7\r\n");
    expect("LPOS l c RANK -3 MAXLEN 5", "$-1\r\n");
    expect("LPOS l c COUNT 2", "*2\r\n:2\r\n:6\r\n");
    expect("LPOS l c RANK -1 COUNT 0", "*3\r\n:7\r\n:6\r\n:2\r\n");
    expect("LPOS l c COUNT 0 MAXLEN 3", "*1\r\n:2\r\n");
    expect("LPOS none c", "$-1\r\n");
    expect("LPOS none c COUNT 0", "*0\r\n");
    expect("LPOS l c COUNT -1", "-ERR COUNT can't be negative\r\n");
    expect("LPOS l c MAXLEN x", "-ERR MAXLEN can't be negative\r\n");
    expect("LPOS l c RANK", "-ERR syntax error\r\n");
}

Test(cmd_list, takes_from_the_first_list_that_has_elements)
{
    expect("RPUSH l a b c", ":3\r\n");
    expect("LMPOP 2 none l RIGHT COUNT 2", "*2\r\n$1\r\nl\r\n*2\r\n$1\r\nc\r\n$1\r\nb\r\n");
    expect("LMPOP 1 l LEFT", "*2\r\n$1\r\nl\r\n*1\r\n$1\r\na\r\n");
    expect("LMPOP 1 l LEFT", "*-1\r\n");
    expect("LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0\r\n");
    expect("LMPOP 2 l LEFT", "-ERR syntax error\r\n");
    expect("LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0\r\n");
    expect("LMPOP 1 l LEFT COUNT 1 COUNT 1", "-ERR syntax error\r\n");
}

Test(cmd_list, blocking_commands_answer_at_once_when_there_is_something)
{
    expect("RPUSH l a b c d e f", ":6\r\n");
    expect("BLPOP none l 0", "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
    expect("BRPOP l 0", "*2\r\n$1\r\nl\r\n$1\r\nf\r\n");
    expect("BRPOPLPUSH l m 0", "$1\r\ne\r\n");
    expect("BLMOVE l m LEFT LEFT 0", "$1\r\nb\r\n");
    expect("BLMPOP 0 2 none m RIGHT COUNT 5", "*2\r\n$1\r\nm\r\n*2\r\n$1\r\ne\r\n$1\r\nb\r\n");
    cr_assert_not(kit.was_blocked);
}

Test(cmd_list, blocking_commands_wait_when_there_is_nothing)
{
    static const char *const lines[] = {"BLPOP a b 1", "BRPOP a 0.5", "BRPOPLPUSH a b 0", "BLMOVE a b LEFT LEFT 0",
                                        "BLMPOP 0 2 a b RIGHT"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        expect(lines[i], "");
        cr_assert(kit.was_blocked);
    }
    expect("BLPOP a x", "-ERR timeout is not a float or out of range\r\n");
    expect("BLMPOP x 0 a LEFT", "-ERR numkeys should be greater than 0\r\n");
    kit.flags = CMD_CTX_NO_BLOCK;
    expect("BLPOP a 0", "*-1\r\n");
    expect("BLMPOP 0 1 a LEFT", "*-1\r\n");
    expect("BRPOPLPUSH a b 0", "$-1\r\n");
    expect("BLMOVE a b LEFT LEFT 0", "$-1\r\n");
}

/* While a client waits, one of its keys may become something else; it goes on waiting for the others. */
Test(cmd_list, blocking_commands_pass_over_keys_of_another_type_when_run_again)
{
    expect("SADD s a", ":1\r\n");
    expect("BLPOP s l 0", WRONG_TYPE);
    expect("RPUSH l a b c", ":3\r\n");
    kit.flags = CMD_CTX_RETRY;
    expect("BLPOP s l 0", "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
    expect("BLMPOP 0 2 s l LEFT", "*2\r\n$1\r\nl\r\n*1\r\n$1\r\nb\r\n");
    expect("BLMOVE s l LEFT LEFT 0", "");
    cr_assert(kit.was_blocked);
    expect("BLMOVE l s LEFT LEFT 0", WRONG_TYPE);
    expect("LLEN l", ":1\r\n");
}

Test(cmd_list, answers_other_types_with_an_error)
{
    static const char *const lines[] = {"LPUSH s a",     "RPUSHX s a",  "LPOP s",           "RPOP s 1",
                                        "LLEN s",        "LINDEX s 0",  "LRANGE s 0 1",     "LREM s 0 x",
                                        "LSET s 0 a",    "LTRIM s 0 1", "LPOS s a",         "LINSERT s BEFORE a b",
                                        "RPOPLPUSH s l", "BLPOP s 0",   "LMPOP 1 s LEFT",   "RPOPLPUSH l s",
                                        "BRPOP s 0",     "LPUSHX s a",  "BLMPOP 0 1 s LEFT"};
    expect("SADD s a", ":1\r\n");
    expect("RPUSH l a", ":1\r\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) expect(lines[i], WRONG_TYPE);
    expect("LLEN l", ":1\r\n");
}

static int key_indexes(const char *name, const char *const *words, int argc, int *indexes)
{
    struct slice argv[8];
    for (int i = 0; i < argc; i++) argv[i] = slice_from_text(words[i]);
    const struct command *row = cmd_table_find(&kit.table, slice_from_text(name))->row;
    return cmd_find_keys(row, argv, argc, indexes, 8);
}

Test(cmd_list, tells_the_keys_that_a_number_announces)
{
    int indexes[8];
    const char *lmpop[] = {"LMPOP", "2", "a", "b", "LEFT"};
    cr_assert_eq(key_indexes("lmpop", lmpop, 5, indexes), 2);
    cr_assert(indexes[0] == 2 && indexes[1] == 3);
    const char *blmpop[] = {"BLMPOP", "0", "1", "a", "LEFT"};
    cr_assert_eq(key_indexes("blmpop", blmpop, 5, indexes), 1);
    cr_assert_eq(indexes[0], 3);
    const char *wrong[] = {"LMPOP", "9", "a", "b", "LEFT"};
    cr_assert_eq(key_indexes("lmpop", wrong, 5, indexes), -1);
}

/* A command from a form: @ becomes one of three keys, # a number. */
static void fill_form(const char *form, struct rng *r, char *out)
{
    for (; *form; form++) {
        char c = *form;
        *out++ = c == '@' ? (char)('a' + rng_below(r, 3)) : c == '#' ? (char)('0' + rng_below(r, 5)) : c;
    }
    *out = '\0';
}

/* What random commands did is done again on the replica by their effects alone. */
Test(cmd_list, effects_of_random_commands_give_the_same_lists)
{
    static const char *const forms[] = {
        "LPUSH @ #",
        "RPUSH @ # # #",
        "RPOP @",
        "LPOP @ #",
        "LREM @ # #",
        "LREM @ -# #",
        "LSET @ # #",
        "LSET @ -1 #",
        "LTRIM @ # -2",
        "LINSERT @ BEFORE # #",
        "RPOPLPUSH @ @",
        "LMPOP 2 @ @ RIGHT COUNT 2",
        "LINSERT @ AFTER # #",
        "LMOVE @ @ LEFT LEFT",
        "LMOVE @ @ LEFT RIGHT",
        "LPUSHX @ # #",
    };
    struct rng r;
    rng_init(&r, 3);
    for (int step = 0; step < 20000; step++) {
        char line[100];
        fill_form(forms[rng_below(&r, sizeof(forms) / sizeof(forms[0]))], &r, line);
        testkit_run(&kit, line);
        if (step % 500 == 0) testkit_check(&kit);
    }
    cr_assert_gt(kit.effects_count, 10000);
}
