/* SPDX-License-Identifier: MIT */
/*
 * oxq load: lines of a dump (dump.h) become keys of a server.
 *
 * Every value is built under a name of its own and then renamed, so that nobody ever sees half a value, and RENAMENX decides
 * in the same moment whether the key was there: a value that one command makes in one transaction, any other in as many commands
 * as it takes, under a name that expires should we not come to the end.
 *
 *   MULTI  HSET tmp ...  PEXPIREAT tmp ms  RENAMENX tmp key  UNLINK tmp  EXEC
 *
 * A transaction goes on after a command that fails: where there are several, the key gets its name when all of them are known to have done it.
 *
 * Commands are sent in batches; what must come of each is kept until its reply is read.
 */
#include "cli/load.h"

#include "base/mem.h"
#include "base/num.h"
#include "cli/lines.h"
#include "cli/text.h"
#include "os/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH_COMMANDS 2048
#define BATCH_BYTES ((size_t)1 << 20)
/* An unfinished large value is gone after an hour without news. */
#define UNFINISHED_MS SLICE_LIT("3600000")
#define TMP_CHARS 64

enum if_there { IF_THERE_STOP, IF_THERE_SKIP, IF_THERE_REPLACE };

/* What is awaited: plain replies that must not be errors, then, if is_last, the EXEC that names the key. */
struct expected {
    uint64_t line;
    uint64_t replies_count;
    bool is_last;
    struct slice key; /* in the batch's arena, when is_last */
};

/* The large value of which lines are still to come. */
struct unfinished {
    bool is_there;
    enum dump_type type;
    int64_t expire_ms;
    uint64_t line; /* of its start */
    struct buf key;
    char tmp[TMP_CHARS];
};

struct loading {
    struct load base;
    struct lines in;
    enum if_there if_there;
    struct expected *expected; /* owned: of the batch, in order */
    size_t expected_count, expected_cap;
    struct arena batch;
    struct unfinished unfinished;
    char tmp_prefix[TMP_CHARS / 2];
    bool is_open; /* a dump's first line came, its last did not */
    bool is_in_transaction, has_batch_failed;
    uint64_t unread_count; /* replies of a batch that failed which nobody has read */
    uint64_t keys_count, skipped_count, expired_count;
};

/* ---------------------------------------------------------------- commands */

void load_word(struct load *l, struct slice word)
{
    if (l->argc == l->argv_cap) {
        l->argv_cap = l->argv_cap > 0 ? l->argv_cap * 2 : 64;
        l->argv = mem_resize(l->argv, sizeof(*l->argv) * l->argv_cap);
    }
    l->argv[l->argc++] = word;
}

void load_send(struct load *l)
{
    if (client_line_queue(l->server, &(struct client_command){.argv = l->argv, .argc = l->argc}, NULL) != OXQ_OK)
        l->is_out_of_memory = true;
    l->argc = 0;
    l->sent_count++;
}

void load_command_all(struct load *l, const struct slice *argv, size_t argc)
{
    for (size_t i = 0; i < argc; i++) load_word(l, argv[i]);
    load_send(l);
}

/* ---------------------------------------------------------------- replies */

static int refuse_reply(struct loading *l, const struct expected *x, struct slice text)
{
    return lines_fail(&l->in, x->line, "the server answers: %.*s", (int)text.len, text.at);
}

