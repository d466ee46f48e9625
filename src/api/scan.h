/* SPDX-License-Identifier: MIT */
/*
 * Keys of a store by their names, in portions:
 *
 *     struct scan s = {.store = store, .begin = queue->prefix};
 *     while (!e && !s.is_done) { e = scan_next(&s, err); for (i < s.count) use(s.keys[i].text); }
 *     scan_deinit(&s);
 */
#ifndef API_SCAN_H
#define API_SCAN_H

#include "api/state.h"

#define SCAN_CURSOR_CHARS 24

struct scan {
    const oxq *store;              /* borrowed */
    struct slice begin, end;       /* of the keys that are wanted, as they are; borrowed */
    const struct resp_value *keys; /* of the portion that was read last; one may come again */
    size_t count;
    bool is_done; /* it was the last one */

    char cursor[SCAN_CURSOR_CHARS]; /* empty: at the beginning */
    struct arena arena;             /* of the portion */
    struct client_batch batch;
};

/* Errors: those of the way to the server. */
OXQ_MUST_USE oxq_err scan_next(struct scan *s, struct oxq_error *err);
void scan_deinit(struct scan *s);

#endif
