import {
  compression,
  indexError,
  latest,
  page,
  reload,
  sensitivity,
  series,
  shownRuns,
} from "./data/store";
import { Sidebar } from "./views/sidebar";
import { Empty, Failure } from "./views/states";
import { Tabs } from "./views/tabs";
import { Toolbar } from "./views/toolbar";
import { shownView } from "./views/views";

export function App() {
  return (
    <div class={page.value === "empty" || page.value === "error" ? "page alone" : "page"}>
      {page.value === "ready" && <Skip />}
      <Sidebar />
      <main data-state={page.value}>
        <Content />
      </main>
    </div>
  );
}

/** Past the lists of runs and weights, of which there may be a thousand. */
function Skip() {
  return (
    <button
      type="button"
      class="button skip"
      data-skip=""
      onClick={() => document.getElementById(`tab-${shownView.value.name}`)?.focus()}
    >
      Skip to the views
    </button>
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
          <Newer />
          <View />
        </>
      );
  }
}

function View() {
  const { name, component: Shown } = shownView.value;
  return (
    <div role="tabpanel" aria-labelledby={`tab-${name}`} data-view={name}>
      <Shown />
    </div>
  );
}

/** Something did not load, but the page still shows what it has. */
function Trouble() {
  const caches = [series, latest, compression, sensitivity];
  const message = caches.reduce((said, { error }) => said ?? error.value, indexError.value);
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

/** Logs that may say more than what is shown of them. */
function Newer() {
  const newer = shownRuns.value.filter((run) => run.manifest?.newer);
  return newer.map((run) => (
    <p key={run.run} class="trouble">
      <bdi>{run.name}</bdi> was written by a newer version of tb-sparsity (format{" "}
      {run.manifest?.format_version}). It is drawn as far as this version understands it.
    </p>
  ));
}
