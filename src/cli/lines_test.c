/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "cli/lines.h"
#include "os/testfolder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char folder[TESTFOLDER_PATH_MAX], path[TESTFOLDER_PATH_MAX + 16];
static struct lines lines;

static void start(void)
{
    testfolder_make(folder);
    snprintf(path, sizeof(path), "%s/file", folder);
}

static void stop(void)
{
    lines_close(&lines);
    testfolder_remove(folder);
}

TestSuite(lines, .init = start, .fini = stop);

/* A file that is this text, then `count` times `filler`. */
static void open_file(const char *text, size_t count, char filler)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    for (size_t i = 0; i < count; i++) fputc(filler, file);
    fclose(file);
    cr_assert_eq(lines_open(&lines, path), CLI_OK);
}

static bool next(struct slice *out)
{
    while (!lines_take(&lines, out)) {
        if (lines.is_at_end) return false;
        cr_assert_eq(lines_read(&lines), CLI_OK);
    }
    return true;
}

static void expect_next(uint64_t number, const char *text)
{
    struct slice line;
    cr_assert(next(&line));
    cr_assert(slice_equal(line, slice_from_text(text)), "%.*s", (int)line.len, line.at);
    cr_assert_eq(lines.number, number);
}

Test(lines, a_mark_that_says_utf8_is_no_part_of_the_first_one)
{
    open_file("\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n", 0, 0);
    expect_next(1, "{}");
    expect_next(2, "\xef\xbb\xbf{}");
}

Test(lines, come_one_by_one_the_last_without_its_end_too)
{
    struct slice line;
    open_file("one\n\nthree", 0, 0);
    expect_next(1, "one");
    expect_next(2, "");
    expect_next(3, "three");
    cr_assert_not(next(&line));
    cr_assert_eq(lines.bytes, 10);
    cr_assert_eq(lines.total_bytes, 10);
}

Test(lines, end_as_another_system_ends_them_too)
{
    open_file("one\r\n\r\nt\rhree\r\n", 0, 0);
    expect_next(1, "one");
    expect_next(2, "");
    expect_next(3, "t\rhree");
}

Test(lines, an_end_makes_no_line_of_its_own)
{
    struct slice line;
    open_file("one\n", 0, 0);
    expect_next(1, "one");
    cr_assert_not(next(&line));
    cr_assert_eq(lines.number, 1);
}

Test(lines, of_nothing_there_are_none)
{
    struct slice line;
    open_file("", 0, 0);
    cr_assert_not(next(&line));
    cr_assert_eq(lines.number, 0);
}

Test(lines, one_that_comes_in_many_reads_is_whole)
{
    struct slice line;
    open_file("short\n", 300000, 'x');
    expect_next(1, "short");
    cr_assert(next(&line));
    cr_assert_eq(line.len, 300000);
    cr_assert(line.at[0] == 'x' && line.at[line.len - 1] == 'x');
    cr_assert_not(next(&line));
}
