/* SPDX-License-Identifier: MIT */
/*
 * oxq bench: how fast a store is, seen from here. In a queue of its own, which it removes again:
 *
 *   add       jobs in batches of BATCH_JOBS
 *   process   a worker of this process takes and completes them
 *   latency   one job at a time, from before it is added until its handler begins: what a job waits when nothing else does
 *
 * How durable the store is decides more than all else: it is asked, and told. A worker tries again for ever; we do not: when its errors keep it
 * from any job for as long as one waits for the store (--timeout), that is the end. Some time later it is one without errors too, as when
 * somebody pauses the queue.
 */
#include "base/mem.h"
#include "cli/durability.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/store.h"
#include "cli/text.h"
#include "codec/json_writer.h"
#include "os/clock.h"
#include "os/random.h"
#include "os/thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_JOBS 1000
#define BATCH_BYTES ((size_t)4 << 20)
#define LATENCY_JOBS_MAX 1000
#define JOBS_DEFAULT 20000
#define CONCURRENCY_DEFAULT 16
#define SIZE_DEFAULT 200
#define CLOSE_MS 10000
/* So many time-outs without a job are too many where nothing fails: a slow machine may be late. */
#define SILENT_TIMEOUTS 6
/* Between two looks at Ctrl-C. */
#define LOOK_US 100000

static const char help[] =
    "Usage: oxq bench [flags]\n\n"
    "Measures how fast jobs are added and processed, and how long one takes from its adding to its handler, in a queue of\n"
    "its own that it removes again. Says how durable the store is: that decides more than all else.\n\n"
    "  --jobs <number>         20000\n"
    "  --concurrency <number>  jobs at a time, 16\n"
    "  --size <bytes>          of each job's data, 200\n";

struct bench {
    struct cli_store store;
    int64_t jobs, concurrency, size, timeout_ms;
    char *data; /* owned: JSON of `size` bytes */
    struct progress progress;
    char durability[DURABILITY_CHARS];

    struct lock lock;
    int64_t done_count;      /* handlers that ran; inside lock */
    int64_t begun_us;        /* when the last one began; inside lock */
    char failure[256];       /* what a worker told; inside lock */
    int64_t failed_us;       /* when it told that; inside lock */
    int64_t stuck_ms;        /* how long it then got no job; inside lock */
    double add_s, process_s; /* results */
    int64_t p50_us, p99_us, latency_jobs;
};

/* ---------------------------------------------------------------- the worker */

static oxq_outcome on_job(oxq_job *job, void *ctx)
{
    struct bench *b = ctx;
    int64_t now_us = clock_mono_us(os_clock());
    (void)job;
    lock_enter(&b->lock);
    b->done_count++;
    b->begun_us = now_us;
    lock_notify(&b->lock);
    lock_leave(&b->lock);
    return OXQ_DONE;
}

static void on_event(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    struct bench *b = ctx;
    (void)worker;
    if (event->kind != OXQ_WORKER_ERROR) return;
    lock_enter(&b->lock);
    snprintf(b->failure, sizeof(b->failure), "%s", event->text);
    b->failed_us = clock_mono_us(os_clock());
    lock_leave(&b->lock);
}

/* No job since `from_us` or the last one: for too long. Inside the lock. */
static bool is_stuck(struct bench *b, int64_t from_us)
{
    int64_t moved_us = b->begun_us > from_us ? b->begun_us : from_us;
    int64_t patience_ms = b->failed_us > moved_us ? b->timeout_ms : SILENT_TIMEOUTS * b->timeout_ms;
    if (clock_mono_us(os_clock()) - moved_us <= patience_ms * 1000) return false;
    b->stuck_ms = patience_ms;
    return true;
}

/* Until so many handlers have run. False: interrupted, or the worker is stuck. */
static bool wait_until_done(struct bench *b, int64_t count, const char *what)
{
    int64_t from_us = clock_mono_us(os_clock());
    lock_enter(&b->lock);
    while (b->done_count < count && !interrupt_came() && !is_stuck(b, from_us)) {
        (void)lock_wait(&b->lock, clock_mono_us(os_clock()) + LOOK_US);
        int64_t done = b->done_count;
        lock_leave(&b->lock);
        if (what) progress_show(&b->progress, (uint64_t)done, (uint64_t)count, (uint64_t)done);
        lock_enter(&b->lock);
    }
    bool is_done = b->done_count >= count;
    lock_leave(&b->lock);
    return is_done;
}

/* After wait_until_done was false. Returns an exit code. */
static int tell_end(const struct bench *b)
{
    if (interrupt_came()) return CLI_OK;
    return cli_fail("no job was taken for %" PRId64 " ms%s: given up", b->stuck_ms,
                    b->failure[0] ? "" : ", and the worker had no error (is its queue paused?)");
}

