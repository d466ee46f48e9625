/* SPDX-License-Identifier: MIT */
/*
 * libcurl does the talking. A caller - curl's handles, which keep their connection open - is for one request at a time; whoever has a
 * job takes one that is free, the one that was used last first. Requests go through curl's multi interface though each is alone in
 * it: that one can wait for other descriptors too, and so ends at once when the worker does.
 */
#include "runner/push.h"

#include "base/mem.h"
#include "base/num.h"
#include "os/clock.h"
#include "os/thread.h"
#include "runner/answer.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <oxq/version.h>
#include <stdio.h>
#include <string.h>
#include <sys/poll.h>
#include <unistd.h>

#define HEADER_BYTES_MAX ((size_t)16 * 1024)
/* Nothing is waited for so long: curl has time-outs of its own. */
#define POLL_MS_MAX 60000

struct caller {
    struct caller *next;
    CURLM *multi;
    CURL *easy;
};

struct push {
    struct push_opts opts;
    struct lock lock;
    struct caller *free; /* owned */
};

/* One request. */
struct request {
    const struct push *push;
    oxq_job *job;
    struct caller *caller; /* borrowed */
    struct curl_slist *headers;
    struct buf body; /* of the answer */
    bool is_too_large;
    char error[CURL_ERROR_SIZE];
};

/* ---------------------------------------------------------------- callers */

static struct caller *caller_new(void)
{
    struct caller *c = mem_alloc_zero(sizeof(*c));
    c->multi = curl_multi_init();
    c->easy = curl_easy_init();
    return c;
}

static void caller_free(struct caller *c)
{
    if (c->easy) curl_easy_cleanup(c->easy);
    if (c->multi) curl_multi_cleanup(c->multi);
    mem_free(c);
}

static struct caller *take_caller(struct push *p)
{
    lock_enter(&p->lock);
    struct caller *c = p->free;
    if (c) p->free = c->next;
    lock_leave(&p->lock);
    return c ? c : caller_new();
}

static void give_caller(struct push *p, struct caller *c)
{
    lock_enter(&p->lock);
    c->next = p->free;
    p->free = c;
    lock_leave(&p->lock);
}

/* ---------------------------------------------------------------- what is asked */

static oxq_err put_number(struct buf *out, int64_t n)
{
    char digits[NUM_INT_MAX_CHARS];
    return buf_append(out, slice_of(digits, num_format_int(digits, n)));
}

/* "name: value" is in line; what does not fit a header is left out, as a cut one would say something else. */
static void add_header(struct request *r, struct buf *line, oxq_err e)
{
    if (!e) e = buf_append(line, slice_of("", 1));
    struct curl_slist *longer = e ? NULL : curl_slist_append(r->headers, line->at);
    if (longer) r->headers = longer;
    line->len = 0;
}

static void add_text_header(struct request *r, struct buf *line, struct slice name, const char *text)
{
    oxq_err e = buf_append(line, name);
    if (!e) e = webhook_put_header_text(line, slice_from_text(text));
    add_header(r, line, e);
}

static void add_number_header(struct request *r, struct buf *line, struct slice name, int64_t n)
{
    oxq_err e = buf_append(line, name);
    if (!e) e = put_number(line, n);
    add_header(r, line, e);
}

static oxq_err add_signature(struct request *r, struct buf *line, const struct oxq_job_fields *f)
{
    const struct webhook_secrets *secrets = r->push->opts.secrets;
    int64_t now_s = clock_wall_ms(os_clock()) / 1000;
    OWNED(buf_deinit) struct buf id = {.limit_bytes = HEADER_BYTES_MAX};
    oxq_err e = webhook_put_id(&id, slice_from_text(f->queue), slice_from_text(f->id), f->added_ms);
    if (!e) e = buf_append(line, SLICE_LIT("webhook-id: "));
    if (!e) e = buf_append(line, buf_borrow(&id));
    add_header(r, line, e);
    add_number_header(r, line, SLICE_LIT("webhook-timestamp: "), now_s);
    if (e || !secrets || secrets->count == 0) return e;
    e = buf_append(line, SLICE_LIT("webhook-signature: "));
    if (!e) e = webhook_put_signature(line, secrets, buf_borrow(&id), now_s, slice_of(f->data, f->data_bytes));
    add_header(r, line, e);
    return e;
}

