/* SPDX-License-Identifier: MIT */
/* The key commands that stand outside cmd_key.c, for its table. */
#ifndef CMD_CMD_KEY_H
#define CMD_CMD_KEY_H

#include "cmd/cmd.h"

cmd_fn cmd_key_expire, cmd_key_pexpire, cmd_key_expireat, cmd_key_pexpireat;
cmd_fn cmd_key_ttl, cmd_key_pttl, cmd_key_expiretime, cmd_key_pexpiretime, cmd_key_persist;
cmd_fn cmd_key_keys, cmd_key_scan, cmd_key_randomkey;
cmd_fn cmd_key_dbsize, cmd_key_flushdb, cmd_key_flushall, cmd_key_swapdb;
cmd_fn cmd_key_object_encoding, cmd_key_object_freq, cmd_key_object_help, cmd_key_object_idletime,
    cmd_key_object_refcount;
cmd_fn cmd_key_memory_help, cmd_key_memory_usage;

#endif
