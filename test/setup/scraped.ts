import { createRequire } from 'node:module';

/** A family of samples, as Prometheus' text names it. */
interface MetricFamily {
  name: string;
  type: string;
  metrics: { labels?: Record<string, string>; value?: string }[];
}

const require = createRequire(import.meta.url);
// The package comes without types.
export const parsePrometheusText = require('parse-prometheus-text-format') as (text: string) => MetricFamily[];

/** The sum of all samples that have these labels: `..._count` and `..._sum` of histograms are samples of their own. */
export type Samples = (name: string, labels?: Record<string, string>) => number;

/** What Prometheus would read of a text. */
export function samplesIn(text: string): Samples {
  // The parser leaves out the labels of histograms: taken for single samples, they keep them.
  const families = parsePrometheusText(text.replaceAll(/^# (TYPE|HELP) \S+ (histogram|How long).*\n/gm, ''));
  return (name, labels = {}) => {
    const samples = families.filter((family) => family.name === name).flatMap(({ metrics }) => metrics);
    const wanted = Object.entries(labels);
    const matching = samples.filter((sample) => wanted.every(([label, value]) => sample.labels?.[label] === value));
    return matching.reduce((sum, { value }) => sum + Number(value), 0);
  };
}
