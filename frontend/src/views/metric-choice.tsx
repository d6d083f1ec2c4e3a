import { chooseMetricByName, metric, metrics } from "../data/store";

interface Props {
  names?: readonly string[];
  name?: string | null;
}

/** Which of the logged metrics the page speaks of: one choice for all views. */
export function MetricChoice({ names = metrics.value, name = metric.value }: Props) {
  return (
    <select
      class="metric-choice"
      aria-label="Metric"
      value={name ?? ""}
      onChange={(event) => chooseMetricByName(event.currentTarget.value)}
    >
      {names.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  );
}
