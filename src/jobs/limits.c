/* SPDX-License-Identifier: MIT */
#include "jobs/limits.h"

#include "jobs/keys.h"
#include "jobs/options.h"

/* More than any rate allows; the number that BullMQ takes, and HELD in lua/lib/fetch.lua. */
#define ALL_TAKEN ((INT64_C(1) << 53) - 1)

void limits_request(struct arena *arena, struct slice prefix, int64_t rate_max, struct request *out)
{
    request_begin(out, arena, &transition_limits, prefix);
    if (rate_max > 0) {
        request_put_int(out, rate_max);
    } else {
        request_put_text(out, "");
    }
    out->command.is_idempotent = true;
}

oxq_err limits_read(const struct resp_value *reply, struct limits *out, struct oxq_error *err)
{
    oxq_err e = request_check(reply, "read", SLICE_LIT("limits"), err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || reply->count != 3)
        return err_set(err, OXQ_ERR_FORMAT, "read limits: the server's answer is none of this transition");
    *out = (struct limits){
        .rate_wait_ms = reply->items[0].integer,
        .is_full = reply->items[1].integer != 0,
        .is_paused = reply->items[2].integer != 0,
    };
    return OXQ_OK;
}

oxq_err limits_hold(struct arena *arena, struct slice prefix, int64_t ms, struct request *out, struct oxq_error *err)
{
    if (ms < 1 || ms > JOB_TIME_MAX_MS)
        return err_set(err, OXQ_ERR_ARGUMENT, "no job for %lld ms: write 1 .. %lld", (long long)ms,
                       (long long)JOB_TIME_MAX_MS);
    request_begin_plain(out, arena, "SET");
    request_put(out, keys_join(arena, prefix, SLICE_LIT("limiter")));
    request_put_int(out, ALL_TAKEN);
    request_put_text(out, "PX");
    request_put_int(out, ms);
    out->command.is_idempotent = true;
    return OXQ_OK;
}

void limits_release(struct arena *arena, struct slice prefix, struct request *out)
{
    request_begin_plain(out, arena, "DEL");
    request_put(out, keys_join(arena, prefix, SLICE_LIT("limiter")));
    out->command.is_idempotent = true;
}
