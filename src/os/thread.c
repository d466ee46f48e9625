/* SPDX-License-Identifier: MIT */
#include "os/thread.h"

#include "os/clock.h"
#include "os/process.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *run_thread(void *arg)
{
    struct thread *t = arg;
    /* Here, for one that ends at once is nobody whom the starter could name. */
    CHECK(pthread_setname_np(pthread_self(), t->name) == 0);
    t->run(t->ctx);
    return NULL;
}

/* 0, or an errno. */
static int create(struct thread *t)
{
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0);
    int rc = t->stack_bytes ? pthread_attr_setstacksize(&attr, t->stack_bytes) : 0;
    if (rc == 0) rc = pthread_create(&t->id, &attr, run_thread, t);
    CHECK(pthread_attr_destroy(&attr) == 0);
    return rc;
}

oxq_err thread_start(struct thread *t, const char *name, void (*run)(void *ctx), void *ctx, struct oxq_error *err)
{
    t->run = run;
    t->ctx = ctx;
    t->name = name;
    /* A thread inherits what is blocked where it starts: signals stay with the thread that reads them, but for those that are a thread's own
     * fault: whoever handles them would not be asked. */
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) sigdelset(&all, faults[i]);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int rc = create(t);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (rc != 0)
        return err_set(err, OXQ_ERR_MEMORY, "cannot start the thread %s, for too little memory or too many threads: %s",
                       name, strerror(rc));
    t->is_started = true;
    return OXQ_OK;
}

void thread_lower_priority(void)
{
    enum { NICE = 10, BEST_EFFORT_LOWEST = 2 << 13 | 7, WHO_THREAD = 1 };
    /* Linux keeps these for each thread, and 0 is the one that calls. A wish: where it is refused, things only go slower. */
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    (void)syscall(SYS_ioprio_set, WHO_THREAD, 0, BEST_EFFORT_LOWEST);
}

/* As the kernel has it: its own header does not go together with <sched.h>, which has the struct in newer libraries only. */
struct sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void thread_shorten_slice(void)
{
    /* The shortest that there is. */
    enum { SLICE_NS = 100000 };
    struct sched_attributes attr = {.size = sizeof(attr)};
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) != 0 || attr.policy != SCHED_OTHER) return;
    attr.runtime_ns = SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

uint64_t thread_sleeps(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
    return (uint64_t)usage.ru_nvcsw;
}

void thread_join(struct thread *t)
{
    if (!t->is_started) return;
    CHECK(pthread_join(t->id, NULL) == 0);
    t->is_started = false;
}

void thread_detach(struct thread *t)
{
    if (!t->is_started) return;
    CHECK(pthread_detach(t->id) == 0);
    t->is_started = false;
}

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(cond, &attr) == 0);
    CHECK(pthread_condattr_destroy(&attr) == 0);
}

