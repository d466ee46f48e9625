/* SPDX-License-Identifier: MIT */
/*
 * Streams: the commands that change entries, and the family's table.
 *
 * XADD with "MAXLEN ~" runs several times for each job: it looks the key up once, allocates nothing but a new block for
 * about every hundredth entry, and trims in time that does not depend on the stream's length.
 */
#include "cmd/cmd_stream.h"

#include "base/num.h"

/* Blocks that one XADD or XTRIM with ~ drops at most where no LIMIT is given, and the bounds of what that means in entries. */
#define TRIM_BLOCKS_MAX 100u
#define TRIM_ENTRIES_MAX 1000000u
#define TRIM_ENTRIES_UNKNOWN 10000u /* blocks have no limit of entries */

/* ---- the options of XADD and XTRIM ---- */

struct add_args {
    bool is_add; /* XADD's forms are known too */
    bool creates_stream;
    bool has_limit;
    bool has_id, has_seq; /* "*", "ms-*" or an id in full */
    struct stream_id id;
    struct stream_trim trim;
};

/* Reads "MAXLEN [=|~] n" or "MINID [=|~] id" whose name is argv[*i]; leaves *i at the last argument. */
static bool parse_strategy(struct cmd_ctx *ctx, int *i, bool is_by_count, struct stream_trim *trim)
{
    if (trim->by != STREAM_TRIM_NONE) {
        reply_error(ctx->reply,
                    SLICE_LIT("ERR syntax error, MAXLEN and MINID options at the same time are not compatible"));
        return false;
    }
    trim->by = is_by_count ? STREAM_TRIM_MAXLEN : STREAM_TRIM_MINID;
    bool has_more = *i + 2 < ctx->argc;
    trim->is_approximate = has_more && slice_equal(ctx->argv[*i + 1], SLICE_LIT("~"));
    *i += has_more && (trim->is_approximate || slice_equal(ctx->argv[*i + 1], SLICE_LIT("="))) ? 2 : 1;
    if (!is_by_count) return cmd_stream_id(ctx, *i, &trim->min_id);

    int64_t count;
    if (!cmd_int(ctx, *i, &count)) return false;
    if (count < 0) reply_error(ctx->reply, SLICE_LIT("ERR The MAXLEN argument must be >= 0."));
    trim->max_count = (size_t)count;
    return count >= 0;
}

static bool parse_limit(struct cmd_ctx *ctx, int i, struct add_args *args)
{
    int64_t limit;
    if (!cmd_int(ctx, i, &limit)) return false;
    if (limit < 0) reply_error(ctx->reply, SLICE_LIT("ERR The LIMIT argument must be >= 0."));
    args->trim.limit = (uint64_t)limit;
    args->has_limit = true;
    return limit >= 0;
}

uint64_t cmd_stream_trim_limit(const struct keyspace *ks)
{
    uint64_t limit = (uint64_t)TRIM_BLOCKS_MAX * ks->stream_block_max_entries;
    if (limit == 0) limit = TRIM_ENTRIES_UNKNOWN;
    return limit < TRIM_ENTRIES_MAX ? limit : TRIM_ENTRIES_MAX;
}

/* What goes together, once all options are read. */
static bool check_args(struct cmd_ctx *ctx, struct add_args *args)
{
    struct stream_trim *trim = &args->trim;
    const char *wrong = NULL;
    if (trim->limit && trim->by == STREAM_TRIM_NONE)
        wrong = "LIMIT cannot be used without specifying a trimming strategy";
    else if (!args->is_add && trim->by == STREAM_TRIM_NONE)
        wrong = "XTRIM must be called with a trimming strategy";
    else if (args->has_limit && !trim->is_approximate)
        wrong = "LIMIT cannot be used without the special ~ option";
    if (wrong) {
        reply_errorf(ctx->reply, "ERR syntax error, %s", wrong);
        return false;
    }
    if (!args->has_limit && trim->is_approximate) trim->limit = cmd_stream_trim_limit(ctx->keyspace);
    return true;
}

