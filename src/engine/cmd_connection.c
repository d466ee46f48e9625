/* SPDX-License-Identifier: MIT */
/* The connection's own commands: who one is, which protocol and database one speaks to. CLIENT is in cmd_client.c. */
#include "engine/state.h"

#include "base/mem.h"
#include "base/num.h"

#include <oxq/version.h>

static void cmd_ping(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (ctx->argc > 2) {
        cmd_reply_arity(ctx);
        return;
    }
    if (pubsub_count(c) > 0 && ctx->reply->resp == 2) {
        reply_array(ctx->reply, 2);
        reply_bulk(ctx->reply, SLICE_LIT("pong"));
        reply_bulk(ctx->reply, ctx->argc == 2 ? ctx->argv[1] : SLICE_LIT(""));
        return;
    }
    if (ctx->argc == 2)
        reply_bulk(ctx->reply, ctx->argv[1]);
    else
        reply_status(ctx->reply, SLICE_LIT("PONG"));
}

static void cmd_echo(struct cmd_ctx *ctx)
{
    reply_bulk(ctx->reply, ctx->argv[1]);
}

static void cmd_quit(struct cmd_ctx *ctx)
{
    reply_ok(ctx->reply);
    engine_close_later(client_of(ctx), false);
}

static void cmd_select(struct cmd_ctx *ctx)
{
    int64_t index;
    if (!cmd_int(ctx, 1, &index)) return;
    if (index < 0 || index >= KEYSPACE_DBS_COUNT) {
        reply_error(ctx->reply, SLICE_LIT("ERR DB index is out of range"));
        return;
    }
    /* A script selects for itself alone. */
    if (!(ctx->flags & CMD_CTX_SCRIPT)) client_of(ctx)->db_index = (uint32_t)index;
    ctx->db = &ctx->keyspace->dbs[index];
    reply_ok(ctx->reply);
}

/* ---- authentication ---- */

/* Compares in time that does not tell how much of the secret was right. */
static bool is_same_secret(struct slice given, const char *secret)
{
    size_t len = strlen(secret);
    unsigned char difference = given.len != len;
    for (size_t i = 0; i < given.len; i++) difference |= (unsigned char)(given.at[i] ^ (len ? secret[i % len] : 1));
    return difference == 0;
}

static bool is_user_default(struct slice user)
{
    return slice_equal(user, SLICE_LIT("default"));
}

/* As Redis: without a password set, the default user takes any. */
static bool authenticate(struct engine_client *c, struct slice user, struct slice password)
{
    const char *secret = c->engine->config->password;
    if (!is_user_default(user) || (secret[0] && !is_same_secret(password, secret))) return false;
    c->flags |= ENGINE_CLIENT_AUTHENTICATED;
    return true;
}

#define WRONG_PASSWORD SLICE_LIT("WRONGPASS invalid username-password pair or user is disabled.")

static void cmd_auth(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (ctx->argc > 3) {
        cmd_reply_syntax(ctx);
        return;
    }
    struct slice user = ctx->argc == 3 ? ctx->argv[1] : SLICE_LIT("default");
    struct slice password = ctx->argv[ctx->argc - 1];
    for (int i = 1; i < ctx->argc; i++) ctx->argv[i] = ENGINE_REDACTED;
    if (ctx->argc == 2 && c->engine->config->password[0] == '\0') {
        reply_error(ctx->reply,
                    SLICE_LIT("ERR AUTH <password> called without any password configured for the default user. "
                              "Are you sure your configuration is correct?"));
        return;
    }
    if (authenticate(c, user, password))
        reply_ok(ctx->reply);
    else
        reply_error(ctx->reply, WRONG_PASSWORD);
}

/* ---- HELLO ---- */

struct hello {
    int64_t version; /* 0: not asked for */
    bool has_auth;
    struct slice user, password;
    bool has_name;
    struct slice name;
};

static bool parse_hello(struct cmd_ctx *ctx, struct hello *h)
{
    if (ctx->argc > 1) {
        if (!num_parse_int(ctx->argv[1], &h->version)) {
            reply_error(ctx->reply, SLICE_LIT("ERR Protocol version is not an integer or out of range"));
            return false;
        }
        if (h->version < 2 || h->version > 3) {
            reply_error(ctx->reply, SLICE_LIT("NOPROTO unsupported protocol version"));
            return false;
        }
    }
    for (int i = 2; i < ctx->argc;) {
        if (cmd_is(ctx, i, "auth") && i + 2 < ctx->argc) {
            h->has_auth = true;
            h->user = ctx->argv[i + 1];
            h->password = ctx->argv[i + 2];
            ctx->argv[i + 1] = ctx->argv[i + 2] = ENGINE_REDACTED;
            i += 3;
        } else if (cmd_is(ctx, i, "setname") && i + 1 < ctx->argc) {
            h->has_name = true;
            h->name = ctx->argv[i + 1];
            i += 2;
        } else {
            reply_errorf(ctx->reply, "ERR Syntax error in HELLO option '%.*s'",
                         (int)(ctx->argv[i].len < 128 ? ctx->argv[i].len : 128), ctx->argv[i].at);
            return false;
        }
    }
    return true;
}