static oxq_err add_headers(struct request *r, const struct oxq_job_fields *f)
{
    OWNED(buf_deinit) struct buf line = {.limit_bytes = HEADER_BYTES_MAX};
    r->headers = curl_slist_append(NULL, "Content-Type: application/json");
    /* Or curl would ask before it sends a large body, and wait a second for servers that do not know the question. */
    add_text_header(r, &line, SLICE_LIT("Expect:"), "");
    add_text_header(r, &line, SLICE_LIT("oxq-job-id: "), f->id);
    add_text_header(r, &line, SLICE_LIT("oxq-job-name: "), f->name);
    add_text_header(r, &line, SLICE_LIT("oxq-queue: "), f->queue);
    add_number_header(r, &line, SLICE_LIT("oxq-attempt: "), f->attempts_made + 1);
    add_number_header(r, &line, SLICE_LIT("oxq-attempts: "), f->attempts_max);
    return add_signature(r, &line, f);
}

static size_t take_body(char *at, size_t size, size_t count, void *ctx)
{
    struct request *r = ctx;
    size_t len = size * count, room = r->body.limit_bytes - r->body.len;
    r->is_too_large = len > room;
    if (buf_append(&r->body, slice_of(at, r->is_too_large ? room : len)) == OXQ_OK && !r->is_too_large) return len;
    return CURL_WRITEFUNC_ERROR;
}

static void prepare(struct request *r, const struct oxq_job_fields *f)
{
    const struct push_opts *o = &r->push->opts;
    CURL *easy = r->caller->easy;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, o->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, f->data);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->data_bytes);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
    /* An answer that says it is packed is unpacked: where nobody asks, a server may choose. */
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "oxq/" OXQ_VERSION);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)o->deadline_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->error);
    if (o->ca) curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca);
}

/* ---------------------------------------------------------------- the request */

/* CURLE_ABORTED_BY_CALLBACK: one of the descriptors says that it must end. */
static CURLcode talk(struct request *r, struct curl_waitfd *ends, unsigned ends_count)
{
    CURLM *multi = r->caller->multi;
    int running = 1;
    CURLMcode code = curl_multi_add_handle(multi, r->caller->easy);
    CURLcode result = CURLE_OUT_OF_MEMORY;
    bool must_end = false;
    while (code == CURLM_OK && running && !must_end) {
        code = curl_multi_perform(multi, &running);
        if (code == CURLM_OK && running) code = curl_multi_poll(multi, ends, ends_count, POLL_MS_MAX, NULL);
        for (unsigned i = 0; i < ends_count; i++) must_end = must_end || ends[i].revents;
    }
    int left;
    CURLMsg *message = curl_multi_info_read(multi, &left);
    if (message && message->msg == CURLMSG_DONE)
        result = message->data.result;
    else if (must_end)
        result = CURLE_ABORTED_BY_CALLBACK;
    curl_multi_remove_handle(multi, r->caller->easy);
    return result;
}

