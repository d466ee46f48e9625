/* SPDX-License-Identifier: MIT */
/* COMMAND: the command table as clients ask for it. Everything here is derived from the rows. */
#include "engine/state.h"

#include <stdio.h>

#define KEYS_MAX 1024

struct flag_name {
    uint32_t flag;
    const char *name;
};

static const struct flag_name flag_names[] = {
    {CMD_WRITE, "write"},
    {CMD_READONLY, "readonly"},
    {CMD_DENYOOM, "denyoom"},
    {CMD_ADMIN, "admin"},
    {CMD_PUBSUB, "pubsub"},
    {CMD_NOSCRIPT, "noscript"},
    {CMD_BLOCKING, "blocking"},
    {CMD_LOADING, "loading"},
    {CMD_STALE, "stale"},
    {CMD_SKIP_MONITOR, "skip_monitor"},
    {CMD_SKIP_SLOWLOG, "skip_slowlog"},
    {CMD_FAST, "fast"},
    {CMD_NO_AUTH, "no_auth"},
    {CMD_MAY_REPLICATE, "may_replicate"},
    {CMD_NO_MULTI, "no_multi"},
    {CMD_ALLOW_BUSY, "allow_busy"},
    {CMD_MOVABLE_KEYS, "movablekeys"},
};

/* Access categories: those of the flags, and the group's. */
static const struct flag_name category_names[] = {
    {CMD_WRITE, "@write"},       {CMD_READONLY, "@read"}, {CMD_ADMIN, "@admin"},
    {CMD_BLOCKING, "@blocking"}, {CMD_PUBSUB, "@pubsub"},
};

static const char *category_of_group(const char *group)
{
    static const char *const pairs[][2] = {
        {"generic", "@keyspace"},
        {"string", "@string"},
        {"hash", "@hash"},
        {"list", "@list"},
        {"set", "@set"},
        {"stream", "@stream"},
        {"sorted-set", "@sortedset"},
        {"transactions", "@transaction"},
        {"scripting", "@scripting"},
        {"connection", "@connection"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (strcmp(pairs[i][0], group) == 0) return pairs[i][1];
    }
    return NULL;
}

static void reply_names(struct cmd_ctx *ctx, uint32_t flags, const struct flag_name *names, size_t count,
                        const char *more)
{
    size_t shown = 0;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_SET);
    for (size_t i = 0; i < count; i++) {
        if (!(flags & names[i].flag)) continue;
        reply_status(ctx->reply, slice_from_text(names[i].name));
        shown++;
    }
    if (more) {
        reply_status(ctx->reply, slice_from_text(more));
        shown++;
    }
    reply_end(ctx->reply, mark, REPLY_SET, shown);
}

static void reply_text(struct cmd_ctx *ctx, const char *text)
{
    reply_bulk(ctx->reply, slice_from_text(text));
}

/* The one key specification that first, last and step tell; none where keys are found by looking. */
static void reply_key_specs(struct cmd_ctx *ctx, const struct command *row)
{
    if (row->keys.first == 0) {
        reply_set(ctx->reply, 0);
        return;
    }
    reply_set(ctx->reply, 1);
    reply_map(ctx->reply, 3);
    reply_text(ctx, "flags");
    reply_set(ctx->reply, 1);
    reply_status(ctx->reply, row->flags & CMD_WRITE ? SLICE_LIT("RW") : SLICE_LIT("RO"));
    reply_text(ctx, "begin_search");
    reply_map(ctx->reply, 2);
    reply_text(ctx, "type");
    reply_text(ctx, "index");
    reply_text(ctx, "spec");
    reply_map(ctx->reply, 1);
    reply_text(ctx, "index");
    reply_integer(ctx->reply, row->keys.first);
    reply_text(ctx, "find_keys");
    reply_map(ctx->reply, 2);
    reply_text(ctx, "type");
    reply_text(ctx, "range");
    reply_text(ctx, "spec");
    reply_map(ctx->reply, 3);
    reply_text(ctx, "lastkey");
    reply_integer(ctx->reply, row->keys.last < 0 ? row->keys.last : row->keys.last - row->keys.first);
    reply_text(ctx, "keystep");
    reply_integer(ctx->reply, row->keys.step);
    reply_text(ctx, "limit");
    reply_integer(ctx->reply, 0);
}

