/* SPDX-License-Identifier: MIT */
/*
 * oxq completions prints a script for a shell; all that the script does is to run `oxq __complete WORDS...`, with the words behind oxq up
 * to the one under the cursor, which prints what that one may become:
 *
 *     --state<TAB>only of these: ...        a candidate and what it is
 *     :files                                names of files, which the shell knows better
 *
 * There is no list of flags here: commands are rows of cli_commands, whose `args` say what stands where, and a command's flags are
 * read from its own --help, where each begins a line and is followed by <what it takes>.
 */
#include "base/num.h"
#include "cli/store.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORDS_MAX 64
#define FLAGS_MAX 64
#define HELP_BYTES_MAX ((size_t)64 << 10)
/* For the names of queues, when the line has no --timeout; a shell that hangs is worse than one that knows none. */
#define STORE_TIMEOUT_MS 1000

static const char bash_script[] = "# oxq in bash: source this, or have it as oxq in bash's folder of completions.\n"
                                  "_oxq() {\n"
                                  "    local line=${COMP_LINE:0:COMP_POINT} words current shown\n"
                                  "    read -ra words <<<\"$line\"\n"
                                  "    case $line in *[[:space:]]) words+=('') ;; esac\n"
                                  "    current=${words[${#words[@]}-1]}\n"
                                  "    # What bash takes for the word begins behind the last of these.\n"
                                  "    shown=${current%\"${current##*[=:]}\"}\n"
                                  "    COMPREPLY=()\n"
                                  "    while IFS= read -r line; do\n"
                                  "        if [ \"$line\" = :files ]; then compopt -o default; return; fi\n"
                                  "        line=${line%%$'\\t'*}\n"
                                  "        COMPREPLY+=(\"${line#\"$shown\"}\")\n"
                                  "    done < <(\"${words[0]}\" __complete \"${words[@]:1}\" 2>/dev/null)\n"
                                  "}\n"
                                  "complete -F _oxq oxq\n";

static const char zsh_script[] = "#compdef oxq\n"
                                 "# oxq in zsh: source this, or have it as _oxq in a folder of $fpath.\n"
                                 "_oxq() {\n"
                                 "    local line\n"
                                 "    local -a found\n"
                                 "    while IFS= read -r line; do\n"
                                 "        if [[ $line = :files ]]; then _files; return; fi\n"
                                 "        found+=(\"${${line//:/\\\\:}/$'\\t'/:}\")\n"
                                 "    done < <(\"$words[1]\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
                                 "    _describe -V oxq found\n"
                                 "}\n"
                                 "if [[ $funcstack[1] = _oxq ]]; then _oxq; else compdef _oxq oxq; fi\n";

static const char fish_script[] =
    "# oxq in fish: source this, or have it as oxq.fish in fish's folder of completions.\n"
    "function __oxq_complete\n"
    "    set -l before (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    for line in ($before[1] __complete $before[2..-1] \"$current\" 2>/dev/null)\n"
    "        if test \"$line\" = :files\n"
    "            __fish_complete_path \"$current\"\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c oxq -f -a '(__oxq_complete)'\n";

static const struct {
    const char *name, *script;
} shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

static const char help[] =
    "Usage: oxq completions bash|zsh|fish\n\n"
    "Prints what the shell completes oxq's words with: commands, flags, states and the names of\n"
    "queues. In bash: source <(oxq completions bash). `make install` puts it where shells look.\n";

int cli_completions(int argc, char **argv)
{
    bool is_help = false;
    const struct cli_flag flags[] = {{"--help", NULL, &is_help}};
    int code = cli_take_flags(&argc, argv, flags, 1);
    if (code) return code;
    if (is_help) {
        fputs(help, stdout);
        return CLI_OK;
    }
    for (size_t i = 0; argc == 1 && i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(argv[0], shells[i].name) != 0) continue;
        fputs(shells[i].script, stdout);
        return CLI_OK;
    }
    return cli_refuse("completions takes the name of a shell: oxq completions bash|zsh|fish");
}

/* ---------------------------------------------------------------- what a command takes */

struct complete_flag {
    char name[48];
    char takes[48]; /* "states"; empty: nothing */
    char text[120];
};

struct completion {
    const char *current; /* the word that is completed */
    const struct cli_command *command;
    struct complete_flag flags[FLAGS_MAX];
    size_t flags_count;
    size_t positionals_count;    /* words before the current one that are neither flags nor their values */
    char *store_argv[WORDS_MAX]; /* the flags that say where the store is */
    int store_argc;
};

static void copy_part(char *out, size_t cap, const char *from, size_t len)
{
    snprintf(out, cap, "%.*s", (int)len, from);
}

