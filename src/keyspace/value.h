/* SPDX-License-Identifier: MIT */
/*
 * A value of any type, in 16 bytes plus what it owns.
 *
 * Each type has its own header (string.h, hash.h, list.h, set.h, zset.h, stream.h) whose functions take a struct value
 * of that type. A type picks its encoding by size: PACKED is one allocation (keyspace/packed.h), the others are
 * structures for many or large elements. OBJECT ENCODING tells Redis's name for what Redis would use, see *_encoding_name.
 */
#ifndef KEYSPACE_VALUE_H
#define KEYSPACE_VALUE_H

#include "base/slice.h"

enum value_type { VALUE_STRING, VALUE_LIST, VALUE_SET, VALUE_ZSET, VALUE_HASH, VALUE_STREAM };
#define VALUE_TYPES_COUNT 6

struct value {
    union {
        void *ptr; /* owned, by type and encoding */
        int64_t integer;
    };
    uint8_t type;     /* enum value_type */
    uint8_t encoding; /* private to the type's .c file; 0 is the empty value's */
    uint16_t flags;   /* private to the type's .c file */
    uint32_t aux;     /* free for the holder of the value (entry: length of the key) */
};

/* Makes *v an empty value of the type. Owns: v; value_deinit. */
void value_init(struct value *v, enum value_type type);
/* Frees what v owns. Large values free in time proportional to their allocations. */
void value_deinit(struct value *v);
/* Frees parts of v, at most *steps of them, counted down. True when value_deinit will be short; until then nothing else may be
 * done with v. */
bool value_drain(struct value *v, size_t *steps);
/* A deep copy, equal in content and type; *out must be uninitialised (its aux is left alone). */
void value_copy(const struct value *v, struct value *out);
/* The type's digest of the content (keyspace/digest.h). */
uint64_t value_digest(const struct value *v);
/* A container without elements, which Redis does not keep. Never true for strings and streams. */
bool value_is_empty(const struct value *v);
/* "string", "list", "set", "zset", "hash", "stream". */
const char *value_type_name(enum value_type type);
/* What OBJECT ENCODING answers. */
const char *value_encoding_name(const struct value *v);
/* Bytes owned by v, exact or (above `samples` elements, samples > 0) extrapolated from a sample. */
size_t value_bytes(const struct value *v, size_t samples);

#endif
