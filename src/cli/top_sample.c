/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "cli/top.h"
#include "os/clock.h"

#include <string.h>

struct top_queue {
    oxq_queue *queue;   /* owned */
    oxq_events *events; /* owned; from the last sample on */
    struct arena names; /* the row's name */
    struct arena failures;
    int64_t failed_seen; /* how many had failed when the failures were read; -1: never */
    struct oxq_error problem;
};

/* ---------------------------------------------------------------- begin and end */

static void end_queue(struct top_queue *q)
{
    oxq_events_close(q->events);
    oxq_queue_close(q->queue);
    arena_deinit(&q->names);
    arena_deinit(&q->failures);
}

void top_end(struct top_sampler *t)
{
    for (size_t i = 0; i < t->count; i++) end_queue(&t->queues[i]);
    mem_free(t->queues);
    mem_free(t->rows);
    *t = (struct top_sampler){0};
}

static oxq_err begin_queue(struct top_sampler *t, const char *name, struct oxq_error *err)
{
    struct top_queue *q = &t->queues[t->count];
    struct top_row *row = &t->rows[t->count++];
    size_t bytes = strlen(name) + 1;
    row->name = memcpy(arena_alloc(&q->names, bytes), name, bytes);
    for (size_t i = 0; i < TOP_RATES; i++) row->per_second[i] = -1;
    q->failed_seen = -1;
    return oxq_queue_open(t->store, name, NULL, &q->queue, err);
}

oxq_err top_begin(struct top_sampler *t, oxq *store, const char *const *names, size_t names_count,
                  struct oxq_error *err)
{
    oxq_names *all = NULL;
    oxq_err e = names ? OXQ_OK : oxq_queues(store, &all, err);
    if (e) return e;
    top_end(t);
    t->store = store;
    size_t count = names ? names_count : oxq_names_count(all);
    t->queues = mem_alloc_zero(sizeof(*t->queues) * (count + 1));
    t->rows = mem_alloc_zero(sizeof(*t->rows) * (count + 1));
    for (size_t i = 0; !e && i < count; i++) e = begin_queue(t, names ? names[i] : oxq_names_at(all, i), err);
    oxq_names_free(all);
    return e;
}

/* ---------------------------------------------------------------- rates */

struct counted {
    int64_t of[TOP_RATES];
    int64_t total, first_ms, last_ms;
};

static void count_event(struct counted *c, const struct oxq_event *event)
{
    static const char *const kinds[TOP_RATES] = {
        [TOP_ADDED] = "added", [TOP_COMPLETED] = "completed", [TOP_FAILED] = "failed"};
    if (c->total++ == 0) c->first_ms = event->at_ms;
    c->last_ms = event->at_ms;
    for (size_t i = 0; i < TOP_RATES; i++) c->of[i] += strcmp(event->kind, kinds[i]) == 0;
}

/* elapsed_us: since the last sample; 0: there was none, and the stream is opened. */
static oxq_err measure(struct top_queue *q, struct top_row *row, int64_t elapsed_us, struct oxq_error *err)
{
    struct counted c = {.total = 0};
    const struct oxq_event *event = NULL;
    if (!q->events) return oxq_events_open(q->queue, NULL, &q->events, err);
    do {
        oxq_err e = oxq_events_next(q->events, 0, &event, err);
        if (e) return e;
        if (event) count_event(&c, event);
    } while (event && c.total < TOP_EVENTS_MAX);
    int64_t span_us = event ? (c.last_ms - c.first_ms + 1) * 1000 : elapsed_us;
    for (size_t i = 0; i < TOP_RATES && span_us > 0; i++) row->per_second[i] = (double)c.of[i] * 1e6 / (double)span_us;
    if (!event) return OXQ_OK;
    oxq_events_close(q->events);
    q->events = NULL;
    return oxq_events_open(q->queue, NULL, &q->events, err);
}

/* ---------------------------------------------------------------- jobs */

