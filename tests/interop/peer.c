/* SPDX-License-Identifier: MIT */
/*
 * A program on the public header, for tests in which the other side is BullMQ in Node: peer URL COMMAND QUEUE [ARGUMENT...].
 *
 *   add QUEUE NAME DATA [delay=N] [priority=N] [attempts=N] [backoff=N] [timestamp=N] [size=N] [id=TEXT]   prints the job's id
 *   feed QUEUE FROM TO [MS] adds jobs j-FROM .. j-TO, prints each id when its add is acknowledged; tries again what failed; a pause after each
 *   batch QUEUE FROM TO     adds jobs b-FROM .. b-TO at once, prints how many were added
 *   flow QUEUE CHILDREN N   a job of QUEUE with N children in CHILDREN; prints its id
 *   tree QUEUE PARENT CHILDREN PREFIX
 *                           a flow below the job PARENT of QUEUE, in QUEUE, with a child in CHILDREN under PREFIX; prints both ids
 *   children QUEUE ID       prints kind, key and result or failure of each
 *   numbers QUEUE BEFORE    prints its settings; what keeps workers; delayed jobs due before, schedulers
 *   prometheus QUEUE LABEL VALUE
 *   orphans QUEUE           removes them, prints how many there were
 *   schedule QUEUE ID EVERY_MS LIMIT
 *   cron QUEUE ID PATTERN   a scheduler
 *   schedulers QUEUE        prints id, interval and runs of each
 *   get QUEUE ID            prints its fields, one a line
 *   release QUEUE ID        a job gives up its deduplication id; prints whether it had it
 *   wait QUEUE ID           prints how it ended
 *   events QUEUE            prints `kind id` until SIGTERM
 *   work QUEUE THREADS [STARTS]
 *                           runs jobs, prints what happens, until SIGTERM; each STARTS times at most (0: no limit)
 *   queues QUEUE            prints the names of all queues
 *   host                    has the store open until SIGTERM
 *
 * PREFIX in the environment is that of all keys; with STRATEGY patterns of schedulers are such as "plus 250", so many ms later. With TRACE it
 * prints spans as they end: span KIND NAME TRACE ID PARENT ERROR, with tabs between. Its jobs do what their names say: `fail` until as many
 * attempts were made as its data's `until`, `fatal` for ever, `again` is given back and `later` is delayed when it is begun first, `adopt` has
 * a child in the queue that its data names and waits for it, `gate` waits until there is the file that its data names, and
 * then asks what its children gave.
 */
#include <oxq/oxq.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_MAX 16
#define WAIT_MS 30000

static struct oxq_error err;

static void require(oxq_err code, const char *what)
{
    if (code == OXQ_OK) return;
    printf("error %s %s: %s\n", oxq_err_name(code), what, err.text);
    exit(1);
}

static void wait_for_end(void)
{
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    printf("ready\n");
    sigwait(&set, &got);
}

/* ---------------------------------------------------------------- telemetry */

/* Ids of a trace and of a span in it, as W3C writes them. */
struct context {
    char trace[33], id[17];
};

struct span {
    struct context own, parent;
    int kind;
    char name[256], text[128];
    struct span *around; /* on this thread */
};

static __thread struct span *within;