/* "  --state <states>   only of these: ..."; false: another line. */
static bool read_flag(const char *line, struct complete_flag *out)
{
    size_t blanks = strspn(line, " ");
    if (blanks == 0 || strncmp(line + blanks, "--", 2) != 0) return false;
    const char *name = line + blanks;
    size_t len = strcspn(name, " \n");
    const char *rest = name + len + strspn(name + len, " ");
    *out = (struct complete_flag){.takes = ""};
    copy_part(out->name, sizeof(out->name), name, len);
    if (*rest == '<') {
        size_t takes = strcspn(rest + 1, ">\n");
        copy_part(out->takes, sizeof(out->takes), rest + 1, takes);
        rest += 1 + takes + (rest[1 + takes] == '>');
        rest += strspn(rest, " ");
    }
    copy_part(out->text, sizeof(out->text), rest, strcspn(rest, "\n"));
    return true;
}

/* Runs the command with --help, its standard output going into the file. */
static bool run_help(const struct cli_command *command, int fd)
{
    char flag[] = "--help";
    char *argv[] = {flag, NULL};
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    if (saved < 0 || dup2(fd, STDOUT_FILENO) < 0) return false;
    int code = command->run(1, argv);
    fflush(stdout);
    bool is_back = dup2(saved, STDOUT_FILENO) >= 0;
    close(saved);
    return is_back && code == CLI_OK;
}

static void read_flags(struct completion *c)
{
    static char text[HELP_BYTES_MAX];
    int fd = memfd_create("help", MFD_CLOEXEC);
    if (fd < 0) return;
    bool has_help = c->command->run != cli_help && run_help(c->command, fd);
    ssize_t bytes = has_help ? pread(fd, text, sizeof(text) - 1, 0) : 0;
    close(fd);
    text[bytes > 0 ? bytes : 0] = '\0';
    for (const char *line = text; *line && c->flags_count < FLAGS_MAX;) {
        c->flags_count += read_flag(line, &c->flags[c->flags_count]);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
}

static const struct complete_flag *find_flag(const struct completion *c, const char *word)
{
    size_t len = strcspn(word, "=");
    for (size_t i = 0; i < c->flags_count; i++) {
        if (strlen(c->flags[i].name) == len && strncmp(c->flags[i].name, word, len) == 0) return &c->flags[i];
    }
    return NULL;
}

/* ---------------------------------------------------------------- candidates */

static void offer(const struct completion *c, const char *before, const char *word, const char *text)
{
    size_t before_len = strlen(before), len = strlen(c->current);
    if (strncmp(c->current, before, len < before_len ? len : before_len) != 0) return;
    if (len > before_len && strncmp(c->current + before_len, word, len - before_len) != 0) return;
    printf("%s%s%s%s\n", before, word, text && text[0] ? "\t" : "", text ? text : "");
}

static void offer_commands(const struct completion *c)
{
    for (const struct cli_command *row = cli_commands; row->name; row++) offer(c, "", row->name, row->summary);
}

static void offer_flags(const struct completion *c)
{
    for (size_t i = 0; i < c->flags_count; i++) offer(c, "", c->flags[i].name, c->flags[i].text);
    offer(c, "", "--help", "what the command does and takes");
}

/* What a shell would not take for one plain word is not offered. */
static bool is_plain(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@,/%";
    return name[0] && name[strspn(name, plain)] == '\0';
}

static void offer_queues(struct completion *c, const char *before)
{
    OWNED(cli_store_deinit) struct cli_store s = {0};
    struct oxq_error err;
    oxq_names *names;
    if (cli_take_store(&c->store_argc, c->store_argv, &s, NULL, 0) != CLI_OK) return;
    char timeout[NUM_INT_MAX_CHARS];
    int64_t timeout_ms = STORE_TIMEOUT_MS;
    if (cli_read_number("--timeout", s.timeout, 1, INT32_MAX, &timeout_ms) != CLI_OK) return;
    snprintf(timeout, sizeof(timeout), "%d", (int)timeout_ms);
    s.timeout = timeout;
    alarm((unsigned)(timeout_ms / 1000) + 1);
    if (cli_open(&s) != CLI_OK || oxq_queues(s.store, &names, &err) != OXQ_OK) return;
    for (size_t i = 0; i < oxq_names_count(names); i++) {
        if (is_plain(oxq_names_at(names, i))) offer(c, before, oxq_names_at(names, i), NULL);
    }
    oxq_names_free(names);
}

static void offer_kinds(const struct completion *c, const char *before)
{
    static const char *const kinds[] = {"added",   "waiting",   "active",    "progress",          "completed",
                                        "failed",  "delayed",   "stalled",   "waiting-children",  "removed",
                                        "drained", "paused",    "resumed",   "retries-exhausted", "deduplicated",
                                        "cleaned", "debounced", "duplicated"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) offer(c, before, kinds[i], NULL);
}

static void offer_states(const struct completion *c, const char *before)
{
    for (int s = OXQ_STATE_WAITING; s < OXQ_STATES_COUNT; s++) offer(c, before, oxq_state_name((oxq_state)s), NULL);
}

/* A word that is named by what it is: "states", "QUEUE", "get|set|print". before: what of the current word is not it. */
static void offer_value(struct completion *c, const char *takes, const char *before)
{
    if (strcmp(takes, "state") == 0 || strcmp(takes, "states") == 0) {
        offer_states(c, before);
    } else if (strcmp(takes, "kinds") == 0) {
        offer_kinds(c, before);
    } else if (strcasecmp(takes, "queue") == 0) {
        offer_queues(c, before);
    } else if (strcmp(takes, "command") == 0) {
        offer_commands(c);
    } else if (strcasecmp(takes, "file") == 0 || strcasecmp(takes, "dir") == 0 || strcasecmp(takes, "target") == 0) {
        puts(":files");
    } else if (strchr(takes, '|') && strspn(takes, "abcdefghijklmnopqrstuvwxyz|-") == strlen(takes)) {
        char list[128], *at = list;
        snprintf(list, sizeof(list), "%s", takes);
        for (const char *word = strsep(&at, "|"); word; word = strsep(&at, "|")) offer(c, before, word, NULL);
    }
}

/* A flag's value, of which there may be several with commas; `before` is what stands before the value: "" or "--state=". */
static void offer_flag_value(struct completion *c, const struct complete_flag *flag, size_t before_len)
{
    char before[256];
    const char *value = c->current + before_len, *comma = strrchr(value, ',');
    bool is_list = strcmp(flag->takes, "states") == 0 || strcmp(flag->takes, "kinds") == 0;
    size_t len = before_len + (is_list && comma ? (size_t)(comma + 1 - value) : 0);
    if (len >= sizeof(before)) return;
    copy_part(before, sizeof(before), c->current, len);
    offer_value(c, flag->takes, before);
}

/* What stands at this place of the command's args, "QUEUE ID [flags]"; the last one again and again when it ends with "...". */
static void offer_positional(struct completion *c)
{
    char args[128], takes[64] = "", *at = args;
    size_t place = 0;
    bool repeats = false;
    snprintf(args, sizeof(args), "%s", c->command->args);
    for (char *word = strsep(&at, " "); word; word = strsep(&at, " ")) {
        if (!word[0] || word[0] == '-' || strcmp(word, "[flags]") == 0) continue;
        word += word[0] == '[';
        size_t len = strcspn(word, ".]");
        repeats = strncmp(word + len, "...", 3) == 0;
        copy_part(takes, sizeof(takes), word, len);
        if (place++ == c->positionals_count) {
            offer_value(c, takes, "");
            return;
        }
    }
    if (repeats) offer_value(c, takes, "");
}

/* ---------------------------------------------------------------- the words before */

/* Flags that cli_take_store needs to open the store. */
static bool names_store(const char *flag)
{
    static const char *const names[] = {"--url",     "--port",   "--prefix",   "--password",
                                        "--timeout", "--tls-ca", "--tls-cert", "--tls-key"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(flag, names[i]) == 0) return true;
    }
    return false;
}

