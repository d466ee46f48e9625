/* SPDX-License-Identifier: MIT */
/* A job's children of one kind, as its record has them: portion by portion, by the cursor of HSCAN, SSCAN or ZSCAN. */
#include "api/state.h"
#include "base/mem.h"
#include "jobs/keys.h"

#include <stdio.h>

/* Children of a portion, about. */
#define PORTION 1000
#define CURSOR_CHARS 24
/* What NULs and rounding add to the texts of a child. */
#define ROUNDED_BYTES 128

/* Where children of a kind are. */
static const struct place {
    const char *key, *command;
    size_t step; /* replies for each: a hash and a sorted set give pairs */
} places[] = {
    [OXQ_FLOW_PROCESSED] = {":processed", "HSCAN", 2},
    [OXQ_FLOW_UNPROCESSED] = {":dependencies", "SSCAN", 1},
    [OXQ_FLOW_FAILED] = {":unsuccessful", "ZSCAN", 2},
    [OXQ_FLOW_IGNORED] = {":failed", "HSCAN", 2},
};

struct oxq_children {
    oxq_queue *queue; /* borrowed */
    oxq_flow_kind kind;
    struct slice key; /* in its own arena */
    struct arena arena;
    char cursor[CURSOR_CHARS];
    bool is_last;              /* there is no further portion */
    struct client_reply reply; /* the portion */
    size_t next;               /* of its items */
    struct arena texts;        /* of the child that was given last */
    struct oxq_child child;
};

oxq_err oxq_queue_children(oxq_queue *queue, const char *id, oxq_flow_kind kind, oxq_children **out,
                           struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id, out);
    if (!e) e = queue_check_id(id, err);
    if (e) return e;
    if ((unsigned)kind >= sizeof(places) / sizeof(places[0]) || !places[kind].key)
        return err_set(err, OXQ_ERR_ARGUMENT, "children are processed, unprocessed, failed or ignored");
    oxq_children *c = mem_alloc_zero(sizeof(*c));
    *c = (oxq_children){.queue = queue, .kind = kind, .cursor = "0"};
    c->key = keys_join(&c->arena, keys_join(&c->arena, queue->prefix, slice_from_text(id)),
                       slice_from_text(places[kind].key));
    *out = c;
    return OXQ_OK;
}

void oxq_children_free(oxq_children *children)
{
    if (!children) return;
    client_reply_deinit(&children->reply);
    arena_deinit(&children->texts);
    arena_deinit(&children->arena);
    mem_free(children);
}

/* The next item of the portion; NULL: there is none left. */
static const struct resp_value *next_item(const oxq_children *c)
{
    const struct resp_value *reply = &c->reply.value;
    if (reply->kind != RESP_ARRAY || reply->count != 2) return NULL;
    const struct resp_value *portion = &reply->items[1];
    return c->next + places[c->kind].step <= portion->count ? portion->items + c->next : NULL;
}

static oxq_err read_portion(oxq_children *c, struct oxq_error *err)
{
    struct arena arena = {0};
    struct request r;
    request_begin_plain(&r, &arena, places[c->kind].command);
    request_put(&r, c->key);
    request_put_text(&r, c->cursor);
    request_put_text(&r, "COUNT");
    request_put_int(&r, PORTION);
    r.command.is_idempotent = true;
    client_reply_deinit(&c->reply);
    c->next = 0;
    oxq_err e = store_request(c->queue->client, &r, "read children in", c->key, &c->reply, err);
    arena_deinit(&arena);
    if (e) return e;
    const struct resp_value *reply = &c->reply.value;
    if (reply->kind != RESP_ARRAY || reply->count != 2 || reply->items[0].text.len >= sizeof(c->cursor))
        return err_set(err, OXQ_ERR_FORMAT, "read children: the server's answer to %s is none",
                       places[c->kind].command);
    snprintf(c->cursor, sizeof(c->cursor), "%.*s", (int)reply->items[0].text.len, reply->items[0].text.at);
    c->is_last = slice_equal(reply->items[0].text, SLICE_LIT("0"));
    return OXQ_OK;
}

/* The child of an item; *out is NULL for a member that is no job's key. */
static oxq_err read_child(oxq_children *c, const struct resp_value *item, const struct oxq_child **out,
                          struct oxq_error *err)
{
    bool has_value = c->kind == OXQ_FLOW_PROCESSED || c->kind == OXQ_FLOW_IGNORED;
    struct slice prefix, id, key = item[0].text, value = has_value ? item[1].text : SLICE_LIT("");
    *out = NULL;
    if (!keys_split_job(key, &prefix, &id)) return OXQ_OK;
    arena_reset(&c->texts);
    if (!arena_reserve(&c->texts, 2 * key.len + value.len + ROUNDED_BYTES))
        return err_set(err, OXQ_ERR_MEMORY, "child %.*s: not enough memory for its result", (int)id.len, id.at);
    c->child = (struct oxq_child){
        .key = arena_copy_text(&c->texts, key),
        .queue = arena_copy_text(&c->texts, keys_queue(prefix)),
        .id = arena_copy_text(&c->texts, id),
        .result = c->kind == OXQ_FLOW_PROCESSED ? arena_copy_text(&c->texts, value) : NULL,
        .failure = c->kind == OXQ_FLOW_IGNORED ? arena_copy_text(&c->texts, value) : NULL,
    };
    *out = &c->child;
    return OXQ_OK;
}

oxq_err oxq_children_next(oxq_children *children, const struct oxq_child **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, children, out);
    if (e) return e;
    const struct oxq_child *child = NULL;
    while (!e && !child) {
        const struct resp_value *item = next_item(children);
        if (item) {
            e = read_child(children, item, &child, err);
            /* What there was no memory for is tried again by the next call. */
            if (!e) children->next += places[children->kind].step;
        } else if (children->is_last) {
            break;
        } else {
            e = read_portion(children, err);
        }
    }
    if (!e) *out = child;
    return e;
}
