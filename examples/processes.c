/* SPDX-License-Identifier: MIT */
/*
 * Four processes on one folder and no server: the first that opens it hosts it, the others reach it by a socket in there. When the host ends,
 * or is killed, another takes over; nobody else notices.
 */
#include <oxq/oxq.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define JOBS 200

static oxq_outcome work(oxq_job *job, void *ctx)
{
    (void)ctx;
    char who[32];
    snprintf(who, sizeof(who), "{\"pid\":%ld}", (long)getpid());
    return oxq_job_done(job, who);
}

/* Works until nothing waits any more. */
static int run_worker(const char *url)
{
    oxq *store = NULL;
    oxq_worker *worker = NULL;
    struct oxq_error err;
    oxq_err e = oxq_open(url, NULL, &store, &err);
    if (!e) e = oxq_worker_open(store, "work", &(struct oxq_worker_opts){.concurrency = 4}, work, NULL, &worker, &err);
    if (!e) e = oxq_worker_wait_until_idle(worker, 30000, &err);
    if (e) fprintf(stderr, "processes: %s\n", err.text);
    (void)oxq_worker_close(worker, -1, NULL);
    oxq_close(store);
    return e != OXQ_OK;
}

static oxq_err add(const char *url, struct oxq_error *err)
{
    oxq *store = NULL;
    oxq_queue *queue = NULL;
    oxq_err e = oxq_open(url, NULL, &store, err);
    if (!e) e = oxq_queue_open(store, "work", NULL, &queue, err);
    for (int i = 0; i < JOBS && !e; i++) e = oxq_queue_add(queue, "piece", NULL, NULL, NULL, err);
    oxq_queue_close(queue);
    oxq_close(store);
    return e;
}

static oxq_err count(const char *url, struct oxq_error *err)
{
    oxq *store = NULL;
    oxq_queue *queue = NULL;
    struct oxq_counts counts;
    oxq_err e = oxq_open(url, NULL, &store, err);
    if (!e) e = oxq_queue_open(store, "work", NULL, &queue, err);
    if (!e) e = oxq_queue_counts(queue, &counts, err);
    if (!e) printf("%lld of %d jobs completed\n", (long long)counts.of[OXQ_STATE_COMPLETED], JOBS);
    oxq_queue_close(queue);
    oxq_close(store);
    return e;
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "file:./data";
    struct oxq_error err;
    int status, failures = 0;
    oxq_err e = add(url, &err);
    /* A child opens a store of its own: one that was open before the fork is its parent's. */
    for (int i = 0; i < PROCESSES && !e; i++) {
        if (fork() == 0) _exit(run_worker(url));
    }
    while (wait(&status) > 0) failures += status != 0;
    if (!e) e = count(url, &err);
    if (e) fprintf(stderr, "processes: %s\n", err.text);
    return e != OXQ_OK || failures > 0;
}
