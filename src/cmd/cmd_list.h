/* SPDX-License-Identifier: MIT */
/*
 * The list family in two files: cmd_list.c has the table, cmd_list_take.c the commands that take elements out, waiting
 * or not.
 */
#ifndef CMD_CMD_LIST_H
#define CMD_CMD_LIST_H

#include "cmd/cmd.h"

void cmd_blmove(struct cmd_ctx *ctx);
void cmd_blmpop(struct cmd_ctx *ctx);
void cmd_blpop(struct cmd_ctx *ctx);
void cmd_brpop(struct cmd_ctx *ctx);
void cmd_brpoplpush(struct cmd_ctx *ctx);
void cmd_lmove(struct cmd_ctx *ctx);
void cmd_lmpop(struct cmd_ctx *ctx);
void cmd_lpop(struct cmd_ctx *ctx);
void cmd_rpop(struct cmd_ctx *ctx);
void cmd_rpoplpush(struct cmd_ctx *ctx);

cmd_keys_fn cmd_lmpop_keys, cmd_blmpop_keys;

#endif
