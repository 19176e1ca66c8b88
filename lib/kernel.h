/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel behind a small table of operations, so that everything above it is tested on a fake.
 * kernel-netlink.c is the real one, with netlink-parse.c and netlink-build.c behind it.
 */

#include "known.h"

enum mh_verb {
	MH_ADD,	    /* fails with EEXIST where something with the same key is there */
	MH_APPEND,  /* a route or rule behind those with the same key, whoever owns them */
	MH_REPLACE, /* in place: a nexthop or group of ours, or an IPv6 route of a link's table */
	MH_DELETE,
};

enum mh_kind {
	MH_KIND_NEXTHOP,
	MH_KIND_ROUTE,
	MH_KIND_RULE,
	MH_KIND_RP_FILTER,  /* MH_REPLACE alone */
	MH_KIND_RA_DEFAULT, /* likewise */
};

/* One change. The object is borrowed from a plan or a snapshot, which must outlive it. */
struct mh_op {
	enum mh_verb verb;
	enum mh_kind kind;
	union {
		const struct mh_nexthop *nexthop;
		const struct mh_route *route;
		const struct mh_rule *rule;
		const struct mh_iface *iface;
	};
};

/* mh_op_text() - the object of a change, see state.h. Return: a new string, NULL without memory. */
char *mh_op_text(const struct mh_op *op, const struct mh_state *state);

/* @error: 0 or negative errno; @text: the kernel's own words (NLMSGERR_ATTR_MSG), or empty */
struct mh_result {
	int error;
	char text[128];
};

struct mh_kernel;

/*
 * @snapshot: reads the state, sorted. Return: 0, -ENOMEM, -EAGAIN (kept changing under us),
 *   -ETIMEDOUT (no answer), or the kernel's refusal.
 * @survey: likewise what an inspection needs beyond that: see struct mh_state. Slower.
 * @apply: carries out @n changes in order; a refused one does not stop those behind it. Fills all
 *   of @results. Return: 0 where each has its result, else the errno that ended it.
 * @close: frees @kernel
 */
struct mh_kernel_ops {
	int (*snapshot)(struct mh_kernel *kernel, struct mh_state **ret);
	int (*survey)(struct mh_kernel *kernel, struct mh_state **ret);
	int (*apply)(struct mh_kernel *kernel, const struct mh_op *ops, size_t n,
		     struct mh_result *results);
	void (*close)(struct mh_kernel *kernel);
};

/*
 * @known: the interfaces that matter, borrowed: snapshots may leave out all others, and need not
 *   ask for those that are as they were; NULL: all matter
 */
struct mh_kernel {
	const struct mh_kernel_ops *ops;
	const struct mh_known *known;
};

static inline void mh_kernel_closep(struct mh_kernel **kernel)
{
	if (*kernel)
		(*kernel)->ops->close(*kernel);
}

/* mh_kernel_netlink_open() - the kernel of this thread's network namespace */
int mh_kernel_netlink_open(struct mh_kernel **ret);