/* The reply of the EXEC that ends with RENAME, or with RENAMENX and UNLINK. */
static int take_exec(struct loading *l, const struct expected *x, const struct resp_value *reply)
{
    if (reply->kind == RESP_ERROR) return refuse_reply(l, x, reply->text);
    size_t behind = l->if_there == IF_THERE_REPLACE ? 1 : 2;
    if (reply->kind != RESP_ARRAY || reply->count < behind)
        return lines_fail(&l->in, x->line, "the server's answer makes no sense");
    const struct resp_value *renamed = &reply->items[reply->count - behind];
    for (size_t i = 0; i < reply->count; i++) {
        const struct resp_value *one = &reply->items[i];
        if (one->kind == RESP_ERROR && one != renamed) return refuse_reply(l, x, one->text);
    }
    if (renamed->kind == RESP_ERROR) {
        /* Its time to expire had come already. */
        if (!slice_equal(renamed->text, SLICE_LIT("ERR no such key"))) return refuse_reply(l, x, renamed->text);
        l->expired_count++;
    } else if (renamed->kind == RESP_INTEGER && renamed->integer == 0) {
        if (l->if_there == IF_THERE_STOP)
            return lines_fail(
                &l->in, x->line,
                "the key '%.*s' is there already: --skip leaves such keys alone, --replace overwrites them",
                (int)x->key.len, x->key.at);
        l->skipped_count++;
    } else {
        l->keys_count++;
    }
    return CLI_OK;
}

static int take_replies(struct loading *l, const struct expected *x)
{
    struct oxq_error err;
    struct resp_value reply;
    int code = CLI_OK;
    for (uint64_t i = 0; i < x->replies_count; i++) {
        if (client_line_next(l->base.server, 0, &reply, &err) != OXQ_OK)
            return lines_fail(&l->in, x->line, "%s", err.text);
        l->unread_count--;
        bool is_exec = x->is_last && i + 1 == x->replies_count;
        /* What EXEC says after an error of one of its commands tells less than that error. */
        if (code) continue;
        if (is_exec)
            code = take_exec(l, x, &reply);
        else if (reply.kind == RESP_ERROR)
            code = refuse_reply(l, x, reply.text);
    }
    return code;
}

static int finish_batch(struct loading *l)
{
    int code = l->base.is_out_of_memory ? cli_fail("not enough memory") : CLI_OK;
    l->unread_count = l->base.sent_count;
    for (size_t i = 0; i < l->expected_count && !code; i++) code = take_replies(l, &l->expected[i]);
    l->has_batch_failed = code != CLI_OK;
    l->expected_count = 0;
    l->base.sent_count = 0;
    arena_reset(&l->batch);
    return code;
}

static void expect(struct loading *l, uint64_t replies_count, bool is_last, struct slice key)
{
    if (l->expected_count == l->expected_cap) {
        l->expected_cap = l->expected_cap > 0 ? l->expected_cap * 2 : 256;
        l->expected = mem_resize(l->expected, sizeof(*l->expected) * l->expected_cap);
    }
    struct expected x = {.line = l->in.number, .replies_count = replies_count, .is_last = is_last};
    if (is_last) x.key = arena_copy(&l->batch, key);
    l->expected[l->expected_count++] = x;
}

/* ---------------------------------------------------------------- a line */

/* Gives the value its expiry and its name, and ends the transaction. */
static void send_name(struct loading *l, struct slice tmp, struct slice key, int64_t expire_ms, bool was_lent_time)
{
    char digits[NUM_INT_MAX_CHARS];
    struct load *b = &l->base;
    if (expire_ms > 0)
        load_command(b, SLICE_LIT("PEXPIREAT"), tmp, slice_of(digits, num_format_int(digits, expire_ms)));
    else if (was_lent_time)
        load_command(b, SLICE_LIT("PERSIST"), tmp);
    if (l->if_there == IF_THERE_REPLACE) {
        load_command(b, SLICE_LIT("RENAME"), tmp, key);
    } else {
        load_command(b, SLICE_LIT("RENAMENX"), tmp, key);
        load_command(b, SLICE_LIT("UNLINK"), tmp);
    }
    load_command(b, SLICE_LIT("EXEC"));
}

static int load_content(struct loading *l, enum dump_type type, const struct json *line, struct slice tmp)
{
    struct oxq_error err;
    l->base.argc = 0;
    if (load_line_content(&l->base, type, line, tmp, &err) == OXQ_OK) return CLI_OK;
    return lines_fail(&l->in, l->in.number, "%s", err.text);
}

