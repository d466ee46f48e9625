/* SPDX-License-Identifier: MIT */
/*
 * What SCAN, HSCAN, SSCAN and ZSCAN share: the options, the elements found so far, the answer.
 *
 *     struct cmd_scan scan;
 *     if (!cmd_cursor(ctx, 2, &scan.cursor)) return;
 *     ... find the key ...
 *     if (!cmd_scan_options(ctx, 3, false, &scan)) return;
 *     do scan.cursor = hash_scan(v, scan.cursor, add_pair, &scan); while (cmd_scan_wants_more(&scan));
 *     cmd_scan_reply(ctx, &scan);
 */
#ifndef CMD_SCAN_H
#define CMD_SCAN_H

#include "cmd/cmd.h"

struct cmd_scan {
    uint64_t cursor;
    uint64_t count;         /* COUNT: elements to meet in one call */
    struct slice pattern;   /* MATCH */
    bool has_pattern;       /* false: everything matches */
    struct slice type_name; /* TYPE; at is NULL without it */
    uint64_t seen_count;    /* elements met so far */
    uint64_t steps_left;    /* empty buckets must not make one call endless */
    struct arena *scratch;  /* borrowed from ctx */
    struct slice *items;    /* in scratch */
    size_t items_count, items_cap;
};

/* Reads MATCH, COUNT and (where allowed) TYPE from argv[first] on; keeps the cursor. False: the error was replied. */
bool cmd_scan_options(struct cmd_ctx *ctx, int first, bool has_type, struct cmd_scan *scan);
/* Call it once for each element that the scan meets: COUNT counts those, matching or not (as Redis 7.2 does). */
static inline bool cmd_scan_matches(struct cmd_scan *scan, struct slice bytes)
{
    scan->seen_count++;
    return !scan->has_pattern || slice_glob(scan->pattern, bytes, false);
}
/* One more element of the answer; its bytes must stay until cmd_scan_reply. */
void cmd_scan_add(struct cmd_scan *scan, struct slice item);
/* After each step: has the scan neither ended nor found enough? */
bool cmd_scan_wants_more(struct cmd_scan *scan);
/* Replies [cursor, [elements]]. */
void cmd_scan_reply(struct cmd_ctx *ctx, const struct cmd_scan *scan);
/* What a missing key gets: cursor 0 and no elements. */
void cmd_scan_reply_empty(struct cmd_ctx *ctx);

#endif
