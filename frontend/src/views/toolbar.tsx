import { AXES, type Axis } from "../data/axis";
import { axis, axisZoom, chooseAxis, reload, reloading, setZoom, stepZoom } from "../data/store";
import { formatPlace, formatTime } from "../data/time";
import { CopyLink } from "./copy-link";
import { Help } from "./help";
import { shownView } from "./views";

const AXIS_LABELS: Record<Axis, string> = {
  step: "Step",
  relative: "Relative time",
  wall: "Wall time",
};

/** What acts on the whole page. */
export function Toolbar() {
  const on = shownView.value.axis ? axis.value : "step";
  const zoom = shownView.value.axis ? axisZoom.value : stepZoom.value;
  // The days are under the axis.
  const say = (place: number) => (on === "wall" ? formatTime(place) : formatPlace(on, place));
  return (
    <div class="toolbar">
      {zoom && (
        <button type="button" class="button" onClick={() => setZoom(null)}>
          Reset zoom
          <span class="quiet">
            {" "}
            {say(zoom[0])}&ndash;{say(zoom[1])}
          </span>
        </button>
      )}
      {shownView.value.axis && <AxisChoice />}
      <Help />
      <CopyLink />
      <button
        type="button"
        class="button"
        aria-busy={reloading.value}
        onClick={() => void reload()}
      >
        <span aria-hidden="true">⟳</span> Reload
      </button>
    </div>
  );
}

function AxisChoice() {
  return (
    <select
      class="button"
      aria-label="Horizontal axis"
      value={axis.value}
      onChange={(event) => chooseAxis(event.currentTarget.value as Axis)}
    >
      {AXES.map((name) => (
        <option key={name} value={name}>
          {AXIS_LABELS[name]}
        </option>
      ))}
    </select>
  );
}
