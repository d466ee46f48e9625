/* SPDX-License-Identifier: MIT */
/* Where a server is: redis:// and rediss:// URLs, and paths of unix sockets. */
#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include "base/err.h"

#include <stdbool.h>

#define CLIENT_PORT_DEFAULT 7700
#define CLIENT_URL_BYTES_MAX 2048

/* All fields point into `text`. */
struct client_url {
    const char *host; /* without [ ]; NULL when unix_path is given */
    int port;
    const char *unix_path; /* or NULL */
    const char *user;      /* NULL: none given */
    const char *password;  /* NULL: none given */
    int db;
    bool is_tls;
    char text[CLIENT_URL_BYTES_MAX]; /* where the parts are, decoded */
};

/*
 * redis[s]://[[user]:password@]host[:port][/db], unix://[:password@]/path, or a plain /path. %XX is decoded.
 * Errors: ARGUMENT; the text says what is wrong without repeating a password.
 */
OXQ_MUST_USE oxq_err client_url_parse(const char *url, struct client_url *out, struct oxq_error *err);

#endif
