/* SPDX-License-Identifier: MIT */
/* Ctrl-C for commands that do much: the first one stops them between two portions, so that they can say how far they came. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT and SIGTERM are noted, once each; the next one ends the program as always. */
void interrupt_catch(void);
/* Was there one? */
bool interrupt_came(void);

#endif
