/* SPDX-License-Identifier: MIT */
#include "runner/exec.h"

#include "base/arena.h"
#include "base/mem.h"
#include "os/clock.h"
#include "os/log.h"
#include "runner/payload.h"
#include "runner/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beside the data: options, names, numbers. */
#define PAYLOAD_SLACK_BYTES ((size_t)1 << 20)
/* A text that is no JSON may grow so, as a JSON string. */
#define PAYLOAD_GROWTH 6
/* Of standard error, as the failure. */
#define REASON_BYTES_MAX 1000
/* After a line that the store did not take. */
#define MUTE_US ((int64_t)30 * 1000 * 1000)
/* Variables that we set. */
#define OWN_COUNT_MAX 8

struct exec {
    struct exec_opts opts;
    char **environment; /* owned; its texts are the process's own. Without those that we set */
    size_t environment_count;
};

/* ---------------------------------------------------------------- its environment */

static bool is_of(const char *variable, const char *name)
{
    size_t len = strlen(name);
    return strncmp(variable, name, len) == 0 && variable[len] == '=';
}

static bool is_ours(const struct exec_opts *o, const char *variable)
{
    static const char *const names[] = {"OXQ_JOB_ID", "OXQ_JOB_NAME", "OXQ_QUEUE", "OXQ_ATTEMPT", "OXQ_ATTEMPTS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is_of(variable, names[i])) return true;
    }
    return (o->url && is_of(variable, "OXQ_URL")) || (o->password && is_of(variable, "OXQ_PASSWORD"));
}

struct exec *exec_new(const struct exec_opts *opts)
{
    struct exec *x = mem_alloc_zero(sizeof(*x));
    x->opts = *opts;
    size_t count = 0;
    while (environ[count]) count++;
    x->environment = mem_alloc((count + 1) * sizeof(*x->environment));
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(opts, environ[i])) x->environment[x->environment_count++] = environ[i];
    }
    return x;
}

void exec_free(struct exec *x)
{
    if (!x) return;
    mem_free(x->environment);
    mem_free(x);
}

static char *join(struct arena *a, const char *name, const char *value)
{
    size_t len = strlen(name) + strlen(value) + 2;
    char *text = arena_alloc(a, len);
    snprintf(text, len, "%s=%s", name, value);
    return text;
}

static char *join_number(struct arena *a, const char *name, int64_t n)
{
    char digits[32];
    snprintf(digits, sizeof(digits), "%" PRId64, n);
    return join(a, name, digits);
}

static char **make_environment(const struct exec *x, const struct oxq_job_fields *f, struct arena *a)
{
    size_t n = x->environment_count;
    char **all = ARENA_ARRAY(a, char *, n + OWN_COUNT_MAX);
    memcpy(all, x->environment, n * sizeof(*all));
    all[n++] = join(a, "OXQ_JOB_ID", f->id);
    all[n++] = join(a, "OXQ_JOB_NAME", f->name);
    all[n++] = join(a, "OXQ_QUEUE", f->queue);
    all[n++] = join_number(a, "OXQ_ATTEMPT", f->attempts_made + 1);
    all[n++] = join_number(a, "OXQ_ATTEMPTS", f->attempts_max);
    if (x->opts.url) all[n++] = join(a, "OXQ_URL", x->opts.url);
    if (x->opts.password) all[n++] = join(a, "OXQ_PASSWORD", x->opts.password);
    all[n] = NULL;
    return all;
}

/* ---------------------------------------------------------------- what it says while it runs */

/* The job goes on without what the store does not take: whether it is still ours shows elsewhere. */
struct listener {
    oxq_job *job;
    /* The store is not there: what is said until then is lost, for each line would hold the program's deadline up. */
    int64_t mute_until_us;
};

static bool is_mute(const struct listener *l)
{
    return clock_mono_us(os_clock()) < l->mute_until_us;
}

static void note_stored(struct listener *l, oxq_err e, const struct oxq_error *err)
{
    if (!e) return;
    l->mute_until_us = clock_mono_us(os_clock()) + MUTE_US;
    log_event(LOG_WARNING, "not stored", log_text("id", oxq_job_id(l->job)), log_text("reason", err->text));
}

static void log_line(void *ctx, struct slice line)
{
    struct listener *l = ctx;
    struct buf text = {.limit_bytes = 3 * TEXT_LINE_BYTES_MAX + 1};
    struct oxq_error err;
    if (is_mute(l)) return;
    if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
    mem_must(text_put_mended(&text, line));
    mem_must(buf_append(&text, slice_of("", 1)));
    note_stored(l, oxq_job_log(l->job, text.at, &err), &err);
    buf_deinit(&text);
}

static void set_progress(struct listener *l, struct slice value)
{
    struct buf json = {.limit_bytes = 6 * TEXT_LINE_BYTES_MAX + 64};
    struct oxq_error err;
    if (is_mute(l)) return;
    mem_must(text_put_result(&json, value));
    note_stored(l, oxq_job_progress(l->job, json.at, &err), &err);
    buf_deinit(&json);
}

static bool skip_word(struct slice *line, struct slice word)
{
    if (line->len < word.len || memcmp(line->at, word.at, word.len) != 0) return false;
    *line = slice_from(*line, word.len);
    return true;
}