static bool wait_on(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until_us)
{
    if (until_us == INT64_MAX) {
        CHECK(pthread_cond_wait(cond, mutex) == 0);
        return true;
    }
    if (until_us < 0) until_us = 0;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int rc = pthread_cond_timedwait(cond, mutex, &until);
    CHECK(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void lock_init(struct lock *l)
{
    CHECK(pthread_mutex_init(&l->mutex, NULL) == 0);
    init_cond(&l->changed);
}

void lock_deinit(struct lock *l)
{
    CHECK(pthread_cond_destroy(&l->changed) == 0);
    CHECK(pthread_mutex_destroy(&l->mutex) == 0);
}

void lock_enter(struct lock *l)
{
    CHECK(pthread_mutex_lock(&l->mutex) == 0);
}

void lock_leave(struct lock *l)
{
    CHECK(pthread_mutex_unlock(&l->mutex) == 0);
}

bool lock_wait(struct lock *l, int64_t until_us)
{
    return wait_on(&l->changed, &l->mutex, until_us);
}

void lock_notify(struct lock *l)
{
    CHECK(pthread_cond_broadcast(&l->changed) == 0);
}

void condition_init(struct condition *c)
{
    init_cond(&c->changed);
}

void condition_deinit(struct condition *c)
{
    CHECK(pthread_cond_destroy(&c->changed) == 0);
}

bool condition_wait(struct condition *c, struct lock *l, int64_t until_us)
{
    return wait_on(&c->changed, &l->mutex, until_us);
}

void condition_notify_one(struct condition *c)
{
    CHECK(pthread_cond_signal(&c->changed) == 0);
}

void condition_notify_all(struct condition *c)
{
    CHECK(pthread_cond_broadcast(&c->changed) == 0);
}

/* ---------------------------------------------------------------- a turn */

/* Looks of a guest at whether the owner has got in, before it no longer lets that one go first. */
#define COURTESY_YIELDS 64

void turn_init(struct turn *t)
{
    *t = (struct turn){0};
    lock_init(&t->lock);
}

void turn_deinit(struct turn *t)
{
    lock_deinit(&t->lock);
}

static bool try_enter(struct turn *t)
{
    return pthread_mutex_trylock(&t->lock.mutex) == 0;
}

void turn_enter(struct turn *t)
{
    if (try_enter(t)) return;
    atomic_store(&t->is_wanted, true);
    lock_enter(&t->lock);
    atomic_store(&t->is_wanted, false);
}

/* Spans of time are short here, so that a step of the wall clock matters to nobody; the thread sanitizer knows no lock on CLOCK_MONOTONIC. */
static bool enter_within(struct turn *t, int64_t wait_us)
{
    if (wait_us == INT64_MAX) {
        lock_enter(&t->lock);
        return true;
    }
    int64_t until_us = clock_wall_us(os_clock()) + wait_us;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    return pthread_mutex_timedlock(&t->lock.mutex, &until) == 0;
}

bool turn_enter_as_guest(struct turn *t, int64_t wait_us)
{
    for (int i = 0; i < COURTESY_YIELDS && atomic_load(&t->is_wanted); i++) (void)sched_yield();
    if (try_enter(t)) return true;
    struct spin_wait wait;
    bool is_in = false;
    atomic_fetch_add(&t->guests, 1);
    spin_begin(&wait, &t->spin);
    while (!is_in && spin_again(&wait)) is_in = try_enter(t);
    if (!is_in) is_in = enter_within(t, wait_us);
    spin_end(&wait);
    atomic_fetch_sub(&t->guests, 1);
    return is_in;
}

void turn_leave(struct turn *t)
{
    lock_leave(&t->lock);
}

bool turn_is_wanted_by_guests(const struct turn *t)
{
    return atomic_load(&t->guests) > 0;
}

void turn_let_guests_in(const struct turn *t)
{
    uint32_t before = atomic_load(&t->guests);
    for (int i = 0; i < COURTESY_YIELDS && before > 0 && atomic_load(&t->guests) >= before; i++) (void)sched_yield();
}

/* ---------------------------------------------------------------- a notice */

/* In place of a number: somebody sleeps. */
#define NOTICE_ASLEEP UINT32_MAX

void notice_clear(struct notice *n)
{
    atomic_store_explicit(&n->value, 0, memory_order_relaxed);
}

uint32_t notice_take(struct notice *n)
{
    return atomic_exchange_explicit(&n->value, 0, memory_order_acq_rel);
}

bool notice_put(struct notice *n, uint32_t value)
{
    return atomic_exchange_explicit(&n->value, value, memory_order_acq_rel) == NOTICE_ASLEEP;
}

void notice_wake(const struct notice *n)
{
    (void)syscall(SYS_futex, &n->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static uint32_t sleep_for(struct notice *n, int64_t until_us)
{
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    uint32_t seen = 0;
    if (!atomic_compare_exchange_strong_explicit(&n->value, &seen, NOTICE_ASLEEP, memory_order_acq_rel,
                                                 memory_order_acquire))
        return seen;
    for (;;) {
        /* With the bit set the time is one of CLOCK_MONOTONIC, not a span. */
        long rc = syscall(SYS_futex, &n->value, FUTEX_WAIT_BITSET_PRIVATE, NOTICE_ASLEEP,
                          until_us == INT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
        bool is_late = rc != 0 && errno == ETIMEDOUT;
        seen = atomic_load_explicit(&n->value, memory_order_acquire);
        if (seen != NOTICE_ASLEEP) return seen;
        if (!is_late) continue;
        if (atomic_compare_exchange_strong_explicit(&n->value, &seen, 0, memory_order_acq_rel, memory_order_acquire))
            return 0;
        return seen;
    }
}

uint32_t notice_wait(struct notice *n, struct spin *spin, int64_t until_us)
{
    uint32_t seen = atomic_load_explicit(&n->value, memory_order_acquire);
    if (seen) return seen;
    if (!spin) return sleep_for(n, until_us);
    struct spin_wait wait;
    spin_begin(&wait, spin);
    while (!seen && wait.seen_us < until_us && spin_again(&wait))
        seen = atomic_load_explicit(&n->value, memory_order_acquire);
    if (!seen) seen = sleep_for(n, until_us);
    spin_end(&wait);
    return seen;
}

/* ---------------------------------------------------------------- a crowd */

/* A turn that came between the look and the sleep makes the system call return at once. */
static uint32_t sleep_in_crowd(struct crowd *c, struct notice *n)
{
    for (;;) {
        uint32_t turn = atomic_load(&c->turn);
        uint32_t seen = atomic_load_explicit(&n->value, memory_order_acquire);
        if (seen) return seen;
        atomic_fetch_add(&c->sleepers, 1);
        (void)syscall(SYS_futex, &c->turn, FUTEX_WAIT_PRIVATE, turn, NULL, NULL, 0);
        atomic_fetch_sub(&c->sleepers, 1);
    }
}

uint32_t crowd_wait(struct crowd *c, struct notice *n, struct spin *spin)
{
    struct spin_wait wait;
    spin_begin(&wait, spin);
    uint32_t seen = atomic_load_explicit(&n->value, memory_order_acquire);
    while (!seen && spin_again(&wait)) seen = atomic_load_explicit(&n->value, memory_order_acquire);
    if (!seen) seen = sleep_in_crowd(c, n);
    spin_end(&wait);
    return seen;
}

void crowd_wake(struct crowd *c)
{
    atomic_fetch_add(&c->turn, 1);
    if (atomic_load(&c->sleepers) == 0) return;
    (void)syscall(SYS_futex, &c->turn, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---------------------------------------------------------------- a waker */

oxq_err waker_open(int *out_fd, struct oxq_error *err)
{
    int fd = process_move_off_standard(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (fd < 0) return err_set(err, OXQ_ERR_IO, "cannot make an eventfd: %s", strerror(errno));
    *out_fd = fd;
    return OXQ_OK;
}

void waker_wake(int fd)
{
    /* EAGAIN: the counter is full, and so it is awake already. */
    CHECK(eventfd_write(fd, 1) == 0 || errno == EAGAIN);
}

void waker_clear(int fd)
{
    eventfd_t count;
    CHECK(eventfd_read(fd, &count) == 0 || errno == EAGAIN);
}
