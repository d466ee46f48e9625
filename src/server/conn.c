/* SPDX-License-Identifier: MIT */
/*
 * One connection.
 *
 * Input. Bytes are read into the server's scratch, parsed there, and the requests run with arguments that point into it.
 * What is left (half a request; whole ones beyond the connection's share of the turn) is copied into the connection's own
 * `input`, and starts the scratch next time. Only a long half request (a big argument) is read straight into `input`,
 * which doubles as bytes arrive; so does everything while the scratch is taken, that is inside the engine's poll.
 *
 *   input: |....already executed....|....not yet....|    input_at marks the border
 *
 * Output. client.out holds replies; what the engine released and we have not sent lies between sent_bytes and released_bytes.
 * Sent bytes are taken off in one piece when all are sent, or when they are half of the buffer: a slow reader of a
 * long reply costs no more memmove than the reply's own length.
 *
 *   out: |....sent....|....released....|....behind the gate....|
 *
 * A reply of which nothing was sent, with nothing behind it, may depart: the buffer goes to the sender's batch (server/sender.h), and what
 * comes meanwhile waits in a new one, to which the rest is put in front where the socket did not take all.
 *
 * A connection ends in two steps. conn_close takes it out of the game at any time, also from within a request of its own;
 * the server frees it later, between requests.
 */
#include "base/mem.h"
#include "os/log.h"
#include "server/state.h"

#include <stdio.h>

/* Room made for a read into a connection's own buffer. The buffer doubles when it is full: what a client claims is believed
 * as far as READ_BYTES_MAX, the rest as it comes. */
#define READ_BYTES_MIN ((size_t)4 * 1024)
#define READ_BYTES_MAX ((size_t)64 * 1024)

static void on_ready(void *ctx, uint32_t ready)
{
    struct server_conn *c = ctx;
    struct turn *turn = c->server->is_waiting ? c->server->shared : NULL;
    if (turn) turn_enter(turn);
    if (ready & NET_READABLE) c->is_readable = true;
    conn_mark_ready(c);
    if (turn) turn_leave(turn);
}

void conn_open(struct server *s, const struct net_peer *peer, enum engine_client_kind kind, bool is_trusted)
{
    struct server_conn *c = mem_alloc_zero(sizeof(*c));
    struct oxq_error err;
    struct net_stream_opts opts = {
        .loop = s->loop, .fn = on_ready, .ctx = c, .tls = kind == ENGINE_CLIENT_TLS ? s->tls : NULL};
    if (net_stream_new(peer->fd, &opts, &c->stream, &err) != OXQ_OK) {
        log_event(LOG_WARNING, "connection refused", log_text("addr", peer->addr), log_text("reason", err.text));
        mem_free(c);
        return;
    }
    if (kind != ENGINE_CLIENT_UNIX) net_stream_keep_alive(c->stream, s->config->tcp_keepalive_s);
    c->server = s;
    c->input.limit_bytes = SIZE_MAX;
    c->last_io_us = s->now_us;
    c->is_hungry = true;
    c->client.kind = kind;
    c->client.fd = peer->fd;
    memcpy(c->client.addr, peer->addr, sizeof(c->client.addr));
    memcpy(c->client.laddr, peer->laddr, sizeof(c->client.laddr));
    link_push_tail(&s->conns, &c->link);
    s->conns_count++;
    engine_client_open(s->engine, &c->client);
    if (is_trusted) c->client.flags |= ENGINE_CLIENT_TRUSTED;
}

void conn_free(struct server_conn *c)
{
    CHECK(!conn_is_running(c) && !conn_is_departing(c));
    log_event(LOG_DEBUG, "client closed", log_int("id", (int64_t)c->client.id), log_text("addr", c->client.addr));
    engine_client_close(&c->client);
    link_remove(&c->link);
    link_remove(&c->ready_link);
    link_remove(&c->flush_link);
    link_remove(&c->closing_link);
    c->server->conns_count--;
    net_stream_free(c->stream);
    resp_parser_deinit(&c->parser);
    buf_deinit(&c->input);
    mem_free(c);
}

void conn_mark_ready(struct server_conn *c)
{
    if (link_is_linked(&c->ready_link)) return;
    c->turn = c->server->turn + 1;
    link_push_tail(&c->server->ready, &c->ready_link);
}

