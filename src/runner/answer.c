/* SPDX-License-Identifier: MIT */
#include "runner/answer.h"

#include "base/num.h"
#include "runner/text.h"

#include <curl/curl.h>
#include <stdio.h>

/* Of an error's body, in the failure. */
#define SAID_BYTES_MAX 1000
/* A Location is shown up to here. */
#define LOCATION_CHARS_MAX 1000

enum { STATUS_TIMEOUT = 408, STATUS_TOO_EARLY = 425, STATUS_TOO_MANY = 429, STATUS_UNAVAILABLE = 503 };

static bool read_seconds(struct slice digits, int64_t *out_ms)
{
    int64_t s = 0;
    while (digits.len > 1 && digits.at[0] == '0') digits = slice_from(digits, 1);
    if (!num_parse_int(digits, &s) || s > ANSWER_DELAY_MS_MAX / 1000) return false;
    *out_ms = s * 1000;
    return true;
}

bool answer_read_retry_after(const char *text, int64_t now_ms, int64_t *out_delay_ms)
{
    struct slice value = text_trim(slice_from_text(text));
    if (value.len == 0) return false;
    int64_t ms = 0;
    if (strspn(value.at, "0123456789") >= value.len) {
        if (!read_seconds(value, &ms)) return false;
    } else {
        time_t at = curl_getdate(text, NULL);
        if (at < 0 || at > INT64_MAX / 1000 || (int64_t)at * 1000 - now_ms > ANSWER_DELAY_MS_MAX) return false;
        ms = (int64_t)at * 1000 - now_ms;
    }
    *out_delay_ms = ms > ANSWER_DELAY_MS_MIN ? ms : ANSWER_DELAY_MS_MIN;
    return true;
}

static void judge_failure(const struct answer *a, struct outcome *out)
{
    bool may_help = a->status >= 500 || a->status == STATUS_TIMEOUT || a->status == STATUS_TOO_EARLY;
    char text[64];
    struct slice said = text_trim(a->body);
    if (said.len > SAID_BYTES_MAX) said.len = SAID_BYTES_MAX;
    snprintf(text, sizeof(text), said.len > 0 ? "HTTP %ld: " : "HTTP %ld", a->status);
    outcome_set_said(out, may_help ? OUTCOME_FAILED : OUTCOME_FAILED_FOR_GOOD, text, said, SAID_BYTES_MAX);
}

void answer_judge(const struct answer *a, int64_t now_ms, int64_t delay_ms, struct outcome *out)
{
    if (a->status >= 200 && a->status < 300) {
        outcome_set_result(out, a->body);
        return;
    }
    bool says_when = a->retry_after && answer_read_retry_after(a->retry_after, now_ms, &out->delay_ms);
    if (a->status == STATUS_TOO_MANY || (a->status == STATUS_UNAVAILABLE && says_when)) {
        if (!says_when) out->delay_ms = delay_ms;
        outcome_set(out, OUTCOME_LATER, "HTTP %ld", a->status);
    } else if (a->status >= 300 && a->status < 400) {
        outcome_set(out, OUTCOME_FAILED_FOR_GOOD, "HTTP %ld: redirects are not followed; it leads to %.*s", a->status,
                    LOCATION_CHARS_MAX, a->location ? a->location : "nowhere, without a Location");
    } else {
        judge_failure(a, out);
    }
}