/* Reads from argv[2] on; returns the index of XADD's id (argc when it is missing), -1: the error was replied. */
static int parse_args(struct cmd_ctx *ctx, struct add_args *args)
{
    int i = 2;
    for (; i < ctx->argc; i++) {
        if (args->is_add && slice_equal(ctx->argv[i], SLICE_LIT("*"))) break;
        bool has_more = i + 1 < ctx->argc, is_right = true;
        if (has_more && cmd_is(ctx, i, "maxlen")) {
            is_right = parse_strategy(ctx, &i, true, &args->trim);
        } else if (has_more && cmd_is(ctx, i, "minid")) {
            is_right = parse_strategy(ctx, &i, false, &args->trim);
        } else if (has_more && cmd_is(ctx, i, "limit")) {
            is_right = parse_limit(ctx, ++i, args);
        } else if (args->is_add && cmd_is(ctx, i, "nomkstream")) {
            args->creates_stream = false;
        } else if (args->is_add && stream_id_parse(ctx->argv[i], 0, &args->id, &args->has_seq)) {
            args->has_id = true;
            break;
        } else {
            reply_error(ctx->reply, args->is_add ? CMD_STREAM_ERR_ID : CMD_ERR_SYNTAX);
            is_right = false;
        }
        if (!is_right) return -1;
    }
    return check_args(ctx, args) ? i : -1;
}

/* ---- XADD ---- */

/* The id that the entry gets in a stream whose newest is `last`. False: the error was replied. */
static bool choose_id(struct cmd_ctx *ctx, const struct add_args *args, struct stream_id last, struct stream_id *out)
{
    struct stream_id id = args->id;
    if (stream_id_equal(last, STREAM_ID_MAX)) {
        reply_error(ctx->reply,
                    SLICE_LIT("ERR The stream has exhausted the last possible ID, unable to add more items"));
        return false;
    }
    if (!args->has_id)
        id = stream_id_generate(last, cmd_now_ms(ctx));
    else if (!args->has_seq && id.ms == last.ms)
        id.seq = last.seq + 1; /* after the highest it is 0, which is not above the last */
    if (!stream_id_less(last, id)) {
        reply_error(ctx->reply,
                    SLICE_LIT("ERR The ID specified in XADD is equal or smaller than the target stream top item"));
        return false;
    }
    *out = id;
    return true;
}

static size_t total_bytes(const struct slice *items, size_t items_count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < items_count; i++) bytes += items[i].len;
    return bytes;
}

/* What can be wrong with the fields, and with an id that no stream could take. */
static bool check_entry(struct cmd_ctx *ctx, const struct add_args *args, int fields_at)
{
    int count = ctx->argc - fields_at;
    if (count < 2 || count % 2 != 0) {
        cmd_reply_arity(ctx);
        return false;
    }
    if (args->has_id && args->has_seq && stream_id_is_zero(args->id)) {
        reply_error(ctx->reply, SLICE_LIT("ERR The ID specified in XADD must be greater than 0-0"));
        return false;
    }
    return true;
}

static void run_xadd(struct cmd_ctx *ctx)
{
    struct add_args args = {.is_add = true, .creates_stream = true};
    int fields_at = parse_args(ctx, &args) + 1;
    if (fields_at == 0 || !check_entry(ctx, &args, fields_at)) return;
    const struct slice *items = &ctx->argv[fields_at];
    size_t items_count = (size_t)(ctx->argc - fields_at);

    struct entry *e;
    struct stream_id id;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return;
    if (!e && !args.creates_stream) {
        reply_null(ctx->reply);
        return;
    }
    if (!choose_id(ctx, &args, e ? stream_borrow(&e->value)->last_id : STREAM_ID_MIN, &id)) return;
    if (total_bytes(items, items_count) > STREAM_ENTRY_MAX_BYTES) {
        reply_error(ctx->reply, SLICE_LIT("ERR Elements are too large to be stored"));
        return;
    }
    if (!e) e = db_create(ctx->db, ctx->argv[1], VALUE_STREAM);
    edit_stream_add(ctx->db, e, id, items, items_count);
    cmd_stream_reply_id(ctx->reply, id);
    edit_stream_trim(ctx->db, e, &args.trim);
}

