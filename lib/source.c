// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Giving a link further prefixes while it is up, as DHCPv6 delegates them, and taking them back.
 * What packets from them meet is plan-sources.c's part.
 */

#include <string.h>

#include "host.h"
#include "session.h"

static bool find(const struct mh_prefix *prefixes, size_t n, const struct mh_prefix *prefix,
		 size_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (mh_prefix_equal(&prefixes[i], prefix)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool take(struct mh_prefix *prefixes, size_t *n, const struct mh_prefix *prefix)
{
	size_t i;

	if (!find(prefixes, *n, prefix, &i))
		return false;
	memmove(&prefixes[i], &prefixes[i + 1], (*n - i - 1) * sizeof(*prefixes));
	(*n)--;
	return true;
}

/* Return: 1 where the link has changed, 0 where not, or negative errno. */
static int add(struct mh_link *link, const struct mh_prefix *prefix)
{
	size_t i;
	int r;

	if (find(link->added, link->n_added, prefix, &i) ||
	    find(link->sources, link->n_sources, prefix, &i))
		return 0;
	if (link->n_added >= MH_RECORD_LIST_MAX)
		return -E2BIG;
	r = mh_append(link->added, link->n_added, *prefix);
	return r ? r : 1;
}

static int del(struct mh_record *record, const struct mh_prefix *prefix)
{
	struct mh_link *link = record->link;
	size_t i;

	if (take(link->added, &link->n_added, prefix))
		return 1;
	if (!find(link->sources, link->n_sources, prefix, &i))
		return 0;
	if (!mh_record_is_lost(record))
		return -EBUSY;
	return take(link->sources, &link->n_sources, prefix);
}

/* A link that is gone and has nothing left to be refused is no longer on record. */
static int save(struct mh_session *s, struct mh_record *record)
{
	struct mh_record taken;

	if (!mh_record_is_lost(record) || mh_record_lose(record))
		return mh_store_save(s->store, record);
	mh_session_take(s, record, &taken);
	(void)mh_store_remove(s->store, taken.link->ifname);
	mh_link_free(taken.link);
	return 0;
}

int mh_link_source(struct mh_host *host, const char *ifname, const struct mh_prefix *prefix,
		   bool adding, struct mh_report *report)
{
	mh_cleanup(mh_session_end) struct mh_session s = { .report = report, .lock_fd = -1 };
	struct mh_record *record;
	int r = mh_session_begin(host, &s);

	if (r < 0)
		return r;
	mh_session_forget_stale(&s, false);
	record = mh_session_find_name(&s, ifname);
	if (!record)
		return -ENODEV;
	r = adding ? add(record->link, prefix) : del(record, prefix);
	if (r > 0)
		r = save(&s, record);
	return r < 0 ? r : mh_session_reconcile(&s, 0);
}
