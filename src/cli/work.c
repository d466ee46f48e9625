/* SPDX-License-Identifier: MIT */
/* oxq work: flags for src/runner/. */
#include "cli/store.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"
#include "os/process.h"
#include "os/signals.h"
#include "os/thread.h"
#include "runner/exec.h"
#include "runner/process.h"
#include "runner/push.h"
#include "runner/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONCURRENCY_MAX 4096
/* Both ends of a program's four pipes while it is started; a request needs fewer. And what there is beside them. */
#define FILES_PER_JOB 8
#define FILES_FIXED 48
#define DEADLINE_MS_PUSH 30000
#define CONNECT_TIMEOUT_MS 10000
#define RETRY_AFTER_MS 30000
#define GRACE_MS 30000
#define END_MS 5000
/* Beside end_ms, for the system to do it. */
#define END_SLACK_MS 5000
#define RESULT_BYTES_MAX ((int64_t)16 << 20)
#define SECRETS_BYTES_MAX ((size_t)64 * 1024)

static const char help[] =
    "Usage: oxq work QUEUE --exec CMD [flags]\n"
    "       oxq work QUEUE [flags] -- PROGRAM [ARGUMENT...]\n"
    "       oxq work QUEUE --push URL [flags]\n\n"
    "Takes the jobs of a queue and runs a program, or sends an HTTP request, for each. The program has the job as a line\n"
    "of JSON on standard input and OXQ_JOB_ID, OXQ_ATTEMPT ... in its environment; what it prints is the result, exit code\n"
    "75 means later, any other but 0 a failure with standard error as the reason. The request is a POST of the job's data;\n"
    "2xx completes the job, 429 and 503 with Retry-After put it off until then, 408, 425, 5xx and no answer fail the\n"
    "attempt, all else fails the job for good. See oxq-work(1).\n\n"
    "  --exec <cmd>          a line for /bin/sh; after -- a program and its arguments, without a shell\n"
    "  --push <url>          http:// or https://\n"
    "  --concurrency <n>     jobs at a time, 1\n"
    "  --deadline <time>     of a job: then the program and all that it started are ended; none for --exec, 30s for --push\n"
    "  --retry-after <time>  until a job comes again after exit code 75, or 429 without Retry-After, 30s\n"
    "  --limit <n>/<time>    at most so many jobs are begun in that time, over all workers that say the same: 100/1m\n"
    "  --lock <time>         how long a job stays ours when this process dies, 30s\n"
    "  --starts-max <n>      a job is begun so often at most, whatever attempts are left\n"
    "  --name <text>         of this worker, where workers are listed\n"
    "  --result-max <bytes>  of a result, 16777216\n"
    "  --drain               end when nothing waits\n"
    "  --count <n>           end after n jobs\n"
    "  --grace <time>        how long jobs may go on after SIGTERM or SIGINT, 30s; a second signal interrupts them at once\n"
    "  --quiet               no line for what went well\n"
    "For --exec:\n"
    "  --kill-after <time>   from SIGTERM to SIGKILL, 5s\n"
    "  --log-stderr          each line of standard error is a line of the job's log\n"
    "For --push:\n"
    "  --secret <file>       sign with the secrets in it, one a line; otherwise with OXQ_PUSH_SECRET, if it is set\n"
    "  --connect-timeout <time>  10s\n"
    "  --ca <file>           whom to trust, for https://; otherwise the system's authorities\n";

/* The flags as they were given, and what they mean. */
struct work {
    const char *exec, *push, *concurrency, *deadline, *retry_after, *limit, *lock, *starts_max, *name, *result_max;
    const char *count, *grace, *kill_after, *secret, *connect_timeout, *ca;
    bool is_quiet, logs_stderr;

    const char *argv[4];        /* of --exec */
    const char *const *program; /* NULL: push */
    struct webhook_secrets secrets;
    struct exec_opts exec_opts;
    struct push_opts push_opts;
    struct guard guard; /* of --exec */
    struct runner_opts runner;
    int64_t result_bytes_max;
    int stop_fd;
};

/* ---------------------------------------------------------------- flags */

