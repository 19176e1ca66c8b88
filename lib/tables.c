// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names for routing tables and DS fields, read as iproute2 reads them: the same places, the same
 * tolerance, and the same winner where a name or a number is given twice. A database is a text file
 * of lines "NUMBER NAME"; what stands behind its first line that is none does not count.
 *
 * Places: /etc/iproute2 has been there always. iproute2 6.5 and 6.6 ship their own files in
 * /usr/lib/iproute2, later ones in /usr/share/iproute2; a file of the same name in /etc hides
 * those.
 */

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tables.h"

/* iproute2 reads this much of a line at once, and takes the rest for the next line. */
#define LINE_SIZE 512
/* A file with more lines than that is no database anybody wrote. */
#define LINES_MAX 16384

/* In the order in which they hide each other. */
static const char *const directories[] = {
	"/etc/iproute2",
	"/usr/share/iproute2",
	"/usr/lib/iproute2",
};

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static int add_name(struct mh_tables *names, uint32_t number, const char *name, size_t len)
{
	struct mh_table_name entry = { .number = number, .name = strndup(name, len) };
	int r;

	if (!entry.name)
		return -ENOMEM;
	r = mh_append(names->v, names->n, entry);
	if (r)
		free(entry.name);
	return r;
}

/*
 * Numbers are read into an int there, so that what does not fit becomes another number or, being
 * negative, is passed over. Return: whether the line is a number and a name.
 */
static bool split_line(const char *line, int32_t *ret_number, const char **ret_name,
		       size_t *ret_len)
{
	const char *name = line;
	char *end = NULL;
	int32_t number;
	size_t len;

	if (!strncmp(line, "0x", 2)) {
		number = (int32_t)strtoul(line + 2, &end, 16);
		name = end == line + 2 ? line : end;
	}
	if (name == line) {
		number = (int32_t)strtol(line, &end, 10);
		name = end;
	}
	if (name == line)
		return false;
	while (isspace((unsigned char)*name))
		name++;
	for (len = 0; name[len] && !isspace((unsigned char)name[len]);)
		len++;
	*ret_number = number;
	*ret_name = name;
	*ret_len = len;
	return len > 0;
}

static int read_names(FILE *file, struct mh_tables *names)
{
	char buf[LINE_SIZE];
	int r;

	for (unsigned int i = 0; i < LINES_MAX && fgets(buf, sizeof(buf), file); i++) {
		const char *line = buf + strspn(buf, " \t");
		const char *name;
		int32_t number;
		size_t len;

		if (*line == '#' || *line == '\n' || !*line)
			continue;
		if (!split_line(line, &number, &name, &len))
			return 0;
		if (number < 0)
			continue;
		r = add_name(names, (uint32_t)number, name, len);
		if (r)
			return r;
	}
	return 0;
}

/* Return: 0, -ENOMEM, -ENOENT (no such file; a file that cannot be read is there, but empty). */
static int read_file(const char *path, struct mh_tables *names)
{
	mh_cleanup(close_file) FILE *file = NULL;
	struct stat st;
	int fd;

	/* A FIFO must not hold up pppd. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : 0;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return read_names(file, names);
}

static bool make_path(char path[PATH_MAX], const char *root, size_t directory, const char *database,
		      const char *file)
{
	int n = snprintf(path, PATH_MAX, "%s%s/%s%s%s", root, directories[directory], database,
			 file ? ".d/" : "", file ? file : "");

	return n > 0 && n < PATH_MAX;
}

/* The database itself: the first that is there. */
static int load_main(const char *root, const char *database, struct mh_tables *names)
{
	char path[PATH_MAX];
	int r = -ENOENT;

	for (size_t i = 0; i < MH_ARRAY_SIZE(directories) && r == -ENOENT; i++)
		if (make_path(path, root, i, database, NULL))
			r = read_file(path, names);
	return r == -ENOENT ? 0 : r;
}

static bool is_hidden(const char *root, size_t directory, const char *database, const char *file)
{
	char path[PATH_MAX];
	struct stat st;

	while (directory--)
		if (make_path(path, root, directory, database, file) && !lstat(path, &st))
			return true;
	return false;
}

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".conf");
}

