/* SPDX-License-Identifier: MIT */
/*
 * Integers as they stand in files: seven bits a byte, the low ones first, the high bit set in all bytes but the last. Signed ones
 * are folded first (0, -1, 1, -2, ...), so that small ones are short on both sides of zero.
 */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include "base/slice.h"

#define VARINT_MAX_BYTES 10

static inline uint64_t varint_fold(int64_t n)
{
    return (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
}

static inline int64_t varint_unfold(uint64_t n)
{
    return (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
}

/* Writes n, returns the bytes taken. dst holds VARINT_MAX_BYTES. */
static inline size_t varint_put(char *dst, uint64_t n)
{
    size_t len = 0;
    for (; n >= 0x80; n >>= 7) dst[len++] = (char)(n | 0x80);
    dst[len++] = (char)n;
    return len;
}

static inline size_t varint_size(uint64_t n)
{
    size_t size = 1;
    for (; n >= 0x80; n >>= 7) size++;
    return size;
}

/* Takes a number off the start of *rest. False, nothing taken: it is cut off, or longer than 64 bits or than it must be. */
static inline bool varint_take(struct slice *rest, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < rest->len && i < VARINT_MAX_BYTES; i++) {
        uint64_t byte = (uint8_t)rest->at[i];
        n |= (byte & 0x7f) << (7 * i);
        if (byte >= 0x80) continue;
        if ((byte == 0 && i > 0) || (i == VARINT_MAX_BYTES - 1 && byte > 1)) return false;
        *out = n;
        *rest = slice_from(*rest, i + 1);
        return true;
    }
    return false;
}

/* Takes `len` bytes off the start of *rest; false when there are fewer. */
static inline bool varint_take_bytes(struct slice *rest, uint64_t len, struct slice *out)
{
    if (len > rest->len) return false;
    *out = slice_of(rest->at, (size_t)len);
    *rest = slice_from(*rest, (size_t)len);
    return true;
}

/* Takes a text: its length, then its bytes. */
static inline bool varint_take_text(struct slice *rest, struct slice *out)
{
    struct slice from = *rest;
    uint64_t len;
    if (!varint_take(&from, &len) || !varint_take_bytes(&from, len, out)) return false;
    *rest = from;
    return true;
}

#endif
