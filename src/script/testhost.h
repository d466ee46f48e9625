/* SPDX-License-Identifier: MIT */
/*
 * For unit tests and fuzzers: a Lua host over the command test kit, whose time limit is ticked by hand, with commands that scripts
 * can reach the test by:
 *
 *   TEST.TICK n     n ticks of the time limit's clock pass
 *   TEST.FILL n     an array of n strings of a thousand bytes
 *   TEST.STARVE     memory ends, until mem_fail_after(-1)
 *
 * The script TESTHOST_TWINNED has a twin, which answers "C" and knows only calls without keys.
 */
#ifndef SCRIPT_TESTHOST_H
#define SCRIPT_TESTHOST_H

#include "cmd/testkit.h"
#include "script/script.h"

#define TESTHOST_TWINNED "return 'Lua'"

struct testhost {
    struct testkit kit;
    struct script_host *host;
    struct script_ops ops;
    struct buf out;
    bool is_over_memory;
    int polls_count;
    const char *on_poll; /* if not NULL, a command that another client sends when a script lets it */
    char polled[512];    /* its last reply */
    const char *refuses; /* if not NULL, the name of a command that before_call refuses */
    bool forbids_twins;
    uint32_t flags;   /* of the commands: CMD_CTX_MULTI as inside of EXEC */
    char logged[256]; /* the last text for the log */
};

/* memory_bytes, busy_ms: as struct script_opts has them. */
void testhost_init(struct testhost *t, size_t memory_bytes, int64_t busy_ms);
void testhost_deinit(struct testhost *t);
/* Runs one command; returns the raw reply, NUL-terminated, until the next run. */
const char *testhost_run(struct testhost *t, struct slice *argv, int argc);
/* EVAL of a text with keys and then values, given as one list of `argc` texts. */
const char *testhost_eval(struct testhost *t, const char *text, int keys_count, const char *const *args, int argc);
/* The compiled form of a script, which must be one. Owns: caller, buf_deinit. */
struct buf testhost_dump(struct testhost *t, const char *text);

#endif
