/* SPDX-License-Identifier: MIT */
/*
 * A program on the public header that does a bit of everything on a folder, for the sweep of failing allocations: library live|verify FOLDER NOTES.
 *
 *   live    opens the store, notes in NOTES what was acknowledged, `added ID` and `ended ID`, as it happens. Ends with 1 at the first error, and says it.
 *   verify  ends with 0 when all of that holds in the folder, else says what does not
 */
#include <oxq/oxq.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 60000
/* Beyond what the library allocates without asking twice. */
#define LARGE_BYTES 200000
#define JOBS 30

static struct oxq_error err;
static int notes;

static void require(oxq_err code, const char *what)
{
    if (code == OXQ_OK) return;
    fprintf(stderr, "library: %s: %s: %s\n", what, oxq_err_name(code), err.text);
    exit(1);
}

static void note(const char *what, const char *id)
{
    char line[OXQ_ID_MAX + 16];
    int len = snprintf(line, sizeof(line), "%s %s\n", what, id);
    if (write(notes, line, (size_t)len) != len) abort();
}

/* ---------------------------------------------------------------- live */

static oxq_outcome handle(oxq_job *job, void *ctx)
{
    (void)ctx;
    struct oxq_error why;
    char *json = NULL;
    if (strcmp(oxq_job_name(job), "bad") == 0) return oxq_job_fail(job, "no such address");
    if (oxq_job_log(job, "at work", &why) != OXQ_OK) return oxq_job_fail(job, "%s", why.text);
    if (oxq_job_children_values(job, false, &json, &why) != OXQ_OK) return oxq_job_fail(job, "%s", why.text);
    oxq_text_free(json);
    return oxq_job_done(job, oxq_job_data(job, NULL));
}

static void tell(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    (void)ctx;
    (void)worker;
    if (event->kind == OXQ_WORKER_COMPLETED) note("ended", event->id);
}

static void add_jobs(oxq_queue *q)
{
    char id[OXQ_ID_MAX];
    char *large = malloc(LARGE_BYTES + 3);
    if (!large) {
        fprintf(stderr, "library: no memory\n");
        exit(1);
    }
    memset(large, 'x', LARGE_BYTES + 2);
    large[0] = large[LARGE_BYTES + 1] = '"';
    large[LARGE_BYTES + 2] = '\0';
    for (int i = 0; i < JOBS; i++) {
        struct oxq_job_opts opts = {.attempts = 1 + i % 2, .priority = i % 3};
        require(oxq_queue_add(q, i % 3 ? "good" : "bad", i % 10 == 9 ? large : "{\"n\":1}", &opts, id, &err), "add");
        note("added", id);
    }
    free(large);
}

static void add_many(oxq *store, oxq_queue *q)
{
    oxq_batch *batch;
    require(oxq_batch_new(store, NULL, &batch, &err), "batch");
    for (int i = 0; i < 3 * JOBS; i++) require(oxq_batch_add(batch, q, "good", NULL, NULL, &err), "batch");
    require(oxq_batch_run(batch, &err), "batch");
    for (size_t i = 0; i < oxq_batch_count(batch); i++) note("added", oxq_batch_id(batch, i));
    oxq_batch_free(batch);
}

static void add_flow(oxq *store, oxq_queue *q)
{
    struct oxq_flow_node pages[] = {{.queue = "mail", .name = "good"}, {.queue = "mail", .name = "good"}};
    struct oxq_flow_node book = {.queue = "mail", .name = "good", .children = pages, .children_count = 2};
    char id[OXQ_ID_MAX];
    oxq_flow *flow;
    require(oxq_flow_add(store, &book, id, &err), "flow");
    note("added", id);
    require(oxq_flow_get(q, id, 0, 0, &flow, &err), "flow");
    for (size_t i = 0; i < oxq_flow_children_count(flow); i++) note("added", oxq_flow_job(oxq_flow_child(flow, i))->id);
    oxq_flow_free(flow);
    oxq_children *children;
    const struct oxq_child *child;
    require(oxq_queue_children(q, id, OXQ_FLOW_UNPROCESSED, &children, &err), "children");
    do {
        require(oxq_children_next(children, &child, &err), "children");
    } while (child);
    oxq_children_free(children);
}