/* ---- the others ---- */

static void run_xtrim(struct cmd_ctx *ctx)
{
    struct add_args args = {0};
    struct entry *e;
    if (parse_args(ctx, &args) < 0 || !cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)edit_stream_trim(ctx->db, e, &args.trim) : 0);
}

static void run_xlen(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return;
    reply_integer(ctx->reply, e ? (int64_t)stream_count(&e->value) : 0);
}

static void run_xdel(struct cmd_ctx *ctx)
{
    struct entry *e;
    if (!cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return;
    if (!e) {
        reply_integer(ctx->reply, 0);
        return;
    }
    const struct stream_id *ids = cmd_stream_ids(ctx, 2, ctx->argc);
    if (!ids) return;
    int64_t deleted = 0;
    for (int i = 2; i < ctx->argc; i++) deleted += edit_stream_delete(ctx->db, e, ids[i - 2]);
    reply_integer(ctx->reply, deleted);
}

struct set_id_args {
    struct stream_id last_id, max_deleted_id; /* 0-0: leave it */
    int64_t entries_added;                    /* -1: leave it */
};

static bool parse_set_id(struct cmd_ctx *ctx, struct set_id_args *out)
{
    const char *wrong = NULL;
    *out = (struct set_id_args){.entries_added = -1};
    if (!cmd_stream_id(ctx, 2, &out->last_id)) return false;
    for (int i = 3; i < ctx->argc && !wrong; i += 2) {
        bool has_more = i + 1 < ctx->argc;
        if (has_more && cmd_is(ctx, i, "entriesadded")) {
            if (!cmd_int(ctx, i + 1, &out->entries_added)) return false;
            if (out->entries_added < 0) wrong = "entries_added must be positive";
        } else if (has_more && cmd_is(ctx, i, "maxdeletedid")) {
            if (!cmd_stream_id(ctx, i + 1, &out->max_deleted_id)) return false;
            if (stream_id_less(out->last_id, out->max_deleted_id))
                wrong = "The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
        } else {
            wrong = "syntax error";
        }
    }
    if (wrong) reply_errorf(ctx->reply, "ERR %s", wrong);
    return !wrong;
}

static void run_xsetid(struct cmd_ctx *ctx)
{
    struct set_id_args args;
    struct entry *e;
    if (!parse_set_id(ctx, &args) || !cmd_find(ctx, ctx->argv[1], VALUE_STREAM, &e)) return;
    if (!e) {
        reply_error(ctx->reply, CMD_ERR_NO_KEY);
        return;
    }
    const struct stream *s = stream_borrow(&e->value);
    const char *wrong = NULL;
    if (stream_id_less(args.last_id, stream_newest_id(&e->value)))
        wrong = "The ID specified in XSETID is smaller than the target stream top item";
    else if (args.entries_added != -1 && s->count > (uint64_t)args.entries_added)
        wrong = "The entries_added specified in XSETID is smaller than the target stream length";
    if (wrong) {
        reply_errorf(ctx->reply, "ERR %s", wrong);
        return;
    }
    edit_stream_set_id(ctx->db, e, args.last_id,
                       args.entries_added == -1 ? s->entries_added : (uint64_t)args.entries_added,
                       stream_id_is_zero(args.max_deleted_id) ? s->max_deleted_id : args.max_deleted_id);
    reply_ok(ctx->reply);
}

/* ---- the table ---- */

#define ROW(name_, run_, arity_, flags_, since_, complexity_, args_, summary_)                                         \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_, .keys = {1, 1, 1}, .group = "stream",            \
        .since = since_, .complexity = complexity_, .args = args_, .summary = summary_                                 \
    }
