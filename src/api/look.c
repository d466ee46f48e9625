/* SPDX-License-Identifier: MIT */
/*
 * Looking at a queue: states, counts, lists. Plain commands in pipelines; a script would hold up everybody else for no gain.
 *
 * A list of jobs is a page of ids and a page of their hashes, read when the last page is used up. Between two pages jobs come and go, so
 * that places shift: the ids of the last page are remembered, and a job that shifted into the next is passed over.
 */
#include "api/state.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "jobs/keys.h"

#include <stdlib.h>
#include <string.h>

/* Jobs of one page. */
#define LIST_PAGE 200

/* Where jobs of a state are. */
static const struct place {
    const char *key;
    bool is_list; /* else a sorted set */
} places[OXQ_STATES_COUNT] = {
    [OXQ_STATE_WAITING] = {"wait", true},
    [OXQ_STATE_ACTIVE] = {"active", true},
    [OXQ_STATE_DELAYED] = {"delayed", false},
    [OXQ_STATE_PRIORITIZED] = {"prioritized", false},
    [OXQ_STATE_WAITING_CHILDREN] = {"waiting-children", false},
    [OXQ_STATE_COMPLETED] = {"completed", false},
    [OXQ_STATE_FAILED] = {"failed", false},
};

static struct slice key_of(const oxq_queue *q, struct arena *a, oxq_state state)
{
    return keys_join(a, q->prefix, slice_from_text(places[state].key));
}

static void ask(struct client_batch *b, const struct slice *argv, size_t argc)
{
    struct client_command command = {.argv = argv, .argc = argc, .is_idempotent = true};
    client_batch_add(b, &command);
}

/* ---------------------------------------------------------------- states and counts */

oxq_err oxq_queue_state(oxq_queue *queue, const char *id, oxq_state *out, struct oxq_error *err)
{
    struct arena arena = {0};
    /* As one, or a job that moves would be nowhere. */
    struct client_batch b = {.is_atomic = true};
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) {
        const char *command = places[s].is_list ? "LPOS" : "ZSCORE";
        struct slice argv[] = {slice_from_text(command), key_of(queue, &arena, (oxq_state)s), slice_from_text(id)};
        ask(&b, argv, 3);
    }
    oxq_err e = store_run(queue->store->client, &b, err);
    oxq_state found = OXQ_STATE_UNKNOWN;
    for (int s = OXQ_STATE_WAITING; !e && s < OXQ_STATES_COUNT; s++) {
        if (client_batch_reply(&b, (size_t)s - 1)->kind != RESP_NULL) found = (oxq_state)s;
    }
    if (!e) *out = found;
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_counts(oxq_queue *queue, struct oxq_counts *out, struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_batch b = {.is_atomic = true};
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) {
        struct slice argv[] = {slice_from_text(places[s].is_list ? "LLEN" : "ZCARD"),
                               key_of(queue, &arena, (oxq_state)s)};
        ask(&b, argv, 2);
    }
    struct slice paused[] = {SLICE_LIT("HEXISTS"), keys_join(&arena, queue->prefix, SLICE_LIT("meta")),
                             SLICE_LIT("paused")};
    ask(&b, paused, 3);
    oxq_err e = store_run(queue->store->client, &b, err);
    struct oxq_counts counts = {.is_paused = false};
    for (int s = OXQ_STATE_WAITING; !e && s < OXQ_STATES_COUNT; s++)
        counts.of[s] = client_batch_reply(&b, (size_t)s - 1)->integer;
    if (!e) counts.is_paused = client_batch_reply(&b, OXQ_STATES_COUNT - 1)->integer == 1;
    if (!e) *out = counts;
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_logs(oxq_queue *queue, const char *id, int64_t start, int64_t end, oxq_names **out,
                       struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_reply reply = {0};
    struct request r;
    request_begin_plain(&r, &arena, "LRANGE");
    struct slice key = keys_join(&arena, queue->prefix, slice_from_text(id));
    request_put(&r, keys_join(&arena, key, SLICE_LIT(":logs")));
    request_put_int(&r, start);
    request_put_int(&r, end);
    r.command.is_idempotent = true;
    oxq_err e = client_call(queue->store->client, &r.command, 0, &reply, err);
    if (!e) e = client_reply_check(&reply.value, err);
    if (!e) {
        *out = names_new();
        for (size_t i = 0; i < reply.value.count; i++) names_add(*out, reply.value.items[i].text);
    }
    client_reply_deinit(&reply);
    arena_deinit(&arena);
    return e;
}