static int refuse_without_value(struct loading *l)
{
    return lines_fail(&l->in, l->in.number, "a \"value\" is missing");
}

static int load_whole(struct loading *l, enum dump_type type, const struct json *line, struct slice key,
                      int64_t expire_ms)
{
    uint64_t before = l->base.sent_count;
    struct slice tmp = slice_from_text(l->tmp_prefix);
    if (!json_member(line, "value")) return refuse_without_value(l);
    load_command(&l->base, SLICE_LIT("MULTI"));
    l->is_in_transaction = true;
    int code = load_content(l, type, line, tmp);
    if (code) return code;
    send_name(l, tmp, key, expire_ms, false);
    l->is_in_transaction = false;
    expect(l, l->base.sent_count - before, true, key);
    return CLI_OK;
}

static int load_part(struct loading *l, const struct json *line, bool is_last)
{
    struct unfinished *u = &l->unfinished;
    uint64_t before = l->base.sent_count;
    struct slice tmp = slice_from_text(u->tmp);
    int code = load_content(l, u->type, line, tmp);
    if (code) return code;
    load_command(&l->base, SLICE_LIT("PEXPIRE"), tmp, UNFINISHED_MS);
    expect(l, l->base.sent_count - before, false, (struct slice){0});
    if (!is_last) return CLI_OK;
    code = finish_batch(l);
    if (code) return code;
    before = l->base.sent_count;
    load_command(&l->base, SLICE_LIT("MULTI"));
    send_name(l, tmp, buf_borrow(&u->key), u->expire_ms, true);
    expect(l, l->base.sent_count - before, true, buf_borrow(&u->key));
    u->is_there = false;
    return CLI_OK;
}

static int begin_large(struct loading *l, enum dump_type type, const struct json *line, struct slice key,
                       int64_t expire_ms)
{
    struct unfinished *u = &l->unfinished;
    bool has_more = json_truth(json_member(line, "more"));
    if (!has_more && !json_member(line, "value")) return refuse_without_value(l);
    *u = (struct unfinished){
        .is_there = true, .type = type, .expire_ms = expire_ms, .line = l->in.number, .key = u->key};
    u->key.len = 0;
    if (buf_append(&u->key, key) != OXQ_OK) return cli_fail("not enough memory");
    snprintf(u->tmp, sizeof(u->tmp), "%s:%" PRIu64, l->tmp_prefix, l->in.number);
    return load_part(l, line, !has_more);
}

static int load_key(struct loading *l, const struct json *line)
{
    struct slice key;
    const struct json *type_name = json_member(line, "type"), *expire = json_member(line, "expire_ms");
    if (!json_bytes(json_member(line, "key"), &l->base.arena, &key))
        return lines_fail(&l->in, l->in.number, "\"key\" is missing, or no text");
    if (l->unfinished.is_there) {
        if (type_name || !slice_equal(key, buf_borrow(&l->unfinished.key)))
            return lines_fail(&l->in, l->in.number, "the key that starts in line %" PRIu64 " has not come to its end",
                              l->unfinished.line);
        return load_part(l, line, json_truth(json_member(line, "end")));
    }
    enum dump_type type = dump_type_of(json_text(type_name));
    if (type == DUMP_TYPES_COUNT)
        return lines_fail(&l->in, l->in.number, "\"type\" must be one of string, list, set, hash, zset and stream");
    if (expire && (json_kind_of(expire) != JSON_KIND_INTEGER || json_number(expire) <= 0))
        return lines_fail(&l->in, l->in.number, "\"expire_ms\" must be a number of milliseconds since 1970");
    bool is_whole = !json_truth(json_member(line, "more")) && load_is_one_command(type, line);
    return (is_whole ? load_whole : begin_large)(l, type, line, key, json_number(expire));
}

