/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Interfaces of which the kernel need not be asked, because what else it says tells of them.
 */

#include "state.h"

/*
 * An interface that matters.
 * @name: when it was last seen, where that is to be believed as long as nothing speaks against it;
 *   else empty: the kernel is to be asked
 */
struct mh_known_iface {
	int ifindex;
	char name[MH_IFNAME_SIZE];
};

struct mh_known {
	struct mh_known_iface *v;
	size_t n;
};
static inline void mh_known_clear(struct mh_known *known)
{
	free(known->v);
	*known = (struct mh_known){ 0 };
}

/*
 * mh_known_from_records() - the interfaces that an event is about
 * @ifindex: one more; 0: none
 *
 * Return: 0 or -ENOMEM.
 */
int mh_known_from_records(const struct mh_records *records, int ifindex, struct mh_known *ret);

/*
 * mh_known_fill() - leave in @state->ifaces those that are known and as they were
 * @state: sorted, but for @ifaces, of which ifindex and the settings are set
 * @ret_ask: the others that matter, each once, to be freed; those of routes in @state among them
 *
 * Return: 0 or -ENOMEM.
 */
int mh_known_fill(const struct mh_known *known, struct mh_state *state, int **ret_ask,
		  size_t *ret_n_ask);