static void reply_field(struct cmd_ctx *ctx, struct slice name, struct slice value)
{
    reply_bulk(ctx->reply, name);
    reply_bulk(ctx->reply, value);
}

static void cmd_hello(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    struct hello h = {0};
    if (!parse_hello(ctx, &h)) return;
    if (h.has_auth && !authenticate(c, h.user, h.password)) {
        reply_error(ctx->reply, WRONG_PASSWORD);
        return;
    }
    if (!engine_client_is_authenticated(c)) {
        reply_error(
            ctx->reply,
            SLICE_LIT("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> "
                      "AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol "
                      "version at the same time"));
        return;
    }
    if (h.has_name && !client_set_name(ctx, h.name)) return;
    if (h.version) {
        c->writer.reply.resp = (uint8_t)h.version;
        c->discard.resp = (uint8_t)h.version;
    }
    reply_map(ctx->reply, 7);
    reply_field(ctx, SLICE_LIT("server"), SLICE_LIT("redis"));
    reply_field(ctx, SLICE_LIT("version"), SLICE_LIT(OXQ_REDIS_VERSION));
    reply_bulk(ctx->reply, SLICE_LIT("proto"));
    reply_integer(ctx->reply, c->writer.reply.resp);
    reply_bulk(ctx->reply, SLICE_LIT("id"));
    reply_integer(ctx->reply, (int64_t)c->id);
    reply_field(ctx, SLICE_LIT("mode"), SLICE_LIT("standalone"));
    reply_field(ctx, SLICE_LIT("role"), SLICE_LIT("master"));
    reply_bulk(ctx->reply, SLICE_LIT("modules"));
    reply_array(ctx->reply, 0);
}

/* Back to what a fresh connection is. */
static void cmd_reset(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    multi_discard(c);
    pubsub_drop(c);
    link_remove(&c->monitor_link);
    c->db_index = 0;
    c->flags = ENGINE_CLIENT_RUNNING | (c->flags & ENGINE_CLIENT_TRUSTED);
    if (c->engine->config->password[0] == '\0') c->flags |= ENGINE_CLIENT_AUTHENTICATED;
    mem_free(c->name);
    c->name = NULL;
    c->writer.reply.resp = 2;
    c->discard.resp = 2;
    reply_status(&c->writer.reply, SLICE_LIT("RESET"));
}

#define ANYTIME (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY)

const struct command engine_connection_rows[] = {
    {.name = "ping",
     .run = cmd_ping,
     .arity = -1,
     .flags = CMD_FAST,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Answers PONG, or the message.",
     .complexity = "O(1)",
     .args = "[message]"},
    {.name = "echo",
     .run = cmd_echo,
     .arity = 2,
     .flags = CMD_FAST,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Answers the message.",
     .complexity = "O(1)",
     .args = "message"},
    {.name = "quit",
     .run = cmd_quit,
     .arity = -1,
     .flags = ANYTIME | CMD_SKIP_MONITOR,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Closes the connection.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "select",
     .run = cmd_select,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Changes the connection's database.",
     .complexity = "O(1)",
     .args = "index"},
    {.name = "auth",
     .run = cmd_auth,
     .arity = -2,
     .flags = ANYTIME,
     .group = "connection",
     .since = "1.0.0",
     .summary = "Proves that one knows the password.",
     .complexity = "O(N) with N the password's length",
     .args = "[username] password"},
    {.name = "hello",
     .run = cmd_hello,
     .arity = -1,
     .flags = ANYTIME,
     .group = "connection",
     .since = "6.0.0",
     .summary = "Chooses the protocol, and may authenticate and name the connection.",
     .complexity = "O(1)",
     .args = "[protover [AUTH username password] [SETNAME clientname]]"},
    {.name = "reset",
     .run = cmd_reset,
     .arity = 1,
     .flags = ANYTIME,
     .group = "connection",
     .since = "6.2.0",
     .summary = "Makes the connection as if it were new.",
     .complexity = "O(1)",
     .args = ""},
    {0},
};
