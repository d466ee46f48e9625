/* SPDX-License-Identifier: MIT */
/*
 * One connection that many threads share: each puts its commands into the common stream and gets its own replies back.
 * The essay in pipeline.c tells how they do each other's reading and writing.
 */
#ifndef CLIENT_PIPELINE_H
#define CLIENT_PIPELINE_H

#include "base/link.h"
#include "client/backoff.h"
#include "client/link.h"
#include "os/thread.h"

/* Makes a link; called with no lock held, by one thread at a time. Errors: those of client_link_open. */
typedef oxq_err pipeline_open_fn(void *ctx, int64_t until_us, struct client_link **out, struct oxq_error *err);

struct pipeline_opts {
    pipeline_open_fn *open;
    void *open_ctx;
    struct client_backoff backoff;
    int64_t connect_timeout_us;
    /* A server that owes a reply for so long, and says nothing, is connected to anew by the next call. */
    int64_t silence_us;
    uint64_t seed;
};

/* What one caller sends and gets. It stays where it is until pipeline_finish. */
struct pipeline_call {
    struct slice request;                       /* whole commands; borrowed */
    const struct client_script *const *scripts; /* that they call by their sha; borrowed */
    size_t scripts_count;
    size_t replies_count; /* how many replies they get, > 0 */
    struct buf *replies;  /* where these are appended; other threads write to it meanwhile */
    int64_t until_us;     /* CLOCK_MONOTONIC */

    /* pipeline's own */
    enum { PIPELINE_CALL_NEW, PIPELINE_CALL_WAITING, PIPELINE_CALL_DONE } state;
    uint64_t seq;         /* its place in the queue */
    uint64_t starts_at;   /* bytes of the stream before it */
    size_t skip;          /* replies that are not the caller's come first: of SCRIPT LOAD */
    struct link parked;   /* among those who sleep */
    struct notice notice; /* where they sleep */
    struct oxq_error error;
};

struct pipeline;

struct pipeline *pipeline_new(const struct pipeline_opts *opts);
/* No call may be under way. NULL is fine. */
void pipeline_free(struct pipeline *p);
/* Ends all calls, present and future, with CANCELLED. Threads: any. */
void pipeline_cancel(struct pipeline *p);

/*
 * Sends a call, as far as goes without waiting; connects first when need be, unless the pause after a failure is not over. Errors: those of
 * the open function, CANCELLED, MEMORY, LIMIT (too much unsent): nothing was sent, and the call must not be finished.
 */
OXQ_MUST_USE oxq_err pipeline_start(struct pipeline *p, struct pipeline_call *call, struct oxq_error *err);
/*
 * Waits for its replies. Errors: UNREACHABLE (it was not sent), UNCERTAIN (it was, and the connection broke), TIMEOUT (it may have been
 * sent), CANCELLED, MEMORY, LIMIT. call->replies then has the replies that came before.
 */
OXQ_MUST_USE oxq_err pipeline_finish(struct pipeline *p, struct pipeline_call *call, struct oxq_error *err);

/* Attempts to connect that failed since the last reply, and when (CLOCK_MONOTONIC) the next one will be made. */
int pipeline_failures(struct pipeline *p, int64_t *out_retry_at_us);
/* The server does not know a script any more: all are sent again before they are called next. */
void pipeline_forget_scripts(struct pipeline *p);
/* The server is not the right one any more: breaks the connection that call went over, if that is still the present one. */
void pipeline_reconnect(struct pipeline *p, const struct pipeline_call *call);

#endif
