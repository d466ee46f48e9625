/* SPDX-License-Identifier: MIT */
/* Adds a job and processes it. For Redis or `oxq serve` only the URL changes: cc hello.c $(pkg-config --cflags --libs oxq) */
#include <oxq/oxq.h>
#include <stdio.h>

static oxq_outcome greet(oxq_job *job, void *ctx)
{
    (void)ctx;
    printf("hello %s\n", oxq_json_text(oxq_job_json(job), "/to", "nobody"));
    return oxq_job_done(job, "\"greeted\"");
}

int main(int argc, char **argv)
{
    oxq *store = NULL;
    oxq_queue *mail = NULL;
    oxq_worker *worker = NULL;
    struct oxq_error err;
    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", NULL, &store, &err);
    if (!e) e = oxq_queue_open(store, "mail", NULL, &mail, &err);
    if (!e) e = oxq_queue_add(mail, "welcome", "{\"to\":\"world\"}", NULL, NULL, &err);
    if (!e) e = oxq_worker_open(store, "mail", NULL, greet, NULL, &worker, &err);
    if (!e) e = oxq_worker_wait_until_idle(worker, 10000, &err);
    if (e) fprintf(stderr, "hello: %s\n", err.text);
    (void)oxq_worker_close(worker, -1, NULL);
    oxq_queue_close(mail);
    oxq_close(store);
    return e != OXQ_OK;
}
