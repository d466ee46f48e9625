/* SPDX-License-Identifier: MIT */
/*
 * The stream family: cmd_stream.c has the table and the commands that change entries, cmd_stream_range.c those that read
 * ranges and what all of them share, cmd_stream_read.c XREAD and XREADGROUP, cmd_stream_group.c groups and pending
 * entries, cmd_stream_claim.c XCLAIM and XAUTOCLAIM, cmd_stream_info.c XINFO.
 */
#ifndef CMD_CMD_STREAM_H
#define CMD_CMD_STREAM_H

#include "cmd/cmd.h"
#include "keyspace/edit_stream.h"

void cmd_xack(struct cmd_ctx *ctx);
void cmd_xautoclaim(struct cmd_ctx *ctx);
void cmd_xclaim(struct cmd_ctx *ctx);
void cmd_xpending(struct cmd_ctx *ctx);
void cmd_xrange(struct cmd_ctx *ctx);
void cmd_xread(struct cmd_ctx *ctx);
void cmd_xreadgroup(struct cmd_ctx *ctx);
void cmd_xrevrange(struct cmd_ctx *ctx);

extern const struct command cmd_xgroup_rows[], cmd_xinfo_rows[];
cmd_keys_fn cmd_xread_keys;

/* A name in an error, for "%.*s": like Redis's "%s" that ends at a NUL. */
#define CMD_STREAM_TEXT(name) (int)((name).len < INT16_MAX ? (name).len : INT16_MAX), (name).at

#define CMD_STREAM_ERR_ID SLICE_LIT("ERR Invalid stream ID specified as stream command argument")

/* The id in argv[i], "ms" or "ms-seq", seq 0 when it is missing. False: the error was replied. */
bool cmd_stream_id(struct cmd_ctx *ctx, int i, struct stream_id *out);
/* The ids argv[first] and what follows it to argv[last - 1], in the scratch arena; NULL: the error was replied. */
struct stream_id *cmd_stream_ids(struct cmd_ctx *ctx, int first, int last);

enum cmd_stream_bound { CMD_STREAM_START, CMD_STREAM_END };

/* A bound of a range: an id, "-", "+", or "(id" for what comes after or before it. False: the error was replied. */
bool cmd_stream_bound(struct cmd_ctx *ctx, int i, enum cmd_stream_bound bound, struct stream_id *out);

void cmd_stream_reply_id(struct reply *r, struct stream_id id);
/* [id, [field, value, ...]] */
void cmd_stream_reply_entry(struct reply *r, struct stream_entry entry);
/* The same for an entry by its id. False: it is not there, nothing was replied. */
bool cmd_stream_reply_one(struct reply *r, const struct value *v, struct stream_id id);
/* An array of entries, `count` at most unless it is 0. */
void cmd_stream_reply_range(struct reply *r, struct stream_iter *it, uint64_t count);
/* Finds the group argv[2] of the stream argv[1]. False: an error was replied. */
bool cmd_stream_group(struct cmd_ctx *ctx, struct entry **out_entry, struct stream_group **out_group);
/* The answer to arguments that no form of a subcommand has. */
void cmd_stream_reply_bad_subcommand(struct cmd_ctx *ctx);

/* Entries that a trim with ~ drops at most where no LIMIT is given. */
uint64_t cmd_stream_trim_limit(const struct keyspace *ks);

#endif