static void work(oxq *store)
{
    oxq_worker *w;
    struct oxq_worker_opts opts = {.name = "w", .concurrency = 3, .metrics_points = 5, .on_event = tell};
    require(oxq_worker_open(store, "mail", &opts, handle, NULL, &w, &err), "work");
    require(oxq_worker_wait_until_idle(w, PATIENCE_MS, &err), "work");
    require(oxq_worker_close(w, PATIENCE_MS, &err), "close");
}

static void look_around(oxq *store, oxq_queue *q)
{
    oxq_list *list;
    oxq_job *job;
    oxq_names *names;
    oxq_events *events;
    const struct oxq_event *event;
    require(oxq_queue_list(q, NULL, &list, &err), "list");
    do {
        require(oxq_list_next(list, &job, NULL, &err), "list");
        if (job) (void)oxq_job_json(job);
    } while (job);
    oxq_list_free(list);
    require(oxq_queues(store, &names, &err), "queues");
    oxq_names_free(names);
    char *text;
    require(oxq_queues_prometheus(&q, 1, NULL, 0, &text, &err), "prometheus");
    oxq_text_free(text);
    require(oxq_events_open(q, &(struct oxq_events_opts){.after = "0"}, &events, &err), "events");
    for (int i = 0; i < JOBS; i++) require(oxq_events_next(events, 1, &event, &err), "events");
    oxq_events_close(events);
}

/* What died comes back, and some of it is taken away. */
static void operate(oxq *store, oxq_queue *q)
{
    oxq_queue *dead, *other;
    int64_t count;
    require(oxq_queue_open(store, "mail-dead", NULL, &dead, &err), "open");
    require(
        oxq_queue_replay_matching(dead, &(struct oxq_list_opts){.failure = "address", .count = 5}, NULL, &count, &err),
        "replay");
    require(oxq_queue_remove_orphans(q, NULL, &count, &err), "orphans");
    require(oxq_queue_retry_matching(q, NULL, &(struct oxq_many_opts){.limit = 2}, &count, &err), "retry");
    require(oxq_queue_open(store, "other", NULL, &other, &err), "open");
    require(oxq_scheduler_upsert(other, "s", &(struct oxq_schedule){.pattern = "0 4 * * *", .tz = "Europe/Berlin"},
                                 NULL, NULL, &err),
            "schedule");
    for (int i = 0; i < JOBS; i++) require(oxq_queue_add(other, "x", NULL, NULL, NULL, &err), "add");
    require(oxq_queue_remove_matching(other, NULL, &(struct oxq_many_opts){.limit = 5}, &count, &err), "remove");
    require(oxq_queue_obliterate(other, false, NULL, &err), "obliterate");
    oxq_queue_close(other);
    oxq_queue_close(dead);
}

static void live(oxq *store, oxq_queue *q)
{
    require(oxq_queue_set_dead_letters(q, "mail-dead", &err), "dead letters");
    add_jobs(q);
    add_many(store, q);
    add_flow(store, q);
    work(store);
    look_around(store, q);
    operate(store, q);
    work(store);
}

/* ---------------------------------------------------------------- verify */

static int verify(oxq_queue *q, const char *path)
{
    char line[OXQ_ID_MAX + 16], what[16], id[OXQ_ID_MAX];
    FILE *f = fopen(path, "r");
    if (!f) return 1;
    int wrong = 0;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%15s %1023s", what, id) != 2) continue;
        oxq_state state;
        require(oxq_queue_state(q, id, &state, &err), "state");
        bool must_be_done = strcmp(what, "ended") == 0;
        if (state != OXQ_STATE_UNKNOWN && (!must_be_done || state == OXQ_STATE_COMPLETED)) continue;
        fprintf(stderr, "library: job %s was %s and is %s\n", id, what, oxq_state_name(state));
        wrong = 1;
    }
    fclose(f);
    return wrong;
}

int main(int argc, char **argv)
{
    char url[4096];
    oxq *store;
    oxq_queue *q;
    if (argc != 4) return 2;
    bool is_live = strcmp(argv[1], "live") == 0;
    if (is_live) notes = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0600);
    snprintf(url, sizeof(url), "file:%s", argv[2]);
    require(oxq_open(url, NULL, &store, &err), "open");
    require(oxq_queue_open(store, "mail", NULL, &q, &err), "open");
    require(oxq_ping(store, &err), "ping");
    int status = 0;
    if (is_live)
        live(store, q);
    else
        status = verify(q, argv[3]);
    oxq_queue_close(q);
    oxq_close(store);
    return status;
}
