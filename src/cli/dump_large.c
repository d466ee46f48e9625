/* SPDX-License-Identifier: MIT */
/*
 * A value in windows, so that neither side holds it whole: lists and sorted sets by rank, sets and hashes by their SCAN,
 * strings by range, streams by id. The key is watched meanwhile: an empty transaction at the end tells whether it changed, and
 * then the person is told that its parts are of different moments. A key that goes meanwhile ends there, and so does its last line.
 */
#include "base/num.h"
#include "cli/dump.h"

#define WINDOW_FIRST_COUNT 128
#define WINDOW_COUNT_MAX 8192
/* A window whose line is longer halves the next one; one with a quarter of it doubles it. */
#define WINDOW_LINE_BYTES ((size_t)1 << 20)
#define STRING_WINDOW_BYTES ((int64_t)1 << 20)
#define CURSOR_CHARS 64

struct window {
    const struct dump_key *key;
    int64_t from, count; /* rank or offset of the first element, and how many are wanted */
    char cursor[CURSOR_CHARS];
    bool is_over;
    struct resp_value reply;        /* the line's, until its next one */
    const struct resp_value *items; /* of the reply */
    size_t items_count;
};

struct number {
    char text[NUM_INT_MAX_CHARS];
};

static struct slice number(struct number *room, int64_t n)
{
    return slice_of(room->text, num_format_int(room->text, n));
}

static void ask_window(struct dump *d, const struct window *w)
{
    struct number from_room, to_room, count_room;
    struct slice name = w->key->name, cursor = slice_from_text(w->cursor), from = number(&from_room, w->from),
                 to = number(&to_room, w->from + w->count - 1), count = number(&count_room, w->count);
    switch (w->key->type) {
    case DUMP_STRING: dump_send(d, SLICE_LIT("GETRANGE"), name, from, to); break;
    case DUMP_LIST: dump_send(d, SLICE_LIT("LRANGE"), name, from, to); break;
    case DUMP_ZSET: dump_send(d, SLICE_LIT("ZRANGE"), name, from, to, SLICE_LIT("WITHSCORES")); break;
    case DUMP_SET: dump_send(d, SLICE_LIT("SSCAN"), name, cursor, SLICE_LIT("COUNT"), count); break;
    case DUMP_HASH: dump_send(d, SLICE_LIT("HSCAN"), name, cursor, SLICE_LIT("COUNT"), count); break;
    case DUMP_STREAM: dump_send(d, SLICE_LIT("XRANGE"), name, cursor, SLICE_LIT("+"), SLICE_LIT("COUNT"), count); break;
    case DUMP_TYPES_COUNT: break;
    }
}

static void move_cursor(struct window *w, const char *prefix, struct slice to)
{
    snprintf(w->cursor, sizeof(w->cursor), "%s%.*s", prefix, (int)to.len, to.at);
}

/* Where the next window starts, from what this one has. */
static void move_on(struct window *w)
{
    const struct resp_value *reply = &w->reply;
    int64_t got = (int64_t)reply->count;
    w->items = reply->items;
    w->items_count = reply->count;
    switch (w->key->type) {
    case DUMP_STRING:
        w->items = reply;
        got = (int64_t)reply->text.len;
        w->items_count = got > 0;
        break;
    case DUMP_ZSET: got /= 2; break;
    case DUMP_SET:
    case DUMP_HASH:
        move_cursor(w, "", reply->items[0].text);
        w->is_over = slice_equal(reply->items[0].text, SLICE_LIT("0"));
        w->items = reply->items[1].items;
        w->items_count = reply->items[1].count;
        return;
    case DUMP_STREAM:
        if (got > 0) move_cursor(w, "(", reply->items[got - 1].items[0].text);
        break;
    case DUMP_LIST:
    case DUMP_TYPES_COUNT: break;
    }
    w->from += got;
    w->is_over = got < w->count;
}

/* The reply has the form that its command always has: a server that speaks otherwise is none that we can copy. */
static bool is_of_form(enum dump_type type, const struct resp_value *reply)
{
    if (type == DUMP_STRING) return reply->kind == RESP_BULK;
    if (reply->kind != RESP_ARRAY) return false;
    if (type == DUMP_SET || type == DUMP_HASH) return reply->count == 2 && reply->items[1].kind == RESP_ARRAY;
    for (size_t i = 0; type == DUMP_STREAM && i < reply->count; i++) {
        if (reply->items[i].count != 2) return false;
    }
    return true;
}

static int read_window(struct dump *d, struct window *w)
{
    bool has_changed;
    ask_window(d, w);
    int code = dump_next_of_key(d, &w->reply, &has_changed);
    if (code) return code;
    if (has_changed) {
        w->is_over = true;
        w->items_count = 0;
        return CLI_OK;
    }
    if (!is_of_form(w->key->type, &w->reply)) return cli_fail("the server's answer makes no sense");
    move_on(w);
    return CLI_OK;
}

