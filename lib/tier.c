// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tiers: the links of one metric and family share a nexthop group, and table main has one default
 * that points to it. Pure.
 *
 * A default that points to a group loses one member when a device goes, and stays; a classic
 * multipath default would go as a whole. The groups are resilient where the kernel can, so that
 * flows stay where they are while links come and go. The number of buckets is a compromise: a
 * bucket that carries a flow does not move, so many flows on few buckets starve a link that
 * returns, and every change of the group costs the kernel time for each bucket.
 *
 * IPv6 needs one thing more. What this host sends without an address of its own yet gets one from
 * the route, and of a route with a group the kernel takes the group's first member, whichever the
 * packet leaves by (ip6_dst_lookup_tail() in net/ipv6/ip6_output.c). So these packets have a table
 * of their own, MH_TABLE_HOST, with classic sibling routes: each is a route by itself, which brings
 * the right address and goes alone. They must have gateways, so a link without one has its peer's
 * address for it, or any. Behind them stands an unreachable default: where a first attempt fails,
 * the kernel chooses an address among all, and asks the rules again.
 */

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "plan-private.h"

static int compare_endpoint(const void *a, const void *b)
{
	const struct mh_endpoint *x = a, *y = b;
	int c = mh_prefix_compare(&x->addr, &y->addr);

	if (c)
		return c;
	return (x->record > y->record) - (x->record < y->record);
}

void mh_endpoints_sort(struct mh_endpoint *endpoints, size_t n)
{
	if (n > 1)
		qsort(endpoints, n, sizeof(*endpoints), compare_endpoint);
}

uint32_t mh_kernel_metric(enum mh_family family, uint32_t metric)
{
	return family == MH_INET6 && metric < UINT32_MAX ? metric + 1 : metric;
}

int mh_tier_join(struct mh_planner *p, const struct mh_record *record, enum mh_family family)
{
	struct mh_share share = {
		.record = record,
		.family = family,
		.metric = mh_kernel_metric(family, record->link->metric),
	};

	if (!record->link->weight)
		return 0;
	return mh_append(p->shares, p->n_shares, share);
}

static int compare_share(const void *a, const void *b)
{
	const struct mh_share *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->metric != y->metric)
		return x->metric < y->metric ? -1 : 1;
	return (x->record > y->record) - (x->record < y->record);
}

/* Has the kernel refused this nexthop, or will it, because somebody else has the id? */
static bool is_refused(const struct mh_planner *p, uint32_t id)
{
	const struct mh_nexthop *there = mh_state_nexthop(p->snapshot, id);

	if (there && there->protocol != MH_PROTOCOL)
		return true;
	for (size_t i = 0; p->refused && i < p->refused->n; i++) {
		if (p->refused->ids[i] == id)
			return true;
	}
	return false;
}

/* Linux before 6.12 takes no more than this in a group (nh_check_attr_group() in nexthop.c). */
#define GROUP_WEIGHT_MAX 255

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int add_members(struct mh_planner *p, const struct mh_share *share, struct mh_nexthop *group)
{
	int r = 0;

	for (unsigned int twin = 0; !r && twin < MH_NEXTHOP_TWINS; twin++) {
		struct mh_member member = {
			.id = mh_nexthop_id(share->record->slot, share->family, twin),
			.weight = smaller(share->record->link->weight, GROUP_WEIGHT_MAX),
		};

		if (!is_refused(p, member.id))
			r = mh_append(group->members, group->n_members, member);
	}
	return r;
}

static bool is_tier_default(const struct mh_route *route, const struct mh_share *share)
{
	return route->table == MH_TABLE_MAIN && route->family == mh_family_af(share->family) &&
	       !route->dst.len && route->metric == share->metric;
}

static bool is_our_group(const struct mh_nexthop *nexthop)
{
	return nexthop && nexthop->protocol == MH_PROTOCOL && nexthop->n_members;
}

static bool is_chosen(const struct mh_planner *p, uint32_t id)
{
	for (size_t i = 0; i < p->n_shares; i++) {
		if (p->shares[i].group == id)
			return true;
	}
	return false;
}

