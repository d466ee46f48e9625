/* SPDX-License-Identifier: MIT */
/*
 * What happened to a job, in order: from the queue's event stream, as far back as that is kept, and from what the job itself says where
 * the stream says nothing.
 */
#ifndef CLI_TIMELINE_H
#define CLI_TIMELINE_H

#include "base/arena.h"

#include <oxq/events.h>

struct timeline_step {
    int64_t at_ms;
    const char *kind;                     /* as the event stream has it: "added", "active", "failed", ... */
    int64_t attempt;                      /* of "active": which it was; 0: not known */
    const struct oxq_event_field *fields; /* of the event, but for its kind and the job's id */
    size_t fields_count;
};

/* All zero is an empty one. */
struct timeline {
    struct arena arena;
    struct timeline_step *steps; /* owned */
    size_t count, cap;
};

void timeline_deinit(struct timeline *t);
/* Takes a copy of an event in. */
void timeline_add(struct timeline *t, const struct oxq_event *event);
/* Adds what the job says and no step does, and puts all in order. */
void timeline_complete(struct timeline *t, const oxq_job *job, oxq_state state);
/* Reads the stream up to now, and what the job says. */
OXQ_MUST_USE oxq_err timeline_read(struct timeline *t, oxq_queue *queue, const oxq_job *job, oxq_state state,
                                   struct oxq_error *err);
/* For people: "failed: no such page". In the arena. */
const char *timeline_tell(struct arena *arena, const struct timeline_step *step);

#endif
