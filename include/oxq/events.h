/* SPDX-License-Identifier: MIT */
/* A queue's events, from every worker and producer, in the order in which they happened. */
#ifndef OXQ_EVENTS_H
#define OXQ_EVENTS_H

#include <oxq/flow.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oxq_events oxq_events;

struct oxq_event_field {
    const char *name, *value;
};

/* Valid until the next call. */
struct oxq_event {
    const char *at; /* its place in the stream: "1700000000000-0" */
    int64_t at_ms;  /* when */
    const char
        *kind; /* "added", "waiting", "active", "progress", "completed", "failed", "stalled", ... as BullMQ has them */
    const char *job_id; /* NULL: of the queue ("drained", "paused") */
    /* All fields, those above included: "returnvalue", "failedReason", "prev", "delay", "data", ... */
    const struct oxq_event_field *fields;
    size_t fields_count;
};

struct oxq_events_opts {
    const char *after; /* events after this place; NULL: from now on; "0": all that are kept */
    uint64_t reserved[4];
};

/* Errors: ARGUMENT (`after` is no place), those of the way to the server. Owns: caller, oxq_events_close. */
OXQ_MUST_USE oxq_err oxq_events_open(oxq_queue *queue, const struct oxq_events_opts *opts, oxq_events **out,
                                     struct oxq_error *err);
/*
 * The next event. Waits at most wait_ms (-1: for ever) for one, and for a server that went: NULL when none came. After a lost connection it
 * goes on where it was; what was trimmed meanwhile is not seen. Errors: CANCELLED (oxq_events_cancel); when the server is not there at the end
 * of the time, those of the way to it.
 */
OXQ_MUST_USE oxq_err oxq_events_next(oxq_events *events, int64_t wait_ms, const struct oxq_event **out,
                                     struct oxq_error *err);
/* The field's value, or NULL. */
const char *oxq_event_field(const struct oxq_event *event, const char *name);
/* The call that waits, and all later ones, return CANCELLED. Threads: any, before oxq_events_close. */
void oxq_events_cancel(oxq_events *events);
void oxq_events_close(oxq_events *events);

/*
 * Tells an event of the program's own: all who follow the queue's events hear of it, QueueEvents in Node too. kind: any that BullMQ does
 * not have. fields: none of them is called "event"; at most OXQ_EVENT_FIELDS_MAX. Errors: ARGUMENT.
 */
#define OXQ_EVENT_FIELDS_MAX 64
OXQ_MUST_USE oxq_err oxq_queue_publish(oxq_queue *queue, const char *kind, const struct oxq_event_field *fields,
                                       size_t fields_count, struct oxq_error *err);

/*
 * Waits until a job has finished, at most timeout_ms (-1: as long as it takes), also while the server is started again. out_state: completed or failed; out_text: its result (JSON)
 * or why it failed; may be NULL. Owns: caller, oxq_text_free. Errors: NOT_FOUND (no such job: or it was removed when it
 * finished, before anybody looked), TIMEOUT.
 */
OXQ_MUST_USE oxq_err oxq_queue_wait(oxq_queue *queue, const char *id, int64_t timeout_ms, oxq_state *out_state,
                                    char **out_text, struct oxq_error *err);
/* A text that a call gave to its caller. NULL is fine. */
void oxq_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
