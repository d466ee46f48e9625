/* SPDX-License-Identifier: MIT */
/* The server's own commands: INFO, CONFIG, SLOWLOG, MONITOR, TIME, ROLE, WAIT, SHUTDOWN. */
#include "engine/info.h"
#include "engine/persist.h"
#include "engine/script.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>

#define CONFIG_TEXT_MAX 1024

static void cmd_info(struct cmd_ctx *ctx)
{
    OWNED(buf_deinit) struct buf text = {0};
    info_write(engine_of(ctx), ctx->argv + 1, ctx->argc - 1, &text);
    reply_verbatim(ctx->reply, buf_borrow(&text));
}

static void cmd_time(struct cmd_ctx *ctx)
{
    int64_t us = clock_wall_us(engine_of(ctx)->clock);
    reply_array(ctx->reply, 2);
    reply_bulk_integer(ctx->reply, us / 1000000);
    reply_bulk_integer(ctx->reply, us % 1000000);
}

static void cmd_role(struct cmd_ctx *ctx)
{
    reply_array(ctx->reply, 3);
    reply_bulk(ctx->reply, SLICE_LIT("master"));
    reply_integer(ctx->reply, 0);
    reply_array(ctx->reply, 0);
}

/* There are no replicas to wait for: with any number asked, the answer is 0 when the time is over. */
static void cmd_wait(struct cmd_ctx *ctx)
{
    int64_t replicas, timeout_ms;
    if (!cmd_int(ctx, 1, &replicas)) return;
    if (!num_parse_int(ctx->argv[2], &timeout_ms)) {
        reply_error(ctx->reply, SLICE_LIT("ERR timeout is not an integer or out of range"));
        return;
    }
    if (timeout_ms < 0) {
        reply_error(ctx->reply, SLICE_LIT("ERR timeout is negative"));
        return;
    }
    if (replicas <= 0) {
        reply_integer(ctx->reply, 0);
        return;
    }
    cmd_block(ctx, (struct cmd_block){.timeout_ms = timeout_ms, .on_timeout = CMD_TIMEOUT_ZERO});
}

static void cmd_lastsave(struct cmd_ctx *ctx)
{
    const struct engine *e = engine_of(ctx);
    reply_integer(ctx->reply, (e->persist ? e->persist->save.saved_at_ms : e->stats.started_at_ms) / 1000);
}

/* ---- SAVE: others are served while the client waits ---- */

#define ERR_IN_MEMORY SLICE_LIT("ERR nothing is kept on disk here: durability is none")
#define ERR_NOT_SAVED SLICE_LIT("ERR the checkpoint failed: the log says why, the journal has everything")

static void cmd_save(struct cmd_ctx *ctx)
{
    struct engine *e = engine_of(ctx);
    if (!e->persist)
        reply_error(ctx->reply, ERR_IN_MEMORY);
    else if (!persist_start_save(e))
        reply_error(ctx->reply, ERR_NOT_SAVED);
    else
        cmd_block(ctx, (struct cmd_block){0});
}

void persist_answer_saves(struct engine *e, bool is_saved)
{
    for (struct link *link = e->clients.next; link != &e->clients; link = link->next) {
        struct engine_client *c = LINK_OWNER(link, struct engine_client, link);
        if (c->state != ENGINE_CLIENT_BLOCKED || c->last_command->row->run != cmd_save) continue;
        if (is_saved)
            reply_ok(engine_reply_of(c));
        else
            reply_error(engine_reply_of(c), ERR_NOT_SAVED);
        block_release(c);
    }
}

static void cmd_bgsave(struct cmd_ctx *ctx)
{
    struct engine *e = engine_of(ctx);
    if (ctx->argc > 2 || (ctx->argc == 2 && !cmd_is(ctx, 1, "schedule"))) {
        cmd_reply_syntax(ctx);
        return;
    }
    bool is_running = e->persist && e->persist->save.state != SAVE_IDLE;
    if (!e->persist)
        reply_error(ctx->reply, ERR_IN_MEMORY);
    else if (!persist_start_save(e))
        reply_error(ctx->reply, ERR_NOT_SAVED);
    else
        reply_status(ctx->reply,
                     is_running ? SLICE_LIT("Background saving scheduled") : SLICE_LIT("Background saving started"));
}

static void cmd_monitor(struct cmd_ctx *ctx)
{
    struct engine_client *c = client_of(ctx);
    if (ctx->flags & CMD_CTX_MULTI) {
        reply_error(ctx->reply, SLICE_LIT("ERR MONITOR isn't allowed for DENY BLOCKING client"));
        return;
    }
    if (!link_is_linked(&c->monitor_link)) link_push_tail(&c->engine->monitors, &c->monitor_link);
    reply_ok(ctx->reply);
}

