/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A record as text: what stands in RUN/links/IFNAME. Keeping the files is store.h's part.
 *
 * A record reads
 *
 *	multihome 1
 *	ifname isp1
 *	ifindex 7
 *	slot 1
 *	table 77001
 *	table-asked 0			as the owner named it; 0: automatic
 *	weight 8
 *	weight-asked 4			as the owner described the link, where that is another
 *	weight-changed 1		left out where it was the same since the link came up
 *	metric 0
 *	rp-filter loose			or keep
 *	rp-filter-was 1			left out where it was not changed
 *	ra-default-was 1		likewise
 *	seq 3
 *	since 1700000000
 *	inet local 203.0.113.2 peer 192.0.2.1
 *	inet6 local 2001:db8::2 gateway fe80::1
 *	source 203.0.113.8/29		source, source-added, route and rule: as often as needed
 *	source-added 2001:db8:1::/48
 *	route 198.51.100.0/24
 *	rule ipproto tcp dport 25
 *	end
 *
 * with the lines between the first and the last in any order. Numbers are decimal, without sign
 * and leading zeros. A part that is down has no line. Interface index 0 is that of a link that is
 * gone, with no part, and on record for its sources.
 */

#include "state.h"

/* A record is no longer than this, in bytes, and has no terminating zero. */
#define MH_RECORD_TEXT_SIZE 65536

enum {
	MH_RECORD_LIST_MAX = 256,  /* sources, added ones, routes and rules, each */
	MH_RECORD_RULE_MAX = 1024, /* bytes of a rule */
};

/*
 * mh_record_write() - a record as text
 * @ret_len: length of the text, 1..MH_RECORD_TEXT_SIZE
 *
 * Rules are kept as they are, but must be of one line and without control characters other than
 * the tabulator. @text is scratch space also on failure. Return: 0, -EINVAL (a field that
 * mh_record_parse() would refuse), -E2BIG (too much of something), -ENOMEM.
 */
int mh_record_write(const struct mh_record *record, char text[MH_RECORD_TEXT_SIZE],
		    size_t *ret_len);

/*
 * mh_record_parse() - the reverse
 * @text: any @len bytes
 * @ret: its link is the caller's, by mh_link_free()
 *
 * Does not look into rules. Return: 0, -EBADMSG (not a record, or not all of it), -ENOMEM.
 */
int mh_record_parse(const char *text, size_t len, struct mh_record *ret);

/* mh_is_ifname() - a name that an interface can have, as dev_valid_name() in the kernel sees it */
bool mh_is_ifname(const char *name, size_t n);

/* mh_is_control() - a character that is not for a terminal or a line of text */
bool mh_is_control(char c);
