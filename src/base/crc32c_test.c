/* SPDX-License-Identifier: MIT */
#include "base/crc32c.h"

#include "base/rng.h"

#include <criterion/criterion.h>

static void expect_crc(struct slice bytes, uint32_t want)
{
    cr_expect_eq(crc32c(0, bytes), want, "%08x instead of %08x", crc32c(0, bytes), want);
    cr_expect_eq(crc32c_portable(0, bytes), want, "portable: %08x", crc32c_portable(0, bytes));
}

Test(crc32c, is_that_of_the_published_vectors)
{
    char bytes[32];
    expect_crc(SLICE_LIT(""), 0);
    expect_crc(SLICE_LIT("123456789"), 0xE3069283);
    /* RFC 3720, B.4, whose tables list the bytes of each checksum in the order of the wire. */
    memset(bytes, 0, sizeof(bytes));
    expect_crc(slice_of(bytes, 32), 0x8A9136AA);
    memset(bytes, 0xff, sizeof(bytes));
    expect_crc(slice_of(bytes, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++) bytes[i] = (char)i;
    expect_crc(slice_of(bytes, 32), 0x46DD794E);
    for (int i = 0; i < 32; i++) bytes[i] = (char)(31 - i);
    expect_crc(slice_of(bytes, 32), 0x113FDB5C);
}

Test(crc32c, is_the_same_in_one_piece_and_in_two_with_and_without_the_instruction)
{
    struct rng rng;
    rng_init(&rng, 1);
    char bytes[100];
    for (int i = 0; i < 100; i++) bytes[i] = (char)rng_next(&rng);
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; from + len <= sizeof(bytes); len++) {
            struct slice whole = slice_of(bytes + from, len);
            uint32_t want = crc32c(7, whole);
            cr_assert_eq(crc32c_portable(7, whole), want);
            size_t cut = len / 3;
            cr_assert_eq(crc32c(crc32c(7, slice_of(whole.at, cut)), slice_from(whole, cut)), want);
        }
    }
}

Test(crc32c, of_another_seed_differs_for_the_same_bytes)
{
    cr_assert_neq(crc32c(1, SLICE_LIT("record")), crc32c(2, SLICE_LIT("record")));
}
