/* SPDX-License-Identifier: MIT */
/*
 * A map of 16,384 slots, filled from CLUSTER SLOTS of whichever node answers first, over a connection of its own. It is asked for
 * when there is none, and again, not more often than each REFRESH_MIN_US, after something did not fit it: a node said MOVED, or did not
 * answer. One thread asks; the others go on with what was known, and only wait where nothing is known yet.
 *
 * Nodes that were heard of stay as long as the client: other threads may be in their pipelines. Their number is bounded, since a
 * cluster has at most CLIENT_SLOTS_COUNT masters, and an address that comes back is the same node.
 */
#include "client/cluster.h"

#include "base/mem.h"
#include "client/key.h"
#include "client/refusal.h"
#include "os/clock.h"

#include <stdio.h>

#define REFRESH_MIN_US 100000

struct client_cluster {
    struct client *client;                          /* link; its lock guards what follows */
    struct client_node *owners[CLIENT_SLOTS_COUNT]; /* links; NULL: nobody's, as far as we know */
    bool is_known;                                  /* the map was filled once */
    bool is_doubtful;
    bool is_asking;         /* a thread is about it */
    int64_t asked_at_us;    /* when it last was */
    struct oxq_error error; /* of asking last time; OK: it went well */
    oxq_err e;
};

struct client_cluster *client_cluster_new(struct client *c)
{
    struct client_cluster *k = mem_alloc_zero(sizeof(*k));
    k->client = c;
    k->asked_at_us = INT64_MIN / 2;
    return k;
}

void client_cluster_free(struct client_cluster *k)
{
    mem_free(k);
}

/* ---------------------------------------------------------------- CLUSTER SLOTS */

bool client_cluster_read_entry(const struct resp_value *entry, const struct client_address *asked, int *out_first,
                               int *out_last, struct client_address *out)
{
    if (entry->kind != RESP_ARRAY || entry->count < 3) return false;
    const struct resp_value *first = &entry->items[0], *last = &entry->items[1], *node = &entry->items[2];
    if (first->kind != RESP_INTEGER || last->kind != RESP_INTEGER || node->kind != RESP_ARRAY || node->count < 2)
        return false;
    if (first->integer < 0 || last->integer >= CLIENT_SLOTS_COUNT || first->integer > last->integer) return false;
    const struct resp_value *host = &node->items[0], *port = &node->items[1];
    if (port->kind != RESP_INTEGER || port->integer < 1 || port->integer > 65535) return false;
    *out = (struct client_address){.port = (int)port->integer};
    /* A node that does not know its own name says nothing or "?": it is the one that was asked. */
    bool is_named = host->kind == RESP_BULK && host->text.len > 0 && !slice_is(host->text, "?");
    struct slice name = is_named ? host->text : slice_from_text(asked->host);
    if (name.len >= sizeof(out->host)) return false;
    memcpy(out->host, name.at, name.len);
    *out_first = (int)first->integer;
    *out_last = (int)last->integer;
    return true;
}

/* An error in place of slots. */
static oxq_err refuse(const struct client_address *asked, struct slice text, struct oxq_error *err)
{
    int len = text.len > 80 ? 80 : (int)text.len;
    enum client_refusal refusal = client_refusal_of(text);
    if (refusal == CLIENT_REFUSAL_LATER)
        return err_set(err, OXQ_ERR_UNREACHABLE, "the node %s:%d is not ready: %.*s", asked->host, asked->port, len,
                       text.at);
    if (refusal == CLIENT_REFUSAL_LOGIN)
        return err_set(err, OXQ_ERR_PERMISSION, "the node %s:%d does not tell its slots: %.*s", asked->host,
                       asked->port, len, text.at);
    return err_set(err, OXQ_ERR_CONFIG, "the server %s:%d is no cluster (%.*s): its URL is redis://host:port",
                   asked->host, asked->port, len, text.at);
}

static oxq_err fill_map(struct client_cluster *k, const struct client_address *asked, const struct resp_value *slots,
                        struct oxq_error *err)
{
    struct client *c = k->client;
    if (slots->kind == RESP_ERROR) return refuse(asked, slots->text, err);
    if (slots->kind != RESP_ARRAY)
        return err_set(err, OXQ_ERR_FORMAT, "what answers at %s:%d is no cluster", asked->host, asked->port);
    if (slots->count == 0)
        return err_set(err, OXQ_ERR_UNREACHABLE, "the node %s:%d belongs to a cluster without slots", asked->host,
                       asked->port);
    lock_enter(&c->lock);
    memset(k->owners, 0, sizeof(k->owners));
    for (size_t i = 0; i < slots->count; i++) {
        struct client_address address;
        int first, last;
        if (!client_cluster_read_entry(&slots->items[i], asked, &first, &last, &address)) continue;
        struct client_node *n = client_node_at(c, &address);
        for (int slot = first; slot <= last; slot++) k->owners[slot] = n;
    }
    k->is_known = true;
    k->is_doubtful = false;
    lock_leave(&c->lock);
    return OXQ_OK;
}

