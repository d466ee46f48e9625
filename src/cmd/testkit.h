/* SPDX-License-Identifier: MIT */
/*
 * For unit tests of commands: a keyspace with a manual clock, and commands written as text.
 *
 *     struct testkit kit;
 *     testkit_init(&kit);
 *     cr_assert_str_eq(testkit_run(&kit, "HSET h f v"), ":1\r\n");
 *     testkit_check(&kit);   (invariants; the recorded effects on an empty keyspace give the same keyspace)
 *     testkit_deinit(&kit);
 */
#ifndef CMD_TESTKIT_H
#define CMD_TESTKIT_H

#include "base/buf.h"
#include "cmd/table.h"
#include "keyspace/tracker.h"

struct testkit {
    struct keyspace keyspace;
    struct rng rng;
    struct cmd_table table;
    struct arena scratch;
    struct buf out;
    uint32_t db_index;
    uint8_t resp;     /* 2 or 3 */
    uint32_t flags;   /* enum cmd_ctx_flag of the commands that are run */
    bool was_blocked; /* the last command called cmd_block (and replied nothing) */
    struct effect_sink sink;
    struct keyspace replica; /* gets every effect as it is reported */
    struct rng replica_rng;
    size_t effects_count;
    struct tracker *tracker; /* owned; all is clean after every other command: finds edits without db_touch */
    struct buf items;
    size_t runs_count;
};

void testkit_init(struct testkit *kit);
void testkit_deinit(struct testkit *kit);
/* Runs one command: words separated by spaces, "double quotes" with \xHH, \n, \r, \t, \\ and \" escapes. Returns the raw reply,
 * NUL-terminated, valid until the next run. */
const char *testkit_run(struct testkit *kit, const char *line);
const char *testkit_run_argv(struct testkit *kit, struct slice *argv, int argc);
/* CHECKs invariants and that the replica equals the keyspace. */
void testkit_check(struct testkit *kit);

#endif
