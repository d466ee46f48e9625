/* SPDX-License-Identifier: MIT */
/*
 * Whatever a program writes becomes JSON and UTF-8 within its limits; a job of whatever texts is one line of JSON; headers hold nothing but
 * visible characters. The first byte cuts the input in two.
 */
#include "base/mem.h"
#include "codec/json.h"
#include "runner/answer.h"
#include "runner/payload.h"
#include "runner/text.h"
#include "runner/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define GROWTH 8
#define SLACK_BYTES 4096

static void check_result(struct slice bytes)
{
    struct buf out = {.limit_bytes = GROWTH * bytes.len + SLACK_BYTES};
    CHECK(text_put_result(&out, bytes) == OXQ_OK);
    CHECK(strlen(out.at) + 1 == out.len);
    CHECK(json_check(slice_from_text(out.at), NULL) == OXQ_OK);
    buf_deinit(&out);
}

static void check_outcome(struct slice first, struct slice second)
{
    struct outcome o = {.kind = OUTCOME_DONE};
    outcome_set_said(&o, OUTCOME_FAILED, "text: ", first, second.len);
    outcome_set_stack(&o, "stack", second);
    CHECK(o.text.len <= OUTCOME_TEXT_BYTES_MAX && o.stack.len <= OUTCOME_STACK_BYTES_MAX);
    CHECK(json_is_utf8(buf_borrow(&o.text)) && json_is_utf8(buf_borrow(&o.stack)));
    CHECK(strlen(o.text.at) + 1 == o.text.len);
    outcome_deinit(&o);
}

static void count_bytes(void *ctx, struct slice line)
{
    CHECK(line.len <= TEXT_LINE_BYTES_MAX && !memchr(line.len ? line.at : "", '\n', line.len));
    *(size_t *)ctx += line.len;
}

static void check_streams(struct slice first, struct slice second)
{
    struct text_lines lines = {.is_cut = false};
    struct text_tail tail = {.is_cut = false};
    const struct slice parts[] = {first, second};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        text_lines_add(&lines, parts[i], count_bytes, &count);
        text_tail_add(&tail, parts[i]);
    }
    text_lines_end(&lines, count_bytes, &count);
    CHECK(count <= first.len + second.len);
    CHECK(text_tail_borrow(&tail).len <= TEXT_TAIL_BYTES);
    text_lines_deinit(&lines);
    text_tail_deinit(&tail);
}

static void check_payload(const char *first, const char *second)
{
    struct oxq_job_fields job = {.id = first,
                                 .name = second,
                                 .queue = "q",
                                 .data = first,
                                 .opts = second,
                                 .progress = first,
                                 .parent_key = second,
                                 .scheduler_id = first,
                                 .deduplication_id = second};
    struct buf out = {.limit_bytes = 10 * GROWTH * (strlen(first) + strlen(second)) + SLACK_BYTES};
    CHECK(payload_put(&out, &job) == OXQ_OK);
    CHECK(memchr(out.at, '\n', out.len) == out.at + out.len - 1);
    CHECK(json_check(buf_borrow(&out), NULL) != OXQ_ERR_FORMAT);
    buf_deinit(&out);
}

static void check_webhook(struct slice first, struct slice second)
{
    struct buf out = {.limit_bytes = GROWTH * (first.len + second.len) + SLACK_BYTES};
    struct webhook_secrets secrets = {.count = 0};
    CHECK(webhook_put_header_text(&out, first) == OXQ_OK);
    CHECK(webhook_put_id(&out, first, second, 1) == OXQ_OK);
    if (webhook_read_secrets(second, &secrets, NULL) == OXQ_OK)
        CHECK(webhook_put_signature(&out, &secrets, first, 1, second) == OXQ_OK);
    for (size_t i = 0; i < out.len; i++) CHECK(out.at[i] >= ' ' && out.at[i] <= '~');
    webhook_secrets_deinit(&secrets);
    buf_deinit(&out);
}

static void check_answer(const char *first, struct slice second)
{
    int64_t ms = ANSWER_DELAY_MS_MIN;
    (void)answer_read_retry_after(first, 1445412480000, &ms);
    CHECK(ms >= ANSWER_DELAY_MS_MIN && ms <= ANSWER_DELAY_MS_MAX);
    struct outcome o = {.kind = OUTCOME_DONE};
    struct answer a = {
        .status = 200 + (long)(second.len % 400), .body = second, .retry_after = first, .location = first};
    answer_judge(&a, 1445412480000, 1, &o);
    outcome_deinit(&o);
}

static char *copy_text(struct slice bytes)
{
    char *text = mem_alloc(bytes.len + 1);
    if (bytes.len) memcpy(text, bytes.at, bytes.len);
    text[bytes.len] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) return 0;
    size_t cut = 1 + (len - 1) * data[0] / 255;
    struct slice first = slice_of(data + 1, cut - 1), second = slice_of(data + cut, len - cut);
    char *first_text = copy_text(first), *second_text = copy_text(second);
    check_result(first);
    check_outcome(first, second);
    check_streams(first, second);
    check_payload(first_text, second_text);
    check_webhook(first, second);
    check_answer(first_text, second);
    mem_free(first_text);
    mem_free(second_text);
    return 0;
}
