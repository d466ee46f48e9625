/* SPDX-License-Identifier: MIT */
/*
 * Each source only sets what no stronger one will set again, so they are read from the weakest to the strongest; the
 * name of the file is the one thing that must be looked for first.
 */
#include "daemon/options.h"

#include "base/buf.h"
#include "codec/json_writer.h"
#include "os/file.h"
#include "oxq/version.h"

#include <string.h>

#define PREFIX "OXQ_"

/* A value as error texts show it: not at all when it is a secret. */
static const char *show(struct slice name, const char *value)
{
    return config_row_is_secret((size_t)config_row_find(name)) ? "..." : value;
}

/* ---------------------------------------------------------------- flags */

static oxq_err refuse_flag(const char *flag, size_t len, struct oxq_error *err)
{
    const char *nearest = config_nearest(slice_of(flag, len));
    if (nearest)
        return err_set(err, OXQ_ERR_CONFIG, "unknown flag --%.*s: did you mean --%s?", (int)len, flag, nearest);
    return err_set(err, OXQ_ERR_CONFIG, "unknown flag --%.*s: see oxq serve --help", (int)len, flag);
}

/* Splits "--name=value" or "--name", "value" at argv[*i]; *i ends on the last one used. */
static oxq_err take_flag(int argc, char **argv, int *i, struct slice *out_name, struct slice *out_value,
                         struct oxq_error *err)
{
    const char *arg = argv[*i];
    if (strncmp(arg, "--", 2) != 0 || !arg[2])
        return err_set(err, OXQ_ERR_CONFIG, "unknown argument '%s': see oxq serve --help", arg);
    const char *name = arg + 2;
    size_t len = strcspn(name, "=");
    bool is_file = slice_is(slice_of(name, len), "config");
    if (!is_file && config_row_find(slice_of(name, len)) < 0) return refuse_flag(name, len, err);
    *out_name = slice_of(name, len);
    if (name[len] == '=') {
        *out_value = slice_from_text(name + len + 1);
        return OXQ_OK;
    }
    if (*i + 1 == argc)
        return err_set(err, OXQ_ERR_CONFIG, "--%s needs a value: --%s=%s", name, name,
                       is_file ? "<file>" : config_row_shape((size_t)config_row_find(*out_name)));
    *out_value = slice_from_text(argv[++*i]);
    return OXQ_OK;
}

typedef oxq_err use_flag_fn(void *ctx, struct slice name, struct slice value, struct oxq_error *err);

/* Gives each flag with its value to fn; notes those without one. */
static oxq_err walk_flags(int argc, char **argv, struct options *o, use_flag_fn *fn, void *ctx, struct oxq_error *err)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            o->is_help = true;
            continue;
        }
        if (strcmp(argv[i], "--print-config") == 0) {
            o->is_print = true;
            continue;
        }
        if (strcmp(argv[i], "--json") == 0) {
            o->is_json = true;
            continue;
        }
        struct slice name = {0}, value = {0};
        oxq_err e = take_flag(argc, argv, &i, &name, &value, err);
        if (!e) e = fn(ctx, name, value, err);
        if (e) return e;
    }
    return OXQ_OK;
}

static oxq_err use_file_flag(void *ctx, struct slice name, struct slice value, struct oxq_error *err)
{
    (void)err;
    if (slice_is(name, "config")) ((struct options *)ctx)->file = value.at;
    return OXQ_OK;
}

static oxq_err use_flag(void *ctx, struct slice name, struct slice value, struct oxq_error *err)
{
    struct oxq_error why;
    if (slice_is(name, "config")) return OXQ_OK;
    if (config_set(ctx, name, value, CONFIG_FLAG, &why) == OXQ_OK) return OXQ_OK;
    return err_set(err, OXQ_ERR_CONFIG, "--%.*s %.40s: %s", (int)name.len, name.at, show(name, value.at), why.text);
}

/* ---------------------------------------------------------------- environment */

/* "tls-cert" -> "OXQ_TLS_CERT" */
static void name_variable(const char *name, char out[static OPTIONS_VARIABLE_MAX])
{
    snprintf(out, OPTIONS_VARIABLE_MAX, PREFIX "%s", name);
    for (char *at = out; *at; at++) {
        if (*at == '-') *at = '_';
        if (*at >= 'a' && *at <= 'z') *at = (char)(*at - ('a' - 'A'));
    }
}

