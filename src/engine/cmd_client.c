/* SPDX-License-Identifier: MIT */
/* CLIENT: names, lists, ends, silences and pauses connections. */
#include "engine/state.h"

#include "base/mem.h"
#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>

#define CLIENT_LIST_MAX_BYTES ((size_t)64 << 20)

/* Redis allows what shows in one column of CLIENT LIST: '!' to '~'. */
static bool is_plain_text(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '!' || text.at[i] > '~') return false;
    }
    return true;
}

static void replace_text(char **owner, struct slice text)
{
    mem_free(*owner);
    *owner = NULL;
    if (text.len == 0) return;
    *owner = mem_alloc(text.len + 1);
    memcpy(*owner, text.at, text.len);
    (*owner)[text.len] = '\0';
}

bool client_set_name(struct cmd_ctx *ctx, struct slice name)
{
    if (!is_plain_text(name)) {
        reply_error(ctx->reply, SLICE_LIT("ERR Client names cannot contain spaces, newlines or special characters."));
        return false;
    }
    replace_text(&client_of(ctx)->name, name);
    return true;
}

static void cmd_client_id(struct cmd_ctx *ctx)
{
    reply_integer(ctx->reply, (int64_t)client_of(ctx)->id);
}

static void cmd_client_setname(struct cmd_ctx *ctx)
{
    if (client_set_name(ctx, ctx->argv[2])) reply_ok(ctx->reply);
}

static void cmd_client_getname(struct cmd_ctx *ctx)
{
    const char *name = client_of(ctx)->name;
    if (name)
        reply_bulk(ctx->reply, slice_from_text(name));
    else
        reply_null(ctx->reply);
}

static void cmd_client_setinfo(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    bool is_name = cmd_is(ctx, 2, "lib-name");
    if (!is_name && !cmd_is(ctx, 2, "lib-ver")) {
        reply_errorf(ctx->reply, "ERR Unrecognized option '%.*s'",
                     (int)(ctx->argv[2].len < 128 ? ctx->argv[2].len : 128), ctx->argv[2].at);
        return;
    }
    if (!is_plain_text(ctx->argv[3])) {
        reply_errorf(ctx->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                     is_name ? "lib-name" : "lib-ver");
        return;
    }
    replace_text(is_name ? &c->lib_name : &c->lib_ver, ctx->argv[3]);
    reply_ok(ctx->reply);
}

/* ---- LIST and INFO ---- */

