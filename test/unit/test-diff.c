// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From a snapshot to a plan: which operations, in which order. First by example, told in lines;
 * then by chance, on the fake kernel: after every single operation the host is sane, and nothing is
 * missing that is there before and afterwards.
 */

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "diff.h"
#include "world.h"

/* The fake, the links that it has, and the way from there to others. */
struct way {
	struct mh_state *snapshot;
	struct mh_state *plan;
	struct mh_diff diff;
};

static void way_clear(struct way *way)
{
	mh_diff_clear(&way->diff);
	mh_state_free(way->snapshot);
	mh_state_free(way->plan);
}

static void find_way(struct mh_fake *fake, const struct mh_records *records, struct way *way)
{
	way->snapshot = mh_world_snapshot(fake);
	way->plan = mh_world_plan(fake, records, NULL, NULL);
	assert_int_equal(mh_diff(way->snapshot, way->plan, &way->diff), 0);
}

/* Brings the fake to where @records are up. */
static void go(struct mh_fake *fake, const struct mh_records *records)
{
	mh_cleanup(way_clear) struct way way = { 0 };

	find_way(fake, records, &way);
	for (size_t i = 0; i < way.diff.n; i++)
		assert_int_equal(mh_fake_apply(fake, &way.diff.ops[i]), 0);
}

static void op_line(const struct mh_op *op, const struct mh_state *state, char line[MH_TEXT_SIZE])
{
	static const char signs[] = {
		[MH_ADD] = '+', [MH_APPEND] = '>', [MH_REPLACE] = '~', [MH_DELETE] = '-'
	};
	mh_cleanup(mh_freep) char *text = mh_op_text(op, state);

	snprintf(line, MH_TEXT_SIZE, "%c %.500s", signs[op->verb], text);
}

static bool is_of_host_table(const struct mh_op *op)
{
	return op->kind == MH_KIND_ROUTE && op->route->table == MH_TABLE_HOST;
}

/*
 * '+' add, '>' append, '~' replace, '-' delete
 * @is_meant: of the lines, which are looked at; NULL: all
 */
static void assert_lines(struct mh_fake *fake, const struct mh_records *records,
			 bool (*is_meant)(const struct mh_op *op), const char *lines)
{
	mh_cleanup(way_clear) struct way way = { 0 };
	char all[8192] = "", line[MH_TEXT_SIZE];
	size_t used = 0;

	find_way(fake, records, &way);
	for (size_t i = 0; i < way.diff.n; i++) {
		if (is_meant && !is_meant(&way.diff.ops[i]))
			continue;
		op_line(&way.diff.ops[i], way.snapshot, line);
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s\n", line);
		assert_true(used < sizeof(all));
	}
	assert_string_equal(all, lines);
}

static void assert_way(struct mh_fake *fake, const struct mh_records *records, const char *lines)
{
	assert_lines(fake, records, NULL, lines);
}

/* The first link comes up: all that it needs, the way to the router first, and traffic last. */
static void test_first_up(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_fake_iface(fake, 11)->rp_filter = 1;
	mh_world_add(&records, 1, INET);
	assert_way(fake, &records,
		   "~ rp_filter isp1 2\n"
		   "> rule 1000: from all lookup main suppress_prefixlength 0\n"
		   "+ nexthop id 77000011 via 10.0.1.1 dev isp1\n"
		   "+ nexthop id 77000012 via 10.0.1.1 dev isp1\n"
		   "+ route 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "+ route default via 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "> rule 1200: from 10.0.1.2 lookup 77001\n"
		   "+ nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
		   "+ route default nhid 77900001 table main\n");
}

/* The second joins: the group is the last thing that changes, and changes in one step. */
static void test_second_up(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	go(fake, &records);
	mh_world_add(&records, 2, INET)->link->weight = 3;
	assert_way(fake, &records,
		   "+ nexthop id 77000021 via 10.0.2.1 dev isp2\n"
		   "+ nexthop id 77000022 via 10.0.2.1 dev isp2\n"
		   "+ route 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "+ route default via 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "> rule 1200: from 10.0.2.2 lookup 77002\n"
		   "~ nexthop id 77900001 group "
		   "77000011,1/77000012,1/77000021,3/77000022,3 type resilient\n");
}

