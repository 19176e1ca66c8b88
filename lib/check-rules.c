// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rules of others that catch all packets before ours do, as a full-tunnel VPN adds them. Pure.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "check.h"
#include "inspect.h"

/* The preference behind which nothing of ours is: that of the lookup of main. */
#define PREF_MAIN 32766

static bool asks_nothing(const struct mh_selector *sel)
{
	return !mh_prefix_is_set(&sel->from) && !mh_prefix_is_set(&sel->to) && !*sel->iif &&
	       !*sel->oif && !sel->mask && !sel->uid_set && !sel->ipproto && !sel->sport[0] &&
	       !sel->dport[0] && !sel->tos;
}

/* "not" something is nearly everything, such as all that does not bear the VPN's own mark. */
static bool catches_all(const struct mh_rule *rule)
{
	if (rule->odd)
		return false;
	return rule->sel.invert != asks_nothing(&rule->sel);
}

static bool has_default(const struct mh_state *survey, uint8_t family, uint32_t table)
{
	unsigned int halves = 0;

	for (size_t i = 0; i < survey->n_routes; i++) {
		const struct mh_route *route = &survey->routes[i];

		if (route->table != table || route->family != family || route->type == RTN_THROW)
			continue;
		if (!route->dst.len && !mh_prefix_is_set(&route->from))
			return true;
		if (route->dst.len == 1)
			halves |= route->dst.addr[0] ? 2 : 1;
	}
	return halves == 3;
}

static bool takes_all(const struct mh_state *survey, const struct mh_rule *rule)
{
	switch (rule->action) {
	case FR_ACT_TO_TBL:
		return rule->suppress_prefixlen < 0 && rule->table != RT_TABLE_LOCAL &&
		       has_default(survey, rule->family, rule->table);
	case FR_ACT_BLACKHOLE:
	case FR_ACT_UNREACHABLE:
	case FR_ACT_PROHIBIT:
		return true;
	}
	return false;
}

/* Does a rule of ours come after rule @i, in its family? */
static bool has_ours_behind(const struct mh_state *survey, size_t i)
{
	for (size_t j = i + 1; j < survey->n_rules; j++) {
		if (survey->rules[j].protocol == MH_PROTOCOL &&
		    survey->rules[j].family == survey->rules[i].family)
			return true;
	}
	return false;
}

static int check_rule(struct mh_session *s, size_t i)
{
	const struct mh_rule *rule = &s->survey->rules[i];
	const struct mh_route *first;
	char text[MH_TEXT_SIZE];
	bool before_rules = has_ours_behind(s->survey, i);

	if (rule->protocol == MH_PROTOCOL || rule->pref >= PREF_MAIN || !catches_all(rule) ||
	    !takes_all(s->survey, rule))
		return 0;
	first = mh_first_default(s->survey, (enum mh_family)mh_family_from_af(rule->family));
	if (!before_rules && (!first || first->protocol != MH_PROTOCOL))
		return 0;
	mh_rule_text(rule, text);
	return mh_report_problem(
		s->report, MH_PROBLEM_FOREIGN_RULE, NULL,
		before_rules ? "have its owner give it a preference above 1600, such as "
			       "by Table = off and a rule of your own with wg-quick"
			     : "remove that rule, if links are to share new traffic",
		"\"%s\" is not ours and catches all packets before %s: %s", text,
		before_rules ? "our rules" : "the links' default",
		before_rules ? "replies do not leave by the link they belong to"
			     : "new traffic is not shared among the links");
}

int mh_check_rules(struct mh_session *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->survey->n_rules; i++)
		r = check_rule(s, i);
	return r;
}
