/* SPDX-License-Identifier: MIT */
/* Jobs that are in no state: made by hand, on a folder of the test's own. */
#include "api/state.h"
#include "api/testkit.h"

#define WORDS_MAX 8

TestSuite(orphans, .init = testkit_start, .fini = testkit_stop);

/* A plain command; returns its reply when that is a number. */
static int64_t command(const char *const words[])
{
    struct slice argv[WORDS_MAX];
    size_t argc = 0;
    for (; words[argc]; argc++) argv[argc] = slice_from_text(words[argc]);
    struct client_command c = {.argv = argv, .argc = argc};
    struct client_reply reply = {0};
    OK(client_call(store->client, &c, 0, &reply, &err));
    OK(client_reply_check(&reply.value, &err));
    int64_t number = reply.value.integer;
    client_reply_deinit(&reply);
    return number;
}

#define RUN(...) command((const char *const[]){__VA_ARGS__, NULL})

static int64_t remove_orphans(const struct oxq_many_opts *opts)
{
    int64_t removed = -1;
    OK(oxq_queue_remove_orphans(queue, opts, &removed, &err));
    return removed;
}

static void add(const struct oxq_job_opts *opts)
{
    OK(oxq_queue_add(queue, "x", NULL, opts, NULL, &err));
}

static oxq_outcome end(oxq_job *job, void *ctx)
{
    (void)ctx;
    return strcmp(oxq_job_id(job), "bad") == 0 ? oxq_job_fail(job, "no") : OXQ_DONE;
}

static void add_of_all_states(void)
{
    static const struct oxq_job_opts finished[] = {{.job_id = "good"}, {.job_id = "bad"}};
    static const struct oxq_job_opts waiting[] = {
        {.job_id = "plain"}, {.job_id = "late", .delay_ms = 3600000}, {.job_id = "urgent", .priority = 1}};
    struct oxq_flow_node child = {.queue = "mail", .name = "child"};
    struct oxq_flow_node parent = {.queue = "mail", .name = "parent", .children = &child, .children_count = 1};
    for (size_t i = 0; i < 2; i++) add(&finished[i]);
    testkit_work("mail", &(struct oxq_worker_opts){.metrics_points = 10}, end, NULL);
    for (size_t i = 0; i < 3; i++) add(&waiting[i]);
    OK(oxq_flow_add(store, &parent, NULL, &err));
    OK(oxq_scheduler_upsert(queue, "nightly", &(struct oxq_schedule){.every_ms = 3600000}, NULL, NULL, &err));
    OK(oxq_queue_log(queue, "plain", "a line", &err));
}

Test(orphans, jobs_of_all_states_and_what_else_the_queue_has_stay)
{
    add_of_all_states();
    struct oxq_job_opts unique = {.deduplication = {.id = "failed"}};
    add(&unique);
    RUN("SET", "bull:mail:dn:logs", "x");
    int64_t keys = RUN("DBSIZE");
    cr_assert_eq(remove_orphans(NULL), 0);
    cr_assert_eq(RUN("DBSIZE"), keys);
}

Test(orphans, what_is_in_no_state_goes_with_all_its_keys)
{
    add_of_all_states();
    RUN("HSET", "bull:mail:groups", "7", "a hash that nobody knows is taken for a job");
    RUN("ZADD", "bull:mail:priority", "1", "what is no hash is not");
    RUN("RPUSH", "bull:mail:gone:logs", "a line of a job whose hash is gone");
    RUN("HSET", "bull:mail:own:note", "a", "b");
    RUN("HSET", "bull:mailbox:1", "name", "of another queue");
    RUN("ZREM", "bull:mail:completed", "good");
    RUN("LREM", "bull:mail:wait", "0", "plain");
    int64_t keys = RUN("DBSIZE");
    cr_assert_eq(remove_orphans(NULL), 4);
    cr_assert_eq(RUN("DBSIZE"), keys - 5);
    cr_assert_eq(RUN("EXISTS", "bull:mail:good", "bull:mail:plain", "bull:mail:plain:logs", "bull:mail:groups",
                     "bull:mail:gone:logs"),
                 0);
    cr_assert_eq(remove_orphans(NULL), 0);
}

Test(orphans, they_are_found_beside_long_lists_and_many_at_a_time)
{
    oxq_batch *batch;
    OK(oxq_batch_new(store, NULL, &batch, &err));
    for (int i = 0; i < 12000; i++) OK(oxq_batch_add(batch, queue, "x", NULL, NULL, &err));
    OK(oxq_batch_run(batch, &err));
    oxq_batch_free(batch);
    RUN("LTRIM", "bull:mail:wait", "0", "11699");
    cr_assert_eq(remove_orphans(&(struct oxq_many_opts){.limit = 100}), 100);
    cr_assert_eq(remove_orphans(NULL), 200);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 11700);
    cr_assert_eq(RUN("EXISTS", "bull:mail:1", "bull:mail:300", "bull:mail:301", "bull:mail:12000"), 2);
}

static bool stop(void *ctx, int64_t done)
{
    ++*(int *)ctx;
    return done < 0;
}

Test(orphans, the_search_can_be_stopped)
{
    int told = 0;
    int64_t removed = -1;
    add_of_all_states();
    struct oxq_many_opts opts = {.on_progress = stop, .ctx = &told};
    cr_assert_eq(oxq_queue_remove_orphans(queue, &opts, &removed, &err), OXQ_ERR_CANCELLED);
    cr_assert_eq(told, 1);
    cr_assert_eq(removed, 0);
    opts.limit = -1;
    cr_assert_eq(oxq_queue_remove_orphans(queue, &opts, &removed, &err), OXQ_ERR_ARGUMENT);
}
