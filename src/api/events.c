/* SPDX-License-Identifier: MIT */
/*
 * Reading the stream `events` of a queue, with XREAD BLOCK on a connection of its own. The place is the id of the last event that was
 * given, so that a new connection goes on where the old one was.
 */
#include "api/state.h"

#include "base/mem.h"
#include "base/num.h"
#include "jobs/keys.h"
#include "os/clock.h"

#include <stdio.h>
#include <string.h>

/* Events of one reply. */
#define EVENTS_AT_A_TIME "1000"
/* Longest wait of one command, and how much later its reply may come. */
#define WAIT_MS_MAX 10000
#define REPLY_SLACK_MS 5000
#define PLACE_MAX 48

struct oxq_events {
    struct client *client;    /* owned */
    struct client_line *line; /* owned */
    struct arena names;       /* the key */
    struct slice key;
    char place[PLACE_MAX]; /* of the last event given; "$" is made a number at once */
    struct arena arena;    /* of the reply's texts */
    struct oxq_event *events;
    size_t count, next;
};

/* ---------------------------------------------------------------- telling one */

static oxq_err check_event(const char *kind, const struct oxq_event_field *fields, size_t count, struct oxq_error *err)
{
    if (!kind || !*kind) return err_set(err, OXQ_ERR_ARGUMENT, "an event has a kind");
    if (count > OXQ_EVENT_FIELDS_MAX)
        return err_set(err, OXQ_ERR_ARGUMENT, "an event has at most %d fields", OXQ_EVENT_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].name || !fields[i].value)
            return err_set(err, OXQ_ERR_ARGUMENT, "field %zu of the event: it has a name and a value", i + 1);
        if (strcmp(fields[i].name, "event") == 0)
            return err_set(err, OXQ_ERR_ARGUMENT, "field %zu of the event: \"event\" is its kind", i + 1);
    }
    return OXQ_OK;
}

oxq_err oxq_queue_publish(oxq_queue *queue, const char *kind, const struct oxq_event_field *fields, size_t fields_count,
                          struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, kind);
    if (!e && fields_count > 0) e = ARGS_CHECK(err, fields);
    if (!e) e = check_event(kind, fields, fields_count, err);
    if (e) return e;
    struct arena arena = {0};
    struct request r;
    request_begin(&r, &arena, &transition_publish, queue->prefix);
    request_put_text(&r, kind);
    for (size_t i = 0; i < fields_count; i++) {
        request_put_text(&r, fields[i].name);
        request_put_text(&r, fields[i].value);
    }
    e = store_act(queue->client, &r, "tell an event of", slice_from_text(queue->name), err);
    arena_deinit(&arena);
    return e;
}

/* ---------------------------------------------------------------- open and close */

/* The stream's last id, so that nothing between here and the first read is missed. */
static oxq_err find_end(oxq_events *v, struct oxq_error *err)
{
    struct slice argv[] = {SLICE_LIT("XREVRANGE"), v->key,        SLICE_LIT("+"), SLICE_LIT("-"),
                           SLICE_LIT("COUNT"),     SLICE_LIT("1")};
    struct client_command command = {.argv = argv, .argc = 6, .is_idempotent = true};
    struct client_reply reply = {0};
    oxq_err e = client_call(v->client, &command, 0, &reply, err);
    if (!e) e = client_reply_check(&reply.value, err);
    struct slice id = SLICE_LIT("0-0");
    if (!e && reply.value.count > 0 && reply.value.items[0].count > 0) id = reply.value.items[0].items[0].text;
    if (!e) snprintf(v->place, sizeof(v->place), "%.*s", (int)id.len, id.at);
    client_reply_deinit(&reply);
    return e;
}

/* "1700000000000-0", or the milliseconds alone. */
static oxq_err check_place(const char *place, struct oxq_error *err)
{
    uint64_t number;
    struct slice whole = slice_from_text(place);
    const char *dash = strchr(place, '-');
    struct slice ms = dash ? slice_of(place, (size_t)(dash - place)) : whole;
    if (num_parse_uint(ms, &number) && (!dash || num_parse_uint(slice_from(whole, ms.len + 1), &number))) return OXQ_OK;
    return err_set(
        err, OXQ_ERR_ARGUMENT,
        "events after \"%.40s\": write the `at` of an event, such as 1700000000000-0, or 0; NULL: from now on", place);
}

