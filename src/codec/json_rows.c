/* SPDX-License-Identifier: MIT */
#include "codec/json_rows.h"

#include "base/nearest.h"

#include <math.h>
#include <string.h>

oxq_err json_rows_refuse(struct json_rows *r, const char *name, const char *wanted)
{
    return err_set(r->err, OXQ_ERR_ARGUMENT, "%s %s: %s is expected", r->noun, name, wanted);
}

bool json_is_number(const struct json *v)
{
    return json_kind_of(v) == JSON_KIND_INTEGER || json_kind_of(v) == JSON_KIND_REAL;
}

/* ---------------------------------------------------------------- values */

oxq_err json_row_integer(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    if (json_kind_of(v) == JSON_KIND_INTEGER) {
        *(int64_t *)out = json_number(v);
        return OXQ_OK;
    }
    double d = json_double(v);
    if (json_kind_of(v) != JSON_KIND_REAL || !(fabs(d) <= 0x1p53)) return json_rows_refuse(r, name, "a number");
    *(int64_t *)out = (int64_t)round(d);
    return OXQ_OK;
}

oxq_err json_row_real(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    if (!json_is_number(v)) return json_rows_refuse(r, name, "a number");
    *(double *)out = json_double(v);
    return OXQ_OK;
}

oxq_err json_row_bool(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    if (json_kind_of(v) != JSON_KIND_BOOL) return json_rows_refuse(r, name, "true or false");
    *(bool *)out = json_truth(v);
    return OXQ_OK;
}

oxq_err json_row_slice(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    if (json_kind_of(v) != JSON_KIND_TEXT) return json_rows_refuse(r, name, "a text");
    *(struct slice *)out = arena_copy(r->arena, json_text(v));
    return OXQ_OK;
}

oxq_err json_row_text(struct json_rows *r, const struct json *v, const char *name, void *out)
{
    struct slice text = json_text(v);
    if (json_kind_of(v) != JSON_KIND_TEXT || memchr(text.at, '\0', text.len))
        return json_rows_refuse(r, name, "a text");
    *(const char **)out = arena_copy_text(r->arena, text);
    return OXQ_OK;
}

/* ---------------------------------------------------------------- objects */

static oxq_err refuse_name(struct json_rows *r, struct slice name, const struct json_row *rows, size_t count)
{
    struct nearest n = nearest_to(name);
    for (size_t i = 0; i < count; i++) nearest_offer(&n, rows[i].name);
    int shown = name.len < 80 ? (int)name.len : 80;
    if (n.best)
        return err_set(r->err, OXQ_ERR_ARGUMENT, "%s %.*s is not known: did you mean %s?", r->noun, shown, name.at,
                       n.best);
    return err_set(r->err, OXQ_ERR_ARGUMENT, "%s %.*s is not known", r->noun, shown, name.at);
}

oxq_err json_rows_read(struct json_rows *r, const struct json *map, const struct json_row *rows, size_t count,
                       void *base)
{
    struct slice name;
    const struct json *value;
    for (void *place = NULL; json_next_member(map, &place, &name, &value);) {
        size_t i = 0;
        while (i < count && !slice_equal(name, slice_from_text(rows[i].name))) i++;
        if (i == count && r->is_strict) return refuse_name(r, name, rows, count);
        if (i == count || json_kind_of(value) == JSON_KIND_NULL) continue;
        oxq_err e = rows[i].read(r, value, rows[i].name, (char *)base + rows[i].offset);
        if (e) return e;
    }
    return OXQ_OK;
}
