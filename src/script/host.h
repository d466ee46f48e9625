/* SPDX-License-Identifier: MIT */
/* The inside of a Lua host, shared by the files of script/. */
#ifndef SCRIPT_HOST_H
#define SCRIPT_HOST_H

#include "base/arena.h"
#include "base/buf.h"
#include "script/cache.h"
#include "script/memory.h"
#include "script/script.h"
#include "script/sink.h"
#include "script/watch.h"

#include <lua.h>

/* What stands at the bottom of the main state's stack, for good: reached by index, without a look-up. */
enum host_slot {
    HOST_ON_ERROR = 1, /* adds source and line to an error */
    HOST_GLOBALS,      /* what scripts see as globals; see sandbox.h */
    HOST_ARGUMENTS,    /* the table with KEYS and ARGV for code that is kept from HOST_GLOBALS */
    HOST_MUTED_CALL,   /* redis.call without a result; see mute.h */
    HOST_KEYS,         /* the string "KEYS", and so on */
    HOST_ARGV,
    HOST_ERR,
    HOST_OK,
    HOST_DOUBLE,
    HOST_BIG_NUMBER,
    HOST_VERBATIM_STRING,
    HOST_MAP,
    HOST_SET,
    HOST_TOP = HOST_SET
};

/* Of the running script. */
enum host_run_flag {
    HOST_READ_ONLY = 1 << 0,
    HOST_ALLOW_OOM = 1 << 1,
    HOST_OVER_MEMORY = 1 << 2, /* held when it began */
    HOST_WROTE = 1 << 3,       /* it has called a command that writes */
    HOST_KILLED = 1 << 4,
};

struct script_host {
    struct memory memory; /* first: Lua's allocator hands us its address */
    lua_State *lua;
    size_t memory_limit_bytes;
    size_t collected_bytes;     /* what was left when all was collected last */
    struct cmd_table *commands; /* borrowed */
    struct script_ops *ops;     /* borrowed */
    const struct twin *twins;   /* borrowed, or NULL */
    uint64_t twin_runs_count;
    const char *redis_version; /* borrowed */
    bool knows_bytecode;       /* see compile_try_bytecode */
    struct cache cache;
    int named_keys,
        named_argv;  /* the kept tables that HOST_GLOBALS shows, by their numbers in Lua's registry; 0: another */
    uint64_t random; /* state of math.random */
    struct watch watch;
    /* ---- the running script ---- */
    struct script *script;   /* NULL: none runs */
    uint32_t run_flags;      /* enum host_run_flag */
    uint32_t nested;         /* protected calls under way; nest.h */
    uint64_t mem_failures;   /* mem_failures() when it began; what others lacked meanwhile is added */
    size_t given_bytes;      /* the largest that it was given so far: its arguments, or a text of a reply */
    const char *stack_began; /* link: where on the machine's stack; nest.h */
    struct cmd_ctx ctx;      /* of its commands */
    struct sink sink;        /* where they reply; its reply.resp is what redis.setresp set */
    struct arena scratch;    /* reset after each of its commands */
    struct slice *argv;      /* owned: room for the arguments of a command */
    int argv_cap;
    struct buf out; /* what cmsgpack.pack and struct.pack build */
};

/* The host of a state or of any of its coroutines. */
static inline struct script_host *host_of(lua_State *lua)
{
    void *memory;
    lua_getallocf(lua, &memory);
    return memory;
}

/*
 * What Lua may hold now. The limit keeps scripts that run wild out; what has changed something shall rather come to its end, and what works
 * on large values is not wild.
 */
static inline size_t host_limit_bytes(const struct script_host *h)
{
    bool is_wide = h->run_flags & HOST_WROTE && h->memory_limit_bytes < SIZE_MAX / SCRIPT_MEMORY_WROTE_TIMES;
    size_t own = is_wide ? h->memory_limit_bytes * SCRIPT_MEMORY_WROTE_TIMES : h->memory_limit_bytes;
    size_t given = h->given_bytes * SCRIPT_MEMORY_GIVEN_TIMES;
    return own < SIZE_MAX - given ? own + given : SIZE_MAX;
}

/* The running script was handed so many bytes at once. */
static inline void host_note_given(struct script_host *h, size_t bytes)
{
    if (bytes > h->given_bytes) h->given_bytes = bytes;
}

/* From here on Lua may not grow past the limit / nothing that Lua allocates fails. */
static inline void host_limit_memory(struct script_host *h)
{
    h->memory.ceiling_bytes = host_limit_bytes(h);
}

static inline void host_lift_limit(struct script_host *h)
{
    h->memory.ceiling_bytes = SIZE_MAX;
}

static inline bool host_is_over_limit(const struct script_host *h)
{
    return h->memory.used_bytes > host_limit_bytes(h);
}

/* Forgets all scripts and makes the Lua state anew: SCRIPT FLUSH. */
void host_flush(struct script_host *h);

/* Asks the script's twin, if it has one that may run. False: nothing was done. */
bool host_run_twin(struct script_host *h, const struct script *s, struct cmd_ctx *outer, size_t keys_count);

/* Runs a script for the command in outer, and answers there. */
void host_run(struct script_host *h, struct script *s, struct cmd_ctx *outer, int keys_count, bool is_read_only);

/* The buffer for what a library builds, empty; until the next call of this. */
struct buf *host_borrow_out(struct script_host *h);

/* SCRIPT KILL: the running script ends with an error soon. */
void host_kill(struct script_host *h);
/* Raises the error of a killed script, and again at whatever the script does next. */
int host_raise_killed(lua_State *lua);
/* Pushes the function that makes an error a table with its source and line. */
void host_push_on_error(lua_State *lua);

#endif
