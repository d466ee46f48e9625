/* SPDX-License-Identifier: MIT */
/*
 * oxq add --file: jobs from lines of JSON.
 *
 * Lines are gathered into batches, which go out as one pipeline. A batch is sent when it is full, and before we would wait for more input.
 * Whatever stops us, the line to go on with is told: no job of a line before it is missing but those that were told, and none of it
 * or behind it was added. Only when an answer was lost that is not known, which is told too.
 */
#include "cli/add.h"

#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/lines.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define BATCH_JOBS 4000
#define BATCH_BYTES ((size_t)4 << 20)
/* How long a signal that comes just before we wait for input may go unseen. */
#define WAIT_MS 250
/* Refusals of one batch that are told one by one; a server that refuses one often refuses all. */
#define TOLD_MAX 20

struct adding {
    struct add *add; /* borrowed */
    const char *default_name;
    struct lines in;
    uint64_t next_line; /* to go on with, should we stop */
    struct arena arena; /* of one line */
    oxq_batch *batch;
    size_t batch_bytes;
    uint64_t batch_lines[BATCH_JOBS];
    uint64_t added_count, bad_count, uncertain_count;
};

/* ---------------------------------------------------------------- a batch */

static void tell_added(struct adding *l, uint64_t line, const char *id)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = SIZE_MAX};
    l->added_count++;
    if (!l->add->store.is_json) return;
    if (json_put_text(&text, slice_from_text(id)) != OXQ_OK) return;
    printf("{\"line\":%" PRIu64 ",\"id\":%.*s}\n", line, (int)text.len, text.at);
}

/* What became of each job; true: all were added. */
static bool take_results(struct adding *l)
{
    size_t count = oxq_batch_count(l->batch);
    size_t told_count = 0;
    bool are_all_added = true;
    for (size_t i = 0; i < count; i++) {
        struct oxq_error err;
        oxq_err e = oxq_batch_error(l->batch, i, &err);
        if (!e) {
            tell_added(l, l->batch_lines[i], oxq_batch_id(l->batch, i));
            continue;
        }
        are_all_added = false;
        if (e == OXQ_ERR_UNCERTAIN) {
            l->uncertain_count++;
        } else {
            l->bad_count++;
            if (told_count++ < TOLD_MAX) (void)lines_fail(&l->in, l->batch_lines[i], "%s", err.text);
        }
    }
    fflush(stdout);
    if (told_count > TOLD_MAX) (void)cli_fail("and %zu more of these lines", told_count - TOLD_MAX);
    return are_all_added;
}

/* The way to the store broke: some answers may have come before. */
static int fail_batch(struct adding *l, const struct oxq_error *err)
{
    size_t count = oxq_batch_count(l->batch), answered = 0;
    while (answered < count && oxq_batch_id(l->batch, answered)) {
        tell_added(l, l->batch_lines[answered], oxq_batch_id(l->batch, answered));
        answered++;
    }
    l->next_line = answered < count ? l->batch_lines[answered] : l->in.number + 1;
    progress_clear(&l->in.progress);
    (void)cli_fail("%s", err->text);
    bool is_uncertain = err->code == OXQ_ERR_UNCERTAIN || err->code == OXQ_ERR_TIMEOUT;
    if (is_uncertain && answered < count)
        (void)cli_fail("%s lines %" PRIu64 " to %" PRIu64
                       ": it is not known whether they were added; jobs with a jobId can be "
                       "added again without harm",
                       l->in.name, l->batch_lines[answered], l->batch_lines[count - 1]);
    return CLI_FAILED;
}

static int run_batch(struct adding *l)
{
    struct oxq_error err;
    if (oxq_batch_count(l->batch) == 0) return CLI_OK;
    oxq_err e = oxq_batch_run(l->batch, &err);
    int code = CLI_OK;
    if (e) {
        code = fail_batch(l, &err);
    } else {
        bool are_all_added = take_results(l);
        l->next_line = l->batch_lines[oxq_batch_count(l->batch) - 1] + 1;
        if (l->uncertain_count > 0 || (!are_all_added && !l->add->skips_bad)) code = CLI_FAILED;
    }
    oxq_batch_free(l->batch);
    l->batch_bytes = 0;
    l->batch = NULL;
    if (oxq_batch_new(l->add->store.store, NULL, &l->batch, &err) != OXQ_OK) return cli_fail("%s", err.text);
    return code;
}

/* ---------------------------------------------------------------- a line */

static oxq_err refuse_member(const struct json *root, struct oxq_error *err)
{
    static const char *const known[] = {"name", "data", "opts"};
    struct slice name;
    const struct json *value;
    for (void *place = NULL; json_next_member(root, &place, &name, &value);) {
        bool is_known = false;
        for (size_t i = 0; i < 3; i++) is_known = is_known || slice_equal(name, slice_from_text(known[i]));
        if (!is_known)
            return err_set(err, OXQ_ERR_FORMAT,
                           "\"%.*s\" is not known: a line is {\"name\":\"...\",\"data\":...,\"opts\":{...}}",
                           name.len < 80 ? (int)name.len : 80, name.at);
    }
    return OXQ_OK;
}

