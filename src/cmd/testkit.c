/* SPDX-License-Identifier: MIT */
#include "cmd/testkit.h"

#include "base/mem.h"
#include "keyspace/digest.h"
#include "resp/writer.h"

#define TESTKIT_ARGS_MAX 256
#define TESTKIT_OUT_MAX ((size_t)1 << 30)

static void record(struct effect_sink *sink, const struct effect *e)
{
    struct testkit *kit = (struct testkit *)((char *)sink - offsetof(struct testkit, sink));
    kit->effects_count++;
    CHECK(keyspace_apply(&kit->replica, e) == OXQ_OK);
}

void testkit_init(struct testkit *kit)
{
    *kit = (struct testkit){.resp = 2, .out = {.limit_bytes = TESTKIT_OUT_MAX}, .sink = {record}};
    rng_init(&kit->rng, 1);
    rng_init(&kit->replica_rng, 2);
    keyspace_init(&kit->keyspace, &kit->rng);
    keyspace_init(&kit->replica, &kit->replica_rng);
    kit->replica.is_expiry_paused = true;
    kit->keyspace.now_ms = 1700000000000;
    kit->keyspace.sink = &kit->sink;
    kit->items.limit_bytes = SIZE_MAX / 4;
    kit->tracker = tracker_new(&kit->keyspace);
    cmd_table_init(&kit->table);
    cmd_table_add_data(&kit->table);
}

void testkit_deinit(struct testkit *kit)
{
    kit->keyspace.sink = NULL;
    tracker_free(kit->tracker);
    buf_deinit(&kit->items);
    keyspace_deinit(&kit->keyspace);
    keyspace_deinit(&kit->replica);
    cmd_table_deinit(&kit->table);
    arena_deinit(&kit->scratch);
    buf_deinit(&kit->out);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c - 'A' + 10;
}

/* Reads one escape after the backslash at *at; moves *at behind it. */
static char read_escape(const char **at)
{
    char c = *(*at)++;
    if (c == 'n') return '\n';
    if (c == 'r') return '\r';
    if (c == 't') return '\t';
    if (c != 'x') return c;
    int byte = hex_digit((*at)[0]) * 16 + hex_digit((*at)[1]);
    *at += 2;
    return (char)byte;
}

/* Splits a line in place of `copy` (as long as the line); returns how many words. */
static int split(const char *at, char *copy, struct slice *argv)
{
    int argc = 0;
    while (*at) {
        while (*at == ' ') at++;
        if (!*at) break;
        CHECK(argc < TESTKIT_ARGS_MAX);
        char *word = copy;
        bool is_quoted = *at == '"';
        if (is_quoted) at++;
        while (*at && *at != (is_quoted ? '"' : ' ')) {
            char c = *at++;
            *copy++ = is_quoted && c == '\\' ? read_escape(&at) : c;
        }
        if (is_quoted) at++;
        argv[argc++] = slice_of(word, (size_t)(copy - word));
    }
    return argc;
}

static const struct cmd_slot *find_slot(struct testkit *kit, struct slice *argv, int argc)
{
    struct cmd_slot *slot = cmd_table_find(&kit->table, argv[0]);
    if (slot && slot->row->subs && argc > 1) slot = cmd_table_find_sub(&kit->table, slot, argv[1]);
    return slot;
}

/* A whole checkpoint, which nobody keeps. */
static void save(struct testkit *kit)
{
    kit->items.len = 0;
    tracker_cut(kit->tracker, &kit->items);
    CHECK(tracker_give(kit->tracker, SIZE_MAX / 4));
    CHECK(tracker_committed(kit->tracker, SIZE_MAX));
}

const char *testkit_run_argv(struct testkit *kit, struct slice *argv, int argc)
{
    const struct cmd_slot *slot = find_slot(kit, argv, argc);
    CHECK(slot != NULL);
    const struct command *row = slot->row;
    kit->out.len = 0;
    struct resp_writer writer;
    resp_writer_init(&writer, &kit->out, kit->resp);
    struct cmd_ctx ctx = {
        .keyspace = &kit->keyspace,
        .db = &kit->keyspace.dbs[kit->db_index],
        .reply = &writer.reply,
        .argv = argv,
        .argc = argc,
        .command = row,
        .container = slot->container,
        .name = slot->name,
        .scratch = &kit->scratch,
        .flags = kit->flags,
    };
    bool is_arity_right = row->arity >= 0 ? argc == row->arity : argc >= -row->arity;
    if (is_arity_right)
        row->run(&ctx);
    else
        cmd_reply_arity(&ctx);
    kit->was_blocked = ctx.outcome == CMD_BLOCKED;
    arena_reset(&kit->scratch);
    if (kit->runs_count++ % 2) save(kit);
    CHECK(buf_append(&kit->out, slice_of("", 1)) == OXQ_OK);
    return kit->out.at;
}

const char *testkit_run(struct testkit *kit, const char *line)
{
    struct slice argv[TESTKIT_ARGS_MAX];
    char *copy = mem_alloc(strlen(line) + 1);
    int argc = split(line, copy, argv);
    CHECK(argc > 0);
    const char *reply = testkit_run_argv(kit, argv, argc);
    mem_free(copy);
    return reply;
}

void testkit_check(struct testkit *kit)
{
    tracker_check(kit->tracker);
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        db_check(&kit->keyspace.dbs[i]);
        CHECK(digest_db(&kit->keyspace.dbs[i]) == digest_db(&kit->replica.dbs[i]));
    }
}
