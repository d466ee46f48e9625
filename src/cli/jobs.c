/* SPDX-License-Identifier: MIT */
/*
 * oxq jobs: what jobs a queue has. They are printed while they are read, a page at a time, so that a million of them need no more
 * memory than a few hundred.
 */
#include "cli/store.h"
#include "cli/table.h"
#include "cli/tally.h"
#include "cli/text.h"
#include "os/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of a table on a terminal, when nobody said how many. */
#define COUNT_DEFAULT 50
#define LINE_BYTES_MAX ((size_t)1 << 30)

static const char help[] =
    "Usage: oxq jobs QUEUE [flags]\n\n"
    "The jobs of a queue, state by state, the oldest first. A table on a terminal ends after 50; everything else has\n"
    "all of them.\n\n"
    "  --state <states>       only of these: waiting, active, delayed, prioritized, waiting-children, completed,\n"
    "                         failed; several with commas between them\n"
    "  --name <name>          only jobs of this name\n"
    "  --error <text>         only jobs whose error contains this\n"
    "  --data <path[=value]>  only jobs that have something at this place of their data, or this: /user/id=7\n"
    "  --older <time>         only jobs added longer ago than this: 250ms, 5s, 10m, 2h, 7d\n"
    "  --newer <time>         only jobs added since then\n"
    "  --count <number>       at most so many; 0: all\n"
    "  --skip <number>        pass over the first so many\n"
    "  --newest               the newest first\n"
    "  --ids                  only their ids, one a line: for xargs\n";

static const struct table_column columns[] = {
    {"ID", false}, {"NAME", false}, {"STATE", false}, {"ATTEMPTS", true},
    {"AGE", true}, {"RAN", true},   {"", false},      {0},
};

struct jobs_flags {
    struct cli_filter filter;
    const char *states, *count, *skip;
    bool is_newest, is_ids;
};

struct jobs {
    struct cli_store s;
    struct oxq_list_opts opts;
    struct arena texts; /* of the flags */
    struct arena row;   /* of the job that is printed */
    struct table table;
    bool is_ids, is_filtered;
    int64_t skip, count, shown; /* count 0: all */
    int64_t now_ms;
};

static void deinit(struct jobs *j)
{
    cli_store_deinit(&j->s);
    arena_deinit(&j->texts);
    arena_deinit(&j->row);
    table_deinit(&j->table);
}

/* ---------------------------------------------------------------- what is asked for */

static int read_states(struct jobs *j, const char *text)
{
    for (const char *p = text; p;) {
        size_t len = strcspn(p, ",");
        oxq_state state = OXQ_STATE_UNKNOWN;
        int code = cli_read_state("--state", arena_copy_text(&j->texts, slice_of(p, len)), &state);
        if (code) return code;
        j->opts.states |= 1u << state;
        p = p[len] ? p + len + 1 : NULL;
    }
    return CLI_OK;
}

/* A filter has to look at each job, and so has a skip over several states. */
static void plan_reading(struct jobs *j)
{
    const struct oxq_list_opts *o = &j->opts;
    unsigned states = o->states;
    j->is_filtered = o->name || o->failure || o->data_path || o->added_from_ms || o->added_to_ms;
    bool is_one_state = states != 0 && (states & (states - 1)) == 0;
    if (is_one_state && !j->is_filtered) {
        j->opts.skip = j->skip;
        j->skip = 0;
    }
    j->opts.without_data = !j->s.is_json && !o->data_path;
    if (j->count > 0 && j->count <= INT64_MAX - j->skip) j->opts.count = j->skip + j->count;
}

static int read_flags(struct jobs *j, const struct jobs_flags *f)
{
    bool is_table = !j->s.is_json && !f->is_ids;
    if (j->s.is_json && f->is_ids) return cli_refuse("--json and --ids exclude each other");
    j->count = is_table && isatty(STDOUT_FILENO) == 1 ? COUNT_DEFAULT : 0;
    j->is_ids = f->is_ids;
    int64_t no_limit, no_rate;
    int code = cli_filter_read(&f->filter, &j->texts, &j->opts, &no_limit, &no_rate);
    j->opts.newest_first = f->is_newest;
    if (!code) code = read_states(j, f->states);
    if (!code) code = cli_read_number("--count", f->count, 0, INT64_MAX, &j->count);
    if (!code) code = cli_read_number("--skip", f->skip, 0, INT64_MAX, &j->skip);
    if (!code) plan_reading(j);
    return code;
}

/* ---------------------------------------------------------------- what is shown */

static int print_json(struct json_writer *w, const oxq_job *job, oxq_state state)
{
    json_write_open(w, '{');
    text_write_job(w, job, state);
    json_write_close(w, '}');
    return text_end_line(w);
}

static void print_id(struct jobs *j, const char *id)
{
    puts(isatty(STDOUT_FILENO) == 1 ? table_clean(&j->row, id, false) : id);
    arena_reset(&j->row);
}

