/* SPDX-License-Identifier: MIT */
/*
 * Numbers of queues in the text format of Prometheus. Names, labels and their order are those of BullMQ's exportPrometheusMetrics, so that
 * dashboards made for it show these too.
 */
#include "api/state.h"
#include "base/buf.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)1 << 30)

struct numbers {
    struct oxq_counts counts;
    int64_t completed, failed; /* of all time */
};

struct text {
    struct buf out;
    oxq_err error;                  /* the first one: the rest is not written then */
    const struct oxq_label *labels; /* borrowed */
    size_t labels_count;
};

static bool is_label_name(const char *name)
{
    static const char chars[] = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return name && name[0] && (name[0] < '0' || name[0] > '9') && name[strspn(name, chars)] == '\0';
}

static oxq_err check_labels(const struct oxq_label *labels, size_t count, struct oxq_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = labels[i].name;
        if (!is_label_name(name) || strcmp(name, "queue") == 0 || strcmp(name, "state") == 0)
            return err_set(err, OXQ_ERR_ARGUMENT,
                           "label %.80s: letters, digits and _, not beginning with a digit, but not queue and state",
                           name ? name : "");
        if (!labels[i].value) return err_set(err, OXQ_ERR_ARGUMENT, "label %.80s has no value", name);
    }
    return OXQ_OK;
}

static void put(struct text *t, const char *text)
{
    if (!t->error) t->error = buf_append(&t->out, slice_from_text(text));
}

static void put_label(struct text *t, const char *name, const char *value)
{
    put(t, name);
    put(t, "=\"");
    for (; *value; value++) {
        char plain[2] = {*value};
        put(t, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : *value == '\\' ? "\\\\" : plain);
    }
    put(t, "\"");
}

/* state: NULL: the number has none. */
static void put_line(struct text *t, const char *name, const char *queue, const char *state, int64_t number)
{
    char end[32];
    put(t, name);
    put(t, "{");
    put_label(t, "queue", queue);
    if (state) put_label(t, ", state", state);
    for (size_t i = 0; i < t->labels_count; i++) {
        put(t, ", ");
        put_label(t, t->labels[i].name, t->labels[i].value);
    }
    snprintf(end, sizeof(end), "} %" PRId64 "\n", number);
    put(t, end);
}

static void put_states(struct text *t, const char *queue, const struct oxq_counts *counts)
{
    static const oxq_state order[] = {OXQ_STATE_ACTIVE,          OXQ_STATE_COMPLETED,   OXQ_STATE_DELAYED,
                                      OXQ_STATE_FAILED,          OXQ_STATE_PRIORITIZED, OXQ_STATE_WAITING,
                                      OXQ_STATE_WAITING_CHILDREN};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        put_line(t, "bullmq_job_count", queue, oxq_state_name(order[i]), counts->of[order[i]]);
}

static void put_all(struct text *t, oxq_queue *const *queues, const struct numbers *n, size_t count)
{
    put(t, "# HELP bullmq_job_count Jobs of a queue, by their state.\n# TYPE bullmq_job_count gauge\n");
    for (size_t i = 0; i < count; i++) put_states(t, queues[i]->name, &n[i].counts);
    put(t, "# HELP bullmq_job_completed_total Jobs that completed.\n# TYPE bullmq_job_completed_total counter\n");
    for (size_t i = 0; i < count; i++) put_line(t, "bullmq_job_completed_total", queues[i]->name, NULL, n[i].completed);
    put(t, "# HELP bullmq_job_failed_total Jobs that failed.\n# TYPE bullmq_job_failed_total counter\n");
    for (size_t i = 0; i < count; i++) put_line(t, "bullmq_job_failed_total", queues[i]->name, NULL, n[i].failed);
}

static oxq_err read_numbers(oxq_queue *queue, struct numbers *out, struct oxq_error *err)
{
    struct oxq_metrics completed = {0}, failed = {0};
    oxq_err e = oxq_queue_counts(queue, &out->counts, err);
    if (!e) e = oxq_queue_metrics(queue, OXQ_STATE_COMPLETED, &completed, err);
    if (!e) e = oxq_queue_metrics(queue, OXQ_STATE_FAILED, &failed, err);
    out->completed = completed.count;
    out->failed = failed.count;
    return e;
}

oxq_err oxq_queues_prometheus(oxq_queue *const *queues, size_t count, const struct oxq_label *labels,
                              size_t labels_count, char **out_text, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, out_text);
    if (!e && count > 0) e = ARGS_CHECK(err, queues);
    for (size_t i = 0; !e && i < count; i++) e = ARGS_CHECK(err, queues[i]);
    if (!e && labels_count > 0) e = ARGS_CHECK(err, labels);
    if (!e) e = check_labels(labels, labels_count, err);
    if (e) return e;
    struct text t = {.out = {.limit_bytes = TEXT_BYTES_MAX}, .labels = labels, .labels_count = labels_count};
    struct numbers *numbers = mem_alloc_zero((count + 1) * sizeof(*numbers));
    for (size_t i = 0; !e && i < count; i++) e = read_numbers(queues[i], &numbers[i], err);
    if (!e) put_all(&t, queues, numbers, count);
    if (t.error) e = err_set(err, t.error, "the numbers of %zu queues cannot be written", count);
    if (!e) e = text_copy(buf_borrow(&t.out), out_text, err);
    buf_deinit(&t.out);
    mem_free(numbers);
    return e;
}
