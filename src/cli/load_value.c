/* SPDX-License-Identifier: MIT */
/* From a line of a dump to the commands that make its value. */
#include "base/num.h"
#include "cli/load.h"

/* Elements of one command. */
#define COMMAND_COUNT 512

static const struct {
    struct slice command;
    bool is_pairs; /* elements are [first, second] */
    bool is_second_first;
} containers[] = {
    [DUMP_LIST] = {.command = SLICE_INIT("RPUSH")},
    [DUMP_SET] = {.command = SLICE_INIT("SADD")},
    [DUMP_HASH] = {.command = SLICE_INIT("HSET"), .is_pairs = true},
    [DUMP_ZSET] = {.command = SLICE_INIT("ZADD"), .is_pairs = true, .is_second_first = true},
};

static bool add_pair(struct load *l, const struct json *pair, bool is_second_first)
{
    struct slice first, second;
    if (json_count(pair) != 2 || !json_bytes(json_at(pair, 0), &l->arena, &first) ||
        !json_bytes(json_at(pair, 1), &l->arena, &second))
        return false;
    load_word(l, is_second_first ? second : first);
    load_word(l, is_second_first ? first : second);
    return true;
}

static bool add_element(struct load *l, enum dump_type type, const struct json *element)
{
    struct slice bytes;
    if (containers[type].is_pairs) return add_pair(l, element, containers[type].is_second_first);
    if (!json_bytes(element, &l->arena, &bytes)) return false;
    load_word(l, bytes);
    return true;
}

static oxq_err load_container(struct load *l, enum dump_type type, const struct json *value, struct slice to,
                              struct oxq_error *err)
{
    size_t count = json_count(value);
    if (count == 0) return err_set(err, OXQ_ERR_FORMAT, "\"value\" must be a list with something in it");
    for (size_t i = 0; i < count; i++) {
        if (i % COMMAND_COUNT == 0) {
            if (i > 0) load_send(l);
            load_word(l, containers[type].command);
            load_word(l, to);
        }
        if (!add_element(l, type, json_at(value, i)))
            return err_set(err, OXQ_ERR_FORMAT, "element %zu of \"value\" is no %s", i + 1,
                           containers[type].is_pairs ? "pair of texts" : "text");
    }
    load_send(l);
    return OXQ_OK;
}

/* ---------------------------------------------------------------- streams */

static bool add_entry(struct load *l, const struct json *entry, struct slice to)
{
    const struct json *fields = json_at(entry, 1);
    size_t count = json_count(fields);
    struct slice id = json_text(json_at(entry, 0)), word;
    if (json_count(entry) != 2 || id.len == 0 || count == 0 || count % 2 != 0) return false;
    load_word(l, SLICE_LIT("XADD"));
    load_word(l, to);
    load_word(l, id);
    for (size_t i = 0; i < count; i++) {
        if (!json_bytes(json_at(fields, i), &l->arena, &word)) return false;
        load_word(l, word);
    }
    load_send(l);
    return true;
}

static oxq_err load_entries(struct load *l, const struct json *value, struct slice to, struct oxq_error *err)
{
    if (json_kind_of(value) != JSON_KIND_LIST) return err_set(err, OXQ_ERR_FORMAT, "\"value\" must be a list");
    for (size_t i = 0; i < json_count(value); i++) {
        if (!add_entry(l, json_at(value, i), to))
            return err_set(err, OXQ_ERR_FORMAT, "element %zu of \"value\" is no [\"id\", [field, value, ...]]", i + 1);
    }
    return OXQ_OK;
}

/* An integer of the line as a word. */
static struct slice word_of(struct load *l, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    return arena_copy(&l->arena, slice_of(digits, num_format_int(digits, n)));
}

static oxq_err load_group(struct load *l, const struct json *group, struct slice to, struct oxq_error *err)
{
    struct slice name, consumer, last_id = json_text(json_member(group, "last_id"));
    const struct json *read = json_member(group, "entries_read"), *consumers = json_member(group, "consumers");
    if (!json_bytes(json_member(group, "name"), &l->arena, &name) || last_id.len == 0)
        return err_set(err, OXQ_ERR_FORMAT, "\"group\" needs \"name\" and \"last_id\"");
    load_word(l, SLICE_LIT("XGROUP"));
    load_word(l, SLICE_LIT("CREATE"));
    load_word(l, to);
    load_word(l, name);
    load_word(l, last_id);
    load_word(l, SLICE_LIT("MKSTREAM"));
    if (json_kind_of(read) == JSON_KIND_INTEGER) {
        load_word(l, SLICE_LIT("ENTRIESREAD"));
        load_word(l, word_of(l, json_number(read)));
    }
    load_send(l);
    for (size_t i = 0; i < json_count(consumers); i++) {
        if (!json_bytes(json_at(consumers, i), &l->arena, &consumer))
            return err_set(err, OXQ_ERR_FORMAT, "element %zu of \"consumers\" is no text", i + 1);
        load_command(l, SLICE_LIT("XGROUP"), SLICE_LIT("CREATECONSUMER"), to, name, consumer);
    }
    return OXQ_OK;
}

