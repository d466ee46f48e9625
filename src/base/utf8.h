/* SPDX-License-Identifier: MIT */
/* Characters of UTF-8, one at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/*
 * The bytes of the character that a text, which is not empty, begins with, 1 .. 4; 0: it begins with none (overlong, a surrogate, past
 * U+10FFFF, cut off).
 */
size_t utf8_length(struct slice text);
/* The code point of that character. `len`: what utf8_length has given. */
uint32_t utf8_code(struct slice text, size_t len);
/* Would that character steer a terminal? C0, DEL, and C1, which are two bytes. */
bool utf8_is_control(uint32_t code);

#endif
