/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include "base/err.h"
#include "cli/width.h"
#include "os/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAW_EVERY_US 200000
#define BAR_CHARS 20
#define LINE_CHARS 256

void progress_begin(struct progress *p, const char *verb, const char *noun, bool is_quiet)
{
    *p = (struct progress){.verb = verb, .noun = noun, .is_shown = !is_quiet && isatty(STDERR_FILENO) == 1};
    p->started_us = clock_mono_us(os_clock());
}

double progress_seconds(const struct progress *p)
{
    return (double)(clock_mono_us(os_clock()) - p->started_us) / 1e6;
}

const char *progress_count(uint64_t n, char out[PROGRESS_TEXT_CHARS])
{
    char digits[PROGRESS_TEXT_CHARS];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), used = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

const char *progress_bytes(uint64_t n, char out[PROGRESS_TEXT_CHARS])
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    double value = (double)n;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1000;
        unit++;
    }
    snprintf(out, PROGRESS_TEXT_CHARS, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

static const char *amount(const struct progress *p, uint64_t n, char out[PROGRESS_TEXT_CHARS])
{
    return p->noun ? progress_count(n, out) : progress_bytes(n, out);
}

/* The text of one look, to be cut where the terminal ends: what goes on in the next line would stay there when it is drawn again. */
struct drawing {
    char text[LINE_CHARS];
    size_t len;
};

OXQ_PRINTF(2, 3) static void put(struct drawing *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(d->text + d->len, sizeof(d->text) - d->len, format, args);
    va_end(args);
    if (len > 0) d->len += (size_t)len;
    if (d->len >= sizeof(d->text)) d->len = sizeof(d->text) - 1;
}

static void put_bar(struct drawing *d, uint64_t done, uint64_t total)
{
    double part = done < total ? (double)done / (double)total : 1;
    char bar[BAR_CHARS + 1];
    memset(bar, '-', BAR_CHARS);
    memset(bar, '#', (size_t)(part * BAR_CHARS));
    bar[BAR_CHARS] = '\0';
    put(d, "  [%s] %3d%%", bar, (int)(part * 100));
}

void progress_show(struct progress *p, uint64_t done, uint64_t total, uint64_t count)
{
    if (!p->is_shown) return;
    int64_t now_us = clock_mono_us(os_clock());
    if (now_us - p->drawn_us < DRAW_EVERY_US) return;
    p->drawn_us = now_us;
    struct drawing d = {.len = 0};
    char text[PROGRESS_TEXT_CHARS], rate[PROGRESS_TEXT_CHARS];
    double seconds = (double)(now_us - p->started_us) / 1e6;
    put(&d, "%s", p->verb);
    if (total > 0) put_bar(&d, done, total);
    put(&d, "  %s%s%s  %s/s", amount(p, count, text), p->noun ? " " : "", p->noun ? p->noun : "",
        amount(p, seconds > 0 ? (uint64_t)((double)count / seconds) : 0, rate));
    if (total > done && done > 0) {
        uint64_t left_s = (uint64_t)(seconds * (double)(total - done) / (double)done + 0.5);
        put(&d, "  %llu:%02llu left", (unsigned long long)(left_s / 60), (unsigned long long)(left_s % 60));
    }
    size_t columns = width_of_terminal(STDERR_FILENO);
    fprintf(stderr, "\r\033[K%.*s", (int)(d.len < columns ? d.len : columns - 1), d.text);
}

void progress_clear(struct progress *p)
{
    if (p->drawn_us > 0) fputs("\r\033[K", stderr);
}
