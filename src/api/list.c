/* SPDX-License-Identifier: MIT */
/*
 * Lists of jobs: a page of ids, and of their hashes, is read when the last page is used up, by plain commands in pipelines.
 *
 * A page is asked for by its place, and between two pages places shift: workers take jobs, others are added, and often it is the caller
 * who removes what the list gives. So each page is read with the last id of the page before in front. When another id stands
 * there, the ids of the page before are looked for, the last ones first, and the list goes on behind the first that is still there; when all
 * of them are gone, where that page was. Ids of the page before that come again are passed over.
 *
 * Hashes with their data may be large: how large they are is asked for first, and so many are read at a time as are not too much for one
 * answer.
 */
#include "api/state.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "jobs/keys.h"

#include <stdlib.h>
#include <string.h>

/* Jobs of one page, at most; of one without data. */
#define LIST_PAGE 200
#define LIST_PAGE_BRIEF 1000
/* Data and results that are read at a time have so many bytes, or else are those of one job. */
#define LIST_BYTES ((int64_t)16 << 20)
/* In a list each id that is looked for takes a walk, from its end on: so many are, and the walks go so far beyond the page. */
#define LIST_ANCHORS 8
#define LIST_ANCHOR_SHIFT 2000

struct list_page {
    struct arena arena;
    struct client_batch reply;
    struct slice *ids; /* in the order in which they are given; in the arena, texts in the reply */
    size_t count;
    int64_t place; /* of the first, within the state */
};

struct oxq_list {
    oxq_queue *queue; /* borrowed */
    struct oxq_list_opts opts;
    struct arena texts; /* of the options */
    int64_t until_ms;   /* jobs that were added or have finished later are left out */
    oxq_state state;    /* being read; OXQ_STATES_COUNT: the end */
    bool is_apart;      /* of WAITING: in its second list now */
    int64_t skip;       /* in the list that is being read */
    int64_t given;
    struct list_page pages[2]; /* the one that is given, and the one before */
    size_t current;
    bool is_last_page;    /* of the state */
    struct slice *fresh;  /* of the page, those that were not in the page before; in its arena */
    int64_t *fresh_bytes; /* of their data and results; NULL: they are not read */
    size_t at, fresh_count;
    struct client_batch hashes; /* of the fresh ids from..to */
    size_t from, to;
    oxq_job *job; /* owned: the one that was given last */
};

/* No more than will be given, when all of them will. */
static size_t page_jobs(const struct oxq_list *l)
{
    const struct oxq_list_opts *o = &l->opts;
    int64_t most = o->without_data ? LIST_PAGE_BRIEF : LIST_PAGE, left = o->count - l->given;
    bool is_filtered = o->name || o->failure || o->data_path || o->added_from_ms || o->added_to_ms;
    return (size_t)(o->count > 0 && !is_filtered && left < most ? left : most);
}

static void ask(struct client_batch *b, const struct slice *argv, size_t argc)
{
    struct client_command command = {.argv = argv, .argc = argc, .is_idempotent = true};
    client_batch_add(b, &command);
}

/* ---------------------------------------------------------------- open and close */

static void begin_list(struct oxq_list *l)
{
    l->pages[0].count = l->pages[1].count = 0;
    l->at = l->from = l->to = l->fresh_count = 0;
    l->is_last_page = false;
}

static void go_to_state(struct oxq_list *l, int state)
{
    while (state < OXQ_STATES_COUNT && l->opts.states != 0 && !(l->opts.states & (1u << state))) state++;
    l->state = (oxq_state)state;
    l->is_apart = false;
    l->skip = l->opts.skip;
    begin_list(l);
}

