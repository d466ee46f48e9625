/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/top.h"
#include "cli/width.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARS_MIN 10
#define NAME_CHARS_MAX 32
/* The summary, the heading, and the keys in the last line. */
#define FIXED_LINES 4
/* A lower terminal is left to the queues when they fill it. */
#define HEIGHT_FOR_FAILURES 20

/* What is in a column: a count of a state, a rate, or neither. */
static const struct column {
    const char *title;
    int chars;
    oxq_state state;    /* OXQ_STATE_UNKNOWN: no count */
    enum top_rate rate; /* TOP_RATES: none; of no count */
} columns[TOP_SORTS] = {
    [TOP_BY_NAME] = {"QUEUE", 0, OXQ_STATE_UNKNOWN, TOP_RATES},
    [TOP_BY_WAITING] = {"WAITING", 8, OXQ_STATE_WAITING, TOP_RATES},
    [TOP_BY_ACTIVE] = {"ACTIVE", 6, OXQ_STATE_ACTIVE, TOP_RATES},
    [TOP_BY_DELAYED] = {"DELAYED", 8, OXQ_STATE_DELAYED, TOP_RATES},
    [TOP_BY_FAILED] = {"FAILED", 7, OXQ_STATE_FAILED, TOP_RATES},
    [TOP_BY_ADDED_RATE] = {"ADDED/S", 8, OXQ_STATE_UNKNOWN, TOP_ADDED},
    [TOP_BY_COMPLETED_RATE] = {"DONE/S", 7, OXQ_STATE_UNKNOWN, TOP_COMPLETED},
    [TOP_BY_FAILED_RATE] = {"FAILED/S", 8, OXQ_STATE_UNKNOWN, TOP_FAILED},
    [TOP_BY_OLDEST] = {"OLDEST", 7, OXQ_STATE_UNKNOWN, TOP_RATES},
    [TOP_BY_COMPLETED] = {"COMPLETED", 10, OXQ_STATE_COMPLETED, TOP_RATES},
    [TOP_BY_PRIORITIZED] = {"PRIORITY", 9, OXQ_STATE_PRIORITIZED, TOP_RATES},
    [TOP_BY_CHILDREN] = {"CHILDREN", 9, OXQ_STATE_WAITING_CHILDREN, TOP_RATES},
};

/* ---------------------------------------------------------------- lines */

struct frame {
    const struct top_view *view;
    struct buf *out;
    struct arena arena;
    struct buf line; /* being put together, without escape codes */
    size_t lines;
    oxq_err error;
};

OXQ_PRINTF(2, 3) static void put(struct frame *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprint(&f->arena, format, args);
    va_end(args);
    oxq_err e = buf_append(&f->line, slice_from_text(text));
    if (e) f->error = e;
}

/* A text of others in a column of its own; on no terminal it is never cut. */
static void put_text(struct frame *f, const char *text, size_t chars)
{
    const char *clean = table_clean(&f->arena, text, false);
    struct slice shown = slice_from_text(clean);
    if (f->view->width > 0) shown.len = width_fit(shown, chars);
    size_t used = width_of(shown);
    put(f, "%.*s%*s", (int)shown.len, shown.at, used < chars ? (int)(chars - used) : 0, "");
}

static void append(struct frame *f, struct slice text)
{
    oxq_err e = buf_append(f->out, text);
    if (e) f->error = e;
}

static bool is_full(const struct frame *f)
{
    return f->view->height > 0 && f->lines + 1 >= f->view->height;
}

/* Ends the line: cut at the terminal's edge, in a style ("1": bold, "7": reversed; NULL: none). */
static void end_line(struct frame *f, const char *style)
{
    struct slice line = buf_borrow(&f->line);
    bool has_style = style && f->view->width > 0;
    if (f->view->width > 0) line.len = width_fit(line, f->view->width);
    while (!has_style && line.len > 0 && line.at[line.len - 1] == ' ') line.len--;
    if (has_style) {
        append(f, SLICE_LIT("\033["));
        append(f, slice_from_text(style));
        append(f, SLICE_LIT("m"));
    }
    append(f, line);
    if (has_style) append(f, SLICE_LIT("\033[0m"));
    append(f, SLICE_LIT("\n"));
    f->line.len = 0;
    f->lines++;
}