/* ---------------------------------------------------------------- lists of jobs */

struct oxq_list {
    oxq_queue *queue; /* borrowed */
    struct oxq_list_opts opts;
    struct arena texts; /* of the options */
    oxq_state state;    /* being read; OXQ_STATES_COUNT: the end */
    int64_t place;      /* of the next page within the state */
    int64_t given;
    struct arena page; /* ids and hashes */
    struct client_batch ids, hashes;
    struct slice *page_ids; /* in the page, and so are the replies */
    size_t at, count;
    struct slice *last_ids; /* owned: of the page before, to know what has shifted */
    size_t last_count;
    struct arena last_texts;
    bool is_last_page; /* of the state */
    oxq_job *job;      /* owned: the one that was given last */
};

static bool is_wanted(const struct oxq_list *l, oxq_state state)
{
    return l->opts.states == 0 || (l->opts.states & (1u << state));
}

static void go_to_state(struct oxq_list *l, int state)
{
    while (state < OXQ_STATES_COUNT && !is_wanted(l, (oxq_state)state)) state++;
    l->state = (oxq_state)state;
    l->place = l->opts.skip;
    l->at = l->count = l->last_count = 0;
    l->is_last_page = false;
}

oxq_err oxq_queue_list(oxq_queue *queue, const struct oxq_list_opts *opts, oxq_list **out, struct oxq_error *err)
{
    struct oxq_list_opts o = opts ? *opts : (struct oxq_list_opts){0};
    if (o.skip < 0 || o.count < 0) return err_set(err, OXQ_ERR_ARGUMENT, "skip and count are from 0 on");
    if (o.states >> OXQ_STATES_COUNT) return err_set(err, OXQ_ERR_ARGUMENT, "states: bits 1u << OXQ_STATE_...");
    if (o.data_value && !o.data_path) return err_set(err, OXQ_ERR_ARGUMENT, "data_value needs a data_path");
    struct oxq_list *l = mem_alloc_zero(sizeof(*l));
    l->queue = queue;
    l->opts = o;
    const char **texts[] = {&l->opts.name, &l->opts.failure, &l->opts.data_path, &l->opts.data_value};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (*texts[i]) *texts[i] = store_copy(&l->texts, slice_from_text(*texts[i]));
    }
    l->last_ids = mem_alloc(LIST_PAGE * sizeof(*l->last_ids));
    go_to_state(l, OXQ_STATE_WAITING);
    *out = l;
    return OXQ_OK;
}

void oxq_list_free(oxq_list *list)
{
    if (!list) return;
    oxq_job_free(list->job);
    client_batch_deinit(&list->ids);
    client_batch_deinit(&list->hashes);
    arena_deinit(&list->texts);
    arena_deinit(&list->page);
    arena_deinit(&list->last_texts);
    mem_free(list->last_ids);
    mem_free(list);
}

/* Lists have the newest at their head, sorted sets at their end. */
static void ask_for_ids(struct oxq_list *l)
{
    bool is_list = places[l->state].is_list;
    bool from_head = is_list == l->opts.newest_first;
    char start[NUM_INT_MAX_CHARS], stop[NUM_INT_MAX_CHARS];
    int64_t first = l->place, last = l->place + LIST_PAGE - 1;
    if (is_list && !from_head) {
        first = -(l->place + LIST_PAGE);
        last = -(l->place + 1);
    }
    const char *command = is_list ? "LRANGE" : from_head ? "ZRANGE" : "ZREVRANGE";
    struct slice argv[] = {slice_from_text(command), key_of(l->queue, &l->page, l->state),
                           slice_of(start, num_format_int(start, first)), slice_of(stop, num_format_int(stop, last))};
    ask(&l->ids, argv, 4);
}

static void remember_ids(struct oxq_list *l, const struct slice *ids, size_t count)
{
    arena_reset(&l->last_texts);
    l->last_count = count;
    for (size_t i = 0; i < count; i++) l->last_ids[i] = arena_copy(&l->last_texts, ids[i]);
}

static bool was_given(const struct oxq_list *l, struct slice id)
{
    for (size_t i = 0; i < l->last_count; i++) {
        if (slice_equal(l->last_ids[i], id)) return true;
    }
    return false;
}

