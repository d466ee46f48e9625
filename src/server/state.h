/* SPDX-License-Identifier: MIT */
/* The server's state: private to server/. */
#ifndef SERVER_STATE_H
#define SERVER_STATE_H

#include "net/listener.h"
#include "net/stream.h"
#include "resp/parser.h"
#include "server/sender.h"
#include "server/server.h"

/* Where requests are read and parsed; all connections share it, so an idle one holds no input buffer. */
#define SERVER_SCRATCH_BYTES ((size_t)64 * 1024)
/* Half a request that is shorter goes on in the scratch, a longer one in the connection's own buffer. */
#define SERVER_SCRATCH_HALF_MAX ((size_t)16 * 1024)
/* Room that a busy connection keeps for input and for output; more is given back at once, this much after a while. */
#define SERVER_BUFFER_KEPT_BYTES ((size_t)16 * 1024)

struct server_conn {
    struct engine_client client; /* first: the engine's pointer to it is ours */
    struct server *server;       /* borrowed */
    struct net_stream *stream;   /* owned */
    struct link link;            /* in server->conns */
    struct link ready_link, flush_link, closing_link;
    uint64_t turn; /* it was found ready for */

    struct buf input; /* bytes that came and were not executed */
    size_t input_at;  /* where in `input` they start */
    struct resp_parser parser;
    size_t sent_bytes;    /* of client.out, from its start, that left already */
    struct buf departing; /* in the sender's batch; what client.out has comes after it */

    int64_t last_io_us;
    int64_t soft_since_us; /* over its soft output limit since then; 0: it is not */
    int64_t close_by_us;   /* when closing */
    bool is_readable;      /* the loop said so since the last read */
    bool is_hungry;        /* the parser cannot go on without more bytes */
    bool is_closing;
    bool is_dropped; /* closing without waiting for replies to leave */
};

/* A descriptor of somebody else's that the loop looks at. */
struct server_watch {
    struct net_watch *watch; /* owned */
    void (*fn)(void *ctx);
    void *ctx;
};

/* The socket in the data folder is for whoever may open the folder: they need no password. */
enum listener_kind { LISTENER_PLAIN, LISTENER_TLS, LISTENER_FOLDER, LISTENER_KINDS_COUNT };

struct server {
    struct engine_host host;                                /* first: the engine's pointer to it is ours */
    struct config *config;                                  /* borrowed */
    struct clock *clock;                                    /* borrowed */
    struct engine *engine;                                  /* borrowed, NULL until server_run */
    struct turn *shared;                                    /* borrowed, or NULL */
    void (*release_guest)(struct engine_client *client);    /* or NULL */
    bool is_waiting;                                        /* outside of its turn */
    bool is_visited;                                        /* a guest is in */
    bool is_awaited;                                        /* a guest has woken the loop, which has not come yet */
    int64_t wakes_at_us;                                    /* by itself, while it waits */
    struct net_loop *loop;                                  /* owned */
    struct net_tls *tls;                                    /* owned, or NULL */
    struct net_listener *listeners[LISTENER_KINDS_COUNT];   /* owned */
    void (*abandon)(void *ctx);                             /* or NULL */
    void *ctx;                                              /* of loaded and abandon */
    void (*loaded)(void *ctx, const struct oxq_error *err); /* or NULL */
    struct server_watch watches[SERVER_WATCHES_MAX];
    size_t watches_count;

    struct link conns; /* the cron visits the first and moves it to the end */
    size_t conns_count;
    struct link ready; /* something to read, to execute or room to write; in order of readiness */
    struct link flush; /* replies were released */
    struct link closing;
    uint64_t turn;
    int poll_depth; /* > 0: inside the engine's poll, that is inside a request of somebody */
    bool is_stopping;
    bool is_reap_due; /* something in `closing` may be ready to go */

    struct sender *sender; /* owned; NULL: all is sent here */
    char *scratch;         /* owned, SERVER_SCRATCH_BYTES */
    bool is_scratch_taken;

    int64_t now_us;       /* CLOCK_MONOTONIC at the last look */
    int64_t timers_at_us; /* the engine's, as known when the turn began */
    int64_t cron_at_us;
    int64_t accept_again_at_us; /* accepting is paused until then; 0: it is not */
    int64_t mend_at_us;         /* not before: a look at unix sockets */
    int64_t quiet_until_us;     /* no line about refused connections before that */
};

/* ---- server.c ---- */

/* One turn of the loop. */
void server_turn(struct server *s);
/* The sender's batch is finished, and there is no sender from now on. */
void server_end_sending(struct server *s);

/* ---- conn.c: one connection ---- */

/* Takes a connected socket over. is_trusted: it needs no password. */
void conn_open(struct server *s, const struct net_peer *peer, enum engine_client_kind kind, bool is_trusted);
/* Frees it: not while it runs a request. */
void conn_free(struct server_conn *c);
void conn_mark_ready(struct server_conn *c);
/* Reads and executes what a connection in `ready` has, within its share of a turn. */
void conn_run(struct server_conn *c);
/* Sends what was released, as far as the socket takes it. Not while something is departing: then it comes again after that. */
void conn_flush(struct server_conn *c);
/* Gives what was released to the sender's batch. False: it must be flushed. */
bool conn_depart(struct server_conn *c);
/* The batch is done, and so many bytes of what departed went. */
void conn_departed(struct server_conn *c, size_t sent_bytes);
/* Nothing more is read; it is freed once its replies have left (is_dropped: as soon as possible). */
void conn_close(struct server_conn *c, bool is_dropped);
/* The same at once, with a line in the log. */
void conn_drop(struct server_conn *c, const char *reason);
/* The engine wants it closed at once. */
void conn_end(struct server_conn *c);
/* Closes it when it leaves too much unread. */
void conn_check_output(struct server_conn *c);
/* Gives back buffers that a while without work left empty. */
void conn_trim(struct server_conn *c);

static inline struct server_conn *conn_of(struct engine_client *client)
{
    return (struct server_conn *)client;
}

static inline bool conn_is_departing(const struct server_conn *c)
{
    return c->departing.len > 0;
}

static inline bool conn_is_running(const struct server_conn *c)
{
    return c->client.flags & ENGINE_CLIENT_RUNNING;
}

/* ---- accept.c: listeners ---- */

/* Takes the connections that wait. */
void accept_ready(struct server *s);
void accept_stop(struct server *s);
/* Goes on accepting after a pause that is over. */
void accept_cron(struct server *s);

/* ---- cron.c ---- */

void cron_run(struct server *s);

#endif
