/* SPDX-License-Identifier: MIT */
/*
 * The string type: text, or an integer kept as such.
 *
 * All functions take a value of type VALUE_STRING. Slices given may not lie inside the value that is changed.
 */
#ifndef KEYSPACE_STRING_H
#define KEYSPACE_STRING_H

#include "base/err.h"
#include "base/num.h"
#include "keyspace/value.h"

/* No string grows beyond this: Redis's default of proto-max-bulk-len. */
#define STRING_MAX_BYTES ((size_t)512 << 20)

void string_init(struct value *v);
void string_deinit(struct value *v);
void string_copy(const struct value *v, struct value *out);
/* "int", "embstr" or "raw": Redis's name for the form that the same commands would have left there. */
const char *string_encoding_name(const struct value *v);
/* Bytes owned; `samples` is not used. */
size_t string_bytes(const struct value *v, size_t samples);
/* Length of the text in bytes. */
size_t string_len(const struct value *v);
uint64_t string_digest(const struct value *v);
void string_check(const struct value *v);

/* The text: an integer is written into `digits`, else the slice is borrowed until the next change of v. */
struct slice string_borrow(const struct value *v, char digits[NUM_INT_MAX_CHARS]);
/* The integer that the text spells; false when it spells none. */
bool string_integer(const struct value *v, int64_t *out);

/* Replaces the text. What spells an integer is kept as one. */
void string_set(struct value *v, struct slice text);
void string_set_integer(struct value *v, int64_t n);
/* Replaces the text and keeps it as text even where it spells an integer, as INCRBYFLOAT leaves it. */
void string_set_text(struct value *v, struct slice text);
/*
 * Writes bytes at `offset`, with zero bytes up to it when the text is shorter. At the end of the text it appends, and room
 * grows so that appending byte by byte costs O(1) each. Errors: LIMIT (past STRING_MAX_BYTES), MEMORY; v is unchanged then.
 */
OXQ_MUST_USE oxq_err string_write(struct value *v, size_t offset, struct slice bytes);

#endif
