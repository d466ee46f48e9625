/* SPDX-License-Identifier: MIT */
/*
 * Where a server is, as one text:
 *
 *   redis://[[user]:password@]host[:port][/db]              one server; rediss:// with TLS
 *   unix:path, unix://[[user]:password@]/path, or /path     one server, by its unix socket
 *   redis+sentinel://[login@]host[:port],.../master[/db]    the master that these Sentinels name; rediss+sentinel://
 *   redis+cluster://[login@]host[:port],...                 a cluster, by some of its nodes; rediss+cluster://
 *   file:folder                                             no server: see embed/
 *
 * and behind a ? any of: db=<number>, name=<connection's name>; for TLS ca=<file>, cert=<file>, key=<file>, insecure=yes; for
 * Sentinels sentinel_user=, sentinel_password=. %XX stands for a byte. Ports are 6379, of Sentinels 26379, as everywhere.
 */
#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define CLIENT_PORT_DEFAULT 6379
#define CLIENT_SENTINEL_PORT_DEFAULT 26379
#define CLIENT_URL_BYTES_MAX 2048
#define CLIENT_URL_HOSTS_MAX 16

enum client_url_kind { CLIENT_URL_SERVER, CLIENT_URL_SENTINEL, CLIENT_URL_CLUSTER, CLIENT_URL_FILE };

struct client_url_host {
    const char *host; /* without [ ] */
    int port;
};

/* All texts point into `text`: it is not copied. */
struct client_url {
    enum client_url_kind kind;
    bool is_tls;
    struct client_url_host hosts[CLIENT_URL_HOSTS_MAX]; /* of a server one, or none when unix_path is given */
    size_t hosts_count;
    const char *unix_path; /* or NULL */
    const char *folder;    /* of FILE */
    const char *master;    /* of SENTINEL: its name for the master */
    const char *user;      /* these and the following: NULL: none given */
    const char *password;
    const char *name;
    const char *ca, *cert, *key;
    const char *sentinel_user, *sentinel_password;
    bool is_insecure; /* any certificate will do */
    int db;
    char text[CLIENT_URL_BYTES_MAX]; /* where the parts are, decoded */
};

/* Errors: ARGUMENT; the text says what is wrong and what is known instead, without repeating a password. */
OXQ_MUST_USE oxq_err client_url_parse(const char *url, struct client_url *out, struct oxq_error *err);
/* Decodes %XX in place. False: a % that is none, or a zero byte. */
OXQ_MUST_USE bool client_url_decode(char *text);

#endif
