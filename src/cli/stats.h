/* SPDX-License-Identifier: MIT */
/* oxq stats in two parts: stats.c asks the store, stats_print.c says what came out. Private to both. */
#ifndef CLI_STATS_H
#define CLI_STATS_H

#include "cli/groups.h"
#include "cli/spread.h"

#include <oxq/queue.h>

/* Attempts that are told apart; the last one stands for more too. */
#define STATS_ATTEMPTS 10
#define STATS_MINUTES 60

struct stats_minutes {
    int64_t points[STATS_MINUTES]; /* the newest first */
    struct oxq_metrics metrics;    /* per_minute is points */
};

struct stats {
    const char *queue;
    struct oxq_counts counts;
    int64_t completed, failed;            /* jobs that were looked at */
    int64_t attempts[STATS_ATTEMPTS + 1]; /* finished jobs by how many they took */
    struct spread waited, ran;            /* waited: of jobs that were begun once, from when they were due */
    struct groups errors;                 /* of failed jobs */
    struct stats_minutes completed_minutes, failed_minutes;
};

/* Finished jobs that took so many attempts or more, of all finished ones, in percent; 0 of none. */
int stats_percent_from(const struct stats *s, int attempts);

/* Each returns the exit code. now_ms: what times are told from. */
int stats_print_json(struct stats *s);
int stats_print(struct stats *s, int64_t now_ms);

#endif
