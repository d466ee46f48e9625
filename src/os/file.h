/* SPDX-License-Identifier: MIT */
/* Files and folders by their path. */
#ifndef OS_FILE_H
#define OS_FILE_H

#include "base/buf.h"

/* Appends the whole file. Errors: NOT_FOUND, PERMISSION, IO, LIMIT (longer than out's limit allows), MEMORY; the text
 * names the path. */
OXQ_MUST_USE oxq_err file_read(const char *path, struct buf *out, struct oxq_error *err);
/* Is there anything of that name, be it a link to nothing? What cannot be looked at may be there, and so is. */
bool file_exists(const char *path);
/*
 * Makes sure that path is a folder in which we may list, read and make files; creates it (mode 0700) and its parents, and syncs the names of those.
 * Errors: PERMISSION, EXISTS (it is something else), IO; the text names the path and what to do.
 */
OXQ_MUST_USE oxq_err file_make_folder(const char *path, struct oxq_error *err);

#endif
