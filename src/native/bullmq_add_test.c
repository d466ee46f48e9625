/* SPDX-License-Identifier: MIT */
/* What releases do not share in the arguments of these scripts; all else is held to the scripts themselves (tests/native). */
#include "native/bullmq.h"

#include "cmd/testkit.h"
#include "resp/writer.h"

#include <criterion/criterion.h>

/* {"q:", "", "n", 1700000000000}, and behind these `more`: the head counts all. */
#define PACKED(head, more) head "\xa2q:\xa0\xa1n\xcf\x00\x00\x01\x8b\xcf\xe5\x68\x00" more

static const struct {
    const char *name;
    twin_fn *run;
    const char *keys[9];
    size_t keys_count;
} scripts[] = {
    {"standard",
     bullmq_add_standard,
     {"q:wait", "q:paused", "q:meta", "q:id", "q:completed", "q:delayed", "q:active", "q:events", "q:marker"},
     9},
    {"standard of version 5",
     bullmq_add_standard_5,
     {"q:wait", "q:paused", "q:meta", "q:id", "q:completed", "q:delayed", "q:active", "q:events", "q:marker"},
     9},
    {"delayed", bullmq_add_delayed, {"q:marker", "q:meta", "q:id", "q:delayed", "q:completed", "q:events"}, 6},
    {"prioritized",
     bullmq_add_prioritized,
     {"q:marker", "q:meta", "q:id", "q:prioritized", "q:delayed", "q:completed", "q:active", "q:events", "q:pc"},
     9},
};
#define SCRIPTS_COUNT (sizeof(scripts) / sizeof(scripts[0]))

static bool run(struct testkit *kit, size_t script, struct slice packed)
{
    struct slice keys[9];
    for (size_t i = 0; i < scripts[script].keys_count; i++) keys[i] = slice_from_text(scripts[script].keys[i]);
    const struct slice argv[] = {packed, SLICE_LIT("{}"), SLICE_LIT("\x80")};
    const struct twin_args args = {
        .keys = keys, .keys_count = scripts[script].keys_count, .argv = argv, .argv_count = 3};
    struct resp_writer writer;
    kit->out.len = 0;
    resp_writer_init(&writer, &kit->out, 2);
    struct cmd_ctx ctx = {.keyspace = &kit->keyspace,
                          .db = &kit->keyspace.dbs[0],
                          .reply = &writer.reply,
                          .scratch = &kit->scratch,
                          .flags = CMD_CTX_SCRIPT};
    bool ran = scripts[script].run(&ctx, &args);
    arena_reset(&kit->scratch);
    return ran;
}

Test(bullmq_add, a_job_with_nothing_behind_its_time_is_added)
{
    static const struct slice plain[] = {
        SLICE_INIT(PACKED("\x94", "")), SLICE_INIT(PACKED("\x99", "\xc0\xc0\xc0\xc0\xc0")),
        SLICE_INIT(PACKED("\x9a", "\xc0\xc0\xc0\xc0\xc0\xc0")), /* up to 5.61.2 */
    };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        for (size_t s = 0; s < SCRIPTS_COUNT; s++) {
            struct testkit kit;
            testkit_init(&kit);
            cr_expect(run(&kit, s, plain[i]), "%s, arguments %zu", scripts[s].name, i);
            cr_expect_str_eq(testkit_run(&kit, "HLEN q:1"), ":6\r\n");
            testkit_deinit(&kit);
        }
}

Test(bullmq_add, whatever_stands_behind_the_time_is_left_to_the_script)
{
    /* The scheduler's key is the eighth of nine, and the ninth of ten up to 5.61.2. */
    static const struct slice other[] = {
        SLICE_INIT(PACKED("\x99", "\xa1p\xc0\xc0\xc0\xc0")),
        SLICE_INIT(PACKED("\x99", "\xc0\xc0\xc0\xa1s\xc0")),
        SLICE_INIT(PACKED("\x99", "\xc0\xc0\xc0\xc0\xa1t")),
        SLICE_INIT(PACKED("\x9a", "\xc0\xc0\xc0\xc0\xa1s\xc0")),
        SLICE_INIT(PACKED("\x9a", "\xc0\xc0\xc0\xc0\xc0\xa1t")),
        SLICE_INIT(PACKED("\x9a", "\xc0\xc0\xc0\x80\xc0\xc0")),
    };
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        for (size_t s = 0; s < SCRIPTS_COUNT; s++) {
            struct testkit kit;
            testkit_init(&kit);
            cr_expect_not(run(&kit, s, other[i]), "%s, arguments %zu", scripts[s].name, i);
            cr_expect_str_eq(testkit_run(&kit, "DBSIZE"), ":0\r\n");
            testkit_deinit(&kit);
        }
}
