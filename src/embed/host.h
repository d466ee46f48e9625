/* SPDX-License-Identifier: MIT */
/*
 * A data folder that this process serves: the folder's lock, the engine, the sockets and the turn that runs them. `oxq serve` is one
 * in the main thread; a file: URL is one in a thread of its own (embed.h).
 */
#ifndef EMBED_HOST_H
#define EMBED_HOST_H

#include "base/buf.h"
#include "engine/config.h"
#include "os/thread.h"

/* The unix socket in the data folder. */
#define EMBED_HOST_SOCKET "oxq.sock"

struct embed_host;

struct embed_host_opts {
    struct config *config; /* borrowed; CONFIG SET changes it */
    /* The data is loaded (NULL) or cannot be; called from within embed_host_run. NULL: nobody wants to know. */
    void (*loaded)(void *ctx, const struct oxq_error *err);
    /* SHUTDOWN NOSAVE came while a script runs that may never end: end the process. NULL: wait for the script. */
    void (*abandon)(void *ctx);
    void *ctx;
    struct turn *
        turn; /* borrowed, longer than the host: threads of this process may visit it (embed/visit.h); NULL: none does */
};

/* What was being done when it could not be opened. */
enum embed_host_step { EMBED_HOST_FOLDER, EMBED_HOST_DATA, EMBED_HOST_LISTEN };

/*
 * Takes the folder, opens its data and listens; connections wait until embed_host_run. Errors: of EMBED_HOST_FOLDER those of
 * file_make_folder; of EMBED_HOST_DATA those of engine_open_data, EXISTS when another process has the folder; of EMBED_HOST_LISTEN those of
 * server_listen. The text says what and where. Owns: caller, embed_host_free.
 */
OXQ_MUST_USE oxq_err embed_host_open(const struct embed_host_opts *opts, struct embed_host **out,
                                     enum embed_host_step *out_step, struct oxq_error *err);
/* After embed_host_run has returned, or instead of it. NULL is fine. */
void embed_host_free(struct embed_host *h);

/*
 * Loads the data, answering LOADING in between, and serves until embed_host_stop or SHUTDOWN; then replies leave, what was executed is
 * synced and a last checkpoint is written where that is quick. False: the journal had failed, and what was not acknowledged is
 * not on the disk. Blocks: until then. Threads: one, which need not be the one that opened it.
 */
bool embed_host_run(struct embed_host *h);
/* Makes embed_host_run return. Threads: any. */
void embed_host_stop(struct embed_host *h);

/* visit_run, of a host that was opened with a turn: within it, and it is left. */
OXQ_MUST_USE oxq_err embed_host_visit(struct embed_host *h, struct slice request, struct buf *out, int64_t until_us,
                                      struct oxq_error *err);

/* Calls fn in the turn whenever fd (borrowed) can be read: one of them, before embed_host_run. */
void embed_host_watch(struct embed_host *h, int fd, void (*fn)(void *ctx), void *ctx);
/* The TCP port that it listens on, also when the config asked for 0; 0: none. */
int embed_host_port(const struct embed_host *h);
/* From within its turn: does a script run past its time? */
bool embed_host_is_busy(const struct embed_host *h);
/* In a child of fork: closes what it inherited of the folder's lock and of the sockets, so that they are the parent's alone, and
 * leaves everything else as it is. */
void embed_host_forget(struct embed_host *h);
/* For a process that ends without returning from embed_host_run: takes unix sockets off the disk and accepts nobody more. */
void embed_host_abandon(struct embed_host *h);

#endif
