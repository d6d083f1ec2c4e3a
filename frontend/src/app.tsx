import { indexError, latest, page, reload, series, view } from "./data/store";
import { MetricChart, TotalChart, WeightCharts } from "./views/charts";
import { Compare } from "./views/compare";
import { Headline } from "./views/headline";
import { HeatView } from "./views/heat";
import { Layers } from "./views/layers";
import { Sidebar } from "./views/sidebar";
import { Empty, Failure } from "./views/states";
import { Tabs } from "./views/tabs";
import { Toolbar } from "./views/toolbar";
import { TradeOff } from "./views/tradeoff";

export function App() {
  return (
    <div class={page.value === "empty" || page.value === "error" ? "page alone" : "page"}>
      <Sidebar />
      <main data-state={page.value}>
        <Content />
      </main>
    </div>
  );
}

function Content() {
  switch (page.value) {
    case "empty":
      return <Empty />;
    case "error":
      return <Failure />;
    case "loading":
      return <p class="headline quiet">Loading the runs…</p>;
    default:
      return (
        <>
          <header>
            <Tabs />
            <Toolbar />
          </header>
          <Trouble />
          <div role="tabpanel" aria-labelledby={`tab-${view.value}`} data-view={view.value}>
            <View />
          </div>
        </>
      );
  }
}

function View() {
  switch (view.value) {
    case "layers":
      return <Layers />;
    case "heat":
      return <HeatView />;
    case "tradeoff":
      return <TradeOff />;
    case "compare":
      return <Compare />;
    default:
      return <Overview />;
  }
}

function Overview() {
  return (
    <>
      <Headline />
      <TotalChart />
      <MetricChart />
      <WeightCharts />
    </>
  );
}

/** Something did not load, but the page still shows what it has. */
function Trouble() {
  const message = indexError.value ?? series.error.value ?? latest.error.value;
  if (message === null) return null;
  return (
    <p class="trouble" role="alert">
      Not everything could be loaded: {message} What you see may be out of date.{" "}
      <button type="button" class="link" onClick={() => void reload()}>
        Retry
      </button>
    </p>
  );
}
