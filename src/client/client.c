/* SPDX-License-Identifier: MIT */
/*
 * The way to a server, from the top:
 *
 *   batch.c      what is to be done: commands as bytes, which are sent, sent again where that is safe, and answered
 *   client.c     whom to ask: nodes, logins, patience, cancelling
 *   pipeline.c   how many threads share a connection
 *   line.c       a connection of one's own
 *   link.c       a connection: connect, log in, send, receive
 *
 *   sentinel.c, cluster.c   where the master is, which node has a slot
 *
 * beside them what they need to know: url.c, refusal.c (what an error reply means), survey.c (what INFO says), key.c (slots),
 * backoff.h.
 *
 * When is a command sent again? When it surely was not done: none of its bytes had left, or the server said that it would not do
 * it (LOADING and the like). And, when its reply was lost, only if its caller said that doing it twice does no harm. All else is
 * the caller's to decide, who gets UNCERTAIN.
 *
 * Threads: the client's lock guards lists and the random generator, for moments. Nobody waits with it but on its
 * condition, which tells of cancelling. The order of locks is client, line, pipeline.
 */
#include "client/client.h"

#include "base/mem.h"
#include "base/num.h"
#include "client/cluster.h"
#include "client/refusal.h"
#include "client/sentinel.h"
#include "client/survey.h"
#include "os/clock.h"
#include "os/random.h"
#include "resp/request.h"

#include <stdio.h>
#include <unistd.h>

/* ---------------------------------------------------------------- connecting */

static void warn(struct client *c, const char *text)
{
    if (c->opts.on_warning) c->opts.on_warning(c->opts.on_warning_ctx, text);
}

/* The first time only: is this a server that jobs can live on? */
static oxq_err survey(void *ctx, struct slice info, struct oxq_error *err)
{
    struct client *c = ctx;
    char text[200];
    struct client_survey s = client_survey_read(info);
    if (!client_survey_is_new_enough(&s))
        return err_set(err, OXQ_ERR_CONFIG, "the server is Redis %.*s, and jobs need %d.%d or newer",
                       (int)s.version.len, s.version.at, CLIENT_SERVER_MAJOR, CLIENT_SERVER_MINOR);
    if (atomic_exchange(&c->is_surveyed, true) || !client_survey_evicts(&s)) return OXQ_OK;
    snprintf(text, sizeof(text),
             "the server's maxmemory-policy is %.*s: it throws jobs away when memory is short; set it to noeviction",
             s.policy.len > 40 ? 40 : (int)s.policy.len, s.policy.at);
    warn(c, text);
    return OXQ_OK;
}

/* Where the URL says. */
static void fixed_address(const struct client_url *u, struct client_address *out)
{
    *out = (struct client_address){0};
    if (u->unix_path) {
        snprintf(out->unix_path, sizeof(out->unix_path), "%s", u->unix_path);
        return;
    }
    snprintf(out->host, sizeof(out->host), "%s", u->hosts[0].host);
    out->port = u->hosts[0].port;
}

/* Tells the operator once when a server goes, and once when it is back. */
static void note_presence(struct client_node *n, oxq_err e, const char *why)
{
    char text[CLIENT_NAME_CHARS_MAX + 40];
    bool is_missing = e && client_is_passing(e);
    if (e && !is_missing) return;
    if (atomic_exchange(&n->is_missing, is_missing) == is_missing) return;
    if (is_missing)
        snprintf(text, sizeof(text), "%s; it is tried again", why);
    else
        snprintf(text, sizeof(text), "the server %s is back", n->client->name);
    warn(n->client, text);
}

