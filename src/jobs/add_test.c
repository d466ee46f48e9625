/* SPDX-License-Identifier: MIT */
#include "codec/mpack.h"
#include "jobs/add.h"

#include <criterion/criterion.h>

static struct arena arena;

static void empty_arena(void)
{
    arena_deinit(&arena);
}

static oxq_err request_for(const struct new_job *jobs, size_t count, struct request *r, struct oxq_error *err)
{
    struct add_batch batch = {.prefix = SLICE_LIT("bull:q:"), .now_ms = 1700000000000, .jobs = jobs, .count = count};
    return add_request(&arena, &batch, r, err);
}

Test(add, a_plain_job_is_three_arguments, .fini = empty_arena)
{
    struct new_job job = {.name = SLICE_INIT("send"), .data = SLICE_INIT("{\"to\":1}")};
    struct request r;
    cr_assert_eq(request_for(&job, 1, &r, NULL), OXQ_OK);
    static const char *const wanted[] = {"bull:q:", "1700000000000", "send", "{\"to\":1}", "{\"attempts\":0}"};
    cr_assert_eq(r.command.argc, sizeof(wanted) / sizeof(wanted[0]));
    for (size_t i = 0; i < r.command.argc; i++) {
        cr_assert(slice_equal(r.command.argv[i], slice_from_text(wanted[i])), "%zu: %.*s", i,
                  (int)r.command.argv[i].len, r.command.argv[i].at);
    }
    cr_assert_eq(r.command.script, &transition_add_plain.script);
    const struct job_options lifo = {.lifo = true};
    const struct new_job two[] = {job, {.name = SLICE_INIT("next"), .options = &lifo}};
    cr_assert_eq(request_for(two, 2, &r, NULL), OXQ_OK);
    cr_assert_eq(r.command.script, &transition_add.script, "one that has more takes the others along");
    cr_assert_eq(r.command.argc, 3 + 2 * 5);
}

Test(add, what_else_a_job_has_is_one_map, .fini = empty_arena)
{
    struct job_options o = {.delay_ms = 5,
                            .lifo = true,
                            .parent = {SLICE_INIT("p"), SLICE_INIT("bull:up")},
                            .on_failure = JOB_CHILD_FAILS_PARENT};
    struct new_job job = {.name = SLICE_INIT("send"), .options = &o};
    struct request r;
    cr_assert_eq(request_for(&job, 1, &r, NULL), OXQ_OK);
    cr_assert(slice_equal(r.command.argv[2], SLICE_LIT("0")), "numbers are taken one by one");
    cr_assert(slice_equal(r.command.argv[5], SLICE_LIT("{}")));
    OWNED(buf_deinit) struct buf wanted = {.limit_bytes = 4096};
    cr_assert_eq(buf_append(&wanted, SLICE_LIT("\x83\xa5"
                                               "delay\x05\xa4lifo\xc3\xa6parent")),
                 OXQ_OK);
    cr_assert_eq(buf_append(&wanted, SLICE_LIT("\x93\xa8"
                                               "bull:up:\xa1p")),
                 OXQ_OK);
    cr_assert_eq(mpack_put_text(&wanted, SLICE_LIT("{\"id\":\"p\",\"queueKey\":\"bull:up\",\"fpof\":true}")), OXQ_OK);
    cr_assert(slice_equal(r.command.argv[7], buf_borrow(&wanted)));
}

Test(add, bad_input_is_told_with_its_job, .fini = empty_arena)
{
    struct job_options digits = {.job_id = SLICE_INIT("12")}, far = {.delay_ms = JOB_TIME_MAX_MS};
    const struct {
        struct new_job job;
        oxq_err wanted;
        const char *word;
    } rows[] = {
        {{.name = SLICE_INIT("n"), .data = SLICE_INIT("hello")}, OXQ_ERR_FORMAT, "not JSON: byte 1"},
        {{.name = SLICE_INIT("n\xff")}, OXQ_ERR_ARGUMENT, "UTF-8"},
        {{.name = SLICE_INIT("n"), .options = &digits}, OXQ_ERR_ARGUMENT, "job id 12"},
        {{.name = SLICE_INIT("n"), .options = &far}, OXQ_ERR_ARGUMENT, "2039"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct new_job two[] = {{.name = SLICE_INIT("good")}, rows[i].job};
        struct oxq_error err = {0};
        struct request r;
        cr_assert_eq(request_for(&rows[i].job, 1, &r, &err), rows[i].wanted, "%zu", i);
        cr_assert(strstr(err.text, rows[i].word), "%s", err.text);
        cr_assert_eq(request_for(two, 2, &r, &err), rows[i].wanted, "%zu", i);
        cr_assert(strncmp(err.text, "job 2, ", 7) == 0, "%s", err.text);
    }
    struct oxq_error err = {0};
    struct request r;
    cr_assert_eq(request_for(NULL, 0, &r, &err), OXQ_ERR_LIMIT);
    struct new_job made = {.name = SLICE_INIT("n"), .made_id = SLICE_INIT("12")};
    cr_assert_eq(request_for(&made, 1, &r, &err), OXQ_OK);
    cr_assert(slice_equal(r.command.argv[3], SLICE_LIT("12")));
}

Test(add, many_jobs_go_in_portions)
{
    static struct new_job jobs[ADD_JOBS_MAX + 5];
    cr_assert_eq(add_portion(jobs, ADD_JOBS_MAX + 5), ADD_JOBS_MAX);
    cr_assert_eq(add_portion(jobs, 3), 3);
    jobs[2].data.len = ADD_BYTES_MAX;
    jobs[1].data.len = 1;
    cr_assert_eq(add_portion(jobs, 5), 2);
    cr_assert_eq(add_portion(jobs + 2, 3), 3);
    jobs[2].data.len = ADD_BYTES_MAX + 1;
    cr_assert_eq(add_portion(jobs + 2, 3), 1);
}

Test(add, each_job_has_its_own_answer)
{
    struct resp_value items[] = {{.kind = RESP_BULK, .text = SLICE_INIT("7")}, {.kind = RESP_INTEGER, .integer = -5}};
    struct resp_value reply = {.kind = RESP_ARRAY, .items = items, .count = 2};
    struct job_options child = {.parent = {.id = SLICE_INIT("5"), .queue = SLICE_INIT("bull:mail")}};
    struct new_job jobs[3] = {{.name = SLICE_INIT("a")}, {.name = SLICE_INIT("b"), .options = &child}};
    struct slice id;
    struct oxq_error err = {0};
    cr_assert_eq(add_result(&reply, 0, &jobs[0], &id, NULL), OXQ_OK);
    cr_assert(slice_equal(id, SLICE_LIT("7")));
    cr_assert_eq(add_result(&reply, 1, &jobs[1], &id, &err), OXQ_ERR_NOT_FOUND);
    cr_assert(strstr(err.text, "add a child of bull:mail:5: there is no such parent"), "%s", err.text);
    cr_assert_eq(add_result(&reply, 2, &jobs[2], &id, NULL), OXQ_ERR_SERVER);
}
