/* SPDX-License-Identifier: MIT */
/* What telemetry is told: spans are kept here in the order in which they end, and a thread's own are a stack. */
#include "worker/testkit.h"

#include "os/thread.h"

#define SPANS_MAX 64
#define TEXT_MAX 96
#define DEPTH_MAX 8
#define TEXTS_MAX 12

struct told_span {
    oxq_span_kind kind;
    char name[TEXT_MAX], context[TEXT_MAX], parent[TEXT_MAX], error[TEXT_MAX];
    char texts[TEXTS_MAX][TEXT_MAX]; /* "key=value" of its attributes */
    size_t texts_count;
};

static struct told {
    struct lock lock;
    struct told_span spans[SPANS_MAX];
    size_t count, ended_count;
    struct told_span *ended[SPANS_MAX];
    char measured[SPANS_MAX][TEXT_MAX];
    size_t measured_count;
} told;

static _Thread_local const struct told_span *within[DEPTH_MAX];
static _Thread_local size_t depth;

static void take_attributes(struct told_span *s, const struct oxq_attribute *attributes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cr_assert_lt(s->texts_count, TEXTS_MAX);
        char *text = s->texts[s->texts_count++];
        if (attributes[i].text)
            snprintf(text, TEXT_MAX, "%s=%s", attributes[i].key, attributes[i].text);
        else
            snprintf(text, TEXT_MAX, "%s=%lld", attributes[i].key, (long long)attributes[i].number);
    }
}

static void *begin(void *ctx, const struct oxq_span_start *start, const char **out_context)
{
    struct told *t = ctx;
    lock_enter(&t->lock);
    struct told_span *s = &t->spans[t->count++];
    snprintf(s->context, TEXT_MAX, "span %zu", t->count);
    lock_leave(&t->lock);
    s->kind = start->kind;
    snprintf(s->name, TEXT_MAX, "%s", start->name);
    bool is_within = !start->context && start->kind != OXQ_SPAN_INTERNAL && depth > 0;
    const char *parent = is_within ? within[depth - 1]->context : start->context;
    snprintf(s->parent, TEXT_MAX, "%s", parent ? parent : "");
    take_attributes(s, start->attributes, start->attributes_count);
    if (s->kind != OXQ_SPAN_INTERNAL) within[depth++] = s;
    *out_context = s->context;
    return s;
}

static void end(void *ctx, void *span, const struct oxq_span_end *how)
{
    struct told *t = ctx;
    struct told_span *s = span;
    take_attributes(s, how->attributes, how->attributes_count);
    snprintf(s->error, TEXT_MAX, "%s", how->error ? how->error : "");
    if (s->kind != OXQ_SPAN_INTERNAL) {
        cr_assert(depth > 0 && within[depth - 1] == s);
        depth--;
    }
    lock_enter(&t->lock);
    t->ended[t->ended_count++] = s;
    lock_leave(&t->lock);
}

static void measure(void *ctx, const struct oxq_measurement *m)
{
    struct told *t = ctx;
    const char *state = m->attributes[m->attributes_count - 1].text;
    /* A duration is what it is. */
    long long value = m->kind == OXQ_METRIC_HISTOGRAM ? 0 : (long long)m->value;
    cr_assert_geq(m->value, 0);
    lock_enter(&t->lock);
    snprintf(t->measured[t->measured_count++], TEXT_MAX, "%s %s %lld %s", m->name, state, value, m->unit);
    lock_leave(&t->lock);
}

static const struct oxq_telemetry telemetry = {.begin = begin, .end = end, .measure = measure, .ctx = &told};

static void start(void)
{
    testkit_start();
    char url[TESTFOLDER_PATH_MAX + 32];
    snprintf(url, sizeof(url), "file:%s/data?durability=off", testkit_folder);
    oxq_queue_close(queue);
    oxq_close(store);
    lock_init(&told.lock);
    OK(oxq_open(url, &(struct oxq_opts){.telemetry = &telemetry}, &store, &err));
    OK(oxq_queue_open(store, "mail", NULL, &queue, &err));
}

TestSuite(trace, .init = start, .fini = testkit_stop);

/* The i-th of those that have ended. */
static const struct told_span *ended(size_t i)
{
    cr_assert_lt(i, told.ended_count);
    return told.ended[i];
}

