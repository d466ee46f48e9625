/* SPDX-License-Identifier: MIT */
/* A scheduler's job and the run after it. */
#include "worker/testkit.h"

TestSuite(next_run, .init = testkit_start, .fini = testkit_stop);

#define RUN_OF_A_SCHEDULER                                                                                             \
    TESTKIT_JOB_WITH("*6\r\n$4\r\nname\r\n$1\r\nx\r\n$3\r\nrjk\r\n$4\r\nbeat\r\n"                                      \
                     "$4\r\nopts\r\n$35\r\n{\"repeat\":{\"every\":1000,\"count\":1}}\r\n")

Test(next_run, the_next_run_is_asked_for_again_when_the_answer_was_lost)
{
    static const struct fakeserver_step steps[] = {TESTKIT_FIRST_CALL(FETCH, RUN_OF_A_SCHEDULER),
                                                   TESTKIT_FIRST_CALL(NEXT_RUN, FAKESERVER_CLOSE),
                                                   TESTKIT_FIRST_CALL(NEXT_RUN, "$0\r\n\r\n"),
                                                   TESTKIT_FIRST_CALL(FINISH, TESTKIT_ENDED),
                                                   {"", NULL}};
    struct testkit_ends t = {0};
    testkit_work_on(steps, testkit_end_at_once, &t);
    cr_assert_eq(t.completed, 1);
}

Test(next_run, a_run_whose_next_the_store_refuses_does_not_begin_and_comes_again)
{
    static const struct fakeserver_step steps[] = {
        TESTKIT_FIRST_CALL(FETCH, RUN_OF_A_SCHEDULER),
        TESTKIT_FIRST_CALL(NEXT_RUN, "-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
        TESTKIT_FIRST_CALL(LEAVE, TESTKIT_ENDED),
        {"", NULL}};
    struct testkit_ends t = {0};
    testkit_work_on(steps, testkit_end_at_once, &t);
    cr_assert_eq(t.completed, 0);
}

Test(next_run, a_run_that_is_fetched_by_hand_has_one_after_it)
{
    const struct oxq_schedule hourly = {.every_ms = 3600000};
    oxq_worker *w;
    oxq_job *job;
    OK(oxq_scheduler_upsert(queue, "hourly", &hourly, NULL, NULL, &err));
    OK(oxq_worker_open(store, "mail", NULL, NULL, NULL, &w, &err));
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    cr_assert_str_eq(oxq_job_fields(job)->scheduler_id, "hourly");
    cr_assert_eq(testkit_count(queue, OXQ_STATE_DELAYED), 1);
    OK(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err));
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
}
