/* SPDX-License-Identifier: MIT */
/*
 * The life of some jobs on the public header, over a way that somebody cuts, and whether what the calls said is true: life VIA CLEAN.
 * VIA is the store through that way, CLEAN the same without it. PREFIX, TIMEOUT_MS, LOCK_MS and CA (for rediss://) in the environment; with WEAK
 * calls that only look may fail, because the way is bad more than once. Prints what is wrong, a line each, and ends with 1 then.
 *
 * Each call that changes something is a promise about jobs of a label: OK, there are as many as were asked for; UNREACHABLE and TIMEOUT, there
 * are none; UNCERTAIN, all of them or none (of a batch that is not atomic: each on its own). The handlers' names say what they do, and so how each
 * job must end: once, with so many attempts, each end told once.
 */
#include <oxq/oxq.h>

#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LABELS_MAX 64
#define RUNS_MAX 1024
#define EVENTS_MAX 4096
#define TICKS 3
#define END_S 90

static struct oxq_error err;
static bool is_wrong, is_weak;
static int64_t timeout_ms, lock_ms;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    va_list args;
    pthread_mutex_lock(&lock);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    is_wrong = true;
    pthread_mutex_unlock(&lock);
}

static int64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? atoll(text) : 0;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t count_entries(const char *folder)
{
    size_t count = 0;
    DIR *d = opendir(folder);
    while (d && readdir(d)) count++;
    if (d) closedir(d);
    return count;
}

/* A thread that was waited for may be seen for a moment more. */
static size_t count_threads(void)
{
    size_t count, before;
    do {
        before = count_entries("/proc/self/task");
        pause_ms(5);
        count = count_entries("/proc/self/task");
    } while (count != before);
    return count;
}

/* ---------------------------------------------------------------- what calls say */

/* Of a call that changes something. */
enum fate { NOT_DONE, DONE, UNKNOWN };

static enum fate fate_of(oxq_err e, const char *what)
{
    switch ((int)e) {
    case OXQ_OK: return DONE;
    case OXQ_ERR_UNREACHABLE:
    case OXQ_ERR_TIMEOUT: return NOT_DONE;
    case OXQ_ERR_UNCERTAIN: return UNKNOWN;
    default: wrong("%s: %s %s", what, oxq_err_name(e), err.text); return UNKNOWN;
    }
}

