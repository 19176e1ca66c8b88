// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Links as their owner describes them, and the records made of them: allocation, copying, order.
 * The meaning of the fields is plan.c's part, keeping them in files is store.c's.
 */

#include <string.h>
#include <sys/socket.h>

#include "record.h"
#include "selector.h"

int mh_link_new(struct mh_link **ret)
{
	struct mh_link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->weight = 1;
	*ret = link;
	return 0;
}

struct mh_link *mh_link_free(struct mh_link *link)
{
	if (!link)
		return NULL;
	for (size_t i = 0; i < link->n_rules; i++)
		free(link->rules[i]);
	free(link->rules);
	free(link->routes);
	free(link->sources);
	free(link->added);
	free(link);
	return NULL;
}

int mh_link_add_source(struct mh_link *link, const struct mh_prefix *prefix)
{
	if (link->n_sources >= MH_RECORD_LIST_MAX)
		return -E2BIG;
	return mh_append(link->sources, link->n_sources, *prefix);
}

int mh_link_add_route(struct mh_link *link, const struct mh_prefix *prefix)
{
	if (link->n_routes >= MH_RECORD_LIST_MAX)
		return -E2BIG;
	return mh_append(link->routes, link->n_routes, *prefix);
}

static int add_rule_text(struct mh_link *link, const char *text)
{
	mh_cleanup(mh_freep) char *copy = strdup(text);
	int r;

	if (!copy)
		return -ENOMEM;
	r = mh_append(link->rules, link->n_rules, copy);
	if (!r)
		copy = NULL;
	return r;
}

int mh_link_add_rule(struct mh_link *link, const char *selector,
		     struct mh_selector_error *ret_error)
{
	char text[MH_SELECTOR_SIZE];
	struct mh_selector sel;
	uint32_t pref;
	int r = mh_selector_parse(selector, &sel, &pref, ret_error);

	if (r >= 0)
		r = mh_selector_settle(selector, text);
	if (r >= 0 && link->n_rules >= MH_RECORD_LIST_MAX)
		r = -E2BIG;
	return r < 0 ? r : add_rule_text(link, text);
}

int mh_link_copy(const struct mh_link *link, struct mh_link **ret)
{
	mh_cleanup(mh_link_freep) struct mh_link *copy = NULL;
	int r = mh_link_new(&copy);

	if (r < 0)
		return r;
	*copy = *link;
	copy->sources = copy->routes = copy->added = NULL;
	copy->rules = NULL;
	copy->n_sources = copy->n_routes = copy->n_added = copy->n_rules = 0;
	for (size_t i = 0; !r && i < link->n_sources; i++)
		r = mh_link_add_source(copy, &link->sources[i]);
	for (size_t i = 0; !r && i < link->n_routes; i++)
		r = mh_link_add_route(copy, &link->routes[i]);
	for (size_t i = 0; !r && i < link->n_rules; i++)
		r = add_rule_text(copy, link->rules[i]);
	for (size_t i = 0; !r && i < link->n_added; i++)
		r = mh_append(copy->added, copy->n_added, link->added[i]);
	if (!r)
		*ret = mh_steal_ptr(copy);
	return r;
}

bool mh_record_is_up(const struct mh_record *record)
{
	for (size_t i = 0; i < MH_FAMILIES; i++) {
		if (mh_prefix_is_set(&record->link->part[i].local))
			return true;
	}
	return false;
}

bool mh_record_is_lost(const struct mh_record *record)
{
	return !record->link->ifindex;
}

static bool has_inet6(const struct mh_prefix *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (prefixes[i].family == AF_INET6)
			return true;
	}
	return false;
}

bool mh_record_lose(struct mh_record *record)
{
	struct mh_link *link = record->link;

	if (!has_inet6(link->sources, link->n_sources) && !has_inet6(link->added, link->n_added))
		return false;
	memset(link->part, 0, sizeof(link->part));
	link->ifindex = 0;
	record->rp_filter_was = -1;
	record->ra_default_was = -1;
	return true;
}

void mh_records_clear(struct mh_records *records)
{
	for (size_t i = 0; i < records->n; i++)
		mh_link_free(records->v[i].link);
	free(records->v);
	*records = (struct mh_records){ 0 };
}

static int compare_seq(const void *a, const void *b)
{
	const struct mh_record *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

void mh_records_sort(struct mh_records *records)
{
	if (records->n)
		qsort(records->v, records->n, sizeof(*records->v), compare_seq);
}
