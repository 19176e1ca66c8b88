// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The links as they are: what their owners asked from the records, what the kernel makes of it from
 * a survey. What is wrong with it is inspect.c's part, showing it the caller's.
 */

#include <string.h>

#include "inspect.h"
#include "plan-private.h"

const char *mh_link_state_name(enum mh_link_state state)
{
	switch (state) {
	case MH_LINK_UP:
		return "up";
	case MH_LINK_DRAINED:
		return "drained";
	case MH_LINK_STALE:
		return "stale";
	}
	return "unknown";
}

static void status_clear(struct mh_link_status *status)
{
	mh_link_free(status->link);
	free(status->addresses);
	free(status->refused);
}

struct mh_status *mh_status_free(struct mh_status *status)
{
	if (!status)
		return NULL;
	for (size_t i = 0; i < status->n_links; i++)
		status_clear(&status->links[i]);
	for (size_t i = 0; i < status->n_defaults; i++)
		free(status->defaults[i].links);
	free(status->links);
	free(status->defaults);
	mh_report_clear(&status->report);
	free(status);
	return NULL;
}

static void mh_status_freep(struct mh_status **status)
{
	mh_status_free(*status);
}

static int fill_family(const struct mh_state *survey, enum mh_family family,
		       struct mh_link_status *status)
{
	mh_cleanup(mh_ways_clear) struct mh_ways ways = { 0 };
	uint32_t metric = mh_kernel_metric(family, status->link->metric);
	const struct mh_route *route = mh_tier_default(survey, family, metric);
	int r = route ? mh_ways_of(survey, route, &ways) : 0;

	status->metric[family] = metric;
	for (size_t i = 0; !r && i < ways.n; i++) {
		if (ways.v[i].oif != status->link->ifindex)
			continue;
		status->weight[family] = ways.v[i].weight;
		if (route == mh_first_default(survey, family))
			status->share[family] = ways.v[i].share;
	}
	return r;
}

static int fill_addresses(const struct mh_state *survey, struct mh_link_status *status)
{
	size_t n;
	const struct mh_ifaddr *addrs = mh_state_addrs(survey, status->link->ifindex, &n);
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		if (mh_is_followed(&addrs[i]))
			r = mh_append(status->addresses, status->n_addresses, addrs[i].local);
	}
	return r;
}

static bool is_refused(const struct mh_state *survey, const struct mh_prefix *prefix)
{
	for (size_t i = 0; i < survey->n_rules; i++) {
		const struct mh_rule *rule = &survey->rules[i];

		if (rule->protocol == MH_PROTOCOL && rule->pref == MH_PREF_REFUSE &&
		    mh_prefix_equal(&rule->sel.from, prefix))
			return true;
	}
	return false;
}

static int fill_refused(const struct mh_state *survey, const struct mh_prefix *prefixes, size_t n,
			struct mh_link_status *status)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		if (is_refused(survey, &prefixes[i]))
			r = mh_append(status->refused, status->n_refused, prefixes[i]);
	}
	return r;
}

/* All that is left of it is the record, and rules that refuse what bears its prefixes. */
static int fill_stale(const struct mh_state *survey, const struct mh_record *record,
		      struct mh_link_status *status)
{
	const struct mh_link *link = record->link;
	int r = mh_link_copy(link, &status->link);

	if (r < 0)
		return r;
	status->state = MH_LINK_STALE;
	status->link->table = record->table;
	for (enum mh_family family = MH_INET; family < MH_FAMILIES; family++)
		status->metric[family] = mh_kernel_metric(family, link->metric);
	r = fill_refused(survey, link->sources, link->n_sources, status);
	return r ? r : fill_refused(survey, link->added, link->n_added, status);
}

static int fill_link(const struct mh_state *survey, const struct mh_record *record,
		     struct mh_link_status *status)
{
	struct mh_record now = *record;
	const struct mh_iface *iface;
	int r = mh_link_copy(record->link, &now.link);