/* One of two goes: out of the group first of all; rules before the table they lead to. */
static void test_one_of_two_down(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET);
	go(fake, &records);
	mh_link_free(records.v[--records.n].link);
	assert_way(fake, &records,
		   "~ nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
		   "- rule 1200: from 10.0.2.2 lookup 77002\n"
		   "- route default via 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "- route 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "- nexthop id 77000021 via 10.0.2.1 dev isp2\n"
		   "- nexthop id 77000022 via 10.0.2.1 dev isp2\n");
}

/* The last goes: the default before its group, the guard after all that it guarded. */
static void test_last_down(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	go(fake, &records);
	mh_records_clear(&records);
	assert_way(fake, &records,
		   "- route default nhid 77900001 table main\n"
		   "- nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
		   "- rule 1200: from 10.0.1.2 lookup 77001\n"
		   "- rule 1000: from all lookup main suppress_prefixlength 0\n"
		   "- route default via 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- route 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- nexthop id 77000011 via 10.0.1.1 dev isp1\n"
		   "- nexthop id 77000012 via 10.0.1.1 dev isp1\n");
}

/* Nothing changes: nothing is done. */
static void test_same(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET | INET6);
	mh_world_add(&records, 2, INET | INET6);
	go(fake, &records);
	assert_way(fake, &records, "");
}

/* A weight changes: one replace. A link is drained: out of the group, and all else stays. */
static void test_weight(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET);
	go(fake, &records);
	records.v[1].link->weight = 9;
	assert_way(fake, &records,
		   "~ nexthop id 77900001 group "
		   "77000011,1/77000012,1/77000021,9/77000022,9 type resilient\n");
	records.v[1].link->weight = 0;
	assert_way(fake, &records,
		   "~ nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n");
	records.v[0].link->weight = 0;
	assert_way(fake, &records,
		   "- route default nhid 77900001 table main\n"
		   "- nexthop id 77900001 group "
		   "77000011,1/77000012,1/77000021,1/77000022,1 type resilient\n");
}

/* The lines of a way that are about the routes of the host's own IPv6 packets; and that it ends. */
static void assert_siblings_way(struct mh_fake *fake, const struct mh_records *records,
				const char *lines)
{
	assert_lines(fake, records, is_of_host_table, lines);
	go(fake, records);
	assert_way(fake, records, "");
}

/*
 * The kernel does not tell the weight of a sole sibling. It stays where it is when another comes
 * beside it: a packet that had chosen it just as it goes for a moment would be lost.
 */
static void test_sole_sibling_stays(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET6)->link->weight = 2;
	go(fake, &records);
	mh_world_add(&records, 2, INET6)->link->weight = 8;
	assert_siblings_way(fake, &records,
			    "> -6 route default via 2001:db8:2::1 dev isp2 table 77000 metric 1 "
			    "weight 8\n");
}

/* But where its weight was changed while it was alone. */
static void test_sole_sibling_of_changed_weight(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET6)->link->weight = 2;
	go(fake, &records);
	records.v[0].link->weight = 3;
	records.v[0].weight_changed = true;
	assert_siblings_way(fake, &records, "");
	mh_world_add(&records, 2, INET6)->link->weight = 8;
	assert_siblings_way(fake, &records,
			    "> -6 route default via 2001:db8:2::1 dev isp2 table 77000 metric 1 "
			    "weight 8\n"
			    "- -6 route default via 2001:db8:1::1 dev isp1 table 77000 metric 1\n"
			    "> -6 route default via 2001:db8:1::1 dev isp1 table 77000 metric 1 "
			    "weight 3\n");
}

/* All members of a group change at once: one step from the old ones to the new ones. */
static void test_all_members_change(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	go(fake, &records);
	mh_records_clear(&records);
	mh_world_add(&records, 2, INET);
	assert_way(fake, &records,
		   "+ nexthop id 77000021 via 10.0.2.1 dev isp2\n"
		   "+ nexthop id 77000022 via 10.0.2.1 dev isp2\n"
		   "+ route 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "+ route default via 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "> rule 1200: from 10.0.2.2 lookup 77002\n"
		   "~ nexthop id 77900001 group 77000021,1/77000022,1 type resilient\n"
		   "- rule 1200: from 10.0.1.2 lookup 77001\n"
		   "- route default via 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- route 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- nexthop id 77000011 via 10.0.1.1 dev isp1\n"
		   "- nexthop id 77000012 via 10.0.1.1 dev isp1\n");
}

