/* SPDX-License-Identifier: MIT */
/* Folders that processes share. The processes are real, and so are the signals that end them. */
#include "embed/embed.h"

#include "base/num.h"
#include "client/link.h"
#include "os/clock.h"
#include "os/disk.h"
#include "os/testfolder.h"
#include "os/thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jobs/transitions_lua.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[TESTFOLDER_PATH_MAX];
static char url[TESTFOLDER_PATH_MAX + 16];

static void start(void)
{
    testfolder_make(folder);
    snprintf(url, sizeof(url), "file:%s/data", folder);
}

static void stop(void)
{
    testfolder_remove(folder);
}

TestSuite(embed, .init = start, .fini = stop);

static struct embed *open_folder(const char *of)
{
    struct embed *e;
    struct oxq_error err = {0};
    cr_assert_eq(embed_open(of, &e, &err), OXQ_OK, "%s", err.text);
    return e;
}

/* One attempt: what a client does that finds its connection gone. The line is words with spaces between. */
static bool try_to_ask(struct embed *e, const char *line, char out[256])
{
    struct client_address address;
    struct oxq_error err = {0};
    cr_assert_eq(embed_locate(e, INT64_MAX, &address, &err), OXQ_OK, "%s", err.text);
    struct client_link *link;
    struct client_login nobody = {0};
    int64_t until_us = clock_mono_us(os_clock()) + 20000000;
    struct client_link_opts opts = {.address = &address, .login = &nobody, .until_us = until_us};
    if (client_link_open(&opts, &link, &err) != OXQ_OK) return false;
    struct slice argv[4];
    size_t argc = 0;
    while (*line) {
        size_t len = strcspn(line, " ");
        argv[argc++] = slice_of(line, len);
        line += len + (line[len] == ' ');
    }
    struct resp_value reply = {0};
    cr_assert_eq(client_link_queue(link, argv, argc), OXQ_OK);
    bool is_answered = client_link_next(link, until_us, &reply, &err) == OXQ_OK;
    if (is_answered) {
        if (reply.kind == RESP_ARRAY && reply.count > 0) reply = reply.items[reply.count - 1];
        snprintf(out, 256, "%.*s", (int)reply.text.len, reply.text.at);
    }
    client_link_close(link);
    return is_answered && strncmp(out, "LOADING", 7) != 0;
}

static void ask(struct embed *e, const char *line, const char *wanted)
{
    char got[256] = "";
    while (!try_to_ask(e, line, got)) {
    }
    cr_assert_str_eq(got, wanted);
}

