// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The operations of multihome.h that change the host: each begins a session (session.c), writes
 * down the new intent, and has reconcile.c make it so. Nothing stays open between two operations,
 * because pppd forks and closes descriptors as it likes.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "address.h"
#include "host.h"
#include "plan.h"
#include "reconcile.h"
#include "session.h"
#include "tables.h"

#define RUN_DIR "/run/multihome"
#define DEADLINE_MSECS 1000

static int open_netlink(void *arg, struct mh_kernel **ret)
{
	(void)arg;
	return mh_kernel_netlink_open(ret);
}

int mh_host_open(const char *run_dir, struct mh_host **ret)
{
	struct mh_host *host;

	if (!run_dir)
		run_dir = RUN_DIR;
	if (*run_dir != '/')
		return -EINVAL;
	host = calloc(1, sizeof(*host));
	if (!host)
		return -ENOMEM;
	host->run_dir = strdup(run_dir);
	if (!host->run_dir) {
		free(host);
		return -ENOMEM;
	}
	host->deadline_msecs = DEADLINE_MSECS;
	host->open_kernel = open_netlink;
	*ret = host;
	return 0;
}

struct mh_host *mh_host_close(struct mh_host *host)
{
	if (!host)
		return NULL;
	free(host->run_dir);
	free(host);
	return NULL;
}

void mh_host_set_deadline(struct mh_host *host, unsigned int msecs)
{
	host->deadline_msecs = msecs;
}

static uint64_t next_seq(const struct mh_session *s)
{
	uint64_t seq = 0;

	for (size_t i = 0; i < s->records.n; i++) {
		if (s->records.v[i].seq > seq)
			seq = s->records.v[i].seq;
	}
	return seq + 1;
}

static int check_parts(const struct mh_link *link, const struct mh_state *snapshot)
{
	if (!mh_state_iface(snapshot, link->ifindex))
		return -ENODEV;
	for (size_t i = 0; i < MH_FAMILIES; i++) {
		const struct mh_prefix *local = &link->part[i].local;

		if (mh_prefix_is_set(local) && !mh_state_has_addr(snapshot, link->ifindex, local))
			return -EADDRNOTAVAIL;
	}
	return 0;
}

/* What a link that was up all the time keeps of what it was. */
static void keep_old(const struct mh_record *record, struct mh_link *link)
{
	const struct mh_link *old = record->link;

	link->since = old->since;
	for (size_t i = 0; i < MH_FAMILIES; i++) {
		if (!mh_prefix_is_set(&link->part[i].local))
			link->part[i] = old->part[i];
	}
	/* A weight given while the link was up holds until its owner describes it otherwise. */
	if (record->weight_asked == link->weight)
		link->weight = old->weight;
}

/*
 * @record: what was known of the interface before, or of a lost link of that name, or all zero; its
 * link is replaced by @link's
 */
static int renew_record(struct mh_session *s, const struct mh_link *link, struct mh_record *record)
{
	struct mh_link *old = record->link, *copy;
	uint32_t weight = link->weight;
	int r = mh_link_copy(link, &copy);

	if (r < 0)
		return r;
	/* The kernel's name, not the caller's: a wrong one would be another link's record. */
	memcpy(copy->ifname, mh_state_iface(s->snapshot, link->ifindex)->name, MH_IFNAME_SIZE);
	free(copy->added);
	copy->added = old ? mh_steal_ptr(old->added) : NULL;
	copy->n_added = old ? old->n_added : 0;
	if (old && !mh_record_is_lost(record)) {
		keep_old(record, copy);
		record->weight_changed |= copy->weight != old->weight;
	} else {
		copy->since = (int64_t)time(NULL);
		record->seq = next_seq(s);
		record->weight_changed = false;
		record->rp_filter_was = -1;
		record->ra_default_was = -1;
	}
	record->weight_asked = weight;
	mh_link_free(old);
	record->link = copy;
	return 0;
}

/* An address that cannot be right does not keep the other family from coming up. */
static int drop_bad_address(struct mh_session *s, struct mh_record *record)
{
	int r = mh_address_check(record->link, &s->records, s->snapshot, s->report);

	if (r != -EINVAL && r != -EADDRINUSE)
		return r;
	record->link->part[MH_INET] = (struct mh_part){ 0 };
	return mh_record_is_up(record) ? 0 : r;
}

