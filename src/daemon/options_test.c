/* SPDX-License-Identifier: MIT */
#include "daemon/options.h"

#include "os/testfolder.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static struct options options;
static struct oxq_error error;
static char folder[TESTFOLDER_PATH_MAX];

/* A folder without an oxq.yaml to be found by chance. */
static void set_up(void)
{
    testfolder_make(folder);
    cr_assert_eq(chdir(folder), 0);
    config_init(&config);
}

static void tear_down(void)
{
    config_deinit(&config);
    cr_assert_eq(chdir("/"), 0);
    testfolder_remove(folder);
}

TestSuite(options, .init = set_up, .fini = tear_down);

/* "NAME=value" entries ended by NULL. */
static const char *const *variables;

static char *find_variable(const char *name)
{
    size_t len = strlen(name);
    for (const char *const *v = variables; v && *v; v++) {
        if (strncmp(*v, name, len) == 0 && (*v)[len] == '=') return (char *)*v + len + 1;
    }
    return NULL;
}

static oxq_err load(const char *const *flags)
{
    int argc = 0;
    while (flags[argc]) argc++;
    return options_load(&config, argc, (char **)flags, find_variable, &options, &error);
}

#define LOAD(...) load((const char *const[]){__VA_ARGS__, NULL})

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static void expect_refused(const char *text)
{
    cr_assert_str_eq(error.text, text);
}

/* ---------------------------------------------------------------- flags */

Test(options, takes_flags_with_their_values_either_way)
{
    cr_assert_eq(LOAD("--port", "7000", "--bind=127.0.0.1 ::1", "--maxmemory=64mb", "--password", "a=b"), OXQ_OK);
    cr_assert_eq(config.port, 7000);
    cr_assert_str_eq(config.bind, "127.0.0.1 ::1");
    cr_assert_eq(config.max_memory_bytes, 64 << 20);
    cr_assert_str_eq(config.password, "a=b");
    cr_assert_not(options.is_print);
    cr_assert_eq(LOAD("--print-config"), OXQ_OK);
    cr_assert(options.is_print);
    cr_assert_eq(LOAD("-h"), OXQ_OK);
    cr_assert(options.is_help);
}

Test(options, says_what_is_wrong_with_a_flag_and_what_to_write)
{
    cr_assert_eq(LOAD("--prot", "1"), OXQ_ERR_CONFIG);
    expect_refused("unknown flag --prot: did you mean --port?");
    cr_assert_eq(LOAD("--tls-crt=x"), OXQ_ERR_CONFIG);
    expect_refused("unknown flag --tls-crt: did you mean --tls-cert?");
    cr_assert_eq(LOAD("--zzzzzzzzzzzz"), OXQ_ERR_CONFIG);
    expect_refused("unknown flag --zzzzzzzzzzzz: see oxq serve --help");
    cr_assert_eq(LOAD("7000"), OXQ_ERR_CONFIG);
    expect_refused("unknown argument '7000': see oxq serve --help");
    cr_assert_eq(LOAD("--"), OXQ_ERR_CONFIG);
    expect_refused("unknown argument '--': see oxq serve --help");
    cr_assert_eq(LOAD("--port"), OXQ_ERR_CONFIG);
    expect_refused("--port needs a value: --port=<number>");
    cr_assert_eq(LOAD("--config"), OXQ_ERR_CONFIG);
    expect_refused("--config needs a value: --config=<file>");
    cr_assert_eq(LOAD("--port", "70000"), OXQ_ERR_CONFIG);
    expect_refused("--port 70000: argument must be between 0 and 65535 inclusive");
    cr_assert_eq(LOAD("--maxmemory=lots"), OXQ_ERR_CONFIG);
    expect_refused("--maxmemory lots: argument must be a memory value");
    char password[CONFIG_TEXT_MAX + 20] = "--password=";
    memset(password + 11, 's', CONFIG_TEXT_MAX);
    cr_assert_eq(LOAD(password), OXQ_ERR_CONFIG);
    expect_refused("--password ...: argument is longer than 1023 bytes");
}

/* ---------------------------------------------------------------- sources */

