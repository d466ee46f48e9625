/* SPDX-License-Identifier: MIT */
/*
 * Time zones: which offset from UTC a zone's clocks have at an instant, and which instants a local time is.
 *
 * A zone is read from the bytes of a compiled time zone file (TZif, RFC 8536), which the caller brings: os/zonefile.h
 * reads them from the system's folder. A `local` time is what the zone's clocks show, as seconds that the same date
 * and time in UTC would have. Offsets are seconds east of UTC.
 * Threads: a zone does not change after it was made; any number may read it.
 */
#ifndef CRON_ZONE_H
#define CRON_ZONE_H

#include "base/err.h"
#include "base/slice.h"

/* Real files have 240 at most. */
#define ZONE_TRANSITIONS_MAX 4096
/* RFC 8536 keeps offsets between -25 and +26 hours; both are exclusive. */
#define ZONE_OFFSET_MIN_S (-25 * 3600)
#define ZONE_OFFSET_MAX_S (26 * 3600)

struct zone_transition {
    int64_t at_s;     /* the first instant of the offset, in seconds since 1970 UTC */
    int32_t offset_s; /* from then on */
};

enum zone_date_kind {
    ZONE_DATE_WEEKDAY,     /* Mm.w.d: the w-th day d of month m, 5: the last */
    ZONE_DATE_DAY_OF_YEAR, /* n: 0 .. 365, 29 February is counted */
    ZONE_DATE_JULIAN_DAY   /* Jn: 1 .. 365, 29 February is not counted */
};

/* A moment that comes every year, by the clocks as they are before it. */
struct zone_date {
    enum zone_date_kind kind;
    int month, week, weekday; /* of ZONE_DATE_WEEKDAY */
    int day;                  /* of the others */
    int32_t time_s;           /* since the day's midnight; -167 .. 167 hours */
};

/* What holds after the last transition: one offset or, with summer time, two that change each year. */
struct zone_rule {
    bool has_summer;
    int32_t offset_s;        /* of standard time */
    int32_t summer_offset_s; /* the rest only with summer time */
    struct zone_date summer_begins, summer_ends;
};

/* All zero is UTC. */
struct zone {
    struct zone_transition *transitions; /* owned; ascending */
    size_t transitions_count;
    int32_t first_offset_s; /* before the first transition */
    bool has_rule;          /* without one the last offset stays */
    struct zone_rule rule;
};

/* A time with one offset: from begins_s on and before ends_s. INT64_MIN and INT64_MAX: no beginning, no end. */
struct zone_period {
    int64_t begins_s, ends_s;
    int32_t offset_s;
};

/*
 * Reads the bytes of a TZif file of version 2 or later. Errors: FORMAT (the text says at which byte), LIMIT (more than
 * ZONE_TRANSITIONS_MAX). Owns: caller, zone_deinit.
 */
OXQ_MUST_USE oxq_err zone_parse(struct slice tzif, struct zone *out, struct oxq_error *err);
/* Of a zone of all zeros does nothing. */
void zone_deinit(struct zone *z);
/*
 * Is it a name that needs no file: "utc" or "gmt" in any case, or a fixed offset, "UTC+2", "UTC-03:30"? Then *out is
 * that zone; it owns nothing.
 */
bool zone_from_name(struct slice name, struct zone *out);
/* Reads a rule in the form of POSIX's TZ, "CET-1CEST,M3.5.0,M10.5.0/3". Errors: FORMAT. */
OXQ_MUST_USE oxq_err zone_rule_parse(struct slice text, struct zone_rule *out, struct oxq_error *err);

/* The time around an instant in which the offset does not change. Instants: within +-2^53 seconds of 1970. */
struct zone_period zone_period_at(const struct zone *z, int64_t at_s);
int32_t zone_offset(const struct zone *z, int64_t at_s);

#define ZONE_INSTANTS_MAX 2
/*
 * The instants at which the zone's clocks show a local time, in order; returns how many: none where clocks were put
 * forward over it, two where they were put back. (A zone that was put back twice within a day shows its first two.)
 */
size_t zone_instants(const struct zone *z, int64_t local_s, int64_t out_s[static ZONE_INSTANTS_MAX]);
/*
 * One instant for a local time: of two the one at which the clocks have the offset wanted, and the first when neither
 * has; a time that clocks never show is read with the offset they had before they were put forward.
 */
int64_t zone_resolve(const struct zone *z, int64_t local_s, int32_t wanted_offset_s);

#endif
