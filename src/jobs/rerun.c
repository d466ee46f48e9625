/* SPDX-License-Identifier: MIT */
#include "jobs/rerun.h"

oxq_err rerun_request(struct arena *arena, const struct rerun_batch *batch, struct request *out, struct oxq_error *err)
{
    if (batch->count == 0 || batch->count > RERUN_JOBS_MAX)
        return err_set(err, OXQ_ERR_LIMIT, "%zu jobs at once: write 1 .. %d", batch->count, RERUN_JOBS_MAX);
    request_begin(out, arena, &transition_rerun, batch->prefix);
    request_put_text(out, batch->have_failed ? "failed" : "completed");
    request_put_text(out, batch->resets_attempts ? "1" : "0");
    request_put_text(out, batch->resets_starts ? "1" : "0");
    request_put_text(out, batch->heeds_lifo ? "1" : "0");
    for (size_t i = 0; i < batch->count; i++) request_put(out, batch->ids[i]);
    return OXQ_OK;
}

oxq_err rerun_result(const struct resp_value *reply, size_t i, struct slice id, struct oxq_error *err)
{
    oxq_err e = request_check(reply, "run again job", id, err);
    if (e) return e;
    if (reply->kind != RESP_ARRAY || i >= reply->count)
        return err_set(err, OXQ_ERR_FORMAT, "run jobs again: the server's answer has no job %zu", i + 1);
    return request_check(&reply->items[i], "run again job", id, err);
}
