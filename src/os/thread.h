/* SPDX-License-Identifier: MIT */
/* Threads, a lock with a condition, and a descriptor that wakes a loop: as much of POSIX threads as oxq needs. */
#ifndef OS_THREAD_H
#define OS_THREAD_H

#include "base/err.h"
#include "os/spin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread {
    pthread_t id;
    bool is_started;
    size_t stack_bytes; /* set before thread_start; 0: the system's */
    void (*run)(void *ctx);
    void *ctx;
    const char *name; /* a literal */
};

/*
 * Signals are blocked in it. `name`: a literal of at most 15 characters, for ps and debuggers. *t stays where it is until thread_join.
 * Errors: MEMORY (the system's limits).
 */
OXQ_MUST_USE oxq_err thread_start(struct thread *t, const char *name, void (*run)(void *ctx), void *ctx,
                                  struct oxq_error *err);
/* The calling thread works when others have nothing to do: lower priority for the processor and the disk, and when it wakes it
 * takes the processor from nobody. */
void thread_lower_priority(void);
/*
 * The calling thread works in short bursts that others wait for. Where the scheduler knows slices of a thread's own (Linux 6.12), it
 * runs as soon as it wakes, also where no processor is idle, for as much of the processor's time as before; elsewhere nothing changes.
 */
void thread_shorten_slice(void);
/* How often the calling thread gave its processor up to wait for something, since it began. A system call. */
uint64_t thread_sleeps(void);
/* Waits for its end; nothing when it was not started. */
void thread_join(struct thread *t);
/* Nobody will wait for its end; *t may go. */
void thread_detach(struct thread *t);

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

/*
 * A lock between an owner, one thread that works in turns, and guests who come in between for moments. Neither keeps the other out: a
 * guest lets the owner go first, and the owner lets guests in between two turns.
 */
struct turn {
    struct lock lock;
    atomic_bool is_wanted;   /* by the owner */
    _Atomic uint32_t guests; /* that wait for it */
    struct spin spin;        /* of those */
};
void turn_init(struct turn *t);
void turn_deinit(struct turn *t);
void turn_enter(struct turn *t);
/* False: it was not free for wait_us; INT64_MAX: never. */
OXQ_MUST_USE bool turn_enter_as_guest(struct turn *t, int64_t wait_us);
void turn_leave(struct turn *t);
bool turn_is_wanted_by_guests(const struct turn *t);
/* The owner, outside: gives guests that wait the time to come in. */
void turn_let_guests_in(const struct turn *t);

/* Something more to wait for under a lock, where who is woken matters. */
struct condition {
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
};
void condition_init(struct condition *c);
void condition_deinit(struct condition *c);
/* As lock_wait, inside l. */
bool condition_wait(struct condition *c, struct lock *l, int64_t until_us);
void condition_notify_one(struct condition *c);
void condition_notify_all(struct condition *c);

/*
 * A place where one thread sleeps until another leaves a number there. Unlike a lock's condition it wakes nobody else, and
 * whoever is woken takes no lock. What was written before notice_put is seen after notice_wait. All zero is empty.
 */
struct notice {
    _Atomic uint32_t value;
};
/* Numbers that may be left: 1 .. NOTICE_MAX. */
#define NOTICE_MAX (UINT32_MAX - 1)
/* Takes a number that is there away. */
void notice_clear(struct notice *n);
/* The same, and says which: 0 where there is none. What was written before its notice_put is seen. */
uint32_t notice_take(struct notice *n);
/* Leaves a number in place of another. True: somebody sleeps there, who must be woken with notice_wake(n). Threads: any. */
OXQ_MUST_USE bool notice_put(struct notice *n, uint32_t value);
/* The notice itself may be gone by now: only its address matters. Threads: any. */
void notice_wake(const struct notice *n);
/*
 * Sleeps until there is a number, which stays; 0: until_us (CLOCK_MONOTONIC, INT64_MAX for ever) came. spin: what is known of such
 * waits, so that it does not sleep for short ones (os/spin.h); NULL: it does. Threads: one at a time.
 */
uint32_t notice_wait(struct notice *n, struct spin *spin, int64_t until_us);

/*
 * A place where many sleep, each for a notice of its own, and are woken together by one system call. One whose notice is still empty then
 * sleeps on. All zero is empty. It must outlive those who sleep there, not the notices.
 */
struct crowd {
    _Atomic uint32_t turn;     /* how often it was woken */
    _Atomic uint32_t sleepers; /* none: nobody has to be woken */
};
/* As notice_wait, without a time. Whoever leaves the number calls crowd_wake. */
uint32_t crowd_wait(struct crowd *c, struct notice *n, struct spin *spin);
/* After the numbers were left with notice_put. Threads: any. */
void crowd_wake(struct crowd *c);

/* An eventfd that a loop watches. Errors: IO. Owns: caller, close(2). */
OXQ_MUST_USE oxq_err waker_open(int *out_fd, struct oxq_error *err);
/* Threads: any. */
void waker_wake(int fd);
/* Takes what came: before looking at what there is to do. */
void waker_clear(int fd);

#endif
