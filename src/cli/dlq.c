/* SPDX-License-Identifier: MIT */
/* oxq dlq: what died, and what becomes of it. */
#include "cli/dlq.h"

#include "cli/action.h"
#include "cli/confirm.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: oxq dlq list QUEUE [flags]\n"
    "       oxq dlq show QUEUE ID [flags]\n"
    "       oxq dlq replay QUEUE ID...|--all [flags]\n"
    "       oxq dlq discard QUEUE ID...|--all [flags]\n"
    "       oxq dlq policy QUEUE [DEAD|--off] [flags]\n\n"
    "Dead letters: the jobs of a queue whose last attempt failed, kept in another queue with all that is known of them.\n"
    "policy shows or sets which queue that is. QUEUE is the one whose jobs died, or the dead-letter queue itself; ids are\n"
    "those of the letters. `oxq dlq replay --help` and its like tell more.\n\n"
    "  --all                  of replay and discard: all letters, or those that the flags below leave\n"
    "  --dry-run              of replay and discard: only say how many it would be\n"
    "  --yes                  of discard: do not ask\n"
    "  --off                  of policy: no dead-letter queue any more\n"
    "  --newest               of list: the newest first\n";

/* ---------------------------------------------------------------- the dead-letter queue */

int dlq_enter(struct cli_store *s)
{
    char dead[OXQ_ID_MAX];
    struct oxq_error err;
    int code = cli_result(oxq_queue_get_dead_letters(s->queue, dead, &err), &err);
    if (code || !dead[0]) return code;
    oxq_queue_close(s->queue);
    s->queue = NULL;
    return cli_open_queue(s, dead);
}

int dlq_open(struct cli_store *s, const char *name)
{
    int code = cli_open_queue(s, name);
    return code ? code : dlq_enter(s);
}

/* A queue for dead letters may have other jobs too; and who names a queue without one means none of its jobs. */
static bool is_letter(oxq_job *job)
{
    struct oxq_dead_letter ignored;
    return oxq_job_dead_letter(job, &ignored, NULL) == OXQ_OK;
}

/* ---------------------------------------------------------------- replay */

static oxq_err replay_one(struct action *a, const char *id, struct oxq_error *err)
{
    return oxq_queue_replay(a->store.queue, id, NULL, err);
}

static oxq_err replay_matching(struct action *a, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                               int64_t *out_count, struct oxq_error *err)
{
    return oxq_queue_replay_matching(a->store.queue, which, opts, out_count, err);
}

static int enter(struct action *a, int ids_count)
{
    (void)ids_count;
    return dlq_enter(&a->store);
}

static int dlq_replay(int argc, char **argv)
{
    struct action a = {
        .verb = "replay",
        .done_word = "replayed",
        .usage = "oxq dlq replay QUEUE ID...",
        .one = replay_one,
        .matching = replay_matching,
        .is_meant = is_letter,
        .prepare = enter,
        .help =
            "Usage: oxq dlq replay QUEUE ID... [flags]\n"
            "       oxq dlq replay QUEUE --all [flags]\n\n"
            "The jobs of dead letters wait in their queue again, as if they had never run, and the letters are gone. A job\n"
            "that is in its queue again otherwise keeps its letter. --data looks into the whole letter: /data/user/id=7.\n\n"
            "  --dry-run              only say how many it would be\n"
            "  --all                  all letters, or those of them that these flags leave:\n",
    };
    return action_run(&a, argc, argv, NULL, 0);
}

/* ---------------------------------------------------------------- discard */

struct discard {
    struct action action; /* first */
    bool is_agreed;
};

static oxq_err discard_one(struct action *a, const char *id, struct oxq_error *err)
{
    oxq_job *job;
    struct oxq_dead_letter ignored;
    oxq_err e = oxq_queue_get(a->store.queue, id, &job, err);
    if (e) return e;
    e = oxq_job_dead_letter(job, &ignored, err);
    oxq_job_free(job);
    return e ? e : oxq_queue_remove(a->store.queue, id, false, err);
}

static oxq_err discard_matching(struct action *a, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                                int64_t *out_count, struct oxq_error *err)
{
    return action_remove_each(a, which, opts, false, out_count, err);
}

static int check_discard(struct action *a, bool has_ids)
{
    (void)has_ids;
    return a->filter.rate ? cli_refuse("--rate is for replay: what is discarded burdens nobody") : CLI_OK;
}

