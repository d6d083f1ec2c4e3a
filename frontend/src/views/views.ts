import { computed } from "@preact/signals";
import type { ComponentType } from "preact";
import { runs, view } from "../data/store";
import type { Run } from "../data/types";
import { Compare } from "./compare";
import { HeatView } from "./heat";
import { Layers } from "./layers";
import { Overview } from "./overview";
import { hasReport } from "./reports";
import { SensitivityView } from "./sensitivity";
import { SizeView } from "./size";
import { TradeOff } from "./tradeoff";

interface View {
  /** In links; never changed. */
  name: string;
  label: string;
  component: ComponentType;
  /** Whether it has charts over the axis that the user chooses. */
  axis?: boolean;
  /** Whether a run has what it shows; without it, every run has. */
  has?: (run: Run) => boolean;
}

const ALL: readonly View[] = [
  { name: "overview", label: "Overview", component: Overview, axis: true },
  { name: "layers", label: "Layers", component: Layers, axis: true },
  { name: "heat", label: "Heat map", component: HeatView },
  { name: "tradeoff", label: "Trade-off", component: TradeOff },
  { name: "compare", label: "Compare", component: Compare, axis: true },
  { name: "size", label: "Size", component: SizeView, has: hasReport("compression") },
  {
    name: "sensitivity",
    label: "Sensitivity",
    component: SensitivityView,
    has: hasReport("sensitivity"),
  },
];

/** The views that there is something for. */
export const views = computed(() => ALL.filter(({ has }) => !has || runs.value.some(has)));

/** A link may name a view that isn't there (yet). */
export const shownView = computed(
  () => views.value.find(({ name }) => name === view.value) ?? (views.value[0] as View),
);

export function showView({ name }: View): void {
  view.value = name === ALL[0]?.name ? null : name;
}
