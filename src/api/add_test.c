/* SPDX-License-Identifier: MIT */
/* Many threads that add at once: their jobs go out together, and each hears of its own. */
#include "api/testkit.h"
#include "os/thread.h"

#include <stdio.h>

TestSuite(add, .init = testkit_start, .fini = testkit_stop);

#define CALLERS_COUNT 48
#define ADDS_COUNT 20

struct caller {
    struct thread thread;
    oxq_queue *queue;
    int number;
    /* Of each add, what it had and what it was told. */
    char ids[ADDS_COUNT][OXQ_ID_MAX];
    oxq_err results[ADDS_COUNT];
    struct oxq_error errors[ADDS_COUNT];
};

static struct caller callers[CALLERS_COUNT];

/* Every seventh is not JSON, every fifth has a priority: they do not go with the others. */
static void write_data(char *data, size_t cap, int caller, int i)
{
    snprintf(data, cap, i % 7 == 6 ? "[%d,%d" : "[%d,%d]", caller, i);
}

static void add_many(void *ctx)
{
    struct caller *c = ctx;
    struct oxq_job_opts urgent = {.priority = 3};
    for (int i = 0; i < ADDS_COUNT; i++) {
        char data[64];
        write_data(data, sizeof(data), c->number, i);
        c->results[i] = oxq_queue_add(c->queue, "x", data, i % 5 == 4 ? &urgent : NULL, c->ids[i], &c->errors[i]);
    }
}

static void run_callers(oxq_queue *q)
{
    for (int i = 0; i < CALLERS_COUNT; i++) {
        callers[i].queue = q;
        callers[i].number = i;
        OK(thread_start(&callers[i].thread, "caller", add_many, &callers[i], &err));
    }
    for (int i = 0; i < CALLERS_COUNT; i++) thread_join(&callers[i].thread);
}

static void check_job(const struct caller *c, int i)
{
    char data[64];
    oxq_job *job;
    write_data(data, sizeof(data), c->number, i);
    OK(oxq_queue_get(queue, c->ids[i], &job, &err));
    cr_assert_str_eq(oxq_job_data(job, NULL), data, "caller %d was told id %s", c->number, c->ids[i]);
    cr_assert_eq(oxq_job_fields(job)->priority, i % 5 == 4 ? 3 : 0);
    oxq_job_free(job);
}

Test(add, each_of_many_callers_is_told_of_its_own_job)
{
    run_callers(queue);
    int64_t added = 0;
    for (int c = 0; c < CALLERS_COUNT; c++) {
        for (int i = 0; i < ADDS_COUNT; i++) {
            oxq_err expected = i % 7 == 6 ? OXQ_ERR_FORMAT : OXQ_OK;
            cr_assert_eq(callers[c].results[i], expected, "%s", callers[c].errors[i].text);
            if (expected == OXQ_OK) check_job(&callers[c], i);
            added += expected == OXQ_OK;
        }
    }
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING) + testkit_count(queue, OXQ_STATE_PRIORITIZED), added);
}

Test(add, each_of_many_callers_is_told_that_nobody_is_there)
{
    oxq *none;
    oxq_queue *q;
    OK(oxq_open("unix:/nowhere/oxq.sock", &(struct oxq_opts){.attempts = 1}, &none, &err));
    OK(oxq_queue_open(none, "mail", NULL, &q, &err));
    run_callers(q);
    for (int c = 0; c < CALLERS_COUNT; c++) {
        for (int i = 0; i < ADDS_COUNT; i++) {
            oxq_err expected = i % 7 == 6 ? OXQ_ERR_FORMAT : OXQ_ERR_UNREACHABLE;
            cr_assert_eq(callers[c].results[i], expected, "%s", callers[c].errors[i].text);
        }
    }
    oxq_queue_close(q);
    oxq_close(none);
}
