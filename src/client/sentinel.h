/* SPDX-License-Identifier: MIT */
/* Asks Sentinels which server is the master now. */
#ifndef CLIENT_SENTINEL_H
#define CLIENT_SENTINEL_H

#include "client/link.h"
#include "client/url.h"

struct client_sentinel;

/* What is given is borrowed as long as it lives. tls: NULL for plain connections to the Sentinels. */
struct client_sentinel *client_sentinel_new(const struct client_url *url, struct net_tls *tls);
/* NULL is fine. */
void client_sentinel_free(struct client_sentinel *s);
/*
 * Asks them in turn, first the one that knew last time. How to give up is taken from `how`: until_us, cancel_fd, is_cancelled.
 * Errors: UNREACHABLE (none of them answers or knows the master; the text is of the last one), CANCELLED, TLS, PERMISSION, FORMAT. Threads: any.
 */
OXQ_MUST_USE oxq_err client_sentinel_locate(struct client_sentinel *s, const struct client_link_opts *how,
                                            struct client_address *out, struct oxq_error *err);

#endif
