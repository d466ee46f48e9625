/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "base/nearest.h"
#include "cli/table.h"
#include "codec/json.h"
#include "os/init.h"
#include "os/process.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cli_command cli_commands[] = {
    {"add", cli_add, "QUEUE NAME [DATA] [flags]", "add a job, or one from each line of a file", "Jobs"},
    {"work", cli_work, "QUEUE --exec CMD [flags]", "run a program for each job, or send an HTTP request (--push URL)",
     NULL},
    {"jobs", cli_jobs, "QUEUE [flags]", "show jobs: by state, name, data, error, age", NULL},
    {"job", cli_job, "QUEUE ID [flags]", "show everything about one job", NULL},
    {"retry", cli_retry, "QUEUE ID...|--all [flags]", "let failed jobs wait again", NULL},
    {"promote", cli_promote, "QUEUE ID...|--all [flags]", "let delayed jobs wait now", NULL},
    {"change", cli_change, "QUEUE ID [flags]", "change a job's data, delay or priority", NULL},
    {"remove", cli_remove, "QUEUE ID... [flags]", "remove jobs", NULL},
    {"queues", cli_queues, "[QUEUE...] [flags]", "show the queues and how many jobs they have", "Queues"},
    {"stats", cli_stats, "QUEUE [flags]", "tell how a queue does: attempts, times, errors in groups", NULL},
    {"top", cli_top, "[QUEUE...] [flags]", "watch queues: states, rates, waiting times, failures", NULL},
    {"events", cli_events, "QUEUE [flags]", "show what happened in a queue, and what happens", NULL},
    {"workers", cli_workers, "QUEUE [flags]", "show who takes jobs of a queue", NULL},
    {"pause", cli_pause, "QUEUE [flags]", "let no worker take another job of a queue", NULL},
    {"resume", cli_resume, "QUEUE [flags]", "let workers take its jobs again", NULL},
    {"limit", cli_limit, "QUEUE [flags]", "limit how many jobs run or begin at a time, over all workers", NULL},
    {"drain", cli_drain, "QUEUE [flags]", "remove the jobs that wait", NULL},
    {"clean", cli_clean, "QUEUE [flags]", "remove old jobs of a state", NULL},
    {"obliterate", cli_obliterate, "QUEUE [flags]", "remove a queue with all that it has", NULL},
    {"schedulers", cli_schedulers, "QUEUE [flags]", "show what comes again by itself, and when next",
     "Jobs that come again"},
    {"schedule", cli_schedule, "QUEUE ID [flags]", "make a job that comes again, or change it", NULL},
    {"unschedule", cli_unschedule, "QUEUE ID [flags]", "let it come no more", NULL},
    {"dlq", cli_dlq, "list|show|replay|discard|policy QUEUE ...", "show dead letters, and let them live again or not",
     "Jobs that failed for good"},
    {"serve", cli_serve, "[flags]", "run the server", "The server"},
    {"ping", cli_ping, "[flags]", "ask a server whether it is there, and how long it takes to say so", NULL},
    {"config", cli_config, "get|set|print ...", "show and change parameters", NULL},
    {"bench", cli_bench, "[flags]", "measure how fast a store is", NULL},
    {"dump", cli_dump, "[flags]", "write the keys of a server, Redis or oxq, to a file", "Its data"},
    {"load", cli_load, "[flags] FILE", "write the keys of such a file to a server", NULL},
    {"backup", cli_backup, "[flags] DIR TARGET", "copy a data folder, also while its server works", NULL},
    {"restore", cli_restore, "[flags] TARGET DIR", "make a data folder from such a copy", NULL},
    {"check", cli_check, "[flags] DIR", "read a data folder and tell whether it is sound", NULL},
    {"commands", cli_commands_list, "[flags]", "print the Redis commands that the server answers", "This program"},
    {"completions", cli_completions, "bash|zsh|fish", "print what a shell completes oxq's words with", NULL},
    {"version", cli_version, "[flags]", "print the version", NULL},
    {"help", cli_help, "[command]", "print this, or a command's flags", NULL},
    {0},
};

/* Names and texts of others may be in it: they must not steer the terminal. */
OXQ_PRINTF(1, 0) static void say(const char *format, va_list args)
{
    OWNED(arena_deinit) struct arena arena = {0};
    fprintf(stderr, "oxq: %s\n", table_clean(&arena, arena_vprint(&arena, format, args), true));
}

void cli_tell(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

int cli_refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return CLI_REFUSED;
}

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return CLI_FAILED;
}

int cli_refuse_command(const char *name, const char *before)
{
    struct nearest n = nearest_to(slice_from_text(name));
    for (const struct cli_command *c = cli_commands; c->name; c++) nearest_offer(&n, c->name);
    if (n.best) return cli_refuse("unknown command '%s': did you mean '%s%s'?", name, before, n.best);
    return cli_refuse("unknown command '%s': see oxq help", name);
}

/* Not guessed: the first word that is a command may be the flag's value. */
static int refuse_flag_before(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        for (const struct cli_command *c = cli_commands; c->name; c++) {
            if (strcmp(argv[i], c->name) == 0)
                return cli_refuse("%s stands before the command: flags follow it, as in 'oxq %s ... %s'", argv[1],
                                  c->name, argv[1]);
        }
    }
    return cli_refuse("%s stands where a command should: see oxq help", argv[1]);
}

/* What was printed and did not get out is not done; but a reader that has seen enough (head) misses nothing. */
static int end_output(int code)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR)) return code;
    return cli_fail("standard output cannot be written");
}

int cli_run(int argc, char **argv)
{
    process_take_standard();
    /* A file that may not grow (ulimit -f) is an error of that write, which is told, and no sudden end. */
    signal(SIGXFSZ, SIG_IGN);
    json_adopt_memory();
    if (argc < 2) {
        cli_help(0, argv);
        return CLI_REFUSED;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "__complete") == 0) return cli_complete(argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-v") == 0) name = "version";
    /* It runs programs, which leave others behind. */
    if (strcmp(name, "work") == 0) init_begin(argv);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (strcmp(name, c->name) == 0) return end_output(c->run(argc - 2, argv + 2));
    }
    if (name[0] == '-') return refuse_flag_before(argc, argv);
    return cli_refuse_command(name, "oxq ");
}