/* ---------------------------------------------------------------- what is measured */

static oxq_err add_batch(struct bench *b, oxq_batch *batch, int64_t count, struct oxq_error *err)
{
    oxq_err e = OXQ_OK;
    for (int64_t i = 0; !e && i < count; i++) e = oxq_batch_add(batch, b->store.queue, "bench", b->data, NULL, err);
    if (!e) e = oxq_batch_run(batch, err);
    for (size_t i = 0; !e && i < oxq_batch_count(batch); i++) e = oxq_batch_error(batch, i, err);
    return e;
}

static int measure_adding(struct bench *b)
{
    oxq_batch *batch;
    struct oxq_error err;
    int64_t at_once = (int64_t)(BATCH_BYTES / (size_t)b->size), added = 0;
    if (at_once > BATCH_JOBS) at_once = BATCH_JOBS;
    if (at_once < 1) at_once = 1;
    oxq_err e = oxq_batch_new(b->store.store, NULL, &batch, &err);
    if (e) return cli_result(e, &err);
    progress_begin(&b->progress, "add", "jobs", false);
    int64_t start_us = clock_mono_us(os_clock());
    while (!e && added < b->jobs && !interrupt_came()) {
        int64_t count = b->jobs - added < at_once ? b->jobs - added : at_once;
        e = add_batch(b, batch, count, &err);
        added += count;
        progress_show(&b->progress, (uint64_t)added, (uint64_t)b->jobs, (uint64_t)added);
    }
    b->add_s = (double)(clock_mono_us(os_clock()) - start_us) / 1e6;
    progress_clear(&b->progress);
    oxq_batch_free(batch);
    return cli_result(e, &err);
}

static int measure_processing(struct bench *b, oxq_worker *worker)
{
    struct oxq_error err;
    progress_begin(&b->progress, "process", "jobs", false);
    int64_t start_us = clock_mono_us(os_clock());
    oxq_worker_resume(worker);
    bool is_done = wait_until_done(b, b->jobs, "process");
    /* The last handlers have run; their jobs are completed when nothing runs any more. */
    oxq_err e = is_done ? oxq_worker_wait_until_idle(worker, CLOSE_MS, &err) : OXQ_OK;
    b->process_s = (double)(clock_mono_us(os_clock()) - start_us) / 1e6;
    progress_clear(&b->progress);
    return is_done ? cli_result(e, &err) : tell_end(b);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int measure_latency(struct bench *b)
{
    struct oxq_error err;
    int64_t us[LATENCY_JOBS_MAX], count = 0, wanted = b->jobs < LATENCY_JOBS_MAX ? b->jobs : LATENCY_JOBS_MAX;
    oxq_err e = OXQ_OK;
    bool is_done = true;
    progress_begin(&b->progress, "latency", "jobs", false);
    while (count < wanted && !interrupt_came()) {
        int64_t start_us = clock_mono_us(os_clock());
        e = oxq_queue_add(b->store.queue, "bench", b->data, NULL, NULL, &err);
        is_done = !e && wait_until_done(b, b->jobs + count + 1, NULL);
        if (!is_done) break;
        us[count++] = b->begun_us - start_us;
        progress_show(&b->progress, (uint64_t)count, (uint64_t)wanted, (uint64_t)count);
    }
    progress_clear(&b->progress);
    if (e) return cli_result(e, &err);
    if (!is_done) return tell_end(b);
    b->latency_jobs = count;
    if (count == 0) return CLI_OK;
    qsort(us, (size_t)count, sizeof(us[0]), compare);
    b->p50_us = us[count / 2];
    b->p99_us = us[count * 99 / 100];
    return CLI_OK;
}

static int measure(struct bench *b)
{
    oxq_worker *worker;
    struct oxq_error err;
    struct oxq_worker_opts opts = {
        .name = "oxq-bench", .concurrency = (size_t)b->concurrency, .is_started_paused = true, .on_event = on_event};
    int code = measure_adding(b);
    if (code || interrupt_came()) return code;
    oxq_err e = oxq_worker_open(b->store.store, oxq_queue_name(b->store.queue), &opts, on_job, b, &worker, &err);
    if (e) return cli_result(e, &err);
    code = measure_processing(b, worker);
    if (!code && !interrupt_came()) code = measure_latency(b);
    e = oxq_worker_close(worker, CLOSE_MS, &err);
    if (!code) code = cli_result(e, &err);
    if (b->failure[0]) (void)cli_fail("the worker said: %s", b->failure);
    return code;
}

/* ---------------------------------------------------------------- what is told */

static double per_second(int64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static int print_json(const struct bench *b)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = 4096};
    struct json_writer w = {.out = &text};
    const struct {
        const char *name;
        double value;
    } rates[] = {{"add_per_second", per_second(b->jobs, b->add_s)},
                 {"process_per_second", per_second(b->jobs, b->process_s)},
                 {"lifecycle_per_second", per_second(b->jobs, b->add_s + b->process_s)},
                 {"latency_p50_ms", (double)b->p50_us / 1000},
                 {"latency_p99_ms", (double)b->p99_us / 1000}};
    json_write_open(&w, '{');
    json_write_name(&w, "durability");
    json_write_text(&w, slice_from_text(b->durability));
    json_write_name(&w, "jobs");
    json_write_integer(&w, b->jobs);
    json_write_name(&w, "bytes");
    json_write_integer(&w, b->size);
    json_write_name(&w, "concurrency");
    json_write_integer(&w, b->concurrency);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) text_write_real(&w, rates[i].name, rates[i].value);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static void print_rate(const char *what, int64_t jobs, double seconds, const char *how)
{
    char text[PROGRESS_TEXT_CHARS];
    printf("%-14s %10s jobs/s  %s\n", what, progress_count((uint64_t)per_second(jobs, seconds), text), how);
}