/* A call that may be made again: until it goes well. */
#define UNTIL_DONE(call)                                                                                               \
    do {                                                                                                               \
        int64_t late_ms = now_ms() + END_S * 1000;                                                                     \
        while (fate_of(call, #call) != DONE && now_ms() < late_ms) pause_ms(5);                                        \
    } while (0)

/* One that only looks: it is tried again by the library, so that one cut does not make it fail. False: it failed as it may. */
static bool looked(oxq_err e, const char *what)
{
    if (e == OXQ_OK) return true;
    bool may_fail = is_weak && (e == OXQ_ERR_UNREACHABLE || e == OXQ_ERR_TIMEOUT);
    if (!may_fail) wrong("%s: %s %s", what, oxq_err_name(e), err.text);
    return false;
}

/* How many jobs of a label there may be. */
struct label {
    const char *text;
    int least, most, found;
    bool is_whole; /* all of them or none */
};

static struct label labels[LABELS_MAX];
static size_t labels_count;

static void promise(const char *text, int count, bool is_whole, enum fate fate)
{
    labels[labels_count++] = (struct label){
        .text = text, .least = fate == DONE ? count : 0, .most = fate == NOT_DONE ? 0 : count, .is_whole = is_whole};
}

static const char *data_of(const char *label, char out[64])
{
    snprintf(out, 64, "{\"op\":\"%s\"}", label);
    return out;
}

/* ---------------------------------------------------------------- handlers */

/* Each time a handler had a job. */
struct start {
    char id[64];
    int64_t starts;
};

static struct start starts[RUNS_MAX];
static size_t starts_count;
static atomic_int steps_run, steps_lost;

/* What its handler may not have been sure of. */
static bool may_go_on(oxq_err e, const char *what, const struct oxq_error *why)
{
    bool is_known = e == OXQ_OK || e == OXQ_ERR_UNCERTAIN || e == OXQ_ERR_UNREACHABLE || e == OXQ_ERR_TIMEOUT;
    if (!is_known) wrong("%s: %s %s", what, oxq_err_name(e), why->text);
    return e == OXQ_OK;
}

static void note_start(const oxq_job *job)
{
    const struct oxq_job_fields *f = oxq_job_fields(job);
    bool is_twice = false;
    char id[64];
    snprintf(id, sizeof(id), "%s/%s", f->queue, f->id);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < starts_count; i++)
        is_twice = is_twice || (strcmp(starts[i].id, id) == 0 && starts[i].starts == f->attempts_started);
    if (starts_count < RUNS_MAX) {
        memcpy(starts[starts_count].id, id, sizeof(id));
        starts[starts_count++].starts = f->attempts_started;
    }
    pthread_mutex_unlock(&lock);
    /* Of one that was replayed the count begins anew. */
    if (is_twice && strcmp(f->name, "fatal") != 0)
        wrong("job %s, %s: start %lld was handled twice", id, f->name, (long long)f->attempts_started);
}

static oxq_err step(oxq_job *job, void *ctx, char **out_result, struct oxq_error *why)
{
    (void)job;
    (void)ctx;
    (void)why;
    atomic_fetch_add(&steps_run, 1);
    *out_result = strdup("\"stepped\"");
    return OXQ_OK;
}

static oxq_outcome handle_steps(oxq_job *job)
{
    struct oxq_error why;
    const char *result;
    for (int i = 0; i < 2; i++) {
        if (may_go_on(oxq_job_step(job, i ? "second" : "first", step, NULL, &result, &why), "step", &why)) continue;
        atomic_fetch_add(&steps_lost, 1);
        return oxq_job_give_back(job);
    }
    return oxq_job_fields(job)->attempts_made == 0 ? oxq_job_fail(job, "once") : oxq_job_done(job, result);
}

static oxq_outcome handle(oxq_job *job, void *ctx)
{
    struct oxq_error why;
    const struct oxq_job_fields *f = oxq_job_fields(job);
    (void)ctx;
    note_start(job);
    if (strcmp(f->name, "fatal") == 0) return oxq_job_fail_for_good(job, "never");
    if (strcmp(f->name, "retry") == 0 && f->attempts_made == 0) return oxq_job_fail(job, "once");
    if (strcmp(f->name, "delay") == 0 && f->attempts_started == 1) return oxq_job_delay(job, 5);
    if (strcmp(f->name, "back") == 0 && f->attempts_started == 1) return oxq_job_give_back(job);
    if (strcmp(f->name, "steps") == 0) return handle_steps(job);
    if (strcmp(f->name, "busy") == 0) {
        may_go_on(oxq_job_progress(job, "50", &why), "progress", &why);
        may_go_on(oxq_job_log(job, "a line", &why), "log", &why);
        may_go_on(oxq_job_update_data(job, "{\"op\":\"busy\"}", &why), "update", &why);
    }
    if (strcmp(f->name, "parent") == 0) {
        char *values;
        if (may_go_on(oxq_job_children_values(job, false, &values, &why), "children", &why)) oxq_text_free(values);
    }
    return oxq_job_done(job, "{\"by\":\"life\"}");
}

/* How often an attempt of it must have been made when all is over. */
static int64_t attempts_of(const char *name)
{
    return strcmp(name, "retry") == 0 || strcmp(name, "steps") == 0 ? 2 : 1;
}

/* Ends that the workers told of, letters that were replayed, and whether the workers were closed well. */
static atomic_int ends_told;
static int replays;
static bool is_closed = true;

static void on_event(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    (void)ctx;
    (void)worker;
    if (event->kind == OXQ_WORKER_COMPLETED || (event->kind == OXQ_WORKER_FAILED && event->is_final))
        atomic_fetch_add(&ends_told, 1);
    if (event->kind == OXQ_WORKER_LOCK_LOST) wrong("worker: the lock of %s is lost: %s", event->id, event->text);
    if (event->kind == OXQ_WORKER_STALLED) wrong("worker: %s stalled", event->id);
    if (event->kind == OXQ_WORKER_ERROR && event->id) wrong("worker: %s: %s", event->id, event->text);
}

/* ---------------------------------------------------------------- events */

struct story {
    oxq_events *events;
    pthread_t thread;
    char at[EVENTS_MAX][32];
    size_t count;
};

static struct story heard, told;

static void hear(struct story *s, const struct oxq_event *event)
{
    if (s->count == EVENTS_MAX) return;
    snprintf(s->at[s->count++], sizeof(s->at[0]), "%s", event->at);
}

static void *listen(void *ctx)
{
    struct story *s = ctx;
    const struct oxq_event *event;
    struct oxq_error why;
    for (;;) {
        oxq_err e = oxq_events_next(s->events, -1, &event, &why);
        if (e == OXQ_ERR_CANCELLED) return NULL;
        bool may_fail = is_weak && (e == OXQ_ERR_UNREACHABLE || e == OXQ_ERR_TIMEOUT);
        if (e && !may_fail) wrong("events: %s %s", oxq_err_name(e), why.text);
        if (e) pause_ms(5);
        if (!e && event) hear(s, event);
    }
}

/* ---------------------------------------------------------------- the life */

struct place {
    oxq *store;
    oxq_queue *main, *children, *dead;
};

static void open_place(struct place *p, const char *url)
{
    struct oxq_opts opts = {.prefix = getenv("PREFIX"), .tls_ca = getenv("CA"), .timeout_ms = timeout_ms};
    bool is_open = oxq_open(url, &opts, &p->store, &err) == OXQ_OK &&
                   oxq_queue_open(p->store, "main", NULL, &p->main, &err) == OXQ_OK &&
                   oxq_queue_open(p->store, "children", NULL, &p->children, &err) == OXQ_OK &&
                   oxq_queue_open(p->store, "dead", NULL, &p->dead, &err) == OXQ_OK;
    if (is_open) return;
    printf("open %s: %s\n", url, err.text);
    exit(1);
}

static void close_place(struct place *p)
{
    oxq_queue_close(p->main);
    oxq_queue_close(p->children);
    oxq_queue_close(p->dead);
    oxq_close(p->store);
}

/* On the clean way nothing fails. */
static void require(oxq_err e, const char *what)
{
    if (e == OXQ_OK) return;
    printf("clean: %s: %s %s\n", what, oxq_err_name(e), err.text);
    exit(1);
}

static void set_up(const struct place *via, const struct place *clean)
{
    struct oxq_settings s;
    char dead[OXQ_ID_MAX];
    UNTIL_DONE(oxq_queue_pause(via->main, &err));
    UNTIL_DONE(oxq_queue_set_concurrency(via->main, 50, &err));
    UNTIL_DONE(oxq_queue_set_rate_limit(via->main, 1000, 100, &err));
    UNTIL_DONE(oxq_queue_set_dead_letters(via->main, "dead", &err));
    require(oxq_queue_settings(clean->main, &s, &err), "settings");
    require(oxq_queue_get_dead_letters(clean->main, dead, &err), "dead letters");
    if (s.concurrency != 50 || s.rate_max != 1000 || !s.is_paused || strcmp(dead, "dead") != 0)
        wrong("settings that were made are not there");
}

static void add(oxq_queue *q, const char *label, const char *name, struct oxq_job_opts opts)
{
    char data[64], id[OXQ_ID_MAX];
    enum fate fate = fate_of(oxq_queue_add(q, name, data_of(label, data), &opts, id, &err), label);
    promise(label, 1, true, fate);
}

static void add_batch(const struct place *via, const char *label, bool is_atomic)
{
    oxq_batch *batch;
    char data[64];
    int done = 0, unknown = 0;
    require(oxq_batch_new(via->store, &(struct oxq_batch_opts){.is_atomic = is_atomic}, &batch, &err), "batch");
    for (int i = 0; i < 6; i++)
        require(oxq_batch_add(batch, i % 2 ? via->main : via->children, "ok", data_of(label, data), NULL, &err),
                "batch");
    oxq_err e = oxq_batch_run(batch, &err);
    fate_of(e, label);
    for (size_t i = 0; i < 6; i++) {
        oxq_err its = oxq_batch_error(batch, i, &err);
        if (e == OXQ_OK && its) wrong("%s: the batch went well, and its job did not: %s", label, err.text);
        done += its == OXQ_OK;
        unknown += its == OXQ_ERR_UNCERTAIN;
    }
    labels[labels_count++] =
        (struct label){.text = label, .least = done, .most = done + unknown, .is_whole = is_atomic};
    oxq_batch_free(batch);
}

static void add_flow(const struct place *via)
{
    char data[64];
    struct oxq_flow_node children[2];
    for (int i = 0; i < 2; i++)
        children[i] = (struct oxq_flow_node){.queue = "children", .name = "ok", .data = data_of("flow", data)};
    struct oxq_flow_node root = {
        .queue = "main", .name = "parent", .data = data, .children = children, .children_count = 2};
    promise("flow", 3, true, fate_of(oxq_flow_add(via->store, &root, NULL, &err), "flow"));
}

/* With an id adding again is safe: there is one at the end. */
static void add_surely(oxq_queue *q)
{
    char data[64], id[OXQ_ID_MAX];
    struct oxq_job_opts opts = {.job_id = "once"};
    UNTIL_DONE(oxq_queue_add(q, "ok", data_of("surely", data), &opts, id, &err));
    if (strcmp(id, "once") != 0) wrong("surely: its id is %s", id);
    promise("surely", 1, true, DONE);
}

static void add_scheduler(const struct place *via)
{
    struct oxq_schedule schedule = {.every_ms = 20, .limit = TICKS};
    struct oxq_job_template tick = {.name = "ok", .data = "{\"op\":\"tick\"}"};
    UNTIL_DONE(oxq_scheduler_upsert(via->main, "tick", &schedule, &tick, NULL, &err));
    promise("tick", TICKS, true, DONE);
}

static enum fate published;

static void produce(const struct place *via)
{
    add(via->main, "plain", "ok", (struct oxq_job_opts){0});
    add(via->main, "later", "ok", (struct oxq_job_opts){.delay_ms = 10});
    add(via->main, "first", "ok", (struct oxq_job_opts){.priority = 1});
    add(via->main, "retry", "retry", (struct oxq_job_opts){.attempts = 2, .backoff.delay_ms = 5});
    add(via->main, "fatal", "fatal", (struct oxq_job_opts){.attempts = 3, .job_id = "doomed"});
    add(via->main, "delay", "delay", (struct oxq_job_opts){0});
    add(via->main, "back", "back", (struct oxq_job_opts){0});
    add(via->main, "steps", "steps", (struct oxq_job_opts){.attempts = 2});
    add(via->main, "busy", "busy", (struct oxq_job_opts){0});
    add_surely(via->main);
    add_batch(via, "batch", false);
    add_batch(via, "whole", true);
    add_flow(via);
    add_scheduler(via);
    published = fate_of(oxq_queue_publish(via->main, "mark", NULL, 0, &err), "publish");
}

/* Nothing moves while the queue is paused: both ways see the same. */
static void look(const struct place *via, const struct place *clean)
{
    struct oxq_counts seen, there;
    oxq_list *list;
    oxq_job *job;
    oxq_names *names;
    int64_t count = 0;
    if (looked(oxq_queue_counts(via->children, &seen, &err), "counts")) {
        require(oxq_queue_counts(clean->children, &there, &err), "counts");
        if (memcmp(&seen.of, &there.of, sizeof(seen.of)) != 0) wrong("the counts are not those of the store");
    }
    struct oxq_list_opts waiting = {.states = 1u << OXQ_STATE_WAITING};
    require(oxq_queue_list(via->children, &waiting, &list, &err), "list");
    for (;; count++) {
        if (!looked(oxq_list_next(list, &job, NULL, &err), "list")) break;
        if (job) continue;
        require(oxq_queue_counts(clean->children, &there, &err), "counts");
        if (there.of[OXQ_STATE_WAITING] != count)
            wrong("%lld jobs are listed, %lld wait", (long long)count, (long long)there.of[OXQ_STATE_WAITING]);
        break;
    }
    oxq_list_free(list);
    if (looked(oxq_queues(via->store, &names, &err), "queues")) {
        if (oxq_names_count(names) < 1) wrong("the store has no queue");
        oxq_names_free(names);
    }
    if (!looked(oxq_queue_get(via->main, "once", &job, &err), "get")) return;
    if (strcmp(oxq_job_name(job), "ok") != 0) wrong("get: its name is %s", oxq_job_name(job));
    oxq_job_free(job);
}

/* ---------------------------------------------------------------- until all is over */

static int64_t unfinished(const struct place *p)
{
    int64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        struct oxq_counts counts;
        require(oxq_queue_counts(i ? p->children : p->main, &counts, &err), "counts");
        sum += counts.of[OXQ_STATE_WAITING] + counts.of[OXQ_STATE_ACTIVE] + counts.of[OXQ_STATE_DELAYED] +
               counts.of[OXQ_STATE_PRIORITIZED] + counts.of[OXQ_STATE_WAITING_CHILDREN];
    }
    return sum;
}

