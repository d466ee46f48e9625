/* SPDX-License-Identifier: MIT */
/* oxq_json is codec/json.h's struct json under the name that it has outside. */
#include "codec/json.h"

#include "api/state.h"
#include "base/num.h"

#include <string.h>

static const struct json *inner(const oxq_json *v)
{
    return (const struct json *)v;
}

/* One step of a pointer, ~1 and ~0 decoded; a name longer than the room is none that we look for. */
static bool read_step(const char **pointer, char *out, size_t cap, size_t *out_len)
{
    const char *at = *pointer + 1;
    size_t len = 0;
    for (; *at && *at != '/'; at++) {
        char c = *at;
        if (c == '~' && (at[1] == '0' || at[1] == '1')) c = *++at == '0' ? '~' : '/';
        if (len + 1 >= cap) return false;
        out[len++] = c;
    }
    out[len] = '\0';
    *out_len = len;
    *pointer = at;
    return true;
}

static const struct json *step_into(const struct json *v, const char *step, size_t len)
{
    if (json_kind_of(v) == JSON_KIND_MAP) return json_member(v, step);
    int64_t index;
    if (json_kind_of(v) != JSON_KIND_LIST || !num_parse_int(slice_of(step, len), &index) || index < 0) return NULL;
    return json_at(v, (size_t)index);
}

const oxq_json *oxq_json_at(const oxq_json *v, const char *pointer)
{
    const struct json *at = inner(v);
    char step[1024];
    size_t len;
    while (at && pointer && *pointer) {
        if (*pointer != '/' || !read_step(&pointer, step, sizeof(step), &len)) return NULL;
        at = step_into(at, step, len);
    }
    return (const oxq_json *)at;
}

oxq_json_kind oxq_json_kind_of(const oxq_json *v)
{
    static const oxq_json_kind kinds[] = {
        [JSON_KIND_ABSENT] = OXQ_JSON_ABSENT,   [JSON_KIND_NULL] = OXQ_JSON_NULL, [JSON_KIND_BOOL] = OXQ_JSON_BOOL,
        [JSON_KIND_INTEGER] = OXQ_JSON_INTEGER, [JSON_KIND_REAL] = OXQ_JSON_REAL, [JSON_KIND_TEXT] = OXQ_JSON_TEXT,
        [JSON_KIND_LIST] = OXQ_JSON_LIST,       [JSON_KIND_MAP] = OXQ_JSON_MAP,
    };
    return kinds[json_kind_of(inner(v))];
}

const char *oxq_json_text(const oxq_json *v, const char *pointer, const char *fallback)
{
    const struct json *at = inner(oxq_json_at(v, pointer));
    return json_kind_of(at) == JSON_KIND_TEXT ? json_text(at).at : fallback;
}

int64_t oxq_json_integer(const oxq_json *v, const char *pointer, int64_t fallback)
{
    const struct json *at = inner(oxq_json_at(v, pointer));
    if (json_kind_of(at) == JSON_KIND_INTEGER) return json_number(at);
    if (json_kind_of(at) != JSON_KIND_REAL) return fallback;
    double real = json_double(at);
    return real > -0x1p63 && real < 0x1p63 ? (int64_t)real : fallback;
}

double oxq_json_real(const oxq_json *v, const char *pointer, double fallback)
{
    const struct json *at = inner(oxq_json_at(v, pointer));
    enum json_kind kind = json_kind_of(at);
    return kind == JSON_KIND_INTEGER || kind == JSON_KIND_REAL ? json_double(at) : fallback;
}

bool oxq_json_bool(const oxq_json *v, const char *pointer, bool fallback)
{
    const struct json *at = inner(oxq_json_at(v, pointer));
    return json_kind_of(at) == JSON_KIND_BOOL ? json_truth(at) : fallback;
}

/* The i-th member of a map; false when there are not so many. */
static bool find_member(const struct json *v, size_t i, struct slice *out_name, const struct json **out_value)
{
    void *place = NULL;
    for (size_t n = 0; json_next_member(v, &place, out_name, out_value); n++) {
        if (n == i) return true;
    }
    return false;
}

size_t oxq_json_count(const oxq_json *v)
{
    if (json_kind_of(inner(v)) == JSON_KIND_LIST) return json_count(inner(v));
    size_t count = 0;
    struct slice name;
    const struct json *value;
    for (void *place = NULL; json_next_member(inner(v), &place, &name, &value);) count++;
    return count;
}

const oxq_json *oxq_json_element(const oxq_json *v, size_t i)
{
    struct slice name;
    const struct json *value;
    if (json_kind_of(inner(v)) == JSON_KIND_LIST) return (const oxq_json *)json_at(inner(v), i);
    return find_member(inner(v), i, &name, &value) ? (const oxq_json *)value : NULL;
}

const char *oxq_json_member_name(const oxq_json *v, size_t i)
{
    struct slice name;
    const struct json *value;
    return find_member(inner(v), i, &name, &value) ? name.at : NULL;
}

oxq_err oxq_json_read(const char *text, oxq_json **out, struct oxq_error *err)
{
    struct json *root;
    oxq_err e = ARGS_CHECK(err, text, out);
    if (!e) e = json_read_value(slice_from_text(text), &root, err);
    if (!e) *out = (oxq_json *)root;
    return e;
}

void oxq_json_free(oxq_json *root)
{
    json_release((struct json *)root);
}
