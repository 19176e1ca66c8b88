// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Order and look-up of kernel objects. Pure; the text forms are in text.c.
 */

#include <string.h>

#include "state.h"

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

#define COMPARE_BY(fn, a, b)          \
	do {                          \
		int c = fn((a), (b)); \
		if (c)                \
			return c;     \
	} while (0)

int mh_selector_compare(const struct mh_selector *a, const struct mh_selector *b)
{
	COMPARE(a->invert, b->invert);
	COMPARE_BY(mh_prefix_compare, &a->from, &b->from);
	COMPARE_BY(mh_prefix_compare, &a->to, &b->to);
	COMPARE_BY(strcmp, a->iif, b->iif);
	COMPARE_BY(strcmp, a->oif, b->oif);
	COMPARE(a->mark, b->mark);
	COMPARE(a->mask, b->mask);
	COMPARE(a->uid_set, b->uid_set);
	COMPARE(a->uid_start, b->uid_start);
	COMPARE(a->uid_end, b->uid_end);
	COMPARE(a->ipproto, b->ipproto);
	COMPARE(a->sport[0], b->sport[0]);
	COMPARE(a->sport[1], b->sport[1]);
	COMPARE(a->dport[0], b->dport[0]);
	COMPARE(a->dport[1], b->dport[1]);
	COMPARE(a->tos, b->tos);
	return 0;
}

int mh_rule_compare(const struct mh_rule *a, const struct mh_rule *b)
{
	COMPARE(a->family, b->family);
	COMPARE(a->pref, b->pref);
	COMPARE(a->protocol, b->protocol);
	COMPARE(a->action, b->action);
	COMPARE(a->table, b->table);
	COMPARE(a->suppress_prefixlen, b->suppress_prefixlen);
	COMPARE(a->odd, b->odd);
	return mh_selector_compare(&a->sel, &b->sel);
}

int mh_route_compare_key(const struct mh_route *a, const struct mh_route *b)
{
	COMPARE(a->family, b->family);
	COMPARE(a->table, b->table);
	COMPARE_BY(mh_prefix_compare, &a->dst, &b->dst);
	COMPARE(a->metric, b->metric);
	return 0;
}

int mh_route_compare(const struct mh_route *a, const struct mh_route *b)
{
	COMPARE_BY(mh_route_compare_key, a, b);
	COMPARE(a->protocol, b->protocol);
	COMPARE(a->type, b->type);
	COMPARE(a->scope, b->scope);
	COMPARE(a->nhid, b->nhid);
	COMPARE(a->oif, b->oif);
	COMPARE(a->onlink, b->onlink);
	COMPARE(a->multipath, b->multipath);
	COMPARE_BY(mh_prefix_compare, &a->gateway, &b->gateway);
	return mh_prefix_compare(&a->prefsrc, &b->prefsrc);
}

int mh_nexthop_compare_key(const struct mh_nexthop *a, const struct mh_nexthop *b)
{
	COMPARE(a->id, b->id);
	return 0;
}

bool mh_nexthop_equal(const struct mh_nexthop *a, const struct mh_nexthop *b)
{
	if (a->family != b->family || a->protocol != b->protocol || a->onlink != b->onlink ||
	    a->oif != b->oif || a->n_members != b->n_members ||
	    !mh_prefix_equal(&a->gateway, &b->gateway))
		return false;
	for (size_t i = 0; i < a->n_members; i++) {
		if (a->members[i].id != b->members[i].id ||
		    a->members[i].weight != b->members[i].weight)
			return false;
	}
	return true;
}

static int compare_iface(const void *a, const void *b)
{
	const struct mh_iface *x = a, *y = b;

	COMPARE(x->ifindex, y->ifindex);
	return 0;
}

static int compare_addr(const void *a, const void *b)
{
	const struct mh_ifaddr *x = a, *y = b;

	COMPARE(x->ifindex, y->ifindex);
	COMPARE_BY(mh_prefix_compare, &x->local, &y->local);
	return mh_prefix_compare(&x->network, &y->network);
}

static int compare_route(const void *a, const void *b)
{
	return mh_route_compare(a, b);
}

static int compare_nexthop(const void *a, const void *b)
{
	return mh_nexthop_compare_key(a, b);
}

static int compare_member(const void *a, const void *b)
{
	const struct mh_member *x = a, *y = b;

	COMPARE(x->id, y->id);
	return 0;
}

static void sort(void *v, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n > 1)
		qsort(v, n, size, compare);
}

void mh_state_sort_survey(struct mh_state *state)
{
	sort(state->nexthops, state->n_nexthops, sizeof(*state->nexthops), compare_nexthop);
	for (size_t i = 0; i < state->n_nexthops; i++)
		sort(state->nexthops[i].members, state->nexthops[i].n_members,
		     sizeof(*state->nexthops[i].members), compare_member);
	sort(state->ifaces, state->n_ifaces, sizeof(*state->ifaces), compare_iface);
	sort(state->addrs, state->n_addrs, sizeof(*state->addrs), compare_addr);
}

void mh_state_sort(struct mh_state *state)
{
	mh_state_sort_survey(state);
	sort(state->routes, state->n_routes, sizeof(*state->routes), compare_route);
}

const struct mh_iface *mh_state_iface(const struct mh_state *state, int ifindex)
{
	struct mh_iface key = { .ifindex = ifindex };

	if (!state->n_ifaces)
		return NULL;
	return bsearch(&key, state->ifaces, state->n_ifaces, sizeof(key), compare_iface);
}

const struct mh_nexthop *mh_state_nexthop(const struct mh_state *state, uint32_t id)
{
	struct mh_nexthop key = { .id = id };

	if (!state->n_nexthops)
		return NULL;
	return bsearch(&key, state->nexthops, state->n_nexthops, sizeof(key), compare_nexthop);
}

/* Index of the first address of an interface of this index or a higher one. */
static size_t first_addr(const struct mh_state *state, int64_t ifindex)
{
	size_t lo = 0, hi = state->n_addrs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (state->addrs[mid].ifindex < ifindex)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct mh_ifaddr *mh_state_addrs(const struct mh_state *state, int ifindex, size_t *ret_n)
{
	size_t first = first_addr(state, ifindex);

	*ret_n = first_addr(state, (int64_t)ifindex + 1) - first;
	return *ret_n ? &state->addrs[first] : NULL;
}

bool mh_state_has_addr(const struct mh_state *state, int ifindex, const struct mh_prefix *local)
{
	size_t n;
	const struct mh_ifaddr *addrs = mh_state_addrs(state, ifindex, &n);

	for (size_t i = 0; i < n; i++) {
		if (mh_prefix_equal(&addrs[i].local, local))
			return true;
	}
	return false;
}

bool mh_is_strict(const struct mh_iface *iface, const struct mh_state *state)
{
	uint8_t all = state->rp_filter_all;

	return (iface->rp_filter > all ? iface->rp_filter : all) == 1;
}

struct mh_state *mh_state_free(struct mh_state *state)
{
	if (!state)
		return NULL;
	for (size_t i = 0; i < state->n_nexthops; i++)
		free(state->nexthops[i].members);
	free(state->nexthops);
	free(state->routes);
	free(state->rules);
	free(state->ifaces);
	free(state->addrs);
	free(state);
	return NULL;
}

uint32_t mh_nexthop_id(uint32_t slot, enum mh_family family, unsigned int twin)
{
	return MH_NEXTHOP_BASE + 10 * slot + MH_NEXTHOP_TWINS * (uint32_t)family + twin + 1;
}
