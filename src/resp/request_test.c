/* SPDX-License-Identifier: MIT */
#include "resp/request.h"

#include "resp/parser.h"

#include <criterion/criterion.h>

Test(resp_request, is_an_array_of_bulk_strings)
{
    OWNED(buf_deinit) struct buf b = {.limit_bytes = 1 << 16};
    struct slice argv[] = {SLICE_LIT("SET"), SLICE_LIT("a\r\nb"), SLICE_LIT("")};
    cr_assert_eq(resp_request_append(&b, argv, 3), OXQ_OK);
    cr_assert(slice_equal(buf_borrow(&b), SLICE_LIT("*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n")));
}

Test(resp_request, is_what_the_server_reads)
{
    OWNED(buf_deinit) struct buf b = {.limit_bytes = 1 << 20};
    static char big[100000];
    struct slice argv[] = {SLICE_LIT("SET"), SLICE_LIT("k"), slice_of(big, sizeof(big))};
    cr_assert_eq(resp_request_append(&b, argv, 3), OXQ_OK);
    struct resp_parser p = {0};
    struct resp_limits limits = {.bulk_bytes = 1 << 20, .is_authenticated = true};
    cr_assert_eq(resp_parser_next(&p, b.at, b.len, &limits), RESP_REQUEST);
    cr_assert_eq(p.used_bytes, b.len);
    cr_assert_eq(p.argc, 3);
    for (int i = 0; i < 3; i++) cr_assert(slice_equal(p.argv[i], argv[i]));
    resp_parser_deinit(&p);
}

Test(resp_request, holds_to_the_limit_of_its_buffer)
{
    OWNED(buf_deinit) struct buf b = {.limit_bytes = 64};
    static char big[100];
    cr_assert_eq(resp_request_append(&b, &(struct slice){big, sizeof(big)}, 1), OXQ_ERR_LIMIT);
}