oxq_err client_node_open(struct client_node *n, int64_t until_us, const struct client_cancel *cancel,
                         struct client_link **out, struct oxq_error *err)
{
    struct client *c = n->client;
    struct client_address address = n->address;
    struct oxq_error why = {0};
    /* One of several may be away, and comes back by itself. */
    bool is_only_one = !c->opts.locate && !c->sentinel && !c->cluster;
    struct client_link_opts opts = {.address = &address,
                                    .login = &c->login,
                                    .tls = c->tls,
                                    .wants_master = c->sentinel != NULL,
                                    .hint = is_only_one ? "start it, or mend the URL" : NULL,
                                    .info = atomic_load(&c->is_surveyed) ? NULL : survey,
                                    .info_ctx = c,
                                    .until_us = until_us,
                                    .cancel_fd = cancel->fd,
                                    .is_cancelled = cancel->is_cancelled};
    oxq_err e = OXQ_OK;
    if (c->opts.locate || c->sentinel) address = (struct client_address){0};
    if (c->opts.locate)
        e = c->opts.locate(c->opts.locate_ctx, until_us, &address, &why);
    else if (c->sentinel)
        e = client_sentinel_locate(c->sentinel, &opts, &address, &why);
    if (!e) e = client_link_open(&opts, out, &why);
    note_presence(n, e, why.text);
    return e ? err_set(err, e, "%s", why.text) : OXQ_OK;
}

static oxq_err open_for_pipeline(void *ctx, int64_t until_us, struct client_link **out, struct oxq_error *err)
{
    struct client_node *n = ctx;
    struct client_cancel cancel = {&n->client->is_cancelled, n->client->cancel_fd};
    return client_node_open(n, until_us, &cancel, out, err);
}

static struct client_node *node_new(struct client *c, const struct client_address *address)
{
    struct client_node *n = mem_alloc_zero(sizeof(*n));
    n->client = c;
    n->address = *address;
    n->pipeline = pipeline_new(&(struct pipeline_opts){.open = open_for_pipeline,
                                                       .open_ctx = n,
                                                       .backoff = c->backoff,
                                                       .connect_timeout_us = c->opts.connect_timeout_ms * 1000,
                                                       .silence_us = c->opts.silence_ms * 1000,
                                                       .seed = rng_next(&c->rng)});
    if (atomic_load(&c->is_cancelled)) pipeline_cancel(n->pipeline);
    n->next = c->nodes;
    c->nodes = n;
    return n;
}

struct client_node *client_node_at(struct client *c, const struct client_address *address)
{
    for (struct client_node *n = c->nodes; n; n = n->next) {
        if (n->address.port == address->port && strcmp(n->address.host, address->host) == 0) return n;
    }
    return node_new(c, address);
}

void client_note_missing(struct client *c)
{
    if (c->cluster) client_cluster_doubt(c->cluster);
}

oxq_err client_route(struct client *c, int slot, int64_t until_us, struct client_node **out, struct oxq_error *err)
{
    if (c->cluster) return client_cluster_route(c->cluster, slot, until_us, out, err);
    *out = c->nodes;
    return OXQ_OK;
}

bool client_is_passing(oxq_err e)
{
    return e == OXQ_ERR_UNREACHABLE;
}

bool client_is_away(oxq_err e)
{
    return e == OXQ_ERR_UNREACHABLE || e == OXQ_ERR_UNCERTAIN || e == OXQ_ERR_TIMEOUT || e == OXQ_ERR_AGAIN;
}

/* ---------------------------------------------------------------- time */

int64_t client_until(const struct client *c, int64_t timeout_ms)
{
    if (timeout_ms == 0) timeout_ms = c->opts.timeout_ms;
    int64_t now = clock_mono_us(os_clock());
    return timeout_ms > (INT64_MAX - now) / 1000 ? INT64_MAX : now + timeout_ms * 1000;
}

bool client_pause(struct client *c, int64_t until_us, const struct client_cancel *cancel)
{
    lock_enter(&c->lock);
    bool is_over = false;
    while (!is_over && !atomic_load(cancel->is_cancelled))
        is_over = !lock_wait(&c->lock, until_us) || clock_mono_us(os_clock()) >= until_us;
    bool is_cancelled = atomic_load(cancel->is_cancelled);
    lock_leave(&c->lock);
    return !is_cancelled;
}

int64_t client_retry_at(struct client *c, int failures)
{
    lock_enter(&c->lock);
    int64_t pause_us = client_backoff_us(&c->backoff, failures, &c->rng);
    lock_leave(&c->lock);
    return clock_mono_us(os_clock()) + pause_us;
}

