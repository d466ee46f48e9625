/* SPDX-License-Identifier: MIT */
/* A batch does what keyspace_apply does with one effect after the other. */
#include "keyspace/replay.h"

#include "base/mem.h"
#include "base/num.h"
#include "keyspace/digest.h"
#include "keyspace/hash.h"

#include <criterion/criterion.h>

/* Records are written and read, by a batch into one keyspace and singly into the other. */
struct world {
    struct keyspace batched, singly;
    struct rng rng;
    struct buf record;
    struct effect_writer writer;
    struct effect_reader reader;
    struct replay_batch batch;
};

static struct world *world_new(void)
{
    struct world *w = mem_alloc_zero(sizeof(*w));
    rng_init(&w->rng, 11);
    keyspace_init(&w->batched, &w->rng);
    keyspace_init(&w->singly, &w->rng);
    w->record.limit_bytes = 1 << 24;
    effect_writer_init(&w->writer, &w->record);
    effect_reader_init(&w->reader);
    return w;
}

static void world_free(struct world *w)
{
    keyspace_deinit(&w->batched);
    keyspace_deinit(&w->singly);
    effect_writer_deinit(&w->writer);
    effect_reader_deinit(&w->reader);
    replay_batch_deinit(&w->batch);
    buf_deinit(&w->record);
    mem_free(w);
}

static void apply_batch(struct world *w)
{
    const struct replay_step *failed;
    cr_assert_eq(replay_apply(&w->batch, &w->batched, &failed), OXQ_OK);
}

/* What was written is a record; its bytes go as soon as it was taken in. */
static void end_record(struct world *w, uint64_t seq)
{
    bool is_full = true;
    effect_reader_start(&w->reader, buf_borrow(&w->record));
    while (is_full) {
        cr_assert_eq(replay_take(&w->batch, &w->reader, seq, &is_full), OXQ_OK);
        if (is_full) apply_batch(w);
    }
    memset(w->record.at, 0xee, w->record.len);
    w->record.len = 0;
    effect_writer_start(&w->writer);
}

static void change(struct world *w, struct effect e)
{
    cr_assert_eq(effect_write(&w->writer, &e), OXQ_OK);
    cr_assert_eq(keyspace_apply(&w->singly, &e), OXQ_OK);
}

static void assert_same(struct world *w)
{
    apply_batch(w);
    for (uint32_t i = 0; i < KEYSPACE_DBS_COUNT; i++) {
        db_check(&w->batched.dbs[i]);
        cr_assert_eq(digest_db(&w->batched.dbs[i]), digest_db(&w->singly.dbs[i]), "database %u", i);
    }
    cr_assert_eq(w->batched.changes_count, w->singly.changes_count);
}

static struct slice number(char *room, uint64_t n)
{
    return slice_of(room, num_format_int(room, (int64_t)n));
}

static void change_at_random(struct world *w)
{
    static const struct slice fields[] = {SLICE_INIT("name"), SLICE_INIT("data"), SLICE_INIT("own"), SLICE_INIT("")};
    static const char long_text[600] = "long";
    char key_room[NUM_INT_MAX_CHARS], value_room[NUM_INT_MAX_CHARS];
    struct effect e = {.db = (uint32_t)rng_below(&w->rng, 2)};
    struct db *db = &w->singly.dbs[e.db];
    e.key = number(key_room, rng_below(&w->rng, 12));
    struct entry *entry = db_find(db, e.key);
    uint64_t pick = rng_below(&w->rng, 40);
    if (pick < 3 && entry) {
        change(w, (struct effect){.kind = EFFECT_KEY_DELETE, .db = e.db, .key = e.key});
    } else if (pick == 3) {
        change(w, (struct effect){.kind = EFFECT_DB_SWAP, .db = e.db, .n = 1 - (int64_t)e.db});
    } else if (pick < 6) {
        change(w, (struct effect){.kind = EFFECT_LIST_PUSH_TAIL, .db = e.db, .key = SLICE_LIT("wait"), .a = e.key});
    } else {
        e.kind = EFFECT_HASH_SET;
        for (uint64_t i = 1 + rng_below(&w->rng, 9); i > 0; i--) {
            e.a = fields[rng_below(&w->rng, 4)];
            e.b = pick == 39 ? slice_of(long_text, sizeof(long_text)) : number(value_room, rng_next(&w->rng) >> 40);
            change(w, e);
        }
    }
}

