/* SPDX-License-Identifier: MIT */
/* The children of a job, as its parent's handler meets them. */
#include "api/testkit.h"

TestSuite(children, .init = testkit_start, .fini = testkit_stop);

static oxq_outcome give_seven(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_done(job, "{\"n\":7}");
}

Test(children, what_they_gave_is_read_as_json)
{
    struct oxq_job_opts opts = {.job_id = "page"};
    struct oxq_flow_node page = {.queue = "pdf", .name = "page", .opts = &opts};
    struct oxq_flow_node book = {.queue = "mail", .name = "book", .children = &page, .children_count = 1};
    char id[OXQ_ID_MAX], *text;
    oxq_json *json;
    OK(oxq_flow_add(store, &book, id, &err));
    testkit_work("pdf", NULL, give_seven, NULL);
    OK(oxq_queue_children_values(queue, id, false, &text, &err));
    OK(oxq_json_read(text, &json, &err));
    oxq_text_free(text);
    cr_assert_str_eq(oxq_json_member_name(json, 0), "bull:pdf:page");
    cr_assert_eq(oxq_json_integer(oxq_json_element(json, 0), "/n", 0), 7);
    oxq_json_free(json);
    cr_assert_eq(oxq_json_read("{\"n\":", &json, &err), OXQ_ERR_FORMAT);
    cr_assert_eq(oxq_json_read(NULL, &json, &err), OXQ_ERR_ARGUMENT);
    oxq_json_free(NULL);
}

/* ---------------------------------------------------------------- waiting for one */

/* Waits for its quick child: first when that has not run, then when it has, though another has not. */
static oxq_outcome wait_for_quick(oxq_job *job, void *ctx)
{
    static const struct oxq_job_opts quick = {.job_id = "quick"}, slow = {.job_id = "slow", .delay_ms = 3600000};
    struct oxq_job_template children[] = {{.name = "page", .opts = &quick}, {.name = "page", .opts = &slow}};
    int call = (*(int *)ctx)++;
    if (call < 2) {
        OK(oxq_job_add_child(job, "pdf", &children[call], NULL, &err));
        return oxq_job_wait_for_child(job, "pdf", "quick");
    }
    OK(oxq_queue_remove_unprocessed_children(oxq_job_queue(job), oxq_job_id(job), NULL, &err));
    return OXQ_DONE;
}

Test(children, a_job_waits_for_one_while_that_has_not_finished)
{
    char id[OXQ_ID_MAX];
    int calls = 0;
    OK(oxq_queue_add(queue, "parent", NULL, NULL, id, &err));
    testkit_work("mail", NULL, wait_for_quick, &calls);
    cr_assert_eq(calls, 1);
    cr_assert_eq(testkit_state(queue, id), OXQ_STATE_WAITING_CHILDREN);
    testkit_work("pdf", NULL, give_seven, NULL);
    testkit_work("mail", NULL, wait_for_quick, &calls);
    cr_assert_eq(calls, 3, "once more for the child that had finished, and once because it had");
    cr_assert_eq(testkit_state(queue, id), OXQ_STATE_COMPLETED);
}

static oxq_outcome wait_for_nonsense(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_wait_for_child(job, "a:b", "1");
}

Test(children, one_that_cannot_be_is_not_waited_for)
{
    char id[OXQ_ID_MAX];
    oxq_job *job;
    OK(oxq_queue_add(queue, "parent", NULL, &(struct oxq_job_opts){.attempts = 3}, id, &err));
    testkit_work("mail", NULL, wait_for_nonsense, NULL);
    OK(oxq_queue_get(queue, id, &job, &err));
    cr_assert_not_null(strstr(oxq_job_fields(job)->failure, "queue a:b"), "%s", oxq_job_fields(job)->failure);
    cr_assert_eq(testkit_state(queue, id), OXQ_STATE_FAILED);
    cr_assert_null(oxq_job_queue(job), "nobody runs it here");
    oxq_job_free(job);
}
