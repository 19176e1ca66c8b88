// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rules of two tables that one mark fits, because their masks share bits. Pure.
 *
 * Two rules of ours with different preferences are in the order that their owner chose, such as
 * "by this link, or by that while this one is down"; at one preference their order is an accident.
 * With rules of others nobody chose it.
 */

#include <linux/fib_rules.h>
#include <string.h>

#include "check.h"

static bool excludes(const uint16_t a[2], const uint16_t b[2])
{
	return a[0] && b[0] && (a[1] < b[0] || b[1] < a[0]);
}

static bool are_apart(const struct mh_prefix *a, const struct mh_prefix *b)
{
	return mh_prefix_is_set(a) && mh_prefix_is_set(b) && !mh_prefix_contains(a, b) &&
	       !mh_prefix_contains(b, a);
}

static bool differ(const char *a, const char *b)
{
	return *a && *b && strcmp(a, b);
}

/* Can one packet fit both but for its mark? */
static bool can_meet(const struct mh_selector *a, const struct mh_selector *b)
{
	return !are_apart(&a->from, &b->from) && !are_apart(&a->to, &b->to) &&
	       !differ(a->iif, b->iif) && !differ(a->oif, b->oif) &&
	       !(a->ipproto && b->ipproto && a->ipproto != b->ipproto) &&
	       !excludes(a->sport, b->sport) && !excludes(a->dport, b->dport) &&
	       !(a->uid_set && b->uid_set &&
		 (a->uid_end < b->uid_start || b->uid_end < a->uid_start));
}

static bool conflict(const struct mh_rule *a, const struct mh_rule *b)
{
	uint32_t shared = a->sel.mask & b->sel.mask;
	bool both_ours = a->protocol == MH_PROTOCOL && b->protocol == MH_PROTOCOL;

	return a->family == b->family && shared && !((a->sel.mark ^ b->sel.mark) & shared) &&
	       !a->sel.invert && !b->sel.invert && !a->odd && !b->odd &&
	       a->action == FR_ACT_TO_TBL && b->action == FR_ACT_TO_TBL && a->table != b->table &&
	       (!both_ours || a->pref == b->pref) && can_meet(&a->sel, &b->sel);
}

static const char *link_of(const struct mh_session *s, const struct mh_rule *rule)
{
	for (size_t i = 0; rule->protocol == MH_PROTOCOL && i < s->records.n; i++) {
		if (s->records.v[i].table == rule->table)
			return s->records.v[i].link->ifname;
	}
	return NULL;
}

static int report(struct mh_session *s, const struct mh_rule *first, const struct mh_rule *other)
{
	const char *ifname = link_of(s, other);
	char text[MH_TEXT_SIZE], other_text[MH_TEXT_SIZE];

	mh_rule_text(first, text);
	mh_rule_text(other, other_text);
	return mh_report_problem(
		s->report, MH_PROBLEM_SAME_MARK, ifname ? ifname : link_of(s, first),
		"use bits that no other mask has, or give one of the rules another "
		"pref",
		"\"%s\" and \"%s\" share mark bits: a packet whose mark fits both "
		"follows the first",
		text, other_text);
}

/* Both families have the same rules as a rule; one finding is enough. */
static bool is_repeated(const struct mh_state *survey, size_t first, size_t other)
{
	for (size_t i = 0; i < first; i++) {
		for (size_t j = 0; j < survey->n_rules; j++) {
			struct mh_rule a = survey->rules[i], b = survey->rules[j];

			a.family = survey->rules[first].family;
			b.family = survey->rules[other].family;
			if (survey->rules[i].family != survey->rules[first].family &&
			    !mh_rule_compare(&a, &survey->rules[first]) &&
			    !mh_rule_compare(&b, &survey->rules[other]))
				return true;
		}
	}
	return false;
}

int mh_check_marks(struct mh_session *s)
{
	const struct mh_state *survey = s->survey;
	int r = 0;

	for (size_t i = 0; !r && i < survey->n_rules; i++) {
		for (size_t j = i + 1; !r && j < survey->n_rules; j++) {
			const struct mh_rule *a = &survey->rules[i], *b = &survey->rules[j];

			if ((a->protocol == MH_PROTOCOL || b->protocol == MH_PROTOCOL) &&
			    conflict(a, b) && !is_repeated(survey, i, j))
				r = report(s, a, b);
		}
	}
	return r;
}
