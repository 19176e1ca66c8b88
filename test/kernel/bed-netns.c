// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The bed on the real kernel: a new network namespace for each test, in a user namespace where the
 * caller is not root. Interfaces are veth pairs, whose far ends stand for the provider, and tuns
 * that stand for PPP. Set up with ip(8), so that what the library does is judged by another's eyes.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <cmocka.h>

#include "bed.h"

const bool mh_bed_is_real = true;

#define TUNS_MAX 64

/* @fds: of the tuns; an interface of which goes with its descriptor */
struct netns {
	int fds[TUNS_MAX];
	char names[TUNS_MAX][MH_IFNAME_SIZE];
	size_t n_tuns;
};

static int write_file(const char *path, const char *text)
{
	mh_cleanup(mh_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

int mh_bed_prepare(void)
{
	int r = mh_bed_private_mounts();

	if (!r && unshare(CLONE_NEWNET) < 0)
		r = -errno;
	return r;
}

__attribute__((format(printf, 1, 2))) static void ip(const char *format, ...)
{
	char command[512] = "ip ";
	va_list args;

	va_start(args, format);
	vsnprintf(command + 3, sizeof(command) - 3, format, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

/* For what Linux does a little after it is told, from a queue of work. */
static void await(const char *what, bool (*is_so)(const char *name), const char *name)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };

	for (int i = 0; i < 60 * 1000; i++) {
		if (is_so(name))
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("not within a minute: %s %s", name, what);
}

/* IFF_RUNNING is the operational state, RFC 2863's, which follows the carrier. */
static bool is_running(const char *ifname)
{
	struct ifreq request = { 0 };
	mh_cleanup(mh_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	return request.ifr_flags & IFF_RUNNING;
}

static bool is_not_running(const char *ifname)
{
	return !is_running(ifname);
}

/* An IPv6 address is used from when it has its route, which the table of local ones shows. */
static bool is_local(const char *local)
{
	FILE *stream = fopen("/proc/thread-self/net/ipv6_route", "re");
	struct in6_addr addr;
	char wanted[40], line[256];
	bool found = false;

	assert_non_null(stream);
	assert_int_equal(inet_pton(AF_INET6, local, &addr), 1);
	for (int i = 0; i < 16; i++)
		snprintf(wanted + 2 * i, sizeof(wanted) - 2 * i, "%02x", addr.s6_addr[i]);
	strcat(wanted, " 80 ");
	while (!found && fgets(line, sizeof(line), stream))
		found = !strncmp(line, wanted, strlen(wanted));
	fclose(stream);
	return found;
}

static int open_netlink(void *arg, struct mh_kernel **ret)
{
	(void)arg;
	return mh_kernel_netlink_open(ret);
}

void mh_bed_make_world(struct mh_bed *bed)
{
	struct netns *netns = calloc(1, sizeof(*netns));

	assert_non_null(netns);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	ip("link set lo up");
	bed->world = netns;
	bed->fault.open_inner = open_netlink;
}

void mh_bed_end_world(struct mh_bed *bed)
{
	struct netns *netns = bed->world;

	for (size_t i = 0; i < netns->n_tuns; i++)
		mh_closep(&netns->fds[i]);
	free(netns);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
}

/* The far end has no address: what leaves is looked at on its way out, not there. */
void mh_bed_add_ether(struct mh_bed *bed, const char *ifname)
{
	(void)bed;
	ip("link add %s type veth peer name far-%s", ifname, ifname);
	ip("link set %s addrgenmode none", ifname);
	ip("link set far-%s addrgenmode none", ifname);
	ip("link set far-%s up", ifname);
	ip("link set %s up", ifname);
	await("is running", is_running, ifname);
}

/* Where tuns are not for everybody, an Ethernet does as well: it too can go without a gateway. */
void mh_bed_add_tun(struct mh_bed *bed, const char *ifname)
{
	struct netns *netns = bed->world;
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	size_t i = 0;

	if (fd < 0) {
		mh_bed_add_ether(bed, ifname);
		return;
	}
	while (i < netns->n_tuns && netns->fds[i] >= 0)
		i++;
	assert_true(i < TUNS_MAX);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	snprintf(netns->names[i], MH_IFNAME_SIZE, "%s", ifname);
	netns->fds[i] = fd;
	if (i == netns->n_tuns)
		netns->n_tuns++;
	ip("link set %s addrgenmode none", ifname);
	ip("link set %s up", ifname);
}

void mh_bed_del_iface(struct mh_bed *bed, const char *ifname)
{
	struct netns *netns = bed->world;

	for (size_t i = 0; i < netns->n_tuns; i++) {
		if (!strcmp(netns->names[i], ifname)) {
			mh_closep(&netns->fds[i]);
			netns->fds[i] = -1;
			*netns->names[i] = '\0';
			return;
		}
	}
	ip("link del %s", ifname);
}

int mh_bed_ifindex(struct mh_bed *bed, const char *ifname)
{
	int ifindex = (int)if_nametoindex(ifname);

	(void)bed;
	assert_true(ifindex > 0);
	return ifindex;
}

/* Linux before 6.2 renames no interface that is up. */
void mh_bed_rename(struct mh_bed *bed, const char *ifname, const char *to)
{
	char command[128];

	(void)bed;
	snprintf(command, sizeof(command), "ip link set %s name %s 2>/dev/null", ifname, to);
	if (!system(command))
		return;
	ip("link set %s down", ifname);
	ip("link set %s name %s up", ifname, to);
}

void mh_bed_set_updown(struct mh_bed *bed, const char *ifname, bool up)
{
	(void)bed;
	ip("link set %s %s", ifname, up ? "up" : "down");
}

void mh_bed_set_carrier(struct mh_bed *bed, const char *ifname, bool carrier)
{
	(void)bed;
	ip("link set far-%s %s", ifname, carrier ? "up" : "down");
	if (carrier)
		await("is running", is_running, ifname);
	else
		await("is not running", is_not_running, ifname);
	/* What routes and nexthops make of it is done when the next one may change interfaces. */
	ip("link set %s up", ifname);
}

void mh_bed_set_rp_filter(struct mh_bed *bed, const char *ifname, unsigned int value)
{
	char path[128], text[16];

	(void)bed;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", ifname);
	snprintf(text, sizeof(text), "%u", value);
	assert_int_equal(write_file(path, text), 0);
}

void mh_bed_set_ra_default(struct mh_bed *bed, const char *ifname, bool on)
{
	char path[128];

	(void)bed;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra_defrtr", ifname);
	assert_int_equal(write_file(path, on ? "1" : "0"), 0);
}

static void change_addr(const char *verb, const char *ifname, const char *local,
			const char *network)
{
	const char *slash = strchr(network, '/');
	const char *flags = strchr(local, ':') && !strcmp(verb, "add") ? "nodad" : "";

	if (slash)
		ip("addr %s %s%s dev %s %s", verb, local, slash, ifname, flags);
	else if (!strcmp(local, network))
		ip("addr %s %s dev %s %s", verb, local, ifname, flags);
	else
		ip("addr %s %s peer %s dev %s %s", verb, local, network, ifname, flags);
}

void mh_bed_add_tentative(struct mh_bed *bed, const char *ifname, const char *local,
			  const char *network)
{
	(void)bed;
	ip("addr add %s%s dev %s", local, strchr(network, '/'), ifname);
}

/* Linux takes up to two seconds to make sure. */
void mh_bed_await_addr(struct mh_bed *bed, const char *ifname, const char *local)
{
	char command[128];

	(void)bed;
	snprintf(command, sizeof(command),
		 "timeout 60 sh -c 'while ip addr show dev %s to %s tentative | grep -q .; "
		 "do sleep 0.1; done'",
		 ifname, local);
	assert_int_equal(system(command), 0);
}

void mh_bed_add_addr(struct mh_bed *bed, const char *ifname, const char *local, const char *network)
{
	(void)bed;
	change_addr("add", ifname, local, network);
	if (strchr(local, ':'))
		await("is local", is_local, local);
}

void mh_bed_del_addr(struct mh_bed *bed, const char *ifname, const char *local, const char *network)
{
	(void)bed;
	change_addr("del", ifname, local, network);
}

/* Effective, not permitted: so that it can be had back. */
void mh_bed_set_denied(struct mh_bed *bed, bool denied)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint32_t bit = 1u << CAP_NET_ADMIN;

	(void)bed;
	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective = denied ? data[0].effective & ~bit : data[0].effective | bit;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

/* Return: the lines that a command prints, but those with @without. */
static char *lines_of(const char *command, const char *without)
{
	FILE *stream = popen(command, "r"), *memory;
	char *text = NULL, *line = NULL;
	size_t size, room = 0;

	assert_non_null(stream);
	memory = open_memstream(&text, &size);
	assert_non_null(memory);
	while (getline(&line, &room, stream) >= 0) {
		if (!strstr(line, without))
			fputs(line, memory);
	}
	free(line);
	fclose(memory);
	pclose(stream);
	return text;
}

char *mh_bed_foreign(struct mh_bed *bed)
{
	(void)bed;
	return lines_of("for f in -4 -6; do ip -N -d $f rule; ip -N -d -o $f route show table all; "
			"done; ip -N -o nexthop",
			"proto 77");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* With this many destinations every link of a group is some packet's way. */
#define DESTINATIONS 64

/*
 * Never the same destinations twice: looking makes the buckets of a resilient group busy, and these
 * do not go to a link that comes.
 */
static void write_batch(const char *from, char path[32])
{
	static unsigned int block;
	bool inet6 = from && strchr(from, ':');
	FILE *batch;
	int fd;

	strcpy(path, "/tmp/test-host-way-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	batch = fdopen(fd, "w");
	block++;
	for (unsigned int i = 1; i <= DESTINATIONS; i++) {
		if (inet6)
			fprintf(batch, "route get 2001:db8:ffff:%x::%x", block, i);
		else
			fprintf(batch, "route get 198.%u.%u.%u", 18 + block / 256 % 2, block % 256,
				i);
		fprintf(batch, from && strcmp(from, "::") ? " from %s\n" : "\n", from);
	}
	fclose(batch);
}

void mh_bed_way(struct mh_bed *bed, const char *from, char names[256])
{
	char path[32], command[128], found[DESTINATIONS][MH_IFNAME_SIZE];
	mh_cleanup(mh_freep) char *text = NULL;
	size_t n = 0;

	(void)bed;
	write_batch(from, path);
	snprintf(command, sizeof(command), "ip -o -force -batch %s 2>/dev/null", path);
	text = lines_of(command, "\n\n");
	unlink(path);
	for (char *at = text; n < DESTINATIONS && (at = strstr(at, " dev ")); n++) {
		at += 5;
		snprintf(found[n], sizeof(found[n]), "%.*s", (int)strcspn(at, " \n"), at);
	}
	qsort(found, n, sizeof(found[0]), compare_names);
	*names = '\0';
	for (size_t i = 0; i < n; i++) {
		if (i && !strcmp(found[i], found[i - 1]))
			continue;
		snprintf(names + strlen(names), 256 - strlen(names), "%s%s", i ? " " : "",
			 found[i]);
	}
}
