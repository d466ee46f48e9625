/* SPDX-License-Identifier: MIT */
#include "script/testhost.h"

#include "base/mem.h"
#include "base/num.h"
#include "resp/writer.h"
#include "script/host.h"

#include <lauxlib.h>
#include <stdio.h>

#define OUT_MAX ((size_t)1 << 30)
#define ARGS_MAX 128

static struct testhost *host_of_ops(struct script_ops *ops)
{
    return (struct testhost *)((char *)ops - offsetof(struct testhost, ops));
}

static void run_tick(struct cmd_ctx *ctx)
{
    int64_t n;
    if (!cmd_int(ctx, 1, &n)) return;
    while (n-- > 0) script_host_tick(ctx->script_host);
    reply_ok(ctx->reply);
}

static void run_fill(struct cmd_ctx *ctx)
{
    char element[1000];
    int64_t n;
    if (!cmd_int(ctx, 1, &n)) return;
    reply_array(ctx->reply, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        memset(element, 'x', sizeof(element));
        num_format_int(element, i);
        reply_bulk(ctx->reply, slice_of(element, sizeof(element)));
    }
}

static void run_echo(struct cmd_ctx *ctx)
{
    reply_bulk(ctx->reply, ctx->argv[1]);
}

/* From here on there is no more memory for what may be refused. */
static void run_starve(struct cmd_ctx *ctx)
{
    mem_fail_after(0);
    reply_ok(ctx->reply);
}

static const struct command rows[] = {{.name = "test.tick", .run = run_tick, .arity = 2},
                                      {.name = "test.fill", .run = run_fill, .arity = 2},
                                      {.name = "test.starve", .run = run_starve, .arity = 1},
                                      {.name = "echo", .run = run_echo, .arity = 2},
                                      {0}};

static bool run_twin(struct cmd_ctx *ctx, const struct twin_args *args)
{
    if (args->keys_count > 0) return false;
    reply_bulk(ctx->reply, SLICE_LIT("C"));
    return true;
}

static const struct twin twins[] = {{"c8af894f852010adbf0098be031a48346bff16e3", run_twin}, {0}};

static bool allows_twin(struct script_ops *ops, const struct cmd_ctx *outer)
{
    (void)outer;
    return !host_of_ops(ops)->forbids_twins;
}

static bool before_call(struct script_ops *ops, struct cmd_ctx *ctx)
{
    const struct testhost *t = host_of_ops(ops);
    if (!t->refuses || strcmp(t->refuses, ctx->name) != 0) return true;
    reply_error(ctx->reply, SLICE_LIT("TEST refused"));
    return false;
}

static const char *run_into(struct testhost *t, struct slice *argv, int argc, struct buf *out)
{
    struct testkit *kit = &t->kit;
    struct cmd_slot *slot = cmd_table_find(&kit->table, argv[0]);
    if (slot && slot->row->subs) slot = cmd_table_find_sub(&kit->table, slot, argv[1]);
    CHECK(slot != NULL);
    out->len = 0;
    struct resp_writer writer;
    resp_writer_init(&writer, out, kit->resp);
    struct cmd_ctx ctx = {
        .keyspace = &kit->keyspace,
        .db = &kit->keyspace.dbs[0],
        .reply = &writer.reply,
        .argv = argv,
        .argc = argc,
        .command = slot->row,
        .container = slot->container,
        .name = slot->name,
        .scratch = &kit->scratch,
        .script_host = t->host,
        .flags = t->flags,
    };
    slot->row->run(&ctx);
    CHECK(buf_append(out, slice_of("", 1)) == OXQ_OK);
    return out->at;
}

static void on_poll(struct script_ops *ops)
{
    struct testhost *t = host_of_ops(ops);
    t->polls_count++;
    if (!t->on_poll) return;
    char copy[64];
    struct slice argv[ARGS_MAX] = {0};
    int argc = 0;
    snprintf(copy, sizeof(copy), "%s", t->on_poll);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) argv[argc++] = slice_from_text(word);
    struct buf out = {.limit_bytes = OUT_MAX};
    snprintf(t->polled, sizeof(t->polled), "%s", run_into(t, argv, argc, &out));
    buf_deinit(&out);
}

static bool is_over_memory(struct script_ops *ops)
{
    return host_of_ops(ops)->is_over_memory;
}

static void on_log(struct script_ops *ops, enum script_log_level level, struct slice text)
{
    struct testhost *t = host_of_ops(ops);
    snprintf(t->logged, sizeof(t->logged), "%d %.*s", (int)level, (int)text.len, text.at);
}

void testhost_init(struct testhost *t, size_t memory_bytes, int64_t busy_ms)
{
    *t = (struct testhost){.ops = {.before_call = before_call,
                                   .allows_twin = allows_twin,
                                   .poll = on_poll,
                                   .is_over_memory = is_over_memory,
                                   .log = on_log},
                           .out = {.limit_bytes = OUT_MAX}};
    testkit_init(&t->kit);
    cmd_table_add(&t->kit.table, script_rows);
    cmd_table_add(&t->kit.table, rows);
    struct script_opts opts = {.commands = &t->kit.table,
                               .ops = &t->ops,
                               .twins = twins,
                               .memory_bytes = memory_bytes,
                               .busy_ms = busy_ms,
                               .redis_version = "7.2.4",
                               .is_ticked_by_hand = true};
    CHECK(script_host_new(&opts, &t->host, NULL) == OXQ_OK);
}

void testhost_deinit(struct testhost *t)
{
    script_host_free(t->host);
    buf_deinit(&t->out);
    testkit_deinit(&t->kit);
}

const char *testhost_run(struct testhost *t, struct slice *argv, int argc)
{
    return run_into(t, argv, argc, &t->out);
}

const char *testhost_eval(struct testhost *t, const char *text, int keys_count, const char *const *args, int argc)
{
    char digits[NUM_INT_MAX_CHARS];
    struct slice argv[ARGS_MAX];
    CHECK(argc + 3 <= ARGS_MAX);
    argv[0] = SLICE_LIT("eval");
    argv[1] = slice_from_text(text);
    argv[2] = slice_of(digits, num_format_int(digits, keys_count));
    for (int i = 0; i < argc; i++) argv[3 + i] = slice_from_text(args[i]);
    return testhost_run(t, argv, 3 + argc);
}

static int write_dump(lua_State *lua, const void *at, size_t len, void *out)
{
    (void)lua;
    return (int)buf_append(out, slice_of(at, len));
}

struct buf testhost_dump(struct testhost *t, const char *text)
{
    struct buf dump = {.limit_bytes = 1 << 20};
    lua_State *lua = t->host->lua;
    CHECK(luaL_loadbuffer(lua, text, strlen(text), "=test") == 0 && lua_dump(lua, write_dump, &dump) == 0);
    lua_pop(lua, 1);
    return dump;
}
