/* SPDX-License-Identifier: MIT */
/* Numbers and settings of a queue, on a folder of the test's own. */
#include "api/testkit.h"

TestSuite(numbers, .init = testkit_start, .fini = testkit_stop);

static oxq_outcome finish(oxq_job *job, void *ctx)
{
    (void)ctx;
    return strcmp(oxq_job_name(job), "bad") == 0 ? oxq_job_fail(job, "no") : OXQ_DONE;
}

static void add(const char *name, const struct oxq_job_opts *opts)
{
    OK(oxq_queue_add(queue, name, NULL, opts, NULL, &err));
}

Test(numbers, settings_are_what_was_set)
{
    struct oxq_settings s;
    OK(oxq_queue_settings(queue, &s, &err));
    cr_assert(s.concurrency == 0 && s.rate_max == 0 && s.rate_ms == 0 && s.events_max == 0 && !s.is_paused);
    cr_assert_str_empty(s.version);
    OK(oxq_queue_set_concurrency(queue, 4, &err));
    OK(oxq_queue_set_rate_limit(queue, 10, 1000, &err));
    OK(oxq_queue_pause(queue, &err));
    add("x", NULL);
    OK(oxq_queue_settings(queue, &s, &err));
    cr_assert(s.concurrency == 4 && s.rate_max == 10 && s.rate_ms == 1000 && s.events_max == 10000 && s.is_paused);
}

Test(numbers, limits_tell_what_keeps_workers_from_jobs)
{
    struct oxq_limits limits;
    oxq_worker *worker;
    oxq_job *job;
    OK(oxq_queue_limits(queue, 0, &limits, &err));
    cr_assert(limits.wait_ms == 0 && !limits.is_full && !limits.is_paused);
    OK(oxq_queue_set_concurrency(queue, 1, &err));
    OK(oxq_queue_set_rate_limit(queue, 2, 3600000, &err));
    add("x", NULL);
    OK(oxq_worker_open(store, "mail", &(struct oxq_worker_opts){.stalled_every_ms = -1}, NULL, NULL, &worker, &err));
    OK(oxq_worker_fetch(worker, PATIENCE_MS, &job, &err));
    OK(oxq_queue_limits(queue, 0, &limits, &err));
    cr_assert(limits.wait_ms == 0 && limits.is_full && !limits.is_paused);
    OK(oxq_queue_limits(queue, 1, &limits, &err));
    cr_assert(limits.wait_ms > 0 && limits.wait_ms <= 3600000, "one job of one was begun: %lld",
              (long long)limits.wait_ms);
    OK(oxq_worker_finish(worker, job, OXQ_DONE, NULL, &err));
    OK(oxq_worker_close(worker, PATIENCE_MS, &err));
    OK(oxq_queue_pause(queue, &err));
    OK(oxq_queue_limits(queue, 0, &limits, &err));
    cr_assert(!limits.is_full && limits.is_paused);
    cr_assert_eq(oxq_queue_limits(queue, -1, &limits, &err), OXQ_ERR_ARGUMENT);
}

Test(numbers, delayed_jobs_are_counted_by_when_they_are_due)
{
    int64_t count = -1;
    struct oxq_job_opts soon = {.delay_ms = 1000, .timestamp_ms = 1900000000000},
                        late = {.delay_ms = 5000, .timestamp_ms = 1900000000000};
    for (int i = 0; i < 3; i++) add("x", &soon);
    add("x", &late);
    OK(oxq_queue_delayed_count(queue, 1900000001000, &count, &err));
    cr_assert_eq(count, 0, "%lld: before, not at", (long long)count);
    OK(oxq_queue_delayed_count(queue, 1900000001001, &count, &err));
    cr_assert_eq(count, 3);
    OK(oxq_queue_delayed_count(queue, 1900000009000, &count, &err));
    cr_assert_eq(count, 4);
    cr_assert_eq(oxq_queue_delayed_count(queue, -1, &count, &err), OXQ_ERR_ARGUMENT);
}

Test(numbers, lines_and_schedulers_are_counted)
{
    int64_t count = -1;
    add("x", NULL);
    for (int i = 0; i < 3; i++) OK(oxq_queue_log(queue, "1", "a line", &err));
    OK(oxq_queue_logs_count(queue, "1", &count, &err));
    cr_assert_eq(count, 3);
    OK(oxq_queue_logs_count(queue, "2", &count, &err));
    cr_assert_eq(count, 0);
    OK(oxq_schedulers_total(queue, &count, &err));
    cr_assert_eq(count, 0);
    OK(oxq_scheduler_upsert(queue, "a", &(struct oxq_schedule){.every_ms = 3600000}, NULL, NULL, &err));
    OK(oxq_schedulers_total(queue, &count, &err));
    cr_assert_eq(count, 1);
}

Test(numbers, prometheus_has_all_queues_under_each_name)
{
    oxq_queue *both[2] = {queue, testkit_open_queue("say \"hi\"\\")};
    struct oxq_label labels[] = {{"env", "te\nst"}, {"_2", ""}};
    char *text;
    add("good", NULL);
    add("bad", NULL);
    testkit_work("mail", &(struct oxq_worker_opts){.metrics_points = 5}, finish, NULL);
    add("x", &(struct oxq_job_opts){.priority = 3});
    OK(oxq_queues_prometheus(both, 2, labels, 2, &text, &err));
    const char *const lines[] = {
        "# TYPE bullmq_job_count gauge\nbullmq_job_count{queue=\"mail\", state=\"active\", env=\"te\\nst\", _2=\"\"} 0\n",
        "bullmq_job_count{queue=\"mail\", state=\"prioritized\", env=\"te\\nst\", _2=\"\"} 1\n",
        "bullmq_job_count{queue=\"say \\\"hi\\\"\\\\\", state=\"waiting-children\", env=\"te\\nst\", _2=\"\"} 0\n",
        "# TYPE bullmq_job_completed_total counter\nbullmq_job_completed_total{queue=\"mail\", env=\"te\\nst\", _2=\"\"} 1\n",
        "bullmq_job_failed_total{queue=\"mail\", env=\"te\\nst\", _2=\"\"} 1\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_assert_not_null(strstr(text, lines[i]), "%s is not in\n%s", lines[i], text);
    oxq_text_free(text);
    OK(oxq_queues_prometheus(NULL, 0, NULL, 0, &text, &err));
    oxq_text_free(text);
    const struct oxq_label bad[] = {{"state", "x"}, {"2", "x"}, {"a-b", "x"}, {"", "x"}, {NULL, "x"}, {"a", NULL}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(oxq_queues_prometheus(both, 2, &bad[i], 1, &text, &err), OXQ_ERR_ARGUMENT, "%zu", i);
    oxq_queue_close(both[1]);
}

Test(numbers, minutes_of_metrics_may_be_passed_over)
{
    int64_t minutes[4];
    struct oxq_metrics m = {.per_minute = minutes, .cap = 4};
    add("good", NULL);
    testkit_work("mail", &(struct oxq_worker_opts){.metrics_points = 5}, finish, NULL);
    OK(oxq_queue_metrics(queue, OXQ_STATE_COMPLETED, &m, &err));
    size_t all = m.points;
    m.skip = 1;
    OK(oxq_queue_metrics(queue, OXQ_STATE_COMPLETED, &m, &err));
    cr_assert_eq(m.points, all > 0 ? all - 1 : 0);
}