/* Why it is where it is, in a few words. */
static const char *tell(struct jobs *j, const struct oxq_job_fields *f, oxq_state state)
{
    char when[TEXT_WHEN_CHARS];
    int64_t due_ms = f->added_ms + f->delay_ms;
    if (state == OXQ_STATE_DELAYED && f->attempts_made == 0 && due_ms > j->now_ms) {
        char *out = arena_alloc(&j->row, TEXT_WHEN_CHARS);
        return strcpy(out, text_when(due_ms, j->now_ms, when));
    }
    if (f->failure && state != OXQ_STATE_COMPLETED) return text_first_line(&j->row, f->failure);
    bool has_progress = f->progress && strcmp(f->progress, "0") != 0 && state != OXQ_STATE_COMPLETED;
    return has_progress ? text_plain(&j->row, f->progress) : "";
}

static void print_row(struct jobs *j, const oxq_job *job, oxq_state state)
{
    const struct oxq_job_fields *f = oxq_job_fields(job);
    char text[TABLE_TEXT_CHARS];
    int64_t till_ms = f->finished_ms ? f->finished_ms : state == OXQ_STATE_ACTIVE ? j->now_ms : 0;
    table_cell(&j->table, "%s", f->id);
    table_cell(&j->table, "%s", f->name);
    table_cell(&j->table, "%s", oxq_state_name(state));
    table_cell(&j->table, "%lld/%lld", (long long)f->attempts_made, (long long)f->attempts_max);
    table_cell(&j->table, "%s", table_duration(j->now_ms - f->added_ms, text));
    table_cell(&j->table, "%s", f->processed_ms && till_ms ? table_duration(till_ms - f->processed_ms, text) : "-");
    table_cell(&j->table, "%s", tell(j, f, state));
    arena_reset(&j->row);
}

static int print_all(struct jobs *j)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer w = {.out = &line};
    struct oxq_error err;
    oxq_state state = OXQ_STATE_UNKNOWN;
    oxq_list *list;
    oxq_job *job;
    int code = cli_result(oxq_queue_list(j->s.queue, &j->opts, &list, &err), &err);
    if (code) return code;
    for (int64_t seen = 0; !code && !ferror(stdout); seen++) {
        code = cli_result(oxq_list_next(list, &job, &state, &err), &err);
        if (code || !job) break;
        if (seen < j->skip) continue;
        j->shown++;
        if (j->s.is_json)
            code = print_json(&w, job, state);
        else if (j->is_ids)
            print_id(j, oxq_job_id(job));
        else
            print_row(j, job, state);
    }
    oxq_list_free(list);
    if (!j->s.is_json && !j->is_ids) table_flush(&j->table);
    return code;
}

/* How many jobs are not in the table, for who might take it for all. */
static int tell_rest(const struct jobs *j)
{
    struct oxq_error err;
    struct oxq_counts counts;
    if (j->s.is_json || j->is_ids) return CLI_OK;
    if (j->shown == 0) fputs(j->is_filtered ? "no such jobs\n" : "no jobs\n", stderr);
    if (j->count == 0 || j->shown < j->count) return CLI_OK;
    if (j->is_filtered) {
        fprintf(stderr, "the first %lld; --count 0 shows all that fit\n", (long long)j->shown);
        return CLI_OK;
    }
    int code = cli_result(oxq_queue_counts(j->s.queue, &counts, &err), &err);
    if (code) return code;
    int64_t rest = -j->shown - j->skip - j->opts.skip;
    for (int state = OXQ_STATE_WAITING; state < OXQ_STATES_COUNT; state++) {
        if (j->opts.states == 0 || (j->opts.states & (1u << state))) rest += counts.of[state];
    }
    if (rest > 0) fprintf(stderr, "and %lld more; --count 0 shows all\n", (long long)rest);
    return CLI_OK;
}

int cli_jobs(int argc, char **argv)
{
    OWNED(deinit) struct jobs j = {.now_ms = clock_wall_ms(os_clock())};
    struct jobs_flags f = {0};
    const struct cli_flag flags[] = {
        {"--state", &f.states, NULL},     {"--name", &f.filter.name, NULL},   {"--error", &f.filter.error, NULL},
        {"--data", &f.filter.data, NULL}, {"--older", &f.filter.older, NULL}, {"--newer", &f.filter.newer, NULL},
        {"--count", &f.count, NULL},      {"--skip", &f.skip, NULL},          {"--newest", NULL, &f.is_newest},
        {"--ids", NULL, &f.is_ids},
    };
    int code = cli_take_store(&argc, argv, &j.s, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (j.s.is_help) return cli_print_help(help);
    if (argc != 1) return cli_refuse("jobs takes the name of a queue: oxq jobs QUEUE");
    code = read_flags(&j, &f);
    if (!code) code = cli_open_queue(&j.s, argv[0]);
    if (code) return code;
    table_init(&j.table, columns);
    code = print_all(&j);
    if (!code) code = tell_rest(&j);
    return code;
}
