/* SPDX-License-Identifier: MIT */
/* The text of INFO. */
#ifndef ENGINE_INFO_H
#define ENGINE_INFO_H

#include "engine/state.h"

/* Writes the sections named (none: the default ones) into an empty buffer. Names may be "all", "everything", "default". */
void info_write(struct engine *e, const struct slice *names, int count, struct buf *out);

#endif
