/* SPDX-License-Identifier: MIT */
/* Reading JSON: what a job carries, and what calls give as text. */
#ifndef OXQ_JSON_H
#define OXQ_JSON_H

#include <oxq/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A value of a parsed text; borrowed from whatever gave its root. */
typedef struct oxq_json oxq_json;

typedef enum oxq_json_kind {
    OXQ_JSON_ABSENT, /* of NULL: nothing is there */
    OXQ_JSON_NULL,
    OXQ_JSON_BOOL,
    OXQ_JSON_INTEGER,
    OXQ_JSON_REAL,
    OXQ_JSON_TEXT,
    OXQ_JSON_LIST,
    OXQ_JSON_MAP
} oxq_json_kind;

/*
 * The value at a JSON pointer (RFC 6901) such as "/to/0/name"; "" is v itself. NULL when there is none, and of NULL: a chain of
 * questions needs one check at its end.
 */
const oxq_json *oxq_json_at(const oxq_json *v, const char *pointer);
oxq_json_kind oxq_json_kind_of(const oxq_json *v);
/* The text at a pointer, or `fallback` when it is no text. */
const char *oxq_json_text(const oxq_json *v, const char *pointer, const char *fallback);
/* The number at a pointer, a real one cut to its whole part; `fallback` when it is none or beyond int64_t. */
int64_t oxq_json_integer(const oxq_json *v, const char *pointer, int64_t fallback);
double oxq_json_real(const oxq_json *v, const char *pointer, double fallback);
bool oxq_json_bool(const oxq_json *v, const char *pointer, bool fallback);
/* Elements of a list, members of a map; 0 of all else. */
size_t oxq_json_count(const oxq_json *v);
/* Element i of a list, or the value of member i of a map in the order of the text. NULL when there are not so many. */
const oxq_json *oxq_json_element(const oxq_json *v, size_t i);
/* The name of member i of a map. */
const char *oxq_json_member_name(const oxq_json *v, size_t i);

/*
 * Parses a text: a job's options or progress, the results of its children, ... Errors: FORMAT (where, and what is wrong), MEMORY. Owns: caller,
 * oxq_json_free.
 */
OXQ_MUST_USE oxq_err oxq_json_read(const char *text, oxq_json **out, struct oxq_error *err);
/* The root that oxq_json_read gave; none that a job gave. NULL is fine. */
void oxq_json_free(oxq_json *root);

#ifdef __cplusplus
}
#endif
#endif
