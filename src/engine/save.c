/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints, as the engine sees them: the cut, then slices of hand-over between the turns, then the wait for the thread's
 * commit, then slices that make what was handed over clean. Cold values too: they leave memory between checkpoints.
 *
 * One starts when the journal has grown by checkpoint-journal-size since the last cut, when a start had to replay much of it, when
 * checkpoint-interval is over and something changed, on SAVE and BGSAVE, when memory-target is passed and too little is clean, and at the end.
 */
#include "engine/persist.h"

#include "os/log.h"

/* A slice holds the engine for about this long; then others have as much time at least. What a slice has begun when its time is
 * over it ends, so it may take twice as long where memory is slow. */
#define SLICE_US 250
#define GAP_US 250
/* What the tracker appends between two looks at the clock. */
#define GIVE_BYTES ((size_t)8 * 1024)
/* What goes to the thread in one piece. */
#define PIECE_BYTES ((size_t)512 * 1024)
/* The thread may be behind by this much; then it gets no more for a while. All of it may come back to be freed in one slice. */
#define BACKLOG_MAX_BYTES ((size_t)8 << 20)
#define BEHIND_US 10000
#define CLEAN_LIMIT 256
#define COOL_LIMIT 128
/* Between two rounds of the clock hand: what nobody looks at for so long may leave. */
#define COOL_PAUSE_US 500000
/* Above its target, memory may grow by this part of it before the next checkpoint: only what is on disk can leave. */
#define GROWTH_PART 8
#define RETRY_US 5000000
/* At the end of the process a checkpoint makes the next start quick, but nobody may wait long for it (the journal has all):
 * with more to write than this it is left out, and where that takes longer, given up. A restart must stay well below 6 s. */
#define LAST_SAVE_MAX 500000
#define LAST_SAVE_MAX_US 2000000

/* How long a slice takes: by the clock, in which other processes may have had the processor, and of the processor's time. */
struct slice_time {
    int64_t us, cpu_us;
};

static struct slice_time begin_slice(const struct engine *e)
{
    return (struct slice_time){clock_mono_us(e->clock), clock_cpu_us(e->clock)};
}

/* The engine did nothing but this since then. */
static void end_slice(struct engine *e, struct slice_time began)
{
    struct persist_save *save = &e->persist->save;
    struct slice_time now = begin_slice(e);
    if (now.us - began.us > save->longest_slice_us) save->longest_slice_us = now.us - began.us;
    if (now.cpu_us - began.cpu_us > save->longest_slice_cpu_us) save->longest_slice_cpu_us = now.cpu_us - began.cpu_us;
}

/* ---- start ---- */

static void start(struct engine *e)
{
    struct persist *p = e->persist;
    struct persist_save *save = &p->save;
    struct slice_time began = begin_slice(e);
    save->state = SAVE_GIVING;
    save->is_wanted = false;
    save->seq = journal_last_seq(p->journal);
    save->started_us = e->mono_us;
    save->longest_slice_us = save->longest_slice_cpu_us = 0;
    save->changes_count = e->keyspace.changes_count;
    save->appended_bytes = p->appended_bytes;
    save->least_used_bytes = engine_memory_used(e);
    checkpoint_begin(p->checkpoint, save->seq);
    tracker_cut(p->tracker, &save->items);
    end_slice(e, began);
}

bool persist_start_save(struct engine *e)
{
    struct persist *p = e->persist;
    if (!p->journal || p->progress.state == JOURNAL_FAILED) return false;
    /* In a transaction that has changed something, the cut waits for its end. */
    if (p->save.state == SAVE_IDLE && !p->is_record_open)
        start(e);
    else
        p->save.is_wanted = true;
    return true;
}

static bool is_over_target(const struct engine *e)
{
    return e->config->memory_target_bytes > 0 && engine_memory_used(e) > (size_t)e->config->memory_target_bytes;
}

/* Much of what is in memory has come, or changed, since the last cut. */
static bool has_grown(const struct engine *e)
{
    size_t part = (size_t)e->config->memory_target_bytes / GROWTH_PART;
    return engine_memory_used(e) > e->persist->save.least_used_bytes + part;
}

static bool is_due(struct engine *e)
{
    struct persist *p = e->persist;
    const struct persist_save *save = &p->save;
    if (save->is_wanted) return true;
    if (tracker_dirty_count(p->tracker) == 0 || e->mono_us < save->retry_at_us) return false;
    if (is_over_target(e) && (has_grown(e) || e->mono_us - save->started_us > RETRY_US)) return true;
    int64_t interval_us = e->config->checkpoint_interval_s * 1000000;
    if (interval_us && e->mono_us - save->started_us >= interval_us) return true;
    return p->appended_bytes - save->appended_bytes >= (uint64_t)e->config->checkpoint_journal_bytes;
}

/* The journal failed since SAVE was sent: no checkpoint comes that it could wait for. */
static void refuse_wanted(struct engine *e)
{
    e->persist->save.is_wanted = false;
    persist_answer_saves(e, false);
}

/* ---- slices ---- */

static void pass_piece(struct persist *p)
{
    if (p->save.items.len > 0) checkpoint_give(p->checkpoint, &p->save.items);
}

static void give_slice(struct engine *e)
{
    struct persist *p = e->persist;
    if (checkpoint_backlog_bytes(p->checkpoint) > BACKLOG_MAX_BYTES) return;
    int64_t until_us = clock_mono_us(e->clock) + SLICE_US;
    bool is_all;
    do {
        is_all = tracker_give(p->tracker, GIVE_BYTES);
        if (p->save.items.len >= PIECE_BYTES) pass_piece(p);
    } while (!is_all && clock_mono_us(e->clock) < until_us);
    if (!is_all) return;
    pass_piece(p);
    checkpoint_end(p->checkpoint);
    p->save.state = SAVE_WRITING;
}

