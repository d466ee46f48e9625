/* SPDX-License-Identifier: MIT */
/* docs/COMMANDS.md and `oxq help commands`: the command table as Markdown. */
#include "engine/state.h"

#include <stdarg.h>
#include <stdio.h>

#define DOC_MAX_BYTES ((size_t)1 << 20)

static const char *const groups[][2] = {
    {"connection", "Connection"},
    {"server", "Server"},
    {"generic", "Keys"},
    {"string", "Strings"},
    {"hash", "Hashes"},
    {"list", "Lists"},
    {"set", "Sets"},
    {"sorted-set", "Sorted sets"},
    {"stream", "Streams"},
    {"pubsub", "Pub/sub"},
    {"transactions", "Transactions"},
    {"scripting", "Scripting"},
};

static oxq_err put(struct buf *out, const char *format, ...) OXQ_PRINTF(2, 3);

static oxq_err put(struct buf *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CHECK(len >= 0 && (size_t)len < sizeof(text));
    return buf_append(out, slice_of(text, (size_t)len));
}

/* In a table's cell a bar would end the cell. */
static oxq_err put_cell(struct buf *out, const char *text)
{
    oxq_err e = OXQ_OK;
    for (; *text && !e; text++) e = *text == '|' ? put(out, "\\|") : put(out, "%c", *text);
    return e;
}

static oxq_err put_row(struct buf *out, const struct cmd_slot *slot)
{
    const struct command *row = slot->row;
    char name[64];
    size_t len = 0;
    for (const char *at = slot->name; *at && len + 1 < sizeof(name); at++)
        name[len++] = *at == '|' ? ' ' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    name[len] = '\0';
    oxq_err e = put(out, "| `%s", name);
    if (!e && row->args && row->args[0]) e = put(out, " ");
    if (!e && row->args) e = put_cell(out, row->args);
    if (!e) e = put(out, "` | ");
    if (!e) e = put_cell(out, row->summary);
    if (!e) e = put(out, " | ");
    if (!e) e = put_cell(out, row->complexity);
    if (!e) e = put(out, " | %s |\n", row->since);
    return e;
}

static oxq_err put_group(struct buf *out, const struct cmd_table *t, const char *group, const char *title)
{
    oxq_err e = put(out, "\n## %s\n\n| command | what it does | cost | since Redis |\n|---|---|---|---|\n", title);
    for (size_t i = 0; i < t->count && !e; i++) {
        const struct cmd_slot *slot = t->slots[i];
        bool is_container = slot->row->subs && !slot->row->run;
        if (!is_container && strcmp(slot->row->group, group) == 0) e = put_row(out, slot);
    }
    return e;
}

oxq_err engine_describe_commands(struct buf *out)
{
    struct cmd_table table;
    engine_add_commands(&table);
    out->limit_bytes = DOC_MAX_BYTES;
    oxq_err e = put(
        out,
        "# Commands\n\nMade from the command table by `make docs`; %zu commands. What is not here answers `ERR unknown command`.\n",
        table.commands_count);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && !e; i++)
        e = put_group(out, &table, groups[i][0], groups[i][1]);
    cmd_table_deinit(&table);
    return e;
}
