/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include "base/mem.h"
#include "net/unix_address.h"
#include "os/process.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_ready(void *ctx, uint32_t ready)
{
    (void)ready;
    struct net_listener *l = ctx;
    l->is_ready = true;
}

static oxq_err fail(int error, const char *address, struct oxq_error *err)
{
    switch (error) {
    case EADDRINUSE: return err_set(err, OXQ_ERR_ADDRESS_IN_USE, "%s is in use", address);
    case EADDRNOTAVAIL: return err_set(err, OXQ_ERR_NOT_FOUND, "%s is not an address of this machine", address);
    case EACCES:
    case EPERM: return err_set(err, OXQ_ERR_PERMISSION, "no permission to listen on %s", address);
    default: return err_set(err, OXQ_ERR_IO, "cannot listen on %s: %s", address, strerror(error));
    }
}

static struct net_listener *add_listener(struct net_loop *loop, int fd, const char *address, struct net_listener **list)
{
    struct net_listener *l = mem_alloc_zero(sizeof(*l));
    l->fd = fd;
    snprintf(l->address, sizeof(l->address), "%s", address);
    l->loop = loop;
    l->watch = net_watch_new(loop, fd, on_ready, l);
    l->next = *list;
    *list = l;
    return l;
}

/* ---------------------------------------------------------------- TCP */

static void format_address(const struct sockaddr *sa, socklen_t len, char out[static NET_ADDRESS_MAX])
{
    char host[64] = "?", port[8] = "0";
    (void)getnameinfo(sa, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(out, NET_ADDRESS_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } sa = {.ipv6 = {.sin6_port = 0}};
    socklen_t len = sizeof(sa);
    if (getsockname(fd, &sa.any, &len) != 0) return 0;
    return ntohs(sa.any.sa_family == AF_INET6 ? sa.ipv6.sin6_port : sa.ipv4.sin_port);
}

/* A bound and listening socket, or -1 with errno. */
static int open_tcp(const struct addrinfo *a, int backlog)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    /* "*" listens on 0.0.0.0 beside ::, which would otherwise take both. */
    if (a->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, backlog) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static oxq_err listen_on(struct net_loop *loop, const struct addrinfo *a, int backlog, struct net_listener **list,
                         struct oxq_error *err)
{
    char address[NET_ADDRESS_MAX];
    format_address(a->ai_addr, a->ai_addrlen, address);
    int fd = open_tcp(a, backlog);
    if (fd < 0) return fail(errno, address, err);
    struct net_listener *l = add_listener(loop, fd, address, list);
    l->port = port_of(fd);
    return OXQ_OK;
}

oxq_err net_listen_tcp(struct net_loop *loop, const char *host, int port, int backlog, struct net_listener **list,
                       struct oxq_error *err)
{
    bool is_any = strcmp(host, "*") == 0;
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    int rc = getaddrinfo(is_any ? NULL : host, service, &hints, &found);
    if (rc != 0) return err_set(err, OXQ_ERR_NOT_FOUND, "cannot find the address of %s: %s", host, gai_strerror(rc));
    oxq_err e = OXQ_OK;
    for (const struct addrinfo *a = found; a && !e; a = a->ai_next) {
        e = listen_on(loop, a, backlog, list, err);
        /* A machine without IPv6 still has all the addresses it has. */
        bool is_left_out = is_any && a->ai_family == AF_INET6 && (e == OXQ_ERR_IO || e == OXQ_ERR_NOT_FOUND);
        if (is_left_out) e = OXQ_OK;
    }
    freeaddrinfo(found);
    return e;
}

/* ---------------------------------------------------------------- unix */

/* Takes a socket without a listener behind it away. */
static oxq_err clear_stale(const struct net_unix_address *a, const char *path, struct oxq_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0) return OXQ_OK;
    if (!S_ISSOCK(st.st_mode)) return err_set(err, OXQ_ERR_EXISTS, "%s is there and is no socket", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(errno, path, err);
    int rc = connect(fd, (const struct sockaddr *)&a->sa, sizeof(a->sa));
    bool is_stale = rc != 0 && errno == ECONNREFUSED;
    close(fd);
    if (!is_stale) return fail(EADDRINUSE, path, err);
    return unlink(path) == 0 ? OXQ_OK : fail(errno, path, err);
}

/* A bound and listening socket, or -1 with errno. */
static int open_unix(const struct net_unix_address *a, const char *path, int mode, int backlog)
{
    int fd = process_move_off_standard(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0) return -1;
    /* A new socket's file has its descriptor's mode (less the mask): nobody else gets in before chmod. */
    if (fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)&a->sa, sizeof(a->sa)) == 0 &&
        chmod(path, (mode_t)mode) == 0 && listen(fd, backlog) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool find_place(const char *path, struct net_place *out)
{
    struct stat st;
    if (stat(path, &st) != 0) return false;
    *out = (struct net_place){.device = st.st_dev, .inode = st.st_ino};
    return true;
}

static bool is_same(struct net_place a, struct net_place b)
{
    return a.device == b.device && a.inode == b.inode;
}

/* Of the folder that the file is in. */
static bool find_folder(const char *path, struct net_place *out)
{
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) + 1 : 0;
    char folder[PATH_MAX];
    if ((size_t)snprintf(folder, sizeof(folder), "%.*s.", len, path) >= sizeof(folder)) return false;
    return find_place(folder, out);
}

