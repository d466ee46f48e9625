/* SPDX-License-Identifier: MIT */
/*
 * A server for unit tests that does what a real one does not do on demand. It answers what it is asked with the next step of a script,
 * on whatever connection; logins (AUTH, SELECT, CLIENT SETNAME, INFO) it answers by itself until a step wants them.
 */
#ifndef CLIENT_FAKESERVER_H
#define CLIENT_FAKESERVER_H

#include "client/client.h"

struct fakeserver_step {
    const char *want;  /* how the command begins, words separated by spaces; NULL: any; "" ends the script */
    const char *reply; /* bytes; FAKESERVER_CLOSE, FAKESERVER_SILENCE */
};

#define FAKESERVER_CLOSE "close"     /* instead of an answer, the connection ends */
#define FAKESERVER_SILENCE "silence" /* there is no answer */
#define FAKESERVER_ECHO "echo"       /* the command's last word as a bulk string; the step stays, for all that follow */

struct fakeserver;

/* Listens on a port of loopback. Steps end with a `want` of "". Beyond the script, and where a step does not fit, it says -ERR. */
struct fakeserver *fakeserver_start(const struct fakeserver_step *steps);
/* The same on a unix socket, whose path stays the caller's; it has no port and no URL here. */
struct fakeserver *fakeserver_start_at(const char *unix_path, const struct fakeserver_step *steps);
/* Another script from now on; for replies that name ports. */
void fakeserver_play(struct fakeserver *t, const struct fakeserver_step *steps);
/* Ends it; asserts nothing. */
void fakeserver_stop(struct fakeserver *t);
int fakeserver_port(const struct fakeserver *t);
/* "redis://127.0.0.1:port" with a suffix; static storage. */
const char *fakeserver_url(const struct fakeserver *t, const char *suffix);
/* All commands so far, one a line, words separated by spaces; copied into out. Threads: any. */
void fakeserver_log(struct fakeserver *t, char *out, size_t cap);
/* Connections so far. */
int fakeserver_connections(struct fakeserver *t);
/* Does not listen any more (connections end too), and listens again on the same port. */
void fakeserver_leave(struct fakeserver *t);
void fakeserver_return(struct fakeserver *t);
/* Waits until `count` commands came. */
void fakeserver_await(struct fakeserver *t, int count);

#endif
