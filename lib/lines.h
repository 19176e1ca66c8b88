/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading of other programs' text files, which may be missing, unreadable or garbled.
 */

#include "util.h"

/* Told of each line without its end, which it may change. Return: 0, or what ends the reading. */
typedef int (*mh_line_fn)(void *arg, char *line);

/*
 * mh_lines_read() - a text file line by line
 * @root: put before @path; empty but in tests
 *
 * Only regular files are read, and of these no more than 1 MiB. Return: 0, -ENOENT (no such file,
 * or not to be read), -ENOMEM, or what @line returned.
 */
int mh_lines_read(const char *root, const char *path, mh_line_fn line, void *arg);

/* mh_strip() - @text without the blanks around it; ends it before those behind */
char *mh_strip(char *text);

/* Names of files. @v: owned, as are the strings; entries may be NULL */
struct mh_names {
	char **v;
	size_t n;
};
void mh_names_clear(struct mh_names *names);

/*
 * mh_names_list() - paths of the files in a directory, by name
 * @root: put before @path, but not before the results
 * @suffix: how their names end; those that begin with a dot are left out
 *
 * Return: 0 also where there is no such directory, or -ENOMEM.
 */
int mh_names_list(const char *root, const char *path, const char *suffix, struct mh_names *ret);