static void is_span(size_t i, oxq_span_kind kind, const char *name, const char *parent)
{
    const struct told_span *s = ended(i);
    cr_assert_str_eq(s->name, name);
    cr_assert_eq(s->kind, kind, "%s", name);
    cr_assert_str_eq(s->parent, parent, "%s", name);
}

static void has_attribute(size_t i, const char *text)
{
    const struct told_span *s = ended(i);
    for (size_t k = 0; k < s->texts_count; k++) {
        if (strcmp(s->texts[k], text) == 0) return;
    }
    cr_assert_fail("%s has not: %s", s->name, text);
}

/* How a job is stored. */
static void has_context(oxq_queue *q, const char *id, const char *wanted)
{
    oxq_job *job;
    OK(oxq_queue_get(q, id, &job, &err));
    const char *context = oxq_job_fields(job)->trace_metadata;
    if (wanted)
        cr_assert_str_eq(context, wanted);
    else
        cr_assert_null(context);
    oxq_job_free(job);
}

static size_t count_measured(const char *text)
{
    size_t n = 0;
    for (size_t i = 0; i < told.measured_count; i++) n += strcmp(told.measured[i], text) == 0;
    return n;
}

/* ---------------------------------------------------------------- adding */

Test(trace, a_job_has_the_context_of_the_span_that_adds_it)
{
    char id[OXQ_ID_MAX];
    OK(oxq_queue_add(queue, "welcome", NULL, NULL, id, &err));
    is_span(0, OXQ_SPAN_PRODUCER, "add mail.welcome", "");
    has_attribute(0, "bullmq.queue.name=mail");
    has_attribute(0, "bullmq.queue.operation=add");
    has_attribute(0, "bullmq.job.name=welcome");
    has_attribute(0, "bullmq.job.id=1");
    has_context(queue, id, "span 1");
    oxq_job *job;
    OK(oxq_queue_get(queue, id, &job, &err));
    cr_assert_str_eq(oxq_job_fields(job)->opts, "{\"attempts\":0,\"tm\":\"span 1\"}");
    oxq_job_free(job);
}

Test(trace, a_context_that_is_given_or_not_wanted_is_not_that_of_the_span)
{
    char id[OXQ_ID_MAX];
    OK(oxq_queue_add(queue, "x", NULL, &(struct oxq_job_opts){.trace_metadata = "mine"}, id, &err));
    has_context(queue, id, "mine");
    OK(oxq_queue_add(queue, "x", NULL, &(struct oxq_job_opts){.omit_trace_context = true}, id, &err));
    has_context(queue, id, NULL);
    cr_assert_eq(told.ended_count, 2);
}

Test(trace, a_refused_job_ends_its_span_with_the_error)
{
    cr_assert_eq(oxq_queue_add(queue, "x", "{", NULL, NULL, NULL), OXQ_ERR_FORMAT);
    cr_assert_eq(oxq_queue_add(queue, "x", "{", NULL, NULL, &err), OXQ_ERR_FORMAT);
    is_span(1, OXQ_SPAN_PRODUCER, "add mail.x", "");
    cr_assert_str_eq(ended(0)->error, ended(1)->error);
    cr_assert_str_eq(ended(1)->error, err.text);
}

Test(trace, the_jobs_of_a_batch_have_its_context)
{
    oxq_batch *batch;
    oxq_queue *other = testkit_open_queue("other");
    OK(oxq_batch_new(store, NULL, &batch, &err));
    OK(oxq_batch_add(batch, queue, "a", NULL, NULL, &err));
    OK(oxq_batch_add(batch, queue, "b", NULL, &(struct oxq_job_opts){.omit_trace_context = true}, &err));
    OK(oxq_batch_run(batch, &err));
    is_span(0, OXQ_SPAN_PRODUCER, "addBulk mail", "");
    has_attribute(0, "bullmq.job.bulk.count=2");
    has_context(queue, oxq_batch_id(batch, 0), "span 1");
    has_context(queue, oxq_batch_id(batch, 1), NULL);
    OK(oxq_batch_add(batch, queue, "a", NULL, NULL, &err));
    OK(oxq_batch_add(batch, other, "b", NULL, NULL, &err));
    OK(oxq_batch_run(batch, &err));
    is_span(1, OXQ_SPAN_PRODUCER, "addBulk", "");
    has_context(other, oxq_batch_id(batch, 1), "span 2");
    oxq_batch_free(batch);
    oxq_queue_close(other);
}

