/**
 * Eight hues for runs. In each theme they keep a contrast of 3:1 against the page and stay apart
 * for normal, deuteranopic and protanopic sight (the tests measure both).
 */
export const PALETTE = {
  light: ["#003ba7", "#6f3206", "#559f8a", "#a86fef", "#b08d08", "#0d71a0", "#a3155c", "#b04f11"],
  dark: ["#5890fc", "#fea201", "#62d795", "#fcd2fd", "#ffe671", "#6abee1", "#c5779f", "#f2641d"],
} as const;

export type Theme = keyof typeof PALETTE;

export const HUES = PALETTE.light.length;

export function colorOf(slot: number, theme: Theme): string {
  return PALETTE[theme][slot % HUES] as string;
}

function hash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  // The low bits of FNV mix badly for names that differ in one character.
  return ((h ^ (h >>> 15)) >>> 0) % HUES;
}

/**
 * A hue for each name. A remembered hue stays; a new name takes the one its hash points to, or the
 * next one that is free; once all eight are taken, one of the least used.
 */
export function assignHues(
  names: readonly string[],
  remembered: Readonly<Record<string, number>>,
): Record<string, number> {
  const hues: Record<string, number> = {};
  const uses = new Array<number>(HUES).fill(0);
  const take = (name: string, hue: number) => {
    hues[name] = hue;
    uses[hue] = (uses[hue] as number) + 1;
  };
  const fresh: string[] = [];
  for (const name of [...new Set(names)].sort()) {
    const hue = Object.hasOwn(remembered, name) ? remembered[name] : undefined;
    if (Number.isInteger(hue) && (hue as number) >= 0 && (hue as number) < HUES) {
      take(name, hue as number);
    } else fresh.push(name);
  }
  for (const name of fresh) {
    const least = Math.min(...uses);
    let hue = hash(name);
    while (uses[hue] !== least) hue = (hue + 1) % HUES;
    take(name, hue);
  }
  return hues;
}
