// SPDX-License-Identifier: Apache-2.0
#include "hub/http/server.h"

#include <microhttpd.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/time.h"
#include "hub/auth/ca.h"
#include "hub/events/bus.h"
#include "hub/http/call.h"
#include "hub/http/front.h"
#include "hub/http/problem.h"
#include "hub/log.h"

// A connection's memory inside of libmicrohttpd, bytes: a head that passed the gate and the
// head of the answer have to fit.
enum { POOL_SIZE = 8192, FRONT_THREADS = 2 };
// How often it is seen whether the certificate has to be renewed, in seconds.
enum { RENEW_EVERY_S = 3600 };

struct sut_server {
	struct sut_hub *hub;
	struct MHD_Daemon *daemon;
	struct sut_workers *workers;
	struct sut_front *front;
	atomic_size_t n_pairs; /**< Connections that it has from the front. */
	atomic_ulong n_requests, n_faults;
	pthread_t renewer;
	bool has_renewer, is_stopping;
	pthread_mutex_t lock; /**< Of is_stopping. */
	pthread_cond_t stop;
};

static void make_ready(struct sut_call *call)
{
	if (!call->is_stream)
		call->is_answered = true;
	MHD_resume_connection(call->connection);
}

static void put_to_sleep(struct sut_call *call)
{
	MHD_suspend_connection(call->connection);
}

// The head went through the gate: a name without a value is all that may be odd here.
static enum MHD_Result add_query(void *context, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct sut_call *call = context;
	struct sut_request *request = &call->request;

	(void)kind;
	if (request->n_query == SUT_MAX_QUERY)
		return MHD_NO;
	struct sut_query query = { strdup(name), strdup(value ? value : "") };
	if (!query.name || !query.value) {
		free((char *)query.name);
		free((char *)query.value);
		return MHD_NO;
	}
	request->query[request->n_query++] = query;
	return MHD_YES;
}

static const char *find_header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static struct sut_call *make_call(struct sut_server *server, struct MHD_Connection *connection,
				  const char *path, const char *method)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct sut_call *call = calloc(1, sizeof(*call));

	if (!call || !(call->path = strdup(path))) {
		free(call);
		return NULL;
	}
	call->reply.fd = -1;
	call->connection = connection;
	call->workers = server->workers;
	call->peer = info->socket_context;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i], method) == 0)
			call->method = methods[i];
	call->content_type = find_header(connection, "Content-Type");
	call->request = (struct sut_request){
		.method = call->method,
		.path = call->path,
		.address = call->peer->address,
		.if_none_match = find_header(connection, "If-None-Match"),
		.last_event_id = find_header(connection, "Last-Event-ID"),
		.cookie = find_header(connection, "Cookie"),
		.authorization = find_header(connection, "Authorization"),
		.csrf = find_header(connection, "X-CSRF-Token"),
	};
	struct sut_hold *hold = &call->peer->hold;
	if (hold->is_again) {
		call->request.asked = hold->asked;
		call->request.is_late = hold->is_late;
		hold->is_again = false;
	}
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, call);
	return call;
}

static ssize_t read_stream(void *context, uint64_t at, char *to, size_t size)
{
	struct sut_call *call = context;

	(void)at;
	ssize_t n = sut_workers_read_stream(call->workers, call, to, size, put_to_sleep);
	return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static struct MHD_Response *make_response(struct sut_call *call)
{
	struct sut_reply *reply = &call->reply;
	struct MHD_Response *response;

	if (reply->kind == SUT_REPLY_STREAM) {
		sut_workers_add_stream(call->workers, call);
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, call,
							 NULL);
	}
	if (reply->kind == SUT_REPLY_FILE) {
		response = MHD_create_response_from_fd64(reply->size, reply->fd);
		if (response)
			reply->fd = -1; // It closes it.
		return response;
	}
	response = MHD_create_response_from_buffer(reply->bytes.size, reply->bytes.data,
						   reply->bytes.data ? MHD_RESPMEM_MUST_FREE
								     : MHD_RESPMEM_PERSISTENT);
	if (response)
		reply->bytes = (struct sut_buf){ 0 };
	return response;
}

