/* SPDX-License-Identifier: MIT */
/*
 * BullMQ's addStandardJob, addDelayedJob and addPrioritizedJob: one job with a number, or with an id of its own.
 *
 * ARGV: a packed array (the queue's prefix, the id or "", the name, the time, and behind it the parent's key, the key of the parent's dependencies,
 * the parent, the scheduler's key, the deduplication key, with one more between them up to 5.61.2), the data, the packed options. KEYS differ by
 * script: struct layout.
 *
 * All three count the job, even when its id is there already, and see to it that meta tells how long the stream of events may be. A job that
 * is there is only told of ("duplicated"). A new one is stored, told of ("added"), put where it waits, and told of again ("waiting",
 * "delayed"). What has a parent, a scheduler or a deduplication is left to the script.
 */
#include "native/bullmq.h"
#include "native/bullmq_args.h"

#include "base/num.h"

/* Delayed jobs of one millisecond stand in the order in which they came: up to so many of them. */
#define DELAYED_PER_MS 4096.0
/* Prioritized jobs of one priority likewise: a score is the priority times this, and a counter that starts again there. */
#define PRIORITIZED_MAX ((int64_t)1 << 32)

/* A queue's keys of these scripts, by what follows the prefix. No job may be called so. */
enum queue_key {
    KEY_WAIT,
    KEY_PAUSED,
    KEY_DELAYED,
    KEY_PRIORITIZED,
    KEY_META,
    KEY_ID,
    KEY_ACTIVE,
    KEY_EVENTS,
    KEY_MARKER,
    KEY_PC,
    KEYS_COUNT
};

static const struct slice suffixes[KEYS_COUNT] = {
    [KEY_WAIT] = SLICE_INIT("wait"),       [KEY_PAUSED] = SLICE_INIT("paused"),
    [KEY_DELAYED] = SLICE_INIT("delayed"), [KEY_PRIORITIZED] = SLICE_INIT("prioritized"),
    [KEY_META] = SLICE_INIT("meta"),       [KEY_ID] = SLICE_INIT("id"),
    [KEY_ACTIVE] = SLICE_INIT("active"),   [KEY_EVENTS] = SLICE_INIT("events"),
    [KEY_MARKER] = SLICE_INIT("marker"),   [KEY_PC] = SLICE_INIT("pc"),
};

/* How many KEYS a script has, and the numbers (from 1) of those that it may need. */
struct layout {
    uint8_t count, numbers[KEYS_COUNT];
};

static const struct layout standard_keys = {9,
                                            {[KEY_WAIT] = 1,
                                             [KEY_PAUSED] = 2,
                                             [KEY_META] = 3,
                                             [KEY_ID] = 4,
                                             [KEY_ACTIVE] = 7,
                                             [KEY_EVENTS] = 8,
                                             [KEY_MARKER] = 9}};
static const struct layout delayed_keys = {
    6, {[KEY_MARKER] = 1, [KEY_META] = 2, [KEY_ID] = 3, [KEY_DELAYED] = 4, [KEY_EVENTS] = 6}};
static const struct layout prioritized_keys = {9,
                                               {[KEY_MARKER] = 1,
                                                [KEY_META] = 2,
                                                [KEY_ID] = 3,
                                                [KEY_PRIORITIZED] = 4,
                                                [KEY_ACTIVE] = 7,
                                                [KEY_EVENTS] = 8,
                                                [KEY_PC] = 9}};

struct add {
    const struct twin_args *args;
    const struct layout *layout;
    struct slice prefix, id, name, opts_json;
    const struct bullmq_value *opts;
    int64_t timestamp, delay, priority;
    int64_t number; /* of the last job before this one */
    struct native_key meta, counter, job, marker;
    struct native_events events;
    struct slice concurrency; /* at is NULL: not limited */
    bool has_max;             /* meta says how long the stream may be */
    bool has_own_id;
    bool is_paused;
};

/* ---- looking ---- */

