/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One operation on the host, under the lock: the run directory opened, the records loaded, the
 * kernel read. Nothing of it stays open between two operations.
 */

#include "kernel.h"
#include "report.h"
#include "store.h"

/*
 * All zero at first but for @lock_fd, -1, and @report, which is borrowed and may be NULL.
 * @known: of an event, the interfaces that it is about
 * @survey: set by mh_session_look() alone
 * @steady: of such a look, records and snapshot are of one moment, not of the middle of an event
 * @root: put before the paths that mh_check() reads
 */
struct mh_session {
	struct mh_report *report;
	struct mh_store *store;
	int lock_fd;
	struct mh_kernel *kernel;
	struct mh_records records;
	struct mh_known known;
	struct mh_state *snapshot;
	struct mh_state *survey;
	bool steady;
	const char *root;
};

/* mh_session_begin() - fills in @s. Return: 0 or negative errno, with @s to be ended all the same.
 */
int mh_session_begin(const struct mh_host *host, struct mh_session *s);

/*
 * mh_session_begin_event() - the same, for what concerns one link
 * @ifindex: its interface, if it may be of no link on record; else 0
 *
 * The snapshot has the interfaces of links, that one, and those that routes name.
 */
int mh_session_begin_event(const struct mh_host *host, struct mh_session *s, int ifindex);

/*
 * mh_session_look() - begin an operation that changes nothing
 *
 * Takes the lock for records and snapshot where it can be had soon, which takes privilege; the
 * survey, which may be long, is made without it. Return: as above; no run directory is no error.
 */
int mh_session_look(const struct mh_host *host, struct mh_session *s);

void mh_session_end(struct mh_session *s);

/* mh_session_forget_stale() - drop records, or parts of them, that are true no more */
void mh_session_forget_stale(struct mh_session *s, bool dry_run);

/* mh_session_find() - the record of an interface; NULL: none */
struct mh_record *mh_session_find(struct mh_session *s, int ifindex);

/* mh_session_find_name() - likewise by name; the link may be lost */
struct mh_record *mh_session_find_name(struct mh_session *s, const char *ifname);

/* mh_session_take() - remove a record from the session, not from the store */
void mh_session_take(struct mh_session *s, struct mh_record *record, struct mh_record *ret);

/*
 * mh_session_reconcile() - have the kernel follow the session's records; see reconcile.h
 *
 * The last thing to be done with the records: their links go into the report.
 */
int mh_session_reconcile(struct mh_session *s, unsigned int flags);
