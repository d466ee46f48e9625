/* SPDX-License-Identifier: MIT */
/* The daemon: everything put together. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

/* Ended as it was asked to; it could not start, or was told nonsense. */
enum { DAEMON_OK = 0, DAEMON_FAILED = 1, DAEMON_REFUSED = 2 };

/* `oxq serve`: argv are its flags. Returns the exit code. Blocks: until SIGTERM, SIGINT or SHUTDOWN. */
int daemon_serve(int argc, char **argv);
/* The configuration that `oxq serve` with the same flags would have, on standard output. */
int daemon_print_config(int argc, char **argv);

#endif
