/* SPDX-License-Identifier: MIT */
/*
 * Effects: what a command really did to the keyspace, in steps that need neither a clock nor Lua to be done again.
 *
 * Every change goes through a function of keyspace/edit_*.h (or db.h), which changes the value and then reports one
 * effect to the keyspace's sink. The engine's sink wakes blocked clients, breaks WATCHes, counts changes and (with the
 * journal) stages records. apply_effect does an effect on another keyspace: the same sequence of effects gives the same
 * keyspace, which tests hold us to.
 */
#ifndef KEYSPACE_EFFECT_H
#define KEYSPACE_EFFECT_H

#include "base/slice.h"

/* X(NAME, fields used): a, b slices; n, m integers; score; items. Numbers are the journal's: never reorder, only append. */
#define EFFECT_TABLE(X)                                                                                                \
    X(KEY_DELETE, "key")                                                                                               \
    X(KEY_EXPIRE, "key n=at_ms, 0 = never")                                                                            \
    X(KEY_RENAME, "key a=new key; replaces the new key")                                                               \
    X(KEY_MOVE, "key n=db")                                                                                            \
    X(KEY_COPY, "key a=new key n=db; replaces")                                                                        \
    X(DB_FLUSH, "no key: the database is emptied")                                                                     \
    X(DB_SWAP, "n=other db")                                                                                           \
    X(STRING_SET, "key a=value n=expire at_ms or 0; replaces a value of any type")                                     \
    X(STRING_RANGE, "key n=offset a=bytes: overwritten there, zero-padded up to it; expiry kept")                      \
    X(HASH_SET, "key a=field b=value")                                                                                 \
    X(HASH_DELETE, "key a=field")                                                                                      \
    X(LIST_PUSH_HEAD, "key a=element")                                                                                 \
    X(LIST_PUSH_TAIL, "key a=element")                                                                                 \
    X(LIST_POP_HEAD, "key n=count")                                                                                    \
    X(LIST_POP_TAIL, "key n=count")                                                                                    \
    X(LIST_SET, "key n=index a=element")                                                                               \
    X(LIST_INSERT, "key n=index (the element's index afterwards) a=element")                                           \
    X(LIST_REMOVE, "key n=index m=count")                                                                              \
    X(SET_ADD, "key a=member")                                                                                         \
    X(SET_REMOVE, "key a=member")                                                                                      \
    X(ZSET_SET, "key a=member score")                                                                                  \
    X(ZSET_REMOVE, "key a=member")                                                                                     \
    X(STREAM_ADD, "key n=ms m=seq items=field, value, ...")                                                            \
    X(STREAM_DELETE, "key n=ms m=seq")                                                                                 \
    X(STREAM_TRIM, "key n=entries dropped from the start")                                                             \
    X(STREAM_SET_ID, "key n=ms m=seq a=encoded entries-added and max-deleted-id; creates an empty stream")             \
    X(STREAM_GROUP_SET, "key a=group n=ms m=seq b=encoded entries-read; creates group and stream")                     \
    X(STREAM_GROUP_DELETE, "key a=group")                                                                              \
    X(STREAM_CONSUMER_SET, "key a=group b=consumer n=seen ms; creates it")                                             \
    X(STREAM_CONSUMER_DELETE, "key a=group b=consumer")                                                                \
    X(STREAM_PENDING_SET, "key a=group b=consumer n=ms m=seq items={encoded delivery time, count}")                    \
    X(STREAM_PENDING_DELETE, "key a=group n=ms m=seq")

enum effect_kind {
#define EFFECT_ENUM(name, fields) EFFECT_##name,
    EFFECT_TABLE(EFFECT_ENUM)
#undef EFFECT_ENUM
        EFFECT_KINDS_COUNT
};

/* All slices are borrowed for the call. */
struct effect {
    enum effect_kind kind;
    uint32_t db;
    struct slice key;
    struct slice a, b;
    int64_t n, m;
    double score;
    const struct slice *items;
    size_t items_count;
    struct slice
        body; /* a, b, n, m, score and items as bytes (effect_codec.h), where somebody made them already; else empty */
};

/* Told of each change when it is done (of those that one call does together, maybe before the last of them). It must not
 * change the keyspace. */
struct effect_sink {
    void (*on_effect)(struct effect_sink *sink, const struct effect *e);
};

/* "HASH_SET". */
const char *effect_name(enum effect_kind kind);

#endif
