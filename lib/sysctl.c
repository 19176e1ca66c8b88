// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Kernel settings in /proc/sys: any is read, one is written. What they mean is for the callers to
 * know.
 */

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "record.h"
#include "sysctl.h"
#include "util.h"

/* pppd has no SA_RESTART. Return: a descriptor, or negative errno. */
static int open_file(const char *path, int flags)
{
	int fd;

	do {
		fd = open(path, flags | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

int mh_sysctl_read(const char *root, const char *name, uint32_t *ret)
{
	mh_cleanup(mh_closep) int fd = -1;
	char path[PATH_MAX], text[32] = "";
	ssize_t n;
	int len = snprintf(path, sizeof(path), "%s/proc/sys/%s", root, name);

	if (len < 0 || len >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open_file(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	do {
		n = read(fd, text, sizeof(text) - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	*ret = (uint32_t)strtoul(text, NULL, 10);
	return 0;
}

int mh_sysctl_write_ra_default(const char *ifname, bool on)
{
	mh_cleanup(mh_closep) int fd = -1;
	char path[PATH_MAX];
	ssize_t n;

	if (!mh_is_ifname(ifname, strlen(ifname)))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra_defrtr", ifname);
	fd = open_file(path, O_WRONLY);
	if (fd < 0)
		return fd;
	do {
		n = write(fd, on ? "1" : "0", 1);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int mh_link_prepare(const char *ifname)
{
	return mh_sysctl_write_ra_default(ifname, false);
}
