/* SPDX-License-Identifier: MIT */
#include "codec/mpack_next.h"

/* Of the lead bytes from 0xc0 on: their length with the operand, before a text's own bytes. 0: no value, or none that there is a word for. */
static const unsigned char head_bytes[0x20] = {
    [0x02] = 1, [0x03] = 1,                         /* booleans */
    [0x0a] = 5, [0x0b] = 9,                         /* reals */
    [0x0c] = 2, [0x0d] = 3, [0x0e] = 5, [0x0f] = 9, /* unsigned */
    [0x10] = 2, [0x11] = 3, [0x12] = 5, [0x13] = 9, /* signed */
    [0x19] = 2, [0x1a] = 3, [0x1b] = 5,             /* texts */
    [0x1c] = 3, [0x1d] = 5, [0x1e] = 3, [0x1f] = 5, /* arrays, maps */
};

/* Most significant byte first. */
static uint64_t read_operand(const char *at, size_t bytes)
{
    uint64_t n;
    if (bytes == sizeof(n)) {
        memcpy(&n, at, sizeof(n));
        return __builtin_bswap64(n);
    }
    n = 0;
    for (size_t i = 0; i < bytes; i++) n = n << 8 | (unsigned char)at[i];
    return n;
}

static void set_real(struct mpack_token *out, uint64_t operand, size_t bytes)
{
    uint32_t bits = (uint32_t)operand;
    float f;
    memcpy(&f, &bits, sizeof(f));
    memcpy(&out->real, &operand, sizeof(operand));
    if (bytes == sizeof(f)) out->real = (double)f;
}

bool mpack_next_long(struct slice *input, struct mpack_token *out)
{
    unsigned char lead = (unsigned char)*input->at;
    size_t head = head_bytes[lead - 0xc0], bytes = head - 1;
    if (head == 0 || input->len < head) return false;
    uint64_t n = read_operand(input->at + 1, bytes);
    if (lead >= 0xd9 && lead < 0xdc) return mpack_take_text(input, head, n, out);
    *input = slice_of(input->at + head, input->len - head);
    if (lead < 0xca) {
        out->kind = MPACK_BOOLEAN;
        out->boolean = lead & 1;
    } else if (lead < 0xcc) {
        out->kind = MPACK_REAL;
        set_real(out, n, bytes);
    } else if (lead < 0xd0) {
        out->kind = n > INT64_MAX ? MPACK_BIG : MPACK_INTEGER;
        out->big = n;
    } else if (lead < 0xd9) {
        unsigned unused = 64 - 8 * (unsigned)bytes;
        out->kind = MPACK_INTEGER;
        out->integer = (int64_t)(n << unused) >> unused;
    } else {
        out->kind = lead < 0xde ? MPACK_ARRAY : MPACK_MAP;
        out->count = (uint32_t)n;
    }
    return true;
}
