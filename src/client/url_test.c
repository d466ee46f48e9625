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

/* The message must hold `words`. */
static void refuse(const char *text, const char *words)
{
    struct oxq_error err = {0};
    cr_assert_eq(client_url_parse(text, &url, &err), OXQ_ERR_ARGUMENT, "%s", text);
    cr_assert_not_null(strstr(err.text, words), "%s: %s", text, err.text);
    cr_assert_null(strstr(err.text, "secret"), "%s", err.text);
}

static void expect_host(size_t i, const char *host, int port)
{
    cr_assert_lt(i, url.hosts_count);
    cr_assert_str_eq(url.hosts[i].host, host);
    cr_assert_eq(url.hosts[i].port, port);
}

Test(client_url, reads_hosts_ports_and_databases)
{
    parse("redis://example.org:7000/3");
    expect_host(0, "example.org", 7000);
    cr_assert_eq(url.kind, CLIENT_URL_SERVER);
    cr_assert_eq(url.db, 3);
    cr_assert_not(url.is_tls);
    cr_assert_null(url.password);
    parse("redis://localhost");
    expect_host(0, "localhost", 6379);
    parse("redis://");
    expect_host(0, "127.0.0.1", 6379);
    parse("redis://[::1]:7701/");
    expect_host(0, "::1", 7701);
    parse("rediss://[::1]");
    cr_assert(url.is_tls);
    cr_assert_eq(url.hosts_count, 1);
}

Test(client_url, reads_logins)
{
    parse("redis://:secret@h:1");
    cr_assert_str_eq(url.password, "secret");
    cr_assert_null(url.user);
    parse("redis://default:p%40s%3as@h");
    cr_assert_str_eq(url.user, "default");
    cr_assert_str_eq(url.password, "p@s:s");
    parse("redis+sentinel://u:p@h/m?sentinel_password=s%40c");
    cr_assert_str_eq(url.password, "p");
    cr_assert_str_eq(url.sentinel_password, "s@c");
    parse("redis://u:p@h?name=a@b");
    cr_assert_str_eq(url.password, "p");
    cr_assert_str_eq(url.name, "a@b");
    expect_host(0, "h", 6379);
    parse("redis+sentinel://h/m?sentinel_password=a@b");
    cr_assert_null(url.password);
    cr_assert_str_eq(url.sentinel_password, "a@b");
    parse("redis://:a/b@h?db=2");
    cr_assert_str_eq(url.password, "a/b");
    parse("redis://:a?b=c@h?db=2");
    cr_assert_str_eq(url.password, "a?b=c");
    parse("redis://p@ss@h");
    cr_assert_str_eq(url.password, "p@ss");
    expect_host(0, "h", 6379);
    parse("redis://:a?b/c@h");
    cr_assert_str_eq(url.password, "a?b/c");
}

Test(client_url, reads_paths_of_unix_sockets)
{
    parse("/run/oxq.sock");
    cr_assert_str_eq(url.unix_path, "/run/oxq.sock");
    cr_assert_eq(url.hosts_count, 0);
    parse("unix:///run/oxq.sock");
    cr_assert_str_eq(url.unix_path, "/run/oxq.sock");
    parse("unix:/run/oxq.sock?db=2");
    cr_assert_str_eq(url.unix_path, "/run/oxq.sock");
    cr_assert_eq(url.db, 2);
    parse("unix:oxq.sock");
    cr_assert_str_eq(url.unix_path, "oxq.sock");
    parse("unix://:secret@/run/oxq.sock");
    cr_assert_str_eq(url.unix_path, "/run/oxq.sock");
    cr_assert_str_eq(url.password, "secret");
}

Test(client_url, reads_sentinels_and_their_master)
{
    parse("redis+sentinel://u:secret@a:1,b,[::1]:3/mymaster/4?sentinel_user=s&sentinel_password=t%26u");
    cr_assert_eq(url.kind, CLIENT_URL_SENTINEL);
    cr_assert_eq(url.hosts_count, 3);
    expect_host(0, "a", 1);
    expect_host(1, "b", 26379);
    expect_host(2, "::1", 3);
    cr_assert_str_eq(url.master, "mymaster");
    cr_assert_eq(url.db, 4);
    cr_assert_str_eq(url.sentinel_user, "s");
    cr_assert_str_eq(url.sentinel_password, "t&u");
    parse("rediss+sentinel://a/m");
    cr_assert(url.is_tls);
}

Test(client_url, reads_nodes_of_a_cluster)
{
    parse("redis+cluster://a:7001,b:7002");
    cr_assert_eq(url.kind, CLIENT_URL_CLUSTER);
    cr_assert_eq(url.hosts_count, 2);
    expect_host(1, "b", 7002);
    parse("rediss+cluster://a/0");
    cr_assert(url.is_tls);
}

Test(client_url, reads_options)
{
    parse("rediss://h?ca=/etc/a%20b.pem&cert=c&key=k&insecure=yes&name=mail&db=7");
    cr_assert_str_eq(url.ca, "/etc/a b.pem");
    cr_assert_str_eq(url.cert, "c");
    cr_assert_str_eq(url.key, "k");
    cr_assert_str_eq(url.name, "mail");
    cr_assert(url.is_insecure);
    cr_assert_eq(url.db, 7);
    parse("rediss://h?insecure=no");
    cr_assert_not(url.is_insecure);
}

Test(client_url, reads_folders_for_those_who_host_the_engine_themselves)
{
    parse("file:./data");
    cr_assert_eq(url.kind, CLIENT_URL_FILE);
    cr_assert_str_eq(url.folder, "./data");
    parse("file:///var/lib/a@b");
    cr_assert_str_eq(url.folder, "/var/lib/a@b");
}

Test(client_url, refuses_what_is_none_and_says_what_instead)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "no scheme"},
        {"localhost:7700", "write redis://host:port"},
        {"http://localhost", "redis://, rediss://, unix:, file:"},
        {"reddis://:secret@h", "was 'redis:' meant?"},
        {"redis:localhost", "redis://host"},
        {"redis://h:x", "port"},
        {"redis://h:70000", "port"},
        {"redis://h:0", "port"},
        {"redis://h/x", "database"},
        {"redis://[::1", "[ ]"},
        {"redis://[::1]x", "[ ]"},
        {"redis://:secret%4@h", "login"},
        {"redis://:secret%00@h", "login"},
        {"redis://%zz", "host"},
        {"unix://run/oxq.sock", "unix:///run/oxq.sock"},
        {"unix:", "whole path"},
        {"file:", "file:./oxq-data"},
        {"redis+sentinel://a:1", "mymaster"},
        {"redis+cluster://a/1", "no database but 0"},
        {"redis://h?dbb=1", "was 'db' meant?"},
        {"redis://h?db", "name=value"},
        {"rediss://h?insecure=perhaps", "yes or no"},
        {"redis://h?db=1&name=a&db=2", "'db' is given twice"},
        {"redis://h?name=a&name=b", "'name' is given twice"},
        {"rediss://h?insecure=yes&insecure=no", "'insecure' is given twice"},
        {"redis://h/1?db=2", "database is given twice"},
        {"redis://h?db=-1", "database"},
        {"redis://h?db=4294967296", "database"},
        {"redis+cluster://a,,b", "between commas"},
        {"redis+sentinel://a:1,/mymaster", "between commas"},
        {"redis+cluster://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "more than 16"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) refuse(bad[i].text, bad[i].words);
    char text[CLIENT_URL_BYTES_MAX + 20] = "redis://";
    memset(text + 8, 'x', CLIENT_URL_BYTES_MAX);
    refuse(text, "longer");
}
