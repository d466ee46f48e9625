/* SPDX-License-Identifier: MIT */
/* EVAL and its like, SCRIPT. */
#include "base/num.h"
#include "script/compile.h"
#include "script/host.h"

#define ERR_BUSY SLICE_LIT("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
#define ERR_NO_SCRIPT SLICE_LIT("NOSCRIPT No matching script. Please use EVAL.")

/* The number of keys. False: the error was replied. */
static bool read_keys_count(struct cmd_ctx *ctx, int *out_count)
{
    int64_t count;
    if (!cmd_int(ctx, 2, &count)) return false;
    if (count > ctx->argc - 3) {
        reply_error(ctx->reply, SLICE_LIT("ERR Number of keys can't be greater than number of args"));
        return false;
    }
    if (count < 0) {
        reply_error(ctx->reply, SLICE_LIT("ERR Number of keys can't be negative"));
        return false;
    }
    *out_count = (int)count;
    return true;
}

/* A script runs already and this came while it lets others be served: what would change the host must wait. */
static bool is_refused_as_busy(struct cmd_ctx *ctx)
{
    if (!script_host_is_running(ctx->script_host)) return false;
    reply_error(ctx->reply, ERR_BUSY);
    return true;
}

/* Is the script's "#!lua" line against running it here? Then the error was replied. */
static bool is_refused_by_flags(struct cmd_ctx *ctx, const struct script *s, bool is_read_only)
{
    struct script_host *h = ctx->script_host;
    if (!(s->flags & SCRIPT_HAS_SHEBANG)) return false;
    if (!(s->flags & (SCRIPT_ALLOW_OOM | SCRIPT_NO_WRITES)) && h->ops->is_over_memory(h->ops)) {
        reply_error(ctx->reply, SLICE_LIT("OOM command not allowed when used memory > 'maxmemory'."));
        return true;
    }
    if (is_read_only && !(s->flags & SCRIPT_NO_WRITES)) {
        reply_error(ctx->reply, SLICE_LIT("ERR Can not execute a script with write flag using *_ro command."));
        return true;
    }
    return false;
}

static void eval(struct cmd_ctx *ctx, bool is_by_sha, bool is_read_only)
{
    struct script_host *h = ctx->script_host;
    if (is_refused_as_busy(ctx)) return;
    if (is_by_sha && ctx->argv[1].len != SHA1_HEX_CHARS) {
        reply_error(ctx->reply, ERR_NO_SCRIPT);
        return;
    }
    int keys_count;
    if (!read_keys_count(ctx, &keys_count)) return;
    struct script *s =
        is_by_sha ? cache_find(&h->cache, ctx->argv[1]) : compile_script(h, ctx->argv[1], true, ctx->reply);
    if (!s) {
        if (is_by_sha) reply_error(ctx->reply, ERR_NO_SCRIPT);
        return;
    }
    if (is_refused_by_flags(ctx, s, is_read_only)) return;
    cache_touch(&h->cache, s);
    host_run(h, s, ctx, keys_count, is_read_only);
}

bool script_run_twin(struct cmd_ctx *ctx)
{
    struct script_host *h = ctx->script_host;
    int64_t count;
    if (ctx->argc < 3 || ctx->argv[1].len != SHA1_HEX_CHARS || script_host_is_running(h)) return false;
    if (!num_parse_int(ctx->argv[2], &count) || count < 0 || count > ctx->argc - 3) return false;
    struct script *s = cache_find(&h->cache, ctx->argv[1]);
    return s && !(s->flags & SCRIPT_HAS_SHEBANG) && host_run_twin(h, s, ctx, (size_t)count);
}

static void run_eval(struct cmd_ctx *ctx)
{
    eval(ctx, false, false);
}

static void run_eval_ro(struct cmd_ctx *ctx)
{
    eval(ctx, false, true);
}

static void run_evalsha(struct cmd_ctx *ctx)
{
    eval(ctx, true, false);
}

static void run_evalsha_ro(struct cmd_ctx *ctx)
{
    eval(ctx, true, true);
}

static int find_eval_keys(const struct slice *argv, int argc, int *indexes, int max)
{
    int64_t count;
    if (argc < 3 || !num_parse_int(argv[2], &count) || count < 0 || count > argc - 3) return -1;
    for (int i = 0; i < count && i < max; i++) indexes[i] = 3 + i;
    return (int)count;
}

static void run_load(struct cmd_ctx *ctx)
{
    if (is_refused_as_busy(ctx)) return;
    struct script *s = compile_script(ctx->script_host, ctx->argv[2], false, ctx->reply);
    if (s) reply_bulk(ctx->reply, slice_of(s->sha, SHA1_HEX_CHARS));
}

static void run_exists(struct cmd_ctx *ctx)
{
    struct script_host *h = ctx->script_host;
    reply_array(ctx->reply, (size_t)ctx->argc - 2);
    for (int i = 2; i < ctx->argc; i++) reply_integer(ctx->reply, cache_find(&h->cache, ctx->argv[i]) != NULL);
}