/* Of WAITING: what was skipped in the first list is not skipped in the second. */
static oxq_err go_to_second_list(struct oxq_list *l, struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_batch b = {.count = 0};
    struct slice length[] = {SLICE_LIT("LLEN"), state_key(l->queue, &arena, l->state)};
    oxq_err e = OXQ_OK;
    if (l->skip > 0) {
        ask(&b, length, 2);
        e = store_run(l->queue->client, &b, err);
        int64_t first_count = e ? 0 : client_batch_reply(&b, 0)->integer;
        l->skip = l->skip > first_count ? l->skip - first_count : 0;
    }
    l->is_apart = true;
    begin_list(l);
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

oxq_err oxq_queue_list(oxq_queue *queue, const struct oxq_list_opts *opts, oxq_list **out, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, queue, out);
    if (e) return e;
    struct oxq_list_opts o = opts ? *opts : (struct oxq_list_opts){0};
    if (o.skip < 0 || o.count < 0) return err_set(err, OXQ_ERR_ARGUMENT, "skip and count are from 0 on");
    if (o.states >> OXQ_STATES_COUNT) return err_set(err, OXQ_ERR_ARGUMENT, "states: bits 1u << OXQ_STATE_...");
    if (o.data_value && !o.data_path) return err_set(err, OXQ_ERR_ARGUMENT, "data_value needs a data_path");
    if (o.data_path && o.without_data)
        return err_set(err, OXQ_ERR_ARGUMENT, "a data_path needs the data: list without without_data");
    if (o.data_path && o.data_path[0] && o.data_path[0] != '/')
        return err_set(err, OXQ_ERR_ARGUMENT, "data_path %.80s: a JSON pointer begins with /, as in /to/0/name",
                       o.data_path);
    struct oxq_list *l = mem_alloc_zero(sizeof(*l));
    l->queue = queue;
    l->opts = o;
    l->until_ms = INT64_MAX;
    const char **texts[] = {&l->opts.name, &l->opts.failure, &l->opts.data_path, &l->opts.data_value};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (*texts[i]) *texts[i] = arena_copy_text(&l->texts, slice_from_text(*texts[i]));
    }
    go_to_state(l, OXQ_STATE_WAITING);
    *out = l;
    return OXQ_OK;
}

void list_set_until(oxq_list *list, int64_t ms)
{
    list->until_ms = ms;
}

void oxq_list_free(oxq_list *list)
{
    if (!list) return;
    oxq_job_free(list->job);
    client_batch_deinit(&list->hashes);
    arena_deinit(&list->texts);
    for (size_t i = 0; i < 2; i++) {
        client_batch_deinit(&list->pages[i].reply);
        arena_deinit(&list->pages[i].arena);
    }
    mem_free(list);
}

/* ---------------------------------------------------------------- a page of ids */

/* Lists have the newest at their head, sorted sets at their end. Is the page read from the head on? */
static bool is_from_head(const struct oxq_list *l)
{
    return state_places[l->state].is_list == l->opts.newest_first;
}

static struct slice put_int(struct arena *arena, int64_t n)
{
    char *digits = arena_alloc(arena, NUM_INT_MAX_CHARS);
    return slice_of(digits, num_format_int(digits, n));
}

static struct slice list_key(const struct oxq_list *l, struct arena *arena)
{
    return l->is_apart ? state_paused_key(l->queue, arena) : state_key(l->queue, arena, l->state);
}

/* Up to `count` ids from a place on. */
static oxq_err read_ids(struct oxq_list *l, struct list_page *page, int64_t place, size_t count, struct oxq_error *err)
{
    client_batch_reset(&page->reply);
    arena_reset(&page->arena);
    bool is_list = state_places[l->state].is_list, is_backwards = is_list && !is_from_head(l);
    int64_t first = place, last = place + (int64_t)count - 1;
    if (is_backwards) {
        first = -(last + 1);
        last = -(place + 1);
    }
    const char *command = is_list ? "LRANGE" : is_from_head(l) ? "ZRANGE" : "ZREVRANGE";
    struct slice argv[] = {slice_from_text(command), list_key(l, &page->arena), put_int(&page->arena, first),
                           put_int(&page->arena, last)};
    ask(&page->reply, argv, 4);
    page->count = 0;
    oxq_err e = store_run(l->queue->client, &page->reply, err);
    if (e) return e;
    const struct resp_value *reply = client_batch_reply(&page->reply, 0);
    page->place = place;
    page->count = reply->count;
    page->ids = ARENA_ARRAY(&page->arena, struct slice, reply->count + 1);
    for (size_t i = 0; i < reply->count; i++) page->ids[i] = reply->items[is_backwards ? reply->count - 1 - i : i].text;
    l->is_last_page = reply->count < count;
    return OXQ_OK;
}

