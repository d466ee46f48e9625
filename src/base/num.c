/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include "base/err.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char two_digits[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657"
    "585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static size_t count_digits(uint64_t n)
{
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      10000000000000000000u};
    /* The bits tell it but for one; 1233 / 4096 is a little more than log10(2). */
    size_t most = (size_t)(64 - __builtin_clzll(n | 1)) * 1233 >> 12;
    return most + (n >= powers[most]);
}

size_t num_format_int(char *dst, int64_t n)
{
    uint64_t rest = n < 0 ? (uint64_t)0 - (uint64_t)n : (uint64_t)n;
    size_t len = (n < 0) + count_digits(rest);
    char *at = dst + len;
    while (rest >= 100) {
        at -= 2;
        memcpy(at, two_digits + 2 * (rest % 100), 2);
        rest /= 100;
    }
    if (rest >= 10)
        memcpy(at - 2, two_digits + 2 * rest, 2);
    else
        at[-1] = (char)('0' + rest);
    if (n < 0) *dst = '-';
    return len;
}

/* glibc's own, which needs no memory and is never freed. */
static locale_t find_plain(void)
{
    static _Atomic(locale_t) plain;
    if (!plain) plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    CHECK(plain != (locale_t)0);
    return plain;
}

locale_t num_enter_plain(void)
{
    return uselocale(find_plain());
}

void num_leave_plain(locale_t before)
{
    (void)uselocale(before);
}

size_t num_format_double(char *dst, double d)
{
    if (isnan(d)) return (size_t)snprintf(dst, NUM_DOUBLE_MAX_CHARS, "nan");
    if (isinf(d)) return (size_t)snprintf(dst, NUM_DOUBLE_MAX_CHARS, "%s", d > 0 ? "inf" : "-inf");
    /* Doubles hold integers exactly up to 2^53; -0 keeps its sign through "%.17g". */
    if (d > -9007199254740992.0 && d < 9007199254740992.0 && d == (double)(int64_t)d && !(d == 0 && signbit(d)))
        return num_format_int(dst, (int64_t)d);
    locale_t before = num_enter_plain();
    int len = snprintf(dst, NUM_DOUBLE_MAX_CHARS, "%.17g", d);
    num_leave_plain(before);
    return (size_t)len;
}

size_t num_format_long_double(char *dst, long double d)
{
    if (isinf(d)) return (size_t)snprintf(dst, NUM_LONG_DOUBLE_MAX_CHARS, "%s", d > 0 ? "inf" : "-inf");
    locale_t before = num_enter_plain();
    size_t len = (size_t)snprintf(dst, NUM_LONG_DOUBLE_MAX_CHARS, "%.17Lf", d);
    num_leave_plain(before);
    if (memchr(dst, '.', len)) {
        while (dst[len - 1] == '0') len--;
        if (dst[len - 1] == '.') len--;
    }
    if (len == 2 && dst[0] == '-' && dst[1] == '0') {
        dst[0] = '0';
        len = 1;
    }
    return len;
}

bool num_parse_uint(struct slice text, uint64_t *out)
{
    if (text.len == 0 || text.len > 20) return false;
    if (text.at[0] == '0' && text.len > 1) return false;
    uint64_t n = 0;
    const char *at = text.at, *end = at + text.len;
    /* Nineteen digits always fit. */
    const char *safe_end = text.len < 20 ? end : at + 19;
    for (; at < safe_end; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9) return false;
        n = n * 10 + digit;
    }
    if (at < end) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n)) return false;
    }
    *out = n;
    return true;
}

bool num_parse_int(struct slice text, int64_t *out)
{
    bool is_negative = text.len > 0 && text.at[0] == '-';
    uint64_t n;
    if (!num_parse_uint(slice_from(text, is_negative), &n)) return false;
    if (is_negative) {
        if (n == 0 || n > (uint64_t)INT64_MAX + 1) return false;
        *out = (int64_t)((uint64_t)0 - n);
        return true;
    }
    if (n > INT64_MAX) return false;
    *out = (int64_t)n;
    return true;
}

/* strtod and strtold want a NUL. Whatever num_format_long_double writes must be read again; what is longer is no number. */
#define NUM_TEXT_MAX NUM_LONG_DOUBLE_MAX_CHARS

#define EXACT_MAX (INT64_C(1) << 53)

static bool copy_number(struct slice text, char *dst)
{
    if (text.len == 0 || text.len >= NUM_TEXT_MAX || text.at[0] == ' ' || (text.at[0] >= '\t' && text.at[0] <= '\r'))
        return false;
    memcpy(dst, text.at, text.len);
    dst[text.len] = '\0';
    return true;
}

bool num_parse_double(struct slice text, double *out)
{
    int64_t n;
    /* Most scores are plain integers, and those up to 2^53 are exact. */
    if (text.len <= 17 && num_parse_int(text, &n) && n >= -EXACT_MAX && n <= EXACT_MAX) {
        *out = (double)n;
        return true;
    }
    char copy[NUM_TEXT_MAX];
    if (!copy_number(text, copy)) return false;
    char *end;
    errno = 0;
    double d = strtod_l(copy, &end, find_plain());
    if (end != copy + text.len || isnan(d)) return false;
    if (errno == ERANGE && (d == HUGE_VAL || d == -HUGE_VAL || fpclassify(d) == FP_ZERO)) return false;
    *out = d;
    return true;
}

bool num_parse_long_double(struct slice text, long double *out)
{
    char copy[NUM_TEXT_MAX];
    if (!copy_number(text, copy)) return false;
    char *end;
    errno = 0;
    long double d = strtold_l(copy, &end, find_plain());
    if (end != copy + text.len || isnan(d)) return false;
    if (errno == ERANGE && (isinf(d) || fpclassify(d) == FP_ZERO)) return false;
    *out = d;
    return true;
}
