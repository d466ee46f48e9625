/* SPDX-License-Identifier: MIT */
/* One connection to a server, used by one caller at a time that waits for each reply. */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "client/url.h"
#include "resp/reply_parser.h"

/* The longest reply that is taken. */
#define CLIENT_REPLY_BYTES_MAX ((size_t)512 * 1024 * 1024)

struct client_link;

struct client_link_opts {
    const struct client_url *url;   /* borrowed for the call */
    const char *password;           /* when the URL has none; NULL or empty: none */
    const char *tls_ca;             /* of rediss://; NULL or empty: the system's authorities */
    const char *tls_cert, *tls_key; /* our own, where the server wants one */
    int64_t timeout_ms;             /* for connecting and for each reply */
};

/*
 * Connects, gives the password and selects the database. Errors: CLOSED, TIMEOUT, NOT_FOUND, TLS, SERVER (it refused; the text
 * has its words), FORMAT (it speaks something else). Blocks: as timeout_ms says. Owns: caller, client_link_close.
 */
OXQ_MUST_USE oxq_err client_link_open(const struct client_link_opts *opts, struct client_link **out,
                                      struct oxq_error *err);
/* NULL is fine. */
void client_link_close(struct client_link *l);

/*
 * Sends a command and waits for its reply, which is borrowed until the next call. An error that the server replies is
 * a value like others. After an error returned here the link is of no use any more. Errors: CLOSED, TIMEOUT, TLS, FORMAT,
 * LIMIT, MEMORY.
 */
OXQ_MUST_USE oxq_err client_link_call(struct client_link *l, const struct slice *argv, size_t argc,
                                      struct resp_value *out, struct oxq_error *err);

/*
 * The same in two steps, for many commands at once: queue them, then take as many replies, in order. What is queued leaves
 * with the first client_link_next or client_link_call. The server answers into its own memory until we read: a batch is
 * bounded by the caller. Errors of queue: MEMORY; of next: those of call.
 */
OXQ_MUST_USE oxq_err client_link_queue(struct client_link *l, const struct slice *argv, size_t argc);
/* Bytes that are queued and not sent. */
size_t client_link_queued_bytes(const struct client_link *l);
OXQ_MUST_USE oxq_err client_link_next(struct client_link *l, struct resp_value *out, struct oxq_error *err);

#endif
