/* SPDX-License-Identifier: MIT */
#include "codec/hmac.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Test case 2 of RFC 4231. */
static const char known[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

static void expect_known(const struct slice *parts, size_t count)
{
    unsigned char code[HMAC_SHA256_BYTES];
    char hex[2 * HMAC_SHA256_BYTES + 1];
    cr_assert_eq(hmac_sha256(SLICE_LIT("Jefe"), parts, count, code), OXQ_OK);
    for (size_t i = 0; i < sizeof(code); i++) snprintf(hex + 2 * i, 3, "%02x", code[i]);
    cr_assert_str_eq(hex, known);
}

Test(hmac, a_code_is_that_of_the_standard)
{
    struct slice whole = SLICE_LIT("what do ya want for nothing?");
    expect_known(&whole, 1);
}

Test(hmac, parts_count_as_one_text)
{
    struct slice parts[] = {SLICE_LIT("what do ya "), SLICE_LIT(""), SLICE_LIT("want for"), SLICE_LIT(" nothing?")};
    expect_known(parts, 4);
}
