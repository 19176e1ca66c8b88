// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The shared library as a program sees it: multihome.h and nothing else. Every function is called,
 * none changes the host it runs on. What the functions do is tested elsewhere; that nothing but
 * these is exported, in test-exports.py.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include <multihome.h>

/* No directory can be made here, by nobody: so nothing is changed. */
#define IMPOSSIBLE "/dev/null/multihome"

/* An address is read, and shown again. */
static void test_prefix(void **state)
{
	char text[MH_PREFIX_TEXT_SIZE];
	struct mh_prefix prefix;

	(void)state;
	assert_int_equal(mh_prefix_parse("192.0.2.0/24", &prefix), 0);
	assert_int_equal(prefix.family, AF_INET);
	mh_prefix_format(&prefix, text);
	assert_string_equal(text, "192.0.2.0/24");
}

static void fill_link(struct mh_link *link)
{
	struct mh_selector_error error;
	struct mh_prefix prefix;

	strcpy(link->ifname, "isp1");
	link->ifindex = 1;
	link->part[MH_INET].local.family = AF_INET;
	assert_int_equal(mh_prefix_parse("203.0.113.8/29", &prefix), 0);
	assert_int_equal(mh_link_add_source(link, &prefix), 0);
	assert_int_equal(mh_link_add_route(link, &prefix), 0);
	assert_int_equal(mh_link_add_rule(link, "ipproto tcp dport 25", NULL), 0);
	assert_int_equal(mh_link_add_rule(link, "dprt 25", &error), -EINVAL);
	/* A user is his number from then on; what has no user in it is as it was. */
	assert_int_equal(mh_link_add_rule(link, "uidrange  root\tdport 25", NULL), 0);
	assert_string_equal(link->rules[1], "uidrange 0-0 dport 25");
	assert_int_equal(mh_link_add_rule(link, "uidrange  0-1\tdport 25", NULL), 0);
	assert_string_equal(link->rules[2], "uidrange  0-1\tdport 25");
	assert_int_equal(error.offset, 0);
	assert_non_null(strstr(error.message, "dprt"));
}

/* A link is described; its copy is as good, and lives on without it. */
static void test_link(void **state)
{
	struct mh_link *link, *copy;

	(void)state;
	assert_int_equal(mh_link_new(&link), 0);
	assert_int_equal(link->weight, 1);
	fill_link(link);
	assert_int_equal(mh_link_copy(link, &copy), 0);
	assert_null(mh_link_free(link));
	assert_string_equal(copy->ifname, "isp1");
	assert_int_equal(copy->n_sources, 1);
	assert_int_equal(copy->n_routes, 1);
	assert_int_equal(copy->n_rules, 3);
	assert_string_equal(copy->rules[0], "ipproto tcp dport 25");
	assert_null(mh_link_free(copy));
	assert_null(mh_link_free(NULL));
}

/* Numbers are tables, the kernel's own are not for links, and rubbish is no table. */
static void test_table(void **state)
{
	uint32_t table = 0;

	(void)state;
	assert_int_equal(mh_table_parse("77001", &table), 0);
	assert_int_equal(table, 77001);
	assert_int_equal(mh_table_parse("main", &table), -ERANGE);
	assert_int_equal(mh_table_parse("no such table", &table), -ENOENT);
	assert_int_equal(table, 77001);
}

/* Names that stand in JSON. */
static void test_names(void **state)
{
	(void)state;
	assert_string_equal(mh_problem_name(MH_PROBLEM_SAME_ADDRESS), "same-address");
	assert_string_equal(mh_link_state_name(MH_LINK_UP), "up");
	assert_string_equal(mh_link_state_name(MH_LINK_DRAINED), "drained");
	assert_string_equal(mh_link_state_name(MH_LINK_STALE), "stale");
}

/* Where the run directory cannot be, every change says so, and a report is fit to be cleared. */
static void test_changes(void **state)
{
	struct mh_report report = MH_REPORT_INIT;
	struct mh_host *host;
	struct mh_link *link;

	(void)state;
	assert_int_equal(mh_host_open("not/absolute", &host), -EINVAL);
	assert_int_equal(mh_host_open(IMPOSSIBLE, &host), 0);
	mh_host_set_deadline(host, 10);
	assert_int_equal(mh_link_new(&link), 0);
	fill_link(link);
	assert_int_equal(mh_link_up(host, link, &report), -ENOTDIR);
	assert_int_equal(mh_link_down(host, 1, 1 << MH_INET, &report), -ENOTDIR);
	assert_int_equal(mh_link_weight(host, "isp1", 2, MH_WEIGHT_FORCE, &report), -ENOTDIR);
	assert_int_equal(mh_link_source(host, "isp1", &link->sources[0], true, &report), -ENOTDIR);
	assert_int_equal(mh_reconcile(host, MH_RECONCILE_DRY_RUN, &report), -ENOTDIR);
	assert_int_equal(mh_flush(host, &report), -ENOTDIR);
	assert_int_equal(report.n_changes, 0);
	mh_report_clear(&report);
	assert_int_equal(report.n_problems, 0);
	mh_link_free(link);
	assert_null(mh_host_close(host));
	assert_null(mh_host_close(NULL));
}

/* No interface has such a name, so nothing is written, and nothing happens to one of that index. */
static void test_watch(void **state)
{
	struct mh_watch *watch;

	(void)state;
	assert_int_equal(mh_link_prepare("../all"), -EINVAL);
	assert_int_equal(mh_link_prepare("no such name"), -EINVAL);
	assert_int_equal(mh_watch_open(&watch), 0);
	assert_false(mh_watch_changed(watch, 987654));
	assert_null(mh_watch_close(watch));
	assert_null(mh_watch_close(NULL));
}

/* Where no link was ever up, looking is no error, and needs no privilege. */
static void test_looks(void **state)
{
	struct mh_packet packet = { .ipproto = 6 };
	struct mh_report report = MH_REPORT_INIT;
	struct mh_explanation *explanation;
	struct mh_status *status;
	struct mh_link **links;
	struct mh_host *host;
	size_t n;

	(void)state;
	assert_int_equal(mh_host_open("/tmp/no-such-multihome", &host), 0);
	assert_int_equal(mh_links(host, &links, &n), 0);
	assert_int_equal(n, 0);
	free(links);
	assert_int_equal(mh_status(host, &status), 0);
	assert_int_equal(status->n_links, 0);
	assert_null(mh_status_free(status));
	assert_null(mh_status_free(NULL));
	assert_int_equal(mh_explain(host, &packet, &explanation), -EINVAL);
	assert_int_equal(mh_prefix_parse("192.0.2.1", &packet.to), 0);
	assert_int_equal(mh_explain(host, &packet, &explanation), 0);
	assert_null(mh_explanation_free(explanation));
	assert_null(mh_explanation_free(NULL));
	assert_int_equal(mh_check(host, NULL, &report), 0);
	assert_int_equal(report.n_changes, 0);
	mh_report_clear(&report);
	mh_host_close(host);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_prefix), cmocka_unit_test(test_link),    cmocka_unit_test(test_table),
	cmocka_unit_test(test_names),  cmocka_unit_test(test_changes), cmocka_unit_test(test_looks),
	cmocka_unit_test(test_watch),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
