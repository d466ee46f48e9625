/* SPDX-License-Identifier: MIT */
/*
 * What BullMQ's clients hand to its scripts: KEYS that are names of one queue, and arguments packed as MessagePack.
 *
 * A packed argument becomes an array of values in the command's scratch, each container followed by all that is in it. What Lua would read
 * in a way of its own is refused, so that a twin sees only what there are no two opinions about.
 */
#ifndef NATIVE_BULLMQ_ARGS_H
#define NATIVE_BULLMQ_ARGS_H

#include "native/key.h"

/* Of one argument: its bytes, values, containers within each other. More is no common case. */
#define BULLMQ_BYTES_MAX ((size_t)1 << 14)
#define BULLMQ_VALUES_MAX 128
#define BULLMQ_DEPTH_MAX 8
/* Whole numbers below this have one spelling in Lua, wherever it is done: "%.14g", "%.17g". */
#define BULLMQ_WHOLE_MAX ((int64_t)100000000000000)

enum bullmq_kind {
    BULLMQ_NIL,
    BULLMQ_FALSE,
    BULLMQ_TRUE,
    BULLMQ_NUMBER,
    BULLMQ_TEXT,
    BULLMQ_ARRAY,
    BULLMQ_MAP, /* of pairs whose keys are texts, each there once */
};

struct bullmq_value {
    enum bullmq_kind kind;
    uint32_t count; /* elements of an array, pairs of a map */
    uint32_t size;  /* values in all, this one included: what comes next stands so much further on */
    union {
        double number;
        struct slice text; /* borrowed from the argument */
    };
};

/* False: that is not one value, or not one that this file knows. */
bool bullmq_unpack(struct cmd_ctx *ctx, struct slice packed, const struct bullmq_value **out);

/* Of a map; nil where the field is absent, never NULL. */
const struct bullmq_value *bullmq_field(const struct bullmq_value *map, struct slice name);
/* The first `count` elements of an array, nil where it is shorter. */
void bullmq_elements(const struct bullmq_value *array, const struct bullmq_value **out, size_t count);

/* What a condition in Lua takes for true. */
static inline bool bullmq_is_true(const struct bullmq_value *v)
{
    return v->kind > BULLMQ_FALSE;
}

static inline bool bullmq_is_nil(const struct bullmq_value *v)
{
    return v->kind == BULLMQ_NIL;
}

/* A whole number from 0 to BULLMQ_WHOLE_MAX, that excluded; false: it is something else. */
bool bullmq_whole(const struct bullmq_value *v, int64_t *out);

/* The text that cjson.encode makes of it; members of objects in the order of the argument. False: it would fail, or find holes in an array. */
bool bullmq_json(struct cmd_ctx *ctx, const struct bullmq_value *v, struct slice *out);

/* Is it the name of the queue's key, prefix + suffix? Of names that are known to differ more than one may be looked at before one is changed. */
bool bullmq_is_key(struct slice name, struct slice prefix, struct slice suffix);

#endif
