/* SPDX-License-Identifier: MIT */
/*
 * Parameters: one row each, with Redis's name where Redis has it. The same rows serve CONFIG GET and SET, the command line
 * (--maxmemory), the environment (OXQ_MAXMEMORY), oxq.yaml and --print-config, and remember where a value came from.
 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "base/err.h"
#include "base/slice.h"

/* A value as text, with its NUL. */
#define CONFIG_TEXT_MAX 1024

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_FLAG, CONFIG_RUNTIME };

/* A limit class of client-output-buffer-limit. */
struct config_output_limit {
    int64_t hard_bytes; /* 0: none */
    int64_t soft_bytes; /* 0: none */
    int64_t soft_s;
};

/* All values. Texts are owned by the config and never NULL (empty: not set). */
struct config {
    int64_t port;                             /* 7700; 0: no TCP */
    int64_t http_port;                        /* 7780; 0: off */
    char *bind;                               /* "127.0.0.1": addresses separated by spaces */
    char *unix_path;                          /* unixsocket; empty: none */
    int64_t unix_perm;                        /* unixsocketperm, an octal mode as a number, 0700 */
    char *dir;                                /* "./oxq-data" */
    char *durability;                         /* "always" | "interval:<ms>" | "off" | "none" */
    int64_t journal_segment_bytes;            /* journal-segment-size, 16 MiB */
    int64_t checkpoint_journal_bytes;         /* checkpoint-journal-size, 256 MiB: the journal since the last one */
    int64_t checkpoint_interval_s;            /* 300; 0: none by time */
    int64_t memory_target_bytes;              /* memory-target; 0: everything stays in memory */
    char *password;                           /* requirepass */
    int64_t max_memory_bytes;                 /* maxmemory; 0: no limit */
    int64_t max_clients;                      /* maxclients, 10000 */
    int64_t timeout_s;                        /* timeout: idle clients, 0: never */
    int64_t tcp_keepalive_s;                  /* 300 */
    int64_t tcp_backlog;                      /* 511 */
    int64_t busy_reply_ms;                    /* busy-reply-threshold, lua-time-limit: 5000 */
    int64_t script_memory_bytes;              /* script-memory-limit: what Lua may hold, 256 MiB */
    char *native_scripts;                     /* "yes" | "no" */
    int64_t slowlog_us;                       /* slowlog-log-slower-than, 10000; -1: nothing is logged */
    int64_t slowlog_max_len;                  /* 128 */
    int64_t max_bulk_bytes;                   /* proto-max-bulk-len, 512 MiB */
    int64_t query_buffer_bytes;               /* client-query-buffer-limit, 1 GiB */
    int64_t stream_node_max_entries;          /* 100 */
    int64_t stream_node_max_bytes;            /* 4096 */
    int64_t hz;                               /* 10 */
    struct config_output_limit output_normal; /* 0 0 0 as Redis */
    struct config_output_limit output_pubsub; /* 32mb 8mb 60 */
    char *tls_cert, *tls_key, *tls_ca;        /* paths, empty: none */
    char *tls_auth_clients;                   /* "yes" | "no" | "optional", when there is a tls_ca */
    int64_t tls_port;                         /* 0: TLS on `port` when a certificate is given */
    char *log_level;                          /* loglevel: "debug" | "info" | "warning" | "error" */
    char *log_format;                         /* "text" | "json" */
    enum config_source *sources;              /* owned: one per row */
};

void config_init(struct config *c);
void config_deinit(struct config *c);

/* ---- the rows, for those who list them ---- */

enum config_row_class {
    CONFIG_ROW_OWN,   /* a parameter */
    CONFIG_ROW_ALIAS, /* a second name that CONFIG GET shows as well */
    CONFIG_ROW_FIXED  /* a parameter of Redis that clients ask for and that is always the same here */
};

size_t config_rows_count(void);
const char *config_row_name(size_t row);
enum config_row_class config_row_classify(size_t row);
/* The name that a person types (--tls-cert), where it is shorter than Redis's (tls-cert-file); else the name. */
const char *config_row_flag(size_t row);
/* One line of help, and what a value looks like ("<size>"). Static storage. */
const char *config_row_help(size_t row);
const char *config_row_shape(size_t row);
/* Must its value stay out of logs and listings? */
bool config_row_is_secret(size_t row);
/* May CONFIG SET name it while running? */
bool config_row_is_mutable(size_t row);
enum config_source config_row_source(const struct config *c, size_t row);
/* Text form of a row's value into out (NUL-terminated, cut at cap; CONFIG_TEXT_MAX always suffices). */
void config_row_text(const struct config *c, size_t row, char *out, size_t cap);
/* -1 when unknown. Any case; an alias or a flag's name finds the row of the parameter itself. */
int config_row_find(struct slice name);
/* The name nearest to a mistyped one as a person types it, or NULL when none is near. */
const char *config_nearest(struct slice name);

/*
 * Sets one value from text ("64mb" for bytes). Errors: NOT_FOUND, ARGUMENT; the text says what is accepted, in Redis's words
 * where it has them. Nothing is changed then.
 */
OXQ_MUST_USE oxq_err config_set(struct config *c, struct slice name, struct slice value, enum config_source source,
                                struct oxq_error *err);

/* durability none: nothing is kept on disk. */
bool config_is_in_memory(const struct config *c);
/* Can others than this machine connect: is there a port, on an address that is not its own (127.0.0.0/8, ::1, localhost)? */
bool config_is_open(const struct config *c);
/* Walks the addresses of bind: *at starts as c->bind; false at the end. */
bool config_next_address(const char **at, char *out, size_t cap);

#endif