/* Looks for id i of the page before, from the side at which the list begins. */
static void ask_for_anchor(const struct oxq_list *l, const struct list_page *before, size_t i, struct arena *arena,
                           struct client_batch *b)
{
    struct slice key = list_key(l, arena);
    if (!state_places[l->state].is_list) {
        struct slice argv[] = {slice_from_text(is_from_head(l) ? "ZRANK" : "ZREVRANK"), key, before->ids[i]};
        ask(b, argv, 3);
        return;
    }
    int64_t walk = before->place + (int64_t)before->count + LIST_ANCHOR_SHIFT;
    struct slice argv[] = {SLICE_LIT("LPOS"),
                           key,
                           before->ids[i],
                           SLICE_LIT("RANK"),
                           slice_from_text(is_from_head(l) ? "1" : "-1"),
                           SLICE_LIT("MAXLEN"),
                           put_int(arena, walk)};
    ask(b, argv, 7);
}

/* Where the page goes on after things have shifted. */
static oxq_err find_place(struct oxq_list *l, const struct list_page *before, int64_t *out_place, struct oxq_error *err)
{
    struct arena arena = {0};
    struct client_batch b = {.is_look = true};
    bool is_list = state_places[l->state].is_list;
    size_t step = is_list ? (before->count + LIST_ANCHORS - 1) / LIST_ANCHORS : 1;
    struct slice length[] = {slice_from_text(is_list ? "LLEN" : "ZCARD"), list_key(l, &arena)};
    ask(&b, length, 2);
    for (size_t i = before->count; i > 0; i -= i < step ? i : step) ask_for_anchor(l, before, i - 1, &arena, &b);
    oxq_err e = store_run(l->queue->client, &b, err);
    *out_place = before->place;
    for (size_t i = 1; !e && i < b.count; i++) {
        const struct resp_value *found = client_batch_reply(&b, i);
        if (found->kind != RESP_INTEGER) continue;
        bool is_from_end = is_list && !is_from_head(l);
        *out_place = (is_from_end ? client_batch_reply(&b, 0)->integer - 1 - found->integer : found->integer) + 1;
        break;
    }
    client_batch_deinit(&b);
    arena_deinit(&arena);
    return e;
}

static oxq_err read_next_ids(struct oxq_list *l, const struct list_page *before, struct list_page *page,
                             struct oxq_error *err)
{
    if (before->count == 0) return read_ids(l, page, l->skip, page_jobs(l), err);
    int64_t next = before->place + (int64_t)before->count;
    oxq_err e = read_ids(l, page, next - 1, page_jobs(l) + 1, err);
    if (e) return e;
    if (page->count > 0 && slice_equal(page->ids[0], before->ids[before->count - 1])) {
        page->ids++;
        page->count--;
        page->place++;
        return OXQ_OK;
    }
    e = find_place(l, before, &next, err);
    return e ? e : read_ids(l, page, next, page_jobs(l), err);
}

static bool has_id(const struct list_page *page, struct slice id)
{
    for (size_t i = 0; i < page->count; i++) {
        if (slice_equal(page->ids[i], id)) return true;
    }
    return false;
}

/* ---------------------------------------------------------------- their hashes */

static void ask_for_hash(struct oxq_list *l, struct arena *arena, struct slice id)
{
    struct slice argv[JOB_BRIEF_FIELDS + 2] = {SLICE_LIT("HGETALL"), keys_join(arena, l->queue->prefix, id)};
    if (!l->opts.without_data) {
        ask(&l->hashes, argv, 2);
        return;
    }
    argv[0] = SLICE_LIT("HMGET");
    for (size_t i = 0; i < JOB_BRIEF_FIELDS; i++) argv[i + 2] = slice_from_text(job_brief_fields[i]);
    ask(&l->hashes, argv, JOB_BRIEF_FIELDS + 2);
}