static struct slice name_of(const struct add *a, enum queue_key key)
{
    return a->args->keys[a->layout->numbers[key] - 1];
}

static bool look(struct cmd_ctx *ctx, const struct add *a, enum queue_key key, enum value_type type,
                 struct native_key *out)
{
    struct slice name = name_of(a, key);
    return bullmq_is_key(name, a->prefix, suffixes[key]) && native_look(ctx, name, type, out);
}

static bool read_whole(const struct bullmq_value *v, int64_t *out)
{
    *out = 0;
    return bullmq_is_nil(v) || bullmq_whole(v, out);
}

static bool read_opts(struct cmd_ctx *ctx, struct add *a)
{
    if (!bullmq_unpack(ctx, a->args->argv[2], &a->opts) || a->opts->kind != BULLMQ_MAP) return false;
    return bullmq_is_nil(bullmq_field(a->opts, SLICE_LIT("de"))) &&
           read_whole(bullmq_field(a->opts, SLICE_LIT("delay")), &a->delay) &&
           read_whole(bullmq_field(a->opts, SLICE_LIT("priority")), &a->priority) &&
           bullmq_json(ctx, a->opts, &a->opts_json);
}

/* Behind the time stands what few jobs have; releases differ in where. */
static bool is_plain(const struct bullmq_value *array, uint32_t from)
{
    const struct bullmq_value *v = array + 1;
    for (uint32_t i = 0; i < array->count; i++, v += v->size)
        if (i >= from && !bullmq_is_nil(v)) return false;
    return true;
}

static bool read_args(struct cmd_ctx *ctx, struct add *a)
{
    enum { PREFIX, ID, NAME, TIMESTAMP, COUNT };
    const struct bullmq_value *array, *v[COUNT];
    if (a->args->keys_count < a->layout->count || a->args->argv_count < 3) return false;
    if (!bullmq_unpack(ctx, a->args->argv[0], &array) || array->kind != BULLMQ_ARRAY) return false;
    bullmq_elements(array, v, COUNT);
    for (size_t i = PREFIX; i <= NAME; i++)
        if (v[i]->kind != BULLMQ_TEXT) return false;
    if (!bullmq_whole(v[TIMESTAMP], &a->timestamp) || !is_plain(array, COUNT)) return false;
    a->prefix = v[PREFIX]->text;
    a->id = v[ID]->text;
    a->name = v[NAME]->text;
    a->has_own_id = a->id.len > 0;
    return read_opts(ctx, a);
}

static bool look_at_meta(struct cmd_ctx *ctx, struct add *a)
{
    const struct slice fields[] = {SLICE_LIT("opts.maxLenEvents"), SLICE_LIT("paused"), SLICE_LIT("concurrency")};
    struct slice values[3] = {0};
    if (!look(ctx, a, KEY_META, VALUE_HASH, &a->meta)) return false;
    if (a->meta.entry) hash_get_many(&a->meta.entry->value, fields, 3, values);
    a->has_max = values[0].at != NULL;
    a->is_paused = values[1].at != NULL;
    a->concurrency = values[2];
    return bullmq_is_key(name_of(a, KEY_EVENTS), a->prefix, suffixes[KEY_EVENTS]) &&
           native_look_at_events(ctx, a->prefix, a->has_max ? values[0] : SLICE_LIT("10000"), &a->events);
}

static bool is_name_of_queue(struct slice id)
{
    for (size_t i = 0; i < KEYS_COUNT; i++)
        if (slice_equal(id, suffixes[i])) return true;
    return false;
}

static bool look_at_job(struct cmd_ctx *ctx, struct add *a)
{
    if (!look(ctx, a, KEY_ID, VALUE_STRING, &a->counter) || !native_number(&a->counter, &a->number)) return false;
    if (a->number < 0 || a->number >= BULLMQ_WHOLE_MAX - 1) return false;
    if (!a->has_own_id)
        a->id = native_digits(ctx, a->number + 1);
    else if (is_name_of_queue(a->id))
        return false;
    return native_look_once(ctx, native_join(ctx, a->prefix, a->id), VALUE_HASH, &a->job);
}

