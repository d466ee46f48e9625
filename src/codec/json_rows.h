/* SPDX-License-Identifier: MIT */
/*
 * Fills a struct from a JSON object: a row for each member that is known, with what reads it and where it goes.
 *
 *     static const struct json_row rows[] = {JSON_ROW("attempts", json_row_integer, struct job_options, attempts), ...};
 *     struct json_rows r = {.arena = &arena, .noun = "option", .err = err};
 *     e = JSON_ROWS_READ(&r, map, rows, &options);
 */
#ifndef CODEC_JSON_ROWS_H
#define CODEC_JSON_ROWS_H

#include "codec/json.h"

#include <stddef.h>

struct json_rows {
    struct arena *arena; /* of texts */
    const char *noun;    /* what a member is, for errors: "option" */
    bool is_strict;      /* a member that no row knows is an error; else it is passed over */
    const void *ctx;     /* of the reading functions */
    struct oxq_error *err;
};

/* Reads the value of the member `name`, which is not null, to `out`. */
typedef oxq_err json_row_fn(struct json_rows *r, const struct json *v, const char *name, void *out);

struct json_row {
    const char *name;
    json_row_fn *read;
    size_t offset; /* in the struct that is filled */
};
#define JSON_ROW(name, read, type, field)                                                                              \
    {                                                                                                                  \
        name, read, offsetof(type, field)                                                                              \
    }

/*
 * Fills the struct at `base`; null is as good as absent. Errors: ARGUMENT (a value of another kind; when strict, a name that is not known,
 * with the nearest that is), those of the reading functions.
 */
OXQ_MUST_USE oxq_err json_rows_read(struct json_rows *r, const struct json *map, const struct json_row *rows,
                                    size_t count, void *base);
#define JSON_ROWS_READ(r, map, rows, base) json_rows_read(r, map, rows, sizeof(rows) / sizeof((rows)[0]), base)

/* Reading functions: an int64_t (a fraction is rounded, as JavaScript's numbers may have one), a double, a bool. */
json_row_fn json_row_integer, json_row_real, json_row_bool;
/* A text, copied to the arena: a struct slice; a const char *, without NUL inside. */
json_row_fn json_row_slice, json_row_text;

bool json_is_number(const struct json *v);
/* "option NAME: WANTED is expected". Returns ARGUMENT. */
oxq_err json_rows_refuse(struct json_rows *r, const char *name, const char *wanted);

#endif
