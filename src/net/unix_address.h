/* SPDX-License-Identifier: MIT */
/* Addresses of unix sockets, private to net/: a path may be longer than the 107 bytes that an address has room for. */
#ifndef NET_UNIX_ADDRESS_H
#define NET_UNIX_ADDRESS_H

#include "base/err.h"

#include <sys/un.h>

struct net_unix_address {
    struct sockaddr_un sa;
    int folder_fd; /* owned; -1: the path fits */
};

/*
 * A longer path is reached by way of its opened folder, through /proc/self/fd; the address is good until deinit. Errors: NOT_FOUND,
 * PERMISSION (of the folder), LIMIT (the file's name itself is too long, or /proc is not there).
 */
OXQ_MUST_USE oxq_err net_unix_address_init(struct net_unix_address *a, const char *path, struct oxq_error *err);
void net_unix_address_deinit(struct net_unix_address *a);

#endif
