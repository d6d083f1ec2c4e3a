import type { ReadonlySignal } from "@preact/signals";
import type { RefObject } from "preact";
import type { ChartModel } from "../charts/model";
import { type LegendEntry, pictureOf, save } from "../charts/picture";
import { fileName, toCsv } from "../data/csv";
import { runs } from "../data/store";

interface Props {
  subject: string;
  figure: RefObject<HTMLElement | null>;
  model: ReadonlySignal<ChartModel>;
}

/** Takes a chart elsewhere: as a picture, or as a table. */
export function FigureTools({ subject, figure, model }: Props) {
  const named = () => {
    const names = new Map(runs.value.map(({ run, name }) => [run, name]));
    return model.value.curves.map(({ run, color, mark, points, places }) => ({
      name: names.get(run) ?? run,
      color,
      mark,
      points,
      places,
    }));
  };
  return (
    <Tools
      subject={subject}
      canvas={() => figure.current?.querySelector("canvas")}
      legend={named}
      table={() => toCsv(named(), model.value.axis)}
    />
  );
}

interface ToolsProps {
  subject: string;
  /** What the picture is of; without it there is only a table. */
  canvas?: () => HTMLCanvasElement | null | undefined;
  legend?: () => LegendEntry[];
  /** CSV. */
  table: () => string;
}

export function Tools({ subject, canvas, legend = () => [], table }: ToolsProps) {
  const savePicture = async () => {
    const drawn = canvas?.();
    const picture = drawn && (await pictureOf(drawn, subject, legend()));
    if (picture) save(picture, fileName(subject, "png"));
  };
  return (
    <div class="figure-tools">
      {canvas && (
        <button type="button" class="link" onClick={() => void savePicture()}>
          PNG<span class="hidden"> of {subject}</span>
        </button>
      )}
      <button
        type="button"
        class="link"
        onClick={() => save(new Blob([table()], { type: "text/csv" }), fileName(subject, "csv"))}
      >
        CSV<span class="hidden"> of {subject}</span>
      </button>
    </div>
  );
}