static int load_mark(struct loading *l, const struct json *line)
{
    const struct json *format = json_member(line, "oxq_dump");
    if (l->unfinished.is_there)
        return lines_fail(&l->in, l->in.number, "the key that starts in line %" PRIu64 " has not come to its end",
                          l->unfinished.line);
    if (format && json_number(format) != DUMP_FORMAT)
        return lines_fail(&l->in, l->in.number, "a dump of format %" PRId64 ": this program knows %d",
                          json_number(format), DUMP_FORMAT);
    if (!format && !l->is_open)
        return lines_fail(&l->in, l->in.number, "the dump that ends here has no beginning: keys are missing");
    if (format && l->is_open) return lines_fail(&l->in, l->in.number, "the dump before has no end: it was cut off");
    l->is_open = format != NULL;
    return CLI_OK;
}

static int load_line(struct loading *l, struct slice text)
{
    struct json *root;
    struct oxq_error err;
    if (text.len == 0) return CLI_OK;
    if (json_read(text, &root, &err) != OXQ_OK) return lines_fail(&l->in, l->in.number, "%s", err.text);
    bool is_mark = json_member(root, "oxq_dump") || json_member(root, "oxq_dump_end");
    int code = is_mark ? load_mark(l, root) : load_key(l, root);
    json_release(root);
    arena_reset(&l->base.arena);
    if (code) return code;
    bool is_full = l->base.sent_count >= BATCH_COMMANDS || client_line_queued_bytes(l->base.server) >= BATCH_BYTES;
    return is_full ? finish_batch(l) : CLI_OK;
}

/* ---------------------------------------------------------------- a file */

/*
 * After an error: the lines before one that makes no sense are done, and what was begun of a value is removed, as far as the server can still
 * be asked; otherwise it expires.
 */
static void abandon(struct loading *l)
{
    struct resp_value reply;
    struct oxq_error ignored;
    const struct slice words[] = {SLICE_LIT("UNLINK"), slice_from_text(l->tmp_prefix),
                                  slice_from_text(l->unfinished.tmp)};
    if (l->base.is_out_of_memory) return;
    l->base.argc = 0;
    if (l->is_in_transaction) load_command(&l->base, SLICE_LIT("DISCARD"));
    if (!l->has_batch_failed) (void)finish_batch(l);
    while (l->unread_count > 0) {
        if (client_line_next(l->base.server, 0, &reply, &ignored) != OXQ_OK) return;
        l->unread_count--;
    }
    const struct client_command unlink = {.argv = words, .argc = 3};
    oxq_err e = client_line_call(l->base.server, &unlink, 0, &reply, &ignored);
    (void)e;
}

static int load_lines(struct loading *l)
{
    int code = CLI_OK;
    while (!code && !l->in.is_at_end) {
        struct slice text;
        code = lines_read(&l->in);
        while (!code && lines_take(&l->in, &text)) code = load_line(l, text);
        progress_show(&l->in.progress, l->in.bytes, l->in.total_bytes, l->keys_count + l->skipped_count);
    }
    if (!code) code = finish_batch(l);
    if (!code && l->in.bytes == 0) return cli_fail("%s is empty: that is no dump", l->in.name);
    if (!code && (l->unfinished.is_there || l->is_open))
        return lines_fail(&l->in, l->in.number,
                          "the dump ends here without its last line: it was cut off, keys are missing");
    return code;
}

/* ---------------------------------------------------------------- the command */

struct load_flags {
    struct cli_server server;
    const char *db;
    bool is_replace, is_skip, is_json, is_quiet;
    int db_number;
};

static void print_help(void)
{
    puts(
        "Usage: oxq load [flags] FILE\n"
        "\n"
        "Writes the keys of a file that oxq dump made to a server, Redis or oxq; - is standard input. A key that is there\n"
        "already ends the load, unless a flag says what to do. Each key appears at once and whole.\n"
        "\n"
        "  --skip             leave keys that are there already as they are\n"
        "  --replace          overwrite them\n"
        "  --db <number>      into this database; otherwise the URL's, otherwise 0\n"
        "  --json             the summary as one object on standard output, for programs\n"
        "  --quiet            no progress and no summary");
    puts(cli_server_flags);
}

