/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

static const struct table_column columns[] = {{"ID", false}, {"NAME", false}, {"COUNT", true}, {"ERROR", false}, {0}};

static void print(size_t terminal_width, const char *id, const char *name, const char *error)
{
    OWNED(table_deinit) struct table t = {0};
    cr_redirect_stdout();
    table_init(&t, columns);
    t.terminal_width = terminal_width;
    table_cell(&t, "%s", id);
    table_cell(&t, "%s", name);
    table_cell(&t, "%d", 1234567);
    table_cell(&t, "%s", error);
    table_flush(&t);
    fflush(stdout);
}

Test(table, columns_are_as_wide_as_what_is_in_them)
{
    print(SIZE_MAX, "repeat:nightly:17", "日本", "none");
    cr_assert_stdout_eq_str("ID                 NAME    COUNT  ERROR\n"
                            "repeat:nightly:17  日本  1234567  none\n");
}

Test(table, a_long_text_leaves_room_for_the_columns_behind_it)
{
    print(50, "repeat:nightly:17", "a name that is longer than the terminal is wide, and goes on", "no such address");
    cr_assert_stdout_eq_str("ID                 NAME          COUNT  ERROR\n"
                            "repeat:nightly:17  a name th…  1234567  no such a…\n");
}

Test(table, the_first_column_is_cut_last_and_numbers_never)
{
    print(37, "repeat:nightly:17", "a long name", "no such address");
    cr_assert_stdout_eq_str("ID        NAME        COUNT  ERROR\n"
                            "repeat:…  a long …  1234567  no such…\n");
}

Test(table, a_terminal_that_is_too_narrow_ends_the_rows)
{
    print(14, "repeat:nightly:17", "日本語の名前", "no such address");
    cr_assert_stdout_eq_str("ID        NAME\n"
                            "repeat:…  日… \n");
}
