/* SPDX-License-Identifier: MIT */
/*
 * The event loop: waits until descriptors are ready and says so.
 *
 * Callbacks only note that something is ready and return; the work is done by whoever called net_loop_poll. That is what
 * lets a long piece of that work call net_loop_poll again, to see who else is waiting.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct net_loop;
struct net_watch;

enum net_ready { NET_READABLE = 1 << 0, NET_WRITABLE = 1 << 1 };

/* ready: enum net_ready. Must not call net_loop_poll; may free no watch. */
typedef void net_ready_fn(void *ctx, uint32_t ready);

OXQ_MUST_USE oxq_err net_loop_new(struct net_loop **out, struct oxq_error *err);
/* All watches must be freed. NULL is fine. */
void net_loop_free(struct net_loop *loop);
/*
 * One pass: waits until something is ready or it is until_us, calls back for each ready descriptor, returns. Both times are
 * microseconds of one clock of the caller's; until_us <= now_us does not wait at all. It may return early, and late by a
 * millisecond. Never from inside a callback.
 */
void net_loop_poll(struct net_loop *loop, int64_t now_us, int64_t until_us);
/* Something is under way, or not, that ends soon, as a sync, and makes a descriptor ready: the next waits are spun for longer (os/spin.h). */
void net_loop_expect(struct net_loop *loop, bool is_expecting);

/* Watches fd (borrowed) for reading. Level-triggered: as long as it is ready, each pass says so. */
struct net_watch *net_watch_new(struct net_loop *loop, int fd, net_ready_fn *fn, void *ctx);
/* NULL is fine. Before fd is closed. */
void net_watch_free(struct net_watch *w);
/* What to watch for from now on: enum net_ready, or 0 for nothing. */
void net_watch_want(struct net_watch *w, uint32_t want);

#endif
