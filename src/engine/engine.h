/* SPDX-License-Identifier: MIT */
/*
 * The engine: the single writer. It runs commands of clients, one after the other, on the keyspace; blocks and wakes
 * clients; does MULTI, WATCH, pub/sub, scripts, expiry; and holds the gate that replies leave by.
 *
 * A turn of the owner's loop:
 *
 *   requests ready --> engine_execute() for each   (replies gather in client->out)
 *   timers due     --> engine_run_timers()
 *   then           --> engine_commit()             (the gate: what is durable by now is released, see gate.c)
 *                        '-> host->release(client): client->out[0 .. client->released_bytes) may be sent
 *
 * With data on disk (engine_open_data) it begins by LOADING: clients are served with an error until host->loaded, the loading
 * goes on in engine_run_timers.
 *
 * Threads: one thread calls everything here, but for guests (engine_enter), who come between its turns and one at a time. The host (server/, or a program that embeds the engine) owns sockets. The
 * journal and the checkpoints have threads of their own; they wake the host's loop through engine_wake_fd.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/clock.h"
#include "base/link.h"
#include "cmd/table.h"
#include "engine/config.h"
#include "os/thread.h"
#include "resp/writer.h"

struct engine;
struct engine_client;

/* No argument is longer, whatever proto-max-bulk-len says, and wherever it comes from: a start would not take it from the disk
 * (STRING_MAX_BYTES, SET_MEMBER_MAX_BYTES). */
#define ENGINE_ARGUMENT_MAX_BYTES ((size_t)512 << 20)

/* What the engine asks of its host. All are called on the engine's thread, inside engine_* calls. */
struct engine_host {
    /* client->released_bytes grew: send. Called from engine_commit only. */
    void (*release)(struct engine_host *host, struct engine_client *client);
    /* The client may run commands again (unblocked, unpaused): parse what is buffered in the next turn. */
    void (*resume)(struct engine_host *host, struct engine_client *client);
    /* Close the connection after what is released now was sent (is_at_once: drop it). The host calls engine_client_close
     * later, never inside this call. */
    void (*close)(struct engine_host *host, struct engine_client *client, bool is_at_once);
    /* A script is past its time: take requests of other clients for a moment, without blocking, and execute them
     * (they get BUSY, but SCRIPT KILL and SHUTDOWN work). */
    void (*poll)(struct engine_host *host);
    /* SHUTDOWN was accepted: leave the loop after this turn. Inside poll it was SHUTDOWN NOSAVE because of a script that may
     * never end: there is no turn to wait for. */
    void (*shut_down)(struct engine_host *host);
    /* The data folder is loaded (NULL), or cannot be: the engine serves LOADING for ever then. NULL when it was not opened. */
    void (*loaded)(struct engine_host *host, const struct oxq_error *err);
    /* A parameter that the host cares for was changed by CONFIG SET ("maxclients", "timeout", "loglevel", ...). May be NULL. */
    void (*config_changed)(struct engine_host *host, const char *name);
};

enum engine_client_kind { ENGINE_CLIENT_TCP, ENGINE_CLIENT_UNIX, ENGINE_CLIENT_TLS, ENGINE_CLIENT_EMBEDDED };

/* Why a client does not run commands now. */
enum engine_client_state {
    ENGINE_CLIENT_READY,
    ENGINE_CLIENT_BLOCKED, /* in a blocking command */
    ENGINE_CLIENT_PAUSED,  /* CLIENT PAUSE caught its command, which is kept and run at the end */
    ENGINE_CLIENT_CLOSING  /* nothing more is executed */
};

/* Replies that wait for a record of the journal: gate.c. */
struct engine_hold {
    size_t bytes;     /* of client->out, after what is released and what the hold before has */
    uint64_t seq;     /* the record */
    uint32_t replies; /* in those bytes */
};
#define ENGINE_HOLDS_MAX 2

struct engine_multi;  /* queued commands and watches; multi.c */
struct engine_waiter; /* a blocked command; block.c */

/*
 * A client as the engine sees it; the host embeds it first in its connection. Fields above the line are the host's to
 * read; only engine_* functions change them.
 */
