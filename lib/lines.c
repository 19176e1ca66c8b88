// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Text files of other programs: their lines, and what files there are. What a line means is for the
 * callers to know.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lines.h"

#define FILE_SIZE_MAX (1024 * 1024)

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* Neither a FIFO nor a device is to hold us up. */
static FILE *open_file(const char *root, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	FILE *file;
	int fd, n = snprintf(full, sizeof(full), "%s%s", root, path);

	if (n < 0 || n >= (int)sizeof(full))
		return NULL;
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_SIZE_MAX) {
		close(fd);
		return NULL;
	}
	file = fdopen(fd, "r");
	if (!file)
		close(fd);
	return file;
}

int mh_lines_read(const char *root, const char *path, mh_line_fn line, void *arg)
{
	mh_cleanup(close_file) FILE *file = open_file(root, path);
	mh_cleanup(mh_freep) char *text = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -ENOENT;
	while (!r && getline(&text, &size, file) >= 0) {
		text[strcspn(text, "\r\n")] = '\0';
		r = line(arg, text);
	}
	return r;
}

char *mh_strip(char *text)
{
	size_t n;

	text += strspn(text, " \t");
	n = strlen(text);
	while (n && strchr(" \t", text[n - 1]))
		text[--n] = '\0';
	return text;
}

void mh_names_clear(struct mh_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct mh_names){ 0 };
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), len = strlen(suffix);

	return *name != '.' && n > len && !strcmp(name + n - len, suffix);
}

int mh_names_list(const char *root, const char *path, const char *suffix, struct mh_names *ret)
{
	mh_cleanup(mh_names_clear) struct mh_names names = { 0 };
	struct dirent **entries;
	char full[PATH_MAX];
	int n, r = 0;

	n = snprintf(full, sizeof(full), "%s%s", root, path);
	if (n < 0 || n >= (int)sizeof(full))
		return 0;
	n = scandir(full, &entries, NULL, alphasort);
	if (n < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	for (int i = 0; i < n; i++) {
		char *name = NULL;

		if (!r && has_suffix(entries[i]->d_name, suffix)) {
			r = asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0 ? -ENOMEM : 0;
			if (!r)
				r = mh_append(names.v, names.n, name);
			if (r)
				free(name);
		}
		free(entries[i]);
	}
	free(entries);
	if (r)
		return r;
	*ret = names;
	names = (struct mh_names){ 0 };
	return 0;
}