/*
 * The group that the tier's default points to already; 0: none. An event that was cut short may
 * have left the defaults of two tiers with one group: the first tier has it.
 */
static uint32_t find_group(const struct mh_planner *p, const struct mh_share *share)
{
	for (size_t i = 0; i < p->snapshot->n_routes; i++) {
		const struct mh_route *route = &p->snapshot->routes[i];

		if (route->protocol == MH_PROTOCOL && route->nhid &&
		    is_tier_default(route, share) && !is_chosen(p, route->nhid) &&
		    is_our_group(mh_state_nexthop(p->snapshot, route->nhid)))
			return route->nhid;
	}
	return 0;
}

/* The kernel lets no group have IPv4 members while an IPv6 route points to it. */
static bool serves_other_family(const struct mh_planner *p, uint32_t id, enum mh_family family)
{
	for (size_t i = 0; i < p->snapshot->n_routes; i++) {
		const struct mh_route *route = &p->snapshot->routes[i];

		if (route->nhid == id && route->family != mh_family_af(family))
			return true;
	}
	return false;
}

/* A group that points nowhere yet may stand there from an event that was cut short: use it. */
static uint32_t free_group(const struct mh_planner *p, const struct mh_share *share)
{
	uint32_t id;

	for (id = MH_GROUP_BASE + 1;; id++) {
		const struct mh_nexthop *there = mh_state_nexthop(p->snapshot, id);

		if ((!there || is_our_group(there)) && !is_chosen(p, id) &&
		    !serves_other_family(p, id, share->family))
			return id;
	}
}

static int report_foreign(struct mh_planner *p, const struct mh_share *tier, size_t n)
{
	char text[MH_TEXT_SIZE];
	int r = 0;

	for (size_t i = 0; i < p->snapshot->n_routes; i++) {
		const struct mh_route *route = &p->snapshot->routes[i];

		if (route->protocol == MH_PROTOCOL || !is_tier_default(route, tier))
			continue;
		mh_route_text(route, p->snapshot, text);
		for (size_t j = 0; !r && j < n; j++)
			r = mh_report_problem(p->report, MH_PROBLEM_FOREIGN_DEFAULT,
					      tier[j].record->link->ifname,
					      "remove that route, or give the links another "
					      "multihome-metric",
					      "\"%s\" (protocol %u) is not ours and stands at the "
					      "link's metric %u: it, not the links, may carry new "
					      "traffic",
					      text, route->protocol, tier->metric);
	}
	return r;
}

static int report_hash_threshold(struct mh_planner *p, const struct mh_share *tier, size_t n)
{
	int r = 0;

	if (p->snapshot->has_resilient)
		return 0;
	for (size_t i = 0; !r && i < n; i++)
		r = mh_report_problem(p->report, MH_PROBLEM_NO_RESILIENT_GROUPS,
				      tier[i].record->link->ifname, "run Linux 5.13 or later",
				      "this kernel has no resilient nexthop groups: flows of links "
				      "that stay may change link when another comes or goes");
	return r;
}

static int add_default(struct mh_planner *p, const struct mh_share *share, uint32_t group)
{
	struct mh_route route = {
		.family = mh_family_af(share->family),
		.protocol = MH_PROTOCOL,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.metric = share->metric,
		.nhid = group,
		.dst.family = mh_family_af(share->family),
	};

	return mh_append(p->plan->routes, p->plan->n_routes, route);
}

static int plan_tier(struct mh_planner *p, const struct mh_share *tier, size_t n)
{
	struct mh_nexthop group = {
		.id = tier->group,
		.protocol = MH_PROTOCOL,
		.resilient = p->snapshot->has_resilient,
	};
	int r = report_foreign(p, tier, n);

	if (!r)
		r = report_hash_threshold(p, tier, n);
	for (size_t i = 0; !r && i < n; i++)
		r = add_members(p, &tier[i], &group);
	if (!r && group.n_members)
		r = mh_append(p->plan->nexthops, p->plan->n_nexthops, group);
	if (r || !group.n_members) {
		free(group.members);
		return r;
	}
	return add_default(p, tier, group.id);
}

