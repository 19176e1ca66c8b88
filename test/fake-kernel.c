// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The in-memory kernel. What it does not know of Linux, no test on it can prove: buckets, flows,
 * notifications, namespaces. Where a comment names a function, it is the kernel's own.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "fake-kernel.h"

#define REMOVE(a, n, i)                                                                \
	do {                                                                           \
		(n)--;                                                                 \
		memmove(&(a)[(i)], &(a)[(i) + 1], ((size_t)(n) - (i)) * sizeof(*(a))); \
	} while (0)

/* A test that runs out of memory has nothing more to say. */
#define APPEND(a, n, value)                     \
	do {                                    \
		if (mh_append((a), (n), value)) \
			abort();                \
	} while (0)

static struct mh_prefix prefix_of(const char *text)
{
	struct mh_prefix prefix;

	if (mh_prefix_parse(text, &prefix) < 0) {
		fprintf(stderr, "the test's own prefix \"%s\" is wrong\n", text);
		abort();
	}
	return prefix;
}

/* routes that go of themselves */

typedef bool (*route_fn)(const struct mh_fake *fake, const struct mh_route *route, uint32_t arg);

static void drop_routes(struct mh_fake *fake, route_fn matches, uint32_t arg)
{
	struct mh_state *state = &fake->state;
	size_t kept = 0;

	for (size_t i = 0; i < state->n_routes; i++) {
		if (!matches(fake, &state->routes[i], arg))
			state->routes[kept++] = state->routes[i];
	}
	state->n_routes = kept;
}

static bool has_nhid(const struct mh_fake *fake, const struct mh_route *route, uint32_t id)
{
	(void)fake;
	return route->nhid == id;
}

static bool goes_by(const struct mh_fake *fake, const struct mh_route *route, uint32_t ifindex)
{
	(void)fake;
	return route->oif == (int)ifindex;
}

static bool goes_by_inet(const struct mh_fake *fake, const struct mh_route *route, uint32_t ifindex)
{
	return route->family == AF_INET && goes_by(fake, route, ifindex);
}

static bool host_has(const struct mh_fake *fake, const struct mh_prefix *local)
{
	for (size_t i = 0; i < fake->state.n_addrs; i++) {
		if (mh_prefix_equal(&fake->state.addrs[i].local, local))
			return true;
	}
	return false;
}

/* fib_sync_down_addr(): IPv4 alone; IPv6 keeps the route and forgets the address. */
static bool lost_prefsrc(const struct mh_fake *fake, const struct mh_route *route, uint32_t arg)
{
	(void)arg;
	return route->family == AF_INET && mh_prefix_is_set(&route->prefsrc) &&
	       !host_has(fake, &route->prefsrc);
}

/* nexthops */

static struct mh_nexthop *find_nexthop(const struct mh_fake *fake, uint32_t id)
{
	for (size_t i = 0; i < fake->state.n_nexthops; i++) {
		if (fake->state.nexthops[i].id == id)
			return &fake->state.nexthops[i];
	}
	return NULL;
}

static bool drop_member(struct mh_nexthop *group, uint32_t id)
{
	for (size_t i = 0; i < group->n_members; i++) {
		if (group->members[i].id == id) {
			REMOVE(group->members, group->n_members, i);
			return true;
		}
	}
	return false;
}

/* __remove_nexthop(): out of its groups; the last one's going takes the group and its routes. */
static void remove_nexthop(struct mh_fake *fake, uint32_t id)
{
	struct mh_state *state = &fake->state;

	drop_routes(fake, has_nhid, id);
	for (size_t i = 0; i < state->n_nexthops; i++) {
		if (state->nexthops[i].id == id) {
			free(state->nexthops[i].members);
			REMOVE(state->nexthops, state->n_nexthops, i);
			break;
		}
	}
	for (size_t i = 0; i < state->n_nexthops;) {
		struct mh_nexthop *group = &state->nexthops[i];

		if (drop_member(group, id) && !group->n_members) {
			remove_nexthop(fake, group->id);
			i = 0;
		} else {
			i++;
		}
	}
}

static void flush_nexthops(struct mh_fake *fake, int ifindex)
{
	for (size_t i = 0; i < fake->state.n_nexthops;) {
		if (fake->state.nexthops[i].oif == ifindex) {
			remove_nexthop(fake, fake->state.nexthops[i].id);
			i = 0;
		} else {
			i++;
		}
	}
}

static bool is_link_local(const struct mh_prefix *addr)
{
	return addr->family == AF_INET6 && addr->addr[0] == 0xfe && (addr->addr[1] & 0xc0) == 0x80;
}