struct engine_client {
    struct buf out;        /* replies in order; the host sends from the start and calls buf_consume */
    size_t released_bytes; /* of out, from its start, that may be sent; the host subtracts what it consumed */
    enum engine_client_state state;
    uint64_t id;
    /* ---- the host keeps these up to date ---- */
    enum engine_client_kind kind;
    int fd;        /* for CLIENT LIST; -1: none */
    char addr[80]; /* "127.0.0.1:4711", "/run/oxq.sock:0" */
    char laddr[80];
    size_t input_bytes; /* buffered and not yet executed */
    size_t input_free_bytes;
    /* ---- engine ---- */
    struct engine *engine;
    struct link link;       /* in engine->clients, in order of arrival */
    struct link dirty_link; /* in engine->dirty while it has replies of this turn */
    struct link held_link;  /* in engine->held while it has holds */
    struct engine_hold holds[ENGINE_HOLDS_MAX];
    uint8_t holds_count;
    uint32_t fresh_replies;   /* of this turn */
    uint64_t need_seq;        /* the record that they need */
    struct link monitor_link; /* in engine->monitors while it monitors */
    struct resp_writer writer;
    struct reply discard; /* CLIENT REPLY OFF/SKIP */
    uint32_t db_index;
    uint32_t flags;           /* enum engine_client_flag */
    char *name;               /* owned, or NULL */
    char *lib_name, *lib_ver; /* owned, or NULL */
    int64_t created_at_ms, last_at_ms;
    const struct cmd_slot *last_command; /* NULL before the first */
    struct engine_multi *multi;          /* owned; NULL until MULTI or WATCH */
    struct engine_waiter *waiter;        /* owned; NULL unless BLOCKED or PAUSED */
    struct map channels, patterns;       /* subscriptions */
    uint64_t commands_count;
};

enum engine_client_flag {
    ENGINE_CLIENT_AUTHENTICATED = 1 << 0,
    ENGINE_CLIENT_MULTI = 1 << 1,
    ENGINE_CLIENT_DIRTY_CAS = 1 << 2,  /* a watched key changed */
    ENGINE_CLIENT_DIRTY_EXEC = 1 << 3, /* a queued command was refused */
    ENGINE_CLIENT_MONITOR = 1 << 4,
    ENGINE_CLIENT_REPLY_OFF = 1 << 5,
    ENGINE_CLIENT_REPLY_SKIP_NEXT = 1 << 6,
    ENGINE_CLIENT_REPLY_SKIP = 1 << 7,
    ENGINE_CLIENT_NO_EVICT = 1 << 8,
    ENGINE_CLIENT_NO_TOUCH = 1 << 9,
    ENGINE_CLIENT_TRUSTED = 1 << 10, /* the host's to set: it needs no password, whatever it does */
    ENGINE_CLIENT_RUNNING = 1 << 11, /* inside engine_execute: it must not be freed */
    ENGINE_CLIENT_FAILED = 1 << 12,  /* the journal failed while it ran: its replies are errors */
};

/*
 * Threads that have had a request executed between the turns of the loop, and wait for the disk outside of it. As long as such wait, what the
 * journal did is told to them instead of the loop.
 */
struct engine_guests {
    /* Sees to it that engine_commit is called; false: none waits. Called on the journal's threads, which may call engine_commit
     * themselves if engine_may_commit_in_journal. Where again_us is given, it is called again at the time that it sets. */
    bool (*on_news)(struct engine_guests *guests, int64_t *again_us);
    /* The journal failed, and its files are where they were: who has such guests ends, so that whoever needs the data reads them. Within
     * the turn. */
    void (*on_failure)(struct engine_guests *guests);
};

struct engine_opts {
    struct engine_guests *guests; /* borrowed; NULL: there are none */
    struct clock *clock;          /* borrowed */
    uint64_t seed;                /* of the engine's rng */
    struct config *config;        /* borrowed; CONFIG SET changes it */
    struct engine_host *host;     /* borrowed */
    const char *run_id;           /* 40 hex digits, copied */
};

/* What the host counts for INFO. */
struct engine_host_stats {
    uint64_t reads, writes; /* system calls */
    uint64_t input_bytes, output_bytes;
    uint64_t refused_connections; /* over maxclients */
    uint64_t query_limit,
        output_limit; /* connections closed at client-query-buffer-limit, client-output-buffer-limit */
};

OXQ_MUST_USE oxq_err engine_new(const struct engine_opts *opts, struct engine **out_engine, struct oxq_error *err);
/* All clients must be closed. NULL is fine. */
void engine_free(struct engine *e);

/*
 * Keeps the data in config->dir from now on: takes the folder, opens what is there and begins to load it. Before any client.
 * Errors: EXISTS (another process has the folder: its pid), PERMISSION, IO; FORMAT (damage), NEWER (of a later version): the text
 * says where. Then the engine can only be freed.
 */
