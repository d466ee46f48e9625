/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: the keyspace at one sequence number, in LMDB, written by a thread of its own.
 *
 *   engine: checkpoint_begin(C), checkpoint_give(items) ..., checkpoint_end
 *   thread: one LMDB transaction; commit with C; wake(ctx)
 *   engine: checkpoint_poll -> committed C, or why not
 *
 * A failed transaction leaves the checkpoint before as it was; the next one may succeed (a full disk has room again).
 * Rows: docs/FORMAT.md; each has a CRC32C over key and value, and the number of the checkpoint that wrote it.
 *
 * Threads: one thread (the engine's) calls everything; `wake` is called on the checkpoint's own.
 */
#ifndef CHECKPOINT_CHECKPOINT_H
#define CHECKPOINT_CHECKPOINT_H

#include "keyspace/items.h"

struct checkpoint;

struct checkpoint_opts {
    const char *folder; /* copied; made if it is not there */
    size_t map_bytes;   /* the file's greatest size; 0: 1 TiB */
    bool is_read_only;  /* for oxq check and backup: no thread */
    /* For a start that answers soon: most pages are checked by the first cursor on its way, not here. Until it has come to its end, it
     * is the only one, and nothing may be read or begun but large values of the rows that it gives. */
    bool is_checked_by_cursor;
    void (*wake)(void *ctx);
    void *ctx;
};

/* Errors: IO, PERMISSION; FORMAT: damage; NEWER: of a later version; the text names the file. */
OXQ_MUST_USE oxq_err checkpoint_open(const struct checkpoint_opts *opts, struct checkpoint **out,
                                     struct oxq_error *err);
/* Waits for a running checkpoint. NULL is fine. */
void checkpoint_close(struct checkpoint *c);

/* ---- loading ---- */

struct checkpoint_summary {
    uint64_t seq; /* 0: there is none yet */
    int64_t saved_at_ms;
    uint64_t keys_count, rows_count, file_bytes;
    uint32_t db_numbers[16];
    uint64_t next_number;
};
void checkpoint_summary(struct checkpoint *c, struct checkpoint_summary *out);

/* A key's row, borrowed until the cursor is closed. `bytes` is a small value's encoding; large ones have disk_id. */
struct checkpoint_row {
    uint32_t db; /* database, not its number on disk */
    struct slice key;
    enum value_type type;
    int64_t expire_ms;
    uint64_t disk_id; /* 0: small */
    struct slice bytes;
};
struct checkpoint_cursor;
/* Walks all keys of the committed checkpoint in the order of the file, and checks all its pages. Errors: IO, FORMAT (damage: which
 * page, or which row; behind a row it goes on). */
OXQ_MUST_USE oxq_err checkpoint_cursor_open(struct checkpoint *c, struct checkpoint_cursor **out,
                                            struct oxq_error *err);
OXQ_MUST_USE oxq_err checkpoint_cursor_next(struct checkpoint_cursor *cursor, struct checkpoint_row *out, bool *out_has,
                                            struct oxq_error *err);
/* The same in steps for who has other work in between: at PAGES some were checked that have no rows. */
enum checkpoint_step { CHECKPOINT_ROW, CHECKPOINT_PAGES, CHECKPOINT_END };
OXQ_MUST_USE oxq_err checkpoint_cursor_step(struct checkpoint_cursor *cursor, struct checkpoint_row *out,
                                            enum checkpoint_step *out_step, struct oxq_error *err);
/* True: all keys are in one database. False: they are not, or that cannot be told so soon. */
bool checkpoint_cursor_has_one_db(const struct checkpoint_cursor *cursor, uint32_t *out_db);
void checkpoint_cursor_close(struct checkpoint_cursor *cursor);
/* Makes a large value from its rows. Errors: FORMAT, IO. */
OXQ_MUST_USE oxq_err checkpoint_load_large(struct checkpoint *c, uint64_t disk_id, enum value_type type,
                                           struct value *out, struct oxq_error *err);
/* One small value of the committed checkpoint. Errors: NOT_FOUND, FORMAT, IO. */
OXQ_MUST_USE oxq_err checkpoint_load(struct checkpoint *c, uint32_t db_number, struct slice key, enum value_type type,
                                     struct value *out, struct oxq_error *err);

struct disk_file; /* os/disk.h */
/* The file, open and with its path, to look whether it is still there. Borrowed. Threads: any. */
const struct disk_file *checkpoint_file(const struct checkpoint *c);

/* ---- saving ---- */

/* Not while one is running. */
void checkpoint_begin(struct checkpoint *c, uint64_t seq);
/* Moves the buffer's items to the thread; the buffer is left empty, with the room of one that the thread is through with. */
void checkpoint_give(struct checkpoint *c, struct buf *items);
/* Nothing more follows: commit. */
void checkpoint_end(struct checkpoint *c);
/* Waits until what was ended is committed or has failed, or until that time (CLOCK_MONOTONIC): false. Blocks. */
bool checkpoint_wait(struct checkpoint *c, int64_t until_us);
/* The running checkpoint is not wanted any more, and nor is another: checkpoint_close must follow, and waits for no more than what
 * the thread has begun. It is committed whole, or not at all. */
void checkpoint_give_up(struct checkpoint *c);
/* Bytes given and not yet written: the engine waits with more when it is long. */
size_t checkpoint_backlog_bytes(struct checkpoint *c);

enum checkpoint_state { CHECKPOINT_IDLE, CHECKPOINT_RUNNING, CHECKPOINT_COMMITTED, CHECKPOINT_FAILED };
struct checkpoint_progress {
    enum checkpoint_state state; /* COMMITTED and FAILED are told once, then it is IDLE */
    uint64_t seq;                /* of the last committed one */
    uint64_t rows_count;         /* written by the last one */
    struct oxq_error error;      /* FAILED: what */
};
void checkpoint_poll(struct checkpoint *c, struct checkpoint_progress *out);

/* ---- checking, mending, copying ---- */

struct checkpoint_report {
    uint64_t keys_count, rows_count, bytes; /* good ones */
    uint64_t damaged_count;                 /* faults told */
    uint64_t lost_keys_count;               /* rows of keys that cannot be read or met, or whose large value is gone */
};
/* Told each fault: which row or page, and what. */
typedef void checkpoint_damage_fn(void *ctx, const char *text);

/*
 * Reads every row and its checksums, and whether keys and large values fit together. Blocks: as long as reading the file
 * takes. Errors: IO; FORMAT when the file cannot be walked at all. Threads: not with a running checkpoint_cursor or load.
 */
OXQ_MUST_USE oxq_err checkpoint_verify(struct checkpoint *c, checkpoint_damage_fn *on_damage, void *ctx,
                                       struct checkpoint_report *out, struct oxq_error *err);
/*
 * Makes a checkpoint in `target` (a folder without one) of all that can be read in `folder`, also where checkpoint_open
 * refuses it; nobody may write that meanwhile. A large value keeps those of its elements that are good. Errors: IO,
 * PERMISSION, EXISTS; FORMAT when nothing can be read at all.
 */
OXQ_MUST_USE oxq_err checkpoint_repair(const char *folder, const char *target, checkpoint_damage_fn *on_damage,
                                       void *ctx, struct checkpoint_report *out, struct oxq_error *err);

struct checkpoint_backup_opts {
    uint64_t bytes_per_second; /* 0: as fast as it goes */
    /* Told now and then. False ends the backup (CLOSED). May be NULL. */
    bool (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t all_bytes);
    void *ctx;
};
/*
 * Copies the committed state to a new file, synced, also while another process writes the checkpoint (which grows
 * meanwhile, for the pages being copied are not used again). out_seq: what the copy holds. Blocks. Errors: IO,
 * PERMISSION, EXISTS (the target), CLOSED.
 */
OXQ_MUST_USE oxq_err checkpoint_backup(const char *folder, const char *target_path,
                                       const struct checkpoint_backup_opts *opts, uint64_t *out_seq,
                                       struct oxq_error *err);

#endif
