/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's routing decision, made on a survey: which rule, then which route of its table. Pure.
 */

#include "state.h"

/*
 * What rules and routes look at in a packet.
 * @to, @from: host addresses of one family; @from family 0: none yet
 * @iif: "lo" for a packet that this host makes
 * @ipproto, @sport, @dport: 0: none or not known
 */
struct mh_flow {
	struct mh_prefix to;
	struct mh_prefix from;
	char iif[MH_IFNAME_SIZE];
	uint32_t mark;
	uint32_t uid;
	uint8_t ipproto;
	uint16_t sport;
	uint16_t dport;
};

/*
 * @rule: that decided; NULL: none did
 * @route: of the survey, that @rule's table has; NULL: the rule itself is the answer, or there is
 *   none
 */
struct mh_decision {
	const struct mh_rule *rule;
	const struct mh_route *route;
};

/* Told of each rule that is looked at, and why it decides or does not. Return: 0 or an errno. */
typedef int (*mh_step_fn)(void *arg, const struct mh_rule *rule, const char *reason);

/*
 * mh_evaluate() - the decision on @flow
 * @survey: sorted by mh_state_sort_survey()
 * @step: may be NULL
 *
 * Return: 0, or what @step returned other than 0.
 */
int mh_evaluate(const struct mh_state *survey, const struct mh_flow *flow, mh_step_fn step,
		void *arg, struct mh_decision *ret);

/* mh_is_own() - is @addr an address of this host? */
bool mh_is_own(const struct mh_state *survey, const struct mh_prefix *addr);
