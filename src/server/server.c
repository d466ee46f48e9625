/* SPDX-License-Identifier: MIT */
/*
 * The turn of the loop, and the engine's host.
 *
 *   net_loop_poll    waits; its callbacks only note what is ready
 *   accept_ready     takes new connections
 *   run_ready        for each ready connection, in order: send, read, execute, up to its share; where many wait for an idle disk,
 *                    commit and flush meanwhile
 *   engine timers    when due
 *   engine_commit    the gate opens: host_release notes whose replies may leave
 *   flush_released   one write for each; where they are many, by the sender's thread while the next turn runs
 *   cron_run, reap   idle connections; those that are done with
 *
 * A connection found ready while a turn runs gets its turn in the next one (conn->turn).
 *
 * The engine's poll (a script runs past its time) is a turn within a request: everything but timers, cron and reap, and
 * without the connection whose request it is. Nothing is freed there.
 *
 * Stopping: no more is accepted, read or executed; the disk is waited for, and what the engine released is sent, for SERVER_DRAIN_US at most.
 */
#include "server/server.h"

#include "base/mem.h"
#include "os/log.h"
#include "os/process.h"
#include "os/thread.h"
#include "server/state.h"

#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the engine's host */

static struct server *server_of(struct engine_host *host)
{
    return (struct server *)host;
}

static void host_release(struct engine_host *host, struct engine_client *client)
{
    struct server_conn *c = conn_of(client);
    if (client->kind == ENGINE_CLIENT_EMBEDDED) {
        server_of(host)->release_guest(client);
        return;
    }
    if (!link_is_linked(&c->flush_link)) link_push_tail(&server_of(host)->flush, &c->flush_link);
}

static void host_resume(struct engine_host *host, struct engine_client *client)
{
    (void)host;
    conn_mark_ready(conn_of(client));
}

static void host_close(struct engine_host *host, struct engine_client *client, bool is_at_once)
{
    /* A guest sees it by his client's state; and of a connection's only the loop's thread may touch. */
    if (client->kind == ENGINE_CLIENT_EMBEDDED) return;
    if (server_of(host)->is_visited)
        conn_mark_ready(conn_of(client));
    else if (is_at_once)
        conn_end(conn_of(client));
    else
        conn_close(conn_of(client), false);
}

static void host_shut_down(struct engine_host *host)
{
    struct server *s = server_of(host);
    if (s->poll_depth > 0 && s->abandon) s->abandon(s->ctx);
    server_stop(s);
}

static void raise_files(const struct server *s)
{
    size_t want = (size_t)s->config->max_clients + SERVER_RESERVED_FILES;
    size_t got = process_raise_files(want);
    if (got >= want) return;
    int64_t fits = got > SERVER_RESERVED_FILES ? (int64_t)(got - SERVER_RESERVED_FILES) : 1;
    log_event(LOG_WARNING, "the limit of open files is lower than maxclients needs", log_int("limit", (int64_t)got),
              log_int("maxclients", fits), log_text("mend", "raise ulimit -n"));
    s->config->max_clients = fits;
}

