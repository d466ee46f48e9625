/* SPDX-License-Identifier: MIT */
/*
 * A thread that sends replies while the engine goes on executing. A third of what a small request costs is the system's work of
 * sending its reply (6 of 19 us for an add by BullMQ's script); where many connections wait for one each, another processor does that.
 *
 *   engine: sender_add, for each reply; sender_start            a batch
 *   both:   take one reply after the other and send it          sender_help: who has nothing else to do does its share
 *   engine: sender_is_done? sender_item for each; sender_clear
 *
 * Threads: one thread (the engine's) calls everything. The batch's bytes and streams stay where they are until sender_is_done.
 */
#ifndef SERVER_SENDER_H
#define SERVER_SENDER_H

#include "net/stream.h"

/* Replies in a batch, at most. */
#define SENDER_ITEMS_MAX 512
/*
 * For fewer it is not worth while to wake the thread. With 6, adds from 16 waiting connections under `always`, which leave in groups of
 * eight or so, lost 8 %; with 12 they are as they were.
 */
#define SENDER_ITEMS_MIN 12

struct sender_item {
    const struct net_stream *stream; /* borrowed; net_stream_can_send */
    struct slice bytes;              /* borrowed */
    void *ctx;                       /* the caller's */
    size_t sent_bytes; /* once the batch is done: what went. The rest must be written again, or the stream is broken */
};

struct sender;

/* NULL where a second thread would have no processor of its own. The thread comes with the first batch. */
struct sender *sender_new(void);
/* There must be no batch. NULL is fine. */
void sender_free(struct sender *s);

/* A batch was begun and not yet cleared. */
bool sender_has_batch(const struct sender *s);
/* False: the batch is full. */
bool sender_add(struct sender *s, const struct net_stream *stream, struct slice bytes, void *ctx);
/* The thread sends what was added. Where it cannot be made, all is sent when this returns. */
void sender_start(struct sender *s);
/* Sends what the thread has not begun. */
void sender_help(struct sender *s);
/* The whole batch was sent, as far as its sockets took it. */
bool sender_is_done(const struct sender *s);
/* Until that is so; ends the thread, until the next batch. */
void sender_finish(struct sender *s);
size_t sender_items_count(const struct sender *s);
const struct sender_item *sender_item(const struct sender *s, size_t i);
/* The batch, which is done, has been looked at. */
void sender_clear(struct sender *s);

#endif
