/* SPDX-License-Identifier: MIT */
/*
 * Signed HTTP messages by the Standard Webhooks convention (version 1): three headers,
 *
 *     webhook-id: mail:7:1772366400000                 the queue, the job's id and when it was added: the same in each attempt, and
 *                                                      another for another job that is given the same id later
 *     webhook-timestamp: 1772366412                    when it was sent, in seconds since 1970
 *     webhook-signature: v1,<base64> v1,<base64>       HMAC-SHA256 of "<id>.<timestamp>.<body>", one for each secret
 */
#ifndef RUNNER_WEBHOOK_H
#define RUNNER_WEBHOOK_H

#include "base/arena.h"
#include "base/buf.h"

/* While a secret is changed for another, both sign. */
#define WEBHOOK_SECRETS_MAX 8

/* All zero is none. */
struct webhook_secrets {
    struct slice keys[WEBHOOK_SECRETS_MAX]; /* in the arena */
    size_t count;
    struct arena arena;
};

/*
 * Reads secrets, one a line; blanks around them and empty lines count for nothing. "whsec_" and base64 is the key that it stands for; anything
 * else is the key itself. Errors: ARGUMENT (none, too many, not base64; the text does not show the secret).
 */
OXQ_MUST_USE oxq_err webhook_read_secrets(struct slice text, struct webhook_secrets *out, struct oxq_error *err);
void webhook_secrets_deinit(struct webhook_secrets *s);

/* Appends a text as a header may hold it: bytes other than visible ASCII, and %, as %0A. Errors: those of buf_append. */
OXQ_MUST_USE oxq_err webhook_put_header_text(struct buf *out, struct slice text);
/* Appends the id of a message; dots become %2E too, for the signature puts dots between its parts. */
OXQ_MUST_USE oxq_err webhook_put_id(struct buf *out, struct slice queue, struct slice job_id, int64_t added_ms);
/* Appends the value of webhook-signature. Errors: also MEMORY. */
OXQ_MUST_USE oxq_err webhook_put_signature(struct buf *out, const struct webhook_secrets *s, struct slice id,
                                           int64_t sent_s, struct slice body);

#endif