static const char *find_header(CURL *easy, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/*
 * curl's text has the time that it took, and failures are easier to gather when they read the same. Which time-out it was, is told by the
 * one that is nearer.
 */
static void tell_late(const struct request *r, struct outcome *out)
{
    const struct push_opts *o = &r->push->opts;
    curl_off_t us = 0;
    curl_easy_getinfo(r->caller->easy, CURLINFO_TOTAL_TIME_T, &us);
    if (o->connect_timeout_ms < o->deadline_ms && us / 1000 < (o->connect_timeout_ms + o->deadline_ms) / 2)
        outcome_set(out, OUTCOME_FAILED, "no connection within %" PRId64 " ms", o->connect_timeout_ms);
    else
        outcome_set(out, OUTCOME_FAILED, "no answer within %" PRId64 " ms, the deadline", o->deadline_ms);
}

static void tell_broken(const struct request *r, CURLcode code, long status, struct outcome *out)
{
    const struct push_opts *o = &r->push->opts;
    const char *why = oxq_job_cancel_reason(r->job);
    const char *text = r->error[0] ? r->error : curl_easy_strerror(code);
    if (code == CURLE_ABORTED_BY_CALLBACK && why)
        outcome_set(out, OUTCOME_FAILED, "%s", why);
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        outcome_set(out, OUTCOME_INTERRUPTED, "the worker ends");
    else if (r->is_too_large && status >= 200 && status < 300)
        outcome_set(out, OUTCOME_FAILED_FOR_GOOD, "HTTP %ld with a body of more than %zu bytes, the limit of a result",
                    status, o->result_bytes_max);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        tell_late(r, out);
    else
        outcome_set(out, OUTCOME_FAILED, "%s", text);
}

static void send_job(struct request *r, struct outcome *out)
{
    const struct push_opts *o = &r->push->opts;
    struct curl_waitfd ends[2];
    unsigned ends_count = 0;
    int fds[] = {oxq_job_cancel_fd(r->job), o->stop_fd};
    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0) ends[ends_count++] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    }
    CURL *easy = r->caller->easy;
    CURLcode code = talk(r, ends, ends_count);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    /* Whatever more an error says, it says enough. */
    bool is_cut_error = r->is_too_large && status >= 300;
    if (code != CURLE_OK && !is_cut_error) {
        tell_broken(r, code, status, out);
        return;
    }
    struct answer answer = {.status = status,
                            .body = buf_borrow(&r->body),
                            .retry_after = find_header(easy, "Retry-After"),
                            .location = find_header(easy, "Location")};
    answer_judge(&answer, clock_wall_ms(os_clock()), o->retry_after_ms, out);
}

void push_run(void *push, oxq_job *job, struct outcome *out)
{
    struct push *p = push;
    const struct oxq_job_fields *f = oxq_job_fields(job);
    struct request r = {.push = p, .job = job, .caller = take_caller(p), .body.limit_bytes = p->opts.result_bytes_max};
    oxq_err e = r.caller->easy && r.caller->multi ? add_headers(&r, f) : OXQ_ERR_MEMORY;
    if (e) {
        outcome_set(out, OUTCOME_FAILED, "the request's headers: %s", oxq_err_text(e));
    } else {
        prepare(&r, f);
        send_job(&r, out);
    }
    curl_slist_free_all(r.headers);
    buf_deinit(&r.body);
    give_caller(p, r.caller);
}

/* ---------------------------------------------------------------- begin and end */

static oxq_err check_url(const char *url, struct oxq_error *err)
{
    char *scheme = NULL;
    CURLU *parts = curl_url();
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, 0);
    if (!code) code = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    bool is_http = !code && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_url_cleanup(parts);
    if (is_http) return OXQ_OK;
    return err_set(err, OXQ_ERR_ARGUMENT, "jobs are pushed to http://host/path or https://host/path%s%s",
                   code ? ": " : "", code ? curl_url_strerror(code) : "");
}

oxq_err push_new(const struct push_opts *opts, struct push **out, struct oxq_error *err)
{
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) return err_set(err, OXQ_ERR_MEMORY, "libcurl does not start");
    oxq_err e = check_url(opts->url, err);
    if (!e && opts->ca && access(opts->ca, R_OK) != 0)
        e = err_set(err, OXQ_ERR_ARGUMENT, "the certificates of %s cannot be read", opts->ca);
    if (e) {
        curl_global_cleanup();
        return e;
    }
    struct push *p = mem_alloc_zero(sizeof(*p));
    p->opts = *opts;
    lock_init(&p->lock);
    *out = p;
    return OXQ_OK;
}

void push_free(struct push *p)
{
    if (!p) return;
    while (p->free) {
        struct caller *c = p->free;
        p->free = c->next;
        caller_free(c);
    }
    lock_deinit(&p->lock);
    mem_free(p);
    curl_global_cleanup();
}
