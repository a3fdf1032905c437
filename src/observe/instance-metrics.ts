import { endpointStateName, EndpointState } from "../model/snapshot.ts";
import type { EndpointView, ListenerView, PoolView, StatusView, WorkerView } from "../model/status.ts";
import type { MetricFamily, MetricSample } from "./metrics.ts";

/** Everything that `/metrics` says, from the same view that `status` shows. */
export function instanceMetrics(view: StatusView): readonly MetricFamily[] {
  return [...instance(view), ...workers(view.workers), ...listeners(view.listeners), ...endpoints(view.pools)];
}

function instance(view: StatusView): readonly MetricFamily[] {
  return [
    gauge("info", "Always 1; the version is in the label.", [{ labels: { version: view.version }, value: 1 }]),
    gauge("start_time_seconds", "When the instance started, seconds since 1970.", one(view.startedAt / 1000)),
    gauge("config_revision", "Number of the configuration in use.", one(view.revision)),
    gauge("config_accepted_time_seconds", "When the configuration in use was accepted, seconds since 1970.", one(view.revisionAt / 1000)),
    gauge("draining", "1 while the instance finishes its exchanges before it ends.", one(view.state === "draining" ? 1 : 0)),
  ];
}

function workers(views: readonly WorkerView[]): readonly MetricFamily[] {
  const each = (value: (worker: WorkerView) => number): readonly MetricSample[] =>
    views.map((worker) => ({ labels: { worker: String(worker.index) }, value: value(worker) }));
  return [
    gauge("worker_ready", "1 while the worker accepts connections.", each((worker) => (worker.state === "ready" ? 1 : 0))),
    counter("worker_restarts_total", "How often the worker was replaced.", each((worker) => worker.restarts)),
    gauge("worker_client_connections", "Open client connections.", each((worker) => worker.counters.connectionsNow)),
    counter("worker_connections_refused_total", "Client connections closed at once because a limit was reached.", each((worker) => worker.counters.connectionsRefused)),
    gauge("worker_endpoint_connections", "Open connections to endpoints, idle ones included.", each((worker) => worker.counters.upstreamOpenNow)),
    gauge("worker_endpoint_connections_idle", "Connections to endpoints that wait for the next exchange.", each((worker) => worker.counters.upstreamIdleNow)),
    counter("worker_bad_requests_total", "Requests refused because they were malformed or over a limit.", each((worker) => worker.counters.badRequests)),
    gauge("worker_event_loop_lag_max_seconds", "Longest delay of the worker's event loop since it started.", each((worker) => worker.counters.eventLoopLagMaxMs / 1000)),
  ];
}

function listeners(views: readonly ListenerView[]): readonly MetricFamily[] {
  const each = (value: (listener: ListenerView) => number): readonly MetricSample[] =>
    views.map((listener) => ({ labels: { listener: listener.name }, value: value(listener) }));
  return [
    counter("listener_connections_total", "Client connections accepted.", each(({ counters }) => counters.connections)),
    gauge("listener_connections", "Open client connections.", each(({ counters }) => counters.connectionsNow)),
    counter("listener_exchanges_total", "Exchanges (a request and its response) begun.", each(({ counters }) => counters.exchanges)),
    gauge("listener_exchanges", "Exchanges that run now.", each(({ counters }) => counters.exchangesNow)),
    counter("listener_received_bytes_total", "Bytes from clients.", each(({ counters }) => counters.bytesIn)),
    counter("listener_sent_bytes_total", "Bytes to clients.", each(({ counters }) => counters.bytesOut)),
    counter(
      "listener_responses_total",
      "Responses to clients by class of status.",
      views.flatMap(({ name, counters }) => [
        { labels: { listener: name, class: "1xx" }, value: counters.status1xx },
        { labels: { listener: name, class: "2xx" }, value: counters.status2xx },
        { labels: { listener: name, class: "3xx" }, value: counters.status3xx },
        { labels: { listener: name, class: "4xx" }, value: counters.status4xx },
        { labels: { listener: name, class: "5xx" }, value: counters.status5xx },
      ]),
    ),
    counter("listener_client_gone_total", "Exchanges whose client left before the response was complete.", each(({ counters }) => counters.clientGone)),
    counter("listener_refused_total", "Connections closed at once because a limit was reached.", each(({ counters }) => counters.refused)),
  ];
}

