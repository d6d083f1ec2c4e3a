import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { useVisible } from "../charts/use-visible";
import { metric, metricTag, series, shownRuns } from "../data/store";
import { betterOf, totalOf } from "../data/tradeoff";
import { TOTAL_TAGS } from "../names";
import { MetricChoice } from "./metric-choice";
import { ToleranceField } from "./tolerance-field";
import { TradeOffChart } from "./tradeoff-chart";
import { type Picture, paint } from "./tradeoff-picture";
import { TradeOffWords } from "./tradeoff-words";
import { useWanted } from "./use-wanted";

export function TradeOff() {
  const root = useRef<HTMLDivElement>(null);
  const visible = useVisible(root);
  const picture = useComputed(() => paint(metric.value));
  useWanted(series, visible, () => {
    const name = metric.value;
    if (name === null) return [];
    return shownRuns.value.flatMap((run) => {
      const own = { run: run.run, tag: metricTag(name) };
      const total = { run: run.run, tag: TOTAL_TAGS.pruned };
      if (!run.tags.metrics?.includes(name) || totalOf(run) === "unknown") return [];
      return totalOf(run) === "logged" ? [own, total] : [own];
    });
  });
  return (
    <div ref={root} class="tradeoff">
      <Content picture={picture.value} />
    </div>
  );
}

function Content({ picture }: { picture: Picture | null }) {
  if (shownRuns.value.length === 0) return <p class="headline">Choose a run on the left.</p>;
  if (picture === null) {
    return (
      <p class="headline">
        The shown runs log no metric to hold against sparsity. Give <code>model.fit</code> the
        callback <code>PruningSummaries</code>, and the model a metric such as accuracy.
      </p>
    );
  }
  return (
    <>
      <TradeOffWords picture={picture} />
      <section>
        <Heading picture={picture} />
        {picture.rows.some(({ trail }) => trail.samples.length > 0) && (
          <TradeOffChart key={picture.metric} picture={picture} />
        )}
      </section>
    </>
  );
}

function Heading({ picture }: { picture: Picture }) {
  const { tolerance, metric } = picture;
  return (
    <h2>
      <MetricChoice />
      <span class="quiet">against total sparsity; {betterOf(metric)} is better</span>
      <ToleranceField
        tolerance={tolerance}
        words={tolerance.unit === "points" ? "points from the best" : "% of the best"}
      />
    </h2>
  );
}
