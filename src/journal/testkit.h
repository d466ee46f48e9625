/* SPDX-License-Identifier: MIT */
/* For the tests of the journal: a folder that goes away, records that can be told apart, events to wait for. */
#ifndef JOURNAL_TESTKIT_H
#define JOURNAL_TESTKIT_H

#include "journal/journal.h"
#include "journal/reader.h"

#define TESTKIT_SEGMENT_BYTES ((size_t)16384)

/* Makes a folder of its own for the process, and removes it with all that is in it. */
void testkit_begin(void);
void testkit_end(void);
extern char testkit_folder[];
/* A folder below it, that is made; static storage. */
const char *testkit_subfolder(const char *name);

/* What journals are opened with; NULL: the real clock. */
extern struct clock *testkit_clock;
/* Of a journal with small segments in `folder`; it wakes testkit_wait_idle. */
struct journal_opts testkit_opts(const char *folder, uint64_t next_seq, enum journal_durability durability);
OXQ_MUST_USE oxq_err testkit_open(const char *folder, uint64_t next_seq, enum journal_durability durability,
                                  struct journal **out, struct oxq_error *err);
struct journal_progress testkit_poll(const struct journal *j);
/* Waits until the thread has no group. */
struct journal_progress testkit_wait_idle(const struct journal *j);
/* Waits until a record is durable, or the journal FAILED. */
void testkit_wait_durable(const struct journal *j, uint64_t seq);
/* Waits until there is room, or none. */
void testkit_wait_room(const struct journal *j, bool has_room);
/* Waits until the keeper has brought the segments down to so many. */
void testkit_wait_segments(struct journal *j, uint64_t count);

/* What record seq holds when it is to have so many bytes (or more, to tell its number); static storage. */
struct slice testkit_payload(uint64_t seq, size_t bytes);
/* Appends records of differing lengths. */
void testkit_append(struct journal *j, int count);
/* Reads all from from_seq on, and checks that each is as testkit_append made it. *out_end is written after errors too. */
OXQ_MUST_USE oxq_err testkit_read(const char *folder, uint64_t from_seq, struct journal_end *out_end,
                                  struct oxq_error *err);

/* Whole files, of at most TESTKIT_FILE_BYTES. */
#define TESTKIT_FILE_BYTES ((size_t)1 << 18)
size_t testkit_load(const char *path, char *out);
void testkit_store(const char *path, struct slice bytes);
/* Copies the segments of one folder into another. */
void testkit_copy(const char *from, const char *to);
int testkit_segments_count(const char *folder);

#endif
