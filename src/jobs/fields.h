/* SPDX-License-Identifier: MIT */
/* A hash into a struct, by a table of its fields. Private to jobs/. */
#ifndef JOBS_FIELDS_H
#define JOBS_FIELDS_H

#include "base/err.h"
#include "resp/reply_parser.h"

struct fields_row {
    struct slice name;
    size_t offset;
    bool is_number;
};

/* name: a literal; member: a struct slice, or an int64_t. */
#define FIELDS_TEXT(type, name, member)                                                                                \
    {                                                                                                                  \
        SLICE_INIT(name), offsetof(type, member), false                                                                \
    }
#define FIELDS_NUMBER(type, name, member)                                                                              \
    {                                                                                                                  \
        SLICE_INIT(name), offsetof(type, member), true                                                                 \
    }

/*
 * Sets the members that the hash (HGETALL's reply) has; slices are borrowed from it. Fields that the table lacks are passed over. False: one that
 * should be a number is none, *out_wrong.
 */
bool fields_read(const struct resp_value *hash, const struct fields_row *rows, size_t rows_count, void *out,
                 struct slice *out_wrong);

#endif
