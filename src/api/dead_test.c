/* SPDX-License-Identifier: MIT */
/* Dead letters, on a folder of the test's own. What the transition does in all its cases: tests/transitions. */
#include "api/testkit.h"

static oxq_queue *dead;

static void start(void)
{
    testkit_start();
    dead = testkit_open_queue("mail-dead");
    OK(oxq_queue_set_dead_letters(queue, "mail-dead", &err));
}

static void stop(void)
{
    oxq_queue_close(dead);
    testkit_stop();
}

TestSuite(dead_letters, .init = start, .fini = stop);

static oxq_outcome fail(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_fail(job, "no such address");
}

static oxq_outcome succeed(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_done(job, oxq_job_data(job, NULL));
}

Test(dead_letters, the_policy_is_set_read_and_taken_back)
{
    char name[OXQ_ID_MAX];
    cr_assert_eq(oxq_queue_set_dead_letters(queue, "mail", &err), OXQ_ERR_ARGUMENT);
    OK(oxq_queue_get_dead_letters(queue, name, &err));
    cr_assert_str_eq(name, "mail-dead");
    OK(oxq_queue_set_dead_letters(queue, NULL, &err));
    OK(oxq_queue_get_dead_letters(queue, name, &err));
    cr_assert_str_eq(name, "");
}

Test(dead_letters, a_letter_tells_of_the_job_that_died)
{
    oxq_job *job;
    struct oxq_dead_letter letter;
    struct oxq_job_opts opts = {.job_id = "welcome", .attempts = 2};
    OK(oxq_queue_add(queue, "send", "{\"to\":[]}", &opts, NULL, &err));
    testkit_work("mail", &(struct oxq_worker_opts){.name = "w1"}, fail, NULL);
    OK(oxq_queue_get(dead, "1", &job, &err));
    OK(oxq_job_dead_letter(job, &letter, &err));
    cr_assert_str_eq(letter.queue, "mail");
    cr_assert_str_eq(letter.id, "welcome");
    cr_assert_str_eq(letter.name, "send");
    cr_assert_str_eq(letter.data, "{\"to\":[]}");
    cr_assert_str_eq(letter.failure, "no such address");
    cr_assert_not_null(strstr(letter.opts, "\"attempts\":2"), "%s", letter.opts);
    cr_assert_str_eq(letter.processed_by, "w1");
    cr_assert_eq(letter.stacktrace[0], '[');
    cr_assert_null(letter.parent_key);
    cr_assert_eq(letter.attempts_made, 2);
    cr_assert(letter.added_ms > 0 && letter.processed_ms >= letter.added_ms && letter.failed_ms >= letter.processed_ms);
    oxq_job_free(job);
    OK(oxq_queue_get(queue, "welcome", &job, &err));
    cr_assert_eq(oxq_job_dead_letter(job, &letter, &err), OXQ_ERR_FORMAT);
    cr_assert_str_eq(oxq_job_fields(job)->dead_id, "1");
    oxq_job_free(job);
    oxq_flow *flow;
    OK(oxq_flow_get(queue, "welcome", 0, 0, &flow, &err));
    cr_assert_str_eq(oxq_flow_job(flow)->dead_id, "1");
    oxq_flow_free(flow);
}

Test(dead_letters, a_replayed_job_runs_with_all_its_attempts)
{
    char id[OXQ_ID_MAX];
    oxq_job *job;
    OK(oxq_queue_add(queue, "send", "{\"n\":1.50}", &(struct oxq_job_opts){.job_id = "welcome"}, NULL, &err));
    testkit_work("mail", NULL, fail, NULL);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_FAILED), 1);
    OK(oxq_queue_replay(dead, "1", id, &err));
    cr_assert_str_eq(id, "welcome");
    cr_assert_eq(oxq_queue_replay(dead, "1", id, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(testkit_count(dead, OXQ_STATE_WAITING), 0);
    testkit_work("mail", NULL, succeed, NULL);
    OK(oxq_queue_get(queue, "welcome", &job, &err));
    cr_assert_str_eq(oxq_job_fields(job)->result, "{\"n\":1.50}");
    cr_assert_eq(oxq_job_fields(job)->attempts_made, 1);
    oxq_job_free(job);
    cr_assert_eq(oxq_queue_replay(queue, "welcome", NULL, &err), OXQ_ERR_FORMAT);
}

static bool note_first(void *ctx, int64_t done_count)
{
    int64_t *first = ctx;
    if (*first == 0) *first = done_count;
    return true;
}

/* Others would wait for the end of all of it. */
Test(dead_letters, large_letters_are_replayed_a_few_at_a_time)
{
    enum { BYTES = 5 << 20 };
    static char data[BYTES + 3];
    memset(data, '"', BYTES + 2);
    memset(data + 1, 'x', BYTES);
    for (int i = 0; i < 5; i++) OK(oxq_queue_add(queue, "send", data, NULL, NULL, &err));
    testkit_work("mail", NULL, fail, NULL);
    int64_t first = 0, count;
    struct oxq_many_opts opts = {.on_progress = note_first, .ctx = &first};
    OK(oxq_queue_replay_matching(dead, NULL, &opts, &count, &err));
    cr_assert_eq(first, 2);
    cr_assert_eq(count, 5);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 5);
    cr_assert_eq(testkit_count(dead, OXQ_STATE_WAITING), 0);
}