void server_set_log(const struct config *config)
{
    enum log_level level;
    if (log_level_parse(slice_from_text(config->log_level), &level)) log_set_level(level);
    log_set_format(strcmp(config->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

static void host_loaded(struct engine_host *host, const struct oxq_error *err)
{
    struct server *s = server_of(host);
    if (s->loaded) s->loaded(s->ctx, err);
}

static void host_config_changed(struct engine_host *host, const char *name)
{
    struct server *s = server_of(host);
    if (strcmp(name, "maxclients") == 0) raise_files(s);
    if (strcmp(name, "loglevel") == 0 || strcmp(name, "log-format") == 0) server_set_log(s->config);
}

/* ---------------------------------------------------------------- guests */

static void leave_turn(struct server *s, int64_t until_us)
{
    if (!s->shared) return;
    engine_lend(s->engine);
    s->wakes_at_us = until_us;
    s->is_waiting = true;
    turn_leave(s->shared);
}

static void enter_turn(struct server *s)
{
    if (!s->shared) return;
    turn_enter(s->shared);
    s->is_waiting = false;
    s->is_awaited = false;
}

bool server_is_open_to_visits(const struct server *s)
{
    return s->engine && !s->is_stopping;
}

void server_begin_visit(struct server *s)
{
    s->is_visited = true;
    engine_enter(s->engine);
}

bool server_end_visit(struct server *s)
{
    engine_leave(s->engine);
    s->is_visited = false;
    bool must_wake = !link_is_empty(&s->ready) || !link_is_empty(&s->flush) || s->is_reap_due ||
                     engine_next_timer_us(s->engine) < s->wakes_at_us;
    if (!must_wake || s->is_awaited) return false;
    s->is_awaited = true;
    return true;
}

/* ---------------------------------------------------------------- the turn */

/* Waits outside of the turn. */
static void wait_until(struct server *s, int64_t until_us)
{
    int64_t now_us = clock_mono_us(s->clock);
    net_loop_expect(s->loop, engine_awaits_disk(s->engine));
    if (s->shared && until_us > now_us) {
        leave_turn(s, until_us);
        net_loop_poll(s->loop, now_us, until_us);
        enter_turn(s);
        return;
    }
    if (s->shared && turn_is_wanted_by_guests(s->shared)) {
        leave_turn(s, 0);
        turn_let_guests_in(s->shared);
        enter_turn(s);
    }
    net_loop_poll(s->loop, now_us, until_us);
}

/* Frees what is done with: only between requests. */
static void reap(struct server *s)
{
    if (!s->is_reap_due) return;
    s->is_reap_due = false;
    for (struct link *link = s->closing.next; link != &s->closing;) {
        struct server_conn *c = LINK_OWNER(link, struct server_conn, closing_link);
        link = link->next;
        /* What departs holds it up until it is looked at again (look_at_batch). */
        if (conn_is_departing(c)) continue;
        if (c->is_dropped || c->client.out.len == c->sent_bytes) conn_free(c);
    }
}

/* The batch of the turn before has left: what did not go is released again. Only between requests. */
static void look_at_batch(struct server *s)
{
    if (!s->sender || !sender_is_done(s->sender)) return;
    for (size_t i = 0; i < sender_items_count(s->sender); i++) {
        const struct sender_item *item = sender_item(s->sender, i);
        conn_departed(item->ctx, item->sent_bytes);
    }
    sender_clear(s->sender);
}

/* Those that can depart do, if they are enough to wake a thread for. */
static void depart_released(struct server *s)
{
    size_t count = 0;
    if (!s->sender || s->poll_depth > 0) return;
    /* A batch has one turn's time. Where the thread found no processor, nothing is gained, and nothing is late either. */
    sender_help(s->sender);
    look_at_batch(s);
    if (sender_has_batch(s->sender)) return;
    for (struct link *link = s->flush.next; link != &s->flush && count < SENDER_ITEMS_MIN; link = link->next) count++;
    if (count < SENDER_ITEMS_MIN) return;
    /* Only where there is something else to do meanwhile. Without this, adds from 256 connections lost 14 % where other programs wanted
     * the processors: the thread then took one from the clients that the engine was about to wait for. */
    net_loop_poll(s->loop, clock_mono_us(s->clock), 0);
    if (link_is_empty(&s->ready)) return;
    for (struct link *link = s->flush.next; link != &s->flush;) {
        struct server_conn *c = LINK_OWNER(link, struct server_conn, flush_link);
        link = link->next;
        if (conn_depart(c)) link_remove(&c->flush_link);
    }
    if (sender_has_batch(s->sender)) sender_start(s->sender);
}

static void flush_released(struct server *s)
{
    struct link running;
    link_init(&running);
    depart_released(s);
    while (!link_is_empty(&s->flush)) {
        struct server_conn *c = LINK_OWNER(s->flush.next, struct server_conn, flush_link);
        link_remove(&c->flush_link);
        if (conn_is_running(c)) {
            /* Its reply is half written, and the engine knows places in its buffer. */
            link_push_tail(&running, &c->flush_link);
            continue;
        }
        conn_flush(c);
        if (!c->is_closing) conn_check_output(c);
    }
    while (!link_is_empty(&running)) {
        struct link *link = running.next;
        link_remove(link);
        link_push_tail(&s->flush, link);
    }
}

static void run_ready(struct server *s)
{
    uint64_t turn = ++s->turn;
    while (!link_is_empty(&s->ready)) {
        struct server_conn *c = LINK_OWNER(s->ready.next, struct server_conn, ready_link);
        if (c->turn > turn) break;
        link_remove(&c->ready_link);
        if (conn_is_running(c)) {
            /* In the engine's poll, the one who waits for it: its turn comes when its request is done. */
            conn_mark_ready(c);
            continue;
        }
        conn_run(c);
        /* Now, not at the end: whoever is gone must not be given what the next one brings. */
        if (s->poll_depth > 0) continue;
        reap(s);
        /* A long turn keeps neither the disk idle nor those waiting whom it has answered meanwhile. */
        if (!engine_is_commit_due(s->engine)) continue;
        engine_commit(s->engine);
        flush_released(s);
    }
}

static void host_poll(struct engine_host *host)
{
    struct server *s = server_of(host);
    s->poll_depth++;
    /* A script that runs so long must not hold up replies that came before it. */
    if (s->sender) sender_help(s->sender);
    net_loop_poll(s->loop, s->now_us, 0);
    s->now_us = clock_mono_us(s->clock);
    /* Also when it is to stop: somebody comes to end the script. */
    accept_ready(s);
    run_ready(s);
    engine_commit(s->engine);
    flush_released(s);
    s->poll_depth--;
}

static bool has_work(const struct server *s)
{
    if (!link_is_empty(&s->ready) || !link_is_empty(&s->flush) || s->is_reap_due) return true;
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) {
        for (const struct net_listener *l = s->listeners[kind]; l; l = l->next) {
            if (l->is_ready) return true;
        }
    }
    return false;
}

/* Nothing else is to be done: what the sender's thread has not begun. Returns when to look again. */
static int64_t help_to_send(struct server *s, int64_t until_us)
{
    sender_help(s->sender);
    look_at_batch(s);
    if (!sender_has_batch(s->sender)) return until_us;
    int64_t soon_us = clock_mono_us(s->clock) + SERVER_LOOK_AGAIN_US;
    return soon_us < until_us ? soon_us : until_us;
}

static void wait_for_work(struct server *s)
{
    s->timers_at_us = engine_next_timer_us(s->engine);
    int64_t until_us = s->timers_at_us < s->cron_at_us ? s->timers_at_us : s->cron_at_us;
    look_at_batch(s);
    bool is_sending = s->sender && sender_has_batch(s->sender);
    wait_until(s, is_sending || has_work(s) ? 0 : until_us);
    if (is_sending && !has_work(s)) {
        until_us = help_to_send(s, until_us);
        wait_until(s, has_work(s) ? 0 : until_us);
    }
    s->now_us = clock_mono_us(s->clock);
}

void server_end_sending(struct server *s)
{
    if (!s->sender) return;
    sender_finish(s->sender);
    look_at_batch(s);
    sender_free(s->sender);
    s->sender = NULL;
}

void server_turn(struct server *s)
{
    wait_for_work(s);
    accept_ready(s);
    run_ready(s);
    if (s->now_us >= s->timers_at_us) engine_run_timers(s->engine);
    engine_commit(s->engine);
    flush_released(s);
    cron_run(s);
    reap(s);
}

/* Sends what is left to send; nobody is read from any more. */
static void drain(struct server *s)
{
    accept_stop(s);
    server_end_sending(s);
    for (struct link *link = s->conns.next; link != &s->conns; link = link->next)
        conn_close(LINK_OWNER(link, struct server_conn, link), false);
    /* Replies that wait for the disk leave too. It is waited for in any case at the end, and nobody comes to share a sync. */
    engine_settle(s->engine);
    flush_released(s);
    int64_t until_us = clock_mono_us(s->clock) + SERVER_DRAIN_US;
    reap(s);
    while (s->conns_count > 0 && s->now_us < until_us) {
        net_loop_poll(s->loop, s->now_us, until_us);
        s->now_us = clock_mono_us(s->clock);
        run_ready(s);
        reap(s);
    }
}

static void free_conns(struct server *s)
{
    while (!link_is_empty(&s->conns)) conn_free(LINK_OWNER(s->conns.next, struct server_conn, link));
}

/* ---------------------------------------------------------------- life */

oxq_err server_new(const struct server_opts *opts, struct server **out, struct oxq_error *err)
{
    struct server *s = mem_alloc_zero(sizeof(*s));
    s->host = (struct engine_host){.release = host_release,
                                   .resume = host_resume,
                                   .close = host_close,
                                   .poll = host_poll,
                                   .shut_down = host_shut_down,
                                   .loaded = host_loaded,
                                   .config_changed = host_config_changed};
    s->config = opts->config;
    s->clock = opts->clock;
    s->shared = opts->turn;
    s->release_guest = opts->release_guest;
    s->abandon = opts->abandon;
    s->ctx = opts->ctx;
    s->loaded = opts->loaded;
    s->now_us = clock_mono_us(s->clock);
    link_init(&s->conns);
    link_init(&s->ready);
    link_init(&s->flush);
    link_init(&s->closing);
    s->scratch = mem_alloc(SERVER_SCRATCH_BYTES);
    s->sender = sender_new();
    raise_files(s);
    oxq_err e = net_loop_new(&s->loop, err);
    if (e) {
        server_free(s);
        return e;
    }
    *out = s;
    return OXQ_OK;
}

void server_free(struct server *s)
{
    if (!s) return;
    server_end_sending(s);
    free_conns(s);
    accept_stop(s);
    for (size_t i = 0; i < s->watches_count; i++) net_watch_free(s->watches[i].watch);
    net_loop_free(s->loop);
    net_tls_free(s->tls);
    mem_free(s->scratch);
    mem_free(s);
}

struct engine_host *server_host(struct server *s)
{
    return &s->host;
}

static void on_watched(void *ctx, uint32_t ready)
{
    (void)ready;
    struct server_watch *w = ctx;
    w->fn(w->ctx);
}

void server_watch(struct server *s, int fd, void (*fn)(void *ctx), void *ctx)
{
    CHECK(s->watches_count < SERVER_WATCHES_MAX);
    struct server_watch *w = &s->watches[s->watches_count++];
    w->fn = fn;
    w->ctx = ctx;
    w->watch = net_watch_new(s->loop, fd, on_watched, w);
}

void server_run(struct server *s, struct engine *engine)
{
    thread_shorten_slice();
    if (s->shared) turn_enter(s->shared);
    s->engine = engine;
    while (!s->is_stopping) server_turn(s);
    drain(s);
    free_conns(s);
    if (s->shared) turn_leave(s->shared);
}

void server_stop(struct server *s)
{
    s->is_stopping = true;
}

void server_abandon(struct server *s)
{
    accept_stop(s);
}

void server_forget(struct server *s)
{
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) {
        for (const struct net_listener *l = s->listeners[kind]; l; l = l->next) close(l->fd);
    }
    for (struct link *link = s->conns.next; link != &s->conns; link = link->next)
        close(LINK_OWNER(link, struct server_conn, link)->client.fd);
}

int server_port(const struct server *s)
{
    for (int kind = 0; kind < LISTENER_KINDS_COUNT; kind++) {
        for (const struct net_listener *l = s->listeners[kind]; l; l = l->next) {
            if (l->port) return l->port;
        }
    }
    return 0;
}
