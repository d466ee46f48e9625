/* SPDX-License-Identifier: MIT */
/*
 * Logging in is one write and as many replies: AUTH, SELECT, CLIENT SETNAME, ROLE, INFO, each where it is wanted. A table says
 * how each is asked and what its reply means, in that order.
 */
#include "client/link.h"

#include "base/mem.h"
#include "base/num.h"
#include "client/refusal.h"
#include "net/dial.h"
#include "os/clock.h"
#include "resp/request.h"

#include <stdio.h>

#define READ_BYTES ((size_t)16 * 1024)
/* A silent peer is probed after this long, and is gone when it acknowledges nothing for twice as long. */
#define KEEP_ALIVE_S 15
#define SILENCE_MS (2000 * KEEP_ALIVE_S)
/* How late a login may be in noticing that it is cancelled. */
#define CANCEL_TICK_MS 50

struct client_link {
    struct net_stream *stream;       /* owned */
    struct buf output;               /* requests that are queued */
    struct buf input;                /* taken_bytes of replies that were taken, then what came after them */
    size_t taken_bytes;              /* the last of these replies is lent out until the next one is asked for */
    struct resp_scan scan;           /* of the reply that is coming */
    struct arena arena;              /* the tree of the last one */
    const atomic_bool *is_cancelled; /* while it is being opened */
    char address[CLIENT_ADDRESS_CHARS_MAX];
};

void client_address_format(const struct client_address *a, char out[CLIENT_ADDRESS_CHARS_MAX])
{
    if (!a->host[0])
        snprintf(out, CLIENT_ADDRESS_CHARS_MAX, "%.*s", CLIENT_ADDRESS_CHARS_MAX - 1, a->unix_path);
    else
        snprintf(out, CLIENT_ADDRESS_CHARS_MAX, strchr(a->host, ':') ? "[%s]:%d" : "%s:%d", a->host, a->port);
}

/* ---------------------------------------------------------------- sending and receiving */

oxq_err client_link_queue(struct client_link *l, const struct slice *argv, size_t argc)
{
    return resp_request_append(&l->output, argv, argc);
}

struct buf *client_link_output(struct client_link *l)
{
    return &l->output;
}