static bool table_is_named(uint32_t table, const void *arg)
{
	return mh_tables_name(arg, table) != NULL;
}

static int settle(struct mh_session *s, struct mh_record *record)
{
	mh_cleanup(mh_tables_clear) struct mh_tables tables = { 0 };
	int r = mh_tables_load("", &tables);

	if (r < 0)
		return r;
	return mh_record_settle(record, &s->records, s->snapshot, table_is_named, &tables);
}

static int save_record(const struct mh_host *host, struct mh_session *s,
		       const struct mh_record *record)
{
	char mend[MH_TEXT_SIZE];
	int r = mh_store_save(s->store, record);

	if (r >= 0)
		return r;
	snprintf(mend, sizeof(mend), "make %s writable, with room in it", host->run_dir);
	(void)mh_report_problem(s->report, MH_PROBLEM_RECORD_NOT_WRITTEN, record->link->ifname,
				mend,
				"its record cannot be written (%s): it gets neither table nor "
				"share of the default route until it can",
				strerror(-r));
	return r;
}

static struct mh_record *find_lost(struct mh_session *s, const char *ifname)
{
	struct mh_record *record = mh_session_find_name(s, ifname);

	return record && mh_record_is_lost(record) ? record : NULL;
}

static int put_record(const struct mh_host *host, struct mh_session *s, const struct mh_link *link)
{
	struct mh_record *old = mh_session_find(s, link->ifindex), record = { 0 };
	int r;

	if (!old)
		old = find_lost(s, mh_state_iface(s->snapshot, link->ifindex)->name);
	if (old)
		mh_session_take(s, old, &record);
	r = renew_record(s, link, &record);
	if (!r)
		r = drop_bad_address(s, &record);
	if (!r)
		r = settle(s, &record);
	if (!r)
		r = save_record(host, s, &record);
	if (!r)
		r = mh_append(s->records.v, s->records.n, record);
	if (r < 0) {
		mh_link_free(record.link);
		return r;
	}
	mh_records_sort(&s->records);
	return 0;
}

int mh_link_up(struct mh_host *host, const struct mh_link *link, struct mh_report *report)
{
	mh_cleanup(mh_session_end) struct mh_session s = { .report = report, .lock_fd = -1 };
	int r = mh_session_begin_event(host, &s, link->ifindex);

	if (!r)
		r = check_parts(link, s.snapshot);
	if (r < 0)
		return r;
	mh_session_forget_stale(&s, false);
	r = put_record(host, &s, link);
	return r ? r : mh_session_reconcile(&s, 0);
}

/* What a setting of an interface was before we changed it. */
struct restore {
	struct mh_iface iface;
	bool rp_filter;
	bool ra_default;
};

/* What we changed on an interface that stays goes back to what it was. */
static int restore_settings(struct mh_session *s, const struct restore *restore)
{
	struct mh_op ops[2];
	size_t n = 0;

	if (restore->rp_filter)
		ops[n++] = (struct mh_op){ MH_REPLACE, MH_KIND_RP_FILTER,
					   .iface = &restore->iface };
	if (restore->ra_default)
		ops[n++] = (struct mh_op){ MH_REPLACE, MH_KIND_RA_DEFAULT,
					   .iface = &restore->iface };
	return mh_reconcile_settings(s->kernel, ops, n, s->snapshot, s->report);
}

/* A PPP link, which has a peer, is about to vanish, and still has packets to take. */
static bool goes(const struct mh_link *link, enum mh_family family, unsigned int families)
{
	return families & 1u << family && !mh_prefix_is_set(&link->part[family].peer);
}

static struct restore find_restore(const struct mh_record *record, unsigned int families)
{
	const struct mh_link *link = record->link;
	struct restore restore = { .iface = { .ifindex = link->ifindex } };

	memcpy(restore.iface.name, link->ifname, sizeof(restore.iface.name));
	if (record->rp_filter_was >= 0 && goes(link, MH_INET, families)) {
		restore.rp_filter = true;
		restore.iface.rp_filter = (uint8_t)record->rp_filter_was;
	}
	if (record->ra_default_was >= 0 && goes(link, MH_INET6, families)) {
		restore.ra_default = true;
		restore.iface.ra_default = record->ra_default_was;
	}
	return restore;
}

