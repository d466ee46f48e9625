/* SPDX-License-Identifier: MIT */
/*
 * Items are taken from the last to the first by counting `left` down, by whoever comes: an item is one thread's. A thread
 * that counts below zero has nothing to take; one that was late for a batch may take from the next one instead.
 *
 *   FREE --sender_add--> FILLING --sender_start--> SENDING --all sent--> done, to be looked at --sender_clear--> FREE
 *
 * Invariants:
 *   1. items are the engine's but for those that were taken, which are the taker's until it has counted `done` up.
 *   2. left > 0 only between sender_start and the taking of the last item.
 */
#include "server/sender.h"

#include "base/mem.h"
#include "os/process.h"
#include "os/thread.h"

enum { NUDGE = 1 };

struct sender {
    struct sender_item items[SENDER_ITEMS_MAX];
    size_t count;
    bool is_started; /* the batch */
    bool is_alone;   /* there can be no thread */
    struct thread thread;
    struct notice work; /* NUDGE: look at left and is_closing */
    struct spin spin;   /* for it: idle */
    atomic_bool is_closing;
    atomic_int left;
    atomic_size_t done;
};

/* ---------------------------------------------------------------- both */

/* False: there is nothing to take. */
static bool send_one(struct sender *s)
{
    int left = atomic_fetch_sub_explicit(&s->left, 1, memory_order_acq_rel);
    if (left <= 0) return false;
    struct sender_item *item = &s->items[left - 1];
    item->sent_bytes = net_stream_send(item->stream, item->bytes);
    atomic_fetch_add_explicit(&s->done, 1, memory_order_release);
    return true;
}

static void run(void *ctx)
{
    struct sender *s = ctx;
    thread_shorten_slice();
    while (!atomic_load_explicit(&s->is_closing, memory_order_acquire)) {
        (void)notice_wait(&s->work, &s->spin, INT64_MAX);
        (void)notice_take(&s->work);
        while (send_one(s)) {
        }
    }
}

static void nudge(struct sender *s)
{
    if (notice_put(&s->work, NUDGE)) notice_wake(&s->work);
}

/* ---------------------------------------------------------------- life */

struct sender *sender_new(void)
{
    if (process_cpus() < 2) return NULL;
    struct sender *s = mem_alloc_zero(sizeof(*s));
    atomic_init(&s->left, 0);
    atomic_init(&s->done, 0);
    atomic_init(&s->is_closing, false);
    s->spin.is_idle = true;
    return s;
}

void sender_finish(struct sender *s)
{
    sender_help(s);
    atomic_store_explicit(&s->is_closing, true, memory_order_release);
    nudge(s);
    thread_join(&s->thread);
    atomic_store_explicit(&s->is_closing, false, memory_order_release);
}

void sender_free(struct sender *s)
{
    if (!s) return;
    CHECK(!sender_has_batch(s));
    sender_finish(s);
    mem_free(s);
}

/* ---------------------------------------------------------------- a batch */

bool sender_has_batch(const struct sender *s)
{
    return s->count > 0;
}

bool sender_add(struct sender *s, const struct net_stream *stream, struct slice bytes, void *ctx)
{
    CHECK(!s->is_started);
    if (s->count == SENDER_ITEMS_MAX) return false;
    s->items[s->count++] = (struct sender_item){.stream = stream, .bytes = bytes, .ctx = ctx};
    return true;
}

void sender_start(struct sender *s)
{
    CHECK(!s->is_started && s->count > 0);
    s->is_started = true;
    atomic_store_explicit(&s->done, 0, memory_order_relaxed);
    atomic_store_explicit(&s->left, (int)s->count, memory_order_release);
    if (!s->thread.is_started && !s->is_alone)
        s->is_alone = thread_start(&s->thread, "oxq-sender", run, s, NULL) != OXQ_OK;
    if (s->is_alone)
        sender_help(s);
    else
        nudge(s);
}

void sender_help(struct sender *s)
{
    while (send_one(s)) {
    }
}

bool sender_is_done(const struct sender *s)
{
    return s->is_started && atomic_load_explicit(&s->done, memory_order_acquire) == s->count;
}

size_t sender_items_count(const struct sender *s)
{
    return s->count;
}

const struct sender_item *sender_item(const struct sender *s, size_t i)
{
    CHECK(sender_is_done(s) && i < s->count);
    return &s->items[i];
}

void sender_clear(struct sender *s)
{
    CHECK(sender_is_done(s));
    s->is_started = false;
    s->count = 0;
}