#define ROW_READ(name_, run_, arity_, flags_, args_, summary_)                                                         \
    {                                                                                                                  \
        .name = name_, .run = run_, .arity = arity_, .flags = flags_ | CMD_BLOCKING | CMD_MOVABLE_KEYS,                \
        .find_keys = cmd_xread_keys, .group = "stream", .since = "5.0.0",                                              \
        .complexity = "O(log N + M), M the entries given, for each stream", .args = args_, .summary = summary_         \
    }
#define ROW_CONTAINER(name_, subs_, summary_)                                                                          \
    {                                                                                                                  \
        .name = name_, .arity = -2, .flags = CMD_SUB, .group = "stream", .since = "5.0.0", .complexity = "see each",   \
        .subs = subs_, .summary = summary_                                                                             \
    }

#define TRIM_ARGS "MAXLEN | MINID [= | ~] threshold [LIMIT count]"

const struct command cmd_stream_rows[] = {
    ROW("xack", cmd_xack, -4, CMD_WRITE | CMD_FAST, "5.0.0", "O(log N) for each id", "key group id [id ...]",
        "Says that entries are done with, so that they are no longer pending."),
    ROW("xadd", run_xadd, -5, CMD_WRITE | CMD_DENYOOM | CMD_FAST, "5.0.0",
        "O(1), and O(N) for N entries that are dropped",
        "key [NOMKSTREAM] [" TRIM_ARGS "] * | id field value [field value ...]",
        "Appends an entry to a stream, creating it when absent, and drops old entries if asked to."),
    ROW("xautoclaim", cmd_xautoclaim, -6, CMD_WRITE | CMD_FAST, "6.2.0", "O(log N) for each entry looked at",
        "key group consumer min-idle-time start [COUNT count] [JUSTID]",
        "Takes over entries that have been pending for long, whoever had them."),
    ROW("xclaim", cmd_xclaim, -6, CMD_WRITE | CMD_FAST, "5.0.0", "O(log N) for each id",
        "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-ms] [RETRYCOUNT count] [FORCE] [JUSTID] "
        "[LASTID id]",
        "Makes entries pending for another consumer."),
    ROW("xdel", run_xdel, -3, CMD_WRITE | CMD_FAST, "5.0.0", "O(log N) for each id", "key id [id ...]",
        "Deletes entries by id."),
    ROW_CONTAINER("xgroup", cmd_xgroup_rows, "Manages consumer groups."),
    ROW_CONTAINER("xinfo", cmd_xinfo_rows, "Looks into streams, groups and consumers."),
    ROW("xlen", run_xlen, 2, CMD_READONLY | CMD_FAST, "5.0.0", "O(1)", "key", "The number of a stream's entries."),
    ROW("xpending", cmd_xpending, -3, CMD_READONLY, "5.0.0", "O(log N + M), M the entries given",
        "key group [[IDLE min-idle-time] start end count [consumer]]",
        "Which entries were delivered to a group and not acknowledged."),
    ROW("xrange", cmd_xrange, -4, CMD_READONLY, "5.0.0", "O(log N + M), M the entries given",
        "key start end [COUNT count]", "The entries between two ids."),
    ROW_READ("xread", cmd_xread, -4, CMD_READONLY,
             "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
             "The entries above an id of each stream, waiting for some if asked to."),
    ROW_READ("xreadgroup", cmd_xreadgroup, -7, CMD_WRITE,
             "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]",
             "Delivers entries that nobody in the group got yet, or gives again what is pending for the consumer."),
    ROW("xrevrange", cmd_xrevrange, -4, CMD_READONLY, "5.0.0", "O(log N + M), M the entries given",
        "key end start [COUNT count]", "The entries between two ids, newest first."),
    ROW("xsetid", run_xsetid, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST, "5.0.0", "O(1)",
        "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
        "Sets a stream's last id and counters, as restoring a copy needs."),
    ROW("xtrim", run_xtrim, -4, CMD_WRITE, "5.0.0", "O(N), N the entries that are dropped", "key " TRIM_ARGS,
        "Drops a stream's oldest entries."),
    {0},
};
