/* SPDX-License-Identifier: MIT */
#include "client/refusal.h"

#include <criterion/criterion.h>

static enum client_refusal of(const char *text)
{
    return client_refusal_of(slice_from_text(text));
}

Test(client_refusal, tells_what_may_be_tried_again)
{
    cr_assert_eq(of("LOADING Redis is loading the dataset in memory"), CLIENT_REFUSAL_LATER);
    cr_assert_eq(of("TRYAGAIN Multiple keys request during rehashing of slot"), CLIENT_REFUSAL_LATER);
    cr_assert_eq(of("READONLY You can't write against a read only replica."), CLIENT_REFUSAL_READONLY);
    cr_assert_eq(
        of("ERR Error running script (call to f_ab): @user_script:1: @user_script: 1: -READONLY You can't write"),
        CLIENT_REFUSAL_READONLY);
    cr_assert_eq(of("MOVED 1 a:2"), CLIENT_REFUSAL_MOVED);
    cr_assert_eq(of("ASK 1 a:2"), CLIENT_REFUSAL_ASK);
    cr_assert_eq(of("NOSCRIPT No matching script. Please use EVAL."), CLIENT_REFUSAL_NO_SCRIPT);
    cr_assert_eq(of("NOAUTH Authentication required."), CLIENT_REFUSAL_LOGIN);
    cr_assert_eq(of("NOREPLICAS Not enough good replicas to write."), CLIENT_REFUSAL_LATER);
    cr_assert_eq(of("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
                 CLIENT_REFUSAL_READONLY);
    cr_assert_eq(of("ERR max number of clients reached"), CLIENT_REFUSAL_FULL);
}

Test(client_refusal, what_may_go_by_is_worth_another_try)
{
    static const char *const passing[] = {"LOADING x",  "MOVED 1 a:2", "ASK 1 a:2",
                                          "READONLY x", "NOSCRIPT x",  "ERR max number of clients reached"};
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        cr_assert_eq(client_refusal_error(slice_from_text(passing[i])), OXQ_ERR_AGAIN, "%s", passing[i]);
    cr_assert_eq(client_refusal_error(SLICE_LIT("NOPERM no permissions")), OXQ_ERR_SERVER);
    cr_assert_eq(client_refusal_error(SLICE_LIT("WRONGTYPE Operation")), OXQ_ERR_SERVER);
    cr_assert_eq(client_refusal_error(SLICE_LIT("ERR Protocol error: invalid bulk length")), OXQ_ERR_LIMIT);
}

Test(client_refusal, leaves_all_other_errors_to_the_caller)
{
    cr_assert_eq(of("ERR unknown command"), CLIENT_REFUSAL_FINAL);
    cr_assert_eq(of("BUSYGROUP Consumer Group name already exists"), CLIENT_REFUSAL_FINAL);
    cr_assert_eq(of("LOADINGX"), CLIENT_REFUSAL_FINAL);
    cr_assert_eq(of("ERR it says LOADING inside"), CLIENT_REFUSAL_FINAL);
    cr_assert_eq(of(""), CLIENT_REFUSAL_FINAL);
}

Test(client_refusal, reads_where_a_slot_has_gone)
{
    struct client_redirect r;
    cr_assert(client_redirect_read(SLICE_LIT("MOVED 3999 127.0.0.1:6381"), &r));
    cr_assert_eq(r.slot, 3999);
    cr_assert(slice_equal(r.host, SLICE_LIT("127.0.0.1")));
    cr_assert_eq(r.port, 6381);
    cr_assert(client_redirect_read(SLICE_LIT("ASK 0 ::1:7000"), &r));
    cr_assert(slice_equal(r.host, SLICE_LIT("::1")));
    cr_assert(client_redirect_read(SLICE_LIT("MOVED 1 :7000"), &r), "the same host as the one that says so");
    cr_assert_eq(r.host.len, 0);
    static const char *const bad[] = {"MOVED",       "MOVED 1", "MOVED 16384 a:1", "MOVED x a:1", "MOVED 1 a",
                                      "MOVED 1 a:x", ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(client_redirect_read(slice_from_text(bad[i]), &r), "%s", bad[i]);
}
