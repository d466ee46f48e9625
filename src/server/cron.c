/* SPDX-License-Identifier: MIT */
/*
 * What must happen to connections that do nothing: each is visited about once a second, some of them ten times a
 * second, so that no visit of all of them ever holds up the rest.
 */
#include "os/log.h"
#include "server/state.h"

#define CRON_US ((int64_t)100 * 1000)
#define VISITS_MIN 16
/* Without a byte in either direction for so long, buffers are given back. */
#define IDLE_BUFFERS_US ((int64_t)2 * 1000000)

/* Who waits for others, or for a reply that waits for the disk, is not idle. */
static bool is_idle(const struct server_conn *c)
{
    const struct engine_client *client = &c->client;
    int64_t timeout_s = c->server->config->timeout_s;
    if (timeout_s == 0 || client->state != ENGINE_CLIENT_READY) return false;
    if (client->out.len > client->released_bytes || conn_is_departing(c)) return false;
    if (map_count(&client->channels) + map_count(&client->patterns) > 0 || client->flags & ENGINE_CLIENT_MONITOR)
        return false;
    return c->server->now_us - c->last_io_us >= timeout_s * 1000000;
}

static void visit(struct server_conn *c)
{
    int64_t now_us = c->server->now_us;
    if (c->is_closing) {
        if (now_us >= c->close_by_us) conn_close(c, true);
        return;
    }
    if (now_us - c->last_io_us >= IDLE_BUFFERS_US) conn_trim(c);
    conn_check_output(c);
    if (!is_idle(c) || c->is_closing) return;
    log_event(LOG_INFO, "client closed by the server", log_int("id", (int64_t)c->client.id),
              log_text("addr", c->client.addr), log_text("reason", "it was idle for longer than timeout"));
    conn_close(c, true);
}

void cron_run(struct server *s)
{
    if (s->now_us < s->cron_at_us) return;
    s->cron_at_us = s->now_us + CRON_US;
    accept_cron(s);
    size_t visits = s->conns_count / 10 > VISITS_MIN ? s->conns_count / 10 : VISITS_MIN;
    if (visits > s->conns_count) visits = s->conns_count;
    while (visits-- > 0) {
        struct server_conn *c = LINK_OWNER(s->conns.next, struct server_conn, link);
        link_remove(&c->link);
        link_push_tail(&s->conns, &c->link);
        visit(c);
    }
}
