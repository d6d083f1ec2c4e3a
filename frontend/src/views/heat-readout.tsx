import type { ReadonlySignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { formatStep } from "../data/format";
import { type HeatCell, readCell } from "../data/heat";
import { type HeatPart, wordsOf } from "../data/heat-sentences";
import { Name } from "./name";

interface HeatReadoutProps {
  cell: ReadonlySignal<HeatCell | null>;
  /** What stands there while nothing is pointed at. */
  children: ComponentChildren;
}

/** Alone it follows the cursor: the map around it is not rendered again. */
export function HeatReadout({ cell, children }: HeatReadoutProps) {
  if (!cell.value) return <p class="heat-readout words">{children}</p>;
  const { weight } = cell.value.row;
  const { step, off } = readCell(cell.value);
  const { measured, goal, target, difference } = wordsOf(cell.value);
  return (
    <p class="heat-readout heat-reading">
      <b title={weight} data-readout="weight">
        <Name text={weight} />
      </b>
      <span>
        <span class="quiet">step</span> <span data-readout="step">{formatStep(step)}</span>
      </span>
      <span>
        <span class="quiet">measured</span> <span data-readout="measured">{measured}</span>
      </span>
      <span>
        <span class="quiet">{goal}</span> <span data-readout="target">{target}</span>
      </span>
      <span>
        <span class="quiet">diff</span>{" "}
        <span class={off ? "difference off" : "difference"} data-readout="difference">
          {difference}
        </span>
      </span>
    </p>
  );
}

interface HeatSentenceProps {
  parts: readonly HeatPart[];
  onOpen: (weight: string) => void;
}

/** What the map shows, with the weights that it names to be opened. */
export function HeatSentence({ parts, onOpen }: HeatSentenceProps) {
  return parts.map((part) =>
    typeof part === "string" ? (
      part
    ) : (
      <button
        key={part.row.weight}
        type="button"
        class="link"
        onClick={() => onOpen(part.row.weight)}
      >
        {part.row.weight}
      </button>
    ),
  );
}
