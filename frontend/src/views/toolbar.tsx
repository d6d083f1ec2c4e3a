import { formatStep } from "../data/format";
import { reload, reloading, setZoom, validZoom } from "../data/store";

/** What acts on the whole page. */
export function Toolbar() {
  const zoom = validZoom.value;
  return (
    <div class="toolbar">
      {zoom && (
        <button type="button" class="button" onClick={() => setZoom(null)}>
          Reset zoom
          <span class="quiet">
            {" "}
            {formatStep(zoom[0])}&ndash;{formatStep(zoom[1])}
          </span>
        </button>
      )}
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
