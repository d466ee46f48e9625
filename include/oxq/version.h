/* SPDX-License-Identifier: MIT */
/* The version of oxq, and the version of Redis whose behaviour clients may count on. */
#ifndef OXQ_VERSION_H
#define OXQ_VERSION_H

#define OXQ_VERSION "0.1.0"
#define OXQ_VERSION_NUMBER 0x000100

/* Clients choose their behaviour by INFO's redis_version. */
#define OXQ_REDIS_VERSION "7.2.4"
#define OXQ_REDIS_VERSION_NUMBER 0x00070204

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is linked: "0.1.0". Static storage. */
const char *oxq_version(void);

#ifdef __cplusplus
}
#endif

#endif
