/* SPDX-License-Identifier: MIT */
/* Threads, a lock with a condition, and a descriptor that wakes a loop: as much of POSIX threads as oxq needs. */
#ifndef OS_THREAD_H
#define OS_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
    pthread_t id;
    bool is_started;
    void (*run)(void *ctx);
    void *ctx;
};

/*
 * Signals are blocked in it. `name`: at most 15 characters, for ps and debuggers. *t stays where it is until thread_join.
 * Errors: MEMORY (the system's limits).
 */
OXQ_MUST_USE oxq_err thread_start(struct thread *t, const char *name, void (*run)(void *ctx), void *ctx,
                                  struct oxq_error *err);
/* The calling thread works when others have nothing to do: lower priority for the processor and the disk. */
void thread_lower_priority(void);
/* Waits for its end; nothing when it was not started. */
void thread_join(struct thread *t);

/* A lock and one condition. The functions cannot fail but by our own mistake. */
struct lock {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
};
void lock_init(struct lock *l);
void lock_deinit(struct lock *l);
void lock_enter(struct lock *l);
void lock_leave(struct lock *l);
/* Waits for lock_notify, inside. until_us: CLOCK_MONOTONIC, INT64_MAX for ever; false: the time came. It may return
 * true without a reason: look again at what was waited for. */
bool lock_wait(struct lock *l, int64_t until_us);
/* Wakes all who wait. */
void lock_notify(struct lock *l);

/* An eventfd that a loop watches. Errors: IO. Owns: caller, close(2). */
OXQ_MUST_USE oxq_err waker_open(int *out_fd, struct oxq_error *err);
/* Threads: any. */
void waker_wake(int fd);
/* Takes what came: before looking at what there is to do. */
void waker_clear(int fd);

#endif