/* Is the gateway a neighbour, as far as addresses and the routes of @table tell? */
static bool is_reachable(const struct mh_fake *fake, const struct mh_prefix *gateway, int oif,
			 uint32_t table)
{
	const struct mh_state *state = &fake->state;

	if (is_link_local(gateway))
		return true;
	for (size_t i = 0; i < state->n_addrs; i++) {
		if (state->addrs[i].ifindex == oif &&
		    mh_prefix_contains(&state->addrs[i].network, gateway))
			return true;
	}
	for (size_t i = 0; i < state->n_routes; i++) {
		const struct mh_route *route = &state->routes[i];

		if (route->table == table && route->oif == oif && route->dst.len &&
		    !mh_prefix_is_set(&route->gateway) && mh_prefix_contains(&route->dst, gateway))
			return true;
	}
	return false;
}

static int check_way(struct mh_fake *fake, int oif, const struct mh_prefix *gateway, bool onlink,
		     uint32_t table)
{
	const struct mh_iface *iface = mh_fake_iface(fake, oif);

	if (!iface)
		return -ENODEV;
	if (!iface->up)
		return -ENETDOWN;
	if (!mh_prefix_is_set(gateway) || onlink || is_reachable(fake, gateway, oif, table))
		return 0;
	return gateway->family == AF_INET ? -ENETUNREACH : -EHOSTUNREACH;
}

static bool group_has_inet(const struct mh_fake *fake, const struct mh_nexthop *nexthop)
{
	if (!nexthop->n_members)
		return nexthop->family == AF_INET;
	for (size_t i = 0; i < nexthop->n_members; i++) {
		if (find_nexthop(fake, nexthop->members[i].id)->family == AF_INET)
			return true;
	}
	return false;
}

/* fib6_check_nh_list(): "IPv6 routes can not use an IPv4 nexthop". */
static bool carries_inet6(const struct mh_fake *fake, uint32_t id)
{
	for (size_t i = 0; i < fake->state.n_routes; i++) {
		if (fake->state.routes[i].nhid == id && fake->state.routes[i].family == AF_INET6)
			return true;
	}
	return false;
}

static int check_group(const struct mh_fake *fake, const struct mh_nexthop *group)
{
	if (group->resilient && !fake->state.has_resilient)
		return -EINVAL;
	for (size_t i = 0; i < group->n_members; i++) {
		const struct mh_nexthop *member = find_nexthop(fake, group->members[i].id);

		if (!member || member->n_members)
			return -EINVAL;
		if (group->members[i].weight > 255) /* Linux before 6.12 */
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (group->members[j].id == group->members[i].id)
				return -EINVAL;
		}
	}
	return 0;
}

static int check_single(struct mh_fake *fake, const struct mh_nexthop *nexthop)
{
	const struct mh_iface *iface = mh_fake_iface(fake, nexthop->oif);
	int r = check_way(fake, nexthop->oif, &nexthop->gateway, nexthop->onlink, MH_TABLE_MAIN);

	if (!r && !iface->carrier)
		r = -ENETDOWN;
	return r;
}

/* Group for group and single for single; a group keeps its type. replace_nexthop() */
static int check_replace(const struct mh_fake *fake, const struct mh_nexthop *there,
			 const struct mh_nexthop *nexthop)
{
	if (!there->n_members != !nexthop->n_members || there->resilient != nexthop->resilient)
		return -EINVAL;
	return carries_inet6(fake, there->id) && group_has_inet(fake, nexthop) ? -EINVAL : 0;
}

static struct mh_nexthop copy_nexthop(const struct mh_nexthop *nexthop)
{
	struct mh_nexthop copy = *nexthop;

	copy.members = NULL;
	copy.n_members = 0;
	for (size_t i = 0; i < nexthop->n_members; i++)
		APPEND(copy.members, copy.n_members, nexthop->members[i]);
	return copy;
}

static int put_nexthop(struct mh_fake *fake, enum mh_verb verb, const struct mh_nexthop *nexthop)
{
	struct mh_nexthop *there = find_nexthop(fake, nexthop->id);
	int r;

	if (there && verb != MH_REPLACE)
		return -EEXIST;
	r = nexthop->n_members ? check_group(fake, nexthop) : check_single(fake, nexthop);
	if (!r && there)
		r = check_replace(fake, there, nexthop);
	if (r)
		return r;
	if (there) {
		free(there->members);
		*there = copy_nexthop(nexthop);
	} else {
		APPEND(fake->state.nexthops, fake->state.n_nexthops, copy_nexthop(nexthop));
	}
	return 0;
}