	if (r < 0)
		return r;
	mh_record_refresh(&now, survey);
	if (!mh_record_is_up(&now)) {
		mh_link_free(now.link);
		return fill_stale(survey, record, status);
	}
	status->link = now.link;
	status->link->table = record->table;
	status->state = status->link->weight ? MH_LINK_UP : MH_LINK_DRAINED;
	iface = mh_state_iface(survey, status->link->ifindex);
	status->rx_bytes = iface->rx_bytes;
	status->tx_bytes = iface->tx_bytes;
	for (enum mh_family family = MH_INET; !r && family < MH_FAMILIES; family++) {
		if (mh_prefix_is_set(&status->link->part[family].local))
			r = fill_family(survey, family, status);
	}
	if (!r && mh_prefix_is_set(&status->link->part[MH_INET6].local))
		r = fill_addresses(survey, status);
	return r;
}

static int fill_links(const struct mh_session *s, struct mh_status *status)
{
	int r = 0;

	status->links = calloc(s->records.n + 1, sizeof(*status->links));
	if (!status->links)
		return -ENOMEM;
	for (size_t i = 0; !r && i < s->records.n; i++)
		r = fill_link(s->survey, &s->records.v[i], &status->links[status->n_links++]);
	return r;
}

static int fill_default(const struct mh_state *survey, const struct mh_route *route,
			struct mh_default *ret)
{
	mh_cleanup(mh_ways_clear) struct mh_ways ways = { 0 };
	const struct mh_nexthop *group = mh_state_nexthop(survey, route->nhid);
	int r = mh_ways_of(survey, route, &ways);

	if (r < 0)
		return r;
	ret->family = (enum mh_family)mh_family_from_af(route->family);
	ret->metric = route->metric;
	ret->resilient = group && group->resilient;
	ret->carrying = route == mh_first_default(survey, ret->family);
	for (size_t i = 0; !r && i < ways.n; i++) {
		const struct mh_iface *iface = mh_state_iface(survey, ways.v[i].oif);
		struct mh_default_link link = {
			.weight = ways.v[i].weight,
			.share = ways.v[i].share,
		};

		if (iface)
			memcpy(link.ifname, iface->name, sizeof(link.ifname));
		r = mh_append(ret->links, ret->n_links, link);
	}
	return r;
}

static int compare_default(const void *a, const void *b)
{
	const struct mh_default *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return (x->metric > y->metric) - (x->metric < y->metric);
}

static int fill_defaults(const struct mh_state *survey, struct mh_status *status)
{
	int r = 0;

	for (size_t i = 0; !r && i < survey->n_routes; i++) {
		const struct mh_route *route = &survey->routes[i];
		struct mh_default one = { 0 };

		if (route->protocol != MH_PROTOCOL || route->table != MH_TABLE_MAIN ||
		    route->dst.len)
			continue;
		r = mh_append(status->defaults, status->n_defaults, one);
		if (!r)
			r = fill_default(survey, route, &status->defaults[status->n_defaults - 1]);
	}
	if (status->n_defaults > 1)
		qsort(status->defaults, status->n_defaults, sizeof(*status->defaults),
		      compare_default);
	return r;
}

int mh_status(struct mh_host *host, struct mh_status **ret)
{
	mh_cleanup(mh_status_freep) struct mh_status *status = calloc(1, sizeof(*status));
	mh_cleanup(mh_session_end) struct mh_session s = { .lock_fd = -1 };
	int r;

	if (!status)
		return -ENOMEM;
	s.report = &status->report;
	r = mh_session_look(host, &s);
	if (!r)
		r = fill_links(&s, status);
	if (!r)
		r = fill_defaults(s.survey, status);
	if (r < 0)
		return r;
	mh_session_forget_stale(&s, true);
	r = mh_inspect(&s);
	if (!r)
		*ret = mh_steal_ptr(status);
	return r;
}
