/* SPDX-License-Identifier: MIT */
#ifndef CLI_DURABILITY_H
#define CLI_DURABILITY_H

#include "cli/store.h"

#define DURABILITY_CHARS 128
/*
 * What an open store says of when jobs are on the disk: "durability always", "appendonly yes, appendfsync everysec" (Redis), or that it
 * does not say. Asks its server.
 */
void durability_ask(const struct cli_store *s, char out[DURABILITY_CHARS]);

#endif
