/* SPDX-License-Identifier: MIT */
#include "base/varint.h"

#include <criterion/criterion.h>

static const uint64_t edges[] = {0, 1, 0x7f, 0x80, 0x3fff, 0x4000, UINT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};

Test(varint, what_is_put_is_taken)
{
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        char bytes[VARINT_MAX_BYTES + 1];
        size_t len = varint_put(bytes, edges[i]);
        cr_assert_eq(len, varint_size(edges[i]));
        struct slice rest = slice_of(bytes, len);
        for (size_t cut = 0; cut < len; cut++) {
            struct slice part = slice_of(bytes, cut);
            uint64_t nothing;
            cr_assert_not(varint_take(&part, &nothing));
            cr_assert_eq(part.len, cut);
        }
        uint64_t n;
        cr_assert(varint_take(&rest, &n));
        cr_assert_eq(n, edges[i]);
        cr_assert_eq(rest.len, 0);
    }
}

Test(varint, signed_numbers_fold_and_unfold)
{
    const int64_t numbers[] = {0, -1, 1, -64, 63, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        cr_assert_eq(varint_unfold(varint_fold(numbers[i])), numbers[i]);
    cr_assert_eq(varint_size(varint_fold(-64)), 1);
}

Test(varint, each_number_has_one_form)
{
    const struct slice wrong[] = {
        SLICE_INIT("\x80\x00"),                                 /* zero in two bytes */
        SLICE_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), /* 65 bits */
        SLICE_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct slice rest = wrong[i];
        uint64_t n;
        cr_assert_not(varint_take(&rest, &n));
    }
}

Test(varint, a_text_is_taken_whole_or_not_at_all)
{
    struct slice rest = SLICE_LIT("\x02"
                                  "ab\x05"
                                  "cd"),
                 text;
    cr_assert(varint_take_text(&rest, &text));
    cr_assert(slice_equal(text, SLICE_LIT("ab")));
    cr_assert_not(varint_take_text(&rest, &text));
    cr_assert_eq(rest.len, 3);
}
