/* SPDX-License-Identifier: MIT */
#include <oxq/version.h>

const char *oxq_version(void)
{
    return OXQ_VERSION;
}
