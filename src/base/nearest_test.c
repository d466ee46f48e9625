/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <criterion/criterion.h>

static const char *find(const char *meant)
{
    static const char *const names[] = {"serve", "ping", "version", "port", "config"};
    struct nearest n = nearest_to(slice_from_text(meant));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) nearest_offer(&n, names[i]);
    return n.best;
}

Test(nearest, finds_names_with_few_wrong_letters)
{
    cr_assert_str_eq(find("serv"), "serve");
    cr_assert_str_eq(find("pign"), "ping");
    cr_assert_str_eq(find("prot"), "port");
    cr_assert_str_eq(find("confg"), "config");
    cr_assert_str_eq(find("versoin"), "version");
    cr_assert_str_eq(find("ping"), "ping");
}

Test(nearest, finds_none_when_too_much_is_wrong)
{
    cr_assert_null(find("help"));
    cr_assert_null(find(""));
    cr_assert_null(find("an-endless-name-that-is-longer-than-any-name-could-be"));
}
