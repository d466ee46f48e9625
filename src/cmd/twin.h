/* SPDX-License-Identifier: MIT */
/*
 * Twins: C that does to the keyspace what a Lua script does, in the cases that it knows. The Lua host finds one by a script's SHA-1 and asks
 * it first; native/ has them.
 */
#ifndef CMD_TWIN_H
#define CMD_TWIN_H

#include "cmd/cmd.h"

/* What a script finds as KEYS and ARGV; borrowed for the call. */
struct twin_args {
    const struct slice *keys, *argv;
    size_t keys_count, argv_count;
};

/*
 * Either does all that the script would do and answers on ctx->reply as that would, or returns false: this is no case of its, nothing was
 * changed or answered, and the script runs. So whatever may go wrong is looked for before the first change.
 */
typedef bool twin_fn(struct cmd_ctx *ctx, const struct twin_args *args);

/* A row of a table that ends with one without a SHA-1. */
struct twin {
    const char *sha; /* in lower case */
    twin_fn *run;
};

#endif
