/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What status, explain and check ask of a survey in common. Pure.
 */

#include "report.h"
#include "session.h"
#include "state.h"

/* One way out of a default or of a table. @gateway: family 0: none */
struct mh_way {
	int oif;
	struct mh_prefix gateway;
	uint32_t weight;
	uint32_t share; /* 0..MH_SHARE_ALL */
};

struct mh_ways {
	struct mh_way *v;
	size_t n;
};
void mh_ways_clear(struct mh_ways *ways);

/*
 * mh_ways_of() - where packets go that follow a route
 * @survey: sorted as mh_state_sort_survey() does it
 * @route: of @survey
 *
 * One way per interface and gateway, so that twins count once. The shares are those of the buckets
 * where there are any, else those of the weights. Return: 0 or -ENOMEM.
 */
int mh_ways_of(const struct mh_state *survey, const struct mh_route *route, struct mh_ways *ret);

/* mh_first_default() - the default of table main that others come after; NULL: there is none */
const struct mh_route *mh_first_default(const struct mh_state *survey, enum mh_family family);

/* mh_tier_default() - our default of that family and metric, as the kernel has it; NULL: none */
const struct mh_route *mh_tier_default(const struct mh_state *survey, enum mh_family family,
				       uint32_t metric);

/*
 * mh_inspect() - what is wrong with the links and with what the kernel has of them
 * @s: looked at, and freed of stale records
 *
 * Reports in @s->report what mh_plan() finds, defaults that precede ours, and, where the lock is
 * held, what the kernel lacks or has too much. Return: 0 or -ENOMEM.
 */
int mh_inspect(struct mh_session *s);
