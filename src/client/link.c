/* SPDX-License-Identifier: MIT */
#include "client/link.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/dial.h"

#include <stdio.h>
#include <string.h>

#define READ_BYTES ((size_t)16 * 1024)

struct client_link {
    struct net_stream *stream; /* owned */
    struct net_tls *tls;       /* owned, or NULL */
    struct buf output;         /* requests that are queued */
    struct buf input;          /* taken_bytes of replies that were taken, then what came after them */
    size_t taken_bytes;        /* the last of these replies is lent out until the next one is asked for */
    struct arena arena;        /* the tree of that reply */
    int64_t timeout_ms;
};

/* ---------------------------------------------------------------- one call */

static oxq_err append_header(struct buf *out, char type, size_t n)
{
    char text[NUM_INT_MAX_CHARS + 3];
    text[0] = type;
    size_t len = 1 + num_format_int(text + 1, (int64_t)n);
    text[len++] = '\r';
    text[len++] = '\n';
    return buf_append(out, slice_of(text, len));
}

oxq_err client_link_queue(struct client_link *l, const struct slice *argv, size_t argc)
{
    struct buf *out = &l->output;
    oxq_err e = append_header(out, '*', argc);
    for (size_t i = 0; i < argc && !e; i++) {
        e = append_header(out, '$', argv[i].len);
        if (!e) e = buf_append(out, argv[i]);
        if (!e) e = buf_append(out, SLICE_LIT("\r\n"));
    }
    return e;
}

static oxq_err wait_for(struct client_link *l, uint32_t ready, struct oxq_error *err)
{
    oxq_err e = net_stream_wait(l->stream, ready, l->timeout_ms);
    if (!e) return OXQ_OK;
    return err_set(err, e, "the server does not answer within %d ms", (int)l->timeout_ms);
}

static oxq_err send_all(struct client_link *l, struct slice bytes, struct oxq_error *err)
{
    while (bytes.len > 0) {
        size_t sent = 0;
        oxq_err e = net_stream_write(l->stream, bytes, &sent, err);
        bytes = slice_from(bytes, sent);
        if (!e && bytes.len > 0) e = wait_for(l, NET_WRITABLE, err);
        if (e) return e;
    }
    return OXQ_OK;
}

static oxq_err read_more(struct client_link *l, struct oxq_error *err)
{
    buf_consume(&l->input, l->taken_bytes);
    l->taken_bytes = 0;
    oxq_err e = buf_reserve(&l->input, READ_BYTES);
    if (e == OXQ_ERR_MEMORY) return err_set(err, e, "no memory for a reply of more than %zu bytes", l->input.len);
    if (e) return err_set(err, e, "the reply is longer than %zu bytes", l->input.limit_bytes);
    for (;;) {
        size_t got = 0;
        e = net_stream_read(l->stream, l->input.at + l->input.len, l->input.cap - l->input.len, &got, err);
        l->input.len += got;
        if (e != OXQ_ERR_AGAIN) return e;
        e = wait_for(l, NET_READABLE, err);
        if (e) return e;
    }
}

static oxq_err receive(struct client_link *l, struct resp_value *out, struct oxq_error *err)
{
    struct resp_scan scan = {0};
    oxq_err e;
    while ((e = resp_scan_next(&scan, slice_from(buf_borrow(&l->input), l->taken_bytes))) == OXQ_ERR_AGAIN) {
        e = read_more(l, err);
        if (e) return e;
    }
    if (!e) e = resp_reply_read(slice_of(l->input.at + l->taken_bytes, scan.used_bytes), &l->arena, out);
    if (e) return err_set(err, e, "what answers does not speak the Redis protocol");
    l->taken_bytes += scan.used_bytes;
    return OXQ_OK;
}

size_t client_link_queued_bytes(const struct client_link *l)
{
    return l->output.len;
}

oxq_err client_link_next(struct client_link *l, struct resp_value *out, struct oxq_error *err)
{
    arena_reset(&l->arena);
    oxq_err e = send_all(l, buf_borrow(&l->output), err);
    buf_consume(&l->output, l->output.len);
    return e ? e : receive(l, out, err);
}

oxq_err client_link_call(struct client_link *l, const struct slice *argv, size_t argc, struct resp_value *out,
                         struct oxq_error *err)
{
    oxq_err e = client_link_queue(l, argv, argc);
    return e ? err_set(err, e, "no memory for the request") : client_link_next(l, out, err);
}

/* ---------------------------------------------------------------- opening */

static oxq_err call_ok(struct client_link *l, const struct slice *argv, size_t argc, struct oxq_error *err)
{
    struct resp_value reply = {0};
    oxq_err e = client_link_call(l, argv, argc, &reply, err);
    if (e || reply.kind != RESP_ERROR) return e;
    return err_set(err, OXQ_ERR_SERVER, "%.*s", (int)reply.text.len, reply.text.at);
}

static oxq_err log_in(struct client_link *l, const struct client_link_opts *o, struct oxq_error *err)
{
    const char *password = o->url->password ? o->url->password : o->password;
    if (!password || !password[0]) return OXQ_OK;
    struct slice argv[] = {SLICE_LIT("AUTH"), slice_from_text(o->url->user ? o->url->user : "default"),
                           slice_from_text(password)};
    return call_ok(l, argv, 3, err);
}

static oxq_err select_db(struct client_link *l, int db, struct oxq_error *err)
{
    if (db == 0) return OXQ_OK;
    char digits[NUM_INT_MAX_CHARS];
    struct slice argv[] = {SLICE_LIT("SELECT"), slice_of(digits, num_format_int(digits, db))};
    return call_ok(l, argv, 2, err);
}

static oxq_err dial(struct client_link *l, const struct client_link_opts *o, struct oxq_error *err)
{
    struct net_tls_opts tls = {.cert = o->tls_cert, .key = o->tls_key, .ca = o->tls_ca};
    oxq_err e = o->url->is_tls ? net_tls_new_client(&tls, &l->tls, err) : OXQ_OK;
    if (e) return e;
    struct net_dial_opts dial = {.host = o->url->host,
                                 .port = o->url->port,
                                 .unix_path = o->url->unix_path,
                                 .tls = l->tls,
                                 .timeout_ms = o->timeout_ms};
    return net_dial(&dial, &l->stream, err);
}

oxq_err client_link_open(const struct client_link_opts *opts, struct client_link **out, struct oxq_error *err)
{
    struct client_link *l = mem_alloc_zero(sizeof(*l));
    l->input.limit_bytes = CLIENT_REPLY_BYTES_MAX;
    l->output.limit_bytes = SIZE_MAX;
    l->timeout_ms = opts->timeout_ms;
    oxq_err e = dial(l, opts, err);
    if (!e) e = log_in(l, opts, err);
    if (!e) e = select_db(l, opts->url->db, err);
    if (e) {
        client_link_close(l);
        return e;
    }
    *out = l;
    return OXQ_OK;
}

void client_link_close(struct client_link *l)
{
    if (!l) return;
    net_stream_free(l->stream);
    net_tls_free(l->tls);
    buf_deinit(&l->output);
    buf_deinit(&l->input);
    arena_deinit(&l->arena);
    mem_free(l);
}
