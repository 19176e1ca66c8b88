// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The operations from a snapshot to a plan. Pure. Which rules come and go is diff-rules.c's part.
 * The phases, in this order:
 *
 *   leave    the rule and the routes of the host's own IPv6 packets, where they go; nexthops that
 *            go leave their groups; a group that would be empty goes, and before it the defaults
 *            that point to it
 *   build    settings, the guard, nexthops, routes of link tables, the other rules
 *   join     groups as planned, then the defaults that point to them, then the routes and the rule
 *            of the host's own IPv6 packets
 *   clear    defaults, groups, rules with the guard last, routes, nexthops that nobody plans
 *
 * Every prefix of it is a sane state, and from any of them the rest is found again.
 */

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "diff-private.h"

struct differ {
	const struct mh_state *snapshot;
	const struct mh_state *plan;
	struct mh_diff *diff;
};

void mh_diff_clear(struct mh_diff *diff)
{
	for (size_t i = 0; i < diff->n_scratch; i++) {
		free(diff->scratch[i]->members);
		free(diff->scratch[i]);
	}
	free(diff->scratch);
	free(diff->ops);
	*diff = (struct mh_diff){ 0 };
}

static int add_op(struct differ *d, struct mh_op op)
{
	return mh_append(d->diff->ops, d->diff->n, op);
}

static int op_nexthop(struct differ *d, enum mh_verb verb, const struct mh_nexthop *nexthop)
{
	return add_op(d,
		      (struct mh_op){ .verb = verb, .kind = MH_KIND_NEXTHOP, .nexthop = nexthop });
}

static int op_route(struct differ *d, enum mh_verb verb, const struct mh_route *route)
{
	return add_op(d, (struct mh_op){ .verb = verb, .kind = MH_KIND_ROUTE, .route = route });
}

static int op_rule(struct differ *d, enum mh_verb verb, const struct mh_rule *rule)
{
	return add_op(d, (struct mh_op){ .verb = verb, .kind = MH_KIND_RULE, .rule = rule });
}

static bool is_ours(uint8_t protocol)
{
	return protocol == MH_PROTOCOL;
}

static bool is_group(const struct mh_nexthop *nexthop)
{
	return nexthop->n_members > 0;
}

static bool is_default(const struct mh_route *route)
{
	return route->table == MH_TABLE_MAIN && !route->dst.len;
}

/* One of the sibling routes by which this host's own IPv6 packets leave: see tier.c. */
static bool is_sibling(const struct mh_route *route)
{
	return route->table == MH_TABLE_HOST && route->type == RTN_UNICAST;
}

static const struct mh_route *find_route(const struct mh_state *state, const struct mh_route *route,
					 int (*compare)(const struct mh_route *a,
							const struct mh_route *b))
{
	size_t lo = 0, hi = state->n_routes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = compare(&state->routes[mid], route);

		if (!c)
			return &state->routes[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool has_route(const struct mh_state *state, const struct mh_route *route)
{
	return find_route(state, route, mh_route_compare) != NULL;
}

/* Whoever owns it. Return: NULL where nothing has the key of @route. */
static const struct mh_route *find_key(const struct mh_state *state, const struct mh_route *route)
{
	return find_route(state, route, mh_route_compare_key);
}

/*
 * IPv6 refuses a second route of one destination, metric and way, whatever its source address, and
 * makes one of two that differ in the gateway. Of link tables we know our own routes alone.
 */
static bool is_replaceable(const struct mh_route *route)
{
	return route->family == AF_INET6 && !is_default(route);
}

/* Is @route, of the snapshot, replaced in the build phase, so that it is not there to be deleted?
 */
static bool is_replaced(const struct differ *d, const struct mh_route *route)
{
	const struct mh_route *heir = is_replaceable(route) ? find_key(d->plan, route) : NULL;

	return heir && !has_route(d->snapshot, heir);
}

/* Behind what is there, so that it is neither destroyed nor in our way. */
static enum mh_verb route_verb(const struct mh_state *snapshot, const struct mh_route *route)
{
	if (!find_key(snapshot, route))
		return MH_ADD;
	return is_replaceable(route) ? MH_REPLACE : MH_APPEND;
}

enum rule_class {
	GUARDS,
	HOST_RULES, /* of the host's own IPv6 packets: see tier.c */
	OTHER_RULES,
};

static enum rule_class class_of(const struct mh_rule *rule)
{
	if (rule->suppress_prefixlen >= 0)
		return GUARDS;
	return rule->table == MH_TABLE_HOST ? HOST_RULES : OTHER_RULES;
}

static int op_rules(struct differ *d, const struct mh_rules *rules, enum mh_verb verb,
		    enum rule_class class)
{
	int r = 0;

	for (size_t i = 0; !r && i < rules->n; i++) {
		if (class_of(rules->v[i]) == class)
			r = op_rule(d, verb, rules->v[i]);
	}
	return r;
}

/* leave */

static int delete_defaults(struct differ *d, uint32_t nhid)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->snapshot->n_routes; i++) {
		const struct mh_route *route = &d->snapshot->routes[i];

		if (is_ours(route->protocol) && is_default(route) && route->nhid == nhid)
			r = op_route(d, MH_DELETE, route);
	}
	return r;
}

