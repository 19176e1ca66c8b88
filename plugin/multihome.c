// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The plugin: tells the library which link comes and goes
 *
 * What pppd looks like is pppd-compat.c's part, what options mean options.c's, what the log and
 * pppd's scripts are told tell.c's, and what a link is in the kernel the library's. Here is when
 * each is asked: an event changes what is due, and settle() does what is due, at once or, where
 * that fails, by timer. An event that overtakes another simply changes what is due.
 */

#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "multihome.h"
#include "options.h"
#include "pppd-compat.h"
#include "tell.h"

#define mh_cleanup(fn) __attribute__((cleanup(fn)))

/* Seconds until the next attempt: the lock is soon free, a full disk is not. */
#define RETRY_LOCK 1
#define RETRY_OTHER 30
/* How often the addresses of an IPv6 link are looked at, in ms: rules follow within a second. */
#define LOOK_EVERY 500
/* Longest wait for the lock when pppd ends, in ms: whoever stops it is waiting, too. */
#define EXIT_DEADLINE 300

/*
 * Everything that this plugin knows, of the one link that a pppd has.
 * @host: NULL: not loaded yet
 * @link: what the options say; an address family is up while its part is set
 * @n_dns: how many of @link's routes, the last ones, are name servers; the others are options
 * @shown: value in force of each option that is not repeatable, as pppd's dump shows it
 * @up_due: the library is to be told of @link
 * @follow_due: addresses of the link have come or gone since the library was last told of it
 * @watch: on these addresses, while IPv6 is up; NULL: none
 * @down_due: the library is to be told that these families are gone: bits 1 << enum mh_family
 * @failure: negative errno of the last attempt, which the log has; 0: it went well
 * @told: what the log has
 * @caller: pppd's real user
 * @busy: the library is at work, so a signal must keep away from it
 * @crashed: pppd is dying of a signal, inside its handler
 */
struct plugin {
	struct mh_host *host;
	struct mh_link *link;
	size_t n_dns;
	char *shown[MH_OPTIONS];
	bool up_due;
	bool follow_due;
	struct mh_watch *watch;
	unsigned int down_due;
	int failure;
	struct mh_told told;
	uid_t caller;
	volatile sig_atomic_t busy;
	volatile sig_atomic_t crashed;
};

static struct plugin plugin;

/* What pppd has for each address family. */
static const struct {
	int af;
	uint8_t len;
	const char *defaultroute;
} families[MH_FAMILIES] = {
	[MH_INET] = { .af = AF_INET, .len = 32, .defaultroute = "defaultroute" },
	[MH_INET6] = { .af = AF_INET6, .len = 128, .defaultroute = "defaultroute6" },
};

static bool part_is_up(const struct plugin *p, enum mh_family family)
{
	return p->link->part[family].local.family;
}

static unsigned int families_up(const struct plugin *p)
{
	unsigned int up = 0;

	for (enum mh_family family = 0; family < MH_FAMILIES; family++)
		if (part_is_up(p, family))
			up |= 1U << family;
	return up;
}

/* Seconds; 0: to try again is of no use. */
static unsigned int retry_after(int r)
{
	if (r == -ETIMEDOUT)
		return RETRY_LOCK;
	if (r == -EPERM || r == -ENODEV || r == -EINVAL)
		return 0;
	return RETRY_OTHER;
}

/*
 * Who may run pppd, which is setuid, may also stop it, for kill(2) asks for the real user, too.
 * With it in the middle of an event all others would wait for the lock: so long the real user is
 * root.
 */
static void begin_event(struct plugin *p)
{
	p->caller = getuid();
	if (p->caller && !geteuid())
		(void)!setreuid(0, (uid_t)-1);
	p->busy = 1;
}

static void end_event(struct plugin *p)
{
	p->busy = 0;
	if (p->caller && !getuid() && setreuid(p->caller, (uid_t)-1) < 0)
		mh_pppd_log(MH_PPPD_ERROR, "multihome: pppd's real user stays root: %s",
			    strerror(errno));
}

static int apply(struct plugin *p, bool up, struct mh_report *report)
{
	int r;

	begin_event(p);
	if (up)
		r = mh_link_up(p->host, p->link, report);
	else
		r = mh_link_down(p->host, p->link->ifindex, p->down_due, report);
	end_event(p);
	return r;
}