static void add_headers(struct MHD_Response *response, const struct sut_reply *reply)
{
	for (size_t i = 0; i < sut_n_safe_headers; i++)
		MHD_add_response_header(response, sut_safe_headers[i].name,
					sut_safe_headers[i].value);
	MHD_add_response_header(response, "Cache-Control",
				reply->cache ? reply->cache : "no-store");
	if (reply->type)
		MHD_add_response_header(response, "Content-Type", reply->type);
	for (size_t i = 0; i < reply->n_headers; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
}

static enum MHD_Result answer(struct sut_server *server, struct sut_call *call)
{
	int status = call->reply.status;
	struct MHD_Response *response = make_response(call);

	if (!response)
		return MHD_NO;
	atomic_fetch_add(&server->n_requests, 1);
	if (status >= 500)
		atomic_fetch_add(&server->n_faults, 1);
	add_headers(response, &call->reply);
	enum MHD_Result result = MHD_queue_response(call->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

// The front asks again. Without an answer libmicrohttpd closes its end at once.
static enum MHD_Result give_back(struct sut_call *call)
{
	struct sut_hold *hold = &call->peer->hold;

	hold->asked = call->request.asked;
	hold->deadline = call->reply.deadline;
	atomic_store(&hold->is_asked_for, true);
	return MHD_NO;
}

// Called for the head, for each piece of the body, for its end, and when it was resumed.
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **state)
{
	struct sut_server *server = context;
	struct sut_call *call = *state;

	(void)version;
	if (!call) {
		*state = make_call(server, connection, path, method);
		if (!*state)
			sut_log(SUT_LOG_ERROR, "http: out of memory");
		return *state ? MHD_YES : MHD_NO;
	}
	if (*size) {
		struct sut_err *err = sut_buf_add(&call->body, data, *size);

		if (err) {
			sut_err_free(err);
			return MHD_NO;
		}
		*size = 0;
		return MHD_YES;
	}
	if (call->is_answered && call->reply.kind == SUT_REPLY_HOLD)
		return give_back(call);
	if (call->is_answered)
		return answer(server, call);
	// Suspended first: the worker may be done before the next line.
	if (!call->is_begun) {
		call->is_begun = true;
		MHD_suspend_connection(connection);
		sut_workers_add(server->workers, call);
	}
	return MHD_YES;
}

static void complete(void *context, struct MHD_Connection *connection, void **state,
		     enum MHD_RequestTerminationCode code)
{
	struct sut_call *call = *state;

	(void)context;
	(void)connection;
	(void)code;
	if (!call)
		return;
	sut_workers_remove_stream(call->workers, call);
	atomic_fetch_add(&call->peer->n_done, 1);
	sut_call_free(call);
	*state = NULL;
}

/** What libmicrohttpd takes for a client's address: who it is. */
struct peer_address {
	sa_family_t family; /**< AF_UNIX. */
	struct sut_peer *peer;
};

static void note_connection(void *context, struct MHD_Connection *connection, void **state,
			    enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct sut_server *server = context;
	struct peer_address address;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		memcpy(&address, info->client_addr, sizeof(address));
		*state = address.peer;
	} else {
		sut_peer_unref(*state);
		*state = NULL;
		atomic_fetch_sub(&server->n_pairs, 1);
	}
}

static bool take_connection(void *context, int fd, struct sut_peer *peer)
{
	struct sut_server *server = context;
	struct peer_address address = { .family = AF_UNIX, .peer = peer };
	struct sockaddr_storage name = { 0 };

	if (atomic_fetch_add(&server->n_pairs, 1) >= server->hub->config.max_requests) {
		atomic_fetch_sub(&server->n_pairs, 1);
		return false;
	}
	memcpy(&name, &address, sizeof(address));
	// It closes the socket itself when it cannot take it; then nobody else unrefs the peer.
	if (MHD_add_connection(server->daemon, fd, (struct sockaddr *)&name,
			       sizeof(struct sockaddr_un)) != MHD_YES) {
		sut_peer_unref(peer);
		atomic_fetch_sub(&server->n_pairs, 1);
	}
	return true;
}

static void log_text(void *context, const char *fmt, va_list args)
{
	char text[512];

	(void)context;
	vsnprintf(text, sizeof(text), fmt, args);
	// Its connections are pairs of local sockets: they have no TCP options, an end that is
	// closed is a client that went away, and give_back() is meant to close.
	if (strstr(text, "TCP_") || strstr(text, "Failed to push the data") ||
	    strstr(text, "Failed to send the response headers") ||
	    strstr(text, "Application reported internal error"))
		return;
	text[strcspn(text, "\n")] = '\0';
	sut_log(SUT_LOG_WARNING, "http: %s", text);
}

// Paths stay as they came: what is encoded is decoded where it stands for itself.
static size_t leave_encoded(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static struct sut_err *start_daemon(struct sut_server *server)
{
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_NO_LISTEN_SOCKET |
			MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, handle, server,                         //
		MHD_OPTION_EXTERNAL_LOGGER, log_text, server,          //
		MHD_OPTION_STRICT_FOR_CLIENT, 1,                       //
		MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, server,   //
		MHD_OPTION_NOTIFY_COMPLETED, complete, server,         //
		MHD_OPTION_NOTIFY_CONNECTION, note_connection, server, //
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_SIZE, //
		MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)server->hub->config.max_requests + 64, //
		MHD_OPTION_CONNECTION_TIMEOUT, 0U,                   //
		MHD_OPTION_END);
	return server->daemon ? NULL : sut_err(SUT_E_OS, "the HTTP server does not start");
}

