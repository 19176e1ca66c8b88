/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From links to the kernel objects that they should have. Pure: what is true of the host comes in
 * as a snapshot. How to get from the snapshot to the plan is diff.h's part.
 */

#include "report.h"
#include "state.h"

/* Ids of nexthop objects that the kernel has refused, so that groups do without them. */
struct mh_refused {
	uint32_t *ids;
	size_t n;
};

/*
 * mh_record_refresh() - compare a record with what is true
 * @snapshot: sorted
 *
 * Takes over a new interface name, and clears the parts whose address, or whose interface, is
 * gone. Return: was anything changed? A record without a part left is stale as a whole; where it
 * has IPv6 sources it is lost (state.h).
 */
bool mh_record_refresh(struct mh_record *record, const struct mh_state *snapshot);

/*
 * mh_record_settle() - choose slot and table for a link that comes up, keeping what it has
 * @record: with its link set; slot 0 where it has none yet
 * @others: the other records
 * @is_named: does rt_tables give this table a name? Automatic tables keep clear of those.
 *
 * A table that another link uses is not taken: the link gets one of its own, and mh_plan() says
 * so. Notes the interface's settings where the plan will change them. Return: 0, or -ENOSPC where
 * all slots are taken.
 */
int mh_record_settle(struct mh_record *record, const struct mh_records *others,
		     const struct mh_state *snapshot,
		     bool (*is_named)(uint32_t table, const void *arg), const void *arg);

/*
 * mh_plan() - the objects that @records call for
 * @records: refreshed, settled, sorted
 * @refused: may be NULL
 * @report: may be NULL; gets a problem for everything that cannot be as its owner asked
 * @ret: sorted
 *
 * Return: 0 or -ENOMEM.
 */
int mh_plan(const struct mh_records *records, const struct mh_state *snapshot,
	    const struct mh_refused *refused, struct mh_report *report, struct mh_state **ret);
