/* SPDX-License-Identifier: MIT */
#include "jobs/backoff.h"

#include <math.h>

static double whole_delay(const struct job_backoff *b, int64_t attempts_made)
{
    double whole = (double)b->delay_ms;
    if (slice_equal(b->type, SLICE_LIT("exponential")) && attempts_made > 1)
        whole = round(exp2(fmin((double)(attempts_made - 1), 1000)) * whole);
    return fmin(whole, (double)BACKOFF_MAX_MS);
}

/* 0 up to but not 1. */
static double random_share(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

static bool is_builtin(struct slice type)
{
    return type.len == 0 || slice_equal(type, SLICE_LIT("fixed")) || slice_equal(type, SLICE_LIT("exponential"));
}

oxq_err backoff_delay(const struct backoff_case *c, struct rng *rng, int64_t *out_ms, struct oxq_error *err)
{
    const struct job_backoff *b = c->backoff;
    int64_t ms;
    if (is_builtin(b->type)) {
        double whole = whole_delay(b, c->attempts_made);
        double jitter = fmin(fmax(b->jitter, 0), 1);
        ms = (int64_t)(jitter > 0 ? floor(random_share(rng) * whole * jitter + whole * (1 - jitter)) : whole);
        if (ms < 0) ms = 0;
    } else if (c->custom) {
        ms = c->custom(c->ctx, c->job, c->attempts_made, c->error);
        if (ms < 0) {
            *out_ms = BACKOFF_STOP;
            return OXQ_OK;
        }
    } else {
        return err_set(err, OXQ_ERR_ARGUMENT,
                       "backoff \"%.*s\": neither fixed nor exponential, and the worker has no strategy of its own",
                       b->type.len < 80 ? (int)b->type.len : 80, b->type.at);
    }
    if (c->max_ms > 0 && ms > c->max_ms) ms = c->max_ms;
    *out_ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
    return OXQ_OK;
}
