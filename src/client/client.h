/* SPDX-License-Identifier: MIT */
/*
 * Talking to a server: Redis, Valkey or oxq; one, behind Sentinels, or many as a cluster. One `struct client` is one logical server.
 *
 *   client_call     one command and its reply
 *   client_batch    many commands in one write, optionally as a transaction
 *   client_line     a connection of one's own, for commands that block and for subscriptions
 *
 * Threads: a client is for any number of threads at once; they share one connection (to each node). Everything else here
 * belongs to one thread at a time. Nothing runs in the background: the threads that wait do the reading for each other.
 *
 * What an error means for the command:
 *   UNREACHABLE   it was not sent: the server is not there, or its name cannot be found
 *   TIMEOUT       its time is over, and it was not done or may be done again (is_idempotent)
 *   UNCERTAIN     it was sent and the answer is lost: it may have been done
 *   CANCELLED     client_cancel or client_line_cancel; it may have been done
 *   PERMISSION    the server wants another user or password
 *   TLS, ARGUMENT, CONFIG, LIMIT, FORMAT, MEMORY, SERVER (it takes no script of ours): the text says what to mend
 * An error that the server replies is none of these: it is a value of kind RESP_ERROR (see client_reply_check). But LOADING, BUSY,
 * MASTERDOWN, CLUSTERDOWN, TRYAGAIN, READONLY, MOVED, ASK and NOSCRIPT are only seen by callers when trying again did not help
 * within the call's time: these commands were not done.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "resp/reply_parser.h"

#include <stdint.h>

/* As a time-out: wait until it is done or cancelled. */
#define CLIENT_FOREVER INT64_MAX
#define CLIENT_TIMEOUT_MS_DEFAULT 10000
#define CLIENT_CONNECT_TIMEOUT_MS_DEFAULT 5000
/* Or timeout_ms where that is more: no script runs for so long, and Sentinels have put another in its place by then. */
#define CLIENT_SILENCE_MS_DEFAULT 30000
#define CLIENT_ATTEMPTS_DEFAULT 3
#define CLIENT_BACKOFF_MS_DEFAULT 50
#define CLIENT_BACKOFF_MAX_MS_DEFAULT 2000

/* ---------------------------------------------------------------- a client */

struct client;

enum client_patience {
    CLIENT_FAIL_FAST, /* a call fails after a few attempts to connect: for those whom somebody waits for */
    CLIENT_PATIENT    /* a call waits for the server as long as its time-out says: for workers */
};

/* Tells the operator of something that works but should be mended, or of a server that went or came back. Threads: any. */
typedef void client_warn_fn(void *ctx, const char *text);

/* Where a server is. */
struct client_address {
    char host[256]; /* a name or an address without [ ]; empty: unix_path */
    int port;
    char unix_path[4096];
    int fd; /* not 0: a connected stream socket, which is the client's from now on; the rest is for messages */
};

/*
 * Says where the server is now; asked before each attempt to connect. Sentinel is one; `file:` is another. It may wait until until_us
 * (CLOCK_MONOTONIC). An error of it is one of connecting: UNREACHABLE and its like are tried again. Threads: any.
 */
typedef oxq_err client_locate_fn(void *ctx, int64_t until_us, struct client_address *out, struct oxq_error *err);

/*
 * Does one command, given as bytes, without a connection, and appends the reply's bytes to *out: `file:` does, where this process hosts the
 * folder. Errors: AGAIN (send it; nothing was done), UNCERTAIN. Threads: any.
 */
typedef oxq_err client_visit_fn(void *ctx, struct slice request, struct buf *out, int64_t until_us,
                                struct oxq_error *err);