static int read_flags(int *argc, char **argv, struct load_flags *f)
{
    *f = (struct load_flags){0};
    const struct cli_flag own[] = {{"--replace", NULL, &f->is_replace},
                                   {"--skip", NULL, &f->is_skip},
                                   {"--db", &f->db, NULL},
                                   {"--json", NULL, &f->is_json},
                                   {"--quiet", NULL, &f->is_quiet}};
    int code = cli_take_server(argc, argv, &f->server, own, sizeof(own) / sizeof(own[0]));
    if (code || f->server.is_help) return code;
    if (*argc != 1) return cli_refuse("load needs one file, or - for standard input");
    if (f->is_replace && f->is_skip) return cli_refuse("--replace and --skip exclude each other");
    return cli_read_db(f->db, &f->db_number);
}

static void print_summary(struct loading *l)
{
    char text[PROGRESS_TEXT_CHARS];
    fprintf(stderr, "oxq: loaded %s keys", progress_count(l->keys_count, text));
    if (l->skipped_count > 0) fprintf(stderr, ", skipped %s that were there", progress_count(l->skipped_count, text));
    if (l->expired_count > 0) fprintf(stderr, ", left out %s that had expired", progress_count(l->expired_count, text));
    fprintf(stderr, ", %s, in %.1f s\n", progress_bytes(l->in.bytes, text), progress_seconds(&l->in.progress));
}

static int print_json(const struct loading *l)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = SIZE_MAX};
    struct json_writer w = {.out = &line};
    json_write_open(&w, '{');
    text_write_number(&w, "loaded", (int64_t)l->keys_count);
    text_write_number(&w, "skipped", (int64_t)l->skipped_count);
    text_write_number(&w, "expired", (int64_t)l->expired_count);
    text_write_number(&w, "bytes", (int64_t)l->in.bytes);
    text_write_real(&w, "seconds", progress_seconds(&l->in.progress));
    json_write_close(&w, '}');
    return text_end_line(&w);
}

/* What was loaded is told also when it is not all. Returns `code`, or that of an output that cannot be written. */
static int tell_summary(struct loading *l, const struct load_flags *f, int code)
{
    int printed = CLI_OK;
    if (f->is_json)
        printed = print_json(l);
    else if (!f->is_quiet)
        print_summary(l);
    return code ? code : printed;
}

static int load_flagged(const struct load_flags *f, struct loading *l)
{
    char digits[17];
    random_hex(digits, 16);
    snprintf(l->tmp_prefix, sizeof(l->tmp_prefix), "oxq-load:%s", digits);
    l->if_there = f->is_replace ? IF_THERE_REPLACE : f->is_skip ? IF_THERE_SKIP : IF_THERE_STOP;
    progress_begin(&l->in.progress, "load", "keys", f->is_quiet);
    int code = load_lines(l);
    if (code) abandon(l);
    progress_clear(&l->in.progress);
    code = tell_summary(l, f, code);
    buf_deinit(&l->unfinished.key);
    arena_deinit(&l->base.arena);
    arena_deinit(&l->batch);
    mem_free(l->base.argv);
    mem_free(l->expected);
    return code;
}

int cli_load(int argc, char **argv)
{
    struct load_flags flags;
    struct loading l = {.unfinished.key.limit_bytes = SIZE_MAX};
    int code = read_flags(&argc, argv, &flags);
    if (code) return code;
    if (flags.server.is_help) {
        print_help();
        return CLI_OK;
    }
    code = lines_open(&l.in, argv[0]);
    if (code) return code;
    code = cli_connect(&flags.server, &l.base.server);
    if (!code) code = cli_select_db(l.base.server, flags.db_number);
    if (!code) code = load_flagged(&flags, &l);
    cli_disconnect(l.base.server);
    lines_close(&l.in);
    return code;
}
