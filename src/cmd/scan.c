/* SPDX-License-Identifier: MIT */
#include "cmd/scan.h"

#define SCAN_DEFAULT_COUNT 10
/* Steps per wanted element, as Redis: a sparse table ends a call before it has found COUNT. */
#define SCAN_STEPS_PER_ELEMENT 10u

/* One option with its argument at argv[i + 1]. False: the error was replied. */
static bool read_option(struct cmd_ctx *ctx, int i, bool has_type, struct cmd_scan *scan)
{
    int64_t count;
    if (cmd_is(ctx, i, "count")) {
        if (!cmd_int(ctx, i + 1, &count)) return false;
        scan->count = (uint64_t)count;
        if (count >= 1) return true;
    } else if (cmd_is(ctx, i, "match")) {
        scan->pattern = ctx->argv[i + 1];
        scan->has_pattern = !slice_equal(scan->pattern, SLICE_LIT("*"));
        return true;
    } else if (has_type && cmd_is(ctx, i, "type")) {
        scan->type_name = ctx->argv[i + 1];
        return true;
    }
    cmd_reply_syntax(ctx);
    return false;
}

bool cmd_scan_options(struct cmd_ctx *ctx, int first, bool has_type, struct cmd_scan *scan)
{
    *scan = (struct cmd_scan){.cursor = scan->cursor, .count = SCAN_DEFAULT_COUNT, .scratch = ctx->scratch};
    for (int i = first; i < ctx->argc; i += 2) {
        if (i + 1 == ctx->argc) {
            cmd_reply_syntax(ctx);
            return false;
        }
        if (!read_option(ctx, i, has_type, scan)) return false;
    }
    bool is_huge = scan->count > UINT64_MAX / SCAN_STEPS_PER_ELEMENT;
    scan->steps_left = is_huge ? UINT64_MAX : scan->count * SCAN_STEPS_PER_ELEMENT;
    return true;
}

void cmd_scan_add(struct cmd_scan *scan, struct slice item)
{
    if (scan->items_count == scan->items_cap) {
        size_t cap = scan->items_cap ? 2 * scan->items_cap : 32;
        struct slice *items = ARENA_ARRAY(scan->scratch, struct slice, cap);
        if (scan->items_count) memcpy(items, scan->items, scan->items_count * sizeof(*items));
        scan->items = items;
        scan->items_cap = cap;
    }
    scan->items[scan->items_count++] = item;
}

bool cmd_scan_wants_more(struct cmd_scan *scan)
{
    return scan->cursor != 0 && scan->seen_count < scan->count && scan->steps_left-- > 0;
}

void cmd_scan_reply(struct cmd_ctx *ctx, const struct cmd_scan *scan)
{
    reply_array(ctx->reply, 2);
    reply_bulk_integer(ctx->reply, (int64_t)scan->cursor);
    reply_array(ctx->reply, scan->items_count);
    for (size_t i = 0; i < scan->items_count; i++) reply_bulk(ctx->reply, scan->items[i]);
}

void cmd_scan_reply_empty(struct cmd_ctx *ctx)
{
    cmd_scan_reply(ctx, &(struct cmd_scan){0});
}
