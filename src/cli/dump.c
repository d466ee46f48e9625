/* SPDX-License-Identifier: MIT */
/*
 * oxq dump: the keys of a server as lines of JSON (dump.h), read with commands that any Redis answers.
 *
 * SCAN walks the keys twice: hashes and strings first, then lists, sets, sorted sets and streams, so that a job's data stands before
 * the lists that name it and a worker that waits at the other end never finds an id without its job. SCAN may tell a
 * key twice; 16 bytes of two hashes of each key that was written keep it from being written twice.
 *
 * A batch is three rounds of pipelined questions: type and expiry, size, value. Large values and streams follow one by one.
 */
#include "cli/dump.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/siphash.h"
#include "os/clock.h"
#include "os/random.h"

#include <errno.h>
#include <string.h>

#define SCAN_COUNT SLICE_LIT("200")
/* With more elements, or bytes of a string, a value is read in windows. */
#define SMALL_COUNT 128
#define SMALL_STRING_BYTES ((int64_t)1 << 20)
#define PATTERN_BYTES_MAX 1024

/* ---------------------------------------------------------------- which keys were written */

struct seen_key {
    uint64_t a, b; /* both 0: a free slot */
};

struct seen {
    struct seen_key *slots; /* owned */
    size_t count, slots_count;
};

static struct seen_key fingerprint(struct slice name)
{
    OWNED(buf_deinit) struct buf salted = {.limit_bytes = SIZE_MAX};
    mem_must(buf_append(&salted, SLICE_LIT("+")));
    mem_must(buf_append(&salted, name));
    return (struct seen_key){siphash_bytes(name) | 1, siphash_bytes(buf_borrow(&salted))};
}

static struct seen_key *find_slot(const struct seen *s, struct seen_key key)
{
    size_t at = (size_t)(key.a >> 1) & (s->slots_count - 1);
    while (s->slots[at].a != 0 && (s->slots[at].a != key.a || s->slots[at].b != key.b))
        at = (at + 1) & (s->slots_count - 1);
    return &s->slots[at];
}

static void grow(struct seen *s)
{
    struct seen old = *s;
    s->slots_count = old.slots_count > 0 ? old.slots_count * 2 : 1024;
    s->slots = mem_alloc_zero(sizeof(*s->slots) * s->slots_count);
    for (size_t i = 0; i < old.slots_count; i++) {
        if (old.slots[i].a != 0) *find_slot(s, old.slots[i]) = old.slots[i];
    }
    mem_free(old.slots);
}

/* True the first time that it is told a name. */
static bool see(struct seen *s, struct slice name)
{
    if (s->count >= s->slots_count / 4 * 3) grow(s);
    struct seen_key key = fingerprint(name);
    struct seen_key *slot = find_slot(s, key);
    if (slot->a != 0) return false;
    *slot = key;
    s->count++;
    return true;
}

/* ---------------------------------------------------------------- a batch */

enum pass { PASS_DATA, PASS_REST, PASSES_COUNT };

static enum pass pass_of(enum dump_type type)
{
    return type == DUMP_HASH || type == DUMP_STRING ? PASS_DATA : PASS_REST;
}

/* Lets go of names[i] and tells whom it is about when its type is not ours to copy. */
static enum dump_type read_type(struct dump *d, struct slice name, struct slice type, enum pass pass)
{
    enum dump_type t = dump_type_of(type);
    if (t != DUMP_TYPES_COUNT || pass != PASS_REST || slice_equal(type, SLICE_LIT("none"))) return t;
    d->unknown_count++;
    progress_clear(&d->progress);
    cli_fail("the key '%.*s' is left out: nobody else knows the type %.*s", (int)name.len, name.at, (int)type.len,
             type.at);
    return t;
}

/* The reply of PEXPIRETIME, or of PTTL. */
static int64_t expiry_of(const struct dump *d, int64_t reply)
{
    if (reply < 0) return 0;
    return d->has_expire_time ? reply : clock_wall_ms(os_clock()) + reply;
}

