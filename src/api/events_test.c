/* SPDX-License-Identifier: MIT */
/* Events of a server that goes and comes back. */
#include "client/fakeserver.h"
#include "os/thread.h"

#include <oxq/oxq.h>

#include <criterion/criterion.h>
#include <string.h>

#define OK(call) cr_assert_eq((call), OXQ_OK, "%s", err.text)

static struct fakeserver *server;
static oxq *store;
static oxq_queue *queue;
static struct oxq_error err;
static oxq_events *events;
static struct lock lock;
static bool is_missed; /* inside the lock */

static void note_warning(void *ctx, const char *text)
{
    (void)ctx;
    if (!strstr(text, "tried again")) return;
    lock_enter(&lock);
    is_missed = true;
    lock_notify(&lock);
    lock_leave(&lock);
}

static void start(const struct fakeserver_step *steps)
{
    server = fakeserver_start(steps);
    lock_init(&lock);
    OK(oxq_open(fakeserver_url(server, ""), &(struct oxq_opts){.on_warning = note_warning}, &store, &err));
    OK(oxq_queue_open(store, "mail", NULL, &queue, &err));
    OK(oxq_events_open(queue, &(struct oxq_events_opts){.after = "1-0"}, &events, &err));
}

static void stop(void)
{
    oxq_events_close(events);
    oxq_queue_close(queue);
    oxq_close(store);
    lock_deinit(&lock);
    fakeserver_stop(server);
}

#define EVENT(id, kind)                                                                                                \
    "*1\r\n*2\r\n$16\r\nbull:mail:events\r\n*1\r\n*2\r\n$3\r\n" id "\r\n*2\r\n$5\r\nevent\r\n$5\r\n" kind "\r\n"

static void see(int64_t wait_ms, const char *at)
{
    const struct oxq_event *event;
    OK(oxq_events_next(events, wait_ms, &event, &err));
    cr_assert_not_null(event);
    cr_assert_str_eq(event->at, at);
}

Test(events, a_lost_connection_is_made_anew_and_they_go_on_where_they_were)
{
    static const struct fakeserver_step steps[] = {
        {"XREAD COUNT 1000 BLOCK 10000 STREAMS bull:mail:events 1-0", EVENT("2-0", "added")},
        {"XREAD COUNT 1000 BLOCK 10000 STREAMS bull:mail:events 2-0", FAKESERVER_CLOSE},
        {"XREAD COUNT 1000 BLOCK 10000 STREAMS bull:mail:events 2-0", "-LOADING it loads\r\n"},
        {"XREAD COUNT 1000 BLOCK 10000 STREAMS bull:mail:events 2-0", EVENT("3-0", "added")},
        {"", NULL}};
    start(steps);
    see(-1, "2-0");
    see(-1, "3-0");
    stop();
}

Test(events, a_server_that_is_not_there_at_the_end_of_the_time_is_told)
{
    static const struct fakeserver_step steps[] = {{"XREAD", EVENT("2-0", "added")}, {"", NULL}};
    const struct oxq_event *event;
    start(steps);
    see(-1, "2-0");
    fakeserver_leave(server);
    cr_assert_neq(oxq_events_next(events, 0, &event, &err), OXQ_OK, "the connection that was there");
    cr_assert_eq(oxq_events_next(events, 0, &event, &err), OXQ_ERR_UNREACHABLE);
    cr_assert_eq(oxq_events_next(events, 1, &event, &err), OXQ_ERR_UNREACHABLE);
    stop();
}

/* Once it has been missed. */
static void come_back(void *ctx)
{
    (void)ctx;
    lock_enter(&lock);
    while (!is_missed) (void)lock_wait(&lock, INT64_MAX);
    lock_leave(&lock);
    fakeserver_return(server);
}

Test(events, a_server_that_went_is_waited_for)
{
    static const struct fakeserver_step steps[] = {
        {"XREAD", EVENT("2-0", "added")}, {"XREAD", EVENT("3-0", "added")}, {"", NULL}};
    struct thread t = {0};
    start(steps);
    see(-1, "2-0");
    fakeserver_leave(server);
    cr_assert_eq(thread_start(&t, "return", come_back, NULL, NULL), OXQ_OK);
    see(-1, "3-0");
    thread_join(&t);
    stop();
}