static void fit_window(struct window *w, size_t line_bytes)
{
    if (w->key->type == DUMP_STRING) return;
    if (line_bytes > WINDOW_LINE_BYTES && w->count > 1) w->count /= 2;
    if (line_bytes < WINDOW_LINE_BYTES / 4 && w->count < WINDOW_COUNT_MAX) w->count *= 2;
}

/* All windows. *out_lines counts the lines written: 0 when the key was gone. */
static int dump_windows(struct dump *d, const struct dump_key *key, uint64_t *out_lines)
{
    struct window w = {.key = key, .count = key->type == DUMP_STRING ? STRING_WINDOW_BYTES : WINDOW_FIRST_COUNT};
    move_cursor(&w, "", key->type == DUMP_STREAM ? SLICE_LIT("-") : SLICE_LIT("0"));
    *out_lines = 0;
    while (!w.is_over) {
        int code = read_window(d, &w);
        if (code) return code;
        if (w.items_count == 0 && (key->type != DUMP_STREAM || *out_lines > 0)) continue;
        dump_line_begin(d, key);
        if (*out_lines == 0) {
            dump_line_type(d, key);
            dump_add(d, ",\"more\":true");
        }
        dump_line_value(d, key->type, w.items, w.items_count);
        size_t line_bytes = d->line.len;
        code = dump_line_end(d);
        if (code) return code;
        ++*out_lines;
        fit_window(&w, line_bytes);
        progress_show(&d->progress, d->keys_count, d->total_count, d->keys_count);
    }
    return CLI_OK;
}

/* ---------------------------------------------------------------- what a stream has beside its entries */

/* A member of a flat map of names and values; RESP_NULL when there is none. */
static struct resp_value member(const struct resp_value *map, const char *name)
{
    for (size_t i = 0; i + 1 < map->count; i += 2) {
        if (slice_equal(map->items[i].text, slice_from_text(name))) return map->items[i + 1];
    }
    return (struct resp_value){.kind = RESP_NULL};
}

struct stream_facts {
    struct slice last_id, max_deleted_id; /* in the arena; the latter and entries_added only since Redis 7 */
    int64_t entries_added;                /* -1: not told */
    int64_t groups_count;
};

/* *out_is_there is false when there is no such stream any more. */
static int read_stream_facts(struct dump *d, const struct dump_key *key, struct stream_facts *out, bool *out_is_there)
{
    struct resp_value reply;
    dump_send(d, SLICE_LIT("XINFO"), SLICE_LIT("STREAM"), key->name);
    bool has_changed;
    int code = dump_next_of_key(d, &reply, &has_changed);
    *out_is_there = !has_changed;
    if (code || has_changed) return code;
    struct resp_value added = member(&reply, "entries-added");
    *out = (struct stream_facts){
        .last_id = arena_copy(&d->arena, member(&reply, "last-generated-id").text),
        .max_deleted_id = arena_copy(&d->arena, member(&reply, "max-deleted-entry-id").text),
        .entries_added = added.kind == RESP_INTEGER ? added.integer : -1,
        .groups_count = member(&reply, "groups").integer,
    };
    return CLI_OK;
}

struct group {
    struct slice name, last_id;
    int64_t entries_read; /* -1: not known */
    int64_t pending_count;
};

static int dump_group(struct dump *d, const struct dump_key *key, const struct group *g)
{
    struct resp_value reply;
    bool has_changed;
    dump_send(d, SLICE_LIT("XINFO"), SLICE_LIT("CONSUMERS"), key->name, g->name);
    int code = dump_next_of_key(d, &reply, &has_changed);
    if (code || has_changed) return code;
    dump_line_begin(d, key);
    dump_add(d, ",\"group\":{\"name\":");
    dump_add_bytes(d, g->name);
    dump_add(d, ",\"last_id\":");
    dump_add_bytes(d, g->last_id);
    if (g->entries_read >= 0) {
        dump_add(d, ",\"entries_read\":");
        dump_add_number(d, g->entries_read);
    }
    dump_add(d, ",\"consumers\":[");
    for (size_t i = 0; i < reply.count; i++) {
        if (i > 0) dump_add(d, ",");
        dump_add_bytes(d, member(&reply.items[i], "name").text);
    }
    dump_add(d, "]}");
    return dump_line_end(d);
}

/* The server's clock, in milliseconds: the reply of TIME. */
static int64_t time_of(const struct resp_value *reply)
{
    int64_t s = 0, us = 0;
    bool is_time =
        reply->count == 2 && num_parse_int(reply->items[0].text, &s) && num_parse_int(reply->items[1].text, &us);
    return is_time ? s * 1000 + us / 1000 : 0;
}

