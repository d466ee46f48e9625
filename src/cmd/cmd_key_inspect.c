/* SPDX-License-Identifier: MIT */
/* How values are kept: OBJECT and MEMORY. */
#include "base/mem.h"
#include "cmd/cmd_key.h"

/* Elements looked at by MEMORY USAGE without SAMPLES. */
#define MEMORY_SAMPLES 5
/* Redis keeps one shared object for each integer below this, and says that it is never freed. */
#define REDIS_SHARED_INTEGERS 10000
#define REDIS_SHARED_REFCOUNT INT32_MAX

static void reply_lines(struct cmd_ctx *ctx, const char *const *lines, size_t count)
{
    reply_array(ctx->reply, count);
    for (size_t i = 0; i < count; i++) reply_status(ctx->reply, slice_from_text(lines[i]));
}

#define REPLY_LINES(ctx, lines) reply_lines((ctx), (lines), sizeof(lines) / sizeof((lines)[0]))

/* ---- OBJECT ---- */

/* NULL: there is no such key, and null was replied. */
static const struct entry *find_object(struct cmd_ctx *ctx)
{
    const struct entry *e = db_find(ctx->db, ctx->argv[2]);
    if (!e) reply_null(ctx->reply);
    return e;
}

void cmd_key_object_encoding(struct cmd_ctx *ctx)
{
    const struct entry *e = find_object(ctx);
    if (e) reply_bulk(ctx->reply, slice_from_text(value_encoding_name(&e->value)));
}

void cmd_key_object_freq(struct cmd_ctx *ctx)
{
    if (!find_object(ctx)) return;
    reply_error(ctx->reply, SLICE_LIT("ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                                      "Please note that when switching between policies at runtime LRU and LFU data "
                                      "will take some time to adjust."));
}

/* Nothing is ever evicted, so nobody notes when a key was used. */
void cmd_key_object_idletime(struct cmd_ctx *ctx)
{
    if (find_object(ctx)) reply_integer(ctx->reply, 0);
}

static bool is_shared_in_redis(const struct value *v)
{
    return v->type == VALUE_STRING && strcmp(value_encoding_name(v), "int") == 0 && v->integer >= 0 &&
           v->integer < REDIS_SHARED_INTEGERS;
}

void cmd_key_object_refcount(struct cmd_ctx *ctx)
{
    const struct entry *e = find_object(ctx);
    if (e) reply_integer(ctx->reply, is_shared_in_redis(&e->value) ? REDIS_SHARED_REFCOUNT : 1);
}

void cmd_key_object_help(struct cmd_ctx *ctx)
{
    static const char *const lines[] = {
        "OBJECT <subcommand> [<arg> ...]. Subcommands:",
        "ENCODING <key>",
        "    The form that Redis would give the value (listpack, hashtable, ...).",
        "FREQ <key>",
        "    Always an error: nothing is evicted, so uses are not counted.",
        "IDLETIME <key>",
        "    Always 0: nothing is evicted, so uses are not timed.",
        "REFCOUNT <key>",
        "    1, or Redis's constant for integers that it shares.",
        "HELP",
        "    This text.",
    };
    REPLY_LINES(ctx, lines);
}

/* ---- MEMORY ---- */

void cmd_key_memory_help(struct cmd_ctx *ctx)
{
    static const char *const lines[] = {
        "MEMORY <subcommand> [<arg> ...]. Subcommands:",
        "USAGE <key> [SAMPLES <count>]",
        "    Bytes that the key and its value take. Large values are measured by a sample of",
        "    their elements (5 if not told, 0 for all).",
        "HELP",
        "    This text.",
    };
    REPLY_LINES(ctx, lines);
}

/* False: the error was replied. */
static bool read_samples(struct cmd_ctx *ctx, int64_t *out)
{
    for (int i = 3; i < ctx->argc; i += 2) {
        bool is_samples = cmd_is(ctx, i, "samples") && i + 1 < ctx->argc;
        if (is_samples && !cmd_int(ctx, i + 1, out)) return false;
        if (!is_samples || *out < 0) {
            cmd_reply_syntax(ctx);
            return false;
        }
    }
    return true;
}

void cmd_key_memory_usage(struct cmd_ctx *ctx)
{
    int64_t samples = MEMORY_SAMPLES;
    if (!read_samples(ctx, &samples)) return;
    const struct entry *e = db_find(ctx->db, ctx->argv[2]);
    if (!e) {
        reply_null(ctx->reply);
        return;
    }
    /* Its place in the table of keys, and in the heap of expiries. */
    size_t bytes = sizeof(struct map_node *) + (db_expiry_ms(ctx->db, e) >= 0 ? sizeof(struct heap_slot) : 0);
    bytes += mem_size(e) + value_bytes(&e->value, (size_t)samples);
    reply_integer(ctx->reply, (int64_t)bytes);
}
