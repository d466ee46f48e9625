/* SPDX-License-Identifier: MIT */
/* Lists that are walked while their jobs leave, and what is done to the jobs that a filter names, on a folder of the test's own. */
#include "api/many.h"
#include "api/testkit.h"
#include "os/clock.h"

#define MANY 5000

TestSuite(matching, .init = testkit_start, .fini = testkit_stop);

/* Job i of `jobs` is called odd or even; every hundredth is of eve. */
static void add_many(int jobs)
{
    oxq_batch *batch;
    OK(oxq_batch_new(store, NULL, &batch, &err));
    for (int i = 0; i < jobs; i++) {
        char data[64];
        snprintf(data, sizeof(data), "{\"n\":%d,\"who\":\"%s\"}", i, i % 100 == 7 ? "eve" : "bob");
        OK(oxq_batch_add(batch, queue, i % 2 ? "odd" : "even", data, NULL, &err));
    }
    OK(oxq_batch_run(batch, &err));
    oxq_batch_free(batch);
}

static oxq_outcome fail(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_fail(job, "no %s number %d", oxq_job_name(job), (int)oxq_json_integer(oxq_job_json(job), "/n", -1));
}

static void fail_all(void)
{
    testkit_work("mail", &(struct oxq_worker_opts){.concurrency = 8}, fail, NULL);
}

/* ---------------------------------------------------------------- lists */

/* Each job that the list gives has its mark set: none may be given twice. */
static size_t walk(const struct oxq_list_opts *opts, bool *marks, void (*on_job)(const char *id, size_t number))
{
    oxq_list *list;
    oxq_job *job;
    size_t count = 0;
    OK(oxq_queue_list(queue, opts, &list, &err));
    for (;;) {
        OK(oxq_list_next(list, &job, NULL, &err));
        if (!job) break;
        long n = strtol(oxq_job_id(job), NULL, 10);
        cr_assert_not(marks[n], "job %ld is given twice", n);
        marks[n] = true;
        if (on_job) on_job(oxq_job_id(job), count);
        count++;
    }
    oxq_list_free(list);
    return count;
}

static void remove_it(const char *id, size_t number)
{
    (void)number;
    OK(oxq_queue_remove(queue, id, false, &err));
}

static void remove_some(const char *id, size_t number)
{
    if (number % 3 > 0) OK(oxq_queue_remove(queue, id, false, &err));
}

Test(matching, a_list_gives_each_job_though_they_are_removed_meanwhile)
{
    static const bool orders[] = {false, true};
    for (size_t i = 0; i < 2; i++) {
        for (int is_brief = 0; is_brief < 2; is_brief++) {
            static bool marks[MANY * 8];
            struct oxq_list_opts opts = {.newest_first = orders[i], .without_data = is_brief};
            memset(marks, 0, sizeof(marks));
            add_many(MANY / 2);
            cr_assert_eq(walk(&opts, marks, remove_it), MANY / 2);
            cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 0);
            add_many(MANY / 2);
            cr_assert_eq(walk(&opts, marks, remove_some), MANY / 2);
            OK(oxq_queue_drain(queue, false, NULL, NULL, &err));
        }
    }
}

static void add_and_remove(const char *id, size_t number)
{
    if (number % 2) remove_it(id, number);
    if (number % 4 == 0) OK(oxq_queue_add(queue, "late", NULL, NULL, NULL, &err));
}

Test(matching, a_list_from_the_newest_on_bears_jobs_that_are_added)
{
    static bool marks[MANY * 2];
    add_many(MANY / 2);
    struct oxq_list_opts opts = {.newest_first = true};
    cr_assert_eq(walk(&opts, marks, add_and_remove), MANY / 2);
}

