/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

size_t utf8_length(struct slice text)
{
    const uint8_t *at = (const uint8_t *)text.at;
    if (at[0] < 0x80) return 1;
    size_t len = at[0] >= 0xC2 && at[0] <= 0xDF   ? 2
                 : at[0] >= 0xE0 && at[0] <= 0xEF ? 3
                 : at[0] >= 0xF0 && at[0] <= 0xF4 ? 4
                                                  : 0;
    if (len == 0 || len > text.len) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) return 0;
    }
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F)) return 0;
    if ((at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F)) return 0;
    return len;
}

uint32_t utf8_code(struct slice text, size_t len)
{
    const uint8_t *at = (const uint8_t *)text.at;
    if (len <= 1) return at[0];
    uint32_t code = at[0] & (0xFFU >> (len + 1));
    for (size_t i = 1; i < len; i++) code = code << 6 | (at[i] & 0x3FU);
    return code;
}

bool utf8_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}