/* One stays, one goes and one comes in a single event: what goes is left before all else. */
static void test_one_for_another(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET);
	go(fake, &records);
	mh_link_free(records.v[--records.n].link);
	mh_world_add(&records, 3, INET);
	assert_way(fake, &records,
		   "~ nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
		   "+ nexthop id 77000031 via 10.0.3.1 dev isp3\n"
		   "+ nexthop id 77000032 via 10.0.3.1 dev isp3\n"
		   "+ route 10.0.3.1 dev isp3 table 77003 src 10.0.3.2\n"
		   "+ route default via 10.0.3.1 dev isp3 table 77003 src 10.0.3.2\n"
		   "> rule 1200: from 10.0.3.2 lookup 77003\n"
		   "~ nexthop id 77900001 group "
		   "77000011,1/77000012,1/77000031,1/77000032,1 type resilient\n"
		   "- rule 1200: from 10.0.2.2 lookup 77002\n"
		   "- route default via 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "- route 10.0.2.1 dev isp2 table 77002 src 10.0.2.2\n"
		   "- nexthop id 77000021 via 10.0.2.1 dev isp2\n"
		   "- nexthop id 77000022 via 10.0.2.1 dev isp2\n");
}

/* The last link of a family goes while the other family's comes: its default goes before all else.
 */
static void test_last_of_a_family(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	mh_cleanup(way_clear) struct way way = { 0 };
	char line[MH_TEXT_SIZE];

	(void)state;
	mh_world_add(&records, 1, INET);
	go(fake, &records);
	mh_records_clear(&records);
	mh_world_add(&records, 1, INET6);
	find_way(fake, &records, &way);
	op_line(&way.diff.ops[0], way.snapshot, line);
	assert_string_equal(line, "- route default nhid 77900001 table main");
	op_line(&way.diff.ops[1], way.snapshot, line);
	assert_string_equal(line,
			    "- nexthop id 77900001 group 77000011,1/77000012,1 type resilient");
}

/* The only link changes its tier: the new default stands before the old one goes. */
static void test_tier_changes(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	go(fake, &records);
	records.v[0].link->metric = 100;
	assert_way(fake, &records,
		   "+ route default nhid 77900001 table main metric 100\n"
		   "- route default nhid 77900001 table main\n");
}

/* One of two moves to another tier. */
static void test_tier_left(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET);
	mh_world_add(&records, 2, INET);
	go(fake, &records);
	records.v[1].link->metric = 100;
	assert_way(fake, &records,
		   "~ nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
		   "+ nexthop id 77900002 group 77000021,1/77000022,1 type resilient\n"
		   "+ route default nhid 77900002 table main metric 100\n");
}

/* Another's default is at our metric: ours goes behind it, neither refused nor in its place. */
static void test_behind_foreign_default(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_route route = {
		.family = AF_INET,
		.protocol = RTPROT_DHCP,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.oif = 14,
		.dst.family = AF_INET,
	};
	struct mh_op op = { .verb = MH_ADD, .kind = MH_KIND_ROUTE, .route = &route };
	mh_cleanup(way_clear) struct way way = { 0 };
	char line[MH_TEXT_SIZE];

	(void)state;
	assert_int_equal(mh_fake_apply(fake, &op), 0);
	mh_world_add(&records, 1, INET);
	find_way(fake, &records, &way);
	op_line(&way.diff.ops[way.diff.n - 1], way.snapshot, line);
	assert_string_equal(line, "> route default nhid 77900001 table main");
	go(fake, &records);
	mh_records_clear(&records);
	go(fake, &records);
	assert_int_equal(fake->state.n_routes, 1);
	assert_int_equal(fake->state.routes[0].protocol, RTPROT_DHCP);
}