oxq_err oxq_events_open(oxq_queue *queue, const struct oxq_events_opts *opts, oxq_events **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (!e && opts && opts->after) e = check_place(opts->after, err);
    if (e) return e;
    oxq_events *v = mem_alloc_zero(sizeof(*v));
    v->key = keys_join(&v->names, queue->prefix, SLICE_LIT("events"));
    const struct store_client_opts own = {
        .patience = CLIENT_FAIL_FAST,
        .name = store_name_connection(queue->store, &v->names, slice_from_text(queue->name), SLICE_LIT(":qe"))};
    e = store_new_client(queue->store, &own, &v->client, err);
    if (!e) v->line = client_line_new(v->client, v->key);
    if (!e && opts && opts->after)
        snprintf(v->place, sizeof(v->place), "%s", opts->after);
    else if (!e)
        e = find_end(v, err);
    if (e) {
        oxq_events_close(v);
        return e;
    }
    *out = v;
    return OXQ_OK;
}

void oxq_events_cancel(oxq_events *events)
{
    if (events) client_line_cancel(events->line);
}

void oxq_events_close(oxq_events *events)
{
    if (!events) return;
    client_line_free(events->line);
    client_free(events->client);
    arena_deinit(&events->names);
    arena_deinit(&events->arena);
    mem_free(events);
}

/* ---------------------------------------------------------------- reading */

static struct oxq_event read_event(struct arena *a, const struct resp_value *entry)
{
    const struct resp_value *pairs = &entry->items[1];
    struct oxq_event event = {.at = arena_copy_text(a, entry->items[0].text), .kind = ""};
    struct oxq_event_field *fields = ARENA_ARRAY(a, struct oxq_event_field, pairs->count / 2 + 1);
    for (size_t i = 0; i + 1 < pairs->count; i += 2) {
        struct oxq_event_field *f = &fields[event.fields_count++];
        *f = (struct oxq_event_field){arena_copy_text(a, pairs->items[i].text),
                                      arena_copy_text(a, pairs->items[i + 1].text)};
        if (strcmp(f->name, "event") == 0) event.kind = f->value;
        if (strcmp(f->name, "jobId") == 0) event.job_id = f->value;
    }
    event.fields = fields;
    (void)num_parse_int(slice_of(event.at, strcspn(event.at, "-")), &event.at_ms);
    return event;
}

/* XREAD's reply: [[key, [[id, [name, value, ...]], ...]]], or a map of the same; nothing when the time is over. */
static oxq_err read_reply(oxq_events *v, const struct resp_value *reply, struct oxq_error *err)
{
    v->count = v->next = 0;
    arena_reset(&v->arena);
    if (reply->count == 0) return OXQ_OK;
    const struct resp_value *entries = NULL;
    if (reply->kind == RESP_MAP && reply->count == 2) entries = &reply->items[1];
    if (reply->kind == RESP_ARRAY && reply->items[0].count == 2) entries = &reply->items[0].items[1];
    if (!entries) return err_set(err, OXQ_ERR_FORMAT, "XREAD's reply is not one of events");
    v->events = ARENA_ARRAY(&v->arena, struct oxq_event, entries->count + 1);
    for (size_t i = 0; i < entries->count; i++) {
        if (entries->items[i].count == 2) v->events[v->count++] = read_event(&v->arena, &entries->items[i]);
    }
    return OXQ_OK;
}

static oxq_err read_more(oxq_events *v, int64_t wait_ms, struct oxq_error *err)
{
    char digits[NUM_INT_MAX_CHARS];
    /* 0 would wait for ever. */
    struct slice block = slice_of(digits, num_format_int(digits, wait_ms > 0 ? wait_ms : 1));
    struct slice argv[] = {SLICE_LIT("XREAD"),
                           SLICE_LIT("COUNT"),
                           SLICE_LIT(EVENTS_AT_A_TIME),
                           SLICE_LIT("BLOCK"),
                           block,
                           SLICE_LIT("STREAMS"),
                           v->key,
                           slice_from_text(v->place)};
    struct client_command command = {.argv = argv, .argc = 8, .is_idempotent = true};
    struct resp_value reply;
    oxq_err e = client_line_call(v->line, &command, wait_ms + REPLY_SLACK_MS, &reply, err);
    if (!e) e = client_reply_check(&reply, err);
    return e ? e : read_reply(v, &reply, err);
}

