// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Records against the facts: what is stale, and which slot and table a link gets.
 */

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "world.h"

static bool no_name(uint32_t table, const void *arg)
{
	(void)table;
	(void)arg;
	return false;
}

static bool is_named(uint32_t table, const void *arg)
{
	return table == *(const uint32_t *)arg;
}

/* A new record for @isp1, settled among the others. */
static int settle_new(struct mh_fake *fake, const struct mh_records *others, uint32_t table,
		      struct mh_record *ret)
{
	mh_cleanup(mh_state_freep) struct mh_state *snapshot = mh_world_snapshot(fake);
	mh_auto_records alone = { 0 };
	int r;

	mh_world_add(&alone, 1, INET)->slot = 0;
	alone.v[0].link->table = table;
	r = mh_record_settle(&alone.v[0], others, snapshot, no_name, NULL);
	*ret = alone.v[0];
	ret->link = NULL;
	return r;
}

/* Is @record changed by a look at the host? */
static bool refresh(struct mh_fake *fake, struct mh_record *record)
{
	mh_cleanup(mh_state_freep) struct mh_state *snapshot = mh_world_snapshot(fake);

	return mh_record_refresh(record, snapshot);
}

/* All is as it was: nothing changes. */
static void test_true_record(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET | INET6);
	assert_false(refresh(fake, &records.v[0]));
	assert_true(mh_record_is_up(&records.v[0]));
	mh_fake_set_carrier(fake, 11, false);
	assert_false(refresh(fake, &records.v[0]));
}

/* An address is gone: its part is down. Both are gone: the record is stale. */
static void test_lost_addresses(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_record *record = mh_world_add(&records, 1, INET | INET6);

	(void)state;
	mh_fake_del_addr(fake, 11, "10.0.1.2");
	assert_true(refresh(fake, record));
	assert_false(mh_prefix_is_set(&record->link->part[MH_INET].local));
	assert_false(mh_prefix_is_set(&record->link->part[MH_INET].gateway));
	assert_true(mh_record_is_up(record));
	assert_false(refresh(fake, record));
	mh_fake_del_addr(fake, 11, "2001:db8:1::2");
	assert_true(refresh(fake, record));
	assert_false(mh_record_is_up(record));
}

/* The address is on another interface now, as with a PPP link that came back: stale. */
static void test_address_elsewhere(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_fake_del_addr(fake, 11, "10.0.1.2");
	mh_fake_add_addr(fake, 12, "10.0.1.2", "10.0.1.1");
	assert_true(refresh(fake, &records.v[0]));
	assert_false(mh_record_is_up(&records.v[0]));
}

/* The interface is gone: stale as a whole. Renamed: it is the same link. */
static void test_interface(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_record *record = mh_world_add(&records, 1, INET | INET6);

	(void)state;
	mh_fake_rename(fake, 11, "uplink");
	assert_true(refresh(fake, record));
	assert_string_equal(record->link->ifname, "uplink");
	assert_true(mh_record_is_up(record));
	mh_fake_del_iface(fake, 11);
	assert_true(refresh(fake, record));
	assert_string_equal(record->link->ifname, "uplink");
	assert_false(mh_record_is_up(record));
}

/* The lowest free slot, and its table; a slot is free again when its link is gone. */
static void test_slots(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records others = { 0 };
	struct mh_record record;

	(void)state;
	assert_int_equal(settle_new(fake, &others, 0, &record), 0);
	assert_int_equal(record.slot, 1);
	assert_int_equal(record.table, 77001);
	mh_world_add(&others, 1, INET);
	mh_world_add(&others, 3, INET);
	assert_int_equal(settle_new(fake, &others, 0, &record), 0);
	assert_int_equal(record.slot, 2);
	assert_int_equal(record.table, 77002);
}

/* A link named a number of our range as its table: the slot that would have it is taken. */
static void test_named_in_range(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records others = { 0 };
	struct mh_record record;

	(void)state;
	mh_world_add(&others, 4, INET)->table = 77001;
	assert_int_equal(settle_new(fake, &others, 0, &record), 0);
	assert_int_equal(record.slot, 2);
	assert_int_equal(record.table, 77002);
}