/* ---------------------------------------------------------------- commands */

static oxq_err encode_script(const struct client_command *m, bool with_text, struct buf *out)
{
    char digits[NUM_INT_MAX_CHARS];
    struct slice count = slice_of(digits, num_format_int(digits, (int64_t)m->keys_count));
    oxq_err e = resp_request_open(out, m->argc + 3);
    if (!e) e = resp_request_word(out, with_text ? SLICE_LIT("EVAL") : SLICE_LIT("EVALSHA"));
    if (!e)
        e = resp_request_word(out, with_text ? m->script->text : slice_of(m->script->sha, sizeof(m->script->sha) - 1));
    if (!e) e = resp_request_word(out, count);
    for (size_t i = 0; i < m->argc && !e; i++) e = resp_request_word(out, m->argv[i]);
    return e;
}

oxq_err client_command_encode(const struct client_command *command, bool with_text, struct buf *out)
{
    for (size_t i = 0; i < command->argc; i++) {
        if (command->argv[i].len > CLIENT_ARGUMENT_BYTES_MAX) return OXQ_ERR_LIMIT;
    }
    if (command->script) return encode_script(command, with_text, out);
    return resp_request_append(out, command->argv, command->argc);
}

oxq_err client_encode_error(oxq_err e, struct oxq_error *err)
{
    if (e == OXQ_ERR_LIMIT)
        return err_set(err, e, "a text is longer than 512 MiB, which is the most that servers take");
    return err_set(err, e, "no memory for a command");
}

oxq_err client_reply_check(const struct resp_value *value, struct oxq_error *err)
{
    if (value->kind != RESP_ERROR) return OXQ_OK;
    return err_set(err, client_refusal_error(value->text), "the server answers: %.*s",
                   value->text.len > 220 ? 220 : (int)value->text.len, value->text.at);
}

/* ---------------------------------------------------------------- a client */

static const char *or_else(const char *first, const char *second)
{
    return first && first[0] ? first : second;
}

static const char *keep_text(struct client *c, const char *text)
{
    if (!text) return NULL;
    struct slice all = slice_of(text, strlen(text) + 1);
    return arena_copy(&c->texts, all).at;
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void fill_in(struct client *c, const struct client_opts *o)
{
    c->opts = *o;
    c->opts.url = NULL;
    c->opts.timeout_ms = or_default(o->timeout_ms, CLIENT_TIMEOUT_MS_DEFAULT);
    c->opts.connect_timeout_ms = or_default(o->connect_timeout_ms, CLIENT_CONNECT_TIMEOUT_MS_DEFAULT);
    if (c->opts.connect_timeout_ms > INT32_MAX) c->opts.connect_timeout_ms = INT32_MAX;
    int64_t silence_ms =
        c->opts.timeout_ms > CLIENT_SILENCE_MS_DEFAULT ? c->opts.timeout_ms : CLIENT_SILENCE_MS_DEFAULT;
    c->opts.silence_ms = or_default(o->silence_ms, silence_ms);
    if (c->opts.silence_ms > INT32_MAX) c->opts.silence_ms = INT32_MAX;
    c->opts.attempts = (int)or_default(o->attempts, CLIENT_ATTEMPTS_DEFAULT);
    c->backoff.first_ms = or_default(o->backoff_ms, CLIENT_BACKOFF_MS_DEFAULT);
    c->backoff.max_ms = or_default(o->backoff_max_ms, CLIENT_BACKOFF_MAX_MS_DEFAULT);
    c->login = (struct client_login){.user = c->url.user,
                                     .password = c->url.password ? c->url.password : keep_text(c, o->password),
                                     .db = c->url.db,
                                     .name = or_else(c->url.name, keep_text(c, o->name))};
    uint64_t seed = o->seed;
    if (!seed) random_fill(&seed, sizeof(seed));
    rng_init(&c->rng, seed);
}

static void name_it(struct client *c)
{
    char where[CLIENT_ADDRESS_CHARS_MAX];
    struct client_address address;
    if (c->url.kind == CLIENT_URL_FILE) {
        snprintf(c->name, sizeof(c->name), "file:%.300s", c->url.folder);
        return;
    }
    fixed_address(&c->url, &address);
    client_address_format(&address, where);
    const char *kind = c->url.kind == CLIENT_URL_CLUSTER ? "+cluster" : "";
    if (c->url.kind == CLIENT_URL_SENTINEL)
        snprintf(c->name, sizeof(c->name), "redis+sentinel://%s/%.40s", where, c->url.master);
    else if (c->url.unix_path)
        snprintf(c->name, sizeof(c->name), "unix:%s", where);
    else
        snprintf(c->name, sizeof(c->name), "redis%s%s://%s", c->url.is_tls ? "s" : "", kind, where);
}

static oxq_err make_tls(struct client *c, const struct client_opts *o, struct oxq_error *err)
{
    if (!c->url.is_tls) return OXQ_OK;
    struct net_tls_opts tls = {.ca = or_else(c->url.ca, o->tls_ca),
                               .cert = or_else(c->url.cert, o->tls_cert),
                               .key = or_else(c->url.key, o->tls_key),
                               .is_unverified = o->is_tls_unverified || c->url.is_insecure};
    if (tls.cert && !tls.key) tls.key = tls.cert;
    return net_tls_new_client(&tls, &c->tls, err);
}

static oxq_err check_url(const struct client *c, const struct client_opts *o, struct oxq_error *err)
{
    if (c->url.kind == CLIENT_URL_FILE && !o->locate)
        return err_set(err, OXQ_ERR_ARGUMENT, "file: names a folder, not a server to connect to");
    if (c->url.unix_path && strlen(c->url.unix_path) >= sizeof(c->nodes->address.unix_path))
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "the path of a unix socket is shorter than 108 bytes; this one is not: %.100s",
                       c->url.unix_path);
    return OXQ_OK;
}

