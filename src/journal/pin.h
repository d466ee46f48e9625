/* SPDX-License-Identifier: MIT */
/*
 * A pin holds a journal's segments where they are: while somebody has one, nothing is recycled or removed. It is a shared lock
 * on <folder>/backup.pin, which ends with its process, so that nobody's death fills the disk.
 */
#ifndef JOURNAL_PIN_H
#define JOURNAL_PIN_H

#include "os/disk.h"

/*
 * Several may hold one at a time. Waits for a keeper that is just looking. On a file system that is mounted read-only nothing can be removed:
 * there it is none, and closed. Errors: IO, PERMISSION. Owns: caller, disk_close.
 */
OXQ_MUST_USE oxq_err journal_pin(const char *folder, struct disk_file *out, struct oxq_error *err);
/* Does another process hold one? */
bool journal_is_pinned(const char *folder);

#endif
