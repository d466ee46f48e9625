/* SPDX-License-Identifier: MIT */
/* What net/stream.c needs of net/tls.c. Internal to net. */
#ifndef NET_TLS_SSL_H
#define NET_TLS_SSL_H

#include "net/tls.h"

#include <openssl/ssl.h>

/* A session on fd; host: the name that the server must have, NULL on the server's side. NULL when there is no memory. */
SSL *net_tls_session(struct net_tls *t, int fd, const char *host);
/* The newest error that OpenSSL noted, as text; clears them all. Static storage or until the next call in this thread. */
const char *net_tls_reason(void);

#endif