/* On a link of two ends any address will do: nobody is asked who has it. */
static struct mh_prefix hop_gateway(const struct mh_part *part)
{
	struct mh_prefix any = { .family = AF_INET6, .len = 128, .addr = { 0xfe, 0x80 } };

	if (mh_prefix_is_set(&part->gateway))
		return part->gateway;
	any.addr[15] = 1;
	if (mh_prefix_is_link_local(&part->peer) && !mh_prefix_equal(&part->peer, &part->local))
		return part->peer;
	if (mh_prefix_equal(&any, &part->local))
		any.addr[15] = 2;
	return any;
}

static bool has_address(const struct mh_planner *p, const struct mh_link *link)
{
	size_t n;
	const struct mh_ifaddr *addrs = mh_state_addrs(p->snapshot, link->ifindex, &n);

	for (size_t i = 0; i < n; i++) {
		if (mh_is_followed(&addrs[i]))
			return true;
	}
	return false;
}

static int add_host_default(struct mh_planner *p, const struct mh_share *share)
{
	const struct mh_link *link = share->record->link;
	const struct mh_part *part = &link->part[MH_INET6];
	struct mh_route route = {
		.family = AF_INET6,
		.protocol = MH_PROTOCOL,
		.type = RTN_UNICAST,
		.table = MH_TABLE_HOST,
		.metric = share->metric,
		.oif = link->ifindex,
		.dst.family = AF_INET6,
		.gateway = hop_gateway(part),
		.weight = link->weight,
		.weight_changed = share->record->weight_changed,
	};

	if (mh_prefix_is_set(&part->gateway))
		route.onlink = mh_is_onlink(p, share->record, &part->gateway);
	return mh_append(p->plan->routes, p->plan->n_routes, route);
}

static int plan_host(struct mh_planner *p)
{
	const struct mh_selector from_host = { .iif = "lo" };
	struct mh_route otherwise = {
		.family = AF_INET6,
		.protocol = MH_PROTOCOL,
		.type = RTN_UNREACHABLE,
		.table = MH_TABLE_HOST,
		.metric = UINT32_MAX,
		.dst.family = AF_INET6,
	};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; !r && i < p->n_shares && n < MH_HOST_LINKS_MAX; i++) {
		if (p->shares[i].family != MH_INET6 || !has_address(p, p->shares[i].record->link))
			continue;
		r = add_host_default(p, &p->shares[i]);
		n++;
	}
	if (!r && n)
		r = mh_append(p->plan->routes, p->plan->n_routes, otherwise);
	if (!r && n)
		r = mh_plan_rule(p, MH_INET6, MH_PREF_HOST, MH_TABLE_HOST, &from_host);
	return r;
}

/* How many of the shares from the @i-th on make up one tier? */
static size_t tier_size(const struct mh_planner *p, size_t i)
{
	const struct mh_share *tier = &p->shares[i];
	size_t n;

	for (n = 1; i + n < p->n_shares; n++) {
		if (tier[n].family != tier->family || tier[n].metric != tier->metric)
			break;
	}
	return n;
}

/* First for the tiers that have a group, so that none of these is given to another tier. */
static void choose_groups(struct mh_planner *p)
{
	for (size_t i = 0; i < p->n_shares; i += tier_size(p, i))
		p->shares[i].group = find_group(p, &p->shares[i]);
	for (size_t i = 0; i < p->n_shares; i += tier_size(p, i)) {
		if (!p->shares[i].group)
			p->shares[i].group = free_group(p, &p->shares[i]);
	}
}

int mh_tiers_plan(struct mh_planner *p)
{
	int r = 0;

	if (p->n_shares > 1)
		qsort(p->shares, p->n_shares, sizeof(*p->shares), compare_share);
	choose_groups(p);
	for (size_t i = 0; !r && i < p->n_shares; i += tier_size(p, i))
		r = plan_tier(p, &p->shares[i], tier_size(p, i));
	return r ? r : plan_host(p);
}