/* Other lines are for versions to come. */
static void take_control_line(void *ctx, struct slice line)
{
    if (skip_word(&line, SLICE_LIT("progress ")))
        set_progress(ctx, line);
    else if (skip_word(&line, SLICE_LIT("log ")))
        log_line(ctx, line);
}

/* ---------------------------------------------------------------- how it ended */

static void tell_failure(const struct process_end *end, struct outcome *out)
{
    char how[64];
    struct slice said = text_tail_borrow(&end->said);
    const char *signal_name = end->signal ? sigabbrev_np(end->signal) : NULL;
    if (signal_name)
        snprintf(how, sizeof(how), "the program was ended by SIG%s", signal_name);
    else if (end->signal)
        snprintf(how, sizeof(how), "the program was ended by signal %d", end->signal);
    else
        snprintf(how, sizeof(how), "the program ended with exit code %d", end->exit_code);
    outcome_set_stack(out, how, said);
    if (said.len == 0) {
        outcome_set(out, OUTCOME_FAILED, "%s", how);
    } else if (end->signal) {
        strcat(how, ": ");
        outcome_set_said(out, OUTCOME_FAILED, how, said, REASON_BYTES_MAX);
    } else {
        outcome_set_said(out, OUTCOME_FAILED, "", said, REASON_BYTES_MAX);
    }
}

static void tell_end(const struct exec *x, const struct process_end *end, struct outcome *out)
{
    if (end->signal || (end->exit_code != 0 && end->exit_code != EXEC_RETRY_CODE)) {
        tell_failure(end, out);
    } else if (end->exit_code == EXEC_RETRY_CODE) {
        out->delay_ms = x->opts.retry_after_ms;
        struct slice said = text_trim(text_tail_borrow(&end->said));
        outcome_set_said(out, OUTCOME_LATER, said.len > 0 ? "exit code 75: " : "exit code 75", said, REASON_BYTES_MAX);
    } else {
        outcome_set_result(out, buf_borrow(&end->output));
    }
}

static void tell_cut(const struct exec *x, const oxq_job *job, const struct process_end *end, struct outcome *out)
{
    const char *why = oxq_job_cancel_reason(job);
    outcome_set_stack(out, "what it wrote to standard error:", text_tail_borrow(&end->said));
    switch (end->cut) {
    case PROCESS_WHOLE: CHECK(end->cut != PROCESS_WHOLE); return;
    case PROCESS_LATE:
        outcome_set(out, OUTCOME_FAILED, "it took longer than %" PRId64 " ms, its deadline", x->opts.deadline_ms);
        return;
    case PROCESS_CANCELLED: outcome_set(out, OUTCOME_FAILED, "%s", why ? why : "it was cancelled"); return;
    case PROCESS_STOPPED: outcome_set(out, OUTCOME_INTERRUPTED, "the worker ends"); return;
    case PROCESS_TALKS_TOO_MUCH:
        outcome_set(out, OUTCOME_FAILED_FOR_GOOD,
                    "it wrote more than %zu bytes, the limit of a result, to standard output",
                    x->opts.result_bytes_max);
        return;
    case PROCESS_NO_MEMORY: outcome_set(out, OUTCOME_FAILED, "there is not enough memory for its output"); return;
    }
}

static void run_process(const struct exec *x, oxq_job *job, struct slice input, struct outcome *out)
{
    struct arena arena = {0};
    struct process_end end;
    struct oxq_error err;
    struct listener listener = {.job = job};
    const struct exec_opts *o = &x->opts;
    struct process_task task = {.argv = o->argv,
                                .envp = make_environment(x, oxq_job_fields(job), &arena),
                                .input = input,
                                .output_bytes_max = o->result_bytes_max,
                                .deadline_us = INT64_MAX,
                                .end_ms = o->end_ms,
                                .cancel_fd = oxq_job_cancel_fd(job),
                                .stop_fd = o->stop_fd,
                                .guard = o->guard,
                                .on_error_line = o->logs_stderr ? log_line : NULL,
                                .on_control_line = take_control_line,
                                .ctx = &listener};
    if (o->deadline_ms > 0) task.deadline_us = clock_mono_us(os_clock()) + o->deadline_ms * 1000;
    oxq_err e = process_run(&task, &end, &err);
    if (e == OXQ_ERR_AGAIN) out->delay_ms = o->retry_after_ms;
    if (e)
        outcome_set(out, e == OXQ_ERR_AGAIN ? OUTCOME_LATER : OUTCOME_FAILED, "%s", err.text);
    else if (end.cut != PROCESS_WHOLE)
        tell_cut(x, job, &end, out);
    else
        tell_end(x, &end, out);
    process_end_deinit(&end);
    arena_deinit(&arena);
}

void exec_run(void *exec, oxq_job *job, struct outcome *out)
{
    const struct oxq_job_fields *f = oxq_job_fields(job);
    struct buf input = {.limit_bytes =
                            f->data_bytes * PAYLOAD_GROWTH + PAYLOAD_SLACK_BYTES + strlen(f->opts ? f->opts : "")};
    oxq_err e = payload_put(&input, f);
    if (e)
        outcome_set(out, OUTCOME_FAILED, "the job as JSON: %s", oxq_err_text(e));
    else
        run_process(exec, job, buf_borrow(&input), out);
    buf_deinit(&input);
}
