/* SPDX-License-Identifier: MIT */
/* Runs jobs of "mail" on eight threads, says what happens, and ends in order on SIGTERM or SIGINT. Run producer.c beside it. */
#include <oxq/oxq.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static oxq_outcome send_mail(oxq_job *job, void *ctx)
{
    const char *to = oxq_json_text(oxq_job_json(job), "/to", NULL);
    struct oxq_error err;
    (void)ctx;
    if (!to || !strchr(to, '@')) return oxq_job_fail_for_good(job, "no address in %s", oxq_job_data(job, NULL));
    /* What takes long tells how far it is, and ends when nobody wants it any more. */
    if (oxq_job_progress(job, "50", &err) || oxq_job_is_cancelled(job)) return OXQ_FAILED;
    /* A mail server that says when to come back: return oxq_job_retry_after(job, 30000, "451 busy"); */
    return oxq_job_done(job, "{\"sent\":true}");
}

static void on_event(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    (void)ctx;
    (void)worker;
    if (event->kind == OXQ_WORKER_COMPLETED) printf("completed %s %s\n", oxq_job_name(event->job), event->id);
    if (event->kind == OXQ_WORKER_FAILED)
        printf("failed %s: %s%s\n", event->id, event->text, event->is_final ? "" : ", again later");
    if (event->kind == OXQ_WORKER_ERROR) fprintf(stderr, "worker: %s\n", event->text);
}

int main(int argc, char **argv)
{
    oxq *store = NULL;
    oxq_worker *worker = NULL;
    struct oxq_error err;
    struct oxq_worker_opts opts = {.name = "mailer", .concurrency = 8, .deadline_ms = 60000, .on_event = on_event};
    int signal_number;
    sigset_t ends;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a line at a time, into a file too */
    /* Before any thread is there, so that all of them leave the signals to sigwait. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);

    oxq_err e = oxq_open(argc > 1 ? argv[1] : "file:./data", NULL, &store, &err);
    if (!e) e = oxq_worker_open(store, "mail", &opts, send_mail, NULL, &worker, &err);
    if (!e) sigwait(&ends, &signal_number);
    if (!e) e = oxq_worker_close(worker, 10000, &err); /* jobs that run have ten seconds */
    if (e) fprintf(stderr, "worker: %s\n", err.text);
    oxq_close(store);
    return e != OXQ_OK;
}