/* ---------------------------------------------------------------- the end */

void conn_close(struct server_conn *c, bool is_dropped)
{
    struct server *s = c->server;
    c->is_dropped |= is_dropped;
    s->is_reap_due = true;
    if (c->is_closing) return;
    c->is_closing = true;
    c->close_by_us = s->now_us + SERVER_LINGER_US;
    net_stream_stop_reading(c->stream);
    link_push_tail(&s->closing, &c->closing_link);
}

void conn_drop(struct server_conn *c, const char *reason)
{
    if (c->is_dropped) return;
    log_event(LOG_WARNING, "client closed by the server", log_int("id", (int64_t)c->client.id),
              log_text("addr", c->client.addr), log_text("reason", reason));
    conn_close(c, true);
}

/* The other side is gone; only TLS that went wrong is worth a line. */
static void lose(struct server_conn *c, oxq_err e, const struct oxq_error *err)
{
    if (e == OXQ_ERR_TLS)
        conn_drop(c, err->text);
    else
        conn_close(c, true);
}

/* ---------------------------------------------------------------- output */

static void drop_output(struct server_conn *c)
{
    struct engine_client *client = &c->client;
    c->sent_bytes = 0;
    client->released_bytes = 0;
    client->out.len = 0;
    if (client->out.cap > SERVER_BUFFER_KEPT_BYTES) buf_deinit(&client->out);
    if (c->is_closing) c->server->is_reap_due = true;
}

static void note_sent(struct server_conn *c, size_t sent_bytes)
{
    struct engine_host_stats *stats = engine_host_stats(c->server->engine);
    stats->writes++;
    stats->output_bytes += sent_bytes;
    if (sent_bytes > 0) c->last_io_us = c->server->now_us;
}

void conn_flush(struct server_conn *c)
{
    struct engine_client *client = &c->client;
    struct oxq_error err;
    if (client->released_bytes == c->sent_bytes || c->is_dropped || conn_is_departing(c)) return;
    struct slice bytes = slice_of(client->out.at + c->sent_bytes, client->released_bytes - c->sent_bytes);
    size_t sent = 0;
    oxq_err e = net_stream_write(c->stream, bytes, &sent, &err);
    if (e) {
        lose(c, e, &err);
        return;
    }
    note_sent(c, sent);
    c->sent_bytes += sent;
    if (c->sent_bytes == client->out.len) {
        drop_output(c);
    } else if (c->sent_bytes > client->out.len / 2) {
        buf_consume(&client->out, c->sent_bytes);
        client->released_bytes -= c->sent_bytes;
        c->sent_bytes = 0;
    }
}

bool conn_depart(struct server_conn *c)
{
    struct engine_client *client = &c->client;
    bool can_depart = c->sent_bytes == 0 && client->released_bytes == client->out.len && client->out.len > 0 &&
                      client->out.cap <= SERVER_BUFFER_KEPT_BYTES && !c->is_dropped && !conn_is_departing(c) &&
                      net_stream_can_send(c->stream);
    if (!can_depart || !sender_add(c->server->sender, c->stream, buf_borrow(&client->out), c)) return false;
    c->departing = buf_take(&client->out);
    client->released_bytes = 0;
    return true;
}

void conn_departed(struct server_conn *c, size_t sent_bytes)
{
    struct engine_client *client = &c->client;
    size_t rest = c->departing.len - sent_bytes;
    note_sent(c, sent_bytes);
    buf_consume(&c->departing, sent_bytes);
    if (rest > 0 && buf_insert(&client->out, 0, buf_borrow(&c->departing)) != OXQ_OK)
        conn_drop(c, "no memory for its replies");
    else
        client->released_bytes += rest;
    c->departing.len = 0;
    /* The buffer is ready for the next reply, unless that one has its own already. */
    if (client->out.cap == 0)
        client->out = buf_take(&c->departing);
    else
        buf_deinit(&c->departing);
    /* Not by the sender: this tells what is wrong with the socket, or asks the loop to tell of room. */
    conn_flush(c);
    if (c->is_closing) c->server->is_reap_due = true;
}

