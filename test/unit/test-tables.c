// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of routing tables and DS fields, read from a tree of files that each test makes for itself.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "../../lib/tables.h"
#include "../remove-tree.h"

#define ETC "/etc/iproute2"
#define SHARE "/usr/share/iproute2"
#define LIB "/usr/lib/iproute2"

struct tree {
	char root[32];
	struct mh_tables tables;
};

static int set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	strcpy(tree->root, "/tmp/test-tables-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	*state = tree;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *tree = *state;

	mh_remove_tree(tree->root);
	mh_tables_clear(&tree->tables);
	free(tree);
	return 0;
}

static void full_path(const struct tree *tree, const char *path, char full[256])
{
	snprintf(full, 256, "%s%s", tree->root, path);
	for (char *slash = full + strlen(tree->root); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
}

static void write_bytes(const struct tree *tree, const char *path, const char *bytes, size_t len)
{
	char full[256];
	FILE *file;

	full_path(tree, path, full);
	file = fopen(full, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

static void write_file(const struct tree *tree, const char *path, const char *text)
{
	write_bytes(tree, path, text, strlen(text));
}

static void load(struct tree *tree)
{
	mh_tables_clear(&tree->tables);
	assert_int_equal(mh_tables_load(tree->root, &tree->tables), 0);
}

static void assert_number(const struct tree *tree, const char *text, uint32_t expected)
{
	uint32_t number = 0;

	assert_int_equal(mh_tables_parse(&tree->tables, text, &number), 0);
	assert_int_equal(number, expected);
}

static void assert_no_number(const struct tree *tree, const char *text, int expected)
{
	uint32_t number = 77;

	assert_int_equal(mh_tables_parse(&tree->tables, text, &number), expected);
	assert_int_equal(number, 77);
}

static void test_no_files(void **state)
{
	/* Without any file the kernel's own tables have names, and no link may have them. */
	struct tree *tree = *state;

	load(tree);
	assert_string_equal(mh_tables_name(&tree->tables, 254), "main");
	assert_string_equal(mh_tables_name(&tree->tables, 255), "local");
	assert_string_equal(mh_tables_name(&tree->tables, 253), "default");
	assert_null(mh_tables_name(&tree->tables, 100));
	assert_no_number(tree, "main", -ERANGE);
	assert_no_number(tree, "local", -ERANGE);
	assert_no_number(tree, "default", -ERANGE);
	assert_no_number(tree, "isp1", -ENOENT);
}

static void test_numbers(void **state)
{
	/* A table is a number of 32 bits as C writes it, but for 0 and the kernel's own. */
	struct tree *tree = *state;

	load(tree);
	assert_number(tree, "1", 1);
	assert_number(tree, "0x64", 100);
	assert_number(tree, "0144", 100);
	assert_number(tree, "252", 252);
	assert_number(tree, "256", 256);
	assert_number(tree, "4294967295", 4294967295);
	assert_no_number(tree, "0", -ERANGE);
	assert_no_number(tree, "253", -ERANGE);
	assert_no_number(tree, "0xfe", -ERANGE);
	assert_no_number(tree, "255", -ERANGE);
	assert_no_number(tree, "4294967296", -ERANGE);
	assert_no_number(tree, "99999999999999999999999", -ERANGE);
	assert_no_number(tree, "", -ENOENT);
	assert_no_number(tree, "-1", -ENOENT);
	assert_no_number(tree, "5x", -ENOENT);
	assert_no_number(tree, " 5", -ENOENT);
	assert_no_number(tree, "0x", -ENOENT);
}

static void test_names(void **state)
{
	/* A line is a number, decimal or hexadecimal, and a name; what follows does not count, nor
	 * do comments and empty lines. A name that looks like a number is a name first. */
	struct tree *tree = *state;

	write_file(tree, ETC "/rt_tables",
		   "#\n# comment\n\n254\tmain\n0\tunspec\n100 isp1\n  0x65\tisp2 # the other\n"
		   "102 isp3 and more\n103 7\n-4 below\n104 last");
	load(tree);
	assert_number(tree, "isp1", 100);
	assert_number(tree, "isp2", 101);
	assert_number(tree, "isp3", 102);
	assert_number(tree, "7", 103);
	assert_number(tree, "last", 104);
	assert_string_equal(mh_tables_name(&tree->tables, 100), "isp1");
	assert_no_number(tree, "unspec", -ERANGE);
	assert_no_number(tree, "below", -ENOENT);
	assert_no_number(tree, "ISP1", -ENOENT);
	assert_no_number(tree, "isp", -ENOENT);
}

static void test_another_name_for_main(void **state)
{
	/* The kernel's tables are out of reach by whatever name. */
	struct tree *tree = *state;

	write_file(tree, ETC "/rt_tables", "254 principal\n");
	load(tree);
	assert_no_number(tree, "principal", -ERANGE);
	assert_no_number(tree, "main", -ERANGE);
	assert_string_equal(mh_tables_name(&tree->tables, 254), "principal");
}

static void test_garbage_ends_a_file(void **state)
{
	/* As in iproute2, the first line that is none ends its file; others still count. */
	struct tree *tree = *state;

	write_file(tree, ETC "/rt_tables", "100 before\nrubbish\n101 behind\n");
	write_file(tree, ETC "/rt_tables.d/x.conf", "102 elsewhere\n103\n104 behind\n");
	load(tree);
	assert_number(tree, "before", 100);
	assert_number(tree, "elsewhere", 102);
	assert_no_number(tree, "behind", -ENOENT);
}

static void test_given_twice(void **state)
{
	/* The winners are iproute2's: of two names for a number the later, of two numbers for a
	 * name the one with the lower last byte, else the later. */
	struct tree *tree = *state;

	write_file(tree, ETC "/rt_tables",
		   "100 old\n100 new\n300 bytes\n45 bytes\n556 same\n300 same\n");
	load(tree);
	assert_string_equal(mh_tables_name(&tree->tables, 100), "new");
	assert_number(tree, "old", 100);
	assert_number(tree, "bytes", 300);
	assert_number(tree, "same", 300);
}

static void test_directory(void **state)
{
	/* rt_tables.d adds what its *.conf files say, and nothing else that lies there. */
	struct tree *tree = *state;

	write_file(tree, ETC "/rt_tables.d/isp.conf", "100 isp1\n");
	write_file(tree, ETC "/rt_tables.d/README", "101 readme\n");
	write_file(tree, ETC "/rt_tables.d/.hidden.conf", "102 hidden\n");
	write_file(tree, ETC "/rt_tables.d/.conf", "103 nameless\n");
	write_file(tree, ETC "/rt_tables.d/isp.conf~", "104 backup\n");
	load(tree);
	assert_number(tree, "isp1", 100);
	assert_no_number(tree, "readme", -ENOENT);
	assert_no_number(tree, "hidden", -ENOENT);
	assert_no_number(tree, "nameless", -ENOENT);
	assert_no_number(tree, "backup", -ENOENT);
}

static void test_etc_before_usr(void **state)
{
	/* rt_tables of /etc stands in for that of /usr, and so does each file of rt_tables.d. */
	struct tree *tree = *state;

	write_file(tree, SHARE "/rt_tables", "100 shipped\n");
	write_file(tree, LIB "/rt_tables", "101 shipped-long-ago\n");
	write_file(tree, SHARE "/rt_tables.d/a.conf", "102 a-usr\n");
	write_file(tree, SHARE "/rt_tables.d/b.conf", "103 b-usr\n");
	write_file(tree, LIB "/rt_tables.d/c.conf", "104 c-lib\n");
	write_file(tree, LIB "/rt_tables.d/b.conf", "105 b-lib\n");
	write_file(tree, ETC "/rt_tables.d/a.conf", "106 a-etc\n");
	load(tree);
	assert_number(tree, "shipped", 100);
	assert_no_number(tree, "shipped-long-ago", -ENOENT);
	assert_no_number(tree, "a-usr", -ENOENT);
	assert_number(tree, "a-etc", 106);
	assert_number(tree, "b-usr", 103);
	assert_no_number(tree, "b-lib", -ENOENT);
	assert_number(tree, "c-lib", 104);
	write_file(tree, ETC "/rt_tables", "107 owner\n");
	load(tree);
	assert_number(tree, "owner", 107);
	assert_no_number(tree, "shipped", -ENOENT);
}

static void test_what_is_no_file(void **state)
{
	/* A directory or a FIFO under a database's name holds nothing up and hides nothing else. */
	struct tree *tree = *state;
	char full[256];

	full_path(tree, ETC "/rt_tables/x", full);
	full_path(tree, ETC "/rt_tables.d/fifo.conf", full);
	assert_int_equal(mkfifo(full, 0644), 0);
	write_file(tree, ETC "/rt_tables.d/isp.conf", "100 isp1\n");
	load(tree);
	assert_number(tree, "isp1", 100);
}

static void test_long_lines_and_zeros(void **state)
{
	/* A line is read 511 bytes at a time, each lot being a line, as iproute2 does it; and a
	 * zero ends a line's text, not the program. */
	static const char zeros[] = "100 a\0b\n\0\n101 c\n";
	struct tree *tree = *state;
	char text[1200];

	memset(text, 'x', sizeof(text));
	memcpy(text, "102 ", 4);
	memcpy(text + 511, "103 y\n", 7);
	write_file(tree, ETC "/rt_tables", text);
	write_bytes(tree, ETC "/rt_tables.d/zeros.conf", zeros, sizeof(zeros) - 1);
	load(tree);
	assert_int_equal(strlen(mh_tables_name(&tree->tables, 102)), 507);
	assert_number(tree, "y", 103);
	assert_number(tree, "a", 100);
	assert_number(tree, "c", 101);
}

static void test_ds_fields(void **state)
{
	/* A name of rt_dsfield wins, else the text is hexadecimal, with or without 0x. */
	struct tree *tree = *state;
	uint8_t tos = 0;

	write_file(tree, ETC "/rt_dsfield",
		   "0x0 default\n0xb8 EF\n0x28 AF11\n0x100 big\n0x28 10\n");
	assert_int_equal(mh_dsfield_parse(tree->root, "EF", &tos), 0);
	assert_int_equal(tos, 0xb8);
	assert_int_equal(mh_dsfield_parse(tree->root, "10", &tos), 0);
	assert_int_equal(tos, 0x28);
	assert_int_equal(mh_dsfield_parse(tree->root, "0x10", &tos), 0);
	assert_int_equal(tos, 0x10);
	assert_int_equal(mh_dsfield_parse(tree->root, "ff", &tos), 0);
	assert_int_equal(tos, 0xff);
	assert_int_equal(mh_dsfield_parse(tree->root, "AF11", &tos), -ENOENT);
	assert_int_equal(mh_dsfield_parse(tree->root, "big", &tos), -ENOENT);
	assert_int_equal(mh_dsfield_parse(tree->root, "100", &tos), -ENOENT);
	assert_int_equal(mh_dsfield_parse(tree->root, "-8", &tos), -ENOENT);
	assert_int_equal(mh_dsfield_parse(tree->root, "", &tos), -ENOENT);
	assert_int_equal(tos, 0xff);
}

static void test_of_the_host(void **state)
{
	/* The public function reads the host's own files, whatever they hold. */
	uint32_t number = 0;
	(void)state;

	assert_int_equal(mh_table_parse("main", &number), -ERANGE);
	assert_int_equal(mh_table_parse("77001", &number), 0);
	assert_int_equal(number, 77001);
	assert_int_equal(mh_table_parse("no such table", &number), -ENOENT);
}

#define TREE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TREE_TEST(test_no_files),
		TREE_TEST(test_numbers),
		TREE_TEST(test_names),
		TREE_TEST(test_another_name_for_main),
		TREE_TEST(test_garbage_ends_a_file),
		TREE_TEST(test_given_twice),
		TREE_TEST(test_directory),
		TREE_TEST(test_etc_before_usr),
		TREE_TEST(test_what_is_no_file),
		TREE_TEST(test_long_lines_and_zeros),
		TREE_TEST(test_ds_fields),
		cmocka_unit_test(test_of_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
