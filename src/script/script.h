/* SPDX-License-Identifier: MIT */
/*
 * The Lua host: EVAL and its like, on LuaJIT with the just-in-time compiler off.
 *
 * A host has one Lua state, the scripts that were loaded into it, and the rules that a script lives under: what it may
 * call, how much memory it may hold, how long it may run before other clients are served beside it. The engine owns a
 * host, adds script_rows to its command table and puts the host into cmd_ctx.script_host.
 *
 * Threads: the engine's thread calls everything here.
 */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include "cmd/table.h"
#include "cmd/twin.h"

/* EVAL, EVALSHA, EVAL_RO, EVALSHA_RO, SCRIPT. They need ctx->script_host. */
extern const struct command script_rows[];

struct script_host;

/*
 * EVALSHA, where the script is loaded and has a twin that knows the case: ctx as for the row. False: nothing was done and nothing
 * answered. No Lua runs, so any thread may call it that has the engine to itself.
 */
bool script_run_twin(struct cmd_ctx *ctx);

/* Redis's numbers, as scripts see them. */
enum script_log_level { SCRIPT_LOG_DEBUG, SCRIPT_LOG_VERBOSE, SCRIPT_LOG_NOTICE, SCRIPT_LOG_WARNING };

/* What a host asks of the engine. The pointers may be changed between scripts. */
struct script_ops {
    /* If not NULL, called before each command of a script, when nothing in the script's own rules is against it.
     * False: the command must not run, and its error was given to ctx->reply. */
    bool (*before_call)(struct script_ops *ops, struct cmd_ctx *ctx);
    /* The running script is past its time: serve other clients for a moment, without blocking. Called again and again until
     * the script ends. SCRIPT KILL may run in it. */
    void (*poll)(struct script_ops *ops);
    /* If not NULL: may a twin run in place of the script that outer asks for? Not when each command of the script has to be looked at. */
    bool (*allows_twin)(struct script_ops *ops, const struct cmd_ctx *outer);
    /* Is the server over its maxmemory? Asked when a script begins, and holds until it ends. */
    bool (*is_over_memory)(struct script_ops *ops);
    /* redis.log(), and what the host itself has to say. */
    void (*log)(struct script_ops *ops, enum script_log_level level, struct slice text);
};

struct script_opts {
    struct cmd_table *commands; /* borrowed: what redis.call finds */
    struct script_ops *ops;     /* borrowed */
    const struct twin *twins;   /* borrowed; NULL: all scripts are interpreted */
    size_t memory_bytes;        /* what Lua may hold; 0: SCRIPT_MEMORY_BYTES */
    int64_t busy_ms;            /* how long a script runs alone; 0: for ever */
    const char *redis_version;  /* "7.2.4": what redis.REDIS_VERSION tells */
    bool is_ticked_by_hand;     /* tests: no timer is used, script_host_tick is called instead */
};

/* What BullMQ's scripts hold is around 2 MiB; a script that gathers a million ids needs 100. */
#define SCRIPT_MEMORY_BYTES ((size_t)256 << 20)
/* So many times that for one that has written: nothing would undo what it did. */
#define SCRIPT_MEMORY_WROTE_TIMES 8
/* And for any so many times the largest that it was given, its arguments or a value, which may be of 512 MiB: text that is put together from
 * it takes four times as much for moments, and as much is garbage. */
#define SCRIPT_MEMORY_GIVEN_TIMES 8
/* Less than this would not hold the libraries and a few scripts. */
#define SCRIPT_MEMORY_BYTES_MIN ((size_t)4 << 20)
/* Scripts that were only sent with EVAL: the least recently used make room. Those of SCRIPT LOAD stay. */
#define SCRIPT_EVALS_MAX 500
/* How often a running script is looked at, in ms, unless busy_ms is shorter. */
#define SCRIPT_TICK_MS 100

OXQ_MUST_USE oxq_err script_host_new(const struct script_opts *opts, struct script_host **out_host,
                                     struct oxq_error *err);
/* No script may be running. NULL is fine. */
void script_host_free(struct script_host *h);

/* Parameters that may change while running. */
void script_host_set_memory(struct script_host *h, size_t memory_bytes);
void script_host_set_busy_ms(struct script_host *h, int64_t busy_ms);

/* Is a script running at all? (Inside poll.) */
bool script_host_is_running(const struct script_host *h);
/* Is it past its time? Then clients get BUSY. */
bool script_host_is_busy(const struct script_host *h);
/* Has the running script called a command that writes? Then it is not killed. */
bool script_host_has_written(const struct script_host *h);

/* For INFO: bytes that Lua holds; loaded scripts; bytes of their texts. */
size_t script_host_memory_bytes(const struct script_host *h);
size_t script_host_scripts_count(const struct script_host *h);
size_t script_host_scripts_bytes(const struct script_host *h);
/* Scripts that a twin has run, ever. */
uint64_t script_host_twin_runs(const struct script_host *h);

/* A tick of the time limit's clock has passed: called by the timer's signal, or by hand. Safe in a signal handler on the
 * engine's thread. */
void script_host_tick(struct script_host *h);

#endif
