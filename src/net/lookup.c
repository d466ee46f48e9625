/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo cannot be interrupted, and waits for a name server that is silent for ten seconds and more. So a name, which may have
 * to be asked for, is looked up by a thread that lives as long as that takes; who has waited long enough leaves it behind. An address needs
 * no thread.
 */
#include "net/lookup.h"

#include "base/mem.h"
#include "os/clock.h"
#include "os/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Belongs to the thread and to who waits; the last to leave frees it. */
struct lookup {
    atomic_int users;
    atomic_bool is_done; /* found and rc are there */
    int done_fd;         /* owned: readable then */
    net_lookup_fn *fn;
    char *host; /* owned */
    char service[16];
    struct addrinfo *found; /* owned */
    int rc;
    struct thread thread;
};

static void leave(struct lookup *l)
{
    if (atomic_fetch_sub(&l->users, 1) > 1) return;
    if (l->found) freeaddrinfo(l->found);
    if (l->done_fd) close(l->done_fd);
    mem_free(l->host);
    mem_free(l);
}

static int ask(const struct lookup *l, int flags, struct addrinfo **out)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    return l->fn(l->host, l->service, &hints, out);
}

static void run(void *ctx)
{
    struct lookup *l = ctx;
    l->rc = ask(l, 0, &l->found);
    if (l->rc != 0) l->found = NULL;
    atomic_store(&l->is_done, true);
    waker_wake(l->done_fd);
    leave(l);
}

static oxq_err wait_for(struct lookup *l, int64_t until_us, int cancel_fd, struct oxq_error *err)
{
    struct pollfd p[] = {{.fd = l->done_fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    while (!atomic_load(&l->is_done)) {
        int left_ms = os_wait_ms(until_us);
        if (left_ms == 0) return err_set(err, OXQ_ERR_TIMEOUT, "the name server does not tell of %s in time", l->host);
        int n = poll(p, cancel_fd ? 2 : 1, left_ms);
        if (n > 0 && p[1].revents) return err_set(err, OXQ_ERR_CANCELLED, "looking %s up was cancelled", l->host);
    }
    return OXQ_OK;
}

/* Without a thread there is nothing but to wait for it ourselves. */
static oxq_err look_up_by_thread(struct lookup *l, int64_t until_us, int cancel_fd, struct oxq_error *err)
{
    atomic_store(&l->users, 2);
    if (waker_open(&l->done_fd, NULL) == OXQ_OK && thread_start(&l->thread, "oxq-lookup", run, l, NULL) == OXQ_OK) {
        thread_detach(&l->thread);
        return wait_for(l, until_us, cancel_fd, err);
    }
    atomic_store(&l->users, 1);
    l->rc = ask(l, 0, &l->found);
    return OXQ_OK;
}

static struct lookup *new_lookup(const struct net_lookup_opts *o)
{
    struct lookup *l = mem_alloc_zero(sizeof(*l));
    size_t bytes = strlen(o->host) + 1;
    atomic_store(&l->users, 1);
    l->fn = o->fn ? o->fn : getaddrinfo;
    l->host = memcpy(mem_alloc(bytes), o->host, bytes);
    snprintf(l->service, sizeof(l->service), "%d", o->port);
    return l;
}

/* Once it is done. */
static oxq_err take_found(struct lookup *l, struct addrinfo **out, struct oxq_error *err)
{
    if (l->rc != 0) return err_set(err, OXQ_ERR_NOT_FOUND, "cannot find %s: %s", l->host, gai_strerror(l->rc));
    *out = l->found;
    l->found = NULL;
    return OXQ_OK;
}

oxq_err net_lookup(const struct net_lookup_opts *opts, struct addrinfo **out, struct oxq_error *err)
{
    struct lookup *l = new_lookup(opts);
    oxq_err e = OXQ_OK;
    l->rc = ask(l, AI_NUMERICHOST, &l->found);
    if (l->rc != 0) {
        l->found = NULL;
        e = look_up_by_thread(l, opts->until_us, opts->cancel_fd, err);
    }
    if (!e) e = take_found(l, out, err);
    leave(l);
    return e;
}
