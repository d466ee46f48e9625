/* SPDX-License-Identifier: MIT */
#include "net/tls.h"

#include "base/mem.h"
#include "net/tls_ssl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

struct net_tls {
    SSL_CTX *ctx;       /* owned */
    BIO_METHOD *socket; /* owned */
};

/*
 * A socket as OpenSSL has it, but for one thing: writing to a peer that has gone is an error and no SIGPIPE, which would end
 * a program that only uses our library.
 */
static int write_quietly(BIO *b, const char *bytes, int len)
{
    int fd = -1;
    BIO_get_fd(b, &fd);
    errno = 0;
    int sent = (int)send(fd, bytes, (size_t)len, MSG_NOSIGNAL);
    BIO_clear_retry_flags(b);
    if (sent <= 0 && BIO_sock_should_retry(sent)) BIO_set_retry_write(b);
    return sent;
}

static BIO_METHOD *make_socket_method(void)
{
    const BIO_METHOD *plain = BIO_s_socket();
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE");
    if (!m) return NULL;
    BIO_meth_set_write(m, write_quietly);
    BIO_meth_set_read(m, BIO_meth_get_read(plain));
    BIO_meth_set_ctrl(m, BIO_meth_get_ctrl(plain));
    BIO_meth_set_create(m, BIO_meth_get_create(plain));
    BIO_meth_set_destroy(m, BIO_meth_get_destroy(plain));
    return m;
}

const char *net_tls_reason(void)
{
    /* Where a call of the system failed it is told first; what follows only says that one did. */
    unsigned long first = ERR_peek_error(), code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (ERR_SYSTEM_ERROR(first)) reason = strerror(ERR_GET_REASON(first));
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
        reason = "what the other side says is no TLS";
    ERR_clear_error();
    return reason ? reason : "unknown reason";
}

static bool is_given(const char *path)
{
    return path && path[0];
}

static oxq_err load_own(SSL_CTX *ctx, const struct net_tls_opts *o, struct oxq_error *err)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1)
        return err_set(err, OXQ_ERR_TLS, "cannot use the certificate %s: %s", o->cert, net_tls_reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM) != 1)
        return err_set(err, OXQ_ERR_TLS, "cannot use the key %s: %s", o->key, net_tls_reason());
    return OXQ_OK;
}

static oxq_err load_ca(SSL_CTX *ctx, const char *ca, struct oxq_error *err)
{
    if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
        return err_set(err, OXQ_ERR_TLS, "cannot use the certificate authority %s: %s", ca, net_tls_reason());
    return OXQ_OK;
}

static oxq_err set_up_server(SSL_CTX *ctx, const struct net_tls_opts *o, struct oxq_error *err)
{
    static const unsigned char session_name[] = "oxq";
    SSL_CTX_set_session_id_context(ctx, session_name, sizeof(session_name) - 1);
    if (!is_given(o->cert) || !is_given(o->key))
        return err_set(err, OXQ_ERR_TLS, "TLS needs both a certificate and its key");
    oxq_err e = load_own(ctx, o, err);
    if (e || !is_given(o->ca) || o->peers == NET_TLS_PEERS_UNASKED) return e;
    int is_needed = o->peers == NET_TLS_PEERS_MUST ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | is_needed, NULL);
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(o->ca));
    return load_ca(ctx, o->ca, err);
}

static oxq_err set_up_client(SSL_CTX *ctx, const struct net_tls_opts *o, struct oxq_error *err)
{
    SSL_CTX_set_verify(ctx, o->is_unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    oxq_err e = is_given(o->cert) ? load_own(ctx, o, err) : OXQ_OK;
    if (e) return e;
    if (is_given(o->ca)) return load_ca(ctx, o->ca, err);
    SSL_CTX_set_default_verify_paths(ctx);
    return OXQ_OK;
}

typedef oxq_err set_up_fn(SSL_CTX *ctx, const struct net_tls_opts *o, struct oxq_error *err);

static oxq_err make(const SSL_METHOD *method, set_up_fn *set_up, const struct net_tls_opts *o, struct net_tls **out,
                    struct oxq_error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx) return err_set(err, OXQ_ERR_TLS, "cannot start TLS: %s", net_tls_reason());
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    /* Redis clients drop the connection without saying goodbye in TLS; that is an end like any other. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* A write is tried again from wherever the buffer is by then; an idle connection holds no buffers. */
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    oxq_err e = set_up(ctx, o, err);
    if (e) {
        SSL_CTX_free(ctx);
        return e;
    }
    struct net_tls *t = mem_alloc(sizeof(*t));
    t->ctx = ctx;
    t->socket = make_socket_method();
    if (!t->socket) {
        net_tls_free(t);
        return err_set(err, OXQ_ERR_MEMORY, "no memory for TLS");
    }
    *out = t;
    return OXQ_OK;
}

oxq_err net_tls_new_server(const struct net_tls_opts *opts, struct net_tls **out, struct oxq_error *err)
{
    return make(TLS_server_method(), set_up_server, opts, out, err);
}

oxq_err net_tls_new_client(const struct net_tls_opts *opts, struct net_tls **out, struct oxq_error *err)
{
    return make(TLS_client_method(), set_up_client, opts, out, err);
}

void net_tls_free(struct net_tls *t)
{
    if (!t) return;
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->socket);
    mem_free(t);
}

/* Whom we expect at the other end: a name, or an address as in the URL. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *net_tls_session(struct net_tls *t, int fd, const char *host)
{
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl) return NULL;
    BIO *socket = BIO_new(t->socket);
    if (!socket || (host && !expect_host(ssl, host))) {
        BIO_free(socket);
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_fd(socket, fd, BIO_NOCLOSE);
    SSL_set_bio(ssl, socket, socket);
    if (host)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    return ssl;
}
