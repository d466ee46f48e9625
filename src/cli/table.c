/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define GAP 2
#define CELL_CHARS_MAX 4096

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

/* Also the C1 controls, which are two bytes in UTF-8. */
static bool steers(const unsigned char *p)
{
    return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

const char *table_clean(struct arena *arena, const char *text, bool keeps_lines)
{
    static const char hex[] = "0123456789abcdef";
    char *out = arena_alloc(arena, strlen(text) * 4 + 1), *to = out;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool is_space = *p == '\n' || *p == '\t' || *p == '\r';
        if (is_space) {
            *to++ = keeps_lines && *p != '\r' ? (char)*p : ' ';
        } else if (!steers(p)) {
            *to++ = (char)*p;
        } else {
            if (*p == 0xc2) p++;
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[*p >> 4];
            *to++ = hex[*p & 15];
        }
    }
    *to = '\0';
    return out;
}

/* ---------------------------------------------------------------- rows */

static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

/* Characters, as far as one column each goes. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++) width += begins_character(*text);
    return width;
}

void table_init(struct table *t, const struct table_column *columns)
{
    memset(t, 0, sizeof(*t));
    t->columns = columns;
    while (columns[t->columns_count].title) {
        CHECK(t->columns_count < TABLE_COLUMNS_MAX);
        t->widths[t->columns_count] = width_of(columns[t->columns_count].title);
        t->columns_count++;
    }
    struct winsize size = {0};
    t->is_terminal = isatty(STDOUT_FILENO) == 1;
    t->terminal_width =
        t->is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : SIZE_MAX;
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
    size_t width = width_of(clean);
    if (width > t->widths[t->at]) t->widths[t->at] = width;
    if (++t->at < t->columns_count) return;
    t->at = 0;
    if (++t->rows == TABLE_PAGE) table_flush(t);
}

/* At most `cap` characters of a text; returns how many. */
static size_t put(const char *text, size_t cap)
{
    size_t width = width_of(text);
    bool is_cut = width > cap;
    size_t left = is_cut ? cap - 1 : width, shown = left;
    for (; *text && (left > 0 || !begins_character(*text)); text++) {
        if (begins_character(*text)) left--;
        putchar(*text);
    }
    if (is_cut) fputs("…", stdout);
    return is_cut ? shown + 1 : shown;
}

static void pad(size_t spaces)
{
    while (spaces-- > 0) putchar(' ');
}

static void print_row(const struct table *t, const char *const *cells)
{
    size_t used = 0;
    for (size_t c = 0; c < t->columns_count && used < t->terminal_width; c++) {
        size_t cap = t->terminal_width - used, width = t->widths[c] < cap ? t->widths[c] : cap;
        if (t->columns[c].is_right && width_of(cells[c]) < width) pad(width - width_of(cells[c]));
        size_t shown = put(cells[c], width);
        bool is_last = c + 1 == t->columns_count;
        if (!is_last && !t->columns[c].is_right) pad(width - shown);
        used += width;
        if (!is_last && used < t->terminal_width) pad(t->terminal_width - used < GAP ? t->terminal_width - used : GAP);
        used += GAP;
    }
    putchar('\n');
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
    if (t->rows > 0 && !t->has_heading) print_heading(t);
    for (size_t r = 0; r < t->rows; r++) print_row(t, (const char *const *)t->cells[r]);
    t->rows = 0;
    arena_reset(&t->arena);
    fflush(stdout);
}