/* Asks for types and expiry of names; fills keys with those that this pass writes. */
static int read_types(struct dump *d, struct seen *seen, enum pass pass, const struct resp_value *names,
                      struct dump_key *out, size_t *out_count)
{
    size_t count = names->count;
    struct slice *copies = ARENA_ARRAY(&d->arena, struct slice, count + 1);
    for (size_t i = 0; i < count; i++) {
        copies[i] = arena_copy(&d->arena, names->items[i].text);
        dump_send(d, SLICE_LIT("TYPE"), copies[i]);
        dump_send(d, d->has_expire_time ? SLICE_LIT("PEXPIRETIME") : SLICE_LIT("PTTL"), copies[i]);
    }
    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct resp_value reply;
        int code = dump_next_ok(d, &reply);
        enum dump_type type = code ? DUMP_TYPES_COUNT : read_type(d, copies[i], reply.text, pass);
        if (!code) code = dump_next_ok(d, &reply);
        if (code) return code;
        if (type == DUMP_TYPES_COUNT || pass_of(type) != pass || !see(seen, copies[i])) continue;
        out[(*out_count)++] =
            (struct dump_key){.name = copies[i], .type = type, .expire_ms = expiry_of(d, reply.integer)};
    }
    return CLI_OK;
}

static int read_sizes(struct dump *d, struct dump_key *keys, size_t count)
{
    static const struct slice commands[] = {SLICE_INIT("STRLEN"), SLICE_INIT("LLEN"),  SLICE_INIT("SCARD"),
                                            SLICE_INIT("HLEN"),   SLICE_INIT("ZCARD"), SLICE_INIT("XLEN")};
    for (size_t i = 0; i < count; i++) dump_send(d, commands[keys[i].type], keys[i].name);
    for (size_t i = 0; i < count; i++) {
        struct resp_value reply;
        bool has_changed;
        int code = dump_next_of_key(d, &reply, &has_changed);
        if (code) return code;
        keys[i].is_small = keys[i].type == DUMP_STRING ? reply.integer <= SMALL_STRING_BYTES
                                                       : keys[i].type != DUMP_STREAM && reply.integer <= SMALL_COUNT;
    }
    return CLI_OK;
}

static void ask_value(struct dump *d, const struct dump_key *key)
{
    switch (key->type) {
    case DUMP_STRING: dump_send(d, SLICE_LIT("GET"), key->name); break;
    case DUMP_LIST: dump_send(d, SLICE_LIT("LRANGE"), key->name, SLICE_LIT("0"), SLICE_LIT("-1")); break;
    case DUMP_SET: dump_send(d, SLICE_LIT("SMEMBERS"), key->name); break;
    case DUMP_HASH: dump_send(d, SLICE_LIT("HGETALL"), key->name); break;
    case DUMP_ZSET:
        dump_send(d, SLICE_LIT("ZRANGE"), key->name, SLICE_LIT("0"), SLICE_LIT("-1"), SLICE_LIT("WITHSCORES"));
        break;
    case DUMP_STREAM:
    case DUMP_TYPES_COUNT: break;
    }
}

/* The line of a small value, from the server's answer. A key that went meanwhile has none. */
static int write_small(struct dump *d, const struct dump_key *key)
{
    struct resp_value reply;
    bool has_changed;
    int code = dump_next_of_key(d, &reply, &has_changed);
    if (code) return code;
    if (has_changed) {
        d->changed_count++;
        progress_clear(&d->progress);
        cli_tell("the key '%.*s' is left out, it changed while it was read: %.*s", (int)key->name.len, key->name.at,
                 (int)reply.text.len, reply.text.at);
        return CLI_OK;
    }
    bool is_string = key->type == DUMP_STRING;
    if (reply.kind == RESP_NULL || (!is_string && reply.count == 0)) return CLI_OK;
    dump_line_begin(d, key);
    dump_line_type(d, key);
    dump_line_value(d, key->type, is_string ? &reply : reply.items, reply.count);
    d->keys_count++;
    return dump_line_end(d);
}

