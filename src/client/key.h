/* SPDX-License-Identifier: MIT */
/* Which key a command speaks of, and the slot of a cluster where that key lives. */
#ifndef CLIENT_KEY_H
#define CLIENT_KEY_H

#include "base/slice.h"

#define CLIENT_SLOTS_COUNT 16384
#define CLIENT_SLOT_NONE (-1)

/* Of the part in the first { } when there is something in it, else of the whole key. */
int client_key_slot(struct slice key);
/* The slot of a plain command's first key; CLIENT_SLOT_NONE: it has no key, any node can do it. */
int client_command_slot(const struct slice *argv, size_t argc);

#endif
