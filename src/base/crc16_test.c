/* SPDX-License-Identifier: MIT */
#include "base/crc16.h"

#include <criterion/criterion.h>

/* The plain form, bit by bit. */
static uint16_t crc_by_bits(struct slice bytes)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint16_t)((uint8_t)bytes.at[i] << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

Test(crc16, has_the_check_value_of_its_definition)
{
    cr_assert_eq(crc16(SLICE_LIT("123456789")), 0x31c3);
    cr_assert_eq(crc16(SLICE_LIT("")), 0);
}

Test(crc16, equals_the_bitwise_form)
{
    char bytes[256];
    for (int i = 0; i < 256; i++) bytes[i] = (char)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(bytes); len++)
        cr_assert_eq(crc16(slice_of(bytes, len)), crc_by_bits(slice_of(bytes, len)));
}
