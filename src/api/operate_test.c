/* SPDX-License-Identifier: MIT */
/* What an operator does, on a folder of its own. */
#include "api/testkit.h"

#include <stdio.h>

TestSuite(operate, .init = testkit_start, .fini = testkit_stop);

static int64_t count(oxq_state state)
{
    return testkit_count(queue, state);
}

static oxq_state state_of(const char *id)
{
    return testkit_state(queue, id);
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

/* Each job the child of the one before. */
static void add_chain(int length)
{
    oxq_batch *batch;
    char ids[2][16];
    OK(oxq_batch_new(store, NULL, &batch, &err));
    for (int i = 0; i < length; i++) {
        struct oxq_job_opts opts = {
            .job_id = ids[i % 2], .parent_queue = i ? "mail" : NULL, .parent_id = i ? ids[(i + 1) % 2] : NULL};
        snprintf(ids[i % 2], sizeof(ids[0]), "n%d", i);
        OK(oxq_batch_add(batch, queue, "send", NULL, &opts, &err));
    }
    OK(oxq_batch_run(batch, &err));
    cr_assert_eq(oxq_batch_failed_count(batch), 0);
    oxq_batch_free(batch);
}

/* Scripts that call themselves for each level would come to the end of Lua's stack. */
Test(operate, a_job_is_removed_with_the_children_of_any_number_of_levels)
{
    int64_t removed;
    add_chain(4000);
    OK(oxq_queue_remove(queue, "n0", true, &err));
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 0);
    add_chain(4000);
    OK(oxq_queue_remove_unprocessed_children(queue, "n0", &removed, &err));
    cr_assert_eq(removed, 3999);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 1);
}

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
    int64_t removed = -1;
    OK(oxq_queue_drain(queue, false, NULL, &removed, &err));
    cr_assert_eq(removed, 2103);
    cr_assert_eq(count(OXQ_STATE_WAITING), 0);
    cr_assert_eq(count(OXQ_STATE_PRIORITIZED), 0);
    cr_assert_eq(count(OXQ_STATE_DELAYED), 4);
    OK(oxq_queue_drain(queue, true, NULL, NULL, &err));
    cr_assert_eq(count(OXQ_STATE_DELAYED), 0);
}

static void add_lonely_child(const char *parent, const struct oxq_job_opts *opts)
{
    oxq_queue *parents = testkit_open_queue("parents");
    OK(oxq_queue_add(parents, "x", NULL, &(struct oxq_job_opts){.job_id = parent}, NULL, &err));
    struct oxq_job_opts child = *opts;
    child.parent_queue = "parents";
    child.parent_id = parent;
    OK(oxq_queue_add(queue, "x", NULL, &child, NULL, &err));
    oxq_queue_close(parents);
}

static oxq_outcome await_children(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_wait_for_children(job);
}

/* As they become free: that of a delayed child before that of a prioritized one, and the last of them is taken first. */
Test(operate, draining_frees_parents_in_bullmqs_order)
{
    add_lonely_child("of-urgent", &(struct oxq_job_opts){.priority = 1});
    add_lonely_child("of-late", &(struct oxq_job_opts){.delay_ms = 3600000});
    testkit_work("parents", NULL, await_children, NULL);
    OK(oxq_queue_drain(queue, true, NULL, NULL, &err));
    oxq_worker *w;
    oxq_job *job;
    OK(oxq_worker_open(store, "parents", NULL, NULL, NULL, &w, &err));
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    cr_assert_str_eq(oxq_job_id(job), "of-urgent");
    OK(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err));
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
}

static bool stop_at(void *ctx, int64_t done)
{
    *(int64_t *)ctx = done;
    return done < 2000;
}

