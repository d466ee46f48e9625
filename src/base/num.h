/* SPDX-License-Identifier: MIT */
/* Numbers to text and back, in the forms that the Redis protocol's replies and arguments have. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/slice.h"

#include <locale.h>

/*
 * In a program that has set a locale (setlocale), the C library writes and reads 1,5 where JSON and the protocol have 1.5. The functions of
 * this header have 1.5 in any. Code that leaves fractions to printf, strtod and their like, Lua's libraries say, runs between these two, in
 * whose thread the C library does too. Returns what num_leave_plain wants.
 */
locale_t num_enter_plain(void);
void num_leave_plain(locale_t before);

#define NUM_INT_MAX_CHARS 21           /* "-9223372036854775808" and a NUL */
#define NUM_DOUBLE_MAX_CHARS 32        /* "%.17g" of any double and a NUL */
#define NUM_LONG_DOUBLE_MAX_CHARS 5120 /* "%.17Lf" of any long double, as INCRBYFLOAT prints */

/* Writes n in decimal, no NUL; returns the length (<= 20). dst holds NUM_INT_MAX_CHARS. */
size_t num_format_int(char *dst, int64_t n);
/* Writes d as Redis 7.0 replies with doubles: integers plainly, else "%.17g"; "inf", "-inf", "nan". Returns the length. */
size_t num_format_double(char *dst, double d);
/* Writes d as INCRBYFLOAT does: "%.17Lf" without trailing zeros and without "-0". Returns the length. */
size_t num_format_long_double(char *dst, long double d);

/* Strict decimal: optional '-', no '+', no spaces, no leading zeros, in range. False and *out untouched otherwise. */
bool num_parse_int(struct slice text, int64_t *out);
/* The same for 0 .. 2^64-1. */
bool num_parse_uint(struct slice text, uint64_t *out);
/* A whole text as double, as Redis accepts scores: strtod's forms with inf/infinity, no spaces, no NaN, no empty text. */
bool num_parse_double(struct slice text, double *out);
/* The same as long double (INCRBYFLOAT). */
bool num_parse_long_double(struct slice text, long double *out);

#endif
