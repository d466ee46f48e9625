/* SPDX-License-Identifier: MIT */
/*
 * The engine on disk: the data folder with its lock, the journal, the tracker and the checkpoints.
 *
 *   persist.c  opens and closes it; effects become records; what the disk cannot take is refused
 *   load.c    recovery: rows of the checkpoint, then the journal, in slices between the turns' other work
 *   save.c    checkpoints, in slices; cold values
 *   gate.c    replies wait until what they depend on is durable
 *
 * An engine whose data was not opened (engine_open_data) keeps all in memory: tests of commands do that.
 */
#ifndef ENGINE_PERSIST_H
#define ENGINE_PERSIST_H

#include "checkpoint/checkpoint.h"
#include "engine/company.h"
#include "engine/state.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "keyspace/effect_codec.h"
#include "keyspace/tracker.h"
#include "os/disk.h"

/* A checkpoint's progress.
 *
 *   IDLE --persist_start_save--> GIVING --all given--> WRITING --committed--> CLEANING --all clean--> IDLE
 *                                 '------failed---------'--> FAILING --all dirty again--> IDLE
 */
enum save_state { SAVE_IDLE, SAVE_GIVING, SAVE_WRITING, SAVE_CLEANING, SAVE_FAILING };

struct persist_save {
    enum save_state state;
    struct buf items;             /* given by the tracker, not yet by us */
    uint64_t seq;                 /* of the cut */
    int64_t started_us;           /* monotonic */
    int64_t retry_at_us;          /* after a failure: not before */
    int64_t longest_slice_us;     /* of the last checkpoint: the longest that the engine was held by it, ... */
    int64_t longest_slice_cpu_us; /* ... and the same of the processor's time: others' work is not in it */
    int64_t last_ms;              /* how long the last one took */
    int64_t saved_at_ms;          /* wall clock of the last committed one, or of the start */
    uint64_t changes_count;       /* keyspace->changes_count at the cut */
    uint64_t appended_bytes;      /* at the cut */
    size_t least_used_bytes;      /* of memory, since the cut */
    bool is_wanted;               /* one, or another, must follow: BGSAVE, or a long replay */
    bool has_failed;              /* the last one */
};

/* Keys that a group changed, by hash: may say yes of a key that it did not change, never no of one that it did. */
#define UNSETTLED_BITS 8192
struct unsettled {
    uint64_t bits[UNSETTLED_BITS / 64];
    bool is_all;   /* a database was emptied or swapped */
    bool is_empty; /* no bit is set */
};

struct load; /* load.c */

struct persist {
    struct disk_file lock;
    struct disk_file folder_lock;  /* of the journal's folder: where somebody removed the other one */
    struct journal *journal;       /* owned; NULL while loading */
    struct tracker *tracker;       /* owned */
    struct checkpoint *checkpoint; /* owned */
    struct cold_store cold;
    int waker_fd;                 /* owned: the threads wake the loop, ... */
    struct engine_guests *guests; /* ... or these, borrowed; NULL: there are none */
    struct load *load;            /* owned; NULL when all is loaded */
    struct effect_writer writer;
    bool is_record_open;
    size_t record_at;        /* where in the journal's buffer it starts */
    uint64_t appended_bytes; /* of all records' payloads, those replayed at the start too */
    enum journal_durability durability;
    struct journal_progress progress; /* as last polled */
    bool was_failure_told, was_no_room_told;
    uint64_t submitted_seq; /* of the last record in the thread's hands or beyond */
    uint32_t waiting_count; /* clients with a reply since then that waits for the next group; one may count twice */
    uint64_t settled_seq;   /* as the gate saw it last */
    struct company company;
    struct unsettled gathering, submitted; /* gate.c */
    char noted_key[128];                   /* the last one noted, ... */
    size_t noted_len;                      /* ... if it is not longer */
    struct persist_save save;
    int64_t loaded_ms;  /* how long loading took */
    int64_t cool_at_us; /* values are let go again then */
};

/* What a folder and a file in it may be long, with the NUL. */
#define PERSIST_PATH_MAX 4096

/* ---- persist.c ---- */

/* The path of a file or folder of the data. */
void persist_path(const struct engine *e, const char *name, char out[PERSIST_PATH_MAX]);
/* All is loaded: the journal goes on after the last record. */
OXQ_MUST_USE oxq_err persist_open_journal(struct engine *e, uint64_t next_seq, struct oxq_error *err);
void persist_close(struct engine *e);
/* Notes an effect of the command that runs. */
void persist_note(struct persist *p, const struct effect *effect);
/* The command, script, EXEC or timer is over: its effects are one record. */
void persist_end_record(struct persist *p);
/* Asks the threads what they did; true: more is settled than before, or the journal failed. */
bool persist_poll(struct engine *e);
/* Replies that need a record up to this one may leave. */
uint64_t persist_settled_seq(const struct persist *p);
/* Why a command with these arguments, which writes, must be refused, or an empty slice. Valid until the next call. */
struct slice persist_refusal(struct engine *e, const struct slice *argv, int argc);
/* The parameters that may change while running. */
void persist_configure(struct engine *e);

/* ---- gate.c ---- */

/* A key is changed by the open record. */
void gate_note(struct persist *p, const struct effect *effect);
/* What was gathered is in the thread's hands. */
void gate_note_submitted(struct persist *p);
/* Replies must wait for more than they did. */
void gate_note_durability(struct persist *p);
/* The journal failed while a request of c ran, which is over now. */
void gate_fail_late(struct engine_client *c);
/* The record that the reply to a command which has just run needs; 0: none that is not settled. */
uint64_t gate_need_seq(const struct engine *e, const struct command *row, const struct slice *argv, int argc);

/* ---- load.c ---- */

OXQ_MUST_USE oxq_err load_start(struct engine *e, struct oxq_error *err);
/* Loads for a while. */
void load_step(struct engine *e);
void load_free(struct load *l);
/* For INFO: bytes done and all. */
void load_progress(const struct load *l, uint64_t *out_done, uint64_t *out_all, int64_t *out_started_us);

/* ---- save.c ---- */

/* BGSAVE: starts a checkpoint, or another after the one that runs. False: nothing can be saved now. */
bool persist_start_save(struct engine *e);
/* Starts one when it is due, and does a slice of the one that runs. */
void persist_run_save(struct engine *e);
int64_t persist_next_save_us(const struct engine *e);
/* All at once, and waits for it: at the end. */
void persist_save_now(struct engine *e);
/* Those whose SAVE waits get their answer. */
void persist_answer_saves(struct engine *e, bool is_saved);

#endif
