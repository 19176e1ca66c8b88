/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Small helpers that every file of the library may use: cleanup attributes, growing arrays.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define MH_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define mh_cleanup(fn) __attribute__((cleanup(fn)))

static inline void mh_freep(void *p)
{
	free(*(void **)p);
}

static inline void mh_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* mh_steal_ptr() - the value of a variable that from here on owns nothing */
#define mh_steal_ptr(p)                    \
	({                                 \
		__typeof__(p) taken = (p); \
		(p) = NULL;                \
		taken;                     \
	})

/*
 * mh_grow() - make room for one more element behind the @n in *@array
 *
 * Capacity is not stored: it is the next power of two, at least 4. Return: 0 or -ENOMEM, with the
 * array as it was.
 */
static inline int mh_grow(void *array, size_t n, size_t size)
{
	void **a = array;
	void *larger;
	size_t room = n ? n * 2 : 4;

	if (n && (n < 4 || (n & (n - 1))))
		return 0;
	if (__builtin_mul_overflow(room, size, &room))
		return -ENOMEM;
	larger = realloc(*a, room);
	if (!larger)
		return -ENOMEM;
	*a = larger;
	return 0;
}

/* mh_append() - append @value to the array @a of @n elements. Return: 0 or -ENOMEM. */
#define mh_append(a, n, value)                                \
	({                                                    \
		int grown = mh_grow(&(a), (n), sizeof(*(a))); \
		if (!grown)                                   \
			(a)[(n)++] = (value);                 \
		grown;                                        \
	})
