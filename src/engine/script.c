/* SPDX-License-Identifier: MIT */
#include "engine/script.h"
#include "engine/persist.h"

#include "native/native.h"
#include "os/log.h"

#include <oxq/version.h>

static struct engine *engine_of_ops(struct script_ops *ops)
{
    return (struct engine *)((char *)ops - offsetof(struct engine, script_ops));
}

/* The disk may become full while a late script runs: it is refused before it wrote anything, or not at all. True: the error was replied. */
static bool is_refused(struct engine *e, struct cmd_ctx *ctx)
{
    if (!e->persist || (e->persist->is_record_open && !engine_has_failed(e))) return false;
    struct slice refusal = persist_refusal(e, ctx->argv, ctx->argc);
    if (!refusal.len) return false;
    reply_error(ctx->reply, refusal);
    return true;
}

/* A script can make a longer text than a request can bring. True: the error was replied. */
static bool is_too_long(struct cmd_ctx *ctx)
{
    for (int i = 1; i < ctx->argc; i++) {
        if (ctx->argv[i].len <= ENGINE_ARGUMENT_MAX_BYTES) continue;
        reply_error(ctx->reply, SLICE_LIT("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
        return true;
    }
    return false;
}

/* Each command of a script counts, and is shown to those who monitor. */
static bool before_call(struct script_ops *ops, struct cmd_ctx *ctx)
{
    struct engine *e = engine_of_ops(ops);
    e->stats.commands++;
    if (ctx->command->flags & CMD_WRITE && (is_too_long(ctx) || is_refused(e, ctx))) return false;
    if (!link_is_empty(&e->monitors) && !(ctx->command->flags & (CMD_SKIP_MONITOR | CMD_ADMIN)))
        monitor_feed_script(e, (uint32_t)(ctx->db - ctx->keyspace->dbs), ctx->argv, ctx->argc);
    return true;
}

/* A monitor sees each command of a script; and a script that may not write says so itself. */
static bool allows_twin(struct script_ops *ops, const struct cmd_ctx *outer)
{
    struct engine *e = engine_of_ops(ops);
    if (e->config->native_scripts[0] == 'n' || !link_is_empty(&e->monitors)) return false;
    return !e->persist || !persist_refusal(e, outer->argv, outer->argc).len;
}

/* Others are served in the middle of a script; for the script, time stands still. */
static void poll_host(struct script_ops *ops)
{
    struct engine *e = engine_of_ops(ops);
    int64_t now_ms = e->keyspace.now_ms;
    e->is_busy = true;
    e->host->poll(e->host);
    e->is_busy = false;
    e->keyspace.now_ms = now_ms;
}

static bool is_over_memory(struct script_ops *ops)
{
    return engine_is_out_of_memory(engine_of_ops(ops));
}

static void log_script(struct script_ops *ops, enum script_log_level level, struct slice text)
{
    (void)ops;
    static const enum log_level levels[] = {LOG_DEBUG, LOG_DEBUG, LOG_INFO, LOG_WARNING};
    log_event(levels[level], "script", (struct log_field){.key = "text", .text = text});
}

oxq_err engine_script_open(struct engine *e, struct oxq_error *err)
{
    e->script_ops = (struct script_ops){
        .before_call = before_call,
        .allows_twin = allows_twin,
        .poll = poll_host,
        .is_over_memory = is_over_memory,
        .log = log_script,
    };
    struct script_opts opts = {
        .commands = &e->table,
        .ops = &e->script_ops,
        .twins = native_twins,
        .memory_bytes = (size_t)e->config->script_memory_bytes,
        .busy_ms = e->config->busy_reply_ms,
        .redis_version = OXQ_REDIS_VERSION,
    };
    return script_host_new(&opts, &e->scripts, err);
}

void engine_script_close(struct engine *e)
{
    script_host_free(e->scripts);
}

void engine_script_configure(struct engine *e)
{
    script_host_set_memory(e->scripts, (size_t)e->config->script_memory_bytes);
    script_host_set_busy_ms(e->scripts, e->config->busy_reply_ms);
}

size_t engine_script_memory(const struct engine *e)
{
    return script_host_memory_bytes(e->scripts);
}

size_t engine_script_count(const struct engine *e)
{
    return script_host_scripts_count(e->scripts);
}