/* Damaged jobs are passed over: the others are listed. */
static oxq_err run_each(struct oxq_list *l, struct client_batch *b, struct oxq_error *err)
{
    oxq_err e = client_batch_run(l->queue->client, b, 0, err);
    for (size_t i = 0; !e && i < b->count; i++) {
        const struct resp_value *reply = client_batch_reply(b, i);
        if (!job_is_damaged(reply)) e = client_reply_check(reply, err);
    }
    return e;
}

static oxq_err read_sizes(struct oxq_list *l, struct arena *arena, struct oxq_error *err)
{
    static const struct slice large[] = {SLICE_INIT("data"), SLICE_INIT("returnvalue")};
    struct client_batch b = {0};
    for (size_t i = 0; i < 2 * l->fresh_count; i++) {
        struct slice argv[] = {SLICE_LIT("HSTRLEN"), keys_join(arena, l->queue->prefix, l->fresh[i / 2]), large[i % 2]};
        ask(&b, argv, 3);
    }
    oxq_err e = run_each(l, &b, err);
    l->fresh_bytes = ARENA_ARRAY(arena, int64_t, l->fresh_count);
    memset(l->fresh_bytes, 0, l->fresh_count * sizeof(*l->fresh_bytes));
    for (size_t i = 0; !e && i < 2 * l->fresh_count; i++) {
        const struct resp_value *reply = client_batch_reply(&b, i);
        if (reply->kind == RESP_INTEGER) l->fresh_bytes[i / 2] += reply->integer;
    }
    client_batch_deinit(&b);
    return e;
}

/* Of the fresh ids, from the next one on. */
static oxq_err read_hashes(struct oxq_list *l, struct oxq_error *err)
{
    struct arena *arena = &l->pages[l->current].arena;
    int64_t bytes = 0;
    l->from = l->to = l->at;
    client_batch_reset(&l->hashes);
    while (l->to < l->fresh_count) {
        bytes += l->fresh_bytes ? l->fresh_bytes[l->to] : 0;
        if (bytes > LIST_BYTES && l->to > l->from) break;
        ask_for_hash(l, arena, l->fresh[l->to++]);
    }
    oxq_err e = run_each(l, &l->hashes, err);
    if (e) l->to = l->at;
    return e;
}

static oxq_err read_page(struct oxq_list *l, struct oxq_error *err)
{
    const struct list_page *before = &l->pages[l->current];
    struct list_page *page = &l->pages[1 - l->current];
    oxq_err e = read_next_ids(l, before, page, err);
    if (e) return e;
    bool has_shifted = before->count > 0 && page->place != before->place + (int64_t)before->count;
    l->current = 1 - l->current;
    l->at = l->from = l->to = l->fresh_count = 0;
    l->fresh = ARENA_ARRAY(&page->arena, struct slice, page->count + 1);
    l->fresh_bytes = NULL;
    for (size_t i = 0; i < page->count; i++) {
        if (!has_shifted || !has_id(before, page->ids[i])) l->fresh[l->fresh_count++] = page->ids[i];
    }
    return l->fresh_count > 1 && !l->opts.without_data ? read_sizes(l, &page->arena, err) : OXQ_OK;
}

/* HMGET's reply as HGETALL would have given it. */
static struct resp_value pair_fields(struct arena *arena, const struct resp_value *reply)
{
    struct resp_value *items = ARENA_ARRAY(arena, struct resp_value, 2 * JOB_BRIEF_FIELDS);
    struct resp_value hash = {.kind = RESP_ARRAY, .items = items};
    for (size_t i = 0; i < reply->count && i < JOB_BRIEF_FIELDS; i++) {
        if (reply->items[i].kind == RESP_NULL) continue;
        items[hash.count++] = (struct resp_value){.kind = RESP_BULK, .text = slice_from_text(job_brief_fields[i])};
        items[hash.count++] = reply->items[i];
    }
    return hash;
}

/* ---------------------------------------------------------------- what is looked for */