/* ---------------------------------------------------------------- order */

static double value_of(const struct top_row *row, enum top_sort sort)
{
    const struct column *c = &columns[sort];
    if (c->state != OXQ_STATE_UNKNOWN) return (double)row->counts.of[c->state];
    if (c->rate != TOP_RATES) return row->per_second[c->rate];
    if (sort == TOP_BY_NAME) return 0;
    /* The longest wait began first. */
    return row->oldest_ms ? -(double)row->oldest_ms : -1e18;
}

static bool comes_before(const struct top_row *a, const struct top_row *b, enum top_sort sort)
{
    double of_a = value_of(a, sort), of_b = value_of(b, sort);
    return of_a != of_b ? of_a > of_b : strcmp(a->name, b->name) < 0;
}

static const struct top_row **put_in_order(struct frame *f)
{
    size_t count = f->view->rows_count;
    const struct top_row **order = ARENA_ARRAY(&f->arena, const struct top_row *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct top_row *row = &f->view->rows[i];
        size_t at = i;
        for (; at > 0 && comes_before(row, order[at - 1], f->view->sort); at--) order[at] = order[at - 1];
        order[at] = row;
    }
    return order;
}

/* ---------------------------------------------------------------- what is drawn */

static void draw_summary(struct frame *f)
{
    const struct top_view *v = f->view;
    int64_t of[OXQ_STATES_COUNT] = {0};
    char time[TABLE_TEXT_CHARS], text[PROGRESS_TEXT_CHARS], every[TABLE_TEXT_CHARS];
    for (size_t i = 0; i < v->rows_count; i++) {
        for (int s = 0; s < OXQ_STATES_COUNT; s++) of[s] += v->rows[i].counts.of[s];
    }
    static const oxq_state told[] = {OXQ_STATE_WAITING, OXQ_STATE_ACTIVE, OXQ_STATE_DELAYED, OXQ_STATE_FAILED};
    put(f, "oxq top%s  %s  every %s  %zu %s:", v->is_paused ? "  [view paused]" : "", table_time(v->now_ms, time),
        table_duration(v->interval_ms, every), v->rows_count, v->rows_count == 1 ? "queue" : "queues");
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        put(f, "%s %s %s", i > 0 ? "," : "", progress_count((uint64_t)of[told[i]], text), oxq_state_name(told[i]));
    end_line(f, v->is_paused ? "1" : NULL);
    if (v->problem) put(f, "%s", table_clean(&f->arena, v->problem, false));
    end_line(f, "1");
}

static size_t name_chars(const struct top_view *v)
{
    size_t chars = NAME_CHARS_MIN;
    for (size_t i = 0; i < v->rows_count; i++) {
        size_t own = width_of(slice_from_text(v->rows[i].name));
        if (own > chars) chars = own;
    }
    size_t third = v->width / 3, most = third > NAME_CHARS_MAX ? NAME_CHARS_MAX : third;
    if (most < NAME_CHARS_MIN) most = NAME_CHARS_MIN;
    return v->width > 0 && chars > most ? most : chars;
}

/* The first column that is not shown: what does not fit as a whole is left out, for a number that is cut reads as another. */
static int columns_end(const struct top_view *v, size_t chars)
{
    size_t used = chars;
    for (int c = TOP_BY_NAME + 1; c < TOP_SORTS; c++) {
        used += 1 + (size_t)columns[c].chars;
        if (v->width > 0 && used > v->width) return c;
    }
    return TOP_SORTS;
}

static void draw_heading(struct frame *f, size_t chars)
{
    for (int c = 0; c < columns_end(f->view, chars); c++) {
        bool is_sort = f->view->width > 0 && c == (int)f->view->sort;
        char title[32];
        snprintf(title, sizeof(title), "%s%s", is_sort ? "*" : "", columns[c].title);
        if (c == TOP_BY_NAME)
            put(f, "%-*s", (int)chars, title);
        else
            put(f, " %*s", columns[c].chars, title);
    }
    end_line(f, "1");
}

