// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A small program on libmultihome: prints the links of this host and what share of new IPv4 traffic
 * each of them gets. Build it with
 *
 *	cc links.c $(pkg-config --cflags --libs libmultihome)
 */

#include <multihome.h>
#include <stdio.h>
#include <string.h>

static void print(const struct mh_link_status *status)
{
	const struct mh_prefix *local = &status->link->part[MH_INET].local;
	char address[MH_PREFIX_TEXT_SIZE] = "no IPv4 address";

	if (local->family)
		mh_prefix_format(local, address);
	printf("%-15s %-7s %3u%%  %s\n", status->link->ifname, mh_link_state_name(status->state),
	       status->share[MH_INET] * 100 / MH_SHARE_ALL, address);
}

int main(void)
{
	struct mh_host *host = NULL;
	struct mh_status *status = NULL;
	int r = mh_host_open(NULL, &host);

	if (!r)
		r = mh_status(host, &status);
	if (r < 0)
		fprintf(stderr, "links: %s\n", strerror(-r));
	for (size_t i = 0; !r && i < status->n_links; i++)
		print(&status->links[i]);
	mh_status_free(status);
	mh_host_close(host);
	return r < 0;
}