Test(options, prefers_flags_to_the_environment_and_that_to_the_file)
{
    static const char *const env[] = {"OXQ_PORT=7002", "OXQ_TLS_CERT=/env.crt", "OXQ_TIMEOUT=", "OXQ_BIN=/x", NULL};
    variables = env;
    write_file("oxq.yaml", "port: 7001\ntls-cert: /file.crt\ntimeout: 30\nmaxclients: 50\n");
    cr_assert_eq(LOAD("--port=7003"), OXQ_OK, "%s", error.text);
    cr_assert_eq(config.port, 7003);
    cr_assert_str_eq(config.tls_cert, "/env.crt");
    cr_assert_eq(config.timeout_s, 30);
    cr_assert_eq(config.max_clients, 50);
    cr_assert_str_eq(options.file, "oxq.yaml");
    cr_assert_eq(config_row_source(&config, (size_t)config_row_find(SLICE_LIT("port"))), CONFIG_FLAG);
    cr_assert_eq(config_row_source(&config, (size_t)config_row_find(SLICE_LIT("tls-cert"))), CONFIG_ENVIRONMENT);
    cr_assert_eq(config_row_source(&config, (size_t)config_row_find(SLICE_LIT("timeout"))), CONFIG_FILE);
    cr_assert_eq(config_row_source(&config, (size_t)config_row_find(SLICE_LIT("dir"))), CONFIG_DEFAULT);
}

struct unknown {
    char text[512];
};

static void note_unknown(void *ctx, const char *name, const char *nearest)
{
    struct unknown *u = ctx;
    size_t len = strlen(u->text);
    snprintf(u->text + len, sizeof(u->text) - len, "%s>%s ", name, nearest);
}

Test(options, finds_variables_that_are_no_parameters)
{
    static const char *const known[] = {"OXQ_PORT=1",
                                        "OXQ_REQUIREPASS=x",
                                        "OXQ_PASSWORD=x",
                                        "OXQ_TLS_CERT_FILE=x",
                                        "OXQ_TLS_CERT=x",
                                        "OXQ_CONFIG=x",
                                        "OXQ_URL=x",
                                        "OXQ_PUSH_SECRET=x",
                                        "OXQ_JOB_ID=1",
                                        "OXQ_JOB_NAME=x",
                                        "OXQ_QUEUE=q",
                                        "OXQ_ATTEMPT=1",
                                        "OXQ_ATTEMPTS=1",
                                        "OXQ_BIN=/x",
                                        "PATH=/bin",
                                        "OXQ_=x",
                                        "oxq_prot=x",
                                        "OXQP=x",
                                        NULL};
    static const char *const unknown[] = {
        "OXQ_PROT=1", "OXQ_MAXMEMROY=s", "OXQ_port=", "OXQ_TLS-CERT=x", "OXQ_SOMETHING_ELSE=x=y", NULL};
    struct unknown u = {""};
    options_find_unknown((char *const *)known, note_unknown, &u);
    cr_assert_str_eq(u.text, "");
    options_find_unknown((char *const *)unknown, note_unknown, &u);
    cr_assert_str_eq(u.text, "OXQ_PROT>OXQ_PORT OXQ_MAXMEMROY>OXQ_MAXMEMORY OXQ_port>OXQ_PORT "
                             "OXQ_TLS-CERT>OXQ_TLS_CERT OXQ_SOMETHING_ELSE> ");
    char longest[200];
    memset(longest, 'X', sizeof(longest));
    memcpy(longest, "OXQ_", 4);
    longest[sizeof(longest) - 1] = '\0';
    u.text[0] = '\0';
    options_find_unknown((char *const[]){longest, NULL}, note_unknown, &u);
    cr_assert_eq(strlen(u.text), OPTIONS_VARIABLE_MAX - 1 + 2);
}

Test(options, reads_the_file_that_is_named)
{
    static const char *const env[] = {"OXQ_CONFIG=none.yaml", NULL};
    variables = env;
    write_file("oxq.yaml", "port: 7001\n");
    write_file("other.yaml", "port: 7002\n");
    cr_assert_eq(LOAD("--config", "other.yaml"), OXQ_OK);
    cr_assert_eq(config.port, 7002);
    cr_assert_eq(load((const char *const[]){NULL}), OXQ_ERR_NOT_FOUND);
    expect_refused("cannot open none.yaml: No such file or directory");
}

Test(options, says_which_variable_is_wrong_but_no_secret)
{
    static const char *const env[] = {"OXQ_MAXCLIENTS=many", NULL};
    variables = env;
    cr_assert_eq(load((const char *const[]){NULL}), OXQ_ERR_CONFIG);
    expect_refused("OXQ_MAXCLIENTS=many: argument couldn't be parsed into an integer");
}

