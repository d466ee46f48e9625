/* SPDX-License-Identifier: MIT */
/* The addresses of a host, asked for no longer than one has time. */
#ifndef NET_LOOKUP_H
#define NET_LOOKUP_H

#include "base/err.h"

#include <netdb.h>

/* As getaddrinfo, which it is but in tests. */
typedef int net_lookup_fn(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out);

struct net_lookup_opts {
    const char *host; /* a name or an address */
    int port;
    int64_t until_us;  /* CLOCK_MONOTONIC */
    int cancel_fd;     /* gives up when this can be read; 0: none */
    net_lookup_fn *fn; /* NULL: getaddrinfo */
};

/* Stream addresses, for freeaddrinfo. Blocks: up to until_us. Errors: NOT_FOUND (no such host, or nobody knows just now), TIMEOUT, CANCELLED. */
OXQ_MUST_USE oxq_err net_lookup(const struct net_lookup_opts *opts, struct addrinfo **out, struct oxq_error *err);

#endif
