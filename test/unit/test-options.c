// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The values of a peers file's options, by themselves: what each puts into the link, and the one
 * line that refuses a wrong one. The spelling of prefixes, tables and selectors is tested with the
 * library; that pppd stops at a wrong value, with pppd.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../../plugin/options.h"

static int make_link(void **state)
{
	struct mh_link *link;

	if (mh_link_new(&link) < 0)
		return -1;
	*state = link;
	return 0;
}

static int free_link(void **state)
{
	mh_link_free(*state);
	return 0;
}

static void assert_taken(struct mh_link *link, enum mh_option option, const char *value)
{
	char error[MH_OPTION_ERROR_SIZE] = "";
	int r = mh_option_set(link, option, value, error);

	if (r < 0)
		print_error("%s\n", error);
	assert_int_equal(r, 0);
	assert_string_equal(error, "");
}

/* @line: all of the error, or its beginning where it ends in "..." */
static void assert_refused(struct mh_link *link, enum mh_option option, const char *value,
			   const char *line)
{
	char error[MH_OPTION_ERROR_SIZE] = "";
	size_t len = strlen(line);

	assert_true(mh_option_set(link, option, value, error) < 0);
	assert_null(strchr(error, '\n'));
	if (len > 3 && !strcmp(line + len - 3, "..."))
		assert_int_equal(strncmp(error, line, len - 3), 0);
	else
		assert_string_equal(error, line);
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < MH_OPTIONS; i++) {
		assert_non_null(mh_option_info[i].name);
		assert_memory_equal(mh_option_info[i].name, "multihome-", strlen("multihome-"));
		assert_non_null(mh_option_info[i].description);
	}
}

static void test_weight(void **state)
{
	struct mh_link *link = *state;

	assert_taken(link, MH_OPTION_WEIGHT, "0");
	assert_int_equal(link->weight, 0);
	assert_taken(link, MH_OPTION_WEIGHT, "256");
	assert_taken(link, MH_OPTION_WEIGHT, "008");
	assert_int_equal(link->weight, 8);

	assert_refused(link, MH_OPTION_WEIGHT, "257",
		       "multihome-weight 257: not a weight: 0 to 256 accepted");
	assert_refused(link, MH_OPTION_WEIGHT, "-1",
		       "multihome-weight -1: not a weight: 0 to 256 accepted");
	assert_refused(link, MH_OPTION_WEIGHT, "",
		       "multihome-weight \"\": not a weight: 0 to 256 accepted");
	assert_refused(link, MH_OPTION_WEIGHT, "8 ",
		       "multihome-weight \"8 \": not a weight: 0 to 256 accepted");
	assert_refused(link, MH_OPTION_WEIGHT, "+8", "multihome-weight +8: not a weight: ...");
	assert_refused(link, MH_OPTION_WEIGHT, "0x8", "multihome-weight 0x8: not a weight: ...");
	assert_refused(link, MH_OPTION_WEIGHT, "18446744073709551617",
		       "multihome-weight 18446744073709551617: not a weight: ...");
	assert_int_equal(link->weight, 8);
}

static void test_metric(void **state)
{
	struct mh_link *link = *state;

	assert_taken(link, MH_OPTION_METRIC, "4294967295");
	assert_true(link->metric == UINT32_MAX);
	assert_refused(link, MH_OPTION_METRIC, "4294967296",
		       "multihome-metric 4294967296: not a metric: 0 to 4294967295 accepted");
	assert_true(link->metric == UINT32_MAX);
}

static void test_table(void **state)
{
	struct mh_link *link = *state;

	assert_taken(link, MH_OPTION_TABLE, "4294967295");
	assert_taken(link, MH_OPTION_TABLE, "101");
	assert_int_equal(link->table, 101);
	assert_refused(link, MH_OPTION_TABLE, "isp9",
		       "multihome-table isp9: no such table: a number or a name from rt_tables "
		       "accepted");
	assert_refused(link, MH_OPTION_TABLE, "main",
		       "multihome-table main: not a table for a link: ...");
	assert_refused(link, MH_OPTION_TABLE, "0",
		       "multihome-table 0: not a table for a link: 1 to 4294967295 accepted, but "
		       "for the kernel's own, 253 to 255");
	assert_int_equal(link->table, 101);
}