static bool has_value(const oxq_json *v, const char *wanted)
{
    char digits[NUM_INT_MAX_CHARS + 1];
    double d;
    switch (oxq_json_kind_of(v)) {
    case OXQ_JSON_TEXT: return strcmp(oxq_json_text(v, "", ""), wanted) == 0;
    case OXQ_JSON_BOOL: return strcmp(oxq_json_bool(v, "", false) ? "true" : "false", wanted) == 0;
    case OXQ_JSON_NULL: return strcmp("null", wanted) == 0;
    case OXQ_JSON_INTEGER:
        digits[num_format_int(digits, oxq_json_integer(v, "", 0))] = '\0';
        return strcmp(digits, wanted) == 0;
    case OXQ_JSON_REAL: return num_parse_double(slice_from_text(wanted), &d) && oxq_json_real(v, "", 0) == d;
    case OXQ_JSON_ABSENT:
    case OXQ_JSON_LIST:
    case OXQ_JSON_MAP: return false;
    }
    return false;
}

/* The job's own, or that of the job of which a dead letter tells. */
static bool has_failure(oxq_job *job, const char *part)
{
    const char *failure = job->fields.failure;
    if (!failure) failure = oxq_json_text(oxq_job_json(job), "/failedReason", "");
    return strstr(failure, part) != NULL;
}

static bool is_match(const struct oxq_list *l, oxq_job *job)
{
    const struct oxq_list_opts *o = &l->opts;
    const struct oxq_job_fields *f = &job->fields;
    if (o->name && strcmp(o->name, f->name) != 0) return false;
    if (o->added_from_ms && f->added_ms < o->added_from_ms) return false;
    if (o->added_to_ms && f->added_ms > o->added_to_ms) return false;
    if (f->added_ms > l->until_ms || f->finished_ms > l->until_ms) return false;
    if (o->failure && !has_failure(job, o->failure)) return false;
    if (!o->data_path) return true;
    const oxq_json *found = oxq_json_at(oxq_job_json(job), o->data_path);
    return found && (!o->data_value || has_value(found, o->data_value));
}

/* The next job of the page that fits, as l->job; NULL: none is left in it. */
static oxq_err next_of_page(struct oxq_list *l, struct oxq_error *err)
{
    struct list_page *page = &l->pages[l->current];
    while (l->at < l->fresh_count) {
        oxq_err e = l->at == l->to ? read_hashes(l, err) : OXQ_OK;
        if (e) return e;
        size_t i = l->at++;
        struct oxq_error why;
        oxq_job *job;
        struct resp_value hash = *client_batch_reply(&l->hashes, i - l->from);
        if (l->opts.without_data) hash = pair_fields(&page->arena, &hash);
        /* Removed since its id was read, or no job at all. */
        e = job_new_from_reply(l->queue->name, &hash, l->fresh[i], &job, &why);
        if (e == OXQ_ERR_MEMORY) return err_set(err, e, "%s", why.text);
        if (e) continue;
        l->job = is_match(l, job) ? job : NULL;
        if (l->job) break;
        oxq_job_free(job);
    }
    return OXQ_OK;
}

oxq_err oxq_list_next(oxq_list *list, oxq_job **out, oxq_state *out_state, struct oxq_error *err)
{
    oxq_err e = ARGS_CHECK(err, list, out);
    if (e) return e;
    oxq_job_free(list->job);
    list->job = NULL;
    bool is_full = list->opts.count > 0 && list->given == list->opts.count;
    while (!is_full && list->state < OXQ_STATES_COUNT) {
        e = next_of_page(list, err);
        if (e) return e;
        if (list->job) break;
        if (!list->is_last_page)
            e = read_page(list, err);
        else if (list->state == OXQ_STATE_WAITING && !list->is_apart)
            e = go_to_second_list(list, err);
        else
            go_to_state(list, (int)list->state + 1);
        if (e) return e;
    }
    if (list->job) list->given++;
    *out = list->job;
    if (out_state && list->job) *out_state = list->state;
    return OXQ_OK;
}