/* IPv4 has the new route beside the old for a moment; IPv6 cannot, and replaces it in one step. */
static void test_router_changes(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };

	(void)state;
	mh_world_add(&records, 1, INET | INET6)->link->weight = 0;
	go(fake, &records);
	records.v[0].link->part[MH_INET].gateway = mh_world_prefix("10.0.1.9");
	records.v[0].link->part[MH_INET6].gateway = mh_world_prefix("2001:db8:1::9");
	assert_way(fake, &records,
		   "~ nexthop id 77000011 via 10.0.1.9 dev isp1\n"
		   "~ nexthop id 77000012 via 10.0.1.9 dev isp1\n"
		   "~ nexthop id 77000013 via 2001:db8:1::9 dev isp1\n"
		   "~ nexthop id 77000014 via 2001:db8:1::9 dev isp1\n"
		   "+ -6 route 2001:db8:1::9 dev isp1 table 77001 metric 1\n"
		   "~ -6 route default via 2001:db8:1::9 dev isp1 table 77001 metric 1\n"
		   "+ route 10.0.1.9 dev isp1 table 77001 src 10.0.1.2\n"
		   "> route default via 10.0.1.9 dev isp1 table 77001 src 10.0.1.2\n"
		   "- route default via 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- route 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- -6 route 2001:db8:1::1 dev isp1 table 77001 metric 1\n");
}

/* What a crash has left without a plan: a group that nothing leads to, a nexthop in no group. */
static void test_leftovers(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_op op = { .verb = MH_DELETE, .kind = MH_KIND_ROUTE };

	(void)state;
	mh_world_add(&records, 1, INET);
	go(fake, &records);
	op.route = &fake->state.routes[0];
	assert_int_equal(mh_fake_apply(fake, &op), 0);
	while (fake->state.n_rules > 6) {
		op = (struct mh_op){ .verb = MH_DELETE, .kind = MH_KIND_RULE };
		op.rule = &fake->state.rules[1];
		assert_int_equal(mh_fake_apply(fake, &op), 0);
	}
	mh_records_clear(&records);
	assert_way(fake, &records,
		   "- nexthop id 77900001 group 77000011,1/77000012,1 type resilient\n"
		   "- route default via 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- route 10.0.1.1 dev isp1 table 77001 src 10.0.1.2\n"
		   "- nexthop id 77000011 via 10.0.1.1 dev isp1\n"
		   "- nexthop id 77000012 via 10.0.1.1 dev isp1\n");
}

/* A wide rule goes and a narrow one stays: asked for the wide one, Linux would delete the other. */
static void test_narrow_rule_stays(void **state)
{
	mh_auto_fake *fake = mh_world_new();
	mh_auto_records records = { 0 };
	struct mh_link *link;

	(void)state;
	link = mh_world_add(&records, 1, INET)->link;
	mh_world_add_rule(&records.v[0], "fwmark 1 iif eth7");
	mh_world_add_rule(&records.v[0], "fwmark 1");
	go(fake, &records);
	free(link->rules[--link->n_rules]);
	assert_way(fake, &records,
		   "> rule 1100: from all fwmark 0x1 iif eth7 lookup 77001\n"
		   "- rule 1100: from all fwmark 0x1 iif eth7 lookup 77001\n"
		   "- rule 1100: from all fwmark 0x1 lookup 77001\n");
}

/* chance */

static uint32_t roll(uint32_t *seed, uint32_t sides)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 16) % sides;
}

static const char *const selectors[] = {
	"fwmark 1", "fwmark 1 iif eth7", "ipproto 6", "fwmark 1 iif eth7 ipproto 6", "iif eth7",
};

static void random_link(uint32_t *seed, struct mh_records *records, int i)
{
	static const uint32_t weights[] = { 0, 1, 1, 8 }, metrics[] = { 0, 0, 100 };
	struct mh_record *record = mh_world_add(records, i, 1 + roll(seed, 3));
	struct mh_part *part = record->link->part;

	record->link->weight = weights[roll(seed, 4)];
	record->link->metric = metrics[roll(seed, 3)];
	for (uint32_t n = roll(seed, 4); n > 0; n--)
		mh_world_add_rule(record, selectors[roll(seed, MH_ARRAY_SIZE(selectors))]);
	if (part[MH_INET].gateway.family && !roll(seed, 4))
		part[MH_INET].gateway.addr[3] = 77;
	if (part[MH_INET6].gateway.family && !roll(seed, 4))
		part[MH_INET6].gateway.addr[15] = 77;
	if (!roll(seed, 4))
		part[MH_INET].gateway = part[MH_INET6].gateway = (struct mh_prefix){ 0 };
}