/* A child that opens the folder, says so, and waits to be killed. */
static pid_t start_child(const char *line)
{
    int fds[2];
    char byte;
    cr_assert_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ask(open_folder(url), line, "OK");
        if (write(fds[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(fds[1]);
    cr_assert_eq(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    return pid;
}

Test(embed, serves_a_folder_and_finds_its_data_again)
{
    struct embed *e = open_folder(url);
    ask(e, "SET a 1", "OK");
    struct embed *same = open_folder(url);
    cr_assert_eq(same, e);
    ask(same, "GET a", "1");
    embed_close(same);
    ask(e, "GET a", "1");
    embed_close(e);
    e = open_folder(url);
    ask(e, "GET a", "1");
    embed_close(e);
}

Test(embed, two_names_of_a_folder_are_one)
{
    struct embed *e = open_folder(url);
    char other[sizeof(url) + 32];
    snprintf(other, sizeof(other), "file:%s/../%s/data", folder, strrchr(folder, '/') + 1);
    cr_assert_eq(open_folder(other), e);
    embed_close(e);
    embed_close(e);
}

Test(embed, a_folder_is_named_as_all_urls_name_things)
{
    struct oxq_error err = {0};
    struct stat st;
    struct embed *e, *same;
    char name[sizeof(url) + 32];
    snprintf(name, sizeof(name), "FILE:%s/a%%20%%3f%%25?durability=off", folder);
    e = open_folder(name);
    snprintf(name, sizeof(name), "%s/a ?%%", folder);
    cr_assert_eq(stat(name, &st), 0);
    snprintf(name, sizeof(name), "file://%s/%%61 %%3F%%25", folder);
    same = open_folder(name);
    cr_assert_eq(same, e);
    embed_close(e);
    embed_close(same);
    snprintf(name, sizeof(name), "file:%s/a%%", folder);
    cr_assert_eq(embed_open(name, &e, &err), OXQ_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.text, "%25"), "%s", err.text);
}

Test(embed, who_has_the_folder_open_takes_over_when_the_host_is_killed)
{
    pid_t host = start_child("SET a 1");
    struct embed *e = open_folder(url);
    ask(e, "SET b 2", "OK");
    kill(host, SIGKILL);
    waitpid(host, NULL, 0);
    ask(e, "GET a", "1");
    ask(e, "GET b", "2");
    embed_close(e);
}

/* Makes and sets one in which a number has a comma, from nothing that a package of locales would have. */
static void set_locale_with_comma(void)
{
    char line[2 * sizeof(folder) + 512], text[8];
    snprintf(
        line, sizeof(line),
        "cd %s && printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \"\"\\ngrouping -1\\nEND LC_NUMERIC\\n' >comma && "
        "printf '<escape_char> /\\n<code_set_name> ANSI_X3.4-1968\\nCHARMAP\\n<U0000>..<U007F> /x00 ASCII\\nEND CHARMAP\\n' >ascii && "
        "localedef --no-archive -c -f ./ascii -i comma ./xx_XX >/dev/null 2>&1; test -d xx_XX",
        folder);
    cr_assert_eq(system(line), 0, "localedef");
    cr_assert_eq(setenv("LOCPATH", folder, 1), 0);
    cr_assert_not_null(setlocale(LC_NUMERIC, "xx_XX"));
    snprintf(text, sizeof(text), "%.1f", 1.5);
    cr_assert_str_eq(text, "1,5");
}

Test(embed, numbers_have_a_point_also_where_the_program_writes_a_comma)
{
    set_locale_with_comma();
    struct embed *e = open_folder(url);
    ask(e, "ZADD z 1.5 a", "1");
    ask(e, "ZSCORE z a", "1.5");
    ask(e, "ZCOUNT z 1.2 1.7", "1");
    ask(e, "INCRBYFLOAT f 1.25", "1.25");
    ask(e, "EVAL return(cjson.encode({1.5,cjson.decode('[0.25]')[1]})) 0", "[1.5,0.25]");
    char text[NUM_DOUBLE_MAX_CHARS + 1];
    double d = 0;
    text[num_format_double(text, 0.5)] = '\0';
    cr_assert_str_eq(text, "0.5");
    cr_assert(num_parse_double(SLICE_LIT("2.5"), &d) && d == 2.5);
    embed_close(e);
    snprintf(text, sizeof(text), "%.1f", 1.5);
    cr_assert_str_eq(text, "1,5");
}

Test(embed, a_host_that_was_shut_down_comes_back)
{
    struct embed *e = open_folder(url);
    ask(e, "SET a 1", "OK");
    char got[256];
    cr_assert(!try_to_ask(e, "SHUTDOWN", got), "%s", got);
    ask(e, "GET a", "1");
    embed_close(e);
}

Test(embed, a_host_whose_journal_failed_ends_and_the_folder_is_opened_anew)
{
    struct embed *e = open_folder(url);
    ask(e, "SET a 1", "OK");
    disk_fail(DISK_CALL_SYNC, 1, EIO, false);
    char got[256] = "";
    (void)try_to_ask(e, "SET b 2", got);
    cr_assert_str_neq(got, "OK");
    cr_assert(disk_has_failed());
    disk_fail(DISK_CALL_SYNC, 0, 0, false);
    /* A reply of the host that ends may come before that. */
    while (!try_to_ask(e, "SET c 3", got) || strcmp(got, "OK") != 0) {
    }
    ask(e, "GET a", "1");
    ask(e, "GET c", "3");
    embed_close(e);
}

Test(embed, a_host_whose_files_were_removed_is_still_read)
{
    struct embed *e = open_folder(url);
    char got[256] = "", path[sizeof(folder) + 64];
    ask(e, "SET a 1", "OK");
    snprintf(path, sizeof(path), "%s/data/checkpoint/data.mdb", folder);
    cr_assert_eq(unlink(path), 0);
    while (!try_to_ask(e, "SET b 2", got) || strncmp(got, "MISCONF", 7) != 0) {
    }
    ask(e, "GET a", "1");
    embed_close(e);
}

Test(embed, data_that_could_not_be_read_for_a_moment_is_served_when_it_is_asked_for_again)
{
    struct embed *e = open_folder(url);
    ask(e, "SET a 1", "OK");
    embed_close(e);
    e = open_folder(url);
    disk_fail(DISK_CALL_READ, 1, EIO, true);
    struct client_address address;
    struct oxq_error err = {0};
    while (embed_locate(e, INT64_MAX, &address, &err) == OXQ_OK) {
    }
    cr_assert(disk_has_failed());
    disk_fail(DISK_CALL_READ, 0, 0, false);
    ask(e, "GET a", "1");
    embed_close(e);
}

Test(embed, a_child_of_fork_keeps_neither_the_folder_nor_its_socket)
{
    struct embed *e = open_folder(url);
    ask(e, "SET a 1", "OK");
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        /* It reaches the host as any other process. */
        ask(e, "GET a", "1");
        ask(e, "SET b 2", "OK");
        if (write(fds[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    char byte;
    cr_assert_eq(read(fds[0], &byte, 1), 1);
    embed_close(e);
    e = open_folder(url);
    ask(e, "GET a", "1");
    ask(e, "GET b", "2");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    embed_close(e);
}

Test(embed, damaged_data_is_told_and_not_served)
{
    struct embed *e = open_folder(url);
    ask(e, "SET a 1", "OK");
    embed_close(e);
    char path[sizeof(folder) + 64];
    snprintf(path, sizeof(path), "%s/data/checkpoint/data.mdb", folder);
    int fd = open(path, O_RDWR);
    cr_assert_geq(fd, 0);
    for (off_t at = 16384; pwrite(fd, "damage", 6, at - 4000) == 6 && at < lseek(fd, 0, SEEK_END); at += 4096) {
    }
    for (off_t at = 0; at < 8192; at += 512) cr_assert_eq(pwrite(fd, "damage", 6, at), 6);
    close(fd);
    e = open_folder(url);
    struct client_address address;
    struct oxq_error err = {0};
    oxq_err code = OXQ_OK;
    while (!code) code = embed_locate(e, INT64_MAX, &address, &err);
    cr_assert_eq(code, OXQ_ERR_FORMAT, "%s", err.text);
    cr_assert_not_null(strstr(err.text, "/data"), "%s", err.text);
    embed_close(e);
}

Test(embed, a_url_that_makes_no_sense_is_told)
{
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"redis://localhost", "is no file: URL"},
        {"file:", "names a folder"},
        {"file:/dev/null", "/dev/null"},
        {"file:%s?durability=never", "durability=never: argument must be always"},
        {"file:%s?port=7", "'port=7' is no setting of a folder"},
        {"file:%s?durability", "is no setting"},
        {"file:%s?durability=none", "keeps nothing"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        const char *s = strstr(cases[i].url, "%s");
        if (s)
            snprintf(text, sizeof(text), "file:%s%s", folder, s + 2);
        else
            snprintf(text, sizeof(text), "%s", cases[i].url);
        struct embed *e;
        struct oxq_error err = {0};
        cr_assert_neq(embed_open(text, &e, &err), OXQ_OK, "%s", text);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s: %s", text, err.text);
    }
}

Test(embed, settings_are_those_of_the_host)
{
    char text[sizeof(url) + 64];
    snprintf(text, sizeof(text), "%s?durability=interval:500&memory-target=1gb", url);
    struct embed *e = open_folder(text);
    ask(e, "CONFIG GET memory-target", "1073741824");
    ask(e, "CONFIG GET durability", "interval:500");
    embed_close(e);
}

/* ---------------------------------------------------------------- visits */

static const struct client_script add_plain = {SLICE_LIT(LUA_ADD_PLAIN_TEXT), LUA_ADD_PLAIN_SHA1};

static struct client *new_client(struct embed *e)
{
    struct client *c;
    struct oxq_error err = {0};
    struct client_opts opts = {.url = url,
                               .patience = CLIENT_PATIENT,
                               .backoff_ms = 1,
                               .locate = embed_locate,
                               .visit = embed_visit,
                               .locate_ctx = e};
    cr_assert_eq(client_new(&opts, &c, &err), OXQ_OK, "%s", err.text);
    return c;
}

/* Adds a job; out: the server's error. */
static oxq_err add(struct client *c, struct slice data, struct oxq_error *err)
{
    const struct slice argv[] = {SLICE_LIT("bull:q:"), SLICE_LIT("1700000000000"), SLICE_LIT("job"), data,
                                 SLICE_LIT("{}")};
    struct client_command command = {.argv = argv, .argc = 5, .script = &add_plain, .keys_count = 1};
    struct client_reply reply = {0};
    oxq_err e = client_call(c, &command, 0, &reply, err);
    if (!e) e = client_reply_check(&reply.value, err);
    client_reply_deinit(&reply);
    return e;
}

/* A number that the server knows: of a reply, or of a line "name:12" of INFO. */
static long long number(struct client *c, const char *command, const char *argument, const char *name)
{
    const struct slice argv[] = {slice_from_text(command), slice_from_text(argument)};
    struct client_command m = {.argv = argv, .argc = 2, .is_idempotent = true};
    struct client_reply reply = {0};
    struct oxq_error err = {0};
    cr_assert_eq(client_call(c, &m, 0, &reply, &err), OXQ_OK, "%s", err.text);
    long long n = reply.value.integer;
    const char *line = name ? memmem(reply.value.text.at, reply.value.text.len, name, strlen(name)) : NULL;
    if (line) n = atoll(line + strlen(name) + 1);
    client_reply_deinit(&reply);
    return n;
}

struct adder {
    struct thread thread;
    struct client *client;
    atomic_bool *is_over;
    _Atomic long long acknowledged, uncertain;
};

static void add_all_the_time(void *ctx)
{
    struct adder *a = ctx;
    while (!atomic_load(a->is_over)) {
        struct oxq_error err = {0};
        oxq_err e = add(a->client, SLICE_LIT("{}"), &err);
        if (!e)
            atomic_fetch_add(&a->acknowledged, 1);
        else if (e == OXQ_ERR_UNCERTAIN)
            atomic_fetch_add(&a->uncertain, 1);
        else
            cr_assert(e == OXQ_ERR_UNREACHABLE || e == OXQ_ERR_AGAIN, "%d %s", (int)e, err.text);
    }
}

#define ADDERS_COUNT 4

static long long sum(const struct adder *adders, bool of_uncertain)
{
    long long n = 0;
    for (int i = 0; i < ADDERS_COUNT; i++)
        n += atomic_load(of_uncertain ? &adders[i].uncertain : &adders[i].acknowledged);
    return n;
}

Test(embed, what_visits_acknowledged_outlives_hosts_that_are_shut_down)
{
    struct embed *e = open_folder(url);
    struct client *c = new_client(e);
    static struct adder adders[ADDERS_COUNT];
    struct oxq_error err;
    atomic_bool is_over = false;
    for (int i = 0; i < ADDERS_COUNT; i++) {
        adders[i].client = c;
        adders[i].is_over = &is_over;
        cr_assert_eq(thread_start(&adders[i].thread, "adder", add_all_the_time, &adders[i], &err), OXQ_OK);
    }
    long long visits = 0;
    for (int round = 0; round < 5; round++) {
        long long before = sum(adders, false);
        while (sum(adders, false) < before + 200) sched_yield();
        visits += number(c, "INFO", "memory", "native_script_calls");
        char got[256];
        (void)try_to_ask(e, "SHUTDOWN", got);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < ADDERS_COUNT; i++) thread_join(&adders[i].thread);
    long long stored = number(c, "LLEN", "bull:q:wait", NULL);
    cr_assert_geq(stored, sum(adders, false));
    cr_assert_leq(stored, sum(adders, false) + sum(adders, true));
    cr_assert_gt(visits, 500, "%lld visits", visits);
    client_free(c);
    embed_close(e);
}

static void add_a_megabyte(void *ctx)
{
    struct adder *a = ctx;
    static char data[1 << 20];
    struct oxq_error err = {0};
    memset(data, 'x', sizeof(data));
    oxq_err e = add(a->client, slice_of(data, sizeof(data)), &err);
    atomic_fetch_add(e ? &a->uncertain : &a->acknowledged, 1);
    if (e) cr_assert_not_null(strstr(err.text, "OOM"), "%s", err.text);
}

Test(embed, memory_that_visitors_took_counts_for_maxmemory)
{
    char text[sizeof(url) + 64];
    snprintf(text, sizeof(text), "%s?maxmemory=48mb&durability=off", url);
    struct embed *e = open_folder(text);
    struct client *c = new_client(e);
    struct oxq_error err;
    static struct adder a;
    a.client = c;
    for (int i = 0; i < 100 && atomic_load(&a.uncertain) == 0; i++) {
        cr_assert_eq(thread_start(&a.thread, "adder", add_a_megabyte, &a, &err), OXQ_OK);
        thread_join(&a.thread);
    }
    cr_assert_eq(atomic_load(&a.uncertain), 1, "a hundred megabytes were taken");
    cr_assert_gt(atomic_load(&a.acknowledged), 10);
    cr_assert_gt(number(c, "INFO", "memory", "native_script_calls"), 10);
    client_free(c);
    embed_close(e);
}