static void note_committed(struct engine *e, const struct checkpoint_progress *progress)
{
    struct persist *p = e->persist;
    struct persist_save *save = &p->save;
    save->state = SAVE_CLEANING;
    save->has_failed = false;
    save->last_ms = (e->mono_us - save->started_us) / 1000;
    save->saved_at_ms = e->keyspace.now_ms;
    journal_trim(p->journal, save->seq);
    log_event(LOG_INFO, "checkpoint", log_int("seq", (int64_t)save->seq),
              log_int("rows", (int64_t)progress->rows_count), log_int("ms", save->last_ms),
              log_int("longest_slice_us", save->longest_slice_us),
              log_int("longest_slice_cpu_us", save->longest_slice_cpu_us));
    /* Who asked while it ran waits for the next one: that has what they had seen. */
    if (!save->is_wanted) persist_answer_saves(e, true);
}

static void note_failed(struct engine *e, const struct checkpoint_progress *progress)
{
    struct persist *p = e->persist;
    p->save.state = SAVE_FAILING;
    p->save.has_failed = true;
    p->save.retry_at_us = e->mono_us + RETRY_US;
    log_event(LOG_WARNING, "a checkpoint failed: the journal is kept, the one before stands",
              log_text("reason", progress->error.text));
    persist_answer_saves(e, false);
}

static void poll_checkpoint(struct engine *e)
{
    struct checkpoint_progress p;
    checkpoint_poll(e->persist->checkpoint, &p);
    if (p.state == CHECKPOINT_COMMITTED) note_committed(e, &p);
    if (p.state == CHECKPOINT_FAILED) note_failed(e, &p);
}

/* What was handed is clean now, or dirty again. */
static void settle_slice(struct engine *e)
{
    struct persist *p = e->persist;
    int64_t until_us = clock_mono_us(e->clock) + SLICE_US;
    bool is_all;
    do {
        is_all = p->save.state == SAVE_CLEANING ? tracker_committed(p->tracker, CLEAN_LIMIT)
                                                : tracker_failed(p->tracker, CLEAN_LIMIT);
    } while (!is_all && clock_mono_us(e->clock) < until_us);
    if (!is_all) return;
    buf_deinit(&p->save.items);
    p->save.state = SAVE_IDLE;
}

/* Lets values go that a checkpoint holds, as long as more memory is used than there should be. */
static void cool_slice(struct engine *e)
{
    struct persist *p = e->persist;
    int64_t until_us = clock_mono_us(e->clock) + SLICE_US;
    bool is_round = false;
    while (!is_round && is_over_target(e) && clock_mono_us(e->clock) < until_us)
        (void)tracker_cool(p->tracker, COOL_LIMIT, &is_round);
    p->cool_at_us = e->mono_us + (is_round ? COOL_PAUSE_US : GAP_US);
}

void persist_run_save(struct engine *e)
{
    struct persist *p = e->persist;
    struct persist_save *save = &p->save;
    size_t used = engine_memory_used(e);
    if (used < save->least_used_bytes) save->least_used_bytes = used;
    if (save->state == SAVE_IDLE && is_due(e) && !persist_start_save(e)) refuse_wanted(e);
    if (save->state != SAVE_IDLE) {
        struct slice_time began = begin_slice(e);
        if (save->state == SAVE_GIVING) give_slice(e);
        if (save->state == SAVE_GIVING || save->state == SAVE_WRITING) poll_checkpoint(e);
        if (save->state == SAVE_CLEANING || save->state == SAVE_FAILING) settle_slice(e);
        end_slice(e, began);
    }
    if (is_over_target(e) && e->mono_us >= p->cool_at_us) cool_slice(e);
}

static int64_t next_slice_us(const struct engine *e)
{
    const struct persist *p = e->persist;
    if (p->save.state == SAVE_CLEANING || p->save.state == SAVE_FAILING) return e->mono_us + GAP_US;
    if (p->save.state != SAVE_GIVING)
        return ENGINE_NEVER_US; /* the thread wakes the loop, and the cron looks what is due */
    bool is_behind = checkpoint_backlog_bytes(p->checkpoint) > BACKLOG_MAX_BYTES;
    return e->mono_us + (is_behind ? BEHIND_US : GAP_US);
}

int64_t persist_next_save_us(const struct engine *e)
{
    int64_t next_us = next_slice_us(e);
    if (is_over_target(e) && e->persist->cool_at_us < next_us) next_us = e->persist->cool_at_us;
    return next_us;
}

/* ---- at the end ---- */

void persist_save_now(struct engine *e)
{
    struct persist *p = e->persist;
    struct persist_save *save = &p->save;
    while (save->state == SAVE_CLEANING || save->state == SAVE_FAILING) settle_slice(e);
    if (save->state == SAVE_IDLE) {
        size_t count = tracker_dirty_count(p->tracker);
        if (count == 0) return;
        if (count > LAST_SAVE_MAX) {
            log_event(LOG_INFO, "no last checkpoint: the journal has all, and writing it would take long",
                      log_int("changed_keys", (int64_t)count));
            return;
        }
        start(e);
    }
    if (save->state == SAVE_GIVING) {
        while (!tracker_give(p->tracker, PIECE_BYTES)) pass_piece(p);
        pass_piece(p);
        checkpoint_end(p->checkpoint);
        save->state = SAVE_WRITING;
    }
    if (checkpoint_wait(p->checkpoint, clock_mono_us(e->clock) + LAST_SAVE_MAX_US)) {
        engine_update_time(e);
        poll_checkpoint(e);
    } else {
        checkpoint_give_up(p->checkpoint);
        log_event(LOG_INFO, "no last checkpoint: the journal has all, and writing it takes long");
    }
}
