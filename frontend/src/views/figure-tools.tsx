import type { ReadonlySignal } from "@preact/signals";
import type { RefObject } from "preact";
import type { ChartModel } from "../charts/model";
import { pictureOf, save } from "../charts/picture";
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
    return model.value.curves.map(({ run, color, points }) => ({
      name: names.get(run) ?? run,
      color,
      points,
    }));
  };
  const savePicture = async () => {
    const canvas = figure.current?.querySelector("canvas");
    if (!canvas) return;
    const style = getComputedStyle(document.documentElement);
    const [page, ink] = [style.getPropertyValue("--page"), style.getPropertyValue("--ink")];
    const picture = await pictureOf(canvas, subject, named(), { page, ink });
    if (picture) save(picture, fileName(subject, "png"));
  };
  const saveTable = () => {
    save(new Blob([toCsv(named())], { type: "text/csv" }), fileName(subject, "csv"));
  };
  return (
    <div class="figure-tools">
      <button type="button" class="link" onClick={() => void savePicture()}>
        PNG<span class="hidden"> of {subject}</span>
      </button>
      <button type="button" class="link" onClick={saveTable}>
        CSV<span class="hidden"> of {subject}</span>
      </button>
    </div>
  );
}
