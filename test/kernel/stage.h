/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The stage of the tests in which an event goes wrong: a host with one to four links, the events
 * that may happen to them, and the state that the host is in afterwards, as a text to compare.
 */

#include "bed.h"

#define LINKS_MAX 4

/*
 * A host with some links.
 * @families: of every link, by enum mh_family bits
 * @links: how many there are, in the end or at first
 * @tiers: the later half of the links has metric 100
 */
struct scenario {
	unsigned int families;
	int links;
	bool tiers;
};

enum event {
	UP,	     /* of the last link */
	DOWN,	     /* of the last link */
	DOWN_FIRST,  /* of the first link */
	DOWN_PART,   /* of the last link, in IPv6 alone where it has both families */
	CHANGE,	     /* of the last link: another tier, another weight, one more rule */
	NEW_GATEWAY, /* of the first link, which is an Ethernet */
	WEIGHT,	     /* of the first link: another share */
	REFILL,	     /* a reconcile that finds the kernel without any of ours */
	FLUSH,
	RECONCILE, /* of a state that is right: changes nothing */
	EVENTS,
};

const char *event_name(enum event event);

struct stage {
	struct mh_bed *bed;
	struct scenario scenario;
	struct mh_link *links[LINKS_MAX];
};

/* stage_begin() - make the interfaces; odd ones are Ethernets, even ones tuns */
void stage_begin(struct stage *stage, struct mh_bed *bed, const struct scenario *scenario);
void stage_end(struct stage *stage);

/* set_scene() - all links are up, but for the last one where @first is its coming up */
void set_scene(struct stage *stage, enum event first);

/* happen() - Return: what the library says of it */
int happen(struct stage *stage, enum event event, struct mh_report *report);
/* happen_well() - likewise of an event that must succeed and leave no problem */
void happen_well(struct stage *stage, enum event event);

/*
 * is_its_turn() - is what has gone wrong at this point to be followed, or to be, the @way-th of so
 * many? On a fake kernel each point has each; on a real one each has one, by turns, but where
 * MULTIHOME_ALL_FAULTS is in the environment.
 */
bool is_its_turn(size_t point, size_t way, size_t ways);

/* nth_following() - place of @second among the events that can follow @first; @ret_n: how many */
size_t nth_following(const struct stage *stage, enum event first, enum event second, size_t *ret_n);

/* can_follow() - does @second make sense after @first, even where that has not come to pass? */
bool can_follow(const struct stage *stage, enum event first, enum event second);

/* state_of() - Our state, whatever ids groups have been given. To be freed. */
char *state_of(struct stage *stage);

/* staying() - bit i: link i is up before the event and after it */
unsigned int staying(const struct stage *stage, enum event event);

/*
 * assert_sane() - new traffic has a way as long as a link that @stays could carry it, what leaves
 * by a link may also stay on it, and each link that stays is led to by its address
 */
void assert_sane(struct stage *stage, unsigned int stays);

/*
 * assert_mended() - after an event in which something failed: a reconcile makes the state that of
 *   before or after it, and repeating the event makes it that of after
 * @silent: nobody was told of a failure, so a reconcile must make it that of after
 */
void assert_mended(struct stage *stage, enum event event, bool silent, const char *before,
		   const char *after);

/* each_scenario() - one to four links, of one family, the other and both, in one tier and in two */
void each_scenario(void (*fn)(struct mh_bed *bed, const struct scenario *scenario));
