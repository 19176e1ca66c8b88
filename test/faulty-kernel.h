/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A struct mh_kernel around another, the fake or the real one, in which one thing goes wrong at a
 * time, and in which operations are counted.
 */

#include "kernel.h"

/*
 * @open_inner, @inner_arg: the kernel behind it
 * @stop_after: the process dies after this many operations: all calls after that end with
 *   -ECANCELED and do nothing. SIZE_MAX: lives
 * @dead: the process has died, of another cause; NULL: lives
 * @refuse_at: this operation, counted from 1, is not carried out but refused; 0: none
 * @refuse_error: negative errno of that
 * @meanwhile_at: before this operation, counted from 1, @meanwhile is called with @meanwhile_arg:
 *   something else happens to the host; 0: none
 * @refused: the operation was reached
 * @n_ops: operations asked for since the count was last set to 0
 */
struct mh_fault {
	int (*open_inner)(void *arg, struct mh_kernel **ret);
	void *inner_arg;
	size_t stop_after;
	const bool *dead;
	size_t refuse_at;
	int refuse_error;
	size_t meanwhile_at;
	void (*meanwhile)(void *arg);
	void *meanwhile_arg;
	bool refused;
	size_t n_ops;
};

/* mh_fault_none() - from here on nothing goes wrong; counts from 0 */
void mh_fault_none(struct mh_fault *fault);

/* For mh_host.open_kernel; @fault outlives the kernel. */
int mh_faulty_open(void *fault, struct mh_kernel **ret);