/* All zero but the URL is the default. Everything is copied, ctx pointers are borrowed as long as the client lives. */
struct client_opts {
    const char *url;      /* see client/url.h */
    const char *password; /* when the URL has none; NULL or empty: none */
    const char *name;     /* CLIENT SETNAME; NULL or empty: none */
    /* PEM files for rediss://, when the URL has none. ca: NULL or empty: the system's authorities. cert and key: our own. */
    const char *tls_ca, *tls_cert, *tls_key;
    bool is_tls_unverified; /* believe any certificate: for tests */
    enum client_patience patience;
    int64_t timeout_ms;                 /* of a call with all its attempts, 0: CLIENT_TIMEOUT_MS_DEFAULT */
    int64_t connect_timeout_ms;         /* of one attempt to connect and log in */
    int64_t silence_ms;                 /* a server that owes a reply and says nothing has gone; 0: the default */
    int attempts;                       /* to connect, before FAIL_FAST gives up */
    int64_t backoff_ms, backoff_max_ms; /* the n-th pause is random, up to backoff_ms * 2^n and at most the latter */
    uint64_t seed;                      /* of the pauses; 0: the system's randomness */
    client_warn_fn *on_warning;
    void *on_warning_ctx;
    client_locate_fn *locate; /* instead of the URL's host or path; its login and database still count */
    client_visit_fn *visit;   /* asked first for a command that calls a script; NULL: all are sent */
    void *locate_ctx;         /* of both */
};

/*
 * Makes a client; it connects when it is first needed. Errors: ARGUMENT (the URL; the text says what is wrong, without the
 * password), TLS (a file that cannot be used), IO. Owns: caller, client_free.
 */
OXQ_MUST_USE oxq_err client_new(const struct client_opts *opts, struct client **out, struct oxq_error *err);
/* NULL is fine. No thread may be in a call, and its lines must be freed. */
void client_free(struct client *c);
/* Ends all waiting: calls that are under way, on lines too, and all later ones return CANCELLED. For good. Threads: any. */
void client_cancel(struct client *c);
/* The server's name for messages: "redis://127.0.0.1:7700/0", without a password. Borrowed as long as the client lives. */
const char *client_name(const struct client *c);

/* ---------------------------------------------------------------- one call */

/* A Lua script of ours, usually static. The server gets its text once per connection and is then called by its sha. */
struct client_script {
    struct slice text;
    char sha[41]; /* SHA-1 of text in lower-case hex, and a NUL */
};

struct client_command {
    /* The command's name and its arguments; with a script the script's keys, then its arguments. Borrowed for the call. */
    const struct slice *argv;
    size_t argc;
    const struct client_script *script; /* NULL: a plain command. Borrowed as long as the client lives */
    size_t keys_count;                  /* with a script: how many of argv are keys */
    bool is_idempotent;                 /* doing it twice does no harm: it is sent again when its reply was lost */
};

/*
 * Commands and their replies. All zero is an empty batch; it is used again after client_batch_reset, and then allocates
 * nothing as long as it stays within what it had. Fields are private but for the first three.
 */
struct client_batch {
    bool is_atomic; /* MULTI ... EXEC around the commands: all or none. In a cluster all keys must be of one slot */
    /* The same around commands that only read: all at one moment. A server beyond its maxmemory takes no transaction, but
     * tells who asks for one thing after the other, and so it is asked. */
    bool is_look;
    size_t count; /* of commands, read only */

    struct client_item *items; /* owned */
    size_t items_cap;
    struct buf request;  /* all commands as bytes */
    struct buf replies;  /* all replies as bytes, in the order in which they came */
    struct arena arena;  /* trees of replies, and what a run needs */
    oxq_err added_error; /* of the first client_batch_add that failed */
};

/* Copies the command; an error (MEMORY) is kept and told by client_batch_run. */
void client_batch_add(struct client_batch *b, const struct client_command *command);
/* Bytes of the commands so far: a caller that adds much runs it in portions. */
size_t client_batch_bytes(const struct client_batch *b);
/*
 * Sends the commands in order and takes their replies. In a cluster each node gets its own in order. timeout_ms: 0 is the
 * client's. Errors: see the head; some commands may have been answered then. An atomic batch that the server refuses as a whole
 * has that refusal as the reply of each command.
 */
