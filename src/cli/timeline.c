/* SPDX-License-Identifier: MIT */
#include "cli/timeline.h"

#include "base/mem.h"
#include "base/num.h"
#include "cli/kept.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void timeline_deinit(struct timeline *t)
{
    arena_deinit(&t->arena);
    mem_free(t->steps);
    *t = (struct timeline){0};
}

/* ---------------------------------------------------------------- collecting */

static const char *keep(struct timeline *t, const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(arena_alloc(&t->arena, bytes), text, bytes);
}

static struct timeline_step *push(struct timeline *t, int64_t at_ms, const char *kind)
{
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        t->steps = mem_resize(t->steps, t->cap * sizeof(*t->steps));
    }
    struct timeline_step *step = &t->steps[t->count++];
    *step = (struct timeline_step){.at_ms = at_ms, .kind = keep(t, kind)};
    return step;
}

void timeline_add(struct timeline *t, const struct oxq_event *event)
{
    struct timeline_step *step = push(t, event->at_ms, event->kind);
    struct oxq_event_field *fields = ARENA_ARRAY(&t->arena, struct oxq_event_field, event->fields_count + 1);
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct oxq_event_field *f = &event->fields[i];
        if (strcmp(f->name, "event") == 0 || strcmp(f->name, "jobId") == 0) continue;
        fields[step->fields_count++] = (struct oxq_event_field){keep(t, f->name), keep(t, f->value)};
    }
    step->fields = fields;
}

static bool has(const struct timeline *t, const char *kind)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->steps[i].kind, kind) == 0) return true;
    }
    return false;
}

static void add_from_job(struct timeline *t, int64_t at_ms, const char *kind, const char *field, const char *value)
{
    if (at_ms == 0 || has(t, kind)) return;
    struct timeline_step *step = push(t, at_ms, kind);
    if (!value) return;
    struct oxq_event_field *f = ARENA_ARRAY(&t->arena, struct oxq_event_field, 1);
    *f = (struct oxq_event_field){field, keep(t, value)};
    step->fields = f;
    step->fields_count = 1;
}

/* By time; of one time as they came. */
static void sort(struct timeline *t)
{
    for (size_t i = 1; i < t->count; i++) {
        struct timeline_step step = t->steps[i];
        size_t at = i;
        for (; at > 0 && t->steps[at - 1].at_ms > step.at_ms; at--) t->steps[at] = t->steps[at - 1];
        t->steps[at] = step;
    }
}

/* From the last one back: the stream may have lost the first. */
static void number_attempts(struct timeline *t, int64_t started)
{
    for (size_t i = t->count; i-- > 0 && started > 0;) {
        if (strcmp(t->steps[i].kind, "active") == 0) t->steps[i].attempt = started--;
    }
}

void timeline_complete(struct timeline *t, const oxq_job *job, oxq_state state)
{
    const struct oxq_job_fields *f = oxq_job_fields(job);
    bool has_failed = state == OXQ_STATE_FAILED;
    add_from_job(t, f->added_ms, "added", NULL, NULL);
    add_from_job(t, f->processed_ms, "active", NULL, NULL);
    add_from_job(t, f->finished_ms, has_failed ? "failed" : "completed", has_failed ? "failedReason" : "returnvalue",
                 has_failed ? f->failure : f->result);
    sort(t);
    number_attempts(t, f->attempts_started);
}

oxq_err timeline_read(struct timeline *t, oxq_queue *queue, const oxq_job *job, oxq_state state, struct oxq_error *err)
{
    oxq_events *events;
    struct kept kept;
    const struct oxq_event *event = NULL;
    oxq_err e = oxq_events_open(queue, &(struct oxq_events_opts){.after = "0"}, &events, err);
    if (e) return e;
    kept_begin(&kept, events);
    while (!(e = kept_next(&kept, &event, err)) && event) {
        if (event->job_id && strcmp(event->job_id, oxq_job_id(job)) == 0) timeline_add(t, event);
    }
    oxq_events_close(events);
    if (!e) timeline_complete(t, job, state);
    return e;
}

/* ---------------------------------------------------------------- telling */

static const char *field_of(const struct timeline_step *step, const char *name)
{
    for (size_t i = 0; i < step->fields_count; i++) {
        if (strcmp(step->fields[i].name, name) == 0) return step->fields[i].value;
    }
    return NULL;
}

static const struct words {
    const char *kind, *text;
    const char *field; /* which says more; or NULL */
} words[] = {
    {"added", "added", NULL},
    {"waiting", "waits", NULL},
    {"progress", "progress", "data"},
    {"stalled", "stalled: its worker was gone", NULL},
    {"completed", "completed", "returnvalue"},
    {"failed", "failed", "failedReason"},
    {"retries-exhausted", "no attempts are left", NULL},
    {"waiting-children", "waits for its children", NULL},
    {"duplicated", "added again, though it was there", NULL},
    {"debounced", "another job was taken for the same", NULL},
    {"deduplicated", "another job was taken for the same", "deduplicatedJobId"},
    {"removed", "removed", "prev"},
};

#define TELL_CHARS 64

static const char *tell_delay(struct arena *arena, const struct timeline_step *step)
{
    char text[TABLE_TEXT_CHARS], *out = arena_alloc(arena, TELL_CHARS);
    int64_t due_ms = 0;
    const char *delay = field_of(step, "delay");
    if (!delay || !num_parse_int(slice_from_text(delay), &due_ms)) return "delayed";
    snprintf(out, TELL_CHARS, "delayed by %s", table_duration(due_ms - step->at_ms, text));
    return out;
}

static const char *tell_attempt(struct arena *arena, const struct timeline_step *step)
{
    if (step->attempt == 0) return "an attempt begins";
    char *out = arena_alloc(arena, TELL_CHARS);
    snprintf(out, TELL_CHARS, "attempt %lld begins", (long long)step->attempt);
    return out;
}

const char *timeline_tell(struct arena *arena, const struct timeline_step *step)
{
    if (strcmp(step->kind, "delayed") == 0) return tell_delay(arena, step);
    if (strcmp(step->kind, "active") == 0) return tell_attempt(arena, step);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(step->kind, words[i].kind) != 0) continue;
        const char *more = words[i].field ? field_of(step, words[i].field) : NULL;
        more = more ? text_first_line(arena, more) : "";
        if (!more[0]) return words[i].text;
        size_t room = strlen(words[i].text) + strlen(more) + sizeof(": ");
        char *out = arena_alloc(arena, room);
        snprintf(out, room, "%s: %s", words[i].text, more);
        return out;
    }
    return step->kind;
}
