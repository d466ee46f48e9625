/* SPDX-License-Identifier: MIT */
/* The public interface on a folder of its own. */
#include "api/testkit.h"

#include <stdio.h>

TestSuite(api, .init = testkit_start, .fini = testkit_stop);

/* ---------------------------------------------------------------- adding and looking */

Test(api, a_job_is_what_was_added)
{
    char id[OXQ_ID_MAX];
    oxq_job *job;
    struct oxq_job_opts opts = {.priority = 5, .attempts = 4, .backoff = {.type = "exponential", .delay_ms = 100}};
    OK(oxq_queue_add(queue, "welcome", "{\"to\":[{\"name\":\"A/B~C\"}],\"n\":2.5}", &opts, id, &err));
    cr_assert_str_eq(id, "1");
    OK(oxq_queue_get(queue, id, &job, &err));
    const struct oxq_job_fields *f = oxq_job_fields(job);
    cr_assert_str_eq(f->queue, "mail");
    cr_assert_str_eq(f->name, "welcome");
    cr_assert_eq(f->priority, 5);
    cr_assert_eq(f->attempts_max, 4);
    cr_assert_null(f->result);
    cr_assert_str_eq(oxq_json_text(oxq_job_json(job), "/to/0/name", ""), "A/B~C");
    cr_assert_eq(oxq_json_integer(oxq_job_json(job), "/n", 0), 2);
    cr_assert_eq(oxq_json_kind_of(oxq_json_at(oxq_job_json(job), "/to/1")), OXQ_JSON_ABSENT);
    oxq_job_free(job);
    oxq_state state;
    OK(oxq_queue_state(queue, id, &state, &err));
    cr_assert_eq(state, OXQ_STATE_PRIORITIZED);
    OK(oxq_queue_state(queue, "99", &state, &err));
    cr_assert_eq(state, OXQ_STATE_UNKNOWN);
    cr_assert_eq(oxq_queue_get(queue, "99", &job, &err), OXQ_ERR_NOT_FOUND);
}

Test(api, bad_input_is_told_with_what_instead)
{
    static const struct {
        const char *data;
        struct oxq_job_opts opts;
        const char *says;
    } cases[] = {
        {"no json", {0}, "not JSON"},
        {"{}", {.priority = 3000000}, "2097151"},
        {"{}", {.delay_ms = -1}, "delay"},
        {"{}", {.job_id = "12"}, "numbers"},
        {"{}", {.job_id = "a:b"}, "colon"},
        {"{\"a\":1}", {.size_limit_bytes = 3}, "3"},
        {"{}", {.parent_id = "1"}, "parent_queue"},
        {"{}", {.on_complete = {.kind = (oxq_keep_kind)9}}, "on_complete"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        err.text[0] = '\0';
        cr_assert_neq(oxq_queue_add(queue, "x", cases[i].data, &cases[i].opts, NULL, &err), OXQ_OK, "case %zu", i);
        cr_assert_not_null(strstr(err.text, cases[i].says), "case %zu: %s", i, err.text);
    }
    oxq_queue *other;
    cr_assert_eq(oxq_queue_open(store, "a:b", NULL, &other, &err), OXQ_ERR_ARGUMENT);
    oxq *none;
    cr_assert_eq(oxq_open("rdis://x", NULL, &none, &err), OXQ_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.text, "redis"), "%s", err.text);
    cr_assert_eq(oxq_open("redis+cluster://x", NULL, &none, &err), OXQ_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.text, "{bull}"), "%s", err.text);
}

Test(api, a_server_that_is_not_there_is_told_at_once)
{
    oxq *none;
    OK(oxq_open("unix:/nowhere/oxq.sock", &(struct oxq_opts){.attempts = 1}, &none, &err));
    cr_assert_eq(oxq_ping(none, &err), OXQ_ERR_UNREACHABLE);
    cr_assert_not_null(strstr(err.text, "/nowhere/oxq.sock"), "%s", err.text);
    oxq_close(none);
    OK(oxq_ping(store, &err));
}

Test(api, a_batch_adds_many_and_tells_of_each)
{
    oxq_batch *batch;
    oxq_queue *other;
    struct oxq_counts counts;
    OK(oxq_queue_open(store, "pdf", NULL, &other, &err));
    OK(oxq_batch_new(store, NULL, &batch, &err));
    for (int i = 0; i < 2500; i++) OK(oxq_batch_add(batch, i % 2 ? other : queue, "x", NULL, NULL, &err));
    cr_assert_eq(oxq_batch_add(batch, queue, "x", "{", NULL, &err), OXQ_ERR_FORMAT);
    struct oxq_job_opts orphan = {.parent_queue = "mail", .parent_id = "none"};
    OK(oxq_batch_add(batch, queue, "x", NULL, &orphan, &err));
    OK(oxq_batch_run(batch, &err));
    cr_assert_eq(oxq_batch_count(batch), 2501);
    cr_assert_eq(oxq_batch_failed_count(batch), 1);
    cr_assert_str_eq(oxq_batch_id(batch, 2499), "1250");
    cr_assert_null(oxq_batch_id(batch, 2500));
    cr_assert_eq(oxq_batch_error(batch, 2500, &err), OXQ_ERR_NOT_FOUND);
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_eq(counts.of[OXQ_STATE_WAITING], 1250);
    OK(oxq_batch_add(batch, queue, "y", NULL, NULL, &err));
    cr_assert_eq(oxq_batch_count(batch), 1);
    oxq_batch_free(batch);
    oxq_queue_close(other);
}

