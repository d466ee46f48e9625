/* SPDX-License-Identifier: MIT */
#include "runner/payload.h"

#include "codec/json_writer.h"
#include "runner/text.h"

/* Texts that are not UTF-8 have a place in Redis, but none in JSON. */
static void put_text(struct json_writer *w, const char *name, const char *text)
{
    struct slice bytes = slice_from_text(text);
    struct buf mended = {.limit_bytes = 3 * bytes.len};
    json_write_name(w, name);
    oxq_err e = text_put_mended(&mended, bytes);
    if (e)
        w->error = e;
    else
        json_write_text(w, buf_borrow(&mended));
    buf_deinit(&mended);
}

static void put_number(struct json_writer *w, const char *name, int64_t n)
{
    json_write_name(w, name);
    json_write_integer(w, n);
}

/* JSON as it is stored, on one line: in valid JSON a line end is nothing but a blank. What is not JSON is a text. */
static void put_json(struct json_writer *w, const char *name, const char *stored, const char *otherwise)
{
    struct slice text = slice_from_text(stored ? stored : otherwise);
    if (json_check(text, NULL) != OXQ_OK) {
        put_text(w, name, text.at);
        return;
    }
    json_write_name(w, name);
    size_t from = w->out->len;
    json_write_raw(w, text);
    for (size_t i = from; i < w->out->len; i++) {
        if (w->out->at[i] == '\n' || w->out->at[i] == '\r') w->out->at[i] = ' ';
    }
}

/* "bull:mail:12" */
static void put_parent(struct json_writer *w, const char *key)
{
    const char *colon = strrchr(key, ':');
    if (!colon) return;
    struct buf queue_key = {.limit_bytes = strlen(key) + 1};
    w->error = w->error ? w->error : buf_append(&queue_key, slice_of(key, (size_t)(colon - key)));
    if (!w->error) w->error = buf_append(&queue_key, slice_of("", 1));
    if (!w->error) {
        json_write_name(w, "parent");
        json_write_open(w, '{');
        put_text(w, "id", colon + 1);
        put_text(w, "queueKey", queue_key.at);
        json_write_close(w, '}');
    }
    buf_deinit(&queue_key);
}

oxq_err payload_put(struct buf *out, const struct oxq_job_fields *job)
{
    struct json_writer w = {.out = out};
    json_write_open(&w, '{');
    put_text(&w, "id", job->id);
    put_text(&w, "name", job->name);
    put_text(&w, "queue", job->queue);
    put_json(&w, "data", job->data, "{}");
    put_json(&w, "opts", job->opts, "{}");
    put_number(&w, "attempt", job->attempts_made + 1);
    put_number(&w, "attempts", job->attempts_max);
    put_number(&w, "attemptsMade", job->attempts_made);
    put_number(&w, "attemptsStarted", job->attempts_started);
    put_number(&w, "timestamp", job->added_ms);
    put_number(&w, "priority", job->priority);
    put_number(&w, "delay", job->delay_ms);
    if (job->progress) put_json(&w, "progress", job->progress, "null");
    if (job->parent_key) put_parent(&w, job->parent_key);
    if (job->scheduler_id) put_text(&w, "repeatJobKey", job->scheduler_id);
    if (job->deduplication_id) put_text(&w, "deduplicationId", job->deduplication_id);
    json_write_close(&w, '}');
    return w.error ? w.error : buf_append(out, SLICE_LIT("\n"));
}
