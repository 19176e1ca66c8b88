/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Takes away a folder that a test has made, with all that is in it. */

#include <ftw.h>
#include <stdio.h>

static inline int mh_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Return: 0, or -1 with errno set. */
static inline int mh_remove_tree(const char *path)
{
	return nftw(path, mh_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