function endpoints(pools: readonly PoolView[]): readonly MetricFamily[] {
  const all = pools.flatMap((pool) => pool.endpoints.map((endpoint) => ({ endpoint, labels: { pool: pool.name, endpoint: endpoint.name } })));
  const each = (value: (endpoint: EndpointView) => number): readonly MetricSample[] => all.map(({ endpoint, labels }) => ({ labels, value: value(endpoint) }));
  return [
    gauge("endpoint_up", "1 while the endpoint gets exchanges.", each(({ state }) => (state === EndpointState.Up ? 1 : 0))),
    gauge(
      "endpoint_state",
      "1 for the state that the endpoint is in, 0 for the others.",
      all.flatMap(({ endpoint, labels }) => endpointStateName.map((name, state) => ({ labels: { ...labels, state: name }, value: endpoint.state === state ? 1 : 0 }))),
    ),
    gauge("endpoint_state_since_seconds", "When the endpoint entered its state, seconds since 1970.", each(({ sinceAt }) => sinceAt / 1000)),
    gauge("endpoint_weight", "Configured weight.", each(({ weight }) => weight)),
    gauge(
      "endpoint_last_check_duration_seconds",
      "How long the last health check took.",
      all.flatMap(({ endpoint, labels }) => (endpoint.lastCheck === undefined ? [] : [{ labels, value: endpoint.lastCheck.durationMs / 1000 }])),
    ),
    counter("endpoint_attempts_total", "Attempts (one try of an exchange) begun.", each(({ counters }) => counters.attempts)),
    gauge("endpoint_attempts", "Attempts that run now.", each(({ counters }) => counters.attemptsNow)),
    counter("endpoint_retries_total", "Attempts that were not the first of their exchange.", each(({ counters }) => counters.retries)),
    counter("endpoint_connects_total", "Connections opened.", each(({ counters }) => counters.connects)),
    gauge("endpoint_connections", "Open connections.", each(({ counters }) => counters.connectionsNow)),
    counter("endpoint_sent_bytes_total", "Bytes to the endpoint.", each(({ counters }) => counters.bytesOut)),
    counter("endpoint_received_bytes_total", "Bytes from the endpoint.", each(({ counters }) => counters.bytesIn)),
    counter(
      "endpoint_failures_total",
      "Failed attempts by kind.",
      all.flatMap(({ endpoint: { counters }, labels }) => [
        { labels: { ...labels, kind: "connect" }, value: counters.connectFailures },
        { labels: { ...labels, kind: "reset" }, value: counters.resets },
        { labels: { ...labels, kind: "timeout" }, value: counters.timeouts },
        { labels: { ...labels, kind: "bad-response" }, value: counters.badResponses },
      ]),
    ),
    counter(
      "endpoint_responses_total",
      "Responses of the endpoint by class of status.",
      all.flatMap(({ endpoint: { counters }, labels }) => [
        { labels: { ...labels, class: "2xx" }, value: counters.status2xx },
        { labels: { ...labels, class: "3xx" }, value: counters.status3xx },
        { labels: { ...labels, class: "4xx" }, value: counters.status4xx },
        { labels: { ...labels, class: "5xx" }, value: counters.status5xx },
      ]),
    ),
  ];
}

function one(value: number): readonly MetricSample[] {
  return [{ labels: {}, value }];
}

function gauge(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name: `weichensteller_${name}`, kind: "gauge", help, samples };
}

function counter(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name: `weichensteller_${name}`, kind: "counter", help, samples };
}
