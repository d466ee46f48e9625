/* SPDX-License-Identifier: MIT */
/*
 * SLOWLOG: the slowest commands of late, newest first, with their arguments shortened.
 *
 * Noting happens after a command that was slow anyway, so a copy costs nobody anything.
 */
#include "engine/state.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>

#define SLOWLOG_ARGS_MAX 32
#define SLOWLOG_ARG_BYTES_MAX 128

struct slow_entry {
    struct link link;
    int64_t id;
    int64_t at_s;
    int64_t us;
    char addr[80];
    char *client_name; /* owned */
    int argc;
    struct slice argv[SLOWLOG_ARGS_MAX]; /* each owned */
};

struct slowlog {
    struct link entries; /* oldest first */
    size_t count;
    int64_t next_id;
};

struct slowlog *slowlog_new(void)
{
    struct slowlog *s = mem_alloc_zero(sizeof(*s));
    link_init(&s->entries);
    return s;
}

static void drop_oldest(struct slowlog *s)
{
    struct slow_entry *entry = LINK_OWNER(s->entries.next, struct slow_entry, link);
    link_remove(&entry->link);
    for (int i = 0; i < entry->argc; i++) mem_free((void *)(uintptr_t)entry->argv[i].at);
    mem_free(entry->client_name);
    mem_free(entry);
    s->count--;
}

static void trim(struct slowlog *s, size_t keep)
{
    while (s->count > keep) drop_oldest(s);
}

void slowlog_free(struct slowlog *s)
{
    if (!s) return;
    trim(s, 0);
    mem_free(s);
}

static struct slice copy_shortened(struct slice start, size_t more, const char *what)
{
    char text[SLOWLOG_ARG_BYTES_MAX + 64];
    int len = snprintf(text, sizeof(text), "%.*s... (%zu more %s)", (int)start.len, start.at, more, what);
    char *copy = mem_alloc((size_t)len);
    memcpy(copy, text, (size_t)len);
    return slice_of(copy, (size_t)len);
}

static struct slice copy_argument(struct slice arg)
{
    if (arg.len > SLOWLOG_ARG_BYTES_MAX)
        return copy_shortened(slice_of(arg.at, SLOWLOG_ARG_BYTES_MAX), arg.len - SLOWLOG_ARG_BYTES_MAX, "bytes");
    char *copy = mem_alloc(arg.len);
    if (arg.len) memcpy(copy, arg.at, arg.len);
    return slice_of(copy, arg.len);
}

void slowlog_note(struct engine *e, const struct engine_client *c, const struct slice *argv, int argc, int64_t us)
{
    struct slowlog *s = e->slowlog;
    struct slow_entry *entry = mem_alloc_zero(sizeof(*entry));
    entry->id = s->next_id++;
    entry->at_s = e->keyspace.now_ms / 1000;
    entry->us = us;
    memcpy(entry->addr, c->addr, sizeof(entry->addr));
    if (c->name) entry->client_name = strcpy(mem_alloc(strlen(c->name) + 1), c->name);
    entry->argc = argc < SLOWLOG_ARGS_MAX ? argc : SLOWLOG_ARGS_MAX;
    for (int i = 0; i < entry->argc; i++) {
        bool is_rest = argc > SLOWLOG_ARGS_MAX && i == SLOWLOG_ARGS_MAX - 1;
        entry->argv[i] = is_rest ? copy_shortened(SLICE_LIT(""), (size_t)argc - SLOWLOG_ARGS_MAX + 1, "arguments")
                                 : copy_argument(argv[i]);
    }
    link_push_tail(&s->entries, &entry->link);
    s->count++;
    trim(s, (size_t)e->config->slowlog_max_len);
}

static void reply_entry(struct cmd_ctx *ctx, const struct slow_entry *entry)
{
    reply_array(ctx->reply, 6);
    reply_integer(ctx->reply, entry->id);
    reply_integer(ctx->reply, entry->at_s);
    reply_integer(ctx->reply, entry->us);
    reply_array(ctx->reply, (size_t)entry->argc);
    for (int i = 0; i < entry->argc; i++) reply_bulk(ctx->reply, entry->argv[i]);
    reply_bulk(ctx->reply, slice_from_text(entry->addr));
    reply_bulk(ctx->reply, slice_from_text(entry->client_name ? entry->client_name : ""));
}

static void cmd_slowlog_get(struct cmd_ctx *ctx)
{
    struct slowlog *s = engine_of(ctx)->slowlog;
    int64_t count = 10;
    if (ctx->argc > 3) {
        engine_reply_sub_syntax(ctx);
        return;
    }
    if (ctx->argc == 3) {
        if (!num_parse_int(ctx->argv[2], &count) || count < -1) {
            reply_error(ctx->reply, SLICE_LIT("ERR count should be greater than or equal to -1"));
            return;
        }
    }
    size_t shown = count == -1 || (size_t)count > s->count ? s->count : (size_t)count;
    reply_array(ctx->reply, shown);
    for (struct link *link = s->entries.prev; shown > 0; link = link->prev, shown--)
        reply_entry(ctx, LINK_OWNER(link, struct slow_entry, link));
}

static void cmd_slowlog_len(struct cmd_ctx *ctx)
{
    reply_integer(ctx->reply, (int64_t)engine_of(ctx)->slowlog->count);
}

static void cmd_slowlog_reset(struct cmd_ctx *ctx)
{
    trim(engine_of(ctx)->slowlog, 0);
    reply_ok(ctx->reply);
}

#define SLOWLOG_FLAGS (CMD_ADMIN | CMD_LOADING | CMD_STALE)

const struct command engine_slowlog_subs[] = {
    {.name = "get",
     .run = cmd_slowlog_get,
     .arity = -2,
     .flags = SLOWLOG_FLAGS,
     .group = "server",
     .since = "2.2.12",
     .summary = "Shows the newest slow commands.",
     .complexity = "O(N) with N the entries shown",
     .args = "[count]"},
    {.name = "len",
     .run = cmd_slowlog_len,
     .arity = 2,
     .flags = SLOWLOG_FLAGS,
     .group = "server",
     .since = "2.2.12",
     .summary = "Counts the entries.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "reset",
     .run = cmd_slowlog_reset,
     .arity = 2,
     .flags = SLOWLOG_FLAGS,
     .group = "server",
     .since = "2.2.12",
     .summary = "Forgets all entries.",
     .complexity = "O(N) with N the entries",
     .args = ""},
    {.name = "help",
     .run = cmd_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = "server",
     .since = "6.2.0",
     .summary = "Tells the subcommands.",
     .complexity = "O(1)",
     .args = ""},
    {0},
};
