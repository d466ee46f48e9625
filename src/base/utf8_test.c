/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <criterion/criterion.h>

static uint32_t code_of(const char *text, size_t len)
{
    struct slice s = slice_from_text(text);
    cr_assert_eq(utf8_length(s), len, "%s", text);
    return utf8_code(s, len);
}

Test(utf8, tells_the_length_and_the_code_of_the_first_character)
{
    cr_assert_eq(code_of("a\xff", 1), 'a');
    cr_assert_eq(code_of("\x7f", 1), 0x7F);
    cr_assert_eq(code_of("\xc2\x80x", 2), 0x80);
    cr_assert_eq(code_of("\xdf\xbf", 2), 0x7FF);
    cr_assert_eq(code_of("\xe0\xa0\x80", 3), 0x800);
    cr_assert_eq(code_of("\xe6\x97\xa5", 3), 0x65E5);
    cr_assert_eq(code_of("\xef\xbf\xbf", 3), 0xFFFF);
    cr_assert_eq(code_of("\xf0\x90\x80\x80", 4), 0x10000);
    cr_assert_eq(code_of("\xf0\x9f\x98\x80", 4), 0x1F600);
    cr_assert_eq(code_of("\xf4\x8f\xbf\xbf", 4), 0x10FFFF);
    cr_assert_eq(utf8_length(slice_of("\0", 1)), 1);
}

Test(utf8, knows_what_is_no_character)
{
    static const char *const wrong[] = {"\x80",
                                        "\xbf",
                                        "\xc0\x80",
                                        "\xc1\xbf",
                                        "\xc2",
                                        "\xc2g",
                                        "\xe0\x9f\xbf",
                                        "\xed\xa0\x80",
                                        "\xe6\x97",
                                        "\xe6\x97g",
                                        "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80",
                                        "\xf5\x80\x80",
                                        "\xf0\x9f\x98",
                                        "\xff",
                                        "\xfe"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(utf8_length(slice_from_text(wrong[i])), 0, "number %zu", i);
}

Test(utf8, knows_what_steers_a_terminal)
{
    static const uint32_t controls[] = {0, 7, 0x1B, 0x1F, 0x7F, 0x80, 0x9B, 0x9F},
                          others[] = {0x20, 0x7E, 0xA0, 0x65E5};
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) cr_assert(utf8_is_control(controls[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) cr_assert_not(utf8_is_control(others[i]));
}
