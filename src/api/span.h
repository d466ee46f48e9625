/* SPDX-License-Identifier: MIT */
/*
 * Spans, as api/ and worker/ begin and end them. Where the store has no telemetry that wants spans, one that is begun is none, and the rest
 * does nothing with it; who is called often asks for store->telemetry first.
 */
#ifndef API_SPAN_H
#define API_SPAN_H

#include "api/state.h"

/* Attributes that a span begins with, beside the queue and the operation, or ends with. */
#define SPAN_ATTRIBUTES_MAX 4

/* All zero: none. */
struct span {
    const struct oxq_telemetry *telemetry; /* borrowed from the store */
    void *handle;
    const char *context; /* borrowed until the span's end; NULL: none */
};

/* Texts are borrowed for the call. */
struct span_start {
    oxq_span_kind kind;
    const char *operation; /* "add" */
    const char *queue;     /* its name; empty: of several */
    const char *job;       /* a name that follows the queue's in the span's; NULL: none */
    const char *context;   /* of the span that it belongs to; NULL: none */
    struct oxq_attribute attributes[SPAN_ATTRIBUTES_MAX]; /* up to the first without a key */
};

struct span_end {
    const char *error; /* NULL: it went well */
    struct oxq_attribute attributes[SPAN_ATTRIBUTES_MAX];
};

void span_begin(struct span *s, const oxq *store, const struct span_start *start);
void span_end(struct span *s, const struct span_end *end);
/*
 * After a call that gave `e`, and `why`: that is the error of both, the span and the caller. When it went well the job's id is an attribute; NULL:
 * there is none.
 */
oxq_err span_end_call(struct span *s, oxq_err e, const struct oxq_error *why, const char *id, struct oxq_error *err);
/* The context that goes with a job: what its options say, or that of the span that adds it. */
struct slice span_job_context(const struct span *s, const struct job_options *o);

#endif