static oxq_err load_pending(struct load *l, const struct json *pending, struct slice to, struct oxq_error *err)
{
    struct slice group, consumer;
    const struct json *entries = json_member(pending, "entries");
    if (!json_bytes(json_member(pending, "group"), &l->arena, &group))
        return err_set(err, OXQ_ERR_FORMAT, "\"pending\" needs \"group\"");
    for (size_t i = 0; i < json_count(entries); i++) {
        const struct json *entry = json_at(entries, i);
        struct slice id = json_text(json_at(entry, 0));
        if (json_count(entry) != 4 || id.len == 0 || !json_bytes(json_at(entry, 1), &l->arena, &consumer) ||
            json_kind_of(json_at(entry, 2)) != JSON_KIND_INTEGER ||
            json_kind_of(json_at(entry, 3)) != JSON_KIND_INTEGER)
            return err_set(err, OXQ_ERR_FORMAT,
                           "element %zu of \"entries\" is no [\"id\", consumer, delivered at, times]", i + 1);
        load_command(l, SLICE_LIT("XCLAIM"), to, group, consumer, SLICE_LIT("0"), id, SLICE_LIT("TIME"),
                     word_of(l, json_number(json_at(entry, 2))), SLICE_LIT("RETRYCOUNT"),
                     word_of(l, json_number(json_at(entry, 3))), SLICE_LIT("FORCE"), SLICE_LIT("JUSTID"));
    }
    return OXQ_OK;
}

/* The last id and the counters. A stream that has neither entries nor groups is made by a group that goes again, whose name no other has. */
static oxq_err load_stream_facts(struct load *l, const struct json *stream, struct slice to, struct oxq_error *err)
{
    struct slice last_id = json_text(json_member(stream, "last_id")),
                 max_deleted_id = json_text(json_member(stream, "max_deleted_id"));
    const struct json *added = json_member(stream, "entries_added");
    if (last_id.len == 0) return err_set(err, OXQ_ERR_FORMAT, "\"stream\" needs \"last_id\"");
    load_command(l, SLICE_LIT("XGROUP"), SLICE_LIT("CREATE"), to, to, SLICE_LIT("0"), SLICE_LIT("MKSTREAM"));
    load_command(l, SLICE_LIT("XGROUP"), SLICE_LIT("DESTROY"), to, to);
    load_word(l, SLICE_LIT("XSETID"));
    load_word(l, to);
    load_word(l, last_id);
    if (json_kind_of(added) == JSON_KIND_INTEGER && max_deleted_id.len > 0) {
        load_word(l, SLICE_LIT("ENTRIESADDED"));
        load_word(l, word_of(l, json_number(added)));
        load_word(l, SLICE_LIT("MAXDELETEDID"));
        load_word(l, max_deleted_id);
    }
    load_send(l);
    return OXQ_OK;
}

/* ---------------------------------------------------------------- a line */

bool load_is_one_command(enum dump_type type, const struct json *line)
{
    return type != DUMP_STREAM && json_count(json_member(line, "value")) <= COMMAND_COUNT;
}

static oxq_err load_value(struct load *l, enum dump_type type, const struct json *value, struct slice to,
                          struct oxq_error *err)
{
    struct slice text;
    if (type == DUMP_STREAM) return load_entries(l, value, to, err);
    if (type != DUMP_STRING) return load_container(l, type, value, to, err);
    if (!json_bytes(value, &l->arena, &text))
        return err_set(err, OXQ_ERR_FORMAT, "\"value\" must be a text, or {\"base64\": a text}");
    load_command(l, SLICE_LIT("APPEND"), to, text);
    return OXQ_OK;
}

oxq_err load_line_content(struct load *l, enum dump_type type, const struct json *line, struct slice to,
                          struct oxq_error *err)
{
    static const struct {
        const char *name;
        oxq_err (*load)(struct load *l, const struct json *part, struct slice to, struct oxq_error *err);
    } parts[] = {{"group", load_group}, {"pending", load_pending}, {"stream", load_stream_facts}};
    oxq_err e = OXQ_OK;
    const struct json *value = json_member(line, "value");
    if (value) e = load_value(l, type, value, to, err);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !e; i++) {
        const struct json *part = json_member(line, parts[i].name);
        if (!part) continue;
        if (type != DUMP_STREAM) return err_set(err, OXQ_ERR_FORMAT, "\"%s\" is of streams", parts[i].name);
        e = parts[i].load(l, part, to, err);
    }
    return e;
}
