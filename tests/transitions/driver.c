/* SPDX-License-Identifier: MIT */
/*
 * Does operations on queues by src/jobs, as tests/transitions asks: each line of the input is a JSON object {op, prefix, queue, now,
 * ...}, each line of the output {"ok": result} or {"error": name, "text": text}. The operations are in driver_*.c, a table in each.
 *
 *     build/tests/transitions PORT DATABASE
 */
#include "driver.h"

#include "base/mem.h"
#include "jobs/keys.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_BYTES_MAX ((size_t)64 << 20)

static const struct driver_op *const tables[] = {driver_add_ops, driver_flow_ops, driver_operate_ops,
                                                 driver_scheduler_ops, driver_work_ops};

oxq_err driver_send(struct driver_call *call, const struct request *r, struct resp_value *out)
{
    oxq_err e = client_call(call->client, &r->command, 0, &call->reply, &call->err);
    if (!e) *out = call->reply.value;
    return e;
}

struct slice driver_text(const struct json *args, const char *name)
{
    return json_text(json_member(args, name));
}

int64_t driver_number(const struct json *args, const char *name)
{
    return json_number(json_member(args, name));
}

struct slice driver_json(struct driver_call *call, const struct json *args, const char *name)
{
    const struct json *value = json_member(args, name);
    if (!value) return (struct slice){0};
    OWNED(buf_deinit) struct buf text = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer w = {.out = &text};
    json_write_value(&w, value);
    return w.error ? (struct slice){0} : arena_copy(&call->arena, buf_borrow(&text));
}

static oxq_err run_op(struct driver_call *call)
{
    struct slice op = driver_text(call->args, "op");
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct driver_op *row = tables[t]; row->name; row++) {
            if (slice_equal(op, slice_from_text(row->name))) return row->run(call);
        }
    }
    return err_set(&call->err, OXQ_ERR_ARGUMENT, "driver: no operation %.*s", (int)op.len, op.at ? op.at : "");
}

static oxq_err run_line(struct client *client, struct slice line, struct buf *out)
{
    struct json *args = NULL;
    struct oxq_error why = {0};
    oxq_err e = json_read_value(line, &args, &why);
    if (e) {
        fprintf(stderr, "driver: %s\n", why.text);
        return e;
    }
    OWNED(buf_deinit) struct buf result = {.limit_bytes = LINE_BYTES_MAX};
    struct json_writer answer = {.out = &result};
    struct driver_call call = {.client = client, .args = args, .now_ms = driver_number(args, "now"), .answer = &answer};
    e = keys_prefix(&call.arena, driver_text(args, "prefix"), driver_text(args, "queue"), &call.prefix, &call.err);
    if (!e) e = run_op(&call);
    struct json_writer w = {.out = out};
    json_write_open(&w, '{');
    json_write_name(&w, e ? "error" : "ok");
    if (e) {
        json_write_text(&w, slice_from_text(oxq_err_name(e)));
        json_write_name(&w, "text");
        json_write_text(&w, slice_from_text(call.err.text));
    } else {
        json_write_raw(&w, result.len > 0 ? buf_borrow(&result) : SLICE_LIT("null"));
    }
    json_write_close(&w, '}');
    client_reply_deinit(&call.reply);
    arena_deinit(&call.arena);
    json_release(args);
    return w.error ? w.error : answer.error;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: transitions PORT DATABASE\n");
        return 2;
    }
    char text[128];
    snprintf(text, sizeof(text), "redis://127.0.0.1:%s/%s", argv[1], argv[2]);
    struct oxq_error err = {0};
    struct client *client = NULL;
    oxq_err e = client_new(&(struct client_opts){.url = text}, &client, &err);
    if (e) {
        fprintf(stderr, "driver: %s\n", err.text);
        return 1;
    }
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; !e && (n = getline(&line, &cap, stdin)) > 0;) {
        OWNED(buf_deinit) struct buf out = {.limit_bytes = LINE_BYTES_MAX};
        e = run_line(client, slice_of(line, (size_t)n), &out);
        if (!e) printf("%.*s\n", (int)out.len, out.at);
        fflush(stdout);
    }
    free(line);
    client_free(client);
    return e ? 1 : 0;
}
