/* SPDX-License-Identifier: MIT */
/* Both functions call themselves, as deep as oxq_flow_get_brief was told to read. */
#include "cli/flow.h"

#include "cli/table.h"
#include "cli/text.h"

#include <stdio.h>

/* What a child is to its parent, for programs and for people. */
static const struct {
    const char *name, *text;
} kinds[] = {
    [OXQ_FLOW_ROOT] = {"root", ""},
    [OXQ_FLOW_PROCESSED] = {"processed", ""},
    [OXQ_FLOW_UNPROCESSED] = {"unprocessed", ", its parent waits for it"},
    [OXQ_FLOW_FAILED] = {"failed", ", its parent fails for it"},
    [OXQ_FLOW_IGNORED] = {"ignored", ", its parent does not mind"},
};

static void write_node(struct json_writer *w, const oxq_flow *node)
{
    const struct oxq_job_fields *f = oxq_flow_job(node);
    json_write_open(w, '{');
    text_write(w, "queue", f->queue);
    text_write(w, "id", f->id);
    text_write(w, "name", f->name);
    text_write(w, "state", oxq_state_name(oxq_flow_state(node)));
    text_write(w, "kind", kinds[oxq_flow_kind_of(node)].name);
    text_write(w, "failedReason", f->failure);
    flow_write_children(w, node);
    json_write_close(w, '}');
}

void flow_write_children(struct json_writer *w, const oxq_flow *node)
{
    size_t count = oxq_flow_children_count(node);
    if (oxq_flow_has_more(node)) {
        json_write_name(w, "hasMoreChildren");
        json_write_bool(w, true);
    }
    if (count == 0) return;
    json_write_name(w, "children");
    json_write_open(w, '[');
    for (size_t i = 0; i < count; i++) write_node(w, oxq_flow_child(node, i));
    json_write_close(w, ']');
}

static void print_node(struct arena *arena, const oxq_flow *node)
{
    const struct oxq_job_fields *f = oxq_flow_job(node);
    oxq_state state = oxq_flow_state(node);
    printf("%s %s  %s  %s%s", table_clean(arena, f->queue, false), table_clean(arena, f->id, false),
           f->name ? table_clean(arena, f->name, false) : "",
           state == OXQ_STATE_UNKNOWN ? "removed" : oxq_state_name(state), kinds[oxq_flow_kind_of(node)].text);
    if (f->failure && state != OXQ_STATE_COMPLETED)
        printf(": %s", table_clean(arena, text_first_line(arena, f->failure), false));
    putchar('\n');
}

void flow_print(struct arena *arena, const oxq_flow *node, int indent)
{
    size_t count = oxq_flow_children_count(node);
    for (size_t i = 0; i < count; i++) {
        printf("%*s- ", indent, "");
        print_node(arena, oxq_flow_child(node, i));
        flow_print(arena, oxq_flow_child(node, i), indent + 4);
    }
    if (oxq_flow_has_more(node)) printf("%*s- and others\n", indent, "");
}