static void wait_for_end(const struct place *clean)
{
    int64_t late_ms = now_ms() + END_S * 1000;
    while (unfinished(clean) > 0) {
        if (now_ms() > late_ms) {
            wrong("%lld jobs never end", (long long)unfinished(clean));
            return;
        }
        pause_ms(5);
    }
}

/* The dead letter goes back to its queue, and comes again. */
static void replay(const struct place *via, const struct place *clean)
{
    oxq_list *list;
    oxq_job *job;
    char letter[OXQ_ID_MAX] = "";
    require(oxq_queue_list(clean->dead, NULL, &list, &err), "letters");
    require(oxq_list_next(list, &job, NULL, &err), "letters");
    if (job) snprintf(letter, sizeof(letter), "%s", oxq_job_id(job));
    oxq_list_free(list);
    if (!letter[0]) return;
    enum fate fate = fate_of(oxq_queue_replay(via->dead, letter, NULL, &err), "replay");
    wait_for_end(clean);
    oxq_state state;
    require(oxq_queue_state(clean->dead, letter, &state, &err), "letter");
    bool is_there = state != OXQ_STATE_UNKNOWN;
    replays = !is_there;
    if (fate != UNKNOWN && is_there != (fate == NOT_DONE)) wrong("replay: %d, and the letter %d", fate, is_there);
}

