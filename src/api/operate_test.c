/* SPDX-License-Identifier: MIT */
/* What an operator does, on a folder of its own. */
#include "os/testfolder.h"

#include <oxq/oxq.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char folder[TESTFOLDER_PATH_MAX];
static oxq *store;
static oxq_queue *queue;
static struct oxq_error err;

#define OK(call) cr_assert_eq((call), OXQ_OK, "%s", err.text)

static void start(void)
{
    testfolder_make(folder);
    char url[TESTFOLDER_PATH_MAX + 32];
    snprintf(url, sizeof(url), "file:%s/data?durability=off", folder);
    OK(oxq_open(url, NULL, &store, &err));
    OK(oxq_queue_open(store, "mail", NULL, &queue, &err));
}

static void stop(void)
{
    oxq_queue_close(queue);
    oxq_close(store);
    testfolder_remove(folder);
}

TestSuite(operate, .init = start, .fini = stop);

static int64_t count(oxq_state state)
{
    struct oxq_counts counts;
    OK(oxq_queue_counts(queue, &counts, &err));
    return counts.of[state];
}

static oxq_state state_of(const char *id)
{
    oxq_state state;
    OK(oxq_queue_state(queue, id, &state, &err));
    return state;
}

static void add_many(int jobs, const struct oxq_job_opts *opts)
{
    oxq_batch *batch;
    OK(oxq_batch_new(store, NULL, &batch, &err));
    for (int i = 0; i < jobs; i++) OK(oxq_batch_add(batch, queue, "x", NULL, opts, &err));
    OK(oxq_batch_run(batch, &err));
    cr_assert_eq(oxq_batch_failed_count(batch), 0);
    oxq_batch_free(batch);
}

static void add_child(const char *name)
{
    struct oxq_job_opts opts = {.job_id = name, .parent_queue = "mail", .parent_id = "parent"};
    OK(oxq_queue_add(queue, "x", NULL, &opts, NULL, &err));
}

/* ---------------------------------------------------------------- one job */

Test(operate, a_job_is_removed_with_its_children_or_without)
{
    struct oxq_job_opts parent = {.job_id = "parent"};
    OK(oxq_queue_add(queue, "x", NULL, &parent, NULL, &err));
    add_child("one");
    add_child("two");
    OK(oxq_queue_remove(queue, "one", false, &err));
    cr_assert_eq(state_of("one"), OXQ_STATE_UNKNOWN);
    cr_assert_eq(state_of("two"), OXQ_STATE_WAITING);
    OK(oxq_queue_remove(queue, "parent", true, &err));
    cr_assert_eq(state_of("two"), OXQ_STATE_UNKNOWN);
    cr_assert_eq(state_of("parent"), OXQ_STATE_UNKNOWN);
    cr_assert_eq(oxq_queue_remove(queue, "parent", true, &err), OXQ_ERR_NOT_FOUND);
}

Test(operate, a_tree_that_is_larger_than_a_portion_goes_whole)
{
    struct oxq_job_opts parent = {.job_id = "parent"};
    OK(oxq_queue_add(queue, "x", NULL, &parent, NULL, &err));
    struct oxq_job_opts child = {.parent_queue = "mail", .parent_id = "parent"};
    add_many(2500, &child);
    cr_assert_eq(count(OXQ_STATE_WAITING), 2501);
    OK(oxq_queue_remove(queue, "parent", true, &err));
    cr_assert_eq(count(OXQ_STATE_WAITING), 0);
}

Test(operate, a_delayed_job_is_promoted_or_put_off)
{
    struct oxq_job_opts late = {.job_id = "late", .delay_ms = 3600000};
    OK(oxq_queue_add(queue, "x", NULL, &late, NULL, &err));
    OK(oxq_queue_change_delay(queue, "late", 7200000, &err));
    oxq_job *job;
    OK(oxq_queue_get(queue, "late", &job, &err));
    cr_assert_eq(oxq_job_fields(job)->delay_ms, 7200000);
    oxq_job_free(job);
    OK(oxq_queue_promote(queue, "late", &err));
    cr_assert_eq(state_of("late"), OXQ_STATE_WAITING);
    cr_assert_eq(oxq_queue_promote(queue, "late", &err), OXQ_ERR_STATE);
    cr_assert_eq(oxq_queue_change_delay(queue, "late", 1, &err), OXQ_ERR_STATE);
    cr_assert_eq(oxq_queue_change_delay(queue, "none", 1, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(oxq_queue_change_delay(queue, "late", -1, &err), OXQ_ERR_ARGUMENT);
}

Test(operate, a_waiting_job_gets_another_priority)
{
    struct oxq_job_opts plain = {.job_id = "plain"};
    OK(oxq_queue_add(queue, "x", NULL, &plain, NULL, &err));
    OK(oxq_queue_change_priority(queue, "plain", 3, false, &err));
    cr_assert_eq(state_of("plain"), OXQ_STATE_PRIORITIZED);
    OK(oxq_queue_change_priority(queue, "plain", 0, true, &err));
    cr_assert_eq(state_of("plain"), OXQ_STATE_WAITING);
    cr_assert_eq(oxq_queue_change_priority(queue, "plain", 1 << 21, false, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_queue_change_priority(queue, "none", 1, false, &err), OXQ_ERR_NOT_FOUND);
}

/* ---------------------------------------------------------------- many */

Test(operate, a_queue_is_drained_of_what_waits)
{
    struct oxq_job_opts late = {.delay_ms = 3600000}, urgent = {.priority = 1};
    add_many(2100, NULL);
    add_many(3, &urgent);
    add_many(4, &late);
    OK(oxq_queue_drain(queue, false, &err));
    cr_assert_eq(count(OXQ_STATE_WAITING), 0);
    cr_assert_eq(count(OXQ_STATE_PRIORITIZED), 0);
    cr_assert_eq(count(OXQ_STATE_DELAYED), 4);
    OK(oxq_queue_drain(queue, true, &err));
    cr_assert_eq(count(OXQ_STATE_DELAYED), 0);
}

static bool stop_at(void *ctx, int64_t done)
{
    *(int64_t *)ctx = done;
    return done < 2000;
}

Test(operate, cleaning_spares_the_young_and_can_be_stopped)
{
    int64_t removed = -1, told = 0;
    add_many(3500, NULL);
    OK(oxq_queue_clean(queue, OXQ_STATE_WAITING, 3600000, NULL, &removed, &err));
    cr_assert_eq(removed, 0);
    struct oxq_many_opts few = {.limit = 10};
    OK(oxq_queue_clean(queue, OXQ_STATE_WAITING, 0, &few, &removed, &err));
    cr_assert_eq(removed, 10);
    struct oxq_many_opts until = {.on_progress = stop_at, .ctx = &told};
    cr_assert_eq(oxq_queue_clean(queue, OXQ_STATE_WAITING, 0, &until, &removed, &err), OXQ_ERR_CANCELLED);
    cr_assert_eq(removed, 2000);
    cr_assert_eq(told, 2000);
    cr_assert_eq(count(OXQ_STATE_WAITING), 1490);
    cr_assert_eq(oxq_queue_clean(queue, OXQ_STATE_WAITING_CHILDREN, 0, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
}
