/* SPDX-License-Identifier: MIT */
/* A job of two steps whose first attempt fails between them: the second attempt does not charge the card again. */
#include <oxq/oxq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static oxq_err charge_card(oxq_job *job, void *ctx, char **out_result, struct oxq_error *err)
{
    (void)ctx;
    (void)err;
    printf("charging for %s\n", oxq_job_id(job));
    *out_result = strdup("{\"charge\":\"ch_1\"}"); /* JSON; freed by the library */
    return *out_result ? OXQ_OK : OXQ_ERR_MEMORY;
}

static oxq_outcome pay(oxq_job *job, void *ctx)
{
    const char *charge = NULL;
    struct oxq_error err;
    if (oxq_job_step(job, "charge", charge_card, ctx, &charge, &err)) return oxq_job_fail(job, "charge: %s", err.text);
    if (oxq_job_fields(job)->attempts_made == 0) return oxq_job_fail(job, "the mail server is away");
    printf("receipt for %s\n", charge);
    return oxq_job_done(job, charge);
}

int main(int argc, char **argv)
{
    oxq *store = NULL;
    oxq_queue *payments = NULL;
    oxq_worker *worker = NULL;
    struct oxq_error err;
    char id[OXQ_ID_MAX], *result = NULL;
    const struct oxq_job_opts twice = {.attempts = 2};
    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", NULL, &store, &err);
    if (!e) e = oxq_queue_open(store, "payments", NULL, &payments, &err);
    if (!e) e = oxq_worker_open(store, "payments", NULL, pay, NULL, &worker, &err);
    if (!e) e = oxq_queue_add(payments, "pay", "{\"cents\":1999}", &twice, id, &err);
    if (!e) e = oxq_queue_wait(payments, id, 10000, NULL, &result, &err);
    if (!e) printf("paid: %s\n", result);
    if (e) fprintf(stderr, "steps: %s\n", err.text);
    oxq_text_free(result);
    (void)oxq_worker_close(worker, -1, NULL);
    oxq_queue_close(payments);
    oxq_close(store);
    return e != OXQ_OK;
}