static void work(const struct place *via, const struct place *clean)
{
    oxq_worker *workers[2];
    struct oxq_worker_opts opts = {.concurrency = 2, .on_event = on_event, .lock_ms = lock_ms, .metrics_points = 5};
    for (int i = 0; i < 2; i++)
        require(oxq_worker_open(via->store, i ? "children" : "main", &opts, handle, NULL, &workers[i], &err), "worker");
    UNTIL_DONE(oxq_queue_resume(via->main, &err));
    oxq_state state;
    char *text;
    if (looked(oxq_queue_wait(via->main, "once", -1, &state, &text, &err), "wait")) {
        if (state != OXQ_STATE_COMPLETED) wrong("wait: %s", text);
        oxq_text_free(text);
    }
    wait_for_end(clean);
    replay(via, clean);
    for (int i = 0; i < 2; i++) {
        oxq_err e = oxq_worker_close(workers[i], -1, &err);
        if (e && !is_weak) wrong("close: %s %s", oxq_err_name(e), err.text);
        is_closed = is_closed && !e;
    }
}

/* ---------------------------------------------------------------- whether it is true */

static struct label *find_label(const char *text)
{
    for (size_t i = 0; i < labels_count; i++) {
        if (strcmp(labels[i].text, text) == 0) return &labels[i];
    }
    return NULL;
}

