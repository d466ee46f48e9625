/* SPDX-License-Identifier: MIT */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

/*
 * From now on libevent and OpenSSL take their memory from base/mem.h, so that a lack of it ends the process with a line: OpenSSL
 * itself crashes where its tables cannot be made. For a program of our own, before it does anything else with either;
 * not for a library in somebody else's.
 */
void net_adopt_memory(void);

#endif
