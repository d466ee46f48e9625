/* SPDX-License-Identifier: MIT */
/*
 * Values as bytes: a small value's row in a checkpoint, and the elements that a large one starts with.
 *
 * The encoding is of the content, not of the structure in memory: elements in order, each as the varint of its length and its
 * bytes; scores as 8 bytes; a stream with its ids, groups and pending entries. value_codec.c has the bytes.
 */
#ifndef KEYSPACE_VALUE_CODEC_H
#define KEYSPACE_VALUE_CODEC_H

#include "base/buf.h"
#include "keyspace/value.h"

/* Appends the content. Errors: LIMIT, MEMORY of the buffer. */
OXQ_MUST_USE oxq_err value_encode(const struct value *v, struct buf *out);
/* Makes *out (uninitialised; its aux is left alone) from bytes of which nothing is trusted. Errors: FORMAT; *out is not made then. */
OXQ_MUST_USE oxq_err value_decode(enum value_type type, struct slice bytes, struct value *out);
/* Elements of a container, entries of a stream; 1 for a string. O(1). */
size_t value_count(const struct value *v);

/* Walks the elements of encoded bytes without making the value: lists, sets, sorted sets, hashes. */
struct value_elements {
    struct slice rest; /* borrowed */
    enum value_type type;
    uint64_t left; /* elements to come */
};
struct value_element {
    struct slice name;  /* element, member, field */
    struct slice value; /* hash */
    double score;       /* sorted set */
};
/* Errors: FORMAT. */
OXQ_MUST_USE oxq_err value_elements_begin(struct value_elements *it, enum value_type type, struct slice bytes);
/* Not beyond the last. Errors: FORMAT. */
OXQ_MUST_USE oxq_err value_elements_next(struct value_elements *it, struct value_element *out);

/* Makes a hash, set or sorted set what it is for good once it was large: OBJECT ENCODING remembers (an empty set does not). */
void value_make_table(struct value *v);

/* A score as bytes: a double, low byte first. */
#define VALUE_SCORE_BYTES 8u
static inline void value_put_score(char dst[VALUE_SCORE_BYTES], double score)
{
    uint64_t bits;
    memcpy(&bits, &score, sizeof(bits));
    for (unsigned i = 0; i < VALUE_SCORE_BYTES; i++) dst[i] = (char)(bits >> (8 * i));
}
static inline double value_get_score(const char src[VALUE_SCORE_BYTES])
{
    uint64_t bits = 0;
    double score;
    for (unsigned i = 0; i < VALUE_SCORE_BYTES; i++) bits |= (uint64_t)(uint8_t)src[i] << (8 * i);
    memcpy(&score, &bits, sizeof(score));
    return score;
}

#endif