OXQ_MUST_USE oxq_err client_batch_run(struct client *c, struct client_batch *b, int64_t timeout_ms,
                                      struct oxq_error *err);
/* The reply to command i, valid until the batch is reset, run or freed; NULL: after an error, it was not answered. */
const struct resp_value *client_batch_reply(const struct client_batch *b, size_t i);
/* Forgets commands and replies, keeps the room; is_atomic and is_look are false again. */
void client_batch_reset(struct client_batch *b);
void client_batch_deinit(struct client_batch *b);

/* A reply and its memory. All zero is empty; use it again for the next call. */
struct client_reply {
    struct resp_value value; /* valid until the next call with it */
    struct client_batch batch;
};
void client_reply_deinit(struct client_reply *r);

/* Blocks: until it is answered, at most timeout_ms (0: the client's). Errors: see the head; out->value is then null. */
OXQ_MUST_USE oxq_err client_call(struct client *c, const struct client_command *command, int64_t timeout_ms,
                                 struct client_reply *out, struct oxq_error *err);
/* SERVER with the server's words when the value is an error, AGAIN when that may go by; OK otherwise. */
OXQ_MUST_USE oxq_err client_reply_check(const struct resp_value *value, struct oxq_error *err);
/* An error of a call or a reply: the server went, does not answer, or is not ready yet. Who changes nothing may ask again. */
bool client_is_away(oxq_err e);

/* ---------------------------------------------------------------- a line */

/*
 * A connection of its own, one thread at a time: for commands that block (BZPOPMIN, XREAD BLOCK) and for SUBSCRIBE. It connects
 * when it is used, with the client's patience, and again at the next use after it broke; what was subscribed is then gone,
 * and client_line_connects has changed.
 */
struct client_line;

/* key: in a cluster the line goes to that key's node; copied, may be empty. Owns: caller, client_line_free. */
struct client_line *client_line_new(struct client *c, struct slice key);
/* NULL is fine. */
void client_line_free(struct client_line *l);
/*
 * The call that waits on it, and all later ones, return CANCELLED at once; the connection is closed. Threads: any, as long as the
 * line is not freed.
 */
void client_line_cancel(struct client_line *l);
/* Connects it now when it is not. Errors: see the head. */
OXQ_MUST_USE oxq_err client_line_connect(struct client_line *l, struct oxq_error *err);
/* Whose it is. */
struct client *client_line_client(const struct client_line *l);
/* How often it has connected. */
uint64_t client_line_connects(const struct client_line *l);

/*
 * A pause after the n-th failure in a row, for who calls again; ended by cancelling. False at once: it would end after until_us
 * (CLOCK_MONOTONIC).
 */
bool client_line_rest(struct client_line *l, int failures, int64_t until_us);

/*
 * A command and its reply, which is borrowed until the next call. timeout_ms is counted once connected and sent: more than the
 * command's own blocking time; 0: the client's. A time-out breaks the connection (and is TIMEOUT).
 */
OXQ_MUST_USE oxq_err client_line_call(struct client_line *l, const struct client_command *command, int64_t timeout_ms,
                                      struct resp_value *out, struct oxq_error *err);
/*
 * The same in steps, for streams of commands, and for messages that come unasked: queue connects where needed and keeps the
 * bytes; next sends what is queued and waits for one reply or message, borrowed until the next call. After
 * an error the line is as new. Errors of next: TIMEOUT (nothing came; the line stays as it is when no byte did), UNCERTAIN.
 */
OXQ_MUST_USE oxq_err client_line_queue(struct client_line *l, const struct client_command *command,
                                       struct oxq_error *err);
size_t client_line_queued_bytes(const struct client_line *l);
OXQ_MUST_USE oxq_err client_line_next(struct client_line *l, int64_t timeout_ms, struct resp_value *out,
                                      struct oxq_error *err);

#endif