static void test_prefixes_add_up(void **state)
{
	struct mh_link *link = *state;
	static const uint8_t net[4] = { 203, 0, 113, 8 };

	assert_taken(link, MH_OPTION_SOURCE, "203.0.113.8/29");
	assert_taken(link, MH_OPTION_SOURCE, "2001:db8::/48");
	assert_taken(link, MH_OPTION_ROUTE, "198.51.100.1");
	assert_int_equal(link->n_sources, 2);
	assert_int_equal(link->n_routes, 1);
	assert_int_equal(link->sources[0].family, AF_INET);
	assert_int_equal(link->sources[0].len, 29);
	assert_memory_equal(link->sources[0].addr, net, sizeof(net));
	assert_int_equal(link->sources[1].family, AF_INET6);
	assert_int_equal(link->routes[0].len, 32);
}

static void test_prefixes_refused(void **state)
{
	static const struct {
		const char *value;
		const char *reason;
	} cases[] = {
		{ "203.0.113.9/29", "bits set behind the prefix length: did you mean "
				    "203.0.113.8/29?" },
		{ "255.255.255.255/0", "bits set behind the prefix length: did you mean "
				       "0.0.0.0/0?" },
		{ "203.0.113.9/24", "bits set behind the prefix length: did you mean "
				    "203.0.113.0/24?" },
		{ "2001:db8:1:ffff::1/47", "bits set behind the prefix length: did you mean "
					   "2001:db8::/47?" },
		{ "203.0.113.8/33", "no such prefix length: 0 to 32 accepted" },
		{ "2001:db8::/129", "no such prefix length: 0 to 128 accepted" },
		{ "isp1", "not a prefix: an IPv4 or IPv6 address, with or without /LENGTH, "
			  "accepted" },
		{ "203.0.113.8/", "not a prefix: ..." },
		{ "/24", "not a prefix: ..." },
		{ "203.0.113/24", "not a prefix: ..." },
	};
	struct mh_link *link = *state;
	char line[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "multihome-source %s: %s", cases[i].value,
			 cases[i].reason);
		assert_refused(link, MH_OPTION_SOURCE, cases[i].value, line);
	}
	assert_int_equal(link->n_sources, 0);
	assert_refused(link, MH_OPTION_ROUTE, "10.0.0.1/8",
		       "multihome-route 10.0.0.1/8: bits set behind the prefix length: did you "
		       "mean 10.0.0.0/8?");
}

static void test_rules(void **state)
{
	struct mh_link *link = *state;

	assert_taken(link, MH_OPTION_RULE, "ipproto tcp dport 25");
	assert_taken(link, MH_OPTION_RULE, "from 10.0.0.0/8");
	assert_int_equal(link->n_rules, 2);
	assert_string_equal(link->rules[1], "from 10.0.0.0/8");
	assert_refused(link, MH_OPTION_RULE, "ipproto tpc dport 25",
		       "multihome-rule \"ipproto tpc dport 25\": \"tpc\" ...");
	assert_int_equal(link->n_rules, 2);
}

/* The reason is said even where the value fills the line. */
static void test_long_value(void **state)
{
	struct mh_link *link = *state;
	char value[1024];
	char error[MH_OPTION_ERROR_SIZE];

	memset(value, '7', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (size_t i = 0; i < MH_OPTIONS; i++) {
		assert_true(mh_option_set(link, i, value, error) < 0);
		assert_true(strlen(error) > 280);
		assert_true(strlen(error) < sizeof(error) - 1);
	}
}

static void test_rp_filter(void **state)
{
	struct mh_link *link = *state;

	assert_taken(link, MH_OPTION_RP_FILTER, "keep");
	assert_int_equal(link->rp_filter, MH_RP_FILTER_KEEP);
	assert_refused(link, MH_OPTION_RP_FILTER, "strict",
		       "multihome-rp-filter strict: no such setting: loose or keep accepted");
	assert_int_equal(link->rp_filter, MH_RP_FILTER_KEEP);
	assert_taken(link, MH_OPTION_RP_FILTER, "loose");
	assert_int_equal(link->rp_filter, MH_RP_FILTER_LOOSE);
}

#define test(name) cmocka_unit_test_setup_teardown(name, make_link, free_link)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		test(test_weight),
		test(test_metric),
		test(test_table),
		test(test_prefixes_add_up),
		test(test_prefixes_refused),
		test(test_rules),
		test(test_long_value),
		test(test_rp_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
