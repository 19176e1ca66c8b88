// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which of our rules are to come and which to go. Pure. When in an event they do is diff.c's part.
 */

#include <string.h>

#include "diff-private.h"

static void rules_clear(struct mh_rules *rules)
{
	free(rules->v);
}

void mh_rule_changes_clear(struct mh_rule_changes *changes)
{
	rules_clear(&changes->add);
	rules_clear(&changes->del);
}

static int compare_slot(const struct mh_rule *a, const struct mh_rule *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return (a->pref > b->pref) - (a->pref < b->pref);
}

static int compare_order(const void *a, const void *b)
{
	const struct mh_rule *x = *(const struct mh_rule *const *)a;
	const struct mh_rule *y = *(const struct mh_rule *const *)b;
	int c = compare_slot(x, y);

	return c ? c : (x > y) - (x < y);
}

static int compare_content(const void *a, const void *b)
{
	const struct mh_rule *x = *(const struct mh_rule *const *)a;
	const struct mh_rule *y = *(const struct mh_rule *const *)b;

	return mh_rule_compare(x, y);
}

static int collect_rules(const struct mh_state *state, struct mh_rules *ret,
			 int (*compare)(const void *, const void *))
{
	int r = 0;

	for (size_t i = 0; !r && i < state->n_rules; i++) {
		if (state->rules[i].protocol == MH_PROTOCOL)
			r = mh_append(ret->v, ret->n, &state->rules[i]);
	}
	if (!r && ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare);
	return r;
}

static bool has_rule(const struct mh_rules *by_content, const struct mh_rule *rule)
{
	return by_content->n && bsearch(&rule, by_content->v, by_content->n, sizeof(*by_content->v),
					compare_content);
}

/*
 * Would the kernel, asked to delete @request, delete @rule? It takes what is not set in the request
 * for "any" (rule_find() in net/core/fib_rules.c), so a wide rule's deletion can hit a narrow one.
 */
static bool request_matches(const struct mh_rule *request, const struct mh_rule *rule)
{
	const struct mh_selector *a = &request->sel, *b = &rule->sel;

	return request->table == rule->table &&
	       (!mh_prefix_is_set(&a->from) || mh_prefix_equal(&a->from, &b->from)) &&
	       (!mh_prefix_is_set(&a->to) || mh_prefix_equal(&a->to, &b->to)) &&
	       (!*a->iif || !strcmp(a->iif, b->iif)) && (!*a->oif || !strcmp(a->oif, b->oif)) &&
	       (!a->mark || a->mark == b->mark) && (!a->mask || a->mask == b->mask) &&
	       (!a->uid_set || (a->uid_start == b->uid_start && a->uid_end == b->uid_end)) &&
	       (!a->ipproto || a->ipproto == b->ipproto) &&
	       (!a->sport[0] || a->sport[0] == b->sport[0]) &&
	       (!a->dport[0] || a->dport[0] == b->dport[0]) && (!a->tos || a->tos == b->tos);
}

/* How many of @wanted, from the first on, can stay as they stand? */
static size_t count_kept(const struct mh_rules *there, const struct mh_rules *wanted,
			 const struct mh_rules *wanted_by_content)
{
	size_t kept = 0;

	for (size_t i = 0; i < there->n && kept < wanted->n; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): n > 0, so it is there */
		if (!mh_rule_compare(there->v[i], wanted->v[kept]))
			kept++;
		else if (has_rule(wanted_by_content, there->v[i]))
			break;
	}
	return kept;
}

/* Appends to @del what stands there beside the first @kept of @wanted. */
static int collect_deletions(const struct mh_rules *there, const struct mh_rules *wanted,
			     size_t kept, struct mh_rules *del)
{
	size_t seen = 0;
	int r = 0;

	for (size_t i = 0; !r && i < there->n; i++) {
		if (seen < kept && !mh_rule_compare(there->v[i], wanted->v[seen]))
			seen++;
		else
			r = mh_append(del->v, del->n, there->v[i]);
	}
	return r;
}

static bool hits_any(const struct mh_rules *del, size_t first_del, const struct mh_rules *wanted,
		     size_t kept)
{
	for (size_t i = first_del; i < del->n; i++) {
		for (size_t j = 0; j < kept; j++) {
			if (request_matches(del->v[i], wanted->v[j]))
				return true;
		}
	}
	return false;
}

/* One preference: @there and @wanted are what stands and what should stand at it. */
static int diff_slot(const struct mh_rules *there, const struct mh_rules *wanted,
		     const struct mh_rules *wanted_by_content, struct mh_rule_changes *changes)
{
	size_t kept = count_kept(there, wanted, wanted_by_content), first_del = changes->del.n;
	int r = collect_deletions(there, wanted, kept, &changes->del);

	/* None stays where it is in the way of a deletion: behind all old ones it is not. */
	if (!r && hits_any(&changes->del, first_del, wanted, kept)) {
		changes->del.n = first_del;
		kept = 0;
		r = collect_deletions(there, wanted, kept, &changes->del);
	}
	for (size_t i = kept; !r && i < wanted->n; i++)
		r = mh_append(changes->add.v, changes->add.n, wanted->v[i]);
	return r;
}

/* The rules from the @start-th on that have the preference of @first. */
static struct mh_rules slot_at(const struct mh_rules *rules, size_t start,
			       const struct mh_rule *first)
{
	size_t end = start;

	while (end < rules->n && !compare_slot(rules->v[end], first))
		end++;
	return end > start ? (struct mh_rules){ &rules->v[start], end - start }
			   : (struct mh_rules){ 0 };
}

int mh_diff_rules(const struct mh_state *snapshot, const struct mh_state *plan,
		  struct mh_rule_changes *ret)
{
	mh_cleanup(rules_clear) struct mh_rules there = { 0 }, wanted = { 0 }, by_content = { 0 };
	size_t i = 0, j = 0;
	int r;

	r = collect_rules(snapshot, &there, compare_order);
	if (!r)
		r = collect_rules(plan, &wanted, compare_order);
	if (!r)
		r = collect_rules(plan, &by_content, compare_content);
	while (!r && (i < there.n || j < wanted.n)) {
		const struct mh_rule *first;
		struct mh_rules slot_there, slot_wanted;

		if (j == wanted.n || (i < there.n && compare_slot(there.v[i], wanted.v[j]) < 0))
			first = there.v[i];
		else
			first = wanted.v[j];
		slot_there = slot_at(&there, i, first);
		slot_wanted = slot_at(&wanted, j, first);
		r = diff_slot(&slot_there, &slot_wanted, &by_content, ret);
		i += slot_there.n;
		j += slot_wanted.n;
	}
	return r;
}
