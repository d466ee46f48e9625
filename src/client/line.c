/* SPDX-License-Identifier: MIT */
/*
 * A line is a link that is made again when it broke. The lock guards the pointer to it, for the one other thread that may
 * come: to cancel. What goes on over the link needs no lock.
 */
#include "base/mem.h"
#include "client/cluster.h"
#include "client/key.h"
#include "os/clock.h"

#include <unistd.h>

struct client_line {
    struct client *client;    /* link */
    struct link listed;       /* in the client's lines */
    int slot;                 /* of its key */
    struct client_node *node; /* link: where it last connected to */
    struct lock lock;         /* of `link` */
    struct client_link *link; /* owned; NULL: not connected */
    atomic_bool is_cancelled;
    int cancel_fd; /* owned: readable when cancelled */
    uint64_t connects;
};

struct client_line *client_line_new(struct client *c, struct slice key)
{
    struct client_line *l = mem_alloc_zero(sizeof(*l));
    l->client = c;
    l->slot = key.len > 0 ? client_key_slot(key) : CLIENT_SLOT_NONE;
    lock_init(&l->lock);
    /* Without a descriptor cancelling has to wait for an attempt to connect, and for nothing else. */
    if (waker_open(&l->cancel_fd, NULL) != OXQ_OK) l->cancel_fd = 0;
    lock_enter(&c->lock);
    link_push_tail(&c->lines, &l->listed);
    atomic_store(&l->is_cancelled, atomic_load(&c->is_cancelled));
    lock_leave(&c->lock);
    return l;
}

static void drop_link(struct client_line *l)
{
    lock_enter(&l->lock);
    struct client_link *link = l->link;
    l->link = NULL;
    lock_leave(&l->lock);
    client_link_close(link);
}

void client_line_free(struct client_line *l)
{
    if (!l) return;
    lock_enter(&l->client->lock);
    link_remove(&l->listed);
    lock_leave(&l->client->lock);
    drop_link(l);
    if (l->cancel_fd) close(l->cancel_fd);
    lock_deinit(&l->lock);
    mem_free(l);
}

/* Inside the client's lock, whose condition a pausing line waits on. */
static void cancel(struct client_line *l)
{
    atomic_store(&l->is_cancelled, true);
    if (l->cancel_fd) waker_wake(l->cancel_fd);
    lock_enter(&l->lock);
    if (l->link) client_link_interrupt(l->link);
    lock_leave(&l->lock);
}

void client_line_cancel(struct client_line *l)
{
    lock_enter(&l->client->lock);
    cancel(l);
    lock_notify(&l->client->lock);
    lock_leave(&l->client->lock);
}

void client_lines_cancel(struct client *c)
{
    for (struct link *at = c->lines.next; at != &c->lines; at = at->next)
        cancel(LINK_OWNER(at, struct client_line, listed));
}

struct client *client_line_client(const struct client_line *l)
{
    return l->client;
}

uint64_t client_line_connects(const struct client_line *l)
{
    return l->connects;
}

/* ---------------------------------------------------------------- connecting */

static oxq_err say_cancelled(struct oxq_error *err)
{
    return err_set(err, OXQ_ERR_CANCELLED, "it was cancelled");
}

static oxq_err connect_once(struct client_line *l, int64_t until_us, struct oxq_error *err)
{
    struct client *c = l->client;
    struct client_cancel how = {&l->is_cancelled, l->cancel_fd};
    struct client_node *node;
    struct client_link *link;
    int64_t attempt_until_us = client_until(c, c->opts.connect_timeout_ms);
    if (until_us < attempt_until_us) attempt_until_us = until_us;
    oxq_err e = client_route(c, l->slot, attempt_until_us, &node, err);
    if (!e) e = client_node_open(node, attempt_until_us, &how, &link, err);
    if (e && client_is_passing(e)) client_note_missing(c);
    if (e) return e;
    l->node = node;
    lock_enter(&l->lock);
    l->link = link;
    if (atomic_load(&l->is_cancelled)) client_link_interrupt(link);
    lock_leave(&l->lock);
    l->connects++;
    return OXQ_OK;
}

bool client_line_rest(struct client_line *l, int failures, int64_t until_us)
{
    struct client_cancel how = {&l->is_cancelled, l->cancel_fd};
    int64_t retry_at_us = client_retry_at(l->client, failures);
    if (retry_at_us >= until_us) return false;
    (void)client_pause(l->client, retry_at_us, &how);
    return true;
}

