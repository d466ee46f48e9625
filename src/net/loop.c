/* SPDX-License-Identifier: MIT */
/*
 * libevent's loop, of which one pass at a time is asked for. A watch is one event; changing what it wants is rare (a
 * socket that takes no more bytes) and costs a system call then.
 *
 * The wait is bounded by one event without a descriptor. It stays armed over passes that end at the same time: under load
 * that is nearly all of them, since the owner's next timer is the same for many turns.
 *
 * The system may refuse to watch a descriptor: it has no memory, or the user watches as many as one may (fs.epoll.max_user_watches). It is asked
 * again each second; whoever is behind the descriptor waits, as where there is no descriptor left.
 */
#include "net/loop.h"

#include "base/link.h"
#include "base/mem.h"
#include "os/spin.h"
#include "os/thread.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <unistd.h>

#define RETRY_US 1000000
#define ONE_PASS (EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY)

struct net_loop {
    struct event_base *base; /* owned */
    struct event deadline;
    int64_t armed_until_us; /* 0: it is not */
    bool is_polling;
    bool has_called;      /* back, in this pass */
    struct spin spins[2]; /* when nothing is under way, and when something is */
    bool is_expecting;
    struct link refused; /* watches that the system did not take */
    int64_t retry_at_us;
};

struct net_watch {
    struct event event;
    struct net_loop *loop; /* borrowed */
    net_ready_fn *fn;
    void *ctx;
    int fd; /* borrowed */
    uint32_t want;
    struct link refused;
};

static void on_deadline(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    ((struct net_loop *)ctx)->armed_until_us = 0;
}

static void on_event(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    struct net_watch *w = ctx;
    uint32_t ready = (events & EV_READ ? NET_READABLE : 0) | (events & EV_WRITE ? NET_WRITABLE : 0);
    w->loop->has_called = true;
    w->fn(w->ctx, ready);
}

/*
 * libevent opens one descriptor to wait with and two for signals, and ends the process when it gets none for those. So it is asked only
 * where there are as many.
 */
static oxq_err find_descriptors(struct oxq_error *err)
{
    enum { WANTED = 3 };
    int fds[WANTED], count = 0;
    oxq_err e = OXQ_OK;
    while (count < WANTED && !e) {
        e = waker_open(&fds[count], err);
        if (!e) count++;
    }
    while (count > 0) close(fds[--count]);
    return e;
}

oxq_err net_loop_new(struct net_loop **out, struct oxq_error *err)
{
    oxq_err e = find_descriptors(err);
    if (e) return e;
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config) {
        /* One thread; and no look at the environment for variables that choose another way of waiting. */
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
        base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (!base) return err_set(err, OXQ_ERR_IO, "cannot make an event loop: too many open files, or no memory");
    struct net_loop *loop = mem_alloc_zero(sizeof(*loop));
    loop->base = base;
    link_init(&loop->refused);
    loop->spins[false].is_idle = true;
    evtimer_assign(&loop->deadline, base, on_deadline, loop);
    *out = loop;
    return OXQ_OK;
}

void net_loop_free(struct net_loop *loop)
{
    if (!loop) return;
    event_del(&loop->deadline);
    event_base_free(loop->base);
    mem_free(loop);
}

static void arm(struct net_loop *loop, int64_t wait_us, int64_t until_us)
{
    if (loop->armed_until_us == until_us) return;
    struct timeval wait = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};
    event_add(&loop->deadline, &wait);
    loop->armed_until_us = until_us;
}

/* True: something was ready. */
static bool look(struct net_loop *loop)
{
    loop->has_called = false;
    event_base_loop(loop->base, ONE_PASS | EVLOOP_NONBLOCK);
    return loop->has_called;
}

void net_loop_expect(struct net_loop *loop, bool is_expecting)
{
    loop->is_expecting = is_expecting;
}

/* As net_loop_poll. It does not sleep for less than SPIN_IDLE_US, which takes longer than that: it may come back early then. */
static void wait_until(struct net_loop *loop, int64_t wait_us, int64_t until_us)
{
    struct spin_wait wait;
    bool is_ready = false;
    spin_begin(&wait, &loop->spins[loop->is_expecting]);
    while (!is_ready && wait.seen_us < until_us && spin_again(&wait)) is_ready = look(loop);
    if (!is_ready && wait_us > SPIN_IDLE_US) {
        arm(loop, wait_us, until_us);
        event_base_loop(loop->base, ONE_PASS);
    } else if (!is_ready) {
        (void)look(loop);
    }
    spin_end(&wait);
}

static void try_refused(struct net_loop *loop, int64_t now_us)
{
    if (link_is_empty(&loop->refused) || now_us < loop->retry_at_us) return;
    loop->retry_at_us = now_us + RETRY_US;
    for (struct link *at = loop->refused.next, *next = at->next; at != &loop->refused; at = next, next = at->next) {
        struct net_watch *w = LINK_OWNER(at, struct net_watch, refused);
        if (event_add(&w->event, NULL) == 0) link_remove(at);
    }
}

void net_loop_poll(struct net_loop *loop, int64_t now_us, int64_t until_us)
{
    CHECK(!loop->is_polling);
    loop->is_polling = true;
    try_refused(loop, now_us);
    if (until_us > now_us)
        wait_until(loop, until_us - now_us, until_us);
    else
        look(loop);
    loop->is_polling = false;
}

static void assign(struct net_watch *w)
{
    short events = EV_PERSIST;
    if (w->want & NET_READABLE) events |= EV_READ;
    if (w->want & NET_WRITABLE) events |= EV_WRITE;
    event_assign(&w->event, w->loop->base, w->fd, events, on_event, w);
    if (w->want && event_add(&w->event, NULL) != 0) link_push_tail(&w->loop->refused, &w->refused);
}

static void forget(struct net_watch *w)
{
    event_del(&w->event);
    link_remove(&w->refused);
}

struct net_watch *net_watch_new(struct net_loop *loop, int fd, net_ready_fn *fn, void *ctx)
{
    struct net_watch *w = mem_alloc_zero(sizeof(*w));
    w->loop = loop;
    w->fn = fn;
    w->ctx = ctx;
    w->want = NET_READABLE;
    w->fd = fd;
    assign(w);
    return w;
}

void net_watch_free(struct net_watch *w)
{
    if (!w) return;
    forget(w);
    mem_free(w);
}

void net_watch_want(struct net_watch *w, uint32_t want)
{
    if (w->want == want) return;
    forget(w);
    w->want = want;
    assign(w);
}