static void put_cell(struct frame *f, const struct top_row *row, const struct column *c)
{
    char text[TABLE_TEXT_CHARS] = "-";
    if (c->state != OXQ_STATE_UNKNOWN)
        snprintf(text, sizeof(text), "%lld", (long long)row->counts.of[c->state]);
    else if (c->rate != TOP_RATES && row->per_second[c->rate] >= 0)
        snprintf(text, sizeof(text), "%.*f", row->per_second[c->rate] < 100 ? 1 : 0, row->per_second[c->rate]);
    else if (c->rate == TOP_RATES && row->oldest_ms)
        table_duration(f->view->now_ms - row->oldest_ms, text);
    put(f, " %*s", c->chars, text);
}

static void draw_row(struct frame *f, const struct top_row *row, size_t chars, bool stands_out)
{
    put_text(f, row->name, chars);
    for (int c = TOP_BY_NAME + 1; !row->problem && c < columns_end(f->view, chars); c++) put_cell(f, row, &columns[c]);
    if (row->problem) put(f, "  %s", table_clean(&f->arena, row->problem, false));
    if (row->counts.is_paused) put(f, "  paused");
    end_line(f, stands_out ? "7" : NULL);
}

static const struct top_failure *newest_failure(const struct top_view *v, size_t *taken)
{
    const struct top_failure *newest = NULL;
    size_t of_row = 0;
    for (size_t i = 0; i < v->rows_count; i++) {
        if (taken[i] == v->rows[i].failures_count) continue;
        const struct top_failure *failure = &v->rows[i].failures[taken[i]];
        if (newest && newest->at_ms >= failure->at_ms) continue;
        newest = failure;
        of_row = i;
    }
    if (newest) taken[of_row]++;
    return newest;
}

static void draw_failures(struct frame *f, size_t chars)
{
    const struct top_view *v = f->view;
    size_t *taken = ARENA_ARRAY(&f->arena, size_t, v->rows_count + 1);
    memset(taken, 0, sizeof(*taken) * v->rows_count);
    for (size_t i = 0; i < TOP_FAILURES; i++) {
        const struct top_failure *failure = newest_failure(v, taken);
        if (!failure || is_full(f)) return;
        if (i == 0) {
            end_line(f, NULL);
            if (is_full(f)) return;
            put(f, "Latest failures");
            end_line(f, "1");
            if (is_full(f)) return;
        }
        char when[TEXT_WHEN_CHARS];
        put_text(f, failure->queue, chars);
        put(f, "  %10s  ", text_when(failure->at_ms, v->now_ms, when));
        put_text(f, failure->id, 10);
        put(f, "  ");
        put_text(f, failure->name, 12);
        put(f, "  %s", table_clean(&f->arena, failure->text, false));
        end_line(f, NULL);
    }
}

static void draw_keys(struct frame *f)
{
    if (f->view->height == 0) return;
    while (!is_full(f)) end_line(f, NULL);
    put(f, "q quit   p %s   s sort by the next column   r look for new queues   up, down move",
        f->view->is_paused ? "go on" : "pause");
    end_line(f, NULL);
}

static size_t lines_for_rows(const struct top_view *v)
{
    size_t failures = 0;
    if (v->height == 0) return v->rows_count;
    for (size_t i = 0; i < v->rows_count; i++) failures += v->rows[i].failures_count;
    size_t others = FIXED_LINES + (failures > 0 && v->height >= HEIGHT_FOR_FAILURES ? TOP_FAILURES + 2 : 0);
    return v->height > others ? v->height - others : 1;
}

/* With more queues than lines, the cursor's is the last one. */
static size_t first_shown(const struct top_view *v, size_t lines)
{
    return v->rows_count > lines && v->cursor >= lines ? v->cursor - lines + 1 : 0;
}

oxq_err top_draw(const struct top_view *v, struct buf *out)
{
    struct frame f = {.view = v, .out = out, .line = {.limit_bytes = 1 << 20}};
    const struct top_row **order = put_in_order(&f);
    size_t chars = name_chars(v);
    size_t lines = lines_for_rows(v), first = first_shown(v, lines);
    draw_summary(&f);
    draw_heading(&f, chars);
    for (size_t i = first; i < v->rows_count && i < first + lines && !is_full(&f); i++)
        draw_row(&f, order[i], chars, v->rows_count > 1 && i == v->cursor);
    draw_failures(&f, chars);
    draw_keys(&f);
    buf_deinit(&f.line);
    arena_deinit(&f.arena);
    return f.error;
}
