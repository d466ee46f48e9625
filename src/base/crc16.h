/* SPDX-License-Identifier: MIT */
/* CRC-16/XMODEM (polynomial 0x1021, from 0): what a Redis Cluster makes slots of keys with. */
#ifndef BASE_CRC16_H
#define BASE_CRC16_H

#include "base/slice.h"

uint16_t crc16(struct slice bytes);

#endif
