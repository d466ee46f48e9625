/* SPDX-License-Identifier: MIT */
#include "runner/payload.h"

#include <criterion/criterion.h>

static void expect_line(const struct oxq_job_fields *job, const char *want)
{
    struct buf out = {.limit_bytes = 64 * 1024};
    cr_assert_eq(payload_put(&out, job), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&out), slice_from_text(want)), "got %.*s want %s", (int)out.len, out.at, want);
    buf_deinit(&out);
}

Test(payload, a_job_is_one_line)
{
    struct oxq_job_fields job = {.id = "7",
                                 .name = "welcome",
                                 .queue = "mail",
                                 .data = "{\"to\":\"Zoë\"}",
                                 .opts = "{\"attempts\":3}",
                                 .attempts_made = 1,
                                 .attempts_max = 3,
                                 .attempts_started = 2,
                                 .added_ms = 1772366400000,
                                 .priority = 5,
                                 .delay_ms = 10};
    expect_line(
        &job,
        "{\"id\":\"7\",\"name\":\"welcome\",\"queue\":\"mail\",\"data\":{\"to\":\"Zoë\"},\"opts\":{\"attempts\":3},"
        "\"attempt\":2,\"attempts\":3,\"attemptsMade\":1,\"attemptsStarted\":2,\"timestamp\":1772366400000,"
        "\"priority\":5,\"delay\":10}\n");
}

Test(payload, what_a_job_need_not_have_is_there_when_it_has)
{
    struct oxq_job_fields job = {.id = "7",
                                 .name = "a\"b",
                                 .queue = "mail",
                                 .progress = "{\"part\":50}",
                                 .parent_key = "bull:flows:12",
                                 .scheduler_id = "daily",
                                 .deduplication_id = "x"};
    expect_line(
        &job,
        "{\"id\":\"7\",\"name\":\"a\\\"b\",\"queue\":\"mail\",\"data\":{},\"opts\":{},\"attempt\":1,\"attempts\":0,"
        "\"attemptsMade\":0,\"attemptsStarted\":0,\"timestamp\":0,\"priority\":0,\"delay\":0,"
        "\"progress\":{\"part\":50},\"parent\":{\"id\":\"12\",\"queueKey\":\"bull:flows\"},"
        "\"repeatJobKey\":\"daily\",\"deduplicationId\":\"x\"}\n");
}

Test(payload, line_ends_in_the_data_are_blanks_and_what_is_no_json_is_a_text)
{
    struct oxq_job_fields job = {
        .id = "7", .name = "bad \xff", .queue = "q", .data = "{\n\"a\":\r\n\"\\n\"}", .opts = "not json"};
    expect_line(
        &job,
        "{\"id\":\"7\",\"name\":\"bad \xef\xbf\xbd\",\"queue\":\"q\",\"data\":{ \"a\":  \"\\n\"},\"opts\":\"not json\","
        "\"attempt\":1,\"attempts\":0,\"attemptsMade\":0,\"attemptsStarted\":0,\"timestamp\":0,"
        "\"priority\":0,\"delay\":0}\n");
}

Test(payload, a_job_that_does_not_fit_is_an_error)
{
    struct oxq_job_fields job = {.id = "7", .name = "n", .queue = "q", .data = "[1,2,3,4,5,6,7,8,9]"};
    struct buf out = {.limit_bytes = 40};
    cr_assert_eq(payload_put(&out, &job), OXQ_ERR_LIMIT);
    buf_deinit(&out);
}
