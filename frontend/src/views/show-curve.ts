import type { Place } from "../data/parts";
import {
  axis,
  chooseMetricByName,
  cursor,
  filteredWeights,
  openWeight,
  view,
  weightFilter,
} from "../data/store";

/** Scrolls to the chart of a weight: in the table of layers it is opened, from elsewhere it is on the Overview. */
export function showWeight(name: string): void {
  const isThere = () =>
    show('figure[data-chart="weight"]', ({ dataset }) => dataset.weight === name);
  if (isThere()) return;
  if (view.value === "layers") openWeight.value = name;
  else view.value = null;
  requestAnimationFrame(isThere);
}

/**
 * Scrolls to the curve that a sentence speaks of. Over steps the cursor goes to the step, too: over
 * time, each run has another place for it.
 */
export function showPlace(place: Place): void {
  if ("metric" in place) chooseMetricByName(place.metric);
  else if (!filteredWeights.value.some(({ name }) => name === place.weight))
    weightFilter.value = "";
  // The chart may have to be put on the page first.
  requestAnimationFrame(() => {
    if ("metric" in place) show('figure[data-chart="metric"]');
    else showWeight(place.weight);
    if (axis.value === "step") cursor.value = place.step;
  });
}

function show(selector: string, is: (figure: HTMLElement) => boolean = () => true): boolean {
  const figure = [...document.querySelectorAll<HTMLElement>(selector)].find(is);
  if (!figure) return false;
  figure.scrollIntoView({ block: "center" });
  figure.focus({ preventScroll: true });
  // A click alone would move the focus without showing where to.
  figure.dataset.found = "";
  figure.addEventListener("blur", () => delete figure.dataset.found, { once: true });
  return true;
}