/* In the order of their names; iproute2 takes them as the file system gives them. */
static int load_directory(const char *root, size_t directory, const char *database,
			  struct mh_tables *names)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int n, r = 0;

	if (!make_path(path, root, directory, database, ""))
		return 0;
	n = scandir(path, &entries, is_conf, alphasort);
	if (n < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	for (int i = 0; i < n; i++) {
		const char *file = entries[i]->d_name;

		if (r != -ENOMEM && !is_hidden(root, directory, database, file) &&
		    make_path(path, root, directory, database, file))
			r = read_file(path, names);
		free(entries[i]);
	}
	free(entries);
	return r == -ENOMEM ? r : 0;
}

void mh_tables_clear(struct mh_tables *tables)
{
	for (size_t i = 0; i < tables->n; i++)
		free(tables->v[i].name);
	free(tables->v);
	*tables = (struct mh_tables){ 0 };
}

static int add_kernel_tables(struct mh_tables *tables)
{
	int r = add_name(tables, RT_TABLE_DEFAULT, "default", strlen("default"));

	if (!r)
		r = add_name(tables, RT_TABLE_MAIN, "main", strlen("main"));
	if (!r)
		r = add_name(tables, RT_TABLE_LOCAL, "local", strlen("local"));
	return r;
}

int mh_tables_load(const char *root, struct mh_tables *ret)
{
	mh_cleanup(mh_tables_clear) struct mh_tables tables = { 0 };
	int r;

	r = add_kernel_tables(&tables);
	if (!r)
		r = load_main(root, "rt_tables", &tables);
	for (size_t i = MH_ARRAY_SIZE(directories); !r && i--;)
		r = load_directory(root, i, "rt_tables", &tables);
	if (r)
		return r;
	*ret = tables;
	tables = (struct mh_tables){ 0 };
	return 0;
}

/* The last to name a number wins. */
const char *mh_tables_name(const struct mh_tables *tables, uint32_t number)
{
	for (size_t i = tables->n; i--;)
		if (tables->v[i].number == number)
			return tables->v[i].name;
	return NULL;
}

/* Of several numbers for a name that of the lowest last byte wins, and of those the last. */
static const struct mh_table_name *find_name(const struct mh_tables *tables, const char *name)
{
	const struct mh_table_name *best = NULL;

	for (size_t i = 0; i < tables->n; i++) {
		const struct mh_table_name *t = &tables->v[i];

		if (!strcmp(t->name, name) && (!best || (t->number & 255) <= (best->number & 255)))
			best = t;
	}
	return best;
}

/* Return: 0, -ENOENT (no number), -ERANGE. */
static int parse_number(const char *text, uint32_t *ret)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)text[*text == '+']))
		return -ENOENT;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (*end)
		return -ENOENT;
	if (errno || number > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)number;
	return 0;
}

int mh_tables_parse(const struct mh_tables *tables, const char *text, uint32_t *ret)
{
	const struct mh_table_name *named = find_name(tables, text);
	uint32_t number;
	int r;

	if (named) {
		number = named->number;
	} else {
		r = parse_number(text, &number);
		if (r)
			return r;
	}
	if (number == RT_TABLE_UNSPEC || (number >= RT_TABLE_DEFAULT && number <= RT_TABLE_LOCAL))
		return -ERANGE;
	*ret = number;
	return 0;
}

int mh_table_parse(const char *text, uint32_t *ret)
{
	mh_cleanup(mh_tables_clear) struct mh_tables tables = { 0 };
	int r;

	r = mh_tables_load("", &tables);
	if (r)
		return r;
	return mh_tables_parse(&tables, text, ret);
}

/* The last to name a value wins, and of several values for a name the lowest. */
static int find_dsfield(const struct mh_tables *names, const char *text, uint8_t *ret)
{
	const char *by_value[UINT8_MAX + 1] = { "0" };

	for (size_t i = 0; i < names->n; i++)
		if (names->v[i].number <= UINT8_MAX)
			by_value[names->v[i].number] = names->v[i].name;
	for (unsigned int i = 0; i <= UINT8_MAX; i++) {
		if (by_value[i] && !strcmp(by_value[i], text)) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	return -ENOENT;
}

int mh_dsfield_parse(const char *root, const char *text, uint8_t *ret)
{
	mh_cleanup(mh_tables_clear) struct mh_tables names = { 0 };
	unsigned long value;
	char *end;
	int r;

	r = load_main(root, "rt_dsfield", &names);
	if (r)
		return r;
	if (!find_dsfield(&names, text, ret))
		return 0;
	if (!isxdigit((unsigned char)text[*text == '+' || *text == '-']))
		return -ENOENT;
	value = strtoul(text, &end, 16);
	if (*end || value > UINT8_MAX)
		return -ENOENT;
	*ret = (uint8_t)value;
	return 0;
}