static void print_people(const struct bench *b)
{
    char jobs[PROGRESS_TEXT_CHARS], how[128];
    printf("%s jobs of %" PRId64 " bytes; %s\n\n", progress_count((uint64_t)b->jobs, jobs), b->size, b->durability);
    snprintf(how, sizeof(how), "in batches of up to %d", BATCH_JOBS);
    print_rate("add", b->jobs, b->add_s, how);
    snprintf(how, sizeof(how), "%" PRId64 " at a time, in one process", b->concurrency);
    print_rate("process", b->jobs, b->process_s, how);
    print_rate("lifecycle", b->jobs, b->add_s + b->process_s, "added and then processed");
    printf("%-14s %10.3f ms      p50 from add to handler, of %" PRId64 " jobs one at a time\n", "latency",
           (double)b->p50_us / 1000, b->latency_jobs);
    printf("%-14s %10.3f ms      p99\n", "", (double)b->p99_us / 1000);
}

/* ---------------------------------------------------------------- the command */

static void fill_data(struct bench *b)
{
    size_t bytes = (size_t)b->size;
    b->data = mem_alloc(bytes + 1);
    memset(b->data, 'x', bytes);
    b->data[0] = b->data[bytes - 1] = '"';
    b->data[bytes] = '\0';
}

static int run(struct bench *b)
{
    char name[32] = "oxq-bench-";
    struct oxq_error err;
    random_hex(name + strlen(name), 12);
    fill_data(b);
    b->store.makes_store = true;
    int code = cli_open_queue(&b->store, name);
    if (code) return code;
    durability_ask(&b->store, b->durability);
    interrupt_catch();
    code = measure(b);
    int removed = cli_result(oxq_queue_obliterate(b->store.queue, true, NULL, &err), &err);
    if (removed) (void)cli_fail("the queue %s is left: oxq obliterate %s --force", name, name);
    if (!code && interrupt_came()) code = cli_fail("stopped");
    if (code) return code;
    if (b->store.is_json)
        code = print_json(b);
    else
        print_people(b);
    return code ? code : removed;
}

int cli_bench(int argc, char **argv)
{
    struct bench b = {.jobs = JOBS_DEFAULT,
                      .concurrency = CONCURRENCY_DEFAULT,
                      .size = SIZE_DEFAULT,
                      .timeout_ms = CLI_TIMEOUT_MS_DEFAULT};
    const char *jobs = NULL, *concurrency = NULL, *size = NULL;
    const struct cli_flag own[] = {
        {"--jobs", &jobs, NULL}, {"--concurrency", &concurrency, NULL}, {"--size", &size, NULL}};
    int code = cli_take_store(&argc, argv, &b.store, own, sizeof(own) / sizeof(own[0]));
    if (code) return code;
    if (b.store.is_help) return cli_print_help(help);
    if (argc > 0) return cli_refuse("bench takes flags alone, not '%s'", argv[0]);
    code = cli_read_number("--jobs", jobs, 1, 100000000, &b.jobs);
    if (!code) code = cli_read_number("--concurrency", concurrency, 1, 1024, &b.concurrency);
    if (!code) code = cli_read_number("--size", size, 2, 16 << 20, &b.size);
    if (!code) code = cli_read_number("--timeout", b.store.timeout, 1, INT32_MAX, &b.timeout_ms);
    lock_init(&b.lock);
    if (!code) code = run(&b);
    cli_store_deinit(&b.store);
    lock_deinit(&b.lock);
    mem_free(b.data);
    return code;
}
