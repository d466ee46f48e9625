/* SPDX-License-Identifier: MIT */
#include "client/survey.h"

#include <criterion/criterion.h>

static struct client_survey of(const char *info)
{
    return client_survey_read(slice_from_text(info));
}

Test(client_survey, finds_version_and_policy)
{
    struct client_survey s =
        of("# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nmaxmemory_policy:allkeys-lru\r\nx:1\r\n");
    cr_assert_eq(s.major, 7);
    cr_assert_eq(s.minor, 0);
    cr_assert(slice_equal(s.version, SLICE_LIT("7.0.15")));
    cr_assert(client_survey_is_new_enough(&s));
    cr_assert(client_survey_evicts(&s));
    s = of("redis_version:6.2\nmaxmemory_policy:noeviction");
    cr_assert(client_survey_is_new_enough(&s));
    cr_assert_not(client_survey_evicts(&s));
}

Test(client_survey, knows_what_is_too_old)
{
    struct client_survey s = of("redis_version:6.0.16\r\n");
    cr_assert_not(client_survey_is_new_enough(&s));
    s = of("redis_version:5.9.9\r\n");
    cr_assert_not(client_survey_is_new_enough(&s));
    s = of("redis_version:10.0.0-rc1\r\n");
    cr_assert(client_survey_is_new_enough(&s));
}

Test(client_survey, believes_in_good_where_nothing_is_said)
{
    struct client_survey s = of("an_redis_version:1.0\r\nmaxmemory_policy");
    cr_assert_eq(s.version.len, 0);
    cr_assert(client_survey_is_new_enough(&s));
    cr_assert_not(client_survey_evicts(&s));
    s = of("");
    cr_assert(client_survey_is_new_enough(&s));
}
