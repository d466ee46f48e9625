/* SPDX-License-Identifier: MIT */
/* What the operations of the driver share; driver.c has the essay. */
#ifndef TRANSITIONS_DRIVER_H
#define TRANSITIONS_DRIVER_H

#include "codec/json_writer.h"
#include "jobs/request.h"

/* One operation that was asked for. */
struct driver_call {
    struct client *client;
    struct client_reply reply;  /* of driver_send */
    struct arena arena;         /* dies with the call */
    const struct json *args;    /* the line */
    struct slice prefix;        /* of args.queue, under args.prefix */
    int64_t now_ms;             /* args.now */
    struct json_writer *answer; /* where the result goes: exactly one value */
    struct oxq_error err;       /* of the error that the operation returns */
};

struct driver_op {
    const char *name; /* args.op */
    oxq_err (*run)(struct driver_call *call);
};

/* Each ends with a row without a name. */
extern const struct driver_op driver_add_ops[], driver_flow_ops[], driver_operate_ops[], driver_scheduler_ops[],
    driver_work_ops[];

/* Sends a request and waits; *out is valid until the next. Errors: those of client_call. */
oxq_err driver_send(struct driver_call *call, const struct request *r, struct resp_value *out);

/* Members of args: a text in the arena's care or the line's, empty or 0 when absent. */
struct slice driver_text(const struct json *args, const char *name);
int64_t driver_number(const struct json *args, const char *name);
/* A member that is any value, as JSON text in the arena; empty when absent. */
struct slice driver_json(struct driver_call *call, const struct json *args, const char *name);

#endif
