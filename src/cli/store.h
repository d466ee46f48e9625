/* SPDX-License-Identifier: MIT */
/*
 * What the commands for jobs have in common: the store that they work on, and how they print. One of them reads
 *
 *     OWNED(cli_store_deinit) struct cli_store s = {0};
 *     int code = cli_take_store(&argc, argv, &s, NULL, 0);
 *     if (code) return code;
 *     if (s.is_help) return cli_print_help(help_text);
 *     if (argc != 1) return cli_refuse("pause takes the name of a queue: oxq pause QUEUE");
 *     code = cli_open_queue(&s, argv[0]);
 *     if (code) return code;
 *     struct oxq_error err;
 *     return cli_result(oxq_queue_pause(s.queue, &err), &err);
 *
 * What they print goes to standard output: tables (table.h) for people, with --json one JSON object a line; everything that went wrong to
 * standard error.
 */
#ifndef CLI_STORE_H
#define CLI_STORE_H

#include "cli/cli.h"

#include <oxq/oxq.h>

/* The flags, NULL where not given, and what was opened by them. */
struct cli_store {
    const char *url, *port, *prefix, *password, *timeout, *tls_ca, *tls_cert, *tls_key;
    bool is_json;           /* --json */
    bool is_help;           /* --help */
    bool makes_store;       /* set it before cli_open: a folder may be made where nothing is yet (add, work) */
    oxq *store;             /* owned */
    const char *opened_url; /* the URL that it was opened with: of a flag, the environment or by default */
    oxq_queue *queue;       /* owned; NULL without cli_open_queue */
    /* Private to store.c. */
    _Atomic bool is_open;
    char warning[256];
    char url_of_port[CLI_URL_OF_PORT_MAX];
};

/* These flags, as help prints them. */
extern const char cli_store_flags[];

/*
 * Takes them out of argv (what is left moves up, *argc shrinks), with flags of the command's own beside them (own may be NULL). Returns
 * CLI_OK, or the exit code after a line on standard error.
 */
OXQ_MUST_USE int cli_take_store(int *argc, char **argv, struct cli_store *out, const struct cli_flag *own,
                                size_t own_count);
/*
 * Opens the store: that of --url or --port, or of OXQ_URL, or ./oxq-data where there is such a folder, or the server on 127.0.0.1:7700. Asks it
 * whether it is there. Returns likewise.
 */
OXQ_MUST_USE int cli_open(struct cli_store *s);
/* And a queue of it, which need not have jobs. Returns likewise. */
OXQ_MUST_USE int cli_open_queue(struct cli_store *s, const char *name);
/* Closes both. All zero is fine. */
void cli_store_deinit(struct cli_store *s);

/* Prints the text and cli_store_flags below it. Returns CLI_OK. */
int cli_print_help(const char *text);
/* CLI_OK, or err's text on standard error: CLI_REFUSED for what the caller wrote wrongly, else CLI_FAILED. */
int cli_result(oxq_err e, const struct oxq_error *err);
/* The same of a call that reads: what makes no sense is in the store then, and was not asked for. */
int cli_found(oxq_err e, const struct oxq_error *err);

/* ---- values of flags; NULL leaves *out as it is. Return CLI_OK, or CLI_REFUSED after a line that names the flag ---- */

/* min .. max, in decimal. */
OXQ_MUST_USE int cli_read_number(const char *flag, const char *text, int64_t min, int64_t max, int64_t *out);
/* "250" or "250ms", "5s", "10m", "2h", "7d": milliseconds, not negative. */
OXQ_MUST_USE int cli_read_duration(const char *flag, const char *text, int64_t *out_ms);
/* The same, from min_ms to a year. */
OXQ_MUST_USE int cli_read_span(const char *flag, const char *text, int64_t min_ms, int64_t *out_ms);
/* "100/1m": so many in so many ms. */
OXQ_MUST_USE int cli_read_rate(const char *flag, const char *text, int64_t *out_max, int64_t *out_ms);
/* The name of a state. */
OXQ_MUST_USE int cli_read_state(const char *flag, const char *text, oxq_state *out);

#endif
