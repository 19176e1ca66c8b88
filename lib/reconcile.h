/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Making fact follow intent: one function for coming up, going down, mending and cleaning up.
 */

#include "kernel.h"
#include "report.h"

/*
 * mh_reconcile_records() - plan, diff, apply, until nothing is left to do that the kernel takes
 * @records: settled; refreshed here when the state is read anew
 * @snapshot: the state now, taken over; replaced while this goes on
 * @flags: MH_RECONCILE_*
 * @report: may be NULL
 *
 * Needs the lock. What is refused is reported, and the rest is done without it. Return: 0, -EPERM
 * (nothing was changed), -ENOMEM, or an errno of struct mh_kernel_ops.
 */
int mh_reconcile_records(struct mh_kernel *kernel, struct mh_records *records,
			 struct mh_state **snapshot, unsigned int flags, struct mh_report *report);

/*
 * mh_reconcile_settings() - change settings of interfaces, and tell of it in the same way
 * @ops: of kind MH_KIND_RP_FILTER or MH_KIND_RA_DEFAULT; their order and number may change
 */
int mh_reconcile_settings(struct mh_kernel *kernel, struct mh_op *ops, size_t n,
			  struct mh_state *snapshot, struct mh_report *report);
