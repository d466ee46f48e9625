/* SPDX-License-Identifier: MIT */
/*
 * The engine's state: private to engine/. One struct, parts by idea; each part's functions are in the file named beside it.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "base/buf.h"
#include "base/heap.h"
#include "cmd/table.h"
#include "engine/engine.h"
#include "script/script.h"

#define ENGINE_NEVER_US INT64_MAX

#define ENGINE_ERR_BUSY                                                                                                \
    SLICE_LIT("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")

/* What MONITOR and SLOWLOG see of a password. */
#define ENGINE_REDACTED SLICE_LIT("(redacted)")

/* What a connection's reply buffer may hold at the very most. */
#define ENGINE_OUT_MAX_BYTES ((size_t)4 << 30)
/* What may be there beyond the hard client-output-buffer-limit: it may leave before the host looks. */
#define ENGINE_OUT_BEYOND_BYTES ((size_t)1 << 20)

struct slowlog;
struct persist;

/* INFO's counters. */
struct engine_stats {
    struct engine_host_stats host;
    uint64_t commands;
    uint64_t connections;
    uint64_t unexpected_errors;
    uint64_t errors; /* error replies */
    size_t peak_memory_bytes;
    int64_t started_at_ms;
    int64_t reset_at_ms;
    uint64_t published;
    /* instantaneous_ops_per_sec: from samples of the cron */
    uint64_t sample_commands;
    int64_t sample_us;
    uint64_t ops_per_s;
};

struct engine {
    struct clock *clock;
    struct config *config;
    struct engine_host *host;
    struct engine_guests *guests; /* borrowed; NULL: there are none */
    /* Memory in use, mem_used, by thread: the owner's when it lent the engine; what all guests took; this one's when it came. */
    size_t owner_bytes, guests_bytes, guest_began_bytes;
    bool is_lent; /* a guest is there */
    char run_id[41];
    struct rng rng;
    struct keyspace keyspace;
    struct effect_sink sink; /* engine.c: where effects arrive */
    struct cmd_table table;
    struct arena scratch;
    struct script_host *scripts; /* owned */
    struct script_ops script_ops;

    /* Time: one reading serves the end of a command and the start of the next (engine.c). */
    int64_t mono_us;
    int64_t wall_offset_us; /* wall clock minus monotonic clock, this turn */
    bool is_time_stale;

    /* Clients (engine.c) */
    struct link clients; /* of engine_client.link, in order of arrival */
    size_t clients_count;
    uint64_t next_client_id;
    struct link dirty;       /* of engine_client.dirty_link: replies of this turn */
    struct link held;        /* of engine_client.held_link: replies that wait for the disk (gate.c) */
    bool was_taken_back;     /* the journal failed, and held replies became errors */
    struct persist *persist; /* owned; NULL: all is in memory (persist.h) */
    struct engine_client *current;

    /* Blocking (block.c) */
    struct map waits[KEYSPACE_DBS_COUNT]; /* of wait_key: keys that clients wait for */
    struct link ready;                    /* of wait_key.ready_link: changed since they were last served */
    struct heap deadlines;                /* of engine_waiter, by CLOCK_MONOTONIC microseconds */
    size_t blocked_count;

    /* CLIENT PAUSE (block.c) */
    int64_t pause_end_us; /* 0: not paused */
    bool is_pause_for_writes_only;
    struct link paused; /* of engine_waiter.pause_link, in order of arrival */

    /* WATCH (multi.c) */
    struct map watched[KEYSPACE_DBS_COUNT]; /* of watch_key */

    /* Pub/sub (pubsub.c) */
    struct map channels; /* of pubsub_topic */
    struct map patterns; /* of pubsub_topic */

    /* MONITOR (monitor.c), SLOWLOG (slowlog.c) */
    struct link monitors;    /* of engine_client.monitor_link */
    struct slowlog *slowlog; /* owned */

    struct engine_stats stats;
    struct map error_stats; /* info.c */
    bool is_busy;           /* a script runs past its limit; the host polls */
    bool is_shutting_down;
    bool is_last_save_skipped; /* SHUTDOWN NOSAVE */
};

/* ---- engine.c ---- */

/* The engine that runs a command. */
static inline struct engine *engine_of(const struct cmd_ctx *ctx)
{
    return ctx->host;
}

static inline struct engine_client *client_of(const struct cmd_ctx *ctx)
{
    return ctx->client;
}

/* The table of all commands, into an uninitialised *t. */
void engine_add_commands(struct cmd_table *t);
/* Gives the keyspace and the script host the parameters that they keep a copy of. */
void engine_configure(struct engine *e);
/* Reads the clock: mono_us and the keyspace's now_ms. */
void engine_update_time(struct engine *e);
/* Marks that c has got a reply, which may leave when the journal has this record (0: it tells of none). gate.c */
void engine_mark_dirty(struct engine_client *c, uint64_t need_seq);
/* The last record that a reply written now may tell of; 0 when all is in memory. */
uint64_t engine_last_seq(const struct engine *e);
/* The sink for c's own replies: its writer, or nothing (CLIENT REPLY). */
struct reply *engine_reply_of(struct engine_client *c);
/*
 * The host looks at client-output-buffer-limit when a turn is over; within one, a script may send its client or whoever listens far more. Before
 * something is written for c: from here on its buffer takes no more than the host would close it for.
 */