static oxq_err use_variable(struct config *c, const char *name, char *(*env)(const char *), struct oxq_error *err)
{
    char variable[OPTIONS_VARIABLE_MAX];
    struct oxq_error why;
    name_variable(name, variable);
    const char *value = env(variable);
    /* An empty variable is one that was left empty in somebody's compose file. */
    if (!value || !value[0]) return OXQ_OK;
    struct slice row = slice_from_text(name);
    if (config_set(c, row, slice_from_text(value), CONFIG_ENVIRONMENT, &why) == OXQ_OK) return OXQ_OK;
    return err_set(err, OXQ_ERR_CONFIG, "%s=%.40s: %s", variable, show(row, value), why.text);
}

static oxq_err use_environment(struct config *c, char *(*env)(const char *), struct oxq_error *err)
{
    for (size_t row = 0; row < config_rows_count(); row++) {
        if (config_row_classify(row) != CONFIG_ROW_OWN) continue;
        const char *name = config_row_name(row), *flag = config_row_flag(row);
        oxq_err e = use_variable(c, name, env, err);
        if (!e && strcmp(name, flag) != 0) e = use_variable(c, flag, env, err);
        if (e) return e;
    }
    return OXQ_OK;
}

/*
 * Not parameters: what names the file; where commands find a server, what `oxq work` reads, and what it gives its programs, of which the server
 * may be one; the program that tests take.
 */
static const char *const others[] = {"OXQ_CONFIG", "OXQ_URL",     "OXQ_PUSH_SECRET", "OXQ_JOB_ID", "OXQ_JOB_NAME",
                                     "OXQ_QUEUE",  "OXQ_ATTEMPT", "OXQ_ATTEMPTS",    "OXQ_BIN"};

static bool is_known(struct slice variable)
{
    char name[OPTIONS_VARIABLE_MAX];
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (slice_equal(variable, slice_from_text(others[i]))) return true;
    }
    for (size_t row = 0; row < config_rows_count(); row++) {
        if (config_row_classify(row) != CONFIG_ROW_OWN) continue;
        name_variable(config_row_name(row), name);
        if (slice_equal(variable, slice_from_text(name))) return true;
        name_variable(config_row_flag(row), name);
        if (slice_equal(variable, slice_from_text(name))) return true;
    }
    return false;
}

/* The variable of the parameter that may be meant; empty: none is near. */
static void find_nearest(struct slice variable, char out[static OPTIONS_VARIABLE_MAX])
{
    char name[OPTIONS_VARIABLE_MAX];
    size_t len = 0;
    for (size_t i = strlen(PREFIX); i < variable.len && len < sizeof(name); i++) {
        char c = variable.at[i];
        name[len++] = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    const char *nearest = config_nearest(slice_of(name, len));
    out[0] = '\0';
    if (nearest) name_variable(nearest, out);
}

void options_find_unknown(char *const *all, options_unknown_fn *fn, void *ctx)
{
    for (; *all; all++) {
        char name[OPTIONS_VARIABLE_MAX], nearest[OPTIONS_VARIABLE_MAX];
        struct slice variable = slice_of(*all, strcspn(*all, "="));
        if (variable.len <= strlen(PREFIX) || strncmp(variable.at, PREFIX, strlen(PREFIX)) != 0 || is_known(variable))
            continue;
        find_nearest(variable, nearest);
        snprintf(name, sizeof(name), "%.*s", (int)variable.len, variable.at);
        fn(ctx, name, nearest);
    }
}

/* ---------------------------------------------------------------- all of them */

static oxq_err use_file(struct config *c, const char *file, struct oxq_error *err)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = OPTIONS_FILE_BYTES_MAX};
    oxq_err e = file_read(file, &text, err);
    return e ? e : options_read_yaml(c, file, buf_borrow(&text), err);
}

oxq_err options_load(struct config *c, int argc, char **argv, char *(*env)(const char *name), struct options *out,
                     struct oxq_error *err)
{
    struct options o = {0};
    oxq_err e = walk_flags(argc, argv, &o, use_file_flag, &o, err);
    if (e) return e;
    if (!o.file) {
        const char *named = env("OXQ_CONFIG");
        if (named && named[0])
            o.file = named;
        else if (file_exists(OPTIONS_FILE_DEFAULT))
            o.file = OPTIONS_FILE_DEFAULT;
    }
    if (o.file && !o.is_help) e = use_file(c, o.file, err);
    if (!e) e = use_environment(c, env, err);
    if (!e) e = walk_flags(argc, argv, &o, use_flag, c, err);
    if (e) return e;
    *out = o;
    return OXQ_OK;
}