static struct mh_nexthop *new_scratch(struct differ *d, const struct mh_nexthop *group)
{
	struct mh_nexthop *scratch = malloc(sizeof(*scratch));

	if (!scratch)
		return NULL;
	*scratch = *group;
	scratch->members = NULL;
	scratch->n_members = 0;
	if (mh_append(d->diff->scratch, d->diff->n_scratch, scratch)) {
		free(scratch);
		return NULL;
	}
	return scratch;
}

/*
 * @group: of the snapshot
 * @ret_now: the group as it is after this phase; NULL: gone
 */
static int leave_group(struct differ *d, const struct mh_nexthop *group,
		       const struct mh_nexthop **ret_now)
{
	struct mh_nexthop *remains = new_scratch(d, group);
	int r = remains ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < group->n_members; i++) {
		if (mh_state_nexthop(d->plan, group->members[i].id))
			r = mh_append(remains->members, remains->n_members, group->members[i]);
	}
	if (r)
		return r;
	*ret_now = group;
	if (remains->n_members == group->n_members)
		return 0;
	if (remains->n_members) {
		*ret_now = remains;
		return op_nexthop(d, MH_REPLACE, remains);
	}
	if (mh_state_nexthop(d->plan, group->id))
		return 0; /* all members change: the join phase replaces them in one step */
	*ret_now = NULL;
	r = delete_defaults(d, group->id);
	return r ? r : op_nexthop(d, MH_DELETE, group);
}

static bool has_heir(const struct differ *d, const struct mh_route *sibling)
{
	for (size_t i = 0; i < d->plan->n_routes; i++) {
		if (is_sibling(&d->plan->routes[i]) && d->plan->routes[i].oif == sibling->oif)
			return true;
	}
	return false;
}

/* @heirs: those whose link is to have another one; else those whose link goes */
static int delete_siblings(struct differ *d, bool heirs)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->snapshot->n_routes; i++) {
		const struct mh_route *route = &d->snapshot->routes[i];

		if (is_ours(route->protocol) && is_sibling(route) && !has_route(d->plan, route) &&
		    has_heir(d, route) == heirs)
			r = op_route(d, MH_DELETE, route);
	}
	return r;
}

/* @now: by index into the snapshot's nexthops, the groups after this phase */
static int leave(struct differ *d, const struct mh_rule_changes *changes,
		 const struct mh_nexthop **now)
{
	int r = op_rules(d, &changes->del, MH_DELETE, HOST_RULES);

	if (!r)
		r = delete_siblings(d, false);

	for (size_t i = 0; !r && i < d->snapshot->n_nexthops; i++) {
		const struct mh_nexthop *nexthop = &d->snapshot->nexthops[i];

		if (is_ours(nexthop->protocol) && is_group(nexthop))
			r = leave_group(d, nexthop, &now[i]);
	}
	return r;
}

