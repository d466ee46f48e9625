/* SPDX-License-Identifier: MIT */
/* The command line: one table of commands, one file for each. Private to cli/. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "client/link.h"

/* Done; it went wrong (the server cannot be reached, it said no); the command line makes no sense. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_REFUSED = 2 };

struct cli_command {
    const char *name;
    /* argv[0 .. argc) follow the name. Returns the exit code. */
    int (*run)(int argc, char **argv);
    const char *args;    /* "[flags]" */
    const char *summary; /* one line */
};

/* Ended by a row without a name. */
extern const struct cli_command cli_commands[];

/* The whole program: argv as main has it. Returns the exit code. */
int cli_run(int argc, char **argv);

int cli_serve(int argc, char **argv);         /* serve.c */
int cli_ping(int argc, char **argv);          /* ping.c */
int cli_config(int argc, char **argv);        /* config.c */
int cli_commands_list(int argc, char **argv); /* commands.c */
int cli_version(int argc, char **argv);       /* version.c */
int cli_help(int argc, char **argv);          /* help.c */

/* One line on standard error, and CLI_REFUSED or CLI_FAILED. */
int cli_refuse(const char *format, ...) OXQ_PRINTF(1, 2);
int cli_fail(const char *format, ...) OXQ_PRINTF(1, 2);

/* ---- server.c: the running server that a command talks to ---- */

/* --url, --port, --password, --timeout and --tls-*; NULL: not given. */
struct cli_server {
    const char *url, *port, *password, *timeout, *tls_ca, *tls_cert, *tls_key;
    bool is_help; /* --help was among them */
};

/* These flags, as help prints them. */
extern const char cli_server_flags[];

/* Takes them out of argv (what is left moves up, *argc shrinks). Returns CLI_OK, or the exit code after a line on standard error. */
OXQ_MUST_USE int cli_take_server(int *argc, char **argv, struct cli_server *out);
/* Connects. Returns likewise. */
OXQ_MUST_USE int cli_connect(const struct cli_server *s, struct client_link **out);

#endif
