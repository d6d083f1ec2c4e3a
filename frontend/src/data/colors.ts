/**
 * Eight hues for runs. In each theme they keep a contrast of 3:1 against all that they lie on, and stay
 * apart for normal, deuteranopic and protanopic sight (the tests of the styles measure both).
 */
export const PALETTE = {
  light: ["#003ba7", "#6d3200", "#5c9685", "#a86fef", "#ad8601", "#0d71a0", "#a3155c", "#a74c01"],
  dark: ["#5890fc", "#fea201", "#62d795", "#fcd2fd", "#ffe671", "#6abee1", "#c5779f", "#f2641d"],
} as const;

export type Theme = keyof typeof PALETTE;

export const HUES = PALETTE.light.length;

/** What a curve carries besides its hue: nothing, or one of these, so that runs may share hues. */
export const MARKS = ["none", "circle", "square", "triangle", "diamond", "cross"] as const;

/** A hue and a mark as one number (the marks' eights), or a colour that the user chose. */
export type Hue = number | string;

const SLOTS = HUES * MARKS.length;

export function isHue(value: unknown): value is Hue {
  if (typeof value === "string") return /^#[0-9a-f]{6}$/i.test(value);
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < SLOTS;
}

export function colorOf(hue: Hue, theme: Theme): string {
  return typeof hue === "string" ? hue : (PALETTE[theme][hue % HUES] as string);
}

/** Index into `MARKS`. */
export function markOf(hue: Hue): number {
  return typeof hue === "string" ? 0 : Math.floor(hue / HUES) % MARKS.length;
}

function hash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  // The low bits of FNV mix badly for names that differ in one character.
  return ((h ^ (h >>> 15)) >>> 0) % HUES;
}

/**
 * A hue for each name. A remembered one stays; a new name takes the one its hash points to, or the
 * next one that is free; once all eight are taken, one of the least used, with a mark. No two names
 * have both in common while there are enough: of two that are remembered so, one takes another mark.
 */
export function assignHues(
  names: readonly string[],
  remembered: Readonly<Record<string, Hue>>,
): Record<string, Hue> {
  // Without a prototype: a run may be called "__proto__".
  const hues: Record<string, Hue> = Object.create(null);
  const uses = new Array<number>(SLOTS).fill(0);
  const usesOf = (hue: number) => MARKS.reduce((sum, _, mark) => sum + usesAt(hue, mark), 0);
  const usesAt = (hue: number, mark: number) => uses[hue + mark * HUES] as number;
  const take = (name: string, hue: number, wanted: number) => {
    const all = MARKS.map((_, mark) => mark);
    const least = Math.min(...all.map((mark) => usesAt(hue, mark)));
    const free = (mark: number) => usesAt(hue, mark) === least;
    const slot = hue + (free(wanted) ? wanted : (all.find(free) as number)) * HUES;
    hues[name] = slot;
    uses[slot] = (uses[slot] as number) + 1;
  };
  const fresh: string[] = [];
  for (const name of [...new Set(names)].sort()) {
    const hue = Object.hasOwn(remembered, name) ? remembered[name] : undefined;
    if (!isHue(hue)) fresh.push(name);
    else if (typeof hue === "string") hues[name] = hue;
    else take(name, hue % HUES, markOf(hue));
  }
  for (const name of fresh) {
    const every = PALETTE.light.map((_, hue) => usesOf(hue));
    const least = Math.min(...every);
    let hue = hash(name);
    while (every[hue] !== least) hue = (hue + 1) % HUES;
    take(name, hue, 0);
  }
  return hues;
}