/* All that the scripts have in common; each then looks at what it alone needs. */
static bool look_at_all(struct cmd_ctx *ctx, struct add *a)
{
    return read_args(ctx, a) && look_at_meta(ctx, a) && look_at_job(ctx, a) &&
           look(ctx, a, KEY_MARKER, VALUE_ZSET, &a->marker);
}

/* Whether a worker may take one more job: there is a marker for it then. */
static bool look_for_room(struct cmd_ctx *ctx, const struct add *a, bool *out)
{
    struct native_key active;
    int64_t most;
    *out = !a->is_paused;
    if (a->is_paused || !a->concurrency.at) return true;
    if (!num_parse_int(a->concurrency, &most) || !look(ctx, a, KEY_ACTIVE, VALUE_LIST, &active)) return false;
    *out = (int64_t)native_llen(&active) < most;
    return true;
}

/* ---- changing ---- */

static void count_job(struct cmd_ctx *ctx, struct add *a)
{
    const struct slice max[] = {SLICE_LIT("opts.maxLenEvents"), SLICE_LIT("10000")};
    native_set_number(ctx, &a->counter, a->number + 1);
    if (!a->has_max) native_hset(ctx, &a->meta, max, 2);
}

static void tell(struct cmd_ctx *ctx, struct add *a, struct slice event)
{
    const struct slice items[] = {SLICE_LIT("event"), event, SLICE_LIT("jobId"), a->id};
    native_emit_and_trim(ctx, &a->events, items, 4);
}

/* True: that id is there, and nothing else is to be done. */
static bool is_there(struct cmd_ctx *ctx, struct add *a)
{
    count_job(ctx, a);
    if (!a->has_own_id || !a->job.entry) return false;
    tell(ctx, a, SLICE_LIT("duplicated"));
    return true;
}

static struct slice digits(struct cmd_ctx *ctx, int64_t n)
{
    return n == 0 ? SLICE_LIT("0") : native_digits(ctx, n);
}

static void store_job(struct cmd_ctx *ctx, struct add *a)
{
    const struct slice fields[] = {SLICE_LIT("name"),      a->name,
                                   SLICE_LIT("data"),      a->args->argv[1],
                                   SLICE_LIT("opts"),      a->opts_json,
                                   SLICE_LIT("timestamp"), native_digits(ctx, a->timestamp),
                                   SLICE_LIT("delay"),     digits(ctx, a->delay),
                                   SLICE_LIT("priority"),  digits(ctx, a->priority)};
    const struct slice added[] = {
        SLICE_LIT("event"), SLICE_LIT("added"), SLICE_LIT("jobId"), a->id, SLICE_LIT("name"), a->name};
    native_hset(ctx, &a->job, fields, 12);
    native_emit(ctx, &a->events, added, 6);
}

static bool answer(struct cmd_ctx *ctx, const struct add *a)
{
    reply_bulk(ctx->reply, a->id);
    return true;
}

/* ---- addStandardJob ---- */

static bool add_standard(struct cmd_ctx *ctx, const struct twin_args *args, enum queue_key list_if_paused)
{
    struct add a = {.args = args, .layout = &standard_keys};
    struct native_key list;
    bool wakes;
    if (!look_at_all(ctx, &a) || !look_for_room(ctx, &a, &wakes)) return false;
    if (!look(ctx, &a, a.is_paused ? list_if_paused : KEY_WAIT, VALUE_LIST, &list)) return false;
    bool is_lifo = bullmq_is_true(bullmq_field(a.opts, SLICE_LIT("lifo")));

    if (is_there(ctx, &a)) return answer(ctx, &a);
    store_job(ctx, &a);
    native_push(ctx, &list, is_lifo ? LIST_TAIL : LIST_HEAD, a.id);
    if (wakes) native_zadd(ctx, &a.marker, 0, SLICE_LIT("0"));
    tell(ctx, &a, SLICE_LIT("waiting"));
    return answer(ctx, &a);
}

