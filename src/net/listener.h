/* SPDX-License-Identifier: MIT */
/* Sockets that others connect to: TCP addresses and unix paths. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/slice.h"
#include "net/loop.h"

/* "[addr]:port" of any kind of peer and a NUL; a unix socket's path is longer than that (108) and is cut. */
#define NET_ADDRESS_MAX 80

/* A file or folder, whatever its name. */
struct net_place {
    uint64_t device, inode;
};

struct net_listener {
    struct net_listener *next;     /* owned: a list is freed as one */
    struct net_loop *loop;         /* borrowed */
    struct net_watch *watch;       /* owned */
    int fd;                        /* owned */
    int port;                      /* TCP: what it listens on, also when 0 was asked for; unix: 0 */
    bool is_ready;                 /* somebody waits to be accepted */
    char address[NET_ADDRESS_MAX]; /* "127.0.0.1:7700", "/run/oxq.sock" */
    char *unix_path;               /* owned; NULL: TCP */
    int unix_mode, unix_backlog;
    struct net_place socket,
        folder; /* of the unix socket, to take away no other's; of what it is in, to go to no other */
};

/*
 * Listens on every address that host has ("127.0.0.1", "::1", "localhost", "*" for all of IPv4 and IPv6) and puts the listeners
 * in front of *list. Errors: ADDRESS_IN_USE, NOT_FOUND (no such host, or not an address of this machine), PERMISSION, IO; the
 * text names the address. What was added before the error stays in the list.
 */
OXQ_MUST_USE oxq_err net_listen_tcp(struct net_loop *loop, const char *host, int port, int backlog,
                                    struct net_listener **list, struct oxq_error *err);
/*
 * Listens on a unix socket of that mode. A socket that nobody answers on (its process was killed) is replaced.
 * Errors: ADDRESS_IN_USE, EXISTS (a file that is no socket), LIMIT (its name is too long), NOT_FOUND (its folder), PERMISSION, IO.
 */
OXQ_MUST_USE oxq_err net_listen_unix(struct net_loop *loop, const char *path, int mode, int backlog,
                                     struct net_listener **list, struct oxq_error *err);
/*
 * Where somebody has removed the file of a unix socket, nobody can connect any more: makes it anew, if the folder is still the same. True: it
 * did. Of a TCP listener does nothing.
 */
bool net_listener_mend(struct net_listener *l);
/* Stops listening, frees the whole list and takes unix sockets off the disk. NULL is fine. */
void net_listeners_free(struct net_listener *list);

struct net_peer {
    int fd;                      /* non-blocking, close-on-exec; the caller owns it */
    char addr[NET_ADDRESS_MAX];  /* theirs: "127.0.0.1:4711", "[::1]:4711", "/run/oxq.sock:0" */
    char laddr[NET_ADDRESS_MAX]; /* ours */
};

/* Takes the next connection. Errors: AGAIN (nobody waits), LIMIT (no descriptor or memory is left for it), IO. */
OXQ_MUST_USE oxq_err net_accept(struct net_listener *l, struct net_peer *out, struct oxq_error *err);
/* Tells a peer why, if its socket takes that now, and closes it. */
void net_refuse(const struct net_peer *peer, struct slice text);
/* Lets those who connect wait in the kernel's queue, or not any more. */
void net_listener_pause(struct net_listener *l, bool is_paused);

#endif
