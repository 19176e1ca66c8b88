// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The plan: each link's table, rules and nexthops. Pure. What packets from a link's addresses and
 * prefixes meet is plan-sources.c's part, the groups and defaults that links share tier.c's.
 *
 * Two identical nexthop objects per link and family, because the kernel keeps a bucket of a
 * resilient group with its flow only while the group has two members or more: with one object per
 * link, a link that returns beside a sole survivor would take over most of its active flows.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "plan-private.h"
#include "selector.h"

bool mh_part_is_up(const struct mh_record *record, enum mh_family family)
{
	return mh_prefix_is_set(&record->link->part[family].local);
}

int mh_plan_rule(struct mh_planner *p, enum mh_family family, uint32_t pref, uint32_t table,
		 const struct mh_selector *sel)
{
	struct mh_rule rule = {
		.family = mh_family_af(family),
		.protocol = MH_PROTOCOL,
		.action = table ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE,
		.pref = pref,
		.table = table,
		.suppress_prefixlen = -1,
		.sel = *sel,
	};

	/* A prefix of no bits is no attribute of a rule, so the kernel does not show it either. */
	if (!rule.sel.from.len)
		rule.sel.from = (struct mh_prefix){ 0 };
	if (!rule.sel.to.len)
		rule.sel.to = (struct mh_prefix){ 0 };
	/* An address may also be a source, and a source be named twice. */
	for (size_t i = p->first_rule; i < p->plan->n_rules; i++) {
		if (!mh_rule_compare(&p->plan->rules[i], &rule))
			return 0;
	}
	return mh_append(p->plan->rules, p->plan->n_rules, rule);
}

uint32_t mh_prefix_pref(uint32_t base, const struct mh_prefix *prefix)
{
	return base + mh_prefix_max_len(prefix->family) - prefix->len;
}

static int add_route_rule(struct mh_planner *p, const struct mh_record *record,
			  enum mh_family family, const struct mh_prefix *prefix)
{
	struct mh_selector sel = { .to = *prefix };

	return mh_plan_rule(p, family, mh_prefix_pref(MH_PREF_ROUTE, prefix), record->table, &sel);
}

static int add_selector_rule(struct mh_planner *p, const struct mh_record *record,
			     enum mh_family family, const char *text)
{
	struct mh_selector_error error = { 0 };
	struct mh_selector sel = { 0 };
	uint32_t pref = MH_PREF_SELECTOR;
	int af = mh_selector_parse(text, &sel, &pref, &error);

	if (af == -EINVAL)
		return mh_report_problem(p->report, MH_PROBLEM_BAD_RECORD, record->link->ifname,
					 "correct it, and bring the link up anew",
					 "the rule \"%s\" cannot be installed: %s: packets that it "
					 "selects do not take the link",
					 text, error.message);
	if (af < 0)
		return af;
	if (af && af != mh_family_af(family))
		return 0;
	return mh_plan_rule(p, family, pref, record->table, &sel);
}

static int add_rules(struct mh_planner *p, const struct mh_record *record, enum mh_family family)
{
	const struct mh_link *link = record->link;
	uint8_t af = mh_family_af(family);
	int r = mh_sources_plan(p, record, family);

	for (size_t i = 0; !r && i < link->n_routes; i++) {
		if (link->routes[i].family == af)
			r = add_route_rule(p, record, family, &link->routes[i]);
	}
	for (size_t i = 0; !r && i < link->n_rules; i++)
		r = add_selector_rule(p, record, family, link->rules[i]);
	return r;
}

bool mh_is_onlink(const struct mh_planner *p, const struct mh_record *record,
		  const struct mh_prefix *gateway)
{
	size_t n;
	const struct mh_ifaddr *addrs = mh_state_addrs(p->snapshot, record->link->ifindex, &n);

	if (mh_prefix_is_link_local(gateway))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (mh_prefix_contains(&addrs[i].network, gateway))
			return false;
	}
	return true;
}

/* Addresses of IPv6 come and go, so its routes name none, and the kernel chooses the fittest. */
static int add_routes(struct mh_planner *p, const struct mh_record *record, enum mh_family family)
{
	const struct mh_part *part = &record->link->part[family];
	struct mh_route route = {
		.family = mh_family_af(family),
		.protocol = MH_PROTOCOL,
		.type = RTN_UNICAST,
		.table = record->table,
		.metric = mh_kernel_metric(family, 0),
		.oif = record->link->ifindex,
		.dst.family = mh_family_af(family),
	};
	int r = 0;

	if (family == MH_INET) {
		route.scope = RT_SCOPE_LINK;
		route.prefsrc = part->local;
	}
	if (mh_prefix_is_set(&part->gateway)) {
		route.dst = part->gateway;
		if (!mh_prefix_is_link_local(&part->gateway))
			r = mh_append(p->plan->routes, p->plan->n_routes, route);
		route.dst = (struct mh_prefix){ .family = mh_family_af(family) };
		route.gateway = part->gateway;
		route.onlink = mh_is_onlink(p, record, &part->gateway);
		route.scope = RT_SCOPE_UNIVERSE;
	}
	return r ? r : mh_append(p->plan->routes, p->plan->n_routes, route);
}