/* carry_out() - one of the two things that can be due, and all that is said about it */
static int carry_out(struct plugin *p, bool up)
{
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	int r = apply(p, up, &report);

	mh_tell_changes(MH_PPPD_DEBUG, &report);
	mh_tell_problems(&p->told, p->link, &report, r);
	if (r < 0) {
		if (r != p->failure)
			mh_tell_failure(p->link, up, r, retry_after(r), &report);
		mh_tell_scripts_nothing(up);
		return r;
	}
	mh_tell_scripts(p->link, up, &report);
	if (up)
		mh_tell_up(p->link, &report);
	else
		mh_tell_down(p->link, &report);
	return 0;
}

/* Of addresses that change while the link is up, what is made of them is all there is to say. */
static int follow(struct plugin *p)
{
	mh_cleanup(mh_report_clear) struct mh_report report = MH_REPORT_INIT;
	int r;

	begin_event(p);
	r = mh_reconcile(p->host, 0, &report);
	end_event(p);
	mh_tell_changes(r < 0 ? MH_PPPD_DEBUG : MH_PPPD_INFO, &report);
	mh_tell_problems(&p->told, p->link, &report, r);
	if (r < 0 && r != p->failure)
		mh_tell_not_followed(p->link, r);
	return r;
}

/* settle() - do what is due, and come again by timer for what could not be done */
static void settle(void *ctx)
{
	struct plugin *p = ctx;
	int r = 0;

	mh_pppd_timer_cancel(settle, p);
	if (p->down_due) {
		r = carry_out(p, false);
		if (r == 0)
			p->down_due = 0;
	}
	if (r == 0 && p->up_due) {
		r = carry_out(p, true);
		if (r == 0)
			p->up_due = p->follow_due = false;
	}
	if (r == 0 && p->follow_due) {
		r = follow(p);
		if (r == 0)
			p->follow_due = false;
	}
	p->failure = r;
	if (r < 0 && retry_after(r))
		mh_pppd_timer(settle, p, 1000 * retry_after(r));
#ifdef __GLIBC__
	/* An event beside many links takes more memory than pppd does for all the time until next.
	 */
	(void)malloc_trim(0);
#endif
}

/* Now and then, while IPv6 is up: the kernel tells of addresses, but pppd does not. */
static void look(void *ctx)
{
	struct plugin *p = ctx;

	mh_pppd_timer(look, p, LOOK_EVERY);
	if (!mh_watch_changed(p->watch, p->link->ifindex))
		return;
	p->follow_due = true;
	settle(p);
}

static void unwatch(struct plugin *p)
{
	mh_pppd_timer_cancel(look, p);
	p->watch = mh_watch_close(p->watch);
	p->follow_due = false;
}

/* Opened before the addresses are read, so that none comes unseen. */
static void watch(struct plugin *p)
{
	int r;

	unwatch(p);
	r = mh_watch_open(&p->watch);
	if (r == 0)
		mh_pppd_timer(look, p, LOOK_EVERY);
	else
		mh_pppd_log(MH_PPPD_WARNING,
			    "multihome: %s: its IPv6 addresses cannot be watched (%s): rules "
			    "follow a change of them only at the next event of any link",
			    p->link->ifname, strerror(-r));
}

static struct mh_prefix address_of(enum mh_family family, const uint8_t bytes[16])
{
	static const uint8_t none[16];
	struct mh_prefix address = { 0 };

	if (!memcmp(bytes, none, sizeof(none)))
		return address;
	address.family = families[family].af;
	address.len = families[family].len;
	memcpy(address.addr, bytes, address.len / 8);
	return address;
}

/* A redial has a new interface; what was of the old one is gone with it. */
static void take_interface(struct plugin *p, const char *ifname, int ifindex)
{
	snprintf(p->link->ifname, sizeof(p->link->ifname), "%s", ifname);
	if (ifindex == p->link->ifindex)
		return;
	p->link->ifindex = ifindex;
	p->down_due = 0;
	for (enum mh_family family = 0; family < MH_FAMILIES; family++)
		p->link->part[family] = (struct mh_part){ 0 };
}

