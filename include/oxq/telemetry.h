/* SPDX-License-Identifier: MIT */
/*
 * Telemetry: what a library for traces and metrics is told. A job that is added in one program and runs in another, in C or with BullMQ in
 * Node, is one trace: the context of the span that adds it, a text, travels in the job's options, where BullMQ's telemetry has it.
 *
 *     "add mail.welcome"                   the producer; its context goes with the job
 *         "process mail"                   the handler, at each attempt
 *             "add mail.reminder"          what the handler itself adds
 *             "retry mail", "complete mail"    the store is told how the attempt ended
 *
 * Names, attributes and metrics are BullMQ's. Whoever bridges to OpenTelemetry gives `begin` a span and its scope, `end` ends both, and the
 * context is what bullmq-otel makes of it: the carrier of the W3C propagator as JSON, {"traceparent":"00-..."}. examples/telemetry.c
 * has one that prints.
 */
#ifndef OXQ_TELEMETRY_H
#define OXQ_TELEMETRY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An attribute of a span or a measurement. */
struct oxq_attribute {
    const char *key;  /* "bullmq.job.id" */
    const char *text; /* NULL: it is the number */
    int64_t number;
};

/* With OpenTelemetry's numbers. */
typedef enum oxq_span_kind {
    OXQ_SPAN_INTERNAL = 0, /* the store is told how an attempt ended: "complete", "fail", "delay", "retry" */
    OXQ_SPAN_PRODUCER = 3, /* "add", "addBulk"; "addFlow" or "addBulkFlows", with an "addNode" in it for each job */
    OXQ_SPAN_CONSUMER = 4  /* "process": a handler runs */
} oxq_span_kind;

struct oxq_span_start {
    oxq_span_kind kind;
    const char *name; /* "process mail" */
    /* Of the span that it belongs to, of another program or over in this one; NULL: none is known. */
    const char *context;
    const struct oxq_attribute *attributes;
    size_t attributes_count;
};

struct oxq_span_end {
    const char *error; /* NULL: it went well */
    const struct oxq_attribute *attributes;
    size_t attributes_count;
};

typedef enum oxq_metric_kind {
    OXQ_METRIC_COUNTER, /* "bullmq.jobs.completed", .failed, .retried, .delayed, .waiting, .waiting_children: one more */
    OXQ_METRIC_HISTOGRAM, /* "bullmq.job.duration": ms from the beginning of the attempt to when its end was stored */
    OXQ_METRIC_GAUGE      /* "bullmq.queue.jobs": so many are in a state, whenever oxq_queue_counts is called */
} oxq_metric_kind;

struct oxq_measurement {
    oxq_metric_kind kind;
    const char *name;
    const char *unit; /* "1", "ms", "{jobs}" */
    int64_t value;
    const struct oxq_attribute *attributes;
    size_t attributes_count;
};

/*
 * What a store is given in its options, for all its queues and workers. What the calls are given is valid while they run.
 * Threads: any, several at once. A span ends on the thread that began it. Spans of producers and consumers nest: between the two calls the
 * thread is in the span, and one that begins there without a context belongs to it. Internal ones stand for themselves, several of a thread
 * at a time.
 */
struct oxq_telemetry {
    /*
     * Returns what `end` will be given, which may be NULL. out_context: the span's context as a text in UTF-8 for those who go on with its
     * trace, borrowed until the span's end; left alone: there is none. NULL, as `end` then: no spans.
     */
    void *(*begin)(void *ctx, const struct oxq_span_start *start, const char **out_context);
    void (*end)(void *ctx, void *span, const struct oxq_span_end *end);
    void (*measure)(void *ctx, const struct oxq_measurement *m); /* NULL: no metrics */
    void *ctx;
    uint64_t reserved[4];
};

#ifdef __cplusplus
}
#endif
#endif