Test(trace, a_flow_has_a_span_for_each_job_within_that_of_its_parent)
{
    char ids[2][OXQ_ID_MAX];
    struct oxq_flow_node child = {.queue = "parts", .name = "part", .opts = &(struct oxq_job_opts){.job_id = "p"}};
    struct oxq_flow_node root = {.queue = "mail", .name = "whole", .children = &child, .children_count = 1};
    oxq_queue *parts = testkit_open_queue("parts");
    OK(oxq_flow_add(store, &root, ids[0], &err));
    is_span(0, OXQ_SPAN_PRODUCER, "addNode parts", "span 2");
    is_span(1, OXQ_SPAN_PRODUCER, "addNode mail", "span 1");
    is_span(2, OXQ_SPAN_PRODUCER, "addFlow mail", "");
    has_attribute(2, "bullmq.flow.name=whole");
    has_context(queue, ids[0], "span 2");
    has_context(parts, "p", "span 3");
    struct oxq_flow_node roots[] = {{.queue = "mail", .name = "a"}, {.queue = "parts", .name = "b"}};
    OK(oxq_flow_add_many(store, roots, 2, ids, &err));
    is_span(5, OXQ_SPAN_PRODUCER, "addBulkFlows", "");
    has_context(parts, ids[1], "span 6");
    oxq_queue_close(parts);
}

Test(trace, a_flow_that_is_refused_ends_all_its_spans)
{
    struct oxq_flow_node child = {.queue = "parts", .name = NULL};
    struct oxq_flow_node root = {.queue = "mail", .name = "whole", .children = &child, .children_count = 1};
    cr_assert_eq(oxq_flow_add(store, &root, NULL, &err), OXQ_ERR_ARGUMENT);
    cr_assert_eq(told.ended_count, 3);
    for (size_t i = 0; i < 3; i++) cr_assert_str_eq(ended(i)->error, err.text);
    cr_assert_eq(oxq_flow_add(store, NULL, NULL, &err), OXQ_ERR_ARGUMENT);
}

static oxq_outcome note_context(oxq_job *job, void *ctx)
{
    snprintf(ctx, TEXT_MAX, "%s", oxq_job_fields(job)->trace_metadata);
    return OXQ_DONE;
}

Test(trace, runs_of_a_scheduler_have_the_context_of_who_made_it_and_its_template_has_none)
{
    char id[OXQ_ID_MAX], seen[TEXT_MAX] = "";
    oxq_schedulers *list;
    struct oxq_schedule s = {.every_ms = 3600000};
    OK(oxq_scheduler_upsert(queue, "beat", &s, &(struct oxq_job_template){.name = "tick"}, id, &err));
    is_span(0, OXQ_SPAN_PRODUCER, "add mail.tick", "");
    has_attribute(0, "bullmq.job.scheduler.id=beat");
    has_context(queue, id, "span 1");
    OK(oxq_scheduler_get(queue, "beat", &list, &err));
    cr_assert(!oxq_schedulers_at(list, 0)->opts || !strstr(oxq_schedulers_at(list, 0)->opts, "tm"));
    oxq_schedulers_free(list);
    OK(oxq_queue_promote_all(queue, NULL, NULL, &err));
    testkit_work("mail", NULL, note_context, seen);
    cr_assert_str_eq(seen, "span 1");
    OK(oxq_schedulers_list(queue, 0, 0, &list, &err));
    cr_assert_geq(oxq_schedulers_at(list, 0)->runs_count, 1);
    oxq_schedulers_free(list);
    oxq_list *next;
    oxq_job *job;
    OK(oxq_queue_list(queue, &(struct oxq_list_opts){.states = 1u << OXQ_STATE_DELAYED}, &next, &err));
    OK(oxq_list_next(next, &job, NULL, &err));
    cr_assert_not_null(job, "the next run");
    cr_assert_str_eq(oxq_job_fields(job)->trace_metadata, "span 1");
    oxq_list_free(next);
}

/* ---------------------------------------------------------------- working */

static oxq_outcome add_another(oxq_job *job, void *ctx)
{
    (void)ctx;
    if (strcmp(oxq_job_name(job), "first") == 0) OK(oxq_queue_add(queue, "second", NULL, NULL, NULL, &err));
    return OXQ_DONE;
}

