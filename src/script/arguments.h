/* SPDX-License-Identifier: MIT */
/* KEYS and ARGV of a script's runs. See arguments.c. */
#ifndef SCRIPT_ARGUMENTS_H
#define SCRIPT_ARGUMENTS_H

#include "base/slice.h"

struct script;
struct script_host;

/* What is kept of a script's last KEYS or ARGV. */
struct arguments {
    int table; /* its number in Lua's registry; 0: nothing was kept so far */
    int count;
    struct slice *texts; /* owned, ARGUMENTS_KEPT_MAX of them; borrowed from the table's strings */
};

/* More than these, or longer ones, are made anew each time. */
#define ARGUMENTS_KEPT_MAX 32
#define ARGUMENTS_TEXT_MAX_BYTES 1024

/* Makes KEYS and ARGV what the script finds under these names. args: the keys, then the rest. */
void arguments_set(struct script_host *h, struct script *s, const struct slice *args, int keys_count, int count);
/* Between runs: no script finds the last one's. */
void arguments_drop(struct script_host *h);
/* The script goes: its tables may. */
void arguments_forget(struct script_host *h, struct script *s);

#endif
