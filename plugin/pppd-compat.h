/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * pppd's plugin interface as this plugin uses it, in plain types and without pppd's versions
 *
 * pppd-compat.c alone includes <pppd/...>. This header must stay free of <stdbool.h>, and so of
 * multihome.h: the headers of pppd 2.4.9 have a bool of their own. What is said and done with the
 * help of these functions is decided in multihome.c.
 */

#include <stddef.h>
#include <stdint.h>

enum mh_pppd_event {
	MH_PPPD_PHASE,	/* arg: the new phase */
	MH_PPPD_EXIT,	/* arg: exit status; the interface may be gone already */
	MH_PPPD_SIGNAL, /* arg: number of the signal; runs in its handler */
	MH_PPPD_IP_UP,
	MH_PPPD_IP_DOWN,
	MH_PPPD_IPV6_UP,
	MH_PPPD_IPV6_DOWN,
};

/* The phases that we look at, by pppd's own numbers. */
enum {
	MH_PPPD_PHASE_SERIALCONN =
		2,		   /* first phase in which all options but the secrets' are read */
	MH_PPPD_PHASE_NETWORK = 7, /* the options of the secrets file are read too */
};

enum mh_pppd_level {
	MH_PPPD_DEBUG, /* seen only with pppd's option debug */
	MH_PPPD_INFO,
	MH_PPPD_NOTICE,
	MH_PPPD_WARNING,
	MH_PPPD_ERROR,
};

/*
 * An option with one argument, for root's files alone.
 * @shown: the value in force, for pppd's option dump; NULL: the option is repeatable, each
 *         occurrence adds a value and pppd keeps them for the dump itself
 */
struct mh_pppd_option {
	const char *name;
	const char *description;
	char **shown;
};

/* Number of options that mh_pppd_add_options() takes; one call in a process. */
#define MH_PPPD_OPTIONS_MAX 8

/* mh_pppd_add_options() - Return: 0, -E2BIG or -ENOMEM. */
int mh_pppd_add_options(const struct mh_pppd_option *options, size_t n);

/*
 * What pppd calls without saying for whom; multihome.c has them.
 *
 * mh_plugin_option() - option number @index of the array given above has @value, valid during the
 * call. Return: 1, or 0 after mh_pppd_option_error(), which ends pppd with exit status 2.
 *
 * mh_plugin_check() - all options are read, and pppd is still in the foreground
 */
int mh_plugin_option(size_t index, const char *value);
void mh_plugin_check(void);

/* mh_pppd_on_check() - have mh_plugin_check() called. Return: 0, -ENOSYS: this pppd cannot. */
int mh_pppd_on_check(void);

/* mh_pppd_on() - have @fn called at each @event. Return: 0, -ENOSYS: a pppd without IPv6. */
int mh_pppd_on(enum mh_pppd_event event, void (*fn)(void *ctx, int arg), void *ctx);

/* mh_pppd_timer() - call @fn once, in @msecs, from pppd's main loop */
void mh_pppd_timer(void (*fn)(void *ctx), void *ctx, unsigned int msecs);
/* mh_pppd_timer_cancel() - forget all calls of @fn with @ctx */
void mh_pppd_timer_cancel(void (*fn)(void *ctx), void *ctx);

/* mh_pppd_log() - one line, without its end, in the formats of printf() */
void mh_pppd_log(enum mh_pppd_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* mh_pppd_option_error() - one line to the system log and, while starting, to stderr */
void mh_pppd_option_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* mh_pppd_refuse() - the same, and exit status 2; only before pppd has left the foreground */
void mh_pppd_refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* mh_pppd_setenv() - set a variable for pppd's scripts; NULL takes it away */
void mh_pppd_setenv(const char *name, const char *value);

/* Number of name servers that a peer can give. */
#define MH_PPPD_DNS_MAX 2

/* mh_pppd_ifname() - the interface's name; empty while there is none */
const char *mh_pppd_ifname(void);

/*
 * mh_pppd_addresses() - the two ends of the link, in network byte order
 * @family: AF_INET, or AF_INET6 for the link-local addresses
 * @local, @peer: 4 or 16 bytes are set, all zero where the end has no address
 *
 * To be asked in an up event of that family. Return: 0 or -ENOSYS: a pppd without IPv6.
 */
int mh_pppd_addresses(int family, uint8_t local[16], uint8_t peer[16]);

/*
 * mh_pppd_dns() - the name servers that the peer gave for the option usepeerdns
 * @servers: IPv4 addresses in network byte order; all zero where there is none
 *
 * To be asked in an up event of IPv4.
 */
void mh_pppd_dns(uint8_t servers[MH_PPPD_DNS_MAX][4]);

/*
 * mh_pppd_drop_defaultroute() - forget the option defaultroute or defaultroute6
 *
 * pppd then neither sets nor removes a default route. The permission to ask for one stays, or pppd
 * would end reading a user's options in the secrets file at his defaultroute. Return: 1: the option
 * was in force, 0: it was not.
 */
int mh_pppd_drop_defaultroute(int family);

/* Are these options in force? 1 or 0; 0 also where a pppd does not say. */
int mh_pppd_has_demand(void);
int mh_pppd_has_multilink(void);
