/* SPDX-License-Identifier: MIT */
/* A reply sink that makes Lua values: what redis.call returns, built while the command replies. */
#ifndef SCRIPT_SINK_H
#define SCRIPT_SINK_H

#include "resp/reply.h"

#include <lua.h>

/* Aggregates within aggregates; no command of ours comes near. */
#define SINK_DEPTH_MAX 16
/* The most that lies on the Lua stack: four for each open aggregate, five for the value on its way. */
#define SINK_STACK_SLOTS (4 * SINK_DEPTH_MAX + 5)

/* Upvalues of the C function whose frame the values are pushed on. */
#define SINK_UPVALUE_OK 1
#define SINK_UPVALUE_ERR 2
#define SINK_UPVALUE_OK_TEXT 3 /* "OK", what nearly every status says */

struct sink_frame {
    enum reply_aggregate kind; /* never REPLY_PUSH */
    bool is_key_pending;       /* a map's key lies on the stack and waits for its value */
    size_t left;               /* elements or pairs still to come */
    int count;                 /* elements so far */
};

struct sink {
    struct reply reply; /* first */
    lua_State *lua;
    bool is_error; /* the reply is an error */
    bool is_muted; /* nothing but an error is made */
    int depth;
    struct sink_frame frames[SINK_DEPTH_MAX];
};

void sink_init(struct sink *s, uint8_t resp);
/* The next reply becomes one value (muted: nothing, unless it is an error) on top of this stack, which has room for SINK_STACK_SLOTS. Unless memory runs out: then
 * reply.is_full, and what lies on the stack is incomplete. */
static inline void sink_start(struct sink *s, lua_State *lua, bool is_muted)
{
    s->is_muted = is_muted;
    s->lua = lua;
    s->is_error = false;
    s->reply.is_full = false;
    s->depth = 0;
}

#endif