static void cmd_shutdown(struct cmd_ctx *ctx)
{
    struct engine *e = engine_of(ctx);
    bool is_abort = false, is_save = false, is_nosave = false;
    for (int i = 1; i < ctx->argc; i++) {
        if (cmd_is(ctx, i, "abort"))
            is_abort = true;
        else if (cmd_is(ctx, i, "save"))
            is_save = true;
        else if (cmd_is(ctx, i, "nosave"))
            is_nosave = true;
        else if (!cmd_is(ctx, i, "now") && !cmd_is(ctx, i, "force")) {
            cmd_reply_syntax(ctx);
            return;
        }
    }
    if ((is_abort && ctx->argc > 2) || (is_save && is_nosave)) {
        cmd_reply_syntax(ctx);
        return;
    }
    if (is_abort) {
        /* A shutdown is never pending here: it happens at the end of the turn. */
        reply_error(ctx->reply, SLICE_LIT("ERR No shutdown in progress."));
        return;
    }
    if (e->is_busy && !is_nosave) {
        reply_error(ctx->reply, ENGINE_ERR_BUSY);
        return;
    }
    e->is_shutting_down = true;
    e->is_last_save_skipped = is_nosave;
    e->host->shut_down(e->host);
}

/* ---- CONFIG ---- */

static void cmd_config_get(struct cmd_ctx *ctx)
{
    const struct config *config = engine_of(ctx)->config;
    size_t shown = 0;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_MAP);
    for (size_t row = 0; row < config_rows_count(); row++) {
        struct slice name = slice_from_text(config_row_name(row));
        int match = 2;
        while (match < ctx->argc && !slice_glob(ctx->argv[match], name, true)) match++;
        if (match == ctx->argc) continue;
        char text[CONFIG_TEXT_MAX];
        config_row_text(config, row, text, sizeof(text));
        /* Who asks for a name is answered in the same case. */
        bool is_name = slice_is(ctx->argv[match], config_row_name(row));
        reply_bulk(ctx->reply, is_name ? ctx->argv[match] : name);
        reply_bulk(ctx->reply, slice_from_text(text));
        shown++;
    }
    reply_end(ctx->reply, mark, REPLY_MAP, shown);
}

static int printed_len(struct slice s)
{
    return (int)(s.len < 128 ? s.len : 128);
}

/* Finds the rows of all arguments first, so that an unknown name changes nothing. */
static bool check_config_names(struct cmd_ctx *ctx)
{
    for (int i = 2; i < ctx->argc; i += 2) {
        struct slice name = ctx->argv[i];
        int row = config_row_find(name);
        if (row < 0) {
            reply_errorf(ctx->reply, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                         printed_len(name), name.at);
            return false;
        }
        if (!config_row_is_mutable((size_t)row)) {
            reply_errorf(ctx->reply,
                         "ERR CONFIG SET failed (possibly related to argument '%.*s') - can't set immutable config",
                         printed_len(name), name.at);
            return false;
        }
        for (int j = 2; j < i; j += 2) {
            if (config_row_find(ctx->argv[j]) != row) continue;
            reply_errorf(ctx->reply,
                         "ERR CONFIG SET failed (possibly related to argument '%.*s') - duplicate parameter",
                         printed_len(name), name.at);
            return false;
        }
    }
    return true;
}

/* All or nothing: what was set before the one that failed is set back. */
static void set_config(struct cmd_ctx *ctx)
{
    struct engine *e = engine_of(ctx);
    if (!check_config_names(ctx)) return;
    int pairs = (ctx->argc - 2) / 2;
    struct slice *before = ARENA_ARRAY(ctx->scratch, struct slice, (size_t)pairs);
    for (int i = 0; i < pairs; i++) {
        struct slice name = ctx->argv[2 + 2 * i];
        char text[CONFIG_TEXT_MAX];
        struct oxq_error error;
        config_row_text(e->config, (size_t)config_row_find(name), text, sizeof(text));
        before[i] = arena_copy(ctx->scratch, slice_from_text(text));
        if (config_set(e->config, name, ctx->argv[3 + 2 * i], CONFIG_RUNTIME, &error) == OXQ_OK) continue;
        reply_errorf(ctx->reply, "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s", printed_len(name),
                     name.at, error.text);
        while (i-- > 0) CHECK(config_set(e->config, ctx->argv[2 + 2 * i], before[i], CONFIG_RUNTIME, NULL) == OXQ_OK);
        return;
    }
    for (int i = 0; i < pairs && e->host->config_changed; i++)
        e->host->config_changed(e->host, config_row_name((size_t)config_row_find(ctx->argv[2 + 2 * i])));
    engine_configure(e);
    reply_ok(ctx->reply);
}

static void cmd_config_set(struct cmd_ctx *ctx)
{
    if (ctx->argc % 2 != 0) {
        cmd_reply_arity(ctx);
        return;
    }
    set_config(ctx);
    for (int i = 2; i < ctx->argc; i += 2) {
        int row = config_row_find(ctx->argv[i]);
        if (row >= 0 && config_row_is_secret((size_t)row)) ctx->argv[i + 1] = ENGINE_REDACTED;
    }
}

