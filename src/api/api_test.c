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
        {"{}", {.on_complete = {.count = 5}}, "OXQ_KEEP_SOME"},
        {"", {0}, "NULL stands for {}"},
        {"{}", {.job_id = "completed"}, "of its own"},
        {"{}", {.deduplication = {.id = ""}}, "empty"},
        {"{}", {.deduplication = {.id = "a", .replace = true, .reschedule = true}}, "either"},
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
    cr_assert_eq(oxq_open("Redis+Cluster://x", NULL, &none, &err), OXQ_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.text, "{bull}"), "%s", err.text);
}

/* All calls: tests/interop/null.test.mjs. */
Test(api, what_is_null_is_named)
{
    cr_assert_eq(oxq_queue_update_data(queue, "1", NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_str_eq(err.text, "oxq_queue_update_data: data is NULL");
    cr_assert_eq(oxq_queue_add(NULL, NULL, NULL, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_str_eq(err.text, "oxq_queue_add: queue is NULL");
    struct oxq_flow_node root = {.queue = "mail", .name = "x", .children_count = 1};
    cr_assert_eq(oxq_flow_add(store, &root, NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_str_eq(err.text, "job \"x\" of the flow: children_count without children");
    cr_assert_eq(oxq_flow_add_many(store, NULL, 0, NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_str_eq(err.text, "a flow has a root");
}

Test(api, what_a_queue_keeps_of_its_own_is_no_job)
{
    static const char *const names[] = {"wait", "meta", "events", "metrics:completed", "de:a"};
    oxq_job *job;
    OK(oxq_queue_add(queue, "x", NULL, NULL, NULL, &err));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_assert_eq(oxq_queue_get(queue, names[i], &job, &err), OXQ_ERR_NOT_FOUND, "%s", names[i]);
        cr_assert_eq(oxq_queue_remove(queue, names[i], true, &err), OXQ_ERR_NOT_FOUND, "%s", names[i]);
        cr_assert_eq(oxq_queue_update_data(queue, names[i], "1", &err), OXQ_ERR_NOT_FOUND, "%s", names[i]);
    }
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 1);
}

Test(api, the_longest_id_comes_back_whole)
{
    char id[OXQ_ID_MAX + 1], got[OXQ_ID_MAX];
    memset(id, 'a', OXQ_ID_MAX);
    id[OXQ_ID_MAX] = '\0';
    struct oxq_job_opts opts = {.job_id = id};
    cr_assert_eq(oxq_queue_add(queue, "x", NULL, &opts, got, &err), OXQ_ERR_ARGUMENT);
    id[OXQ_ID_MAX - 1] = '\0';
    OK(oxq_queue_add(queue, "x", NULL, &opts, got, &err));
    cr_assert_str_eq(got, id);
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

Test(api, events_after_what_is_no_place_are_refused_at_once)
{
    static const char *const bad[] = {"", "x", "$", "-1", "1-", "1-2-3", "99999999999999999999999-0"};
    oxq_events *events;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct oxq_events_opts opts = {.after = bad[i]};
        cr_assert_eq(oxq_events_open(queue, &opts, &events, &err), OXQ_ERR_ARGUMENT, "%s", bad[i]);
        cr_assert_not_null(strstr(err.text, bad[i]), "%s", err.text);
    }
    OK(oxq_events_open(queue, &(struct oxq_events_opts){.after = "18446744073709551615-1"}, &events, &err));
    oxq_events_close(events);
}

Test(api, a_program_tells_events_of_its_own)
{
    const struct oxq_event_field fields[] = {{"jobId", "7"}, {"note", "half way"}};
    const struct oxq_event_field twice[] = {{"event", "x"}}, none[] = {{"x", NULL}};
    struct oxq_event_field many[OXQ_EVENT_FIELDS_MAX + 1];
    for (size_t i = 0; i <= OXQ_EVENT_FIELDS_MAX; i++) many[i] = fields[1];
    oxq_events *events;
    const struct oxq_event *event;
    OK(oxq_queue_publish(queue, "custom", fields, 2, &err));
    OK(oxq_queue_publish(queue, "bare", NULL, 0, &err));
    OK(oxq_queue_publish(queue, "wide", many, OXQ_EVENT_FIELDS_MAX, &err));
    cr_assert_eq(oxq_queue_publish(queue, "", NULL, 0, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_queue_publish(queue, "x", twice, 1, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_queue_publish(queue, "x", none, 1, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_queue_publish(queue, "x", many, OXQ_EVENT_FIELDS_MAX + 1, &err), OXQ_ERR_ARGUMENT);
    OK(oxq_events_open(queue, &(struct oxq_events_opts){.after = "0"}, &events, &err));
    OK(oxq_events_next(events, PATIENCE_MS, &event, &err));
    cr_assert_str_eq(event->kind, "custom");
    cr_assert_str_eq(event->job_id, "7");
    cr_assert_str_eq(oxq_event_field(event, "note"), "half way");
    OK(oxq_events_next(events, PATIENCE_MS, &event, &err));
    cr_assert_str_eq(event->kind, "bare");
    cr_assert_eq(event->fields_count, 1);
    OK(oxq_events_next(events, PATIENCE_MS, &event, &err));
    cr_assert_eq(event->fields_count, OXQ_EVENT_FIELDS_MAX + 1);
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
    cr_assert_eq(oxq_queue_set_rate_limit(queue, 10, INT64_MAX, &err), OXQ_ERR_ARGUMENT);
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
    struct oxq_schedule nowhere = {.pattern = "0 4 * * *", .tz = "Europe/Atlantis"};
    oxq_schedulers *list;
    struct oxq_counts counts;
    bool was_there;
    OK(oxq_scheduler_upsert(queue, "often", &often, &(struct oxq_job_template){.name = "tick"}, NULL, &err));
    OK(oxq_scheduler_upsert(queue, "nightly", &nightly, NULL, NULL, &err));
    cr_assert_eq(oxq_scheduler_upsert(queue, "never", &never, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_scheduler_upsert(queue, "nowhere", &nowhere, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(err.code, OXQ_ERR_ARGUMENT);
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

Test(api, an_atomic_batch_adds_all_or_none)
{
    struct oxq_job_opts parent = {.job_id = "parent"}, child = {.parent_queue = "mail", .parent_id = "parent"},
                        orphan = {.parent_queue = "mail", .parent_id = "gone"};
    oxq_queue *other = testkit_open_queue("pdf");
    oxq_batch *batch;
    OK(oxq_batch_new(store, &(struct oxq_batch_opts){.is_atomic = true}, &batch, &err));
    OK(oxq_batch_add(batch, other, "first", NULL, NULL, &err));
    for (int i = 0; i < 2500; i++) OK(oxq_batch_add(batch, queue, "x", NULL, NULL, &err));
    OK(oxq_batch_add(batch, queue, "orphan", NULL, &orphan, &err));
    cr_assert_eq(oxq_batch_run(batch, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "job 2502, \"orphan\": add a child of bull:mail:gone:"), "%s", err.text);
    cr_assert_eq(oxq_batch_failed_count(batch), 2502);
    cr_assert_null(oxq_batch_id(batch, 0));
    cr_assert_eq(oxq_batch_error(batch, 0, &err), OXQ_ERR_CANCELLED);
    cr_assert_eq(oxq_batch_error(batch, 2501, &err), OXQ_ERR_NOT_FOUND);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING) + testkit_count(other, OXQ_STATE_WAITING), 0);

    /* A parent that comes with its children is there. */
    OK(oxq_batch_add(batch, queue, "parent", NULL, &parent, &err));
    for (int i = 0; i < 1500; i++) OK(oxq_batch_add(batch, other, "child", NULL, &child, &err));
    OK(oxq_batch_run(batch, &err));
    cr_assert_eq(oxq_batch_failed_count(batch), 0);
    cr_assert_eq(testkit_count(other, OXQ_STATE_WAITING), 1500);
    oxq_batch_free(batch);
    oxq_queue_close(other);
}

/* One that is added before its children, one whose place another has, one that is another's child. */
Test(api, an_atomic_batch_looks_as_far_as_it_goes)
{
    struct oxq_job_opts held = {.job_id = "held", .deduplication = {.id = "d"}},
                        late = {.job_id = "late", .deduplication = {.id = "d"}},
                        of_late = {.parent_queue = "mail", .parent_id = "late"},
                        of_held = {.job_id = "one", .parent_queue = "mail", .parent_id = "held"},
                        of_other = {.job_id = "one", .parent_queue = "mail", .parent_id = "other"},
                        other = {.job_id = "other"};
    const struct {
        const struct oxq_job_opts *opts[4];
        oxq_err wanted;
    } rows[] = {
        {{&of_held, &held}, OXQ_ERR_NOT_FOUND},
        {{&held, &late, &of_late}, OXQ_ERR_NOT_FOUND},
        {{&held, &other, &of_held, &of_other}, OXQ_ERR_EXISTS},
        {{&held, &of_held, &of_held}, OXQ_OK},
        {{&other, &of_other}, OXQ_ERR_EXISTS},
        {{&late, &of_late}, OXQ_ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t before = testkit_count(queue, OXQ_STATE_WAITING);
        oxq_batch *batch;
        OK(oxq_batch_new(store, &(struct oxq_batch_opts){.is_atomic = true}, &batch, &err));
        for (size_t j = 0; j < 4 && rows[i].opts[j]; j++)
            OK(oxq_batch_add(batch, queue, "x", NULL, rows[i].opts[j], &err));
        cr_assert_eq(oxq_batch_run(batch, &err), rows[i].wanted, "%zu: %s", i, err.text);
        cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING) - before, rows[i].wanted ? 0 : 2, "%zu", i);
        oxq_batch_free(batch);
    }
}

Test(api, a_flow_with_the_child_of_another_adds_nothing)
{
    struct oxq_job_opts mine = {.job_id = "page"};
    struct oxq_flow_node page = {.queue = "mail", .name = "page", .opts = &mine};
    struct oxq_flow_node book = {.queue = "mail", .name = "book", .children = &page, .children_count = 1};
    OK(oxq_flow_add(store, &book, NULL, &err));
    struct oxq_flow_node pages[] = {{.queue = "mail", .name = "new"}, page};
    struct oxq_flow_node second = {.queue = "mail", .name = "book", .children = pages, .children_count = 2};
    cr_assert_eq(oxq_flow_add(store, &second, NULL, &err), OXQ_ERR_EXISTS);
    cr_assert_not_null(strstr(err.text, "job 3 of the flow, \"page\""), "%s", err.text);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 1);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING_CHILDREN), 1);
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

Test(api, several_flows_are_added_at_once_or_not_at_all)
{
    struct oxq_flow_node page = {.queue = "mail", .name = "page"};
    struct oxq_flow_node books[] = {{.queue = "mail", .name = "a", .children = &page, .children_count = 1},
                                    {.queue = "mail", .name = "b"},
                                    {.queue = "mail", .name = "c", .data = "no json"}};
    char ids[2][OXQ_ID_MAX];
    struct oxq_counts counts;
    oxq_job *job;
    cr_assert_eq(oxq_flow_add_many(store, books, 3, NULL, &err), OXQ_ERR_FORMAT);
    cr_assert_eq(oxq_flow_add_many(store, books, 0, NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(oxq_flow_add_many(store, books, OXQ_ATOMIC_JOBS_MAX + 1, NULL, &err), OXQ_ERR_LIMIT);
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_eq(counts.of[OXQ_STATE_WAITING] + counts.of[OXQ_STATE_WAITING_CHILDREN], 0);
    OK(oxq_flow_add_many(store, books, 2, ids, &err));
    for (int i = 0; i < 2; i++) {
        OK(oxq_queue_get(queue, ids[i], &job, &err));
        cr_assert_str_eq(oxq_job_name(job), books[i].name);
        oxq_job_free(job);
    }
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_eq(counts.of[OXQ_STATE_WAITING_CHILDREN], 1);
    cr_assert_eq(counts.of[OXQ_STATE_WAITING], 2);
}

Test(api, runs_of_a_scheduler_have_an_offset)
{
    oxq_schedulers *list;
    struct oxq_schedule s = {.every_ms = 3600000, .offset_ms = 60000};
    OK(oxq_scheduler_upsert(queue, "beat", &s, NULL, NULL, &err));
    OK(oxq_scheduler_get(queue, "beat", &list, &err));
    cr_assert_eq(oxq_schedulers_at(list, 0)->offset_ms, 60000);
    cr_assert_eq(oxq_schedulers_at(list, 0)->next_ms % 3600000, 60000);
    oxq_schedulers_free(list);
    s.pattern = "0 0 * * *";
    s.every_ms = 0;
    cr_assert_eq(oxq_scheduler_upsert(queue, "beat", &s, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
}
