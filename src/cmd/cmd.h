/* SPDX-License-Identifier: MIT */
/*
 * Commands: one declarative row each, and the context that a command runs in.
 *
 * A command reads ctx->argv (argv[0] is its name; arity is checked already), works on ctx->db through keyspace/ and
 * answers once on ctx->reply. It never blocks, publishes or touches a connection: where it must wait it calls cmd_block
 * and returns; the engine runs it again, with the same arguments, when one of its keys has changed.
 * Rows of a family stand in one table at the end of its file; cmd/table.c joins them with those of other layers.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "base/arena.h"
#include "keyspace/db.h"
#include "resp/reply.h"

struct cmd_ctx;
typedef void cmd_fn(struct cmd_ctx *ctx);

/* Flags, by Redis's names. */
enum cmd_flag {
    CMD_WRITE = 1 << 0,
    CMD_READONLY = 1 << 1,
    CMD_DENYOOM = 1 << 2, /* refused when over maxmemory */
    CMD_ADMIN = 1 << 3,
    CMD_PUBSUB = 1 << 4,
    CMD_NOSCRIPT = 1 << 5, /* not from Lua */
    CMD_BLOCKING = 1 << 6,
    CMD_LOADING = 1 << 7,
    CMD_STALE = 1 << 8,
    CMD_SKIP_MONITOR = 1 << 9,
    CMD_SKIP_SLOWLOG = 1 << 10,
    CMD_FAST = 1 << 11,
    CMD_NO_AUTH = 1 << 12,
    CMD_MAY_REPLICATE = 1 << 13,
    CMD_NO_MULTI = 1 << 14,
    CMD_ALLOW_BUSY = 1 << 15, /* served while a script is past its time */
    CMD_MOVABLE_KEYS = 1 << 16,
    CMD_NO_ASYNC_LOADING = 1 << 17,
    CMD_NO_MANDATORY_KEYS = 1 << 18,
    CMD_SUB = 1 << 19, /* it is a container: argv[1] names one of `subs` */
};

/* Where keys stand in argv: first, last (negative: from the end), step; {0,0,0} none. */
struct cmd_keys {
    int8_t first, last, step;
};

/* For keys that first/last/step cannot tell (EVAL, XREAD, ZUNION): writes up to `max` indexes into argv and returns how many keys
 * there are; -1 when the arguments make no sense. Works on arguments alone. */
typedef int cmd_keys_fn(const struct slice *argv, int argc, int *indexes, int max);

struct command {
    const char *name; /* lower case; of a subcommand the bare "encoding" */
    cmd_fn *run;      /* NULL for a container */
    int arity;        /* with the name(s); negative: at least */
    uint32_t flags;
    struct cmd_keys keys;
    cmd_keys_fn *find_keys; /* or NULL */
    const char *
        group; /* as COMMAND DOCS: "string", "generic", "hash", "list", "set", "sorted-set", "stream", "pubsub", "transactions", "scripting", "connection", "server" */
    const char *since;          /* "1.0.0" */
    const char *summary;        /* our own words */
    const char *complexity;     /* "O(1)" */
    const struct command *subs; /* rows of subcommands, ended by a row without a name; or NULL */
    const char *args;           /* the syntax after the name, as docs print it: "key field value [field value ...]" */
};

enum cmd_outcome { CMD_REPLIED, CMD_BLOCKED };

/* What a blocked command gets when its time is over. */
enum cmd_timeout_reply { CMD_TIMEOUT_NULL, CMD_TIMEOUT_NULL_ARRAY, CMD_TIMEOUT_ZERO };

struct cmd_block {
    const struct slice *keys; /* borrowed from argv */
    size_t keys_count;
    int64_t timeout_ms;       /* 0: for ever */
    enum value_type type;     /* a key of another type does not wake the command ... */
    bool wakes_on_any_change; /* ... unless this is set (XREADGROUP: deletion and retyping answer with an error) */
    enum cmd_timeout_reply on_timeout;
};

enum cmd_ctx_flag {
    CMD_CTX_SCRIPT = 1 << 0,   /* called by a script */
    CMD_CTX_MULTI = 1 << 1,    /* inside EXEC */
    CMD_CTX_NO_BLOCK = 1 << 2, /* answer at once with the time-out reply instead of blocking */
    CMD_CTX_RETRY = 1 << 3,    /* run again for a blocked client */
};