static oxq_err ask_node(struct client_cluster *k, const struct client_address *at, int64_t until_us,
                        struct oxq_error *err)
{
    struct client *c = k->client;
    struct client_link *link = NULL;
    struct client_link_opts opts = {.address = at,
                                    .login = &c->login,
                                    .tls = c->tls,
                                    .until_us = until_us,
                                    .cancel_fd = c->cancel_fd,
                                    .is_cancelled = &c->is_cancelled};
    oxq_err e = client_link_open(&opts, &link, err);
    if (e) return e;
    struct slice argv[] = {SLICE_LIT("CLUSTER"), SLICE_LIT("SLOTS")};
    struct resp_value slots = {.kind = RESP_NULL};
    e = client_link_queue(link, argv, 2);
    if (!e) e = client_link_next(link, until_us, &slots, err);
    e = e ? err_set(err, OXQ_ERR_UNREACHABLE, "the node %s does not answer", client_link_address(link))
          : fill_map(k, at, &slots, err);
    client_link_close(link);
    return e;
}

/* Those of the URL, then those that were heard of. */
static size_t list_addresses(struct client *c, struct client_address *out, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < c->url.hosts_count && count < cap; i++, count++) {
        out[count] = (struct client_address){.port = c->url.hosts[i].port};
        snprintf(out[count].host, sizeof(out[count].host), "%s", c->url.hosts[i].host);
    }
    lock_enter(&c->lock);
    for (const struct client_node *n = c->nodes; n && count < cap; n = n->next) out[count++] = n->address;
    lock_leave(&c->lock);
    return count;
}

static oxq_err ask_all(struct client_cluster *k, int64_t until_us, struct oxq_error *err)
{
    struct client_address at[2 * CLIENT_URL_HOSTS_MAX];
    size_t count = list_addresses(k->client, at, sizeof(at) / sizeof(at[0]));
    oxq_err e = OXQ_ERR_UNREACHABLE;
    for (size_t i = 0; i < count; i++) {
        int64_t now = clock_mono_us(os_clock());
        e = ask_node(k, &at[i], now + (until_us - now) / (int64_t)(count - i), err);
        if (!client_is_passing(e)) return e;
    }
    return e;
}

/* ---------------------------------------------------------------- routing */

/* Inside the lock, which is left while the cluster is asked. */
static void refresh(struct client_cluster *k, int64_t until_us)
{
    struct client *c = k->client;
    int64_t latest_us = client_until(c, c->opts.connect_timeout_ms);
    k->is_asking = true;
    lock_leave(&c->lock);
    oxq_err e = ask_all(k, until_us < latest_us ? until_us : latest_us, &k->error);
    lock_enter(&c->lock);
    k->e = e;
    k->asked_at_us = clock_mono_us(os_clock());
    k->is_asking = false;
    lock_notify(&c->lock);
}

static bool may_refresh(const struct client_cluster *k)
{
    if (k->is_asking || (k->is_known && !k->is_doubtful)) return false;
    return clock_mono_us(os_clock()) - k->asked_at_us >= REFRESH_MIN_US;
}

/* For a command without a key: the node of the first slot that has one. */
static struct client_node *find_owner(const struct client_cluster *k, int slot)
{
    if (slot != CLIENT_SLOT_NONE) return k->owners[slot];
    for (int i = 0; i < CLIENT_SLOTS_COUNT; i++) {
        if (k->owners[i]) return k->owners[i];
    }
    return NULL;
}

oxq_err client_cluster_route(struct client_cluster *k, int slot, int64_t until_us, struct client_node **out,
                             struct oxq_error *err)
{
    struct client *c = k->client;
    oxq_err e = OXQ_OK;
    lock_enter(&c->lock);
    if (may_refresh(k)) refresh(k, until_us);
    while (!k->is_known && k->is_asking && lock_wait(&c->lock, until_us)) {
    }
    *out = find_owner(k, slot);
    if (!*out && k->e) e = err_set(err, k->e, "%s", k->error.text);
    if (!*out && !e) e = err_set(err, OXQ_ERR_UNREACHABLE, "no node of the cluster %s has the slot %d", c->name, slot);
    if (!*out) k->is_doubtful = true;
    lock_leave(&c->lock);
    return e;
}

struct client_node *client_cluster_redirect(struct client_cluster *k, const struct client_node *from,
                                            const struct client_redirect *to, bool is_ask)
{
    struct client_address address = {.port = to->port};
    struct slice host =
        to->host.len > 0 && to->host.len < sizeof(address.host) ? to->host : slice_from_text(from->address.host);
    memcpy(address.host, host.at, host.len);
    lock_enter(&k->client->lock);
    struct client_node *n = client_node_at(k->client, &address);
    if (!is_ask) {
        k->owners[to->slot] = n;
        k->is_doubtful = true;
    }
    lock_leave(&k->client->lock);
    return n;
}

void client_cluster_doubt(struct client_cluster *k)
{
    lock_enter(&k->client->lock);
    k->is_doubtful = true;
    lock_leave(&k->client->lock);
}
