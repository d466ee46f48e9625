/* SPDX-License-Identifier: MIT */
/* Connecting to a server. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/lookup.h"
#include "net/stream.h"

struct net_dial_opts {
    const char *host; /* a name or an address */
    int port;
    const char *unix_path; /* instead of host and port */
    struct net_tls *tls;   /* borrowed by the stream, NULL: plain */
    int64_t timeout_ms;    /* for finding the host and connecting, without a TLS handshake */
    bool is_shared;        /* see struct net_stream_opts */
    int cancel_fd;         /* gives up when this can be read; 0: none */
    net_lookup_fn *lookup; /* see net_lookup; NULL: getaddrinfo */
};

/*
 * Connects; the stream has no loop. A host's addresses are tried in the system's order. Blocks: up to timeout_ms.
 * Errors: NOT_FOUND (no such host), CLOSED (refused, unreachable), TIMEOUT, CANCELLED, TLS, LIMIT; the text
 * names the address.
 */
OXQ_MUST_USE oxq_err net_dial(const struct net_dial_opts *opts, struct net_stream **out, struct oxq_error *err);

#endif
