// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a survey of the kernel says about links: which default comes first, how it shares traffic,
 * and what differs from the plan. Pure; how that is shown is for the callers to decide.
 */

#include <stdio.h>
#include <string.h>

#include "diff.h"
#include "inspect.h"
#include "plan-private.h"

void mh_ways_clear(struct mh_ways *ways)
{
	free(ways->v);
	*ways = (struct mh_ways){ 0 };
}

static int add_way(struct mh_ways *ways, const struct mh_way *way)
{
	for (size_t i = 0; i < ways->n; i++) {
		struct mh_way *old = &ways->v[i];

		if (old->oif == way->oif && mh_prefix_equal(&old->gateway, &way->gateway)) {
			old->share += way->share;
			return 0;
		}
	}
	return mh_append(ways->v, ways->n, *way);
}

/* Until all are known, a share is a number of buckets, or else a weight. */
static int add_group(const struct mh_state *survey, const struct mh_nexthop *group,
		     struct mh_ways *ways)
{
	bool buckets = false;
	int r = 0;

	for (size_t i = 0; i < group->n_members; i++)
		buckets |= group->members[i].buckets != 0;
	for (size_t i = 0; !r && i < group->n_members; i++) {
		const struct mh_member *member = &group->members[i];
		const struct mh_nexthop *nexthop = mh_state_nexthop(survey, member->id);
		struct mh_way way = {
			.weight = member->weight,
			.share = buckets ? member->buckets : member->weight,
		};

		if (!nexthop)
			continue;
		way.oif = nexthop->oif;
		way.gateway = nexthop->gateway;
		r = add_way(ways, &way);
	}
	return r;
}

/* A route with several classic nexthops has as many entries, one behind the other. */
static int add_classic(const struct mh_state *survey, const struct mh_route *route,
		       struct mh_ways *ways)
{
	const struct mh_route *end = survey->routes + survey->n_routes;
	int r = 0;

	for (const struct mh_route *one = route; !r && one < end; one++) {
		struct mh_way way = { .oif = one->oif, .gateway = one->gateway, .weight = 1 };

		if (one != route &&
		    (!route->multipath || !one->multipath || mh_route_compare_key(one, route)))
			break;
		if (one->multipath)
			way.weight = one->weight;
		way.share = way.weight;
		r = add_way(ways, &way);
	}
	return r;
}

static void scale_shares(struct mh_ways *ways)
{
	uint64_t total = 0;

	for (size_t i = 0; i < ways->n; i++)
		total += ways->v[i].share;
	for (size_t i = 0; total && i < ways->n; i++)
		ways->v[i].share =
			(uint32_t)((ways->v[i].share * (uint64_t)MH_SHARE_ALL + total / 2) / total);
}

int mh_ways_of(const struct mh_state *survey, const struct mh_route *route, struct mh_ways *ret)
{
	mh_cleanup(mh_ways_clear) struct mh_ways ways = { 0 };
	const struct mh_nexthop *nexthop = NULL;
	int r = 0;

	if (route->nhid)
		nexthop = mh_state_nexthop(survey, route->nhid);
	if (nexthop && nexthop->n_members) {
		r = add_group(survey, nexthop, &ways);
	} else if (nexthop) {
		struct mh_way way = {
			.oif = nexthop->oif,
			.gateway = nexthop->gateway,
			.weight = 1,
			.share = 1,
		};

		r = add_way(&ways, &way);
	} else if (!route->nhid) {
		r = add_classic(survey, route, &ways);
	}
	if (r)
		return r;
	scale_shares(&ways);
	*ret = ways;
	ways = (struct mh_ways){ 0 };
	return 0;
}

static bool is_default(const struct mh_route *route, enum mh_family family)
{
	return route->family == mh_family_af(family) && route->table == MH_TABLE_MAIN &&
	       !route->dst.len && !mh_prefix_is_set(&route->from);
}

const struct mh_route *mh_first_default(const struct mh_state *survey, enum mh_family family)
{
	const struct mh_route *first = NULL;

	for (size_t i = 0; i < survey->n_routes; i++) {
		const struct mh_route *route = &survey->routes[i];

		if (is_default(route, family) && (!first || route->metric < first->metric))
			first = route;
	}
	return first;
}