// Make sure that the certificate is good; tell the front when there is a new one.
static struct sut_err *renew(struct sut_server *server)
{
	struct sut_hub *hub = server->hub;
	SSL_CTX *tls;
	bool is_new;
	struct sut_err *err = sut_ca_renew_server(hub->ca, hub->config.names, hub->config.n_names,
						  sut_time_now(), &is_new);

	if (err || !is_new)
		return err;
	err = sut_ca_make_tls(hub->ca, &tls);
	if (err)
		return err;
	sut_front_set_tls(server->front, tls);
	SSL_CTX_free(tls);
	sut_log(SUT_LOG_INFO, "renewed the server's certificate");
	return NULL;
}

static void *renew_in_time(void *context)
{
	struct sut_server *server = context;

	pthread_mutex_lock(&server->lock);
	while (!server->is_stopping) {
		struct timespec time = { sut_time_now() + RENEW_EVERY_S, 0 };

		if (pthread_cond_timedwait(&server->stop, &server->lock, &time) == 0)
			continue;
		struct sut_err *err = renew(server);
		if (err)
			sut_log(SUT_LOG_ERROR, "%s", err->msg);
		sut_err_free(err);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static struct sut_err *open_front(struct sut_server *server)
{
	struct sut_hub *hub = server->hub;
	SSL_CTX *tls;
	bool is_new;
	struct sut_err *err = sut_ca_renew_server(hub->ca, hub->config.names, hub->config.n_names,
						  sut_time_now(), &is_new);

	if (!err)
		err = sut_ca_make_tls(hub->ca, &tls);
	if (err)
		return err;
	struct sut_front_options options = {
		.address = hub->config.address,
		.port = hub->config.port,
		.n_threads = FRONT_THREADS,
		.max_connections = hub->config.max_connections,
		.tls = tls,
		.hand_over = take_connection,
		.context = server,
	};
	err = sut_front_open(&options, &server->front);
	SSL_CTX_free(tls);
	return err;
}

// What the bus says, to those who wait.
static void ring(void *context, const char *key)
{
	struct sut_server *server = context;

	if (key && !*key)
		sut_workers_tell_streams(server->workers);
	else
		sut_front_wake(server->front, key);
}

struct sut_err *sut_server_start(struct sut_server *server)
{
	sut_bus_set_bell(server->hub->bus, ring, server);
	struct sut_err *err = sut_front_start(server->front);

	if (err)
		return err;
	int error = pthread_create(&server->renewer, NULL, renew_in_time, server);
	server->has_renewer = !error;
	return error ? sut_err_os(error, "thread") : NULL;
}

struct sut_err *sut_server_open(struct sut_hub *hub, struct sut_server **ret)
{
	_cleanup_(sut_server_closep) struct sut_server *server = calloc(1, sizeof(*server));

	if (!server)
		return sut_err_nomem();
	server->hub = hub;
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->stop, NULL);
	struct sut_err *err = start_daemon(server);
	if (!err)
		err = sut_workers_new(hub, make_ready, &server->workers);
	if (!err)
		err = open_front(server);
	if (err)
		return err;
	*ret = steal(server);
	return NULL;
}

void sut_server_close(struct sut_server *server)
{
	if (!server)
		return;
	pthread_mutex_lock(&server->lock);
	server->is_stopping = true;
	pthread_cond_signal(&server->stop);
	pthread_mutex_unlock(&server->lock);
	if (server->has_renewer)
		pthread_join(server->renewer, NULL);
	// First nobody asks any more, then all that was asked ends, then it may go.
	sut_bus_set_bell(server->hub->bus, NULL, NULL);
	if (server->front)
		sut_front_stop(server->front);
	if (server->workers)
		sut_workers_stop(server->workers);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	sut_workers_free(server->workers);
	sut_front_close(server->front);
	pthread_cond_destroy(&server->stop);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

struct sut_front *sut_server_front(struct sut_server *server)
{
	return server->front;
}

void sut_server_read_stats(struct sut_server *server, struct sut_server_stats *ret)
{
	ret->n_requests = atomic_load(&server->n_requests);
	ret->n_faults = atomic_load(&server->n_faults);
	ret->n_held = sut_front_n_held(server->front);
	ret->n_streams = sut_workers_n_streams(server->workers);
}