static void drop_unread(struct server_conn *c, const char *reason)
{
    engine_host_stats(c->server->engine)->output_limit++;
    conn_drop(c, reason);
}

void conn_check_output(struct server_conn *c)
{
    const struct config_output_limit *limit = engine_client_output_limit(&c->client);
    int64_t unread = (int64_t)(c->client.out.len - c->sent_bytes + c->departing.len);
    if (limit->hard_bytes && unread > limit->hard_bytes) {
        drop_unread(c, "it left more replies unread than the hard client-output-buffer-limit");
    } else if (!limit->soft_bytes || unread <= limit->soft_bytes) {
        c->soft_since_us = 0;
    } else if (c->soft_since_us == 0) {
        c->soft_since_us = c->server->now_us;
    } else if (c->server->now_us - c->soft_since_us >= limit->soft_s * 1000000) {
        drop_unread(c, "it left more replies unread than the soft client-output-buffer-limit for too long");
    }
}

void conn_end(struct server_conn *c)
{
    if (c->client.writer.reply.is_full && !c->is_dropped)
        drop_unread(c, "its replies became longer than the hard client-output-buffer-limit, 4 GB or the memory allow");
    conn_close(c, true);
}

/* ---------------------------------------------------------------- requests */

/* Browsers can be made to send requests to any port; as inline commands they must do nothing. */
static bool is_http(const struct resp_parser *p)
{
    return p->is_inline && (slice_is(p->argv[0], "post") || slice_is(p->argv[0], "host:"));
}

static void refuse_request(struct server_conn *c)
{
    log_event(LOG_WARNING, "protocol error", log_int("id", (int64_t)c->client.id), log_text("addr", c->client.addr),
              log_text("reason", c->parser.error));
    engine_protocol_error(&c->client, c->parser.error);
}

static struct resp_limits limits_of(const struct server_conn *c)
{
    int64_t bulk_bytes = c->server->config->max_bulk_bytes;
    if (bulk_bytes > (int64_t)ENGINE_ARGUMENT_MAX_BYTES) bulk_bytes = (int64_t)ENGINE_ARGUMENT_MAX_BYTES;
    return (struct resp_limits){.bulk_bytes = bulk_bytes,
                                .is_authenticated = engine_client_is_authenticated(&c->client)};
}

/*
 * Executes the requests that start at `at`, until they are used up, the connection's share of the turn is, or the client waits.
 * Returns the bytes that are done with.
 */
static size_t execute(struct server_conn *c, char *at, size_t len)
{
    size_t used = 0, unread = c->client.out.len;
    c->is_hungry = false;
    for (int n = 0; n < SERVER_TURN_REQUESTS_MAX && c->client.out.len < unread + SERVER_TURN_REPLY_BYTES; n++) {
        if (c->client.state != ENGINE_CLIENT_READY || c->is_closing) break;
        struct resp_limits limits = limits_of(c);
        enum resp_parsed parsed = resp_parser_next(&c->parser, at + used, len - used, &limits);
        if (parsed == RESP_NEED_MORE) {
            c->is_hungry = true;
            break;
        }
        if (parsed == RESP_BROKEN) {
            refuse_request(c);
            break;
        }
        used += c->parser.used_bytes;
        if (c->parser.argc == 0) continue;
        if (is_http(&c->parser)) {
            conn_drop(c, "it spoke HTTP: a browser made to attack this port?");
            break;
        }
        c->client.input_bytes = len - used;
        engine_execute(&c->client, c->parser.argv, c->parser.argc);
    }
    resp_parser_trim(&c->parser);
    return used;
}

/* ---------------------------------------------------------------- input */

static size_t pending_bytes(const struct server_conn *c)
{
    return c->input.len - c->input_at;
}

/* The bytes before input_at are done with. */
static void settle_input(struct server_conn *c)
{
    if (c->input_at == c->input.len) {
        c->input.len = 0;
        c->input_at = 0;
        if (c->input.cap > SERVER_BUFFER_KEPT_BYTES) buf_deinit(&c->input);
    }
    c->client.input_bytes = pending_bytes(c);
    c->client.input_free_bytes = c->input.cap - c->input.len;
    if (c->client.input_bytes <= (size_t)c->server->config->query_buffer_bytes) return;
    engine_host_stats(c->server->engine)->query_limit++;
    conn_drop(c, "it sent more than client-query-buffer-limit without a request's end");
}