/* In the order in which they are given; those of the page before are left out. */
static struct slice *read_ids(struct oxq_list *l, const struct resp_value *reply, size_t *out_count)
{
    bool is_backwards = places[l->state].is_list && !l->opts.newest_first;
    struct slice *all = ARENA_ARRAY(&l->page, struct slice, reply->count + 1);
    struct slice *fresh = ARENA_ARRAY(&l->page, struct slice, reply->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < reply->count; i++) {
        all[i] = reply->items[is_backwards ? reply->count - 1 - i : i].text;
        if (!was_given(l, all[i])) fresh[count++] = all[i];
    }
    remember_ids(l, all, reply->count);
    *out_count = count;
    return fresh;
}

static oxq_err read_page(struct oxq_list *l, struct oxq_error *err)
{
    client_batch_reset(&l->ids);
    client_batch_reset(&l->hashes);
    arena_reset(&l->page);
    ask_for_ids(l);
    oxq_err e = store_run(l->queue->store->client, &l->ids, err);
    if (e) return e;
    const struct resp_value *reply = client_batch_reply(&l->ids, 0);
    l->is_last_page = reply->count < LIST_PAGE;
    l->place += (int64_t)reply->count;
    l->page_ids = read_ids(l, reply, &l->count);
    l->at = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct slice argv[] = {SLICE_LIT("HGETALL"), keys_join(&l->page, l->queue->prefix, l->page_ids[i])};
        ask(&l->hashes, argv, 2);
    }
    return l->count > 0 ? store_run(l->queue->store->client, &l->hashes, err) : OXQ_OK;
}

/* ---------------------------------------------------------------- what is looked for */

static bool has_value(const oxq_json *v, const char *wanted)
{
    char digits[NUM_INT_MAX_CHARS + 1];
    switch (oxq_json_kind_of(v)) {
    case OXQ_JSON_TEXT: return strcmp(oxq_json_text(v, "", ""), wanted) == 0;
    case OXQ_JSON_BOOL: return strcmp(oxq_json_bool(v, "", false) ? "true" : "false", wanted) == 0;
    case OXQ_JSON_NULL: return strcmp("null", wanted) == 0;
    case OXQ_JSON_INTEGER:
        digits[num_format_int(digits, oxq_json_integer(v, "", 0))] = '\0';
        return strcmp(digits, wanted) == 0;
    case OXQ_JSON_REAL: return oxq_json_real(v, "", 0) == strtod(wanted, NULL);
    case OXQ_JSON_ABSENT:
    case OXQ_JSON_LIST:
    case OXQ_JSON_MAP: return false;
    }
    return false;
}

static bool is_match(const struct oxq_list *l, oxq_job *job)
{
    const struct oxq_list_opts *o = &l->opts;
    const struct oxq_job_fields *f = &job->fields;
    if (o->name && strcmp(o->name, f->name) != 0) return false;
    if (o->failure && (!f->failure || !strstr(f->failure, o->failure))) return false;
    if (o->added_from_ms && f->added_ms < o->added_from_ms) return false;
    if (o->added_to_ms && f->added_ms > o->added_to_ms) return false;
    if (!o->data_path) return true;
    const oxq_json *found = oxq_json_at(oxq_job_json(job), o->data_path);
    return found && (!o->data_value || has_value(found, o->data_value));
}

/* The next job of the page that fits; NULL: none is left in it. */
static oxq_job *next_of_page(struct oxq_list *l)
{
    while (l->at < l->count) {
        size_t i = l->at++;
        struct slice id = l->page_ids[i];
        struct oxq_error ignored;
        oxq_job *job;
        /* Removed since its id was read, or no job at all. */
        if (job_new_from_reply(l->queue->name, client_batch_reply(&l->hashes, i), id, &job, &ignored) != OXQ_OK)
            continue;
        if (is_match(l, job)) return job;
        oxq_job_free(job);
    }
    return NULL;
}

oxq_err oxq_list_next(oxq_list *list, oxq_job **out, oxq_state *out_state, struct oxq_error *err)
{
    oxq_job_free(list->job);
    list->job = NULL;
    bool is_full = list->opts.count > 0 && list->given == list->opts.count;
    while (!is_full && list->state < OXQ_STATES_COUNT) {
        list->job = next_of_page(list);
        if (list->job) break;
        if (list->is_last_page) {
            go_to_state(list, (int)list->state + 1);
            continue;
        }
        oxq_err e = read_page(list, err);
        if (e) return e;
    }
    if (list->job) list->given++;
    *out = list->job;
    if (out_state && list->job) *out_state = list->state;
    return OXQ_OK;
}