/* Takes the place of a socket that nobody answers on. */
static oxq_err bind_unix(const char *path, int mode, int backlog, int *out_fd, struct oxq_error *err)
{
    struct net_unix_address address;
    oxq_err e = net_unix_address_init(&address, path, err);
    if (e) return e;
    e = clear_stale(&address, path, err);
    if (!e) {
        *out_fd = open_unix(&address, path, mode, backlog);
        if (*out_fd < 0) e = fail(errno, path, err);
    }
    net_unix_address_deinit(&address);
    return e;
}

oxq_err net_listen_unix(struct net_loop *loop, const char *path, int mode, int backlog, struct net_listener **list,
                        struct oxq_error *err)
{
    int fd;
    struct net_place socket, folder;
    oxq_err e = bind_unix(path, mode, backlog, &fd, err);
    if (e) return e;
    if (!find_place(path, &socket) || !find_folder(path, &folder)) {
        e = fail(errno, path, err);
        close(fd);
        return e;
    }
    struct net_listener *l = add_listener(loop, fd, path, list);
    size_t bytes = strlen(path) + 1;
    l->unix_path = memcpy(mem_alloc(bytes), path, bytes);
    l->unix_mode = mode;
    l->unix_backlog = backlog;
    l->socket = socket;
    l->folder = folder;
    return OXQ_OK;
}

bool net_listener_mend(struct net_listener *l)
{
    int fd;
    struct stat st;
    struct net_place folder;
    if (!l->unix_path || lstat(l->unix_path, &st) == 0 || errno != ENOENT) return false;
    if (!find_folder(l->unix_path, &folder) || !is_same(folder, l->folder)) return false;
    if (bind_unix(l->unix_path, l->unix_mode, l->unix_backlog, &fd, NULL) != OXQ_OK) return false;
    (void)find_place(l->unix_path, &l->socket);
    net_watch_free(l->watch);
    close(l->fd);
    l->fd = fd;
    l->watch = net_watch_new(l->loop, fd, on_ready, l);
    return true;
}

static void remove_socket(const struct net_listener *l)
{
    struct net_place there;
    if (l->unix_path && find_place(l->unix_path, &there) && is_same(there, l->socket)) unlink(l->unix_path);
}

void net_listeners_free(struct net_listener *list)
{
    while (list) {
        struct net_listener *next = list->next;
        net_watch_free(list->watch);
        close(list->fd);
        remove_socket(list);
        mem_free(list->unix_path);
        mem_free(list);
        list = next;
    }
}

/* ---------------------------------------------------------------- accepting */

static void describe_peer(const struct net_listener *l, const struct sockaddr *sa, socklen_t len, struct net_peer *out)
{
    if (l->unix_path) {
        snprintf(out->addr, sizeof(out->addr), "%.*s:0", (int)sizeof(out->addr) - 3, l->unix_path);
        memcpy(out->laddr, out->addr, sizeof(out->laddr));
        return;
    }
    format_address(sa, len, out->addr);
    struct sockaddr_storage ours;
    len = sizeof(ours);
    if (getsockname(out->fd, (struct sockaddr *)&ours, &len) == 0)
        format_address((const struct sockaddr *)&ours, len, out->laddr);
}

oxq_err net_accept(struct net_listener *l, struct net_peer *out, struct oxq_error *err)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    int fd = process_move_off_standard(accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd >= 0) {
        *out = (struct net_peer){.fd = fd};
        describe_peer(l, (const struct sockaddr *)&sa, len, out);
        return OXQ_OK;
    }
    int error = errno;
    l->is_ready = error == ECONNABORTED || error == EINTR;
    if (error == EAGAIN) return OXQ_ERR_AGAIN;
    bool is_exhausted = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
    return err_set(err, is_exhausted ? OXQ_ERR_LIMIT : OXQ_ERR_IO, "accept on %s: %s", l->address, strerror(error));
}

void net_refuse(const struct net_peer *peer, struct slice text)
{
    if (text.len) (void)!send(peer->fd, text.at, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(peer->fd);
}

void net_listener_pause(struct net_listener *l, bool is_paused)
{
    net_watch_want(l->watch, is_paused ? 0 : NET_READABLE);
    if (is_paused) l->is_ready = false;
}
