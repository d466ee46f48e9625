/* SPDX-License-Identifier: MIT */
/* Jobs that come again: one each 200 ms, three times, and one at half past four on working days. */
#include <oxq/oxq.h>
#include <stdio.h>

static oxq_outcome tick(oxq_job *job, void *ctx)
{
    (void)ctx;
    printf("%s\n", oxq_job_name(job));
    return OXQ_DONE;
}

static oxq_err list(oxq_queue *queue, struct oxq_error *err)
{
    oxq_schedulers *all;
    oxq_err e = oxq_schedulers_list(queue, 0, 0, &all, err);
    if (e) return e;
    for (size_t i = 0; i < oxq_schedulers_count(all); i++) {
        const struct oxq_scheduler *s = oxq_schedulers_at(all, i);
        if (s->pattern)
            printf("scheduler %s: %s in %s\n", s->id, s->pattern, s->tz);
        else
            printf("scheduler %s: each %lld ms\n", s->id, (long long)s->every_ms);
    }
    oxq_schedulers_free(all);
    return OXQ_OK;
}

int main(int argc, char **argv)
{
    oxq *store = NULL;
    oxq_queue *chores = NULL;
    oxq_worker *worker = NULL;
    struct oxq_error err;
    char last[OXQ_ID_MAX];
    const struct oxq_schedule often = {.every_ms = 200, .limit = 3};
    const struct oxq_schedule workdays = {.pattern = "0 30 4 * * 1-5", .tz = "Europe/Berlin"};
    const struct oxq_job_template report = {.name = "report", .data = "{\"of\":\"yesterday\"}"};

    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", NULL, &store, &err);
    if (!e) e = oxq_queue_open(store, "chores", NULL, &chores, &err);
    /* However many programs do this, there is one scheduler of each id. */
    if (!e) e = oxq_scheduler_upsert(chores, "tick", &often, NULL, NULL, &err);
    if (!e) e = oxq_scheduler_upsert(chores, "report", &workdays, &report, NULL, &err);
    if (!e) e = list(chores, &err);
    if (!e) e = oxq_worker_open(store, "chores", NULL, tick, NULL, &worker, &err);
    if (!e) e = oxq_queue_add(chores, "that was all", NULL, &(struct oxq_job_opts){.delay_ms = 1000}, last, &err);
    if (!e) e = oxq_queue_wait(chores, last, 10000, NULL, NULL, &err);
    if (!e) e = oxq_scheduler_remove(chores, "report", NULL, &err);
    if (e) fprintf(stderr, "scheduler: %s\n", err.text);
    (void)oxq_worker_close(worker, -1, NULL);
    oxq_queue_close(chores);
    oxq_close(store);
    return e != OXQ_OK;
}