/* One word before the current one. Returns the flag whose value the next word is, or NULL. */
static const struct complete_flag *take_word(struct completion *c, char *word)
{
    if (strncmp(word, "--", 2) != 0) {
        c->positionals_count++;
        return NULL;
    }
    const struct complete_flag *flag = find_flag(c, word);
    if (!flag || !flag->takes[0]) return NULL;
    if (names_store(flag->name) && c->store_argc + 2 < WORDS_MAX) c->store_argv[c->store_argc++] = word;
    return strchr(word, '=') ? NULL : flag;
}

static void complete_words(struct completion *c, int argc, char **argv)
{
    const struct complete_flag *pending = NULL;
    for (int i = 0; i + 1 < argc; i++) {
        if (pending && names_store(pending->name) && c->store_argc + 2 < WORDS_MAX)
            c->store_argv[c->store_argc++] = argv[i];
        pending = pending ? NULL : take_word(c, argv[i]);
    }
    const char *equals = strchr(c->current, '=');
    const struct complete_flag *own = equals ? find_flag(c, c->current) : NULL;
    if (pending)
        offer_flag_value(c, pending, 0);
    else if (own)
        offer_flag_value(c, own, (size_t)(equals + 1 - c->current));
    else if (c->current[0] == '-')
        offer_flags(c);
    else
        offer_positional(c);
}

int cli_complete(int argc, char **argv)
{
    struct completion c = {.current = argc > 0 ? argv[argc - 1] : ""};
    /* The shell's line is no place for errors. */
    if (!freopen("/dev/null", "w", stderr)) return CLI_FAILED;
    if (argc <= 1) {
        offer_commands(&c);
        return CLI_OK;
    }
    for (const struct cli_command *row = cli_commands; row->name; row++) {
        if (strcmp(argv[0], row->name) == 0) c.command = row;
    }
    if (!c.command) return CLI_OK;
    read_flags(&c);
    complete_words(&c, argc - 1, argv + 1);
    return CLI_OK;
}
