import { useSignal } from "@preact/signals";
import {
  compressionSentence,
  isAsLarge,
  type Reported,
  sizeOf,
  smallestSentence,
} from "../data/compression";
import { formatRatio, formatShare, formatStep } from "../data/format";
import type { Compression, LayerSize } from "../data/reports";
import { matches } from "../data/selection";
import { compression, shownRuns, weightFilter } from "../data/store";
import { Name } from "./name";
import { type ReportColumn, ReportTable } from "./report-table";
import { Broken, hasReport, NoReport, Outdated, reportKey, reportsOf } from "./reports";
import { chosenRun, RunChoice } from "./run-choice";
import { firstOf, More, Parts, Who } from "./sentence";
import { SizeFiles } from "./size-files";
import { useWanted } from "./use-wanted";

const KIND = "compression";
/** More runs than this are counted until asked for. */
const SAID = 5;

/** What pruning bought: bytes, and what they cost. */
export function SizeView() {
  const having = () => shownRuns.value.filter(hasReport(KIND));
  useWanted(compression, true, () => having().map((run) => reportKey(run, KIND)));
  const { reports, broken, arrived } = reportsOf(compression, KIND, having());
  if (having().length === 0) {
    return (
      <NoReport>
        No shown run has a report of its sizes. Give <code>compression_report</code> the run&rsquo;s{" "}
        <code>log_dir</code>, or show another run.
      </NoReport>
    );
  }
  return (
    <div class="size" data-arrived={arrived ? "" : undefined}>
      {!arrived && <p class="headline quiet">Reading the report…</p>}
      <Words reports={reports} />
      <Broken broken={broken} />
      {reports.length > 0 && <SizeFiles reports={reports} />}
      <LayerSizes reports={reports} />
    </div>
  );
}

function Words({ reports }: { reports: readonly Reported<Compression>[] }) {
  const all = useSignal(false);
  const single = shownRuns.value.length === 1;
  const said = all.value ? reports : firstOf(reports, SAID);
  const summary = smallestSentence(reports);
  return (
    <div class={single ? "headline" : "headline several"}>
      {summary && (
        <p class="summary">
          <Parts parts={summary} />
        </p>
      )}
      {said.map(({ run, report }) => (
        <p key={run.run} data-sentence={run.run}>
          {!single && <Who run={run} />}
          <Parts parts={compressionSentence(report)} />
          <Outdated run={run} kind={KIND} />
        </p>
      ))}
      {said.length < reports.length && (
        <More
          count={reports.length - said.length}
          onShow={() => {
            all.value = true;
          }}
        />
      )}
      {reports.some(({ report }) => isAsLarge(report)) && (
        <p class="notice quiet">
          Uncompressed, the files are as large as before: zeros take as many bytes as other numbers,
          until they are compressed.
        </p>
      )}
    </div>
  );
}

const sum = (key: (row: LayerSize) => number) => (rows: readonly LayerSize[]) =>
  rows.reduce((total, row) => total + key(row), 0);

/** Bytes of a sparse format, and how many times smaller it is than the dense one. */
function format(name: "csr_bytes" | "bitmask_bytes", head: string): ReportColumn<LayerSize> {
  const show = (dense: number, bytes: number) => (
    <>
      {formatStep(bytes)}{" "}
      <span class="by quiet">{bytes > 0 ? formatRatio(dense / bytes) : ""}</span>
    </>
  );
  return {
    name,
    head,
    key: (row) => row[name],
    show: (row) => show(row.dense_bytes, row[name]),
    total: (rows) => show(sum((row) => row.dense_bytes)(rows), sum((row) => row[name])(rows)),
  };
}

const sparsityOf = (row: LayerSize) => row.zeros / Math.max(1, sizeOf(row));

const COLUMNS: [ReportColumn<LayerSize>, ...ReportColumn<LayerSize>[]] = [
  {
    name: "weight",
    head: "Weight",
    key: ({ name }) => name,
    show: ({ name }) => <Name text={name} />,
    text: true,
  },
  {
    name: "shape",
    head: "Shape",
    key: sizeOf,
    show: ({ shape }) => shape.join("\u2009×\u2009"),
    text: true,
  },
  {
    name: "sparsity",
    head: "Sparsity",
    key: sparsityOf,
    show: (row) => formatShare(sparsityOf(row)),
    total: (rows) => formatShare(sum(({ zeros }) => zeros)(rows) / Math.max(1, sum(sizeOf)(rows))),
  },
  {
    name: "dense_bytes",
    head: "Dense, bytes",
    key: (row) => row.dense_bytes,
    show: (row) => formatStep(row.dense_bytes),
    total: (rows) => formatStep(sum((row) => row.dense_bytes)(rows)),
  },
  format("csr_bytes", "CSR, bytes"),
  format("bitmask_bytes", "Bitmask, bytes"),
];

function LayerSizes({ reports }: { reports: readonly Reported<Compression>[] }) {
  const having = reports.filter(({ report }) => report.layers.length > 0);
  const runs = having.map(({ run }) => run);
  const run = chosenRun(runs);
  const layers = having.find((one) => one.run === run)?.report.layers;
  if (!run || !layers) return null;
  return (
    <ReportTable
      key={run.run}
      label={`Sizes of the weights of ${run.name}`}
      heading={
        <>
          Weights of <RunChoice run={run} label="Run of the table" among={runs} />
          <span class="quiet">pruned, in formats that leave zeros out; against dense</span>
        </>
      }
      columns={COLUMNS}
      rows={layers.filter(({ name }) => matches(name, weightFilter.value))}
      idOf={({ name }) => name}
    />
  );
}
