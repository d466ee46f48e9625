/* SPDX-License-Identifier: MIT */
/*
 * Whoever is asked first may be behind the times, for a moment after a failover. That is noticed by the server itself, which has to
 * call itself a master (ROLE) before it is used; until it does, connecting fails and the question is asked again.
 * So no subscription to +switch-master is needed: a connection to a server that was demoted is closed by Sentinel, or says READONLY.
 */
#include "client/sentinel.h"

#include "base/mem.h"
#include "base/num.h"
#include "os/clock.h"

#include <stdio.h>

struct client_sentinel {
    const struct client_url *url; /* borrowed */
    struct net_tls *tls;          /* borrowed, or NULL */
    struct client_login login;
    _Atomic size_t first; /* the one to ask first */
};

struct client_sentinel *client_sentinel_new(const struct client_url *url, struct net_tls *tls)
{
    struct client_sentinel *s = mem_alloc_zero(sizeof(*s));
    s->url = url;
    s->tls = tls;
    s->login = (struct client_login){.user = url->sentinel_user, .password = url->sentinel_password, .name = url->name};
    return s;
}

void client_sentinel_free(struct client_sentinel *s)
{
    mem_free(s);
}

/* The answer: an array of host and port. */
static oxq_err read_answer(const struct client_sentinel *s, const char *who, const struct resp_value *v,
                           struct client_address *out, struct oxq_error *err)
{
    int64_t port;
    if (v->kind == RESP_ERROR)
        return err_set(err, OXQ_ERR_UNREACHABLE, "the Sentinel %s answers: %.*s", who,
                       v->text.len > 120 ? 120 : (int)v->text.len, v->text.at);
    if (v->kind == RESP_NULL)
        return err_set(err, OXQ_ERR_UNREACHABLE,
                       "the Sentinel %s knows no master called '%.60s': look at SENTINEL MASTERS", who, s->url->master);
    bool is_address = v->kind == RESP_ARRAY && v->count == 2 && v->items[0].kind == RESP_BULK &&
                      v->items[0].text.len < sizeof(out->host) && num_parse_int(v->items[1].text, &port) && port > 0 &&
                      port <= 65535;
    if (!is_address) return err_set(err, OXQ_ERR_FORMAT, "what answers at %s is no Sentinel", who);
    *out = (struct client_address){.port = (int)port};
    memcpy(out->host, v->items[0].text.at, v->items[0].text.len);
    return OXQ_OK;
}

static oxq_err ask_one(const struct client_sentinel *s, size_t i, const struct client_link_opts *how,
                       struct client_address *out, struct oxq_error *err)
{
    struct client_address at = {.port = s->url->hosts[i].port};
    struct client_link_opts opts = *how;
    struct client_link *link = NULL;
    snprintf(at.host, sizeof(at.host), "%s", s->url->hosts[i].host);
    opts.address = &at;
    opts.login = &s->login;
    opts.tls = s->tls;
    oxq_err e = client_link_open(&opts, &link, err);
    if (e) return e;
    struct slice argv[] = {SLICE_LIT("SENTINEL"), SLICE_LIT("GET-MASTER-ADDR-BY-NAME"),
                           slice_from_text(s->url->master)};
    struct resp_value v = {.kind = RESP_NULL};
    e = client_link_queue(link, argv, 3);
    if (!e) e = client_link_next(link, opts.until_us, &v, err);
    e = e ? err_set(err, OXQ_ERR_UNREACHABLE, "the Sentinel %s does not answer", client_link_address(link))
          : read_answer(s, client_link_address(link), &v, out, err);
    client_link_close(link);
    return e;
}

oxq_err client_sentinel_locate(struct client_sentinel *s, const struct client_link_opts *how,
                               struct client_address *out, struct oxq_error *err)
{
    struct client_link_opts opts = {.cancel_fd = how->cancel_fd, .is_cancelled = how->is_cancelled};
    size_t count = s->url->hosts_count, first = atomic_load(&s->first);
    oxq_err e = OXQ_ERR_UNREACHABLE;
    for (size_t i = 0; i < count; i++) {
        /* One that is silent takes its share of the time, not that of the others; the master has to be reached too. */
        int64_t now = clock_mono_us(os_clock());
        opts.until_us = now + (how->until_us - now) / (int64_t)(count - i + 1);
        size_t at = (first + i) % count;
        e = ask_one(s, at, &opts, out, err);
        if (e == OXQ_OK) atomic_store(&s->first, at);
        if (e == OXQ_OK || e == OXQ_ERR_CANCELLED) return e;
    }
    return e;
}
