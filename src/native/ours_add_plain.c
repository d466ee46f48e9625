/* SPDX-License-Identifier: MIT */
/* add_plain.lua: jobs that have nothing but a name, data and options. */
#include "native/key.h"
#include "native/ours.h"

#include "base/num.h"

/* A name longer than this is no name of a job. */
#define NAME_BYTES_MAX ((size_t)1 << 16)

/* Lua writes numbers from here on as 1e+14. */
#define NUMBER_MAX 100000000000000

struct add {
    struct slice prefix, now;
    const struct slice *texts; /* name, data, options of each job */
    size_t count;
    int64_t number; /* of the last job before these */
    struct native_key meta, id, wait, marker;
    struct native_key *jobs;
    struct slice *ids;
    struct native_events events;
    bool has_max; /* meta says how long the stream may be */
    bool wakes;   /* workers may take jobs */
};

/* Whether a worker that waits may take one more. */
static bool look_for_room(struct cmd_ctx *ctx, struct add *a)
{
    struct slice concurrency = native_field(&a->meta, SLICE_LIT("concurrency"));
    struct native_key active;
    int64_t most;
    a->wakes = true;
    if (!concurrency.at) return true;
    if (!num_parse_int(concurrency, &most) || !native_look_at(ctx, a->prefix, "active", VALUE_LIST, &active))
        return false;
    a->wakes = (active.entry ? (int64_t)list_count(&active.entry->value) : 0) < most;
    return true;
}

static bool look_at_queue(struct cmd_ctx *ctx, struct add *a)
{
    if (!native_look_at(ctx, a->prefix, "meta", VALUE_HASH, &a->meta)) return false;
    /* A queue that is paused is nothing to hurry for. */
    if (native_field(&a->meta, SLICE_LIT("paused")).at) return false;
    struct slice max = native_field(&a->meta, SLICE_LIT("opts.maxLenEvents"));
    a->has_max = max.at != NULL;
    return look_for_room(ctx, a) &&
           native_look_at_events(ctx, a->prefix, a->has_max ? max : SLICE_LIT("10000"), &a->events) &&
           native_look_at(ctx, a->prefix, "id", VALUE_STRING, &a->id) && native_number(&a->id, &a->number) &&
           a->number >= 0 && a->number < NUMBER_MAX - (int64_t)a->count &&
           native_look_at(ctx, a->prefix, "wait", VALUE_LIST, &a->wait) &&
           native_look_at(ctx, a->prefix, "marker", VALUE_ZSET, &a->marker);
}

static bool look_at_jobs(struct cmd_ctx *ctx, struct add *a)
{
    a->jobs = ARENA_ARRAY(ctx->scratch, struct native_key, a->count);
    a->ids = ARENA_ARRAY(ctx->scratch, struct slice, a->count);
    for (size_t i = 0; i < a->count; i++) {
        a->ids[i] = native_digits(ctx, a->number + (int64_t)i + 1);
        if (a->texts[3 * i].len > NAME_BYTES_MAX) return false;
        if (!native_look(ctx, native_join(ctx, a->prefix, a->ids[i]), VALUE_HASH, &a->jobs[i])) return false;
    }
    return true;
}

static void add_job(struct cmd_ctx *ctx, struct add *a, size_t i)
{
    const struct slice *job = &a->texts[3 * i], zero = SLICE_LIT("0");
    const struct slice fields[] = {SLICE_LIT("name"),  job[0], SLICE_LIT("data"),      job[1],
                                   SLICE_LIT("opts"),  job[2], SLICE_LIT("timestamp"), a->now,
                                   SLICE_LIT("delay"), zero,   SLICE_LIT("priority"),  zero};
    const struct slice added[] = {SLICE_LIT("event"), SLICE_LIT("added"), SLICE_LIT("jobId"),
                                  a->ids[i],          SLICE_LIT("name"),  job[0]};
    const struct slice waiting[] = {SLICE_LIT("event"), SLICE_LIT("waiting"), SLICE_LIT("jobId"), a->ids[i]};
    native_hset(ctx, &a->jobs[i], fields, 12);
    native_emit(ctx, &a->events, added, 6);
    native_emit_and_trim(ctx, &a->events, waiting, 4);
}

bool ours_add_plain(struct cmd_ctx *ctx, const struct twin_args *args)
{
    if (args->keys_count == 0 || args->argv_count < 4 || args->argv_count % 3 != 1) return false;
    struct add a = {
        .prefix = args->keys[0], .now = args->argv[0], .texts = args->argv + 1, .count = args->argv_count / 3};
    if (!look_at_queue(ctx, &a) || !look_at_jobs(ctx, &a)) return false;

    const struct slice max[] = {SLICE_LIT("opts.maxLenEvents"), SLICE_LIT("10000")};
    if (!a.has_max) native_hset(ctx, &a.meta, max, 2);
    native_set_number(ctx, &a.id, a.number + (int64_t)a.count);
    for (size_t i = 0; i < a.count; i++) add_job(ctx, &a, i);
    for (size_t i = 0; i < a.count; i++) native_push(ctx, &a.wait, LIST_HEAD, a.ids[i]);
    if (a.wakes) native_zadd(ctx, &a.marker, 0, SLICE_LIT("0"));

    reply_array(ctx->reply, a.count);
    for (size_t i = 0; i < a.count; i++) reply_bulk(ctx->reply, a.ids[i]);
    return true;
}
