/* SPDX-License-Identifier: MIT */
/* Schedulers whose patterns a program of its own understands, on a folder of the test's own. */
#include "api/testkit.h"

#include <stdlib.h>

static oxq *odd;            /* the same folder, with the strategy below */
static oxq_queue *odd_mail; /* "mail" */

/* "after 5000", of jobs called tick: so long after. */
static int64_t find_next(void *ctx, const char *pattern, const char *tz, const char *job_name, int64_t after_ms)
{
    ++*(int *)ctx;
    if (strncmp(pattern, "after ", 6) != 0 || strcmp(job_name, "tick") != 0) return 0;
    return tz && strcmp(tz, "past") == 0 ? 1 : after_ms + atoll(pattern + 6);
}

static int asked;

static void start(void)
{
    char url[TESTFOLDER_PATH_MAX + 32];
    struct oxq_opts opts = {.on_repeat = find_next, .ctx = &asked};
    testkit_start();
    snprintf(url, sizeof(url), "file:%s/data?durability=off", testkit_folder);
    OK(oxq_open(url, &opts, &odd, &err));
    OK(oxq_queue_open(odd, "mail", NULL, &odd_mail, &err));
}

static void stop(void)
{
    oxq_queue_close(odd_mail);
    oxq_close(odd);
    testkit_stop();
}

TestSuite(repeat, .init = start, .fini = stop);

static oxq_err upsert(const struct oxq_schedule *schedule)
{
    return oxq_scheduler_upsert(odd_mail, "s", schedule, &(struct oxq_job_template){.name = "tick"}, NULL, &err);
}

static int64_t next_ms(void)
{
    oxq_schedulers *list;
    OK(oxq_scheduler_get(odd_mail, "s", &list, &err));
    int64_t next = oxq_schedulers_at(list, 0)->next_ms;
    oxq_schedulers_free(list);
    return next;
}

Test(repeat, a_pattern_is_what_the_program_takes_it_for)
{
    struct oxq_schedule far = {.pattern = "after 5000", .start_ms = 2000000000000};
    OK(upsert(&far));
    cr_assert_eq(asked, 1);
    cr_assert_eq(next_ms(), 2000000005000);
    far.end_ms = 2000000004999;
    cr_assert_eq(upsert(&far), OXQ_ERR_ARGUMENT, "its first run is after its end");
    cr_assert_eq(upsert(&(struct oxq_schedule){.pattern = "* * * * *"}), OXQ_ERR_ARGUMENT, "never");
    cr_assert_eq(upsert(&(struct oxq_schedule){.pattern = "after 9000000000000"}), OXQ_ERR_ARGUMENT, "no time");
    OK(upsert(&(struct oxq_schedule){.pattern = "after 0", .tz = "past"}));
    cr_assert_gt(next_ms(), 1, "what has passed is now");
    cr_assert_eq(oxq_scheduler_upsert(queue, "s", &far, NULL, NULL, &err), OXQ_ERR_ARGUMENT, "cron knows it not");
}

static oxq_outcome end(oxq_job *job, void *ctx)
{
    (void)job;
    (void)ctx;
    return OXQ_DONE;
}

Test(repeat, the_worker_asks_too)
{
    oxq_worker *worker;
    oxq_state state;
    char id[OXQ_ID_MAX];
    struct oxq_schedule soon = {.pattern = "after 1", .limit = 2};
    struct oxq_job_template tick = {.name = "tick"};
    OK(oxq_scheduler_upsert(odd_mail, "s", &soon, &tick, id, &err));
    OK(oxq_worker_open(odd, "mail", NULL, end, NULL, &worker, &err));
    OK(oxq_queue_wait(odd_mail, id, PATIENCE_MS, &state, NULL, &err));
    OK(oxq_worker_close(worker, PATIENCE_MS, &err));
    cr_assert_eq(asked, 2);
}