/* One command as COMMAND INFO shows it, without its subcommands. */
static void reply_head(struct cmd_ctx *ctx, const struct cmd_slot *slot)
{
    const struct command *row = slot->row;
    uint32_t flags = row->find_keys ? row->flags | CMD_MOVABLE_KEYS : row->flags;
    reply_array(ctx->reply, 10);
    reply_text(ctx, slot->name);
    reply_integer(ctx->reply, row->arity);
    reply_names(ctx, flags, flag_names, sizeof(flag_names) / sizeof(flag_names[0]), NULL);
    reply_integer(ctx->reply, row->keys.first);
    reply_integer(ctx->reply, row->keys.last);
    reply_integer(ctx->reply, row->keys.step);
    reply_names(ctx, flags, category_names, sizeof(category_names) / sizeof(category_names[0]),
                category_of_group(row->group));
    reply_array(ctx->reply, 0);
    reply_key_specs(ctx, row);
}

static size_t count_subs(const struct command *row)
{
    size_t count = 0;
    while (row->subs && row->subs[count].name) count++;
    return count;
}

/* A container's subcommands are the slots behind it. */
static void reply_info(struct cmd_ctx *ctx, size_t index)
{
    struct cmd_slot **slots = engine_of(ctx)->table.slots;
    size_t subs = count_subs(slots[index]->row);
    reply_head(ctx, slots[index]);
    reply_array(ctx->reply, subs);
    for (size_t i = 1; i <= subs; i++) {
        reply_head(ctx, slots[index + i]);
        reply_array(ctx->reply, 0);
    }
}

static size_t index_of(const struct cmd_table *t, const struct cmd_slot *slot)
{
    size_t index = 0;
    while (t->slots[index] != slot) index++;
    return index;
}

static void cmd_command(struct cmd_ctx *ctx)
{
    const struct cmd_table *t = &engine_of(ctx)->table;
    reply_array(ctx->reply, t->commands_count);
    for (size_t i = 0; i < t->count; i++) {
        if (!t->slots[i]->container) reply_info(ctx, i);
    }
}

static void cmd_command_info(struct cmd_ctx *ctx)
{
    struct cmd_table *t = &engine_of(ctx)->table;
    if (ctx->argc == 2) {
        cmd_command(ctx);
        return;
    }
    reply_array(ctx->reply, (size_t)ctx->argc - 2);
    for (int i = 2; i < ctx->argc; i++) {
        const struct cmd_slot *slot = cmd_table_find(t, ctx->argv[i]);
        if (slot)
            reply_info(ctx, index_of(t, slot));
        else
            reply_null(ctx->reply);
    }
}

static void cmd_command_count(struct cmd_ctx *ctx)
{
    reply_integer(ctx->reply, (int64_t)engine_of(ctx)->table.commands_count);
}

static bool is_in_category(const struct command *row, struct slice category)
{
    for (size_t i = 0; i < sizeof(category_names) / sizeof(category_names[0]); i++) {
        if (row->flags & category_names[i].flag && slice_is(category, category_names[i].name + 1)) return true;
    }
    const char *of_group = category_of_group(row->group);
    return of_group && slice_is(category, of_group + 1);
}

static void cmd_command_list(struct cmd_ctx *ctx)
{
    const struct cmd_table *t = &engine_of(ctx)->table;
    bool has_filter = ctx->argc == 5 && cmd_is(ctx, 2, "filterby");
    bool by_pattern = has_filter && cmd_is(ctx, 3, "pattern"), by_category = has_filter && cmd_is(ctx, 3, "aclcat");
    bool by_module = has_filter && cmd_is(ctx, 3, "module");
    if (ctx->argc != 2 && !by_pattern && !by_category && !by_module) {
        cmd_reply_syntax(ctx);
        return;
    }
    size_t shown = 0;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_ARRAY);
    for (size_t i = 0; i < t->count; i++) {
        const struct cmd_slot *slot = t->slots[i];
        if (by_module || (by_pattern && !slice_glob(ctx->argv[4], slice_from_text(slot->name), true))) continue;
        if (by_category && !is_in_category(slot->row, ctx->argv[4])) continue;
        reply_text(ctx, slot->name);
        shown++;
    }
    reply_end(ctx->reply, mark, REPLY_ARRAY, shown);
}

/* ---- DOCS ---- */

static void reply_docs(struct cmd_ctx *ctx, size_t index)
{
    struct cmd_slot **slots = engine_of(ctx)->table.slots;
    const struct command *row = slots[index]->row;
    size_t subs = count_subs(row);
    reply_text(ctx, slots[index]->name);
    reply_map(ctx->reply, subs ? 5 : 4);
    reply_text(ctx, "summary");
    reply_text(ctx, row->summary);
    reply_text(ctx, "since");
    reply_text(ctx, row->since);
    reply_text(ctx, "group");
    reply_text(ctx, row->group);
    reply_text(ctx, "complexity");
    reply_text(ctx, row->complexity);
    if (subs == 0) return;
    reply_text(ctx, "subcommands");
    reply_map(ctx->reply, subs);
    for (size_t i = 1; i <= subs; i++) reply_docs(ctx, index + i);
}

