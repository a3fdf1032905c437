import type { EndpointLimits } from "../model/config.ts";
import { endpointStateName, EndpointState } from "../model/snapshot.ts";
import type {
  EndpointCounters,
  EndpointView,
  ListenerView,
  PoolView,
  StatusView,
  WorkerView,
} from "../model/status.ts";
import type { MetricFamily, MetricSample } from "./metrics.ts";

/** Everything that `/metrics` says, from the same view that `status` shows. */
export function instanceMetrics(view: StatusView): readonly MetricFamily[] {
  return [
    ...instance(view),
    ...workers(view.workers),
    ...listeners(view.listeners),
    ...pools(view.pools),
    ...endpoints(view.pools),
  ];
}

function instance(view: StatusView): readonly MetricFamily[] {
  return [
    gauge("info", "Always 1; the version is in the label.", [{ labels: { version: view.version }, value: 1 }]),
    gauge("start_time_seconds", "When the instance started, seconds since 1970.", one(view.startedAt / 1000)),
    gauge("config_revision", "Number of the configuration in use.", one(view.revision)),
    gauge(
      "config_accepted_time_seconds",
      "When the configuration in use was accepted, seconds since 1970.",
      one(view.revisionAt / 1000),
    ),
    gauge(
      "draining",
      "1 while the instance finishes its exchanges before it ends.",
      one(view.state === "draining" ? 1 : 0),
    ),
  ];
}

function workers(views: readonly WorkerView[]): readonly MetricFamily[] {
  const each = (value: (worker: WorkerView) => number): readonly MetricSample[] =>
    views.map((worker) => ({ labels: { worker: String(worker.index) }, value: value(worker) }));
  return [
    gauge(
      "worker_ready",
      "1 while the worker accepts connections.",
      each((worker) => (worker.state === "ready" ? 1 : 0)),
    ),
    counter(
      "worker_restarts_total",
      "How often the worker was replaced.",
      each((worker) => worker.restarts),
    ),
    gauge(
      "worker_client_connections",
      "Open client connections.",
      each((worker) => worker.counters.connectionsNow),
    ),
    counter(
      "worker_connections_refused_total",
      "Client connections closed at once because a limit was reached.",
      each((worker) => worker.counters.connectionsRefused),
    ),
    gauge(
      "worker_endpoint_connections",
      "Open connections to endpoints, idle ones included.",
      each((worker) => worker.counters.upstreamOpenNow),
    ),
    gauge(
      "worker_endpoint_connections_idle",
      "Connections to endpoints that wait for the next exchange.",
      each((worker) => worker.counters.upstreamIdleNow),
    ),
    gauge(
      "worker_deadlines",
      "Entries of the worker's timer wheel.",
      each((worker) => worker.counters.deadlinesNow),
    ),
    counter(
      "worker_bad_requests_total",
      "Requests refused because they were malformed or over a limit.",
      each((worker) => worker.counters.badRequests),
    ),
    gauge(
      "worker_event_loop_lag_max_seconds",
      "Longest delay of the worker's event loop since it started.",
      each((worker) => worker.counters.eventLoopLagMaxMs / 1000),
    ),
  ];
}

function listeners(views: readonly ListenerView[]): readonly MetricFamily[] {
  const each = (value: (listener: ListenerView) => number): readonly MetricSample[] =>
    views.map((listener) => ({ labels: { listener: listener.name }, value: value(listener) }));
  return [
    counter(
      "listener_connections_total",
      "Client connections accepted.",
      each(({ counters }) => counters.connections),
    ),
    gauge(
      "listener_connections",
      "Open client connections.",
      each(({ counters }) => counters.connectionsNow),
    ),
    counter(
      "listener_exchanges_total",
      "Exchanges (a request and its response) begun.",
      each(({ counters }) => counters.exchanges),
    ),
    gauge(
      "listener_exchanges",
      "Exchanges that run now.",
      each(({ counters }) => counters.exchangesNow),
    ),
    counter(
      "listener_received_bytes_total",
      "Bytes from clients.",
      each(({ counters }) => counters.bytesIn),
    ),
    counter(
      "listener_sent_bytes_total",
      "Bytes to clients.",
      each(({ counters }) => counters.bytesOut),
    ),
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
    counter(
      "listener_client_gone_total",
      "Exchanges whose client left before the response was complete.",
      each(({ counters }) => counters.clientGone),
    ),
    counter(
      "listener_refused_total",
      "Connections closed at once because a limit was reached.",
      each(({ counters }) => counters.refused),
    ),
  ];
}

function pools(views: readonly PoolView[]): readonly MetricFamily[] {
  const each = (value: (pool: PoolView) => number): readonly MetricSample[] =>
    views.map((pool) => ({ labels: { pool: pool.name }, value: value(pool) }));
  return [
    gauge(
      "pool_queued",
      "Exchanges that wait for a place at an endpoint.",
      each(({ counters }) => counters.queuedNow),
    ),
    gauge(
      "pool_queue_limit",
      "Exchanges that may wait at a time.",
      views.flatMap(({ name, queue }) =>
        queue === undefined ? [] : [{ labels: { pool: name }, value: queue.requests }],
      ),
    ),
    counter(
      "pool_queued_total",
      "Exchanges that had to wait for a place at an endpoint.",
      each(({ counters }) => counters.queued),
    ),
    counter(
      "pool_queue_wait_seconds_total",
      "How long exchanges waited in all.",
      each(({ counters }) => counters.queueWaitMs / 1000),
    ),
    counter(
      "pool_queue_failures_total",
      "Exchanges that got no place, by reason: the queue was full, they waited too long, or they ended before (left).",
      views.flatMap(({ name, counters }) => [
        { labels: { pool: name, reason: "full" }, value: counters.queueFull },
        { labels: { pool: name, reason: "timeout" }, value: counters.queueTimeouts },
        { labels: { pool: name, reason: "left" }, value: counters.queueLeft },
      ]),
    ),
    counter(
      "pool_retry_decisions_total",
      "Decisions after failed attempts, by reason.",
      views.flatMap(({ name, counters }) =>
        Object.entries(counters.retryDecisions).map(([why, value]) => ({ labels: { pool: name, why }, value })),
      ),
    ),
  ];
}

