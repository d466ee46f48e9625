/* SPDX-License-Identifier: MIT */
#include "api/state.h"

#include "base/mem.h"
#include "codec/base64.h"
#include "jobs/keys.h"
#include "os/clock.h"
#include "os/process.h"

#include <string.h>
#include <strings.h>

/* A folder's host comes back in milliseconds: who waits for it asks often. */
#define FOLDER_BACKOFF_MS 5
#define FOLDER_BACKOFF_MAX_MS 100
#define FOLDER_ATTEMPTS 100
#define NAME_DEFAULT "oxq"
#define CONNECTION_NAME_BYTES_MAX 4096

void store_copy_id(struct slice id, char out[OXQ_ID_MAX])
{
    size_t len = id.len < OXQ_ID_MAX ? id.len : OXQ_ID_MAX - 1;
    memcpy(out, id.at, len);
    out[len] = '\0';
}

oxq_err text_copy(struct slice text, char **out, struct oxq_error *err)
{
    char *copy = mem_try_resize(NULL, text.len + 1);
    if (!copy) return err_set(err, OXQ_ERR_MEMORY, "not enough memory for a text of %zu bytes", text.len);
    if (text.len > 0) memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    *out = copy;
    return OXQ_OK;
}

void oxq_text_free(char *text)
{
    mem_free(text);
}

static const char *copy_text(struct arena *arena, const char *text)
{
    return text ? arena_copy_text(arena, slice_from_text(text)) : NULL;
}

int64_t store_now_ms(void)
{
    return clock_wall_ms(os_clock());
}

int64_t store_until_us(int64_t ms)
{
    int64_t now_us = clock_mono_us(os_clock());
    return ms < 0 || ms > (INT64_MAX - now_us) / 1000 ? INT64_MAX : now_us + ms * 1000;
}

/* ---------------------------------------------------------------- open and close */

/* What every client of the store is made of. */
static void copy_opts(oxq *s, const char *url, const struct oxq_opts *o)
{
    struct arena *a = &s->arena;
    s->client_opts = (struct client_opts){
        .url = copy_text(a, url),
        .password = copy_text(a, o->password),
        .name = copy_text(a, o->name ? o->name : NAME_DEFAULT),
        .tls_ca = copy_text(a, o->tls_ca),
        .tls_cert = copy_text(a, o->tls_cert),
        .tls_key = copy_text(a, o->tls_key),
        .timeout_ms = o->timeout_ms,
        .attempts = o->attempts,
        .on_warning = o->on_warning,
        .on_warning_ctx = o->ctx,
    };
    s->on_repeat = o->on_repeat;
    s->on_repeat_ctx = o->ctx;
    if (o->telemetry) {
        struct oxq_telemetry *copy = arena_alloc(a, sizeof(*copy));
        *copy = *o->telemetry;
        s->telemetry = copy;
    }
    const char *prefix = o->prefix && o->prefix[0] ? o->prefix : KEYS_PREFIX_DEFAULT;
    s->prefix = slice_from_text(copy_text(a, prefix));
}

/* A folder has settings behind its ?, of which the client need not know. */
static oxq_err open_folder(oxq *s, const char *url, struct oxq_error *err)
{
    oxq_err e = embed_open(url, &s->embed, err);
    if (e) return e;
    struct client_opts *o = &s->client_opts;
    o->url = arena_copy_text(&s->arena, slice_of(url, strcspn(url, "?")));
    o->locate = embed_locate;
    o->visit = embed_visit;
    o->locate_ctx = s->embed;
    o->backoff_ms = FOLDER_BACKOFF_MS;
    o->backoff_max_ms = FOLDER_BACKOFF_MAX_MS;
    if (!o->attempts) o->attempts = FOLDER_ATTEMPTS;
    return OXQ_OK;
}

