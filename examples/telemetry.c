/* SPDX-License-Identifier: MIT */
/*
 * Prints the spans of a job that is added here and done by a handler which adds another. A program with OpenTelemetry begins and ends spans
 * of its own in the two calls; the rest of it stays as it is. With BullMQ on the other side both are one trace.
 */
#include <oxq/oxq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct span {
    char trace[33], id[17], parent[17]; /* as W3C writes them */
    char context[80];                   /* what goes with a job, in bullmq-otel's form */
    char name[128];
    oxq_span_kind kind;
    struct span *around; /* the one that the thread was in before */
};

static __thread struct span *within;
static unsigned long spans_count;

static void *begin(void *ctx, const struct oxq_span_start *start, const char **out_context)
{
    struct span *s = (struct span *)calloc(1, sizeof(*s));
    (void)ctx;
    if (!s) return NULL;
    s->kind = start->kind;
    snprintf(s->name, sizeof(s->name), "%s", start->name);
    /* In real life these are random. */
    snprintf(s->id, sizeof(s->id), "%016lx", __sync_add_and_fetch(&spans_count, 1));
    snprintf(s->trace, sizeof(s->trace), "%032d", 1);
    if (start->context) {
        sscanf(start->context, "{\"traceparent\":\"00-%32[0-9a-f]-%16[0-9a-f]-", s->trace, s->parent);
    } else if (within && s->kind != OXQ_SPAN_INTERNAL) {
        strcpy(s->trace, within->trace);
        strcpy(s->parent, within->id);
    }
    if (s->kind != OXQ_SPAN_INTERNAL) {
        s->around = within;
        within = s;
    }
    snprintf(s->context, sizeof(s->context), "{\"traceparent\":\"00-%s-%s-01\"}", s->trace, s->id);
    *out_context = s->context;
    return s;
}

static void end(void *ctx, void *span, const struct oxq_span_end *how)
{
    struct span *s = (struct span *)span;
    (void)ctx;
    if (!s) return;
    if (s->kind != OXQ_SPAN_INTERNAL) within = s->around;
    printf("%s in %s: %s%s%s\n", s->id, s->parent[0] ? s->parent : "none", s->name, how->error ? ": " : "",
           how->error ? how->error : "");
    free(s);
}

static oxq_outcome handle(oxq_job *job, void *ctx)
{
    oxq_queue *mail = (oxq_queue *)ctx;
    struct oxq_error err;
    if (strcmp(oxq_job_name(job), "welcome") != 0) return oxq_job_fail(job, "nobody wants it");
    if (oxq_queue_add(mail, "reminder", NULL, NULL, NULL, &err)) return oxq_job_fail(job, "%s", err.text);
    return OXQ_DONE;
}

int main(int argc, char **argv)
{
    struct oxq_telemetry telemetry = {.begin = begin, .end = end};
    struct oxq_opts opts = {.telemetry = &telemetry};
    oxq *store = NULL;
    oxq_queue *mail = NULL;
    oxq_worker *worker = NULL;
    struct oxq_error err;
    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", &opts, &store, &err);
    if (!e) e = oxq_queue_open(store, "mail", NULL, &mail, &err);
    if (!e) e = oxq_queue_add(mail, "welcome", "{\"to\":\"world\"}", NULL, NULL, &err);
    if (!e) e = oxq_worker_open(store, "mail", NULL, handle, mail, &worker, &err);
    if (!e) e = oxq_worker_wait_until_idle(worker, 10000, &err);
    if (e) fprintf(stderr, "telemetry: %s\n", err.text);
    (void)oxq_worker_close(worker, -1, NULL);
    oxq_queue_close(mail);
    oxq_close(store);
    return e != OXQ_OK;
}
