// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The part of the plan that concerns packets from a link's addresses and prefixes: they leave by
 * the link, whose provider takes no others. Pure.
 *
 * IPv4 has the one address that its owner names. IPv6 addresses come and go by router
 * advertisements and DHCPv6, so all that the interface has at the moment are followed. And an IPv6
 * prefix is not translated: when its link is gone, packets of hosts behind this one would leave by
 * another provider, be dropped there, and the hosts wait. A second rule, behind that of the lookup,
 * refuses them, so that the hosts learn of it by ICMPv6 and take another of their addresses. It
 * needs no event: it decides as soon as the kernel has emptied the link's table.
 */

#include <sys/socket.h>

#include "plan-private.h"

bool mh_is_followed(const struct mh_ifaddr *addr)
{
	return addr->local.family == AF_INET6 && !mh_prefix_is_link_local(&addr->local);
}

static int add_source(struct mh_planner *p, const struct mh_record *record,
		      const struct mh_prefix *prefix)
{
	struct mh_selector sel = { .from = *prefix };

	return mh_plan_rule(p, (enum mh_family)mh_family_from_af(prefix->family),
			    mh_prefix_pref(MH_PREF_SOURCE, prefix), record->table, &sel);
}

static int add_prefixes(struct mh_planner *p, const struct mh_record *record, enum mh_family family,
			const struct mh_prefix *prefixes, size_t n)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		if (prefixes[i].family == mh_family_af(family))
			r = add_source(p, record, &prefixes[i]);
	}
	return r;
}

static int add_addresses(struct mh_planner *p, const struct mh_record *record)
{
	size_t n;
	const struct mh_ifaddr *addrs = mh_state_addrs(p->snapshot, record->link->ifindex, &n);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		if (mh_is_followed(&addrs[i]))
			r = add_source(p, record, &addrs[i].local);
	}
	return r;
}

int mh_sources_plan(struct mh_planner *p, const struct mh_record *record, enum mh_family family)
{
	const struct mh_link *link = record->link;
	int r;

	if (family == MH_INET)
		r = add_source(p, record, &link->part[family].local);
	else
		r = add_addresses(p, record);
	if (!r)
		r = add_prefixes(p, record, family, link->sources, link->n_sources);
	return r ? r : add_prefixes(p, record, family, link->added, link->n_added);
}

static bool overlap(const struct mh_prefix *a, const struct mh_prefix *b)
{
	return mh_prefix_contains(a, b) || mh_prefix_contains(b, a);
}

static bool overlaps_any(const struct mh_prefix *prefix, const struct mh_prefix *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (overlap(prefix, &prefixes[i]))
			return true;
	}
	return false;
}

/* Does it belong to a link that is up, other than @record? Then that one's packets are not to be
 * refused. */
static bool is_claimed(const struct mh_planner *p, const struct mh_records *records,
		       const struct mh_record *record, const struct mh_prefix *prefix)
{
	for (size_t i = 0; i < records->n; i++) {
		const struct mh_record *other = &records->v[i];
		const struct mh_link *link = other->link;
		const struct mh_ifaddr *addrs;
		size_t n;

		if (other == record || !mh_part_is_up(other, MH_INET6))
			continue;
		if (overlaps_any(prefix, link->sources, link->n_sources) ||
		    overlaps_any(prefix, link->added, link->n_added))
			return true;
		addrs = mh_state_addrs(p->snapshot, link->ifindex, &n);
		for (size_t j = 0; j < n; j++) {
			if (mh_is_followed(&addrs[j]) && overlap(prefix, &addrs[j].local))
				return true;
		}
	}
	return false;
}

static int add_refusals(struct mh_planner *p, const struct mh_records *records,
			const struct mh_record *record, const struct mh_prefix *prefixes, size_t n,
			bool *ret_any)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		struct mh_selector sel = { .from = prefixes[i] };

		/* All addresses are no prefix of a provider's. */
		if (prefixes[i].family != AF_INET6 || !prefixes[i].len ||
		    is_claimed(p, records, record, &prefixes[i]))
			continue;
		*ret_any = true;
		r = mh_plan_rule(p, MH_INET6, MH_PREF_REFUSE, 0, &sel);
	}
	return r;
}

int mh_refusals_plan(struct mh_planner *p, const struct mh_records *records,
		     const struct mh_record *record, bool *ret_any)
{
	const struct mh_link *link = record->link;
	int r = add_refusals(p, records, record, link->sources, link->n_sources, ret_any);

	return r ? r : add_refusals(p, records, record, link->added, link->n_added, ret_any);
}