static void check_job(oxq_job *job, oxq_state state)
{
    const struct oxq_job_fields *f = oxq_job_fields(job);
    struct label *label = find_label(oxq_json_text(oxq_job_json(job), "/op", ""));
    if (!label) {
        wrong("job %s, %s: nobody added it", f->id, f->data);
        return;
    }
    label->found++;
    oxq_state end = strcmp(f->name, "fatal") == 0 ? OXQ_STATE_FAILED : OXQ_STATE_COMPLETED;
    if (state != end || f->attempts_made != attempts_of(f->name) || f->stalled_count > 0)
        wrong("job %s, %s: %s after %lld attempts and %lld stalls: %s", f->id, label->text, oxq_state_name(state),
              (long long)f->attempts_made, (long long)f->stalled_count, f->failure ? f->failure : "");
}

static void check_jobs(oxq_queue *q)
{
    oxq_list *list;
    oxq_job *job;
    oxq_state state;
    require(oxq_queue_list(q, NULL, &list, &err), "list");
    for (;;) {
        require(oxq_list_next(list, &job, &state, &err), "list");
        if (!job) break;
        check_job(job, state);
    }
    oxq_list_free(list);
}

/* The promises, and that each job's end was told of once: the dead one's twice when it was replayed. */
static void check_labels(void)
{
    int ends = replays;
    for (size_t i = 0; i < labels_count; i++) {
        const struct label *l = &labels[i];
        bool is_broken = l->is_whole && l->found != 0 && l->found != l->most;
        if (l->found < l->least || l->found > l->most || is_broken)
            wrong("%s: %d jobs, promised were %d to %d", l->text, l->found, l->least, l->most);
        ends += l->found;
    }
    if (is_closed && atomic_load(&ends_told) != ends)
        wrong("%d ends were told of, there are %d", atomic_load(&ends_told), ends);
}