static size_t write_flags(const struct engine_client *c, char *out)
{
    size_t len = 0;
    if (link_is_linked(&c->monitor_link)) out[len++] = 'O';
    if (pubsub_count(c) > 0) out[len++] = 'P';
    if (c->flags & ENGINE_CLIENT_MULTI) out[len++] = 'x';
    if (c->state == ENGINE_CLIENT_BLOCKED) out[len++] = 'b';
    if (c->flags & ENGINE_CLIENT_DIRTY_CAS) out[len++] = 'd';
    if (c->state == ENGINE_CLIENT_CLOSING) out[len++] = 'c';
    if (c->kind == ENGINE_CLIENT_UNIX) out[len++] = 'U';
    if (c->flags & ENGINE_CLIENT_NO_EVICT) out[len++] = 'e';
    if (c->flags & ENGINE_CLIENT_NO_TOUCH) out[len++] = 'T';
    if (len == 0) out[len++] = 'N';
    return len;
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* One line of CLIENT LIST, with its newline. */
static oxq_err write_client(const struct engine_client *c, struct buf *out)
{
    const struct engine *e = c->engine;
    char flags[16];
    flags[write_flags(c, flags)] = '\0';
    char text[1024];
    int len = snprintf(
        text, sizeof(text),
        "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%.256s age=%" PRId64 " idle=%" PRId64
        " flags=%s db=%u sub=%zu psub=%zu ssub=0"
        " multi=%lld watch=%zu qbuf=%zu qbuf-free=%zu argv-mem=0 multi-mem=0 rbs=%zu rbp=%zu obl=0 oll=0 omem=%zu tot-mem=%zu"
        " events=r cmd=%s user=default redir=-1 resp=%d lib-name=%.64s lib-ver=%.64s\n",
        c->id, c->addr, c->laddr, c->fd, text_or_empty(c->name), (e->keyspace.now_ms - c->created_at_ms) / 1000,
        (e->keyspace.now_ms - c->last_at_ms) / 1000, flags, c->db_index, map_count(&c->channels),
        map_count(&c->patterns), c->flags & ENGINE_CLIENT_MULTI ? (long long)multi_queued_count(c) : -1LL,
        multi_watched_count(c), c->input_bytes, c->input_free_bytes, c->out.cap, c->out.len, c->out.len,
        sizeof(*c) + c->out.cap + c->input_bytes + c->input_free_bytes,
        c->last_command ? c->last_command->name : "NULL", c->writer.reply.resp, text_or_empty(c->lib_name),
        text_or_empty(c->lib_ver));
    return buf_append(out, slice_of(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1));
}

static void cmd_client_info(struct cmd_ctx *ctx)
{
    OWNED(buf_deinit) struct buf out = {.limit_bytes = CLIENT_LIST_MAX_BYTES};
    if (write_client(client_of(ctx), &out) == OXQ_OK)
        reply_verbatim(ctx->reply, buf_borrow(&out));
    else
        reply_error(ctx->reply, SLICE_LIT("ERR not enough memory for the line"));
}

enum client_type { TYPE_ANY, TYPE_NORMAL, TYPE_PUBSUB, TYPE_OTHER };

static bool parse_type(struct cmd_ctx *ctx, int i, enum client_type *out)
{
    if (cmd_is(ctx, i, "normal"))
        *out = TYPE_NORMAL;
    else if (cmd_is(ctx, i, "pubsub"))
        *out = TYPE_PUBSUB;
    else if (cmd_is(ctx, i, "master") || cmd_is(ctx, i, "replica") || cmd_is(ctx, i, "slave"))
        *out = TYPE_OTHER;
    else {
        reply_errorf(ctx->reply, "ERR Unknown client type '%.*s'",
                     (int)(ctx->argv[i].len < 128 ? ctx->argv[i].len : 128), ctx->argv[i].at);
        return false;
    }
    return true;
}

static bool is_of_type(const struct engine_client *c, enum client_type type)
{
    if (type == TYPE_ANY) return true;
    return type == (pubsub_count(c) > 0 ? TYPE_PUBSUB : TYPE_NORMAL);
}

static bool is_listed(struct cmd_ctx *ctx, const struct engine_client *c, int first_id)
{
    if (first_id == 0) return true;
    for (int i = first_id; i < ctx->argc; i++) {
        int64_t id;
        if (num_parse_int(ctx->argv[i], &id) && (uint64_t)id == c->id) return true;
    }
    return false;
}

static void cmd_client_list(struct cmd_ctx *ctx)
{
    enum client_type type = TYPE_ANY;
    int first_id = 0;
    if (ctx->argc == 4 && cmd_is(ctx, 2, "type")) {
        if (!parse_type(ctx, 3, &type)) return;
    } else if (ctx->argc > 3 && cmd_is(ctx, 2, "id")) {
        first_id = 3;
        for (int i = first_id; i < ctx->argc; i++) {
            int64_t id;
            if (num_parse_int(ctx->argv[i], &id)) continue;
            reply_error(ctx->reply, SLICE_LIT("ERR Invalid client ID"));
            return;
        }
    } else if (ctx->argc != 2) {
        cmd_reply_syntax(ctx);
        return;
    }
    OWNED(buf_deinit) struct buf out = {.limit_bytes = CLIENT_LIST_MAX_BYTES};
    struct engine *e = engine_of(ctx);
    for (struct link *link = e->clients.next; link != &e->clients; link = link->next) {
        const struct engine_client *c = LINK_OWNER(link, struct engine_client, link);
        if (!is_of_type(c, type) || !is_listed(ctx, c, first_id)) continue;
        if (write_client(c, &out) != OXQ_OK) break;
    }
    reply_verbatim(ctx->reply, buf_borrow(&out));
}

/* ---- KILL ---- */

struct kill_filter {
    int64_t id;               /* 0: any */
    struct slice addr, laddr; /* empty: any */
    enum client_type type;
    bool spares_me;
    int64_t max_age_s; /* 0: any */
};

static bool parse_kill(struct cmd_ctx *ctx, struct kill_filter *f)
{
    for (int i = 2; i < ctx->argc; i += 2) {
        if (i + 1 >= ctx->argc) {
            cmd_reply_syntax(ctx);
            return false;
        }
        struct slice value = ctx->argv[i + 1];
        if (cmd_is(ctx, i, "id")) {
            if (!num_parse_int(value, &f->id) || f->id <= 0) {
                reply_error(ctx->reply, SLICE_LIT("ERR client-id should be greater than 0"));
                return false;
            }
        } else if (cmd_is(ctx, i, "type")) {
            if (!parse_type(ctx, i + 1, &f->type)) return false;
        } else if (cmd_is(ctx, i, "addr")) {
            f->addr = value;
        } else if (cmd_is(ctx, i, "laddr")) {
            f->laddr = value;
        } else if (cmd_is(ctx, i, "user")) {
            if (!slice_equal(value, SLICE_LIT("default"))) {
                reply_errorf(ctx->reply, "ERR No such user '%.*s'", (int)(value.len < 128 ? value.len : 128), value.at);
                return false;
            }
        } else if (cmd_is(ctx, i, "skipme") && (cmd_is(ctx, i + 1, "yes") || cmd_is(ctx, i + 1, "no"))) {
            f->spares_me = cmd_is(ctx, i + 1, "yes");
        } else if (cmd_is(ctx, i, "maxage")) {
            if (!cmd_int(ctx, i + 1, &f->max_age_s)) return false;
        } else {
            cmd_reply_syntax(ctx);
            return false;
        }
    }
    return true;
}

static bool is_to_be_killed(const struct cmd_ctx *ctx, const struct engine_client *c, const struct kill_filter *f)
{
    if (c->state == ENGINE_CLIENT_CLOSING) return false;
    if (f->spares_me && c == client_of(ctx)) return false;
    if (f->id && (uint64_t)f->id != c->id) return false;
    if (f->addr.len && !slice_equal(f->addr, slice_from_text(c->addr))) return false;
    if (f->laddr.len && !slice_equal(f->laddr, slice_from_text(c->laddr))) return false;
    if (f->max_age_s && (ctx->keyspace->now_ms - c->created_at_ms) / 1000 < f->max_age_s) return false;
    return is_of_type(c, f->type);
}

static int64_t kill_clients(struct cmd_ctx *ctx, const struct kill_filter *f)
{
    struct engine *e = engine_of(ctx);
    int64_t killed = 0;
    for (struct link *link = e->clients.next; link != &e->clients; link = link->next) {
        struct engine_client *c = LINK_OWNER(link, struct engine_client, link);
        if (!is_to_be_killed(ctx, c, f)) continue;
        /* The one who asks still gets the answer. */
        engine_close_later(c, c != client_of(ctx));
        killed++;
    }
    return killed;
}

static void cmd_client_kill(struct cmd_ctx *ctx)
{
    struct kill_filter f = {.spares_me = true};
    if (ctx->argc == 3) {
        f = (struct kill_filter){.addr = ctx->argv[2]};
        if (kill_clients(ctx, &f) > 0)
            reply_ok(ctx->reply);
        else
            reply_error(ctx->reply, SLICE_LIT("ERR No such client"));
        return;
    }
    if (parse_kill(ctx, &f)) reply_integer(ctx->reply, kill_clients(ctx, &f));
}

/* ---- REPLY, PAUSE, UNBLOCK and marks ---- */

static void cmd_client_reply(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (cmd_is(ctx, 2, "on")) {
        c->flags &= ~(uint32_t)(ENGINE_CLIENT_REPLY_OFF | ENGINE_CLIENT_REPLY_SKIP | ENGINE_CLIENT_REPLY_SKIP_NEXT);
        reply_ok(&c->writer.reply);
    } else if (cmd_is(ctx, 2, "off")) {
        c->flags |= ENGINE_CLIENT_REPLY_OFF;
    } else if (cmd_is(ctx, 2, "skip")) {
        if (!(c->flags & ENGINE_CLIENT_REPLY_OFF)) c->flags |= ENGINE_CLIENT_REPLY_SKIP_NEXT;
    } else {
        cmd_reply_syntax(ctx);
    }
}

static void cmd_client_pause(struct cmd_ctx *ctx)
{
    struct engine *e = engine_of(ctx);
    int64_t ms;
    bool is_for_writes_only = ctx->argc == 4 && cmd_is(ctx, 3, "write");
    if (ctx->argc == 4 && !is_for_writes_only && !cmd_is(ctx, 3, "all")) {
        reply_error(ctx->reply, SLICE_LIT("ERR CLIENT PAUSE mode must be WRITE or ALL"));
        return;
    }
    if (!num_parse_int(ctx->argv[2], &ms) || ms > INT64_MAX / 2000) {
        reply_error(ctx->reply, SLICE_LIT("ERR timeout is not an integer or out of range"));
        return;
    }
    if (ms < 0) {
        reply_error(ctx->reply, SLICE_LIT("ERR timeout is negative"));
        return;
    }
    block_start_pause(e, e->mono_us + ms * 1000, is_for_writes_only);
    reply_ok(ctx->reply);
}

static void cmd_client_unpause(struct cmd_ctx *ctx)
{
    struct engine *e = engine_of(ctx);
    reply_ok(ctx->reply);
    /* Nobody is served in the middle of a script or a transaction: then the timers end it. */
    if (e->pause_end_us != 0 && (e->is_busy || ctx->flags & CMD_CTX_MULTI))
        e->pause_end_us = e->mono_us;
    else if (!e->is_busy && !(ctx->flags & CMD_CTX_MULTI))
        block_end_pause(e);
}

static void cmd_client_unblock(struct cmd_ctx *ctx)
{
    int64_t id;
    bool with_error = ctx->argc == 4 && cmd_is(ctx, 3, "error");
    if (ctx->argc == 4 && !with_error && !cmd_is(ctx, 3, "timeout")) {
        reply_error(ctx->reply, SLICE_LIT("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        return;
    }
    if (!cmd_int(ctx, 2, &id)) return;
    struct engine_client *c = engine_find_client(engine_of(ctx), (uint64_t)id);
    reply_integer(ctx->reply, c && block_unblock(c, with_error));
}

static void set_mark(struct cmd_ctx *ctx, enum engine_client_flag flag)
{
    struct engine_client *c = client_of(ctx);
    if (cmd_is(ctx, 2, "on"))
        c->flags |= flag;
    else if (cmd_is(ctx, 2, "off"))
        c->flags &= ~(uint32_t)flag;
    else {
        cmd_reply_syntax(ctx);
        return;
    }
    reply_ok(ctx->reply);
}

static void cmd_client_no_evict(struct cmd_ctx *ctx)
{
    set_mark(ctx, ENGINE_CLIENT_NO_EVICT);
}

static void cmd_client_no_touch(struct cmd_ctx *ctx)
{
    set_mark(ctx, ENGINE_CLIENT_NO_TOUCH);
}

#define PLAIN (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)
#define ADMIN (CMD_ADMIN | PLAIN)

static const struct command client_subs[] = {
    {.name = "id",
     .run = cmd_client_id,
     .arity = 2,
     .flags = PLAIN,
     .group = "connection",
     .since = "5.0.0",
     .summary = "Tells the connection's number.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "setname",
     .run = cmd_client_setname,
     .arity = 3,
     .flags = PLAIN,
     .group = "connection",
     .since = "2.6.9",
     .summary = "Names the connection.",
     .complexity = "O(1)",
     .args = "connection-name"},
    {.name = "getname",
     .run = cmd_client_getname,
     .arity = 2,
     .flags = PLAIN,
     .group = "connection",
     .since = "2.6.9",
     .summary = "Tells the connection's name.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "setinfo",
     .run = cmd_client_setinfo,
     .arity = 4,
     .flags = PLAIN,
     .group = "connection",
     .since = "7.2.0",
     .summary = "Tells which client library is at the other end.",
     .complexity = "O(1)",
     .args = "LIB-NAME libname | LIB-VER libver"},
    {.name = "list",
     .run = cmd_client_list,
     .arity = -2,
     .flags = ADMIN,
     .group = "connection",
     .since = "2.4.0",
     .summary = "Lists connections.",
     .complexity = "O(N) with N the connections",
     .args = "[TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]"},
    {.name = "info",
     .run = cmd_client_info,
     .arity = 2,
     .flags = PLAIN,
     .group = "connection",
     .since = "6.2.0",
     .summary = "Describes this connection.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "kill",
     .run = cmd_client_kill,
     .arity = -3,
     .flags = ADMIN,
     .group = "connection",
     .since = "2.4.0",
     .summary = "Ends connections.",
     .complexity = "O(N) with N the connections",
     .args =
         "ip:port | [ID client-id] [TYPE type] [ADDR ip:port] [LADDR ip:port] [USER name] [SKIPME YES | NO] [MAXAGE s]"},
    {.name = "reply",
     .run = cmd_client_reply,
     .arity = 3,
     .flags = PLAIN,
     .group = "connection",
     .since = "3.2.0",
     .summary = "Switches replies off and on.",
     .complexity = "O(1)",
     .args = "ON | OFF | SKIP"},
    {.name = "pause",
     .run = cmd_client_pause,
     .arity = -3,
     .flags = ADMIN,
     .group = "connection",
     .since = "3.0.0",
     .summary = "Keeps commands back for a while.",
     .complexity = "O(1)",
     .args = "timeout [WRITE | ALL]"},
    {.name = "unpause",
     .run = cmd_client_unpause,
     .arity = 2,
     .flags = ADMIN | CMD_ALLOW_BUSY,
     .group = "connection",
     .since = "6.2.0",
     .summary = "Ends a pause.",
     .complexity = "O(N) with N the paused connections",
     .args = ""},
    {.name = "unblock",
     .run = cmd_client_unblock,
     .arity = -3,
     .flags = ADMIN,
     .group = "connection",
     .since = "5.0.0",
     .summary = "Ends another connection's blocking command.",
     .complexity = "O(N) with N the connections",
     .args = "client-id [TIMEOUT | ERROR]"},
    {.name = "no-evict",
     .run = cmd_client_no_evict,
     .arity = 3,
     .flags = ADMIN,
     .group = "connection",
     .since = "7.0.0",
     .summary = "Marks the connection as one never to be dropped for memory; none is.",
     .complexity = "O(1)",
     .args = "ON | OFF"},
    {.name = "no-touch",
     .run = cmd_client_no_touch,
     .arity = 3,
     .flags = PLAIN,
     .group = "connection",
     .since = "7.2.0",
     .summary = "Marks the connection as one whose reads do not count as use.",
     .complexity = "O(1)",
     .args = "ON | OFF"},
    {.name = "help",
     .run = cmd_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = "connection",
     .since = "5.0.0",
     .summary = "Tells the subcommands.",
     .complexity = "O(1)",
     .args = ""},
    {0},
};

const struct command engine_client_rows[] = {
    {.name = "client",
     .arity = -2,
     .group = "connection",
     .since = "2.4.0",
     .summary = "Manages connections.",
     .complexity = "Depends on the subcommand",
     .subs = client_subs},
    {0},
};