/* ---------------------------------------------------------------- lists */

static size_t count_list(const struct oxq_list_opts *opts, char first[OXQ_ID_MAX])
{
    oxq_list *list;
    oxq_job *job;
    oxq_state state;
    size_t count = 0;
    OK(oxq_queue_list(queue, opts, &list, &err));
    for (;;) {
        OK(oxq_list_next(list, &job, &state, &err));
        if (!job) break;
        if (count++ == 0) snprintf(first, OXQ_ID_MAX, "%s", oxq_job_id(job));
    }
    oxq_list_free(list);
    return count;
}

Test(api, lists_give_what_was_asked_for)
{
    for (int i = 0; i < 450; i++) {
        char data[64];
        snprintf(data, sizeof(data), "{\"n\":%d,\"who\":{\"name\":\"%s\"}}", i, i % 100 == 7 ? "eve" : "bob");
        struct oxq_job_opts delayed = {.delay_ms = 1000000 + i};
        OK(oxq_queue_add(queue, i % 2 ? "odd" : "even", data, i < 50 ? &delayed : NULL, NULL, &err));
    }
    char first[OXQ_ID_MAX];
    cr_assert_eq(count_list(NULL, first), 450);
    cr_assert_str_eq(first, "51");
    struct oxq_list_opts newest = {.states = 1u << OXQ_STATE_WAITING, .newest_first = true, .count = 10};
    cr_assert_eq(count_list(&newest, first), 10);
    cr_assert_str_eq(first, "450");
    struct oxq_list_opts oldest = {.states = 1u << OXQ_STATE_WAITING, .skip = 250, .count = 1};
    cr_assert_eq(count_list(&oldest, first), 1);
    cr_assert_str_eq(first, "301");
    cr_assert_eq(count_list(&(struct oxq_list_opts){.skip = 49, .count = 260}, first), 260);
    struct oxq_list_opts delayed = {.states = 1u << OXQ_STATE_DELAYED, .skip = 3};
    cr_assert_eq(count_list(&delayed, first), 47);
    cr_assert_str_eq(first, "4");
    cr_assert_eq(count_list(&(struct oxq_list_opts){.name = "odd"}, first), 225);
    cr_assert_eq(count_list(&(struct oxq_list_opts){.data_path = "/who/name", .data_value = "eve"}, first), 5);
    cr_assert_eq(count_list(&(struct oxq_list_opts){.data_path = "/n", .data_value = "77"}, first), 1);
    cr_assert_str_eq(first, "78");
    cr_assert_eq(count_list(&(struct oxq_list_opts){.data_path = "/nothing"}, first), 0);
    oxq_list *list;
    cr_assert_eq(oxq_queue_list(queue, &(struct oxq_list_opts){.data_value = "x"}, &list, &err), OXQ_ERR_ARGUMENT);
}

/* ---------------------------------------------------------------- working, events, operators */

static oxq_outcome end(oxq_job *job, void *ctx)
{
    (void)ctx;
    if (strcmp(oxq_job_name(job), "bad") == 0) return oxq_job_fail(job, "no such address");
    return oxq_job_done(job, "{\"n\":1}");
}

static void work(void)
{
    testkit_work("mail", NULL, end, NULL);
}

Test(api, the_end_of_a_job_can_be_waited_for)
{
    char good[OXQ_ID_MAX], bad[OXQ_ID_MAX];
    oxq_state state;
    char *text;
    oxq_worker *w;
    OK(oxq_queue_add(queue, "good", NULL, NULL, good, &err));
    cr_assert_eq(oxq_queue_wait(queue, good, 1, NULL, NULL, &err), OXQ_ERR_TIMEOUT);
    OK(oxq_worker_open(store, "mail", NULL, end, NULL, &w, &err));
    OK(oxq_queue_wait(queue, good, PATIENCE_MS, &state, &text, &err));
    cr_assert_eq(state, OXQ_STATE_COMPLETED);
    cr_assert_str_eq(text, "{\"n\":1}");
    oxq_text_free(text);
    OK(oxq_queue_add(queue, "bad", NULL, NULL, bad, &err));
    OK(oxq_queue_wait(queue, bad, PATIENCE_MS, &state, &text, &err));
    cr_assert_eq(state, OXQ_STATE_FAILED);
    cr_assert_str_eq(text, "no such address");
    oxq_text_free(text);
    cr_assert_eq(oxq_queue_wait(queue, "99", PATIENCE_MS, &state, &text, &err), OXQ_ERR_NOT_FOUND);
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
}