Test(operate, draining_can_be_stopped)
{
    int64_t removed = -1, told = 0;
    add_many(3500, NULL);
    struct oxq_many_opts until = {.on_progress = stop_at, .ctx = &told};
    cr_assert_eq(oxq_queue_drain(queue, false, &until, &removed, &err), OXQ_ERR_CANCELLED);
    cr_assert_eq(removed, 2000);
    cr_assert_eq(told, 2000);
    struct oxq_many_opts few = {.limit = 100};
    OK(oxq_queue_drain(queue, false, &few, &removed, &err));
    cr_assert_eq(removed, 100);
    cr_assert_eq(count(OXQ_STATE_WAITING), 1400);
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

/* ---------------------------------------------------------------- back to wait */

static oxq_outcome end(oxq_job *job, void *ctx)
{
    (void)ctx;
    if (strcmp(oxq_job_name(job), "x") == 0) return oxq_job_fail(job, "no such address");
    return oxq_job_done(job, "{\"n\":1}");
}

static void work(void)
{
    oxq_worker *w;
    oxq_workers *workers;
    struct oxq_worker_opts opts = {.name = "w1", .metrics_points = 5};
    OK(oxq_worker_open(store, "mail", &opts, end, NULL, &w, &err));
    OK(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err));
    OK(oxq_queue_workers(queue, &workers, &err));
    cr_assert_geq(oxq_workers_count(workers), 1);
    const struct oxq_worker_connection *first = oxq_workers_at(workers, 0);
    cr_assert_str_eq(first->name, "w1");
    cr_assert_str_neq(first->address, "");
    cr_assert(first->age_s >= first->idle_s && first->idle_s >= 0);
    cr_assert_null(oxq_workers_at(workers, oxq_workers_count(workers)));
    oxq_workers_free(workers);
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
}