static int apply_nexthop(struct mh_fake *fake, const struct mh_op *op)
{
	if (!fake->state.has_nexthops)
		return -EOPNOTSUPP;
	if (op->verb != MH_DELETE)
		return put_nexthop(fake, op->verb, op->nexthop);
	if (!find_nexthop(fake, op->nexthop->id))
		return -ENOENT;
	remove_nexthop(fake, op->nexthop->id);
	return 0;
}

/* routes */

/* rt6_duplicate_nexthop(): one destination and metric, one way; the source address is no matter. */
static bool is_duplicate(const struct mh_route *a, const struct mh_route *b)
{
	if (a->family == AF_INET6)
		return a->nhid == b->nhid && a->oif == b->oif &&
		       mh_prefix_equal(&a->gateway, &b->gateway);
	return !mh_route_compare(a, b);
}

static int check_prefsrc(const struct mh_fake *fake, const struct mh_route *route)
{
	bool there;

	if (!mh_prefix_is_set(&route->prefsrc))
		return 0;
	if (route->family == AF_INET) {
		there = host_has(fake, &route->prefsrc);
	} else {
		there = false;
		for (size_t i = 0; i < fake->state.n_addrs; i++)
			there |= fake->state.addrs[i].ifindex == route->oif &&
				 !fake->state.addrs[i].tentative &&
				 mh_prefix_equal(&fake->state.addrs[i].local, &route->prefsrc);
	}
	return there ? 0 : -EINVAL;
}

static int check_route(struct mh_fake *fake, const struct mh_route *route)
{
	const struct mh_nexthop *nexthop;
	int r;

	if (route->type == RTN_UNREACHABLE)
		return 0;
	if (!route->nhid) {
		r = check_way(fake, route->oif, &route->gateway, route->onlink, route->table);
		return r ? r : check_prefsrc(fake, route);
	}
	nexthop = find_nexthop(fake, route->nhid);
	if (!nexthop || (route->family == AF_INET6 && group_has_inet(fake, nexthop)))
		return -EINVAL;
	return check_prefsrc(fake, route);
}

/* Behind those with the same key, and by metric among those of one destination. */
static void insert_route(struct mh_fake *fake, const struct mh_route *route)
{
	struct mh_state *state = &fake->state;
	size_t at = state->n_routes;

	APPEND(state->routes, state->n_routes, *route);
	for (; at > 0 && mh_route_compare_key(&state->routes[at - 1], route) > 0; at--)
		state->routes[at] = state->routes[at - 1];
	state->routes[at] = *route;
}

/* fib6_add_rt2node(): the first that is as fit for several nexthops, and all that are one with it.
 */
static void replace_route(struct mh_fake *fake, const struct mh_route *route)
{
	struct mh_state *state = &fake->state;
	bool gateway = mh_prefix_is_set(&route->gateway), found = false;

	for (int fit = 1; fit >= 0 && !found; fit--) {
		for (size_t i = 0; i < state->n_routes;) {
			const struct mh_route *there = &state->routes[i];

			if (mh_route_compare_key(there, route) ||
			    (mh_prefix_is_set(&there->gateway) == gateway) != fit ||
			    (found && !mh_prefix_is_set(&there->gateway))) {
				i++;
				continue;
			}
			REMOVE(state->routes, state->n_routes, i);
			found = true;
		}
	}
	insert_route(fake, route);
}

static int put_route(struct mh_fake *fake, enum mh_verb verb, const struct mh_route *route)
{
	int r = check_route(fake, route);

	if (r)
		return r;
	if (verb == MH_REPLACE) {
		replace_route(fake, route);
		return 0;
	}
	for (size_t i = 0; i < fake->state.n_routes; i++) {
		const struct mh_route *there = &fake->state.routes[i];

		if (!mh_route_compare_key(there, route) &&
		    (verb == MH_ADD || is_duplicate(there, route)))
			return -EEXIST;
	}
	insert_route(fake, route);
	return 0;
}

/* fib_table_delete(), fib_nh_match(): what is zero in the request is any. */
static bool inet_deletes(const struct mh_route *request, const struct mh_route *route)
{
	if (request->type != route->type || request->scope != route->scope ||
	    request->protocol != route->protocol ||
	    (request->metric && request->metric != route->metric) ||
	    (mh_prefix_is_set(&request->prefsrc) &&
	     !mh_prefix_equal(&request->prefsrc, &route->prefsrc)))
		return false;
	if (request->nhid || route->nhid)
		return request->nhid == route->nhid;
	return (!request->oif || request->oif == route->oif) &&
	       (!mh_prefix_is_set(&request->gateway) ||
		mh_prefix_equal(&request->gateway, &route->gateway));
}