/* build */

static int build_nexthops(struct differ *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->plan->n_nexthops; i++) {
		const struct mh_nexthop *wanted = &d->plan->nexthops[i];
		const struct mh_nexthop *there = mh_state_nexthop(d->snapshot, wanted->id);

		if (is_group(wanted))
			continue;
		/* Where somebody else has taken the id, the kernel is to refuse. */
		if (!there || !is_ours(there->protocol))
			r = op_nexthop(d, MH_ADD, wanted);
		else if (!mh_nexthop_equal(there, wanted))
			r = op_nexthop(d, MH_REPLACE, wanted);
	}
	return r;
}

/* Backwards, so that the way to a gateway is there before what goes by the gateway. */
static int build_routes(struct differ *d)
{
	int r = 0;

	for (size_t i = d->plan->n_routes; !r && i > 0; i--) {
		const struct mh_route *wanted = &d->plan->routes[i - 1];

		if (!is_default(wanted) && !is_sibling(wanted) && !has_route(d->snapshot, wanted))
			r = op_route(d, route_verb(d->snapshot, wanted), wanted);
	}
	return r;
}

static int op_setting(struct differ *d, enum mh_kind kind, const struct mh_iface *iface)
{
	return add_op(d, (struct mh_op){ .verb = MH_REPLACE, .kind = kind, .iface = iface });
}

static int build_settings(struct differ *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->plan->n_ifaces; i++) {
		const struct mh_iface *wanted = &d->plan->ifaces[i];
		const struct mh_iface *there = mh_state_iface(d->snapshot, wanted->ifindex);

		if (!there || there->rp_filter != wanted->rp_filter)
			r = op_setting(d, MH_KIND_RP_FILTER, wanted);
		if (!r && there && there->ra_default != wanted->ra_default)
			r = op_setting(d, MH_KIND_RA_DEFAULT, wanted);
	}
	return r;
}

/*
 * The guard first: where somebody has flushed all rules, the lookup of main is gone too, and
 * without it the kernel finds no way to a gateway and refuses the nexthop.
 */
static int build(struct differ *d, const struct mh_rule_changes *changes)
{
	int r = build_settings(d);

	if (!r)
		r = op_rules(d, &changes->add, MH_APPEND, GUARDS);
	if (!r)
		r = build_nexthops(d);
	if (!r)
		r = build_routes(d);
	return r ? r : op_rules(d, &changes->add, MH_APPEND, OTHER_RULES);
}

/* join */

static bool are_siblings(const struct mh_route *a, const struct mh_route *b)
{
	return is_sibling(a) && is_sibling(b) && !mh_route_compare_key(a, b);
}

/* Siblings stand beside one another. */
static bool is_alone(const struct mh_state *state, size_t i)
{
	const struct mh_route *routes = state->routes;

	return !(i && are_siblings(&routes[i - 1], &routes[i])) &&
	       !(i + 1 < state->n_routes && are_siblings(&routes[i], &routes[i + 1]));
}

static int add_siblings(struct differ *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->plan->n_routes; i++) {
		const struct mh_route *wanted = &d->plan->routes[i];

		if (is_sibling(wanted) && !has_route(d->snapshot, wanted))
			r = op_route(d, MH_APPEND, wanted);
	}
	return r;
}

/*
 * The kernel knows a sibling by its way alone, so one of another weight goes before it comes again,
 * while the others serve. A packet that had chosen it just then finds no way, so this is not done
 * without need. Where there are no others, the weight means nothing, nor is it told: it is what it
 * was when the link came up, unless the record says otherwise.
 */
static int weigh_siblings(struct differ *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->plan->n_routes; i++) {
		const struct mh_route *wanted = &d->plan->routes[i], *there;

		if (!is_sibling(wanted) || is_alone(d->plan, i))
			continue;
		there = find_route(d->snapshot, wanted, mh_route_compare);
		if (!there || there->weight == wanted->weight ||
		    (!there->weight && !wanted->weight_changed))
			continue;
		r = op_route(d, MH_DELETE, there);
		if (!r)
			r = op_route(d, MH_APPEND, wanted);
	}
	return r;
}

