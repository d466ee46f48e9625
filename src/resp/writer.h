/* SPDX-License-Identifier: MIT */
/* The reply sink that writes RESP2 or RESP3 into a buffer. When reply.is_full, the buffer has reached its limit and lost
 * a part of an answer: the connection must be closed. */
#ifndef RESP_WRITER_H
#define RESP_WRITER_H

#include "base/buf.h"
#include "resp/reply.h"

struct resp_writer {
    struct reply reply; /* first; reply.resp may be changed between replies (HELLO) */
    struct buf *out;    /* borrowed */
};

void resp_writer_init(struct resp_writer *w, struct buf *out, uint8_t resp);

#endif