oxq_err oxq_events_next(oxq_events *events, int64_t wait_ms, const struct oxq_event **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, events, out);
    if (e) return e;
    int64_t until_us = store_until_us(wait_ms);
    int failures = 0;
    bool is_read = false;
    while (events->next == events->count) {
        int64_t left_ms = wait_ms < 0 ? WAIT_MS_MAX : (until_us - clock_mono_us(os_clock())) / 1000;
        if (left_ms <= 0 && is_read) {
            *out = NULL;
            return OXQ_OK;
        }
        e = read_more(events, left_ms > WAIT_MS_MAX ? WAIT_MS_MAX : left_ms, err);
        if (e && !(client_is_away(e) && client_line_rest(events->line, ++failures, until_us))) return e;
        is_read = !e;
        if (is_read) failures = 0;
    }
    *out = &events->events[events->next++];
    snprintf(events->place, sizeof(events->place), "%s", (*out)->at);
    return OXQ_OK;
}

const char *oxq_event_field(const struct oxq_event *event, const char *name)
{
    for (size_t i = 0; event && name && i < event->fields_count; i++) {
        if (strcmp(event->fields[i].name, name) == 0) return event->fields[i].value;
    }
    return NULL;
}

/* ---------------------------------------------------------------- waiting for one job */

/* Fills in what the job says of its end; false: it has not ended. */
static oxq_err look_at_job(oxq_queue *queue, const char *id, bool *out_has_ended, oxq_state *out_state, char **out_text,
                           struct oxq_error *err)
{
    oxq_job *job;
    oxq_err e = oxq_queue_get(queue, id, &job, err);
    if (e) return e;
    const struct oxq_job_fields *f = oxq_job_fields(job);
    *out_has_ended = f->finished_ms > 0;
    if (*out_has_ended) {
        if (out_state) *out_state = f->result ? OXQ_STATE_COMPLETED : OXQ_STATE_FAILED;
        const char *text = f->result ? f->result : f->failure ? f->failure : "";
        if (out_text) e = text_copy(slice_from_text(text), out_text, err);
    }
    oxq_job_free(job);
    return e;
}

/* False: the event is not this job's end. *out_text is borrowed from the event. */
static bool read_end(const struct oxq_event *event, const char *id, oxq_state *out_state, const char **out_text)
{
    if (!event->job_id || strcmp(event->job_id, id) != 0) return false;
    bool has_completed = strcmp(event->kind, "completed") == 0;
    if (!has_completed && strcmp(event->kind, "failed") != 0) return false;
    const char *text = oxq_event_field(event, has_completed ? "returnvalue" : "failedReason");
    if (out_state) *out_state = has_completed ? OXQ_STATE_COMPLETED : OXQ_STATE_FAILED;
    *out_text = text ? text : "";
    return true;
}

oxq_err oxq_queue_wait(oxq_queue *queue, const char *id, int64_t timeout_ms, oxq_state *out_state, char **out_text,
                       struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, id);
    if (e) return e;
    int64_t until_us = store_until_us(timeout_ms);
    oxq_events *events;
    const struct oxq_event *event;
    bool has_ended = false;
    /* The stream first, then the job: whatever ends after the look is in the stream. */
    e = oxq_events_open(queue, NULL, &events, err);
    if (e) return e;
    e = look_at_job(queue, id, &has_ended, out_state, out_text, err);
    while (!e && !has_ended) {
        int64_t left_ms = timeout_ms < 0 ? -1 : (until_us - clock_mono_us(os_clock())) / 1000;
        if (timeout_ms >= 0 && left_ms < 0) left_ms = 0;
        e = oxq_events_next(events, left_ms, &event, err);
        const char *text;
        if (!e && event) has_ended = read_end(event, id, out_state, &text);
        if (!e && has_ended && out_text) e = text_copy(slice_from_text(text), out_text, err);
        /* Also when events of others keep coming. */
        if (!e && !has_ended && (!event || left_ms == 0))
            e = err_set(err, OXQ_ERR_TIMEOUT, "job %s has not ended after %lld ms", id, (long long)timeout_ms);
    }
    oxq_events_close(events);
    return e;
}
