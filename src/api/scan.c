/* SPDX-License-Identifier: MIT */
#include "api/scan.h"

#include <stdio.h>
#include <string.h>

/* Keys that one SCAN looks at. */
#define SCAN_KEYS 1000

/* * ? [ ] \ are themselves. */
static size_t put_plain(char *out, struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("*?[]\\", text.at[i])) out[n++] = '\\';
        out[n++] = text.at[i];
    }
    return n;
}

static struct slice pattern_of(struct scan *s)
{
    char *text = arena_alloc(&s->arena, (s->begin.len + s->end.len) * 2 + 1);
    size_t n = put_plain(text, s->begin);
    text[n++] = '*';
    n += put_plain(text + n, s->end);
    return slice_of(text, n);
}

static oxq_err read_page(struct scan *s, const struct resp_value *reply, struct oxq_error *err)
{
    if (reply->kind != RESP_ARRAY || reply->count != 2 || reply->items[0].text.len >= sizeof(s->cursor))
        return err_set(err, OXQ_ERR_FORMAT, "look for keys: the server's answer to SCAN is none");
    struct slice cursor = reply->items[0].text;
    snprintf(s->cursor, sizeof(s->cursor), "%.*s", (int)cursor.len, cursor.at);
    s->keys = reply->items[1].items;
    s->count = reply->items[1].count;
    s->is_done = slice_equal(cursor, SLICE_LIT("0"));
    return OXQ_OK;
}

oxq_err scan_next(struct scan *s, struct oxq_error *err)
{
    struct request r;
    scan_deinit(s);
    s->batch.is_look = true;
    store_put_where(s->store, &s->arena, &s->batch);
    request_begin_plain(&r, &s->arena, "SCAN");
    request_put_text(&r, s->cursor[0] ? s->cursor : "0");
    request_put_text(&r, "MATCH");
    request_put(&r, pattern_of(s));
    request_put_text(&r, "COUNT");
    request_put_int(&r, SCAN_KEYS);
    r.command.is_idempotent = true;
    client_batch_add(&s->batch, &r.command);
    oxq_err e = store_run(s->store->client, &s->batch, err);
    return e ? e : read_page(s, client_batch_reply(&s->batch, 1), err);
}

void scan_deinit(struct scan *s)
{
    client_batch_deinit(&s->batch);
    arena_deinit(&s->arena);
    s->keys = NULL;
    s->count = 0;
}
