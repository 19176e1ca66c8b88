// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Kernel objects as text: what an owner compares with what ip prints, and their order.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "world.h"

/* Every field of a rule, in iproute2's words and order. */
static void test_rule(void **state)
{
	struct mh_rule rule = {
		.family = AF_INET,
		.action = FR_ACT_TO_TBL,
		.pref = 1100,
		.table = 77001,
		.suppress_prefixlen = -1,
	};
	char text[MH_TEXT_SIZE];

	(void)state;
	assert_string_equal(mh_rule_text(&rule, text), "rule 1100: from all lookup 77001");
	rule.sel = (struct mh_selector){
		.invert = true,
		.from = mh_world_prefix("192.0.2.0/24"),
		.to = mh_world_prefix("198.51.100.7"),
		.tos = 0x10,
		.mark = 0x12,
		.mask = 0xff,
		.iif = "eth0",
		.oif = "isp1",
		.uid_set = true,
		.uid_start = 1000,
		.uid_end = 1999,
		.ipproto = 6,
		.sport = { 1024, 65535 },
		.dport = { 25, 25 },
	};
	assert_string_equal(mh_rule_text(&rule, text),
			    "rule 1100: not from 192.0.2.0/24 to 198.51.100.7 tos 0x10 "
			    "fwmark 0x12/0xff iif eth0 oif isp1 uidrange 1000-1999 ipproto 6 "
			    "sport 1024-65535 dport 25 lookup 77001");
}

/* The guard, a mark of all bits, a mask without mark, another action, something unknown. */
static void test_rule_specials(void **state)
{
	struct mh_rule rule = {
		.family = AF_INET6,
		.action = FR_ACT_TO_TBL,
		.pref = 1000,
		.table = MH_TABLE_MAIN,
	};
	char text[MH_TEXT_SIZE];

	(void)state;
	assert_string_equal(mh_rule_text(&rule, text),
			    "-6 rule 1000: from all lookup main suppress_prefixlength 0");
	rule.suppress_prefixlen = -1;
	rule.sel.mark = 7;
	rule.sel.mask = UINT32_MAX;
	assert_string_equal(mh_rule_text(&rule, text), "-6 rule 1000: from all fwmark 0x7 "
						       "lookup main");
	rule.sel.mark = 0;
	rule.sel.mask = 0xf0;
	rule.action = FR_ACT_PROHIBIT;
	rule.odd = true;
	assert_string_equal(mh_rule_text(&rule, text),
			    "-6 rule 1000: from all fwmark 0x0/0xf0 action 8 ...");
}

/* Routes with and without gateway, to a group, of an interface that is known or is not. */
static void test_route(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_cleanup(mh_state_freep) struct mh_state *now = mh_world_snapshot(fake);
	struct mh_route route = { .family = AF_INET, .table = 77001, .oif = 11 };
	char text[MH_TEXT_SIZE];

	(void)state;
	route.dst.family = AF_INET;
	assert_string_equal(mh_route_text(&route, now, text), "route default dev isp1 table 77001");
	assert_string_equal(mh_route_text(&route, NULL, text),
			    "route default dev if11 table 77001");
	route.gateway = mh_world_prefix("10.0.1.1");
	route.onlink = true;
	route.prefsrc = mh_world_prefix("10.0.1.2");
	route.metric = 5;
	assert_string_equal(mh_route_text(&route, now, text),
			    "route default via 10.0.1.1 dev isp1 onlink table 77001 src 10.0.1.2 "
			    "metric 5");
	route = (struct mh_route){ .family = AF_INET6, .table = MH_TABLE_MAIN, .nhid = 77900001 };
	route.dst = mh_world_prefix("2001:db8::/32");
	assert_string_equal(mh_route_text(&route, now, text),
			    "-6 route 2001:db8::/32 nhid 77900001 table main");
	route.nhid = 0;
	route.multipath = true;
	assert_string_equal(mh_route_text(&route, now, text),
			    "-6 route 2001:db8::/32 nexthop ... table main");
}

