/* SPDX-License-Identifier: MIT */
/* Questions to the server and lines of a dump: the words that dump.c and dump_large.c are written in. */
#include "cli/dump.h"

#include "base/num.h"
#include "codec/json.h"

#include <errno.h>
#include <string.h>

static const char *const type_names[] = {"string", "list", "set", "hash", "zset", "stream"};

enum dump_type dump_type_of(struct slice name)
{
    for (int i = 0; i < DUMP_TYPES_COUNT; i++) {
        if (slice_equal(name, slice_from_text(type_names[i]))) return (enum dump_type)i;
    }
    return DUMP_TYPES_COUNT;
}

const char *dump_type_name(enum dump_type type)
{
    return type_names[type];
}

/* ---------------------------------------------------------------- the server */

void dump_send_all(struct dump *d, const struct slice *argv, size_t argc)
{
    if (client_line_queue(d->server, &(struct client_command){.argv = argv, .argc = argc}, NULL) != OXQ_OK)
        d->is_out_of_memory = true;
}

int dump_next(struct dump *d, struct resp_value *out)
{
    struct oxq_error err;
    if (d->is_out_of_memory) return cli_fail("not enough memory");
    return client_line_next(d->server, 0, out, &err) == OXQ_OK ? CLI_OK : cli_fail("%s", err.text);
}

int dump_next_of_key(struct dump *d, struct resp_value *out, bool *out_has_changed)
{
    static const struct slice signs[] = {SLICE_INIT("ERR no such key"), SLICE_INIT("WRONGTYPE "),
                                         SLICE_INIT("NOGROUP ")};
    int code = dump_next(d, out);
    *out_has_changed = false;
    if (code || out->kind != RESP_ERROR) return code;
    struct slice text = out->text;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        *out_has_changed |= text.len >= signs[i].len && memcmp(text.at, signs[i].at, signs[i].len) == 0;
    return *out_has_changed ? CLI_OK : cli_fail("the server answers: %.*s", (int)text.len, text.at);
}

int dump_next_ok(struct dump *d, struct resp_value *out)
{
    bool has_changed;
    int code = dump_next_of_key(d, out, &has_changed);
    return has_changed ? cli_fail("the server answers: %.*s", (int)out->text.len, out->text.at) : code;
}

/* ---------------------------------------------------------------- lines */

static void keep(struct dump *d, oxq_err e)
{
    if (e) d->is_out_of_memory = true;
}

void dump_add(struct dump *d, const char *text)
{
    keep(d, buf_append(&d->line, slice_from_text(text)));
}

void dump_add_number(struct dump *d, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    keep(d, buf_append(&d->line, slice_of(digits, num_format_int(digits, n))));
}

void dump_add_bytes(struct dump *d, struct slice bytes)
{
    keep(d, json_put_bytes(&d->line, bytes));
}

void dump_line_begin(struct dump *d, const struct dump_key *key)
{
    dump_add(d, "{\"key\":");
    dump_add_bytes(d, key->name);
}

void dump_line_type(struct dump *d, const struct dump_key *key)
{
    dump_add(d, ",\"type\":\"");
    dump_add(d, dump_type_name(key->type));
    dump_add(d, "\"");
    if (key->expire_ms > 0) {
        dump_add(d, ",\"expire_ms\":");
        dump_add_number(d, key->expire_ms);
    }
}

static void put_list(struct dump *d, const struct resp_value *items, size_t count)
{
    dump_add(d, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) dump_add(d, ",");
        dump_add_bytes(d, items[i].text);
    }
    dump_add(d, "]");
}

/* Values that come two by two. */
static void put_pairs(struct dump *d, const struct resp_value *items, size_t count)
{
    dump_add(d, "[");
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (i > 0) dump_add(d, ",");
        put_list(d, items + i, 2);
    }
    dump_add(d, "]");
}

static void put_entries(struct dump *d, const struct resp_value *items, size_t count)
{
    dump_add(d, "[");
    for (size_t i = 0; i < count; i++) {
        if (items[i].count < 2) continue;
        dump_add(d, i > 0 ? ",[" : "[");
        dump_add_bytes(d, items[i].items[0].text);
        dump_add(d, ",");
        put_list(d, items[i].items[1].items, items[i].items[1].count);
        dump_add(d, "]");
    }
    dump_add(d, "]");
}

void dump_line_value(struct dump *d, enum dump_type type, const struct resp_value *items, size_t count)
{
    dump_add(d, ",\"value\":");
    switch (type) {
    case DUMP_STRING: dump_add_bytes(d, items[0].text); break;
    case DUMP_LIST:
    case DUMP_SET: put_list(d, items, count); break;
    case DUMP_HASH:
    case DUMP_ZSET: put_pairs(d, items, count); break;
    case DUMP_STREAM: put_entries(d, items, count); break;
    case DUMP_TYPES_COUNT: break;
    }
}

int dump_line_end(struct dump *d)
{
    dump_add(d, "}\n");
    if (d->is_out_of_memory) return cli_fail("not enough memory");
    size_t written = fwrite(d->line.at, 1, d->line.len, d->out);
    if (written < d->line.len) return cli_fail("the output cannot be written: %s", strerror(errno));
    d->bytes += d->line.len;
    d->line.len = 0;
    return CLI_OK;
}
