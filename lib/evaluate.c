// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rules in their order, each with its table, until one decides: fib_rules_lookup() in
 * net/core/fib_rules.c, with the match and suppress functions of either family, and what the
 * tables do with the result. Pure. What happens to a packet besides is explain.c's part.
 *
 * Not looked at, as a packet is not described by them: the TOS, the flow label, realms, VRFs and
 * tunnel ids. A rule that asks for one of these is passed over.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "evaluate.h"

#define REASON_SIZE 256

__attribute__((format(printf, 2, 3))) static bool differs(char reason[REASON_SIZE],
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, REASON_SIZE, format, args);
	va_end(args);
	return false;
}

static bool match_address(const struct mh_prefix *wanted, const struct mh_prefix *addr,
			  const char *what, char reason[REASON_SIZE])
{
	struct mh_prefix any = { .family = AF_INET, .len = 32 };
	char text[MH_PREFIX_TEXT_SIZE];

	if (!mh_prefix_is_set(wanted))
		return true;
	/* IPv4 has 0.0.0.0 where a source is still to be chosen. */
	if (!mh_prefix_is_set(addr) && wanted->family == AF_INET)
		addr = &any;
	if (mh_prefix_is_set(addr) && mh_prefix_contains(wanted, addr))
		return true;
	if (!mh_prefix_is_set(addr) || addr == &any)
		return differs(reason, "the packet has no source yet");
	mh_prefix_format(addr, text);
	return differs(reason, "its %s is %s", what, text);
}

static bool match_ports(const uint16_t wanted[2], uint16_t port, const char *what,
			char reason[REASON_SIZE])
{
	if (!wanted[0] || (port >= wanted[0] && port <= wanted[1]))
		return true;
	if (!port)
		return differs(reason, "its %s port is not known", what);
	return differs(reason, "its %s port is %u", what, port);
}

static bool match_fields(const struct mh_selector *sel, const struct mh_flow *flow,
			 char reason[REASON_SIZE])
{
	if (*sel->iif && strcmp(sel->iif, flow->iif)) {
		if (!strcmp(flow->iif, "lo"))
			return differs(reason, "this host makes the packet");
		return differs(reason, "it comes in by %s", flow->iif);
	}
	if (*sel->oif)
		return differs(reason, "it is bound to no interface");
	if ((sel->mark ^ flow->mark) & sel->mask)
		return differs(reason, "its mark is 0x%x", flow->mark);
	if (sel->uid_set && (flow->uid < sel->uid_start || flow->uid > sel->uid_end))
		return differs(reason, "its uid is %u", flow->uid);
	if (sel->tos)
		return differs(reason, "it has no TOS");
	if (sel->ipproto && sel->ipproto != flow->ipproto) {
		if (!flow->ipproto)
			return differs(reason, "its protocol is not known");
		return differs(reason, "its protocol is %u", flow->ipproto);
	}
	return true;
}

static bool match(const struct mh_rule *rule, const struct mh_flow *flow, char reason[REASON_SIZE])
{
	const struct mh_selector *sel = &rule->sel;
	bool fits = match_fields(sel, flow, reason) &&
		    match_address(&sel->from, &flow->from, "source", reason) &&
		    match_address(&sel->to, &flow->to, "destination", reason) &&
		    match_ports(sel->sport, flow->sport, "source", reason) &&
		    match_ports(sel->dport, flow->dport, "destination", reason);

	if (!sel->invert)
		return fits;
	return fits ? differs(reason, "the packet is one that it excepts") : true;
}

static bool is_better(const struct mh_route *route, const struct mh_route *than)
{
	if (!than)
		return true;
	if (route->dst.len != than->dst.len)
		return route->dst.len > than->dst.len;
	if (route->from.len != than->from.len)
		return route->from.len > than->from.len;
	return route->metric < than->metric;
}

