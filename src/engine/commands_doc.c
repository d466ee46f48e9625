/* SPDX-License-Identifier: MIT */
/* docs/COMMANDS.md and `oxq commands`: the command table as Markdown, or as JSON. */
#include "codec/json_writer.h"
#include "engine/state.h"

#include <stdarg.h>
#include <stdio.h>

#define DOC_MAX_BYTES ((size_t)1 << 20)
#define NAME_CHARS 64

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

/* "client|kill" as "CLIENT KILL" */
static void copy_name(const struct cmd_slot *slot, char out[NAME_CHARS])
{
    size_t len = 0;
    for (const char *at = slot->name; *at && len + 1 < NAME_CHARS; at++)
        out[len++] = *at == '|' ? ' ' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    out[len] = '\0';
}

static oxq_err put_row(struct buf *out, const struct cmd_slot *slot)
{
    const struct command *row = slot->row;
    char name[NAME_CHARS];
    copy_name(slot, name);
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

static void put_member(struct json_writer *w, const char *name, const char *text)
{
    json_write_name(w, name);
    json_write_text(w, slice_from_text(text ? text : ""));
}

static oxq_err put_object(struct buf *out, const struct cmd_slot *slot)
{
    const struct command *row = slot->row;
    struct json_writer w = {.out = out};
    char name[NAME_CHARS];
    copy_name(slot, name);
    json_write_open(&w, '{');
    put_member(&w, "name", name);
    put_member(&w, "group", row->group);
    put_member(&w, "arguments", row->args);
    put_member(&w, "summary", row->summary);
    put_member(&w, "complexity", row->complexity);
    put_member(&w, "since", row->since);
    json_write_close(&w, '}');
    return w.error ? w.error : put(out, "\n");
}

static oxq_err put_group(struct buf *out, const struct cmd_table *t, const char *group,
                         oxq_err (*put_one)(struct buf *out, const struct cmd_slot *slot))
{
    oxq_err e = OXQ_OK;
    for (size_t i = 0; i < t->count && !e; i++) {
        const struct cmd_slot *slot = t->slots[i];
        bool is_container = slot->row->subs && !slot->row->run;
        if (!is_container && strcmp(slot->row->group, group) == 0) e = put_one(out, slot);
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
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && !e; i++) {
        e = put(out, "\n## %s\n\n| command | what it does | cost | since Redis |\n|---|---|---|---|\n", groups[i][1]);
        if (!e) e = put_group(out, &table, groups[i][0], put_row);
    }
    cmd_table_deinit(&table);
    return e;
}

oxq_err engine_describe_commands_json(struct buf *out)
{
    struct cmd_table table;
    oxq_err e = OXQ_OK;
    engine_add_commands(&table);
    out->limit_bytes = DOC_MAX_BYTES;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && !e; i++)
        e = put_group(out, &table, groups[i][0], put_object);
    cmd_table_deinit(&table);
    return e;
}
