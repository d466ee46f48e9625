/* SPDX-License-Identifier: MIT */
/*
 * One process of an application, for the group lifecycle: it adds jobs and works them off, as fast as it goes or at a rate.
 *
 *   lifecycle --store URL --callers N [--rate N]
 *
 * URL is what oxq_open takes, or beanstalk://HOST:PORT. When all is open it says so, an empty object, and reads a line with two points of
 * CLOCK_MONOTONIC in microseconds, "FROM UNTIL". Then it begins: N threads add, each one job at a time, waiting for each reply; N handlers do
 * nothing but check what they got. What is counted is what ends between the two points, so that several processes
 * may be counted together; what comes before is warm-up. When there are IN_FLIGHT_MAX more jobs added than ended here, the threads that add wait
 * until half of them are left, so that neither side runs away from the other.
 *
 * With --rate, jobs are due at even times and their time counts from then until their handler starts, also when all threads were
 * still busy adding others.
 *
 * At the end nothing more is added, what is left is worked off, and one line of JSON says what happened. It then waits for the end of stdin:
 * a process that hosts a folder stays for the others. Exit code 1: something went wrong, and stderr says what.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <oxq/oxq.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CALLERS_MAX = 256,
    IN_FLIGHT_MAX = 1000,
    TIMES_MAX = 1000000,
    DATA_BYTES_MAX = 256,
    LINE_BYTES_MAX = 4096,
    LIMIT_MS = 60000
};

/* A thread that adds, or one that takes jobs from beanstalkd. */
struct caller {
    struct load *load;
    unsigned number;
    pthread_t thread;
    /* Of beanstalkd. */
    int fd;
    size_t len;
    char bytes[LINE_BYTES_MAX]; /* received, not yet looked at */
};

/* Who finds no room for one more job sleeps until there is much: woken for each, the threads would cost more than what is measured. */
struct room {
    atomic_int in_flight;
    pthread_mutex_t lock; /* of the condition */
    pthread_cond_t freed;
};

struct load {
    const char *url;
    unsigned callers;
    int64_t from_us, until_us;
    unsigned rate;

    oxq *store; /* NULL: beanstalkd */
    oxq_queue *queue;
    oxq_worker *worker;
    struct sockaddr_in beanstalkd;