/* The longest prefix, then the lowest metric, then the first. */
static const struct mh_route *look_up(const struct mh_state *survey, uint32_t table,
				      const struct mh_flow *flow)
{
	const struct mh_route *best = NULL;

	for (size_t i = 0; i < survey->n_routes; i++) {
		const struct mh_route *route = &survey->routes[i];

		if (route->table != table || route->family != flow->to.family ||
		    !mh_prefix_contains(&route->dst, &flow->to))
			continue;
		if (mh_prefix_is_set(&route->from) &&
		    !mh_prefix_contains(&route->from, &flow->from))
			continue;
		if (is_better(route, best))
			best = route;
	}
	return best;
}

static bool is_refusal(const struct mh_route *route)
{
	return route->type == RTN_BLACKHOLE || route->type == RTN_UNREACHABLE ||
	       route->type == RTN_PROHIBIT;
}

/* Return: does the rule, which fits, decide? */
static bool try_table(const struct mh_state *survey, const struct mh_rule *rule,
		      const struct mh_flow *flow, const struct mh_route **ret,
		      char reason[REASON_SIZE])
{
	const struct mh_route *route = look_up(survey, rule->table, flow);

	if (!route)
		return differs(reason, "it fits, but its table has no route there");
	if (route->type == RTN_THROW)
		return differs(reason, "it fits, but its table says to go on (throw)");
	if (!is_refusal(route) && rule->suppress_prefixlen >= 0 &&
	    route->dst.len <= rule->suppress_prefixlen)
		return differs(reason, "it fits, but only a default route does, which it leaves "
				       "to later rules");
	*ret = route;
	return true;
}

/* Return: the index to go on at; rules stand in the order of evaluation, per family. */
static size_t go_to(const struct mh_state *survey, size_t i)
{
	const struct mh_rule *rule = &survey->rules[i];

	for (size_t j = i + 1; j < survey->n_rules; j++) {
		if (survey->rules[j].family == rule->family &&
		    survey->rules[j].pref == rule->target)
			return j;
	}
	return i + 1;
}

/* Return: does the rule decide? @ret_next: where to go on if not */
static bool try_rule(const struct mh_state *survey, size_t i, const struct mh_flow *flow,
		     const struct mh_route **ret, size_t *ret_next, char reason[REASON_SIZE])
{
	const struct mh_rule *rule = &survey->rules[i];

	*ret_next = i + 1;
	if (rule->odd && rule->action != FR_ACT_GOTO)
		return differs(reason, "passed over: it asks for what is not looked at here");
	if (!match(rule, flow, reason))
		return false;
	switch (rule->action) {
	case FR_ACT_TO_TBL:
		return try_table(survey, rule, flow, ret, reason);
	case FR_ACT_GOTO:
		*ret_next = go_to(survey, i);
		return differs(reason, "it fits: on with rule %u", rule->target);
	case FR_ACT_NOP:
		return differs(reason, "it fits, and does nothing");
	}
	return true;
}

int mh_evaluate(const struct mh_state *survey, const struct mh_flow *flow, mh_step_fn step,
		void *arg, struct mh_decision *ret)
{
	struct mh_decision decision = { 0 };
	size_t next;
	int r = 0;

	for (size_t i = 0; !r && !decision.rule && i < survey->n_rules; i = next) {
		const struct mh_rule *rule = &survey->rules[i];
		char reason[REASON_SIZE];

		next = i + 1;
		if (rule->family != flow->to.family)
			continue;
		if (try_rule(survey, i, flow, &decision.route, &next, reason))
			decision.rule = rule;
		if (step)
			r = step(arg, rule, decision.rule ? "it decides" : reason);
	}
	if (!r)
		*ret = decision;
	return r;
}

bool mh_is_own(const struct mh_state *survey, const struct mh_prefix *addr)
{
	for (size_t i = 0; i < survey->n_addrs; i++) {
		if (mh_prefix_equal(&survey->addrs[i].local, addr))
			return true;
	}
	for (size_t i = 0; i < survey->n_routes; i++) {
		const struct mh_route *route = &survey->routes[i];

		if (route->type == RTN_LOCAL && route->table == RT_TABLE_LOCAL &&
		    mh_prefix_contains(&route->dst, addr))
			return true;
	}
	return false;
}