/* The kernel is told all the same: the interface, and what needs the record, is about to go. */
static void tell_not_dropped(struct mh_session *s, const struct mh_record *record, int r)
{
	if (r < 0)
		(void)mh_report_problem(s->report, MH_PROBLEM_RECORD_NOT_WRITTEN,
					record->link->ifname, "make /run writable",
					"its record cannot be brought up to date (%s): the next "
					"event brings back what is down now, unless its address is "
					"gone by then",
					strerror(-r));
}

/* @record: taken out of the session; goes back where a part of it stays up, or it is lost */
static int drop_parts(struct mh_session *s, struct mh_record *record, unsigned int families)
{
	for (size_t i = 0; i < MH_FAMILIES; i++) {
		if (families & 1u << i)
			record->link->part[i] = (struct mh_part){ 0 };
	}
	if (!mh_record_is_up(record) && !mh_record_lose(record)) {
		tell_not_dropped(s, record, mh_store_remove(s->store, record->link->ifname));
		record->link = mh_link_free(record->link);
		return 0;
	}
	if (families & 1u << MH_INET)
		record->rp_filter_was = -1;
	if (families & 1u << MH_INET6)
		record->ra_default_was = -1;
	tell_not_dropped(s, record, mh_store_save(s->store, record));
	return mh_append(s->records.v, s->records.n, *record);
}

int mh_link_down(struct mh_host *host, int ifindex, unsigned int families, struct mh_report *report)
{
	mh_cleanup(mh_session_end) struct mh_session s = { .report = report, .lock_fd = -1 };
	struct mh_record *found, record;
	struct restore restore = { 0 };
	int r = mh_session_begin_event(host, &s, 0);

	if (r < 0)
		return r;
	mh_session_forget_stale(&s, false);
	found = mh_session_find(&s, ifindex);
	if (found) {
		restore = find_restore(found, families);
		mh_session_take(&s, found, &record);
		r = drop_parts(&s, &record, families);
		if (r < 0) {
			mh_link_free(record.link);
			return r;
		}
		mh_records_sort(&s.records);
	}
	r = mh_session_reconcile(&s, 0);
	return r ? r : restore_settings(&s, &restore);
}

int mh_reconcile(struct mh_host *host, unsigned int flags, struct mh_report *report)
{
	mh_cleanup(mh_session_end) struct mh_session s = { .report = report, .lock_fd = -1 };
	int r = mh_session_begin(host, &s);

	if (r < 0)
		return r;
	mh_session_forget_stale(&s, flags & MH_RECONCILE_DRY_RUN);
	return mh_session_reconcile(&s, flags);
}

int mh_flush(struct mh_host *host, struct mh_report *report)
{
	mh_cleanup(mh_session_end) struct mh_session s = { .report = report, .lock_fd = -1 };
	mh_cleanup(mh_records_clear) struct mh_records records = { 0 };
	int r = mh_session_begin(host, &s);

	if (r < 0)
		return r;
	records = s.records;
	s.records = (struct mh_records){ 0 };
	r = mh_session_reconcile(&s, 0);
	for (size_t i = 0; !r && i < records.n; i++) {
		struct restore restore = find_restore(&records.v[i],
						      1u << MH_INET | 1u << MH_INET6);

		if (mh_state_iface(s.snapshot, restore.iface.ifindex))
			r = restore_settings(&s, &restore);
	}
	return r;
}

int mh_links(struct mh_host *host, struct mh_link ***ret, size_t *ret_n)
{
	mh_cleanup(mh_store_closep) struct mh_store *store = NULL;
	mh_cleanup(mh_records_clear) struct mh_records records = { 0 };
	struct mh_link **links;
	size_t n = 0;
	int r = mh_store_open_existing(host->run_dir, &store);

	if (!r)
		r = mh_store_load(store, 0, &records, NULL);
	if (r < 0 && r != -ENOENT)
		return r;
	links = calloc(records.n + 1, sizeof(*links));
	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < records.n; i++) {
		if (mh_record_is_lost(&records.v[i]))
			continue;
		links[n] = mh_steal_ptr(records.v[i].link);
		links[n++]->table = records.v[i].table;
	}
	*ret = links;
	*ret_n = n;
	return 0;
}
