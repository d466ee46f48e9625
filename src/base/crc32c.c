/* SPDX-License-Identifier: MIT */
/*
 * The polynomial is Castagnoli's (1993), reflected 0x82F63B78, as iSCSI has it (RFC 3720, section 12.1 and vectors in B.4).
 *
 * x86-64 processors since 2008 have it as an instruction (SSE4.2 crc32), which takes eight bytes in three cycles. Elsewhere
 * eight tables take eight bytes with eight look-ups: "slicing-by-8", Kounavis and Berry, "A Systematic Approach to
 * Building High Performance Software-Based CRC Generators" (ISCC 2005). tables[k][b] is the remainder of byte b with k
 * zero bytes after it.
 */
#include "base/crc32c.h"

#include <endian.h>

#define POLYNOMIAL 0x82F63B78u

static uint32_t tables[8][256];

/* Before main, so that threads find them whole. */
__attribute__((constructor)) static void fill_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        tables[0][b] = crc;
    }
    for (uint32_t b = 0; b < 256; b++) {
        for (int k = 1; k < 8; k++) tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
    }
}

static uint64_t load_8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return le64toh(word);
}

uint32_t crc32c_portable(uint32_t before, struct slice bytes)
{
    uint32_t crc = ~before;
    const char *at = bytes.at;
    size_t left = bytes.len;
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word = load_8(at) ^ crc;
        crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
              tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
              tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
    }
    for (; left; at++, left--) crc = crc >> 8 ^ tables[0][(crc ^ (unsigned char)*at) & 0xff];
    return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t before, struct slice bytes)
{
    uint64_t crc = ~before;
    const char *at = bytes.at;
    size_t left = bytes.len;
    for (; left >= 8; at += 8, left -= 8) crc = __builtin_ia32_crc32di(crc, load_8(at));
    uint32_t narrow = (uint32_t)crc;
    if (left & 4) {
        uint32_t word;
        memcpy(&word, at, sizeof(word));
        narrow = __builtin_ia32_crc32si(narrow, word);
        at += 4;
    }
    if (left & 2) {
        uint16_t word;
        memcpy(&word, at, sizeof(word));
        narrow = __builtin_ia32_crc32hi(narrow, word);
        at += 2;
    }
    if (left & 1) narrow = __builtin_ia32_crc32qi(narrow, (unsigned char)*at);
    return ~narrow;
}
#endif

uint32_t crc32c(uint32_t before, struct slice bytes)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(before, bytes);
#endif
    return crc32c_portable(before, bytes);
}