static void execute_input(struct server_conn *c)
{
    if (pending_bytes(c) == 0) {
        c->is_hungry = true;
        return;
    }
    c->input_at += execute(c, c->input.at + c->input_at, pending_bytes(c));
    settle_input(c);
}

/* False: nothing came, or the connection is lost. */
static bool read_into(struct server_conn *c, char *to, size_t cap, size_t *out_bytes)
{
    struct oxq_error err;
    c->is_readable = false;
    oxq_err e = net_stream_read(c->stream, to, cap, out_bytes, &err);
    /* It may only have ended its side: replies that wait for the disk still go to it. One that is blocked has none coming. */
    if (e == OXQ_ERR_CLOSED && c->client.state == ENGINE_CLIENT_READY)
        conn_close(c, false);
    else if (e && e != OXQ_ERR_AGAIN)
        lose(c, e, &err);
    if (e) return false;
    struct engine_host_stats *stats = engine_host_stats(c->server->engine);
    stats->reads++;
    stats->input_bytes += *out_bytes;
    c->last_io_us = c->server->now_us;
    if (net_stream_has_more(c->stream)) {
        c->is_readable = true;
        conn_mark_ready(c);
    }
    return true;
}

static void read_to_scratch(struct server_conn *c)
{
    struct server *s = c->server;
    size_t half = pending_bytes(c);
    size_t got = 0;
    if (!read_into(c, s->scratch + half, SERVER_SCRATCH_BYTES - half, &got)) return;
    if (half) memcpy(s->scratch, c->input.at + c->input_at, half);
    c->input.len = 0;
    c->input_at = 0;
    s->is_scratch_taken = true;
    size_t used = execute(c, s->scratch, half + got);
    s->is_scratch_taken = false;
    struct slice rest = slice_of(s->scratch + used, half + got - used);
    if (rest.len && buf_append(&c->input, rest) != OXQ_OK) {
        conn_drop(c, "no memory for its request");
        return;
    }
    settle_input(c);
}

static void read_to_input(struct server_conn *c)
{
    if (c->input_at > 0) {
        buf_consume(&c->input, c->input_at);
        c->input_at = 0;
    }
    size_t want = c->is_hungry ? resp_parser_missing(&c->parser, c->input.len) : 1;
    if (want < READ_BYTES_MIN) want = READ_BYTES_MIN;
    if (want > READ_BYTES_MAX) want = READ_BYTES_MAX;
    if (buf_reserve(&c->input, want) != OXQ_OK) {
        conn_drop(c, "no memory for its request");
        return;
    }
    size_t got = 0;
    if (!read_into(c, c->input.at + c->input.len, c->input.cap - c->input.len, &got)) return;
    c->input.len += got;
    if (c->client.state == ENGINE_CLIENT_READY)
        execute_input(c);
    else
        settle_input(c);
}

static bool fits_scratch(const struct server_conn *c)
{
    if (c->client.state != ENGINE_CLIENT_READY || c->server->is_scratch_taken) return false;
    size_t half = pending_bytes(c);
    return half == 0 ||
           (half <= SERVER_SCRATCH_HALF_MAX && half + resp_parser_missing(&c->parser, half) <= SERVER_SCRATCH_BYTES);
}

void conn_run(struct server_conn *c)
{
    conn_flush(c);
    /* While a guest was in, the engine wanted it closed. */
    if (!c->is_closing && c->client.state == ENGINE_CLIENT_CLOSING) conn_end(c);
    if (c->is_closing) return;
    if (!c->is_hungry && c->client.state == ENGINE_CLIENT_READY)
        execute_input(c);
    else if (c->is_readable && fits_scratch(c))
        read_to_scratch(c);
    else if (c->is_readable)
        read_to_input(c);
    if (!c->is_hungry && c->client.state == ENGINE_CLIENT_READY && !c->is_closing) conn_mark_ready(c);
}

void conn_trim(struct server_conn *c)
{
    if (c->input.len == 0) buf_deinit(&c->input);
    if (c->client.out.len == 0) buf_deinit(&c->client.out);
}