static int take_flags(int *argc, char **argv, struct work *w, struct cli_store *s)
{
    const struct cli_flag own[] = {
        {"--exec", &w->exec, NULL},
        {"--push", &w->push, NULL},
        {"--concurrency", &w->concurrency, NULL},
        {"--deadline", &w->deadline, NULL},
        {"--retry-after", &w->retry_after, NULL},
        {"--limit", &w->limit, NULL},
        {"--lock", &w->lock, NULL},
        {"--starts-max", &w->starts_max, NULL},
        {"--name", &w->name, NULL},
        {"--result-max", &w->result_max, NULL},
        {"--drain", NULL, &w->runner.is_drain},
        {"--count", &w->count, NULL},
        {"--grace", &w->grace, NULL},
        {"--quiet", NULL, &w->is_quiet},
        {"--kill-after", &w->kill_after, NULL},
        {"--log-stderr", NULL, &w->logs_stderr},
        {"--secret", &w->secret, NULL},
        {"--connect-timeout", &w->connect_timeout, NULL},
        {"--ca", &w->ca, NULL},
    };
    return cli_take_store(argc, argv, s, own, sizeof(own) / sizeof(own[0]));
}

/* Cuts argv at "--": what follows is the program's. NULL: there is none. */
static const char *const *cut_program(int *argc, char **argv)
{
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--") != 0) continue;
        *argc = i;
        return (const char *const *)&argv[i + 1];
    }
    return NULL;
}

static int read_worker(const struct work *w, struct oxq_worker_opts *out)
{
    int64_t concurrency = 1;
    int code = cli_read_number("--concurrency", w->concurrency, 1, CONCURRENCY_MAX, &concurrency);
    if (!code) code = cli_read_number("--starts-max", w->starts_max, 1, INT32_MAX, &out->attempts_started_max);
    if (!code) code = cli_read_span("--lock", w->lock, 1000, &out->lock_ms);
    if (!code) code = cli_read_rate("--limit", w->limit, &out->limiter_max, &out->limiter_ms);
    out->concurrency = (size_t)concurrency;
    out->name = w->name;
    return code;
}

/* Jobs would be put off one after the other where there are too few. */
static int raise_files(size_t concurrency)
{
    size_t want = concurrency * FILES_PER_JOB + FILES_FIXED, got = process_raise_files(want);
    if (got >= want) return CLI_OK;
    return cli_refuse(
        "--concurrency %zu needs %zu open files and the limit is %zu: raise that (ulimit -n), or do fewer at a time",
        concurrency, want, got);
}

static int read_values(struct work *w)
{
    struct runner_opts *r = &w->runner;
    int64_t retry_after_ms = RETRY_AFTER_MS, deadline_ms = w->program ? 0 : DEADLINE_MS_PUSH;
    w->result_bytes_max = RESULT_BYTES_MAX;
    w->exec_opts.end_ms = END_MS;
    w->push_opts.connect_timeout_ms = CONNECT_TIMEOUT_MS;
    r->grace_ms = GRACE_MS;
    int code = read_worker(w, &r->worker);
    if (!code) code = cli_read_span("--deadline", w->deadline, 1, &deadline_ms);
    if (!code) code = cli_read_span("--retry-after", w->retry_after, 0, &retry_after_ms);
    if (!code) code = cli_read_span("--grace", w->grace, 0, &r->grace_ms);
    if (!code) code = cli_read_span("--kill-after", w->kill_after, 0, &w->exec_opts.end_ms);
    if (!code) code = cli_read_span("--connect-timeout", w->connect_timeout, 1, &w->push_opts.connect_timeout_ms);
    if (!code) code = cli_read_number("--count", w->count, 1, INT64_MAX, &r->count_max);
    if (!code) code = cli_read_number("--result-max", w->result_max, 1, INT32_MAX, &w->result_bytes_max);
    w->exec_opts.retry_after_ms = w->push_opts.retry_after_ms = retry_after_ms;
    w->exec_opts.deadline_ms = w->push_opts.deadline_ms = deadline_ms;
    w->exec_opts.result_bytes_max = w->push_opts.result_bytes_max = (size_t)w->result_bytes_max;
    r->end_ms = w->exec_opts.end_ms + END_SLACK_MS;
    if (r->count_max > 0 && r->worker.concurrency > (size_t)r->count_max) r->worker.concurrency = (size_t)r->count_max;
    return code ? code : raise_files(r->worker.concurrency > 0 ? r->worker.concurrency : 1);
}

