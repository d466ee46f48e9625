/* SPDX-License-Identifier: MIT */
#include "cli/timeline.h"

#include "api/state.h"

#include <criterion/criterion.h>
#include <string.h>

static struct timeline timeline;
static struct arena arena;

static void stop(void)
{
    timeline_deinit(&timeline);
    arena_deinit(&arena);
    arena = (struct arena){0};
}

TestSuite(timeline, .fini = stop);

static void happen(int64_t at_ms, const char *kind, const char *field, const char *value)
{
    const struct oxq_event_field fields[] = {{"event", kind}, {"jobId", "7"}, {field, value}};
    timeline_add(&timeline,
                 &(struct oxq_event){
                     .at_ms = at_ms, .kind = kind, .job_id = "7", .fields = fields, .fields_count = field ? 3 : 2});
}

static void expect(size_t i, int64_t at_ms, const char *text)
{
    cr_assert_lt(i, timeline.count);
    cr_expect_eq(timeline.steps[i].at_ms, at_ms);
    cr_expect_str_eq(timeline_tell(&arena, &timeline.steps[i]), text);
}

Test(timeline, a_job_alone_tells_its_times)
{
    oxq_job job = {.fields = {.added_ms = 10,
                              .processed_ms = 20,
                              .finished_ms = 30,
                              .attempts_started = 2,
                              .failure = "no such page\nat x"}};
    timeline_complete(&timeline, &job, OXQ_STATE_FAILED);
    cr_assert_eq(timeline.count, 3);
    expect(0, 10, "added");
    expect(1, 20, "attempt 2 begins");
    expect(2, 30, "failed: no such page");
}

Test(timeline, a_job_that_waits_has_been_added)
{
    oxq_job job = {.fields = {.added_ms = 10}};
    timeline_complete(&timeline, &job, OXQ_STATE_WAITING);
    cr_assert_eq(timeline.count, 1);
    expect(0, 10, "added");
}

Test(timeline, events_that_are_kept_are_told_once_and_in_order)
{
    oxq_job job = {
        .fields = {
            .added_ms = 10, .processed_ms = 140, .finished_ms = 150, .attempts_started = 3, .result = "{\"ok\":true}"}};
    happen(30, "active", "prev", "waiting");
    happen(35, "delayed", "delay", "135");
    happen(135, "waiting", NULL, NULL);
    happen(140, "active", NULL, NULL);
    happen(141, "odd", NULL, NULL);
    happen(150, "completed", "returnvalue", "{\"ok\":true}");
    timeline_complete(&timeline, &job, OXQ_STATE_COMPLETED);
    cr_assert_eq(timeline.count, 7);
    expect(0, 10, "added");
    expect(1, 30, "attempt 2 begins");
    expect(2, 35, "delayed by 100 ms");
    expect(3, 135, "waits");
    expect(4, 140, "attempt 3 begins");
    expect(5, 141, "odd");
    expect(6, 150, "completed: {\"ok\":true}");
    cr_assert_eq(timeline.steps[1].fields_count, 1);
    cr_assert_str_eq(timeline.steps[1].fields[0].name, "prev");
}
