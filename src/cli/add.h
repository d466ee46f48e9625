/* SPDX-License-Identifier: MIT */
/* What add.c and add_file.c share. Private to cli/. */
#ifndef CLI_ADD_H
#define CLI_ADD_H

#include "cli/job_options.h"
#include "cli/store.h"

struct add {
    struct cli_store store;
    struct job_flags job;
    const char *file, *from, *wait_timeout; /* NULL: not given */
    bool skips_bad, waits, is_quiet;
    struct arena arena; /* of texts in opts */
    struct oxq_job_opts opts;
};

/* add_file.c: jobs from lines. default_name: of those that have none; may be NULL. Returns the exit code. */
OXQ_MUST_USE int add_file(struct add *a, const char *default_name);

#endif
