/* SPDX-License-Identifier: MIT */
/* What a frame of `oxq top` looks like; the terminal and the store are tests/cli's. */
#include "cli/top.h"

#include "base/mem.h"
#include "cli/width.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct buf out = {.limit_bytes = 1 << 20};

static void stop(void)
{
    buf_deinit(&out);
}

TestSuite(top, .fini = stop);

static struct top_row rows[] = {
    {.name = "mail", .per_second = {12.34, 250.6, -1}, .oldest_ms = 40000},
    {.name = "a\033[31mb", .per_second = {0, 0, 0}},
    {.name = "pdf", .per_second = {0.5, 0, 2}, .oldest_ms = 10000},
};

static void fill(void)
{
    rows[0].counts.of[OXQ_STATE_WAITING] = 1234567;
    rows[0].counts.of[OXQ_STATE_FAILED] = 3;
    rows[1].counts.of[OXQ_STATE_ACTIVE] = 2;
    rows[2].counts.of[OXQ_STATE_WAITING] = 5;
    rows[2].counts.is_paused = true;
    rows[0].failures[0] =
        (struct top_failure){.at_ms = 90000, .queue = "mail", .id = "7", .name = "news", .text = "no\033 such"};
    rows[0].failures_count = 1;
    rows[2].failures[0] = (struct top_failure){.at_ms = 95000, .queue = "pdf", .id = "8", .name = "x", .text = "later"};
    rows[2].failures_count = 1;
}

static struct top_view view_of(size_t height, size_t width)
{
    fill();
    return (struct top_view){
        .rows = rows, .rows_count = 3, .now_ms = 100000, .interval_ms = 1000, .height = height, .width = width};
}

static const char *draw(const struct top_view *v)
{
    out.len = 0;
    cr_assert_eq(top_draw(v, &out), OXQ_OK);
    mem_must(buf_append(&out, slice_of("", 1)));
    return out.at;
}

/* Does the n-th line (from 0) hold this? */
static void expect_line(const char *text, int n, const char *part)
{
    while (n-- > 0) text = strchr(text, '\n') + 1;
    char line[512];
    snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
    cr_expect(strstr(line, part) != NULL, "'%s' is not in '%s'", part, line);
}

Test(top, without_a_terminal_a_frame_is_plain_text)
{
    struct top_view v = view_of(0, 0);
    const char *text = draw(&v);
    cr_expect_null(strchr(text, '\033'));
    expect_line(text, 0, "every 1 s  3 queues: 1,234,572 waiting, 2 active, 0 delayed, 3 failed");
    expect_line(text, 2, "QUEUE       WAITING ACTIVE  DELAYED  FAILED  ADDED/S  DONE/S FAILED/S  OLDEST");
    expect_line(text, 3, "a\\x1b[31mb");
    expect_line(text, 4, "mail        1234567      0        0       3     12.3     251        -    60 s");
    expect_line(text, 5, "paused");
    expect_line(text, 7, "Latest failures");
    expect_line(text, 8, "5 s ago  8");
    expect_line(text, 9, "no\\x1b such");
}

Test(top, rows_are_in_the_order_of_a_column)
{
    static const struct {
        enum top_sort sort;
        const char *first, *last;
    } cases[] = {
        {TOP_BY_NAME, "a\\x1b", "pdf"},   {TOP_BY_WAITING, "mail", "a\\x1b"},     {TOP_BY_ACTIVE, "a\\x1b", "pdf"},
        {TOP_BY_OLDEST, "pdf", "a\\x1b"}, {TOP_BY_COMPLETED_RATE, "mail", "pdf"}, {TOP_BY_FAILED_RATE, "pdf", "mail"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct top_view v = view_of(0, 0);
        v.sort = cases[i].sort;
        const char *text = draw(&v);
        expect_line(text, 3, cases[i].first);
        expect_line(text, 5, cases[i].last);
    }
}

static size_t columns_of(const char *line, size_t len)
{
    char plain[512];
    size_t plain_len = 0;
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\033') {
            while (line[i] != 'm') i++;
        } else {
            plain[plain_len++] = line[i];
        }
    }
    return width_of(slice_of(plain, plain_len));
}

Test(top, a_frame_never_outgrows_the_terminal)
{
    for (size_t height = 1; height < 30; height++) {
        for (size_t width = 1; width < 150; width += 7) {
            struct top_view v = view_of(height, width);
            rows[2].name = height % 2 ? "pdf" : "請求書の作成と送信のための行列😀😀";
            v.problem = "no answer";
            v.cursor = 2;
            size_t lines = 0;
            for (const char *line = draw(&v); *line; lines++) {
                size_t len = strcspn(line, "\n");
                cr_assert_leq(columns_of(line, len), width);
                line += len + 1;
            }
            cr_assert_leq(lines, height > 4 ? height : 5, "%zu lines on a terminal of %zu", lines, height);
        }
    }
}

Test(top, on_a_narrow_terminal_a_number_is_whole_or_not_there)
{
    rows[1].name = "a-queue-with-a-name-of-forty-characters-";
    for (size_t width = 10; width < 140; width++) {
        struct top_view v = view_of(10, width);
        rows[0].counts.of[OXQ_STATE_COMPLETED] = 7654321;
        const char *mail = strstr(draw(&v), "\nmail");
        cr_assert_not_null(mail);
        char line[256];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(mail + 1, "\n"), mail + 1);
        size_t words = 0;
        for (char *word = strtok(line, " "); word; word = strtok(NULL, " "), words++) {
            static const char *const whole[] = {"mail", "1234567", "0", "0",       "3", "12.3", "251",
                                                "-",    "60",      "s", "7654321", "0", "0"};
            cr_assert_str_eq(word, whole[words], "on %zu columns", width);
        }
        cr_assert(width < 20 || words >= 2, "%zu words on %zu columns", words, width);
    }
}

Test(top, the_row_under_the_cursor_is_shown_and_stands_out)
{
    struct top_view v = view_of(5, 80);
    v.cursor = 2;
    const char *text = draw(&v);
    cr_expect_null(strstr(text, "1234567"));
    cr_expect_not_null(strstr(text, "\033[7mpdf"));
    cr_expect_not_null(strstr(text, "q quit   p pause"));
    v.is_paused = true;
    text = draw(&v);
    cr_expect_not_null(strstr(text, "p go on"));
    cr_expect_not_null(strstr(text, "[view paused]"));
}

Test(top, a_queue_that_the_server_cannot_tell_of_says_why)
{
    struct top_view v = view_of(0, 0);
    rows[0].problem = "the server answers: WRONG\033TYPE";
    expect_line(draw(&v), 4, "mail        the server answers: WRONG\\x1bTYPE");
    v = view_of(24, 30);
    cr_expect_not_null(strstr(draw(&v), "\nmail        the server answers\n"));
}

Test(top, an_empty_store_has_a_frame_too)
{
    struct top_view v = view_of(10, 80);
    v.rows_count = 0;
    expect_line(draw(&v), 0, "0 queues: 0 waiting");
}