Test(matching, a_list_of_failed_jobs_bears_that_they_are_retried)
{
    static bool marks[MANY];
    add_many(1500);
    fail_all();
    struct oxq_list_opts opts = {.states = 1u << OXQ_STATE_FAILED, .without_data = true};
    oxq_list *list;
    oxq_job *job;
    OK(oxq_queue_list(queue, &opts, &list, &err));
    for (int i = 0; i < 1500; i++) {
        OK(oxq_list_next(list, &job, NULL, &err));
        cr_assert_not_null(job, "after %d jobs", i);
        const struct oxq_job_fields *f = oxq_job_fields(job);
        marks[strtol(f->id, NULL, 10)] = true;
        cr_assert_eq(strncmp(f->failure, "no ", 3), 0);
        cr_assert_eq(f->attempts_made, 1);
        cr_assert_str_eq(f->data, "{}");
        cr_assert_eq(f->attempts_max, 1);
        OK(oxq_queue_retry(queue, f->id, OXQ_STATE_FAILED, true, &err));
    }
    OK(oxq_list_next(list, &job, NULL, &err));
    cr_assert_null(job);
    oxq_list_free(list);
    for (int i = 1; i <= 1500; i++) cr_assert(marks[i], "job %d", i);
    struct oxq_list_opts both = {.without_data = true, .data_path = "/n"};
    cr_assert_eq(oxq_queue_list(queue, &both, &list, &err), OXQ_ERR_ARGUMENT);
}

/* What is removed before its turn has not been read. */
Test(matching, a_list_reads_large_jobs_a_few_at_a_time)
{
    enum { BYTES = 6 << 20 };
    static char data[BYTES + 3];
    memset(data, '"', BYTES + 2);
    memset(data + 1, 'x', BYTES);
    for (int i = 0; i < 4; i++) OK(oxq_queue_add(queue, "send", data, NULL, NULL, &err));
    oxq_list *list;
    oxq_job *job;
    OK(oxq_queue_list(queue, NULL, &list, &err));
    for (int i = 1; i <= 3; i++) {
        OK(oxq_list_next(list, &job, NULL, &err));
        cr_assert_not_null(job);
        cr_assert_eq(strtol(oxq_job_id(job), NULL, 10), i);
        cr_assert_str_eq(oxq_job_data(job, NULL), data);
        if (i == 1) OK(oxq_queue_remove(queue, "4", false, &err));
    }
    OK(oxq_list_next(list, &job, NULL, &err));
    cr_assert_null(job);
    oxq_list_free(list);
}

/* ---------------------------------------------------------------- by filter */

Test(matching, failed_jobs_are_retried_as_the_filter_says)
{
    int64_t moved;
    add_many(MANY);
    fail_all();
    struct oxq_list_opts odd = {.name = "odd"};
    OK(oxq_queue_retry_matching(queue, &odd, NULL, &moved, &err));
    cr_assert_eq(moved, MANY / 2);
    struct oxq_list_opts some = {.failure = "no even number 12", .states = 1u << OXQ_STATE_FAILED};
    OK(oxq_queue_retry_matching(queue, &some, NULL, &moved, &err));
    cr_assert_eq(moved, 1 + 5 + 50, "12, 12?, 12??");
    struct oxq_list_opts eve = {.data_path = "/who", .data_value = "bob", .count = 10};
    OK(oxq_queue_retry_matching(queue, &eve, NULL, &moved, &err));
    cr_assert_eq(moved, 10);
    OK(oxq_queue_retry_matching(queue, NULL, &(struct oxq_many_opts){.limit = 250}, &moved, &err));
    cr_assert_eq(moved, 250);
    OK(oxq_queue_retry_matching(queue, NULL, NULL, &moved, &err));
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), MANY);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_FAILED), 0);
    struct oxq_list_opts waiting = {.states = 1u << OXQ_STATE_WAITING};
    cr_assert_eq(oxq_queue_retry_matching(queue, &waiting, NULL, &moved, &err), OXQ_ERR_ARGUMENT);
}

Test(matching, jobs_are_removed_as_the_filter_says_from_all_states)
{
    int64_t removed;
    struct oxq_job_opts late = {.delay_ms = 3600000};
    add_many(MANY);
    for (int i = 0; i < 3; i++) OK(oxq_queue_add(queue, "odd", NULL, &late, NULL, &err));
    OK(oxq_scheduler_upsert(queue, "nightly", &(struct oxq_schedule){.pattern = "0 4 * * *"},
                            &(struct oxq_job_template){.name = "odd"}, NULL, &err));
    OK(oxq_queue_remove_matching(queue, &(struct oxq_list_opts){.data_path = "/who", .data_value = "eve"}, NULL,
                                 &removed, &err));
    cr_assert_eq(removed, MANY / 100);
    OK(oxq_queue_remove_matching(queue, &(struct oxq_list_opts){.name = "odd"}, NULL, &removed, &err));
    cr_assert_eq(removed, MANY / 2 - MANY / 100 + 3);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_DELAYED), 1, "a scheduler's next run stays");
    OK(oxq_queue_remove_matching(queue, NULL, NULL, &removed, &err));
    cr_assert_eq(removed, MANY / 2);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 0);
}

