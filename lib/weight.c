// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Giving a link that is up another weight, draining it by weight 0 included. That established
 * flows stay with a drained link is the work of the rules it keeps.
 */

#include "host.h"
#include "session.h"

static bool carries(const struct mh_session *s, const struct mh_record *record,
		    enum mh_family family)
{
	const struct mh_link *link = record->link;
	const struct mh_iface *iface = mh_state_iface(s->snapshot, link->ifindex);

	return link->weight && mh_prefix_is_set(&link->part[family].local) && iface &&
	       iface->carrier;
}

static bool is_last(const struct mh_session *s, const struct mh_record *record,
		    enum mh_family family)
{
	if (!carries(s, record, family))
		return false;
	for (size_t i = 0; i < s->records.n; i++) {
		if (&s->records.v[i] != record && carries(s, &s->records.v[i], family))
			return false;
	}
	return true;
}

static int check_last(const struct mh_session *s, const struct mh_record *record)
{
	for (enum mh_family family = MH_INET; family < MH_FAMILIES; family++) {
		if (!is_last(s, record, family))
			continue;
		(void)mh_report_problem(s->report, MH_PROBLEM_LAST_LINK, record->link->ifname,
					"bring up another link first, or say --force",
					"it is the last link that carries new IPv%s traffic: not "
					"drained",
					family == MH_INET6 ? "6" : "4");
		return -EBUSY;
	}
	return 0;
}

int mh_link_weight(struct mh_host *host, const char *ifname, uint32_t weight, unsigned int flags,
		   struct mh_report *report)
{
	mh_cleanup(mh_session_end) struct mh_session s = { .report = report, .lock_fd = -1 };
	struct mh_record *record;
	int r;

	if (weight > MH_WEIGHT_MAX)
		return -EINVAL;
	r = mh_session_begin_event(host, &s, 0);
	if (r < 0)
		return r;
	mh_session_forget_stale(&s, false);
	record = mh_session_find_name(&s, ifname);
	if (!record || mh_record_is_lost(record))
		return -ENODEV;
	if (!weight && !(flags & MH_WEIGHT_FORCE)) {
		r = check_last(&s, record);
		if (r < 0)
			return r;
	}
	record->weight_changed |= record->link->weight != weight;
	record->link->weight = weight;
	r = mh_store_save(s.store, record);
	return r ? r : mh_session_reconcile(&s, 0);
}