oxq_err client_line_connect(struct client_line *l, struct oxq_error *err)
{
    struct client *c = l->client;
    bool is_patient = c->opts.patience == CLIENT_PATIENT;
    int64_t until_us = is_patient ? INT64_MAX : client_until(c, 0);
    for (int failures = 1; !l->link; failures++) {
        if (atomic_load(&l->is_cancelled)) return say_cancelled(err);
        oxq_err e = connect_once(l, until_us, err);
        if (!e) break;
        if (!client_is_passing(e) || (!is_patient && failures >= c->opts.attempts)) return e;
        if (!client_line_rest(l, failures, until_us)) return e;
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- calling */

oxq_err client_line_queue(struct client_line *l, const struct client_command *command, struct oxq_error *err)
{
    oxq_err e = client_line_connect(l, err);
    if (e) return e;
    struct buf *out = client_link_output(l->link);
    size_t before = out->len;
    /* A line is for waiting, seldom for scripts: they go as text, which no server can have forgotten. */
    e = client_command_encode(command, true, out);
    if (!e) return OXQ_OK;
    out->len = before;
    return client_encode_error(e, err);
}

size_t client_line_queued_bytes(const struct client_line *l)
{
    return l->link ? client_link_output(l->link)->len : 0;
}

oxq_err client_line_next(struct client_line *l, int64_t timeout_ms, struct resp_value *out, struct oxq_error *err)
{
    struct oxq_error why = {0};
    if (atomic_load(&l->is_cancelled)) return say_cancelled(err);
    if (!l->link) return err_set(err, OXQ_ERR_UNCERTAIN, "nothing was asked since the connection broke");
    oxq_err e = client_link_next(l->link, client_until(l->client, timeout_ms), out, &why);
    if (atomic_load(&l->is_cancelled)) e = OXQ_ERR_CANCELLED;
    if (!e) return OXQ_OK;
    if (e == OXQ_ERR_TIMEOUT) return err_set(err, e, "%s", why.text);
    if (e == OXQ_ERR_CANCELLED)
        say_cancelled(err);
    else if (e == OXQ_ERR_CLOSED)
        e = err_set(err, OXQ_ERR_UNCERTAIN, "the connection to %s broke before an answer came: %.150s",
                    client_link_address(l->link), why.text);
    else
        err_set(err, e, "%s", why.text);
    drop_link(l);
    return e;
}

/* After a refusal: is it worth another try, and when? */
static bool may_try_again(struct client_line *l, const struct resp_value *v)
{
    enum client_refusal refusal = v->kind == RESP_ERROR ? client_refusal_of(v->text) : CLIENT_REFUSAL_FINAL;
    struct client_redirect to;
    bool is_redirect = refusal == CLIENT_REFUSAL_MOVED || refusal == CLIENT_REFUSAL_ASK;
    if (is_redirect && (!l->client->cluster || !client_redirect_read(v->text, &to))) return false;
    /* A slot that is on its way is soon here or there: who blocks can wait for that. */
    if (refusal == CLIENT_REFUSAL_MOVED) client_cluster_redirect(l->client->cluster, l->node, &to, false);
    if (refusal == CLIENT_REFUSAL_READONLY || refusal == CLIENT_REFUSAL_MOVED) drop_link(l);
    return is_redirect || refusal == CLIENT_REFUSAL_LATER || refusal == CLIENT_REFUSAL_READONLY;
}

oxq_err client_line_call(struct client_line *l, const struct client_command *command, int64_t timeout_ms,
                         struct resp_value *out, struct oxq_error *err)
{
    struct client_cancel how = {&l->is_cancelled, l->cancel_fd};
    int64_t give_up_us = client_until(l->client, 0);
    for (int refusals = 1;; refusals++) {
        oxq_err e = client_line_queue(l, command, err);
        if (!e) e = client_line_next(l, timeout_ms, out, err);
        if (e == OXQ_ERR_TIMEOUT) drop_link(l);
        if (e) return e;
        int64_t retry_at_us = client_retry_at(l->client, refusals);
        if (retry_at_us >= give_up_us || !may_try_again(l, out)) return OXQ_OK;
        if (!client_pause(l->client, retry_at_us, &how)) return say_cancelled(err);
    }
}