static oxq_err check_prefix(const char *url, struct slice prefix, struct oxq_error *err)
{
    bool is_cluster = strncasecmp(url, "redis+cluster:", 14) == 0 || strncasecmp(url, "rediss+cluster:", 15) == 0;
    if (!is_cluster || keys_has_hash_tag(prefix)) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT,
                   "the prefix \"%.*s\" has no hash tag, so that a cluster would spread a queue's keys over its nodes: "
                   "use \"{%.*s}\", there and in BullMQ's options",
                   (int)prefix.len, prefix.at, (int)prefix.len, prefix.at);
}

oxq_err oxq_open(const char *url, const struct oxq_opts *opts, oxq **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, url, out);
    static const struct oxq_opts defaults = {0};
    if (!e && opts && (opts->timeout_ms < 0 || opts->attempts < 0))
        e = err_set(err, OXQ_ERR_ARGUMENT, "timeout_ms and attempts are from 0, the default, on");
    if (!e && opts && opts->telemetry && !opts->telemetry->begin != !opts->telemetry->end)
        e = err_set(err, OXQ_ERR_ARGUMENT, "telemetry has both of begin and end, or none");
    if (e) return e;
    process_take_standard();
    oxq *s = mem_alloc_zero(sizeof(*s));
    copy_opts(s, url, opts ? opts : &defaults);
    e = check_prefix(url, s->prefix, err);
    if (!e && strncasecmp(url, "file:", 5) == 0) e = open_folder(s, url, err);
    if (!e) e = store_new_client(s, &(struct store_client_opts){.patience = CLIENT_FAIL_FAST}, &s->client, err);
    if (e) {
        oxq_close(s);
        return e;
    }
    *out = s;
    return OXQ_OK;
}

void oxq_close(oxq *store)
{
    if (!store) return;
    client_free(store->client);
    embed_close(store->embed);
    arena_deinit(&store->arena);
    mem_free(store);
}

oxq_err store_new_client(const oxq *store, const struct store_client_opts *own, struct client **out,
                         struct oxq_error *err)
{
    struct client_opts o = store->client_opts;
    o.patience = own->patience;
    o.silence_ms = own->silence_ms;
    if (own->name) o.name = own->name;
    return client_new(&o, out, err);
}

const char *store_name_connection(const oxq *store, struct arena *arena, struct slice queue, struct slice suffix)
{
    struct buf text = {.limit_bytes = CONNECTION_NAME_BYTES_MAX};
    oxq_err e = buf_append(&text, store->prefix);
    if (!e) e = buf_append(&text, SLICE_LIT(":"));
    if (!e) e = base64_encode(queue, &text);
    if (!e) e = buf_append(&text, suffix);
    const char *copy = arena_copy_text(arena, e ? SLICE_LIT(NAME_DEFAULT) : slice_of(text.at, text.len));
    buf_deinit(&text);
    return copy;
}

/* ---------------------------------------------------------------- requests */

oxq_err store_request(struct client *client, const struct request *r, const char *what, struct slice subject,
                      struct client_reply *reply, struct oxq_error *err)
{
    oxq_err e = client_call(client, &r->command, 0, reply, err);
    return e ? e : request_check(&reply->value, what, subject, err);
}

oxq_err store_act(struct client *client, const struct request *r, const char *what, struct slice subject,
                  struct oxq_error *err)
{
    struct client_reply reply = {0};
    oxq_err e = store_request(client, r, what, subject, &reply, err);
    client_reply_deinit(&reply);
    return e;
}

oxq_err store_run(struct client *client, struct client_batch *b, struct oxq_error *err)
{
    oxq_err e = client_batch_run(client, b, 0, err);
    for (size_t i = 0; !e && i < b->count; i++) e = client_reply_check(client_batch_reply(b, i), err);
    return e;
}

oxq_err oxq_ping(oxq *store, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, store);
    if (e) return e;
    struct slice argv[] = {SLICE_LIT("PING")};
    struct client_command ping = {.argv = argv, .argc = 1, .is_idempotent = true};
    struct client_reply reply = {0};
    e = client_call(store->client, &ping, 0, &reply, err);
    if (!e) e = client_reply_check(&reply.value, err);
    client_reply_deinit(&reply);
    return e;
}
