/* SPDX-License-Identifier: MIT */
/*
 * One request from its arguments to its reply.
 *
 *   engine_execute --> find the row --> may it run now? --refused--> error
 *                                             |--in MULTI--> queued
 *                                             |--paused----> kept (block.c)
 *                                             '--> engine_call --> row->run --blocked--> block_client
 *                  --> serve those who wait for what has changed
 *
 * The order of the checks is Redis's, so that a request with two faults gets the same error.
 */
#include "engine/persist.h"

#include <stdio.h>

/* How much of the arguments the error for an unknown command shows, as Redis. */
#define UNKNOWN_ARGS_MAX 128

static void reply_unknown(struct reply *reply, const struct slice *argv, int argc)
{
    char args[UNKNOWN_ARGS_MAX * 2];
    size_t len = 0;
    for (int i = 1; i < argc && len < UNKNOWN_ARGS_MAX; i++) {
        int room = (int)(UNKNOWN_ARGS_MAX - len);
        int shown = argv[i].len < (size_t)room ? (int)argv[i].len : room;
        len += (size_t)snprintf(args + len, sizeof(args) - len, "'%.*s' ", shown, argv[i].at);
    }
    int shown = argv[0].len < UNKNOWN_ARGS_MAX ? (int)argv[0].len : UNKNOWN_ARGS_MAX;
    reply_errorf(reply, "ERR unknown command '%.*s', with args beginning with: %.*s", shown, argv[0].at, (int)len,
                 args);
}

/* "ERR <what> '<name>'. Try <CONTAINER> HELP." */
static void reply_try_help(struct reply *reply, const char *what, const char *container, struct slice name)
{
    char upper[64];
    size_t len = 0;
    for (const char *at = container; *at && len < sizeof(upper); at++)
        upper[len++] = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    int shown = name.len < 128 ? (int)name.len : 128;
    reply_errorf(reply, "ERR %s '%.*s'. Try %.*s HELP.", what, shown, name.at, (int)len, upper);
}

void engine_reply_sub_syntax(struct cmd_ctx *ctx)
{
    reply_try_help(ctx->reply, "unknown subcommand or wrong number of arguments for", ctx->container->name,
                   ctx->argv[1]);
}

struct cmd_slot *engine_find_command(struct engine *e, const struct slice *argv, int argc, struct reply *reply)
{
    struct cmd_slot *slot = cmd_table_find(&e->table, argv[0]);
    if (!slot) {
        reply_unknown(reply, argv, argc);
        return NULL;
    }
    if (slot->row->subs && argc > 1) {
        struct cmd_slot *sub = cmd_table_find_sub(&e->table, slot, argv[1]);
        if (!sub) {
            reply_try_help(reply, "unknown subcommand", slot->name, argv[1]);
            return NULL;
        }
        slot = sub;
    }
    int arity = slot->row->arity;
    if ((arity > 0 && argc != arity) || argc < -arity) {
        slot->stats.rejected++;
        const char *why = strcmp(slot->name, "exec") == 0 ? "EXECABORT Transaction discarded because of:" : "ERR";
        reply_errorf(reply, "%s wrong number of arguments for '%s' command", why, slot->name);
        return NULL;
    }
    return slot;
}

/* A look at the memory in use costs little beside so many. */
#define FREE_AT_LIMIT_STEPS 1000

bool engine_is_out_of_memory(struct engine *e)
{
    int64_t max = e->config->max_memory_bytes;
    if (max == 0) return false;
    /* What is deleted and not yet freed refuses nobody. */
    while (engine_memory_used(e) > (size_t)max) {
        if (!graveyard_free_some(&e->keyspace.graveyard, FREE_AT_LIMIT_STEPS)) return true;
    }
    return false;
}

/* ---- running a row ---- */

static void note_duration(struct engine_client *c, struct cmd_slot *slot, const struct cmd_ctx *ctx, int64_t us)
{
    struct engine *e = c->engine;
    slot->stats.calls++;
    slot->stats.us += (uint64_t)us;
    int64_t limit_us = e->config->slowlog_us;
    if (limit_us < 0 || us < limit_us || slot->row->flags & CMD_SKIP_SLOWLOG) return;
    slowlog_note(e, c, ctx->argv, ctx->argc, us);
}

