/* SPDX-License-Identifier: MIT */
/* Jobs with large data and large results. */
#include "worker/state.h"

#include "worker/testkit.h"

TestSuite(large_jobs, .init = testkit_start, .fini = testkit_stop);

static void add_job(const char *data, int64_t priority)
{
    OK(oxq_queue_add(queue, "large", data, &(struct oxq_job_opts){.priority = priority}, NULL, &err));
}

/* Takes up to so many, and tells their ids. */
static void fetch_some(int64_t count, char ids[64])
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request request;
    struct fetched got = {.count = 0};
    const struct fetch_opts opts = {.prefix = SLICE_INIT("bull:mail:"),
                                    .now_ms = store_now_ms(),
                                    .count = count,
                                    .token = SLICE_INIT("t"),
                                    .lock_ms = 30000};
    OK(fetch_request(&arena, &opts, &request, &err));
    OK(store_request(store->client, &request, "take jobs of", opts.prefix, &reply, &err));
    OK(fetch_read(&reply.value, &opts, &arena, &got, &err));
    ids[0] = '\0';
    for (size_t i = 0; i < got.count; i++)
        snprintf(ids + strlen(ids), 64 - strlen(ids), "%.*s ", (int)got.jobs[i].job.id.len, got.jobs[i].job.id.at);
    client_reply_deinit(&reply);
    arena_deinit(&arena);
}

Test(large_jobs, of_large_jobs_only_some_are_taken_at_once_and_the_others_keep_their_places)
{
    enum { LARGE = 5 << 20 };
    static char data[LARGE + 1];
    char ids[64];
    memset(data, '1', LARGE);
    for (int i = 1; i <= 4; i++) add_job(data, 0);
    for (int i = 5; i <= 8; i++) add_job(data, 9 - i);
    add_job("1", 100);
    static const char *const wanted[] = {"1 2 3 ", "4 8 7 ", "6 5 9 ", ""};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        fetch_some(100, ids);
        cr_assert_str_eq(ids, wanted[i]);
    }
    cr_assert_eq(testkit_count(queue, OXQ_STATE_ACTIVE), 9);
    /* One that is too large for any company is taken alone. */
    static char huge[4 * LARGE + 1];
    memset(huge, '1', sizeof(huge) - 1);
    add_job("1", 0);
    add_job(huge, 0);
    add_job("1", 0);
    fetch_some(100, ids);
    cr_assert_str_eq(ids, "10 ");
    fetch_some(100, ids);
    cr_assert_str_eq(ids, "11 ");
    fetch_some(1, ids);
    cr_assert_str_eq(ids, "12 ");
}

static oxq_outcome give_much(oxq_job *job, void *ctx)
{
    (void)ctx;
    static char result[(2 << 20) + 1];
    memset(result, '1', sizeof(result) - 1);
    return oxq_job_done(job, result);
}

Test(large_jobs, a_result_that_the_server_does_not_take_is_the_jobs_failure)
{
    static const struct fakeserver_step steps[] = {
        TESTKIT_FIRST_CALL(FETCH, TESTKIT_JOB),
        TESTKIT_FIRST_CALL(FINISH, "-ERR Protocol error: invalid bulk length\r\n"),
        TESTKIT_CALL(FINISH, TESTKIT_ENDED),
        {"", NULL}};
    struct testkit_ends t = {0};
    testkit_work_on(steps, give_much, &t);
    cr_assert_str_eq(t.failure, "its result of 2097152 bytes is too long for the store");
}
