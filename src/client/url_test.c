/* SPDX-License-Identifier: MIT */
#include "client/url.h"

#include <criterion/criterion.h>
#include <string.h>

static struct client_url url;

static void parse(const char *text)
{
    struct oxq_error err = {0};
    cr_assert_eq(client_url_parse(text, &url, &err), OXQ_OK, "%s: %s", text, err.text);
}

static void refuse(const char *text)
{
    struct oxq_error err = {0};
    cr_assert_eq(client_url_parse(text, &url, &err), OXQ_ERR_ARGUMENT, "%s", text);
    cr_assert_gt(strlen(err.text), 10);
    cr_assert_null(strstr(err.text, "secret"), "%s", err.text);
}

Test(client_url, reads_hosts_ports_and_databases)
{
    parse("redis://example.org:7000/3");
    cr_assert_str_eq(url.host, "example.org");
    cr_assert_eq(url.port, 7000);
    cr_assert_eq(url.db, 3);
    cr_assert_not(url.is_tls);
    cr_assert_null(url.password);
    parse("redis://localhost");
    cr_assert_eq(url.port, CLIENT_PORT_DEFAULT);
    parse("redis://");
    cr_assert_str_eq(url.host, "127.0.0.1");
    parse("redis://[::1]:7701/");
    cr_assert_str_eq(url.host, "::1");
    cr_assert_eq(url.port, 7701);
    parse("rediss://[::1]");
    cr_assert(url.is_tls);
}

Test(client_url, reads_logins)
{
    parse("redis://:secret@h:1");
    cr_assert_str_eq(url.password, "secret");
    cr_assert_null(url.user);
    parse("redis://default:p%40s%3as@h");
    cr_assert_str_eq(url.user, "default");
    cr_assert_str_eq(url.password, "p@s:s");
    parse("redis://p@ss@h");
    cr_assert_str_eq(url.password, "p@ss");
    cr_assert_str_eq(url.host, "h");
}

Test(client_url, reads_paths_of_unix_sockets)
{
    parse("/run/oxq.sock");
    cr_assert_str_eq(url.unix_path, "/run/oxq.sock");
    cr_assert_null(url.host);
    parse("unix:///run/oxq.sock");
    cr_assert_str_eq(url.unix_path, "/run/oxq.sock");
    parse("unix://:secret@/run/oxq.sock");
    cr_assert_str_eq(url.unix_path, "/run/oxq.sock");
    cr_assert_str_eq(url.password, "secret");
}

Test(client_url, refuses_what_is_none)
{
    static const char *const bad[] = {"",
                                      "localhost:7700",
                                      "http://localhost",
                                      "redis://h:x",
                                      "redis://h:70000",
                                      "redis://h/99",
                                      "redis://[::1",
                                      "redis://[::1]x",
                                      "redis://:secret%4@h",
                                      "redis://:secret%00@h",
                                      "redis://%zz",
                                      "unix://run/oxq.sock"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) refuse(bad[i]);
    char text[CLIENT_URL_BYTES_MAX + 20] = "redis://";
    memset(text + 8, 'x', CLIENT_URL_BYTES_MAX);
    refuse(text);
}
