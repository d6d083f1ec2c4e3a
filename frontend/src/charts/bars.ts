import { ink } from "./ink";

/** Bars as a picture to put elsewhere; on the page they stand in a table. */

export interface BarRow {
  label: string;
  said: string;
  color: string;
  /** Shares of the width: the faint bar, the full one on it, and a line across. */
  faint: number;
  full: number;
  line: number | null;
}

const WIDTH = 880;
const ROW = 24;
const LABELS = 320;
const SAID = 120;
const BAR = 12;

export function drawBars(rows: readonly BarRow[]): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const ratio = devicePixelRatio || 1;
  [canvas.width, canvas.height] = [WIDTH * ratio, rows.length * ROW * ratio];
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  context.scale(ratio, ratio);
  context.font = '11px system-ui, "Segoe UI", Roboto, Arial, sans-serif';
  context.textBaseline = "middle";
  const room = WIDTH - LABELS - SAID;
  rows.forEach(({ label, said, color, faint, full, line }, i) => {
    const y = i * ROW;
    const bar = (share: number) => context.fillRect(LABELS, y + (ROW - BAR) / 2, share * room, BAR);
    context.fillStyle = ink("--ink");
    context.textAlign = "left";
    context.fillText(label, 0, y + ROW / 2, LABELS - 8);
    context.textAlign = "right";
    context.fillText(said, WIDTH, y + ROW / 2, SAID - 8);
    context.fillStyle = color;
    context.globalAlpha = 0.24;
    bar(faint);
    context.globalAlpha = 1;
    bar(full);
    context.fillStyle = ink("--ink");
    if (line !== null) context.fillRect(LABELS + line * room, y, 1, ROW);
  });
  return canvas;
}