/* Since when the job that is next in a state has waited; 0: none does. */
static oxq_err look_at_head(struct top_queue *q, oxq_state state, int64_t *out_ms, struct oxq_error *err)
{
    oxq_list *list;
    oxq_job *job = NULL;
    struct oxq_list_opts opts = {.states = 1u << state, .count = 1, .without_data = true};
    oxq_err e = oxq_queue_list(q->queue, &opts, &list, err);
    if (e) return e;
    e = oxq_list_next(list, &job, NULL, err);
    *out_ms = !e && job ? oxq_job_fields(job)->added_ms + oxq_job_fields(job)->delay_ms : 0;
    oxq_list_free(list);
    return e;
}

static oxq_err find_oldest(struct top_queue *q, struct top_row *row, struct oxq_error *err)
{
    static const oxq_state states[] = {OXQ_STATE_WAITING, OXQ_STATE_PRIORITIZED};
    row->oldest_ms = 0;
    for (size_t i = 0; i < 2; i++) {
        int64_t since_ms = 0;
        if (row->counts.of[states[i]] == 0) continue;
        oxq_err e = look_at_head(q, states[i], &since_ms, err);
        if (e) return e;
        if (since_ms && (!row->oldest_ms || since_ms < row->oldest_ms)) row->oldest_ms = since_ms;
    }
    return OXQ_OK;
}

static const char *keep(struct top_queue *q, const char *text)
{
    return arena_copy_text(&q->failures, slice_of(text, text ? strcspn(text, "\r\n") : 0));
}

/* Only when there are others than before. */
static oxq_err find_failures(struct top_queue *q, struct top_row *row, struct oxq_error *err)
{
    oxq_list *list;
    oxq_job *job = NULL;
    struct oxq_list_opts opts = {
        .states = 1u << OXQ_STATE_FAILED, .count = TOP_FAILURES, .newest_first = true, .without_data = true};
    bool has_failed = row->per_second[TOP_FAILED] > 0;
    if (row->counts.of[OXQ_STATE_FAILED] == q->failed_seen && !has_failed) return OXQ_OK;
    oxq_err e = oxq_queue_list(q->queue, &opts, &list, err);
    if (e) return e;
    arena_reset(&q->failures);
    row->failures_count = 0;
    while (!(e = oxq_list_next(list, &job, NULL, err)) && job) {
        const struct oxq_job_fields *f = oxq_job_fields(job);
        row->failures[row->failures_count++] = (struct top_failure){.at_ms = f->finished_ms,
                                                                    .queue = row->name,
                                                                    .id = keep(q, f->id),
                                                                    .name = keep(q, f->name),
                                                                    .text = keep(q, f->failure)};
    }
    oxq_list_free(list);
    if (!e) q->failed_seen = row->counts.of[OXQ_STATE_FAILED];
    return e;
}

static oxq_err sample_queue(struct top_queue *q, struct top_row *row, int64_t elapsed_us, struct oxq_error *err)
{
    oxq_err e = measure(q, row, elapsed_us, err);
    if (!e) e = oxq_queue_counts(q->queue, &row->counts, err);
    if (!e) e = find_oldest(q, row, err);
    return e ? e : find_failures(q, row, err);
}

static void forget(struct top_queue *q, struct top_row *row)
{
    *row = (struct top_row){.name = row->name, .problem = q->problem.text};
    for (size_t i = 0; i < TOP_RATES; i++) row->per_second[i] = -1;
    q->failed_seen = -1;
}

oxq_err top_sample(struct top_sampler *t, struct oxq_error *err)
{
    int64_t now_us = clock_mono_us(os_clock()), elapsed_us = t->sampled_us ? now_us - t->sampled_us : 0;
    oxq_err e = OXQ_OK;
    for (size_t i = 0; i < t->count && !e; i++) {
        struct top_queue *q = &t->queues[i];
        t->rows[i].problem = NULL;
        e = sample_queue(q, &t->rows[i], elapsed_us, &q->problem);
        if (e == OXQ_ERR_SERVER) {
            forget(q, &t->rows[i]);
            e = OXQ_OK;
        } else if (e) {
            *err = q->problem;
        }
    }
    t->sampled_us = now_us;
    return e;
}