static int join(struct differ *d, const struct mh_rule_changes *changes,
		const struct mh_nexthop **now)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->plan->n_nexthops; i++) {
		const struct mh_nexthop *wanted = &d->plan->nexthops[i];
		const struct mh_nexthop *there = mh_state_nexthop(d->snapshot, wanted->id);

		if (!is_group(wanted))
			continue;
		if (there)
			there = now[there - d->snapshot->nexthops];
		if (!there)
			r = op_nexthop(d, MH_ADD, wanted);
		else if (!mh_nexthop_equal(there, wanted))
			r = op_nexthop(d, MH_REPLACE, wanted);
	}
	for (size_t i = 0; !r && i < d->plan->n_routes; i++) {
		const struct mh_route *wanted = &d->plan->routes[i];

		if (is_default(wanted) && !has_route(d->snapshot, wanted))
			r = op_route(d, route_verb(d->snapshot, wanted), wanted);
	}
	if (!r)
		r = add_siblings(d);
	if (!r)
		r = weigh_siblings(d);
	return r ? r : op_rules(d, &changes->add, MH_APPEND, HOST_RULES);
}

/* clear */

static int clear_routes(struct differ *d, bool defaults, const struct mh_nexthop **now)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->snapshot->n_routes; i++) {
		const struct mh_route *route = &d->snapshot->routes[i];
		const struct mh_nexthop *group;

		if (!is_ours(route->protocol) || is_default(route) != defaults ||
		    is_sibling(route) || has_route(d->plan, route) || is_replaced(d, route))
			continue;
		group = route->nhid ? mh_state_nexthop(d->snapshot, route->nhid) : NULL;
		if (!group || now[group - d->snapshot->nexthops])
			r = op_route(d, MH_DELETE, route);
	}
	return r;
}

static int clear_nexthops(struct differ *d, bool groups, const struct mh_nexthop **now)
{
	int r = 0;

	for (size_t i = 0; !r && i < d->snapshot->n_nexthops; i++) {
		const struct mh_nexthop *nexthop = &d->snapshot->nexthops[i];

		if (is_ours(nexthop->protocol) && is_group(nexthop) == groups && now[i] &&
		    !mh_state_nexthop(d->plan, nexthop->id))
			r = op_nexthop(d, MH_DELETE, nexthop);
	}
	return r;
}

static int clear(struct differ *d, const struct mh_rule_changes *changes,
		 const struct mh_nexthop **now)
{
	int r = delete_siblings(d, true);

	if (!r)
		r = clear_routes(d, true, now);
	if (!r)
		r = clear_nexthops(d, true, now);
	if (!r)
		r = op_rules(d, &changes->del, MH_DELETE, OTHER_RULES);
	if (!r)
		r = op_rules(d, &changes->del, MH_DELETE, GUARDS);
	if (!r)
		r = clear_routes(d, false, now);
	return r ? r : clear_nexthops(d, false, now);
}

int mh_diff(const struct mh_state *snapshot, const struct mh_state *plan, struct mh_diff *ret)
{
	mh_cleanup(mh_diff_clear) struct mh_diff diff = { 0 };
	mh_cleanup(mh_rule_changes_clear) struct mh_rule_changes changes = { 0 };
	mh_cleanup(mh_freep) const struct mh_nexthop **now = NULL;
	struct differ d = { .snapshot = snapshot, .plan = plan, .diff = &diff };
	int r;

	now = calloc(snapshot->n_nexthops + 1, sizeof(*now));
	if (!now)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_nexthops; i++)
		now[i] = &snapshot->nexthops[i];
	r = mh_diff_rules(snapshot, plan, &changes);
	if (!r)
		r = leave(&d, &changes, now);
	if (!r)
		r = build(&d, &changes);
	if (!r)
		r = join(&d, &changes, now);
	if (!r)
		r = clear(&d, &changes, now);
	if (r)
		return r;
	*ret = diff;
	diff = (struct mh_diff){ 0 };
	return 0;
}