void engine_call(struct engine_client *c, struct cmd_slot *slot, struct cmd_ctx *ctx)
{
    struct engine *e = c->engine;
    int64_t started_us = e->mono_us;
    uint32_t errors = ctx->reply->errors_count;
    bool is_shown = !link_is_empty(&e->monitors) && !(slot->row->flags & (CMD_SKIP_MONITOR | CMD_ADMIN));
    bool is_script = strcmp(slot->row->group, "scripting") == 0;
    is_shown = is_shown && !(ctx->flags & CMD_CTX_RETRY);
    /* A script is shown before the commands it calls, EXEC after those it runs. */
    if (is_shown && is_script) monitor_feed(e, c, ctx->argv, ctx->argc);

    slot->row->run(ctx);

    if (is_shown && !is_script) monitor_feed(e, c, ctx->argv, ctx->argc);
    if (!e->is_busy) arena_reset(&e->scratch); /* else it is the late script's */
    engine_update_time(e);
    e->stats.commands++;
    if (ctx->reply->errors_count != errors) {
        slot->stats.failed++;
        e->stats.errors++;
        info_note_error(e, ctx->reply->error_code);
    }
    note_duration(c, slot, ctx, e->mono_us - started_us);
}

/* ---- may it run? ---- */

static bool is_allowed_while_subscribed(const struct cmd_slot *slot)
{
    static const char *const names[] = {"subscribe", "unsubscribe", "psubscribe", "punsubscribe",
                                        "ping",      "quit",        "reset"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(slot->name, names[i]) == 0) return true;
    }
    return false;
}

static bool runs_inside_multi(const struct cmd_slot *slot)
{
    static const char *const names[] = {"exec", "discard", "multi", "watch", "quit", "reset"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(slot->name, names[i]) == 0) return true;
    }
    return false;
}