/*
 * The peer chooses the addresses, so they are looked at. Routes other than defaults win over what
 * is made of them, and so do rules of the owner's: it is not much that a peer could draw here.
 */
static bool is_server(const struct mh_link *link, const struct mh_prefix *server)
{
	uint8_t first = server->addr[0];

	return first != 0 && first != 127 && first < 224 &&
	       memcmp(server, &link->part[MH_INET].local, sizeof(*server)) != 0;
}

static bool has_route(const struct mh_link *link, const struct mh_prefix *prefix)
{
	for (size_t i = 0; i < link->n_routes; i++)
		if (!memcmp(&link->routes[i], prefix, sizeof(*prefix)))
			return true;
	return false;
}

/* Providers answer only their customers, so the link's name servers go by the link. */
static void take_dns(struct plugin *p)
{
	uint8_t servers[MH_PPPD_DNS_MAX][4];

	p->link->n_routes -= p->n_dns;
	p->n_dns = 0;
	mh_pppd_dns(servers);
	for (size_t i = 0; i < MH_PPPD_DNS_MAX; i++) {
		uint8_t bytes[16] = { 0 };
		char text[MH_PREFIX_TEXT_SIZE];
		struct mh_prefix server;

		memcpy(bytes, servers[i], sizeof(servers[i]));
		server = address_of(MH_INET, bytes);
		if (!server.family || has_route(p->link, &server))
			continue;
		mh_prefix_format(&server, text);
		if (!is_server(p->link, &server))
			mh_pppd_log(MH_PPPD_WARNING,
				    "multihome: %s: name server %s ignored: the provider can have "
				    "none of that address",
				    p->link->ifname, text);
		else if (mh_link_add_route(p->link, &server) == 0)
			p->n_dns++;
	}
}

static void family_up(struct plugin *p, enum mh_family family)
{
	uint8_t local[16] = { 0 };
	uint8_t peer[16] = { 0 };
	int ifindex = if_nametoindex(mh_pppd_ifname());

	if (!ifindex || mh_pppd_addresses(families[family].af, local, peer) < 0) {
		mh_pppd_log(MH_PPPD_ERROR,
			    "multihome: %s is up, but there is no such interface: it is not used",
			    mh_pppd_ifname());
		return;
	}
	take_interface(p, mh_pppd_ifname(), ifindex);
	p->link->part[family].local = address_of(family, local);
	p->link->part[family].peer = address_of(family, peer);
	if (family == MH_INET)
		take_dns(p);
	else
		watch(p);
	p->down_due &= ~(1U << family);
	p->up_due = true;
	p->failure = 0;
	settle(p);
}

static void family_down(struct plugin *p, enum mh_family family)
{
	/* pppd tells of a down also where no up was told. */
	if (!part_is_up(p, family))
		return;
	if (family == MH_INET6)
		unwatch(p);
	p->link->part[family] = (struct mh_part){ 0 };
	p->down_due |= 1U << family;
	if (!families_up(p))
		p->up_due = false;
	p->failure = 0;
	settle(p);
}

static void on_ip_up(void *ctx, int arg)
{
	(void)arg;
	family_up(ctx, MH_INET);
}

static void on_ip_down(void *ctx, int arg)
{
	(void)arg;
	family_down(ctx, MH_INET);
}

static void on_ipv6_up(void *ctx, int arg)
{
	(void)arg;
	family_up(ctx, MH_INET6);
}

static void on_ipv6_down(void *ctx, int arg)
{
	(void)arg;
	family_down(ctx, MH_INET6);
}

/* A default route of pppd's would take the place of ours, and go with it when it goes. */
static void on_phase(void *ctx, int phase)
{
	(void)ctx;
	if (phase != MH_PPPD_PHASE_SERIALCONN && phase != MH_PPPD_PHASE_NETWORK)
		return;
	for (enum mh_family family = 0; family < MH_FAMILIES; family++)
		if (mh_pppd_drop_defaultroute(families[family].af))
			mh_pppd_log(MH_PPPD_NOTICE,
				    "multihome: option %s ignored: the default routes are set by "
				    "multihome.so, as multihome-weight and multihome-metric say",
				    families[family].defaultroute);
	/* From here on a router advertisement may come. Where there is no IPv6, nor can it. */
	if (phase == MH_PPPD_PHASE_NETWORK)
		(void)mh_link_prepare(mh_pppd_ifname());
}

