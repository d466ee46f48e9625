/* SPDX-License-Identifier: MIT */
/* One connection to a server, logged in: what pipelines and lines stand on. */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "client/client.h"
#include "net/stream.h"

#include <stdatomic.h>

/* The longest reply that is taken: a job may have several fields of 512 MiB. */
#define CLIENT_REPLY_BYTES_MAX ((size_t)2 << 30)
/* "[host]:port" or a path, and a NUL. */
#define CLIENT_ADDRESS_CHARS_MAX 272

/* Who we are. Borrowed texts; NULL or empty: not given. */
struct client_login {
    const char *user, *password;
    int db;
    const char *name;
};

/* Gets what INFO says at login; an error refuses the server. */
typedef oxq_err client_info_fn(void *ctx, struct slice info, struct oxq_error *err);

struct client_link_opts {
    const struct client_address *address;
    const struct client_login *login;
    struct net_tls *tls;  /* borrowed as long as the link lives; NULL: plain */
    bool wants_master;    /* only a server that says so is taken */
    const char *hint;     /* what to do when nobody is there; NULL: the text says nothing of it */
    client_info_fn *info; /* NULL: INFO is not asked for */
    void *info_ctx;
    int64_t until_us;                /* CLOCK_MONOTONIC */
    int cancel_fd;                   /* readable: give up connecting; 0: none */
    const atomic_bool *is_cancelled; /* true: give up logging in; NULL: none */
};

struct client_link;

/*
 * Connects and logs in. Errors: UNREACHABLE (nobody there, no such host, too late, not a master, not ready), CANCELLED, TLS, PERMISSION,
 * ARGUMENT (the database), FORMAT (it speaks something else), and those of `info`. The text names the address. Blocks: until
 * until_us. Owns: caller, client_link_close.
 */
OXQ_MUST_USE oxq_err client_link_open(const struct client_link_opts *opts, struct client_link **out,
                                      struct oxq_error *err);
/* NULL is fine. */
void client_link_close(struct client_link *l);
/* Whoever waits on it, or comes to do so, gets CLOSED. Threads: any. */
void client_link_interrupt(struct client_link *l);
/* Borrowed, for a pipeline. */
struct net_stream *client_link_stream(struct client_link *l);
/* Where it leads: "127.0.0.1:6379". */
const char *client_link_address(const struct client_link *l);

/*
 * One caller at a time: queue commands, then take as many replies in order. What is queued leaves with the next
 * client_link_next, whose reply is borrowed until the one after. After an error but TIMEOUT the link is of no use any more. Errors of
 * queue: MEMORY; of next: CLOSED, TIMEOUT, TLS, FORMAT, LIMIT, MEMORY.
 */
OXQ_MUST_USE oxq_err client_link_queue(struct client_link *l, const struct slice *argv, size_t argc);
OXQ_MUST_USE oxq_err client_link_next(struct client_link *l, int64_t until_us, struct resp_value *out,
                                      struct oxq_error *err);
/* The bytes that are queued; commands may be appended. */
struct buf *client_link_output(struct client_link *l);

/* Writes where the address leads: "127.0.0.1:6379", "[::1]:6379" or a path. */
void client_address_format(const struct client_address *a, char out[CLIENT_ADDRESS_CHARS_MAX]);

#endif