static oxq_err add_object(struct adding *l, struct slice text, const struct json *root, struct oxq_error *err)
{
    const struct add *a = l->add;
    if (json_kind_of(root) != JSON_KIND_MAP)
        return err_set(err, OXQ_ERR_FORMAT, "a line is an object: {\"name\":\"...\",\"data\":...,\"opts\":{...}}");
    oxq_err e = refuse_member(root, err);
    if (e) return e;
    const struct json *name = json_member(root, "name"), *opts = json_member(root, "opts");
    struct slice data = json_raw_member(text, SLICE_LIT("data")), name_text = json_text(name);
    bool is_named = json_kind_of(name) == JSON_KIND_TEXT && !memchr(name_text.at, '\0', name_text.len);
    if (name ? !is_named : !l->default_name) return err_set(err, OXQ_ERR_FORMAT, "\"name\" is missing, or no text");
    struct oxq_job_opts o = a->opts;
    const char *prefix = a->store.prefix ? a->store.prefix : "bull";
    if (opts && json_kind_of(opts) != JSON_KIND_NULL) e = job_options_from_json(opts, prefix, &l->arena, &o, err);
    if (e) return e;
    const char *job_name = name ? arena_copy_text(&l->arena, name_text) : l->default_name;
    return oxq_batch_add(l->batch, a->store.queue, job_name, data.len > 0 ? arena_copy_text(&l->arena, data) : NULL, &o,
                         err);
}

static oxq_err add_line(struct adding *l, struct slice text, struct oxq_error *err)
{
    struct json *root = NULL;
    oxq_err e = json_read_value(text, &root, err);
    if (!e) e = add_object(l, text, root, err);
    json_release(root);
    return e;
}

static int take_line(struct adding *l, struct slice text)
{
    struct oxq_error err;
    while (text.len > 0 && strchr(" \t\r", text.at[text.len - 1]) && text.at[text.len - 1]) text.len--;
    if (l->in.number < l->next_line || text.len == 0) return CLI_OK;
    size_t at = oxq_batch_count(l->batch);
    arena_reset(&l->arena);
    if (add_line(l, text, &err) == OXQ_OK) {
        l->batch_lines[at] = l->in.number;
        l->batch_bytes += text.len;
        return at + 1 == BATCH_JOBS || l->batch_bytes >= BATCH_BYTES ? run_batch(l) : CLI_OK;
    }
    /* What stands before it comes first. */
    int code = l->add->skips_bad ? CLI_OK : run_batch(l);
    if (code) return code;
    l->bad_count++;
    (void)lines_fail(&l->in, l->in.number, "%s", err.text);
    if (l->add->skips_bad) return CLI_OK;
    l->next_line = l->in.number;
    return CLI_FAILED;
}

/* ---------------------------------------------------------------- a file */

/* Does it have something to say, within so long? Its end counts too. */
static bool is_readable(const struct adding *l, int wait_ms)
{
    struct pollfd p = {.fd = l->in.fd, .events = POLLIN};
    return poll(&p, 1, wait_ms) > 0;
}

/* Jobs are not held back while a pipe has nothing more to say. */
static int wait_for_more(struct adding *l)
{
    int code = is_readable(l, 0) ? CLI_OK : run_batch(l);
    while (!code && !interrupt_came() && !is_readable(l, WAIT_MS)) continue;
    return code;
}

static int take_file(struct adding *l)
{
    int code = CLI_OK;
    while (!code && !l->in.is_at_end && !interrupt_came()) {
        struct slice text;
        code = wait_for_more(l);
        if (!code && !interrupt_came()) code = lines_read(&l->in);
        while (!code && !interrupt_came() && lines_take(&l->in, &text)) code = take_line(l, text);
        progress_show(&l->in.progress, l->in.bytes, l->in.total_bytes, l->added_count);
    }
    if (!code && !interrupt_came()) code = run_batch(l);
    if (!code && interrupt_came()) {
        progress_clear(&l->in.progress);
        code = cli_fail("stopped");
    }
    return code;
}

static void report(struct adding *l, int code)
{
    char text[PROGRESS_TEXT_CHARS];
    if (l->add->store.is_json) {
        printf("{\"added\":%" PRIu64 ",\"refused\":%" PRIu64, l->added_count, l->bad_count);
        if (code) printf(",\"from\":%" PRIu64, l->next_line);
        puts("}");
    } else {
        printf("added %s jobs", progress_count(l->added_count, text));
        if (l->bad_count > 0) printf(", refused %s lines", progress_count(l->bad_count, text));
        putchar('\n');
    }
    fflush(stdout);
    if (code) (void)cli_fail("to go on from here: --from %" PRIu64, l->next_line);
}

int add_file(struct add *a, const char *default_name)
{
    struct adding *l = mem_alloc_zero(sizeof(*l));
    struct oxq_error err;
    int64_t from = 1;
    l->add = a;
    l->default_name = default_name;
    int code = cli_read_number("--from", a->from, 1, INT64_MAX, &from);
    l->next_line = (uint64_t)from;
    if (!code) code = lines_open(&l->in, a->file);
    if (!code) code = cli_result(oxq_batch_new(a->store.store, NULL, &l->batch, &err), &err);
    if (!code) {
        interrupt_catch();
        progress_begin(&l->in.progress, "add", "jobs", a->is_quiet);
        code = take_file(l);
        progress_clear(&l->in.progress);
        report(l, code);
        if (l->bad_count > 0) code = CLI_FAILED;
    }
    oxq_batch_free(l->batch);
    lines_close(&l->in);
    arena_deinit(&l->arena);
    mem_free(l);
    return code;
}