static int add_nexthops(struct mh_planner *p, const struct mh_record *record, enum mh_family family)
{
	const struct mh_part *part = &record->link->part[family];
	struct mh_nexthop nexthop = {
		.family = mh_family_af(family),
		.protocol = MH_PROTOCOL,
		.oif = record->link->ifindex,
		.gateway = part->gateway,
	};
	int r = 0;

	if (mh_prefix_is_set(&part->gateway))
		nexthop.onlink = mh_is_onlink(p, record, &part->gateway);
	for (unsigned int twin = 0; !r && twin < MH_NEXTHOP_TWINS; twin++) {
		nexthop.id = mh_nexthop_id(record->slot, family, twin);
		r = mh_append(p->plan->nexthops, p->plan->n_nexthops, nexthop);
	}
	return r;
}

static int plan_part(struct mh_planner *p, const struct mh_record *record, enum mh_family family)
{
	const struct mh_link *link = record->link;
	const struct mh_iface *iface = mh_state_iface(p->snapshot, link->ifindex);
	int r;

	r = add_rules(p, record, family);
	if (!r && iface && iface->up)
		r = add_routes(p, record, family);
	if (r)
		return r;
	if (!p->snapshot->has_nexthops)
		return mh_report_problem(
			p->report, MH_PROBLEM_NO_NEXTHOP_OBJECTS, link->ifname,
			"run Linux 5.3 or later",
			"this kernel has no nexthop objects: the link has its table "
			"and rules but no share in a default route");
	if (!iface || !iface->carrier)
		return mh_report_problem(p->report, MH_PROBLEM_NOT_CARRYING, link->ifname,
					 "when it works again, run: multihome reconcile",
					 "the interface is down or without carrier: no new traffic "
					 "takes the link");
	r = add_nexthops(p, record, family);
	return r ? r : mh_tier_join(p, record, family);
}

/*
 * The guard lets every specific route of main win, the host routes to PPP peers among them. Where
 * two links have the same peer there are two of these, and the first would serve both links.
 * @n: gateways of this address, from @e on, by link
 */
static int add_gateway_rules_of(struct mh_planner *p, const struct mh_endpoint *e, size_t n)
{
	int r = 0;

	if (e[0].record == e[n - 1].record)
		return 0;
	for (size_t i = 0; !r && i < n; i++) {
		struct mh_selector sel = { .from = e[i].local, .to = e[i].addr };

		r = mh_plan_rule(p, e[i].family, MH_PREF_GATEWAY, e[i].record->table, &sel);
	}
	return r;
}

static int add_gateway_rules(struct mh_planner *p)
{
	int r = 0;

	mh_endpoints_sort(p->gateways, p->n_gateways);
	for (size_t i = 0, n; !r && i < p->n_gateways; i += n) {
		const struct mh_endpoint *e = &p->gateways[i];

		for (n = 1; i + n < p->n_gateways && mh_prefix_equal(&e[n].addr, &e->addr);)
			n++;
		p->first_rule = p->plan->n_rules;
		r = add_gateway_rules_of(p, e, n);
	}
	return r;
}

static int report_same_addresses(struct mh_planner *p)
{
	int r = 0;

	mh_endpoints_sort(p->locals, p->n_locals);
	for (size_t i = 1; !r && i < p->n_locals; i++) {
		const struct mh_endpoint *e = &p->locals[i], *first = &e[-1];
		char text[MH_PREFIX_TEXT_SIZE];

		if (!mh_prefix_equal(&e->addr, &first->addr) || e->record == first->record)
			continue;
		mh_prefix_format(&e->addr, text);
		r = mh_report_problem(p->report, MH_PROBLEM_SAME_ADDRESS, e->record->link->ifname,
				      "ask the provider for another address, or tell the links' "
				      "traffic apart by multihome-rule",
				      "address %s is also that of %s: packets from it leave by %s",
				      text, first->record->link->ifname,
				      first->record->link->ifname);
	}
	return r;
}

