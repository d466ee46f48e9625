/* SPDX-License-Identifier: MIT */
/*
 * Values as bytes: a small value's row in a checkpoint, and the elements that a large one starts with.
 *
 * The encoding is of the content, not of the structure in memory: elements in order, each as the varint of its length and its
 * bytes; scores as 8 bytes; a stream with its ids, groups and pending entries. docs/FORMAT.md has it all.
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

#endif