bool bullmq_add_standard(struct cmd_ctx *ctx, const struct twin_args *args)
{
    return add_standard(ctx, args, KEY_WAIT);
}

bool bullmq_add_standard_5(struct cmd_ctx *ctx, const struct twin_args *args)
{
    return add_standard(ctx, args, KEY_PAUSED);
}

/* ---- addDelayedJob ---- */

/* The element of the range with the highest score; false: it has none. */
static bool find_last(const struct native_key *zset, double min, double max, double *out)
{
    if (!zset->entry) return false;
    const struct zset_range range = {{.kind = ZSET_BOUND_SCORE, .score = min},
                                     {.kind = ZSET_BOUND_SCORE, .is_after = true, .score = max}};
    struct zset_walk walk;
    struct zset_element last;
    zset_walk_range(&walk, &zset->entry->value, &range, true, 0, 1);
    bool is_found = zset_walk_next(&walk, &last);
    if (is_found) *out = last.score;
    return is_found;
}

/* Behind those of the same millisecond. */
static double delayed_score(const struct native_key *delayed, int64_t due_ms)
{
    double min = (double)due_ms * DELAYED_PER_MS, max = ((double)due_ms + 1) * DELAYED_PER_MS - 1, last;
    if (!find_last(delayed, min, max, &last)) return min;
    return last >= max ? max : last + 1;
}

/* Workers sleep until then. */
static double next_due_ms(const struct native_key *delayed)
{
    struct zset_cursor cursor = zset_seek_rank(&delayed->entry->value, 0);
    struct zset_element first;
    CHECK(zset_next(&cursor, &first));
    return first.score / DELAYED_PER_MS;
}

bool bullmq_add_delayed(struct cmd_ctx *ctx, const struct twin_args *args)
{
    struct add a = {.args = args, .layout = &delayed_keys};
    struct native_key delayed;
    if (!look_at_all(ctx, &a) || !look(ctx, &a, KEY_DELAYED, VALUE_ZSET, &delayed)) return false;

    if (is_there(ctx, &a)) return answer(ctx, &a);
    store_job(ctx, &a);
    int64_t due_ms = a.timestamp + a.delay;
    const struct slice event[] = {SLICE_LIT("event"), SLICE_LIT("delayed"),      SLICE_LIT("jobId"), a.id,
                                  SLICE_LIT("delay"), native_digits(ctx, due_ms)};
    native_zadd(ctx, &delayed, delayed_score(&delayed, due_ms), a.id);
    native_emit_and_trim(ctx, &a.events, event, 6);
    native_zadd(ctx, &a.marker, next_due_ms(&delayed), SLICE_LIT("1"));
    return answer(ctx, &a);
}

/* ---- addPrioritizedJob ---- */

bool bullmq_add_prioritized(struct cmd_ctx *ctx, const struct twin_args *args)
{
    struct add a = {.args = args, .layout = &prioritized_keys};
    struct native_key prioritized, pc;
    int64_t before;
    bool wakes;
    if (!look_at_all(ctx, &a) || !look_for_room(ctx, &a, &wakes)) return false;
    if (!look(ctx, &a, KEY_PRIORITIZED, VALUE_ZSET, &prioritized) || !look(ctx, &a, KEY_PC, VALUE_STRING, &pc))
        return false;
    if (!native_number(&pc, &before) || before < 0 || before >= BULLMQ_WHOLE_MAX) return false;

    if (is_there(ctx, &a)) return answer(ctx, &a);
    store_job(ctx, &a);
    native_set_number(ctx, &pc, before + 1);
    double score = (double)a.priority * (double)PRIORITIZED_MAX + (double)((before + 1) % PRIORITIZED_MAX);
    native_zadd(ctx, &prioritized, score, a.id);
    if (wakes) native_zadd(ctx, &a.marker, 0, SLICE_LIT("0"));
    tell(ctx, &a, SLICE_LIT("waiting"));
    return answer(ctx, &a);
}