Test(api, events_are_read_in_order_from_where_one_likes)
{
    OK(oxq_queue_add(queue, "good", NULL, NULL, NULL, &err));
    work();
    oxq_events *events;
    const struct oxq_event *event;
    static const char *const kinds[] = {"added", "waiting", "active", "completed", "drained"};
    OK(oxq_events_open(queue, &(struct oxq_events_opts){.after = "0"}, &events, &err));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        OK(oxq_events_next(events, PATIENCE_MS, &event, &err));
        cr_assert_str_eq(event->kind, kinds[i]);
        if (i == 3) cr_assert_str_eq(oxq_event_field(event, "returnvalue"), "{\"n\":1}");
    }
    OK(oxq_events_next(events, 1, &event, &err));
    cr_assert_null(event);
    oxq_events_cancel(events);
    cr_assert_eq(oxq_events_next(events, PATIENCE_MS, &event, &err), OXQ_ERR_CANCELLED);
    oxq_events_close(events);
}

Test(api, a_failed_job_is_retried_as_if_it_had_never_run)
{
    char id[OXQ_ID_MAX];
    oxq_job *job;
    OK(oxq_queue_add(queue, "bad", NULL, NULL, id, &err));
    work();
    cr_assert_eq(oxq_queue_retry(queue, id, OXQ_STATE_COMPLETED, false, &err), OXQ_ERR_STATE);
    OK(oxq_queue_retry(queue, id, OXQ_STATE_FAILED, true, &err));
    OK(oxq_queue_get(queue, id, &job, &err));
    cr_assert_eq(oxq_job_fields(job)->attempts_made, 0);
    oxq_job_free(job);
    cr_assert_eq(oxq_queue_retry(queue, "99", OXQ_STATE_FAILED, true, &err), OXQ_ERR_NOT_FOUND);
}

Test(api, a_queue_is_paused_and_limited)
{
    struct oxq_counts counts;
    int64_t max, ms;
    OK(oxq_queue_pause(queue, &err));
    OK(oxq_queue_add(queue, "good", NULL, NULL, NULL, &err));
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert(counts.is_paused);
    cr_assert_eq(counts.of[OXQ_STATE_WAITING], 1);
    OK(oxq_queue_resume(queue, &err));
    OK(oxq_queue_set_concurrency(queue, 3, &err));
    OK(oxq_queue_get_concurrency(queue, &max, &err));
    cr_assert_eq(max, 3);
    OK(oxq_queue_set_rate_limit(queue, 10, 1000, &err));
    OK(oxq_queue_get_rate_limit(queue, &max, &ms, &err));
    cr_assert_eq(max, 10);
    cr_assert_eq(ms, 1000);
    work();
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_eq(counts.of[OXQ_STATE_COMPLETED], 1);
    cr_assert_not(counts.is_paused);
}

Test(api, a_scheduler_has_one_run_ahead_and_the_worker_adds_the_next)
{
    struct oxq_schedule often = {.every_ms = 1};
    struct oxq_schedule nightly = {.pattern = "0 30 4 * * *", .tz = "Europe/Berlin"};
    struct oxq_schedule never = {.pattern = "0 0 31 2 *"};
    oxq_schedulers *list;
    struct oxq_counts counts;
    bool was_there;
    OK(oxq_scheduler_upsert(queue, "often", &often, &(struct oxq_job_template){.name = "tick"}, NULL, &err));
    OK(oxq_scheduler_upsert(queue, "nightly", &nightly, NULL, NULL, &err));
    cr_assert_eq(oxq_scheduler_upsert(queue, "never", &never, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
    OK(oxq_schedulers_list(queue, 0, 0, &list, &err));
    cr_assert_eq(oxq_schedulers_count(list), 2);
    cr_assert_str_eq(oxq_schedulers_at(list, 0)->id, "often");
    cr_assert_str_eq(oxq_schedulers_at(list, 1)->tz, "Europe/Berlin");
    oxq_schedulers_free(list);
    oxq_worker *w;
    OK(oxq_worker_open(store, "mail", NULL, end, NULL, &w, &err));
    do {
        OK(oxq_queue_counts(queue, &counts, &err));
    } while (counts.of[OXQ_STATE_COMPLETED] < 3);
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
    OK(oxq_scheduler_remove(queue, "often", &was_there, &err));
    cr_assert(was_there);
    cr_assert_eq(oxq_scheduler_get(queue, "often", &list, &err), OXQ_ERR_NOT_FOUND);
    OK(oxq_scheduler_get(queue, "nightly", &list, &err));
    cr_assert_gt(oxq_schedulers_at(list, 0)->next_ms, 0);
    oxq_schedulers_free(list);
}

Test(api, a_flow_runs_its_children_first)
{
    struct oxq_flow_node pages[] = {{.queue = "mail", .name = "page"}, {.queue = "mail", .name = "page"}};
    struct oxq_flow_node book = {.queue = "mail", .name = "book", .children = pages, .children_count = 2};
    char id[OXQ_ID_MAX];
    struct oxq_counts counts;
    OK(oxq_flow_add(store, &book, id, &err));
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_eq(counts.of[OXQ_STATE_WAITING_CHILDREN], 1);
    cr_assert_eq(counts.of[OXQ_STATE_WAITING], 2);
    work();
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_eq(counts.of[OXQ_STATE_COMPLETED], 3);
}