/* ip6_route_del(): asks less than IPv4's; not for the source address. */
static bool inet6_deletes(const struct mh_route *request, const struct mh_route *route)
{
	if ((request->metric && request->metric != route->metric) ||
	    request->protocol != route->protocol)
		return false;
	if (route->nhid)
		return !request->nhid || request->nhid == route->nhid;
	return !request->nhid && (!request->oif || request->oif == route->oif) &&
	       (!mh_prefix_is_set(&request->gateway) ||
		mh_prefix_equal(&request->gateway, &route->gateway));
}

/* rt6_qualify_for_ecmp(): such routes of one key become one with several nexthops. */
static bool are_siblings(const struct mh_route *a, const struct mh_route *b)
{
	return a->family == AF_INET6 && !a->nhid && !b->nhid && mh_prefix_is_set(&a->gateway) &&
	       mh_prefix_is_set(&b->gateway) && !mh_route_compare_key(a, b);
}

static int delete_route(struct mh_fake *fake, const struct mh_route *request)
{
	struct mh_state *state = &fake->state;
	size_t i;

	for (i = 0; i < state->n_routes; i++) {
		const struct mh_route *route = &state->routes[i];

		if (route->family != request->family || route->table != request->table ||
		    !mh_prefix_equal(&route->dst, &request->dst))
			continue;
		if (request->family == AF_INET ? inet_deletes(request, route)
					       : inet6_deletes(request, route))
			break;
	}
	if (i == state->n_routes)
		return -ESRCH;
	while (!mh_prefix_is_set(&request->gateway) && i + 1 < state->n_routes &&
	       are_siblings(&state->routes[i], &state->routes[i + 1]))
		REMOVE(state->routes, state->n_routes, i);
	REMOVE(state->routes, state->n_routes, i);
	return 0;
}

/* rules */

static bool same_ports(const uint16_t a[2], const uint16_t b[2])
{
	return a[0] == b[0] && a[1] == b[1];
}

/* rule_find(): what is not set in the request is any; whether a rule is inverted is no matter. */
static bool rule_matches(const struct mh_rule *request, const struct mh_rule *rule)
{
	const struct mh_selector *a = &request->sel, *b = &rule->sel;

	return request->family == rule->family && request->action == rule->action &&
	       request->pref == rule->pref && (!request->table || request->table == rule->table) &&
	       (!request->protocol || request->protocol == rule->protocol) &&
	       (request->suppress_prefixlen < 0 ||
		request->suppress_prefixlen == rule->suppress_prefixlen) &&
	       (!a->from.len || mh_prefix_equal(&a->from, &b->from)) &&
	       (!a->to.len || mh_prefix_equal(&a->to, &b->to)) &&
	       (!*a->iif || !strcmp(a->iif, b->iif)) && (!*a->oif || !strcmp(a->oif, b->oif)) &&
	       (!a->mark || a->mark == b->mark) && (!a->mask || a->mask == b->mask) &&
	       (!a->uid_set ||
		(b->uid_set && a->uid_start == b->uid_start && a->uid_end == b->uid_end)) &&
	       (!a->ipproto || a->ipproto == b->ipproto) &&
	       (!a->sport[0] || same_ports(a->sport, b->sport)) &&
	       (!a->dport[0] || same_ports(a->dport, b->dport)) && (!a->tos || a->tos == b->tos);
}

static int delete_rule(struct mh_fake *fake, const struct mh_rule *request)
{
	struct mh_state *state = &fake->state;

	for (size_t i = 0; i < state->n_rules; i++) {
		if (rule_matches(request, &state->rules[i])) {
			REMOVE(state->rules, state->n_rules, i);
			return 0;
		}
	}
	return -ENOENT;
}

static bool precedes(const struct mh_rule *a, const struct mh_rule *b)
{
	return a->family != b->family ? a->family < b->family : a->pref < b->pref;
}

static int put_rule(struct mh_fake *fake, enum mh_verb verb, const struct mh_rule *rule)
{
	struct mh_state *state = &fake->state;
	size_t at = state->n_rules;
	struct mh_rule kept = *rule;

	/* A prefix of no bits is no attribute, so the kernel does not tell of it again. */
	if (!kept.sel.from.len)
		kept.sel.from = (struct mh_prefix){ 0 };
	if (!kept.sel.to.len)
		kept.sel.to = (struct mh_prefix){ 0 };
	for (size_t i = 0; verb == MH_ADD && i < state->n_rules; i++) {
		if (!mh_rule_compare(&state->rules[i], &kept))
			return -EEXIST;
	}
	APPEND(state->rules, state->n_rules, kept);
	for (; at > 0 && precedes(&kept, &state->rules[at - 1]); at--)
		state->rules[at] = state->rules[at - 1];
	state->rules[at] = kept;
	return 0;
}

