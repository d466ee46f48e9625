/* SPDX-License-Identifier: MIT */
/*
 * What the files of the sorted-set commands share. Only they include this.
 *
 *   cmd_zset.c          members: ZADD, ZREM, ZSCORE, ZRANK ..., and the rows of all of them
 *   cmd_zset_range.c    ranges by rank, score and member
 *   cmd_zset_pop.c      ZPOPMIN and its kin, blocking or not
 *   cmd_zset_combine.c  union, intersection, difference
 *   cmd_zset_pick.c     ZRANDMEMBER, ZSCAN
 */
#ifndef CMD_CMD_ZSET_H
#define CMD_CMD_ZSET_H

#include "cmd/cmd.h"
#include "keyspace/edit_zset.h"

/* The header of an array of elements; with scores RESP2 has it flat, RESP3 as pairs. */
static inline void cmd_zset_reply_array(struct reply *r, size_t count, bool with_scores)
{
    reply_array(r, with_scores && r->resp == 2 ? 2 * count : count);
}

static inline void cmd_zset_reply_element(struct reply *r, const struct zset_element *e, bool with_scores)
{
    if (with_scores && r->resp > 2) reply_array(r, 2);
    reply_bulk(r, e->member);
    if (with_scores) reply_double(r, e->score);
}

/* An integer within min .. max, else the error `text` is replied. */
bool cmd_zset_int(struct cmd_ctx *ctx, int i, int64_t min, int64_t max, struct slice text, int64_t *out);

cmd_fn cmd_zcount, cmd_zlexcount;
cmd_fn cmd_zrange, cmd_zrangebylex, cmd_zrangebyscore, cmd_zrangestore;
cmd_fn cmd_zrevrange, cmd_zrevrangebylex, cmd_zrevrangebyscore;
cmd_fn cmd_zremrangebylex, cmd_zremrangebyrank, cmd_zremrangebyscore;
cmd_fn cmd_zpopmin, cmd_zpopmax, cmd_zmpop, cmd_bzpopmin, cmd_bzpopmax, cmd_bzmpop;
cmd_fn cmd_zunion, cmd_zinter, cmd_zdiff, cmd_zunionstore, cmd_zinterstore, cmd_zdiffstore, cmd_zintercard;
cmd_fn cmd_zrandmember, cmd_zscan;

#endif
