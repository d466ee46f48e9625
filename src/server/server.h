/* SPDX-License-Identifier: MIT */
/*
 * The server: connections on one side, the engine on the other. It is the engine's host: it owns the sockets, reads
 * requests, has them executed and sends what the gate releases.
 *
 * Threads: one thread makes it, runs it and frees it.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/clock.h"
#include "engine/engine.h"

/* Requests of one connection that run before others get their turn. */
#define SERVER_TURN_REQUESTS_MAX 256
/* ... and no more once its replies in this turn are as long: half a millisecond of copying. */
#define SERVER_TURN_REPLY_BYTES ((size_t)1 << 20)
/* Connections taken in one turn, so that a storm of them does not hold up those that are there. */
#define SERVER_TURN_ACCEPTS_MAX 128
/* How long a connection that is being closed may take to read its last replies. */
#define SERVER_LINGER_US ((int64_t)10 * 1000000)
/* The same for all of them at the end of the server. */
#define SERVER_DRAIN_US ((int64_t)2 * 1000000)
/* When a batch is looked at again that the sender's thread has all but sent. */
#define SERVER_LOOK_AGAIN_US ((int64_t)1000)
/* Descriptors that are not connections: listeners, files, the loop's own (as Redis reserves). */
#define SERVER_RESERVED_FILES 32

struct server;

struct server_opts {
    struct config *config; /* borrowed */
    struct clock *clock;   /* borrowed */
    struct turn *turn;     /* borrowed: left whenever the loop waits; NULL: nobody comes in between */
    /* The reply to a guest (ENGINE_CLIENT_EMBEDDED) was released; within the turn, by whoever has it. NULL where there is no turn. */
    void (*release_guest)(struct engine_client *client);
    /* The data is loaded (NULL) or cannot be: what the engine's host is told. NULL for an engine without a store. */
    void (*loaded)(void *ctx, const struct oxq_error *err);
    /* SHUTDOWN NOSAVE came while a script runs that may never end: end the process. NULL: wait for the script. */
    void (*abandon)(void *ctx);
    void *ctx;
};

/* Errors: IO (the system's limits). */
OXQ_MUST_USE oxq_err server_new(const struct server_opts *opts, struct server **out, struct oxq_error *err);
/*
 * Listens where the config says; connections wait until server_run. folder_socket: a unix socket beside those, for whoever may open
 * the data folder that it lies in, without a password; or NULL. Errors: ADDRESS_IN_USE, NOT_FOUND, PERMISSION, TLS, CONFIG
 * (nothing to listen on), IO; the text names the address or the file.
 */
OXQ_MUST_USE oxq_err server_listen(struct server *s, const char *folder_socket, struct oxq_error *err);
/* Closes everything. The engine must still be there. NULL is fine. */
void server_free(struct server *s);

/* What engine_new wants. Valid as long as the server. */
struct engine_host *server_host(struct server *s);
/* Calls fn in the loop whenever fd (borrowed) can be read; SERVER_WATCHES_MAX of them, before server_run. */
#define SERVER_WATCHES_MAX 3
void server_watch(struct server *s, int fd, void (*fn)(void *ctx), void *ctx);
/* Serves until server_stop or SHUTDOWN, then sends what was released, closes all connections and returns. The engine is borrowed. */
void server_run(struct server *s, struct engine *engine);
/* Makes server_run return after this turn. From inside its loop only. */
void server_stop(struct server *s);

/* ---- guests: whoever has opts.turn between the server's turns, and executes something ---- */

/* False: it has not begun, or is stopping. */
bool server_is_open_to_visits(const struct server *s);
void server_begin_visit(struct server *s);
/* True: the loop has something to do before it would wake by itself, and was not told so by another guest: wake it. */
OXQ_MUST_USE bool server_end_visit(struct server *s);

/* For a process that ends without returning from server_run: takes unix sockets off the disk and accepts nobody more. */
void server_abandon(struct server *s);

/* In a child of fork: closes the sockets and touches nothing else. */
void server_forget(struct server *s);

/* The TCP port that it listens on (that of TLS when there is only TLS), also when the config asked for 0; 0: none. */
int server_port(const struct server *s);
/* Sets the process's log as the config says. */
void server_set_log(const struct config *config);

#endif
