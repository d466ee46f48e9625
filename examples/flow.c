/* SPDX-License-Identifier: MIT */
/* An order is shipped when its invoice is printed and its parcel is packed: one parent, two children in queues of their own. */
#include <oxq/oxq.h>
#include <stdio.h>

static oxq_outcome print_invoice(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_done(job, "{\"pages\":2}");
}

static oxq_outcome pack_parcel(oxq_job *job, void *ctx)
{
    (void)ctx;
    return oxq_job_done(job, "{\"grams\":350}");
}

/* Begins when both have completed, and has what they gave. */
static oxq_outcome ship_order(oxq_job *job, void *ctx)
{
    struct oxq_error err;
    char *values = NULL;
    if (oxq_queue_children_values(ctx, oxq_job_id(job), false, &values, &err)) return oxq_job_fail(job, "%s", err.text);
    printf("shipped order %lld\n", (long long)oxq_json_integer(oxq_job_json(job), "/order", 0));
    oxq_outcome outcome = oxq_job_done(job, values);
    oxq_text_free(values);
    return outcome;
}

int main(int argc, char **argv)
{
    oxq *store = NULL;
    oxq_queue *orders = NULL;
    oxq_worker *invoices = NULL, *parcels = NULL, *shipping = NULL;
    struct oxq_error err;
    char id[OXQ_ID_MAX], *result = NULL;
    const struct oxq_job_opts or_not_at_all = {.attempts = 3, .on_failure = OXQ_CHILD_FAILS_PARENT};
    const struct oxq_flow_node parts[] = {
        {.queue = "invoices", .name = "print", .data = "{\"order\":7}", .opts = &or_not_at_all},
        {.queue = "parcels", .name = "pack", .data = "{\"order\":7}", .opts = &or_not_at_all},
    };
    const struct oxq_flow_node order = {
        .queue = "orders", .name = "ship", .data = "{\"order\":7}", .children = parts, .children_count = 2};

    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", NULL, &store, &err);
    if (!e) e = oxq_queue_open(store, "orders", NULL, &orders, &err);
    if (!e) e = oxq_flow_add(store, &order, id, &err);
    if (!e) e = oxq_worker_open(store, "invoices", NULL, print_invoice, NULL, &invoices, &err);
    if (!e) e = oxq_worker_open(store, "parcels", NULL, pack_parcel, NULL, &parcels, &err);
    if (!e) e = oxq_worker_open(store, "orders", NULL, ship_order, orders, &shipping, &err);
    if (!e) e = oxq_queue_wait(orders, id, 10000, NULL, &result, &err);
    if (!e) printf("its parts: %s\n", result);
    if (e) fprintf(stderr, "flow: %s\n", err.text);
    oxq_text_free(result);
    (void)oxq_worker_close(invoices, -1, NULL);
    (void)oxq_worker_close(parcels, -1, NULL);
    (void)oxq_worker_close(shipping, -1, NULL);
    oxq_queue_close(orders);
    oxq_close(store);
    return e != OXQ_OK;
}
