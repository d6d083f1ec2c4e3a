import type { HeatColor, Scale } from "../data/heat";
import { heatColor } from "../data/store";

/** What the colours of the heat map show, and what they mean. */

export const COLORS: Record<HeatColor, string> = {
  sparsity: "Sparsity",
  difference: "Difference to schedule",
};

export function colorChoice(): HeatColor {
  return heatColor.value === "difference" ? "difference" : "sparsity";
}

export function ColorChoice() {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is no flex container everywhere
    <div class="segmented" role="group" aria-label="Colours show">
      {(Object.keys(COLORS) as HeatColor[]).map((color) => (
        <button
          key={color}
          type="button"
          aria-pressed={colorChoice() === color}
          onClick={() => {
            heatColor.value = color === "sparsity" ? null : color;
          }}
        >
          {COLORS[color]}
        </button>
      ))}
    </div>
  );
}

/** What the colours mean, in numbers. */
export function HeatLegend({ scale, color }: { scale: Scale; color: HeatColor }) {
  const points = `${Math.round(scale.high * 100)} points`;
  const words =
    color === "sparsity"
      ? ["0\u2009% sparse", "50\u2009%", "100\u2009%"]
      : [`${points} below`, "on schedule", `${points} above`];
  return (
    <div class="heat-legend">
      <div>
        <div
          class="heat-scale"
          style={{ background: `linear-gradient(to right, ${scale.stops.join(", ")})` }}
        />
        <div class="heat-scale-words">
          {words.map((word) => (
            <span key={word}>{word}</span>
          ))}
        </div>
      </div>
      <div>
        <div class="heat-scale heat-hatched" />
        <span>{color === "sparsity" ? "no value" : "no target"}</span>
      </div>
    </div>
  );
}