    struct room room;
    atomic_bool is_over;
    _Atomic uint64_t added, ended, counted;
    _Atomic uint32_t times_count;
    uint32_t *times_us;
    struct caller *producers, *consumers;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "lifecycle: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) continue;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---------------------------------------------------------------- room */

static void wake_all(struct room *r)
{
    pthread_mutex_lock(&r->lock);
    pthread_cond_broadcast(&r->freed);
    pthread_mutex_unlock(&r->lock);
}

static void give_room(struct room *r)
{
    if (atomic_fetch_sub(&r->in_flight, 1) - 1 == IN_FLIGHT_MAX / 2) wake_all(r);
}

/* True: there is room, which is taken. */
static bool take_room(struct room *r, const atomic_bool *is_over)
{
    while (!atomic_load(is_over)) {
        if (atomic_fetch_add(&r->in_flight, 1) < IN_FLIGHT_MAX) return true;
        give_room(r);
        pthread_mutex_lock(&r->lock);
        while (atomic_load(&r->in_flight) > IN_FLIGHT_MAX / 2 && !atomic_load(is_over))
            pthread_cond_wait(&r->freed, &r->lock);
        pthread_mutex_unlock(&r->lock);
    }
    return false;
}

/* ---------------------------------------------------------------- a job */

static size_t write_data(char data[DATA_BYTES_MAX], unsigned number, int64_t due_us)
{
    return (size_t)snprintf(data, DATA_BYTES_MAX,
                            "{\"to\":\"user%u@example.com\",\"template\":\"welcome\",\"at\":%" PRId64 "}", number,
                            due_us);
}

static void note_start(struct load *load, const char *data)
{
    static const char field[] = "\"template\":\"welcome\",\"at\":";
    const char *at = strstr(data, field);
    if (!at) fail("a job has other data than it was added with", data);
    int64_t due_us = strtoll(at + sizeof(field) - 1, NULL, 10), started_us = now_us();
    if (load->rate == 0 || due_us < load->from_us || due_us >= load->until_us) return;
    uint32_t i = atomic_fetch_add(&load->times_count, 1);
    if (i < TIMES_MAX) load->times_us[i] = (uint32_t)(started_us - due_us);
}

static void note_end(struct load *load)
{
    int64_t at_us = now_us();
    atomic_fetch_add(&load->ended, 1);
    if (at_us >= load->from_us && at_us < load->until_us) atomic_fetch_add(&load->counted, 1);
    give_room(&load->room);
}

/* ---------------------------------------------------------------- the C library */

static oxq_outcome handle(oxq_job *job, void *ctx)
{
    note_start(ctx, oxq_job_data(job, NULL));
    return oxq_job_done(job, "\"sent\"");
}

static void on_event(void *ctx, oxq_worker *worker, const struct oxq_worker_event *event)
{
    (void)worker;
    if (event->kind == OXQ_WORKER_COMPLETED) note_end(ctx);
    if (event->kind == OXQ_WORKER_FAILED || event->kind == OXQ_WORKER_LOCK_LOST || event->kind == OXQ_WORKER_ERROR)
        fail("worker", event->text);
}

static void open_store(struct load *load)
{
    struct oxq_error err;
    struct oxq_worker_opts opts = {.concurrency = load->callers, .on_event = on_event};
    oxq_err e = oxq_open(load->url, NULL, &load->store, &err);
    if (!e) e = oxq_queue_open(load->store, "mail", NULL, &load->queue, &err);
    if (!e) e = oxq_worker_open(load->store, "mail", &opts, handle, load, &load->worker, &err);
    if (e) fail(load->url, err.text);
}

static void close_worker(struct load *load)
{
    struct oxq_error err;
    oxq_err e = oxq_worker_wait_until_idle(load->worker, LIMIT_MS, &err);
    if (!e) e = oxq_worker_close(load->worker, LIMIT_MS, &err);
    if (e) fail("the rest of the jobs", err.text);
}

/* ---------------------------------------------------------------- beanstalkd */

static void connect_to_beanstalkd(struct caller *c)
{
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&c->load->beanstalkd, sizeof(c->load->beanstalkd)) != 0)
        fail(c->load->url, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Sends a command and takes the line that answers, without its end. */
static void ask(struct caller *c, const char *command, size_t command_len, char line[LINE_BYTES_MAX])
{
    if (send(c->fd, command, command_len, MSG_NOSIGNAL) != (ssize_t)command_len) fail("beanstalkd", strerror(errno));
    char *end;
    while (!(end = memmem(c->bytes, c->len, "\r\n", 2))) {
        ssize_t got = c->len < sizeof(c->bytes) ? recv(c->fd, c->bytes + c->len, sizeof(c->bytes) - c->len, 0) : 0;
        if (got <= 0) fail("beanstalkd", "it has closed the connection");
        c->len += (size_t)got;
    }
    size_t line_len = (size_t)(end - c->bytes);
    memcpy(line, c->bytes, line_len);
    line[line_len] = '\0';
    c->len -= line_len + 2;
    memmove(c->bytes, end + 2, c->len);
}

static void read_body(struct caller *c, size_t body_len, char body[LINE_BYTES_MAX])
{
    if (body_len + 2 > sizeof(c->bytes)) fail("beanstalkd", "a job is too long");
    while (c->len < body_len + 2) {
        ssize_t got = recv(c->fd, c->bytes + c->len, sizeof(c->bytes) - c->len, 0);
        if (got <= 0) fail("beanstalkd", "it has closed the connection");
        c->len += (size_t)got;
    }
    memcpy(body, c->bytes, body_len);
    body[body_len] = '\0';
    c->len -= body_len + 2;
    memmove(c->bytes, c->bytes + body_len + 2, c->len);
}

static void put(struct caller *c, const char *data, size_t len)
{
    char command[LINE_BYTES_MAX], line[LINE_BYTES_MAX];
    int command_len = snprintf(command, sizeof(command), "put 1024 0 30 %zu\r\n%s\r\n", len, data);
    ask(c, command, (size_t)command_len, line);
    if (strncmp(line, "INSERTED ", 9) != 0) fail("put", line);
}

/* False: nothing waits. */
static bool reserve_and_delete(struct caller *c)
{
    static const char reserve[] = "reserve-with-timeout 1\r\n";
    char line[LINE_BYTES_MAX], body[LINE_BYTES_MAX], command[64];
    uint64_t id;
    size_t len;
    ask(c, reserve, sizeof(reserve) - 1, line);
    if (strcmp(line, "TIMED_OUT") == 0) return false;
    if (sscanf(line, "RESERVED %" SCNu64 " %zu", &id, &len) != 2) fail("reserve", line);
    read_body(c, len, body);
    note_start(c->load, body);
    int command_len = snprintf(command, sizeof(command), "delete %" PRIu64 "\r\n", id);
    ask(c, command, (size_t)command_len, line);
    if (strcmp(line, "DELETED") != 0) fail("delete", line);
    note_end(c->load);
    return true;
}

static void *consume(void *ctx)
{
    struct caller *c = ctx;
    connect_to_beanstalkd(c);
    while (reserve_and_delete(c) || !atomic_load(&c->load->is_over)) continue;
    close(c->fd);
    return NULL;
}

/* ---------------------------------------------------------------- adding */

static void add(struct caller *c, unsigned number, int64_t due_us)
{
    struct load *load = c->load;
    char data[DATA_BYTES_MAX];
    struct oxq_error err;
    size_t len = write_data(data, number, due_us);
    if (!load->store)
        put(c, data, len);
    else if (oxq_queue_add(load->queue, "send", data, NULL, NULL, &err))
        fail("add", err.text);
    atomic_fetch_add(&load->added, 1);
}

/* When this thread's i-th job is due, of a load that has begun at started_us. */
static int64_t due_us(const struct caller *c, int64_t started_us, unsigned i)
{
    uint64_t place = (uint64_t)i * c->load->callers + c->number;
    return started_us + (int64_t)(place * 1000000 / c->load->rate);
}

static void *produce(void *ctx)
{
    struct caller *c = ctx;
    struct load *load = c->load;
    int64_t started_us = now_us();
    if (!load->store) connect_to_beanstalkd(c);
    for (unsigned i = 0; take_room(&load->room, &load->is_over); i++) {
        int64_t at_us = load->rate ? due_us(c, started_us, i) : now_us();
        if (at_us >= load->until_us) break;
        if (load->rate) sleep_until(at_us);
        add(c, i, at_us);
    }
    if (!load->store) close(c->fd);
    return NULL;
}

/* ---------------------------------------------------------------- the run */

static struct caller *start(struct load *load, void *(*run)(void *))
{
    struct caller *callers = calloc(load->callers, sizeof(*callers));
    for (unsigned i = 0; callers && i < load->callers; i++) {
        callers[i].load = load;
        callers[i].number = i;
        if (pthread_create(&callers[i].thread, NULL, run, &callers[i]) != 0) fail("threads", strerror(errno));
    }
    return callers;
}

static void join(struct load *load, struct caller *callers)
{
    for (unsigned i = 0; i < load->callers; i++) pthread_join(callers[i].thread, NULL);
    free(callers);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t time_at(const struct load *load, double q)
{
    uint32_t count = atomic_load(&load->times_count);
    if (count > TIMES_MAX) count = TIMES_MAX;
    return count ? load->times_us[(uint32_t)((count - 1) * q)] : 0;
}

static void wait_for_begin(struct load *load)
{
    char line[128];
    puts("{}");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin) || sscanf(line, "%" SCNd64 " %" SCNd64, &load->from_us, &load->until_us) != 2)
        fail("stdin", "it has no line with FROM and UNTIL");
}

