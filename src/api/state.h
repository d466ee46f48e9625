/* SPDX-License-Identifier: MIT */
/* What is behind the handles of <oxq/oxq.h>: private to api/ and worker/. */
#ifndef API_STATE_H
#define API_STATE_H

#include "base/link.h"
#include "client/client.h"
#include "embed/embed.h"
#include "jobs/add.h"
#include "jobs/job.h"
#include "jobs/request.h"
#include "jobs/scheduler.h"
#include "os/thread.h"

#include <oxq/oxq.h>

/* ---------------------------------------------------------------- parameters */

/*
 * Each public function that can fail begins so: are the handle and the parameters that it cannot do without there? Errors: ARGUMENT: one is
 * NULL; the text names it.
 */
#define ARGS_CHECK(err, ...)                                                                                           \
    args_check(__func__, #__VA_ARGS__, (const void *const[]){__VA_ARGS__},                                             \
               sizeof((const void *const[]){__VA_ARGS__}) / sizeof(void *), err)
/* names: of args, with commas between them; `i`: which is NULL. */
void args_refuse(const char *function, const char *names, size_t i, struct oxq_error *err);

OXQ_MUST_USE static inline oxq_err args_check(const char *function, const char *names, const void *const *args,
                                              size_t count, struct oxq_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (args[i]) continue;
        args_refuse(function, names, i, err);
        return OXQ_ERR_ARGUMENT;
    }
    return OXQ_OK;
}

/* ---------------------------------------------------------------- stores */

struct oxq {
    struct client *client; /* owned: fails fast, for those whom somebody waits for */
    struct embed *embed;   /* owned; NULL: a server elsewhere */
    struct arena arena;    /* what the texts below are in */
    struct client_opts client_opts;
    struct slice prefix; /* "bull" */
    int64_t (*on_repeat)(void *ctx, const char *pattern, const char *tz, const char *job_name, int64_t after_ms);
    void *on_repeat_ctx;
    const struct oxq_telemetry *telemetry; /* in the arena; NULL: none */
};

/* What a client of its own has beside the store's options: a worker's, or that of who reads events. */
struct store_client_opts {
    enum client_patience patience;
    const char *name;   /* of its connections; NULL: the store's */
    int64_t silence_ms; /* as of client_opts; 0: the default */
};
/* Owns: caller, client_free. */
OXQ_MUST_USE oxq_err store_new_client(const oxq *store, const struct store_client_opts *own, struct client **out,
                                      struct oxq_error *err);
/*
 * The name by which BullMQ knows a queue's connections: "bull:", the queue's name in base64, then `suffix`, ":w:" and a worker's name or
 * ":qe" for one that reads events. "oxq" when that is too long.
 */
const char *store_name_connection(const oxq *store, struct arena *arena, struct slice queue, struct slice suffix);
/* Now, for requests. */
int64_t store_now_ms(void);
/* The time of CLOCK_MONOTONIC that is so long from now; INT64_MAX: never, for a time below 0 or too far to be told. */
int64_t store_until_us(int64_t ms);
/*
 * Sends a request and takes a refusal, of the server or of the transition, for an error that begins with `what` and `subject`
 * ("retry job 12"). Replies that are negative without being a refusal are for client_call itself.
 */
OXQ_MUST_USE oxq_err store_request(struct client *client, const struct request *r, const char *what,
                                   struct slice subject, struct client_reply *reply, struct oxq_error *err);
/* The same, when nothing of the reply matters but that it is no refusal. */
OXQ_MUST_USE oxq_err store_act(struct client *client, const struct request *r, const char *what, struct slice subject,
                               struct oxq_error *err);
/* Runs a batch of which no reply may be an error. */
OXQ_MUST_USE oxq_err store_run(struct client *client, struct client_batch *b, struct oxq_error *err);
/* An id into a caller's room, with its NUL. */
void store_copy_id(struct slice id, char out[OXQ_ID_MAX]);
/* A text that oxq_text_free frees. Errors: MEMORY. */
OXQ_MUST_USE oxq_err text_copy(struct slice text, char **out, struct oxq_error *err);

/* ---------------------------------------------------------------- queues */

/* More than there are requests that add at a time, with those who gather for the next: a crowd is woken for its own then. */
#define QUEUE_CROWDS_COUNT 8

