/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A network of this process's own, for what tells of changes. */

/* For unshare () */
#define _GNU_SOURCE

#include <gio/gio.h>

#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static gboolean
configure (unsigned long what, void *how)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  gboolean done = ioctl (fd, what, how) == 0;

  close (fd);
  return done;
}

/**
 * network_enter:
 *
 * Gives the calling thread, and those it starts, a network with a loopback
 * device and nothing else.
 *
 * Returns: whether that may be done here
 */
gboolean
network_enter (void)
{
  struct ifreq request = { .ifr_flags = IFF_UP };

  strcpy (request.ifr_name, "lo");
  return unshare (CLONE_NEWNET) == 0 && configure (SIOCSIFFLAGS, &request);
}

/**
 * network_change:
 *
 * Adds a default route.
 *
 * Returns: whether it is there
 */
gboolean
network_change (void)
{
  struct rtentry route = { .rt_flags = RTF_UP };
  struct sockaddr_in *to = (struct sockaddr_in *) &route.rt_dst;
  struct sockaddr_in *mask = (struct sockaddr_in *) &route.rt_genmask;
  char device[] = "lo";

  to->sin_family = AF_INET;
  to->sin_addr.s_addr = htonl (INADDR_ANY);
  mask->sin_family = AF_INET;
  mask->sin_addr.s_addr = htonl (INADDR_ANY);
  route.rt_dev = device;

  return configure (SIOCADDRT, &route);
}
