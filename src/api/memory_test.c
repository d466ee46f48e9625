/* SPDX-License-Identifier: MIT */
/* Large data that there is no memory for (decisions/0010): each allocation of that kind fails in turn, in the thread that calls. */
#include "api/testkit.h"
#include "base/mem.h"

#define LARGE_BYTES 300000
/* More than any call makes. */
#define ALLOCATIONS_MAX 200

static char large[LARGE_BYTES + 3];

static void start(void)
{
    testkit_start();
    memset(large, 'x', LARGE_BYTES + 2);
    large[0] = large[LARGE_BYTES + 1] = '"';
}

TestSuite(memory, .init = start, .fini = testkit_stop);

/* Until a call meets none that fails. Returns how often one was refused. */
static int sweep(oxq_err (*call)(void))
{
    for (int n = 0; n < ALLOCATIONS_MAX; n++) {
        mem_fail_after(n);
        oxq_err e = call();
        mem_fail_after(-1);
        if (e == OXQ_OK) return n;
        cr_assert(e == OXQ_ERR_MEMORY || e == OXQ_ERR_UNCERTAIN, "allocation %d: %s: %s", n, oxq_err_name(e), err.text);
        /* A connection that there was no memory for is tried again after a pause. */
        while (oxq_ping(store, &err) == OXQ_ERR_MEMORY) continue;
        OK(oxq_ping(store, &err));
    }
    cr_assert_fail("no end");
    return 0;
}

static oxq_err add(void)
{
    return oxq_queue_add(queue, "x", large, NULL, NULL, &err);
}

Test(memory, a_job_that_is_refused_is_not_added_unless_nobody_can_know)
{
    int refused = sweep(add);
    cr_assert_gt(refused, 0);
    int64_t added = testkit_count(queue, OXQ_STATE_WAITING);
    cr_assert(added >= 1 && added <= refused + 1, "%lld of %d", (long long)added, refused);
}

static oxq_err get(void)
{
    oxq_job *job;
    oxq_err e = oxq_queue_get(queue, "1", &job, &err);
    if (e) return e;
    cr_assert_str_eq(oxq_job_data(job, NULL), large);
    oxq_job_free(job);
    return OXQ_OK;
}

static oxq_err list(void)
{
    oxq_list *l;
    oxq_job *job;
    OK(oxq_queue_list(queue, NULL, &l, &err));
    oxq_err e = oxq_list_next(l, &job, NULL, &err);
    cr_assert(e || strcmp(oxq_job_data(job, NULL), large) == 0);
    oxq_list_free(l);
    return e;
}

static oxq_err read_tree(void)
{
    oxq_flow *flow;
    oxq_err e = oxq_flow_get(queue, "1", 0, 0, &flow, &err);
    if (!e) oxq_flow_free(flow);
    return e;
}

Test(memory, a_job_is_read_whole_or_not_at_all)
{
    OK(add());
    cr_assert_gt(sweep(get), 0);
    cr_assert_gt(sweep(list), 0);
    cr_assert_gt(sweep(read_tree), 0);
}

static oxq_err add_batch(void)
{
    oxq_batch *batch;
    OK(oxq_batch_new(store, NULL, &batch, &err));
    oxq_err e = OXQ_OK;
    for (int i = 0; !e && i < 3; i++) e = oxq_batch_add(batch, queue, "x", large, NULL, &err);
    if (!e) e = oxq_batch_run(batch, &err);
    oxq_batch_free(batch);
    return e;
}

Test(memory, a_batch_takes_a_job_in_or_refuses_it)
{
    cr_assert_gt(sweep(add_batch), 2);
}