/* What is to be done, one of three forms. */
static int read_kind(struct work *w, int argc)
{
    if (argc != 1) return cli_refuse("work takes the name of one queue: oxq work QUEUE --exec CMD");
    if ((w->exec != NULL) + (w->push != NULL) + (w->program != NULL) != 1)
        return cli_refuse("work needs one of --exec CMD, --push URL and -- PROGRAM, to know what to do with a job");
    if (w->push && (w->kill_after || w->logs_stderr)) return cli_refuse("--kill-after and --log-stderr are for --exec");
    if (!w->push && (w->secret || w->connect_timeout || w->ca))
        return cli_refuse("--secret, --connect-timeout and --ca are for --push");
    if (w->exec) {
        w->argv[0] = "/bin/sh";
        w->argv[1] = "-c";
        w->argv[2] = w->exec;
        w->program = w->argv;
    }
    if (w->program && !w->program[0]) return cli_refuse("the program after -- is missing");
    struct oxq_error err;
    if (w->program && process_find(w->program[0], &err)) return cli_refuse("%s", err.text);
    return CLI_OK;
}

static int read_secrets(struct work *w)
{
    struct oxq_error err;
    OWNED(buf_deinit) struct buf text = {.limit_bytes = SECRETS_BYTES_MAX};
    const char *from = w->secret ? NULL : getenv("OXQ_PUSH_SECRET");
    if (!w->secret && (!from || !from[0])) return CLI_OK;
    if (w->secret && file_read(w->secret, &text, &err)) return cli_refuse("--secret: %s", err.text);
    struct slice secrets = w->secret ? buf_borrow(&text) : slice_from_text(from);
    if (webhook_read_secrets(secrets, &w->secrets, &err))
        return cli_refuse("%s: %s", w->secret ? w->secret : "OXQ_PUSH_SECRET", err.text);
    return CLI_OK;
}

/* ---------------------------------------------------------------- work */

static int run(struct work *w, struct cli_store *s)
{
    struct oxq_error err;
    oxq_err e = runner_run(s->store, &w->runner, &err);
    /* Runs that have not ended need all that they have until the process is gone. */
    if (e == OXQ_ERR_TIMEOUT) s->store = NULL;
    return cli_result(e, &err);
}

static int run_exec(struct work *w, struct cli_store *s)
{
    w->exec_opts.argv = w->program;
    w->exec_opts.url = s->opened_url;
    w->exec_opts.password = s->password;
    w->exec_opts.logs_stderr = w->logs_stderr;
    w->exec_opts.stop_fd = w->stop_fd;
    w->exec_opts.guard = &w->guard;
    struct exec *x = exec_new(&w->exec_opts);
    w->runner.run = exec_run;
    w->runner.ctx = x;
    int code = run(w, s);
    if (!s->store) return code;
    exec_free(x);
    guard_close(&w->guard);
    return code;
}

static int run_push(struct work *w, struct cli_store *s, struct push *p)
{
    w->runner.run = push_run;
    w->runner.ctx = p;
    int code = run(w, s);
    if (s->store) push_free(p);
    return code;
}

static int open_signals(struct work *w)
{
    struct oxq_error err;
    oxq_err e = signals_open(&w->runner.signals_fd, &err);
    if (!e) e = waker_open(&w->stop_fd, &err);
    w->runner.stop_fd = w->stop_fd;
    return cli_result(e, &err);
}

static int work(struct work *w, struct cli_store *s)
{
    struct push *p = NULL;
    struct oxq_error err;
    int code = open_signals(w);
    if (code) return code;
    w->push_opts.url = w->push;
    w->push_opts.secrets = &w->secrets;
    w->push_opts.ca = w->ca;
    w->push_opts.stop_fd = w->stop_fd;
    if (w->push) code = cli_result(push_new(&w->push_opts, &p, &err), &err);
    /* Before there is a store, which may be large. */
    if (!code && !w->push) code = cli_result(guard_open(&w->guard, w->exec_opts.end_ms, &err), &err);
    if (!code) code = cli_open_queue(s, w->runner.queue);
    if (code) {
        push_free(p);
        return code;
    }
    log_start(STDERR_FILENO, os_clock());
    log_set_level(w->is_quiet ? LOG_WARNING : LOG_INFO);
    log_set_format(s->is_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
    return p ? run_push(w, s, p) : run_exec(w, s);
}

int cli_work(int argc, char **argv)
{
    OWNED(cli_store_deinit) struct cli_store s = {0};
    struct work w = {.program = cut_program(&argc, argv)};
    int code = take_flags(&argc, argv, &w, &s);
    if (code) return code;
    if (s.is_help) return cli_print_help(help);
    s.makes_store = true;
    code = read_kind(&w, argc);
    if (!code) code = read_values(&w);
    if (!code && w.push) code = read_secrets(&w);
    w.runner.queue = argv[0];
    if (!code) code = work(&w, &s);
    webhook_secrets_deinit(&w.secrets);
    return code;
}
