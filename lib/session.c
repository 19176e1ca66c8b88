// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sessions: what every operation that changes the host begins and ends with. What it does in
 * between is host.c's and weight.c's part.
 */

#include <string.h>

#include "host.h"
#include "lock.h"
#include "plan.h"
#include "reconcile.h"
#include "session.h"

/* An event is over sooner; who only looks need not wait for more. */
#define LOOK_MSECS 500

void mh_session_end(struct mh_session *s)
{
	mh_records_clear(&s->records);
	mh_known_clear(&s->known);
	mh_state_free(s->snapshot);
	mh_state_free(s->survey);
	mh_kernel_closep(&s->kernel);
	mh_lock_releasep(&s->lock_fd);
	mh_store_close(s->store);
}

static int load_records(struct mh_session *s, unsigned int flags)
{
	mh_cleanup(mh_bad_records_clear) struct mh_bad_records bad = { 0 };
	int r = mh_store_load(s->store, flags, &s->records, &bad);

	for (size_t i = 0; !r && i < bad.n; i++)
		r = mh_report_problem(s->report, MH_PROBLEM_BAD_RECORD, NULL, "remove that file",
				      "the record \"%s\" %s and is passed over: a link of that "
				      "name, if it is up, is not used",
				      bad.v[i].name, bad.v[i].reason);
	return r;
}

static int lock_store(const struct mh_host *host, struct mh_session *s)
{
	int r = mh_store_open(host->run_dir, &s->store);

	if (!r)
		r = mh_lock_acquire(mh_store_fd(s->store), host->deadline_msecs, &s->lock_fd);
	if (r < 0 && r != -ETIMEDOUT)
		(void)mh_report_problem(s->report, MH_PROBLEM_RECORD_NOT_WRITTEN, NULL,
					"make it a directory of root's, writable and not full",
					"%s cannot be used (%s): nothing is changed until it can",
					host->run_dir, strerror(-r));
	return r;
}

static int begin(const struct mh_host *host, struct mh_session *s)
{
	int r = lock_store(host, s);

	if (!r)
		r = host->open_kernel(host->open_kernel_arg, &s->kernel);
	if (!r)
		r = load_records(s, MH_STORE_LOCKED);
	return r;
}

int mh_session_begin(const struct mh_host *host, struct mh_session *s)
{
	int r = begin(host, s);

	return r ? r : s->kernel->ops->snapshot(s->kernel, &s->snapshot);
}

int mh_session_begin_event(const struct mh_host *host, struct mh_session *s, int ifindex)
{
	int r = begin(host, s);

	if (!r)
		r = mh_known_from_records(&s->records, ifindex, &s->known);
	if (r < 0)
		return r;
	s->kernel->known = &s->known;
	return s->kernel->ops->snapshot(s->kernel, &s->snapshot);
}

int mh_session_look(const struct mh_host *host, struct mh_session *s)
{
	unsigned int wait = host->deadline_msecs < LOOK_MSECS ? host->deadline_msecs : LOOK_MSECS;
	int r = mh_store_open_existing(host->run_dir, &s->store);

	if (!r) {
		(void)mh_lock_acquire(mh_store_fd(s->store), wait, &s->lock_fd);
		r = load_records(s, 0);
	}
	if (r == -ENOENT)
		r = 0;
	if (!r)
		r = host->open_kernel(host->open_kernel_arg, &s->kernel);
	if (!r)
		r = s->kernel->ops->snapshot(s->kernel, &s->snapshot);
	/* Records and snapshot are of one moment; no event has to wait for the rest. */
	s->steady = s->lock_fd >= 0;
	s->lock_fd = mh_lock_release(s->lock_fd);
	return r ? r : s->kernel->ops->survey(s->kernel, &s->survey);
}

static bool has_same_name(const struct mh_record *a, const struct mh_record *b)
{
	return !strcmp(a->link->ifname, b->link->ifname);
}

static bool has_name(const struct mh_records *records, const char *ifname)
{
	for (size_t i = 0; i < records->n; i++) {
		if (!strcmp(records->v[i].link->ifname, ifname))
			return true;
	}
	return false;
}

