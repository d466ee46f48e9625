/* SPDX-License-Identifier: MIT */
/* A store: where queues are. */
#ifndef OXQ_STORE_H
#define OXQ_STORE_H

#include <oxq/error.h>
#include <oxq/telemetry.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oxq oxq;

struct oxq_opts {
    const char *prefix;   /* of all keys; NULL: "bull". In a cluster it has a hash tag, as in "{bull}" */
    const char *password; /* when the URL has none */
    const char *name;     /* of the connections, in the server's CLIENT LIST; NULL: "oxq" */
    /* PEM files for rediss://, when the URL has none. NULL: the system's authorities; no certificate of our own. */
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t timeout_ms; /* of a call with all its attempts; 0: 10,000 */
    int attempts;       /* to connect, before a producer's call gives up; 0: 3 */
    /*
     * When a scheduler with a pattern runs next, in place of cron: the first time after after_ms, or 0 for never again. The pattern is any text then.
     * It is asked where schedulers are made and where their jobs begin, which may be elsewhere, in Node too (`repeatStrategy`): all must agree.
     * tz: or NULL. NULL: patterns are cron texts. Threads: any, also several at once.
     */
    int64_t (*on_repeat)(void *ctx, const char *pattern, const char *tz, const char *job_name, int64_t after_ms);
    /* Told of what works but should be mended, and of a server that went or came back. Threads: any, also several at once. */
    void (*on_warning)(void *ctx, const char *text);
    void *ctx;                             /* of on_repeat and on_warning */
    const struct oxq_telemetry *telemetry; /* copied; NULL: nobody is told */
    uint64_t reserved[7];
};

/*
 * Opens a store; a server is connected to when it is first needed. Any of
 *
 *     file:DIR[?durability=always|interval:<ms>|off&memory-target=<size>...]
 *     unix:PATH                                           a server's unix socket
 *     redis://[[user]:password@]host[:port][/db]          oxq, Redis, Valkey; rediss:// with TLS
 *     redis+sentinel://[[user]:password@]host[:port],.../master[/db]
 *     redis+cluster://[[user]:password@]host[:port],...
 *
 * %XX stands for a byte, in all of them.
 *
 * The first process that opens a folder hosts it in a thread; when it ends, another that has it open takes over. Where a write to the folder fails, the
 * host ends too, and whoever needs the folder next reads what is on the disk. After fork without
 * exec the child opens its own, and neither uses nor closes what it inherited. Descriptors 0 to 2 that are closed are opened on /dev/null, so that
 * nothing that is printed gets into a file or socket of the store.
 * Errors: ARGUMENT (the URL, a cluster's prefix without a hash tag, telemetry that begins spans and does not end them), TLS (a file), PERMISSION, IO (the folder).
 * Owns: caller, oxq_close.
 */
OXQ_MUST_USE oxq_err oxq_open(const char *url, const struct oxq_opts *opts, oxq **out, struct oxq_error *err);
/* Closes it; queues, workers and all else of it must be closed before. Blocks: a folder's host syncs what it has. */
void oxq_close(oxq *store);
/*
 * Asks the server something: connects if need be. Errors: UNREACHABLE (nobody answers there), PERMISSION (the password), TLS,
 * SERVER (too old: Redis before 6.2), ...
 */
OXQ_MUST_USE oxq_err oxq_ping(oxq *store, struct oxq_error *err);

/* Texts that a call gives: names of queues, ids. */
typedef struct oxq_names oxq_names;
size_t oxq_names_count(const oxq_names *names);
/* NULL when there are not so many. */
const char *oxq_names_at(const oxq_names *names, size_t index);
void oxq_names_free(oxq_names *names);

/*
 * The queues of the store in alphabetical order: those that have settings, as every queue has once a job was added or a client opened it.
 * Walks all keys, in portions; of a cluster those of the node that has the prefix.
 */
OXQ_MUST_USE oxq_err oxq_queues(oxq *store, oxq_names **out, struct oxq_error *err);

#ifdef __cplusplus
}
#endif
#endif
