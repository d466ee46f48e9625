/* SPDX-License-Identifier: MIT */
/* For unit tests: a worker whose server plays the steps of a script. */
#ifndef WORKER_TESTKIT_H
#define WORKER_TESTKIT_H

#include "api/testkit.h"
#include "client/fakeserver.h"

#include <jobs/transitions_lua.h>
#include <stdatomic.h>
#include <stdio.h>

/* Steps: a call of a transition, and the first of it on a connection. */
#define TESTKIT_CALL(NAME, reply)                                                                                      \
    {                                                                                                                  \
        "EVALSHA " LUA_##NAME##_SHA1, reply                                                                            \
    }
#define TESTKIT_FIRST_CALL(NAME, reply) {"SCRIPT LOAD", "+OK\r\n"}, TESTKIT_CALL(NAME, reply)

/* Replies: job 7 with these fields, as many texts; one called x; no job; one job has ended. */
#define TESTKIT_JOB_WITH(fields) "*6\r\n*0\r\n:0\r\n:0\r\n$1\r\n7\r\n:1\r\n" fields
#define TESTKIT_JOB TESTKIT_JOB_WITH("*2\r\n$4\r\nname\r\n$1\r\nx\r\n")
#define TESTKIT_NO_JOB "*3\r\n*0\r\n:0\r\n:0\r\n"
#define TESTKIT_ENDED "*3\r\n*1\r\n:0\r\n:0\r\n:0\r\n"

/* What a worker told of. */
struct testkit_ends {
    atomic_int completed, lost;
    char failure[128]; /* the last one's */
};

static inline oxq_outcome testkit_end_at_once(oxq_job *job, void *ctx)
{
    (void)job;
    (void)ctx;
    return OXQ_DONE;
}

static inline void testkit_note_end(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    struct testkit_ends *t = ctx;
    (void)worker;
    if (event->kind == OXQ_WORKER_COMPLETED) atomic_fetch_add(&t->completed, 1);
    if (event->kind == OXQ_WORKER_LOCK_LOST) atomic_fetch_add(&t->lost, 1);
    if (event->kind == OXQ_WORKER_FAILED) snprintf(t->failure, sizeof(t->failure), "%s", event->text);
}

/* A worker on a server that plays these steps, until it has been asked for all of them. */
static inline void testkit_work_on(const struct fakeserver_step *steps, oxq_handler *handler, struct testkit_ends *ends)
{
    const struct oxq_worker_opts opts = {.lock_renew_ms = -1, .stalled_every_ms = -1, .on_event = testkit_note_end};
    struct fakeserver *server = fakeserver_start(steps);
    int count = 0;
    oxq *remote;
    oxq_worker *w;
    while (steps[count].want[0]) count++;
    OK(oxq_open(fakeserver_url(server, ""), NULL, &remote, &err));
    OK(oxq_worker_open(remote, "mail", &opts, handler, ends, &w, &err));
    fakeserver_await(server, count);
    OK(oxq_worker_close(w, -1, &err));
    oxq_close(remote);
    fakeserver_stop(server);
}

#endif
