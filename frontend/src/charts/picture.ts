import { ink } from "./ink";
import { drawMark } from "./marks";

/** A chart as a picture to put elsewhere: its title and legend with it, as the canvas has neither. */

export interface LegendEntry {
  name: string;
  color: string;
  mark?: number;
}

const PADDING = 16;
const LINE = 20;
const FONT = '13px system-ui, "Segoe UI", Roboto, Arial, sans-serif';

export async function pictureOf(
  canvas: HTMLCanvasElement,
  title: string,
  legend: readonly LegendEntry[],
): Promise<Blob | null> {
  const ratio = canvas.clientWidth > 0 ? canvas.width / canvas.clientWidth : devicePixelRatio || 1;
  const above = PADDING + LINE * (1 + legend.length) + 8;
  const picture = document.createElement("canvas");
  picture.width = canvas.width + 2 * PADDING * ratio;
  picture.height = canvas.height + (above + PADDING) * ratio;
  const context = picture.getContext("2d");
  if (!context) return null;
  context.fillStyle = ink("--page");
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(canvas, PADDING * ratio, above * ratio);
  context.scale(ratio, ratio);
  context.textBaseline = "middle";
  context.fillStyle = ink("--ink");
  context.font = `600 ${FONT}`;
  const room = picture.width / ratio - 2 * PADDING;
  context.fillText(cut(context, title, room), PADDING, PADDING + LINE / 2);
  context.font = FONT;
  legend.forEach(({ name, color, mark = 0 }, i) => {
    const y = PADDING + LINE * (i + 1.5);
    context.fillStyle = color;
    context.fillRect(PADDING, y - 1, 16, 2);
    drawMark(context, mark, PADDING + 8, y, { color, page: ink("--page") });
    context.fillStyle = ink("--ink");
    context.fillText(cut(context, name, room - 24), PADDING + 24, y);
  });
  return new Promise((resolve) => picture.toBlob(resolve, "image/png"));
}

function cut(context: CanvasRenderingContext2D, text: string, room: number): string {
  let shown = text.slice(0, 400);
  if (context.measureText(text.slice(0, 400)).width <= room && text.length <= 400) return text;
  while (shown !== "" && context.measureText(`${shown}…`).width > room) {
    shown = shown.slice(0, Math.floor(shown.length * 0.95));
  }
  return `${shown}…`;
}

/** Gives the user a file. */
export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads it after this event.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