static int set_setting(struct mh_fake *fake, enum mh_kind kind, const struct mh_iface *wanted)
{
	struct mh_iface *iface = mh_fake_iface(fake, wanted->ifindex);

	if (!iface)
		return kind == MH_KIND_RA_DEFAULT ? -ENOENT : -ENODEV;
	if (kind == MH_KIND_RA_DEFAULT)
		iface->ra_default = wanted->ra_default;
	else
		iface->rp_filter = wanted->rp_filter;
	return 0;
}

int mh_fake_apply(struct mh_fake *fake, const struct mh_op *op)
{
	if (fake->denied)
		return -EPERM;
	switch (op->kind) {
	case MH_KIND_NEXTHOP:
		return apply_nexthop(fake, op);
	case MH_KIND_ROUTE:
		return op->verb == MH_DELETE ? delete_route(fake, op->route)
					     : put_route(fake, op->verb, op->route);
	case MH_KIND_RULE:
		return op->verb == MH_DELETE ? delete_rule(fake, op->rule)
					     : put_rule(fake, op->verb, op->rule);
	case MH_KIND_RP_FILTER:
	case MH_KIND_RA_DEFAULT:
		return set_setting(fake, op->kind, op->iface);
	}
	return -EINVAL;
}

/* the world */

struct mh_iface *mh_fake_iface(struct mh_fake *fake, int ifindex)
{
	for (size_t i = 0; i < fake->state.n_ifaces; i++) {
		if (fake->state.ifaces[i].ifindex == ifindex)
			return &fake->state.ifaces[i];
	}
	return NULL;
}

void mh_fake_add_iface(struct mh_fake *fake, int ifindex, const char *name)
{
	struct mh_iface iface = {
		.ifindex = ifindex,
		.up = true,
		.carrier = true,
		.ra_default = true,
	};

	snprintf(iface.name, sizeof(iface.name), "%s", name);
	APPEND(fake->state.ifaces, fake->state.n_ifaces, iface);
}

void mh_fake_rename(struct mh_fake *fake, int ifindex, const char *name)
{
	struct mh_iface *iface = mh_fake_iface(fake, ifindex);

	snprintf(iface->name, sizeof(iface->name), "%s", name);
}

void mh_fake_set_carrier(struct mh_fake *fake, int ifindex, bool carrier)
{
	mh_fake_iface(fake, ifindex)->carrier = carrier;
	if (!carrier)
		flush_nexthops(fake, ifindex);
}

static void drop_addrs(struct mh_fake *fake, int ifindex, uint8_t family)
{
	struct mh_state *state = &fake->state;
	size_t kept = 0;

	for (size_t i = 0; i < state->n_addrs; i++) {
		if (state->addrs[i].ifindex != ifindex ||
		    (family && state->addrs[i].local.family != family))
			state->addrs[kept++] = state->addrs[i];
	}
	state->n_addrs = kept;
}

/* IPv6 loses its addresses, IPv4 keeps them. */
void mh_fake_set_up(struct mh_fake *fake, int ifindex, bool up)
{
	struct mh_iface *iface = mh_fake_iface(fake, ifindex);

	iface->up = iface->carrier = up;
	if (up)
		return;
	flush_nexthops(fake, ifindex);
	drop_routes(fake, goes_by, (uint32_t)ifindex);
	drop_addrs(fake, ifindex, AF_INET6);
}

void mh_fake_del_iface(struct mh_fake *fake, int ifindex)
{
	struct mh_state *state = &fake->state;

	mh_fake_set_up(fake, ifindex, false);
	drop_addrs(fake, ifindex, 0);
	drop_routes(fake, lost_prefsrc, 0);
	for (size_t i = 0; i < state->n_ifaces; i++) {
		if (state->ifaces[i].ifindex == ifindex) {
			REMOVE(state->ifaces, state->n_ifaces, i);
			return;
		}
	}
}

void mh_fake_add_addr(struct mh_fake *fake, int ifindex, const char *local, const char *network)
{
	struct mh_ifaddr addr = {
		.ifindex = ifindex,
		.local = prefix_of(local),
		.network = prefix_of(network),
	};

	APPEND(fake->state.addrs, fake->state.n_addrs, addr);
}

static void forget_prefsrc(struct mh_fake *fake, int ifindex, const struct mh_prefix *local)
{
	for (size_t i = 0; i < fake->state.n_routes; i++) {
		struct mh_route *route = &fake->state.routes[i];

		if (route->family == AF_INET6 && route->oif == ifindex &&
		    mh_prefix_equal(&route->prefsrc, local))
			route->prefsrc = (struct mh_prefix){ 0 };
	}
}