Test(dead_letters, data_come_back_as_they_were)
{
    static const char *const datas[] = {
        "\"\"",
        "\"\\\\\"",
        "\"\\\"\"",
        "[\"\\\\\\\"\",\"\\\\\\\\\"]",
        "[{\"]\":\"}\"},{\"a\\\\\":[[],{}]}]",
        "{\"data\":{\"opts\":{}},\"id\":\"8\",\"failedReason\":1}",
        "{ \"a\" : [ 1 , 2 ] }",
        "-1.50",
    };
    char id[OXQ_ID_MAX];
    oxq_job *job;
    for (size_t i = 0; i < sizeof(datas) / sizeof(datas[0]); i++)
        OK(oxq_queue_add(queue, "send", datas[i], NULL, NULL, &err));
    testkit_work("mail", NULL, fail, NULL);
    for (size_t i = 0; i < sizeof(datas) / sizeof(datas[0]); i++) {
        snprintf(id, sizeof(id), "%zu", i + 1);
        OK(oxq_queue_replay(dead, id, NULL, &err));
        OK(oxq_queue_get(queue, id, &job, &err));
        cr_assert_str_eq(oxq_job_data(job, NULL), datas[i]);
        oxq_job_free(job);
    }
}

/* The server does nothing else meanwhile. */
Test(dead_letters, a_letter_is_replayed_at_once_whatever_gaps_its_data_have)
{
    enum { GAP = 4 << 20 };
    static char data[GAP + 16];
    oxq_job *job;
    memset(data, ' ', GAP);
    data[0] = '[';
    snprintf(data + GAP, 16, "1, \"a  b\" ]");
    OK(oxq_queue_add(queue, "send", data, &(struct oxq_job_opts){.job_id = "gap"}, NULL, &err));
    testkit_work("mail", NULL, fail, NULL);
    OK(oxq_queue_replay(dead, "1", NULL, &err));
    OK(oxq_queue_get(queue, "gap", &job, &err));
    cr_assert_str_eq(oxq_job_data(job, NULL), data);
    oxq_job_free(job);
}

Test(dead_letters, a_letter_whose_data_was_mended_is_replayed_with_those)
{
    oxq_job *job;
    struct oxq_job_opts opts = {.on_fail = {.kind = OXQ_KEEP_NONE}};
    OK(oxq_queue_add(queue, "send", "{\"to\":\"bob@\"}", &opts, NULL, &err));
    testkit_work("mail", NULL, fail, NULL);
    cr_assert_eq(testkit_state(queue, "1"), OXQ_STATE_UNKNOWN);
    OK(oxq_queue_get(dead, "1", &job, &err));
    char mended[4096], *at;
    snprintf(mended, sizeof(mended), "%s", oxq_job_data(job, NULL));
    oxq_job_free(job);
    at = strstr(mended, "bob@");
    cr_assert_not_null(at);
    memcpy(at, "bob!", 4);
    OK(oxq_queue_update_data(dead, "1", mended, &err));
    OK(oxq_queue_replay(dead, "1", NULL, &err));
    OK(oxq_queue_get(queue, "1", &job, &err));
    cr_assert_str_eq(oxq_job_data(job, NULL), "{\"to\":\"bob!\"}");
    oxq_job_free(job);
}

Test(dead_letters, a_job_that_lives_again_is_not_replayed_over)
{
    OK(oxq_queue_add(queue, "send", NULL, &(struct oxq_job_opts){.job_id = "welcome"}, NULL, &err));
    testkit_work("mail", NULL, fail, NULL);
    OK(oxq_queue_retry(queue, "welcome", OXQ_STATE_FAILED, true, &err));
    cr_assert_eq(oxq_queue_replay(dead, "1", NULL, &err), OXQ_ERR_EXISTS);
    cr_assert_not_null(strstr(err.text, "discard"), "%s", err.text);
    cr_assert_eq(testkit_count(dead, OXQ_STATE_WAITING), 1);
    OK(oxq_queue_remove(dead, "1", false, &err));
}