/* A nexthop, and a group as large as a group can be: its text has no bound. */
static void test_nexthop(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_cleanup(mh_state_freep) struct mh_state *now = mh_world_snapshot(fake);
	struct mh_nexthop nexthop = { .id = 77000014, .family = AF_INET6, .oif = 12 };
	struct mh_nexthop group = { .id = 77900001, .resilient = true };
	mh_cleanup(mh_freep) char *text = NULL, *large = NULL;

	(void)state;
	nexthop.gateway = mh_world_prefix("fe80::1");
	nexthop.onlink = true;
	text = mh_nexthop_text(&nexthop, now);
	assert_string_equal(text, "nexthop id 77000014 via fe80::1 dev isp2 onlink");
	for (uint32_t i = 0; i < 8000; i++) {
		struct mh_member member = { .id = UINT32_MAX - i, .weight = MH_WEIGHT_MAX };

		assert_int_equal(mh_append(group.members, group.n_members, member), 0);
	}
	large = mh_nexthop_text(&group, now);
	free(group.members);
	assert_non_null(strstr(large, "group 4294967295,256/4294967294,256/"));
	assert_string_equal(large + strlen(large) - 29, "4294959296,256 type resilient");
}

/* Two nexthops are equal but for their id; a weight or a member more makes them differ. */
static void test_nexthop_equal(void **state)
{
	struct mh_member members[] = { { 1, 1, 0 }, { 2, 1, 0 } },
			 others[] = { { 1, 1, 0 }, { 2, 9, 0 } };
	struct mh_nexthop a = { .id = 5, .members = members, .n_members = 2 }, b = a;

	(void)state;
	b.id = 6;
	assert_true(mh_nexthop_equal(&a, &b));
	assert_true(mh_nexthop_compare_key(&a, &b) < 0);
	b.members = others;
	assert_false(mh_nexthop_equal(&a, &b));
	b.n_members = 1;
	assert_false(mh_nexthop_equal(&a, &b));
	b = a;
	b.protocol = 4;
	assert_false(mh_nexthop_equal(&a, &b));
}

/* Rules that differ in one field alone are never equal, or a change of it would go unseen. */
static void test_rule_order(void **state)
{
	struct mh_rule rules[18] = { 0 };
	size_t n = MH_ARRAY_SIZE(rules);

	(void)state;
	rules[1].family = AF_INET;
	rules[2].pref = 1;
	rules[3].protocol = 1;
	rules[4].action = 1;
	rules[5].table = 1;
	rules[6].suppress_prefixlen = 1;
	rules[7].odd = true;
	rules[8].sel.invert = true;
	rules[9].sel.from = mh_world_prefix("10.0.0.0/8");
	rules[10].sel.to = mh_world_prefix("10.0.0.0/8");
	strcpy(rules[11].sel.iif, "a");
	strcpy(rules[12].sel.oif, "a");
	rules[13].sel.mark = 1;
	rules[14].sel.mask = 1;
	rules[15].sel.uid_set = true;
	rules[16].sel.ipproto = 1;
	rules[17].sel.tos = 1;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			int c = mh_rule_compare(&rules[i], &rules[j]);
			int back = mh_rule_compare(&rules[j], &rules[i]);

			assert_int_equal(c == 0, i == j);
			assert_int_equal((c > 0) - (c < 0), (back < 0) - (back > 0));
		}
	}
}

/* The nexthop ids of all slots are different from each other and from those of groups. */
static void test_nexthop_ids(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint32_t slot = 1; slot <= MH_SLOT_MAX; slot++) {
		for (enum mh_family family = MH_INET; family < MH_FAMILIES; family++) {
			for (unsigned int twin = 0; twin < MH_NEXTHOP_TWINS; twin++) {
				uint32_t id = mh_nexthop_id(slot, family, twin);

				assert_true(id > last && id < MH_GROUP_BASE);
				last = id;
			}
		}
	}
	assert_int_equal(mh_nexthop_id(2, MH_INET6, 1), 77000024);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_rule),	      cmocka_unit_test(test_rule_specials),
	cmocka_unit_test(test_route),	      cmocka_unit_test(test_nexthop),
	cmocka_unit_test(test_nexthop_equal), cmocka_unit_test(test_rule_order),
	cmocka_unit_test(test_nexthop_ids),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