/* The error that refuses the command now, or an empty slice. */
static struct slice find_refusal(struct engine_client *c, const struct cmd_slot *slot, const struct slice *argv,
                                 int argc, char *text, size_t cap)
{
    struct engine *e = c->engine;
    uint32_t flags = multi_flags_of(c, slot->row);
    /* A queue takes memory too: nothing enters it when there is none. */
    bool takes_memory = flags & CMD_DENYOOM || (c->flags & ENGINE_CLIENT_MULTI && !runs_inside_multi(slot));
    if (!engine_client_is_authenticated(c) && !(flags & CMD_NO_AUTH))
        return SLICE_LIT("NOAUTH Authentication required.");
    if (c->flags & ENGINE_CLIENT_MULTI && flags & CMD_NO_MULTI)
        return SLICE_LIT("ERR Command not allowed inside a transaction");
    if (takes_memory && engine_is_out_of_memory(e))
        return SLICE_LIT("OOM command not allowed when used memory > 'maxmemory'.");
    if (flags & CMD_WRITE && e->persist) {
        struct slice disk = persist_refusal(e, argv, argc);
        if (disk.len) return disk;
    }
    if (c->writer.reply.resp == 2 && pubsub_count(c) > 0 && !is_allowed_while_subscribed(slot)) {
        int len = snprintf(
            text, cap,
            "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            slot->name);
        return slice_of(text, (size_t)len);
    }
    if (!(flags & CMD_LOADING) && engine_is_loading(e))
        return SLICE_LIT("LOADING Redis is loading the dataset in memory");
    if (e->is_busy && !(flags & CMD_ALLOW_BUSY)) return ENGINE_ERR_BUSY;
    return SLICE_LIT("");
}

static struct cmd_ctx context_of(struct engine_client *c, const struct cmd_slot *slot, struct slice *argv, int argc)
{
    struct engine *e = c->engine;
    return (struct cmd_ctx){
        .keyspace = &e->keyspace,
        .db = &e->keyspace.dbs[c->db_index],
        .reply = engine_reply_of(c),
        .argv = argv,
        .argc = argc,
        .command = slot->row,
        .container = slot->container,
        .name = slot->name,
        .scratch = &e->scratch,
        .client = c,
        .host = e,
        .script_host = e->scripts,
    };
}

static void run_for_client(struct engine_client *c, struct cmd_slot *slot, struct slice *argv, int argc)
{
    struct engine *e = c->engine;
    struct cmd_ctx ctx = context_of(c, slot, argv, argc);
    c->last_command = slot;
    c->commands_count++;
    engine_call(c, slot, &ctx);
    if (ctx.outcome == CMD_BLOCKED) block_client(c, &ctx, slot);
    if (e->persist) engine_mark_dirty(c, gate_need_seq(e, slot->row, argv, argc));
}

/* Whatever refuses EXEC, the client must see that its transaction is over. */
static void refuse(struct reply *reply, const struct cmd_slot *slot, struct slice refusal)
{
    bool is_exec = strcmp(slot->name, "exec") == 0;
    const char *why = is_exec ? "EXECABORT Transaction discarded because of: " : "";
    reply_errorf(reply, "%s%.*s", why, (int)refusal.len, refusal.at);
}

void engine_process(struct engine_client *c, struct slice *argv, int argc)
{
    char text[256];
    struct slice refusal = SLICE_LIT("");
    struct engine *e = c->engine;
    struct reply *reply = engine_reply_of(c);
    struct cmd_slot *slot = engine_find_command(e, argv, argc, reply);
    if (slot) refusal = find_refusal(c, slot, argv, argc, text, sizeof(text));
    if (refusal.len) {
        slot->stats.rejected++;
        refuse(reply, slot, refusal);
    }
    if (!slot || refusal.len) {
        e->stats.errors++;
        info_note_error(e, reply->error_code);
        /* A refused EXEC ends the transaction, any other command spoils it. */
        if (slice_is(argv[0], "exec"))
            multi_discard(c);
        else if (c->flags & ENGINE_CLIENT_MULTI)
            c->flags |= ENGINE_CLIENT_DIRTY_EXEC;
        return;
    }
    if (block_is_paused_for(e, c, slot->row)) {
        block_pause(c, argv, argc);
        return;
    }
    if (c->flags & ENGINE_CLIENT_MULTI && !runs_inside_multi(slot)) {
        multi_queue(c, slot, argv, argc);
        reply_status(reply, SLICE_LIT("QUEUED"));
        return;
    }
    run_for_client(c, slot, argv, argc);
}

void engine_step_reply_skip(struct engine_client *c)
{
    c->flags &= ~(uint32_t)ENGINE_CLIENT_REPLY_SKIP;
    if (!(c->flags & ENGINE_CLIENT_REPLY_SKIP_NEXT)) return;
    c->flags &= ~(uint32_t)ENGINE_CLIENT_REPLY_SKIP_NEXT;
    c->flags |= ENGINE_CLIENT_REPLY_SKIP;
}

/* Returns who ran before. */
static struct engine_client *begin(struct engine_client *c)
{
    struct engine *e = c->engine;
    SLOW_CHECK(c->state == ENGINE_CLIENT_READY);
    if (e->is_time_stale) engine_update_time(e);
    struct engine_client *outer = e->current;
    e->current = c;
    c->flags |= ENGINE_CLIENT_RUNNING;
    engine_limit_output(c);
    c->last_at_ms = e->keyspace.now_ms;
    return outer;
}

static void end(struct engine_client *c, struct engine_client *outer, size_t out_bytes)
{
    struct engine *e = c->engine;
    c->fresh_replies += c->out.len != out_bytes;
    if (!e->is_busy && !link_is_empty(&e->ready)) block_serve(e);
    if (e->persist && !e->is_busy) persist_end_record(e->persist);

    c->flags &= ~(uint32_t)ENGINE_CLIENT_RUNNING;
    if (c->flags & ENGINE_CLIENT_FAILED) gate_fail_late(c);
    e->current = outer;
    engine_mark_dirty(c, 0);
}

void engine_execute(struct engine_client *c, struct slice *argv, int argc)
{
    struct engine_client *outer = begin(c);
    size_t out_bytes = c->out.len;
    engine_process(c, argv, argc);
    if (!c->waiter) engine_step_reply_skip(c);
    end(c, outer, out_bytes);
}

bool engine_execute_native(struct engine_client *c, struct slice *argv, int argc)
{
    struct engine *e = c->engine;
    if (c->state != ENGINE_CLIENT_READY || engine_is_loading(e) || e->current || argc < 3) return false;
    struct cmd_slot *slot = cmd_table_find(&e->table, argv[0]);
    if (!slot || strcmp(slot->name, "evalsha") != 0 || block_is_paused_for(e, c, slot->row)) return false;
    struct engine_client *outer = begin(c);
    size_t out_bytes = c->out.len;
    int64_t started_us = e->mono_us;
    struct cmd_ctx ctx = context_of(c, slot, argv, argc);
    bool is_run = script_run_twin(&ctx);
    arena_reset(&e->scratch);
    if (is_run) {
        c->last_command = slot;
        c->commands_count++;
        engine_update_time(e);
        e->stats.commands++;
        note_duration(c, slot, &ctx, e->mono_us - started_us);
        if (e->persist) engine_mark_dirty(c, gate_need_seq(e, slot->row, argv, argc));
    }
    end(c, outer, out_bytes);
    return is_run;
}

void engine_protocol_error(struct engine_client *c, const char *text)
{
    reply_errorf(&c->writer.reply, "ERR %s", text);
    engine_mark_dirty(c, 0);
    engine_close_later(c, false);
}
