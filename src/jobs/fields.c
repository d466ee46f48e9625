/* SPDX-License-Identifier: MIT */
#include "jobs/fields.h"

#include "base/num.h"

/* Whole numbers; other clients may have written a fraction, which is cut. */
static bool read_number(struct slice text, int64_t *out)
{
    double d;
    if (num_parse_int(text, out)) return true;
    if (!num_parse_double(text, &d) || !(d > -0x1p53 && d < 0x1p53)) return false;
    *out = (int64_t)d;
    return true;
}

static bool read_field(const struct fields_row *row, struct slice value, void *out)
{
    void *at = (char *)out + row->offset;
    if (row->is_number) return read_number(value, at);
    *(struct slice *)at = value;
    return true;
}

bool fields_read(const struct resp_value *hash, const struct fields_row *rows, size_t rows_count, void *out,
                 struct slice *out_wrong)
{
    size_t next = 0; /* fields come in the table's order, most of the time */
    for (size_t i = 0; i + 1 < hash->count; i += 2) {
        struct slice name = hash->items[i].text;
        size_t tried = 0;
        while (tried < rows_count && !slice_equal(name, rows[(next + tried) % rows_count].name)) tried++;
        if (tried == rows_count) continue;
        next = (next + tried) % rows_count;
        *out_wrong = name;
        if (!read_field(&rows[next], hash->items[i + 1].text, out)) return false;
        next++;
    }
    return true;
}
