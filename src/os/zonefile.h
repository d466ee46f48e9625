/* SPDX-License-Identifier: MIT */
/* The system's compiled time zones, as bytes; cron/zone.h reads them. */
#ifndef OS_ZONEFILE_H
#define OS_ZONEFILE_H

#include "base/buf.h"

/* Where they are, unless the environment's TZDIR names another folder. */
#define ZONEFILE_FOLDER "/usr/share/zoneinfo"
#define ZONEFILE_NAME_MAX_BYTES 128
/* Real files have 5 KB at most. */
#define ZONEFILE_MAX_BYTES ((size_t)1 << 20)

/*
 * Reads the file of an IANA name, "Europe/Berlin", in the case it is written there. The name cannot lead out of the
 * folder. out needs a limit; ZONEFILE_MAX_BYTES is enough. Errors: ARGUMENT (not a name), NOT_FOUND (no such zone, or no
 * zones at all: the text says so), PERMISSION, IO, LIMIT, MEMORY.
 */
OXQ_MUST_USE oxq_err zonefile_read(struct slice name, struct buf *out, struct oxq_error *err);

#endif
