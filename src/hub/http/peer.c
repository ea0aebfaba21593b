// SPDX-License-Identifier: Apache-2.0
#include "hub/http/peer.h"

#include <arpa/inet.h>
#include <stdlib.h>

struct sut_peer *sut_peer_new(const struct sockaddr_storage *address)
{
	struct sut_peer *peer = calloc(1, sizeof(*peer));
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

	if (!peer)
		return NULL;
	atomic_init(&peer->n_holders, 1);
	if (address->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, peer->address, sizeof(peer->address));
	else
		inet_ntop(AF_INET, &v4->sin_addr, peer->address, sizeof(peer->address));
	return peer;
}

void sut_peer_unref(struct sut_peer *peer)
{
	if (peer && atomic_fetch_sub(&peer->n_holders, 1) == 1)
		free(peer);
}
