/* SPDX-License-Identifier: MIT */
/* Which node of a cluster has which slot. */
#ifndef CLIENT_CLUSTER_H
#define CLIENT_CLUSTER_H

#include "client/refusal.h"
#include "client/state.h"

struct client_cluster;

struct client_cluster *client_cluster_new(struct client *c);
/* NULL is fine. */
void client_cluster_free(struct client_cluster *k);

/*
 * The node of a slot, or any for CLIENT_SLOT_NONE; asks the cluster first when what is known of it is old. Errors: UNREACHABLE (no node
 * answers, or none has the slot), CONFIG (they are no cluster), those of connecting. Threads: any.
 */
OXQ_MUST_USE oxq_err client_cluster_route(struct client_cluster *k, int slot, int64_t until_us,
                                          struct client_node **out, struct oxq_error *err);
/* A node said MOVED (is_ask: ASK): the node that it names. MOVED is remembered. */
struct client_node *client_cluster_redirect(struct client_cluster *k, const struct client_node *from,
                                            const struct client_redirect *to, bool is_ask);
/* A node does not answer: perhaps another has its slots by now. */
void client_cluster_doubt(struct client_cluster *k);

/* A range of slots and the address of the master that has it, from one entry of CLUSTER SLOTS; `asked` lends its host where the entry
 * has none. False: it is not of that form. */
bool client_cluster_read_entry(const struct resp_value *entry, const struct client_address *asked, int *out_first,
                               int *out_last, struct client_address *out);

#endif
