/* SPDX-License-Identifier: MIT */
/* From the command line, the environment and oxq.yaml to a config. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include "base/buf.h"
#include "engine/config.h"

#include <stdio.h>

/* Read when neither --config nor OXQ_CONFIG names a file and it is there. */
#define OPTIONS_FILE_DEFAULT "oxq.yaml"
#define OPTIONS_FILE_BYTES_MAX ((size_t)1 << 20)

struct options {
    bool is_help;
    bool is_print;    /* --print-config */
    bool is_json;     /* --json: of what is printed then */
    const char *file; /* that was read, borrowed from argv or environ; NULL: none */
};

/*
 * Sets what flags (argv[0 .. argc), without the program's name), then environment, then file say: a flag beats the
 * environment, which beats the file. env gives a variable's value or NULL (getenv). Errors: CONFIG, and those of
 * reading the file; the text names the flag, variable or line, and what to write instead.
 */
OXQ_MUST_USE oxq_err options_load(struct config *c, int argc, char **argv, char *(*env)(const char *name),
                                  struct options *out, struct oxq_error *err);

/* A longer name is told in part. */
#define OPTIONS_VARIABLE_MAX 64
typedef void options_unknown_fn(void *ctx, const char *name, const char *nearest);
/*
 * Tells of each variable in `all` (environ) that begins with OXQ_ and is neither a parameter nor anything else that oxq reads or sets. nearest:
 * the one that may be meant, or "". Texts are borrowed for the call.
 */
void options_find_unknown(char *const *all, options_unknown_fn *fn, void *ctx);

/* oxq.yaml from memory: `name: value` lines, a list for several addresses. `file` is for error texts. */
OXQ_MUST_USE oxq_err options_read_yaml(struct config *c, const char *file, struct slice text, struct oxq_error *err);

/* All parameters with where they came from, as a file that could be read back; secrets are left out. */
void options_print(const struct config *c, const struct options *o, FILE *out);
/*
 * The same as one object: {"version":...,"file":null,"parameters":{"port":{"value":"7700","source":"default"},...}}; the value of a secret that
 * is set is null. Errors: MEMORY, LIMIT.
 */
OXQ_MUST_USE oxq_err options_print_json(const struct config *c, const struct options *o, struct buf *out);
/* One line for each flag. */
void options_print_flags(FILE *out);

#endif
