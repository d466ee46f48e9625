/* SPDX-License-Identifier: MIT */
#include "runner/webhook.h"

#include <criterion/criterion.h>

static struct webhook_secrets secrets;
static struct buf out = {.limit_bytes = 64 * 1024};

static void expect_text(const char *want)
{
    cr_assert(slice_equal(buf_borrow(&out), slice_from_text(want)), "got %.*s want %s", (int)out.len, out.at, want);
    out.len = 0;
}

static void forget(void)
{
    webhook_secrets_deinit(&secrets);
    buf_deinit(&out);
}

TestSuite(webhook, .fini = forget);

static void read_secrets(const char *text)
{
    cr_assert_eq(webhook_read_secrets(slice_from_text(text), &secrets, NULL), OXQ_OK);
}

static void expect_refused(const char *text, const char *why)
{
    struct oxq_error err;
    cr_assert_eq(webhook_read_secrets(slice_from_text(text), &secrets, &err), OXQ_ERR_ARGUMENT);
    cr_assert(strstr(err.text, why), "%s", err.text);
    cr_assert_eq(secrets.count, 0);
}

/* The values are those of an example of the convention, computed again with openssl dgst. */
Test(webhook, a_signature_is_that_of_the_convention)
{
    read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    cr_assert_eq(webhook_put_signature(&out, &secrets, SLICE_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                       SLICE_LIT("{\"test\": 2432232314}")),
                 OXQ_OK);
    expect_text("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

Test(webhook, each_secret_signs)
{
    read_secrets("\n  whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\r\n\nplain words\n");
    cr_assert_eq(secrets.count, 2);
    cr_assert(slice_equal(secrets.keys[1], SLICE_LIT("plain words")));
    cr_assert_eq(webhook_put_signature(&out, &secrets, SLICE_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                       SLICE_LIT("{\"test\": 2432232314}")),
                 OXQ_OK);
    cr_assert(out.len == 2 * 47 + 1, "%.*s", (int)out.len, out.at);
    cr_assert(memcmp(out.at, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,", 51) == 0);
}

Test(webhook, a_secret_that_is_none_is_refused_without_being_shown)
{
    expect_refused("", "no secret");
    expect_refused(" \n\t\n", "no secret");
    expect_refused("good\nwhsec_!!!!\n", "base64");
    expect_refused("whsec_", "base64");
    expect_refused("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "more than 8");
}

Test(webhook, headers_hold_visible_ascii_only)
{
    cr_assert_eq(webhook_put_header_text(&out, SLICE_LIT("plain/text:1.0")), OXQ_OK);
    expect_text("plain/text:1.0");
    cr_assert_eq(webhook_put_header_text(&out, SLICE_LIT("a b\r\nx-evil: 1\x7f%é")), OXQ_OK);
    expect_text("a%20b%0D%0Ax-evil:%201%7F%25%C3%A9");
}

Test(webhook, an_id_names_the_queue_the_job_and_when_it_was_added)
{
    cr_assert_eq(webhook_put_id(&out, SLICE_LIT("mail.eu"), SLICE_LIT("report daily"), 1772366400000), OXQ_OK);
    expect_text("mail%2Eeu:report%20daily:1772366400000");
}
