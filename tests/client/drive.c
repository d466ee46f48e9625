/* SPDX-License-Identifier: MIT */
/*
 * A program on the client layer, for tests/client and for measuring.
 *
 *   drive call URL WORD...              one command; prints its reply, or `error CODE: text`
 *   drive load URL THREADS              calls from many threads until SIGTERM, each reply checked; see print_sums
 *   drive block URL KEY                 a line that pops what comes, and one that is cancelled while it waits
 *   drive bench URL THREADS SECONDS ping|script|batch
 *
 * PATIENT=1, TIMEOUT_MS=n, SILENCE_MS=n in the environment. Warnings go to standard error.
 */
#include "base/num.h"
#include "base/rng.h"
#include "client/client.h"
#include "os/clock.h"
#include "os/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 256
#define BIG_BYTES 100000
#define BATCH_COMMANDS 10

static struct client *client;
static atomic_bool is_over;

/* sha1 of the text; the server would tell if it were not. */
static const struct client_script echo_script = {.text = SLICE_INIT("return ARGV[1]"),
                                                 .sha = "098e0f0d1448c0a81dafe820f66d460eb09263da"};

static void warn(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "warning: %s\n", text);
}

static int fail(const struct oxq_error *err)
{
    printf("error %s: %s\n", oxq_err_name(err->code), err->text);
    return 1;
}

static oxq_err open_client(const char *url, struct oxq_error *err)
{
    const char *timeout = getenv("TIMEOUT_MS"), *silence = getenv("SILENCE_MS");
    struct client_opts opts = {.url = url,
                               .patience = getenv("PATIENT") ? CLIENT_PATIENT : CLIENT_FAIL_FAST,
                               .timeout_ms = timeout ? atoll(timeout) : 0,
                               .silence_ms = silence ? atoll(silence) : 0,
                               .on_warning = warn};
    return client_new(&opts, &client, err);
}

static void print_value(const struct resp_value *v)
{
    if (v->kind == RESP_ERROR) printf("refused ");
    printf("%.*s", (int)v->text.len, v->text.len ? v->text.at : "");
    for (size_t i = 0; i < v->count; i++) {
        if (i) putchar(' ');
        print_value(&v->items[i]);
    }
}

static int run_call(int argc, char **argv)
{
    struct slice words[16];
    struct client_reply reply = {0};
    struct oxq_error err = {0};
    for (int i = 0; i < argc && i < 16; i++) words[i] = slice_from_text(argv[i]);
    oxq_err e = client_call(client, &(struct client_command){.argv = words, .argc = (size_t)argc}, 0, &reply, &err);
    if (!e) print_value(&reply.value);
    if (!e) putchar('\n');
    client_reply_deinit(&reply);
    return e ? fail(&err) : 0;
}

/* ---------------------------------------------------------------- load */

struct caller {
    struct thread thread;
    int number;
    struct rng rng;
    struct client_reply reply;
    struct client_batch batch;
    char key[32], token[BIG_BYTES + 64];
    uint64_t tokens_count;
    /* INCRs that were answered, that may have been done, and the last answer */
    int64_t counted, uncertain, value;
    _Atomic uint64_t calls, failures;
    uint64_t mismatches;
    struct oxq_error failure; /* the last one */
};

static struct caller callers[THREADS_MAX];

/* A text that no other call has; seldom a long one. */
static struct slice next_token(struct caller *c)
{
    int len = snprintf(c->token, sizeof(c->token), "%d:%llu", c->number, (unsigned long long)c->tokens_count++);
    if (rng_below(&c->rng, 200) != 0) return slice_of(c->token, (size_t)len);
    memset(c->token + len, 'x', BIG_BYTES);
    return slice_of(c->token, (size_t)len + BIG_BYTES);
}

static bool has_failed(struct caller *c, oxq_err e, const struct oxq_error *err)
{
    if (!e) return false;
    c->failure = *err;
    atomic_fetch_add(&c->failures, 1);
    return true;
}

static void check_text(struct caller *c, const struct resp_value *v, struct slice want)
{
    if (v->kind == RESP_ERROR) {
        err_set(&c->failure, OXQ_ERR_SERVER, "%.*s", v->text.len > 200 ? 200 : (int)v->text.len, v->text.at);
        atomic_fetch_add(&c->failures, 1);
        return;
    }
    if (!slice_equal(v->text, want)) c->mismatches++;
}

static void call_incr(struct caller *c)
{
    struct oxq_error err = {0};
    struct slice argv[] = {SLICE_LIT("INCR"), slice_from_text(c->key)};
    oxq_err e = client_call(client, &(struct client_command){.argv = argv, .argc = 2}, 0, &c->reply, &err);
    if (e == OXQ_ERR_UNCERTAIN) c->uncertain++;
    if (has_failed(c, e, &err)) return;
    if (c->reply.value.kind != RESP_INTEGER) {
        check_text(c, &c->reply.value, SLICE_LIT(""));
        return;
    }
    c->counted++;
    c->value = c->reply.value.integer;
    if (getenv("MAY_LOSE")) return;
    if (c->value < c->counted || c->value > c->counted + c->uncertain) c->mismatches++;
}