static void run(struct load *load)
{
    wait_for_begin(load);
    load->producers = start(load, produce);
    if (!load->store) load->consumers = start(load, consume);

    sleep_until(load->from_us);
    double cpu = cpu_seconds();
    sleep_until(load->until_us);
    cpu = cpu_seconds() - cpu;

    atomic_store(&load->is_over, true);
    wake_all(&load->room);
    join(load, load->producers);
    if (load->store)
        close_worker(load);
    else
        join(load, load->consumers);

    uint32_t times = atomic_load(&load->times_count);
    qsort(load->times_us, times < TIMES_MAX ? times : TIMES_MAX, sizeof(*load->times_us), compare);
    printf("{\"added\":%" PRIu64 ",\"ended\":%" PRIu64 ",\"counted\":%" PRIu64
           ",\"cpu_s\":%.6f,\"times\":%u,\"p50_us\":%u,\"p99_us\":%u}\n",
           load->added, load->ended, load->counted, cpu, times, time_at(load, 0.5), time_at(load, 0.99));
    fflush(stdout);
}

static void wait_for_end_of_input(void)
{
    while (getchar() != EOF) continue;
}

static bool read_options(int argc, char **argv, struct load *load)
{
    static const struct option known[] = {{"store", required_argument, NULL, 's'},
                                          {"callers", required_argument, NULL, 'c'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {NULL, 0, NULL, 0}};
    for (int opt; (opt = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (opt) {
        case 's': load->url = optarg; break;
        case 'c': load->callers = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'r': load->rate = (unsigned)strtoul(optarg, NULL, 10); break;
        default: return false;
        }
    }
    return load->url && load->callers > 0 && load->callers <= CALLERS_MAX;
}

/* beanstalk://127.0.0.1:11300 */
static bool is_beanstalkd(struct load *load)
{
    char host[32];
    unsigned short port;
    if (sscanf(load->url, "beanstalk://%31[^:]:%hu", host, &port) != 2) return false;
    load->beanstalkd = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &load->beanstalkd.sin_addr) != 1) fail(load->url, "not an address of IPv4");
    return true;
}

int main(int argc, char **argv)
{
    static struct load load;
    if (!read_options(argc, argv, &load)) {
        fputs("lifecycle --store URL --callers N [--rate N]\n", stderr);
        return 2;
    }
    pthread_mutex_init(&load.room.lock, NULL);
    pthread_cond_init(&load.room.freed, NULL);
    load.times_us = calloc(TIMES_MAX, sizeof(*load.times_us));
    if (!load.times_us) fail("memory", strerror(errno));
    if (!is_beanstalkd(&load)) open_store(&load);
    run(&load);
    wait_for_end_of_input();
    oxq_queue_close(load.queue);
    oxq_close(load.store);
    free(load.times_us);
    return 0;
}
