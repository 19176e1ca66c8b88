/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Kernel settings that rtnetlink does not tell.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * mh_sysctl_read() - a number below /proc/sys
 * @root: put before the path; empty but in tests
 * @name: with slashes, such as "net/ipv4/ip_forward"
 *
 * Those of the network are of the calling thread's namespace. Return: 0 with @ret set, or an errno
 * of open(2), or -EINVAL (not a number).
 */
int mh_sysctl_read(const char *root, const char *name, uint32_t *ret);

/* mh_sysctl_write_ra_default() - net.ipv6.conf.IFNAME.accept_ra_defrtr. Return: 0, or an errno. */
int mh_sysctl_write_ra_default(const char *ifname, bool on);
