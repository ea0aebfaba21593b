// SPDX-License-Identifier: Apache-2.0
#include "fleet_net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

// The most that an answer may be: a page of a list, or a repository's file.
#define MAX_ANSWER (4 << 20)
// How many connections are being made at once. More only makes each of them slower.
#define MAX_CONNECTING 64

enum link_state {
	LINK_IDLE,       // no connection
	LINK_WAITING,    // no connection; one is wanted, from `due` on
	LINK_CONNECTING, // TCP, then TLS
	LINK_READY,      // connected
};

struct link {
	struct net *net;
	X509 *certificate;
	EVP_PKEY *key;
	net_answer_fn answer;
	void *context;

	enum link_state state;
	int fd;
	SSL *ssl;
	SSL_SESSION *session; // of the last connection, for the next one
	int64_t due;
	unsigned tries; // connections that broke since the last answer
	struct link *next_waiting;

	char *request; // open, or NULL
	size_t request_size, sent;
	char *text; // of the answer so far
	size_t size, room;
	bool in_use;   // somewhere up the stack
	bool unlinked; // to be freed as soon as it is not
};

struct net {
	SSL_CTX *tls;
	int epoll;
	struct sockaddr_storage address;
	socklen_t address_size;
	char *name; // of the server, as its certificate has it
	char *host; // with the port, for the Host field
	size_t n_connecting;
	struct link *waiting, **waiting_end;
	struct net_counts counts;
};

static void *need(void *memory)
{
	if (!memory) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return memory;
}

int64_t net_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct link *link = SSL_get_app_data(ssl);

	SSL_SESSION_free(link->session);
	link->session = session;
	return 1; // ours now
}

struct net *net_new(const struct sockaddr *address, socklen_t size, const char *name,
		    const char *ca_file)
{
	struct net *net = need(calloc(1, sizeof(*net)));

	memcpy(&net->address, address, size);
	net->address_size = size;
	net->name = need(strdup(name));
	if (asprintf(&net->host, "%s:%d", name,
		     ntohs(((const struct sockaddr_in *)address)->sin_port)) < 0)
		need(NULL);
	net->waiting_end = &net->waiting;
	net->epoll = epoll_create1(EPOLL_CLOEXEC);
	net->tls = need(SSL_CTX_new(TLS_client_method()));
	SSL_CTX_set_min_proto_version(net->tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(net->tls, SSL_VERIFY_PEER, NULL);
	// Ten thousand connections that mostly wait need no buffers meanwhile.
	SSL_CTX_set_mode(net->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(net->tls,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(net->tls, keep_session);
	if (SSL_CTX_load_verify_locations(net->tls, ca_file, NULL) != 1) {
		fprintf(stderr, "%s: no certificate of an authority in it\n", ca_file);
		exit(1);
	}
	return net;
}

const struct net_counts *net_counts(const struct net *net)
{
	return &net->counts;
}

struct link *net_link(struct net *net, X509 *certificate, EVP_PKEY *key, net_answer_fn answer,
		      void *context)
{
	struct link *link = need(calloc(1, sizeof(*link)));

	link->net = net;
	link->certificate = certificate;
	link->key = key;
	link->answer = answer;
	link->context = context;
	link->fd = -1;
	return link;
}

bool link_is_busy(const struct link *link)
{
	return link->request;
}

static void drop_connection(struct link *link)
{
	if (link->state == LINK_CONNECTING)
		link->net->n_connecting--;
	if (link->state == LINK_READY)
		link->net->counts.connected--;
	SSL_free(link->ssl);
	link->ssl = NULL;
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->sent = 0;
	link->size = 0;
	link->state = LINK_IDLE;
}

static void want_connection(struct link *link)
{
	// As an agent does: at once the first time, then later and later, and not all
	// at the same moment.
	int64_t pause = link->tries ? INT64_C(100000) << (link->tries > 6 ? 6 : link->tries) : 0;

	link->due = net_now() + (pause ? pause / 2 + random() % pause : 0);
	link->state = LINK_WAITING;
	link->next_waiting = NULL;
	*link->net->waiting_end = link;
	link->net->waiting_end = &link->next_waiting;
}

static void lose(struct link *link)
{
	if (link->request && link->state == LINK_READY)
		link->net->counts.lost++;
	drop_connection(link);
	link->tries++;
	if (link->request)
		want_connection(link);
}

static void watch(struct link *link, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = link };

	epoll_ctl(link->net->epoll, operation, link->fd, &event);
}

static void connect_link(struct link *link)
{
	struct net *net = link->net;
	int one = 1;

	link->state = LINK_CONNECTING;
	net->n_connecting++;
	link->fd = socket(net->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0) {
		perror("socket");
		exit(1);
	}
	setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(link->fd, (struct sockaddr *)&net->address, net->address_size) < 0 &&
	    errno != EINPROGRESS) {
		lose(link);
		return;
	}
	link->ssl = need(SSL_new(net->tls));
	SSL_set_app_data(link->ssl, link);
	SSL_set_fd(link->ssl, link->fd);
	SSL_set_connect_state(link->ssl);
	// RFC 6066: an address is no server name.
	if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link->ssl), net->name) != 1) {
		SSL_set_tlsext_host_name(link->ssl, net->name);
		SSL_set1_host(link->ssl, net->name);
	}
	if (link->certificate) {
		SSL_use_certificate(link->ssl, link->certificate);
		SSL_use_PrivateKey(link->ssl, link->key);
	}
	if (link->session)
		SSL_set_session(link->ssl, link->session);
	watch(link, EPOLL_CTL_ADD, EPOLLOUT);
}

