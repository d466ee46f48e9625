/* SPDX-License-Identifier: MIT */
/* Adds jobs: one with options, a thousand in one go, and one whose result it waits for (run worker.c beside it). */
#include <oxq/oxq.h>
#include <stdio.h>

static oxq_err add_many(oxq *store, oxq_queue *mail, struct oxq_error *err)
{
    oxq_batch *batch;
    oxq_err e = oxq_batch_new(store, NULL, &batch, err);
    if (e) return e;
    for (int i = 0; i < 1000 && !e; i++) {
        char data[64];
        snprintf(data, sizeof(data), "{\"to\":\"user%d@example.org\"}", i);
        e = oxq_batch_add(batch, mail, "newsletter", data, NULL, err);
    }
    if (!e) e = oxq_batch_run(batch, err);
    if (!e) printf("added %zu, refused %zu\n", oxq_batch_count(batch), oxq_batch_failed_count(batch));
    oxq_batch_free(batch);
    return e;
}

static oxq_err add_and_wait(oxq_queue *mail, struct oxq_error *err)
{
    char id[OXQ_ID_MAX], *text = NULL;
    oxq_state state = OXQ_STATE_UNKNOWN;
    oxq_err e = oxq_queue_add(mail, "welcome", "{\"to\":\"eve@example.org\"}", NULL, id, err);
    if (!e) e = oxq_queue_wait(mail, id, 5000, &state, &text, err);
    if (!e) printf("job %s has %s: %s\n", id, oxq_state_name(state), text ? text : "");
    oxq_text_free(text);
    return e;
}

int main(int argc, char **argv)
{
    oxq *store = NULL;
    oxq_queue *mail = NULL;
    struct oxq_error err;
    char id[OXQ_ID_MAX];
    struct oxq_job_opts in_a_minute = {
        .delay_ms = 60000,
        .attempts = 5,
        .backoff = {.type = "exponential", .delay_ms = 1000, .jitter = 0.5},
        .on_complete = {.kind = OXQ_KEEP_SOME, .count = 1000},
        .job_id = "reminder-42", /* added once, however often this runs */
    };
    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", NULL, &store, &err);
    if (!e) e = oxq_queue_open(store, "mail", NULL, &mail, &err);
    if (!e) e = oxq_queue_add(mail, "reminder", "{\"to\":\"bob@example.org\"}", &in_a_minute, id, &err);
    if (!e) printf("added %s\n", id);
    if (!e) e = add_many(store, mail, &err);
    if (!e) e = add_and_wait(mail, &err);
    if (e) fprintf(stderr, "producer: %s\n", err.text);
    oxq_queue_close(mail);
    oxq_close(store);
    return e != OXQ_OK;
}
