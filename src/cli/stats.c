/* SPDX-License-Identifier: MIT */
#include "cli/stats.h"

#include "cli/progress.h"
#include "cli/store.h"
#include "os/clock.h"

#include <string.h>

#define SAMPLE_DEFAULT 1000

static const char help[] =
    "Usage: oxq stats QUEUE [flags]\n\n"
    "How a queue does: its counts; of the newest 1,000 completed and the newest 1,000 failed jobs how many attempts they\n"
    "took, how long they waited and ran, and their errors in groups, where numbers, ids and quoted texts make no\n"
    "difference; and jobs per minute, where workers count them (metrics).\n\n"
    "  --sample <number>  look at so many of each\n"
    "  --all              look at all of them\n";

static void deinit(struct stats *s)
{
    groups_deinit(&s->errors);
}

/* ---------------------------------------------------------------- jobs */

static void count_job(struct stats *s, const struct oxq_job_fields *f, bool has_failed)
{
    int64_t attempts = f->attempts_made < STATS_ATTEMPTS ? f->attempts_made : STATS_ATTEMPTS;
    if (attempts >= 0) s->attempts[attempts]++;
    if (f->processed_ms && f->attempts_started <= 1)
        spread_add(&s->waited, f->processed_ms - f->added_ms - f->delay_ms);
    if (f->processed_ms && f->finished_ms) spread_add(&s->ran, f->finished_ms - f->processed_ms);
    if (!has_failed) {
        s->completed++;
        return;
    }
    s->failed++;
    groups_add(&s->errors, f->failure ? f->failure : "", f->id, f->finished_ms);
}

static int read_jobs(struct stats *s, oxq_queue *queue, oxq_state state, int64_t sample)
{
    oxq_list *list;
    oxq_job *job = NULL;
    struct oxq_error err;
    struct progress progress;
    struct oxq_list_opts opts = {.states = 1u << state, .count = sample, .newest_first = true, .without_data = true};
    int code = cli_result(oxq_queue_list(queue, &opts, &list, &err), &err);
    if (code) return code;
    int64_t total = sample > 0 && sample < s->counts.of[state] ? sample : s->counts.of[state];
    progress_begin(&progress, oxq_state_name(state), "jobs", false);
    for (int64_t seen = 1; !(code = cli_result(oxq_list_next(list, &job, NULL, &err), &err)) && job; seen++) {
        count_job(s, oxq_job_fields(job), state == OXQ_STATE_FAILED);
        progress_show(&progress, (uint64_t)seen, (uint64_t)total, (uint64_t)seen);
    }
    progress_clear(&progress);
    oxq_list_free(list);
    return code;
}

int stats_percent_from(const struct stats *s, int attempts)
{
    int64_t all = 0, some = 0;
    for (int i = 0; i <= STATS_ATTEMPTS; i++) {
        all += s->attempts[i];
        if (i >= attempts) some += s->attempts[i];
    }
    return all > 0 ? (int)(some * 100 / all) : 0;
}

/* ---------------------------------------------------------------- the command */

static oxq_err read_minutes(struct stats_minutes *m, oxq_queue *queue, oxq_state state, struct oxq_error *err)
{
    m->metrics = (struct oxq_metrics){.per_minute = m->points, .cap = STATS_MINUTES};
    return oxq_queue_metrics(queue, state, &m->metrics, err);
}

static int read_all(struct stats *s, oxq_queue *queue, int64_t sample)
{
    struct oxq_error err;
    s->queue = oxq_queue_name(queue);
    oxq_err e = oxq_queue_counts(queue, &s->counts, &err);
    if (!e) e = read_minutes(&s->completed_minutes, queue, OXQ_STATE_COMPLETED, &err);
    if (!e) e = read_minutes(&s->failed_minutes, queue, OXQ_STATE_FAILED, &err);
    int code = cli_result(e, &err);
    if (!code) code = read_jobs(s, queue, OXQ_STATE_COMPLETED, sample);
    if (!code) code = read_jobs(s, queue, OXQ_STATE_FAILED, sample);
    return code;
}

int cli_stats(int argc, char **argv)
{
    OWNED(cli_store_deinit) struct cli_store store = {0};
    OWNED(deinit) struct stats s = {.errors = {.map = {.key_of = groups_key}}};
    const char *sample_text = NULL;
    bool is_all = false;
    int64_t sample = SAMPLE_DEFAULT;
    const struct cli_flag flags[] = {{"--sample", &sample_text, NULL}, {"--all", NULL, &is_all}};
    int code = cli_take_store(&argc, argv, &store, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (store.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("stats takes the name of a queue: oxq stats QUEUE");
    if (is_all && sample_text) return cli_refuse("--sample and --all exclude each other");
    code = cli_read_number("--sample", sample_text, 1, INT64_MAX, &sample);
    if (!code) code = cli_open_queue(&store, argv[0]);
    if (!code) code = read_all(&s, store.queue, is_all ? 0 : sample);
    if (code) return code;
    return store.is_json ? stats_print_json(&s) : stats_print(&s, clock_wall_ms(os_clock()));
}
