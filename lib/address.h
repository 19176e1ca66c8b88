/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which IPv4 addresses a link may have. Pure. */

#include "record.h"

/*
 * mh_address_check() - may @link have its IPv4 address? None is fine.
 * @records: the other links
 * @report: is told why not
 *
 * Return: 0, -EINVAL (no host can have it), -EADDRINUSE (a network of this host has it), -ENOMEM.
 */
int mh_address_check(const struct mh_link *link, const struct mh_records *records,
		     const struct mh_state *snapshot, struct mh_report *report);
