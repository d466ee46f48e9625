/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* One row of the table is kept: row[j] is the distance of a[0 .. i) to b[0 .. j). */
static size_t edit_distance(struct slice a, struct slice b)
{
    size_t row[NEAREST_NAME_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a.at[i - 1] != b.at[j - 1]));
            diagonal = above;
        }
    }
    return row[b.len];
}

struct nearest nearest_to(struct slice meant)
{
    return (struct nearest){.meant = meant, .distance = meant.len / 3 + 2};
}

void nearest_offer(struct nearest *n, const char *name)
{
    struct slice known = slice_from_text(name);
    if (n->meant.len > NEAREST_NAME_MAX || known.len > NEAREST_NAME_MAX) return;
    size_t distance = edit_distance(n->meant, known);
    if (distance >= n->distance) return;
    n->distance = distance;
    n->best = name;
}