static int dump_batch(struct dump *d, struct seen *seen, enum pass pass, const struct resp_value *names)
{
    size_t count;
    struct dump_key *keys = ARENA_ARRAY(&d->arena, struct dump_key, names->count + 1);
    int code = read_types(d, seen, pass, names, keys, &count);
    if (!code) code = read_sizes(d, keys, count);
    if (code) return code;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].is_small) ask_value(d, &keys[i]);
    }
    for (size_t i = 0; i < count && !code; i++) {
        if (keys[i].is_small) code = write_small(d, &keys[i]);
    }
    for (size_t i = 0; i < count && !code; i++) {
        if (!keys[i].is_small) code = dump_large(d, &keys[i]);
    }
    return code;
}

/* ---------------------------------------------------------------- all keys */

static int dump_pass(struct dump *d, struct seen *seen, enum pass pass, const char *pattern)
{
    char cursor[NUM_INT_MAX_CHARS] = "0";
    do {
        struct resp_value reply;
        if (pattern[0])
            dump_send(d, SLICE_LIT("SCAN"), slice_from_text(cursor), SLICE_LIT("MATCH"), slice_from_text(pattern),
                      SLICE_LIT("COUNT"), SCAN_COUNT);
        else
            dump_send(d, SLICE_LIT("SCAN"), slice_from_text(cursor), SLICE_LIT("COUNT"), SCAN_COUNT);
        int code = dump_next_ok(d, &reply);
        if (code) return code;
        if (reply.count != 2) return cli_fail("the server's answer makes no sense");
        snprintf(cursor, sizeof(cursor), "%.*s", (int)reply.items[0].text.len, reply.items[0].text.at);
        struct resp_value names = reply.items[1];
        code = dump_batch(d, seen, pass, &names);
        if (code) return code;
        arena_reset(&d->arena);
        progress_show(&d->progress, d->keys_count, d->total_count, d->keys_count);
    } while (strcmp(cursor, "0") != 0);
    return CLI_OK;
}

static int learn_about_server(struct dump *d, bool has_pattern)
{
    struct resp_value reply;
    dump_send(d, SLICE_LIT("DBSIZE"));
    int code = dump_next_ok(d, &reply);
    if (code) return code;
    if (!has_pattern) d->total_count = (uint64_t)reply.integer;
    dump_send(d, SLICE_LIT("PEXPIRETIME"), SLICE_LIT(""));
    code = dump_next(d, &reply);
    d->has_expire_time = !code && reply.kind == RESP_INTEGER;
    return code;
}

static int dump_all(struct dump *d, const char *pattern, int db)
{
    struct seen seen = {0};
    dump_add(d, "{\"oxq_dump\":");
    dump_add_number(d, DUMP_FORMAT);
    dump_add(d, ",\"db\":");
    dump_add_number(d, db);
    dump_add(d, ",\"at_ms\":");
    dump_add_number(d, clock_wall_ms(os_clock()));
    int code = dump_line_end(d);
    for (int pass = 0; pass < PASSES_COUNT && !code; pass++) code = dump_pass(d, &seen, (enum pass)pass, pattern);
    mem_free(seen.slots);
    if (code) return code;
    dump_add(d, "{\"oxq_dump_end\":true,\"keys\":");
    dump_add_number(d, (int64_t)d->keys_count);
    code = dump_line_end(d);
    if (!code && fflush(d->out) != 0) code = cli_fail("the output cannot be written: %s", strerror(errno));
    return code;
}

/* ---------------------------------------------------------------- the command */

struct dump_flags {
    struct cli_server server;
    const char *match, *queue, *prefix, *db;
    bool is_json, is_quiet;
    int db_number;
    char pattern[PATTERN_BYTES_MAX];
};

static void print_help(void)
{
    puts(
        "Usage: oxq dump [flags] > FILE\n"
        "\n"
        "Writes the keys of a server, Redis or oxq, as lines of JSON, for oxq load. A queue that is at work meanwhile is not\n"
        "caught at one moment: each key is as it was when it was read. Stop its producers and workers first.\n"
        "\n"
        "  --json             lines of JSON; there is no other form\n"
        "  --queue <name>     only the keys of this queue, and\n"
        "  --prefix <text>    of queues with this prefix: bull\n"
        "  --match <pattern>  only keys that match, as in KEYS\n"
        "  --db <number>      of this database; otherwise the URL's, otherwise 0\n"
        "  --quiet            no progress and no summary");
    puts(cli_server_flags);
}

