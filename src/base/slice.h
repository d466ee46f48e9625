/* SPDX-License-Identifier: MIT */
/* A slice borrows bytes: it never owns them and is valid only as long as their owner says. Binary-safe. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *at; /* may be NULL when len is 0 */
    size_t len;
};

/* A slice of a string literal, usable in static initialisers with SLICE_INIT. */
#define SLICE_LIT(text) ((struct slice){(text), sizeof(text) - 1})
#define SLICE_INIT(text)                                                                                               \
    {                                                                                                                  \
        (text), sizeof(text) - 1                                                                                       \
    }

static inline struct slice slice_of(const void *at, size_t len)
{
    return (struct slice){(const char *)at, len};
}

static inline struct slice slice_from_text(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Order of bytes as unsigned, a prefix before its extensions: <0, 0, >0 (Redis's order of members). */
int slice_compare(struct slice a, struct slice b);

/* Equal but for ASCII case. `lower` must be lower case already. */
bool slice_is(struct slice a, const char *lower);

/* The same bytes after `skip` bytes (skip <= len). */
static inline struct slice slice_from(struct slice s, size_t skip)
{
    /* An empty slice may have no address, to which nothing can be added; compilers make one addition of this. */
    return (struct slice){skip ? s.at + skip : s.at, s.len - skip};
}

/*
 * Glob match as Redis's: * ? [a-z] [^a] and \ as escape; bytes, not characters. Runs in O(pattern * text)
 * at worst and gives up (no match) on patterns that would need more steps than that.
 */
bool slice_glob(struct slice pattern, struct slice text, bool ignore_case);

#endif
