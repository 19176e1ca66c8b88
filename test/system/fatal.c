// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A plugin for pppd that has it die of a fatal error, by pppd's own fatal(), as soon as the file
 * /run/multihome-fatal exists: what a failed ioctl or a full process table does to a real one.
 */

#include <pppd/pppd.h>
#ifndef PPPD_VERSION
#include <pppd/patchlevel.h>
#define PPPD_VERSION VERSION
#define ppp_timeout timeout
#endif
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT extern const char pppd_version[];
const char pppd_version[] = PPPD_VERSION;

static void look(void *arg)
{
	if (access("/run/multihome-fatal", F_OK) == 0)
		fatal("a fatal error, for a test");
	ppp_timeout(look, arg, 1, 0);
}

EXPORT void plugin_init(void);
void plugin_init(void)
{
	ppp_timeout(look, NULL, 1, 0);
}
