/* SPDX-License-Identifier: MIT */
/* A scheduler's job and the run after it. */
#include "worker/state.h"

#include "api/testkit.h"
#include "client/fakeserver.h"

#include <stdatomic.h>
#include <stdio.h>

TestSuite(next_run, .init = testkit_start, .fini = testkit_stop);

static oxq_outcome just_end(oxq_job *job, void *ctx)
{
    (void)job;
    (void)ctx;
    return OXQ_DONE;
}

static void count_ends(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    (void)worker;
    if (event->kind == OXQ_WORKER_COMPLETED) atomic_fetch_add((atomic_int *)ctx, 1);
}

#define RUN_OF_A_SCHEDULER                                                                                             \
    "*6\r\n*0\r\n:0\r\n:0\r\n$1\r\n7\r\n:1\r\n"                                                                        \
    "*6\r\n$4\r\nname\r\n$1\r\nx\r\n$3\r\nrjk\r\n$4\r\nbeat\r\n"                                                       \
    "$4\r\nopts\r\n$35\r\n{\"repeat\":{\"every\":1000,\"count\":1}}\r\n"

static void call_of(const struct transition *t, char out[64])
{
    snprintf(out, 64, "EVALSHA %s", t->script.sha);
}

/* Until the server was asked so often. */
static void work_on_fake(const struct fakeserver_step *steps, int asked, atomic_int *completed)
{
    struct fakeserver *server = fakeserver_start(steps);
    const struct oxq_worker_opts opts = {.lock_renew_ms = -1, .stalled_every_ms = -1, .on_event = count_ends};
    oxq *remote;
    oxq_worker *w;
    OK(oxq_open(fakeserver_url(server, ""), NULL, &remote, &err));
    OK(oxq_worker_open(remote, "mail", &opts, just_end, completed, &w, &err));
    fakeserver_await(server, asked);
    OK(oxq_worker_close(w, -1, &err));
    oxq_close(remote);
    fakeserver_stop(server);
}

Test(next_run, the_next_run_is_asked_for_again_when_the_answer_was_lost)
{
    char next_run[64], finish[64];
    call_of(&transition_next_run, next_run);
    call_of(&transition_finish, finish);
    const struct fakeserver_step steps[] = {{"SCRIPT LOAD", "+OK\r\n"},
                                            {"EVALSHA", RUN_OF_A_SCHEDULER},
                                            {"SCRIPT LOAD", "+OK\r\n"},
                                            {next_run, FAKESERVER_CLOSE},
                                            {"SCRIPT LOAD", "+OK\r\n"},
                                            {next_run, "$0\r\n\r\n"},
                                            {"SCRIPT LOAD", "+OK\r\n"},
                                            {finish, "*3\r\n*1\r\n:0\r\n:0\r\n:0\r\n"},
                                            {"", NULL}};
    atomic_int completed = 0;
    work_on_fake(steps, 8, &completed);
    cr_assert_eq(completed, 1);
}

Test(next_run, a_run_whose_next_the_store_refuses_does_not_begin_and_comes_again)
{
    char next_run[64], leave[64];
    call_of(&transition_next_run, next_run);
    call_of(&transition_leave, leave);
    const struct fakeserver_step steps[] = {{"SCRIPT LOAD", "+OK\r\n"},
                                            {"EVALSHA", RUN_OF_A_SCHEDULER},
                                            {"SCRIPT LOAD", "+OK\r\n"},
                                            {next_run, "-OOM command not allowed when used memory > 'maxmemory'.\r\n"},
                                            {"SCRIPT LOAD", "+OK\r\n"},
                                            {leave, "*3\r\n*1\r\n:0\r\n:0\r\n:0\r\n"},
                                            {"", NULL}};
    atomic_int completed = 0;
    work_on_fake(steps, 6, &completed);
    cr_assert_eq(completed, 0);
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