static void random_links(uint32_t *seed, struct mh_records *records)
{
	for (int i = 1; i <= 4; i++) {
		if (roll(seed, 10) < 7)
			random_link(seed, records, i);
	}
}

/* Says of the links which of them had another weight in one of these states before. */
static void tell_changes(const struct mh_records *before, struct mh_records *now)
{
	for (size_t i = 0; i < now->n; i++) {
		struct mh_record *record = &now->v[i];

		for (size_t j = 0; j < before->n; j++)
			record->weight_changed |= before->v[j].slot == record->slot &&
						  (before->v[j].weight_changed ||
						   before->v[j].link->weight !=
							   record->link->weight);
	}
}

static bool has_rule(const struct mh_state *state, const struct mh_rule *rule)
{
	for (size_t i = 0; i < state->n_rules; i++) {
		if (!mh_rule_compare(&state->rules[i], rule))
			return true;
	}
	return false;
}

static bool has_route(const struct mh_state *state, const struct mh_route *route)
{
	for (size_t i = 0; i < state->n_routes; i++) {
		if (!mh_route_compare(&state->routes[i], route))
			return true;
	}
	return false;
}

/* Is it one of the siblings of the host's own packets whose weight changes, or may have? */
static bool is_reweighed(const struct mh_state *after, const struct mh_route *route)
{
	for (size_t i = 0; i < after->n_routes; i++) {
		const struct mh_route *heir = &after->routes[i];

		if (route->table == MH_TABLE_HOST && !mh_route_compare(heir, route))
			return route->weight ? heir->weight != route->weight : heir->weight_changed;
	}
	return false;
}

/* What is in @before and in @after is also in @now; of others' all that is in @before is. */
static void assert_kept(const struct mh_state *before, const struct mh_state *after,
			const struct mh_state *now)
{
	for (size_t i = 0; i < before->n_rules; i++) {
		const struct mh_rule *rule = &before->rules[i];

		if (rule->protocol != MH_PROTOCOL || has_rule(after, rule))
			assert_true(has_rule(now, rule));
	}
	for (size_t i = 0; i < before->n_routes; i++) {
		const struct mh_route *route = &before->routes[i];

		if (route->protocol != MH_PROTOCOL ||
		    (has_route(after, route) && !is_reweighed(after, route)))
			assert_true(has_route(now, route));
	}
	for (size_t i = 0; i < before->n_nexthops; i++) {
		if (mh_state_nexthop(after, before->nexthops[i].id))
			assert_non_null(mh_state_nexthop(now, before->nexthops[i].id));
	}
}

static const struct mh_link *find_link(const struct mh_records *records, const char *ifname)
{
	for (size_t i = 0; i < records->n; i++) {
		if (!strcmp(records->v[i].link->ifname, ifname))
			return records->v[i].link;
	}
	return NULL;
}

/* Is a link up before and after that takes new traffic both times? */
static bool one_carries(const struct mh_records *before, const struct mh_records *after,
			enum mh_family family)
{
	for (size_t i = 0; i < before->n; i++) {
		const struct mh_link *a = before->v[i].link, *b = find_link(after, a->ifname);

		if (b && a->weight && b->weight && a->part[family].local.family &&
		    b->part[family].local.family)
			return true;
	}
	return false;
}

/* New traffic has a way if a link could carry it; what takes a link stays on it by its address. */
static void assert_sane(const struct mh_fake *fake, const struct mh_records *before,
			const struct mh_records *after)
{
	for (enum mh_family family = MH_INET; family < MH_FAMILIES; family++) {
		struct mh_fake_packet packet = { 0 };
		char names[256], own[256], *rest = names, *name;

		packet.to = mh_world_prefix(family == MH_INET ? "198.18.0.1" : "2001:db8:ffff::1");
		mh_fake_lookup(fake, &packet, names);
		assert_true(*names || !one_carries(before, after, family));
		while ((name = strsep(&rest, " ")) && *name) {
			const struct mh_link *link = find_link(before, name);

			if (!link)
				link = find_link(after, name);
			assert_non_null(link);
			packet.from = link->part[family].local;
			if (!packet.from.family)
				packet.from = find_link(after, name)->part[family].local;
			mh_fake_lookup(fake, &packet, own);
			assert_string_equal(own, name);
		}
	}
}

