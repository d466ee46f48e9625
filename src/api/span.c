/* SPDX-License-Identifier: MIT */
#include "api/span.h"

#include <stdio.h>
#include <string.h>

static size_t count(const struct oxq_attribute *attributes)
{
    size_t n = 0;
    while (n < SPAN_ATTRIBUTES_MAX && attributes[n].key) n++;
    return n;
}

/* "add mail.welcome" */
static const char *name_of(struct arena *arena, const struct span_start *start)
{
    size_t cap = strlen(start->operation) + strlen(start->queue) + (start->job ? strlen(start->job) : 0) + 3;
    char *name = arena_alloc(arena, cap);
    snprintf(name, cap, "%s%s%s%s%s", start->operation, start->queue[0] ? " " : "", start->queue, start->job ? "." : "",
             start->job ? start->job : "");
    return name;
}

void span_begin(struct span *s, const oxq *store, const struct span_start *start)
{
    *s = (struct span){.telemetry = store->telemetry};
    if (!s->telemetry || !s->telemetry->begin) {
        s->telemetry = NULL;
        return;
    }
    struct arena arena = {0};
    struct oxq_attribute all[2 + SPAN_ATTRIBUTES_MAX] = {{.key = "bullmq.queue.name", .text = start->queue},
                                                         {.key = "bullmq.queue.operation", .text = start->operation}};
    memcpy(all + 2, start->attributes, sizeof(start->attributes));
    s->handle = s->telemetry->begin(s->telemetry->ctx,
                                    &(struct oxq_span_start){.kind = start->kind,
                                                             .name = name_of(&arena, start),
                                                             .context = start->context,
                                                             .attributes = all,
                                                             .attributes_count = 2 + count(start->attributes)},
                                    &s->context);
    arena_deinit(&arena);
}

void span_end(struct span *s, const struct span_end *end)
{
    if (!s->telemetry) return;
    s->telemetry->end(s->telemetry->ctx, s->handle,
                      &(struct oxq_span_end){.error = end->error,
                                             .attributes = end->attributes,
                                             .attributes_count = count(end->attributes)});
    *s = (struct span){0};
}

oxq_err span_end_call(struct span *s, oxq_err e, const struct oxq_error *why, const char *id, struct oxq_error *err)
{
    struct span_end end = {.error = e ? why->text : NULL};
    if (!e && id) end.attributes[0] = (struct oxq_attribute){.key = "bullmq.job.id", .text = id};
    span_end(s, &end);
    return e ? err_set(err, e, "%s", why->text) : OXQ_OK;
}

struct slice span_job_context(const struct span *s, const struct job_options *o)
{
    if (o->trace_metadata.len > 0 || o->omit_trace_context || !s->context) return o->trace_metadata;
    return slice_from_text(s->context);
}
