/* SPDX-License-Identifier: MIT */
/*
 * oxq.yaml: one mapping of names to values, read event by event, so that nothing nests and nothing recurs. A value is
 * always its text (libyaml does not interpret it): `off`, 0700 and 64mb need no quotes.
 */
#include "daemon/options.h"

#include "base/buf.h"

#include <string.h>
#include <yaml.h>

/* Where an event belongs. */
enum place { BEFORE_MAPPING, AT_NAME, AT_VALUE, IN_LIST, AFTER_MAPPING };

struct reading {
    struct config *config;
    const char *file;
    enum place place;
    char name[64];
    size_t name_line;
    struct buf list; /* the words of a list so far */
};

static oxq_err fail(const struct reading *r, size_t line, const char *text, struct oxq_error *err)
{
    return err_set(err, OXQ_ERR_CONFIG, "%s:%zu: %s", r->file, line + 1, text);
}

static oxq_err take_name(struct reading *r, struct slice name, size_t line, struct oxq_error *err)
{
    if (config_row_find(name) < 0) {
        const char *nearest = config_nearest(name);
        int shown = name.len < 40 ? (int)name.len : 40;
        return err_set(err, OXQ_ERR_CONFIG, "%s:%zu: unknown key '%.*s'%s%s%s", r->file, line + 1, shown, name.at,
                       nearest ? ": did you mean '" : ": oxq serve --print-config shows them all",
                       nearest ? nearest : "", nearest ? "'?" : "");
    }
    int row = config_row_find(name);
    if (config_row_source(r->config, (size_t)row) == CONFIG_FILE)
        return err_set(err, OXQ_ERR_CONFIG, "%s:%zu: '%s' is set twice", r->file, line + 1,
                       config_row_flag((size_t)row));
    snprintf(r->name, sizeof(r->name), "%s", config_row_name((size_t)row));
    r->name_line = line;
    r->place = AT_VALUE;
    return OXQ_OK;
}

static oxq_err take_value(struct reading *r, struct slice value, struct oxq_error *err)
{
    struct oxq_error why;
    r->place = AT_NAME;
    oxq_err e = config_set(r->config, slice_from_text(r->name), value, CONFIG_FILE, &why);
    if (!e) return OXQ_OK;
    int row = config_row_find(slice_from_text(r->name));
    return err_set(err, OXQ_ERR_CONFIG, "%s:%zu: %s: %s", r->file, r->name_line + 1, config_row_flag((size_t)row),
                   why.text);
}

static oxq_err take_word(struct reading *r, struct slice word, size_t line, struct oxq_error *err)
{
    oxq_err e = r->list.len ? buf_append(&r->list, SLICE_LIT(" ")) : OXQ_OK;
    if (!e) e = buf_append(&r->list, word);
    return e ? fail(r, line, "the list is too long", err) : OXQ_OK;
}

static oxq_err take_scalar(struct reading *r, const yaml_event_t *event, struct oxq_error *err)
{
    struct slice text = slice_of(event->data.scalar.value, event->data.scalar.length);
    size_t line = event->start_mark.line;
    switch (r->place) {
    case AT_NAME: return take_name(r, text, line, err);
    case AT_VALUE: return take_value(r, text, err);
    case IN_LIST: return take_word(r, text, line, err);
    case BEFORE_MAPPING:
    case AFTER_MAPPING: break;
    }
    return fail(r, line, "expected `name: value` lines", err);
}

static oxq_err take_list_end(struct reading *r, struct oxq_error *err)
{
    oxq_err e = take_value(r, buf_borrow(&r->list), err);
    r->list.len = 0;
    return e;
}

static oxq_err take_event(struct reading *r, const yaml_event_t *event, struct oxq_error *err)
{
    size_t line = event->start_mark.line;
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: return OXQ_OK;
    case YAML_DOCUMENT_START_EVENT:
        return r->place == BEFORE_MAPPING ? OXQ_OK : fail(r, line, "there is more than one document", err);
    case YAML_SCALAR_EVENT: {
        /* An empty document is one empty scalar. */
        bool is_empty = r->place == BEFORE_MAPPING && event->data.scalar.length == 0;
        return is_empty ? OXQ_OK : take_scalar(r, event, err);
    }
    case YAML_MAPPING_START_EVENT:
        if (r->place != BEFORE_MAPPING) return fail(r, line, "a value is a text or a list of texts", err);
        r->place = AT_NAME;
        return OXQ_OK;
    case YAML_MAPPING_END_EVENT: r->place = AFTER_MAPPING; return OXQ_OK;
    case YAML_SEQUENCE_START_EVENT:
        if (r->place != AT_VALUE) return fail(r, line, "expected `name: value` lines", err);
        r->place = IN_LIST;
        return OXQ_OK;
    case YAML_SEQUENCE_END_EVENT: return take_list_end(r, err);
    case YAML_ALIAS_EVENT: break;
    }
    return fail(r, line, "aliases are not read", err);
}

static oxq_err read_events(struct reading *r, yaml_parser_t *parser, struct oxq_error *err)
{
    for (bool is_over = false; !is_over;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail(r, parser->problem_mark.line, parser->problem ? parser->problem : "not YAML", err);
        oxq_err e = take_event(r, &event, err);
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (e) return e;
    }
    return OXQ_OK;
}

oxq_err options_read_yaml(struct config *c, const char *file, struct slice text, struct oxq_error *err)
{
    struct reading r = {.config = c, .file = file, .list = {.limit_bytes = CONFIG_TEXT_MAX}};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return err_set(err, OXQ_ERR_MEMORY, "%s: no memory to read it", file);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
    oxq_err e = read_events(&r, &parser, err);
    yaml_parser_delete(&parser);
    buf_deinit(&r.list);
    return e;
}