/* ---------------------------------------------------------------- printing */

static const char *name_source(enum config_source source)
{
    static const char *const names[] = {[CONFIG_DEFAULT] = "default",
                                        [CONFIG_FILE] = "file",
                                        [CONFIG_ENVIRONMENT] = "environment",
                                        [CONFIG_FLAG] = "flag",
                                        [CONFIG_RUNTIME] = "CONFIG SET"};
    return names[source];
}

/* Anything that YAML might take for something else than this text goes into quotes. */
static void print_quoted(const char *text, char *out, size_t cap)
{
    size_t plain = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./_-");
    if (text[0] && text[0] != '-' && !text[plain]) {
        snprintf(out, cap, "%s", text);
        return;
    }
    size_t len = 0;
    out[len++] = '"';
    for (; *text && len + 6 < cap; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 0x7f)
            len += (size_t)snprintf(out + len, cap - len, "\\x%02x", c);
        else if (c == '"' || c == '\\')
            len += (size_t)snprintf(out + len, cap - len, "\\%c", c);
        else
            out[len++] = (char)c;
    }
    out[len++] = '"';
    out[len] = '\0';
}

void options_print(const struct config *c, const struct options *o, FILE *out)
{
    fprintf(out, "# oxq %s; file: %s\n", OXQ_VERSION, o->file ? o->file : "none");
    for (size_t row = 0; row < config_rows_count(); row++) {
        if (config_row_classify(row) != CONFIG_ROW_OWN) continue;
        char text[CONFIG_TEXT_MAX], quoted[4 * CONFIG_TEXT_MAX + 8];
        config_row_text(c, row, text, sizeof(text));
        const char *name = config_row_flag(row), *source = name_source(config_row_source(c, row));
        if (config_row_is_secret(row) && text[0]) {
            fprintf(out, "# %s: is set and not shown  # %s\n", name, source);
            continue;
        }
        print_quoted(text, quoted, sizeof(quoted));
        fprintf(out, "%s: %s  # %s\n", name, quoted, source);
    }
}

/* Paths may be no UTF-8. */
static void write_text(struct json_writer *w, const char *text)
{
    OWNED(buf_deinit) struct buf value = {.limit_bytes = w->out->limit_bytes};
    oxq_err e = json_put_bytes(&value, slice_from_text(text));
    if (e && !w->error) w->error = e;
    if (!e) json_write_raw(w, buf_borrow(&value));
}

static void write_parameter(struct json_writer *w, const struct config *c, size_t row)
{
    char text[CONFIG_TEXT_MAX];
    config_row_text(c, row, text, sizeof(text));
    json_write_name(w, config_row_flag(row));
    json_write_open(w, '{');
    json_write_name(w, "value");
    if (config_row_is_secret(row) && text[0])
        json_write_null(w);
    else
        write_text(w, text);
    json_write_name(w, "source");
    write_text(w, name_source(config_row_source(c, row)));
    json_write_close(w, '}');
}

oxq_err options_print_json(const struct config *c, const struct options *o, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_write_open(&w, '{');
    json_write_name(&w, "version");
    write_text(&w, OXQ_VERSION);
    json_write_name(&w, "file");
    if (o->file)
        write_text(&w, o->file);
    else
        json_write_null(&w);
    json_write_name(&w, "parameters");
    json_write_open(&w, '{');
    for (size_t row = 0; row < config_rows_count(); row++) {
        if (config_row_classify(row) == CONFIG_ROW_OWN) write_parameter(&w, c, row);
    }
    json_write_close(&w, '}');
    json_write_close(&w, '}');
    return w.error;
}

void options_print_flags(FILE *out)
{
    for (size_t row = 0; row < config_rows_count(); row++) {
        if (config_row_classify(row) != CONFIG_ROW_OWN) continue;
        char flag[OPTIONS_VARIABLE_MAX];
        snprintf(flag, sizeof(flag), "--%s %s", config_row_flag(row), config_row_shape(row));
        fprintf(out, "  %-36s %s\n", flag, config_row_help(row));
    }
}