static void cmd_command_docs(struct cmd_ctx *ctx)
{
    struct cmd_table *t = &engine_of(ctx)->table;
    size_t shown = 0;
    struct reply_mark mark = reply_begin(ctx->reply, REPLY_MAP);
    for (size_t i = 0; i < t->count && ctx->argc == 2; i++) {
        if (t->slots[i]->container) continue;
        reply_docs(ctx, i);
        shown++;
    }
    for (int i = 2; i < ctx->argc; i++) {
        const struct cmd_slot *slot = cmd_table_find(t, ctx->argv[i]);
        if (!slot) continue;
        reply_docs(ctx, index_of(t, slot));
        shown++;
    }
    reply_end(ctx->reply, mark, REPLY_MAP, shown);
}

/* ---- GETKEYS ---- */

static void cmd_command_getkeys(struct cmd_ctx *ctx)
{
    struct cmd_slot *slot = cmd_table_find(&engine_of(ctx)->table, ctx->argv[2]);
    const struct slice *argv = ctx->argv + 2;
    int argc = ctx->argc - 2;
    int indexes[KEYS_MAX];
    if (slot && slot->row->subs && argc > 1) slot = cmd_table_find_sub(&engine_of(ctx)->table, slot, argv[1]);
    if (!slot) {
        reply_error(ctx->reply, SLICE_LIT("ERR Invalid command specified"));
        return;
    }
    if (slot->row->keys.first == 0 && !slot->row->find_keys) {
        reply_error(ctx->reply, SLICE_LIT("ERR The command has no key arguments"));
        return;
    }
    int arity = slot->row->arity;
    if ((arity > 0 && argc != arity) || argc < -arity) {
        reply_error(ctx->reply, SLICE_LIT("ERR Invalid number of arguments specified for command"));
        return;
    }
    int count = cmd_find_keys(slot->row, argv, argc, indexes, KEYS_MAX);
    if (count <= 0 || count > KEYS_MAX) {
        reply_error(ctx->reply, count == 0 ? SLICE_LIT("ERR The command has no key arguments")
                                           : SLICE_LIT("ERR Invalid arguments specified for command"));
        return;
    }
    reply_array(ctx->reply, (size_t)count);
    for (int i = 0; i < count; i++) reply_bulk(ctx->reply, argv[indexes[i]]);
}

#define ANYTIME (CMD_LOADING | CMD_STALE)

static const struct command command_subs[] = {
    {.name = "count",
     .run = cmd_command_count,
     .arity = 2,
     .flags = ANYTIME,
     .group = "server",
     .since = "2.8.13",
     .summary = "Counts the commands.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "docs",
     .run = cmd_command_docs,
     .arity = -2,
     .flags = ANYTIME,
     .group = "server",
     .since = "7.0.0",
     .summary = "Describes commands in words.",
     .complexity = "O(N) with N the commands",
     .args = "[command-name [command-name ...]]"},
    {.name = "getkeys",
     .run = cmd_command_getkeys,
     .arity = -3,
     .flags = ANYTIME,
     .group = "server",
     .since = "2.8.13",
     .summary = "Tells which arguments of a command are keys.",
     .complexity = "O(N) with N the arguments",
     .args = "command [arg [arg ...]]"},
    {.name = "info",
     .run = cmd_command_info,
     .arity = -2,
     .flags = ANYTIME,
     .group = "server",
     .since = "2.8.13",
     .summary = "Describes commands for clients.",
     .complexity = "O(N) with N the commands",
     .args = "[command-name [command-name ...]]"},
    {.name = "list",
     .run = cmd_command_list,
     .arity = -2,
     .flags = ANYTIME,
     .group = "server",
     .since = "7.0.0",
     .summary = "Lists the commands' names.",
     .complexity = "O(N) with N the commands",
     .args = "[FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]"},
    {.name = "help",
     .run = cmd_help,
     .arity = 2,
     .flags = ANYTIME,
     .group = "server",
     .since = "5.0.0",
     .summary = "Tells the subcommands.",
     .complexity = "O(1)",
     .args = ""},
    {0},
};

const struct command engine_command_rows[] = {
    {.name = "command",
     .run = cmd_command,
     .arity = -1,
     .flags = ANYTIME,
     .group = "server",
     .since = "2.8.13",
     .summary = "Describes all commands.",
     .complexity = "O(N) with N the commands",
     .subs = command_subs,
     .args = ""},
    {0},
};