OXQ_MUST_USE oxq_err engine_open_data(struct engine *e, struct oxq_error *err);
/* Readable when the threads of the disk have news: the host calls engine_woken, and its turn goes on as always. Borrowed. */
int engine_wake_fd(const struct engine *e);
void engine_woken(struct engine *e);
bool engine_is_loading(const struct engine *e);
/* The journal failed: what was acknowledged is on the disk, what came after is not. */
bool engine_has_failed(const struct engine *e);
/* The end, after the last turn: what was executed becomes durable, and a last checkpoint is written where that is quick. */
void engine_stop(struct engine *e);
/* In a child of fork: the folder is the parent's alone. Nothing else may be done with the engine. */
void engine_forget_data(struct engine *e);
/* The exit codes of a process whose data turned out to be damaged, or could not be read, while it ran. */
#define ENGINE_EXIT_DAMAGED 3
#define ENGINE_EXIT_UNREADABLE 1

/* Registers a zeroed client whose host fields are set. */
void engine_client_open(struct engine *e, struct engine_client *c);
/* Forgets it: subscriptions, watches, waits; frees what it owns. */
void engine_client_close(struct engine_client *c);
/* Of its class: who listens to channels, or everybody else. */
const struct config_output_limit *engine_client_output_limit(const struct engine_client *c);
/* May it do more than give the password? Yes as soon as there is none. */
bool engine_client_is_authenticated(const struct engine_client *c);

/*
 * Runs one request to its end or until it blocks; argv is borrowed for the call. The reply (also an error) is in
 * client->out behind the gate. Clients woken by it run their commands before this returns. Only in state READY.
 */
void engine_execute(struct engine_client *c, struct slice *argv, int argc);
/*
 * Runs an EVALSHA that a twin knows (cmd/twin.h), as engine_execute would. False: it is none, or not now; nothing was done. Threads: any
 * that has the engine to itself meanwhile.
 */
OXQ_MUST_USE bool engine_execute_native(struct engine_client *c, struct slice *argv, int argc);
/* A protocol error of the parser ("Protocol error: invalid bulk length"): replied, then the client is closed after sending. */
void engine_protocol_error(struct engine_client *c, const char *text);
/* When the next timer is due (blocking time-outs, pauses, expiry, the cron): CLOCK_MONOTONIC microseconds. */
int64_t engine_next_timer_us(const struct engine *e);
void engine_run_timers(struct engine *e);
/* The gate: releases the replies of what was executed since the last call, as far as they are settled, and hands what changed to
 * the disk. */
void engine_commit(struct engine *e);
/*
 * Within a turn, between requests: so many clients wait for a sync, and the disk has nothing to do, that engine_commit should come now
 * and not only at the turn's end (decision 7).
 */
bool engine_is_commit_due(struct engine *e);

/*
 * Between turns others than the engine's own thread may call engine_execute_native and engine_commit, one at a time: the owner calls
 * engine_lend when it lets them in, a guest engine_enter and engine_leave around what it does. That is for the count of memory in use,
 * which is kept by thread.
 */
void engine_lend(struct engine *e);
/* Within the turn: false when engine_commit would wait for the journal. */
bool engine_may_commit_in_journal(const struct engine *e);
/*
 * Within the turn, after engine_commit: a small group waits for others until then (engine/company.h), and who asks has to call engine_commit
 * again at that time, if he was not told of a change before. INT64_MAX: nothing waits, or another has to. Where nobody asks, the loop has to
 * (engine_next_timer_us).
 */
int64_t engine_take_commit_us(struct engine *e);
void engine_enter(struct engine *e);
void engine_leave(struct engine *e);
/* A sync is under way: something will be settled soon. */
bool engine_awaits_disk(const struct engine *e);
/* engine_commit, after waiting for the disk: all replies are released. Blocks: syncs. */
void engine_settle(struct engine *e);

/* All commands as Markdown, into an empty buffer: docs/COMMANDS.md. Errors: those of buf_append. */
OXQ_MUST_USE oxq_err engine_describe_commands(struct buf *out);
/* The same as lines of JSON: name, group, arguments, summary, complexity, since. */
OXQ_MUST_USE oxq_err engine_describe_commands_json(struct buf *out);

/* The host's counters, for it to change; CONFIG RESETSTAT sets them to zero. Valid as long as the engine. */
struct engine_host_stats *engine_host_stats(struct engine *e);

/* True while a script runs past its time limit (the host is inside its poll callback). */
bool engine_is_busy(const struct engine *e);

#endif