static int64_t left_ms(int64_t until_us)
{
    if (until_us == INT64_MAX) return INT64_MAX;
    int64_t left_us = until_us - clock_mono_us(os_clock());
    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

/* How long to wait at most before looking around again. */
static oxq_err find_wait(const struct client_link *l, int64_t until_us, int64_t *out_ms, struct oxq_error *err)
{
    int64_t left = left_ms(until_us);
    if (left == 0) return err_set(err, OXQ_ERR_TIMEOUT, "no answer from %s came in time", l->address);
    if (l->is_cancelled && atomic_load(l->is_cancelled))
        return err_set(err, OXQ_ERR_CANCELLED, "connecting to %s was cancelled", l->address);
    *out_ms = l->is_cancelled && left > CANCEL_TICK_MS ? CANCEL_TICK_MS : left;
    return OXQ_OK;
}

/* Reads once, when something comes before the time is over; OK with nothing read: look at the time again. */
static oxq_err read_some(struct client_link *l, int64_t timeout_ms, struct oxq_error *err)
{
    buf_consume(&l->input, l->taken_bytes);
    l->taken_bytes = 0;
    size_t got = 0;
    oxq_err e = buf_reserve(&l->input, READ_BYTES);
    if (e == OXQ_ERR_MEMORY) return err_set(err, e, "no memory for a reply of more than %zu bytes", l->input.len);
    if (e) return err_set(err, e, "a reply of %s is longer than %zu bytes", l->address, l->input.limit_bytes);
    e = net_stream_receive(l->stream, timeout_ms, l->input.at + l->input.len, l->input.cap - l->input.len, &got, err);
    l->input.len += got;
    return e == OXQ_ERR_AGAIN ? OXQ_OK : e;
}

/* While the server takes nothing we must read: it may wait for just that. */
static oxq_err send_all(struct client_link *l, int64_t until_us, struct oxq_error *err)
{
    size_t done = 0;
    oxq_err e = OXQ_OK;
    while (!e && done < l->output.len) {
        size_t sent = 0;
        e = net_stream_write(l->stream, slice_from(buf_borrow(&l->output), done), &sent, err);
        done += sent;
        if (e || done == l->output.len) break;
        int64_t wait_ms = 0;
        e = find_wait(l, until_us, &wait_ms, err);
        if (!e && net_stream_wait(l->stream, NET_READABLE | NET_WRITABLE, wait_ms) == OXQ_OK) e = read_some(l, 0, err);
    }
    buf_consume(&l->output, done);
    return e;
}

static oxq_err read_reply(struct client_link *l, struct resp_value *out, struct oxq_error *err)
{
    struct slice bytes = slice_of(l->input.at + l->taken_bytes, l->scan.used_bytes);
    l->taken_bytes += l->scan.used_bytes;
    l->scan = (struct resp_scan){0};
    if (resp_reply_read(bytes, &l->arena, out) == OXQ_OK) return OXQ_OK;
    return err_set(err, OXQ_ERR_FORMAT, "what answers at %s does not speak the Redis protocol", l->address);
}

oxq_err client_link_next(struct client_link *l, int64_t until_us, struct resp_value *out, struct oxq_error *err)
{
    arena_reset(&l->arena);
    oxq_err e = l->output.len ? send_all(l, until_us, err) : OXQ_OK;
    /* One who closed before we had asked has perhaps said why: that comes first. */
    if (e == OXQ_ERR_CLOSED) e = read_some(l, 0, err);
    while (!e) {
        oxq_err found = resp_scan_next(&l->scan, slice_from(buf_borrow(&l->input), l->taken_bytes));
        if (found == OXQ_OK) return read_reply(l, out, err);
        if (found == OXQ_ERR_LIMIT) return err_set(err, found, "a reply of %s is too long", l->address);
        if (found != OXQ_ERR_AGAIN)
            return err_set(err, OXQ_ERR_FORMAT, "what answers at %s does not speak the Redis protocol", l->address);
        int64_t wait_ms = 0;
        e = find_wait(l, until_us, &wait_ms, err);
        if (!e) e = read_some(l, wait_ms, err);
    }
    return e;
}

/* ---------------------------------------------------------------- logging in */

struct login {
    struct client_link *link;
    const struct client_link_opts *opts;
    struct oxq_error *err;
};

static bool is_given(const char *text)
{
    return text && text[0];
}

static oxq_err ask_auth(const struct login *in)
{
    const struct client_login *o = in->opts->login;
    if (!is_given(o->password)) return OXQ_ERR_NOT_FOUND;
    struct slice argv[] = {SLICE_LIT("AUTH"), slice_from_text(is_given(o->user) ? o->user : "default"),
                           slice_from_text(o->password)};
    return client_link_queue(in->link, argv, 3);
}

static oxq_err ask_select(const struct login *in)
{
    if (in->opts->login->db == 0) return OXQ_ERR_NOT_FOUND;
    char digits[NUM_INT_MAX_CHARS];
    struct slice argv[] = {SLICE_LIT("SELECT"), slice_of(digits, num_format_int(digits, in->opts->login->db))};
    return client_link_queue(in->link, argv, 2);
}

/* Always: so that a server which wants a password, or cannot speak TLS, says so at once. */
static oxq_err ask_name(const struct login *in)
{
    const char *name = in->opts->login->name;
    struct slice argv[] = {SLICE_LIT("CLIENT"), SLICE_LIT("SETNAME"), slice_from_text(is_given(name) ? name : "oxq")};
    return client_link_queue(in->link, argv, 3);
}

static oxq_err ask_role(const struct login *in)
{
    return in->opts->wants_master ? client_link_queue(in->link, &SLICE_LIT("ROLE"), 1) : OXQ_ERR_NOT_FOUND;
}

static oxq_err ask_info(const struct login *in)
{
    return in->opts->info ? client_link_queue(in->link, &SLICE_LIT("INFO"), 1) : OXQ_ERR_NOT_FOUND;
}

/* An error reply while logging in. */
static oxq_err refuse(const struct login *in, struct slice text)
{
    const char *address = in->link->address;
    int len = text.len > 120 ? 120 : (int)text.len;
    enum client_refusal refusal = client_refusal_of(text);
    if (refusal == CLIENT_REFUSAL_LATER || refusal == CLIENT_REFUSAL_FULL)
        return err_set(in->err, OXQ_ERR_UNREACHABLE, "the server %s is not ready: %.*s", address, len, text.at);
    if (refusal != CLIENT_REFUSAL_LOGIN)
        return err_set(in->err, OXQ_ERR_SERVER, "the server %s answers: %.*s", address, len, text.at);
    bool has_password = is_given(in->opts->login->password);
    return err_set(in->err, OXQ_ERR_PERMISSION, "the server %s %s: %.*s (URL: redis://user:password@host)", address,
                   has_password ? "refuses this user and password" : "wants a password", len, text.at);
}

static oxq_err take_auth(const struct login *in, const struct resp_value *v)
{
    if (v->kind != RESP_ERROR) return OXQ_OK;
    oxq_err e = refuse(in, v->text);
    if (e != OXQ_ERR_SERVER) return e;
    return err_set(in->err, OXQ_ERR_PERMISSION, "the server %s refuses the login: %.*s", in->link->address,
                   v->text.len > 120 ? 120 : (int)v->text.len, v->text.at);
}

static oxq_err take_select(const struct login *in, const struct resp_value *v)
{
    if (v->kind != RESP_ERROR) return OXQ_OK;
    if (client_refusal_of(v->text) != CLIENT_REFUSAL_FINAL) return refuse(in, v->text);
    return err_set(in->err, OXQ_ERR_ARGUMENT, "the server %s has no database %d: %.*s", in->link->address,
                   in->opts->login->db, v->text.len > 120 ? 120 : (int)v->text.len, v->text.at);
}

/* A name is only for those who look at the server: where it is not allowed, there is none. */
static oxq_err take_name(const struct login *in, const struct resp_value *v)
{
    enum client_refusal refusal = v->kind == RESP_ERROR ? client_refusal_of(v->text) : CLIENT_REFUSAL_FINAL;
    bool is_forbidden = v->text.len > 6 && memcmp(v->text.at, "NOPERM", 6) == 0;
    bool is_shut_out = (refusal == CLIENT_REFUSAL_LOGIN && !is_forbidden) || refusal == CLIENT_REFUSAL_FULL;
    return is_shut_out ? refuse(in, v->text) : OXQ_OK;
}

static oxq_err take_role(const struct login *in, const struct resp_value *v)
{
    if (v->kind == RESP_ERROR) return refuse(in, v->text);
    struct slice role = v->kind == RESP_ARRAY && v->count > 0 ? v->items[0].text : SLICE_LIT("");
    if (slice_is(role, "master")) return OXQ_OK;
    return err_set(in->err, OXQ_ERR_UNREACHABLE, "the server %s is no master but a %.*s: a failover is under way",
                   in->link->address, role.len > 40 ? 40 : (int)role.len, role.len ? role.at : "");
}

static oxq_err take_info(const struct login *in, const struct resp_value *v)
{
    if (v->kind == RESP_ERROR) return take_name(in, v);
    return in->opts->info(in->opts->info_ctx, v->text, in->err);
}

static const struct {
    oxq_err (*ask)(const struct login *in); /* NOT_FOUND: it is not wanted */
    oxq_err (*take)(const struct login *in, const struct resp_value *v);
} steps[] = {{ask_auth, take_auth},
             {ask_select, take_select},
             {ask_name, take_name},
             {ask_role, take_role},
             {ask_info, take_info}};

#define STEPS_COUNT (sizeof(steps) / sizeof(steps[0]))

static oxq_err log_in(const struct login *in)
{
    bool is_asked[STEPS_COUNT];
    for (size_t i = 0; i < STEPS_COUNT; i++) {
        oxq_err e = steps[i].ask(in);
        if (e && e != OXQ_ERR_NOT_FOUND) return err_set(in->err, e, "no memory for logging in");
        is_asked[i] = !e;
    }
    oxq_err e = OXQ_OK;
    for (size_t i = 0; i < STEPS_COUNT && !e; i++) {
        struct resp_value v = {.kind = RESP_NULL};
        if (!is_asked[i]) continue;
        e = client_link_next(in->link, in->opts->until_us, &v, in->err);
        if (!e) e = steps[i].take(in, &v);
    }
    return e;
}

/* ---------------------------------------------------------------- opening */

/* One who takes a connection and ends it, or holds it, without a word may speak the other of the two. */
static bool may_speak_other(const struct client_link *l, const struct client_link_opts *o, oxq_err e)
{
    bool is_mute = l->stream && o->address->host[0] && l->input.len == 0;
    return is_mute && (e == OXQ_ERR_CLOSED || (o->tls && e == OXQ_ERR_TIMEOUT));
}

/* What befalls us before the server has said anything, told as what it means for the caller. */
static oxq_err explain(const struct client_link *l, const struct client_link_opts *o, oxq_err e, struct oxq_error *err)
{
    struct oxq_error why = {0};
    const char *address = l->address;
    if (err) why = *err;
    if (may_speak_other(l, o, e))
        return err_set(err, OXQ_ERR_UNREACHABLE, "the server %s takes connections and does not answer: %.120s; %s",
                       address, why.text,
                       o->tls ? "if it speaks no TLS: redis:// in place of rediss://"
                              : "if it wants TLS: rediss:// in place of redis://");
    switch ((int)e) {
    case OXQ_ERR_CLOSED:
    case OXQ_ERR_TIMEOUT:
    case OXQ_ERR_NOT_FOUND:
        return err_set(err, OXQ_ERR_UNREACHABLE, "the server %s is not there: %.150s%s%s", address, why.text,
                       o->hint ? "; " : "", o->hint ? o->hint : "");
    case OXQ_ERR_TLS: return err_set(err, e, "no TLS connection to %s: %.180s", address, why.text);
    default: return e;
    }
}

static oxq_err dial(struct client_link *l, const struct client_link_opts *o, struct oxq_error *err)
{
    const struct client_address *a = o->address;
    if (a->fd) {
        struct net_stream_opts stream = {.tls = o->tls, .host = o->tls ? a->host : NULL, .is_shared = true};
        return net_stream_new(a->fd, &stream, &l->stream, err);
    }
    struct net_dial_opts opts = {.host = a->host,
                                 .port = a->port,
                                 .unix_path = a->host[0] ? NULL : a->unix_path,
                                 .tls = o->tls,
                                 .timeout_ms = left_ms(o->until_us),
                                 .is_shared = true,
                                 .cancel_fd = o->cancel_fd};
    oxq_err e = net_dial(&opts, &l->stream, err);
    if (e || !a->host[0]) return e;
    net_stream_keep_alive(l->stream, KEEP_ALIVE_S);
    net_stream_limit_silence(l->stream, SILENCE_MS);
    return OXQ_OK;
}

oxq_err client_link_open(const struct client_link_opts *opts, struct client_link **out, struct oxq_error *err)
{
    struct client_link *l = mem_alloc_zero(sizeof(*l));
    l->input.limit_bytes = CLIENT_REPLY_BYTES_MAX + READ_BYTES;
    l->output.limit_bytes = SIZE_MAX;
    l->is_cancelled = opts->is_cancelled;
    client_address_format(opts->address, l->address);
    oxq_err e = dial(l, opts, err);
    if (!e) e = log_in(&(struct login){.link = l, .opts = opts, .err = err});
    if (e) {
        e = explain(l, opts, e, err);
        client_link_close(l);
        return e;
    }
    l->is_cancelled = NULL;
    *out = l;
    return OXQ_OK;
}

void client_link_close(struct client_link *l)
{
    if (!l) return;
    net_stream_free(l->stream);
    buf_deinit(&l->output);
    buf_deinit(&l->input);
    arena_deinit(&l->arena);
    mem_free(l);
}

void client_link_interrupt(struct client_link *l)
{
    net_stream_interrupt(l->stream);
}

struct net_stream *client_link_stream(struct client_link *l)
{
    return l->stream;
}

const char *client_link_address(const struct client_link *l)
{
    return l->address;
}
