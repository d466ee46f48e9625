/* SPDX-License-Identifier: MIT */
/*
 * MessagePack in single steps, for readers that keep their own account of open containers: what msgpack-c would read, without its stack and
 * its callbacks. Inline, since a twin reads two short values for each job. A test holds it to mpack_visit.
 */
#ifndef CODEC_MPACK_NEXT_H
#define CODEC_MPACK_NEXT_H

#include "base/slice.h"

enum mpack_kind { MPACK_NULL, MPACK_BOOLEAN, MPACK_INTEGER, MPACK_BIG, MPACK_REAL, MPACK_TEXT, MPACK_ARRAY, MPACK_MAP };

/* A value; of a container only how many elements or pairs are announced, which come next. */
struct mpack_token {
    enum mpack_kind kind;
    union {
        bool boolean;
        int64_t integer;
        uint64_t big; /* above INT64_MAX */
        double real;
        struct slice text; /* borrowed from the input */
        uint32_t count;
    };
};

/* Of those with a lead byte from 0xc1 to 0xdf. */
bool mpack_next_long(struct slice *input, struct mpack_token *out);

static inline bool mpack_take_text(struct slice *input, size_t head, size_t len, struct mpack_token *out)
{
    if (input->len - head < len) return false;
    out->kind = MPACK_TEXT;
    out->text = slice_of(input->at + head, len);
    *input = slice_of(input->at + head + len, input->len - head - len);
    return true;
}

/* Reads one token from the start of *input and moves *input behind it. False: the input ends within it, or it is none that mpack_visit knows. */
static inline bool mpack_next(struct slice *input, struct mpack_token *out)
{
    if (input->len == 0) return false;
    unsigned char lead = (unsigned char)*input->at;
    if (lead > 0xc0 && lead < 0xe0) return mpack_next_long(input, out);
    if (lead >= 0xa0 && lead < 0xc0) return mpack_take_text(input, 1, lead & 0x1f, out);
    if (lead < 0x80 || lead >= 0xe0) {
        out->kind = MPACK_INTEGER;
        out->integer = (int8_t)lead;
    } else if (lead < 0xa0) {
        out->kind = lead < 0x90 ? MPACK_MAP : MPACK_ARRAY;
        out->count = lead & 0xf;
    } else {
        out->kind = MPACK_NULL;
    }
    *input = slice_of(input->at + 1, input->len - 1);
    return true;
}

#endif