Test(trace, a_handler_is_in_a_span_that_belongs_to_the_producers)
{
    OK(oxq_queue_add(queue, "first", NULL, NULL, NULL, &err));
    testkit_work("mail", &(struct oxq_worker_opts){.name = "w1"}, add_another, NULL);
    is_span(1, OXQ_SPAN_PRODUCER, "add mail.second", "span 2");
    is_span(2, OXQ_SPAN_CONSUMER, "process mail", "span 1");
    has_attribute(2, "bullmq.worker.name=w1");
    has_attribute(2, "bullmq.job.id=1");
    has_attribute(2, "bullmq.job.attempts.made=1");
    is_span(3, OXQ_SPAN_INTERNAL, "complete mail", "span 2");
    is_span(4, OXQ_SPAN_CONSUMER, "process mail", "span 3");
    is_span(5, OXQ_SPAN_INTERNAL, "complete mail", "span 5");
    cr_assert_eq(told.ended_count, 6);
    cr_assert_eq(count_measured("bullmq.jobs.completed completed 1 1"), 2);
    cr_assert_eq(count_measured("bullmq.job.duration completed 0 ms"), 2);
}

static oxq_outcome fail_at_first(oxq_job *job, void *ctx)
{
    (void)ctx;
    int64_t made = oxq_job_fields(job)->attempts_made;
    if (made == 0) return oxq_job_fail(job, "no");
    if (made == 1) return oxq_job_retry_after(job, 1, "later");
    return oxq_job_fail_for_good(job, "never");
}

Test(trace, each_attempt_belongs_to_the_producer_and_its_end_to_the_attempt)
{
    OK(oxq_queue_add(queue, "x", NULL, &(struct oxq_job_opts){.attempts = 5}, NULL, &err));
    oxq_worker *w;
    OK(oxq_worker_open(store, "mail", NULL, fail_at_first, NULL, &w, &err));
    while (testkit_state(queue, "1") != OXQ_STATE_FAILED) OK(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err));
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
    static const char *const names[] = {"retry mail", "delay mail", "fail mail"};
    static const char *const errors[] = {"no", "later", "never"};
    for (size_t i = 0; i < 3; i++) {
        is_span(1 + 2 * i, OXQ_SPAN_CONSUMER, "process mail", "span 1");
        cr_assert_str_eq(ended(1 + 2 * i)->error, errors[i]);
        is_span(2 + 2 * i, OXQ_SPAN_INTERNAL, names[i], ended(1 + 2 * i)->context);
        cr_assert_str_eq(ended(2 + 2 * i)->error, "");
    }
    cr_assert_eq(told.ended_count, 7);
    cr_assert_eq(count_measured("bullmq.jobs.retried retried 1 1"), 1);
    cr_assert_eq(count_measured("bullmq.jobs.delayed delayed 1 1"), 1);
    cr_assert_eq(count_measured("bullmq.jobs.failed failed 1 1"), 1);
    has_context(queue, "1", "span 1");
}

static oxq_outcome give_back_once(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_fields(job)->attempts_started < 2 ? oxq_job_give_back(job) : OXQ_DONE;
}

Test(trace, what_is_no_attempt_is_counted_and_no_more)
{
    OK(oxq_queue_add(queue, "x", NULL, NULL, NULL, &err));
    testkit_work("mail", NULL, give_back_once, NULL);
    has_attribute(1, "bullmq.job.attempts.made=0");
    is_span(2, OXQ_SPAN_CONSUMER, "process mail", "span 1");
    is_span(3, OXQ_SPAN_INTERNAL, "complete mail", ended(2)->context);
    cr_assert_eq(count_measured("bullmq.jobs.waiting waiting 1 1"), 1);
    cr_assert_eq(count_measured("bullmq.jobs.completed completed 1 1"), 1);
}

static oxq_outcome complete_before_child(oxq_job *job, void *ctx)
{
    (void)ctx;
    if (oxq_job_fields(job)->attempts_made > 0) return oxq_job_fail_for_good(job, "enough");
    struct oxq_job_template child = {.name = "child"};
    OK(oxq_job_add_child(job, "children", &child, NULL, &err));
    return OXQ_DONE;
}

