/* SPDX-License-Identifier: MIT */
#include "runner/webhook.h"

#include "base/num.h"
#include "codec/base64.h"
#include "codec/hmac.h"
#include "runner/text.h"

#include <stdio.h>

/* ---------------------------------------------------------------- secrets */

static oxq_err add_secret(struct webhook_secrets *s, struct slice text, struct oxq_error *err)
{
    static const struct slice mark = SLICE_INIT("whsec_");
    if (s->count == WEBHOOK_SECRETS_MAX)
        return err_set(err, OXQ_ERR_ARGUMENT, "more than %d secrets to sign with", WEBHOOK_SECRETS_MAX);
    struct slice key = text;
    OWNED(buf_deinit) struct buf decoded = {.limit_bytes = text.len + 1};
    if (text.len >= mark.len && memcmp(text.at, mark.at, mark.len) == 0) {
        if (base64_decode(slice_from(text, mark.len), &decoded) != OXQ_OK || decoded.len == 0)
            return err_set(err, OXQ_ERR_ARGUMENT,
                           "a secret that begins with whsec_ goes on in base64; this one does not");
        key = buf_borrow(&decoded);
    }
    s->keys[s->count++] = arena_copy(&s->arena, key);
    return OXQ_OK;
}

oxq_err webhook_read_secrets(struct slice text, struct webhook_secrets *out, struct oxq_error *err)
{
    oxq_err e = OXQ_OK;
    while (!e && text.len > 0) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;
        struct slice line = text_trim(slice_of(text.at, len));
        if (line.len > 0) e = add_secret(out, line, err);
        text = slice_from(text, end ? len + 1 : len);
    }
    if (!e && out->count == 0)
        e = err_set(err, OXQ_ERR_ARGUMENT, "there is no secret to sign with: nothing but blanks");
    if (e) webhook_secrets_deinit(out);
    return e;
}

void webhook_secrets_deinit(struct webhook_secrets *s)
{
    arena_deinit(&s->arena);
    s->count = 0;
}

/* ---------------------------------------------------------------- headers */

static oxq_err put_byte(struct buf *out, char byte, bool is_plain)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t b = (uint8_t)byte;
    if (is_plain) return buf_append(out, slice_of(&byte, 1));
    const char text[] = {'%', digits[b >> 4], digits[b & 15]};
    return buf_append(out, slice_of(text, sizeof(text)));
}

static bool is_visible(char c)
{
    return c > ' ' && c <= '~' && c != '%';
}

oxq_err webhook_put_header_text(struct buf *out, struct slice text)
{
    oxq_err e = OXQ_OK;
    for (size_t i = 0; !e && i < text.len; i++) e = put_byte(out, text.at[i], is_visible(text.at[i]));
    return e;
}

static oxq_err put_id_text(struct buf *out, struct slice text)
{
    oxq_err e = OXQ_OK;
    for (size_t i = 0; !e && i < text.len; i++)
        e = put_byte(out, text.at[i], is_visible(text.at[i]) && text.at[i] != '.');
    return e;
}

static oxq_err put_number(struct buf *out, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    return buf_append(out, slice_of(digits, num_format_int(digits, n)));
}

oxq_err webhook_put_id(struct buf *out, struct slice queue, struct slice job_id, int64_t added_ms)
{
    oxq_err e = put_id_text(out, queue);
    if (!e) e = buf_append(out, SLICE_LIT(":"));
    if (!e) e = put_id_text(out, job_id);
    if (!e) e = buf_append(out, SLICE_LIT(":"));
    return e ? e : put_number(out, added_ms);
}

oxq_err webhook_put_signature(struct buf *out, const struct webhook_secrets *s, struct slice id, int64_t sent_s,
                              struct slice body)
{
    char digits[NUM_INT_MAX_CHARS];
    struct slice seconds = slice_of(digits, num_format_int(digits, sent_s));
    const struct slice parts[] = {id, SLICE_LIT("."), seconds, SLICE_LIT("."), body};
    oxq_err e = OXQ_OK;
    for (size_t i = 0; !e && i < s->count; i++) {
        unsigned char code[HMAC_SHA256_BYTES];
        e = hmac_sha256(s->keys[i], parts, sizeof(parts) / sizeof(parts[0]), code);
        if (!e) e = buf_append(out, i > 0 ? SLICE_LIT(" v1,") : SLICE_LIT("v1,"));
        if (!e) e = base64_encode(slice_of(code, sizeof(code)), out);
    }
    return e;
}
