/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct err_row {
    const char *name;
    const char *text;
    oxq_err code;
    oxq_err_class class;
};

static const struct err_row rows[] = {
#define ERR_ROW(name, number, class, text) {#name, text, OXQ_ERR_##name, OXQ_CLASS_##class},
    OXQ_ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

static const struct err_row *find_row(oxq_err code)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].code == code) return &rows[i];
    }
    return NULL;
}

const char *oxq_err_name(oxq_err code)
{
    const struct err_row *row = find_row(code);
    return row ? row->name : "UNKNOWN";
}

const char *oxq_err_text(oxq_err code)
{
    const struct err_row *row = find_row(code);
    return row ? row->text : "an error of an unknown number";
}

oxq_err_class oxq_err_classify(oxq_err code)
{
    const struct err_row *row = find_row(code);
    return row ? row->class : OXQ_CLASS_FATAL;
}

oxq_err err_set(struct oxq_error *err, oxq_err code, const char *format, ...)
{
    if (!err) return code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->code = code;
    return code;
}

_Noreturn void err_check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "oxq: broken invariant at %s:%d: %s\n", file, line, condition);
    abort();
}