Test(trace, an_end_that_the_store_refuses_is_an_error_of_its_span_and_not_counted)
{
    OK(oxq_queue_add(queue, "x", NULL, NULL, NULL, &err));
    testkit_work("mail", NULL, complete_before_child, NULL);
    is_span(1, OXQ_SPAN_PRODUCER, "add children.child", "span 2");
    is_span(3, OXQ_SPAN_INTERNAL, "complete mail", "span 2");
    cr_assert_str_neq(ended(3)->error, "");
    is_span(4, OXQ_SPAN_INTERNAL, "fail mail", "span 2");
    cr_assert_str_eq(ended(4)->error, "");
    cr_assert_eq(count_measured("bullmq.jobs.completed completed 1 1"), 0);
    cr_assert_eq(count_measured("bullmq.jobs.failed failed 1 1"), 1);
}

Test(trace, a_job_that_is_fetched_by_hand_has_a_span_for_its_end)
{
    oxq_worker *w;
    oxq_job *job;
    OK(oxq_queue_add(queue, "x", NULL, NULL, NULL, &err));
    OK(oxq_worker_open(store, "mail", NULL, NULL, NULL, &w, &err));
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    cr_assert_str_eq(oxq_job_fields(job)->trace_metadata, "span 1");
    OK(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err));
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
    is_span(1, OXQ_SPAN_INTERNAL, "complete mail", "span 1");
    cr_assert_eq(told.ended_count, 2);
}

Test(trace, counts_are_measured)
{
    struct oxq_counts counts;
    OK(oxq_queue_add(queue, "x", NULL, NULL, NULL, &err));
    OK(oxq_queue_counts(queue, &counts, &err));
    cr_assert_eq(told.measured_count, OXQ_STATES_COUNT - 1);
    cr_assert_eq(count_measured("bullmq.queue.jobs waiting 1 {jobs}"), 1);
    cr_assert_eq(count_measured("bullmq.queue.jobs waiting-children 0 {jobs}"), 1);
}

/* ---------------------------------------------------------------- less than all of it */

Test(telemetry, a_store_wants_both_ends_of_spans_or_none)
{
    oxq *s;
    const char *url = "redis://127.0.0.1:1";
    struct oxq_telemetry half = {.begin = begin};
    cr_assert_eq(oxq_open(url, &(struct oxq_opts){.telemetry = &half}, &s, &err), OXQ_ERR_ARGUMENT);
    half = (struct oxq_telemetry){.measure = measure};
    OK(oxq_open(url, &(struct oxq_opts){.telemetry = &half}, &s, &err));
    oxq_close(s);
}

/* A round whose answer is lost: its span has the error, and the next round a span of its own. */
Test(telemetry, an_end_is_told_again_in_a_span_of_its_own)
{
    static const struct fakeserver_step steps[] = {TESTKIT_FIRST_CALL(FETCH, TESTKIT_JOB),
                                                   TESTKIT_FIRST_CALL(FINISH, FAKESERVER_CLOSE),
                                                   TESTKIT_FIRST_CALL(FINISH, TESTKIT_ENDED),
                                                   {"", NULL}};
    struct fakeserver *server = fakeserver_start(steps);
    struct oxq_worker_opts opts = {.lock_renew_ms = -1, .stalled_every_ms = -1};
    oxq_worker *w;
    oxq_job *job;
    lock_init(&told.lock);
    OK(oxq_open(fakeserver_url(server, ""), &(struct oxq_opts){.telemetry = &telemetry}, &store, &err));
    OK(oxq_worker_open(store, "mail", &opts, NULL, NULL, &w, &err));
    OK(oxq_worker_fetch(w, PATIENCE_MS, &job, &err));
    OK(oxq_worker_finish(w, job, OXQ_DONE, NULL, &err));
    OK(oxq_worker_close(w, PATIENCE_MS, &err));
    oxq_close(store);
    fakeserver_stop(server);
    is_span(0, OXQ_SPAN_INTERNAL, "complete mail", "");
    cr_assert(strstr(ended(0)->error, "broke before the answer came"), "%s", ended(0)->error);
    is_span(1, OXQ_SPAN_INTERNAL, "complete mail", "");
    cr_assert_str_eq(ended(1)->error, "");
    cr_assert_eq(told.ended_count, 2);
    cr_assert_eq(count_measured("bullmq.jobs.completed completed 1 1"), 1);
}
