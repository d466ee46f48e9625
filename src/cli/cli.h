/* SPDX-License-Identifier: MIT */
/* The command line: one table of commands, one file for each. Private to cli/. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "client/client.h"

/* Done; it went wrong (the server cannot be reached, it said no); the command line makes no sense. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_REFUSED = 2 };

/* How long a store or a server is waited for, without --timeout. */
#define CLI_TIMEOUT_MS_DEFAULT 5000
#define CLI_SERVER_DEFAULT "redis://127.0.0.1:7700"

struct cli_command {
    const char *name;
    /* argv[0 .. argc) follow the name. Returns the exit code. */
    int (*run)(int argc, char **argv);
    const char *args;    /* "[flags]" */
    const char *summary; /* one line */
    const char *heading; /* of those from here on, in `oxq help`; NULL: as before */
};

/* Ended by a row without a name. */
extern const struct cli_command cli_commands[];

/* The whole program: argv as main has it. Returns the exit code. */
int cli_run(int argc, char **argv);

int cli_serve(int argc, char **argv);         /* serve.c */
int cli_queues(int argc, char **argv);        /* queues.c */
int cli_jobs(int argc, char **argv);          /* jobs.c */
int cli_job(int argc, char **argv);           /* job.c */
int cli_schedulers(int argc, char **argv);    /* schedulers.c */
int cli_workers(int argc, char **argv);       /* workers.c */
int cli_events(int argc, char **argv);        /* events.c */
int cli_top(int argc, char **argv);           /* top.c */
int cli_stats(int argc, char **argv);         /* stats.c */
int cli_completions(int argc, char **argv);   /* completions.c */
int cli_complete(int argc, char **argv);      /* completions.c; no row: what its scripts call */
int cli_add(int argc, char **argv);           /* add.c */
int cli_retry(int argc, char **argv);         /* retry.c */
int cli_promote(int argc, char **argv);       /* promote.c */
int cli_change(int argc, char **argv);        /* change.c */
int cli_limit(int argc, char **argv);         /* limit.c */
int cli_remove(int argc, char **argv);        /* remove.c */
int cli_drain(int argc, char **argv);         /* drain.c */
int cli_clean(int argc, char **argv);         /* clean.c */
int cli_obliterate(int argc, char **argv);    /* obliterate.c */
int cli_dlq(int argc, char **argv);           /* dlq.c */
int cli_schedule(int argc, char **argv);      /* schedule.c */
int cli_unschedule(int argc, char **argv);    /* schedule.c */
int cli_pause(int argc, char **argv);         /* pause.c */
int cli_resume(int argc, char **argv);        /* pause.c */
int cli_work(int argc, char **argv);          /* work.c */
int cli_bench(int argc, char **argv);         /* bench.c */
int cli_ping(int argc, char **argv);          /* ping.c */
int cli_config(int argc, char **argv);        /* config.c */
int cli_dump(int argc, char **argv);          /* dump.c */
int cli_load(int argc, char **argv);          /* load.c */
int cli_backup(int argc, char **argv);        /* backup.c */
int cli_restore(int argc, char **argv);       /* restore.c */
int cli_check(int argc, char **argv);         /* check.c */
int cli_commands_list(int argc, char **argv); /* commands.c */
int cli_version(int argc, char **argv);       /* version.c */
int cli_help(int argc, char **argv);          /* help.c */

/* One line on standard error that steers no terminal, whatever is in it; and CLI_REFUSED or CLI_FAILED. */
void cli_tell(const char *format, ...) OXQ_PRINTF(1, 2);
int cli_refuse(const char *format, ...) OXQ_PRINTF(1, 2);
/* Of a command that there is not; a similar one is offered as it is typed: `before` ("oxq ") and its name. */
int cli_refuse_command(const char *name, const char *before);
int cli_fail(const char *format, ...) OXQ_PRINTF(1, 2);

/* ---- flags.c ---- */

#define CLI_FLAGS_MAX 48

/* One of both: where the value goes, or what becomes true. */
struct cli_flag {
    const char *name; /* "--port" */
    const char **value;
    bool *is_on;
};

/*
 * Takes flags out of argv: what is left moves up, *argc shrinks; -h is --help. Values are borrowed from argv. Returns CLI_OK, or
 * CLI_REFUSED after a line on standard error.
 */
OXQ_MUST_USE int cli_take_flags(int *argc, char **argv, const struct cli_flag *known, size_t known_count);

/* ---- server.c: the running server that a command talks to ---- */

/* --url, --port, --password, --timeout and --tls-*; NULL: not given. */
struct cli_server {
    const char *url, *port, *password, *timeout, *tls_ca, *tls_cert, *tls_key;
    bool is_help; /* --help was among them */
};

/* These flags, as help prints them. */
extern const char cli_server_flags[];

/*
 * Takes them, and the command's own beside them, out of argv (what is left moves up, *argc shrinks). Returns CLI_OK, or the exit code after a
 * line on standard error.
 */
OXQ_MUST_USE int cli_take_server(int *argc, char **argv, struct cli_server *out, const struct cli_flag *own,
                                 size_t own_count);
/* Connects. Returns likewise. Owns: caller, cli_disconnect. */
OXQ_MUST_USE int cli_connect(const struct cli_server *s, struct client_line **out);
/*
 * The URL that --url, --port (of this machine; CLI_URL_OF_PORT_MAX bytes of room for it) or OXQ_URL say, each NULL where it is not given;
 * *out is NULL where none is. Returns likewise.
 */
#define CLI_URL_OF_PORT_MAX 32
OXQ_MUST_USE int cli_find_url(const char *url, const char *port, char *room, const char **out);
/* NULL is fine. */
void cli_disconnect(struct client_line *line);
/* The number of a --db flag, or -1 for NULL. Returns likewise. */
OXQ_MUST_USE int cli_read_db(const char *text, int *out);
/* SELECT db, unless it is negative. Returns likewise. */
OXQ_MUST_USE int cli_select_db(struct client_line *line, int db);

#endif
