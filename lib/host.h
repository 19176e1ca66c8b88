/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is behind struct mh_host: a place for the kernel in use, so that tests put in a fake.
 */

#include "kernel.h"

struct mh_host {
	char *run_dir;
	unsigned int deadline_msecs;
	int (*open_kernel)(void *arg, struct mh_kernel **ret);
	void *open_kernel_arg;
};
