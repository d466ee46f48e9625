/* SPDX-License-Identifier: MIT */
/*
 * Listening, and taking connections: the loop notes that somebody waits, accept_ready takes them in the turn.
 *
 * When there is no descriptor left, accepting pauses for a while: whoever waits stays in the kernel's queue, and the loop
 * does not spin on a listener that stays ready.
 */
#include "os/log.h"
#include "server/state.h"

#define PAUSE_US ((int64_t)500 * 1000)
#define MEND_EVERY_US ((int64_t)1000 * 1000)
#define REFUSED_LINE_EVERY_US ((int64_t)1000 * 1000)
#define ADDRESS_MAX 256

static const char *const kind_names[LISTENER_KINDS_COUNT] = {"plain", "tls", "folder"};

static oxq_err listen_all(struct server *s, int64_t port, struct net_listener **list, struct oxq_error *err)
{
    char address[ADDRESS_MAX];
    oxq_err e = OXQ_OK;
    for (const char *at = s->config->bind; !e && config_next_address(&at, address, sizeof(address));)
        e = net_listen_tcp(s->loop, address, (int)port, (int)s->config->tcp_backlog, list, err);
    return e;
}

static oxq_err open_tls(struct server *s, struct oxq_error *err)
{
    const struct config *c = s->config;
    enum net_tls_peers peers = c->tls_auth_clients[0] == 'y'   ? NET_TLS_PEERS_MUST
                               : c->tls_auth_clients[0] == 'n' ? NET_TLS_PEERS_UNASKED
                                                               : NET_TLS_PEERS_MAY;
    struct net_tls_opts opts = {.cert = c->tls_cert, .key = c->tls_key, .ca = c->tls_ca, .peers = peers};
    bool is_wanted = c->tls_cert[0] || c->tls_key[0] || c->tls_ca[0] || c->tls_port;
    return is_wanted ? net_tls_new_server(&opts, &s->tls, err) : OXQ_OK;
}

static void tell_addresses(const struct net_listener *list, const char *kind)
{
    for (; list; list = list->next)
        log_event(LOG_INFO, "listening", log_text("addr", list->address), log_text("kind", kind));
}

oxq_err server_listen(struct server *s, const char *folder_socket, struct oxq_error *err)
{
    const struct config *c = s->config;
    oxq_err e = open_tls(s, err);
    if (e) return e;
    bool has_plain = c->port && (!s->tls || c->tls_port);
    int64_t tls_port = c->tls_port ? c->tls_port : c->port;
    struct net_listener **lists = s->listeners;
    int backlog = (int)c->tcp_backlog;
    if (has_plain) e = listen_all(s, c->port, &lists[LISTENER_PLAIN], err);
    if (!e && s->tls && tls_port) e = listen_all(s, tls_port, &lists[LISTENER_TLS], err);
    if (!e && c->unix_path[0])
        e = net_listen_unix(s->loop, c->unix_path, (int)c->unix_perm, backlog, &lists[LISTENER_PLAIN], err);
    if (!e && folder_socket) e = net_listen_unix(s->loop, folder_socket, 0600, backlog, &lists[LISTENER_FOLDER], err);
    if (e) return e;
    if (!lists[LISTENER_PLAIN] && !lists[LISTENER_TLS] && !lists[LISTENER_FOLDER])
        return err_set(err, OXQ_ERR_CONFIG, "nothing to listen on: neither a port nor a unix socket");
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) tell_addresses(lists[kind], kind_names[kind]);
    return OXQ_OK;
}

/* ---------------------------------------------------------------- taking connections */

static void tell_refused(struct server *s, const char *text, const char *detail)
{
    if (s->now_us < s->quiet_until_us) return;
    s->quiet_until_us = s->now_us + REFUSED_LINE_EVERY_US;
    log_event(LOG_WARNING, text, log_text("reason", detail));
}

static void refuse(struct server *s, const struct net_peer *peer, enum engine_client_kind kind)
{
    /* Whoever still has a TLS handshake to do could not read a text. */
    bool can_read = kind != ENGINE_CLIENT_TLS;
    net_refuse(peer, can_read ? SLICE_LIT("-ERR max number of clients reached\r\n") : SLICE_LIT(""));
    engine_host_stats(s->engine)->refused_connections++;
    tell_refused(s, "connections refused", "maxclients is reached");
}

static void pause_all(struct server *s, bool is_paused)
{
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) {
        for (struct net_listener *l = s->listeners[kind]; l; l = l->next) net_listener_pause(l, is_paused);
    }
    s->accept_again_at_us = is_paused ? s->now_us + PAUSE_US : 0;
}

static void take(struct server *s, struct net_listener *l, enum listener_kind listener)
{
    enum engine_client_kind kind = listener == LISTENER_TLS ? ENGINE_CLIENT_TLS
                                   : l->unix_path           ? ENGINE_CLIENT_UNIX
                                                            : ENGINE_CLIENT_TCP;
    for (int n = 0; l->is_ready && n < SERVER_TURN_ACCEPTS_MAX; n++) {
        struct net_peer peer;
        struct oxq_error err;
        oxq_err e = net_accept(l, &peer, &err);
        if (e == OXQ_ERR_LIMIT) {
            tell_refused(s, "connections wait", err.text);
            pause_all(s, true);
        }
        if (e) continue;
        if ((int64_t)s->conns_count >= s->config->max_clients)
            refuse(s, &peer, kind);
        else
            conn_open(s, &peer, kind, listener == LISTENER_FOLDER);
    }
}

void accept_ready(struct server *s)
{
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) {
        for (struct net_listener *l = s->listeners[kind]; l; l = l->next) {
            if (l->is_ready) take(s, l, (enum listener_kind)kind);
        }
    }
}

/* Somebody tidied up: the socket of a folder is how other processes find who hosts it. */
static void mend_all(struct server *s)
{
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) {
        for (struct net_listener *l = s->listeners[kind]; l; l = l->next) {
            if (net_listener_mend(l))
                log_event(LOG_WARNING, "the file of a socket was removed and is made anew",
                          log_text("addr", l->address));
        }
    }
}

void accept_cron(struct server *s)
{
    /* A new one would not know that it is paused. */
    if (s->now_us < s->accept_again_at_us) return;
    if (s->accept_again_at_us) pause_all(s, false);
    if (s->now_us < s->mend_at_us) return;
    s->mend_at_us = s->now_us + MEND_EVERY_US;
    mend_all(s);
}

void accept_stop(struct server *s)
{
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) {
        net_listeners_free(s->listeners[kind]);
        s->listeners[kind] = NULL;
    }
}