Test(matching, delayed_jobs_are_promoted_as_the_filter_says)
{
    int64_t moved;
    for (int i = 0; i < 300; i++) {
        struct oxq_job_opts late = {.delay_ms = 3600000 + i};
        OK(oxq_queue_add(queue, i % 3 ? "a" : "b", NULL, &late, NULL, &err));
    }
    OK(oxq_queue_promote_matching(queue, &(struct oxq_list_opts){.name = "b"}, NULL, &moved, &err));
    cr_assert_eq(moved, 100);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 100);
}

static bool stop_at(void *ctx, int64_t done)
{
    *(int64_t *)ctx = done;
    return done < 300;
}

Test(matching, dead_letters_are_replayed_as_the_filter_says)
{
    int64_t replayed, told;
    oxq_queue *dead = testkit_open_queue("mail-dead");
    OK(oxq_queue_set_dead_letters(queue, "mail-dead", &err));
    add_many(1200);
    fail_all();
    cr_assert_eq(testkit_count(dead, OXQ_STATE_WAITING), 1200);
    struct oxq_list_opts some = {.name = "odd", .failure = "number 77"};
    OK(oxq_queue_replay_matching(dead, &some, NULL, &replayed, &err));
    cr_assert_eq(replayed, 1 + 5, "77, 77?");
    struct oxq_many_opts until = {.on_progress = stop_at, .ctx = &told};
    cr_assert_eq(oxq_queue_replay_matching(dead, NULL, &until, &replayed, &err), OXQ_ERR_CANCELLED);
    cr_assert_eq(replayed, 300);
    cr_assert_eq(told, 300);
    OK(oxq_queue_remove(queue, "1200", false, &err));
    cr_assert_eq(oxq_queue_add(queue, "x", NULL, &(struct oxq_job_opts){.job_id = "x"}, NULL, &err), OXQ_OK);
    OK(oxq_queue_replay_matching(dead, NULL, NULL, &replayed, &err));
    cr_assert_eq(replayed, 1200 - 6 - 300);
    cr_assert_eq(testkit_count(queue, OXQ_STATE_WAITING), 1201);
    oxq_queue_close(dead);
}

/* ---------------------------------------------------------------- how fast */

Test(matching, a_rate_says_when_the_next_portion_is_due)
{
    struct clock_manual clock;
    struct many m;
    struct oxq_many_opts opts = {.per_second = 200};
    OK(many_begin(&m, &opts, &err));
    clock_manual_init(&clock, 5000000);
    m.clock = &clock.clock;
    m.begin_us = 5000000;
    cr_assert_eq(many_next(&m, 1000), 20, "the first portion is due at once");
    OK(many_add(&m, 20, &err));
    cr_assert_eq(many_wait_us(&m), 100000);
    clock.us += 60000;
    cr_assert_eq(many_wait_us(&m), 40000);
    clock.us += 60000;
    cr_assert_eq(many_wait_us(&m), 0);
    OK(many_add(&m, 1000000 - 20, &err));
    cr_assert_eq(many_wait_us(&m), 5000000000 - 120000);
    m.opts.per_second = 3;
    m.done = 0;
    cr_assert_eq(many_next(&m, 1000), 1);
    m.opts = (struct oxq_many_opts){.limit = 7};
    cr_assert_eq(many_next(&m, 1000), 7);
    m.done = 7;
    cr_assert_eq(many_next(&m, 1000), 0);
    cr_assert_eq(many_begin(&m, &(struct oxq_many_opts){.per_second = -1}, &err), OXQ_ERR_ARGUMENT);
}

Test(matching, jobs_are_retried_no_faster_than_the_rate)
{
    int64_t moved;
    add_many(30);
    fail_all();
    struct oxq_many_opts slow = {.per_second = 200};
    struct clock *clock = os_clock();
    int64_t begin_us = clock_mono_us(clock);
    OK(oxq_queue_retry_matching(queue, NULL, &slow, &moved, &err));
    cr_assert_eq(moved, 30);
    cr_assert_geq(clock_mono_us(clock) - begin_us, 100000, "the second portion is due after a tenth of a second");
}
