/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which address of an interface is a link's own.
 */

#include <ifaddrs.h>

#include "multihome.h"

/*
 * mh_choose_address() - fill in @part's local address and, on an interface of two ends, its peer
 * @addrs: of the host
 * @part: with the gateway, if there is one
 *
 * Leaves it as it is where no address will do.
 */
void mh_choose_address(const struct ifaddrs *addrs, const char *ifname, enum mh_family family,
		       struct mh_part *part);