static void add_foreign(struct mh_fake *fake)
{
	struct mh_route route = {
		.family = AF_INET,
		.protocol = RTPROT_STATIC,
		.type = RTN_UNICAST,
		.table = MH_TABLE_MAIN,
		.metric = 500,
		.oif = 15,
		.dst.family = AF_INET,
	};
	struct mh_op op = { .verb = MH_ADD, .kind = MH_KIND_ROUTE, .route = &route };

	mh_fake_add_iface(fake, 15, "lan");
	assert_int_equal(mh_fake_apply(fake, &op), 0);
}

static bool has_foreign(const struct mh_fake *fake)
{
	const struct mh_state *state = &fake->state;

	for (size_t i = 0; i < state->n_routes; i++) {
		if (state->routes[i].protocol == RTPROT_STATIC)
			return true;
	}
	return false;
}

/* From @before to @after, and a look after each step. */
static void walk(const struct mh_records *before, const struct mh_records *after)
{
	mh_auto_fake *fake = mh_world_new();
	mh_cleanup(way_clear) struct way way = { 0 };

	go(fake, before);
	find_way(fake, after, &way);
	for (size_t i = 0; i < way.diff.n; i++) {
		mh_cleanup(mh_state_freep) struct mh_state *now = NULL;

		assert_int_equal(mh_fake_apply(fake, &way.diff.ops[i]), 0);
		now = mh_world_snapshot(fake);
		assert_kept(way.snapshot, way.plan, now);
		assert_sane(fake, before, after);
	}
	assert_way(fake, after, "");
}

/* A thousand hosts, each with up to four links, on the way to something else. */
static void test_walks(void **state)
{
	uint32_t seed = 77;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		mh_auto_records before = { 0 }, after = { 0 };

		random_links(&seed, &before);
		random_links(&seed, &after);
		tell_changes(&before, &after);
		walk(&before, &after);
	}
}

/* Goes some of the way to @records, and stops. */
static void go_some_way(uint32_t *seed, struct mh_fake *fake, const struct mh_records *records)
{
	mh_cleanup(way_clear) struct way way = { 0 };
	size_t n;

	find_way(fake, records, &way);
	n = roll(seed, (uint32_t)way.diff.n + 1);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(mh_fake_apply(fake, &way.diff.ops[i]), 0);
}

/* The same, cut short anywhere and again: from there the rest of the way is found. */
static void test_walks_cut_short(void **state)
{
	uint32_t seed = 4711;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		mh_auto_fake *fake = mh_world_new();
		mh_auto_records first = { 0 };
		mh_auto_records second = { 0 };
		mh_auto_records last = { 0 };

		add_foreign(fake);
		random_links(&seed, &first);
		random_links(&seed, &second);
		random_links(&seed, &last);
		tell_changes(&first, &second);
		tell_changes(&first, &last);
		tell_changes(&second, &last);
		go_some_way(&seed, fake, &first);
		go_some_way(&seed, fake, &second);
		go(fake, &last);
		assert_way(fake, &last, "");
		assert_true(has_foreign(fake));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_first_up),
	cmocka_unit_test(test_second_up),
	cmocka_unit_test(test_one_of_two_down),
	cmocka_unit_test(test_last_down),
	cmocka_unit_test(test_same),
	cmocka_unit_test(test_weight),
	cmocka_unit_test(test_sole_sibling_stays),
	cmocka_unit_test(test_sole_sibling_of_changed_weight),
	cmocka_unit_test(test_all_members_change),
	cmocka_unit_test(test_one_for_another),
	cmocka_unit_test(test_last_of_a_family),
	cmocka_unit_test(test_tier_changes),
	cmocka_unit_test(test_tier_left),
	cmocka_unit_test(test_behind_foreign_default),
	cmocka_unit_test(test_router_changes),
	cmocka_unit_test(test_leftovers),
	cmocka_unit_test(test_narrow_rule_stays),
	cmocka_unit_test(test_walks),
	cmocka_unit_test(test_walks_cut_short),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
