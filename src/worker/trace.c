/* SPDX-License-Identifier: MIT */
/*
 * What telemetry is told of a job that runs here: one span of the handler, and one of each time that the store is told how it ended. The second
 * belongs to the first, whose context is kept for that: another thread may have begun and ended meanwhile.
 */
#include "worker/state.h"

/* By enum run_end. Leaving without an attempt is counted and has no span. */
static const struct {
    const char *operation, *metric, *state;
} ends[] = {
    [RUN_COMPLETED] = {"complete", "bullmq.jobs.completed", "completed"},
    [RUN_FAILED] = {"fail", "bullmq.jobs.failed", "failed"},
    [RUN_DELAYED] = {"delay", "bullmq.jobs.delayed", "delayed"},
    [RUN_RETRIED] = {"retry", "bullmq.jobs.retried", "retried"},
    [RUN_WAITING] = {NULL, "bullmq.jobs.waiting", "waiting"},
    [RUN_WAITING_CHILDREN] = {NULL, "bullmq.jobs.waiting_children", "waiting-children"},
};

/* ---------------------------------------------------------------- the handler */

void trace_begin_handler(struct job_run *run)
{
    const oxq_worker *w = run->worker;
    const struct oxq_job_fields *f = &run->job->fields;
    struct span_start start = {.kind = OXQ_SPAN_CONSUMER,
                               .operation = "process",
                               .queue = w->queue,
                               .context = f->trace_metadata,
                               .attributes = {{.key = "bullmq.job.id", .text = f->id},
                                              {.key = "bullmq.job.name", .text = f->name},
                                              {.key = "bullmq.worker.id", .text = w->id}}};
    if (w->opts.name) start.attributes[3] = (struct oxq_attribute){.key = "bullmq.worker.name", .text = w->opts.name};
    span_begin(&run->span, w->store, &start);
    if (run->span.context) run->context = arena_copy_text(&run->job->arena, slice_from_text(run->span.context));
}

void trace_end_handler(struct job_run *run)
{
    const struct oxq_job_fields *f = &run->job->fields;
    bool is_attempt = run->outcome == OXQ_DONE || run_has_failed(run);
    span_end(
        &run->span,
        &(struct span_end){.error = run_has_failed(run) ? run_failure(run) : NULL,
                           .attributes = {{.key = "bullmq.job.attempts.made", .number = f->attempts_made + is_attempt},
                                          {.key = "bullmq.job.processed.timestamp", .number = f->processed_ms},
                                          {.key = "bullmq.job.attempt_finished_timestamp", .number = store_now_ms()}}});
}

/* ---------------------------------------------------------------- its end */

void trace_begin_end(struct job_run *run)
{
    const struct oxq_job_fields *f = &run->job->fields;
    if (!ends[run->end].operation) return;
    span_begin(&run->span, run->worker->store,
               &(struct span_start){.kind = OXQ_SPAN_INTERNAL,
                                    .operation = ends[run->end].operation,
                                    .queue = run->worker->queue,
                                    .context = run->context ? run->context : f->trace_metadata,
                                    .attributes = {{.key = "bullmq.job.name", .text = f->name},
                                                   {.key = "bullmq.job.id", .text = f->id}}});
}

static void measure(const struct job_run *run)
{
    const struct oxq_telemetry *t = run->worker->store->telemetry;
    const struct oxq_job_fields *f = &run->job->fields;
    const struct oxq_attribute attributes[] = {{.key = "bullmq.queue.name", .text = run->worker->queue},
                                               {.key = "bullmq.job.name", .text = f->name},
                                               {.key = "bullmq.job.state", .text = ends[run->end].state}};
    struct oxq_measurement m = {.kind = OXQ_METRIC_COUNTER,
                                .name = ends[run->end].metric,
                                .unit = "1",
                                .value = 1,
                                .attributes = attributes,
                                .attributes_count = sizeof(attributes) / sizeof(attributes[0])};
    t->measure(t->ctx, &m);
    m.kind = OXQ_METRIC_HISTOGRAM;
    m.name = "bullmq.job.duration";
    m.unit = "ms";
    m.value = store_now_ms() - f->processed_ms;
    t->measure(t->ctx, &m);
}

void trace_end(struct job_run *run, const char *error)
{
    span_end(&run->span, &(struct span_end){.error = error});
    if (!error && !run->is_given_back && run->worker->store->telemetry->measure) measure(run);
}
