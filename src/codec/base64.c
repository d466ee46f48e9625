/* SPDX-License-Identifier: MIT */
#include "codec/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

oxq_err base64_encode(struct slice bytes, struct buf *out)
{
    if (bytes.len == 0) return OXQ_OK;
    oxq_err e = buf_reserve(out, (bytes.len + 2) / 3 * 4);
    if (e) return e;
    const uint8_t *from = (const uint8_t *)bytes.at;
    char *to = out->at + out->len;
    for (size_t left = bytes.len; left > 0; from += 3, left -= left < 3 ? left : 3) {
        uint32_t group = (uint32_t)from[0] << 16;
        if (left > 1) group |= (uint32_t)from[1] << 8;
        if (left > 2) group |= from[2];
        *to++ = alphabet[group >> 18];
        *to++ = alphabet[group >> 12 & 63];
        *to++ = '=';
        *to++ = '=';
        if (left > 1) to[-2] = alphabet[group >> 6 & 63];
        if (left > 2) to[-1] = alphabet[group & 63];
    }
    out->len += (bytes.len + 2) / 3 * 4;
    return OXQ_OK;
}

/* 0 .. 63, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

/* Four characters, of which the last `pads` are padding. False when they are none of the alphabet, or carry stray bits. */
static bool read_group(const char *from, int pads, uint32_t *out)
{
    uint32_t group = 0;
    for (int i = 0; i < 4; i++) {
        int value = i < 4 - pads ? value_of(from[i]) : 0;
        if (value < 0) return false;
        group = group << 6 | (uint32_t)value;
    }
    *out = group;
    return (group & ((1U << 8 * pads) - 1)) == 0;
}

oxq_err base64_decode(struct slice text, struct buf *out)
{
    if (text.len % 4 != 0) return OXQ_ERR_FORMAT;
    if (text.len == 0) return OXQ_OK;
    oxq_err e = buf_reserve(out, text.len / 4 * 3);
    if (e) return e;
    char *to = out->at + out->len;
    for (size_t at = 0; at < text.len; at += 4) {
        int pads = 0;
        uint32_t group;
        if (at + 4 == text.len) pads = text.at[at + 3] != '=' ? 0 : text.at[at + 2] != '=' ? 1 : 2;
        if (!read_group(text.at + at, pads, &group)) return OXQ_ERR_FORMAT;
        *to++ = (char)(group >> 16);
        if (pads < 2) *to++ = (char)(group >> 8);
        if (pads < 1) *to++ = (char)group;
    }
    out->len = (size_t)(to - out->at);
    return OXQ_OK;
}
