/* SPDX-License-Identifier: MIT */
/* The hash commands that stand outside cmd_hash.c, for its table. */
#ifndef CMD_CMD_HASH_H
#define CMD_CMD_HASH_H

#include "cmd/cmd.h"

cmd_fn cmd_hash_hscan, cmd_hash_hrandfield;

#endif
