import { chooseMetricByName, metric, metrics } from "../data/store";

/** Which of the logged metrics the page speaks of: one choice for all views. */
export function MetricChoice() {
  return (
    <select
      class="metric-choice"
      aria-label="Metric"
      value={metric.value ?? ""}
      onChange={(event) => chooseMetricByName(event.currentTarget.value)}
    >
      {metrics.value.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  );
}