/* With the last IPv4 address the device's plain routes go, but not its nexthops. */
void mh_fake_del_addr(struct mh_fake *fake, int ifindex, const char *local)
{
	struct mh_state *state = &fake->state;
	struct mh_prefix addr = prefix_of(local);
	bool has_inet = false;

	for (size_t i = 0; i < state->n_addrs; i++) {
		if (state->addrs[i].ifindex == ifindex &&
		    mh_prefix_equal(&state->addrs[i].local, &addr)) {
			REMOVE(state->addrs, state->n_addrs, i);
			break;
		}
	}
	for (size_t i = 0; i < state->n_addrs; i++)
		has_inet |= state->addrs[i].ifindex == ifindex &&
			    state->addrs[i].local.family == AF_INET;
	if (addr.family == AF_INET6)
		forget_prefsrc(fake, ifindex, &addr);
	else if (!has_inet)
		drop_routes(fake, goes_by_inet, (uint32_t)ifindex);
	drop_routes(fake, lost_prefsrc, 0);
}

static void add_kernel_rules(struct mh_fake *fake, uint8_t family)
{
	static const uint32_t prefs[] = { 0, 32766, 32767 };
	static const uint32_t tables[] = { RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT };

	for (size_t i = 0; i < MH_ARRAY_SIZE(prefs); i++) {
		struct mh_rule rule = {
			.family = family,
			.protocol = RTPROT_KERNEL,
			.action = FR_ACT_TO_TBL,
			.pref = prefs[i],
			.table = tables[i],
			.suppress_prefixlen = -1,
		};

		put_rule(fake, MH_APPEND, &rule);
	}
}

struct mh_fake *mh_fake_new(void)
{
	struct mh_fake *fake = calloc(1, sizeof(*fake));

	if (!fake)
		abort();
	fake->state.has_nexthops = fake->state.has_resilient = true;
	add_kernel_rules(fake, AF_INET);
	add_kernel_rules(fake, AF_INET6);
	mh_fake_add_iface(fake, 1, "lo");
	return fake;
}

static void clear_state(struct mh_state *state)
{
	for (size_t i = 0; i < state->n_nexthops; i++)
		free(state->nexthops[i].members);
	free(state->nexthops);
	free(state->routes);
	free(state->rules);
	free(state->ifaces);
	free(state->addrs);
}

struct mh_fake *mh_fake_free(struct mh_fake *fake)
{
	if (!fake)
		return NULL;
	clear_state(&fake->state);
	free(fake);
	return NULL;
}

/* struct mh_kernel */

struct fake_kernel {
	struct mh_kernel kernel;
	struct mh_fake *fake;
};

static void survey_routes(const struct mh_fake *fake, struct mh_state *copy)
{
	for (size_t i = 0; i < fake->state.n_routes; i++) {
		struct mh_route route = fake->state.routes[i];

		if (!route.weight)
			route.weight = 1;
		APPEND(copy->routes, copy->n_routes, route);
	}
}

/* Is it one of the siblings of a table that kernel.h tells of one by one? */
static bool is_told_alone(const struct mh_fake *fake, size_t i)
{
	const struct mh_state *state = &fake->state;

	return state->routes[i].table == MH_TABLE_HOST &&
	       ((i && are_siblings(&state->routes[i - 1], &state->routes[i])) ||
		(i + 1 < state->n_routes &&
		 are_siblings(&state->routes[i], &state->routes[i + 1])));
}

/* Of others' routes only the defaults of main; siblings as the one route that the kernel tells. */
static void snapshot_routes(const struct mh_fake *fake, struct mh_state *copy)
{
	for (size_t i = 0; i < fake->state.n_routes; i++) {
		struct mh_route route = fake->state.routes[i];
		struct mh_route *last = copy->n_routes ? &copy->routes[copy->n_routes - 1] : NULL;

		if (route.protocol != MH_PROTOCOL &&
		    (route.dst.len || route.table != MH_TABLE_MAIN))
			continue;
		if (is_told_alone(fake, i)) {
			APPEND(copy->routes, copy->n_routes, route);
			continue;
		}
		route.weight = 0;
		if (last && i && are_siblings(&fake->state.routes[i - 1], &route)) {
			last->multipath = true;
			last->oif = 0;
			last->onlink = false;
			last->gateway = (struct mh_prefix){ 0 };
			continue;
		}
		APPEND(copy->routes, copy->n_routes, route);
	}
}

