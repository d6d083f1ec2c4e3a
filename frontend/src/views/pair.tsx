import { NONE } from "../data/format";

/** A line of a readout: what it is, and its value where there is one. */
export function Pair({
  kind,
  label,
  value,
}: {
  kind: string;
  label: string;
  value: string | null;
}) {
  return (
    <div class="pair">
      <span class="quiet words">{label}</span>
      <span class="value" data-readout={kind}>
        {value ?? NONE}
      </span>
    </div>
  );
}
