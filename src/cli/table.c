/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include "base/utf8.h"
#include "cli/width.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GAP 2
#define CELL_CHARS_MAX 4096
/* What a text is left of that is made narrower for the sake of other columns. */
#define TEXT_COLUMNS_MIN 8

/* ---------------------------------------------------------------- texts */

const char *table_duration(int64_t ms, char out[TABLE_TEXT_CHARS])
{
    static const struct {
        int64_t till_ms, unit_ms;
        const char *unit;
    } steps[] = {{1000, 1, "ms"},
                 {120000, 1000, "s"},
                 {7200000, 60000, "min"},
                 {172800000, 3600000, "h"},
                 {INT64_MAX, 86400000, "d"}};
    if (ms < 0) ms = 0;
    size_t i = 0;
    while (ms >= steps[i].till_ms && steps[i].till_ms != INT64_MAX) i++;
    snprintf(out, TABLE_TEXT_CHARS, "%lld %s", (long long)(ms / steps[i].unit_ms), steps[i].unit);
    return out;
}

const char *table_time(int64_t at_ms, char out[TABLE_TEXT_CHARS])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    snprintf(out, TABLE_TEXT_CHARS, "-");
    if (at_ms > 0 && localtime_r(&at, &tm)) strftime(out, TABLE_TEXT_CHARS, "%Y-%m-%d %H:%M:%S", &tm);
    return out;
}

static char *put_hex(char *to, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = 'x';
    *to++ = hex[byte >> 4];
    *to++ = hex[byte & 15];
    return to;
}

/* A byte that is no UTF-8 steers too: a terminal of another character set might obey it. */
const char *table_clean(struct arena *arena, const char *text, bool keeps_lines)
{
    struct slice rest = slice_from_text(text);
    char *out = arena_alloc(arena, rest.len * 4 + 1), *to = out;
    while (rest.len > 0) {
        char c = rest.at[0];
        size_t len = utf8_length(rest);
        uint32_t code = utf8_code(rest, len);
        if (c == '\n' || c == '\t' || c == '\r') {
            *to++ = keeps_lines && c != '\r' ? c : ' ';
        } else if (len == 0 || utf8_is_control(code)) {
            to = put_hex(to, len > 0 ? (unsigned char)code : (unsigned char)c);
        } else {
            memcpy(to, rest.at, len);
            to += len;
        }
        rest = slice_from(rest, len > 0 ? len : 1);
    }
    *to = '\0';
    return out;
}

/* ---------------------------------------------------------------- rows */

void table_init(struct table *t, const struct table_column *columns)
{
    memset(t, 0, sizeof(*t));
    t->columns = columns;
    while (columns[t->columns_count].title) {
        CHECK(t->columns_count < TABLE_COLUMNS_MAX);
        t->widths[t->columns_count] = width_of(slice_from_text(columns[t->columns_count].title));
        t->columns_count++;
    }
    t->is_terminal = isatty(STDOUT_FILENO) == 1;
    t->terminal_width = width_of_terminal(STDOUT_FILENO);
}

void table_deinit(struct table *t)
{
    arena_deinit(&t->arena);
}

void table_cell(struct table *t, const char *format, ...)
{
    char text[CELL_CHARS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *clean = table_clean(&t->arena, text, false);
    t->cells[t->rows][t->at] = (char *)(uintptr_t)clean;
    size_t width = width_of(slice_from_text(clean));
    if (width > t->widths[t->at]) t->widths[t->at] = width;
    if (++t->at < t->columns_count) return;
    t->at = 0;
    if (++t->rows == TABLE_PAGE) table_flush(t);
}

/* At most `cap` columns of a text; returns how many. */
static size_t put(const char *text, size_t cap)
{
    struct slice shown = slice_from_text(text);
    bool is_cut = width_of(shown) > cap;
    if (is_cut) shown.len = width_fit(shown, cap - 1);
    fwrite(shown.at, 1, shown.len, stdout);
    if (is_cut) fputs("…", stdout);
    return width_of(shown) + is_cut;
}

static void pad(size_t spaces)
{
    while (spaces-- > 0) putchar(' ');
}

static void print_row(const struct table *t, const char *const *cells)
{
    size_t used = 0;
    for (size_t c = 0; c < t->columns_count && used < t->terminal_width; c++) {
        size_t cap = t->terminal_width - used, width = t->shown[c] < cap ? t->shown[c] : cap;
        size_t own = width_of(slice_from_text(cells[c]));
        if (t->columns[c].is_right && own < width) pad(width - own);
        size_t shown = put(cells[c], width);
        bool is_last = c + 1 == t->columns_count;
        if (!is_last && !t->columns[c].is_right) pad(width - shown);
        used += width;
        if (!is_last && used < t->terminal_width) pad(t->terminal_width - used < GAP ? t->terminal_width - used : GAP);
        used += GAP;
    }
    putchar('\n');
}

/* What a column of texts may shrink to. Numbers are not cut: they would read as others. */
static size_t least_width(const struct table *t, size_t c)
{
    size_t title = width_of(slice_from_text(t->columns[c].title)),
           least = title > TEXT_COLUMNS_MIN ? title : TEXT_COLUMNS_MIN;
    return t->columns[c].is_right || t->widths[c] < least ? t->widths[c] : least;
}

static size_t width_with(const struct table *t, size_t from, size_t cap)
{
    size_t sum = (t->columns_count - 1) * GAP;
    for (size_t c = 0; c < t->columns_count; c++) {
        size_t least = least_width(t, c), capped = cap > least ? cap : least;
        sum += c < from || t->widths[c] < capped ? t->widths[c] : capped;
    }
    return sum;
}

/*
 * One long text must not push all that is behind it over the terminal's edge: the widest columns of texts are made equally narrow until
 * the row fits, or there is nothing left to take. The first, by which a row is called, comes last.
 */
static void fit_columns(struct table *t)
{
    memcpy(t->shown, t->widths, sizeof(t->shown));
    if (width_with(t, t->columns_count, 0) <= t->terminal_width) return;
    size_t from = width_with(t, 1, 0) <= t->terminal_width ? 1 : 0, cap = CELL_CHARS_MAX;
    while (cap > 0 && width_with(t, from, cap) > t->terminal_width) cap--;
    for (size_t c = from; c < t->columns_count; c++) {
        size_t least = least_width(t, c), capped = cap > least ? cap : least;
        if (t->shown[c] > capped) t->shown[c] = capped;
    }
}

static void print_heading(struct table *t)
{
    const char *titles[TABLE_COLUMNS_MAX];
    for (size_t c = 0; c < t->columns_count; c++) titles[c] = t->columns[c].title;
    if (t->is_terminal) fputs("\033[1m", stdout);
    print_row(t, titles);
    if (t->is_terminal) fputs("\033[0m", stdout);
    t->has_heading = true;
}

void table_flush(struct table *t)
{
    if (t->rows > 0) fit_columns(t);
    if (t->rows > 0 && !t->has_heading) print_heading(t);
    for (size_t r = 0; r < t->rows; r++) print_row(t, (const char *const *)t->cells[r]);
    t->rows = 0;
    arena_reset(&t->arena);
    fflush(stdout);
}