static void make_id(char *out, size_t digits)
{
    unsigned char bytes[16];
    FILE *random = fopen("/dev/urandom", "r");
    if (!random || fread(bytes, 1, sizeof(bytes), random) != sizeof(bytes)) exit(1);
    fclose(random);
    for (size_t i = 0; i < digits / 2; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void *begin_span(void *ctx, const struct oxq_span_start *start, const char **out_context)
{
    struct span *s = calloc(1, sizeof(*s));
    (void)ctx;
    if (!s) exit(1);
    s->kind = (int)start->kind;
    snprintf(s->name, sizeof(s->name), "%s", start->name);
    if (start->context)
        sscanf(start->context, "{\"traceparent\":\"00-%32[0-9a-f]-%16[0-9a-f]", s->parent.trace, s->parent.id);
    else if (start->kind != OXQ_SPAN_INTERNAL && within)
        s->parent = within->own;
    make_id(s->own.id, 16);
    if (s->parent.trace[0])
        memcpy(s->own.trace, s->parent.trace, sizeof(s->own.trace));
    else
        make_id(s->own.trace, 32);
    snprintf(s->text, sizeof(s->text), "{\"traceparent\":\"00-%s-%s-01\"}", s->own.trace, s->own.id);
    *out_context = s->text;
    s->around = within;
    if (start->kind != OXQ_SPAN_INTERNAL) within = s;
    return s;
}

static void end_span(void *ctx, void *span, const struct oxq_span_end *end)
{
    struct span *s = span;
    (void)ctx;
    if (s->kind != OXQ_SPAN_INTERNAL) within = s->around;
    printf("span\t%d\t%s\t%s\t%s\t%s\t%s\n", s->kind, s->name, s->own.trace, s->own.id, s->parent.id,
           end->error ? end->error : "");
    free(s);
}

static const struct oxq_telemetry telemetry = {.begin = begin_span, .end = end_span};

/* ---------------------------------------------------------------- producing */

static void read_option(struct oxq_job_opts *o, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : 0;
    const char *value = equals ? equals + 1 : "";
    if (strncmp(text, "delay", len) == 0) o->delay_ms = atoll(value);
    if (strncmp(text, "priority", len) == 0) o->priority = atoll(value);
    if (strncmp(text, "attempts", len) == 0) o->attempts = atoll(value);
    if (strncmp(text, "backoff", len) == 0) o->backoff.delay_ms = atoll(value);
    if (strncmp(text, "size", len) == 0) o->size_limit_bytes = atoll(value);
    if (strncmp(text, "timestamp", len) == 0) o->timestamp_ms = atoll(value);
    if (strncmp(text, "id", len) == 0) o->job_id = value;
}

static void add(oxq_queue *q, int argc, char **argv)
{
    struct oxq_job_opts opts = {0};
    char id[OXQ_ID_MAX];
    for (int i = 2; i < argc; i++) read_option(&opts, argv[i]);
    require(oxq_queue_add(q, argv[0], argv[1], &opts, id, &err), "add");
    printf("%s\n", id);
}

static void pause_for(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void feed(oxq_queue *q, int argc, char **argv)
{
    long pace_ms = argc > 2 ? atol(argv[2]) : 0;
    for (long i = atol(argv[0]); i <= atol(argv[1]); i++) {
        char id[32];
        snprintf(id, sizeof(id), "j-%ld", i);
        struct oxq_job_opts opts = {.job_id = id};
        while (oxq_queue_add(q, "x", NULL, &opts, NULL, &err) != OXQ_OK) pause_for(1);
        printf("%s\n", id);
        if (pace_ms > 0) pause_for(pace_ms);
    }
}

static void add_batch(oxq *store, oxq_queue *q, char **argv)
{
    oxq_batch *batch;
    require(oxq_batch_new(store, NULL, &batch, &err), "batch");
    for (long i = atol(argv[0]); i <= atol(argv[1]); i++) {
        char id[32];
        snprintf(id, sizeof(id), "b-%ld", i);
        require(oxq_batch_add(batch, q, "x", NULL, &(struct oxq_job_opts){.job_id = id}, &err), "batch add");
    }
    require(oxq_batch_run(batch, &err), "batch run");
    printf("%zu\n", oxq_batch_count(batch) - oxq_batch_failed_count(batch));
    oxq_batch_free(batch);
}

static void add_flow(oxq *store, char **argv)
{
    struct oxq_flow_node children[CHILDREN_MAX] = {0};
    size_t count = (size_t)atoi(argv[2]);
    char id[OXQ_ID_MAX];
    for (size_t i = 0; i < count && i < CHILDREN_MAX; i++)
        children[i] = (struct oxq_flow_node){.queue = argv[1], .name = "child", .data = "{\"of\":\"C\"}"};
    struct oxq_flow_node root = {.queue = argv[0], .name = "parent", .children = children, .children_count = count};
    require(oxq_flow_add(store, &root, id, &err), "flow");
    printf("%s\n", id);
}

static void add_tree(oxq *store, const char *queue, char **argv)
{
    char root_id[OXQ_ID_MAX], child_id[OXQ_ID_MAX];
    struct oxq_job_opts opts = {.parent_queue = queue, .parent_id = argv[0]};
    struct oxq_flow_node child = {.queue = argv[1], .name = "child", .prefix = argv[2], .out_id = child_id};
    struct oxq_flow_node root = {
        .queue = queue, .name = "tree", .opts = &opts, .children = &child, .children_count = 1, .out_id = root_id};
    require(oxq_flow_add(store, &root, NULL, &err), "tree");
    printf("%s %s\n", root_id, child_id);
}

static void schedule(oxq_queue *q, char **argv)
{
    struct oxq_schedule s = {.every_ms = atoll(argv[1]), .limit = atoll(argv[2])};
    require(oxq_scheduler_upsert(q, argv[0], &s, &(struct oxq_job_template){.name = "tick", .data = "{\"by\":\"C\"}"},
                                 NULL, &err),
            "schedule");
}

static void schedule_cron(oxq_queue *q, char **argv)
{
    require(oxq_scheduler_upsert(q, argv[0], &(struct oxq_schedule){.pattern = argv[1]}, NULL, NULL, &err), "cron");
}

/* ---------------------------------------------------------------- looking */

static void list_schedulers(oxq_queue *q)
{
    oxq_schedulers *list;
    require(oxq_schedulers_list(q, 0, 0, &list, &err), "schedulers");
    for (size_t i = 0; i < oxq_schedulers_count(list); i++) {
        const struct oxq_scheduler *s = oxq_schedulers_at(list, i);
        printf("%s %lld %lld\n", s->id, (long long)s->every_ms, (long long)s->runs_count);
    }
    oxq_schedulers_free(list);
}

static const char *or_none(const char *text)
{
    return text ? text : "none";
}

static void get(oxq_queue *q, const char *id)
{
    oxq_job *job;
    oxq_state state;
    oxq_names *lines;
    require(oxq_queue_get(q, id, &job, &err), "get");
    require(oxq_queue_state(q, id, &state, &err), "state");
    require(oxq_queue_logs(q, id, 0, -1, &lines, &err), "logs");
    const struct oxq_job_fields *f = oxq_job_fields(job);
    printf("state %s\nname %s\ndata %s\nresult %s\nfailure %s\nprogress %s\nattempts %lld\n", oxq_state_name(state),
           f->name, f->data, or_none(f->result), or_none(f->failure), or_none(f->progress),
           (long long)f->attempts_made);
    for (size_t i = 0; i < oxq_names_count(lines); i++) printf("log %s\n", oxq_names_at(lines, i));
    oxq_names_free(lines);
    oxq_job_free(job);
}

static void list_children(oxq_queue *q, const char *id)
{
    static const struct {
        oxq_flow_kind kind;
        const char *name;
    } kinds[] = {{OXQ_FLOW_PROCESSED, "processed"},
                 {OXQ_FLOW_UNPROCESSED, "unprocessed"},
                 {OXQ_FLOW_FAILED, "failed"},
                 {OXQ_FLOW_IGNORED, "ignored"}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        oxq_children *children;
        const struct oxq_child *child;
        require(oxq_queue_children(q, id, kinds[i].kind, &children, &err), "children");
        for (;;) {
            require(oxq_children_next(children, &child, &err), "next child");
            if (!child) break;
            printf("%s %s %s\n", kinds[i].name, child->key, or_none(child->result ? child->result : child->failure));
        }
        oxq_children_free(children);
    }
}

static void tell_numbers(oxq_queue *q, const char *before)
{
    struct oxq_settings s;
    struct oxq_limits l;
    int64_t delayed, schedulers;
    require(oxq_queue_settings(q, &s, &err), "settings");
    require(oxq_queue_limits(q, 0, &l, &err), "limits");
    require(oxq_queue_delayed_count(q, atoll(before), &delayed, &err), "delayed");
    require(oxq_schedulers_total(q, &schedulers, &err), "schedulers");
    printf("%lld %lld %lld %lld %d %s\n", (long long)s.concurrency, (long long)s.rate_max, (long long)s.rate_ms,
           (long long)s.events_max, s.is_paused, s.version);
    printf("%d %d %d\n%lld %lld\n", l.wait_ms > 0, l.is_full, l.is_paused, (long long)delayed, (long long)schedulers);
}

static void tell_prometheus(oxq_queue *q, char **argv)
{
    char *text;
    struct oxq_label label = {argv[0], argv[1]};
    require(oxq_queues_prometheus(&q, 1, &label, 1, &text, &err), "prometheus");
    printf("%s", text);
    oxq_text_free(text);
}

static void remove_orphans(oxq_queue *q)
{
    int64_t count;
    require(oxq_queue_remove_orphans(q, NULL, &count, &err), "orphans");
    printf("%lld\n", (long long)count);
}

static void release(oxq_queue *q, const char *id)
{
    bool had;
    require(oxq_queue_release_deduplication(q, id, &had, &err), "release");
    printf("%s\n", had ? "had" : "had not");
}

static void list_queues(oxq *store)
{
    oxq_names *names;
    require(oxq_queues(store, &names, &err), "queues");
    for (size_t i = 0; i < oxq_names_count(names); i++) printf("%s%s", i > 0 ? " " : "", oxq_names_at(names, i));
    printf("\n");
    oxq_names_free(names);
}

static void wait_for(oxq_queue *q, const char *id)
{
    oxq_state state;
    char *text;
    require(oxq_queue_wait(q, id, WAIT_MS, &state, &text, &err), "wait");
    printf("%s %s\n", oxq_state_name(state), or_none(text));
    oxq_text_free(text);
}

static void *tell_events(void *ctx)
{
    const struct oxq_event *event;
    while (oxq_events_next(ctx, -1, &event, &err) == OXQ_OK) printf("%s %s\n", event->kind, or_none(event->job_id));
    return NULL;
}

static void follow(oxq_queue *q)
{
    oxq_events *events;
    pthread_t thread;
    require(oxq_events_open(q, &(struct oxq_events_opts){.after = "0"}, &events, &err), "events");
    if (pthread_create(&thread, NULL, tell_events, events) != 0) exit(1);
    wait_for_end();
    oxq_events_cancel(events);
    pthread_join(thread, NULL);
    oxq_events_close(events);
}

/* ---------------------------------------------------------------- working */

static oxq_outcome adopt(oxq_job *job)
{
    static const struct oxq_job_opts kid = {.job_id = "kid"};
    struct oxq_error why;
    const char *queue = oxq_json_text(oxq_job_json(job), "/in", "");
    if (oxq_job_fields(job)->attempts_started > 1) return oxq_job_done(job, "\"grown\"");
    if (oxq_job_add_child(job, queue, &(struct oxq_job_template){.name = "child", .opts = &kid}, NULL, &why) != OXQ_OK)
        return oxq_job_fail(job, "child: %s", why.text);
    return oxq_job_wait_for_child(job, queue, "kid");
}

static oxq_outcome handle(oxq_job *job, void *ctx)
{
    (void)ctx;
    struct oxq_error why;
    char result[512], *values = NULL;
    const struct oxq_job_fields *f = oxq_job_fields(job);
    if (strcmp(f->name, "fatal") == 0) return oxq_job_fail_for_good(job, "never");
    if (strcmp(f->name, "fail") == 0 && f->attempts_made < oxq_json_integer(oxq_job_json(job), "/until", 0))
        return oxq_job_fail(job, "attempt %lld of C", (long long)f->attempts_made);
    if (strcmp(f->name, "again") == 0) return f->attempts_started < 2 ? oxq_job_give_back(job) : OXQ_DONE;
    if (strcmp(f->name, "later") == 0) return f->attempts_started < 2 ? oxq_job_delay(job, 20) : OXQ_DONE;
    if (strcmp(f->name, "x") == 0) return OXQ_DONE;
    if (strcmp(f->name, "adopt") == 0) return adopt(job);
    if (strcmp(f->name, "gate") == 0) {
        while (access(oxq_json_text(oxq_job_json(job), "/file", ""), F_OK) != 0) pause_for(10);
        if (oxq_job_children_values(job, false, &values, &why) != OXQ_OK)
            return oxq_job_fail(job, "children: %s", why.text);
        oxq_text_free(values);
        return OXQ_DONE;
    }
    if (oxq_job_log(job, "a line of C", &why) != OXQ_OK) return oxq_job_fail(job, "log: %s", why.text);
    if (oxq_job_progress(job, "{\"part\":50}", &why) != OXQ_OK) return oxq_job_fail(job, "progress: %s", why.text);
    snprintf(result, sizeof(result), "{\"by\":\"C\",\"got\":%s}", f->data);
    return oxq_job_done(job, result);
}

static void tell_worker_event(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    (void)ctx;
    (void)worker;
    if (event->kind == OXQ_WORKER_COMPLETED) printf("completed %s\n", event->id);
    if (event->kind == OXQ_WORKER_FAILED) printf("failed %s %s\n", event->id, or_none(event->text));
    if (event->kind == OXQ_WORKER_STALLED) printf("stalled %s\n", event->id);
    if (event->kind == OXQ_WORKER_ERROR) printf("trouble %s\n", or_none(event->text));
}

/*
 * Its processes are killed: jobs may stall often, and are given to others soon. With a limit of starts it is one that is left alone, and
 * whose jobs never stall, however slow the machine is.
 */
static void work(oxq *store, const char *queue, int argc, char **argv)
{
    bool is_alone = argc > 1;
    struct oxq_worker_opts opts = {.name = "peer",
                                   .concurrency = (size_t)atoi(argv[0]),
                                   .attempts_started_max = is_alone ? atoll(argv[1]) : 0,
                                   .lock_ms = is_alone ? 0 : 2000,
                                   .stalled_every_ms = is_alone ? -1 : 500,
                                   .stalled_max = 1000,
                                   .drain_wait_ms = 1000,
                                   .on_event = tell_worker_event};
    oxq_worker *worker;
    require(oxq_worker_open(store, queue, &opts, handle, NULL, &worker, &err), "work");
    wait_for_end();
    require(oxq_worker_close(worker, WAIT_MS, &err), "close");
}

static void on_warning(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "%s\n", text);
}

/* "plus 250": so many ms later. */
static int64_t find_next_run(void *ctx, const char *pattern, const char *tz, const char *job_name, int64_t after_ms)
{
    (void)ctx;
    (void)tz;
    (void)job_name;
    return strncmp(pattern, "plus ", 5) == 0 ? after_ms + atoll(pattern + 5) : 0;
}

/* False: there is no such command. */
static int command(oxq *store, oxq_queue *q, const char *name, int argc, char **argv)
{
    if (strcmp(name, "work") == 0 && argc >= 1) return work(store, oxq_queue_name(q), argc, argv), 1;
    if (strcmp(name, "add") == 0 && argc >= 2) return add(q, argc, argv), 1;
    if (strcmp(name, "feed") == 0 && argc >= 2) return feed(q, argc, argv), 1;
    if (strcmp(name, "batch") == 0 && argc == 2) return add_batch(store, q, argv), 1;
    if (strcmp(name, "schedule") == 0 && argc == 3) return schedule(q, argv), 1;
    if (strcmp(name, "queues") == 0) return list_queues(store), 1;
    if (strcmp(name, "cron") == 0 && argc == 2) return schedule_cron(q, argv), 1;
    if (strcmp(name, "schedulers") == 0) return list_schedulers(q), 1;
    if (strcmp(name, "get") == 0 && argc == 1) return get(q, argv[0]), 1;
    if (strcmp(name, "release") == 0 && argc == 1) return release(q, argv[0]), 1;
    if (strcmp(name, "wait") == 0 && argc == 1) return wait_for(q, argv[0]), 1;
    if (strcmp(name, "events") == 0) return follow(q), 1;
    if (strcmp(name, "tree") == 0 && argc == 3) return add_tree(store, oxq_queue_name(q), argv), 1;
    if (strcmp(name, "children") == 0 && argc == 1) return list_children(q, argv[0]), 1;
    if (strcmp(name, "numbers") == 0 && argc == 1) return tell_numbers(q, argv[0]), 1;
    if (strcmp(name, "prometheus") == 0 && argc == 2) return tell_prometheus(q, argv), 1;
    if (strcmp(name, "orphans") == 0) return remove_orphans(q), 1;
    return 0;
}

int main(int argc, char **argv)
{
    oxq *store;
    oxq_queue *queue = NULL;
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3) return 2;
    struct oxq_opts opts = {
        .prefix = getenv("PREFIX"), .on_warning = on_warning, .telemetry = getenv("TRACE") ? &telemetry : NULL};
    if (getenv("STRATEGY")) opts.on_repeat = find_next_run;
    require(oxq_open(argv[1], &opts, &store, &err), "open");
    if (strcmp(argv[2], "host") == 0) {
        require(oxq_ping(store, &err), "ping");
        wait_for_end();
    } else if (strcmp(argv[2], "flow") == 0 && argc == 6) {
        add_flow(store, argv + 3);
    } else {
        if (argc < 4) return 2;
        require(oxq_queue_open(store, argv[3], NULL, &queue, &err), "queue");
        if (!command(store, queue, argv[2], argc - 4, argv + 4)) return 2;
    }
    oxq_queue_close(queue);
    oxq_close(store);
    return 0;
}
