/* SPDX-License-Identifier: MIT */
/* The string commands that stand outside cmd_string.c, for its table. */
#ifndef CMD_CMD_STRING_H
#define CMD_CMD_STRING_H

#include "cmd/cmd.h"

cmd_fn cmd_string_append, cmd_string_strlen, cmd_string_getrange, cmd_string_setrange;
cmd_fn cmd_string_incr, cmd_string_decr, cmd_string_incrby, cmd_string_decrby, cmd_string_incrbyfloat;
cmd_fn cmd_string_lcs;

#endif
