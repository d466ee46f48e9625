/* SPDX-License-Identifier: MIT */
#include "cli/tally.h"
#include "os/clock.h"

#include <string.h>

const char cli_filter_help[] =
    "  --name <text>          only jobs of this name\n"
    "  --error <text>         only jobs whose error contains this\n"
    "  --data <path[=value]>  only jobs that have something at this place of their data, or this: /user/id=7\n"
    "  --older <time>         only jobs added longer ago than this: 250ms, 5s, 10m, 2h, 7d\n"
    "  --newer <time>         only jobs added since then\n"
    "  --count <number>       at most so many\n"
    "  --rate <number/s>      so many in each second: 10/s\n";

bool cli_filter_is_given(const struct cli_filter *f)
{
    return f->state || f->name || f->error || f->data || f->older || f->newer || f->count;
}

static int read_data(const char *text, struct arena *arena, struct oxq_list_opts *out)
{
    if (!text) return CLI_OK;
    if (text[0] != '/') return cli_refuse("--data %s: write a place in the data, such as /user/id or /user/id=7", text);
    const char *equals = strchr(text, '=');
    out->data_path = equals ? arena_copy_text(arena, slice_of(text, (size_t)(equals - text))) : text;
    out->data_value = equals ? equals + 1 : NULL;
    return CLI_OK;
}

static int read_ages(const struct cli_filter *f, struct oxq_list_opts *out)
{
    int64_t now_ms = clock_wall_ms(os_clock()), older_ms = 0, newer_ms = 0;
    int code = cli_read_duration("--older", f->older, &older_ms);
    if (!code) code = cli_read_duration("--newer", f->newer, &newer_ms);
    if (f->older) out->added_to_ms = now_ms - older_ms > 1 ? now_ms - older_ms : 1;
    if (f->newer) out->added_from_ms = now_ms - newer_ms > 1 ? now_ms - newer_ms : 1;
    return code;
}

static int read_rate(const char *text, struct arena *arena, int64_t *out)
{
    if (!text) return CLI_OK;
    const char *slash = strchr(text, '/');
    if (slash && strcmp(slash, "/s") != 0)
        return cli_refuse("--rate %s: it must be a number a second, such as 10/s", text);
    return cli_read_number("--rate", slash ? arena_copy_text(arena, slice_of(text, (size_t)(slash - text))) : text, 1,
                           INT32_MAX, out);
}

int cli_filter_read(const struct cli_filter *f, struct arena *arena, struct oxq_list_opts *out, int64_t *out_limit,
                    int64_t *out_per_second)
{
    oxq_state state = OXQ_STATE_UNKNOWN;
    *out = (struct oxq_list_opts){.name = f->name, .failure = f->error};
    *out_limit = *out_per_second = 0;
    int code = cli_read_state("--state", f->state, &state);
    if (f->state) out->states = 1U << state;
    if (!code) code = read_data(f->data, arena, out);
    if (!code) code = read_ages(f, out);
    if (!code) code = cli_read_number("--count", f->count, 1, INT64_MAX, out_limit);
    if (!code) code = read_rate(f->rate, arena, out_per_second);
    return code;
}

int cli_filter_count(struct cli_store *s, const struct oxq_list_opts *which, bool (*is_meant)(oxq_job *job),
                     int64_t limit, int64_t *out)
{
    struct oxq_list_opts opts = *which;
    struct oxq_error err;
    struct progress progress;
    oxq_list *list;
    oxq_job *job = NULL;
    int64_t count = 0;
    opts.without_data = !opts.data_path && !is_meant;
    int code = cli_result(oxq_queue_list(s->queue, &opts, &list, &err), &err);
    if (code) return code;
    progress_begin(&progress, "look", "jobs", false);
    do {
        code = cli_result(oxq_list_next(list, &job, NULL, &err), &err);
        count += !code && job && (!is_meant || is_meant(job));
        progress_show(&progress, 0, 0, (uint64_t)count);
    } while (!code && job && (limit == 0 || count < limit));
    progress_clear(&progress);
    oxq_list_free(list);
    if (!code) *out = count;
    return code;
}
