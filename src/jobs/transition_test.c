/* SPDX-License-Identifier: MIT */
#include "jobs/transition.h"

#include "codec/sha1.h"

#include <criterion/criterion.h>
#include <string.h>

Test(transition, is_named_by_the_sha1_of_its_text)
{
#define COUNT(lower, UPPER) &transition_##lower,
    const struct transition *all[] = {TRANSITION_TABLE(COUNT)};
#undef COUNT
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char hex[SHA1_HEX_CHARS];
        sha1_hex(all[i]->script.text, hex);
        cr_assert_eq(strlen(all[i]->script.sha), SHA1_HEX_CHARS, "%s", all[i]->name);
        cr_assert_arr_eq(hex, all[i]->script.sha, SHA1_HEX_CHARS, "%s", all[i]->name);
    }
}