/* Runs in the signal's handler. */
static void on_signal(void *ctx, int number)
{
	struct plugin *p = ctx;

	switch (number) {
	case SIGHUP:
	case SIGINT:
	case SIGTERM:
	case SIGCHLD:
	case SIGUSR1:
	case SIGUSR2:
		break;
	default:
		p->crashed = 1;
	}
}

/*
 * pppd ends. Links that went properly have been told of; what is left after a fatal error is taken
 * away here. Not from the handler of a signal, where memory may be in any state: the kernel drops
 * the interface from the defaults by itself, and the next event of any link clears the rest.
 */
static void on_end(void *ctx, int status)
{
	struct plugin *p = ctx;

	(void)status;
	if (p->busy || p->crashed)
		return;
	p->down_due |= families_up(p);
	if (!p->down_due)
		return;
	p->up_due = false;
	mh_host_set_deadline(p->host, EXIT_DEADLINE);
	carry_out(p, false);
	p->down_due = 0;
}

void mh_plugin_check(void)
{
	if (mh_pppd_has_demand())
		mh_pppd_refuse("option demand cannot be used with multihome.so: it keeps a link in "
			       "use while it is not connected, so traffic would be lost; use "
			       "persist instead");
	if (mh_pppd_has_multilink())
		mh_pppd_refuse("option multilink cannot be used with multihome.so: pppd tells only "
			       "the first session of a bundle when it comes and goes; give each "
			       "session its own interface and multihome-weight instead");
}

/* The dump shows a repeatable option's values without our help. */
static void show(struct plugin *p, enum mh_option option, const char *value)
{
	if (mh_option_info[option].repeatable)
		return;
	free(p->shown[option]);
	p->shown[option] = strdup(value);
}

int mh_plugin_option(size_t index, const char *value)
{
	char error[MH_OPTION_ERROR_SIZE];

	if (mh_option_set(plugin.link, index, value, error) < 0) {
		mh_pppd_option_error("%s", error);
		return 0;
	}
	show(&plugin, index, value);
	return 1;
}

static int add_options(struct plugin *p)
{
	struct mh_pppd_option options[MH_OPTIONS];

	_Static_assert(MH_OPTIONS <= MH_PPPD_OPTIONS_MAX, "too many options");
	for (size_t i = 0; i < MH_OPTIONS; i++) {
		options[i].name = mh_option_info[i].name;
		options[i].description = mh_option_info[i].description;
		options[i].shown = mh_option_info[i].repeatable ? NULL : &p->shown[i];
	}
	return mh_pppd_add_options(options, MH_OPTIONS);
}

static int listen_to_pppd(struct plugin *p)
{
	static const struct {
		enum mh_pppd_event event;
		void (*fn)(void *ctx, int arg);
		bool ipv6;
	} events[] = {
		{ MH_PPPD_PHASE, on_phase },
		{ MH_PPPD_SIGNAL, on_signal },
		{ MH_PPPD_EXIT, on_end },
		{ MH_PPPD_IP_UP, on_ip_up },
		{ MH_PPPD_IP_DOWN, on_ip_down },
		{ MH_PPPD_IPV6_UP, on_ipv6_up, .ipv6 = true },
		{ MH_PPPD_IPV6_DOWN, on_ipv6_down, .ipv6 = true },
	};
	int r;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		r = mh_pppd_on(events[i].event, events[i].fn, p);
		/* A pppd without IPv6 has no such events. */
		if (r < 0 && !(r == -ENOSYS && events[i].ipv6))
			return r;
	}
	return mh_pppd_on_check();
}

static int start(struct plugin *p)
{
	int r = mh_host_open(NULL, &p->host);

	if (r == 0)
		r = mh_link_new(&p->link);
	if (r == 0)
		r = add_options(p);
	if (r == 0)
		r = listen_to_pppd(p);
	return r;
}

__attribute__((visibility("default"))) void plugin_init(void);
void plugin_init(void)
{
	int r;

	/* pppd calls it once for every "plugin multihome.so". */
	if (plugin.host)
		return;
	r = start(&plugin);
	if (r < 0)
		mh_pppd_refuse("plugin multihome.so cannot start: %s", strerror(-r));
}