/* prefix:queue:* with the special characters of both taken literally. */
static int make_pattern(struct dump_flags *f)
{
    size_t used = 0;
    const char *const parts[] = {f->prefix ? f->prefix : "bull", ":", f->queue, ":*"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (const char *c = parts[i]; *c; c++) {
            if (used + 3 > sizeof(f->pattern)) return cli_refuse("--queue: the name is too long");
            if (i % 2 == 0 && strchr("*?[]^\\", *c)) f->pattern[used++] = '\\';
            f->pattern[used++] = *c;
        }
    }
    f->pattern[used] = '\0';
    return CLI_OK;
}

static int read_flags(int *argc, char **argv, struct dump_flags *f)
{
    *f = (struct dump_flags){0};
    const struct cli_flag own[] = {{"--match", &f->match, NULL},   {"--queue", &f->queue, NULL},
                                   {"--prefix", &f->prefix, NULL}, {"--db", &f->db, NULL},
                                   {"--json", NULL, &f->is_json},  {"--quiet", NULL, &f->is_quiet}};
    int code = cli_take_server(argc, argv, &f->server, own, sizeof(own) / sizeof(own[0]));
    if (code || f->server.is_help) return code;
    if (*argc > 0) return cli_refuse("dump takes no argument '%s': it writes to standard output", argv[0]);
    if (f->match && f->queue) return cli_refuse("--match and --queue exclude each other");
    if (f->prefix && !f->queue) return cli_refuse("--prefix is of a --queue");
    if (f->match && strlen(f->match) >= sizeof(f->pattern)) return cli_refuse("--match: the pattern is too long");
    if (f->match) memcpy(f->pattern, f->match, strlen(f->match) + 1);
    code = f->queue ? make_pattern(f) : CLI_OK;
    return code ? code : cli_read_db(f->db, &f->db_number);
}

static void print_summary(struct dump *d)
{
    char keys[PROGRESS_TEXT_CHARS], bytes[PROGRESS_TEXT_CHARS];
    fprintf(stderr, "oxq: dumped %s keys, %s, in %.1f s", progress_count(d->keys_count, keys),
            progress_bytes(d->bytes, bytes), progress_seconds(&d->progress));
    if (d->changed_count > 0) fprintf(stderr, "; %s changed meanwhile", progress_count(d->changed_count, keys));
    if (d->unknown_count > 0) fprintf(stderr, "; %s left out", progress_count(d->unknown_count, keys));
    fputc('\n', stderr);
}

static int dump_flagged(const struct dump_flags *f, struct client_line *line)
{
    uint8_t secret[16];
    random_fill(secret, sizeof(secret));
    siphash_seed(secret);
    struct dump d = {.server = line, .out = stdout, .line = {.limit_bytes = SIZE_MAX}};
    progress_begin(&d.progress, "dump", "keys", f->is_quiet);
    int code = learn_about_server(&d, f->pattern[0] != '\0');
    if (!code) code = dump_all(&d, f->pattern, f->db_number < 0 ? 0 : f->db_number);
    progress_clear(&d.progress);
    if (!code && !f->is_quiet) print_summary(&d);
    if (!code && d.unknown_count > 0) code = CLI_FAILED;
    buf_deinit(&d.line);
    arena_deinit(&d.arena);
    return code;
}

int cli_dump(int argc, char **argv)
{
    struct dump_flags flags;
    struct client_line *line = NULL;
    int code = read_flags(&argc, argv, &flags);
    if (code) return code;
    if (flags.server.is_help) {
        print_help();
        return CLI_OK;
    }
    code = cli_connect(&flags.server, &line);
    if (!code) code = cli_select_db(line, flags.db_number);
    if (!code) code = dump_flagged(&flags, line);
    cli_disconnect(line);
    return code;
}
