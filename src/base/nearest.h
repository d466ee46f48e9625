/* SPDX-License-Identifier: MIT */
/* Which of the known names was meant: the one with the fewest letters inserted, left out or changed (Levenshtein). */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/slice.h"

/* A longer name is near to none. */
#define NEAREST_NAME_MAX 48

struct nearest {
    struct slice meant; /* borrowed */
    const char *best;   /* borrowed from the names offered; NULL: none is near */
    size_t distance;    /* of best; before that, what a name must stay below */
};

/* A third of the letters may be wrong; beyond that a suggestion only misleads. */
struct nearest nearest_to(struct slice meant);
/* Looks at one more name; the first of equally near ones stays. */
void nearest_offer(struct nearest *n, const char *name);

#endif
