// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Records against the facts: what is stale, and which slot and table a link gets that comes up.
 * Pure. What objects follow from it is plan.c's part.
 */

#include <string.h>

#include "plan.h"

static bool part_is_true(const struct mh_record *record, const struct mh_part *part,
			 const struct mh_state *snapshot)
{
	return mh_state_has_addr(snapshot, record->link->ifindex, &part->local);
}

bool mh_record_refresh(struct mh_record *record, const struct mh_state *snapshot)
{
	struct mh_link *link = record->link;
	const struct mh_iface *iface = mh_state_iface(snapshot, link->ifindex);
	bool changed = false;

	if (mh_record_is_lost(record))
		return false;
	if (iface && strcmp(iface->name, link->ifname)) {
		memcpy(link->ifname, iface->name, sizeof(link->ifname));
		changed = true;
	}
	for (size_t i = 0; i < MH_FAMILIES; i++) {
		struct mh_part *part = &link->part[i];

		if (mh_prefix_is_set(&part->local) &&
		    (!iface || !part_is_true(record, part, snapshot))) {
			*part = (struct mh_part){ 0 };
			changed = true;
		}
	}
	if (!mh_record_is_up(record))
		(void)mh_record_lose(record);
	return changed;
}

/* One bit per slot. */
struct slots {
	uint8_t taken[MH_SLOT_MAX / 8 + 1];
};

static void take(struct slots *slots, uint64_t slot)
{
	if (slot <= MH_SLOT_MAX)
		slots->taken[slot / 8] |= (uint8_t)(1 << slot % 8);
}

/* An automatic table is bound to its slot: whoever uses the table takes the slot. */
static void take_table(struct slots *slots, uint32_t table)
{
	if (table > MH_TABLE_AUTO)
		take(slots, table - MH_TABLE_AUTO);
}

static bool is_taken(const struct slots *slots, uint32_t slot)
{
	return slots->taken[slot / 8] & (1 << slot % 8);
}

/* What no link can have, even if it had it before. */
static void take_used(struct slots *slots, const struct mh_records *others,
		      const struct mh_state *snapshot)
{
	for (size_t i = 0; i < others->n; i++) {
		take(slots, others->v[i].slot);
		take_table(slots, others->v[i].table);
	}
	for (size_t i = 0; i < snapshot->n_nexthops; i++) {
		const struct mh_nexthop *nexthop = &snapshot->nexthops[i];

		if (nexthop->protocol != MH_PROTOCOL && nexthop->id >= MH_NEXTHOP_BASE)
			take(slots, (nexthop->id - MH_NEXTHOP_BASE) / 10);
	}
}

/* What a new link keeps clear of: others' rules may mean tables that they have filled. */
static void take_named(struct slots *slots, const struct mh_state *snapshot)
{
	for (size_t i = 0; i < snapshot->n_rules; i++) {
		if (snapshot->rules[i].protocol != MH_PROTOCOL)
			take_table(slots, snapshot->rules[i].table);
	}
}

static bool table_is_taken(uint32_t table, const struct mh_records *others)
{
	for (size_t i = 0; i < others->n; i++) {
		if (others->v[i].table == table)
			return true;
	}
	return table == MH_TABLE_HOST;
}

static void note_settings(struct mh_record *record, const struct mh_state *snapshot)
{
	const struct mh_link *link = record->link;
	const struct mh_iface *iface = mh_state_iface(snapshot, link->ifindex);

	if (!iface)
		return;
	if (record->rp_filter_was < 0 && mh_is_strict(iface, snapshot) &&
	    link->rp_filter == MH_RP_FILTER_LOOSE)
		record->rp_filter_was = iface->rp_filter;
	if (record->ra_default_was < 0 && iface->ra_default &&
	    mh_prefix_is_set(&link->part[MH_INET6].local))
		record->ra_default_was = 1;
}

int mh_record_settle(struct mh_record *record, const struct mh_records *others,
		     const struct mh_state *snapshot,
		     bool (*is_named)(uint32_t table, const void *arg), const void *arg)
{
	struct slots slots = { 0 };
	uint32_t slot = record->slot;

	take_used(&slots, others, snapshot);
	if (!slot || is_taken(&slots, slot)) {
		take_named(&slots, snapshot);
		for (slot = 1; slot <= MH_SLOT_MAX; slot++) {
			if (!is_taken(&slots, slot) && !is_named(MH_TABLE_AUTO + slot, arg))
				break;
		}
	}
	if (slot > MH_SLOT_MAX)
		return -ENOSPC;
	record->slot = slot;
	record->table = record->link->table;
	if (!record->table || table_is_taken(record->table, others))
		record->table = MH_TABLE_AUTO + slot;
	note_settings(record, snapshot);
	return 0;
}