static void run_flush(struct cmd_ctx *ctx)
{
    if (ctx->argc > 3 || (ctx->argc == 3 && !cmd_is(ctx, 2, "sync") && !cmd_is(ctx, 2, "async"))) {
        reply_error(ctx->reply, SLICE_LIT("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
        return;
    }
    if (is_refused_as_busy(ctx)) return;
    host_flush(ctx->script_host);
    reply_ok(ctx->reply);
}

static void run_kill(struct cmd_ctx *ctx)
{
    struct script_host *h = ctx->script_host;
    if (!script_host_is_running(h)) {
        reply_error(ctx->reply, SLICE_LIT("NOTBUSY No scripts in execution right now."));
    } else if (script_host_has_written(h)) {
        reply_error(
            ctx->reply,
            SLICE_LIT("UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
                      "either wait the script termination or kill the server in a hard way using the SHUTDOWN "
                      "NOSAVE command."));
    } else {
        host_kill(h);
        reply_ok(ctx->reply);
    }
}

static void run_debug(struct cmd_ctx *ctx)
{
    if (cmd_is(ctx, 2, "no"))
        reply_ok(ctx->reply);
    else if (cmd_is(ctx, 2, "yes") || cmd_is(ctx, 2, "sync"))
        reply_error(ctx->reply, SLICE_LIT("ERR the script debugger is not available"));
    else
        reply_error(ctx->reply, SLICE_LIT("ERR Use SCRIPT DEBUG YES/SYNC/NO"));
}

static void run_help(struct cmd_ctx *ctx)
{
    static const char *const lines[] = {
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DEBUG (YES|SYNC|NO)",
        "    Only NO is possible: there is no debugger.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Tell for each SHA-1 whether its script is loaded.",
        "FLUSH [ASYNC|SYNC]",
        "    Forget all scripts. Both modes are the same.",
        "KILL",
        "    End the running script with an error, if it has not written yet.",
        "LOAD <script>",
        "    Load a script without running it.",
        "HELP",
        "    Print this help.",
    };
    size_t count = sizeof(lines) / sizeof(lines[0]);
    reply_array(ctx->reply, count);
    for (size_t i = 0; i < count; i++) reply_status(ctx->reply, slice_from_text(lines[i]));
}

#define SUB_FLAGS CMD_NOSCRIPT

static const struct command script_subs[] = {
    {.name = "debug",
     .run = run_debug,
     .arity = 3,
     .flags = SUB_FLAGS,
     .group = "scripting",
     .since = "3.2.0",
     .summary = "Turn the script debugger off; it cannot be turned on.",
     .complexity = "O(1)",
     .args = "YES|SYNC|NO"},
    {.name = "exists",
     .run = run_exists,
     .arity = -3,
     .flags = SUB_FLAGS,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Tell which scripts are loaded.",
     .complexity = "O(N) with N the number of scripts asked for",
     .args = "sha1 [sha1 ...]"},
    {.name = "flush",
     .run = run_flush,
     .arity = -2,
     .flags = SUB_FLAGS,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Forget all loaded scripts.",
     .complexity = "O(N) with N the number of loaded scripts",
     .args = "[ASYNC|SYNC]"},
    {.name = "help",
     .run = run_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = "scripting",
     .since = "5.0.0",
     .summary = "Describe the subcommands.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "kill",
     .run = run_kill,
     .arity = 2,
     .flags = SUB_FLAGS | CMD_ALLOW_BUSY,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "End the running script if it has not written.",
     .complexity = "O(1)",
     .args = ""},
    {.name = "load",
     .run = run_load,
     .arity = 3,
     .flags = SUB_FLAGS | CMD_STALE,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Load a script and return its SHA-1.",
     .complexity = "O(N) with N the length of the script",
     .args = "script"},
    {0},
};

#define EVAL_FLAGS                                                                                                     \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_MAY_REPLICATE | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS)
#define EVAL_RO_FLAGS                                                                                                  \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_READONLY | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS)

const struct command script_rows[] = {
    {.name = "eval",
     .run = run_eval,
     .arity = -3,
     .flags = EVAL_FLAGS,
     .find_keys = find_eval_keys,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Run a Lua script.",
     .complexity = "Depends on the script.",
     .args = "script numkeys [key [key ...]] [arg [arg ...]]"},
    {.name = "eval_ro",
     .run = run_eval_ro,
     .arity = -3,
     .flags = EVAL_RO_FLAGS,
     .find_keys = find_eval_keys,
     .group = "scripting",
     .since = "7.0.0",
     .summary = "Run a Lua script that may not write.",
     .complexity = "Depends on the script.",
     .args = "script numkeys [key [key ...]] [arg [arg ...]]"},
    {.name = "evalsha",
     .run = run_evalsha,
     .arity = -3,
     .flags = EVAL_FLAGS,
     .find_keys = find_eval_keys,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Run a loaded Lua script by its SHA-1.",
     .complexity = "Depends on the script.",
     .args = "sha1 numkeys [key [key ...]] [arg [arg ...]]"},
    {.name = "evalsha_ro",
     .run = run_evalsha_ro,
     .arity = -3,
     .flags = EVAL_RO_FLAGS,
     .find_keys = find_eval_keys,
     .group = "scripting",
     .since = "7.0.0",
     .summary = "Run a loaded Lua script that may not write, by its SHA-1.",
     .complexity = "Depends on the script.",
     .args = "sha1 numkeys [key [key ...]] [arg [arg ...]]"},
    {.name = "script",
     .arity = -2,
     .group = "scripting",
     .since = "2.6.0",
     .summary = "Commands about loaded scripts.",
     .complexity = "Depends on the subcommand.",
     .subs = script_subs,
     .args = ""},
    {0},
};
