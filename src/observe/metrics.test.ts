import { describe, expect, test } from "bun:test";
import { fixtureView } from "../../test/fixtures/status-view.ts";
import { instanceMetrics } from "./instance-metrics.ts";
import { renderMetrics } from "./metrics.ts";

describe("metrics text", () => {
  test("help and type come once, before the samples", () => {
    const text = renderMetrics([
      {
        name: "a_total",
        kind: "counter",
        help: "Counts a.",
        samples: [
          { labels: {}, value: 0 },
          { labels: { x: "1", y: "2" }, value: 1.5 },
        ],
      },
      { name: "empty", kind: "gauge", help: "Has no samples.", samples: [] },
    ]);
    expect(text).toBe('# HELP a_total Counts a.\n# TYPE a_total counter\na_total 0\na_total{x="1",y="2"} 1.5\n');
  });

  test("label values and help are escaped", () => {
    const text = renderMetrics([
      {
        name: "a",
        kind: "gauge",
        help: "one\ntwo \\",
        samples: [{ labels: { x: 'q"\\\n' }, value: NaN }],
      },
    ]);
    expect(text).toBe('# HELP a one\\ntwo \\\\\n# TYPE a gauge\na{x="q\\"\\\\\\n"} NaN\n');
  });
});

describe("metrics of an instance", () => {
  const families = instanceMetrics(fixtureView);
  const text = renderMetrics(families);

  test("names are unique, counters end in _total and gauges do not", () => {
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
    for (const { name, kind } of families) {
      expect(name).toMatch(/^weichensteller_[a-z][a-z_]*$/);
      expect(name.endsWith("_total")).toBe(kind === "counter");
    }
  });

  test("every line is a comment or a sample, and no sample comes twice", () => {
    const samples = text
      .trimEnd()
      .split("\n")
      .filter((line) => !line.startsWith("# "));
    for (const line of samples) expect(line).toMatch(/^[a-z_]+(\{([a-z]+="[^"]*",?)+\})? -?[0-9.e+]+$/);
    const series = samples.map((line) => line.slice(0, line.lastIndexOf(" ")));
    expect(new Set(series).size).toBe(series.length);
  });

  for (const line of [
    'weichensteller_info{version="0.1.0"} 1',
    "weichensteller_config_revision 3",
    'weichensteller_worker_ready{worker="1"} 0',
    'weichensteller_worker_event_loop_lag_max_seconds{worker="0"} 0.012',
    'weichensteller_listener_responses_total{listener="api",class="5xx"} 3',
    'weichensteller_endpoint_up{pool="app",endpoint="b1"} 1',
    'weichensteller_endpoint_up{pool="app",endpoint="b2"} 0',
    'weichensteller_endpoint_state{pool="app",endpoint="b2",state="DOWN"} 1',
    'weichensteller_endpoint_state{pool="app",endpoint="b2",state="UP"} 0',
    'weichensteller_endpoint_failures_total{pool="app",endpoint="b2",kind="connect"} 4',
    'weichensteller_endpoint_last_check_duration_seconds{pool="app",endpoint="b1"} 0.0014',
  ]) {
    test(line, () => expect(text.split("\n")).toContain(line));
  }

  test("an endpoint without checks has no check duration", () => {
    expect(text).not.toContain('weichensteller_endpoint_last_check_duration_seconds{pool="static"');
  });
});