static void cmd_config_resetstat(struct cmd_ctx *ctx)
{
    struct engine *e = engine_of(ctx);
    for (size_t i = 0; i < e->table.count; i++) e->table.slots[i]->stats = (struct cmd_stats){0};
    info_reset_errors(e);
    e->stats = (struct engine_stats){
        .started_at_ms = e->stats.started_at_ms,
        .peak_memory_bytes = engine_memory_used(e),
        .sample_us = e->mono_us,
    };
    e->keyspace.expired_count = 0;
    e->keyspace.hits_count = 0;
    e->keyspace.misses_count = 0;
    reply_ok(ctx->reply);
}

static void cmd_config_rewrite(struct cmd_ctx *ctx)
{
    reply_error(ctx->reply, SLICE_LIT("ERR oxq never writes its configuration file: change oxq.yaml"));
}

#define ADMIN (CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)

static const struct command config_subs[] = {
    {.name = "get",
     .run = cmd_config_get,
     .arity = -3,
     .flags = ADMIN,
     .group = "server",
     .since = "2.0.0",
     .summary = "Shows parameters whose names match.",
     .complexity = "O(N) with N the parameters",
     .args = "parameter [parameter ...]"},
    {.name = "set",
     .run = cmd_config_set,
     .arity = -4,
     .flags = ADMIN,
     .group = "server",
     .since = "2.0.0",
     .summary = "Changes parameters of the running server, all or none.",
     .complexity = "O(N) with N the parameters",
     .args = "parameter value [parameter value ...]"},
    {.name = "resetstat",
     .run = cmd_config_resetstat,
     .arity = 2,
     .flags = ADMIN,
     .group = "server",
     .since = "2.0.0",
     .summary = "Sets INFO's counters to zero.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "rewrite",
     .run = cmd_config_rewrite,
     .arity = 2,
     .flags = ADMIN,
     .group = "server",
     .since = "2.8.0",
     .summary = "Answers that the configuration file is never written.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "help",
     .run = cmd_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = "server",
     .since = "5.0.0",
     .summary = "Tells the subcommands.",
     .complexity = "O(1)",
     .args = ""},
    {0},
};

const struct command engine_server_rows[] = {
    {.name = "info",
     .run = cmd_info,
     .arity = -1,
     .flags = CMD_LOADING | CMD_STALE,
     .group = "server",
     .since = "1.0.0",
     .summary = "Tells the server's state and counters.",
     .complexity = "O(1)",
     .args = "[section [section ...]]"},
    {.name = "config",
     .arity = -2,
     .group = "server",
     .since = "2.0.0",
     .summary = "Shows and changes parameters.",
     .complexity = "Depends on the subcommand",
     .subs = config_subs},
    {.name = "slowlog",
     .arity = -2,
     .group = "server",
     .since = "2.2.12",
     .summary = "Shows the slowest commands.",
     .complexity = "Depends on the subcommand",
     .subs = engine_slowlog_subs},
    {.name = "time",
     .run = cmd_time,
     .arity = 1,
     .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "server",
     .since = "2.6.0",
     .summary = "Tells the server's time.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "role",
     .run = cmd_role,
     .arity = 1,
     .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "server",
     .since = "2.8.12",
     .summary = "Tells that this is a master without replicas.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "wait",
     .run = cmd_wait,
     .arity = 3,
     .flags = CMD_NOSCRIPT | CMD_BLOCKING,
     .group = "generic",
     .since = "3.0.0",
     .summary = "Waits for replicas; there are none.",
     .complexity = "O(1)",
     .args = "numreplicas timeout"},
    {.name = "lastsave",
     .run = cmd_lastsave,
     .arity = 1,
     .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = "server",
     .since = "1.0.0",
     .summary = "Tells when data was last saved as a whole.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "save",
     .run = cmd_save,
     .arity = 1,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_MULTI,
     .group = "server",
     .since = "1.0.0",
     .summary = "Writes a checkpoint and answers when it is on disk.",
     .complexity = "O(N) with N the keys changed since the last one; other clients are served meanwhile",
     .args = ""},
    {.name = "bgsave",
     .run = cmd_bgsave,
     .arity = -1,
     .flags = CMD_ADMIN | CMD_NOSCRIPT,
     .group = "server",
     .since = "1.0.0",
     .summary = "Starts a checkpoint.",
     .complexity = "O(1)",
     .args = "[SCHEDULE]"},
    {.name = "monitor",
     .run = cmd_monitor,
     .arity = 1,
     .flags = ADMIN,
     .group = "server",
     .since = "1.0.0",
     .summary = "Shows all commands as they run.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "shutdown",
     .run = cmd_shutdown,
     .arity = -1,
     .flags = ADMIN | CMD_NO_MULTI | CMD_ALLOW_BUSY,
     .group = "server",
     .since = "1.0.0",
     .summary = "Ends the server.",
     .complexity = "O(1)",
     .args = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]"},
    {0},
};