/* What is known of where to go before anybody was asked. */
static void make_nodes(struct client *c)
{
    struct client_address address = {0};
    bool has_locator = c->opts.locate != NULL;
    if (c->url.kind == CLIENT_URL_CLUSTER && !has_locator) {
        c->cluster = client_cluster_new(c);
        return;
    }
    if (c->url.kind == CLIENT_URL_SENTINEL && !has_locator) c->sentinel = client_sentinel_new(&c->url, c->tls);
    if (c->url.kind == CLIENT_URL_SERVER) fixed_address(&c->url, &address);
    node_new(c, &address);
}

oxq_err client_new(const struct client_opts *opts, struct client **out, struct oxq_error *err)
{
    struct client *c = mem_alloc_zero(sizeof(*c));
    lock_init(&c->lock);
    link_init(&c->lines);
    oxq_err e = client_url_parse(opts->url, &c->url, err);
    if (!e) e = check_url(c, opts, err);
    if (!e) e = waker_open(&c->cancel_fd, err);
    if (!e) {
        fill_in(c, opts);
        name_it(c);
        e = make_tls(c, opts, err);
    }
    if (e) {
        client_free(c);
        return e;
    }
    make_nodes(c);
    *out = c;
    return OXQ_OK;
}

void client_free(struct client *c)
{
    if (!c) return;
    while (c->nodes) {
        struct client_node *next = c->nodes->next;
        pipeline_free(c->nodes->pipeline);
        mem_free(c->nodes);
        c->nodes = next;
    }
    client_cluster_free(c->cluster);
    client_sentinel_free(c->sentinel);
    net_tls_free(c->tls);
    if (c->cancel_fd) close(c->cancel_fd);
    lock_deinit(&c->lock);
    arena_deinit(&c->texts);
    mem_free(c);
}

void client_cancel(struct client *c)
{
    atomic_store(&c->is_cancelled, true);
    waker_wake(c->cancel_fd);
    lock_enter(&c->lock);
    client_lines_cancel(c);
    lock_notify(&c->lock);
    for (struct client_node *n = c->nodes; n; n = n->next) pipeline_cancel(n->pipeline);
    lock_leave(&c->lock);
}

const char *client_name(const struct client *c)
{
    return c->name;
}