/*
 * A record as it is on disk.
 * @changed: it reads otherwise now
 * @left: no record that is kept has this name, unless another link took it
 */
struct written {
	char name[MH_IFNAME_SIZE];
	bool changed;
	bool left;
};

/*
 * First all that is new, then the names that nobody has now: two links may have changed names.
 * Where the new cannot be written nothing old goes, or a link that is up would be without a record.
 */
static void rewrite_records(struct mh_session *s, const struct written *written, size_t n)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->records.n; i++) {
		if (written[i].changed)
			r = mh_store_save(s->store, &s->records.v[i]);
	}
	for (size_t i = 0; !r && i < n; i++) {
		if (written[i].left && !has_name(&s->records, written[i].name))
			(void)mh_store_remove(s->store, written[i].name);
	}
}

/* An interface may have taken the name of a link that is lost, and a record is found by its name.
 */
static void drop_namesakes(struct mh_session *s, struct written *written)
{
	for (size_t i = 0; i < s->records.n;) {
		struct mh_record *record = &s->records.v[i];
		struct mh_record taken;
		bool namesake = false;

		for (size_t j = 0; mh_record_is_lost(record) && j < s->records.n; j++)
			namesake |= j != i && has_same_name(record, &s->records.v[j]);
		if (!namesake) {
			i++;
			continue;
		}
		mh_session_take(s, record, &taken);
		mh_link_free(taken.link);
		for (size_t j = i; written && j < s->records.n; j++)
			written[j].changed = written[j + 1].changed;
	}
}

/*
 * A record that cannot be brought up to date on disk is no harm: what is true is found out anew at
 * every event.
 */
void mh_session_forget_stale(struct mh_session *s, bool dry_run)
{
	size_t n = s->records.n, kept = 0;
	mh_cleanup(mh_freep) struct written *written = calloc(n + 1, sizeof(*written));

	for (size_t i = 0; i < n; i++) {
		struct mh_record record = s->records.v[i];
		char name[MH_IFNAME_SIZE];
		bool changed, keep;

		memcpy(name, record.link->ifname, sizeof(name));
		changed = mh_record_refresh(&record, s->snapshot);
		keep = mh_record_is_up(&record) || mh_record_is_lost(&record);
		if (written) {
			memcpy(written[i].name, name, sizeof(name));
			written[i].left = !keep || strcmp(record.link->ifname, name);
		}
		if (!keep) {
			mh_link_free(record.link);
			continue;
		}
		if (written)
			written[kept].changed = changed;
		s->records.v[kept++] = record;
	}
	s->records.n = kept;
	drop_namesakes(s, written);
	if (written && !dry_run)
		rewrite_records(s, written, n);
}

/* The session's own are not looked at any more. */
static int give_links(struct mh_session *s)
{
	struct mh_report *report = s->report;
	int r = 0;

	for (size_t i = 0; !r && report && i < s->records.n; i++) {
		struct mh_record *record = &s->records.v[i];

		if (!mh_record_is_up(record))
			continue;
		r = mh_append(report->links, report->n_links, record->link);
		if (r)
			break;
		record->link->table = record->table;
		record->link = NULL;
	}
	return r;
}

int mh_session_reconcile(struct mh_session *s, unsigned int flags)
{
	int r = mh_reconcile_records(s->kernel, &s->records, &s->snapshot, flags, s->report);

	return r ? r : give_links(s);
}

struct mh_record *mh_session_find_name(struct mh_session *s, const char *ifname)
{
	for (size_t i = 0; i < s->records.n; i++) {
		if (!strcmp(s->records.v[i].link->ifname, ifname))
			return &s->records.v[i];
	}
	return NULL;
}

void mh_session_take(struct mh_session *s, struct mh_record *record, struct mh_record *ret)
{
	size_t i = (size_t)(record - s->records.v);

	*ret = *record;
	memmove(record, record + 1, (s->records.n - i - 1) * sizeof(*record));
	s->records.n--;
}

struct mh_record *mh_session_find(struct mh_session *s, int ifindex)
{
	for (size_t i = 0; i < s->records.n; i++) {
		if (s->records.v[i].link->ifindex == ifindex)
			return &s->records.v[i];
	}
	return NULL;
}