const struct mh_route *mh_tier_default(const struct mh_state *survey, enum mh_family family,
				       uint32_t metric)
{
	for (size_t i = 0; i < survey->n_routes; i++) {
		const struct mh_route *route = &survey->routes[i];

		if (is_default(route, family) && route->protocol == MH_PROTOCOL &&
		    route->metric == metric)
			return route;
	}
	return NULL;
}

/* Those at a tier's own metric are mh_plan()'s to find. */
static int find_preceding(struct mh_session *s, enum mh_family family)
{
	const struct mh_route *first = mh_first_default(s->survey, family);
	const struct mh_route *ours = NULL;
	char text[MH_TEXT_SIZE];

	for (size_t i = 0; i < s->survey->n_routes; i++) {
		const struct mh_route *route = &s->survey->routes[i];

		if (is_default(route, family) && route->protocol == MH_PROTOCOL &&
		    (!ours || route->metric < ours->metric))
			ours = route;
	}
	if (!first || !ours || first->protocol == MH_PROTOCOL || first->metric == ours->metric)
		return 0;
	mh_route_text(first, s->survey, text);
	return mh_report_problem(s->report, MH_PROBLEM_FOREIGN_DEFAULT, NULL,
				 "remove that route, or have its owner give it a higher metric",
				 "\"%s\" (protocol %u) is not ours and precedes the links' default "
				 "of metric %u: it, not the links, carries new traffic",
				 text, first->protocol, ours->metric);
}

struct count {
	size_t n;
	const struct mh_op *first;
};

static void count(struct count *count, const struct mh_op *op)
{
	if (!count->n++)
		count->first = op;
}

static int report_count(struct mh_session *s, enum mh_problem_code code, const struct count *count,
			const char *what, const char *consequence)
{
	mh_cleanup(mh_freep) char *text = NULL;
	char more[32] = "";

	if (!count->n)
		return 0;
	text = mh_op_text(count->first, s->snapshot);
	if (!text)
		return -ENOMEM;
	if (count->n > 1)
		snprintf(more, sizeof(more), " and %zu more", count->n - 1);
	return mh_report_problem(s->report, code, NULL, "run \"multihome reconcile\"",
				 "%s \"%s\"%s: %s", what, text, more, consequence);
}

/* To keep its order, a rule may have to go and come again. */
static bool has_rule(const struct mh_state *state, const struct mh_op *op)
{
	for (size_t i = 0; op->kind == MH_KIND_RULE && i < state->n_rules; i++) {
		if (!mh_rule_compare(&state->rules[i], op->rule))
			return true;
	}
	return false;
}

static bool is_setting(const struct mh_op *op)
{
	return op->kind == MH_KIND_RP_FILTER || op->kind == MH_KIND_RA_DEFAULT;
}

/* What is refused at every attempt lacks, too; why, the event's own report has said. */
static int find_differences(struct mh_session *s, const struct mh_state *plan)
{
	mh_cleanup(mh_diff_clear) struct mh_diff diff = { 0 };
	struct count lacking = { 0 }, left = { 0 };
	int r = mh_diff(s->snapshot, plan, &diff);

	for (size_t i = 0; !r && i < diff.n; i++) {
		const struct mh_op *op = &diff.ops[i];

		if (op->verb == MH_DELETE && !has_rule(plan, op))
			count(&left, op);
		else if (op->verb != MH_DELETE && !is_setting(op) && !has_rule(s->snapshot, op))
			count(&lacking, op);
	}
	if (!r)
		r = report_count(s, MH_PROBLEM_OUT_OF_STEP, &lacking, "the kernel does not have",
				 "traffic is not shared or answered as asked");
	return r ? r
		 : report_count(s, MH_PROBLEM_LEFTOVER, &left, "the kernel still has",
				"it is ours and belongs to no link");
}

int mh_inspect(struct mh_session *s)
{
	mh_cleanup(mh_state_freep) struct mh_state *plan = NULL;
	int r = mh_plan(&s->records, s->snapshot, NULL, s->report, &plan);

	for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++)
		r = find_preceding(s, family);
	/* Without the lock, a difference may be an event that is going on. */
	if (!r && s->steady)
		r = find_differences(s, plan);
	return r;
}
