/* SPDX-License-Identifier: MIT */
/* What INFO says of a server that matters for jobs: is it new enough, does it throw keys away? */
#ifndef CLIENT_SURVEY_H
#define CLIENT_SURVEY_H

#include "base/slice.h"

/* The oldest that knows all commands which transitions use. */
#define CLIENT_SERVER_MAJOR 6
#define CLIENT_SERVER_MINOR 2

struct client_survey {
    int major, minor;     /* 0.0: INFO does not say */
    struct slice version; /* borrowed from INFO */
    struct slice policy;  /* maxmemory_policy, likewise; empty: INFO does not say */
};

struct client_survey client_survey_read(struct slice info);
/* What INFO does not say counts as good. */
bool client_survey_is_new_enough(const struct client_survey *s);
bool client_survey_evicts(const struct client_survey *s);

#endif