static void snapshot_nexthops(const struct mh_fake *fake, struct mh_state *copy)
{
	for (size_t i = 0; i < fake->state.n_nexthops; i++) {
		struct mh_nexthop nexthop = copy_nexthop(&fake->state.nexthops[i]);

		if (nexthop.protocol != MH_PROTOCOL) {
			free(nexthop.members);
			nexthop.members = NULL;
			nexthop.n_members = 0;
		}
		APPEND(copy->nexthops, copy->n_nexthops, nexthop);
	}
}

/* All but the routes. */
static int copy_state(const struct mh_fake *fake, struct mh_state **ret)
{
	struct mh_state *copy;

	if (fake->snapshot_error)
		return fake->snapshot_error;
	copy = calloc(1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	copy->has_nexthops = fake->state.has_nexthops;
	copy->has_resilient = fake->state.has_nexthops && fake->state.has_resilient;
	copy->rp_filter_all = fake->state.rp_filter_all;
	snapshot_nexthops(fake, copy);
	for (size_t i = 0; i < fake->state.n_rules; i++)
		APPEND(copy->rules, copy->n_rules, fake->state.rules[i]);
	for (size_t i = 0; i < fake->state.n_ifaces; i++)
		APPEND(copy->ifaces, copy->n_ifaces, fake->state.ifaces[i]);
	for (size_t i = 0; i < fake->state.n_addrs; i++)
		APPEND(copy->addrs, copy->n_addrs, fake->state.addrs[i]);
	*ret = copy;
	return 0;
}

static int fake_snapshot(struct mh_kernel *kernel, struct mh_state **ret)
{
	const struct mh_fake *fake = ((struct fake_kernel *)kernel)->fake;
	int r = copy_state(fake, ret);

	if (r < 0)
		return r;
	snapshot_routes(fake, *ret);
	mh_state_sort(*ret);
	return 0;
}

static int fake_survey(struct mh_kernel *kernel, struct mh_state **ret)
{
	const struct mh_fake *fake = ((struct fake_kernel *)kernel)->fake;
	int r = copy_state(fake, ret);

	if (r < 0)
		return r;
	survey_routes(fake, *ret);
	mh_state_sort_survey(*ret);
	return 0;
}

static int fake_apply(struct mh_kernel *kernel, const struct mh_op *ops, size_t n,
		      struct mh_result *results)
{
	struct mh_fake *fake = ((struct fake_kernel *)kernel)->fake;

	for (size_t i = 0; i < n; i++)
		results[i] = (struct mh_result){ .error = mh_fake_apply(fake, &ops[i]) };
	return 0;
}

static void fake_close(struct mh_kernel *kernel)
{
	free(kernel);
}

static const struct mh_kernel_ops fake_ops = {
	.snapshot = fake_snapshot,
	.survey = fake_survey,
	.apply = fake_apply,
	.close = fake_close,
};

int mh_fake_open(void *fake, struct mh_kernel **ret)
{
	struct fake_kernel *kernel = calloc(1, sizeof(*kernel));

	if (!kernel)
		return -ENOMEM;
	kernel->kernel.ops = &fake_ops;
	kernel->fake = fake;
	*ret = &kernel->kernel;
	return 0;
}

/* the way of a packet */

static bool selects(const struct mh_selector *sel, const struct mh_fake_packet *packet)
{
	bool r = true;

	if (sel->from.len)
		r &= mh_prefix_contains(&sel->from, &packet->from);
	if (sel->to.len)
		r &= mh_prefix_contains(&sel->to, &packet->to);
	if (*sel->iif)
		r &= !strcmp(sel->iif, *packet->iif ? packet->iif : "lo");
	if (*sel->oif || sel->uid_set || sel->ipproto || sel->sport[0] || sel->dport[0] || sel->tos)
		r = false;
	return (r && (packet->mark & sel->mask) == sel->mark) != sel->invert;
}

static void add_name(char *list, const char *name)
{
	char before[256], *word, *rest = before;
	bool done = false;

	snprintf(before, sizeof(before), "%s", list);
	*list = '\0';
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (!done && strcmp(name, word) <= 0) {
			snprintf(list + strlen(list), 256 - strlen(list), " %s", name);
			done = true;
		}
		if (strcmp(name, word))
			snprintf(list + strlen(list), 256 - strlen(list), " %s", word);
	}
	if (!done)
		snprintf(list + strlen(list), 256 - strlen(list), " %s", name);
	memmove(list, list + 1, strlen(list));
}

static void add_oif(const struct mh_fake *fake, int oif, char *list)
{
	for (size_t i = 0; i < fake->state.n_ifaces; i++) {
		if (fake->state.ifaces[i].ifindex == oif)
			add_name(list, fake->state.ifaces[i].name);
	}
}

