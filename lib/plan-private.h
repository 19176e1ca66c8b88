/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What plan.c (a link by itself), plan-sources.c (packets from its addresses and prefixes) and
 * tier.c (what links share) have in common. For these only.
 */

#include "plan.h"

/*
 * An address at either end of a link, to find those that two links share.
 * @local: of a gateway, an address from which it is to be reached by this link
 */
struct mh_endpoint {
	const struct mh_record *record;
	enum mh_family family;
	struct mh_prefix addr;
	struct mh_prefix local;
};

/* By address, then by the order in which the links came up. */
void mh_endpoints_sort(struct mh_endpoint *endpoints, size_t n);

/*
 * One link's membership in one tier.
 * @metric: the kernel's, see mh_kernel_metric()
 * @group: id of the tier's group, in the first of its shares; 0: not chosen yet
 */
struct mh_share {
	const struct mh_record *record;
	enum mh_family family;
	uint32_t metric;
	uint32_t group;
};

/* @first_rule: index of the first rule of the link that is being planned */
struct mh_planner {
	const struct mh_state *snapshot;
	const struct mh_refused *refused;
	struct mh_report *report;
	struct mh_state *plan;
	size_t first_rule;
	struct mh_endpoint *locals;
	size_t n_locals;
	struct mh_endpoint *gateways;
	size_t n_gateways;
	struct mh_share *shares;
	size_t n_shares;
};

/*
 * mh_kernel_metric() - the metric as the kernel keeps it
 *
 * For IPv6 it takes 0 for "not given" and makes it 1024 (IP6_RT_PRIO_USER, linux/ipv6_route.h),
 * which would put the first tier behind the others, and beside the defaults of router
 * advertisements. So it is one more than the owner says.
 */
uint32_t mh_kernel_metric(enum mh_family family, uint32_t metric);

/* Has the link an address of that family, as far as its owner has said? */
bool mh_part_is_up(const struct mh_record *record, enum mh_family family);

/* mh_prefix_pref() - the longer the prefix the lower, so that the most specific one decides */
uint32_t mh_prefix_pref(uint32_t base, const struct mh_prefix *prefix);

/* mh_plan_rule() - @table: 0: no lookup, the packet is refused (FR_ACT_UNREACHABLE) */
int mh_plan_rule(struct mh_planner *p, enum mh_family family, uint32_t pref, uint32_t table,
		 const struct mh_selector *sel);

/*
 * mh_is_onlink() - must the kernel be told that the gateway is on the link?
 *
 * It must where no address of the interface has the gateway in its prefix.
 */
bool mh_is_onlink(const struct mh_planner *p, const struct mh_record *record,
		  const struct mh_prefix *gateway);

/* mh_sources_plan() - what comes from the link's addresses and prefixes goes by its table */
int mh_sources_plan(struct mh_planner *p, const struct mh_record *record, enum mh_family family);

/*
 * mh_refusals_plan() - what comes from the link's IPv6 prefixes goes by its table or not at all
 * @ret_any: set where there is such a rule
 */
int mh_refusals_plan(struct mh_planner *p, const struct mh_records *records,
		     const struct mh_record *record, bool *ret_any);

/* mh_is_followed() - is it an address whose packets go by the link that it is on? */
bool mh_is_followed(const struct mh_ifaddr *addr);

/* mh_tier_join() - note that the link takes part in its tier, if its weight is above 0 */
int mh_tier_join(struct mh_planner *p, const struct mh_record *record, enum mh_family family);

/* mh_tiers_plan() - the group and the default of each tier that has members */
int mh_tiers_plan(struct mh_planner *p);
