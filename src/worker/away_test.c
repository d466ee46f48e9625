/* SPDX-License-Identifier: MIT */
/* What a handler does while its server is away. */
#include "client/fakeserver.h"

#include <oxq/oxq.h>

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

static struct oxq_error err;

#define OK(call) cr_assert_eq((call), OXQ_OK, "%s", err.text)

struct absence {
    struct fakeserver *_Atomic server;
    atomic_int added;
};

/* Once it has been missed. */
static void come_back(void *ctx, const char *text)
{
    struct absence *t = ctx;
    if (strstr(text, "tried again")) fakeserver_return(atomic_load(&t->server));
}

static oxq_outcome have_a_child(oxq_job *job, void *ctx)
{
    struct absence *t = ctx;
    char id[OXQ_ID_MAX];
    struct oxq_error why;
    /* The connection goes with this one, and the server before the next is made. */
    cr_assert_eq(oxq_job_log(job, "a line", &why), OXQ_ERR_UNCERTAIN);
    fakeserver_leave(atomic_load(&t->server));
    oxq_err e = oxq_job_add_child(job, "letters", &(struct oxq_job_template){.name = "child"}, id, &why);
    cr_assert_eq(e, OXQ_OK, "%s", why.text);
    cr_assert_str_eq(id, "8");
    atomic_fetch_add(&t->added, 1);
    return OXQ_DONE;
}

Test(away, a_child_is_added_once_the_server_is_there_again)
{
    static const struct fakeserver_step steps[] = {
        {"SCRIPT LOAD", "+OK\r\n"},
        {"EVALSHA", "*6\r\n*0\r\n:0\r\n:0\r\n$1\r\n7\r\n:1\r\n*2\r\n$4\r\nname\r\n$1\r\nx\r\n"},
        {"SCRIPT LOAD", "+OK\r\n"},
        {"EVALSHA", FAKESERVER_CLOSE},
        {"SCRIPT LOAD", "+OK\r\n"},
        {"EVALSHA", "*1\r\n$1\r\n8\r\n"},
        {"SCRIPT LOAD", "+OK\r\n"},
        {"EVALSHA", "*3\r\n*1\r\n:0\r\n:0\r\n:0\r\n"},
        {"", NULL}};
    struct absence t = {.server = fakeserver_start(steps)};
    /* A producer would give up at once. */
    const struct oxq_opts opts = {.attempts = 1, .on_warning = come_back, .ctx = &t};
    const struct oxq_worker_opts worker_opts = {.lock_renew_ms = -1, .stalled_every_ms = -1};
    oxq *store;
    oxq_worker *w;
    OK(oxq_open(fakeserver_url(t.server, ""), &opts, &store, &err));
    OK(oxq_worker_open(store, "mail", &worker_opts, have_a_child, &t, &w, &err));
    fakeserver_await(t.server, 8);
    OK(oxq_worker_close(w, -1, &err));
    cr_assert_eq(atomic_load(&t.added), 1);
    oxq_close(store);
    fakeserver_stop(t.server);
}