static int report_same_table(struct mh_planner *p, const struct mh_record *record)
{
	const struct mh_link *link = record->link;

	if (!link->table || link->table == record->table)
		return 0;
	return mh_report_problem(p->report, MH_PROBLEM_SAME_TABLE, link->ifname,
				 "give each link a multihome-table of its own",
				 "table %u belongs to another link: using table %u instead",
				 link->table, record->table);
}

/* @local: an address of the link's; one that is link-local means what it does on its link alone */
static int note_local(struct mh_planner *p, const struct mh_record *record, enum mh_family family,
		      const struct mh_prefix *local)
{
	const struct mh_part *part = &record->link->part[family];
	struct mh_endpoint e = {
		.record = record,
		.family = family,
		.addr = *local,
		.local = *local,
	};
	int r = mh_append(p->locals, p->n_locals, e);

	e.addr = mh_prefix_is_set(&part->gateway) ? part->gateway : part->peer;
	if (r || !mh_prefix_is_set(&e.addr) || mh_prefix_is_link_local(&e.addr))
		return r;
	return mh_append(p->gateways, p->n_gateways, e);
}

static int note_endpoints(struct mh_planner *p, const struct mh_record *record,
			  enum mh_family family)
{
	const struct mh_ifaddr *addrs;
	size_t n;
	int r = 0;

	if (family == MH_INET)
		return note_local(p, record, family, &record->link->part[family].local);
	addrs = mh_state_addrs(p->snapshot, record->link->ifindex, &n);
	for (size_t i = 0; !r && i < n; i++) {
		if (mh_is_followed(&addrs[i]))
			r = note_local(p, record, family, &addrs[i].local);
	}
	return r;
}

static int plan_guards(struct mh_planner *p, const bool wanted[MH_FAMILIES])
{
	int r = 0;

	for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++) {
		struct mh_rule guard = {
			.family = mh_family_af(family),
			.protocol = MH_PROTOCOL,
			.action = FR_ACT_TO_TBL,
			.pref = MH_PREF_GUARD,
			.table = MH_TABLE_MAIN,
		};

		if (wanted[family])
			r = mh_append(p->plan->rules, p->plan->n_rules, guard);
	}
	return r;
}

/* IPv6 has no such filter, but router advertisements with defaults that are not ours. */
static int plan_settings(struct mh_planner *p, const struct mh_record *record)
{
	const struct mh_iface *iface = mh_state_iface(p->snapshot, record->link->ifindex);
	bool loosen, keep_out;
	struct mh_iface wanted;

	if (!iface)
		return 0;
	loosen = mh_part_is_up(record, MH_INET) && mh_is_strict(iface, p->snapshot) &&
		 record->link->rp_filter == MH_RP_FILTER_LOOSE;
	keep_out = mh_part_is_up(record, MH_INET6) && iface->ra_default;
	if (!loosen && !keep_out)
		return 0;
	wanted = *iface;
	if (loosen)
		wanted.rp_filter = 2;
	if (keep_out)
		wanted.ra_default = false;
	return mh_append(p->plan->ifaces, p->plan->n_ifaces, wanted);
}

static int plan_links(struct mh_planner *p, const struct mh_records *records)
{
	bool wanted[MH_FAMILIES] = { false };
	int r = 0;

	for (size_t i = 0; !r && i < records->n; i++) {
		const struct mh_record *record = &records->v[i];

		p->first_rule = p->plan->n_rules;
		r = mh_refusals_plan(p, records, record, &wanted[MH_INET6]);
		if (!r && mh_record_is_up(record))
			r = report_same_table(p, record);
		if (!r)
			r = plan_settings(p, record);
		for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++) {
			if (!mh_part_is_up(record, family))
				continue;
			wanted[family] = true;
			r = note_endpoints(p, record, family);
			if (!r)
				r = plan_part(p, record, family);
		}
	}
	return r ? r : plan_guards(p, wanted);
}

static void planner_clear(struct mh_planner *p)
{
	mh_state_free(p->plan);
	free(p->locals);
	free(p->gateways);
	free(p->shares);
}

int mh_plan(const struct mh_records *records, const struct mh_state *snapshot,
	    const struct mh_refused *refused, struct mh_report *report, struct mh_state **ret)
{
	mh_cleanup(planner_clear) struct mh_planner p = {
		.snapshot = snapshot,
		.refused = refused,
		.report = report,
	};
	int r;

	p.plan = calloc(1, sizeof(*p.plan));
	if (!p.plan)
		return -ENOMEM;
	r = plan_links(&p, records);
	if (!r)
		r = report_same_addresses(&p);
	if (!r)
		r = add_gateway_rules(&p);
	if (!r)
		r = mh_tiers_plan(&p);
	if (r)
		return r;
	mh_state_sort(p.plan);
	*ret = mh_steal_ptr(p.plan);
	return 0;
}
