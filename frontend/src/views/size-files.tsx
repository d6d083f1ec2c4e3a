import { type BarRow, drawBars } from "../charts/bars";
import { ink } from "../charts/ink";
import {
  denseBytes,
  denseMetrics,
  type FileRow,
  fileGroups,
  metricNames,
  type Reported,
} from "../data/compression";
import { csvTable } from "../data/csv";
import {
  formatBytes,
  formatChange,
  formatMetric,
  formatRatio,
  formatStep,
  NONE,
} from "../data/format";
import type { Compression, Variant } from "../data/reports";
import { runColor, runMark } from "../data/store";
import { Tools } from "./figure-tools";
import { Name } from "./name";
import { LineSwatch } from "./swatch";

interface Scale {
  /** Bytes that fill the column. */
  most: number;
  names: readonly string[];
  /** Whether rows have to say whose they are. */
  several: boolean;
}

/** Each file of each model as a bar, with what it costs. */
export function SizeFiles({ reports }: { reports: readonly Reported<Compression>[] }) {
  const groups = fileGroups(reports);
  const names = metricNames(reports.map(({ report }) => report));
  const bytes = reports.flatMap(({ report }) => [
    denseBytes(report) ?? 0,
    ...report.variants.flatMap((v) => [v.bytes ?? 0, v.gzip_bytes ?? 0]),
  ]);
  const scale = { most: Math.max(1, ...bytes), names, several: reports.length > 1 };
  const rows = groups.flatMap(({ rows }) => rows);
  const samples = new Set(reports.map(({ report }) => report.samples));
  const [count] = samples;
  return (
    <section class="layers files">
      <h2>
        Files
        <span class="quiet">
          {samples.size === 1 && count
            ? `run on ${formatStep(count)} samples; metrics with the difference to the dense model`
            : ""}
        </span>
        <Key />
        <Tools
          subject="File sizes"
          canvas={() => drawBars(rows.map((row) => barOf(row, scale, ink("--tick"))))}
          table={() => tableOf(rows, names)}
        />
      </h2>
      <div class="scrolling">
        <table aria-label="Files">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Model</th>
              <th scope="col" class="bars">
                <span class="hidden">Bar</span>
              </th>
              <th scope="col" class="number">
                gzip, bytes
              </th>
              <th scope="col" class="number">
                raw, bytes
              </th>
              <th scope="col" class="number" title="than the dense Keras file, both after gzip">
                Smaller
              </th>
              {names.map((name) => (
                <th key={name} scope="col" class="number words metric" title={name}>
                  {name}
                </th>
              ))}
              <th
                scope="col"
                class="number"
                title="of one sample on one thread, as a share of the dense float32 file’s"
              >
                Latency
              </th>
            </tr>
          </thead>
          {groups.map(({ file, rows }) => (
            <tbody key={file} data-file={file}>
              {rows.map((row, i) => (
                <tr key={i} data-variant={`${row.variant.model} ${row.runs[0].run}`}>
                  {i === 0 && (
                    <th scope="rowgroup" rowSpan={rows.length}>
                      {file}
                    </th>
                  )}
                  <Cells row={row} scale={scale} />
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </div>
    </section>
  );
}

function Key() {
  return (
    <span class="key quiet">
      <span>
        <i class="gzip" /> after gzip
      </span>
      <span>
        <i class="raw" /> raw
      </span>
      <span>
        <i class="base" /> dense Keras, after gzip
      </span>
    </span>
  );
}

function Cells({ row, scale }: { row: FileRow; scale: Scale }) {
  const { variant, runs, report } = row;
  const { names, several } = scale;
  const before = denseMetrics(report);
  return (
    <>
      <th scope="row" class="model" title={runs.map(({ name }) => name).join("\n")}>
        {several ? <Whose model={variant.model} runs={runs} /> : variant.model}
      </th>
      {variant.bytes === null ? (
        <td colSpan={5 + names.length} class="reason quiet">
          Could not be made. {variant.problem}
        </td>
      ) : (
        <>
          <td class="bars">
            <Bar row={row} scale={scale} />
          </td>
          <Cell name="gzip_bytes" value={variant.gzip_bytes} format={formatStep} />
          <Cell name="bytes" value={variant.bytes} format={formatStep} />
          <Cell name="ratio" value={variant.ratio} format={formatRatio} />
          {variant.problem ? (
            <td colSpan={names.length + 1} class="reason quiet">
              Could not be run. {variant.problem}
            </td>
          ) : (
            <>
              {names.map((name) => (
                <MetricCell key={name} name={name} variant={variant} before={before} />
              ))}
              <Cell
                name="latency"
                value={variant.latency}
                format={(value) => `${value.toFixed(2)}×`}
              />
            </>
          )}
        </>
      )}
    </>
  );
}

function Whose({ model, runs }: { model: string; runs: FileRow["runs"] }) {
  const [first, ...others] = runs;
  return (
    <span class="whose">
      {runs.map((run) => (
        <LineSwatch
          key={run.run}
          color={runColor(run)}
          mark={runMark(run)}
          dashed={model === "dense"}
        />
      ))}
      {model}
      {others.length === 0 && <Name text={first.name} />}
      {others.length > 0 && <span class="hidden">{runs.map(({ name }) => name).join(", ")}</span>}
    </span>
  );
}

interface MetricProps {
  name: string;
  variant: Variant;
  before: Variant["metrics"];
}

function MetricCell({ name, variant, before }: MetricProps) {
  const value = variant.metrics.get(name) ?? null;
  const than = before.get(name) ?? null;
  const isIt = before === variant.metrics;
  return (
    <td class="number" data-column={name}>
      {value === null ? <span class="quiet">{NONE}</span> : formatMetric(name, value)}{" "}
      <span class="by quiet">
        {value !== null && than !== null && !isIt ? formatChange(name, value, than) : ""}
      </span>
    </td>
  );
}

interface CellProps {
  name: string;
  value: number | null;
  format: (value: number) => string;
}

function Cell({ name, value, format }: CellProps) {
  return (
    <td class="number" data-column={name}>
      {value === null ? <span class="quiet">{NONE}</span> : format(value)}
    </td>
  );
}

function colorOf({ variant, runs }: FileRow): string | undefined {
  return variant.model === "dense" ? undefined : runColor(runs[0]);
}

function barOf(row: FileRow, { most, several }: Scale, tick: string): BarRow {
  const { variant, runs, report } = row;
  const { model, file, bytes, gzip_bytes, ratio } = variant;
  const dense = denseBytes(report);
  return {
    label: [file, model, ...(several ? [runs.map(({ name }) => name).join(", ")] : [])].join(", "),
    said:
      gzip_bytes === null
        ? NONE
        : `${formatBytes(gzip_bytes)}${ratio === null ? "" : `, ${formatRatio(ratio)}`}`,
    color: colorOf(row) ?? tick,
    faint: (bytes ?? 0) / most,
    full: (gzip_bytes ?? 0) / most,
    line: dense === null ? null : dense / most,
  };
}

function Bar({ row, scale }: { row: FileRow; scale: Scale }) {
  const { faint, full, line } = barOf(row, scale, "");
  const percent = (share: number) => `${100 * share}%`;
  return (
    <span class="size-bar" style={{ color: colorOf(row) }} aria-hidden="true">
      <i class="raw" style={{ width: percent(faint) }} />
      <i class="gzip" style={{ width: percent(full) }} />
      {line !== null && <i class="base" style={{ left: percent(line) }} />}
    </span>
  );
}

function tableOf(rows: readonly FileRow[], names: readonly string[]): string {
  return csvTable(
    ["run", "model", "file", "bytes", "gzip_bytes", "ratio", ...names, "latency", "problem"],
    rows.map(({ runs, variant: v }) => [
      runs.map(({ name }) => name).join(" "),
      v.model,
      v.file,
      v.bytes,
      v.gzip_bytes,
      v.ratio,
      ...names.map((name) => v.metrics.get(name) ?? null),
      v.latency,
      v.problem,
    ]),
  );
}