function endpoints(pools: readonly PoolView[]): readonly MetricFamily[] {
  const all = pools.flatMap((pool) =>
    pool.endpoints.map((endpoint) => ({
      endpoint,
      labels: { pool: pool.name, endpoint: endpoint.name },
    })),
  );
  return [...endpointHealth(all), ...endpointLimits(all), ...endpointTraffic(all)];
}

interface LabelledEndpoint {
  readonly endpoint: EndpointView;
  readonly labels: Readonly<Record<string, string>>;
}

function endpointHealth(all: readonly LabelledEndpoint[]): readonly MetricFamily[] {
  return [
    gauge(
      "endpoint_up",
      "1 while the endpoint gets exchanges.",
      each(all, ({ state }) => (state === EndpointState.Up ? 1 : 0)),
    ),
    gauge(
      "endpoint_state",
      "1 for the state that the endpoint is in, 0 for the others.",
      all.flatMap(({ endpoint, labels }) =>
        endpointStateName.map((name, state) => ({
          labels: { ...labels, state: name },
          value: endpoint.state === state ? 1 : 0,
        })),
      ),
    ),
    gauge(
      "endpoint_state_since_seconds",
      "When the endpoint entered its state, seconds since 1970.",
      each(all, ({ sinceAt }) => sinceAt / 1000),
    ),
    gauge(
      "endpoint_weight",
      "Configured weight.",
      each(all, ({ weight }) => weight),
    ),
    gauge(
      "endpoint_last_check_duration_seconds",
      "How long the last health check took.",
      all.flatMap(({ endpoint, labels }) =>
        endpoint.lastCheck === undefined ? [] : [{ labels, value: endpoint.lastCheck.durationMs / 1000 }],
      ),
    ),
  ];
}

function endpointLimits(all: readonly LabelledEndpoint[]): readonly MetricFamily[] {
  const limits = (read: (limits: EndpointLimits) => number | undefined): readonly MetricSample[] =>
    all.flatMap(({ endpoint, labels }) => {
      const value = endpoint.limits === undefined ? undefined : read(endpoint.limits);
      return value === undefined ? [] : [{ labels, value }];
    });
  return [
    gauge(
      "endpoint_attempts_limit",
      "Attempts that may run at a time in the whole node.",
      limits(({ requests }) => requests),
    ),
    gauge(
      "endpoint_connections_limit",
      "Connections that may be open at a time in the whole node.",
      limits(({ connections }) => connections),
    ),
  ];
}

function endpointTraffic(all: readonly LabelledEndpoint[]): readonly MetricFamily[] {
  const count = (value: (counters: EndpointCounters) => number): readonly MetricSample[] =>
    each(all, ({ counters }) => value(counters));
  return [
    counter(
      "endpoint_attempts_total",
      "Attempts (one try of an exchange) begun.",
      count((counters) => counters.attempts),
    ),
    gauge(
      "endpoint_attempts",
      "Attempts that run now.",
      count((counters) => counters.attemptsNow),
    ),
    counter(
      "endpoint_retries_total",
      "Attempts that were not the first of their exchange.",
      count((counters) => counters.retries),
    ),
    counter(
      "endpoint_connects_total",
      "Connections opened.",
      count((counters) => counters.connects),
    ),
    gauge(
      "endpoint_connections",
      "Open connections.",
      count((counters) => counters.connectionsNow),
    ),
    counter(
      "endpoint_sent_bytes_total",
      "Bytes to the endpoint.",
      count((counters) => counters.bytesOut),
    ),
    counter(
      "endpoint_received_bytes_total",
      "Bytes from the endpoint.",
      count((counters) => counters.bytesIn),
    ),
    counter(
      "endpoint_failures_total",
      "Failed attempts by kind.",
      by(all, "kind", ({ connectFailures, resets, timeouts, badResponses }) => ({
        connect: connectFailures,
        reset: resets,
        timeout: timeouts,
        "bad-response": badResponses,
      })),
    ),
    counter(
      "endpoint_responses_total",
      "Responses of the endpoint by class of status.",
      by(all, "class", ({ status2xx, status3xx, status4xx, status5xx }) => ({
        "2xx": status2xx,
        "3xx": status3xx,
        "4xx": status4xx,
        "5xx": status5xx,
      })),
    ),
  ];
}

function each(all: readonly LabelledEndpoint[], value: (endpoint: EndpointView) => number): readonly MetricSample[] {
  return all.map(({ endpoint, labels }) => ({ labels, value: value(endpoint) }));
}

/** Several samples for each endpoint, told apart by one more label. */
function by(
  all: readonly LabelledEndpoint[],
  label: string,
  values: (counters: EndpointCounters) => Readonly<Record<string, number>>,
): readonly MetricSample[] {
  return all.flatMap(({ endpoint, labels }) =>
    Object.entries(values(endpoint.counters)).map(([name, value]) => ({
      labels: { ...labels, [label]: name },
      value,
    })),
  );
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