struct oxq_queue {
    oxq *store;            /* borrowed */
    struct client *client; /* borrowed: the store's; in a handler its worker's, which waits for a server that went */
    char *name;            /* owned */
    struct arena arena;
    struct slice prefix;         /* "bull:mail:", in the arena */
    struct job_options defaults; /* texts in the arena */
    int64_t events_max;          /* 0: as it is */

    struct lock adding;                      /* of what follows, but the inside of spin and crowds */
    struct link adders;                      /* callers that wait to be added, in the order in which they came */
    struct spin spin;                        /* of those */
    struct crowd crowds[QUEUE_CROWDS_COUNT]; /* where they sleep */
    unsigned crowd;                          /* which of these the next one goes to */
    unsigned rounds_count;                   /* requests that add and are under way */
    size_t under_way_count;                  /* jobs in these */
};

/* Can a job have this id? Errors: NOT_FOUND (a name under which the queue keeps something of its own). */
OXQ_MUST_USE oxq_err queue_check_id(const char *id, struct oxq_error *err);
/* The data of a job that is to be made: empty for NULL, its default. Errors: FORMAT (an empty text). */
OXQ_MUST_USE oxq_err queue_read_data(const char *data, struct slice *out, struct oxq_error *err);

/* Adds a job, together with those of other threads. out_id may be NULL. */
OXQ_MUST_USE oxq_err queue_add(oxq_queue *q, const struct new_job *job, char out_id[OXQ_ID_MAX], struct oxq_error *err);

/* Options of the public interface as jobs/ has them; texts are borrowed. parent_prefix: of the store's keys. */
OXQ_MUST_USE oxq_err queue_read_options(const oxq *store, struct arena *arena, const struct oxq_job_opts *opts,
                                        struct job_options *out, struct oxq_error *err);
/* Errors: ARGUMENT: a kind that is none, numbers below 0 or without their kind. `name`: of the option. */
OXQ_MUST_USE oxq_err queue_check_keep(const struct oxq_keep *k, const char *name, struct oxq_error *err);
/* Of one that was checked. */
struct job_keep queue_read_keep(const struct oxq_keep *k);
/* Copies the texts of options into the arena. */
void queue_keep_texts(struct arena *a, struct job_options *o);

/*
 * The first command of an atomic batch with one that names no key, such as SCAN: in a cluster all queues of a store are on one node, because
 * their prefix has a hash tag, and the batch goes to where the prefix is.
 */
void store_put_where(const oxq *store, struct arena *arena, struct client_batch *b);

/* What schedulers of a queue of the store are made by, now. Zones are kept as long as the process lives. */
struct scheduler_context store_scheduling(oxq *store, struct slice prefix);

/* Where jobs of a state are: a list, with the newest at its head, or a sorted set. */
struct state_place {
    const char *key;
    bool is_list;
};
extern const struct state_place state_places[OXQ_STATES_COUNT];
struct slice state_key(const oxq_queue *q, struct arena *arena, oxq_state state);
/* A second list of those that wait. */
struct slice state_paused_key(const oxq_queue *q, struct arena *arena);

/* Jobs that were added or have finished later than that are left out. Before the first oxq_list_next. */
void list_set_until(oxq_list *list, int64_t ms);

/* ---------------------------------------------------------------- lists of texts */

/* An empty one. */
oxq_names *names_new(void);
void names_add(oxq_names *names, struct slice text);
void names_sort(oxq_names *names);
/* And each of them stays once. */
void names_sort_once(oxq_names *names);
/* Is the text among them? They are sorted. */
bool names_have(const oxq_names *names, struct slice text);

/* ---------------------------------------------------------------- jobs */

struct job_run; /* worker/: a job that runs here */

struct oxq_job {
    struct oxq_job_fields fields;
    struct arena arena;      /* what its texts are in */
    struct job_options opts; /* as stored */
    oxq_json *data, *result; /* owned; parsed when asked for */
    bool is_data_read, is_result_read;
    struct job_run *run; /* borrowed from the worker; NULL: nobody runs it here */
};

/* A job of its own memory. Errors: MEMORY. Owns: caller, oxq_job_free. */
OXQ_MUST_USE oxq_err job_new(const char *queue, const struct job *from, oxq_job **out, struct oxq_error *err);
/* The hash of a job (HGETALL's reply) as one. Errors: NOT_FOUND, FORMAT, MEMORY. */
OXQ_MUST_USE oxq_err job_new_from_reply(const char *queue, const struct resp_value *hash, struct slice id,
                                        oxq_job **out, struct oxq_error *err);

#endif
