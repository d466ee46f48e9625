/* SPDX-License-Identifier: MIT */
/* For unit tests: a store on a folder of the test's own, as a suite's .init and .fini. */
#ifndef API_TESTKIT_H
#define API_TESTKIT_H

#include "os/testfolder.h"

#include <oxq/oxq.h>

#include <criterion/criterion.h>
#include <string.h>

/* Longer than anything takes that comes at all. */
#define PATIENCE_MS 30000

static char testkit_folder[TESTFOLDER_PATH_MAX];
static oxq *store;
static oxq_queue *queue; /* "mail" */
static struct oxq_error err;

#define OK(call) cr_assert_eq((call), OXQ_OK, "%s", err.text)

static void testkit_start(void)
{
    testfolder_make(testkit_folder);
    char url[TESTFOLDER_PATH_MAX + 32];
    snprintf(url, sizeof(url), "file:%s/data?durability=off", testkit_folder);
    OK(oxq_open(url, NULL, &store, &err));
    OK(oxq_queue_open(store, "mail", NULL, &queue, &err));
}

static void testkit_stop(void)
{
    oxq_queue_close(queue);
    oxq_close(store);
    testfolder_remove(testkit_folder);
}

static inline oxq_queue *testkit_open_queue(const char *name)
{
    oxq_queue *q;
    OK(oxq_queue_open(store, name, NULL, &q, &err));
    return q;
}

static inline int64_t testkit_count(oxq_queue *q, oxq_state state)
{
    struct oxq_counts counts;
    OK(oxq_queue_counts(q, &counts, &err));
    return counts.of[state];
}

static inline oxq_state testkit_state(oxq_queue *q, const char *id)
{
    oxq_state state;
    OK(oxq_queue_state(q, id, &state, &err));
    return state;
}

/* Does what waits in a queue. */
static inline void testkit_work(const char *name, const struct oxq_worker_opts *opts, oxq_handler *handler, void *ctx)
{
    oxq_worker *w;
    OK(oxq_worker_open(store, name, opts, handler, ctx, &w, &err));
    OK(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err));
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
}

#endif
