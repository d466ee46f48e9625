/* SPDX-License-Identifier: MIT */
#include "cli/top.h"

#include "cli/screen.h"
#include "cli/store.h"
#include "cli/text.h"
#include "os/clock.h"

#include <stdio.h>
#include <unistd.h>

#define INTERVAL_MS_DEFAULT 1000
#define INTERVAL_MS_MIN 50
#define INTERVAL_MS_MAX 3600000
#define FRAME_BYTES_MAX ((size_t)16 << 20)

static const char help[] =
    "Usage: oxq top [QUEUE...] [flags]\n\n"
    "The queues of the store, or those named, drawn anew each second: how many jobs of each state they have, how many\n"
    "were added, completed and failed in a second, how long the next job has waited, and the latest failures. Rates\n"
    "are counted from the queues' events between two looks. Keys: q quit, p pause the view, s sort by the next column,\n"
    "r look for new queues, up and down.\n"
    "Where standard output is no terminal, one frame is printed.\n\n"
    "  --interval <time>  between two looks, 1s\n"
    "  --once             one frame, after one interval\n";

struct top {
    struct cli_store s;
    struct top_sampler sampler;
    const char *const *names; /* NULL: all */
    size_t names_count;
    int64_t interval_ms;
    struct top_view view;
    struct oxq_error problem;
    struct buf out; /* owned */
};

static void deinit(struct top *t)
{
    top_end(&t->sampler);
    buf_deinit(&t->out);
    cli_store_deinit(&t->s);
}

static oxq_err begin(struct top *t, struct oxq_error *err)
{
    return top_begin(&t->sampler, t->s.store, t->names, t->names_count, err);
}

static void fill_view(struct top *t)
{
    t->view.rows = t->sampler.rows;
    t->view.rows_count = t->sampler.count;
    t->view.interval_ms = t->interval_ms;
    t->view.now_ms = clock_wall_ms(os_clock());
    if (t->view.cursor >= t->view.rows_count) t->view.cursor = t->view.rows_count > 0 ? t->view.rows_count - 1 : 0;
}

/* ---------------------------------------------------------------- without a terminal */

static void write_rate(struct json_writer *w, const char *name, double per_second)
{
    if (per_second >= 0) text_write_real(w, name, per_second);
}

static void write_failures(struct json_writer *w, const struct top_row *row)
{
    json_write_name(w, "latestFailures");
    json_write_open(w, '[');
    for (size_t i = 0; i < row->failures_count; i++) {
        const struct top_failure *f = &row->failures[i];
        json_write_open(w, '{');
        json_write_some_integer(w, "finishedOn", f->at_ms);
        text_write(w, "id", f->id);
        text_write(w, "name", f->name);
        text_write(w, "failedReason", f->text);
        json_write_close(w, '}');
    }
    json_write_close(w, ']');
}

static void write_row(struct json_writer *w, const struct top_row *row)
{
    json_write_open(w, '{');
    text_write(w, "queue", row->name);
    text_write(w, "error", row->problem);
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) {
        json_write_name(w, oxq_state_name((oxq_state)s));
        json_write_integer(w, row->counts.of[s]);
    }
    json_write_name(w, "paused");
    json_write_bool(w, row->counts.is_paused);
    write_rate(w, "addedPerSecond", row->per_second[TOP_ADDED]);
    write_rate(w, "completedPerSecond", row->per_second[TOP_COMPLETED]);
    write_rate(w, "failedPerSecond", row->per_second[TOP_FAILED]);
    json_write_some_integer(w, "oldestWaitingSince", row->oldest_ms);
    write_failures(w, row);
    json_write_close(w, '}');
}

static int print_json(struct top *t)
{
    struct json_writer w = {.out = &t->out};
    json_write_open(&w, '{');
    json_write_some_integer(&w, "timestamp", t->view.now_ms);
    json_write_name(&w, "queues");
    json_write_open(&w, '[');
    for (size_t i = 0; i < t->sampler.count; i++) write_row(&w, &t->sampler.rows[i]);
    json_write_close(&w, ']');
    json_write_close(&w, '}');
    int code = text_end_line(&w);
    fflush(stdout);
    return code;
}

static int print_frame(struct top *t)
{
    oxq_err e = top_draw(&t->view, &t->out);
    if (e) return cli_fail("the frame cannot be drawn: %s", oxq_err_text(e));
    fwrite(t->out.at, 1, t->out.len, stdout);
    return CLI_OK;
}

static void wait_until(int64_t until_us)
{
    for (;;) {
        int64_t left_us = until_us - clock_mono_us(os_clock());
        if (left_us <= 0) return;
        usleep(left_us > 500000 ? 500000 : (useconds_t)left_us);
    }
}

