/* SPDX-License-Identifier: MIT */
/* What the TLS connections of one side share: certificate, key, whom to trust. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"

#include <stdbool.h>

struct net_tls;

/* Does a server want certificates of its clients? */
enum net_tls_peers { NET_TLS_PEERS_MUST, NET_TLS_PEERS_MAY, NET_TLS_PEERS_UNASKED };

/* Paths of PEM files; NULL or empty: not given. */
struct net_tls_opts {
    const char *cert; /* chain, our own certificate first */
    const char *key;
    const char *ca;           /* server: of clients' certificates; client: instead of the system's */
    enum net_tls_peers peers; /* server, with a ca */
    bool is_unverified;       /* client: any certificate will do, of anybody */
};

/* A server's: cert and key are needed. Errors: TLS, with a text that names the file. Owns: caller, net_tls_free. */
OXQ_MUST_USE oxq_err net_tls_new_server(const struct net_tls_opts *opts, struct net_tls **out, struct oxq_error *err);
/* A client's: the server's certificate and name are checked, unless is_unverified. */
OXQ_MUST_USE oxq_err net_tls_new_client(const struct net_tls_opts *opts, struct net_tls **out, struct oxq_error *err);
/* NULL is fine. All streams that use it must be freed. */
void net_tls_free(struct net_tls *t);

#endif