/** Waiting links whose time has come, as many as may be connecting at once. */
static void connect_some(struct net *net)
{
	int64_t now = net_now();
	struct link **at = &net->waiting, *link;

	while ((link = *at) && net->n_connecting < MAX_CONNECTING) {
		if (link->due > now && !link->unlinked) {
			at = &link->next_waiting;
			continue;
		}
		*at = link->next_waiting;
		if (!*at)
			net->waiting_end = at;
		if (link->unlinked) {
			link->state = LINK_IDLE;
			net_unlink(link);
		} else {
			connect_link(link);
		}
	}
}

/** What OpenSSL waits for; 0 when the connection is lost. */
static uint32_t wanted(struct link *link, int result)
{
	switch (SSL_get_error(link->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return EPOLLIN;
	case SSL_ERROR_WANT_WRITE:
		return EPOLLOUT;
	default:
		ERR_clear_error();
		return 0;
	}
}

/** The whole answer is there: its parts, or false. */
static bool take_answer(struct link *link, int *status, char **body, size_t *size)
{
	char *end = link->size ? strstr(link->text, "\r\n\r\n") : NULL;

	if (!end)
		return false;
	char *length = strcasestr(link->text, "\r\nContent-Length:");
	*size = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
	*body = end + 4;
	*status = atoi(link->text + strlen("HTTP/1.1 "));
	return link->size >= (size_t)(*body - link->text) + *size;
}

static void answer_link(struct link *link, int status, const char *body, size_t size)
{
	char *text = link->text;
	bool closes = strcasestr(text, "\r\nConnection: close") && body > text;

	link->net->counts.answers++;
	link->net->counts.bytes_in += link->size;
	free(link->request);
	link->request = NULL;
	link->text = NULL;
	link->size = link->room = 0;
	link->tries = 0;
	if (closes)
		drop_connection(link);
	link->answer(link->context, status, body, size);
	free(text);
}

static uint32_t receive(struct link *link)
{
	for (;;) {
		if (link->size + 2048 > link->room) {
			link->room = link->room ? link->room * 2 : 4096;
			link->text = need(realloc(link->text, link->room));
		}
		int n = SSL_read(link->ssl, link->text + link->size, link->room - 1 - link->size);
		if (n <= 0)
			return wanted(link, n);
		link->size += n;
		link->text[link->size] = '\0';

		int status;
		char *body;
		size_t size;
		if (!link->request || link->size > MAX_ANSWER)
			return 0; // nobody asked
		if (take_answer(link, &status, &body, &size)) {
			answer_link(link, status, body, size);
			return EPOLLIN;
		}
	}
}

static uint32_t transmit(struct link *link)
{
	while (link->sent < link->request_size) {
		int n = SSL_write(link->ssl, link->request + link->sent,
				  link->request_size - link->sent);
		if (n <= 0)
			return wanted(link, n);
		link->sent += n;
	}
	link->net->counts.bytes_out += link->request_size;
	return EPOLLIN;
}

/** Whether it is connected now. */
static bool shake_hands(struct link *link)
{
	int done = SSL_do_handshake(link->ssl);

	if (done != 1) {
		uint32_t events = wanted(link, done);
		if (events)
			watch(link, EPOLL_CTL_MOD, events);
		else
			lose(link);
		return false;
	}
	link->state = LINK_READY;
	link->net->n_connecting--;
	link->net->counts.connected++;
	link->net->counts.handshakes++;
	link->net->counts.resumed += SSL_session_reused(link->ssl);
	return true;
}

static void go_on(struct link *link)
{
	uint32_t events;

	if (link->state == LINK_CONNECTING && !shake_hands(link))
		return;
	link->in_use = true;
	if (link->request && link->sent < link->request_size)
		events = transmit(link);
	else
		events = receive(link);
	link->in_use = false;
	if (link->unlinked)
		net_unlink(link);
	else if (link->state != LINK_READY)
		; // it was closed with the answer
	else if (!events)
		lose(link);
	else if (link->request && link->sent < link->request_size)
		watch(link, EPOLL_CTL_MOD, EPOLLOUT);
	else
		watch(link, EPOLL_CTL_MOD, events);
}

void net_serve(struct net *net, int64_t time)
{
	struct epoll_event events[256];

	connect_some(net);
	int64_t left = (time - net_now() + 999) / 1000;
	if (net->waiting && left > 20)
		left = 20;
	int n = epoll_wait(net->epoll, events, 256, left < 0 ? 0 : (int)left);
	for (int i = 0; i < n; i++)
		go_on(events[i].data.ptr);
}

void link_send(struct link *link, const char *method, const char *path, const char *body)
{
	int n;

	if (body)
		n = asprintf(&link->request,
			     "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
			     "Content-Length: %zu\r\n\r\n%s",
			     method, path, link->net->host, strlen(body), body);
	else
		n = asprintf(&link->request, "%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path,
			     link->net->host);
	if (n < 0)
		need(NULL);
	link->request_size = n;
	link->sent = 0;
	if (link->state == LINK_READY)
		watch(link, EPOLL_CTL_MOD, EPOLLOUT);
	else if (link->state == LINK_IDLE)
		want_connection(link);
}

void link_rest(struct link *link)
{
	if (link->state == LINK_READY)
		drop_connection(link);
}

void net_unlink(struct link *link)
{
	if (link->state == LINK_WAITING || link->in_use) {
		link->unlinked = true;
		return;
	}
	drop_connection(link);
	SSL_SESSION_free(link->session);
	free(link->request);
	free(link->text);
	free(link);
}