/* The table that the owner named, unless another link has it. */
static void test_named_table(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records others = { 0 };
	struct mh_record record;

	(void)state;
	assert_int_equal(settle_new(fake, &others, 500, &record), 0);
	assert_int_equal(record.slot, 1);
	assert_int_equal(record.table, 500);
	mh_world_add(&others, 1, INET)->table = 500;
	assert_int_equal(settle_new(fake, &others, 500, &record), 0);
	assert_int_equal(record.slot, 2);
	assert_int_equal(record.table, 77002);
}

/* Others' rules, nexthops and names in our range: a new link keeps clear of all three. */
static void test_foreign(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_record *record = mh_world_add(&records, 1, INET);
	struct mh_records none = { 0 };
	struct mh_rule rule = { .family = AF_INET, .action = FR_ACT_TO_TBL, .pref = 5 };
	struct mh_nexthop nexthop = { .id = 77000024, .family = AF_INET, .oif = 12 };
	struct mh_op op = { .verb = MH_APPEND, .kind = MH_KIND_RULE, .rule = &rule };
	mh_cleanup(mh_state_freep) struct mh_state *snapshot = NULL;
	uint32_t named = 77003;

	(void)state;
	rule.table = 77001;
	rule.suppress_prefixlen = -1;
	assert_int_equal(mh_fake_apply(fake, &op), 0);
	nexthop.protocol = RTPROT_STATIC;
	op = (struct mh_op){ .verb = MH_ADD, .kind = MH_KIND_NEXTHOP, .nexthop = &nexthop };
	assert_int_equal(mh_fake_apply(fake, &op), 0);
	snapshot = mh_world_snapshot(fake);
	record->slot = 0;
	assert_int_equal(mh_record_settle(record, &none, snapshot, is_named, &named), 0);
	assert_int_equal(record->slot, 4);
	assert_int_equal(record->table, 77004);
	/* What has its slot keeps it, whoever names its table, but not where an id is lost. */
	record->slot = 1;
	assert_int_equal(mh_record_settle(record, &none, snapshot, is_named, &named), 0);
	assert_int_equal(record->slot, 1);
	record->slot = 2;
	assert_int_equal(mh_record_settle(record, &none, snapshot, is_named, &named), 0);
	assert_int_equal(record->slot, 4);
}

/* All 65,535 slots are taken: that is said, and the record is as it was. */
static void test_full(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_cleanup(mh_freep) struct mh_record *v = calloc(MH_SLOT_MAX, sizeof(*v));
	struct mh_records others = { v, MH_SLOT_MAX };
	struct mh_record record;

	(void)state;
	assert_non_null(v);
	for (uint32_t i = 0; i < MH_SLOT_MAX; i++)
		v[i].slot = i + 1;
	assert_int_equal(settle_new(fake, &others, 0, &record), -ENOSPC);
	assert_int_equal(record.slot, 0);
	others.n--;
	assert_int_equal(settle_new(fake, &others, 0, &record), 0);
	assert_int_equal(record.slot, MH_SLOT_MAX);
}

/* What rp_filter was is noted once, where it will be changed, and not over what was noted. */
static void test_rp_filter_noted(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_records none = { 0 };
	struct mh_record *record = mh_world_add(&records, 1, INET);
	struct mh_state *snapshot = mh_world_snapshot(fake);

	(void)state;
	assert_int_equal(mh_record_settle(record, &none, snapshot, no_name, NULL), 0);
	assert_int_equal(record->rp_filter_was, -1);
	mh_state_free(snapshot);
	fake->state.rp_filter_all = 1;
	snapshot = mh_world_snapshot(fake);
	assert_int_equal(mh_record_settle(record, &none, snapshot, no_name, NULL), 0);
	assert_int_equal(record->rp_filter_was, 0);
	mh_state_free(snapshot);
	mh_fake_iface(fake, 11)->rp_filter = 1;
	snapshot = mh_world_snapshot(fake);
	assert_int_equal(mh_record_settle(record, &none, snapshot, no_name, NULL), 0);
	assert_int_equal(record->rp_filter_was, 0);
	mh_state_free(snapshot);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_true_record),
	cmocka_unit_test(test_lost_addresses),
	cmocka_unit_test(test_address_elsewhere),
	cmocka_unit_test(test_interface),
	cmocka_unit_test(test_slots),
	cmocka_unit_test(test_named_in_range),
	cmocka_unit_test(test_named_table),
	cmocka_unit_test(test_foreign),
	cmocka_unit_test(test_full),
	cmocka_unit_test(test_rp_filter_noted),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
