/** Work that can wait for the next frames: each does as much of it as fits. */

/** Milliseconds of a frame: to paint what was drawn takes several times as long. */
const BUDGET = 2;
/** A frame that comes so many milliseconds after the one before is late: one piece of work must do. */
const LATE = 25;

const waiting = new Set<() => void>();
let asked = false;
let before = 0;

/** Does it in one of the next frames, once, however often it was asked for until then. */
export function inFrame(work: () => void): void {
  waiting.add(work);
  ask();
}

export function cancel(work: () => void): void {
  waiting.delete(work);
}

function ask(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame((now) => void run(now));
}

async function run(now: number): Promise<void> {
  const end = performance.now() + (now - before > LATE ? 0 : BUDGET);
  before = now;
  try {
    for (const work of waiting) {
      waiting.delete(work);
      work();
      // uPlot draws, and Preact renders, in a microtask: those count as well.
      await null;
      if (performance.now() >= end) break;
    }
  } finally {
    asked = false;
    if (waiting.size > 0) ask();
  }
}