void engine_limit_output(struct engine_client *c);
/* Asks the host to close; nothing more of c is executed. */
void engine_close_later(struct engine_client *c, bool is_at_once);
struct engine_client *engine_find_client(struct engine *e, uint64_t id);
/* Bytes in use, as maxmemory counts them. */
size_t engine_memory_used(const struct engine *e);

/* ---- call.c ---- */

/* Runs one row for c: counts, times, monitors. Refusals (OOM, arity, ...) were dealt with. The reply goes to `reply`. */
void engine_call(struct engine_client *c, struct cmd_slot *slot, struct cmd_ctx *ctx);
/* The slot for argv, or NULL after an error was replied (unknown command, subcommand, wrong number of arguments). */
struct cmd_slot *engine_find_command(struct engine *e, const struct slice *argv, int argc, struct reply *reply);
/* Redis's error for a subcommand with arguments that make no sense. */
void engine_reply_sub_syntax(struct cmd_ctx *ctx);
/* Runs argv for c with all checks, as engine_execute but without waking others: for EXEC's queue and what was paused. */
void engine_process(struct engine_client *c, struct slice *argv, int argc);
/* A command of c is over: CLIENT REPLY SKIP silences exactly the next one, to its end. */
void engine_step_reply_skip(struct engine_client *c);
/* Over maxmemory? */
bool engine_is_out_of_memory(struct engine *e);

/* ---- block.c ---- */

void block_init(struct engine *e);
void block_deinit(struct engine *e);
/* c waits as ctx->block says; its arguments are copied. */
void block_client(struct engine_client *c, const struct cmd_ctx *ctx, struct cmd_slot *slot);
/* c's command is kept until the pause ends. */
void block_pause(struct engine_client *c, const struct slice *argv, int argc);
/* Ends the wait without a reply; the client is READY again. */
void block_cancel(struct engine_client *c);
/* The wait is over and the reply given: the client goes on with its next request. */
void block_release(struct engine_client *c);
/* CLIENT UNBLOCK: ends a blocking command as by time-out, or with an UNBLOCKED error. False if c is not blocked in one. */
bool block_unblock(struct engine_client *c, bool with_error);
/* A key of a database changed: whoever waits for it is served soon. */
void block_note_key(struct engine *e, uint32_t db, struct slice key);
void block_note_db(struct engine *e, uint32_t db);
/* Serves all who wait for keys that changed, in order of arrival. */
void block_serve(struct engine *e);
void block_run_timers(struct engine *e);
int64_t block_next_us(const struct engine *e);
/* CLIENT PAUSE and UNPAUSE. */
void block_start_pause(struct engine *e, int64_t end_us, bool is_for_writes_only);
void block_end_pause(struct engine *e);
/* The pause in force now keeps this command back? */
bool block_is_paused_for(const struct engine *e, const struct engine_client *c, const struct command *row);

/* ---- multi.c ---- */

extern const struct command engine_multi_rows[];
void multi_queue(struct engine_client *c, struct cmd_slot *slot, const struct slice *argv, int argc);
/* Forgets queue and watches (DISCARD, RESET, close). */
void multi_discard(struct engine_client *c);
/* is_beside: what changed matters only to those who watch for the key to come. */
void multi_note_key(struct engine *e, uint32_t db, struct slice key, bool is_beside);
/* The whole database was emptied or swapped. */
void multi_note_db(struct engine *e, uint32_t db);
/* The row's flags, and for EXEC what its queue adds to them. */
uint32_t multi_flags_of(const struct engine_client *c, const struct command *row);
size_t multi_queued_count(const struct engine_client *c);
size_t multi_watched_count(const struct engine_client *c);

/* ---- pubsub.c ---- */

extern const struct command engine_pubsub_rows[];
void pubsub_init(struct engine *e);
void pubsub_deinit(struct engine *e);
/* Ends all subscriptions of a client, without replies (close, RESET). */
void pubsub_drop(struct engine_client *c);
size_t pubsub_count(const struct engine_client *c);
/* Delivers to all; returns the receivers. */
int64_t pubsub_publish(struct engine *e, struct slice channel, struct slice message);

/* ---- the engine's other command families ---- */

extern const struct command engine_connection_rows[]; /* cmd_connection.c: AUTH HELLO PING ECHO QUIT RESET SELECT */
extern const struct command engine_client_rows[];     /* cmd_client.c: CLIENT ... */
extern const struct command
    engine_server_rows[]; /* cmd_server.c: INFO CONFIG TIME ROLE WAIT SHUTDOWN SLOWLOG MONITOR ... */
extern const struct command engine_command_rows[]; /* cmd_command.c: COMMAND ... */

/* CLIENT SETNAME and HELLO SETNAME. False: the error was replied. */
bool client_set_name(struct cmd_ctx *ctx, struct slice name);
extern const struct command engine_slowlog_subs[]; /* slowlog.c: SLOWLOG ... */

/* ---- slowlog.c, monitor.c ---- */

struct slowlog *slowlog_new(void);
void slowlog_free(struct slowlog *s);
void slowlog_note(struct engine *e, const struct engine_client *c, const struct slice *argv, int argc, int64_t us);
/* Shows the command to those who monitor. */
void monitor_feed(struct engine *e, const struct engine_client *c, const struct slice *argv, int argc);
/* The same for a script's command. */
void monitor_feed_script(struct engine *e, uint32_t db_index, const struct slice *argv, int argc);

/* ---- info.c ---- */

/* errorstats: counts an error reply under its code ("WRONGTYPE"). */
void info_note_error(struct engine *e, const char *code);
void info_reset_errors(struct engine *e);

#endif
