/* SPDX-License-Identifier: MIT */
#include "cli/action.h"

#include <stdio.h>
#include <string.h>

/* Of a dry run: is it where it could be done to it? */
static oxq_err look_at(struct action *a, const char *id, struct oxq_error *err)
{
    oxq_state state;
    oxq_err e = oxq_queue_state(a->store.queue, id, &state, err);
    if (e) return e;
    if (state == OXQ_STATE_UNKNOWN)
        return err_set(err, OXQ_ERR_NOT_FOUND, "%s job %s: there is no such job", a->verb, id);
    bool is_wrong = a->states != 0 ? !(a->states & (1U << state)) : state == OXQ_STATE_ACTIVE;
    if (is_wrong) return err_set(err, OXQ_ERR_STATE, "%s job %s: it is %s", a->verb, id, oxq_state_name(state));
    return OXQ_OK;
}

static int do_ids(struct action *a, int count, char **ids)
{
    struct tally t;
    struct oxq_error err;
    bool goes_on = true;
    tally_begin(&t, &a->store, a->verb, a->done_word);
    t.total = (uint64_t)count;
    for (int i = 0; i < count && goes_on; i++) {
        oxq_err e = a->is_dry ? look_at(a, ids[i], &err) : a->one(a, ids[i], &err);
        goes_on = tally_one(&t, ids[i], e, &err);
    }
    if (!a->is_dry) return tally_end(&t);
    (void)tally_would(&a->store, a->done_word, (int64_t)t.done_count);
    return t.failed_count > 0 ? CLI_FAILED : CLI_OK;
}

/* How many there are, where no filter leaves some of them out; 0: nobody knows. */
static int count_all(struct action *a, uint64_t *out)
{
    struct oxq_counts counts;
    struct oxq_error err;
    *out = 0;
    struct cli_filter rest = a->filter;
    rest.state = rest.count = NULL;
    if (cli_filter_is_given(&rest)) return CLI_OK;
    int code = cli_result(oxq_queue_counts(a->store.queue, &counts, &err), &err);
    for (int s = OXQ_STATE_WAITING; !code && s < OXQ_STATES_COUNT; s++) {
        if (a->which.states == 0 || a->which.states & (1U << s)) *out += (uint64_t)counts.of[s];
    }
    return code;
}

static int do_matching(struct action *a)
{
    struct tally t;
    struct oxq_error err;
    uint64_t total = 0;
    int64_t count = 0;
    int code = a->is_dry ? cli_filter_count(&a->store, &a->which, a->is_meant, a->limit, &count) : count_all(a, &total);
    if (code) return code;
    if (a->is_dry) return tally_would(&a->store, a->done_word, count);
    tally_begin(&t, &a->store, a->verb, a->done_word);
    t.total = a->limit > 0 && (uint64_t)a->limit < total ? (uint64_t)a->limit : total;
    struct oxq_many_opts opts = tally_opts(&t);
    opts.limit = a->limit;
    opts.per_second = a->per_second;
    oxq_err e = a->matching(a, &a->which, &opts, &count, &err);
    tally_all(&t, count, e, &err);
    return tally_end(&t);
}

/* *done: the jobs so far. CANCELLED as the many_opts say. */
static oxq_err remove_next(struct action *a, oxq_job *job, const struct oxq_many_opts *opts, bool with_children,
                           int64_t *done, struct oxq_error *err)
{
    if (a->is_meant && !a->is_meant(job)) return OXQ_OK;
    oxq_err e = oxq_queue_remove(a->store.queue, oxq_job_id(job), with_children, err);
    if (e && e != OXQ_ERR_NOT_FOUND && e != OXQ_ERR_LOCK_LOST && e != OXQ_ERR_STATE) return e;
    *done += e == OXQ_OK;
    return opts->on_progress(opts->ctx, *done) ? OXQ_OK : err_set(err, OXQ_ERR_CANCELLED, "stopped");
}

oxq_err action_remove_each(struct action *a, const struct oxq_list_opts *which, const struct oxq_many_opts *opts,
                           bool with_children, int64_t *out_count, struct oxq_error *err)
{
    oxq_list *list;
    oxq_job *job = NULL;
    int64_t done = 0;
    oxq_err e = oxq_queue_list(a->store.queue, which, &list, err);
    if (e) return e;
    do {
        e = oxq_list_next(list, &job, NULL, err);
        if (!e && job) e = remove_next(a, job, opts, with_children, &done, err);
    } while (!e && job && (opts->limit == 0 || done < opts->limit));
    oxq_list_free(list);
    *out_count = done;
    return e;
}

static int check(const struct action *a, int argc)
{
    bool is_filtered = cli_filter_is_given(&a->filter) || a->filter.rate;
    bool is_said = a->by_state ? a->filter.state != NULL : a->are_all;
    const char *flag = a->by_state ? "--state" : "--all";
    if (argc < 1 || (argc == 1 && !is_said && !is_filtered))
        return cli_refuse("%s takes a queue and ids, or %s: %s", a->verb, flag, a->usage);
    if (argc == 1 && !is_said) return cli_refuse("%s is missing: the other flags say which of these jobs", flag);
    if (argc > 1 && (is_said || is_filtered))
        return cli_refuse("ids exclude %s and the flags that say which jobs", flag);
    return CLI_OK;
}

static int run(struct action *a, int argc, char **argv)
{
    int code = check(a, argc);
    if (!code) code = cli_filter_read(&a->filter, &a->arena, &a->which, &a->limit, &a->per_second);
    if (!code && a->check) code = a->check(a, argc > 1);
    if (!code) code = cli_open_queue(&a->store, argv[0]);
    if (!code && a->which.states == 0) a->which.states = a->states;
    if (!code && a->prepare) code = a->prepare(a, argc - 1);
    if (code) return code;
    return argc > 1 ? do_ids(a, argc - 1, argv + 1) : do_matching(a);
}

int action_run(struct action *a, int argc, char **argv, const struct cli_flag *own, size_t own_count)
{
    const struct cli_flag shared[] = {{"--dry-run", NULL, &a->is_dry},
                                      a->by_state ? (struct cli_flag){"--state", &a->filter.state, NULL}
                                                  : (struct cli_flag){"--all", NULL, &a->are_all},
                                      CLI_FILTER_FLAGS(&a->filter)};
    const size_t shared_count = sizeof(shared) / sizeof(shared[0]);
    struct cli_flag all[CLI_FLAGS_MAX];
    CHECK(own_count + shared_count <= CLI_FLAGS_MAX);
    for (size_t i = 0; i < own_count; i++) all[i] = own[i];
    memcpy(all + own_count, shared, sizeof(shared));
    int code = cli_take_store(&argc, argv, &a->store, all, own_count + shared_count);
    if (!code && a->store.is_help) {
        printf("%s%s\n", a->help, cli_filter_help);
        puts(cli_store_flags);
    } else if (!code) {
        code = run(a, argc, argv);
    }
    cli_store_deinit(&a->store);
    arena_deinit(&a->arena);
    return code;
}