struct cmd_ctx {
    struct keyspace *keyspace;
    struct db *db; /* the selected database */
    struct reply *reply;
    /* A command may replace elements: "$" by an id before cmd_block, a secret before MONITOR and SLOWLOG see it. */
    struct slice *argv;
    int argc;
    const struct command *command;   /* the row that runs (of the subcommand, for containers) */
    const struct command *container; /* of a subcommand; else NULL */
    const char *name;                /* its name in full: "config|get" */
    struct arena *scratch;           /* reset after the command */
    uint32_t flags;                  /* enum cmd_ctx_flag */
    enum cmd_outcome outcome;
    struct cmd_block block; /* when outcome is CMD_BLOCKED */
    void *client;           /* the engine's client, for the engine's own commands */
    void *host;             /* the engine, likewise */
    void *script_host;      /* the Lua host, for the rows of script/ */
};

/* Now, in ms since the epoch: one instant for the whole command. */
static inline int64_t cmd_now_ms(const struct cmd_ctx *ctx)
{
    return ctx->keyspace->now_ms;
}

/* ---- answers that many commands share; the texts are Redis's ---- */

#define CMD_ERR_SYNTAX SLICE_LIT("ERR syntax error")
#define CMD_ERR_WRONG_TYPE SLICE_LIT("WRONGTYPE Operation against a key holding the wrong kind of value")
#define CMD_ERR_NOT_INTEGER SLICE_LIT("ERR value is not an integer or out of range")
#define CMD_ERR_NOT_FLOAT SLICE_LIT("ERR value is not a valid float")
#define CMD_ERR_NO_KEY SLICE_LIT("ERR no such key")
#define CMD_ERR_OUT_OF_RANGE SLICE_LIT("ERR value is out of range")

/*
 * SRANDMEMBER, HRANDFIELD and ZRANDMEMBER repeat elements when their count is negative: more than this, or than about 512 MB,
 * would hold up everybody.
 */
#define CMD_REPEATS_MAX ((uint64_t)1 << 20)
/* False after an error reply: so many elements of v are too many. */
bool cmd_may_repeat(struct cmd_ctx *ctx, const struct value *v, uint64_t count);

void cmd_reply_arity(struct cmd_ctx *ctx);
static inline void cmd_reply_syntax(struct cmd_ctx *ctx)
{
    reply_error(ctx->reply, CMD_ERR_SYNTAX);
}

/* Finds a key of a type. False: it is of another type, and the WRONGTYPE error was replied. True: *out is the entry or NULL when absent. */
bool cmd_find(struct cmd_ctx *ctx, struct slice key, enum value_type type, struct entry **out);
/* The same, creating the key (empty) when absent. */
bool cmd_find_or_create(struct cmd_ctx *ctx, struct slice key, enum value_type type, struct entry **out);

/* Parse argv[i]; false: the error was replied. */
bool cmd_int(struct cmd_ctx *ctx, int i, int64_t *out);
bool cmd_int_in(struct cmd_ctx *ctx, int i, int64_t min, int64_t max,
                int64_t *out); /* "ERR value is out of range, value must between ..." / "must be positive" as Redis */
bool cmd_double(struct cmd_ctx *ctx, int i, double *out);
/* A blocking command's time-out in seconds (float) -> ms; 0 = for ever. Redis's errors for negative and out of range. */
bool cmd_timeout(struct cmd_ctx *ctx, int i, int64_t *out_ms);
/* True when argv[i] is the (lower-case) word, whatever its case. */
static inline bool cmd_is(const struct cmd_ctx *ctx, int i, const char *lower)
{
    return slice_is(ctx->argv[i], lower);
}

void cmd_reply_timeout(struct reply *reply, enum cmd_timeout_reply kind);
/* Waits for the keys (see struct cmd_block), or answers with the time-out reply where blocking is not allowed. The command returns right after. */
void cmd_block(struct cmd_ctx *ctx, struct cmd_block block);

/* The HELP subcommand of any container: made from the rows of its subcommands. */
void cmd_help(struct cmd_ctx *ctx);

/* SCAN family: a cursor argument ("ERR invalid cursor"). */
bool cmd_cursor(struct cmd_ctx *ctx, int i, uint64_t *out);

#endif
