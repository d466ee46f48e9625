/* SPDX-License-Identifier: MIT */
/* Prints what happened and happens in a queue, whoever works on it, until it was quiet for so many ms (-1: for ever). */
#include <oxq/oxq.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    oxq *store = NULL;
    oxq_queue *queue = NULL;
    oxq_events *events = NULL;
    const struct oxq_event *event = NULL;
    struct oxq_error err;
    const struct oxq_events_opts all_that_are_kept = {.after = "0"};
    int64_t quiet_ms = argc > 3 ? strtoll(argv[3], NULL, 10) : -1;

    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", NULL, &store, &err);
    if (!e) e = oxq_queue_open(store, argc > 2 ? argv[2] : "mail", NULL, &queue, &err);
    if (!e) e = oxq_events_open(queue, &all_that_are_kept, &events, &err);
    while (!e) {
        e = oxq_events_next(events, quiet_ms, &event, &err);
        if (e || !event) break;
        const char *why = oxq_event_field(event, "failedReason");
        printf("%s %s %s\n", event->kind, event->job_id ? event->job_id : "-", why ? why : "");
    }
    if (e) fprintf(stderr, "events: %s\n", err.text);
    oxq_events_close(events);
    oxq_queue_close(queue);
    oxq_close(store);
    return e != OXQ_OK;
}
