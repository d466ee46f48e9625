/* SPDX-License-Identifier: MIT */
#include "client/survey.h"

/* The value of "name:value" at the start of a line; empty when there is none. */
static struct slice find_field(struct slice info, struct slice name)
{
    while (info.len > 0) {
        const char *end = memchr(info.at, '\n', info.len);
        size_t line = end ? (size_t)(end - info.at) : info.len;
        size_t value = name.len + 1;
        if (line >= value && memcmp(info.at, name.at, name.len) == 0 && info.at[name.len] == ':') {
            size_t len = line - value;
            if (len > 0 && info.at[line - 1] == '\r') len--;
            return slice_of(info.at + value, len);
        }
        info = slice_from(info, end ? line + 1 : line);
    }
    return SLICE_LIT("");
}

/* Reads digits and what stands between numbers; a version may go on as it likes. */
static int take_number(struct slice *text)
{
    int n = 0;
    while (text->len > 0 && text->at[0] >= '0' && text->at[0] <= '9') {
        if (n < 100000) n = n * 10 + (text->at[0] - '0');
        *text = slice_from(*text, 1);
    }
    if (text->len > 0) *text = slice_from(*text, 1);
    return n;
}

struct client_survey client_survey_read(struct slice info)
{
    struct client_survey s = {.version = find_field(info, SLICE_LIT("redis_version")),
                              .policy = find_field(info, SLICE_LIT("maxmemory_policy"))};
    struct slice rest = s.version;
    s.major = take_number(&rest);
    s.minor = take_number(&rest);
    return s;
}

bool client_survey_is_new_enough(const struct client_survey *s)
{
    if (s->version.len == 0) return true;
    return s->major > CLIENT_SERVER_MAJOR || (s->major == CLIENT_SERVER_MAJOR && s->minor >= CLIENT_SERVER_MINOR);
}

bool client_survey_evicts(const struct client_survey *s)
{
    return s->policy.len > 0 && !slice_is(s->policy, "noeviction");
}