static void add_nexthop(const struct mh_fake *fake, uint32_t id, char *list)
{
	const struct mh_nexthop *nexthop = find_nexthop(fake, id);

	for (size_t i = 0; i < nexthop->n_members; i++)
		add_nexthop(fake, nexthop->members[i].id, list);
	add_oif(fake, nexthop->oif, list);
}

/* Longest prefix, then lowest metric, then the first. */
static const struct mh_route *best_route(const struct mh_fake *fake, uint32_t table,
					 const struct mh_prefix *to)
{
	const struct mh_route *best = NULL;

	for (size_t i = 0; i < fake->state.n_routes; i++) {
		const struct mh_route *route = &fake->state.routes[i];

		if (route->table == table && mh_prefix_contains(&route->dst, to) &&
		    (!best || route->dst.len > best->dst.len ||
		     (route->dst.len == best->dst.len && route->metric < best->metric)))
			best = route;
	}
	return best;
}

/* Addresses bring the routes to their networks, in main. */
static const struct mh_ifaddr *best_network(const struct mh_fake *fake, const struct mh_prefix *to)
{
	const struct mh_ifaddr *best = NULL;

	for (size_t i = 0; i < fake->state.n_addrs; i++) {
		const struct mh_ifaddr *addr = &fake->state.addrs[i];

		if (mh_prefix_contains(&addr->network, to) &&
		    (!best || addr->network.len > best->network.len))
			best = addr;
	}
	return best;
}

static bool lookup_table(const struct mh_fake *fake, const struct mh_rule *rule,
			 const struct mh_prefix *to, char *names)
{
	const struct mh_route *route = best_route(fake, rule->table, to);
	const struct mh_ifaddr *addr = rule->table == MH_TABLE_MAIN ? best_network(fake, to) : NULL;
	const struct mh_route *end = fake->state.routes + fake->state.n_routes;

	if (addr && (!route || addr->network.len >= route->dst.len)) {
		if (addr->network.len <= rule->suppress_prefixlen)
			return false;
		add_oif(fake, addr->ifindex, names);
		return true;
	}
	if (!route || (int)route->dst.len <= rule->suppress_prefixlen)
		return false;
	if (route->type == RTN_UNREACHABLE)
		return true;
	if (route->nhid)
		add_nexthop(fake, route->nhid, names);
	for (const struct mh_route *one = route; !route->nhid && one < end; one++) {
		if (one == route || are_siblings(route, one))
			add_oif(fake, one->oif, names);
	}
	return true;
}

void mh_fake_lookup(const struct mh_fake *fake, const struct mh_fake_packet *packet,
		    char names[256])
{
	*names = '\0';
	for (size_t i = 0; i < fake->state.n_rules; i++) {
		const struct mh_rule *rule = &fake->state.rules[i];

		if (rule->family != packet->to.family || !selects(&rule->sel, packet))
			continue;
		if (rule->action != FR_ACT_TO_TBL || lookup_table(fake, rule, &packet->to, names))
			return;
	}
}

/* text */

static void add_line(char **text, size_t *n, const char *line)
{
	size_t length = strlen(line);
	char *larger = realloc(*text, *n + length + 2);

	if (!larger)
		abort();
	memcpy(larger + *n, line, length);
	memcpy(larger + *n + length, "\n", 2);
	*n += length + 1;
	*text = larger;
}

static void add_nexthops(const struct mh_state *state, bool ours, char **text, size_t *n)
{
	for (size_t i = 0; i < state->n_nexthops; i++) {
		mh_cleanup(mh_freep) char *line = NULL;

		if ((state->nexthops[i].protocol == MH_PROTOCOL) != ours)
			continue;
		line = mh_nexthop_text(&state->nexthops[i], state);
		if (!line)
			abort();
		add_line(text, n, line);
	}
}

char *mh_state_lines(const struct mh_state *state, bool ours)
{
	char *text = strdup(""), line[MH_TEXT_SIZE];
	size_t n = 0;

	if (!text)
		abort();
	add_nexthops(state, ours, &text, &n);
	for (size_t i = 0; i < state->n_routes; i++) {
		if ((state->routes[i].protocol == MH_PROTOCOL) == ours)
			add_line(&text, &n, mh_route_text(&state->routes[i], state, line));
	}
	for (size_t i = 0; i < state->n_rules; i++) {
		if ((state->rules[i].protocol == MH_PROTOCOL) == ours)
			add_line(&text, &n, mh_rule_text(&state->rules[i], line));
	}
	return text;
}
