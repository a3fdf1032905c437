/** One metric with all its samples, as Prometheus groups them. */
export interface MetricFamily {
  /** With unit and, for counters, `_total` last: `weichensteller_listener_sent_bytes_total`. */
  readonly name: string;
  readonly kind: "counter" | "gauge";
  /** One sentence without line breaks. */
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** Label values come from the configuration or from closed sets, never from traffic. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Content-Type of what `renderMetrics` makes. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Prometheus text exposition format 0.0.4. Families without samples are left out. */
export function renderMetrics(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const { name, kind, help, samples } of families) {
    if (samples.length === 0) continue;
    lines.push(`# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${name} ${kind}`);
    for (const { labels, value } of samples) lines.push(`${name}${labelsText(labels)} ${numberText(value)}`);
  }
  return `${lines.join("\n")}\n`;
}

function labelsText(labels: MetricSample["labels"]): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
