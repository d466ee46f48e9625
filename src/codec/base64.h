/* SPDX-License-Identifier: MIT */
/* Base64 as of RFC 4648 section 4, with padding: how bytes that are no text travel in JSON. */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include "base/buf.h"

/* Appends the encoding. Errors: those of buf_append. */
OXQ_MUST_USE oxq_err base64_encode(struct slice bytes, struct buf *out);
/* Appends what the text stands for. Errors: FORMAT (nothing was appended), those of buf_append. */
OXQ_MUST_USE oxq_err base64_decode(struct slice text, struct buf *out);

#endif