static void call_echo(struct caller *c)
{
    struct oxq_error err = {0};
    struct slice token = next_token(c);
    struct slice argv[] = {SLICE_LIT("ECHO"), token};
    struct client_command echo = {.argv = argv, .argc = 2, .is_idempotent = true};
    if (!has_failed(c, client_call(client, &echo, 0, &c->reply, &err), &err)) check_text(c, &c->reply.value, token);
}

static void call_script(struct caller *c)
{
    struct oxq_error err = {0};
    struct slice argv[] = {slice_from_text(c->key), next_token(c)};
    struct client_command eval = {
        .argv = argv, .argc = 2, .script = &echo_script, .keys_count = 1, .is_idempotent = true};
    if (!has_failed(c, client_call(client, &eval, 0, &c->reply, &err), &err)) check_text(c, &c->reply.value, argv[1]);
}

/* Scripts on several keys, or all on one as a transaction. */
static void call_batch(struct caller *c, bool is_atomic)
{
    struct oxq_error err = {0};
    char texts[BATCH_COMMANDS][48], key[48];
    client_batch_reset(&c->batch);
    c->batch.is_atomic = is_atomic;
    for (int i = 0; i < BATCH_COMMANDS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d:%llu", c->number, (unsigned long long)c->tokens_count++);
        snprintf(key, sizeof(key), is_atomic ? "%.30s" : "%.30s:%d", c->key, i);
        struct slice argv[] = {slice_from_text(key), slice_from_text(texts[i])};
        client_batch_add(&c->batch,
                         &(struct client_command){
                             .argv = argv, .argc = 2, .script = &echo_script, .keys_count = 1, .is_idempotent = true});
    }
    if (has_failed(c, client_batch_run(client, &c->batch, 0, &err), &err)) return;
    for (int i = 0; i < BATCH_COMMANDS; i++)
        check_text(c, client_batch_reply(&c->batch, (size_t)i), slice_from_text(texts[i]));
}

static void run_caller(void *ctx)
{
    struct caller *c = ctx;
    rng_init(&c->rng, (uint64_t)c->number + 1);
    snprintf(c->key, sizeof(c->key), "c:%d", c->number);
    while (!atomic_load(&is_over)) {
        uint64_t dice = rng_below(&c->rng, 20);
        if (dice < 8)
            call_incr(c);
        else if (dice < 14)
            call_echo(c);
        else if (dice < 18)
            call_script(c);
        else
            call_batch(c, dice == 18);
        atomic_fetch_add(&c->calls, 1);
    }
}

/* Whether each INCR was done once: its key has as many as were counted, and at most as many more as were uncertain. */
static uint64_t check_counters(int threads)
{
    struct client_reply reply = {0};
    struct oxq_error err = {0};
    uint64_t wrong = 0;
    for (int i = 0; i < threads; i++) {
        struct caller *c = &callers[i];
        struct slice argv[] = {SLICE_LIT("GET"), slice_from_text(c->key)};
        int64_t value = 0;
        if (client_call(client, &(struct client_command){.argv = argv, .argc = 2}, 0, &reply, &err)) exit(fail(&err));
        if (reply.value.kind == RESP_BULK && !num_parse_int(reply.value.text, &value)) wrong++;
        if (value < c->counted || value > c->counted + c->uncertain) wrong++;
    }
    client_reply_deinit(&reply);
    return wrong;
}

static void print_sums(int threads)
{
    uint64_t calls = 0, failures = 0, mismatches = 0, idle = 0;
    int64_t uncertain = 0;
    const char *failure = "";
    for (int i = 0; i < threads; i++) {
        const struct caller *c = &callers[i];
        calls += c->calls;
        failures += c->failures;
        mismatches += c->mismatches;
        uncertain += c->uncertain;
        idle += c->calls == 0;
        if (c->failure.code) failure = c->failure.text;
    }
    printf("calls=%llu failures=%llu mismatches=%llu uncertain=%lld idle=%llu miscounted=%llu failure=%s\n",
           (unsigned long long)calls, (unsigned long long)failures, (unsigned long long)mismatches,
           (long long)uncertain, (unsigned long long)idle, (unsigned long long)check_counters(threads), failure);
}

static int run_load(int threads)
{
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    for (int i = 0; i < threads; i++) {
        callers[i].number = i;
        if (thread_start(&callers[i].thread, "caller", run_caller, &callers[i], NULL)) abort();
    }
    struct timespec tick = {.tv_nsec = 50000000};
    while (sigtimedwait(&end, NULL, &tick) < 0) {
        uint64_t good = 0;
        bool has_idle = false;
        for (int i = 0; i < threads; i++) {
            good += callers[i].calls - callers[i].failures;
            has_idle |= callers[i].calls == 0;
        }
        /* It has not begun before each of them has. */
        printf("good %llu\n", has_idle ? 0 : (unsigned long long)good);
        fflush(stdout);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < threads; i++) thread_join(&callers[i].thread);
    print_sums(threads);
    for (int i = 0; i < threads; i++) {
        client_reply_deinit(&callers[i].reply);
        client_batch_deinit(&callers[i].batch);
    }
    return 0;
}

