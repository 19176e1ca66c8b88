/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The findings of mh_check(), by what they look at. Each function reports what it finds and
 * returns 0 or -ENOMEM; what cannot be read is no finding.
 */

#include "session.h"

/* check-inet6.c: addresses, forwarding and advertised defaults of IPv6. */
int mh_check_inet6(struct mh_session *s);

/*
 * mh_is_lan() - is it an address by which hosts behind reach this one?
 *
 * It is where it is private, or any of IPv6, the network has room for others and no other way out,
 * and the interface is none of a link.
 */
bool mh_is_lan(const struct mh_session *s, const struct mh_ifaddr *addr);

/* check-rules.c: rules of others ahead of ours that catch everything. Pure. */
int mh_check_rules(struct mh_session *s);

/* check-marks.c: marks that fit rules of two tables. Pure. */
int mh_check_marks(struct mh_session *s);

/* check-ppp.c: options in /etc/ppp, and the tables that they name. */
int mh_check_ppp(struct mh_session *s);

/* check-networkd.c: settings of systemd-networkd. */
int mh_check_networkd(struct mh_session *s);