/* The next event that is there; NULL: that was all. Who looks without waiting is told that a folder's host has just died. */
static const struct oxq_event *next_told(void)
{
    const struct oxq_event *event = NULL;
    int64_t late_ms = now_ms() + END_S * 1000;
    oxq_err e = oxq_events_next(told.events, 0, &event, &err);
    while (e && is_weak && now_ms() < late_ms) {
        pause_ms(5);
        e = oxq_events_next(told.events, 0, &event, &err);
    }
    require(e, "events");
    return event;
}

/* Each job's `added` is told once, and so is its `completed`. */
static void check_events(oxq_queue *q)
{
    int marks = 0;
    require(oxq_events_open(q, &(struct oxq_events_opts){.after = "0"}, &told.events, &err), "events");
    static char seen[EVENTS_MAX][96];
    size_t seen_count = 0;
    for (const struct oxq_event *event = next_told(); event; event = next_told()) {
        hear(&told, event);
        marks += strcmp(event->kind, "mark") == 0;
        /* A scheduler that is made once more makes its next run anew. */
        bool is_anew = event->job_id && strncmp(event->job_id, "repeat:", 7) == 0;
        bool is_once = strcmp(event->kind, "completed") == 0 || (strcmp(event->kind, "added") == 0 && !is_anew);
        if (!is_once || seen_count == EVENTS_MAX) continue;
        snprintf(seen[seen_count], sizeof(seen[0]), "%s %.80s", event->kind, event->job_id);
        for (size_t i = 0; i < seen_count; i++)
            if (strcmp(seen[i], seen[seen_count]) == 0) wrong("%s is told twice", seen[i]);
        seen_count++;
    }
    oxq_events_close(told.events);
    if (marks > 1 || (published != UNKNOWN && marks != (published == DONE))) wrong("publish: %d times", marks);
}

/* What was heard on the way is what is there. */
static void check_story(void)
{
    if (heard.count != told.count) wrong("%zu events were heard, there are %zu", heard.count, told.count);
    for (size_t i = 0; i < heard.count && i < told.count; i++) {
        if (strcmp(heard.at[i], told.at[i]) == 0) continue;
        wrong("event %zu is %s, and %s was heard", i, told.at[i], heard.at[i]);
        return;
    }
}

static void check_all(const struct place *clean)
{
    check_jobs(clean->main);
    check_jobs(clean->children);
    check_labels();
    check_events(clean->main);
    int lost = atomic_load(&steps_lost), run = atomic_load(&steps_run);
    if (run > 2 + lost || (find_label("steps")->found && run < 2)) wrong("steps ran %d times", run);
}

static void live(const char *via_url, const char *clean_url)
{
    struct place via, clean;
    open_place(&via, via_url);
    open_place(&clean, clean_url);
    require(oxq_events_open(via.main, &(struct oxq_events_opts){.after = "0"}, &heard.events, &err), "events");
    if (pthread_create(&heard.thread, NULL, listen, &heard) != 0) exit(1);
    set_up(&via, &clean);
    produce(&via);
    look(&via, &clean);
    work(&via, &clean);
    check_all(&clean);
    int64_t late_ms = now_ms() + END_S * 1000;
    while (heard.count < told.count && now_ms() < late_ms && !is_wrong) pause_ms(5);
    oxq_events_cancel(heard.events);
    pthread_join(heard.thread, NULL);
    oxq_events_close(heard.events);
    check_story();
    close_place(&via);
    close_place(&clean);
}

int main(int argc, char **argv)
{
    struct place first;
    if (argc < 3) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    is_weak = getenv("WEAK") != NULL;
    timeout_ms = number_of("TIMEOUT_MS");
    lock_ms = number_of("LOCK_MS");
    /* What is opened once in a process is there then. */
    open_place(&first, argv[2]);
    require(oxq_ping(first.store, &err), "ping");
    close_place(&first);
    size_t files = count_entries("/proc/self/fd"), threads = count_threads();
    live(argv[1], argv[2]);
    if (count_entries("/proc/self/fd") != files) wrong("descriptors: %zu", count_entries("/proc/self/fd") - files);
    size_t left = count_threads();
    if (left != threads) wrong("threads: %zu, and %zu at the beginning", left, threads);
    return is_wrong;
}
