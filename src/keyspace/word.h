/* SPDX-License-Identifier: MIT */
/*
 * Words: texts that jobs are full of, mostly names of their fields. packed.h keeps each as one byte, its number.
 *
 * A word's number is its place in a table of 64, which its first byte, last byte and length give by a multiplication.
 * The factor was searched for so that no two words share a place; the compiler refuses a table where they do. Numbers
 * live in memory only: what goes to disk is the text.
 */
#ifndef KEYSPACE_WORD_H
#define KEYSPACE_WORD_H

#include "base/slice.h"

#define WORDS_COUNT 64

#define WORD_PLACE(first, last, len)                                                                                   \
    (((uint32_t)(first) + ((uint32_t)(last) << 8) + ((uint32_t)(len) << 16)) * UINT32_C(0xace42895) >> 26)

struct word {
    uint8_t len; /* 0: no word has this number */
    char text[15];
};

extern const struct word word_table[WORDS_COUNT];

/* Equal, at a length of 1 to 15? Ends that overlap are compared; a call of memcmp costs more. */
static inline bool word_equal(const char *a, const char *b, size_t len)
{
    if (len < 4) return a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1];
    if (len < 8) return memcmp(a, b, 4) == 0 && memcmp(a + len - 4, b + len - 4, 4) == 0;
    return memcmp(a, b, 8) == 0 && memcmp(a + len - 8, b + len - 8, 8) == 0;
}

/* The number of the word that the bytes are; -1: they are none. */
static inline int word_find(struct slice bytes)
{
    if (bytes.len - 1 >= sizeof(word_table[0].text)) return -1;
    uint32_t n = WORD_PLACE((unsigned char)bytes.at[0], (unsigned char)bytes.at[bytes.len - 1], bytes.len);
    if (word_table[n].len != bytes.len || !word_equal(word_table[n].text, bytes.at, bytes.len)) return -1;
    return (int)n;
}

static inline struct slice word_text(unsigned number)
{
    return slice_of(word_table[number].text, word_table[number].len);
}

#endif
