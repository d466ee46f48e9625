/* SPDX-License-Identifier: MIT */
/* add_plain.lua: jobs that have nothing but a name, data and options. */
#include "native/ours.h"
#include "native/queue.h"

struct add {
    struct native_queue queue;
    struct slice now;
    const struct slice *texts; /* name, data, options of each job */
    size_t count;
    int64_t number; /* of the last job before these */
    struct native_key id, list;
    struct native_key *jobs;
    struct slice *ids;
};

/* BullMQ up to 5 keeps the jobs of a paused queue apart: place.lua. */
static bool is_kept_apart(const struct native_queue *q)
{
    struct slice version = native_field(&q->meta, SLICE_LIT("version"));
    const struct slice prefix = SLICE_LIT("bullmq:");
    return q->is_paused && version.len > prefix.len + 1 && memcmp(version.at, prefix.at, prefix.len) == 0 &&
           version.at[prefix.len] >= '1' && version.at[prefix.len] <= '5' && version.at[prefix.len + 1] == '.';
}

static bool look_at_queue(struct cmd_ctx *ctx, struct slice prefix, struct add *a)
{
    if (!native_queue_look(ctx, prefix, &a->queue)) return false;
    a->list = a->queue.wait;
    if (is_kept_apart(&a->queue) && !native_look_at(ctx, prefix, "paused", VALUE_LIST, &a->list)) return false;
    return native_look_at(ctx, prefix, "id", VALUE_STRING, &a->id) && native_number(&a->id, &a->number) &&
           a->number >= 0 && a->number < NATIVE_WHOLE_MAX - (int64_t)a->count;
}

static bool look_at_jobs(struct cmd_ctx *ctx, struct add *a)
{
    struct slice prefix = a->queue.prefix;
    a->jobs = ARENA_ARRAY(ctx->scratch, struct native_key, a->count);
    a->ids = ARENA_ARRAY(ctx->scratch, struct slice, a->count);
    for (size_t i = 0; i < a->count; i++) {
        struct slice key = native_join(ctx, prefix, native_digits(ctx, a->number + (int64_t)i + 1));
        a->ids[i] = slice_of(key.at + prefix.len, key.len - prefix.len);
        if (a->texts[3 * i].len > NATIVE_TEXT_MAX) return false;
        if (!native_look_once(ctx, key, VALUE_HASH, &a->jobs[i])) return false;
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
    native_emit(ctx, &a->queue.events, added, 6);
    native_emit_and_trim(ctx, &a->queue.events, waiting, 4);
}

bool ours_add_plain(struct cmd_ctx *ctx, const struct twin_args *args)
{
    if (args->keys_count == 0 || args->argv_count < 4 || args->argv_count % 3 != 1) return false;
    struct add a = {.now = args->argv[0], .texts = args->argv + 1, .count = args->argv_count / 3};
    if (!look_at_queue(ctx, args->keys[0], &a) || !look_at_jobs(ctx, &a)) return false;

    native_queue_note_max(ctx, &a.queue);
    native_set_number(ctx, &a.id, a.number + (int64_t)a.count);
    for (size_t i = 0; i < a.count; i++) add_job(ctx, &a, i);
    for (size_t i = 0; i < a.count; i++) native_push(ctx, &a.list, LIST_HEAD, a.ids[i]);
    if (native_queue_room(&a.queue) > 0) native_zadd(ctx, &a.queue.marker, 0, SLICE_LIT("0"));

    reply_array(ctx->reply, a.count);
    for (size_t i = 0; i < a.count; i++) reply_bulk(ctx->reply, a.ids[i]);
    return true;
}
