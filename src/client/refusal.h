/* SPDX-License-Identifier: MIT */
/* What an error reply means for trying again: only commands that were not done are ever sent twice. */
#ifndef CLIENT_REFUSAL_H
#define CLIENT_REFUSAL_H

#include "base/err.h"
#include "base/slice.h"

enum client_refusal {
    CLIENT_REFUSAL_FINAL, /* an answer like others */
    CLIENT_REFUSAL_LATER, /* the server cannot just now: LOADING, BUSY, TRYAGAIN, CLUSTERDOWN, MASTERDOWN, NOREPLICAS */
    CLIENT_REFUSAL_FULL,  /* it takes no more connections just now, and closes this one */
    CLIENT_REFUSAL_READONLY, /* this server is no master any more (READONLY; UNBLOCKED for who waited): look for it again */
    CLIENT_REFUSAL_MOVED,     /* the slot is another node's */
    CLIENT_REFUSAL_ASK,       /* this time ask another node */
    CLIENT_REFUSAL_NO_SCRIPT, /* the script's text must be sent again */
    CLIENT_REFUSAL_LOGIN      /* NOAUTH, WRONGPASS, NOPERM, DENIED */
};

/* Of the text of an error reply, without its '-'. */
enum client_refusal client_refusal_of(struct slice text);
/* What it is for a caller: AGAIN (nothing was done, and later it may be), SERVER. */
oxq_err client_refusal_error(struct slice text);

/* Where MOVED and ASK send us. The host is empty when it is that of the node which says so. */
struct client_redirect {
    int slot;
    struct slice host; /* borrowed from the text */
    int port;
};
/* False: the text is not of that form. */
bool client_redirect_read(struct slice text, struct client_redirect *out);

#endif
