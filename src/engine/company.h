/* SPDX-License-Identifier: MIT */
/*
 * Company: where a few callers each wait for the disk, their requests fall into different groups, and each waits for the other's sync
 * before its own begins. So a small group stays for a moment for those whom the last one answered: they are likely to ask again at once,
 * and from then on share one sync. Where they did not come, it is tried ever more rarely. (PostgreSQL has a fixed commit_delay for this.)
 *
 * Of one producer and one worker, each of which does one thing at a time, either shares every sync with the other then.
 */
#ifndef ENGINE_COMPANY_H
#define ENGINE_COMPANY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How long a group stays, longer than a reply and the next request take: about half a sync of a common disk. A loop that waits looks again and
 * again, and so is in the way of the callers on the same processors: it does so for few. Guests sleep (embed/visit.h), so that more of them may
 * stay, and for longer, as it takes them longer to come. More callers than that share syncs as it is.
 */
#define COMPANY_US 60
#define COMPANY_RECORDS_MAX 4
#define COMPANY_GUESTS_US 120
#define COMPANY_GUESTS_RECORDS_MAX 24
#define COMPANY_SKIPS_MAX 255

/* A group that is looked at so often in one microsecond goes: the clock stands still, as a test's. */
#define COMPANY_LOOKS_AT_ONCE_MAX 16

/* All zero is the start. */
struct company {
    uint64_t last_count; /* records of the last group */
    uint64_t expected;   /* records of this one when all have come */
    int64_t until_us;    /* it goes without them then */
    int64_t seen_us;     /* when it was looked at last; so often in that microsecond */
    uint32_t looks_at_once;
    bool is_expected;    /* the two above hold: the journal's thread is idle */
    bool is_awaited;     /* the group stays */
    bool has_stayed;     /* it did for a while */
    bool is_watched;     /* somebody comes back at until_us; else the loop has to */
    uint32_t skips;      /* so many groups do not stay */
    uint32_t skips_last; /* so many did not after the last that stayed in vain */
};

/* The journal's thread is idle, and so many records are gathered, as a guest or the loop sees. True: they stay. */
bool company_awaits(struct company *c, uint64_t count, bool is_guest, int64_t now_us);
/* So many go. */
void company_go(struct company *c, uint64_t count);

#endif
