/* SPDX-License-Identifier: MIT */
/* The set family in two files: cmd_set.c has the table, cmd_set_algebra.c intersections, unions and differences. */
#ifndef CMD_CMD_SET_H
#define CMD_CMD_SET_H

#include "cmd/cmd.h"

void cmd_sdiff(struct cmd_ctx *ctx);
void cmd_sdiffstore(struct cmd_ctx *ctx);
void cmd_sinter(struct cmd_ctx *ctx);
void cmd_sintercard(struct cmd_ctx *ctx);
void cmd_sinterstore(struct cmd_ctx *ctx);
void cmd_sunion(struct cmd_ctx *ctx);
void cmd_sunionstore(struct cmd_ctx *ctx);

cmd_keys_fn cmd_sintercard_keys;

#endif