static int tell_problems(const struct top *t)
{
    int code = CLI_OK;
    for (size_t i = 0; i < t->sampler.count; i++) {
        const struct top_row *row = &t->sampler.rows[i];
        if (row->problem) code = cli_fail("queue %s: %s", row->name, row->problem);
    }
    return code;
}

/* The first look only starts the counting. */
static int run_plain(struct top *t, bool is_once)
{
    struct oxq_error err;
    int code;
    do {
        int64_t next_us = clock_mono_us(os_clock()) + t->interval_ms * 1000;
        if (t->sampler.sampled_us == 0) {
            code = cli_result(top_sample(&t->sampler, &err), &err);
            if (code) return code;
        }
        wait_until(next_us);
        code = cli_result(top_sample(&t->sampler, &err), &err);
        if (code) return code;
        fill_view(t);
        code = t->s.is_json ? print_json(t) : print_frame(t);
    } while (!code && !is_once && !ferror(stdout));
    return code ? code : tell_problems(t);
}

/* ---------------------------------------------------------------- on a terminal */

static void draw(struct top *t)
{
    fill_view(t);
    screen_size(&t->view.height, &t->view.width);
    t->out.len = 0;
    if (top_draw(&t->view, &t->out) == OXQ_OK) screen_draw(buf_borrow(&t->out));
}

/* A store that does not answer is no reason to end: it may be back at the next look. */
static void look(struct top *t)
{
    oxq_err e = top_sample(&t->sampler, &t->problem);
    t->view.problem = e ? t->problem.text : NULL;
}

static void look_for_queues(struct top *t)
{
    oxq_err e = begin(t, &t->problem);
    t->view.problem = e ? t->problem.text : NULL;
    if (!e) look(t);
}

/* False: it is over. */
static bool obey(struct top *t, int key)
{
    switch (key) {
    case SCREEN_END:
    case 'q': return false;
    case SCREEN_UP:
    case 'k': t->view.cursor -= t->view.cursor > 0; break;
    case SCREEN_DOWN:
    case 'j': t->view.cursor++; break;
    case 'p': t->view.is_paused = !t->view.is_paused; break;
    case 's': t->view.sort = (enum top_sort)((t->view.sort + 1) % TOP_SORTS); break;
    case 'r': look_for_queues(t); break;
    default: break;
    }
    return true;
}

static int run_live(struct top *t)
{
    struct screen screen;
    struct oxq_error err;
    int code = cli_result(top_sample(&t->sampler, &err), &err);
    if (!code) code = cli_result(screen_open(&screen, &err), &err);
    if (code) return code;
    int64_t next_us = clock_mono_us(os_clock()) + t->interval_ms * 1000;
    int key;
    do {
        int64_t left_us = next_us - clock_mono_us(os_clock());
        if (left_us <= 0) {
            if (!t->view.is_paused) look(t);
            next_us = clock_mono_us(os_clock()) + t->interval_ms * 1000;
        }
        draw(t);
        key = screen_wait(&screen, left_us > 0 ? left_us / 1000 + 1 : 0);
    } while (obey(t, key) && !ferror(stdout));
    screen_close(&screen);
    return CLI_OK;
}

int cli_top(int argc, char **argv)
{
    OWNED(deinit) struct top t = {.interval_ms = INTERVAL_MS_DEFAULT, .out = {.limit_bytes = FRAME_BYTES_MAX}};
    struct oxq_error err;
    const char *interval = NULL;
    bool is_once = false;
    const struct cli_flag flags[] = {{"--interval", &interval, NULL}, {"--once", NULL, &is_once}};
    int code = cli_take_store(&argc, argv, &t.s, flags, sizeof(flags) / sizeof(flags[0]));
    if (code) return code;
    if (t.s.is_help) return cli_print_help(help);
    code = cli_read_duration("--interval", interval, &t.interval_ms);
    if (!code && (t.interval_ms < INTERVAL_MS_MIN || t.interval_ms > INTERVAL_MS_MAX))
        code = cli_refuse("--interval %s: it must be from 50ms to 1h", interval);
    if (!code) code = cli_open(&t.s);
    if (code) return code;
    t.names = argc > 0 ? (const char *const *)argv : NULL;
    t.names_count = (size_t)argc;
    code = cli_result(begin(&t, &err), &err);
    if (code) return code;
    bool is_live = !is_once && !t.s.is_json && isatty(STDOUT_FILENO) == 1;
    return is_live ? run_live(&t) : run_plain(&t, is_once || !t.s.is_json);
}