Test(replay, leaves_what_single_effects_leave_whatever_the_records_lengths)
{
    struct world *w = world_new();
    uint64_t seq = 1;
    for (int i = 0; i < 20000; i++) {
        change_at_random(w);
        if (rng_below(&w->rng, 50) == 0) end_record(w, seq++);
        if (rng_below(&w->rng, 1000) == 0) {
            end_record(w, seq++);
            assert_same(w);
        }
    }
    end_record(w, seq);
    assert_same(w);
    world_free(w);
}

Test(replay, builds_a_hash_of_more_fields_than_a_batch_has_room_for)
{
    struct world *w = world_new();
    char field[NUM_INT_MAX_CHARS];
    for (uint64_t i = 0; i < REPLAY_ITEMS_MAX * 2; i++)
        change(w, (struct effect){
                      .kind = EFFECT_HASH_SET, .key = SLICE_LIT("h"), .a = number(field, i), .b = SLICE_LIT("v")});
    end_record(w, 1);
    assert_same(w);
    cr_assert_eq(hash_count(&db_find(&w->batched.dbs[0], SLICE_LIT("h"))->value), REPLAY_ITEMS_MAX * 2);
    world_free(w);
}

Test(replay, takes_the_fields_of_a_job_as_one_step)
{
    struct world *w = world_new();
    static const struct slice fields[] = {SLICE_INIT("name"), SLICE_INIT("data"), SLICE_INIT("opts")};
    for (int i = 0; i < 3; i++)
        change(w,
               (struct effect){.kind = EFFECT_HASH_SET, .key = SLICE_LIT("job"), .a = fields[i], .b = SLICE_LIT("v")});
    change(w, (struct effect){.kind = EFFECT_HASH_SET, .key = SLICE_LIT("job2"), .a = fields[0], .b = SLICE_LIT("v")});
    end_record(w, 5);
    cr_assert_eq(w->batch.steps_count, 2);
    cr_assert_eq(w->batch.steps[0].effect.items_count, 6);
    cr_assert_eq(w->batch.effects_count, 4);
    assert_same(w);
    cr_assert_eq(w->batch.steps_count, 0);
    world_free(w);
}

Test(replay, tells_the_step_and_the_record_that_do_not_fit)
{
    struct world *w = world_new();
    const struct replay_step *failed = NULL;
    change(w, (struct effect){.kind = EFFECT_STRING_SET, .key = SLICE_LIT("s"), .a = SLICE_LIT("text")});
    end_record(w, 7);
    struct effect bad = {.kind = EFFECT_HASH_SET, .key = SLICE_LIT("s"), .a = SLICE_LIT("f"), .b = SLICE_LIT("v")};
    cr_assert_eq(effect_write(&w->writer, &bad), OXQ_OK);
    end_record(w, 8);
    cr_assert_eq(replay_apply(&w->batch, &w->batched, &failed), OXQ_ERR_TYPE);
    cr_assert_eq(failed->seq, 8);
    cr_assert_eq(failed->effect.kind, EFFECT_HASH_SET);
    world_free(w);
}

Test(replay, refuses_a_database_that_is_not_there)
{
    struct world *w = world_new();
    const struct replay_step *failed = NULL;
    struct effect bad = {.kind = EFFECT_HASH_SET, .db = KEYSPACE_DBS_COUNT, .key = SLICE_LIT("k"), .a = SLICE_LIT("f")};
    cr_assert_eq(effect_write(&w->writer, &bad), OXQ_OK);
    end_record(w, 1);
    cr_assert_eq(replay_apply(&w->batch, &w->batched, &failed), OXQ_ERR_FORMAT);
    world_free(w);
}

Test(replay, ends_at_what_is_no_effect)
{
    struct world *w = world_new();
    bool is_full;
    effect_reader_start(&w->reader, SLICE_LIT("\x3f"));
    cr_assert_eq(replay_take(&w->batch, &w->reader, 1, &is_full), OXQ_ERR_FORMAT);
    world_free(w);
}