static int ask(struct action *a, int ids_count)
{
    int64_t count = ids_count;
    int code = dlq_enter(&a->store);
    if (code || a->is_dry) return code;
    if (ids_count == 0) code = cli_filter_count(&a->store, &a->which, is_letter, a->limit, &count);
    if (code) return code;
    const char *name = oxq_queue_name(a->store.queue);
    return cli_confirm(((const struct discard *)a)->is_agreed, name,
                       "this discards %" PRId64 " dead letter%s of %s, for good", count, count == 1 ? "" : "s", name);
}

static int dlq_discard(int argc, char **argv)
{
    struct discard d = {
        .action = {
            .verb = "discard",
            .done_word = "discarded",
            .usage = "oxq dlq discard QUEUE ID...",
            .one = discard_one,
            .matching = discard_matching,
            .is_meant = is_letter,
            .check = check_discard,
            .prepare = ask,
            .help =
                "Usage: oxq dlq discard QUEUE ID... [flags]\n"
                "       oxq dlq discard QUEUE --all [flags]\n\n"
                "Removes dead letters for good. It asks before. --data looks into the whole letter: /data/user/id=7.\n\n"
                "  --yes                  do not ask\n"
                "  --dry-run              only say how many it would be\n"
                "  --all                  all letters, or those of them that these flags leave:\n"}};
    const struct cli_flag own[] = {{"--yes", NULL, &d.is_agreed}};
    return action_run(&d.action, argc, argv, own, 1);
}

/* ---------------------------------------------------------------- policy */

static int print_policy(const struct cli_store *s, const char *dead)
{
    OWNED(buf_deinit) struct buf text = {.limit_bytes = SIZE_MAX};
    OWNED(arena_deinit) struct arena arena = {0};
    if (!s->is_json) {
        puts(dead[0] ? table_clean(&arena, dead, false) : "none");
        return CLI_OK;
    }
    struct json_writer w = {.out = &text};
    json_write_open(&w, '{');
    json_write_name(&w, "queue");
    json_write_text(&w, slice_from_text(oxq_queue_name(s->queue)));
    json_write_name(&w, "dead_letters");
    if (dead[0])
        json_write_text(&w, slice_from_text(dead));
    else
        json_write_null(&w);
    json_write_close(&w, '}');
    return text_end_line(&w);
}

static int set_policy(struct cli_store *s, const char *name, const char *wanted, bool is_off)
{
    char dead[OXQ_ID_MAX];
    struct oxq_error err;
    s->makes_store = wanted != NULL;
    int code = cli_open_queue(s, name);
    if (!code && (wanted || is_off)) code = cli_result(oxq_queue_set_dead_letters(s->queue, wanted, &err), &err);
    if (!code) code = cli_result(oxq_queue_get_dead_letters(s->queue, dead, &err), &err);
    return code ? code : print_policy(s, dead);
}

static int dlq_policy(int argc, char **argv)
{
    struct cli_store s = {0};
    bool is_off = false;
    const struct cli_flag own[] = {{"--off", NULL, &is_off}};
    int code = cli_take_store(&argc, argv, &s, own, 1);
    if (code) return code;
    if (s.is_help)
        return cli_print_help(
            "Usage: oxq dlq policy QUEUE [DEAD|--off] [flags]\n\n"
            "Shows the queue where the jobs of a queue go whose last attempt failed, or sets it; workers of oxq hold\n"
            "to it from their next job on. It can be any name, such as mail-dead.\n\n"
            "  --off              none: they only stay among the failed ones\n");
    if (argc < 1 || argc > 2) return cli_refuse("dlq policy takes a queue: oxq dlq policy QUEUE [DEAD|--off]");
    if (argc == 2 && is_off) return cli_refuse("a queue for dead letters and --off exclude each other");
    code = set_policy(&s, argv[0], argc == 2 ? argv[1] : NULL, is_off);
    cli_store_deinit(&s);
    return code;
}

/* ---------------------------------------------------------------- the command */

int cli_dlq(int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*run)(int argc, char **argv);
    } words[] = {{"list", dlq_list},
                 {"show", dlq_show},
                 {"replay", dlq_replay},
                 {"discard", dlq_discard},
                 {"policy", dlq_policy}};
    const char *word = argc > 0 ? argv[0] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        printf("%s%s\n", help, cli_filter_help);
        puts(cli_store_flags);
        return CLI_OK;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].word) == 0) return words[i].run(argc - 1, argv + 1);
    }
    return cli_refuse("dlq needs one of list, show, replay, discard and policy%s%s", word[0] ? ", not " : "", word);
}
