/* SPDX-License-Identifier: MIT */
/* What the parts of a client share. Internal to client. */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include "client/client.h"
#include "client/link.h"
#include "client/pipeline.h"
#include "client/url.h"

#include <stdatomic.h>

#define CLIENT_NAME_CHARS_MAX 400
/* Of one argument. A server that takes more may not be able to give it back. */
#define CLIENT_ARGUMENT_BYTES_MAX ((size_t)RESP_REPLY_BULK_BYTES_MAX)

/* One server: the only one, the present master, or a node of a cluster. It lives as long as the client. */
struct client_node {
    struct client_node *next;      /* owned, of the client's list */
    struct client *client;         /* link */
    struct client_address address; /* of a node of a cluster; else it is found anew for each connection */
    struct pipeline *pipeline;     /* owned */
    atomic_bool is_missing;        /* and the operator was told */
};

struct client {
    struct client_url url;
    struct client_opts opts; /* texts are borrowed from `texts`; defaults are filled in */
    struct client_login login;
    struct arena texts;
    struct client_backoff backoff;
    struct net_tls *tls; /* owned, or NULL */
    char name[CLIENT_NAME_CHARS_MAX];

    atomic_bool is_cancelled;
    int cancel_fd;                    /* owned: readable when cancelled */
    atomic_bool is_surveyed;          /* INFO was looked at */
    struct client_sentinel *sentinel; /* owned, or NULL */
    struct client_cluster *cluster;   /* owned, or NULL */

    struct lock lock; /* of what follows; its condition tells of cancelling */
    struct rng rng;
    struct client_node *nodes; /* owned */
    struct link lines;         /* of client_line */
};

/* What can be cancelled while it connects or pauses: the client, or one of its lines. */
struct client_cancel {
    const atomic_bool *is_cancelled;
    int fd;
};

/* ---------------------------------------------------------------- client.c */

/* Connects to a node. Errors: those of client_link_open. */
OXQ_MUST_USE oxq_err client_node_open(struct client_node *n, int64_t until_us, const struct client_cancel *cancel,
                                      struct client_link **out, struct oxq_error *err);
/* The node of an address, made when it is new. Inside the client's lock. */
struct client_node *client_node_at(struct client *c, const struct client_address *address);
/* The node for a slot; for CLIENT_SLOT_NONE any. Errors: of asking a cluster for its nodes. */
OXQ_MUST_USE oxq_err client_route(struct client *c, int slot, int64_t until_us, struct client_node **out,
                                  struct oxq_error *err);
/* When a call of timeout_ms (0: the default) that begins now is over. */
int64_t client_until(const struct client *c, int64_t timeout_ms);
/* A node does not answer. */
void client_note_missing(struct client *c);
/* Waits until then. False: cancelled. */
bool client_pause(struct client *c, int64_t until_us, const struct client_cancel *cancel);
/* When to try again after the n-th failure in a row. */
int64_t client_retry_at(struct client *c, int failures);
/* May an error of connecting go away by itself? */
bool client_is_passing(oxq_err e);
/* What client_command_encode's error means. */
oxq_err client_encode_error(oxq_err e, struct oxq_error *err);
/* The command as bytes; with_text: a script by its text instead of its sha. Errors: MEMORY, LIMIT (an argument that no server takes). */
OXQ_MUST_USE oxq_err client_command_encode(const struct client_command *command, bool with_text, struct buf *out);

/* ---------------------------------------------------------------- line.c */

/* Of those that are in c->lines; inside the client's lock. */
void client_lines_cancel(struct client *c);

#endif
