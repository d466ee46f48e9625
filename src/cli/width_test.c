/* SPDX-License-Identifier: MIT */
#include "cli/width.h"

#include <criterion/criterion.h>
#include <unistd.h>

static size_t width(const char *text)
{
    return width_of(slice_from_text(text));
}

Test(width, counts_columns_of_a_terminal_not_characters)
{
    cr_assert_eq(width(""), 0);
    cr_assert_eq(width("mail"), 4);
    cr_assert_eq(width("Grüße"), 5);
    cr_assert_eq(width("日本"), 4);
    cr_assert_eq(width("😀!"), 3);
    cr_assert_eq(width("e\xcc\x81"), 1, "an accent of its own stands on its letter");
    cr_assert_eq(width("\xff\xe6\x97"), 3, "bytes that are no character take one each");
}

Test(width, what_fits_ends_before_a_character_that_is_too_wide)
{
    cr_assert_eq(width_fit(SLICE_LIT("日本"), 4), 6);
    cr_assert_eq(width_fit(SLICE_LIT("日本"), 3), 3);
    cr_assert_eq(width_fit(SLICE_LIT("日本"), 1), 0);
    cr_assert_eq(width_fit(SLICE_LIT("abc"), SIZE_MAX), 3);
    cr_assert_eq(width_fit(SLICE_LIT("e\xcc\x81x"), 1), 3, "the accent stays with its letter");
}

Test(width, what_is_no_terminal_has_no_end)
{
    int pipe_fds[2];
    cr_assert_eq(pipe(pipe_fds), 0);
    cr_assert_eq(width_of_terminal(pipe_fds[1]), SIZE_MAX);
    cr_assert_eq(width_of_terminal(-1), SIZE_MAX);
}