/* ---------------------------------------------------------------- block */

static struct client_line *line;
static const char *blocked_on;

static void pop_once(void)
{
    struct slice argv[] = {SLICE_LIT("BZPOPMIN"), slice_from_text(blocked_on), SLICE_LIT("0")};
    struct resp_value v;
    struct oxq_error err = {0};
    oxq_err e = client_line_call(line, &(struct client_command){.argv = argv, .argc = 3}, CLIENT_FOREVER, &v, &err);
    if (e) {
        fail(&err);
    } else {
        print_value(&v);
        putchar('\n');
    }
}

static void pop_twice(void *ctx)
{
    (void)ctx;
    pop_once();
    pop_once();
}

/* Until somebody is blocked, as INFO says. */
static void await_blocked(void)
{
    struct client_reply reply = {0};
    struct oxq_error err = {0};
    struct slice argv[] = {SLICE_LIT("INFO"), SLICE_LIT("clients")};
    do {
        if (client_call(client, &(struct client_command){.argv = argv, .argc = 2}, 0, &reply, &err)) exit(fail(&err));
    } while (!memmem(reply.value.text.at, reply.value.text.len, "blocked_clients:1", 17));
    client_reply_deinit(&reply);
}

static int run_block(const char *key)
{
    struct thread t = {0};
    struct client_reply reply = {0};
    struct oxq_error err = {0};
    struct slice argv[] = {SLICE_LIT("ZADD"), slice_from_text(key), SLICE_LIT("1"), SLICE_LIT("m")};
    blocked_on = key;
    line = client_line_new(client, slice_from_text(key));
    if (thread_start(&t, "pop", pop_twice, NULL, NULL)) abort();
    await_blocked();
    if (client_call(client, &(struct client_command){.argv = argv, .argc = 4}, 0, &reply, &err)) return fail(&err);
    await_blocked();
    client_line_cancel(line);
    thread_join(&t);
    client_line_free(line);
    client_reply_deinit(&reply);
    return 0;
}

/* ---------------------------------------------------------------- bench */

static const char *bench_kind;

static void bench_one(struct caller *c)
{
    struct oxq_error err = {0};
    struct slice ping[] = {SLICE_LIT("PING")};
    struct slice eval[] = {slice_from_text(c->key), SLICE_LIT("x")};
    struct client_command command = {.argv = ping, .argc = 1};
    if (strcmp(bench_kind, "script") == 0)
        command = (struct client_command){.argv = eval, .argc = 2, .script = &echo_script, .keys_count = 1};
    oxq_err e;
    if (strcmp(bench_kind, "batch") == 0) {
        client_batch_reset(&c->batch);
        for (int i = 0; i < BATCH_COMMANDS; i++) client_batch_add(&c->batch, &command);
        e = client_batch_run(client, &c->batch, 0, &err);
    } else {
        e = client_call(client, &command, 0, &c->reply, &err);
    }
    if (e) exit(fail(&err));
    atomic_fetch_add(&c->calls, 1);
}

static void run_bench_caller(void *ctx)
{
    while (!atomic_load(&is_over)) bench_one(ctx);
}

static int run_bench(int threads, int seconds)
{
    int64_t from = clock_mono_us(os_clock());
    for (int i = 0; i < threads; i++) {
        callers[i].number = i;
        if (thread_start(&callers[i].thread, "caller", run_bench_caller, &callers[i], NULL)) abort();
    }
    sleep((unsigned)seconds);
    atomic_store(&is_over, true);
    uint64_t calls = 0;
    for (int i = 0; i < threads; i++) thread_join(&callers[i].thread);
    for (int i = 0; i < threads; i++) calls += callers[i].calls;
    double took_s = (double)(clock_mono_us(os_clock()) - from) / 1e6;
    printf("%s: %d threads, %.0f calls/s\n", bench_kind, threads, (double)calls / took_s);
    for (int i = 0; i < threads; i++) {
        client_reply_deinit(&callers[i].reply);
        client_batch_deinit(&callers[i].batch);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct oxq_error err = {0};
    if (argc < 4) return 2;
    if (open_client(argv[2], &err)) return fail(&err);
    int threads = atoi(argv[3]), code = 2;
    if (threads > THREADS_MAX) return 2;
    bench_kind = argc > 5 ? argv[5] : "";
    if (strcmp(argv[1], "call") == 0) code = run_call(argc - 3, argv + 3);
    if (strcmp(argv[1], "load") == 0) code = run_load(threads);
    if (strcmp(argv[1], "block") == 0) code = run_block(argv[3]);
    if (strcmp(argv[1], "bench") == 0 && argc > 5) code = run_bench(threads, atoi(argv[4]));
    client_free(client);
    return code;
}
