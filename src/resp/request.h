/* SPDX-License-Identifier: MIT */
/* Requests as a client writes them: an array of bulk strings. */
#ifndef RESP_REQUEST_H
#define RESP_REQUEST_H

#include "base/buf.h"

/* The head of a request; `words` calls of resp_request_word must follow. Errors: MEMORY, LIMIT. */
OXQ_MUST_USE oxq_err resp_request_open(struct buf *out, size_t words);
OXQ_MUST_USE oxq_err resp_request_word(struct buf *out, struct slice word);
/* A whole request. Errors: the same; a part may have been appended then. */
OXQ_MUST_USE oxq_err resp_request_append(struct buf *out, const struct slice *argv, size_t argc);

#endif
