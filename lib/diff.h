/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From a snapshot and a plan to the operations between them, in an order of which every prefix
 * leaves the host sane: traffic leaves a link before anything else of it goes, and comes to a link
 * after everything else of it is there. Pure.
 */

#include "kernel.h"

/*
 * @ops: borrow from snapshot, plan and @scratch
 * @scratch: groups as they are in between; owned
 */
struct mh_diff {
	struct mh_op *ops;
	size_t n;
	struct mh_nexthop **scratch;
	size_t n_scratch;
};
void mh_diff_clear(struct mh_diff *diff);

/* mh_diff() - both states sorted. Return: 0 or -ENOMEM. */
int mh_diff(const struct mh_state *snapshot, const struct mh_state *plan, struct mh_diff *ret);