static void put_pending(struct dump *d, const struct resp_value *reply, int64_t now_ms)
{
    for (size_t i = 0; i < reply->count; i++) {
        const struct resp_value *entry = reply->items[i].items;
        if (reply->items[i].count != 4) continue;
        dump_add(d, i > 0 ? ",[" : "[");
        dump_add_bytes(d, entry[0].text);
        dump_add(d, ",");
        dump_add_bytes(d, entry[1].text);
        dump_add(d, ",");
        dump_add_number(d, now_ms - entry[2].integer);
        dump_add(d, ",");
        dump_add_number(d, entry[3].integer);
        dump_add(d, "]");
    }
}

static int dump_pending(struct dump *d, const struct dump_key *key, const struct group *g)
{
    struct resp_value reply;
    struct number room;
    bool has_changed;
    char from[CURSOR_CHARS] = "-";
    for (size_t got = WINDOW_COUNT_MAX; got == WINDOW_COUNT_MAX;) {
        dump_send(d, SLICE_LIT("TIME"));
        dump_send(d, SLICE_LIT("XPENDING"), key->name, g->name, slice_from_text(from), SLICE_LIT("+"),
                  number(&room, WINDOW_COUNT_MAX));
        int code = dump_next_ok(d, &reply);
        int64_t now_ms = code ? 0 : time_of(&reply);
        if (!code) code = dump_next_of_key(d, &reply, &has_changed);
        if (code || has_changed) return code;
        got = reply.count;
        if (got == 0) break;
        dump_line_begin(d, key);
        dump_add(d, ",\"pending\":{\"group\":");
        dump_add_bytes(d, g->name);
        dump_add(d, ",\"entries\":[");
        put_pending(d, &reply, now_ms);
        dump_add(d, "]}");
        if (reply.items[got - 1].count > 0) {
            struct slice last = reply.items[got - 1].items[0].text;
            snprintf(from, sizeof(from), "(%.*s", (int)last.len, last.at);
        }
        code = dump_line_end(d);
        if (code) return code;
    }
    return CLI_OK;
}

static int dump_groups(struct dump *d, const struct dump_key *key)
{
    struct resp_value reply;
    bool has_changed;
    dump_send(d, SLICE_LIT("XINFO"), SLICE_LIT("GROUPS"), key->name);
    int code = dump_next_of_key(d, &reply, &has_changed);
    if (code || has_changed) return code;
    size_t count = reply.count;
    struct group *groups = ARENA_ARRAY(&d->arena, struct group, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct resp_value read = member(&reply.items[i], "entries-read");
        groups[i] = (struct group){
            .name = arena_copy(&d->arena, member(&reply.items[i], "name").text),
            .last_id = arena_copy(&d->arena, member(&reply.items[i], "last-delivered-id").text),
            .entries_read = read.kind == RESP_INTEGER ? read.integer : -1,
            .pending_count = member(&reply.items[i], "pending").integer,
        };
    }
    for (size_t i = 0; i < count && !code; i++) {
        code = dump_group(d, key, &groups[i]);
        if (!code && groups[i].pending_count > 0) code = dump_pending(d, key, &groups[i]);
    }
    return code;
}

static void put_stream_facts(struct dump *d, const struct stream_facts *facts)
{
    dump_add(d, ",\"stream\":{\"last_id\":");
    dump_add_bytes(d, facts->last_id);
    if (facts->entries_added >= 0) {
        dump_add(d, ",\"entries_added\":");
        dump_add_number(d, facts->entries_added);
        dump_add(d, ",\"max_deleted_id\":");
        dump_add_bytes(d, facts->max_deleted_id);
    }
    dump_add(d, "}");
}

/* ---------------------------------------------------------------- a key */

static int dump_parts(struct dump *d, const struct dump_key *key)
{
    bool is_there = true, is_stream = key->type == DUMP_STREAM;
    struct stream_facts facts = {0};
    uint64_t lines = 0;
    int code = is_stream ? read_stream_facts(d, key, &facts, &is_there) : CLI_OK;
    if (!code && is_there) code = dump_windows(d, key, &lines);
    if (!code && lines > 0 && facts.groups_count > 0) code = dump_groups(d, key);
    if (code || lines == 0) return code;
    dump_line_begin(d, key);
    if (is_stream) put_stream_facts(d, &facts);
    dump_add(d, ",\"end\":true");
    d->keys_count++;
    return dump_line_end(d);
}

int dump_large(struct dump *d, const struct dump_key *key)
{
    struct resp_value reply;
    dump_send(d, SLICE_LIT("WATCH"), key->name);
    int code = dump_next_ok(d, &reply);
    if (!code) code = dump_parts(d, key);
    if (code) return code;
    dump_send(d, SLICE_LIT("MULTI"));
    dump_send(d, SLICE_LIT("EXEC"));
    code = dump_next_ok(d, &reply);
    if (!code) code = dump_next_ok(d, &reply);
    if (code || reply.kind != RESP_NULL) return code;
    d->changed_count++;
    progress_clear(&d->progress);
    cli_tell("the %s '%.*s' changed while it was read: its parts are of different moments", dump_type_name(key->type),
             (int)key->name.len, key->name.at);
    return CLI_OK;
}
