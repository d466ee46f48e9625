/* SPDX-License-Identifier: MIT */
#include "net/memory.h"

#include "base/mem.h"

#include <event2/event.h>
#include <openssl/crypto.h>

static void *ssl_alloc(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_alloc(bytes);
}

static void *ssl_resize(void *p, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_resize(p, bytes);
}

static void ssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    mem_free(p);
}

void net_adopt_memory(void)
{
    event_set_mem_functions(mem_alloc, mem_resize, mem_free);
    CHECK(CRYPTO_set_mem_functions(ssl_alloc, ssl_resize, ssl_free));
}