/* ---------------------------------------------------------------- oxq.yaml */

static oxq_err read_yaml(const char *text)
{
    return options_read_yaml(&config, "f.yaml", slice_from_text(text), &error);
}

Test(options, reads_names_values_and_lists)
{
    cr_assert_eq(read_yaml("# a comment\nport: 7001\nunixsocketperm: 0660\ndurability: off\n"
                           "bind:\n  - 127.0.0.1\n  - ::1\nrequirepass: \"a b\\n\"\ntls_cert: '/a b'\n"),
                 OXQ_OK, "%s", error.text);
    cr_assert_eq(config.port, 7001);
    cr_assert_eq(config.unix_perm, 0660);
    cr_assert_str_eq(config.durability, "off");
    cr_assert_str_eq(config.bind, "127.0.0.1 ::1");
    cr_assert_str_eq(config.password, "a b\n");
    cr_assert_str_eq(config.tls_cert, "/a b");
}

Test(options, reads_an_empty_file)
{
    cr_assert_eq(read_yaml(""), OXQ_OK, "%s", error.text);
    cr_assert_eq(read_yaml("# nothing\n---\n"), OXQ_OK, "%s", error.text);
}

static void expect_bad_yaml(const char *text, const char *want)
{
    config_deinit(&config);
    config_init(&config);
    cr_assert_eq(read_yaml(text), OXQ_ERR_CONFIG, "%s", text);
    cr_assert_str_eq(error.text, want);
}

Test(options, says_which_line_is_wrong)
{
    expect_bad_yaml("port: 7000\nprot: 1\n", "f.yaml:2: unknown key 'prot': did you mean 'port'?");
    expect_bad_yaml("zzzzzzzzzzzz: 1\n",
                    "f.yaml:1: unknown key 'zzzzzzzzzzzz': oxq serve --print-config shows them all");
    expect_bad_yaml("\nport: x\n", "f.yaml:2: port: argument couldn't be parsed into an integer");
    expect_bad_yaml("port: 1\nport: 2\n", "f.yaml:2: 'port' is set twice");
    expect_bad_yaml("unix: /a\nunixsocket: /b\n", "f.yaml:2: 'unix' is set twice");
    expect_bad_yaml("- port\n", "f.yaml:1: expected `name: value` lines");
    expect_bad_yaml("just text\n", "f.yaml:1: expected `name: value` lines");
    expect_bad_yaml("port:\n  x: 1\n", "f.yaml:2: a value is a text or a list of texts");
    expect_bad_yaml("bind: [a, [b]]\n", "f.yaml:1: expected `name: value` lines");
    expect_bad_yaml("bind: &a x\ndir: *a\n", "f.yaml:2: aliases are not read");
    expect_bad_yaml("port: 1\n---\nport: 2\n", "f.yaml:2: there is more than one document");
    cr_assert_eq(read_yaml("port: [\n"), OXQ_ERR_CONFIG);
    cr_assert_eq(read_yaml("port: \"\xff\"\n"), OXQ_ERR_CONFIG);
}

/* ---------------------------------------------------------------- printing */

static char *print_all(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    options_print(&config, &options, f);
    fclose(f);
    return text;
}

Test(options, prints_what_it_can_read_back_and_no_secret)
{
    cr_assert_eq(LOAD("--port=7003", "--dir=/a \"b\"", "--bind=* ::1"), OXQ_OK);
    char *text = print_all();
    cr_assert_not_null(strstr(text, "port: 7003  # flag\n"), "%s", text);
    cr_assert_not_null(strstr(text, "dir: \"/a \\\"b\\\"\"  # flag\n"), "%s", text);
    cr_assert_not_null(strstr(text, "unix: \"\"  # default\n"), "%s", text);
    struct config again;
    config_init(&again);
    cr_assert_eq(options_read_yaml(&again, "printed", slice_from_text(text), &error), OXQ_OK, "%s", error.text);
    cr_assert_eq(again.port, 7003);
    cr_assert_str_eq(again.dir, "/a \"b\"");
    cr_assert_str_eq(again.bind, "* ::1");
    config_deinit(&again);
    free(text);
    cr_assert_eq(LOAD("--password=secret"), OXQ_OK);
    text = print_all();
    cr_assert_null(strstr(text, "secret"), "%s", text);
    cr_assert_not_null(strstr(text, "# password: is set and not shown  # flag\n"), "%s", text);
    free(text);
}
