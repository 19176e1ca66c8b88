/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * iproute2's language for the selector of a rule: text to struct. Pure but for the lookup of user
 * and protocol names and of iproute2's names for DS fields.
 */

#include "state.h"

/* Longest text of a selector with its terminating zero. */
#define MH_SELECTOR_SIZE 1024

/*
 * mh_selector_parse()
 * @text: words separated by blanks, as between "ip rule add" and "lookup TABLE"
 * @ret_pref: optional; preference that the text names, untouched where it names none
 * @ret_error: optional; set on -EINVAL
 *
 * Accepts what `ip rule add` and then the kernel accept for: not, from, to, iif|dev, oif, fwmark,
 * uidrange, ipproto, sport, dport, tos|dsfield, pref|preference|order|priority, with iproute2's
 * abbreviations; beyond that, the name of a user behind uidrange. The result is the rule that the
 * kernel then has, bits behind a prefix's length included. What iproute2 overlooks is refused: a
 * tail behind the numbers of sport, dport and uidrange, a number that wraps around, and ports that
 * iproute2 6.1 and 6.15 read differently. Return: the family (AF_INET or AF_INET6 where the
 * selector fits only one, AF_UNSPEC where it fits both), -EINVAL, or -ENOMEM.
 */
int mh_selector_parse(const char *text, struct mh_selector *ret, uint32_t *ret_pref,
		      struct mh_selector_error *ret_error);

/*
 * mh_selector_settle() - the same text, with numbers in place of users' names
 * @text: one that mh_selector_parse() accepts
 *
 * As it is where it has no name of a user. Return: 0, -EINVAL, or -E2BIG (too long with numbers).
 */
int mh_selector_settle(const char *text, char ret[MH_SELECTOR_SIZE]);