Test(operate, all_that_failed_wait_again_and_are_counted)
{
    int64_t moved, minutes[5];
    struct oxq_metrics metrics = {.per_minute = minutes, .cap = 5};
    add_many(1300, NULL);
    work();
    cr_assert_eq(count(OXQ_STATE_FAILED), 1300);
    OK(oxq_queue_metrics(queue, OXQ_STATE_FAILED, &metrics, &err));
    cr_assert_eq(metrics.count, 1300);
    cr_assert_gt(metrics.last_ms, 0);
    OK(oxq_queue_metrics(queue, OXQ_STATE_COMPLETED, &metrics, &err));
    cr_assert_eq(metrics.count, 0);
    cr_assert_eq(oxq_queue_metrics(queue, OXQ_STATE_ACTIVE, &metrics, &err), OXQ_ERR_ARGUMENT);

    OK(oxq_queue_retry_all(queue, OXQ_STATE_FAILED, 1, NULL, &moved, &err));
    cr_assert_eq(moved, 0, "none finished in 1970");
    struct oxq_many_opts few = {.limit = 100};
    OK(oxq_queue_retry_all(queue, OXQ_STATE_FAILED, 0, &few, &moved, &err));
    cr_assert_eq(moved, 100);
    OK(oxq_queue_retry_all(queue, OXQ_STATE_FAILED, 0, NULL, &moved, &err));
    cr_assert_eq(moved, 1200);
    cr_assert_eq(count(OXQ_STATE_WAITING), 1300);
    cr_assert_eq(oxq_queue_retry_all(queue, OXQ_STATE_ACTIVE, 0, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
}

Test(operate, all_that_are_delayed_wait_now)
{
    int64_t moved, counts[2];
    struct oxq_job_opts late = {.delay_ms = 3600000}, urgent = {.delay_ms = 3600000, .priority = 7};
    add_many(1500, &late);
    add_many(3, &urgent);
    OK(oxq_queue_promote_all(queue, NULL, &moved, &err));
    cr_assert_eq(moved, 1503);
    OK(oxq_queue_counts_per_priority(queue, (const int64_t[]){0, 7}, 2, counts, &err));
    cr_assert_eq(counts[0], 1500);
    cr_assert_eq(counts[1], 3);
    cr_assert_eq(oxq_queue_counts_per_priority(queue, (const int64_t[]){-1}, 1, counts, &err), OXQ_ERR_ARGUMENT);
}

Test(operate, a_queue_is_obliterated_with_all_that_it_has)
{
    struct oxq_job_opts late = {.delay_ms = 3600000}, urgent = {.priority = 1};
    struct oxq_flow_node page = {.queue = "pdf", .name = "page"};
    struct oxq_flow_node book = {.queue = "mail", .name = "book", .children = &page, .children_count = 1};
    oxq_names *names;
    int64_t told = 0;
    add_many(1500, NULL);
    work();
    add_many(1200, NULL);
    add_many(3, &late);
    add_many(3, &urgent);
    OK(oxq_flow_add(store, &book, NULL, &err));
    OK(oxq_scheduler_upsert(queue, "nightly", &(struct oxq_schedule){.pattern = "0 4 * * *"}, NULL, NULL, &err));
    cr_assert_eq(oxq_queue_obliterate(queue, false, &(struct oxq_many_opts){.limit = 1}, &err), OXQ_ERR_ARGUMENT);
    struct oxq_many_opts until = {.on_progress = stop_at, .ctx = &told};
    cr_assert_eq(oxq_queue_obliterate(queue, false, &until, &err), OXQ_ERR_CANCELLED);
    cr_assert_eq(told, 2000);
    OK(oxq_queue_obliterate(queue, false, NULL, &err));
    for (int state = OXQ_STATE_WAITING; state < OXQ_STATES_COUNT; state++) cr_assert_eq(count((oxq_state)state), 0);
    OK(oxq_queues(store, &names, &err));
    cr_assert_eq(oxq_names_count(names), 1);
    cr_assert_str_eq(oxq_names_at(names, 0), "pdf");
    oxq_names_free(names);
    char id[OXQ_ID_MAX];
    OK(oxq_queue_add(queue, "x", NULL, NULL, id, &err));
    cr_assert_str_eq(id, "1", "its counter is gone too");
}

Test(operate, a_queue_with_active_jobs_is_only_obliterated_on_demand)
{
    oxq_worker *w;
    oxq_job *job;
    struct oxq_counts counts;
    add_many(2, NULL);
    OK(oxq_worker_open(store, "mail", NULL, NULL, NULL, &w, &err));
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    cr_assert_eq(oxq_queue_obliterate(queue, false, NULL, &err), OXQ_ERR_STATE);
    cr_assert_not_null(strstr(err.text, "active"), "%s", err.text);
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert(counts.is_paused);
    cr_assert_eq(counts.of[OXQ_STATE_WAITING], 1);
    OK(oxq_queue_obliterate(queue, true, NULL, &err));
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_not(counts.is_paused);
    cr_assert_eq(counts.of[OXQ_STATE_ACTIVE] + counts.of[OXQ_STATE_WAITING], 0);
    cr_assert_neq(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err), OXQ_OK, "it is gone");
    cr_assert_eq(oxq_worker_close(w, PATIENCE_MS, &err), OXQ_OK);
}

/* ---------------------------------------------------------------- what there is */

Test(operate, queues_are_those_with_settings)
{
    oxq_queue *other;
    oxq_names *names;
    OK(oxq_queues(store, &names, &err));
    cr_assert_eq(oxq_names_count(names), 0);
    oxq_names_free(names);
    OK(oxq_queue_open(store, "atlas", NULL, &other, &err));
    add_many(1200, NULL);
    OK(oxq_queue_add(other, "x", NULL, NULL, NULL, &err));
    OK(oxq_queues(store, &names, &err));
    cr_assert_eq(oxq_names_count(names), 2);
    cr_assert_str_eq(oxq_names_at(names, 0), "atlas");
    cr_assert_str_eq(oxq_names_at(names, 1), "mail");
    oxq_names_free(names);
    oxq_queue_close(other);
}

Test(operate, children_are_counted_and_their_results_read)
{
    struct oxq_job_opts one = {.job_id = "one"};
    struct oxq_flow_node pages[] = {{.queue = "mail", .name = "page", .opts = &one}, {.queue = "pdf", .name = "page"}};
    struct oxq_flow_node book = {.queue = "mail", .name = "book", .children = pages, .children_count = 2};
    struct oxq_dependency_counts counts;
    char id[OXQ_ID_MAX], *json;
    OK(oxq_flow_add(store, &book, id, &err));
    OK(oxq_queue_children_values(queue, id, false, &json, &err));
    cr_assert_str_eq(json, "{}");
    oxq_text_free(json);
    work();
    OK(oxq_queue_dependency_counts(queue, id, &counts, &err));
    cr_assert_eq(counts.processed, 1);
    cr_assert_eq(counts.unprocessed, 1);
    cr_assert_eq(counts.ignored + counts.failed, 0);
    OK(oxq_queue_children_values(queue, id, false, &json, &err));
    cr_assert_str_eq(json, "{\"bull:mail:one\":{\"n\":1}}");
    oxq_text_free(json);
}

Test(operate, a_parent_runs_when_its_last_child_is_taken_from_it)
{
    struct oxq_job_opts parent = {.job_id = "parent"}, child = {.job_id = "child"};
    struct oxq_flow_node page = {.queue = "mail", .name = "page", .opts = &child};
    struct oxq_flow_node book = {
        .queue = "mail", .name = "book", .opts = &parent, .children = &page, .children_count = 1};
    bool had;
    OK(oxq_flow_add(store, &book, NULL, &err));
    cr_assert_eq(state_of("parent"), OXQ_STATE_WAITING_CHILDREN);
    OK(oxq_queue_remove_child_dependency(queue, "child", &had, &err));
    cr_assert(had);
    cr_assert_eq(state_of("parent"), OXQ_STATE_WAITING);
    cr_assert_eq(state_of("child"), OXQ_STATE_WAITING);
    OK(oxq_queue_remove_child_dependency(queue, "child", &had, &err));
    cr_assert_not(had);
    cr_assert_eq(oxq_queue_remove_child_dependency(queue, "none", &had, &err), OXQ_ERR_NOT_FOUND);
}

Test(operate, a_deduplication_id_is_given_back)
{
    bool was_there;
    char first[OXQ_ID_MAX], second[OXQ_ID_MAX];
    struct oxq_job_opts opts = {.deduplication = {.id = "d"}};
    OK(oxq_queue_add(queue, "x", NULL, &opts, first, &err));
    OK(oxq_queue_add(queue, "x", NULL, &opts, second, &err));
    cr_assert_str_eq(first, second);
    OK(oxq_queue_deduplication_holder(queue, "d", second, &err));
    cr_assert_str_eq(first, second);
    OK(oxq_queue_remove_deduplication(queue, "d", &was_there, &err));
    cr_assert(was_there);
    OK(oxq_queue_remove_deduplication(queue, "d", &was_there, &err));
    cr_assert_not(was_there);
    cr_assert_eq(oxq_queue_deduplication_holder(queue, "d", second, &err), OXQ_ERR_NOT_FOUND);
    OK(oxq_queue_add(queue, "x", NULL, &opts, second, &err));
    cr_assert_str_neq(first, second);
}

Test(operate, a_job_gives_up_its_deduplication_id_and_no_others)
{
    bool had;
    char first[OXQ_ID_MAX], second[OXQ_ID_MAX], holder[OXQ_ID_MAX];
    struct oxq_job_opts opts = {.deduplication = {.id = "d"}};
    OK(oxq_queue_add(queue, "x", NULL, &opts, first, &err));
    OK(oxq_queue_release_deduplication(queue, first, &had, &err));
    cr_assert(had);
    OK(oxq_queue_add(queue, "x", NULL, &opts, second, &err));
    cr_assert_str_neq(first, second);
    OK(oxq_queue_release_deduplication(queue, first, &had, &err));
    cr_assert_not(had);
    OK(oxq_queue_deduplication_holder(queue, "d", holder, &err));
    cr_assert_str_eq(holder, second);
    OK(oxq_queue_add(queue, "x", NULL, NULL, first, &err));
    OK(oxq_queue_release_deduplication(queue, first, &had, &err));
    cr_assert_not(had, "it had none");
    cr_assert_eq(oxq_queue_release_deduplication(queue, "nobody", &had, &err), OXQ_ERR_NOT_FOUND);
}

Test(operate, a_delayed_job_begins_its_delay_anew_with_the_newer_one)
{
    char first[OXQ_ID_MAX], second[OXQ_ID_MAX];
    struct oxq_job_opts opts = {.delay_ms = 3600000, .deduplication = {.id = "d", .reschedule = true}};
    OK(oxq_queue_add(queue, "x", "1", &opts, first, &err));
    opts.delay_ms = 7200000;
    OK(oxq_queue_add(queue, "x", "2", &opts, second, &err));
    cr_assert_str_eq(first, second);
    oxq_job *job;
    OK(oxq_queue_get(queue, first, &job, &err));
    cr_assert_eq(oxq_job_fields(job)->delay_ms, 7200000);
    cr_assert_str_eq(oxq_job_fields(job)->data, "1");
    oxq_job_free(job);
}

/* ---------------------------------------------------------------- trees */

static oxq_outcome count_children(oxq_job *job, void *ctx)
{
    char *json;
    struct oxq_error why;
    if (strcmp(oxq_job_name(job), "page") == 0) return oxq_job_done(job, "7");
    if (strcmp(oxq_job_name(job), "bad") == 0) return oxq_job_fail(job, "no paper");
    if (oxq_job_children_values(job, true, &json, &why) != OXQ_OK) return oxq_job_fail(job, "%s", why.text);
    snprintf(ctx, 256, "%s", json);
    oxq_text_free(json);
    if (oxq_job_children_values(job, false, &json, &why) != OXQ_OK) return oxq_job_fail(job, "%s", why.text);
    oxq_outcome done = oxq_job_done(job, json);
    oxq_text_free(json);
    return done;
}

Test(operate, a_handler_reads_what_its_children_gave)
{
    struct oxq_job_opts page = {.job_id = "page"}, bad = {.job_id = "bad", .on_failure = OXQ_CHILD_IS_IGNORED};
    struct oxq_flow_node pages[] = {{.queue = "mail", .name = "page", .opts = &page},
                                    {.queue = "mail", .name = "bad", .opts = &bad}};
    struct oxq_flow_node book = {.queue = "mail", .name = "book", .children = pages, .children_count = 2};
    char id[OXQ_ID_MAX], failures[256], *json;
    oxq_job *job;
    OK(oxq_flow_add(store, &book, id, &err));
    testkit_work("mail", NULL, count_children, failures);
    OK(oxq_queue_get(queue, id, &job, &err));
    cr_assert_str_eq(oxq_job_fields(job)->result, "{\"bull:mail:page\":7}");
    cr_assert_str_eq(failures, "{\"bull:mail:bad\":\"no paper\"}");
    cr_assert_eq(oxq_job_children_values(job, false, &json, &err), OXQ_ERR_STATE, "nobody runs it here");
    oxq_job_free(job);
}

Test(operate, a_tree_is_read_down_to_where_one_likes)
{
    struct oxq_job_opts cover_opts = {.job_id = "cover"}, late = {.job_id = "late", .delay_ms = 3600000};
    struct oxq_flow_node lines[] = {{.queue = "ink", .name = "line"}, {.queue = "ink", .name = "line"}};
    struct oxq_flow_node parts[] = {
        {.queue = "mail", .name = "page", .opts = &cover_opts},
        {.queue = "pdf", .name = "chapter", .children = lines, .children_count = 2},
        {.queue = "pdf", .name = "index", .opts = &late},
    };
    struct oxq_flow_node book = {
        .queue = "mail", .name = "book", .data = "{\"title\":\"T\"}", .children = parts, .children_count = 3};
    char id[OXQ_ID_MAX];
    oxq_flow *flow;
    OK(oxq_flow_add(store, &book, id, &err));
    work();
    OK(oxq_flow_get(queue, id, 0, 0, &flow, &err));
    cr_assert_str_eq(oxq_flow_job(flow)->data, "{\"title\":\"T\"}");
    cr_assert_eq(oxq_flow_state(flow), OXQ_STATE_WAITING_CHILDREN);
    cr_assert_eq(oxq_flow_kind_of(flow), OXQ_FLOW_ROOT);
    cr_assert_eq(oxq_flow_children_count(flow), 3);
    const oxq_flow *cover = oxq_flow_child(flow, 0);
    cr_assert_str_eq(oxq_flow_job(cover)->id, "cover");
    cr_assert_eq(oxq_flow_state(cover), OXQ_STATE_COMPLETED);
    cr_assert_eq(oxq_flow_kind_of(cover), OXQ_FLOW_PROCESSED);
    cr_assert_null(oxq_flow_child(flow, 3));
    for (size_t i = 1; i < 3; i++) {
        const oxq_flow *part = oxq_flow_child(flow, i);
        bool is_chapter = strcmp(oxq_flow_job(part)->name, "chapter") == 0;
        cr_assert_str_eq(oxq_flow_job(part)->queue, "pdf");
        cr_assert_eq(oxq_flow_kind_of(part), OXQ_FLOW_UNPROCESSED);
        cr_assert_eq(oxq_flow_state(part), is_chapter ? OXQ_STATE_WAITING_CHILDREN : OXQ_STATE_DELAYED);
        cr_assert_eq(oxq_flow_children_count(part), is_chapter ? 2 : 0);
        if (!is_chapter) continue;
        cr_assert_eq(oxq_flow_state(oxq_flow_child(part, 1)), OXQ_STATE_WAITING);
        cr_assert_str_eq(oxq_flow_job(oxq_flow_child(part, 1))->queue, "ink");
    }
    oxq_flow_free(flow);

    OK(oxq_queue_remove(queue, "cover", false, &err));
    OK(oxq_flow_get(queue, id, 2, 1, &flow, &err));
    cr_assert_eq(oxq_flow_children_count(flow), 2);
    cr_assert(oxq_flow_has_more(flow));
    cr_assert_eq(oxq_flow_state(oxq_flow_child(flow, 0)), OXQ_STATE_UNKNOWN);
    cr_assert_str_eq(oxq_flow_job(oxq_flow_child(flow, 0))->id, "cover");
    cr_assert_eq(oxq_flow_children_count(oxq_flow_child(flow, 1)), 0);
    oxq_flow_free(flow);
    cr_assert_eq(oxq_flow_get(queue, "none", 0, 0, &flow, &err), OXQ_ERR_NOT_FOUND);
}

Test(operate, children_that_have_not_run_are_removed_and_their_parent_runs)
{
    struct oxq_job_opts parent = {.job_id = "parent"}, late = {.parent_queue = "mail", .parent_id = "parent"};
    struct oxq_job_opts inner = {.job_id = "inner"};
    int64_t removed;
    struct oxq_flow_node line = {.queue = "mail", .name = "line"};
    struct oxq_flow_node page = {
        .queue = "mail", .name = "page", .opts = &inner, .children = &line, .children_count = 1};
    struct oxq_flow_node book = {
        .queue = "mail", .name = "book", .opts = &parent, .children = &page, .children_count = 1};
    OK(oxq_flow_add(store, &book, NULL, &err));
    OK(oxq_queue_remove_unprocessed_children(queue, "parent", &removed, &err));
    cr_assert_eq(removed, 2);
    cr_assert_eq(state_of("parent"), OXQ_STATE_WAITING);
    cr_assert_eq(state_of("inner"), OXQ_STATE_UNKNOWN);
    OK(oxq_queue_remove(queue, "parent", false, &err));
    cr_assert_eq(oxq_queue_remove_unprocessed_children(queue, "parent", &removed, &err), OXQ_ERR_NOT_FOUND);

    OK(oxq_flow_add(store, &book, NULL, &err));
    add_many(2500, &late);
    OK(oxq_queue_remove_unprocessed_children(queue, "parent", &removed, &err));
    cr_assert_eq(removed, 2502);
    cr_assert_eq(state_of("parent"), OXQ_STATE_WAITING);
    cr_assert_eq(count(OXQ_STATE_WAITING), 1);
}
