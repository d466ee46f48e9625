/* SPDX-License-Identifier: MIT */
/*
 * cjson writes numbers through its own fpconv_g_fmt, which is snprintf("%.14g"): two thousand instructions for a time
 * stamp. The link wraps that function (Makefile, --wrap), and integers that "%.14g" writes plainly are written here.
 */
#include "base/num.h"

#include <math.h>

/* From 15 digits on, "%.14g" turns to exponents. */
#define PLAIN_BELOW 1e14
/* What cjson asks for unless a script calls cjson.encode_number_precision. */
#define DEFAULT_PRECISION 14

int __real_fpconv_g_fmt(char *text, double number, int precision);
int __wrap_fpconv_g_fmt(char *text, double number, int precision);

/* Writes the number with its NUL; returns its length. text holds what cjson reserves, 32 bytes. */
int __wrap_fpconv_g_fmt(char *text, double number, int precision)
{
    bool is_plain = precision == DEFAULT_PRECISION && fabs(number) < PLAIN_BELOW && number == (double)(int64_t)number;
    if (!is_plain || (number == 0 && signbit(number))) return __real_fpconv_g_fmt(text, number, precision);
    size_t len = num_format_int(text, (int64_t)number);
    text[len] = '\0';
    return (int)len;
}
